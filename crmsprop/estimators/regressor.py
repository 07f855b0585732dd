"""What regressors add: numbers, and a choice of losses."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.sparse import issparse
from sklearn.base import RegressorMixin
from sklearn.utils import Tags

from crmsprop.errors import check_real
from crmsprop.estimators.inputs import Array
from crmsprop.estimators.losses import check_loss
from crmsprop.estimators.portable import PortableNetwork
from crmsprop.estimators.targets import numbers_of
from crmsprop.nn import AbsoluteError, BinaryCrossEntropy, Huber, Loss, PoissonDeviance, SquaredError
from crmsprop.training import Plan

LOSSES = ("squared_error", "absolute_error", "huber", "poisson")

#: What y can be: of one axis, or of two; and of either, where the outputs are logarithms of what it counts.
COLUMN, COLUMNS, COUNT, COUNTS = "column", "columns", "count", "counts"


@dataclass(eq=False, repr=False, kw_only=True)
class NetworkRegressorBase(RegressorMixin, PortableNetwork):  # type: ignore[misc]
    """Base of the regressors: an output for each column of y, and a loss of each output's error.

    Parameters
    ----------
    loss : {"squared_error", "absolute_error", "huber", "poisson"} or Loss, default="squared_error"
        The mean over outputs and samples of ``error**2``, of ``abs(error)``, of Huber's loss, which is ``error**2 / 2``
        up to `delta` and ``delta * (abs(error) - delta / 2)`` beyond, or of the Poisson deviance
        ``2 * (y * log(y / prediction) - y + prediction)``. All but Huber's are the metrics of those names in
        scikit-learn, without factors. "poisson" takes y of at least 0, and predicts the exponential of the output. Or a
        loss of your own, see `crmsprop.nn.Loss`.
    delta : float, default=1.0
        Where Huber's loss becomes linear, in (0, inf); in the units of y. The other losses have no use for it.
    """

    _documents: ClassVar[str] = "regressor"
    _y_is_numeric = True

    loss: str | Loss = "squared_error"
    delta: float = 1.0

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> "NetworkRegressorBase":
        """Train one epoch on a part of the data, going on from the parts before.

        The optimizer's state, the schedule and the history go on too, and with `ema` the weights that it averages; the
        schedule spans `max_epochs` calls, or as many as there are. After `fit` or `load` weights and history go on,
        while optimizer and schedule begin afresh.

        Parameters
        ----------
        X, y : array-like, as in `fit`
        sample_weight : array-like of shape (n_samples,) or None, default=None
            How much each sample counts, at least 0.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            As `fit`; and where `early_stopping` or a `Checkpoint` is set, which need a whole training.

        Warns
        -----
        UserWarning
            As `fit`, about the first part alone.
        """
        self._fit_part(X, y, sample_weight)
        return self

    def predict(self, X: Any) -> Array:
        """Return the numbers that the network expects.

        Parameters
        ----------
        X : array-like, as in `fit`

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            As y was in `fit`; float32 or float64, as the network computes.
        """
        outputs = self._outputs(X)
        if self._has_log_link() and not np.isfinite(outputs).all():
            self._refuse_outputs(outputs)
        return outputs.ravel() if self._is_column() else outputs

    def _target_kinds(self) -> tuple[str, str]:
        return (COUNT, COUNTS) if isinstance(self._chosen_loss(), PoissonDeviance) else (COLUMN, COLUMNS)

    def _plain_targets(self, y: Any) -> Any:
        return numbers_of(y)

    def _learn_targets(self, y: Array) -> None:
        self._target_kind = self._target_kinds()[y.ndim - 1]
        self._n_targets = 1 if y.ndim == 1 else y.shape[1]

    def _encode(self, y: Any, dtype: np.dtype[Any]) -> Array:
        if issparse(y) or np.asarray(y).dtype.kind not in "biuf":
            raise TypeError(f"y must be an array of numbers, got {getattr(y, 'dtype', type(y).__name__)!r:.100}")
        y = np.asarray(y)
        width = self._n_outputs()
        if (y.ndim == 1) != self._is_column() or y.ndim > 2 or (y.ndim == 2 and y.shape[1] != width):
            wanted = "(n_samples,)" if self._is_column() else f"(n_samples, {width})"
            raise ValueError(f"y must have shape {wanted}, as it had in fit, got {y.shape}")
        largest = np.abs(y).max(initial=0)
        if largest > np.finfo(dtype).max:
            raise ValueError(f"y must be finite in {dtype}, which the network computes in, got {largest}")
        if self._has_log_link() and (largest == 0 or y.min(initial=0) < 0):
            raise ValueError(f"y must be at least 0, and not always 0, where loss is 'poisson', got {y!r:.100}")
        if isinstance(self.loss, BinaryCrossEntropy) and not 0 <= y.min(initial=0) <= y.max(initial=0) <= 1:
            raise ValueError(f"y must be in [0, 1] where loss is {self.loss!r:.100}, got {y.min()} to {y.max()}")
        return np.ascontiguousarray(y.reshape(len(y), width), dtype)

    def _is_column(self) -> bool:
        return self._target_kind in (COLUMN, COUNT)

    def _has_log_link(self) -> bool:
        return self._target_kind in (COUNT, COUNTS)

    def _n_outputs(self) -> int:
        return self._n_targets

    def _chosen_loss(self) -> Loss:
        delta = check_real("delta", self.delta, "(0, inf)")
        if isinstance(self.loss, Loss):
            return self.loss
        losses: tuple[Loss, ...] = (SquaredError(), AbsoluteError(), Huber(delta), PoissonDeviance())
        return losses[LOSSES.index(check_loss(self.loss, LOSSES))]

    def _plan(self, seed: int) -> Plan:
        self._chosen_loss()
        return super()._plan(seed)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = self.loss == "poisson" or isinstance(self.loss, PoissonDeviance)
        return tags
