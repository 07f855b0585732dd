"""Images that are hardly meant as they are given: a warning or an error says what to give instead."""

import re
import warnings

import numpy as np
import pytest
from sklearn.base import clone

from crmsprop import CNNClassifier, CNNRegressor, NetworkClassifier
from crmsprop.nn import Conv2D

# ---- flat rows without image_shape


@pytest.mark.parametrize(
    ("n", "fits"), [(64, "(8, 8)"), (48, "(4, 4, 3)"), (60, "(height, width)"), (4, "(2, 2)"), (5, "(height, width)")]
)
@pytest.mark.parametrize("estimator", [CNNClassifier, CNNRegressor])
def test_flat_rows_without_a_shape_are_flat_images_and_a_warning(estimator, n, fits):
    X, y = np.random.default_rng(0).random((12, n)), np.arange(12) % 2
    model = estimator((2,), dense_units=(), max_epochs=1, random_state=0)
    message = f"X has rows of {n} numbers and image_shape is None: each is taken as an image of 1 x {n} x 1; set "
    with pytest.warns(UserWarning, match="^X has rows of") as caught:
        model.fit(X, y)
    assert [str(warning.message) for warning in caught] == [
        f"{message}image_shape={fits}, or (1, {n}) to say that this is meant"
    ]
    assert caught[0].filename == __file__
    assert model.image_shape_ == (1, n, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict(X)
        clone(model).set_params(image_shape=(1, n)).fit(X, y)
        clone(model).fit(X.reshape(12, n, 1), y)
        clone(model).fit(X[:, :3], y)


def test_the_first_part_warns_alone():
    X, y = np.random.default_rng(0).random((12, 16)), np.arange(12) % 2
    model = CNNClassifier((2,), dense_units=(), random_state=0)
    with pytest.warns(UserWarning, match=r"set image_shape=\(4, 4\)"):
        model.partial_fit(X, y, classes=[0, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.partial_fit(X, y)


# ---- channels first


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("estimator", [CNNClassifier, CNNRegressor])
def test_images_with_channels_first_are_a_warning(estimator, channels):
    X, y = np.random.default_rng(0).random((12, 9, 7, channels)), np.arange(12) % 2
    first = X.transpose(0, 3, 1, 2)
    model = estimator((2,), dense_units=(), max_epochs=1, random_state=0)
    with pytest.warns(UserWarning, match="^X has shape") as caught:
        model.fit(first, y)
    assert [str(warning.message) for warning in caught] == [
        f"X has shape (12, {channels}, 9, 7): its images are taken to be {channels} x 9 pixels of 7 channels; "
        "give X.transpose(0, 2, 3, 1) if their channels come first, "
        f"or set image_shape=({channels}, 9, 7) to say that this is meant"
    ]
    assert caught[0].filename == __file__
    assert model.image_shape_ == (channels, 9, 7)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict(first)
        meant = clone(model).set_params(image_shape=(channels, 9, 7)).fit(first, y)
        assert clone(model).fit(first.transpose(0, 2, 3, 1), y).image_shape_ == (9, 7, channels)
    assert meant.predict(first).tobytes() == model.predict(first).tobytes()


def test_a_list_of_images_with_channels_first_and_a_stack_of_layers():
    X, y = np.random.default_rng(0).random((12, 3, 6, 6)), np.arange(12) % 2
    with pytest.warns(UserWarning, match=r"^X has shape \(12, 3, 6, 6\): .* 3 x 6 pixels of 6 channels"):
        NetworkClassifier([Conv2D(2, 1)], max_epochs=1, random_state=0).fit(X.tolist(), y)


@pytest.mark.parametrize(
    "shape",
    [
        (12, 6, 6, 3),
        (12, 3, 3, 3),  # either way round
        (12, 3, 6, 4),
        (12, 3, 4, 6),  # too low for images with channels first
        (12, 1, 1, 64),  # one pixel of many channels, as a network leaves them
        (12, 4, 4, 64),
        (12, 2, 6, 6),  # no picture has two channels
        (12, 5, 6, 6),
        (12, 3, 64),  # gray
    ],
)
def test_images_that_are_as_they_should_be_are_no_warning(shape):
    """Warnings are errors here."""
    X, y = np.random.default_rng(0).random(shape), np.arange(12) % 2
    model = CNNClassifier((2,), dense_units=(), max_epochs=1, random_state=0).fit(X, y)
    assert model.image_shape_ == (*shape[1:], 1)[:3]


# ---- what to do next


def test_channels_first_for_an_estimator_that_knows_better(cases):
    X, y = cases.images(channels=3)
    model = cases.cnn().fit(X, y)
    message = "X must hold images of shape (7, 6, 3), got (3, 7, 6): give X.transpose(0, 2, 3, 1)"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        model.predict(X.transpose(0, 3, 1, 2))
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        cases.cnn(image_shape=(7, 6, 3)).fit(X.transpose(0, 3, 1, 2), y)
    with pytest.raises(ValueError, match=r"got \(6, 7, 3\)$"):
        model.predict(X.transpose(0, 2, 1, 3))


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 3)])
def test_images_for_an_estimator_of_rows(cases, shape):
    X, y = np.random.default_rng(0).random((12, *shape)), np.arange(12) % 2
    model = cases.mlp()
    message = f"got shape {X.shape}: for images set image_shape={shape}, or give X.reshape(len(X), -1)"
    with pytest.raises(ValueError, match=re.escape(message)):
        model.fit(X, y)
    model.fit(X.reshape(12, -1), y)
    with pytest.raises(ValueError, match=re.escape(message)):
        model.predict(X)
    assert cases.mlp(image_shape=shape).fit(X, y).image_shape_[:2] == (8, 8)


@pytest.mark.parametrize("shape", [(7, 6), (7, 6, 1), (7, 6, 2)])
@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_one_image_without_the_axis_of_samples(cases, kind, shape):
    X, y = np.random.default_rng(0).random((12, *shape)), np.arange(12) % 2
    model = getattr(cases, kind)(image_shape=shape).fit(X, y)
    with pytest.raises(ValueError, match=re.escape("got one image: give X[np.newaxis]")):
        model.predict(X[0])
    assert model.predict(X[0][np.newaxis]).shape == (1,)


def test_a_row_for_images_of_one_row_is_no_slip(cases):
    X, y = np.random.default_rng(0).random((12, 6)), np.arange(12) % 2
    assert cases.cnn(image_shape=(1, 6)).fit(X, y).predict(X[:1]).shape == (1,)
