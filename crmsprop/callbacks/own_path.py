"""A path that no two copies of a callback share, so that clones in a search never write one file."""

import os
import secrets
from typing import Any

from crmsprop.errors import shown


class OwnPath:
    """A path as the user gave it, for whoever made this object; with a random part before its suffix in any copy.

    scikit-learn copies the parameters of an estimator for each clone, and joblib pickles them for each process: a copy
    that is made in either way, with `copy` or by a fork, writes beside the file of its original.

    Parameters
    ----------
    path : str or path-like
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path) if isinstance(path, str | os.PathLike) else path
        if not isinstance(self.path, str) or not os.path.basename(self.path):
            raise TypeError(f"path must be that of a file, got {shown(path)}")
        self._part, self._process = "", os.getpid()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._become_a_copy()

    def made(self, path: str) -> str:
        """Return `path`, which is made of ours, as a copy of its own has it; its folder is made where it is missing."""
        if os.getpid() != self._process:
            self._become_a_copy()
        root, suffix = os.path.splitext(path)
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        return f"{root}{self._part}{suffix}"

    def _become_a_copy(self) -> None:
        self._part, self._process = f"-{secrets.token_hex(8)}", os.getpid()
