"""What came of the candidates of a search, split by split, as far as it is there; and which of them go on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from crmsprop.cli.grid import Candidate, in_words, values_of

#: One in so many candidates goes on where some are left behind, and gets so many times the epochs.
FACTOR = 3


@dataclass(frozen=True)
class Outcome:
    """What came of one fit.

    Attributes
    ----------
    score : float
        On the samples that it was not trained on; NaN where there is none.
    seconds : float
        Of the training.
    problem : str
        Why there is no score.
    best_epoch : int or None
        Where the training could stop early, the epoch that was the best one.
    """

    score: float
    seconds: float
    problem: str = ""
    best_epoch: int | None = None


@dataclass
class Trial:
    """A candidate, and the outcome of its fits.

    Attributes
    ----------
    candidate : dict of Value
    n_splits : int
    epochs : int
        That each fit trains at most, unless the candidate says otherwise.
    rung : int
        How many times some candidates were left behind before.
    outcomes : dict of int to Outcome
        By split.
    """

    candidate: Candidate
    n_splits: int
    epochs: int
    rung: int = 0
    outcomes: dict[int, Outcome] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if "max_epochs" in self.candidate:
            self.epochs = self.candidate["max_epochs"].value

    @property
    def is_complete(self) -> bool:
        """Whether all of its fits are over."""
        return len(self.outcomes) == self.n_splits

    @property
    def scores(self) -> list[float]:
        """The score on each split, NaN where there is none."""
        return [self.outcomes[i].score if i in self.outcomes else math.nan for i in range(self.n_splits)]

    @property
    def mean(self) -> float:
        """The mean of the scores; NaN where one is missing."""
        return float(np.mean(self.scores))

    @property
    def std(self) -> float:
        """The standard deviation of the scores; NaN where one is missing."""
        return float(np.std(self.scores))

    @property
    def seconds(self) -> float:
        """The mean duration of the trainings that are over."""
        return float(np.mean([outcome.seconds for outcome in self.outcomes.values()])) if self.outcomes else math.nan

    @property
    def problem(self) -> str:
        """Why there is no mean."""
        return next((outcome.problem for outcome in self.outcomes.values() if outcome.problem), "")

    @property
    def length(self) -> str:
        """How long the fits are, in words, and, where they stop early, which epochs were the best."""
        best = [outcome.best_epoch for outcome in self.outcomes.values() if outcome.best_epoch is not None]
        if not best:
            return f"{self.epochs} epoch{'' if self.epochs == 1 else 's'}"
        low, high = min(best), max(best)
        return f"best epoch {low if low == high else f'{low} to {high}'} of at most {self.epochs}"

    def values(self) -> dict[str, Any]:
        """Return what the estimator is to be told."""
        return {**values_of(self.candidate), "max_epochs": self.epochs}

    def __str__(self) -> str:
        return in_words(self.candidate)


def ranked(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials, the best first: of the last rung, then by their means; those without a mean last."""
    return sorted(trials, key=lambda trial: (-trial.rung, math.isnan(trial.mean), -trial.mean))


def halving_epochs(n_candidates: int, max_epochs: int) -> list[int]:
    """Return the epochs of each rung of a successive halving, as HalvingGridSearchCV has them for ``max_epochs``.

    Each rung has a third of the candidates of the one before, and three times the epochs, the last one as many of
    `max_epochs` as three divides evenly; with few epochs there are fewer rungs.

    References
    ----------
    Jamieson, Talwalkar: Non-stochastic best arm identification and hyperparameter optimization, 2016.
    """
    wanted = 1 + math.floor(math.log(n_candidates, FACTOR))
    first = max(1, max_epochs // FACTOR ** (wanted - 1))
    possible = 1 + math.floor(math.log(max_epochs // first, FACTOR))
    return [first * FACTOR**rung for rung in range(min(wanted, possible))]


def survivors(trials: Sequence[Trial], epochs: int) -> list[Trial]:
    """Return new trials for the best third of those of a rung, rounded up, in their order."""
    best = ranked(trials)[: math.ceil(len(trials) / FACTOR)]
    chosen = [trial for trial in trials if any(trial is one for one in best)]
    return [Trial(trial.candidate, trial.n_splits, epochs, trial.rung + 1) for trial in chosen]
