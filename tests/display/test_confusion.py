"""ConfusionDisplay: the counts, and the images of the surest mistakes in order."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from crmsprop import CNNClassifier, MLPClassifier
from crmsprop.datasets import load_digits
from crmsprop.display import ConfusionDisplay

TRUE = ["a", "a", "a", "b", "b", "c"]
PREDICTED = ["a", "b", "b", "b", "c", "c"]
COUNTS = [[1, 2, 0], [0, 1, 1], [0, 0, 1]]
CONFIDENCES = [0.9, 0.6, 0.8, 0.5, 0.7, 0.4]
IMAGES = np.arange(6 * 4).reshape(6, 2, 2, 1).astype(np.uint8)


def draw(**options):
    return ConfusionDisplay.from_predictions(TRUE, PREDICTED, ax=Figure(), **options)


def test_counts():
    display = draw()
    np.testing.assert_array_equal(display.confusion_matrix_, COUNTS)
    np.testing.assert_array_equal(display.im_.get_array(), COUNTS)
    assert [[int(text.get_text()) for text in row] for row in display.text_] == COUNTS
    (ax,) = display.ax_
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted class", "true class")
    for axis in (ax.xaxis, ax.yaxis):
        assert [label.get_text() for label in axis.get_ticklabels()] == ["a", "b", "c"]
    assert display.image_axes_ == []


@pytest.mark.parametrize(
    ("normalize", "expected"),
    [
        ("true", [[1 / 3, 2 / 3, 0], [0, 1 / 2, 1 / 2], [0, 0, 1]]),
        ("pred", [[1, 2 / 3, 0], [0, 1 / 3, 1 / 2], [0, 0, 1 / 2]]),
        ("all", np.array(COUNTS) / 6),
    ],
)
def test_shares(normalize, expected):
    display = draw(normalize=normalize)
    np.testing.assert_allclose(display.confusion_matrix_, expected)
    assert display.text_[0, 1].get_text() == f"{np.asarray(expected)[0, 1]:.2f}"


def test_how_values_are_written():
    assert all(text is None for text in draw(include_values=False).text_.flat)
    assert draw(normalize="true", values_format=".0%").text_[0, 1].get_text() == "67%"


def test_labels_have_the_order_that_is_given():
    display = draw(labels=["c", "b", "a"])
    np.testing.assert_array_equal(display.confusion_matrix_, np.array(COUNTS)[::-1, ::-1])


def test_surest_mistakes_come_first():
    display = draw(images=IMAGES, confidences=CONFIDENCES)
    assert display.mistakes_.tolist() == [2, 4, 1]
    titles = [ax.get_title() for ax in display.image_axes_]
    assert titles == ["a as b\n0.80", "b as c\n0.70", "a as b\n0.60"]
    for ax, sample in zip(display.image_axes_, display.mistakes_, strict=True):
        (image,) = ax.get_images()
        np.testing.assert_allclose(image.get_array(), IMAGES[sample, ..., 0] / 255)
        assert (image.get_clim(), image.get_cmap().name) == ((0, 1), "gray")
    assert display.ax_[1].get_title() == "surest mistakes"


@pytest.mark.parametrize(("n_images", "expected"), [(2, [2, 4]), (0, [])])
def test_number_of_images(n_images, expected):
    display = draw(images=IMAGES, confidences=CONFIDENCES, n_images=n_images)
    assert display.mistakes_.tolist() == expected
    assert len(display.ax_) == (2 if n_images else 1)


def test_without_confidences_mistakes_are_in_order():
    display = draw(images=IMAGES)
    assert display.mistakes_.tolist() == [1, 2, 4]
    assert [ax.get_title() for ax in display.image_axes_] == ["a as b", "a as b", "b as c"]


def test_without_mistakes_it_says_so():
    display = ConfusionDisplay.from_predictions([0, 1], [0, 1], images=IMAGES[:2], ax=Figure())
    assert display.image_axes_ == []
    assert [text.get_text() for text in display.ax_[1].texts] == ["none"]


def test_colours_and_floats():
    colours = np.random.default_rng(0).uniform(-1, 3, (6, 2, 2, 3))
    display = draw(images=colours)
    (image,) = display.image_axes_[0].get_images()
    chosen = colours[[1, 2, 4]]
    low, high = min(chosen.min(), 0), chosen.max()
    np.testing.assert_allclose(image.get_array(), (colours[1] - low) / (high - low))
    unscaled = draw(images=np.full((6, 2, 2), 0.25)).image_axes_[0].get_images()[0].get_array()
    np.testing.assert_array_equal(unscaled, np.full((2, 2), 0.25))


def test_images_lie_within_their_panel():
    figure = Figure()
    left, right = figure.subplots(1, 2)
    display = ConfusionDisplay.from_predictions(TRUE, PREDICTED, images=IMAGES, ax=[left, right])
    figure.draw_without_rendering()
    whole = right.get_window_extent()
    boxes = [ax.get_window_extent() for ax in display.image_axes_]
    for box in boxes:
        assert whole.x0 - 1 <= box.x0 < box.x1 <= whole.x1 + 1
        assert whole.y0 - 1 <= box.y0 < box.y1 <= whole.y1 + 1
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


@pytest.fixture(scope="module")
def digits():
    return load_digits()


def test_from_our_estimators(digits):
    (X, y), (X_test, y_test) = digits
    model = CNNClassifier((8,), max_epochs=2, random_state=0).fit(X, y)
    display = ConfusionDisplay.from_estimator(model, X_test, y_test, ax=Figure())
    probabilities, predicted = model.predict_proba(X_test), model.predict(X_test)
    wrong = [i for i in range(len(y_test)) if predicted[i] != y_test[i]]
    expected = sorted(wrong, key=lambda i: -probabilities[i].max())[:12]
    assert display.mistakes_.tolist() == expected
    assert np.trace(display.confusion_matrix_) == len(y_test) - len(wrong)
    flat = ConfusionDisplay.from_estimator(model, X_test.reshape(450, 64), y_test, ax=Figure())
    for got, again in zip(display.image_axes_, flat.image_axes_, strict=True):
        np.testing.assert_array_equal(got.get_images()[0].get_array(), again.get_images()[0].get_array())


def test_from_estimators_on_rows(digits):
    (X, y), _ = digits
    rows = X.reshape(len(X), -1) / 255.0
    for model in (MLPClassifier((8,), max_epochs=1), LogisticRegression(max_iter=3000), LinearSVC()):
        display = ConfusionDisplay.from_estimator(
            model.fit(rows[:300], y[:300]), rows[300:600], y[300:600], ax=Figure()
        )
        assert display.confusion_matrix_.sum() == 300
        assert len(display.ax_) == 1


def test_images_that_cannot_be_shown_are_left_out():
    X = np.random.default_rng(0).integers(0, 256, (20, 4, 4, 2)).astype(np.uint8)
    model = CNNClassifier((2,), max_epochs=1, random_state=0).fit(X, np.arange(20) % 2)
    assert len(ConfusionDisplay.from_estimator(model, X, np.arange(20) % 2, ax=Figure()).ax_) == 1


def test_not_fitted():
    with pytest.raises(NotFittedError):
        ConfusionDisplay.from_estimator(MLPClassifier(), [[1.0]], [0], ax=Figure())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"images": IMAGES[:5]}, "images must have one entry a label of y_true, got 5 for 6"),
        ({"confidences": [1.0]}, "confidences must have one entry a label of y_true, got 1 for 6"),
        ({"n_images": -1}, "n_images must be at least 0, got -1"),
        ({"images": np.zeros((6, 4))}, r"images must have the shape \(n, height, width\[, channels\]\)"),
        ({"images": np.zeros((6, 2, 2, 2))}, "with 1, 3 or 4 channels, got"),
        ({"labels": []}, "labels"),
    ],
)
def test_wrong_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        draw(**options)
    with pytest.raises(ValueError, match="y_pred must have one entry a label of y_true, got 1 for 2"):
        ConfusionDisplay([0, 1], [0])
