"""What users of scikit-learn know, over all six estimators; what has a module of its own is tested there.

| what | where |
|---|---|
| the estimators, one class, two, many | test_classifiers, test_regressors, test_network |
| several columns | test_multilabel, test_regressors, and here those of one column |
| sample_weight, class_weight | test_weights, and here with partial_fit and warm_start |
| partial_fit, warm_start | test_parts |
| X_val, y_val, sample_weight_val; transform_input; metadata routing | test_weights, and here in searches |
| scoring, max_seconds | test_scoring |
| pandas, feature names | test_features, test_checks |
| read-only and mapped X | test_jobs, test_inputs, test_images, and here a file that is larger than memory |
| transform, features | test_features |
| tags, HTML, fitted attributes | here |
| images | test_images, test_common_checks_4d |
| searches over parameters | test_search, test_sklearn |
| scikit-learn's callbacks; ours | test_sklearn_callbacks; callbacks/ |
| processes and threads | test_jobs, test_threads, test_distributed |
| own layers and losses | test_own_layers, test_own_losses |
"""

import sys

import numpy as np
import pytest
import sklearn
from child_process import in_new_interpreter
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from crmsprop import CNNClassifier, CNNRegressor, MLPClassifier, MLPRegressor, NetworkClassifier, NetworkRegressor
from crmsprop.callbacks import EarlyStopping
from crmsprop.nn import Dense, ReLU
from crmsprop.schedules import CosineAnnealing

SMALL = {"max_epochs": 3, "batch_size": 16, "random_state": 0}
MODELS = [
    MLPClassifier((5,), **SMALL),
    MLPRegressor((5,), **SMALL),
    CNNClassifier((2,), dense_units=(4,), **SMALL),
    CNNRegressor((2,), dense_units=(4,), **SMALL),
    NetworkClassifier([Dense(5), ReLU()], **SMALL),
    NetworkRegressor([Dense(5), ReLU()], **SMALL),
]
CLASSIFIERS = MODELS[::2]

every = pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
every_classifier = pytest.mark.parametrize("model", CLASSIFIERS, ids=lambda model: type(model).__name__)


def targets(cases, model, **form):
    """Rows, and what the model can learn of them."""
    return cases.rows(**form) if get_tags(model).estimator_type == "classifier" else cases.numbers(**form)


def bits(model):
    return model.network_.arena.flat.tobytes()


# ---- what is there after a fit, and what is seen


@every
def test_fitted_attributes(cases, model):
    X, y = targets(cases, model)
    model = clone(model).set_params(early_stopping=True, scoring=None, validation_fraction=0.25)
    names = ["history_", "n_epochs_", "best_epoch_", "n_features_in_", "loss_curve_", "validation_scores_", "network_"]
    names += ["image_shape_", *(["classes_", "multilabel_"] if hasattr(model, "predict_proba") else [])]
    assert not [name for name in names if hasattr(model, name)]
    model.fit(X, y)
    assert [name for name in names if not hasattr(model, name)] == []
    assert model.n_features_in_ == 6
    assert model.n_epochs_ == 3
    assert {len(values) for values in model.history_.values()} == {3}
    assert model.loss_curve_ == model.history_["loss"]
    assert model.loss_curve_ is not model.history_["loss"]
    assert model.best_epoch_ == 1 + int(np.argmin(model.history_["val_loss"]))
    scores = model.validation_scores_
    assert scores == (model.history_["val_accuracy"] if hasattr(model, "classes_") else None)
    public = {name for name in vars(model) if name.endswith("_") and not name.startswith("_")}
    assert public <= set(names)  # nothing that is not documented
    documented = type(model).__doc__
    assert [name for name in public | {"loss_curve_", "validation_scores_"} if f"{name} :" not in documented] == []


@every
def test_nothing_is_there_before_a_fit(cases, model):
    X, y = targets(cases, model)
    calls = {"predict": (X,), "transform": (X,), "features": (X, 0), "evaluate": (X, y), "score": (X, y), "summary": ()}
    for name, arguments in calls.items():
        with pytest.raises(NotFittedError):
            getattr(clone(model), name)(*arguments)


@every
@pytest.mark.parametrize("fitted", [False, True])
def test_html(cases, model, fitted):
    model = clone(model).set_params(schedule=CosineAnnealing(), callbacks=[EarlyStopping("loss")])
    X, y = targets(cases, model)
    pipe = make_pipeline(StandardScaler(), model.fit(X, y) if fitted else model)
    for shown in (model, pipe):
        page = shown._repr_html_()
        assert type(model).__name__ in page
        assert "CosineAnnealing" in page
    assert ("Not fitted" in model._repr_html_()) != fitted


@every
def test_tags(model):
    tags = get_tags(model)
    assert tags.estimator_type == ("classifier" if hasattr(model, "predict_proba") else "regressor")
    assert tags.input_tags.two_d_array
    assert not tags.input_tags.sparse
    assert not tags.input_tags.allow_nan
    assert tags.requires_fit
    assert not tags.non_deterministic
    assert not tags.no_validation
    assert tags.target_tags.required
    assert tags.target_tags.multi_output
    assert tags.target_tags.single_output
    assert tags.transformer_tags.preserves_dtype == ["float64", "float32"]
    if tags.estimator_type == "classifier":
        assert tags.classifier_tags.multi_class
        assert tags.classifier_tags.multi_label


# ---- one column


@every
def test_one_column(cases, model):
    """As scikit-learn's MLP: a column of labels is labels, with a warning; a column of numbers is a column."""
    X, y = targets(cases, model)
    plain = clone(model).fit(X, y)
    if hasattr(model, "predict_proba"):
        with pytest.warns(UserWarning, match="column-vector y was passed"):
            column = clone(model).fit(X, y[:, None])
        assert column.predict(X).shape == (61,)
    else:
        column = clone(model).fit(X, y[:, None])
        assert column.predict(X).shape == (61, 1)
    assert bits(column) == bits(plain)
    np.testing.assert_array_equal(column.predict(X).ravel(), plain.predict(X))


@every_classifier
def test_one_class_is_certain_and_two_have_one_logit(cases, model):
    X, y = cases.rows(classes=2)
    only = clone(model).fit(X, np.full(61, "a"))
    assert only.classes_.tolist() == ["a"]
    assert set(only.predict(X)) == {"a"}
    np.testing.assert_array_equal(only.predict_proba(X), np.ones((61, 1)))
    both = clone(model).fit(X, y)
    logits, probabilities = both.decision_function(X), both.predict_proba(X)
    assert logits.shape == (61,)
    np.testing.assert_allclose(probabilities[:, 1], 1 / (1 + np.exp(-logits)), rtol=1e-12)
    np.testing.assert_array_equal(both.predict(X), logits > 0)


# ---- weights of classes in parts, and in a fit that goes on


@every_classifier
def test_class_weights_in_parts(cases, model):
    """A dict weighs the samples of each part; "balanced" would need all of them and is refused."""
    X, y = cases.rows()
    by_class = clone(model).set_params(class_weight={0: 3.0, 2: 0.5})
    by_sample = clone(model)
    for part in (slice(0, 30), slice(30, 61)):
        by_class.partial_fit(X[part], y[part], classes=[0, 1, 2])
        by_sample.partial_fit(X[part], y[part], classes=[0, 1, 2], sample_weight=np.array([3.0, 1.0, 0.5])[y[part]])
    assert bits(by_class) == bits(by_sample)
    assert by_class.history_["loss"] == by_sample.history_["loss"]
    with pytest.raises(ValueError, match="class_weight must be None or a dict in partial_fit, got 'balanced'"):
        clone(model).set_params(class_weight="balanced").partial_fit(X, y, classes=[0, 1, 2])


@every_classifier
@pytest.mark.parametrize("class_weight", [{0: 3.0, 2: 0.5}, "balanced"])
def test_class_weights_in_a_fit_that_goes_on(cases, model, class_weight):
    X, y = cases.rows()
    y = np.where(np.arange(61) < 40, 0, y)
    counts = np.bincount(y)
    each = 61 / (3 * counts) if class_weight == "balanced" else np.array([3.0, 1.0, 0.5])
    by_class = clone(model).set_params(class_weight=class_weight, warm_start=True).fit(X, y).fit(X, y)
    by_sample = clone(model).set_params(warm_start=True).fit(X, y, each[y]).fit(X, y, each[y])
    np.testing.assert_allclose(by_class.network_.arena.flat, by_sample.network_.arena.flat, rtol=1e-6, atol=1e-9)
    assert bits(by_class) != bits(clone(model).set_params(class_weight=class_weight).fit(X, y))


# ---- validation data and weights through searches


def routed(model):
    """A pipeline that hands everything on, and transforms the validation data."""
    model = clone(model).set_fit_request(sample_weight=True, X_val=True, y_val=True, sample_weight_val=True)
    scaler = StandardScaler().set_fit_request(sample_weight=True)
    return Pipeline([("scale", scaler), ("net", model)], transform_input=["X_val"])


@every
def test_validation_data_and_weights_in_searches(cases, model):
    """The training data are split, and their weights with them; the validation set comes whole to every fit."""
    X, y = targets(cases, model)
    X_val, y_val = targets(cases, model, n=30, seed=1)
    weights, weights_val = np.linspace(0.5, 2, 61), np.linspace(1, 2, 30)
    named = {"X_val": X_val, "y_val": y_val, "sample_weight_val": weights_val}
    folds = [(np.arange(0, 40), np.arange(40, 61)), (np.arange(21, 61), np.arange(21))]
    with sklearn.config_context(enable_metadata_routing=True):
        pipe = routed(clone(model).set_params(early_stopping=True, patience=1))
        scorer = get_scorer("accuracy" if hasattr(model, "predict_proba") else "r2")
        how = {"cv": folds, "scoring": scorer.set_score_request(sample_weight=True)}
        search = GridSearchCV(pipe, {"net__rho": [0.5, 0.9]}, **how).fit(X, y, sample_weight=weights, **named)
        found = cross_validate(pipe, X, y, params={"sample_weight": weights, **named}, return_estimator=True, **how)
    for estimator, score, (train, test) in zip(found["estimator"], found["test_score"], folds, strict=True):
        scaler = StandardScaler().fit(X[train], sample_weight=weights[train])
        given = {**named, "X_val": scaler.transform(X_val)}
        alone = clone(model).set_params(early_stopping=True, patience=1)
        alone.fit(scaler.transform(X[train]), y[train], weights[train], **given)
        assert bits(estimator[-1]) == bits(alone)
        assert estimator[-1].history_["val_loss"] == alone.history_["val_loss"]
        assert score == alone.score(scaler.transform(X[test]), y[test], weights[test])
    best = search.best_estimator_
    assert best[-1].rho == search.best_params_["net__rho"]
    scaler = StandardScaler().fit(X, sample_weight=weights)
    alone = clone(model).set_params(early_stopping=True, patience=1, rho=best[-1].rho)
    alone.fit(scaler.transform(X), y, weights, **{**named, "X_val": scaler.transform(X_val)})
    assert bits(best[-1]) == bits(alone)


@every
def test_what_is_routed_to_parts(model):
    with sklearn.config_context(enable_metadata_routing=True):
        asked = clone(model).set_partial_fit_request(sample_weight=True)
        assert asked.get_metadata_routing().partial_fit.requests["sample_weight"] is True
        again = clone(asked)
        assert again.get_metadata_routing().partial_fit.requests == asked.get_metadata_routing().partial_fit.requests


# ---- files larger than memory


@pytest.mark.skipif(sys.platform != "linux", reason="limits and counts memory as Linux does")
@pytest.mark.parametrize(
    "kind",
    ["MLPClassifier((2,), image_shape=(32, 32, 3)", "CNNClassifier((1,), kernel_size=1, pool_size=4, dense_units=()"],
    ids=lambda kind: kind.split("(")[0],
)
def test_a_file_that_is_larger_than_the_memory_one_may_have(tmp_path, kind):
    """200 MB of pixels, for a process that may take 80 MB beyond what it has: one that copies them ends."""
    code = f"""if True:
        import resource
        from pathlib import Path
        import numpy as np
        from crmsprop import CNNClassifier, MLPClassifier

        def own():
            fields = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
            return 1024 * int(fields["RssAnon"].split()[0]), 1024 * int(fields["VmData"].split()[0])

        X = np.memmap({str(tmp_path / "pixels")!r}, np.uint8, "w+", shape=(65_000, 32, 32, 3))
        X[:2000:2, 0] = 200
        X = np.memmap({str(tmp_path / "pixels")!r}, np.uint8, "r", shape=X.shape)
        y = (np.arange(len(X)) % 2).astype(np.int8)
        model = {kind}, max_epochs=1, batch_size=1000, n_threads=1, random_state=0)
        model.fit(X[:2000], y[:2000]).predict(X[:2000])
        before, taken = own()
        resource.setrlimit(resource.RLIMIT_DATA, (taken + 80_000_000,) * 2)
        model.fit(X, y, X_val=X[:1000], y_val=y[:1000])
        assert model.predict(X).shape == y.shape
        try:
            np.array(X)
        except MemoryError:
            print("a copy is refused")
        print(own()[0] - before < 40_000_000)
        """
    status, output, errors = in_new_interpreter(code, timeout=120)
    assert (status, output.splitlines(), errors) == (0, ["a copy is refused", "True"], "")
