"""The one training loop, the batches it takes, the history it leaves, and the hooks that it calls."""

from crmsprop.training.batches import Batch, Batches, DataSet
from crmsprop.training.callback import Callback
from crmsprop.training.evaluation import EVALUATION_BATCH, Evaluator
from crmsprop.training.history import COLUMNS, History, new_history
from crmsprop.training.loop import Plan, Training, train
from crmsprop.training.prediction import predict

__all__ = [
    "COLUMNS",
    "EVALUATION_BATCH",
    "Batch",
    "Batches",
    "Callback",
    "DataSet",
    "Evaluator",
    "History",
    "Plan",
    "Training",
    "new_history",
    "predict",
    "train",
]
