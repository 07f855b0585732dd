"""What a job of joblib finds: its process, its share of the cores, the threads that OpenMP starts for it, its data."""

import hashlib
import multiprocessing
import os
import threading
from collections import namedtuple

import numpy as np
import threadpoolctl
from joblib import Parallel, delayed, parallel_config
from sklearn.model_selection import GridSearchCV

from crmsprop import CNNClassifier, MLPClassifier, NetworkClassifier, RMSprop, find_learning_rate, nn
from crmsprop.augment import Flip, Rotation
from crmsprop.callbacks import Callback
from crmsprop.kernels import effective_n_threads

Report = namedtuple("Report", "process all_cores planned started mapped writeable weights")

# A little more than the megabyte from which on joblib maps an array into the memory of its workers; and large enough
# for every product of a batch to be shared by threads.
X = np.random.default_rng(0).normal(size=(8192, 40)).astype(np.float32)
Y = np.arange(8192) % 3


class NotePlan(Callback):
    def on_train_begin(self, context):
        self.n_threads_ = context.plan.n_threads


def model(n_threads=None, **parameters):
    return MLPClassifier((300,), max_epochs=1, batch_size=1024, n_threads=n_threads, random_state=0, **parameters)


def started():
    """Threads that are not Python's: those of OpenMP, where the environment allows a BLAS no others."""
    return len(os.listdir("/proc/self/task")) - threading.active_count()


def report(X, n_threads=None):
    note = NotePlan()
    flat = model(n_threads, callbacks=[note]).fit(X, Y).network_.arena.flat
    weights = hashlib.sha256(flat.tobytes()).hexdigest()
    mapped = isinstance(X, np.memmap)
    return Report(
        os.getpid(), effective_n_threads(), note.n_threads_, started(), mapped, X.flags.writeable, weights
    )._asdict()


def reports(backend, n_threads=None):
    """Return what each of four jobs finds, two at a time."""
    with parallel_config(backend=backend, n_jobs=2):
        return Parallel()(delayed(report)(X, n_threads) for _ in range(4))


def spawned_report():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(report, (X,))


def limited_report():
    with threadpoolctl.threadpool_limits(1):
        return report(X)


def search_scores(n_jobs):
    search = GridSearchCV(model(), {"rho": [0.8, 0.9]}, cv=2, scoring="neg_log_loss", n_jobs=n_jobs, refit=False)
    return search.fit(X, Y).cv_results_["mean_test_score"].tolist()


LAYERS = [
    *(
        nn.Whitening2D(2),
        nn.GELU(),
        nn.Conv2D(16, 3),
        nn.BatchNorm(),
        nn.ReLU(),
        nn.MaxPool2D(2),
        nn.SpatialDropout2D(0.1),
    ),
    *(nn.DepthwiseConv2D(3), nn.AveragePool2D(2), nn.Flatten(), nn.Dense(200), nn.ReLU(), nn.Dropout(0.5)),
]
IMAGES = np.random.default_rng(1).integers(0, 256, (300, 20, 20, 3), np.uint8)
LABELS = np.arange(300) % 3


def despite_one_thread():
    """Return what starts threads though `n_threads` is 1, where it could use all cores."""
    one = {"n_threads": 1, "max_epochs": 1, "batch_size": 128}
    watched = {"validation_fraction": 0.3, "early_stopping": True, "scoring": "accuracy", "flip_predictions": True}
    cnn = CNNClassifier((16, 16), augmentation=Flip() + Rotation(15), **one, **watched)
    deep = NetworkClassifier(LAYERS, momentum=0.9, global_clip_norm=1.0, **one)
    arrays = [np.ones((1000, 1000), np.float32) for _ in range(2)]
    tasks = {
        "fit": lambda: (cnn.fit(IMAGES, LABELS), deep.fit(IMAGES, LABELS)),
        "predictions": lambda: [m.predict_proba(IMAGES) for m in (cnn, deep)],
        "evaluate": lambda: [m.evaluate(IMAGES, LABELS) for m in (cnn, deep)],
        "features": lambda: (cnn.transform(IMAGES), deep.features(IMAGES, 3)),
        "fine_tune": lambda: cnn.fine_tune(IMAGES, LABELS, unfreeze_after=0),
        "partial_fit": lambda: deep.partial_fit(IMAGES, LABELS),
        "find_learning_rate": lambda: find_learning_rate(deep, IMAGES, LABELS, steps=3),
        "augmentation": lambda: (Flip() + Rotation(15))(IMAGES, n_threads=1),
        "RMSprop": lambda: RMSprop(arrays[:1], clip_norm=1.0, n_threads=1).step(arrays[1:]),
    }
    found = []
    for name, run in tasks.items():
        before = started()
        run()
        found += [name] if started() > before else []
    return found


def everything():
    """Begins with what needs no thread of OpenMP beside Python's, and forks before there are any."""
    return {
        "despite one thread": despite_one_thread(),
        "forked": reports("multiprocessing"),
        "spawned": [spawned_report()],
        "alone, limited by threadpoolctl": [limited_report()],
        "threading": reports("threading"),
        "threading, three threads": reports("threading", n_threads=3),
        "loky": reports("loky"),
        "loky, scores": search_scores(2),
        "alone": [report(X)],
        "alone, three threads": [report(X, 3)],
        "alone, scores": search_scores(1),
    }
