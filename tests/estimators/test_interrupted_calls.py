"""Ctrl-C in what is not a plain fit: fine_tune, partial_fit, and the loops of scikit-learn around them."""

import signal

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401
from sklearn.feature_selection import RFE, SequentialFeatureSelector
from sklearn.impute import IterativeImputer
from sklearn.model_selection import HalvingGridSearchCV, learning_curve
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.semi_supervised import SelfTrainingClassifier

from crmsprop import MLPClassifier, MLPRegressor
from crmsprop.callbacks import Callback
from crmsprop.errors import TrainingInterruptedWarning

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(60, 4)), np.arange(60) % 3


class Press(Callback):
    """Presses Ctrl-C in an epoch, as often as it is told; can be copied."""

    def __init__(self, epoch=1, times=1):
        self.epoch, self.times = epoch, times

    def on_batch_end(self, context):
        if context.epoch == self.epoch and context.batch == 1:
            signal.raise_signal(signal.SIGINT)

    def on_train_end(self, context):
        if self.times > 1:
            signal.raise_signal(signal.SIGINT)


def model_of(kind=MLPClassifier, **parameters):
    return kind((6,), batch_size=10, random_state=0, **{"max_epochs": 3, **parameters})


def same_bits(one, other):
    return one.network_.arena.flat.tobytes() == other.network_.arena.flat.tobytes()


# fine_tune and partial_fit


@pytest.mark.parametrize("classes", [3, 2])
def test_fine_tune_keeps_the_last_whole_epoch(classes):
    model, expected = model_of().fit(X, Y), model_of().fit(X, Y)
    expected.fine_tune(X, Y % classes, max_epochs=2)
    model.set_params(callbacks=[Press(epoch=2)])
    with pytest.warns(TrainingInterruptedWarning, match=r"interrupted after 2 of 5 epochs: .* end of epoch 2$") as seen:
        model.fine_tune(X, Y % classes, max_epochs=5)
    assert [warning.filename for warning in seen] == [__file__]
    assert same_bits(model, expected)
    assert model.classes_.tolist() == list(range(classes))
    assert model.history_["loss"] == expected.history_["loss"]
    assert model.predict_proba(X).tobytes() == expected.predict_proba(X).tobytes()


def test_fine_tune_in_its_first_epoch_keeps_its_last_step():
    model = model_of().fit(X, Y)
    before = model.network_.arena.flat.copy()
    model.set_params(callbacks=[Press(epoch=0)])
    with pytest.warns(TrainingInterruptedWarning, match="weights of its last step"):
        model.fine_tune(X, Y, reset_head=False, freeze=None)
    assert model.n_epochs_ == 0
    assert 0 < np.abs(model.network_.arena.flat - before).max() < 0.01


def test_a_second_one_in_fine_tune_leaves_what_was_there():
    model = model_of().fit(X, Y)
    before = {name: value for name, value in vars(model).items() if name != "callbacks"}
    weights = model.network_.arena.flat.tobytes()
    model.set_params(callbacks=[Press(times=2)])
    with pytest.raises(KeyboardInterrupt):
        model.fine_tune(X, Y % 2)
    assert {name: value for name, value in vars(model).items() if name != "callbacks"} == before
    assert model.network_.arena.flat.tobytes() == weights


@pytest.mark.parametrize("fitted", [False, True])
def test_partial_fit_leaves_the_parts_before(fitted):
    """An epoch that is not whole is no part: the loop around it hears of Ctrl-C, and the model is as it was."""
    model, expected = model_of(), model_of()
    for each in (model, expected) if fitted else ():
        each.partial_fit(X, Y, classes=[0, 1, 2])
    before, weights = dict(vars(model)), model.network_.arena.flat.tobytes() if fitted else None
    model.set_params(callbacks=[Press(epoch=int(fitted))])
    with pytest.raises(KeyboardInterrupt):
        model.partial_fit(X, Y, classes=[0, 1, 2])
    assert {**vars(model), "callbacks": None} == before
    if fitted:
        assert model.network_.arena.flat.tobytes() == weights
        model.set_params(callbacks=None)
        assert same_bits(model.partial_fit(X, Y, classes=[0, 1, 2]), expected.partial_fit(X, Y, classes=[0, 1, 2]))


# what fits one estimator after the other is stopped as a whole


LOOPS = {
    "bagging": lambda model: BaggingClassifier(model, 3).fit(X, Y),
    "voting": lambda model: VotingClassifier([("a", model), ("b", model)]).fit(X, Y),
    "stacking": lambda model: StackingClassifier([("a", model), ("b", model)], cv=2).fit(X, Y),
    "boosting": lambda model: AdaBoostClassifier(model, n_estimators=3).fit(X, Y),
    "calibration": lambda model: CalibratedClassifierCV(model, cv=2).fit(X, Y),
    "one against the rest": lambda model: OneVsRestClassifier(model).fit(X, Y),
    "one against one": lambda model: OneVsOneClassifier(model).fit(X, Y),
    "output codes": lambda model: OutputCodeClassifier(model, random_state=0).fit(X, Y),
    "several outputs": lambda model: MultiOutputClassifier(model).fit(X, np.c_[Y, Y]),
    "a chain": lambda model: ClassifierChain(model).fit(X, np.c_[Y, Y] % 2),
    "self-training": lambda model: SelfTrainingClassifier(model).fit(X, np.where(X[:, 0] > 0, -1, Y)),
    "feature selection": lambda model: SequentialFeatureSelector(model, n_features_to_select=1, cv=2).fit(X, Y),
    "feature elimination": lambda model: RFE(model, importance_getter=lambda fitted: np.ones(4)).fit(X, Y),
    "imputation": lambda model: IterativeImputer(model_of(MLPRegressor, callbacks=model.callbacks)).fit(holes()),
    "halving": lambda model: HalvingGridSearchCV(model, {"rho": [0.8, 0.9]}, cv=2, random_state=0).fit(X, Y),
    "a learning curve": lambda model: learning_curve(model, X, Y, cv=2),
}


def holes():
    gaps = X.copy()
    gaps[::3, 0] = gaps[1::3, 1] = np.nan
    return gaps


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_is_stopped_as_a_whole(name):
    with pytest.raises(KeyboardInterrupt):
        LOOPS[name](model_of(callbacks=[Press()]))


def test_what_fits_one_alone_is_no_loop():
    regressor = model_of(MLPRegressor, callbacks=[Press()])
    with pytest.warns(TrainingInterruptedWarning):
        fitted = TransformedTargetRegressor(regressor, func=np.cbrt, inverse_func=lambda y: y**3).fit(X, X[:, 0])
    assert fitted.regressor_.n_epochs_ == 1
