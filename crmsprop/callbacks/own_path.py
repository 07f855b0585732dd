"""A path that no two copies of a callback share, so that clones in a search never write one file."""

import os
import secrets
from typing import Any

from crmsprop.errors import shown
from crmsprop.files import Claim


class OwnPath:
    """A path as the user gave it, for whoever made this object; with a random part before its suffix in any copy.

    scikit-learn copies the parameters of an estimator for each clone, and joblib pickles them for each process: a copy
    that is made in either way, with `copy` or by a fork, writes beside the file of its original. Callbacks that were
    made with the same path, here or in another process, cannot `claim` it at the same time.

    Parameters
    ----------
    path : str or path-like
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path) if isinstance(path, str | os.PathLike) else path
        if not isinstance(self.path, str) or not os.path.basename(self.path):
            raise TypeError(f"path must be that of a file, got {shown(path)}")
        self._part, self._process = "", os.getpid()
        self._claim: Claim | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.path = state["path"]
        self._become_a_copy()

    def claim(self) -> None:
        """Keep the path from the callbacks of other trainings, until `release`; a copy has one that no other has.

        Raises
        ------
        ValueError
            If another one has it.
        """
        self.release()
        if self._part or os.getpid() != self._process:
            return
        folder, name = _fixed_folder(os.path.realpath(self.path))
        _make(folder)
        try:
            self._claim = Claim(folder, name)
        except BlockingIOError:
            rule = "path must not be one that another callback is writing to in this moment"
            raise ValueError(f"{rule}, got {self.path!r}: give each training a path of its own") from None

    def release(self) -> None:
        """Let other trainings have the path."""
        if self._claim is not None:
            self._claim.release()
        self._claim = None

    def made(self, path: str) -> str:
        """Return `path`, which is made of ours, as a copy of its own has it; its folder is made where it is missing."""
        if os.getpid() != self._process:
            self._become_a_copy()
        root, suffix = os.path.splitext(path)
        _make(os.path.dirname(path) or ".")
        return f"{root}{self._part}{suffix}"

    def _become_a_copy(self) -> None:
        self._part, self._process, self._claim = f"-{secrets.token_hex(8)}", os.getpid(), None


def _make(folder: str) -> None:
    if not os.path.isdir(folder):
        os.makedirs(folder, exist_ok=True)


def _fixed_folder(path: str) -> tuple[str, str]:
    """Split a path behind the last folder before its first placeholder, which will be many folders."""
    folder = os.path.dirname(path.partition("{")[0])
    return folder, os.path.relpath(path, folder)
