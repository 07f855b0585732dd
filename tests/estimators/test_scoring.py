"""scoring and max_seconds: what judges a training, and what ends it."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, make_scorer, r2_score, roc_auc_score

import crmsprop
from crmsprop.callbacks import CSVLogger, EarlyStopping, ModelCheckpoint, ReduceOnPlateau
from crmsprop.display import TrainingHistoryDisplay


def own(estimator, X, y, sample_weight=None):
    return f1_score(y, estimator.predict(X), average="macro", sample_weight=sample_weight)


SCORINGS = {"name": "f1_macro", "scorer": make_scorer(f1_score, average="macro"), "function": own}


@pytest.mark.parametrize("scoring", SCORINGS.values(), ids=SCORINGS)
@pytest.mark.parametrize("weights", [None, np.arange(61.0)])
def test_the_score_is_the_scorers(cases, scoring, weights):
    X, y = cases.rows()
    X_val, y_val = cases.rows(seed=1)
    model = cases.mlp(scoring=scoring).fit(X, y, X_val=X_val, y_val=y_val, sample_weight_val=weights)
    expected = f1_score(y_val, model.predict(X_val), average="macro", sample_weight=weights)
    assert model.history_["val_score"][-1] == model.validation_scores_[-1] == pytest.approx(expected)
    assert list(model.history_)[-1] == "val_score"
    assert len(model.validation_scores_) == model.n_epochs_ == 3


def test_it_changes_nothing_else(cases):
    X, y = cases.rows()
    plain, judged = (cases.mlp(validation_fraction=0.2, scoring=scoring).fit(X, y) for scoring in (None, "f1_macro"))
    assert plain.predict_proba(X).tobytes() == judged.predict_proba(X).tobytes()
    assert "val_score" not in plain.history_
    assert plain.validation_scores_ == plain.history_["val_accuracy"]


def test_early_stopping_watches_it(cases):
    X, y = cases.rows(n=200)
    model = cases.mlp(scoring="roc_auc_ovr", early_stopping=True, monitor="val_score", max_epochs=60, patience=3)
    model.set_params(learning_rate=0.02).fit(X, y)
    scores = model.validation_scores_
    assert model.best_epoch_ == 1 + scores.index(max(scores))
    assert model.n_epochs_ == min(60, model.best_epoch_ + 3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_regressors_and_several_columns(cases, dtype):
    X, y = cases.numbers(columns=2, dtype=dtype)
    model = cases.regressor(scoring="r2").fit(X[:40], y[:40], X_val=X[40:], y_val=y[40:])
    assert model.validation_scores_[-1] == pytest.approx(r2_score(y[40:], model.predict(X[40:])))
    X, y = cases.labels()
    model = cases.mlp(scoring="roc_auc").fit(X[:40], y[:40], X_val=X[40:], y_val=y[40:])
    assert model.validation_scores_[-1] == pytest.approx(roc_auc_score(y[40:], model.predict_proba(X[40:])))


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_images_and_what_is_held_out(cases, kind):
    X, y = cases.images()
    model = getattr(cases, kind)(image_shape=(7, 6, 2), scoring=own, validation_fraction=0.2).fit(X, y)
    assert len(model.validation_scores_) == model.n_epochs_
    last = getattr(cases, kind)(image_shape=(7, 6, 2), scoring="accuracy", validation_fraction=0.2).fit(X, y)
    np.testing.assert_allclose(last.validation_scores_, last.history_["val_accuracy"])


def test_frames_are_judged_without_a_warning(cases):
    X, y = cases.rows()
    frame = pd.DataFrame(X, columns=list("abcdef"))
    model = cases.mlp(scoring="accuracy", validation_fraction=0.2).fit(frame, pd.Series(y))
    assert model.feature_names_in_.tolist() == list("abcdef")
    assert model.predict(frame).shape == y.shape
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        model.predict(X)


def test_it_is_printed_logged_drawn_and_saved(cases, tmp_path, capsys):
    from matplotlib.figure import Figure

    X, y = cases.rows()
    log = CSVLogger(tmp_path / "history.csv")
    model = cases.mlp(scoring="f1_macro", validation_fraction=0.2, verbose=1, callbacks=[log]).fit(X, y)
    score = model.validation_scores_[-1]
    assert f"val_score {score:.4f}" in capsys.readouterr().out.splitlines()[-1]
    assert pd.read_csv(tmp_path / "history.csv")["val_score"].tolist() == pytest.approx(model.validation_scores_)
    assert [ax.get_ylabel() for ax in TrainingHistoryDisplay.from_estimator(model, ax=Figure()).ax_] == [
        "loss", "accuracy", "score"
    ]  # fmt: skip
    model.save(tmp_path / "model")
    again = crmsprop.load(tmp_path / "model")
    assert again.history_ == model.history_
    assert again.scoring == "f1_macro"


def test_a_scorer_of_ones_own_is_not_saved(cases, tmp_path):
    X, y = cases.rows()
    model = cases.mlp(scoring=own, early_stopping=True, monitor="val_score").fit(X, y)
    with pytest.warns(UserWarning, match="scoring is an object, which is not saved"):
        model.save(tmp_path / "model")
    assert crmsprop.load(tmp_path / "model").scoring is None


def test_what_is_refused(cases):
    X, y = cases.rows()
    with pytest.raises(ValueError, match=r"scoring must be None without validation data: set .*, got 'f1_macro'"):
        cases.mlp(scoring="f1_macro").fit(X, y)
    with pytest.raises(ValueError, match="scoring must be set where monitor is 'val_score', got None"):
        cases.mlp(early_stopping=True, monitor="val_score").fit(X, y)
    with pytest.raises(TypeError, match=r"the score that scoring gives must be a number in \[-inf, inf\], got 'good'"):
        cases.mlp(scoring=lambda *_: "good", validation_fraction=0.2).fit(X, y)
    scores = iter([0.5, np.nan])
    with pytest.raises(ValueError, match="scoring must give a number, got nan after epoch 2"):
        cases.mlp(scoring=lambda *_: next(scores), validation_fraction=0.2).fit(X, y)


def test_a_score_in_an_array_of_no_axes_is_a_number(cases):
    """As scikit-learn's own searches take it."""
    X, y = cases.rows()
    model = cases.mlp(scoring=lambda *_: np.array(0.25), validation_fraction=0.2).fit(X, y)
    assert model.history_["val_score"] == [0.25] * 3
    assert {type(score) for score in model.history_["val_score"]} == {float}


@pytest.mark.parametrize("callback", [EarlyStopping, ReduceOnPlateau, ModelCheckpoint])
def test_callbacks_of_ones_own_watch_it_too(cases, tmp_path, callback):
    X, y = cases.rows()
    named = {"path": tmp_path / "best"} if callback is ModelCheckpoint else {}
    model = cases.mlp(callbacks=[callback(monitor="val_score", **named)], validation_fraction=0.2)
    model.set_params(scoring="accuracy").fit(X, y)
    assert len(model.validation_scores_) == 3
    with pytest.raises(ValueError, match="got 'val_score' without a scorer: set scoring"):
        model.set_params(scoring=None).fit(X, y)


def test_the_best_of_the_time_is_kept(cases):
    """max_seconds with early stopping: the training ends, and goes back to its best weights."""
    X, y = cases.rows()
    model = cases.mlp(early_stopping=True, monitor="loss", max_epochs=10**9, patience=10**9, max_seconds=0.2)
    model.fit(X, y)
    assert 1 <= model.best_epoch_ <= model.n_epochs_ < 10**9


def test_no_time_at_all_is_one_batch_and_a_model(cases):
    X, y = cases.rows()
    model = cases.mlp(max_seconds=1e-9, validation_fraction=0.2).fit(X, y)
    assert model.n_epochs_ == 1
    assert model.history_["val_loss"][0] > 0
    assert model.predict(X).shape == y.shape
