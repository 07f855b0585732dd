"""What can watch, steer and stop a training."""

from crmsprop.callbacks.early_stopping import EarlyStopping
from crmsprop.callbacks.epoch_printer import EpochPrinter
from crmsprop.callbacks.progress_bar import ProgressBar
from crmsprop.training import Callback

__all__ = ["Callback", "EarlyStopping", "EpochPrinter", "ProgressBar"]
