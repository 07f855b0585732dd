"""Kills trainings with SIGKILL, lets them go on, and compares what they leave with a training that was not killed.

Each run is a training in a process of its own. It is killed one to three times: at a random moment, from outside; or
by itself, in the middle of the write of a checkpoint. Then it goes on to its end. Every byte that it leaves must be
that of the reference, which was never killed: parameters, running means, optimizer, counters, callbacks, files, and the
history but for its times. Most processes are forked, where the kernels have one thread; every tenth run uses new
interpreters, with two threads.
"""

import functools
import hashlib
import io
import json
import os
import random
import signal
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from child_process import INSTALLED, TESTS

from crmsprop import NetworkClassifier
from crmsprop.callbacks import Callback, Checkpoint, CSVLogger, ModelCheckpoint, ReduceOnPlateau, checkpoint
from crmsprop.files import temporary
from crmsprop.nn import BatchNorm, Conv2D, Dense, Dropout, Flatten, MaxPool2D, ReLU

#: Where in a write a process can kill itself; the last is behind it, in front of the next step.
STAGES = ("at a random byte", "half-way", "before the flush", "before the rename", "behind it")
RESULT = "result.json"
FILES = ["best.crms", "log.csv", RESULT, "training.crms"]

# ---- the training


def problem(kind):
    """Samples, labels and layers: rows of float64, or images of uint8."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 110)
    if kind == "rows":
        return rng.normal(size=(110, 5)) + y[:, None], y, [Dense(16), BatchNorm(), ReLU(), Dropout(0.3)]
    images = (rng.integers(0, 120, (110, 6, 6, 2)) + 60 * y[:, None, None, None]).astype(np.uint8)
    return images, y, [Conv2D(4, 3), BatchNorm(), ReLU(), MaxPool2D(2), Flatten(), Dropout(0.2), Dense(8), ReLU()]


class Witness(Callback):
    """Notes all that a training leaves in memory, at its end."""

    def on_train_end(self, context):
        optimizer = context.optimizer
        arrays = {"weights": context.network.arena.flat, "good": context.good, **optimizer.state_dict()}
        self.left = {
            "arrays": {name: hashlib.sha256(np.asarray(array).tobytes()).hexdigest() for name, array in arrays.items()},
            "rate": optimizer.learning_rate,
            "counters": [context.epoch, context.step, context.stopped],
            "history": {name: values for name, values in context.history.items() if name != "seconds"},
        }


def train(folder, kind, n_threads):
    """Train in a folder, going on from what is there, and leave a file that says how it ended."""
    X, y, layers = problem(kind)
    plateau, witness = ReduceOnPlateau("loss", 0.5, 2, min_delta=0.1, cooldown=1), Witness()
    files = [CSVLogger(folder / "log.csv"), ModelCheckpoint(folder / "best.crms", "val_loss")]
    saves = Checkpoint(folder / "training.crms", every_steps=3, resume=True)
    model = NetworkClassifier(
        layers, max_epochs=12, batch_size=16, learning_rate=0.01, momentum=0.5, early_stopping=True, patience=4,
        validation_fraction=0.2, random_state=1, n_threads=n_threads, callbacks=[plateau, *files, saves, witness],
    ).fit(X, y)  # fmt: skip
    left = {
        **witness.left,
        "best epoch": model.best_epoch_,
        "plateau": [plateau.best_, plateau.wait_, plateau.reduced_epochs_],
        "best file": hashlib.sha256((folder / "best.crms").read_bytes()).hexdigest(),
        "log": [line.rpartition(",")[0] for line in (folder / "log.csv").read_text().splitlines()],
    }
    (folder / RESULT).write_text(json.dumps(left))


# ---- a process that kills itself in a write


def kill_in_write(number, stage):
    """Make this process kill itself in its `number`-th write of a checkpoint, counted from 1."""
    write, fsync, replace, count = checkpoint.write_container, os.fsync, os.replace, [0]

    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    class Torn(io.BufferedWriter):
        def write(self, chunk):
            if len(chunk) > 1 and stage in STAGES[:2]:
                size = random.randrange(len(chunk)) if stage == STAGES[0] else len(chunk) // 2
                super().write(memoryview(chunk)[:size])
                self.flush()
                die()
            return super().write(chunk)

    def counted(*arguments):
        count[0] += 1
        if count[0] == number:
            temporary.open = lambda name, mode, opener: Torn(io.FileIO(name, mode.strip("b"), opener=opener))
            os.fsync = lambda descriptor: die() if stage == STAGES[2] else fsync(descriptor)
            os.replace = lambda old, new: die() if stage == STAGES[3] else replace(old, new)
        write(*arguments)
        if count[0] == number:
            die()

    checkpoint.write_container = counted


# ---- processes


def forked(folder, kind, plan):
    """Start a training in a fork of this process; returns the number of its process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: a fork among threads, which need nothing
        pid = os.fork()
    if pid:
        return pid
    try:
        random.seed(str(plan))
        if plan["where"] == "write":
            kill_in_write(plan["number"], plan["stage"])
        train(folder, kind, 1)
        os._exit(0)
    except BaseException as error:
        (folder / "error.txt").write_text(repr(error))
    finally:
        os._exit(1)


def started(folder, kind, plan):
    """Start a training in a new interpreter, with two threads; returns the number of its process."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(INSTALLED), str(TESTS)]), "OMP_NUM_THREADS": "2"}
    command = [sys.executable, "-P", "-m", "reliability.kill", str(folder), kind, json.dumps(plan)]
    return os.posix_spawn(sys.executable, command, environment)


def ended(pid, seconds):
    """Wait for a process, and kill it after some seconds; returns how it ended."""
    deadline = time.monotonic() + seconds
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        time.sleep(0.0005)


# ---- runs


@dataclass
class Report:
    """What many runs came to."""

    runs: int = 0
    kills: int = 0
    in_write: int = 0
    stages: dict = field(default_factory=lambda: dict.fromkeys(STAGES, 0))
    unlike: list = field(default_factory=list)
    seconds: float = 0.0

    def __str__(self):
        stages = ", ".join(f"{count} {stage}" for stage, count in self.stages.items())
        return (
            f"{self.runs} runs, each killed; {self.kills} kills, {self.in_write} of them inside the write "
            f"of a checkpoint; by the process itself {stages}; {len(self.unlike)} runs unlike the reference; "
            f"{self.seconds:.0f} s"
        )


@functools.cache
def reference(kind):
    """What a training leaves that is never killed, and the seconds that it takes."""
    with tempfile.TemporaryDirectory() as name:
        start = time.monotonic()
        assert ended(forked(Path(name), kind, {"where": "nowhere"}), 60) == 0
        return (Path(name) / RESULT).read_text(), time.monotonic() - start


def a_plan(rng, duration, inside):
    """Where the next process of a run is to be killed; `inside` for surely in the middle of a write."""
    if inside or rng.random() < 0.5:
        return {"where": "write", "number": rng.randint(1, 8), "stage": rng.choice(STAGES[:-1] if inside else STAGES)}
    return {"where": "outside", "after": rng.uniform(0, 0.9 * duration)}


def run_killed(folder, kind, rng, fresh, inside, report):
    """Kill a training one to three times, let it go on to its end, and say whether that is the reference's."""
    start, (expected, duration) = started if fresh else forked, reference(kind)
    for number in range(rng.randint(1, 3)):
        plan = a_plan(rng, duration, inside and number == 0)
        wait = plan.get("after", 60) + (fresh and 1.0)  # a new interpreter takes about a second to begin
        status = ended(start(folder, kind, plan), wait)
        assert status in (0, -signal.SIGKILL), f"a training failed: {plan}"
        if status:
            report.kills += 1
            torn = any(item.name.startswith(prefix(folder)) for item in folder.iterdir())
            report.in_write += torn
            if plan["where"] == "write":
                report.stages[plan["stage"]] += 1
    assert ended(start(folder, kind, {"where": "nowhere"}), 60) == 0, "a training that goes on failed"
    return (folder / RESULT).read_text() == expected and sorted(os.listdir(folder)) == FILES


def prefix(folder):
    """What the temporary files of the checkpoint begin with."""
    return os.path.basename(temporary._prefix(str(folder / "training.crms")))


def kill(runs, seed=0, fresh_every=10):
    """Return the report of so many runs."""
    report, rng, start = Report(), random.Random(seed), time.monotonic()
    for number in range(runs):
        fresh = bool(fresh_every) and number % fresh_every == fresh_every - 1
        same, before = True, report.kills
        while same and report.kills == before:  # a training may be over before it was to be killed
            with tempfile.TemporaryDirectory() as name:
                # The first kill of two runs in three is inside a write: a fifth of all at least, whatever chance does.
                same = run_killed(Path(name), ("rows", "images")[number % 2], rng, fresh, number % 3 < 2, report)
        report.runs += 1
        report.unlike += [] if same else [number]
    report.seconds = time.monotonic() - start
    return report


# ---- the command


def add_parser(subparsers):
    parser = subparsers.add_parser("kill", help="SIGKILL strikes trainings, which go on", description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.set_defaults(run=run)


def run(options):
    report = kill(options.runs, options.seed)
    print(report)
    return int(bool(report.unlike) or report.in_write < report.kills / 5)


def train_as_told(folder, kind, plan):
    """What a new interpreter does: a training of a run, with two threads."""
    plan = json.loads(plan)
    if plan["where"] == "write":
        kill_in_write(plan["number"], plan["stage"])
    train(Path(folder), kind, 2)


if __name__ == "__main__":
    train_as_told(*sys.argv[1:])
