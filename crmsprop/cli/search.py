"""The fits of a search, here or on a cluster: each outcome is taken as soon as it is there."""

import itertools
import math
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from typing import Any

from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold

from crmsprop.cli.progress import duration, progress, say
from crmsprop.cli.study import Array, Scorer, Study
from crmsprop.cli.trials import Outcome, Trial, survivors
from crmsprop.errors import DivergenceError


def search(study: Study, n_jobs: int, quiet: bool) -> None:
    """Fit every candidate on every split, and put the outcomes into the trials of the study.

    A fit that diverges has no score. Whatever ends the search before its time, the outcomes until then are there.

    Parameters
    ----------
    study : Study
        Before its first fit.
    n_jobs : int
        Fits at a time; -1 for as many as there are workers in the cluster.
    quiet : bool
        Whether to show nothing; else a bar with the time left, and a line for each candidate that is done.

    Raises
    ------
    MemoryError
        If the system has killed a process.
    Exception
        What a fit raises, with a note that says which one it was.
    """
    n_trials, work = study.plan()
    with progress(work, "epoch", quiet) as advance:
        began, done, n_done = time.perf_counter(), 0, 0
        for trial in _finished_fits(study, n_jobs):
            advance(trial.epochs)
            done += trial.epochs
            if trial.is_complete:
                n_done += 1
                left = (time.perf_counter() - began) * (work - done) / done
                say(f"{n_done:>{len(str(n_trials))}}/{n_trials}  {_told(trial)}, about {duration(left)} left", quiet)


def _told(trial: Trial) -> str:
    result = f"no score: {trial.problem}" if trial.problem else f"{trial.mean:.4f} +- {trial.std:.4f}"
    return f"{trial}, {trial.length}: {result}"


def _finished_fits(study: Study, n_jobs: int) -> Iterator[Trial]:
    """Yield the trial of each fit that is over; the candidates of a rung are chosen when the one before is over."""
    rung = list(study.trials)
    try:
        with Parallel(n_jobs, return_as="generator_unordered", batch_size=1) as parallel:
            _start_workers(parallel, n_jobs)
            yield from _fits_of(rung, study, parallel)
            for epochs in study.epochs[1:]:
                rung = survivors(rung, epochs)
                study.trials.extend(rung)
                yield from _fits_of(rung, study, parallel)
    except BrokenProcessPool as error:
        raise MemoryError("a process of the search was killed: if memory was short, give fewer --jobs") from error


def _start_workers(parallel: Any, n_jobs: int) -> None:
    """Start the processes while SIGINT is ignored, which they inherit.

    A terminal sends it to all processes of the program: what becomes of the fits is for this one to say.
    """
    if n_jobs > 1 and threading.current_thread() is threading.main_thread():
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            list(parallel(delayed(abs)(0) for _ in range(n_jobs)))
        finally:
            signal.signal(signal.SIGINT, before)


def _fits_of(rung: Sequence[Trial], study: Study, parallel: Any) -> Iterator[Trial]:
    pairs = itertools.product(range(len(rung)), range(study.splits.get_n_splits()))
    # The splits are made where they are needed: an index array is one thing more that a cluster could lose.
    tasks = (
        delayed(_fit)((i, split), str(rung[i]), _estimator(study, rung[i]), study.splits, study.scorer, **study.fit)
        for i, split in pairs
    )
    with closing(parallel(tasks)) as outcomes:
        for (i, split), outcome in outcomes:
            rung[i].outcomes[split] = outcome
            yield rung[i]


def _estimator(study: Study, trial: Trial) -> Any:
    return clone(study.estimator).set_params(**trial.values())


def _fit(
    place: tuple[int, int], name: str, estimator: Any, splits: StratifiedKFold, scorer: Scorer, **fit: Any
) -> tuple[tuple[int, int], Outcome]:
    """Return the outcome of a candidate's fit on a split, and its place; in whatever process joblib chooses."""
    try:
        return place, _outcome(place[1], estimator, splits, scorer, **fit)
    except Exception as error:
        error.add_note(f"in the fit of {name}")
        raise


def _outcome(
    split: int, estimator: Any, splits: StratifiedKFold, scorer: Scorer, X: Array, y: Array, **more: Any
) -> Outcome:
    train, test = list(splits.split(X, y))[split]
    began = time.perf_counter()
    try:
        estimator.fit(X[train], y[train], **more)
    except DivergenceError as error:
        return Outcome(math.nan, time.perf_counter() - began, str(error).partition(";")[0])
    seconds = time.perf_counter() - began
    score = float(scorer(estimator, X[test], y[test]))
    if not math.isfinite(score):
        return Outcome(math.nan, seconds, f"it is {score}")
    return Outcome(score, seconds, best_epoch=estimator.best_epoch_ if estimator.early_stopping else None)
