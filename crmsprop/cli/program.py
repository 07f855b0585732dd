"""The whole command line. Each command is a file with ``add_parser(subparsers)`` and ``run(options) -> int``."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from crmsprop.cli import evaluate, export, find_lr, fine_tune, predict, summary, train, tune
from crmsprop.cli.data import NAMED
from crmsprop.cli.hints import closest
from crmsprop.cli.parser import Parser, UsageError
from crmsprop.cli.resuming import with_stored_arguments
from crmsprop.cli.terminal import show
from crmsprop.cli.wording import as_typed, in_words_of_options
from crmsprop.errors import DivergenceError, MissingExtraError
from crmsprop.versions import __version__

COMMANDS = (train, find_lr, tune, fine_tune, evaluate, predict, summary, export)

DESCRIPTION = """\
Trains neural networks on the processor with RMSprop, and puts them to use. "crmsprop COMMAND --help" explains a
command.
"""

EXIT = """\
exit status:
  0    done
  1    the training diverged, or the memory was not enough
  2    an option, the data, a file or a missing package is to blame
  130  interrupted with Ctrl-C; "train" and "fine-tune" write the results of the
       epochs that they have trained, "train" says how to go on, and "tune"
       writes the scores that it has
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, default=None
        The arguments after the name of the program; None takes those of the process.

    Returns
    -------
    int
        The exit status: 0 done, 1 diverged or out of memory, 2 bad usage or data, 130 interrupted. All but 0 come with
        one line on standard error.

    Examples
    --------
    >>> from crmsprop.cli import main
    >>> main(["--version"])  # doctest: +ELLIPSIS
    crmsprop ...
    0

    The CIFAR-10 program, on six batches of ten grey images in the official binary layout:

    >>> import pathlib, tempfile
    >>> batch = b"".join(bytes([label]) + bytes([25 * label]) * 3072 for label in range(10))
    >>> with tempfile.TemporaryDirectory() as folder:  # doctest: +ELLIPSIS
    ...     for name in ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"]:
    ...         _ = pathlib.Path(folder, name + ".bin").write_bytes(batch)
    ...     data = ["--data", "cifar10", "--data-home", folder]
    ...     main(["train", *data, "--model", "reference", "--epochs", "1", "--quiet", "--output", folder + "/run"])
    test loss ..., test accuracy ... on 10 samples
    /...model.crms           the model, for crmsprop.load
    /...history.csv          its history, an epoch a line
    /...learning_curves.png  the picture of its learning curves
    0
    """
    arguments = sys.argv[1:] if argv is None else argv
    try:
        options = _parsed(arguments)
        code: int = options.run(options)
        return code
    except SystemExit as stop:  # how argparse ends --help and --version
        return int(stop.code or 0)
    except BrokenPipeError:  # whoever read our output, such as "head", has gone
        return 141
    except KeyboardInterrupt as interrupt:
        return _fail(_with_notes("interrupted", interrupt, ", nothing was kept"), 130)
    except (DivergenceError, MemoryError) as error:
        return _fail(_with_notes(_one_line(error), error), 1)
    except (ValueError, TypeError, OSError, MissingExtraError) as error:
        return _fail(_with_notes(as_typed(_one_line(error), arguments), error), 2)


def make_parser() -> Parser:
    """Return the parser of the whole command line."""
    parser = Parser(prog="crmsprop", description=DESCRIPTION, epilog=EXIT)
    parser.add_argument(
        "--version",
        action="version",
        version=f"crmsprop {__version__}",
        help="show the version and exit",
    )
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command", required=True)
    for command in COMMANDS:
        command.add_parser(subparsers)
    return parser


def _commands(parser: Parser) -> dict[str, Parser]:
    """Return the parsers of the commands by their names."""
    found: dict[str, Parser] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found.update(action.choices)
    return found


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options, those of the run that is resumed among them."""
    options, unknown = make_parser().parse_known_args(arguments)
    if unknown:
        raise _unknown(options.command, unknown)
    if getattr(options, "resume", None) is not None:
        return _resumed(options, with_stored_arguments(options, arguments))
    options.arguments = list(arguments)
    return options


def _unknown(command: str, arguments: Sequence[str]) -> UsageError:
    """Return the error about arguments that a command does not know, with what may be meant by the first of them."""
    flags = {name: parser.flags() for name, parser in _commands(make_parser()).items()}
    first = next((one for one in arguments if one.startswith("-")), arguments[0]).partition("=")[0]
    having = [name for name in flags if first in flags[name].values()]
    hint = ""
    if having:
        hint = f": it is an option of {', '.join(having)}"
    elif first.startswith("-") and (found := closest(first, flags[command])):
        hint = f": did you mean {flags[command][found]}?"
    elif first and "data" in flags[command] and (first in NAMED or Path(first).exists()):
        hint = f": did you mean --data {first}?"
    return UsageError(f'unknown {" ".join(arguments)}{hint} (see "crmsprop {command} --help")')


def _resumed(given: argparse.Namespace, arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of the run that is resumed; nothing is downloaded to where only its folder says."""
    options = make_parser().parse_args(arguments)
    options.resume, options.arguments = given.resume, list(arguments)
    if options.data == "cifar10":
        options.download = given.download and given.data_home is not None
    return options


def _with_notes(message: str, error: BaseException, otherwise: str = "") -> str:
    notes: list[str] = getattr(error, "__notes__", [])
    return "; ".join([message, *notes]) if notes else message + otherwise


def _fail(message: str, code: int) -> int:
    line = message.replace("\n", "\\n")
    with suppress(OSError):  # standard error may be full, too
        show(f"crmsprop: error: {line}", sys.stderr)
    return code


def _one_line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    message = in_words_of_options(" ".join(str(error).split())) or type(error).__name__
    return _with_this_python(message) if isinstance(error, MissingExtraError) else message


def _with_this_python(message: str) -> str:
    """Return what to install as a command that works here: the ``pip`` of the shell may be that of another Python."""
    return message.replace(": pip install ", f": {shlex.quote(sys.executable)} -m pip install ")
