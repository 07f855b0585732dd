"""augmentation and label_smoothing as parameters of every estimator that takes images, to a file and back."""

import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import crmsprop
from crmsprop.augment import Brightness, Contrast, Crop, Cutout, Flip, Mixup, Operation, Rotation, Translation, Zoom
from crmsprop.nn import Conv2D, ReLU

MOVES = Flip() + Rotation(15) + Translation(0.1) + Zoom(0.1, fill_mode="reflect")
ALL = MOVES + Crop(1) + Brightness(0.2) + Contrast(0.2) + Cutout(2) + Mixup()


def network(**parameters):
    layers = [Conv2D(4, 3), ReLU()]
    return crmsprop.NetworkClassifier(layers, max_epochs=2, batch_size=16, random_state=0, **parameters)


def flat(model):
    return model.network_.arena.flat.tobytes()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("augmentation", [MOVES, ALL], ids=["moves", "all"])
def test_threads_change_no_bit(cases, dtype, augmentation):
    """Images and batches large enough for three threads."""
    X, y = cases.images(n=215, height=14, width=14, channels=3, dtype=dtype)
    parameters = {"augmentation": augmentation, "batch_size": 64, "early_stopping": True, "label_smoothing": 0.1}
    models = [cases.cnn(n_threads=n_threads, **parameters).fit(X, y) for n_threads in (1, 2, 3)]
    assert len({flat(model) for model in models}) == 1
    assert all({**model.history_, "seconds": 0} == {**models[0].history_, "seconds": 0} for model in models)
    assert flat(models[0]) != flat(cases.cnn(**{**parameters, "augmentation": None}).fit(X, y))


def test_every_estimator_takes_it(cases):
    X, y = cases.images()
    for make in (cases.cnn, network, lambda **parameters: cases.mlp(image_shape=(7, 6, 2), **parameters)):
        as_images, as_rows = make(augmentation=ALL).fit(X, y), None
        as_rows = clone(as_images).set_params(image_shape=(7, 6, 2)).fit(X.reshape(len(X), -1), y)
        assert flat(as_images) == flat(as_rows)
        assert flat(as_images) != flat(make().fit(X, y))


@pytest.mark.parametrize("kind", ["mlp", "cnn", "network"])
def test_rows_that_are_no_images_are_refused(cases, kind):
    X, y = cases.rows()
    make = network if kind == "network" else getattr(cases, kind)
    model = make(augmentation=Flip())
    wanted = r"augmentation must be None unless X has shape \(n, height, width\[, channels\]\) or image_shape is set"
    with pytest.raises(ValueError, match=rf"^{wanted}, got Flip\(rate=0.5\) for rows of 6 features"):
        model.fit(X, y)
    assert not hasattr(model, "network_")


def test_a_value_that_no_pixel_has_is_refused_and_changes_nothing(cases):
    X, y = cases.images()
    model = cases.cnn().fit(X, y)
    before = flat(model)
    with pytest.raises(ValueError, match=r"value of Cutout\(.*\), for uint8 images, must be in \[0, 255\], got 300"):
        model.set_params(augmentation=Cutout(2, 300)).fit(X, y)
    assert flat(model) == before
    model.set_params(augmentation=Cutout(2, 300)).fit((X / 255).astype(np.float32), y)


@pytest.mark.parametrize("labels", [0.0, 0.2])
def test_validation_is_that_of_plain_images(cases, labels):
    X, y = cases.images(n=90)
    model = cases.cnn(augmentation=ALL, label_smoothing=labels, max_epochs=3).fit(
        X[:60], y[:60], X_val=X[60:], y_val=y[60:]
    )
    score = model.evaluate(X[60:], y[60:])
    assert model.history_["val_loss"][-1] == score["loss"]
    assert model.history_["val_accuracy"][-1] == score["accuracy"] == model.score(X[60:], y[60:])


def test_label_smoothing_is_in_every_loss(cases):
    X, y = cases.images(dtype=np.float64)
    model = cases.cnn(label_smoothing=0.3).fit(X, y)
    log_p = model.predict_log_proba(X)
    target = 0.7 * np.eye(3)[y] + 0.1
    assert model.evaluate(X, y)["loss"] == pytest.approx(-(target * log_p).sum(axis=1).mean(), rel=1e-12)
    assert flat(model) != flat(cases.cnn().fit(X, y))
    assert flat(cases.cnn(label_smoothing=0.0).fit(X, y)) == flat(cases.cnn().fit(X, y))


def test_label_smoothing_keeps_probabilities_from_the_ends(cases):
    y = np.arange(300) % 3
    X = np.random.default_rng(0).normal(5 * np.eye(3)[y], 0.5)
    sure, smooth = (cases.mlp(max_epochs=60, label_smoothing=share).fit(X, y).predict_proba(X) for share in (0.0, 0.3))
    assert np.median(sure.max(axis=1)) > 0.95
    assert 0.7 < np.median(smooth.max(axis=1)) < 0.87  # the loss is least at 0.8


def test_on_the_digits_it_learns_what_is_moved(digits):
    """Test images moved by two pixels: a network that saw moved ones knows more of them."""
    (X, y), (X_test, y_test) = digits
    moved = Translation(0.2, fill_mode="constant")(X_test, seed=1)
    scores = [
        crmsprop.CNNClassifier((16,), dense_units=(32,), dropout=0.0, max_epochs=10, random_state=0, augmentation=how)
        .fit(X, y)
        .score(moved, y_test)
        for how in (None, Translation(0.2, fill_mode="constant"))
    ]
    assert scores[1] > scores[0] + 0.05


@pytest.mark.parametrize("augmentation", [None, Flip(), ALL], ids=["none", "one", "all"])
def test_to_a_file_and_back(cases, tmp_path, augmentation):
    X, y = cases.images()
    model = cases.cnn(augmentation=augmentation, label_smoothing=0.125).fit(X, y)
    model.save(tmp_path / "model.crms")
    again = crmsprop.load(tmp_path / "model.crms")
    assert again.augmentation == augmentation
    assert again.label_smoothing == 0.125
    assert again.evaluate(X, y) == model.evaluate(X, y)
    assert flat(again.fit(X, y)) == flat(model)
    assert pickle.loads(pickle.dumps(model)).augmentation == augmentation


@dataclass(frozen=True)
class Negative(Operation):
    """An operation of one's own."""

    def draw(self, numbers, changes):
        changes.tone(-1.0, 1.0)


def test_an_operation_of_ones_own_trains_and_is_not_saved(cases, tmp_path):
    X, y = cases.images(dtype=np.float32)
    model = cases.cnn(augmentation=Flip() + Negative()).fit(X, y)
    with pytest.raises(TypeError, match=r"augmentation must be of crmsprop's own classes to be saved, got .*Negative"):
        model.save(tmp_path / "model.crms")
    assert list(tmp_path.iterdir()) == []


def test_a_grid_search_over_augmentations(cases):
    X, y = cases.images(n=90)
    choices = [None, Flip(), MOVES + Mixup()]
    search = GridSearchCV(cases.cnn(max_epochs=1), {"augmentation": choices, "label_smoothing": [0.0, 0.1]}, cv=2)
    search.fit(X, y)
    assert list(search.cv_results_["param_augmentation"]) == [choice for choice in choices for _ in range(2)]
    assert search.best_estimator_.augmentation in choices
