"""A network of any layers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from crmsprop.estimators.classifier import NetworkClassifierBase
from crmsprop.estimators.documentation import documented
from crmsprop.estimators.inputs import Shape
from crmsprop.estimators.regressor import NetworkRegressorBase
from crmsprop.estimators.stacks import with_output
from crmsprop.nn import Layer


@dataclass(eq=False, repr=False)
class AnyStack:
    """The layers that the user names.

    Parameters
    ----------
    layers : sequence of Layer, default=()
        The hidden layers, from the input on, see crmsprop.nn; none makes a linear model.
    image_shape : tuple of int or None, default=None
        (height, width[, channels]) where X holds flat rows of images; None takes arrays of shape (n_samples, height,
        width[, channels]) for images and flat rows for plain numbers. uint8 images are scaled by 1/255.
    """

    _documents: ClassVar[str] = "stack"
    _takes_images = True

    layers: Sequence[Layer] = ()
    image_shape: Sequence[int] | None = None

    def _layers(self, input_shape: Shape, n_outputs: int) -> list[Layer]:
        return with_output(self.layers, input_shape, n_outputs)


@documented
@dataclass(eq=False, repr=False)
class NetworkClassifier(AnyStack, NetworkClassifierBase):
    """Any stack of layers for classes, trained with RMSprop.

    The output layer and its softmax are added: a Dense layer with one unit a class, behind a Flatten where the stack
    ends in images. Where y has several columns of 0 and 1, each label has a sigmoid of its own.

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
    >>> from crmsprop import NetworkClassifier
    >>> from crmsprop.datasets import load_digits
    >>> from crmsprop.nn import GELU, BatchNorm, Conv2D, MaxPool2D
    >>> (X, y), (X_test, y_test) = load_digits()
    >>> layers = [Conv2D(16, 3, padding="same", use_bias=False), BatchNorm(), GELU(), MaxPool2D(2)]
    >>> model = NetworkClassifier(layers, max_epochs=5, random_state=0).fit(X, y)
    >>> bool(model.score(X_test, y_test) > 0.9)
    True
    """


@documented
@dataclass(eq=False, repr=False)
class NetworkRegressor(AnyStack, NetworkRegressorBase):
    """Any stack of layers for numbers, trained with RMSprop.

    The output layer is added: a Dense layer with one unit for each column of y, behind a Flatten where the stack ends
    in images. Networks learn numbers of the size of 1 best: wrap the regressor in scikit-learn's
    TransformedTargetRegressor where y is of another size.

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
    >>> import numpy as np
    >>> from crmsprop import NetworkRegressor
    >>> from crmsprop.nn import Dense, Tanh
    >>> X = np.linspace(-3, 3, 200)[:, None]
    >>> layers = [Dense(32), Tanh()]
    >>> model = NetworkRegressor(layers, learning_rate=0.01, max_epochs=100, random_state=0).fit(X, np.sin(X[:, 0]))
    >>> bool(model.score(X, np.sin(X[:, 0])) > 0.9)
    True
    """
