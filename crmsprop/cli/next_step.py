"""The commands that can follow one that is done, in full: to be copied."""

import argparse
import shlex
from pathlib import Path

from crmsprop.cli.data import DEFAULT, Data
from crmsprop.cli.invocation import program
from crmsprop.cli.output import MODEL


def use_of_model(folder: Path, data: Data, options: argparse.Namespace) -> str:
    """Return the command that puts the model of a run to use: on a test picture, or else on all test data."""
    model = str(folder / MODEL)
    if data.example is not None:
        return _command("predict", model, str(data.example))
    return _command("evaluate", model, *_data_words(options))


def search_of_rate(options: argparse.Namespace) -> str:
    """Return the command that suggests a learning rate for the data, and the model if one was named."""
    model = getattr(options, "model", None)
    return _command("find-lr", *_data_words(options), *([] if model is None else ["--model", model]))


def _command(*words: str) -> str:
    return shlex.join([*program(), *words])


def _data_words(options: argparse.Namespace) -> list[str]:
    """Return the options that say which data, as far as they differ from the defaults."""
    words = [] if options.data == DEFAULT else ["--data", options.data]
    if options.shape_of_rows is not None:
        words += ["--image-shape", *map(str, options.shape_of_rows)]
    words += ["--skip-broken"] * options.skip_broken
    return words if options.data_home is None else [*words, "--data-home", str(options.data_home)]
