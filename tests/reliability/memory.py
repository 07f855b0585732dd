"""Watches the resident memory of this process while it does the same thing over and over.

Fits of a new model of each kind, with callbacks, validation and predictions; fits that fail; one training of many
steps; steps of the optimizer alone; predictions for any number of samples; Python threads that come, predict with two
threads of OpenMP each and go; and a model that is saved and loaded. From the tenth fit on, and from the 500th step,
memory may grow by 5 MB at most. The garbage collector is left to itself.
"""

import contextlib
import os
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import crmsprop
from crmsprop import RMSprop
from crmsprop.callbacks import Callback, Checkpoint, CSVLogger, ModelCheckpoint
from reliability.models import KINDS, trained

#: What is allowed, in bytes.
LIMIT = 5e6
#: Fits before memory counts.
BEGUN = 10


def resident():
    """Bytes of this process that are in memory (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# ---- what is done over and over: each is given a function to call after each repetition


def fits(times, note):
    for _ in range(times):
        for kind in KINDS:
            with tempfile.TemporaryDirectory() as folder:
                writers = [CSVLogger(f"{folder}/log.csv"), ModelCheckpoint(f"{folder}/best.crms", "loss")]
                writers.append(Checkpoint(f"{folder}/training.crms", every_steps=2))
                model, X, y = trained(kind, 2, callbacks=writers, validation_fraction=0.2)
                model.predict(X)
                model.evaluate(X, y)
        note()


def failing_fits(times, note):
    class Fails(Callback):
        def on_batch_end(self, context):
            if context.step == 2:
                raise RuntimeError("on purpose")

    for _ in range(times):
        for kind in KINDS:
            with contextlib.suppress(RuntimeError):
                trained(kind, 2, callbacks=[Fails()])
        note()


def steps(times, note):
    """One training, of so many steps, with dropout, augmentation, weights and a last batch that is smaller."""

    class Notes(Callback):
        def on_batch_end(self, context):
            note()

    model, X, y = KINDS["images"]()
    model.set_params(n_threads=2, batch_size=25, early_stopping=False, max_epochs=-(-times // 4), callbacks=[Notes()])
    model.set_params(random_state=0, learning_rate=1e-5)
    model.fit(X, y, np.linspace(0.5, 2, len(X)))


def optimizer_steps(times, note):
    params = [np.ones(size) for size in (1, 1000, 100_000)]
    grads = [np.ones_like(param) for param in params]
    optimizer = RMSprop(params, 1e-6, momentum=0.5, centered=True, global_clip_norm=1.0, ema=0.99, n_threads=2)
    for _ in range(times):
        optimizer.step(grads)
        note()


def predictions(times, note):
    models = [trained(kind, 2)[:2] for kind in KINDS]
    for number in range(times):
        for model, X in models:
            model.predict(X[: 1 + number % len(X)])
        note()


def threads(times, note):
    model, X, _ = trained("images", 2)
    for _ in range(times):
        thread = threading.Thread(target=model.predict, args=(X,))
        thread.start()
        thread.join()
        note()


def files(times, note):
    model, X, _ = trained("layers", 2)
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(times):
            model.save(f"{folder}/model.crms")
            crmsprop.load(f"{folder}/model.crms").predict(X[:3])
            note()


#: What is done, and how often for each fit that is asked for.
TASKS = {
    "fits": (fits, 1),
    "fits that fail": (failing_fits, 1),
    "steps of a training": (steps, 50),
    "steps of the optimizer": (optimizer_steps, 50),
    "predictions": (predictions, 50),
    "threads": (threads, 5),
    "files": (files, 1),
}

# ---- the report


@dataclass
class Watch:
    """The level of memory after each repetition; those up to `begun` do not count."""

    times: int
    begun: int
    levels: list = field(default_factory=list)

    def note(self):
        self.levels.append(resident())

    @property
    def growth(self):
        """Bytes by which memory has been above its level when it began to count."""
        counted = self.levels[self.begun - 1 :]
        return max(counted) - counted[0]


@dataclass
class Report:
    """What many repetitions came to: by task, how often, and the growth in bytes."""

    tasks: dict = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def grown(self):
        return [name for name, (_, growth) in self.tasks.items() if growth > LIMIT]

    def __str__(self):
        lines = [f"{times} {name}: {growth / 1e6:.1f} MB" for name, (times, growth) in self.tasks.items()]
        return "\n".join([*lines, f"{self.seconds:.0f} s"])


def memory(n_fits, tasks=TASKS):
    """Return the report of so many fits, and of what goes with them."""
    report, start = Report(), time.monotonic()
    for name, (task, often) in tasks.items():
        watch = Watch(n_fits * often, BEGUN * often)
        task(watch.times, watch.note)
        report.tasks[name] = watch.times, watch.growth
    report.seconds = time.monotonic() - start
    return report


# ---- the command


def add_parser(subparsers):
    parser = subparsers.add_parser("memory", help="memory that does not grow", description=__doc__)
    parser.add_argument("--fits", type=int, default=200, help="and 50 steps for each of them")
    parser.set_defaults(run=run)


def run(options):
    report = memory(options.fits)
    print(report)
    return int(bool(report.grown))
