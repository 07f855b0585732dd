"""What can watch, steer and stop a training.

A callback is given to an estimator as one of its `callbacks`, and can serve many trainings, one after the other: each
begins afresh. What it has learnt is in its attributes that end in ``_``. A clone of the estimator has copies of them.
`Checkpoint` stores the state of a training with that of its callbacks, so that a training that is killed can go on.

No two trainings write to one file. In a search, each fit has a file of its own beside the path that was given, in any
process and on any machine: ``CSVLogger("log.csv")`` leaves ``log-1f0c52d3a9b86e47.csv`` and the like, and ``log.csv``
is that of the estimator itself. ``search.best_estimator_.callbacks[0].path_`` is the file of the fit that was chosen,
and ``cross_validate(..., return_estimator=True)`` gives the estimators of all folds. Callbacks that were made one by
one with the same path are refused while one of them is writing.
"""

from crmsprop.callbacks.checkpoint import Checkpoint
from crmsprop.callbacks.csv_logger import CSVLogger
from crmsprop.callbacks.early_stopping import EarlyStopping
from crmsprop.callbacks.epoch_printer import EpochPrinter
from crmsprop.callbacks.learning_rate_scheduler import LearningRateScheduler
from crmsprop.callbacks.model_checkpoint import ModelCheckpoint
from crmsprop.callbacks.progress_bar import ProgressBar
from crmsprop.callbacks.reduce_on_plateau import ReduceOnPlateau
from crmsprop.callbacks.time_limit import TimeLimit
from crmsprop.training import Callback

__all__ = [
    "CSVLogger",
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "EpochPrinter",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgressBar",
    "ReduceOnPlateau",
    "TimeLimit",
]
