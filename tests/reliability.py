"""The command line of the package beside this file, which Python finds before the file."""

from reliability.__main__ import main

if __name__ == "__main__":
    raise SystemExit(main())
