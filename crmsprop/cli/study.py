"""From options and data to a search that is ready to run: everything that can be wrong with it is found here."""

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.metrics import check_scoring, get_scorer_names
from sklearn.model_selection import StratifiedKFold

from crmsprop.cli.data import Data
from crmsprop.cli.grid import Candidate, Grid, Value, all_candidates, drawn_candidates, in_words, make_grid, values_of
from crmsprop.cli.hints import did_you_mean
from crmsprop.cli.models import check_parameters, make_job, model_name, without_data
from crmsprop.cli.options import with_flags
from crmsprop.cli.parser import UsageError
from crmsprop.cli.recipes import RECIPES
from crmsprop.cli.trials import FACTOR, Trial, halving_epochs
from crmsprop.errors import check_choice, check_integer
from crmsprop.nn import Network

Array = np.ndarray[Any, np.dtype[Any]]
Scorer = Callable[[Any, Array, Array], float]


@dataclass(frozen=True)
class Study:
    """What is searched, and on what.

    Attributes
    ----------
    estimator : estimator
        Has every parameter that is not searched.
    fit : dict
        The arguments of its ``fit``: X and y, which are split, and perhaps a validation set, which is not.
    splits : StratifiedKFold
        With a seed: the splits are the same wherever they are made.
    scorer : callable
        ``scorer(estimator, X, y)``, the higher the better.
    trials : list of Trial
        Those of the first rung; `search` puts those of the others behind them.
    epochs : sequence of int
        Of each rung.
    """

    estimator: Any
    fit: Mapping[str, Any]
    splits: StratifiedKFold
    scorer: Scorer
    trials: list[Trial]
    epochs: Sequence[int]

    def plan(self) -> tuple[int, int]:
        """Return how many candidates all rungs have together, and how many epochs all fits at most."""
        n_splits, n = self.splits.get_n_splits(), len(self.trials)
        total, work = n, sum(trial.epochs for trial in self.trials)
        for epochs in self.epochs[1:]:
            n = math.ceil(n / FACTOR)
            total, work = total + n, work + n * epochs
        return total, work * n_splits


def check_study(options: argparse.Namespace) -> None:
    """Refuse what is wrong with a search whatever the data: large ones take long to read. Errors as `make_study`."""
    grid = make_grid(options.param)
    if options.halving and "max_epochs" in grid:
        raise UsageError("--param max_epochs does nothing with --halving, which chooses the epochs: give --epochs")
    check_integer("--cv", options.cv, 2)
    _check_scoring(options.scoring)
    estimator = without_data(options, grid)
    for candidate in _candidates(grid, options, estimator.random_state):
        _check_candidate(estimator, candidate, check_parameters)


def make_study(options: argparse.Namespace, data: Data) -> Study:
    """Return the search that the options describe, before its first fit.

    Raises
    ------
    UsageError, TypeError, ValueError
        If an option or a candidate is of no use for the model or the data.
    """
    grid = make_grid(options.param)
    _check_searched(grid, options, data)
    estimator, fit = make_job(options, data, grid)
    if not _keeps_validation(options, grid, data):
        estimator.set_params(validation_fraction=None)  # the splits judge
    candidates = _candidates(grid, options, estimator.random_state)
    for candidate in candidates:
        _check_candidate(estimator, candidate, lambda model: _check(model, data))
    most = check_integer("max_epochs", estimator.max_epochs, 1)
    epochs = halving_epochs(len(candidates), most) if options.halving else [most]
    splits = _splits(options.cv, fit["y"], estimator.random_state)
    trials = [Trial(candidate, options.cv, epochs[0]) for candidate in candidates]
    return Study(estimator, fit, splits, _scorer(estimator, options.scoring), trials, epochs)


def _check_searched(grid: Grid, options: argparse.Namespace, data: Data) -> None:
    """UsageError where it does nothing to vary a parameter."""
    name = model_name(options, data)
    if RECIPES[name].validates_on_last and "validation_fraction" in grid:
        raise UsageError(f"--param validation_fraction does not apply to --model {name}")


def _keeps_validation(options: argparse.Namespace, grid: Grid, data: Data) -> bool:
    """Whether the share that each fit holds out was asked for, or is the model's own way."""
    given = "validation_fraction" in vars(options) or "validation_fraction" in grid
    return given or RECIPES[model_name(options, data)].validates_on_last


def _candidates(grid: Grid, options: argparse.Namespace, seed: int) -> list[Candidate]:
    return all_candidates(grid) if options.random is None else drawn_candidates(grid, options.random, seed)


def _check_candidate(estimator: Any, candidate: Candidate, check: Callable[[Any], None]) -> None:
    """Refuse what every fit of a candidate would refuse, before any time is spent; `check` raises an error for it."""
    try:
        check(clone(estimator).set_params(**values_of(candidate)))
    except (TypeError, ValueError) as error:
        message = str(error)
        if blamed := next((name for name in candidate if message.startswith(name)), None):
            raise UsageError(f"--param {_as_typed(message, candidate[blamed])}") from error
        if with_flags(message) != message:  # an option that is not searched is to blame
            raise
        check(estimator)  # or else the model itself, whatever the candidate
        raise UsageError(f"--param {in_words(candidate)}: {message}") from error


def _as_typed(message: str, value: Value) -> str:
    """Return a message with the number as it was typed: -1, where it is -1.0."""
    shown = f"got {value.value!r}"
    if not isinstance(value.value, float) or not message.endswith(shown):
        return message
    return f"{message.removesuffix(shown)}got {value.words}"


def _check(model: Any, data: Data) -> None:
    model._plan(model._seeds().order)
    if not data.holds_images:
        model._check_for_rows(data.X)
    dtype = check_choice("dtype", model.dtype or "float32", ("float32", "float64"))
    shape = data.X.shape[1:] if data.X.ndim != 3 else (*data.X.shape[1:], 1)
    Network(model._layers(shape, len(np.unique(data.y))), shape, np.dtype(dtype))


def _splits(n_splits: int, y: Array, seed: int) -> StratifiedKFold:
    labels, counts = np.unique(y, return_counts=True)
    check_integer("--cv", n_splits, 2)
    if n_splits > counts.min():
        rarest = f"the {counts.min()} samples of the rarest class, {labels[counts.argmin()]}"
        raise UsageError(f"--cv must be at most {rarest}, got {n_splits}")
    return StratifiedKFold(n_splits, shuffle=True, random_state=seed)


def _check_scoring(scoring: str) -> None:
    if scoring not in get_scorer_names():
        rule = "--scoring must name a scorer of scikit-learn, such as accuracy, f1_macro or neg_log_loss"
        raise UsageError(f"{rule}, got {scoring!r}{did_you_mean(scoring, get_scorer_names())}")


def _scorer(estimator: Any, scoring: str) -> Scorer:
    scorer: Scorer = check_scoring(estimator, scoring=scoring)
    return scorer
