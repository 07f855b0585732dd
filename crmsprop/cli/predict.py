"""``crmsprop predict``: what a trained model makes of pictures and arrays."""

import argparse
import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crmsprop.cli.options import add_training_options, given_parameters
from crmsprop.cli.output import add_quiet_option
from crmsprop.cli.parser import UsageError
from crmsprop.cli.predictions import TOP, Form, Prediction, form_of
from crmsprop.cli.progress import progress
from crmsprop.cli.samples import Samples, read_samples
from crmsprop.cli.saved import add_model_argument, load_model
from crmsprop.cli.terminal import hand_on, show
from crmsprop.errors import check_real

#: Samples that are predicted between two looks at the progress bar.
PART = 4096

DESCRIPTION = """\
Predicts with a trained model, and prints the most probable classes of each sample
with their probabilities, or the numbers that a regressor expects. A picture is
turned and resized as those of a folder are for "crmsprop train"; colours become grey
where the model takes grey, and transparency is dropped. Of a picture with several
frames the first one is taken. A file that cannot be read, or does not fit, does not
stop the others: it is named at the end, and the exit status is 2.
"""

EXAMPLES = """\
examples:
  crmsprop predict crmsprop-run/model.crms cat.png dog.jpg
      Two pictures.
  crmsprop predict model.crms photos/*.jpg --top 1
      Only the most probable class of each.
  crmsprop predict model.crms new.npz --csv > predictions.csv
      The samples in the array X of new.npz, as CSV with all digits.
"""


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "predict",
        help="predict the classes of pictures and arrays, or their numbers",
        usage="crmsprop predict MODEL FILE [FILE ...] [OPTION ...]",
        description=DESCRIPTION,
        epilog=EXAMPLES,
    )
    add_model_argument(parser)
    parser.add_argument(
        "samples",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="a picture (PNG, JPEG, BMP, GIF, PPM, TIFF or WebP), an .npy file with an array of samples, or an .npz "
        "file with one called X",
    )
    _add_picture_options(parser)
    _add_output_options(parser)
    add_training_options(parser, ["n_threads"], "speed")
    parser.set_defaults(run=run)


def _add_picture_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("pictures")
    group.add_argument(
        "--no-resize",
        dest="resize",
        action="store_false",
        help="refuse pictures of another size than the model takes (default: they are resized, whatever their "
        "proportions)",
    )
    group.add_argument(
        "--scale",
        type=float,
        metavar="F",
        help="factor on the pixels 0..255, for a model that was trained on other numbers than uint8, such as "
        "0.00392157 for numbers in 0..1 (default: none, a model trained on uint8 scales them itself)",
    )


def _add_output_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("output")
    group.add_argument(
        "--top",
        type=int,
        metavar="N",
        help=f"classes to print for each sample (default: {TOP}, or all if there are fewer)",
    )
    group.add_argument(
        "--csv",
        action="store_true",
        help="print CSV with the columns sample, rank, label, probability, a class a line; of a regressor with sample, "
        "output, prediction, a number a line; names and labels are as they are, and escaped only on a terminal "
        "(default: print a table)",
    )
    add_quiet_option(group, "bar for the files that are done and the time left")


def run(options: argparse.Namespace) -> int:
    """Predict and print.

    Parameters
    ----------
    options : argparse.Namespace
        What the parser made of the command line.

    Returns
    -------
    int
        The exit status, 0.
    """
    model = load_model(options.file).set_params(**given_parameters(options))
    form = form_of(model, options.top)
    if options.scale is not None:
        check_real("--scale", options.scale, "(0, inf)")
    predictions, failed = _predict_all(form, options)
    if predictions:
        _print(form, predictions, options.csv)
    if failed:
        raise _failure(failed, len(options.samples))
    return 0


def _predict_all(form: Form, options: argparse.Namespace) -> tuple[list[Prediction], dict[Path, Exception]]:
    """Return the predictions for all files, and what kept those from it that have none."""
    predictions: list[Prediction] = []
    failed: dict[Path, Exception] = {}
    with progress(len(options.samples), "file", options.quiet) as advance:
        for path in options.samples:
            try:
                predictions += list(_predict(form, read_samples(path, form.model, options.resize, options.scale)))
            except UsageError:  # an option, not this file, is to blame
                raise
            except (ValueError, TypeError, OSError) as error:
                failed[path] = error
            advance(1)
    return predictions, failed


def _failure(failed: dict[Path, Exception], n_files: int) -> Exception:
    """Return the first error; where there are other files, it names all that failed."""
    error = next(iter(failed.values()))
    if n_files > 1:
        error.add_note(f"no prediction for {', '.join(map(str, failed))}")
    return error


def _predict(form: Form, samples: Samples) -> Iterator[Prediction]:
    for start in range(0, len(samples.X), PART):
        yield from form.predict(samples.names[start : start + PART], samples.X[start : start + PART])


def _print(form: Form, predictions: list[Prediction], as_csv: bool) -> None:
    if as_csv:
        _print_csv(form, predictions)
    else:
        show(form.table(predictions))


def _print_csv(form: Form, predictions: list[Prediction]) -> None:
    rows = (row for one in predictions for row in form.rows(one))
    hand_on("\n".join(_csv_line(row) for row in (form.columns, *rows)))


def _csv_line(row: tuple[object, ...]) -> str:
    """Return a line without its end, which is CR and LF, because csv quotes cells with the letters of that."""
    text = io.StringIO(newline="")
    csv.writer(text).writerow(row)
    return text.getvalue().removesuffix("\r\n")
