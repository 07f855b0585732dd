"""``python -m crmsprop`` is the command line."""

import sys

from crmsprop.cli import main

if __name__ == "__main__":
    sys.exit(main())
