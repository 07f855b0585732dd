"""The command line: ``python tests/reliability.py COMMAND``."""

import argparse

import reliability
from reliability import files, forks, kill, memory, searches, threads

COMMANDS = (kill, files, forks, threads, memory, searches)


def main():
    parser = argparse.ArgumentParser(prog="reliability.py", description=reliability.__doc__)
    subparsers = parser.add_subparsers(dest="command", required=True)
    for command in COMMANDS:
        command.add_parser(subparsers)
    options = parser.parse_args()
    return options.run(options)


if __name__ == "__main__":
    raise SystemExit(main())
