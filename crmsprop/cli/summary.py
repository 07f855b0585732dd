"""``crmsprop summary``: the layers of a model, and what they cost."""

import argparse
from typing import Any

import numpy as np

from crmsprop.cli.options import add_network_options, add_training_options, flag_of, given_parameters
from crmsprop.cli.parser import UsageError
from crmsprop.cli.recipes import RECIPES
from crmsprop.cli.saved import MEANING, add_model_argument, describe, load_model
from crmsprop.cli.terminal import show
from crmsprop.errors import check_choice, check_integer
from crmsprop.estimators.summary import summarize
from crmsprop.nn import Network

#: What CIFAR-10 has.
INPUT_SHAPE, N_CLASSES = (32, 32, 3), 10

DESCRIPTION = """\
Prints the layers of a model with their output shapes, parameters, and millions of
floating-point operations for one sample, and how much memory parameters and
activations take: of a trained model, or of one that is to be trained.
"""

EXAMPLES = """\
examples:
  crmsprop summary crmsprop-run/model.crms
      A trained model.
  crmsprop summary --model cnn --filters 32 64 128 --input-shape 64 64 3 --classes 5
      What a training on images of 64 x 64 pixels in 5 classes would build.
  crmsprop summary --model mlp --input-shape 30 --classes 2
      A network for rows of 30 numbers.
"""


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "summary",
        help="show layers, shapes, parameters and operations",
        usage="crmsprop summary MODEL\n       crmsprop summary --model NAME [OPTION ...]",
        description=DESCRIPTION,
        epilog=EXAMPLES,
    )
    add_model_argument(parser, nargs="?", help=f"{MEANING} (default: none, with --model)")
    group = parser.add_argument_group("data")
    group.add_argument(
        "--input-shape",
        type=int,
        nargs="+",
        metavar="N",
        help="height, width and perhaps channels of an image, or the length of a row (default: 32 32 3)",
    )
    group.add_argument("--classes", type=int, metavar="N", help=f"classes to tell apart (default: {N_CLASSES})")
    add_network_options(parser)
    add_training_options(parser, ["batch_size"])
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the summary.

    Parameters
    ----------
    options : argparse.Namespace
        What the parser made of the command line.

    Returns
    -------
    int
        The exit status, 0.
    """
    if (options.file is None) == (options.model is None):
        raise UsageError(
            f"summary needs MODEL, a file, or --model NAME, got {'neither' if options.file is None else 'both'}"
        )
    show(_of_a_recipe(options) if options.file is None else _of_a_file(options))
    return 0


def _of_a_file(options: argparse.Namespace) -> str:
    given = [flag_of(parameter) for parameter in given_parameters(options)]
    given += ["--input-shape"] * (options.input_shape is not None) + ["--classes"] * (options.classes is not None)
    if given:
        raise UsageError(f"{given[0]} is for --model, a file has its own")
    model = load_model(options.file)
    return f"{describe(model)}\n\n{model.summary()}"


def _of_a_recipe(options: argparse.Namespace) -> str:
    recipe, given = RECIPES[options.model], given_parameters(options)
    for parameter in given:
        if parameter not in recipe.estimator._get_param_names():
            raise UsageError(f"{flag_of(parameter)} does not apply to --model {options.model}")
    model = recipe.estimator(**{**recipe.parameters, **given})
    shape = _checked_shape(options.input_shape or INPUT_SHAPE)
    n_classes = check_integer("--classes", N_CLASSES if options.classes is None else options.classes, 1)
    dtype = check_choice("dtype", model.dtype or "float32", ("float32", "float64"))
    batch_size = check_integer("batch_size", model.batch_size, 1)
    network = Network(model._layers(shape, n_classes), shape, np.dtype(dtype))
    kind = f"rows of {shape[0]}" if len(shape) == 1 else f"images of {' x '.join(map(str, shape))}"
    return f"{options.model} for {kind}, {n_classes} classes\n\n{summarize(network, batch_size)}"


def _checked_shape(sizes: list[int] | tuple[int, ...]) -> tuple[int, ...]:
    if not 1 <= len(sizes) <= 3 or min(sizes) < 1:
        raise UsageError(
            f"--input-shape must be the length of a row, or height, width and perhaps channels, got {sizes}"
        )
    return (*sizes, 1) if len(sizes) == 2 else tuple(sizes)
