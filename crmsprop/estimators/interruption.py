"""What Ctrl-C means for a fit: its end; or, where the fit is one of many, the end of all of them."""

import sys

from crmsprop.errors import TrainingInterruptedWarning, warn_user
from crmsprop.training import Training

#: Callers that fit one estimator after the other: who interrupts them does not mean the one that is being fitted. The
#: stack says so alone: what they fit are clones, and so may be what a user fits.
_LOOPS = (
    *("sklearn.model_selection.", "sklearn.ensemble.", "sklearn.feature_selection.", "sklearn.semi_supervised."),
    *("sklearn.multiclass", "sklearn.multioutput", "sklearn.calibration", "sklearn.impute."),
    *("joblib.", "crmsprop.estimators.finder"),
)


def raise_in_a_loop(training: Training) -> None:
    """Raise KeyboardInterrupt if Ctrl-C ended a fit of a search, a cross-validation or a learning-rate finder."""
    if training.interrupted and _is_one_of_many():
        raise KeyboardInterrupt


def warn_of_interruption(training: Training) -> None:
    """If Ctrl-C ended the training, say which weights the estimator has."""
    if not training.interrupted:
        return
    done, planned = len(training.history["epoch"]), training.plan.max_epochs
    kept = f"the end of epoch {done}" if done else "its last step"
    message = f"interrupted after {done} of {planned} epochs: the estimator has the weights of {kept}"
    warn_user(message, TrainingInterruptedWarning)


def _is_one_of_many() -> bool:
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        if str(frame.f_globals.get("__name__", "")).startswith(_LOOPS):
            return True
    return False
