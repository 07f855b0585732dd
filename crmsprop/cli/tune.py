"""``crmsprop tune``: try values of parameters, judge them by cross-validation, and train with the best ones."""

import argparse
import math
import shlex
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sklearn.base import clone

from crmsprop import kernels
from crmsprop.cli.cluster import cluster
from crmsprop.cli.data import Data, add_data_options, load_data
from crmsprop.cli.fitting import print_results, report_interruption, watched_fit
from crmsprop.cli.grid import SEARCHABLE, Range, parse_param
from crmsprop.cli.models import Job, watched
from crmsprop.cli.options import add_network_options, add_training_options
from crmsprop.cli.output import FILES, add_output_options, check_output, output_folder, written_results
from crmsprop.cli.parser import Parser, UsageError
from crmsprop.cli.progress import say
from crmsprop.cli.scales import warn_of_scales
from crmsprop.cli.search import search
from crmsprop.cli.standings import PICTURE, TABLE, standings_table, write_standings
from crmsprop.cli.study import Study, check_study, make_study
from crmsprop.cli.terminal import show
from crmsprop.cli.trials import ranked
from crmsprop.display import require_matplotlib
from crmsprop.errors import DivergenceError, check_integer

DEFAULT_FOLDER = "crmsprop-tune"

#: What the files are that the search leaves beside those of a training.
MEANINGS = {TABLE: "the scores of all candidates", PICTURE: "the picture of them"}

DESCRIPTION = f"""\
Searches for good parameters. Every combination of the values of --param is judged
by cross-validation: the training data are cut into parts with the same shares of
each class, and for each part a network is trained on the others and scored on it.
The combination with the best mean score is then trained on all the training data,
and tested; the test data take no part in the search. It leaves a folder with that
model, its history and learning curves, and with the scores of all combinations as
CSV and as a picture. Ctrl-C keeps the scores that are there.

--param NAME=VALUE,VALUE,... has as NAME one of
{textwrap.fill(", ".join(SEARCHABLE), 80, initial_indent="  ", subsequent_indent="  ")}
and as values what the option for it takes: numbers; yes or no for a switch; for the
sizes of layers several numbers with spaces between them, so that "filters=32,32 64"
are two values; schedules and augmentations in the words of --schedule and --augment,
where a comma ends a value only if the name of another one follows it. The name of
the option does for NAME too: epochs for max_epochs, learning-rate for learning_rate.

With --early-stopping each fit holds out a tenth of what it trains on, unless
--validation-fraction says otherwise, and its score is that of the weights of its
best epoch, or of its last one with --no-restore-best. So does the last training,
whose best epoch is reported at the end.

With --random, the values of a number can be a range, LOW..HIGH; its numbers are
equally likely, or, with LOW..HIGH:log, their logarithms are.
"""

EXAMPLES = """\
examples:
  crmsprop tune --param rho=0.8,0.9,0.99 --param learning_rate=1e-4,1e-3
      Six combinations, for the default network on the digits.
  crmsprop tune --data cifar10 --cv 3 --jobs 2 --param rho=0.9,0.99 --param l2=0,1e-4
      Two fits at a time, each on its share of the cores.
  crmsprop tune --halving --epochs 81 --param "filters=16 32,32 64" --param dropout=0,0.5
      All combinations with few epochs, and only the better ones with more.
  crmsprop tune --random 30 --param learning_rate=1e-5..1e-2:log --param batch_size=16..128
      30 combinations, drawn by chance.
  crmsprop tune --param "schedule=constant,cosine,step:factor=0.5,every=10"
      Three schedules.
  crmsprop tune --data photos --image-shape 64 64 --param dropout=0,0.3,0.5
      For pictures of your own, a folder a class.
  crmsprop tune --scheduler tcp://10.0.0.1:8786 --param rho=0.8,0.9,0.95,0.99
      On the workers of a dask.distributed cluster.
"""


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser: Parser = subparsers.add_parser(
        "tune",
        help="search for good parameters",
        usage="crmsprop tune --param NAME=VALUE,... [--param NAME=VALUE,... ...] [OPTION ...]",
        description=DESCRIPTION,
        epilog=EXAMPLES,
    )
    _add_search_options(parser)
    add_data_options(parser)
    add_network_options(parser)
    watching = "none; with early stopping a tenth of what a fit trains on; reference: 0.2"
    add_training_options(parser, defaults={"validation_fraction": watching})
    add_output_options(parser, DEFAULT_FOLDER, (*FILES, TABLE, PICTURE))
    parser.set_defaults(run=run)
    parser.hint = _search_of


def _search_of(name: str, text: str) -> str:
    """Return what to say to somebody who gave an option values to search."""
    try:
        _, values = parse_param(f"{name}={text}")
    except argparse.ArgumentTypeError:
        return ""
    way = " and --random N" if isinstance(values, Range) else ""
    return f": to search, give --param {shlex.quote(f'{name}={text}')}{way}"


def _add_search_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("search")
    group.add_argument(
        "--param",
        type=parse_param,
        action="append",
        required=True,
        metavar="NAME=VALUE,...",
        help="a parameter and the values to try, see above; once for each parameter",
    )
    group.add_argument(
        "--cv", type=int, default=5, metavar="N", help="parts of the cross-validation, at least 2 (default: 5)"
    )
    group.add_argument(
        "--scoring",
        default="accuracy",
        metavar="NAME",
        help="what judges a network: a scorer of scikit-learn, such as balanced_accuracy, f1_macro or neg_log_loss "
        "(default: accuracy)",
    )
    group.add_argument(
        "--random",
        type=int,
        metavar="N",
        help="try so many combinations, drawn by chance (default: try all combinations)",
    )
    group.add_argument(
        "--halving",
        action="store_true",
        help="successive halving: try all with a fraction of --epochs, and go on with the best third and three times "
        "the epochs, again and again (default: try all with --epochs)",
    )
    _add_speed_options(group)


def _add_speed_options(group: Any) -> None:
    group.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="fits at a time, each in a process of its own on its share of the cores, unless --threads says otherwise "
        "(default: 1)",
    )
    group.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help='the scheduler of a dask.distributed cluster (extra "distributed") that does the search, such as '
        "tcp://10.0.0.1:8786; a fit takes one thread of a worker, which needs the same version of crmsprop (default: "
        "search on this machine)",
    )


def run(options: argparse.Namespace) -> int:
    """Search, train, write, test and report.

    Parameters
    ----------
    options : argparse.Namespace
        What the parser made of the command line.

    Returns
    -------
    int
        The exit status: 0, or 130 after Ctrl-C in the last training.
    """
    require_matplotlib()
    n_jobs = _n_jobs(options)
    check_output(options.output)
    check_study(options)
    data = load_data(options)
    study = make_study(options, data)
    warn_of_scales(data)
    with output_folder(options.output, DEFAULT_FOLDER) as folder, _pointing_at(folder / TABLE):
        try:
            _search(study, n_jobs, data, options)
        finally:
            _report(study, folder, options)
        estimator = _best(study, options)
        shown = watched(data, Job(estimator, study.fit))
        interrupted = watched_fit(estimator, lambda: estimator.fit(**study.fit), shown, options.quiet)
        with written_results(folder, estimator):
            score = estimator.evaluate(data.X_test, data.y_test)
            if options.scoring != "accuracy":
                score[options.scoring] = float(study.scorer(estimator, data.X_test, data.y_test))
    print_results(estimator, score, data, folder, options, MEANINGS)
    return report_interruption(estimator, folder) if interrupted else 0


def _n_jobs(options: argparse.Namespace) -> int:
    """Return how many fits to do at a time; -1 for as many as the cluster can do."""
    if options.scheduler is None:
        return 1 if options.jobs is None else check_integer("--jobs", options.jobs, 1)
    if options.jobs is not None:
        raise UsageError("--jobs does nothing with --scheduler, whose cluster has as many as its workers have threads")
    return -1


def _search(study: Study, n_jobs: int, data: Data, options: argparse.Namespace) -> None:
    n_threads = study.estimator.n_threads
    if n_threads is None:
        n_threads = 1 if n_jobs < 0 else max(1, kernels.effective_n_threads() // n_jobs)
    n_trials, _ = study.plan()
    plural = "" if n_trials == 1 else "s"
    say(data.describe(), options.quiet)
    say(f"{n_trials} candidate{plural}, {options.cv} fits each, threads of a fit: {n_threads}", options.quiet)
    sharing = replace(study, estimator=clone(study.estimator).set_params(n_threads=n_threads))
    with cluster(options.scheduler, study.fit):
        search(sharing, n_jobs, options.quiet)


def _report(study: Study, folder: Path, options: argparse.Namespace) -> None:
    """Write the scores that are there, and print the best of them."""
    if any(trial.outcomes for trial in study.trials):
        write_standings(folder, study.trials, options.scoring)
        if not options.quiet:
            show(f"{standings_table(study.trials)}\n")


def _best(study: Study, options: argparse.Namespace) -> Any:
    """Return an estimator with the best parameters."""
    best = ranked(study.trials)[0]
    if math.isnan(best.mean):
        raise DivergenceError(f"no candidate has a score, such as {best}: {best.problem}")
    show(f"best: {best}, {options.scoring} {best.mean:.4f} +- {best.std:.4f}")
    return clone(study.estimator).set_params(**best.values())


@contextmanager
def _pointing_at(table: Path) -> Iterator[None]:
    """Let an error say that the scores are there, if they are."""
    try:
        yield
    except BaseException as error:
        if table.exists():
            error.add_note(f"the scores that it has are in {table}")
        raise
