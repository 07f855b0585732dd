"""What a network makes of samples on the way: features for other estimators."""

from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from crmsprop import kernels
from crmsprop.errors import check_integer
from crmsprop.estimators.fitted import FittedNetwork
from crmsprop.estimators.inputs import Array, check_finite_in
from crmsprop.nn import Network


class HiddenFeatures(ClassNamePrefixFeaturesOutMixin, TransformerMixin, FittedNetwork):  # type: ignore[misc]
    """Base of the estimators, as transformers."""

    def transform(self, X: Any) -> Array:
        """Return the activations of the last hidden layer, so that the network can feed another estimator.

        Parameters
        ----------
        X : array-like, as in `fit`

        Returns
        -------
        ndarray of shape (n_samples, n_activations)
            What the output layer gets, images as rows; X itself, as the network sees it, where nothing is hidden.
        """
        check_is_fitted(self)
        if len(self.network_.layers) > 1:
            hidden = self.features(X, len(self.network_.layers) - 2)
            return hidden.reshape(len(hidden), -1)
        X, _ = self._check_data(X)
        check_finite_in(X, self.network_.dtype)
        data = self._data_set(X, np.zeros(0, np.int64))
        rows: Array = data.x.astype(self.network_.dtype)
        rows *= data.scale
        return rows

    def features(self, X: Any, layer: int) -> Array:
        """Return the activations of any layer, without dropout; `flip_predictions` does not count here.

        Parameters
        ----------
        X : array-like, as in `fit`
        layer : int
            Its number, as `summary` counts them: 0 is the first, -1 the output layer, whose logits these are then.

        Returns
        -------
        ndarray of shape (n_samples, *output_shape)
            Of the shape that `summary` names; float32 or float64, as the network computes.

        Raises
        ------
        TypeError, ValueError
            If there is no such layer.
        """
        check_is_fitted(self)
        n_layers = len(self.network_.layers)
        number = check_integer("layer", layer, -n_layers, n_layers - 1) % n_layers
        n_threads = kernels.effective_n_threads(self.n_threads)
        return self._activations(beginning(self.network_, number + 1), X, n_threads)

    @property
    def _n_features_out(self) -> int:
        """How many columns `transform` gives."""
        network = self.network_
        shape = network.shapes[-2] if len(network.layers) > 1 else network.input_shape
        return int(np.prod(shape))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"] if self.dtype is None else []
        return tags


def beginning(network: Network, n_layers: int) -> Network:
    """Return the first layers of a network as one, with a copy of their parameters."""
    first = Network(network.layers[:n_layers], network.input_shape, network.dtype, network.fused)
    for name, view in first.arena.views.items():
        view[...] = network.arena.views[name]
    return first
