"""The whitening layer: what its filters make of the images that they come from."""

import numpy as np
import pytest
from gradcheck import layer_pass

from crmsprop import NetworkClassifier
from crmsprop.nn import Conv2D, Dense, Flatten, Network, ReLU, Residual, Run, Whitening2D


def images(n=200, shape=(7, 6, 3), dtype=np.float64):
    """Neighbouring pixels and channels are correlated, and the mean is not 0."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(n, shape[0] + 1, shape[1] + 1, shape[2]))
    mixed = noise @ rng.normal(size=(shape[2], shape[2]))
    return (3 + mixed[:, 1:, 1:] + 0.7 * mixed[:, :-1, 1:] - 0.4 * mixed[:, 1:, :-1]).astype(dtype)


def adapted(layer, x):
    network = Network([layer], x.shape[1:], x.dtype)
    network.initialize(np.random.default_rng(1))
    network.adapt(x)
    return network


@pytest.mark.parametrize("size", [1, 2, (2, 3)])
def test_the_outputs_are_uncorrelated_of_mean_0_and_deviation_1(size):
    x = images()
    network = adapted(Whitening2D(size, epsilon=1e-12), x)
    out = network.forward(x, network.workspace(len(x)))
    half = out.shape[-1] // 2
    rows = out.reshape(-1, 2 * half)
    np.testing.assert_allclose(rows[:, half:], -rows[:, :half], atol=1e-9)
    np.testing.assert_allclose(rows[:, :half].mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(np.cov(rows[:, :half].T, bias=True).reshape(half, half), np.eye(half), atol=1e-6)


def test_the_directions_of_most_variance_come_first():
    x = images()
    weight = adapted(Whitening2D(2), x).arena.views["0.weight"]
    lengths = np.linalg.norm(weight.reshape(-1, weight.shape[-1])[:, :12], axis=0)
    assert np.all(np.diff(lengths) >= 0)  # the larger the variance, the shorter the filter


@pytest.mark.parametrize("scale", [1.0, 1e-3, 255.0])
def test_the_scale_of_the_images_does_not_matter(scale):
    x = images()
    one, other = adapted(Whitening2D(2), x), adapted(Whitening2D(2), scale * x)
    outs = [net.forward(data, net.workspace(len(x))) for net, data in ((one, x), (other, scale * x))]
    np.testing.assert_allclose(np.abs(outs[1]), np.abs(outs[0]), rtol=1e-6, atol=1e-6)


def test_images_that_do_not_vary_give_finite_filters():
    network = adapted(Whitening2D(2), np.ones((5, 4, 4, 2)))
    assert all(np.isfinite(view).all() for view in network.arena.views.values())


def test_epsilon_keeps_rare_directions_small():
    x = images()
    x[..., 1] = x[..., 0] + 1e-9 * x[..., 1]
    weight = adapted(Whitening2D(1, epsilon=1e-2), x).arena.views["0.weight"]
    assert np.abs(weight).max() < 10 / np.sqrt(x.var() * 1e-2)


def test_the_filters_do_not_learn_and_the_bias_does():
    layer, x = Whitening2D(2), images(5)
    assert [parameter.learned for parameter in layer.parameters((7, 6, 3))] == [False, True]
    params = [np.random.default_rng(2).normal(size=p.shape) for p in layer.parameters((7, 6, 3))]
    dy = np.random.default_rng(3).normal(size=(5, 6, 5, 24))
    done = layer_pass(layer, x, params, dy, run=Run(training=True))
    (dbias,) = done.grads
    np.testing.assert_allclose(dbias, dy.sum(axis=(0, 1, 2)), rtol=1e-12)
    conv = layer_pass(Conv2D(24, 2), x, params, dy, run=Run(training=True))
    np.testing.assert_array_equal(done.out, conv.out)
    np.testing.assert_array_equal(done.dx, conv.dx)


def test_an_estimator_sets_it_up_from_the_samples_that_train():
    x = images(60, dtype=np.float32)
    y = np.arange(60) % 2
    layers = [Whitening2D(2), ReLU()]
    model = NetworkClassifier(layers, image_shape=(7, 6, 3), max_epochs=1, random_state=0).fit(x, y)
    expected = adapted(Whitening2D(2), x).arena.views["0.weight"]
    np.testing.assert_allclose(model.network_.arena.views["0.weight"], expected, atol=1e-5)
    held = NetworkClassifier(layers, image_shape=(7, 6, 3), max_epochs=1, random_state=0, validation_fraction=0.5)
    held.fit(np.concatenate([x, 50 * x]), np.arange(120) % 2)
    assert not np.allclose(held.network_.arena.views["0.weight"], expected, atol=1e-3)


def test_the_same_bits_for_any_number_of_threads():
    x, y = images(60, dtype=np.float32), np.arange(60) % 2
    layers = [Whitening2D(2), ReLU()]
    models = [
        NetworkClassifier(layers, image_shape=(7, 6, 3), max_epochs=2, random_state=0, n_threads=n).fit(x, y)
        for n in (1, 2, 3)
    ]
    assert len({model.network_.arena.flat.tobytes() for model in models}) == 1


def test_behind_another_layer_it_sees_what_comes_to_it():
    x = images(50)
    network = Network([Conv2D(4, 2), ReLU(), Whitening2D(2), Flatten(), Dense(2)], x.shape[1:], np.float64)
    network.initialize(np.random.default_rng(0))
    network.adapt(x)
    head = Network([Conv2D(4, 2), ReLU()], x.shape[1:], np.float64)
    head.arena.views["0.weight"][...] = network.arena.views["0.weight"]
    head.arena.views["0.bias"][...] = network.arena.views["0.bias"]
    seen = head.forward(x, head.workspace(50)).copy()
    np.testing.assert_array_equal(
        network.arena.views["2.weight"], adapted(Whitening2D(2), seen).arena.views["0.weight"]
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Whitening2D(0), "kernel_size must be at least 1, got 0"),
        (lambda: Whitening2D(2, 0.0), r"epsilon must be in \(0, inf\), got 0.0"),
        (lambda: Network([Whitening2D(9)], (7, 6, 3)), "needs images of at least 9 x 9 pixels"),
        (lambda: Network([Whitening2D(2)], (7,)), r"Whitening2D needs images of shape \(height, width, channels\)"),
        (lambda: Residual([Whitening2D(2)]), "must not be within a block, got Whitening2D"),
    ],
)
def test_what_does_not_fit(make, message):
    with pytest.raises(ValueError, match=message):
        make()
