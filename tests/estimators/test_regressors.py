"""The regressors: they learn, their losses are what the formulas say, and y keeps its shape."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn import metrics
from sklearn.base import clone, is_regressor
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from crmsprop import CNNRegressor, MLPRegressor, NetworkRegressor, find_learning_rate
from crmsprop.augment import Mixup
from crmsprop.nn import Conv2D, Dense, Huber, ReLU, Tanh

METRICS = {
    "squared_error": metrics.mean_squared_error,
    "absolute_error": metrics.mean_absolute_error,
    "poisson": metrics.mean_poisson_deviance,
}


def huber(y, predicted, delta):
    size = np.abs(y - predicted)
    return np.where(size <= delta, size**2 / 2, delta * (size - delta / 2)).mean()


def positive(y, loss):
    return np.exp(y) if loss == "poisson" else y


@pytest.mark.parametrize("loss", METRICS)
@pytest.mark.parametrize("columns", [None, 1, 3])
def test_the_loss_is_the_metric_and_y_keeps_its_shape(cases, loss, columns):
    X, y = cases.numbers(columns=columns)
    y = positive(y, loss)
    model = cases.regressor(loss=loss).fit(X, y)
    predicted = model.predict(X)
    assert predicted.shape == y.shape
    assert predicted.dtype == np.float64
    assert list(model.evaluate(X, y)) == ["loss"]
    assert model.evaluate(X, y)["loss"] == pytest.approx(METRICS[loss](y.ravel(), predicted.ravel()), rel=1e-10)
    assert model.score(X, y) == pytest.approx(metrics.r2_score(y, predicted))


@pytest.mark.parametrize("delta", [0.1, 1.0])
def test_hubers_loss(cases, delta):
    X, y = cases.numbers()
    model = cases.regressor(loss="huber", delta=delta).fit(X, y)
    assert model.evaluate(X, y)["loss"] == pytest.approx(huber(y, model.predict(X), delta), rel=1e-10)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "poisson"])
def test_every_loss_learns(cases, loss):
    X, y = cases.numbers(n=300)
    y = positive(y, loss)
    model = cases.regressor(loss=loss, max_epochs=150, learning_rate=0.01).fit(X, y)
    assert model.score(X, y) > 0.95
    assert model.history_["loss"][-1] < 0.2 * model.history_["loss"][0]


def test_absolute_error_does_not_mind_outliers(cases):
    X, y = cases.numbers(n=300)
    spoilt = np.where(np.arange(300) % 10 == 0, 50.0, y)
    squared, absolute = (
        cases.regressor(loss=loss, max_epochs=100, learning_rate=0.01).fit(X, spoilt)
        for loss in ("squared_error", "absolute_error")
    )
    assert (
        metrics.mean_absolute_error(y, absolute.predict(X)) < 0.3 < metrics.mean_absolute_error(y, squared.predict(X))
    )


def test_a_single_step_is_the_formula(cases):
    """A linear model, all samples in one batch: RMSprop's first step goes by the signs of the gradient."""
    X, y = cases.numbers()
    model = cases.regressor(hidden_layer_sizes=(), max_epochs=1, batch_size=100, epsilon=0.0).fit(X, y)
    start = cases.regressor(hidden_layer_sizes=(), max_epochs=1, batch_size=100, learning_rate=0.0).fit(X, y)
    w, b = (start.network_.arena.views[name] for name in ("0.weight", "0.bias"))
    error = X @ w + b - y[:, None]
    rms = np.sqrt(0.1)
    step = np.sign(2 * X.T @ error / len(X)) * 1e-3 / rms
    np.testing.assert_allclose(model.network_.arena.views["0.weight"], w - step, rtol=1e-9)
    assert model.history_["loss"][0] == pytest.approx((error**2).mean())


def test_a_history_has_no_accuracies(cases):
    X, y = cases.numbers()
    model = cases.regressor(early_stopping=True, verbose=1).fit(X, y)
    assert model.history_["accuracy"] == model.history_["val_accuracy"] == [None] * 3
    assert all(loss > 0 for loss in model.history_["val_loss"])
    assert model.loss_curve_ == model.history_["loss"]
    assert model.validation_scores_ is None


def test_a_line_without_accuracies(cases, capsys):
    X, y = cases.numbers()
    cases.regressor(validation_fraction=0.2, verbose=1, max_epochs=1).fit(X, y)
    line = capsys.readouterr().out
    assert "loss" in line
    assert "val_loss" in line
    assert "accuracy" not in line


def test_an_accuracy_cannot_be_watched(cases):
    X, y = cases.numbers()
    with pytest.raises(ValueError, match="monitor must be a column that the training fills, got 'accuracy' of a regr"):
        cases.regressor(early_stopping=True, monitor="accuracy").fit(X, y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_it_computes_in(cases, dtype):
    X, y = cases.numbers(dtype=dtype)
    assert cases.regressor().fit(X, y.astype(np.float64)).predict(X).dtype == dtype
    assert cases.regressor().fit(X, (10 * y).astype(int)).predict(X).dtype == dtype


@pytest.mark.parametrize("n_threads", [2, 3])
@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_threads_change_no_bit(cases, n_threads, loss):
    X, y = cases.numbers(n=700, columns=3)
    one, many = (
        cases.regressor(loss=loss, hidden_layer_sizes=(200,), batch_size=300, n_threads=n).fit(X, positive(y, loss))
        for n in (1, n_threads)
    )
    assert one.predict(X).tobytes() == many.predict(X).tobytes()
    assert one.evaluate(X, positive(y, loss)) == many.evaluate(X, positive(y, loss))


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_a_row_does_not_depend_on_the_others(cases, loss):
    X, y = cases.numbers(columns=2)
    model = cases.regressor(loss=loss).fit(X, positive(y, loss))
    whole = model.predict(X)
    assert all(model.predict(X[i : i + 1]).tobytes() == whole[i : i + 1].tobytes() for i in range(len(X)))


def test_images(cases):
    X, y = cases.images(n=90)
    brightness = X.mean(axis=(1, 2, 3)) / 255
    model = CNNRegressor((4,), dense_units=(8,), dropout=0.0, max_epochs=40, learning_rate=0.01, random_state=0)
    assert model.fit(X, brightness).score(X, brightness) > 0.8
    flat = clone(model).set_params(image_shape=(7, 6, 2)).fit(X.reshape(90, -1), brightness)
    assert flat.predict(X).tobytes() == model.predict(X).tobytes()
    stack = NetworkRegressor([Conv2D(4, 3), ReLU()], max_epochs=2, random_state=0).fit(X, np.column_stack([y, y]))
    assert stack.predict(X).shape == (90, 2)


def test_mixup_mixes_the_numbers(cases):
    """Mixed samples of a linear map lie on it: with the weights of that map there is no loss."""
    X, _ = cases.images(dtype=np.float64)
    y = X.reshape(len(X), -1).sum(axis=1)
    model = MLPRegressor((), image_shape=(7, 6, 2), augmentation=Mixup(0.4), learning_rate=0.0, max_epochs=1)
    model = model.set_params(random_state=0, warm_start=True).fit(X, y)
    model.network_.arena.views["1.weight"][...] = 1.0
    model.fit(X, y)
    assert model.history_["loss"][0] < 1e-20


def test_a_target_of_another_scale(cases):
    X, y = load_diabetes(return_X_y=True)
    model = make_pipeline(StandardScaler(), MLPRegressor((16,), max_epochs=20, learning_rate=0.01, random_state=0))
    model = TransformedTargetRegressor(model, transformer=StandardScaler())
    assert cross_val_score(model, X, y, cv=3).mean() > 0.3


def test_a_search_over_losses(cases):
    X, y = cases.numbers(n=90, columns=2)
    grid = {"loss": ["squared_error", "huber"], "delta": [0.5, 1.0], "dropout": [0.0, 0.2]}
    search = GridSearchCV(cases.regressor(), grid, cv=2, n_jobs=2).fit(X, y)
    assert search.predict(X).shape == y.shape
    again = GridSearchCV(cases.regressor(), grid, cv=2).fit(X, y)
    np.testing.assert_array_equal(again.cv_results_["mean_test_score"], search.cv_results_["mean_test_score"])


def test_a_learning_rate_is_found(cases):
    X, y = cases.numbers(n=300)
    assert 1e-5 < find_learning_rate(cases.regressor(max_seconds=1e-9), X, y).suggestion < 1.0


def test_what_scikit_learn_takes_them_for(cases):
    model = NetworkRegressor([Dense(3), Tanh()])
    assert is_regressor(model)
    tags = model.__sklearn_tags__()
    assert tags.input_tags.two_d_array
    assert tags.target_tags.multi_output
    assert not tags.target_tags.positive_only
    assert cases.regressor(loss="poisson").__sklearn_tags__().target_tags.positive_only


BAD = [
    ({"loss": "mse"}, "loss must be one of 'squared_error', 'absolute_error', 'huber', 'poisson', got 'mse'"),
    ({"loss": None}, "loss must be one of 'squared_error', .*, or an instance of a Loss, got None"),
    ({"loss": Huber}, "loss must be one of .*, or an instance of a Loss, got <class 'crmsprop.nn.*Huber'>"),
    ({"delta": 0.0}, r"delta must be in \(0, inf\), got 0.0"),
    ({"delta": "1"}, r"delta must be a number in \(0, inf\), got '1'"),
    ({"max_seconds": 0}, r"max_seconds must be in \(0, inf\), got 0"),
    ({"warm_start": None}, "warm_start must be True or False, got None"),
    ({"scoring": 3}, "scoring must be None, the name of a scorer or a callable, got 3"),
    ({"scoring": "r3"}, "scoring.*r3"),
]


@pytest.mark.parametrize(("parameters", "message"), BAD)
def test_bad_parameters(cases, parameters, message):
    with pytest.raises((TypeError, ValueError), match=message):
        cases.regressor(validation_fraction=0.2, **parameters).fit(*cases.numbers())


def test_bad_targets(cases):
    X, y = cases.numbers()
    for bad in (y, 0 * y):
        with pytest.raises(ValueError, match=r"y must be at least 0, and not always 0, where loss is 'poisson', got"):
            cases.regressor(loss="poisson").fit(X, bad)
    for bad in (np.full(61, "a"), csr_array(y[:, None])):
        with pytest.raises(TypeError, match="y must be an array of numbers, got dtype"):
            cases.regressor().fit(X, bad)
    with pytest.raises(ValueError, match=r"y must be finite in float32, .*, got 1e\+39"):
        cases.regressor(dtype="float32").fit(X, y + 1e39)
    model = cases.regressor().fit(X, y)
    with pytest.raises(ValueError, match=r"y must have shape \(n_samples,\), as it had in fit, got \(61, 1\)"):
        model.evaluate(X, y[:, None])
    with pytest.raises(ValueError, match=r"^y_val must have shape \(n_samples,\), as it had in fit, got \(61, 2\)"):
        model.fit(X, y, X_val=X, y_val=np.column_stack([y, y]))


def test_a_loss_of_another_link_needs_a_fit(cases, tmp_path):
    X, y = cases.numbers()
    model = cases.regressor().fit(X, np.exp(y))
    expected = model.predict(X)
    model.set_params(loss="absolute_error")
    np.testing.assert_array_equal(model.predict(X), expected)
    model.set_params(loss="poisson")
    for call in (model.predict, lambda data: model.evaluate(data, np.exp(y)), lambda _: model.save(tmp_path / "model")):
        with pytest.raises(ValueError, match=r"loss must not change without a fit to one .*, got PoissonDeviance"):
            call(X)
    assert (model.fit(X, np.exp(y)).predict(X) > 0).all()


def test_a_mean_that_is_too_large(cases):
    X, y = cases.numbers()
    model = cases.regressor(loss="poisson").fit(X, np.exp(y))
    model.network_.arena.views["2.bias"][...] = 1e4
    with pytest.raises(ValueError, match="the outputs for sample 0 are not finite"):
        model.predict(X)
