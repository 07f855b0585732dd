"""The whole command line. Each command is a file with ``add_parser(subparsers)`` and ``run(options) -> int``."""

import os
import sys
from collections.abc import Sequence

from crmsprop.cli import evaluate, find_lr, fine_tune, predict, summary, train
from crmsprop.cli.options import with_flags
from crmsprop.cli.parser import Parser, UsageError
from crmsprop.errors import DivergenceError, MissingExtraError
from crmsprop.versions import __version__

COMMANDS = (train, find_lr, fine_tune, evaluate, predict, summary)

DESCRIPTION = """\
Trains neural networks on the processor with RMSprop, and puts them to use. "crmsprop COMMAND --help" explains a
command.
"""

EXIT = """\
exit status:
  0    done
  1    the training diverged, or the memory was not enough
  2    an option, the data, a file or a missing package is to blame
  130  interrupted with Ctrl-C
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
    """
    try:
        options, unknown = make_parser().parse_known_args(argv)
        if unknown:
            raise UsageError(f'unknown {" ".join(unknown)} (see "crmsprop {options.command} --help")')
        code: int = options.run(options)
        return code
    except SystemExit as stop:  # how argparse ends --help and --version
        return int(stop.code or 0)
    except BrokenPipeError:  # whoever read our output, such as "head", has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        return _fail("interrupted, nothing was kept", 130)
    except (DivergenceError, MemoryError) as error:
        return _fail(_one_line(error), 1)
    except (ValueError, TypeError, OSError, MissingExtraError) as error:
        return _fail(_one_line(error), 2)


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


def _fail(message: str, code: int) -> int:
    print(f"crmsprop: error: {message}", file=sys.stderr)
    return code


def _one_line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return with_flags(" ".join(str(error).split())) or type(error).__name__
