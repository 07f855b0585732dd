"""The network behind what the user hands over: itself, or at the end of pipelines and searches."""

from typing import Any

from sklearn.utils.validation import check_is_fitted


def last_step(estimator: Any) -> Any:
    """Return the fitted estimator at the end of a pipeline or a search; NotFittedError if it is not fitted."""
    check_is_fitted(estimator)
    estimator = getattr(estimator, "best_estimator_", estimator)
    return getattr(estimator, "_final_estimator", estimator)
