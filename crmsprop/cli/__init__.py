"""The command line: program.py is the whole, and each command has a file of its own."""

from crmsprop.cli.program import main

__all__ = ["main"]
