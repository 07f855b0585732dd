"""The multi-layer perceptron."""

from collections.abc import Sequence
from dataclasses import dataclass

from crmsprop.estimators.classifier import NetworkClassifierBase
from crmsprop.estimators.inputs import Shape
from crmsprop.estimators.parameters import documented
from crmsprop.estimators.stacks import hidden_layers
from crmsprop.nn import Dense, Flatten, Layer


@documented
@dataclass(eq=False, repr=False)
class MLPClassifier(NetworkClassifierBase):
    """A multi-layer perceptron for classes, trained with RMSprop.

    Parameters
    ----------
    hidden_layer_sizes : sequence of int, default=(100,)
        Units of each hidden layer; an empty one makes a linear classifier.
    activation : {"relu", "identity"}, default="relu"
        After each hidden layer.
    dropout : float, default=0.0
        Fraction of each hidden layer that is dropped in training, in [0, 1).
    image_shape : tuple of int or None, default=None
        (height, width[, channels]) of images; uint8 images are then scaled by 1/255. None for plain rows.
    <training parameters>
    label_smoothing : float, default=0.0
        Share of each label that is spread over all classes, in [0, 1): the loss, that of validation too, is the
        cross-entropy for ``(1 - label_smoothing) * one_hot(label) + label_smoothing / n_classes``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    <fitted attributes>

    Examples
    --------
    >>> from crmsprop import MLPClassifier
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), MLPClassifier((32,), max_epochs=100, random_state=0)).fit(X, y)
    >>> bool(model.score(X, y) > 0.9)
    True
    """

    hidden_layer_sizes: Sequence[int] = (100,)
    activation: str = "relu"
    dropout: float = 0.0
    image_shape: Sequence[int] | None = None

    def _layers(self, input_shape: Shape, n_outputs: int) -> list[Layer]:
        flatten = [] if len(input_shape) == 1 else [Flatten()]
        return [
            *flatten,
            *hidden_layers("hidden_layer_sizes", self.hidden_layer_sizes, self.activation, self.dropout),
            Dense(n_outputs),
        ]
