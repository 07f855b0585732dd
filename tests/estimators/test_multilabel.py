"""Several labels at once: y has a column of 0 and 1 for each."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array, csr_matrix, issparse
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import GridSearchCV

from crmsprop import CNNClassifier, MLPClassifier
from crmsprop.nn import BinaryCrossEntropy


def test_it_learns_and_its_answers_agree(cases):
    X, y = cases.labels(n=300)
    model = cases.mlp(max_epochs=150, hidden_layer_sizes=(30,), learning_rate=0.01).fit(X, y)
    probabilities, predicted, logits = model.predict_proba(X), model.predict(X), model.decision_function(X)
    assert model.multilabel_
    assert model.classes_.tolist() == [0, 1, 2, 3]
    assert probabilities.shape == predicted.shape == logits.shape == y.shape
    assert predicted.dtype == np.int64
    np.testing.assert_array_equal(predicted, probabilities > 0.5)
    np.testing.assert_allclose(probabilities, 1 / (1 + np.exp(-logits)), rtol=1e-12)
    np.testing.assert_allclose(model.predict_log_proba(X), np.log(probabilities))
    assert model.score(X, y) == accuracy_score(y, predicted) > 0.9
    evaluated = model.evaluate(X, y)
    assert evaluated["accuracy"] == pytest.approx(model.score(X, y))
    assert evaluated["loss"] == pytest.approx(log_loss(y.ravel(), probabilities.ravel()), rel=1e-9)


@pytest.mark.parametrize("kind", [bool, np.float32, np.uint8, list, csr_array])
def test_any_kind_of_indicators(cases, kind):
    X, y = cases.labels()
    expected = cases.mlp().fit(X, y).predict_proba(X)
    given = y.tolist() if kind is list else csr_array(y) if kind is csr_array else y.astype(kind)
    model = cases.mlp().fit(X, given)
    assert model.predict_proba(X).tobytes() == expected.tobytes()
    assert model.evaluate(X, given) == model.evaluate(X, y)


def test_columns_without_a_one_or_without_a_zero(cases):
    X, y = cases.labels()
    y[:, 0], y[:, 1] = 0, 1
    model = cases.mlp(max_epochs=60, learning_rate=0.05).fit(X, y)
    np.testing.assert_array_equal(model.predict(X)[:, :2], y[:, :2])


def test_two_classes_as_two_columns_are_no_softmax(cases):
    X, y = cases.labels(columns=2)
    assert not np.allclose(cases.mlp().fit(X, y).predict_proba(X).sum(axis=1), 1)


def test_one_column_is_one_label_and_warns(cases):
    X, y = cases.rows()
    with pytest.warns(UserWarning, match="column-vector y was passed"):
        model = cases.mlp().fit(X, y[:, None])
    assert model.predict(X).shape == (61,)
    assert not model.multilabel_


def test_early_stopping_with_what_validates(cases):
    X, y = cases.labels(n=90)
    model = cases.mlp(early_stopping=True, monitor="val_accuracy", max_epochs=5).fit(X, y)
    assert len(model.validation_scores_) == model.n_epochs_
    own = cases.mlp(learning_rate=0.0).fit(X[:60], y[:60], X_val=X[60:], y_val=y[60:])
    assert own.history_["val_loss"][0] == pytest.approx(own.evaluate(X[60:], y[60:])["loss"])


def test_images_searches_and_label_smoothing(cases):
    X, y = cases.images()
    several = np.column_stack([y == 0, y > 0, y == 2])
    search = GridSearchCV(cases.cnn(), {"label_smoothing": [0.0, 0.1]}, cv=2).fit(X, several)
    assert search.predict(X).shape == (61, 3)
    model = CNNClassifier((2,), label_smoothing=0.2, max_epochs=1, learning_rate=0.0, random_state=0).fit(X, several)
    p, q = model.predict_proba(X).astype(float), np.where(several, 0.9, 0.1)
    expected = -(q * np.log(p) + (1 - q) * np.log(1 - p)).mean()
    assert model.evaluate(X, several)["loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("n_threads", [2, 3])
def test_threads_change_no_bit(cases, n_threads):
    X, y = cases.labels(n=700)
    one, many = (cases.mlp(hidden_layer_sizes=(200,), batch_size=300, n_threads=n).fit(X, y) for n in (1, n_threads))
    assert one.predict_proba(X).tobytes() == many.predict_proba(X).tobytes()


@pytest.mark.parametrize("kind", [np.int64, bool, np.float32, list, pd.DataFrame, csr_array, csr_matrix])
def test_one_hot_encoded_classes_are_labels_and_a_warning(cases, kind):
    X, classes = cases.rows()
    y = np.eye(3, dtype=np.int64)[classes]
    given = y.tolist() if kind is list else y.astype(kind) if issubclass(kind, bool | np.number) else kind(y)
    remedy = "y.argmax(axis=1)" if issparse(given) else "np.asarray(y).argmax(axis=1)"
    with pytest.warns(UserWarning, match="^y has") as caught:
        model = cases.mlp().fit(X, given)
    assert [str(warning.message) for warning in caught] == [
        "y has 3 columns and exactly one 1 in each row: each column is taken for a label that does not exclude the "
        f"others; give {remedy} if they are one-hot encoded classes, or set loss=crmsprop.nn.BinaryCrossEntropy() to "
        "say that this is meant"
    ]
    assert caught[0].filename == __file__
    assert model.multilabel_
    followed = np.asarray(eval(remedy, {"np": np, "y": given})).ravel()
    np.testing.assert_array_equal(followed, classes)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.evaluate(X, given)
        meant = cases.mlp(loss=BinaryCrossEntropy()).fit(X, given)
    assert meant.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()


def test_the_first_part_and_a_new_head_warn_of_one_hot_encoded_classes(cases):
    X, classes = cases.rows()
    y = np.eye(3)[classes]
    model = cases.mlp()
    with pytest.warns(UserWarning, match="one-hot encoded classes"):
        model.partial_fit(X, y)
    model.partial_fit(X, y)  # warnings are errors here
    with pytest.warns(UserWarning, match="one-hot encoded classes"):
        cases.mlp().fit(*cases.labels()).fine_tune(X, y)


@pytest.mark.parametrize(
    ("n_rows", "change"),
    [
        (61, lambda y: y[:, :2]),  # of two labels each may well be what the other is not
        (61, lambda y: np.vstack([y[:-1], [0, 0, 0]])),
        (61, lambda y: np.vstack([[1, 1, 0], y[1:]])),
        (4, lambda y: y),  # may be chance
    ],
)
def test_labels_that_do_not_exclude_each_other_are_no_warning(cases, n_rows, change):
    """Warnings are errors here."""
    X, classes = cases.rows(n_rows)
    y = change(np.eye(3, dtype=np.int64)[np.arange(n_rows) % 2 if n_rows > 4 else classes])
    assert cases.mlp().fit(X, y).multilabel_


def test_what_is_refused(cases):
    X, y = cases.labels()
    model = cases.mlp().fit(X, y)
    with pytest.raises(ValueError, match=r"y must have a column for each of 4 labels, got shape \(61, 3\)"):
        model.evaluate(X, y[:, :3])
    with pytest.raises(ValueError, match=r"y must hold only 0 and 1 where it has several columns, got array\(\[5\]\)"):
        model.evaluate(X, 5 * y)
    with pytest.raises(ValueError, match=r"y must hold only 0 and 1 where it has several columns, got array\(\[5\]\)"):
        cases.mlp().fit(X, 5 * y)
    with pytest.raises(ValueError, match="class_weight must be None where y has several columns, got 'balanced'"):
        MLPClassifier(class_weight="balanced").fit(X, y)
