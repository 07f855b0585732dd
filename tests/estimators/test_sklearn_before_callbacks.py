"""scikit-learn before 1.9, which has no callbacks of its own: ours are all there is.

Collected for those versions alone; for newer ones there is test_sklearn_callbacks.py.
"""

import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn_versions import HAS_CALLBACKS

from crmsprop import find_learning_rate
from crmsprop.estimators import sklearn_callbacks


def test_these_tests_are_for_this_version():
    assert not HAS_CALLBACKS
    with pytest.raises(ImportError):
        import sklearn.callback  # noqa: F401


def test_estimators_have_nothing_more(cases):
    model = cases.mlp()
    assert not hasattr(model, "set_callbacks")
    assert isinstance(model, sklearn_callbacks.CallbackSupportMixin)
    assert [name for name in vars(sklearn_callbacks.CallbackSupportMixin) if not name.startswith("__")] == []


def test_the_decorator_changes_nothing():
    def method(self):
        """Nothing."""

    assert sklearn_callbacks.with_callbacks(method) is method


def test_fits_and_searches_tell_nobody(cases, monkeypatch):
    told = []
    monkeypatch.setattr(sklearn_callbacks.EpochTasks, "on_train_begin", lambda self, context: told.append(context))
    X, y = cases.rows()
    model = cases.mlp().fit(X, y)
    GridSearchCV(clone(model), {"rho": [0.8, 0.9]}, cv=2).fit(X, y)
    model.fine_tune(X, y)
    find_learning_rate(model, X, y, steps=5)
    assert told == []
