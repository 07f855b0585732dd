"""Well-known networks, one call away: each returns the hidden layers, and an estimator adds the output layer.

>>> from crmsprop import NetworkClassifier
>>> from crmsprop.datasets import load_digits
>>> from crmsprop.nn import models
>>> (X, y), _ = load_digits()
>>> model = NetworkClassifier(models.resnet20(), max_epochs=2, random_state=0).fit(X[:200], y[:200])
>>> first, second = model.history_["loss"]
>>> second < first
True
"""

from collections.abc import Sequence

from crmsprop.errors import check_integer, check_real
from crmsprop.nn.activations import GELU
from crmsprop.nn.batch_norm import BatchNorm
from crmsprop.nn.conv2d import Conv2D
from crmsprop.nn.dense import Dense
from crmsprop.nn.dropout import Dropout
from crmsprop.nn.flatten import Flatten
from crmsprop.nn.global_average_pool2d import GlobalAveragePool2D
from crmsprop.nn.initializers import Dirac, HeNormal, LeCunNormal
from crmsprop.nn.layer import Layer
from crmsprop.nn.max_pool2d import MaxPool2D
from crmsprop.nn.relu import ReLU
from crmsprop.nn.residual import Residual
from crmsprop.nn.scale import Scale
from crmsprop.nn.whitening2d import Whitening2D

HE = HeNormal()


def reference_cnn(batch_norm: bool = False, dropout: float = 0.5) -> list[Layer]:
    """Return the network of the CIFAR-10 program: two convolutions of 32 and 64 filters, each with a pool, Dense(128).

    Parameters
    ----------
    batch_norm : bool, default=False
        Whether each convolution and the dense layer are followed by batch normalization, in place of their bias. With
        momentum it pays: without it nearly all units of the dense layer can end up at 0 for every image.
    dropout : float, default=0.5
        Before the output layer, in [0, 1); 0 for none.

    Returns
    -------
    list of Layer

    Examples
    --------
    >>> from crmsprop.nn import models
    >>> len(models.reference_cnn())
    10
    """
    layers: list[Layer] = []
    norm = [BatchNorm()] if batch_norm else []
    for filters in (32, 64):
        conv = Conv2D(filters, 3, padding="same", use_bias=not batch_norm)
        layers += [conv, *norm, ReLU(), MaxPool2D(2)]
    return [*layers, Flatten(), Dense(128, use_bias=not batch_norm), *norm, ReLU(), *_dropout(dropout)]


def vgg16(
    batch_norm: bool = False, units: int | Sequence[int] = (4096, 4096), dropout: float = 0.5, l2: float | None = None
) -> list[Layer]:
    """Return VGG-16 (Simonyan and Zisserman, 2015), in the layer order of torchvision's.

    Thirteen 3 x 3 convolutions in five groups, each followed by a 2 x 2 pool, then dense layers: images have to be at
    least 32 x 32 pixels. With images of 224 x 224 the shapes are torchvision's too, so that its weights fit; for
    32 x 32 something like ``units=512`` is enough.

    Parameters
    ----------
    batch_norm : bool, default=False
        torchvision's ``vgg16_bn``: between each convolution and its ReLU.
    units : int or sequence of int, default=(4096, 4096)
        Of the dense layers before the output; empty for none.
    dropout : float, default=0.5
        Behind each of these, in [0, 1).
    l2 : float or None, default=None
        Penalty on every layer's weights; None for the estimator's.

    Returns
    -------
    list of Layer

    Examples
    --------
    >>> from crmsprop.nn import Network, models
    >>> Network(models.vgg16(units=512), (32, 32, 3)).output_shape
    (512,)
    """
    layers: list[Layer] = []
    for filters, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            layers.append(Conv2D(filters, 3, padding=1, l2=l2, initializer=HE))
            layers += [BatchNorm(), ReLU()] if batch_norm else [ReLU()]
        layers.append(MaxPool2D(2))
    layers.append(Flatten())
    for width in [units] if isinstance(units, int) else units:
        layers += [Dense(check_integer("units", width, 1), l2=l2, initializer=HE), ReLU(), *_dropout(dropout)]
    return layers


def fast_cnn(widths: Sequence[int] = (64, 256, 256)) -> list[Layer]:
    """Return a network that learns CIFAR-10 in a few epochs, after Jordan's airbench (2024).

    A fixed whitening first layer, then three blocks of convolution, max-pool, batch normalization, GELU, convolution,
    batch normalization, GELU; a pool over what is left, and a scale that makes the first predictions even. Convolutions
    begin by passing on what they get. Images of 32 x 32 pixels leave 3 x 3, those from 25 x 25 on leave at least 1.

    Parameters
    ----------
    widths : sequence of int, default=(64, 256, 256)
        Filters of the blocks; the smaller (32, 128, 128) takes a quarter of the time.

    Returns
    -------
    list of Layer

    Examples
    --------
    >>> from crmsprop.nn import Network, models
    >>> Network(models.fast_cnn(), (32, 32, 3)).output_shape
    (256,)
    """
    layers: list[Layer] = [Whitening2D(2), GELU()]
    for width in widths:
        for pool in ([MaxPool2D(2)], []):
            conv = Conv2D(width, 3, padding="same", use_bias=False, initializer=Dirac(rest=LeCunNormal()))
            layers += [conv, *pool, BatchNorm(), GELU()]
    return [*layers, MaxPool2D(3), Flatten(), Scale(1 / 9)]


def resnet20(width: int = 16) -> list[Layer]:
    """Return the residual network of 20 layers for small images (He, Zhang, Ren and Sun, 2016, section 4.2).

    A convolution and three groups of three blocks, with 1, 2 and 4 times `width` filters, and the mean over all pixels.
    Where a group halves the image, the shortcut is a 1 x 1 convolution.

    Parameters
    ----------
    width : int, default=16
        Filters of the first group, at least 1.

    Returns
    -------
    list of Layer

    Examples
    --------
    >>> from crmsprop.nn import Network, models
    >>> Network(models.resnet20(), (32, 32, 3)).output_shape
    (64,)
    """
    layers: list[Layer] = [*_normalized(width, 3), ReLU()]
    for group in range(3):
        filters = width * 2**group
        for block in range(3):
            stride = 2 if group and not block else 1
            shortcut = _normalized(filters, 1, stride) if stride > 1 else []
            main = [*_normalized(filters, 3, stride), ReLU(), *_normalized(filters, 3)]
            layers += [Residual(main, shortcut), ReLU()]
    return [*layers, GlobalAveragePool2D()]


def _normalized(filters: int, size: int, stride: int = 1) -> list[Layer]:
    conv = Conv2D(filters, size, stride=stride, padding="same", use_bias=False, initializer=HE)
    return [conv, BatchNorm()]


def _dropout(rate: float) -> list[Layer]:
    return [Dropout(rate)] if check_real("dropout", rate, "[0, 1)") else []
