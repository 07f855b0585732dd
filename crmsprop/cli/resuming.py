"""What a run that is killed or interrupted leaves in its folder, and how another one takes it up."""

import argparse
import io
import json
import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from crmsprop.callbacks import Checkpoint
from crmsprop.cli.invocation import program
from crmsprop.cli.parser import UsageError
from crmsprop.errors import FileFormatError, check_integer
from crmsprop.files import lock_file, naming

#: What marks a folder that a run is about to fill; it holds the arguments of the run.
CLAIM = ".crmsprop-running"
#: The state of the training, for as long as it can go on.
CHECKPOINT = "checkpoint.crms"

_MAX_BYTES = 1 << 20


def add_resume_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how a run outlives its end."""
    group = parser.add_argument_group("checkpoints")
    group.add_argument(
        "--checkpoint",
        type=_count_or_none,
        default=1,
        metavar="N",
        help=f"epochs from one {CHECKPOINT} to the next, or none; the file is in the folder of the run, as long as the "
        "training is not over (default: 1)",
    )
    group.add_argument(
        "--resume",
        type=lambda text: Path(text).expanduser(),
        metavar="DIR",
        help="go on with the run in this folder, which was killed or interrupted, to the result that it would have "
        "had; its options need not be given again, and only --threads, --quiet and the place of the data may be other "
        "ones; to download CIFAR-10, give --data-home again (default: begin a new run)",
    )


def checkpoint_of(options: argparse.Namespace, folder: Path) -> list[Checkpoint]:
    """Return the callback that the options ask for, if they ask for one."""
    if options.checkpoint is None and options.resume is None:
        return []
    every = None if options.checkpoint is None else check_integer("--checkpoint", options.checkpoint, 1)
    return [Checkpoint(folder / CHECKPOINT, every, resume=options.resume is not None)]


def check_checkpoint(options: argparse.Namespace) -> None:
    """Check --checkpoint, and read that of a run that is resumed, before anything that its arguments name is touched.

    Raises
    ------
    UsageError
        If it is a symbolic link.
    FileFormatError, OSError
        If it is no checkpoint, or cannot be read.
    ValueError
        If --checkpoint is out of its range.
    """
    if options.checkpoint is not None:
        check_integer("--checkpoint", options.checkpoint, 1)
    if options.resume is not None:
        check_no_links(options.resume, (CHECKPOINT,))
        for checkpoint in checkpoint_of(options, options.resume):
            checkpoint.saved()


def can_go_on(folder: Path) -> bool:
    """Return whether the training in a folder can be resumed."""
    return (folder / CHECKPOINT).exists()


def resume_command(folder: Path) -> str:
    """Return what to say of a training that can go on."""
    return f'"{shlex.join([*program(), "train", "--resume", str(folder)])}" goes on'


def with_stored_arguments(options: argparse.Namespace, arguments: Sequence[str]) -> list[str]:
    """Return the arguments of the run that is resumed, with those that are given now behind them.

    Raises
    ------
    UsageError
        If the folder holds no run that can be resumed, or it cannot be the place of the results.
    FileFormatError
        If it does not hold the arguments of a run.
    """
    if options.output is not None:
        raise UsageError("--output does nothing with --resume: the results go to the folder of the run")
    return [*_stored_arguments(options.resume), *arguments[1:]]


def check_no_links(folder: Path, names: Sequence[str]) -> None:
    """Raise UsageError if one of these files in the folder of a run is a symbolic link.

    No run leaves one, and a stranger's folder could have what it leads to replaced.
    """
    for name in names:
        if (folder / name).is_symlink():
            raise UsageError(f"--resume must be a folder without symbolic links, got {str(folder / name)!r}")


@contextmanager
def resumed_folder(folder: Path, files: Sequence[str]) -> Iterator[Path]:
    """Take up the folder of a run that has ended, for these files; whatever fails, what was there stays.

    Raises
    ------
    UsageError
        If a run is at work there, or one of the files, or the checkpoint, is a symbolic link.
    """
    check_no_links(folder, (CHECKPOINT, *files))
    claim = folder / CLAIM
    with _held(claim):
        try:
            yield folder
        except BaseException as error:
            note_way_on(error, folder)
            raise
    if not can_go_on(folder):
        claim.unlink(missing_ok=True)


@contextmanager
def held_claim(claim: Path, arguments: Sequence[str]) -> Iterator[None]:
    """Write the arguments of a new run to its claim, and let no other run resume it meanwhile."""
    with _held(claim) as file:
        with naming(str(claim)):
            _write(file, json.dumps(list(arguments)).encode())
        yield


def _write(file: io.FileIO, data: bytes) -> None:
    while data:
        data = data[file.write(data) :]
    os.fsync(file.fileno())


def note_way_on(error: BaseException, folder: Path) -> None:
    """Let an error say that the training can go on, if it can."""
    if can_go_on(folder):
        error.add_note(resume_command(folder))


@contextmanager
def _held(claim: Path) -> Iterator[io.FileIO]:
    with claim.open("r+b", buffering=0) as file:
        try:
            lock_file(file.fileno())
        except BlockingIOError as error:
            raise UsageError(
                f"--resume must be the folder of a run that has ended, got {str(claim.parent)!r}"
            ) from error
        except OSError:  # a file system without locks
            pass
        yield file


def _stored_arguments(folder: Path) -> list[str]:
    claim = folder / CLAIM
    check_no_links(folder, (CLAIM,))
    if not claim.is_file():
        rule = "--resume must be the folder of a run that was killed or interrupted"
        raise UsageError(f"{rule}, got {str(folder)!r}")
    with claim.open("rb") as file:
        text = file.read(_MAX_BYTES)
    arguments: Any = None
    with suppress(ValueError, RecursionError):
        arguments = json.loads(text.decode())
    if not isinstance(arguments, list) or not all(isinstance(argument, str) for argument in arguments):
        raise FileFormatError(f"{claim} must hold the arguments of a run, got {text!r:.100}")
    if arguments[:1] != ["train"]:
        raise UsageError(f"--resume must be the folder of a training, got {str(folder)!r}")
    return arguments


def _count_or_none(text: str) -> int | None:
    try:
        return None if text == "none" else int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number of epochs or none, got {text!r}") from None
