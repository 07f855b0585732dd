"""sample_weight and class_weight: what they mean, by formula and by repetition."""

import re

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_class_weight

from crmsprop import CNNClassifier, MLPClassifier, MLPRegressor
from crmsprop.augment import Mixup

#: All samples in one batch.
WHOLE = {"batch_size": 1000, "max_epochs": 20, "learning_rate": 0.01}


@pytest.fixture
def weights():
    return np.random.default_rng(3).integers(0, 4, 61)


def bits(model):
    return model.network_.arena.flat.tobytes()


@pytest.mark.parametrize("kind", ["mlp", "cnn", "regressor"])
def test_a_weight_of_zero_is_a_sample_less_to_the_bit(cases, weights, kind):
    """With mini-batches, dropout and early stopping too: the sample is not there."""
    X, y = cases.numbers() if kind == "regressor" else cases.rows()
    keep = weights > 0
    make = getattr(cases, kind)
    some = make(dropout=0.5, early_stopping=True).fit(X, y, (weights > 0).astype(float))
    fewer = make(dropout=0.5, early_stopping=True).fit(X[keep], y[keep], np.ones(keep.sum()))
    assert bits(some) == bits(fewer)


@pytest.mark.parametrize("kind", ["mlp", "regressor"])
def test_a_weight_is_a_number_of_copies(cases, weights, kind):
    X, y = cases.numbers() if kind == "regressor" else cases.rows()
    weighed = getattr(cases, kind)(**WHOLE).fit(X, y, weights)
    repeated = getattr(cases, kind)(**WHOLE).fit(X.repeat(weights, axis=0), y.repeat(weights))
    np.testing.assert_allclose(weighed.predict(X), repeated.predict(X), rtol=1e-8)
    np.testing.assert_allclose(weighed.loss_curve_, repeated.loss_curve_, rtol=1e-8)


def test_only_proportions_matter(cases, weights):
    X, y = cases.rows()
    assert bits(cases.mlp().fit(X, y, weights)) == bits(cases.mlp().fit(X, y, 4.0 * weights))
    assert bits(cases.mlp().fit(X, y, np.ones(61))) == bits(cases.mlp().fit(X, y, np.full(61, 2.0)))


def test_what_is_reported_is_weighed(cases, weights):
    X, y = cases.rows()
    own = np.random.default_rng(4).uniform(0, 2, 61)
    model = cases.mlp(learning_rate=0.0, max_epochs=1, batch_size=61)
    model.fit(X, y, weights, X_val=X, y_val=y, sample_weight_val=own)
    probabilities = model.predict_proba(X)
    for prefix, weight in (("", weights), ("val_", own)):
        expected = log_loss(y, probabilities, sample_weight=weight)
        assert model.history_[f"{prefix}loss"][0] == pytest.approx(expected, rel=1e-9)
        expected = accuracy_score(y, model.predict(X), sample_weight=weight)
        assert model.history_[f"{prefix}accuracy"][0] == pytest.approx(expected)
        evaluated = model.evaluate(X, y, weight)
        assert evaluated["loss"] == pytest.approx(log_loss(y, probabilities, sample_weight=weight), rel=1e-9)
    assert model.score(X, y, weights) == pytest.approx(accuracy_score(y, model.predict(X), sample_weight=weights))


def test_a_class_of_no_weight_is_not_there(cases):
    X, y = cases.rows()
    assert cases.mlp().fit(X, y, y != 2).classes_.tolist() == [0, 1]


@pytest.mark.parametrize("weight_of", [{0: 2.0, 1: 0.5, 2: 1.0}, {0: 3}, "balanced"])
@pytest.mark.parametrize("with_samples", [False, True])
def test_class_weights_are_sample_weights(cases, weights, weight_of, with_samples):
    X, y = cases.rows()
    y = np.where(np.arange(61) < 20, 0, y)  # more of the first class
    own = weights + 1 if with_samples else np.ones(61)
    if weight_of == "balanced":
        factors = own.sum() / (3 * np.bincount(y, own))
    else:
        factors = compute_class_weight(weight_of, classes=np.arange(3), y=y)
    by_class = cases.mlp(class_weight=weight_of).fit(X, y, own if with_samples else None)
    assert bits(by_class) == bits(cases.mlp().fit(X, y, own * factors[y]))


def test_labels_of_text_in_a_dict(cases):
    X, y = cases.rows()
    names = np.array(["a", "b", "c"])[y]
    by_name = cases.mlp(class_weight={"b": 5.0}).fit(X, names)
    assert bits(by_name) == bits(cases.mlp().fit(X, y, np.where(y == 1, 5.0, 1.0)))


UNITS = {"D": np.datetime64, "s": np.datetime64, "ns": pd.Timestamp}


@pytest.mark.parametrize("unit", UNITS)
def test_dates_in_a_dict(cases, unit):
    """A date is equal to one of another unit, whose hash is another: its weight would be that of a missing label."""
    X, y = cases.rows()
    dates = np.array(["2020-01-01", "2021-01-01", "2022-01-01"], f"M8[{unit}]")
    by_date = cases.mlp(class_weight={UNITS[unit]("2021-01-01"): 5.0}).fit(X, dates[y])
    assert bits(by_date) == bits(cases.mlp().fit(X, y, np.where(y == 1, 5.0, 1.0)))
    with pytest.raises(ValueError, match=r"class_weight must name only labels of y, .* got .*2023"):
        cases.mlp(class_weight={UNITS[unit]("2023-01-01"): 5.0}).fit(X, dates[y])


@pytest.mark.parametrize("label", [(0, 1), pd.NA, pd.NaT, frozenset([1])], ids=str)
@pytest.mark.parametrize("kind", [int, str, "M8[D]"])
def test_what_can_be_no_label_in_a_dict(cases, label, kind):
    """NumPy compares some of these with a label element by element, or says neither yes nor no."""
    X, y = cases.rows()
    found = re.escape(f"got [{label!r}]")
    with pytest.raises(ValueError, match=f"^class_weight must name only labels of y, .*, {found}$"):
        cases.mlp(class_weight={label: 2.0}).fit(X, y.astype(kind))


def test_balance_finds_the_rare_class():
    rng = np.random.default_rng(0)
    y = (np.arange(400) % 20 == 0).astype(int)
    X = rng.normal(size=(400, 2)) + y[:, None]
    recall = {}
    for weight in (None, "balanced"):
        model = MLPClassifier((8,), class_weight=weight, max_epochs=40, learning_rate=0.01, random_state=0).fit(X, y)
        recall[weight] = (model.predict(X) == 1)[y == 1].mean()
    assert recall["balanced"] > recall[None] + 0.3


def test_what_validates_is_not_weighed_by_its_class(cases):
    X, y = cases.rows()
    model = cases.mlp(class_weight={0: 50.0}, validation_fraction=0.3, learning_rate=0.0).fit(X, y)
    same = cases.mlp(validation_fraction=0.3, learning_rate=0.0).fit(X, y)
    assert model.history_["val_loss"] == same.history_["val_loss"]
    assert model.history_["loss"] != same.history_["loss"]


def test_mixed_images_have_the_weight_of_their_parts(cases):
    X, y = cases.images()
    model = CNNClassifier((2,), dense_units=(), dropout=0.0, augmentation=Mixup(0.4), max_epochs=2, random_state=0)
    assert np.isfinite(model.fit(X, y, np.arange(61)).loss_curve_).all()


@pytest.mark.parametrize("kind", [list, pd.Series, np.float32, np.int8])
def test_weights_of_any_kind(cases, weights, kind):
    X, y = cases.rows()
    given = weights.astype(kind) if isinstance(kind, type) and issubclass(kind, np.generic) else kind(weights)
    assert bits(cases.mlp().fit(X, y, given)) == bits(cases.mlp().fit(X, y, weights.astype(float)))


BAD = [
    ({0: 0.0}, r"class_weight\[0\] must be in \(0, inf\), got 0.0"),
    ({0: "1"}, r"class_weight\[0\] must be a number"),
    ({7: 1.0}, r"class_weight must name only labels of y, \[0, 1, 2\], got \[7\]"),
    ("balance", "class_weight must be None, 'balanced' or a dict of labels and weights, got 'balance'"),
    ([1, 2, 3], "class_weight must be None, 'balanced' or a dict"),
    ({0: 1e39}, "class_weight must give weights that are finite and not 0 in float32"),
]


@pytest.mark.parametrize(("class_weight", "message"), BAD)
def test_bad_class_weights(cases, class_weight, message):
    X, y = cases.rows(dtype=np.float32)
    with pytest.raises((TypeError, ValueError), match=message):
        cases.mlp(class_weight=class_weight).fit(X, y)


def test_weights_that_the_network_cannot_hold(cases):
    X, y = cases.rows(dtype=np.float32)
    with pytest.raises(ValueError, match=r"sample_weight must be finite in float32, .* got 1e\+39"):
        cases.mlp().fit(X, y, np.full(61, 1e39))
    tiny = np.where(y == 0, 1e-60, 1.0)  # nothing, in float32
    assert cases.mlp().fit(X, y, tiny).classes_.tolist() == [1, 2]


# through scikit-learn


def test_metadata_routing(cases, weights):
    X, y = cases.rows()
    with sklearn.config_context(enable_metadata_routing=True):
        model = cases.mlp().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        search = GridSearchCV(model, {"rho": [0.5, 0.9]}, cv=2).fit(X, y, sample_weight=weights + 1.0)
        found = cross_validate(model, X, y, cv=2, params={"sample_weight": weights + 1.0})
        model = cases.mlp().set_fit_request(sample_weight=False).set_score_request(sample_weight=False)
        unweighed = cross_validate(model, X, y, cv=2)
    assert bits(search.best_estimator_) == bits(cases.mlp(rho=search.best_params_["rho"]).fit(X, y, weights + 1.0))
    assert not np.array_equal(found["test_score"], unweighed["test_score"])


def test_a_pipeline_transforms_the_validation_data(cases, weights):
    X, y = cases.rows()
    X_val, y_val = cases.rows(seed=1)
    with sklearn.config_context(enable_metadata_routing=True):
        model = cases.mlp().set_fit_request(sample_weight=True, X_val=True, y_val=True, sample_weight_val=True)
        pipe = Pipeline(
            [("scale", StandardScaler().set_fit_request(sample_weight=False)), ("net", model)],
            transform_input=["X_val"],
        )
        pipe.fit(X, y, sample_weight=weights, X_val=X_val, y_val=y_val, sample_weight_val=weights)
    scaler = StandardScaler().fit(X)
    named = {"X_val": scaler.transform(X_val), "y_val": y_val, "sample_weight_val": weights}
    expected = cases.mlp().fit(scaler.transform(X), y, weights, **named)
    assert bits(pipe[-1]) == bits(expected)
    assert pipe[-1].history_["val_loss"] == expected.history_["val_loss"]


def test_regressors_route_too(cases, weights):
    X, y = cases.numbers()
    with sklearn.config_context(enable_metadata_routing=True):
        model = MLPRegressor((4,), max_epochs=2, random_state=0)
        model = model.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        search = GridSearchCV(model, {"rho": [0.5]}, cv=2).fit(X, y, sample_weight=weights)
    assert bits(search.best_estimator_) == bits(
        MLPRegressor((4,), rho=0.5, max_epochs=2, random_state=0).fit(X, y, weights)
    )
