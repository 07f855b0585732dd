"""``python -m crmsprop``, or ``crmsprop``, is the command line as a process of its own."""

import sys

from crmsprop.cli import main
from crmsprop.cli.terminal import silence


def run() -> int:
    """Run the command of the process, and end with its exit status."""
    code = main()
    if code:  # the error is said; Python would say it again, where standard output is what has failed
        silence(sys.stdout)
        silence(sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(run())
