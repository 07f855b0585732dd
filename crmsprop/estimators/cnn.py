"""The convolutional network."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from crmsprop.estimators.classifier import NetworkClassifierBase
from crmsprop.estimators.documentation import documented
from crmsprop.estimators.inputs import Shape
from crmsprop.estimators.regressor import NetworkRegressorBase
from crmsprop.estimators.stacks import convolution_layers, hidden_layers
from crmsprop.nn import Dense, Flatten, Layer


@dataclass(eq=False, repr=False)
class CNNStack:
    """Blocks of convolution, activation and max-pool, then dense layers with dropout.

    Parameters
    ----------
    filters : int or sequence of int, default=(32, 64)
        Filters of each convolution.
    kernel_size : int or pair of int, default=3
        Height and width of a filter.
    pool_size : int or pair of int, default=2
        Window of the max-pool behind each convolution; a pooling that would leave nothing is left out.
    padding : {"valid", "same"} or int, default="same"
        Of the convolutions, see Conv2D.
    dense_units : int or sequence of int, default=(128,)
        Units of each dense layer before the output.
    activation : {"relu", "identity", "tanh", "logistic"}, default="relu"
        After each convolution and dense layer.
    dropout : float, default=0.5
        Fraction of each dense layer that is dropped in training, in [0, 1).
    image_shape : tuple of int or None, default=None
        (height, width[, channels]) where X holds flat rows. None takes it from X, and a flat row for an image of 1 x n
        x 1, with a warning: rows of 8 x 8 pixels need ``image_shape=(8, 8)``.
    """

    _documents: ClassVar[str] = "stack"
    _takes_images = _rows_are_images = True

    filters: int | Sequence[int] = (32, 64)
    kernel_size: int | tuple[int, int] = 3
    pool_size: int | tuple[int, int] = 2
    padding: str | int | tuple[int, int] = "same"
    dense_units: int | Sequence[int] = (128,)
    activation: str = "relu"
    dropout: float = 0.5
    image_shape: Sequence[int] | None = None

    def _layers(self, input_shape: Shape, n_outputs: int) -> list[Layer]:
        return [
            *convolution_layers(
                self.filters, self.kernel_size, self.pool_size, self.padding, self.activation, input_shape
            ),
            Flatten(),
            *hidden_layers("dense_units", self.dense_units, self.activation, self.dropout),
            Dense(n_outputs),
        ]


@documented
@dataclass(eq=False, repr=False)
class CNNClassifier(CNNStack, NetworkClassifierBase):
    """A convolutional network for classes of images, trained with RMSprop.

    Blocks of convolution, activation and max-pool, then dense layers with dropout. Images are arrays of shape
    (n_samples, height, width, channels) or (n_samples, height, width), or flat rows with `image_shape`.

    Parameters
    ----------
    <stack parameters>
    <training parameters>
    <classifier parameters>

    Attributes
    ----------
    <classifier attributes>
    <training attributes>

    Notes
    -----
    <training notes>

    Examples
    --------
    >>> from crmsprop import CNNClassifier
    >>> from crmsprop.datasets import load_digits
    >>> (X, y), (X_test, y_test) = load_digits()
    >>> model = CNNClassifier(filters=(16,), max_epochs=5, random_state=0).fit(X, y)
    >>> bool(model.score(X_test, y_test) > 0.9)
    True

    RMSprop's rho by cross-validation:

    >>> from sklearn.model_selection import GridSearchCV
    >>> search = GridSearchCV(model, {"rho": [0.8, 0.9, 0.95, 0.99]}, cv=3).fit(X[:300], y[:300])
    >>> len(search.cv_results_["mean_test_score"])
    4
    >>> model = search.best_estimator_

    As many epochs as the validation loss goes on falling, and the weights of the best one:

    >>> model = CNNClassifier(learning_rate=0.01, max_epochs=100, early_stopping=True, patience=5, random_state=0)
    >>> model = model.fit(X[:300], y[:300])
    >>> model.n_epochs_ - model.best_epoch_
    5
    """


@documented
@dataclass(eq=False, repr=False)
class CNNRegressor(CNNStack, NetworkRegressorBase):
    """A convolutional network for numbers that images show, trained with RMSprop.

    Blocks of convolution, activation and max-pool, then dense layers with dropout. Images are arrays of shape
    (n_samples, height, width, channels) or (n_samples, height, width), or flat rows with `image_shape`. Networks learn
    numbers of the size of 1 best: wrap the regressor in scikit-learn's TransformedTargetRegressor where y is of another
    size.

    Parameters
    ----------
    <stack parameters>
    <training parameters>
    <regressor parameters>

    Attributes
    ----------
    <training attributes>

    Notes
    -----
    <training notes>

    Examples
    --------
    How much ink there is in a digit:

    >>> from crmsprop import CNNRegressor
    >>> from crmsprop.datasets import load_digits
    >>> (X, _), (X_test, _) = load_digits()
    >>> ink, ink_test = (images.mean(axis=(1, 2, 3)) / 50 for images in (X, X_test))
    >>> model = CNNRegressor(filters=(16,), dropout=0.0, max_epochs=5, random_state=0).fit(X, ink)
    >>> bool(model.score(X_test, ink_test) > 0.8)
    True
    """
