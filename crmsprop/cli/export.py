"""``crmsprop export``: a trained model for other programs."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from crmsprop.cli.output import add_quiet_option
from crmsprop.cli.parser import UsageError
from crmsprop.cli.saved import add_model_argument, describe, load_model
from crmsprop.cli.terminal import show

DESCRIPTION = """\
Writes a trained model as other programs read it.

onnx         the whole model (extra "onnx"): takes images as (n, height, width,
             channels) or rows as (n, features), of uint8 if it was trained on
             uint8, and gives the label and the probabilities of each class
safetensors  the weights alone, named and laid out as in torch: for
             torch.nn.Sequential with a module for each layer that "crmsprop
             summary" shows
"""

EXAMPLES = """\
examples:
  crmsprop export crmsprop-run/model.crms --to onnx
      Writes crmsprop-run/model.onnx.
  crmsprop export model.crms --to safetensors --output weights.safetensors
      The weights alone.
"""


class Format(NamedTuple):
    """What a model can be exported to: the ending of its files, and what writes one."""

    ending: str
    write: Callable[[Any, Path], None]


FORMATS = {
    "onnx": Format(".onnx", lambda model, path: model.export_onnx(path)),
    "safetensors": Format(".safetensors", lambda model, path: model.export_safetensors(path)),
}


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "export",
        help="write a trained model for other programs",
        usage=f"crmsprop export MODEL --to {'|'.join(FORMATS)} [OPTION ...]",
        description=DESCRIPTION,
        epilog=EXAMPLES,
    )
    add_model_argument(parser)
    group = parser.add_argument_group("output")
    group.add_argument("--to", choices=list(FORMATS), required=True, help="what to write, see above")
    group.add_argument(
        "--output",
        type=lambda text: Path(text).expanduser(),
        metavar="FILE",
        help="the file to write; an existing one is replaced (default: MODEL with the ending .onnx or .safetensors)",
    )
    add_quiet_option(group, "description of the model, only the file")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Export and report.

    Parameters
    ----------
    options : argparse.Namespace
        What the parser made of the command line.

    Returns
    -------
    int
        The exit status, 0.
    """
    form = FORMATS[options.to]
    path = options.file.with_suffix(form.ending) if options.output is None else options.output
    model = load_model(options.file)
    if path.exists() and path.samefile(options.file):
        raise UsageError(f"--output must be another file than the model, got {str(path)!r}")
    form.write(model, path)
    if not options.quiet:
        show(describe(model))
    show(f"{path}: {path.stat().st_size:,} bytes")
    return 0
