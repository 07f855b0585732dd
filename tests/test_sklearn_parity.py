"""The tests of scikit-learn's own MLPClassifier and MLPRegressor, answered one by one in our words.

The originals are those of ``sklearn/neural_network/tests/test_mlp.py`` in scikit-learn 1.9.1, see `ORIGINALS`. Where
they use L-BFGS, SGD or Adam, the answer trains with RMSprop; what the originals call ``alpha``, ``max_iter``,
``n_iter_`` and ``n_iter_no_change`` is here ``l2``, ``max_epochs``, ``n_epochs_`` and ``patience``. Not answered:

- ``test_lbfgs_classification_maxfun`` and ``test_lbfgs_regression_maxfun``: there is no L-BFGS, and so no ``max_fun``.
"""

import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from gradcheck import assert_network_gradients
from scipy.sparse import csr_array, csr_matrix
from sklearn.datasets import (
    load_digits,
    load_iris,
    make_classification,
    make_multilabel_classification,
    make_regression,
)
from sklearn.linear_model import PoissonRegressor
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import scale

from crmsprop import MLPClassifier, MLPRegressor
from crmsprop.callbacks import EarlyStopping, ReduceOnPlateau
from crmsprop.errors import DivergenceError
from crmsprop.nn import Dense, Network, ReLU, Run, Sigmoid, SoftmaxCrossEntropy, Tanh
from crmsprop.schedules import CosineAnnealing, InverseTimeDecay

ORIGINALS = [
    "test_alpha",
    "test_fit",
    "test_gradient",
    "test_lbfgs_classification",
    "test_lbfgs_regression",
    "test_lbfgs_classification_maxfun",
    "test_lbfgs_regression_maxfun",
    "test_learning_rate_warmstart",
    "test_multilabel_classification",
    "test_multioutput_regression",
    "test_partial_fit_classes_error",
    "test_partial_fit_classification",
    "test_partial_fit_unseen_classes",
    "test_partial_fit_regression",
    "test_partial_fit_errors",
    "test_nonfinite_params",
    "test_predict_proba_binary",
    "test_predict_proba_multiclass",
    "test_predict_proba_multilabel",
    "test_shuffle",
    "test_sparse_matrices",
    "test_tolerance",
    "test_verbose_sgd",
    "test_early_stopping",
    "test_adaptive_learning_rate",
    "test_warm_start",
    "test_warm_start_full_iteration",
    "test_n_iter_no_change",
    "test_n_iter_no_change_inf",
    "test_early_stopping_stratified",
    "test_mlp_early_stopping_string_labels",
    "test_mlp_classifier_dtypes_casting",
    "test_mlp_regressor_dtypes_casting",
    "test_mlp_param_dtypes",
    "test_mlp_loading_from_joblib_partial_fit",
    "test_preserve_feature_names",
    "test_mlp_warm_start_with_early_stopping",
    "test_mlp_warm_start_no_convergence",
    "test_mlp_partial_fit_after_fit",
    "test_mlp_diverging_loss",
    "test_mlp_sample_weight_with_early_stopping",
    "test_mlp_vs_poisson_glm_equivalent",
    "test_minimum_input_sample_size",
]

ANSWERED = []

ACTIVATIONS = ("identity", "logistic", "tanh", "relu")
BOTH = (MLPClassifier, MLPRegressor)


def answers(original):
    """Note which test of scikit-learn a test answers."""
    ANSWERED.append(original)
    return lambda test: test


def digits(n_classes, n=200):
    X, y = load_digits(n_class=n_classes, return_X_y=True)
    return X[:n] / 16, y[:n]


def numbers():
    X, y = make_regression(200, 10, bias=20.0, noise=100.0, random_state=7)
    return X, scale(y)


def weights(model):
    return model.network_.arena.flat.copy()


def test_every_original_is_answered_or_told_of():
    left_out = [name for name in ORIGINALS if f"``{name}``" in __doc__]
    assert sorted([*ANSWERED, *left_out]) == sorted(ORIGINALS)


@answers("test_alpha")
def test_a_larger_penalty_leaves_smaller_weights():
    X, y = digits(2, 100)
    free, bound = (MLPClassifier(10, l2=l2, random_state=1).fit(X, y).network_.arena.views for l2 in (0.0, 1.0))
    for name in ("0.weight", "2.weight"):
        assert np.abs(bound[name]).sum() < np.abs(free[name]).sum()


@answers("test_fit")
def test_one_step_from_given_weights_is_the_one_worked_out_by_hand():
    """A sample of three numbers and the label 0, two sigmoids, two classes; RMSprop's first step without epsilon."""
    X, y = [[0.6, 0.8, 0.7]], [0]
    model = MLPClassifier(2, activation="logistic", max_epochs=1, learning_rate=0.0, warm_start=True, random_state=1)
    model.fit(np.repeat(X, 2, axis=0), [0, 1])
    views = model.network_.arena.views
    views["0.weight"][...] = [[0.1, 0.2], [0.3, 0.1], [0.5, 0.0]]
    views["0.bias"][...] = 0.1
    views["2.weight"][...] = [[0.0, 0.1], [0.0, 0.2]]
    views["2.bias"][...] = [0.0, 1.0]
    # h = sigmoid([0.75, 0.3]) = [0.6791787, 0.5744425], and the logits are 0 and 1 + 0.1 * h1 + 0.2 * h2 = 1.1828064.
    # p = sigmoid(1.1828064) = 0.7654329 for the class 1, and the gradient of the logits is [-p, p].
    # Of the hidden sums it is p * [0.1, 0.2] * h * (1 - h), above 0 as X is. RMSprop's first step divides a gradient by
    # sqrt(0.1) of its own size: every number moves by 0.1 / sqrt(0.1) = 0.3162278 against the sign of its gradient.
    # l2 = 0.1 adds a tenth of a weight to its gradient, which changes no sign here.
    model.set_params(learning_rate=0.1, epsilon=0.0, l2=0.1).partial_fit(X, y)
    step = 0.3162278
    views = model.network_.arena.views
    np.testing.assert_allclose(views["0.weight"], np.array([[0.1, 0.2], [0.3, 0.1], [0.5, 0.0]]) - step, atol=1e-7)
    np.testing.assert_allclose(views["0.bias"], 0.1 - step, atol=1e-7)
    np.testing.assert_allclose(views["2.weight"], [[step, 0.1 - step], [step, 0.2 - step]], atol=1e-7)
    np.testing.assert_allclose(views["2.bias"], [step, 1 - step], atol=1e-7)
    # Then the hidden sums are [0.75, 0.3] - step * (0.6 + 0.8 + 0.7 + 1) = [-0.2303062, -0.6803062], their sigmoids
    # h = [0.4426766, 0.3361930], and the logits 1 - 2 * step + (0.1 - 2 * step) * h1 + (0.2 - 2 * step) * h2 apart.
    assert model.predict_proba(X)[0, 1] == pytest.approx(0.4966126, abs=1e-6)


@answers("test_gradient")
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("layers", [(), (Sigmoid(),), (Tanh(),), (ReLU(),)], ids=ACTIVATIONS)
def test_gradients_are_those_of_differences(layers, n_classes):
    network = Network([Dense(10), *layers, Dense(n_classes)], (10,), np.float64)
    network.initialize(np.random.default_rng(1))
    x, y = np.random.default_rng(42).uniform(size=(5, 10)), np.arange(5) % n_classes
    assert_network_gradients(network, SoftmaxCrossEntropy(), x, y, Run(training=True))


@answers("test_lbfgs_classification")
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_classes_are_learned_with_every_activation(n_classes, activation):
    X, y = digits(n_classes)
    model = MLPClassifier(50, activation=activation, learning_rate=3e-3, max_epochs=40, random_state=1)
    predicted = model.fit(X[:150], y[:150]).predict(X[150:])
    assert model.score(X[:150], y[:150]) > 0.95
    assert (predicted.shape, predicted.dtype) == ((50,), y.dtype)


@answers("test_lbfgs_regression")
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_numbers_are_learned_with_every_activation(activation):
    X, y = numbers()
    model = MLPRegressor(50, activation=activation, learning_rate=0.02, schedule=CosineAnnealing(), random_state=1)
    model.set_params(max_epochs=400, batch_size=50).fit(X, y)
    assert model.score(X, y) > (0.80 if activation == "identity" else 0.98)


@answers("test_learning_rate_warmstart")
@pytest.mark.parametrize("schedule", [None, InverseTimeDecay(0.25)])
def test_a_warm_fit_begins_its_schedule_afresh(schedule):
    X, y = [[3, 2], [1, 6], [5, 6], [-2, -4]], [1, 1, 1, 0]
    model = MLPClassifier(4, schedule=schedule, max_epochs=2, warm_start=True, random_state=0)
    first, second = (model.fit(X, y).history_["learning_rate"] for _ in range(2))
    assert first == second
    assert (first[1] == first[0]) == (schedule is None)


@answers("test_multilabel_classification")
def test_several_labels_are_learned_by_fit_and_in_parts_and_with_early_stopping():
    X, y = make_multilabel_classification(50, random_state=0, return_indicator=True)
    make = {"hidden_layer_sizes": 50, "activation": "logistic", "learning_rate": 0.02, "random_state": 0}
    assert MLPClassifier(max_epochs=150, **make).fit(X, y).score(X, y) > 0.97
    model = MLPClassifier(**make)
    for _ in range(100):
        model.partial_fit(X, y, classes=[0, 1, 2, 3, 4])
    assert model.score(X, y) > 0.9
    assert MLPClassifier(early_stopping=True, **make).fit(X, y).predict(X).shape == y.shape


@answers("test_multioutput_regression")
def test_several_numbers_are_learned():
    X, y = make_regression(200, n_targets=5, random_state=11)
    model = MLPRegressor(50, learning_rate=0.01, max_epochs=200, schedule=CosineAnnealing(), random_state=1)
    assert model.fit(X, scale(y)).score(X, scale(y)) > 0.9


@answers("test_partial_fit_classes_error")
def test_other_classes_in_a_later_part_are_refused():
    model = MLPClassifier().partial_fit([[3, 2]], [0], classes=[0, 1])
    with pytest.raises(ValueError, match=r"classes must be array\(\[0, 1\]\), .* got \[1, 2\]"):
        model.partial_fit([[3, 2]], [0], classes=[1, 2])


@answers("test_partial_fit_classification")
@pytest.mark.parametrize("n_classes", [2, 3])
def test_classes_in_parts_are_those_of_a_fit(n_classes):
    X, y = digits(n_classes)
    whole, parts = (MLPClassifier(max_epochs=30, random_state=1) for _ in range(2))
    whole.fit(X, y)
    for _ in range(30):
        parts.partial_fit(X, y, classes=np.unique(y))
    np.testing.assert_array_equal(parts.predict_proba(X), whole.predict_proba(X))
    assert parts.score(X, y) > 0.95


@answers("test_partial_fit_unseen_classes")
def test_a_class_that_comes_in_a_later_part_alone():
    model = MLPClassifier(random_state=0).partial_fit([[1], [2], [3]], ["a", "b", "c"], classes=["a", "b", "c", "d"])
    model.partial_fit([[4]], ["d"])
    assert model.score([[1], [2], [3], [4]], ["a", "b", "c", "d"]) > 0


@answers("test_partial_fit_regression")
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_numbers_in_parts_are_those_of_a_fit(momentum):
    X, y = numbers()
    make = {"learning_rate": 5e-3, "batch_size": len(X), "momentum": momentum, "random_state": 1}
    whole, parts = MLPRegressor(max_epochs=100, **make).fit(X, y), MLPRegressor(max_epochs=100, **make)
    for _ in range(100):
        parts.partial_fit(X, y)
    np.testing.assert_array_equal(parts.predict(X), whole.predict(X))
    assert parts.score(X, y) > 0.65


@answers("test_partial_fit_errors")
def test_a_part_with_labels_that_classes_lacks_is_refused():
    with pytest.raises(ValueError, match=r"y must hold only labels that fit has seen \(2\), got 0, 1; fine_tune"):
        MLPClassifier().partial_fit([[3, 2], [1, 6]], [1, 0], classes=[2])


@answers("test_nonfinite_params")
def test_numbers_that_overflow_in_training_are_an_error_that_says_so():
    rng = np.random.default_rng(0)
    X, y = np.finfo(np.float64).max * rng.uniform(size=(10, 2)), rng.normal(size=10)
    model = MLPRegressor(random_state=0)
    with pytest.raises(DivergenceError, match=r"the loss became \S+ in epoch 1, .* look for NaN and huge values"):
        model.fit(X, y)
    assert np.isfinite(weights(model)).all()


def check_probabilities(model, X, n_classes):
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (len(X), n_classes)
    np.testing.assert_array_equal(model.predict_log_proba(X).argmax(axis=1), probabilities.argmax(axis=1))
    np.testing.assert_allclose(model.predict_log_proba(X), np.log(probabilities))
    return probabilities


@answers("test_predict_proba_binary")
def test_probabilities_of_two_classes():
    X, y = digits(2, 50)
    model = MLPClassifier(5, activation="logistic", max_epochs=60, learning_rate=0.01, random_state=1).fit(X, y)
    assert roc_auc_score(y, check_probabilities(model, X, 2)[:, 1]) == 1.0


@answers("test_predict_proba_multiclass")
def test_probabilities_of_three_classes():
    X, y = digits(3, 10)
    probabilities = check_probabilities(MLPClassifier(5, random_state=0).fit(X, y), X, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


@answers("test_predict_proba_multilabel")
def test_probabilities_of_several_labels_do_not_sum_to_one():
    X, y = make_multilabel_classification(50, random_state=0, return_indicator=True)
    model = MLPClassifier(30, learning_rate=0.02, max_epochs=150, random_state=0).fit(X, y)
    probabilities = check_probabilities(model, X, 5)
    np.testing.assert_array_equal(probabilities > 0.5, y)
    assert np.abs(probabilities.sum(axis=1) - 1).max() > 0.1


@answers("test_shuffle")
def test_the_order_of_the_samples_is_that_of_the_seed_and_matters():
    """There is no fixed order to choose: it is drawn in each epoch."""
    X, y = make_regression(50, 5, random_state=0)

    def trained(seed):
        model = MLPRegressor(1, max_epochs=1, batch_size=1, learning_rate=0.0, warm_start=True, random_state=0)
        return weights(model.fit(X, y).set_params(learning_rate=1e-3, random_state=seed).fit(X, y))

    np.testing.assert_array_equal(trained(1), trained(1))
    assert not np.array_equal(trained(1), trained(2))


@answers("test_sparse_matrices")
@pytest.mark.parametrize("container", [csr_array, csr_matrix])
def test_sparse_samples_are_refused_in_words(container):
    X, y = digits(2, 50)
    model = MLPClassifier(15, max_epochs=1).fit(X, y)
    for call in (lambda: MLPClassifier().fit(container(X), y), lambda: model.predict(container(X))):
        with pytest.raises(TypeError, match=r"[Ss]parse"):
            call()


@answers("test_tolerance")
def test_a_loss_that_hardly_falls_ends_the_training():
    model = MLPClassifier(max_epochs=3000, early_stopping=True, monitor="loss", min_delta=0.5, random_state=0)
    assert model.fit([[3, 2], [1, 6]], [1, 0]).n_epochs_ < 3000


@answers("test_verbose_sgd")
def test_verbose_prints_a_line_an_epoch_in_fit_and_in_parts(capsys):
    X, y = [[3, 2], [1, 6]], [1, 0]
    model = MLPClassifier(2, max_epochs=2, verbose=10).fit(X, y)
    assert len(capsys.readouterr().out.splitlines()) == 2
    model.partial_fit(X, y)
    assert "loss" in capsys.readouterr().out


@answers("test_early_stopping")
@pytest.mark.parametrize("estimator", BOTH)
def test_early_stopping_ends_a_training_and_leaves_its_scores(estimator):
    X, y = digits(2, 100)
    make = {"max_epochs": 300, "random_state": 0, "min_delta": 0.2}
    scoring = "accuracy" if estimator is MLPClassifier else "r2"
    model = estimator(early_stopping=True, monitor="val_score", scoring=scoring, **make).fit(X, y)
    scores = model.validation_scores_
    assert len(scores) == model.n_epochs_ == model.best_epoch_ + model.patience < 300
    assert max(scores[model.best_epoch_ :]) <= scores[model.best_epoch_ - 1] + 0.2
    without = estimator(**make | {"max_epochs": 2}).fit(X, y)
    assert without.validation_scores_ is None
    assert not hasattr(without, "best_epoch_")
    assert all(loss > 0 for loss in without.loss_curve_)


@answers("test_adaptive_learning_rate")
def test_a_rate_that_falls_where_the_loss_does_not():
    falling = ReduceOnPlateau("loss", factor=0.2, patience=2, min_delta=0.5, min_learning_rate=1e-7)
    callbacks = [falling, EarlyStopping("loss", patience=40, min_delta=0.5)]
    model = MLPClassifier(max_epochs=3000, callbacks=callbacks, random_state=0).fit([[3, 2], [1, 6]], [1, 0])
    assert model.n_epochs_ < 3000
    assert model.history_["learning_rate"][-1] < 1e-6


@answers("test_warm_start")
@pytest.mark.parametrize("sizes", [(75, 75), (50, 50, 0, 50), (37, 37, 38, 38), (30, 30, 30, 30, 30)])
def test_a_warm_fit_takes_the_same_classes_alone(sizes):
    X, y = load_iris(return_X_y=True)
    model = MLPClassifier(2, warm_start=True, max_epochs=1, random_state=42).fit(X, y).fit(X, y)
    model.fit(X, np.repeat([0, 1, 2], [40, 40, 70]))
    with pytest.raises(ValueError, match=r"warm_start must be False .* its classes_ was array\(\[0, 1, 2\]\), got"):
        model.fit(X, np.repeat(np.arange(len(sizes)), sizes))


@answers("test_warm_start_full_iteration")
@pytest.mark.parametrize("estimator", BOTH)
def test_a_warm_fit_takes_all_its_epochs(estimator):
    model = estimator(2, warm_start=True, max_epochs=3)
    assert [model.fit(*load_iris(return_X_y=True)).n_epochs_ for _ in range(2)] == [3, 3]


@answers("test_n_iter_no_change")
@pytest.mark.parametrize("patience", [2, 5, 10, 50])
def test_so_many_epochs_without_a_new_best_end_a_training(patience):
    X, y = digits(2, 100)
    model = MLPClassifier(max_epochs=3000, early_stopping=True, monitor="loss", min_delta=0.01, patience=patience)
    model.set_params(random_state=0).fit(X, y)
    assert model.n_epochs_ == model.best_epoch_ + patience


@answers("test_n_iter_no_change_inf")
def test_patience_beyond_all_epochs_ends_nothing():
    X, y = digits(2, 100)
    model = MLPClassifier(2, max_epochs=50, early_stopping=True, monitor="loss", min_delta=1e9, patience=10**9)
    assert model.fit(X, y).n_epochs_ == 50


@answers("test_early_stopping_stratified")
def test_a_class_of_one_sample_cannot_be_split():
    with pytest.raises(ValueError, match=r"validation_fraction .* must leave samples of every class in both parts"):
        MLPClassifier(early_stopping=True).fit([[1, 2], [2, 3], [3, 4], [4, 5]], [0, 0, 0, 1])


@answers("test_mlp_early_stopping_string_labels")
def test_early_stopping_with_labels_of_text():
    X, y = make_classification(200, 10, n_classes=3, n_informative=5, random_state=42)
    model = MLPClassifier(early_stopping=True, max_epochs=50, random_state=42)
    model.fit(X, np.array(["class_a", "class_b", "class_c"], dtype=object)[y])
    assert len(model.validation_scores_) == model.n_epochs_
    assert np.isfinite(model.validation_scores_).all()


@answers("test_mlp_classifier_dtypes_casting")
def test_classes_of_both_precisions_agree():
    X, y = digits(2, 360)
    single, double = (
        MLPClassifier((5, 3), max_epochs=30, random_state=1).fit(X[:300].astype(t), y[:300]) for t in ("f4", "f8")
    )
    new = X[300:]
    np.testing.assert_array_equal(single.predict(new.astype("f4")), double.predict(new))
    np.testing.assert_allclose(single.predict_proba(new.astype("f4")), double.predict_proba(new), rtol=0.01)


@answers("test_mlp_regressor_dtypes_casting")
def test_numbers_of_both_precisions_agree():
    X, y = digits(2, 360)
    single, double = (
        MLPRegressor((5, 3), max_epochs=30, random_state=1).fit(X[:300].astype(t), y[:300]) for t in ("f4", "f8")
    )
    np.testing.assert_allclose(single.predict(X[300:].astype("f4")), double.predict(X[300:]), rtol=1e-3, atol=1e-4)


@answers("test_mlp_param_dtypes")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("estimator", BOTH)
def test_parameters_and_predictions_have_the_dtype_of_the_samples(estimator, dtype):
    X, y = digits(2)
    model = estimator((5, 3), max_epochs=2, random_state=1).fit(X.astype(dtype), y)
    assert {view.dtype for view in model.network_.arena.views.values()} == {np.dtype(dtype)}
    predicted = model.predict(X.astype(dtype))
    assert predicted.dtype == (dtype if estimator is MLPRegressor else y.dtype)


def settled(epoch, learning_rate):
    """At a constant rate the steps never become small: RMSprop divides each gradient by its own size."""
    return learning_rate if epoch < 150 else 0.8 * learning_rate


@answers("test_mlp_loading_from_joblib_partial_fit")
def test_a_model_from_joblib_goes_on_learning(tmp_path):
    model = MLPRegressor(42, learning_rate=0.01, max_epochs=100, random_state=42).fit([[2]], [4])
    joblib.dump(model, tmp_path / "model.joblib")
    again = joblib.load(tmp_path / "model.joblib").set_params(schedule=settled)
    for _ in range(200):
        again.partial_fit([[2]], [1])
    np.testing.assert_allclose(again.predict([[2]]), [1], rtol=1e-4)


@answers("test_preserve_feature_names")
@pytest.mark.parametrize("scoring", [None, "neg_mean_squared_error"])
@pytest.mark.parametrize("estimator", BOTH)
def test_names_of_columns_bring_no_warning_where_a_part_validates(estimator, scoring):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(10, 2)), columns=["a", "b"])
    model = estimator(early_stopping=True, validation_fraction=0.2, scoring=scoring, max_epochs=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, pd.Series(np.full(10, 1), name="y"))
    assert model.feature_names_in_.tolist() == ["a", "b"]


@answers("test_mlp_warm_start_with_early_stopping")
@pytest.mark.parametrize("estimator", BOTH)
def test_a_warm_fit_with_early_stopping_has_a_history_of_its_own(estimator):
    X, y = load_iris(return_X_y=True)
    model = estimator(max_epochs=10, patience=20, random_state=0, warm_start=True, early_stopping=True).fit(X, y)
    first = model.history_["val_loss"]
    second = model.set_params(max_epochs=20).fit(X, y).history_["val_loss"]
    assert (len(first), len(second)) == (10, 20)
    assert second[0] < first[0]


@answers("test_mlp_warm_start_no_convergence")
@pytest.mark.parametrize("estimator", BOTH)
def test_a_warm_fit_ends_with_its_epochs_and_without_a_warning(estimator):
    model = estimator(warm_start=True, max_epochs=10, random_state=0)
    for n in (10, 20):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert model.set_params(max_epochs=n).fit(*load_iris(return_X_y=True)).n_epochs_ == n


@answers("test_mlp_partial_fit_after_fit")
@pytest.mark.parametrize("estimator", BOTH)
def test_a_part_behind_a_fit_with_early_stopping_is_refused(estimator):
    X, y = load_iris(return_X_y=True)
    model = estimator(early_stopping=True, max_epochs=2, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="early_stopping must be False in partial_fit, got True"):
        model.partial_fit(X, y)


@answers("test_mlp_diverging_loss")
def test_a_training_that_diverges_is_an_error_and_leaves_the_last_good_weights():
    X, y = load_iris(return_X_y=True)
    model = MLPRegressor(activation="identity", learning_rate=1e200, early_stopping=True, max_epochs=20, random_state=0)
    with pytest.raises(DivergenceError, match=r"became \S+ in epoch \d+, batch \d+ of 5, at learning rate 1e\+200"):
        model.fit(X, y)
    assert np.isfinite(weights(model)).all()


@answers("test_mlp_sample_weight_with_early_stopping")
def test_weights_of_one_are_no_weights():
    X, y = make_regression(100, 2, random_state=42)
    make = {"hidden_layer_sizes": 10, "early_stopping": True, "batch_size": 10, "max_epochs": 5, "random_state": 42}
    weighed, plain = MLPRegressor(**make).fit(X, y, sample_weight=np.ones(100)), MLPRegressor(**make).fit(X, y)
    np.testing.assert_array_equal(weighed.predict(X), plain.predict(X))


@answers("test_mlp_vs_poisson_glm_equivalent")
def test_without_hidden_layers_the_poisson_loss_is_scikit_learns_linear_model():
    x = np.linspace(0, 1, 100)
    X, y = x[:, None], np.random.default_rng(0).poisson(np.exp(x + 1))
    expected = PoissonRegressor(alpha=0, tol=1e-7).fit(X, y).predict(X)
    make = {"batch_size": 100, "learning_rate": 0.02, "max_epochs": 1500, "schedule": CosineAnnealing()}
    found, other = (
        MLPRegressor((), loss=loss, random_state=0, **make).fit(X, y).predict(X)
        for loss in ("poisson", "squared_error")
    )
    np.testing.assert_allclose(found, expected, rtol=1e-3)
    assert not np.allclose(other, expected, rtol=1e-3)


@answers("test_minimum_input_sample_size")
def test_two_samples_are_one_to_train_and_one_to_validate_and_one_is_refused():
    """A loss needs one sample alone, where the R2 of the original needs two."""
    X, y = make_regression(2, 5, random_state=0)
    assert MLPRegressor(early_stopping=True, random_state=0, max_epochs=2).fit(X, y).n_epochs_ == 2
    with pytest.raises(ValueError, match="validation_fraction"):
        MLPRegressor(early_stopping=True, random_state=0).fit(X[:1], y[:1])
