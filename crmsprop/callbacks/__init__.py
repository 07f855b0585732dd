"""What can watch, steer and stop a training.

A callback is given to an estimator as one of its `callbacks`, and can serve many trainings, one after the other: each
begins afresh. What it has learnt is in its attributes that end in ``_``. A clone of the estimator has copies of them.
`Checkpoint` stores the state of a training with that of its callbacks, so that a training that is killed can go on.
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
