"""Losses of the user's, that of examples/own_loss.py and a focal loss, in all that an estimator does."""

import math
import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from gradcheck import assert_gradient
from own_loss import Pinball
from scipy.special import log_softmax, softmax
from sklearn.base import clone
from sklearn.metrics import mean_pinball_loss
from sklearn.model_selection import GridSearchCV

import crmsprop
from crmsprop import CNNRegressor, NetworkRegressor
from crmsprop.augment import Mixup
from crmsprop.callbacks import Callback, Checkpoint
from crmsprop.errors import FileFormatError
from crmsprop.nn import (
    AbsoluteError,
    BatchResult,
    BinaryCrossEntropy,
    Huber,
    Loss,
    PoissonDeviance,
    SoftmaxCrossEntropy,
    SquaredError,
    check_gradients,
)
from crmsprop.schedules import CosineAnnealing


def bits(model):
    return model.network_.arena.flat.tobytes()


@dataclass(frozen=True)
class Focal(Loss):
    """``-(1 - p)**gamma * log(p)`` of the probability p of the class (Lin et al., 2017)."""

    gamma: float = 2.0

    def evaluate(self, output, target, weights, gradient, memory, n_threads):
        rows = np.arange(len(output))
        log_p = log_softmax(output, axis=1)
        of_class, p = log_p[rows, target], np.exp(log_p[rows, target])
        if gradient is not None:
            slope = self.gamma * (1 - p) ** (self.gamma - 1) * p * of_class - (1 - p) ** self.gamma
            gradient[...] = -np.exp(log_p)
            gradient[rows, target] += 1
            gradient *= (slope * weights)[:, None]
        losses, right = -((1 - p) ** self.gamma) * of_class, output.argmax(axis=1) == target
        return BatchResult(float(np.sum(losses * weights)), float(np.sum(right * weights)))

    def predict(self, output, n_threads):
        return softmax(output, axis=1)


# what they are


def test_a_gradient_by_the_oracle_of_the_tests():
    rng = np.random.default_rng(0)
    output, target, weights = rng.normal(size=(6, 4)), rng.integers(0, 4, 6), rng.uniform(0.1, 2, 6)
    for loss, wanted in ((Focal(), target), (Focal(0.5), target), (Pinball(0.2), rng.normal(size=(6, 4)))):

        def value(gradient=None, loss=loss, wanted=wanted):
            return loss.evaluate(output, wanted, weights, gradient, None, 1).loss

        gradient = np.empty_like(output)
        value(gradient)
        assert_gradient(value, output, gradient)
        assert check_gradients(loss, (4,), target=wanted).errors["x"] < 1e-7


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.8])
def test_the_pinball_loss_finds_the_quantile_of_what_has_no_inputs(quantile):
    y = np.random.default_rng(0).normal(size=101)
    model = NetworkRegressor(loss=Pinball(quantile), batch_size=101, learning_rate=0.03, max_epochs=400, random_state=0)
    model.set_params(schedule=CosineAnnealing()).fit(np.zeros((101, 1)), y)
    assert model.predict([[0.0]])[0] == pytest.approx(np.quantile(y, quantile), abs=0.02)


@pytest.mark.parametrize("columns", [None, 3])
def test_the_loss_of_an_evaluation_is_the_metric(cases, columns):
    X, y = cases.numbers(columns=columns)
    model = cases.regressor(loss=Pinball(0.8)).fit(X, y)
    predicted = model.predict(X)
    assert predicted.shape == y.shape
    expected = mean_pinball_loss(y, predicted, alpha=0.8)
    assert model.evaluate(X, y) == {"loss": pytest.approx(expected, rel=1e-12)}
    assert model.history_["accuracy"] == [None] * 3


def test_a_focal_loss_without_focus_is_the_cross_entropy(cases):
    X, y = cases.rows()
    own, ours = (cases.mlp(loss=loss).fit(X, np.array(["a", "b", "c"])[y]) for loss in (Focal(0.0), "cross_entropy"))
    np.testing.assert_allclose(own.network_.arena.flat, ours.network_.arena.flat, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(own.predict_proba(X), ours.predict_proba(X), rtol=1e-9)
    assert own.history_["accuracy"] == pytest.approx(ours.history_["accuracy"])
    assert own.predict(X).tolist() == ours.predict(X).tolist()


def test_a_loss_of_ours_as_an_object_gives_the_bits_of_its_name(cases):
    X, y = cases.numbers()
    for loss, named in (
        (SquaredError(), {}),
        (Huber(0.3), {"loss": "huber", "delta": 0.3}),
        (PoissonDeviance(), {"loss": "poisson"}),
    ):
        own, ours = (cases.regressor(**given).fit(X, np.abs(y)) for given in ({"loss": loss}, named))
        assert bits(own) == bits(ours)
        assert own.predict(X).tobytes() == ours.predict(X).tobytes()
        assert own.__sklearn_tags__().target_tags.positive_only == ours.__sklearn_tags__().target_tags.positive_only
    X, y = cases.rows()
    smooth = {"label_smoothing": 0.1}
    assert bits(cases.mlp(loss=SoftmaxCrossEntropy(0.1)).fit(X, y)) == bits(cases.mlp(**smooth).fit(X, y))
    X, y = cases.labels()
    assert bits(cases.mlp(loss=BinaryCrossEntropy(0.1)).fit(X, y)) == bits(cases.mlp(**smooth).fit(X, y))


# what estimators do with them


def test_weights_threads_and_single_rows(cases):
    X, y = cases.rows()
    weights = np.where(y == 2, 0.0, 1.0 + y)
    model = cases.mlp(loss=Focal()).fit(X, y, weights)
    assert bits(model) == bits(cases.mlp(loss=Focal()).fit(X[y < 2], y[y < 2], weights[y < 2]))
    assert bits(model) == bits(cases.mlp(loss=Focal(), n_threads=3).fit(X, y, weights))
    whole = model.predict_proba(X)
    assert all(model.predict_proba(X[i : i + 1]).tobytes() == whole[i].tobytes() for i in range(len(X)))
    weighed = cases.mlp(loss=Focal(), class_weight={0: 2.0}).fit(X, y)
    assert bits(weighed) == bits(cases.mlp(loss=Focal()).fit(X, y, np.where(y == 0, 2.0, 1.0)))


def test_early_stopping_scoring_and_the_finder(cases):
    X, y = cases.rows(n=120)
    model = cases.mlp(loss=Focal(), early_stopping=True, monitor="val_accuracy", scoring="f1_macro", max_epochs=4)
    assert len(model.fit(X, y).validation_scores_) == model.n_epochs_
    X, y = cases.numbers(n=120)
    own = cases.regressor(loss=Pinball(0.9), early_stopping=True, max_epochs=4).fit(X, y)
    assert all(loss > 0 for loss in own.history_["val_loss"])
    assert 1e-5 < crmsprop.find_learning_rate(cases.regressor(loss=Pinball()), X, y).suggestion < 1.0
    with pytest.raises(ValueError, match="got 'accuracy' of a regression, or of a loss that counts no hits"):
        own.set_params(monitor="accuracy").fit(X, y)


def test_mixed_numbers(cases):
    X, y = cases.images(dtype=np.float64)
    model = CNNRegressor((4,), loss=Pinball(0.9), augmentation=Mixup(0.4), max_epochs=2).fit(X, y.astype(float))
    assert np.isfinite(model.predict(X)).all()


def test_several_labels_at_once(cases):
    @dataclass(frozen=True)
    class Brier(Loss):
        """The squared error of probabilities."""

        def evaluate(self, output, target, weights, gradient, memory, n_threads):
            p = 1 / (1 + np.exp(-output))
            if gradient is not None:
                gradient[...] = 2 * (p - target) * p * (1 - p) * weights[:, None] / output.shape[1]
            return BatchResult(float(np.sum(weights * ((p - target) ** 2).mean(axis=1))), math.nan)

        def predict(self, output, n_threads):
            return 1 / (1 + np.exp(-output))

    X, y = cases.labels(n=300)
    assert check_gradients(Brier(), (4,), target=y[:5]).errors["x"] < 1e-7
    model = cases.mlp(loss=Brier(), max_epochs=100, learning_rate=0.02).fit(X, y)
    assert model.score(X, y) > 0.9
    assert model.evaluate(X, y) == {"loss": pytest.approx(((model.predict_proba(X) - y) ** 2).mean())}


def test_copies_and_a_search(cases):
    X, y = cases.numbers(n=60)
    model = cases.regressor(loss=Pinball(0.9)).fit(X, y)
    assert pickle.loads(pickle.dumps(model)).predict(X).tobytes() == model.predict(X).tobytes()
    assert clone(model).loss == Pinball(0.9)
    assert bits(clone(model).fit(X, y)) == bits(model)
    grid = {"loss": ["squared_error", Pinball(0.5), Pinball(0.9)], "rho": [0.5, 0.9]}
    serial, parallel = (GridSearchCV(cases.regressor(), grid, cv=2, n_jobs=n).fit(X, y) for n in (1, 2))
    np.testing.assert_array_equal(serial.cv_results_["mean_test_score"], parallel.cv_results_["mean_test_score"])


class PowerCut(Callback):
    """Ends the training after two epochs."""

    def on_epoch_begin(self, context):
        if context.epoch == 2:
            raise OSError("no power")


def test_a_killed_training_goes_on_to_the_same_bytes(cases, tmp_path):
    X, y = cases.numbers()
    whole = cases.regressor(loss=Pinball(0.9)).fit(X, y)
    checkpoint = Checkpoint(tmp_path / "training", resume=True)
    with pytest.raises(OSError, match="no power"):
        cases.regressor(loss=Pinball(0.9), callbacks=[checkpoint, PowerCut()]).fit(X, y)
    with pytest.raises(ValueError, match=r"^loss must be \['Pinball', \{'quantile': 0.9\}\], .*'quantile': 0.5"):
        cases.regressor(loss=Pinball(0.5), callbacks=[checkpoint]).fit(X, y)
    assert bits(cases.regressor(loss=Pinball(0.9), callbacks=[checkpoint]).fit(X, y)) == bits(whole)


def test_files(cases, tmp_path):
    X, y = cases.rows()
    for model in (cases.mlp(loss=Focal()), cases.regressor(loss=Pinball(0.9)), cases.regressor(loss=Huber(0.3))):
        model.fit(X, y).save(tmp_path / "model")
        again = crmsprop.load(tmp_path / "model", custom_classes=[Focal, Pinball])
        assert again.loss == model.loss
        assert again.predict(X).tobytes() == model.predict(X).tobytes()
        assert again.evaluate(X, y) == model.evaluate(X, y)
        assert bits(again.partial_fit(X, y)) == bits(model.partial_fit(X, y))
        if not isinstance(model.loss, Huber):
            with pytest.raises(FileFormatError, match=r"needs the class '\w+', .*: custom_classes must hold it"):
                crmsprop.load(tmp_path / "model")


# what is refused


def test_a_loss_that_predicts_otherwise_needs_a_fit(cases, tmp_path):
    X, y = cases.rows()
    model = cases.mlp(loss=Focal()).fit(X, y)
    model.set_params(loss=Focal(3.0)).predict(X)
    for loss in ("cross_entropy", Pinball()):
        model.set_params(loss=loss)
        for call in (model.predict, lambda X: model.evaluate(X, y), lambda X: model.save(tmp_path / "model")):
            with pytest.raises(ValueError, match=r"^loss must not change without a fit to .*, got .* after Focal\("):
                call(X)
    model.set_params(loss="cross_entropy").fit(X, y).predict(X)
    regressor = cases.regressor().fit(X, y)
    expected = regressor.predict(X)
    np.testing.assert_array_equal(regressor.set_params(loss=Pinball()).predict(X), expected)


@dataclass(frozen=True)
class Odd(SquaredError):
    """Predicts what it should not."""

    what: str

    def predict(self, output, n_threads):
        return {"a column": output[:, 0], "a list": [1.0], "infinity": output + np.inf}[self.what]


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("a column", r"predict of Odd\(.*\) must give an array of shape \(61, 2\), got \(61,\)"),
        ("a list", r"predict of Odd\(.*\) must give an array of shape \(61, 2\), got \[1.0\]"),
        ("infinity", "the outputs for sample 0 are not finite"),
    ],
)
def test_predictions_that_are_none(cases, what, message):
    X, y = cases.numbers(columns=2)
    with pytest.raises(ValueError, match=message):
        cases.regressor(loss=Odd(what)).fit(X, y).predict(X)


def test_label_smoothing_is_a_matter_of_the_loss(cases):
    X, y = cases.rows()
    with pytest.raises(ValueError, match=r"^label_smoothing must be 0 where loss is a Loss, got 0.1"):
        cases.mlp(loss=Focal(), label_smoothing=0.1).fit(X, y)


@pytest.mark.parametrize("loss", ["log_loss", None, Focal, 3])
def test_a_loss_that_is_none(cases, loss):
    with pytest.raises((TypeError, ValueError), match=r"^loss must be one of 'cross_entropy'.*, got "):
        cases.mlp(loss=loss).fit(*cases.rows())


def test_onnx_has_no_predict_of_ones_own(cases, tmp_path):
    X, y = cases.rows()
    with pytest.raises(TypeError, match=r"loss must predict as crmsprop's own do to be exported, got Focal\("):
        cases.mlp(loss=Focal()).fit(X, y).export_onnx(tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("loss", [SquaredError(), AbsoluteError(), PoissonDeviance(), BinaryCrossEntropy()])
def test_a_loss_of_ours_for_a_target_an_output_is_not_one_of_classes(cases, loss):
    X, y = cases.rows()
    rule = "^loss must be for one class a sample, as SoftmaxCrossEntropy is, where y holds such"
    with pytest.raises(
        ValueError, match=f"{rule}, got {type(loss).__name__}.*, which is for numbers or several labels$"
    ):
        cases.mlp(loss=loss).fit(X, y)


def test_a_loss_of_classes_is_not_one_of_a_target_an_output(cases):
    rule = (
        "^loss must be for numbers, .* or for several labels, .*, got SoftmaxCrossEntropy.*, which is for one class a"
    )
    with pytest.raises(ValueError, match=rule):
        cases.regressor(loss=SoftmaxCrossEntropy()).fit(*cases.numbers())
    with pytest.raises(ValueError, match=rule):
        cases.mlp(loss=SoftmaxCrossEntropy()).fit(*cases.labels())
    model = cases.mlp().fit(*cases.rows())
    with pytest.raises(ValueError, match=rule):
        model.set_params(loss=SoftmaxCrossEntropy()).fine_tune(*cases.labels())


@pytest.mark.parametrize("wrong", [-0.1, 1.1, 5.0])
def test_shares_are_between_0_and_1(cases, wrong):
    """Beyond them the cross-entropy has no lowest value: the output would grow for ever."""
    X, y = cases.rows()
    model = cases.regressor(loss=BinaryCrossEntropy()).fit(X, y / 2)
    shares = np.where(y == 1, wrong, y / 2)
    for call in (cases.regressor(loss=BinaryCrossEntropy()).fit, model.partial_fit, model.evaluate):
        with pytest.raises(ValueError, match=r"^y must be in \[0, 1\] where loss is BinaryCrossEntropy.*, got "):
            call(X, shares)
    with pytest.raises(ValueError, match=r"^y_val must be in \[0, 1\]"):
        model.fit(X, y / 2, X_val=X, y_val=shares)
