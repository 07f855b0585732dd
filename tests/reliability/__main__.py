"""The command line: ``python tests/reliability.py COMMAND``."""

import argparse

import reliability
from reliability import files, forks, guided, kill, memory, races, sanitize, searches, threads
from reliability.builds import MissingToolError

COMMANDS = (kill, files, forks, threads, memory, searches, sanitize, races, guided)


def main():
    parser = argparse.ArgumentParser(prog="reliability.py", description=reliability.__doc__)
    subparsers = parser.add_subparsers(dest="command", required=True)
    for command in COMMANDS:
        command.add_parser(subparsers)
    options = parser.parse_args()
    try:
        return options.run(options)
    except MissingToolError as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    raise SystemExit(main())
