"""The multi-layer perceptron."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from crmsprop.estimators.classifier import NetworkClassifierBase
from crmsprop.estimators.documentation import documented
from crmsprop.estimators.inputs import Shape
from crmsprop.estimators.regressor import NetworkRegressorBase
from crmsprop.estimators.stacks import hidden_layers
from crmsprop.nn import Dense, Flatten, Layer


@dataclass(eq=False, repr=False)
class MLPStack:
    """Dense layers.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(100,)
        Units of each hidden layer; an empty sequence makes a linear model.
    activation : {"relu", "identity", "tanh", "logistic"}, default="relu"
        After each hidden layer.
    dropout : float, default=0.0
        Fraction of each hidden layer that is dropped in training, in [0, 1).
    image_shape : tuple of int or None, default=None
        (height, width[, channels]) of images; uint8 images are then scaled by 1/255. None for plain rows.
    """

    _documents: ClassVar[str] = "stack"

    hidden_layer_sizes: int | Sequence[int] = (100,)
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


@documented
@dataclass(eq=False, repr=False)
class MLPClassifier(MLPStack, NetworkClassifierBase):
    """A multi-layer perceptron for classes, trained with RMSprop.

    Where y has several columns of 0 and 1, its labels do not exclude each other: each has a probability of its own.

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
    >>> from crmsprop import MLPClassifier
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), MLPClassifier((32,), max_epochs=100, random_state=0)).fit(X, y)
    >>> bool(model.score(X, y) > 0.9)
    True

    A search whose fits stop early holds some samples out in each of them. The best number of epochs is then known, and
    the chosen estimator can be trained on all samples:

    >>> from sklearn.base import clone
    >>> from sklearn.model_selection import GridSearchCV
    >>> stopping = MLPClassifier((32,), early_stopping=True, max_epochs=200, random_state=0)
    >>> search = GridSearchCV(stopping, {"rho": [0.9, 0.99], "learning_rate": [1e-3, 1e-2]}, cv=3).fit(X, y)
    >>> best = search.best_estimator_
    >>> final = clone(best).set_params(early_stopping=False, max_epochs=best.best_epoch_).fit(X, y)
    >>> final.n_epochs_ == best.best_epoch_ <= best.n_epochs_
    True
    """


@documented
@dataclass(eq=False, repr=False)
class MLPRegressor(MLPStack, NetworkRegressorBase):
    """A multi-layer perceptron for numbers, trained with RMSprop.

    The output is a number for each column of y. Networks learn numbers of the size of 1 best: wrap the regressor in
    scikit-learn's TransformedTargetRegressor where y is of another size.

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
    >>> from crmsprop import MLPRegressor
    >>> from sklearn.compose import TransformedTargetRegressor
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), MLPRegressor((32,), random_state=0))
    >>> model = TransformedTargetRegressor(model, transformer=StandardScaler()).fit(X, y)
    >>> bool(model.score(X, y) > 0.5)
    True
    """
