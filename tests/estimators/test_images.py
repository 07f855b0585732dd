"""Images: every form gives the same bits, uint8 is scaled and never blown up as a whole, and shapes are checked."""

import tracemalloc

import numpy as np
import pytest

from crmsprop.nn import MaxPool2D


def proba(model, X):
    return model.predict_proba(X).tobytes()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_every_form_of_the_same_images_gives_the_same_bits(cases, kind, dtype):
    X, y = cases.images(channels=1, dtype=dtype)
    make = getattr(cases, kind)
    forms = [X, X[..., 0], X.reshape(len(X), -1)]
    shapes = [(7, 6, 1), (7, 6)] if kind == "mlp" else [(7, 6, 1), (7, 6), [7, 6, 1], None]
    results = set()
    for shape in shapes:
        for form in forms[: 2 if shape is None else 3]:
            model = make(image_shape=shape).fit(form, y)
            results |= {proba(model, other) for other in forms}
            assert model.image_shape_ == (7, 6, 1)
            assert model.n_features_in_ == 42
    assert len(results) == 1


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_images_with_channels_as_rows(cases, dtype):
    X, y = cases.images(channels=3, dtype=dtype)
    as_images = cases.cnn().fit(X, y)
    as_rows = cases.cnn(image_shape=(7, 6, 3)).fit(X.reshape(len(X), -1), y)
    assert proba(as_images, X) == proba(as_rows, X) == proba(as_images, X.reshape(len(X), -1))


def test_a_flat_row_without_a_shape_is_one_pixel_high(cases):
    X, y = cases.rows()
    flat = cases.cnn().fit(X, y)
    assert flat.image_shape_ == (1, 6, 1)
    assert proba(flat, X) == proba(cases.cnn(image_shape=(1, 6, 1)).fit(X, y), X)
    assert proba(flat, X) == proba(cases.cnn().fit(X.reshape(-1, 1, 6, 1), y), X)


def test_nested_lists_are_images(cases):
    X, y = cases.images(dtype=np.float64)
    model = cases.cnn().fit(X.tolist(), y.tolist())
    assert proba(model, X) == proba(model, X.tolist()) == proba(cases.cnn().fit(X, y), X)


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_uint8_is_the_same_as_floats_divided_by_255(cases, kind):
    X, y = cases.images()
    make = getattr(cases, kind)
    pixels = make(image_shape=(7, 6, 2)).fit(X, y)
    floats = make(image_shape=(7, 6, 2)).fit((X / 255).astype(np.float32), y)
    assert pixels.network_.dtype == floats.network_.dtype == np.float32
    np.testing.assert_allclose(
        pixels.predict_proba(X), floats.predict_proba((X / 255).astype(np.float32)), rtol=0, atol=1e-4
    )


def test_flat_uint8_rows_of_an_mlp_are_not_scaled(cases):
    X, y = cases.images()
    flat = X.reshape(len(X), -1)
    assert proba(cases.mlp().fit(flat, y), flat) == proba(
        cases.mlp().fit(flat.astype(np.float32), y), flat.astype(np.float32)
    )


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_the_kind_of_numbers_must_stay(cases, kind):
    X, y = cases.images()
    floats = (X / 255).astype(np.float32)
    on_pixels, on_floats = (getattr(cases, kind)(image_shape=(7, 6, 2)).fit(data, y) for data in (X, floats))
    calls = [
        lambda m, data: m.predict(data),
        lambda m, data: m.predict_proba(data),
        lambda m, data: m.evaluate(data, y),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"^X must be uint8, as it was in fit, .*give .astype\(np.uint8\)"):
            call(on_pixels, floats)
        with pytest.raises(ValueError, match=r"^X must be of another dtype than uint8, .*give .astype\(float\)"):
            call(on_floats, X)
    with pytest.raises(ValueError, match="X_val must be uint8, as it was in fit, got float32"):
        getattr(cases, kind)(image_shape=(7, 6, 2)).fit(X, y, X_val=floats, y_val=y)
    with pytest.raises(ValueError, match="X_val must be of another dtype than uint8, as it was in fit, got uint8"):
        getattr(cases, kind)(image_shape=(7, 6, 2)).fit(floats, y, X_val=X, y_val=y)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((7, 6, 3), r"X must hold images of shape \(7, 6, 3\), got \(7, 6, 2\)"),
        ((6, 7, 2), r"X must hold images of shape \(6, 7, 2\), got \(7, 6, 2\)"),
        ((7, 6), r"X must hold images of shape \(7, 6, 1\), got \(7, 6, 2\)"),
        ((84,), r"image_shape must be None or \(height, width, channels\), got \(84,\)"),
        ((1, 7, 6, 2), r"image_shape must be None or \(height, width, channels\), got \(1, 7, 6, 2\)"),
        (84, "image_shape must be None or .*, got 84"),
        ((7, 6, 0), r"image_shape\[2\] must be at least 1, got 0"),
        ((-7, 6, 2), r"image_shape\[0\] must be at least 1, got -7"),
    ],
)
def test_a_shape_that_does_not_fit(cases, shape, message):
    X, y = cases.images()
    with pytest.raises(ValueError, match=message):
        cases.cnn(image_shape=shape).fit(X, y)


@pytest.mark.parametrize("shape", [(7.0, 6, 2), ("7", 6, 2), "762", (7, None, 2), (True, 6, 2)])
def test_a_shape_of_the_wrong_type(cases, shape):
    X, y = cases.images()
    with pytest.raises(TypeError, match=r"image_shape\[\d\] must be an integer of at least 1"):
        cases.cnn(image_shape=shape).fit(X, y)


def test_rows_that_do_not_fit_the_shape(cases):
    X, y = cases.images()
    with pytest.raises(ValueError, match=r"must fit the 84 features of X, got \(7, 6, 1\), which is 42"):
        cases.cnn(image_shape=(7, 6)).fit(X.reshape(len(X), -1), y)


def test_prediction_of_other_images(cases):
    X, y = cases.images()
    model = cases.cnn().fit(X, y)
    for other in (X[:, :6], X[..., :1], X[..., 0], X.transpose(0, 2, 1, 3)):
        with pytest.raises(ValueError, match=r"X must hold images of shape \(7, 6, 2\), got "):
            model.predict(other)
    for other in (X[0, 0], X.reshape(len(X), -1)[:, :83]):
        with pytest.raises(ValueError, match="84 features"):
            model.predict(other)
    with pytest.raises(ValueError, match=r"1D array|2D array"):
        model.predict(X.ravel())
    with pytest.raises(
        ValueError,
        match=r"X must have at most 4 dimensions, \(n, height, width, channels\), got shape \(1, 61, 7, 6, 2\)",
    ):
        model.predict(X[None])


@pytest.mark.parametrize("data", [(5, 4, 3, 2, 1), (5,)])
def test_images_of_too_many_or_too_few_dimensions(cases, data):
    with pytest.raises(ValueError, match=r"X must have at most 4 dimensions|1D array"):
        cases.cnn().fit(np.zeros(data), np.arange(5) % 2)


def test_a_pooling_that_would_leave_nothing_is_left_out(cases):
    X, y = cases.images(height=5, width=3)
    model = cases.cnn(filters=(2, 3, 4), pool_size=2).fit(X, y)
    names = [type(layer).__name__ for layer in model.network_.layers]
    assert names[:8] == ["Conv2D", "ReLU", "MaxPool2D", "Conv2D", "ReLU", "Conv2D", "ReLU", "Flatten"]
    assert model.network_.shapes[:3] == [(5, 3, 2), (5, 3, 2), (2, 1, 2)]
    assert MaxPool2D() not in cases.cnn().fit(*cases.rows()).network_.layers  # 1 x 6 images
    wide = cases.cnn(pool_size=(1, 2)).fit(*cases.rows())
    assert wide.network_.shapes[2] == (1, 3, 4)


def test_a_convolution_that_leaves_nothing_is_refused(cases):
    X, y = cases.images(height=2, width=2)
    with pytest.raises(ValueError, match=r"at least 3 x 3 pixels with their padding, got \(2, 2, 2\)"):
        cases.cnn(padding="valid").fit(X, y)


@pytest.mark.parametrize("size", [(1, 1, 1), (1, 1, 3), (512, 512, 1), (2, 300, 1)])
def test_images_of_odd_sizes(cases, size):
    X = np.random.default_rng(0).integers(0, 256, (3, *size)).astype(np.uint8)
    model = cases.cnn(filters=(2,), dense_units=(), max_epochs=1).fit(X, [0, 1, 0])
    assert np.isfinite(model.predict_proba(X)).all()


@pytest.mark.parametrize("validation", [None, 0.2])
def test_a_data_set_of_uint8_is_never_blown_up(cases, validation):
    X = np.random.default_rng(0).integers(0, 256, (20_000, 12, 12, 3)).astype(np.uint8)
    y = np.arange(len(X)) % 10
    model = cases.cnn(filters=(2,), dense_units=(), max_epochs=1, batch_size=100, validation_fraction=validation)
    model.fit(X[:300], y[:300])  # imports and caches
    training, predicting = peak_of(lambda: model.fit(X, y)), peak_of(lambda: model.predict_proba(X))
    batch = 256 * 4 * (12 * 12 * 3 + 3 * 12 * 12 * 2)  # of evaluation: floats of the images, and of two activations
    a_number_each = len(X) * 8
    assert training < 8 * a_number_each + 3 * batch + 500_000 < X.size  # less than the pixels, let alone as floats
    assert predicting < 8 * a_number_each + 2 * batch + 500_000  # ten probabilities of 4 bytes each are among them


@pytest.mark.parametrize("scoring", [None, "accuracy"])
def test_a_file_that_is_larger_than_memory_is_never_copied(cases, tmp_path, scoring):
    """What is mapped is not counted here, what is copied from it is."""
    X = np.memmap(tmp_path / "images", np.uint8, "w+", shape=(40_000, 12, 12, 3))
    X[::100] = 200
    X = np.memmap(tmp_path / "images", np.uint8, "r", shape=X.shape)
    y = (np.arange(len(X)) % 100 == 0).astype(np.int8)
    model = cases.cnn(filters=(2,), dense_units=(), max_epochs=1, batch_size=500, scoring=scoring)
    named = {"X_val": X[:500], "y_val": y[:500], "sample_weight_val": np.ones(500)}
    weights = np.where(y, 2.0, 1.0)
    model.fit(X[:300], y[:300], **named)  # imports and caches
    assert peak_of(lambda: model.fit(X, y, weights, **named)) < X.size / 4
    assert model.features(X[:200], 0).shape == (200, 12, 12, 2)
    rows = X.reshape(len(X), -1)
    flat = cases.cnn(filters=(2,), dense_units=(), max_epochs=1, batch_size=500, image_shape=(12, 12, 3))
    assert peak_of(lambda: flat.fit(rows, y, weights)) < X.size / 4
    assert peak_of(lambda: flat.partial_fit(rows, y)) < X.size / 4


def peak_of(call):
    """Bytes that `call` needs at its worst moment."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
