"""Well-known networks: shapes, counts of parameters as their sources give them, and that they learn."""

import numpy as np
import pytest

from crmsprop import NetworkClassifier
from crmsprop.nn import BatchNorm, Conv2D, Dense, Dropout, Flatten, Network, ReLU, models


def counted(layers, input_shape, classes):
    return Network([*layers, Dense(classes)], input_shape).n_parameters


def test_reference_cnn():
    plain = models.reference_cnn()
    assert counted(plain, (32, 32, 3), 10) == 896 + 18_496 + 8 * 8 * 64 * 128 + 128 + 1290
    assert counted(models.reference_cnn(batch_norm=True), (32, 32, 3), 10) == counted(plain, (32, 32, 3), 10) + 224
    assert sum(isinstance(layer, Dropout) for layer in models.reference_cnn(dropout=0.0)) == 0


# torchvision's documentation: 138,357,544 parameters of vgg16 and 138,365,992 of vgg16_bn, for 1,000 classes.
@pytest.mark.parametrize(("batch_norm", "count"), [(False, 138_357_544), (True, 138_365_992)])
def test_vgg16_has_the_shapes_of_torchvision(batch_norm, count):
    layers = [*models.vgg16(batch_norm), Dense(1000)]
    total, shape = 0, (224, 224, 3)
    for layer in layers:
        total += sum(parameter.size for parameter in layer.parameters(shape) if parameter.learned)
        shape = layer.output_shape(shape)
    assert (total, shape) == (count, (1000,))


def test_vgg16_with_batch_norm_has_it_between_convolution_and_relu():
    layers = models.vgg16(batch_norm=True, units=())
    for i, layer in enumerate(layers):
        if isinstance(layer, Conv2D):
            assert isinstance(layers[i + 1], BatchNorm)
            assert isinstance(layers[i + 2], ReLU)
    assert isinstance(layers[-1], Flatten)


def test_vgg16_for_small_images():
    assert Network(models.vgg16(units=64, dropout=0.0), (32, 32, 3)).output_shape == (64,)
    assert Network(models.vgg16(units=(64, 32)), (33, 47, 1)).output_shape == (32,)


def test_fast_cnn():
    assert Network(models.fast_cnn((8, 16, 24)), (32, 32, 3)).output_shape == (24,)
    # Jordan's airbench94 has 1.97 million weights and biases, of which its whitening filters, 288, are not learned.
    assert counted(models.fast_cnn(), (32, 32, 3), 10) == pytest.approx(1.97e6, rel=0.01)


def test_resnet20():
    # He et al. (2016), table 6: 0.27 million. 19 convolutions and a dense layer; two shortcuts are ours.
    assert counted(models.resnet20(), (32, 32, 3), 10) == 272_474
    assert Network(models.resnet20(4), (20, 12, 1)).output_shape == (16,)


@pytest.mark.parametrize(
    "layers",
    [models.resnet20(4), models.reference_cnn(batch_norm=True, dropout=0.2), models.fast_cnn((8, 8, 8))],
    ids=["resnet20", "reference", "fast"],
)
def test_they_learn(layers):
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    X = rng.integers(0, 120, (200, 32, 32, 3)).astype(np.uint8)
    X[y == 1, 8:20, 8:20] += 100
    model = NetworkClassifier(layers, max_epochs=5, batch_size=20, random_state=0, image_shape=(32, 32, 3)).fit(X, y)
    assert model.score(X, y) > 0.95


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: models.reference_cnn(dropout=1.0), r"dropout must be in \[0, 1\), got 1.0"),
        (lambda: models.vgg16(units=0), "units must be at least 1, got 0"),
        (lambda: models.resnet20(0), "filters must be at least 1, got 0"),
        (lambda: models.fast_cnn((0,)), "filters must be at least 1, got 0"),
    ],
)
def test_what_does_not_fit(make, message):
    with pytest.raises(ValueError, match=message):
        make()
