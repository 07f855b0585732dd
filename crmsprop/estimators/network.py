"""A network of any layers."""

from collections.abc import Sequence
from dataclasses import dataclass

from crmsprop.estimators.classifier import NetworkClassifierBase
from crmsprop.estimators.inputs import Shape
from crmsprop.estimators.parameters import documented
from crmsprop.estimators.stacks import with_output
from crmsprop.nn import Layer


@documented
@dataclass(eq=False, repr=False)
class NetworkClassifier(NetworkClassifierBase):
    """Any stack of layers for classes, trained with RMSprop.

    The output layer and its softmax are added: a Dense layer with one unit a class, behind a Flatten where the stack
    ends in images.

    Parameters
    ----------
    layers : sequence of Layer, default=()
        The hidden layers, from the input on, see crmsprop.nn; none makes a linear classifier.
    image_shape : tuple of int or None, default=None
        (height, width[, channels]) where X holds flat rows of images; None takes arrays of shape (n_samples, height,
        width[, channels]) for images and flat rows for plain numbers. uint8 images are scaled by 1/255.
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
    >>> from crmsprop import NetworkClassifier
    >>> from crmsprop.datasets import load_digits
    >>> from crmsprop.nn import GELU, BatchNorm, Conv2D, MaxPool2D
    >>> (X, y), (X_test, y_test) = load_digits()
    >>> layers = [Conv2D(16, 3, padding="same", use_bias=False), BatchNorm(), GELU(), MaxPool2D(2)]
    >>> model = NetworkClassifier(layers, max_epochs=5, random_state=0).fit(X, y)
    >>> bool(model.score(X_test, y_test) > 0.9)
    True
    """

    _takes_images = True

    layers: Sequence[Layer] = ()
    image_shape: Sequence[int] | None = None

    def _layers(self, input_shape: Shape, n_outputs: int) -> list[Layer]:
        return with_output(self.layers, input_shape, n_outputs)
