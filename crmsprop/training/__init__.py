"""The one training loop, the batches it takes, the history it leaves, the hooks that it calls, and its whole state."""

from crmsprop.training.averages import Averages, Paused
from crmsprop.training.batches import Batch, Batches, DataSet
from crmsprop.training.callback import Callback
from crmsprop.training.context import Plan, Training
from crmsprop.training.evaluation import EVALUATION_BATCH, Evaluator
from crmsprop.training.history import COLUMNS, History, new_history
from crmsprop.training.identity import described
from crmsprop.training.loop import train
from crmsprop.training.prediction import predict
from crmsprop.training.state import SavedState, check_state, check_weights, state_of

__all__ = [
    "COLUMNS",
    "EVALUATION_BATCH",
    "Averages",
    "Batch",
    "Batches",
    "Callback",
    "DataSet",
    "Evaluator",
    "History",
    "Paused",
    "Plan",
    "SavedState",
    "Training",
    "check_state",
    "check_weights",
    "described",
    "new_history",
    "predict",
    "state_of",
    "train",
]
