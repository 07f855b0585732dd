"""The common checks of scikit-learn on images: each of them runs as it is, and the estimators see arrays of four axes.

A check makes rows of features. The methods of an estimator that is decorated by `of_images` turn these rows into
images, in whatever form the rows come: arrays of any order, read-only or mapped memory, nested lists, other
array-likes. A check of a newer scikit-learn is thus run too; those that make no sense for images are named with a
reason, and what they are about has a test below.
"""

import functools
import inspect
import math
from functools import partial

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import _NotAnArray, check_methods_subset_invariance, estimator_checks_generator

from crmsprop import CNNClassifier, CNNRegressor, NetworkClassifier, NetworkRegressor
from crmsprop.nn import GELU, Conv2D, Dense, Flatten, MaxPool2D, ReLU, Tanh

#: Checks that make no sense for images, and why.
NOT_FOR_IMAGES = {
    "check_estimator_sparse_tag": "a sparse array has two axes",
    "check_estimator_sparse_array": "a sparse array has two axes",
    "check_estimator_sparse_matrix": "a sparse matrix has two axes",
    "check_n_features_in_after_fitting": "the error has to name numbers of features: below, ours names shapes",
}

#: All samples in one batch, and nothing left to chance: repeating a sample is then the same as doubling its weight. The
#: seed is one whose probabilities do not reach 1, where different logits would be ties, which a check forbids.
FULL_BATCH = {"max_epochs": 100, "batch_size": 10_000, "learning_rate": 0.01, "random_state": 0}
SMALL_CNN = {"filters": (8,), "dense_units": (16,), "dropout": 0.0}

#: Methods that hand X to those that see images.
THROUGH_OTHERS = ("score", "fit_transform")

# ---- estimators of rows, which show images to ours


def sides(n_features):
    """Height, width and channels of an image of so many numbers."""
    channels = 2 if n_features and n_features % 2 == 0 else 1
    pixels = n_features // channels
    height = max((i for i in range(1, math.isqrt(pixels) + 1) if pixels % i == 0), default=1)
    return height, pixels // height, channels


def images_of(X):
    """Return rows as images, in the form that the rows have; what are no rows as it is."""
    array = X.data if isinstance(X, _NotAnArray) else np.asanyarray(X)
    if array.ndim != 2:
        return X
    images = array.reshape(len(array), *sides(array.shape[1]))
    if isinstance(X, _NotAnArray):
        return _NotAnArray(images)
    if isinstance(X, list | tuple):
        return images.tolist()
    return np.asfortranarray(images) if array.flags.f_contiguous and not array.flags.c_contiguous else images


def seeing_images(method):
    """Return a method whose X are images, and whose signature is that of the original."""

    @functools.wraps(method)
    def on_images(self, X, *arguments, **named):
        return method(self, images_of(X), *arguments, **named)

    return on_images


def of_images(kind):
    """Turn the rows that a class of estimators gets into images, in all of its methods."""
    for name, method in inspect.getmembers(kind, inspect.isfunction):
        if not name.startswith("_") and "X" in inspect.signature(method).parameters and name not in THROUGH_OTHERS:
            setattr(kind, name, seeing_images(method))
    return kind


@of_images
class ImageClassifier(CNNClassifier):
    pass


@of_images
class ImageRegressor(CNNRegressor):
    pass


@of_images
class AnyImageClassifier(NetworkClassifier):
    pass


@of_images
class AnyImageRegressor(NetworkRegressor):
    pass


MODELS = [
    ImageClassifier(**SMALL_CNN, **FULL_BATCH),
    ImageRegressor(**SMALL_CNN, **FULL_BATCH),
    AnyImageClassifier([Conv2D(16, 3, padding="same"), Tanh(), Flatten(), Dense(16), ReLU()], **FULL_BATCH),
    AnyImageRegressor([Conv2D(16, (1, 3), padding="same"), GELU()], **FULL_BATCH),
]


def name_of(check):
    return check.func.__name__ if isinstance(check, partial) else check.__name__


def identity(value):
    """A name for the report of pytest."""
    if not callable(value):
        return type(value).__name__
    return "-".join([name_of(value), *map(str, getattr(value, "keywords", {}).values())])


ALL_CHECKS = [pair for model in MODELS for pair in estimator_checks_generator(model)]
CHECKS = [(model, check) for model, check in ALL_CHECKS if name_of(check) not in NOT_FOR_IMAGES]


@pytest.mark.parametrize(("model", "check"), CHECKS, ids=identity)
def test_nothing_fails(model, check):
    check(model)


# ---- what these tests rest upon


def test_the_checks_that_are_left_out_are_there():
    names = {name_of(check) for _, check in ALL_CHECKS}
    assert set(NOT_FOR_IMAGES) <= names
    assert len(names) > 55


@pytest.mark.parametrize("model", MODELS, ids=identity)
def test_what_ours_see_are_images(cases, model):
    X, y = cases.rows(features=20)
    model = clone(model).set_params(max_epochs=1).fit(X, y)
    assert model.image_shape_ == (2, 5, 2)
    forms = [images_of(X), images_of(X.tolist()), images_of(_NotAnArray(X))]
    assert [np.shape(np.asarray(form)) for form in forms] == [(61, 2, 5, 2)] * 3
    assert [type(form) for form in forms] == [np.ndarray, list, _NotAnArray]
    turned = images_of(np.asfortranarray(X))
    assert turned.flags.f_contiguous
    np.testing.assert_array_equal(turned, X.reshape(61, 2, 5, 2))


def test_a_check_fails_where_it_has_to():
    class Neighbourly(ImageClassifier):
        def predict(self, X):
            return np.roll(super().predict(X), 1)

    model = Neighbourly(**MODELS[0].get_params(deep=False))
    with pytest.raises(AssertionError):
        check_methods_subset_invariance("Neighbourly", model)


# ---- in place of the checks that are left out, and beyond them

LAYERS = [Conv2D(4, 3, padding="same"), ReLU(), MaxPool2D(2), Flatten(), Dense(8), Tanh()]
SMALL = {"max_epochs": 2, "batch_size": 16, "random_state": 0}
KINDS = {
    "CNNClassifier": CNNClassifier((4,), dense_units=(8,), **SMALL),
    "CNNRegressor": CNNRegressor((4,), dense_units=(8,), **SMALL),
    "NetworkClassifier": NetworkClassifier(LAYERS, **SMALL),
    "NetworkRegressor": NetworkRegressor(LAYERS, **SMALL),
}
METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function", "transform")


def outputs(model, X):
    """The bytes of all that a model makes of X."""
    found = [getattr(model, name)(X).tobytes() for name in METHODS if hasattr(model, name)]
    return [*found, model.features(X, 0).tobytes()]


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_every_form_of_the_same_images_gives_the_same_bits(cases, kind, dtype):
    """(n, h, w, c), (n, h, w), flat rows with image_shape, nested lists and array-likes, in fit and in every method."""
    X, y = cases.images(channels=1, dtype=dtype)
    model = KINDS[kind]
    rows = X.reshape(len(X), -1)
    forms = [X, X[..., 0], rows, _NotAnArray(X), _NotAnArray(X[..., 0]), np.asfortranarray(X)]
    forms += [X.tolist()] if dtype == np.float64 else []  # a list says no other dtype
    expected = outputs(model.fit(X, y), X)
    for form in forms:
        again = type(model)(**model.get_params(deep=False)).set_params(image_shape=(7, 6, 1)).fit(form, y)
        assert outputs(again, X) == expected
        assert outputs(model, form) == expected
        assert (again.image_shape_, again.n_features_in_) == ((7, 6, 1), 42)


@pytest.mark.parametrize("kind", KINDS)
def test_images_of_another_shape_are_refused_by_every_method(cases, kind):
    X, y = cases.images()
    model = KINDS[kind].fit(X, y)
    wrong = {
        r"X must hold images of shape \(7, 6, 2\), got \(6, 6, 2\)": X[:, 1:],
        r"X must hold images of shape \(7, 6, 2\), got \(7, 6, 1\)": X[..., 0],
        r"X must hold images of shape \(7, 6, 2\), got one image: give X\[np.newaxis\]": X[0],
        "83 features, but .* is expecting 84 features": X.reshape(len(X), -1)[:, 1:],
    }
    calls = [getattr(model, name) for name in METHODS if hasattr(model, name)]
    calls += [lambda X: model.score(X, y), lambda X: model.evaluate(X, y), lambda X: model.partial_fit(X, y[: len(X)])]
    for message, data in wrong.items():
        for call in calls:
            with pytest.raises(ValueError, match=message):
                call(data)
