"""The plain configuration that a file holds: it comes back, user code does not, and hostile ones are refused."""

import functools
import json
import math
import sys
from dataclasses import dataclass

import pytest
from schedule_cases import PLAIN, OwnSchedule, article

from crmsprop.errors import FileFormatError
from crmsprop.schedules import (
    CosineAnnealing,
    FunctionSchedule,
    InverseTimeDecay,
    Joined,
    PiecewiseConstant,
    Product,
    StepDecay,
    Warmup,
    schedule_from_config,
    schedule_to_config,
)


@pytest.mark.parametrize("schedule", [None, *PLAIN], ids=repr)
def test_configurations_come_back(schedule):
    text = json.dumps(schedule_to_config(schedule), allow_nan=False)
    assert schedule_from_config(json.loads(text)) == schedule


def test_configurations_are_plain():
    cosine = {"class": "CosineAnnealing", "final": 0.5, "cycle": None, "cycle_growth": 1}
    assert schedule_to_config(CosineAnnealing(0.5)) == cosine
    assert schedule_from_config({"class": "CosineAnnealing", "final": 0.5}) == CosineAnnealing(0.5)
    assert schedule_to_config(PiecewiseConstant([1], [0.5, 1]).then(article, after=2)) == {
        "class": "Joined",
        "first": {"class": "PiecewiseConstant", "boundaries": [1.0], "values": [0.5, 1.0]},
        "second": {"function": "schedule_cases:article"},
        "after": 2.0,
    }
    assert schedule_to_config(StepDecay(0.5, 2) * article) == {
        "class": "Product",
        "terms": [{"class": "StepDecay", "factor": 0.5, "every": 2}, {"function": "schedule_cases:article"}],
    }


class Callable:
    def __call__(self, epoch, learning_rate):
        return learning_rate


@pytest.mark.parametrize(
    ("schedule", "name"),
    [
        (article, "schedule_cases:article"),
        (FunctionSchedule(article, 0.1), "schedule_cases:article"),
        (functools.partial(article), "functools:partial"),
        (Callable(), f"{__name__}:Callable"),
        (Callable().__call__, f"{__name__}:Callable.__call__"),
        (OwnSchedule(), "schedule_cases:OwnSchedule"),
        (math.pow, "math:pow"),
    ],
)
def test_user_code_is_stored_by_name_and_not_loaded(schedule, name):
    config = schedule_to_config(schedule)
    assert config == {"function": name}
    with pytest.warns(UserWarning, match="is not imported") as caught:
        assert schedule_from_config(config) is None
    assert name in str(caught[0].message)
    assert caught[0].filename == __file__


def test_nothing_is_imported_and_no_attribute_is_looked_up():
    before = set(sys.modules)
    with pytest.warns(UserWarning, match="this:s"):
        assert schedule_from_config({"function": "this:s"}) is None
    assert "this" not in set(sys.modules) - before


def test_a_class_with_a_known_name_is_still_user_code():
    own = dataclass(frozen=True)(type("StepDecay", (OwnSchedule,), {"__module__": "elsewhere"}))()
    assert schedule_to_config(own) == {"function": "elsewhere:StepDecay"}


def test_a_subclass_of_the_product_is_user_code():
    class OwnProduct(Product):
        pass

    own = OwnProduct((StepDecay(0.5, 2),))
    assert schedule_to_config(own) == {"function": f"{__name__}:{OwnProduct.__qualname__}"}


def test_a_product_goes_on_without_the_function():
    a, b = StepDecay(0.5, 2), InverseTimeDecay(0.1)
    for schedule, rest in ((article * a * b, a * b), (a * article, a), (Product((article,)), None)):
        with pytest.warns(UserWarning, match="article"):
            assert schedule_from_config(schedule_to_config(schedule)) == rest


def test_two_in_a_row_stay_two_where_one_is_a_function():
    a, constant = StepDecay(0.5, 2), Product(())
    for schedule, rest in (
        (a.then(article, after=3), a.then(constant, after=3)),
        (Joined(article, a, after=3), constant.then(a, after=3)),
        (Joined(article, article, after=3), None),
        (Warmup(1).then(article * a, after=1), Warmup(1).then(a, after=1)),
    ):
        with pytest.warns(UserWarning, match="article"):
            assert schedule_from_config(schedule_to_config(schedule)) == rest


STEP = {"class": "StepDecay", "factor": 0.5, "every": 1}


@pytest.mark.parametrize(
    "config",
    [
        {},
        [],
        "StepDecay",
        3,
        True,
        {"class": None},
        {"class": ["StepDecay"]},
        {"class": "Schedule"},
        {"class": "FunctionSchedule", "function": "os:system", "learning_rate": 0.1},
        {"class": "FileFormatError"},
        {"class": "__import__"},
        {"class": "StepDecay"},
        {"class": "StepDecay", "factor": 0.5},
        {"class": "StepDecay", "factor": 0.5, "every": 1, "more": 1},
        {"class": "StepDecay", "factor": 0.5, "every": 1, "self": 1},
        {"class": "StepDecay", "factor": -0.5, "every": 1},
        {"class": "StepDecay", "factor": 0.5, "every": 1.0},
        {"class": "StepDecay", "factor": "0.5", "every": 1},
        {"class": "StepDecay", "factor": 10**400, "every": 1},
        {"class": "CosineAnnealing", "final": None},
        {"class": "CosineAnnealing", "cycle": 0},
        {"class": "CosineAnnealing", "cycle": 10**400},
        {"class": "CosineAnnealing", "cycle": 5, "cycle_growth": 10**400},
        {"class": "CosineAnnealing", "cycle": 5, "cycle_growth": 1.5},
        {"class": "CosineAnnealing", "cycle_growth": 2},
        {"class": "OneCycle", "rise": 1.5},
        {"class": "OneCycle", "start_divisor": 0},
        {"class": "OneCycle", "final_divisor": "1e4"},
        {"class": "Warmup"},
        {"class": "Warmup", "epochs": -1},
        {"class": "Warmup", "epochs": 1, "start": 2},
        {"class": "PiecewiseConstant", "boundaries": [1]},
        {"class": "PiecewiseConstant", "boundaries": [1], "values": [1]},
        {"class": "PiecewiseConstant", "boundaries": [2, 1], "values": [1, 1, 1]},
        {"class": "PiecewiseConstant", "boundaries": "12", "values": "123"},
        {"class": "PiecewiseConstant", "boundaries": {"1": 2}, "values": [1, 2]},
        {"class": "PiecewiseConstant", "boundaries": [[1]], "values": [1, 2]},
        {"class": "PiecewiseConstant", "boundaries": 10**6 * [1], "values": [1, 2]},
        {"class": "Joined"},
        {"class": "Joined", "first": STEP, "second": STEP},
        {"class": "Joined", "first": STEP, "second": STEP, "after": -1},
        {"class": "Joined", "first": STEP, "second": STEP, "after": 1, "more": 1},
        {"class": "Joined", "first": STEP, "second": None, "after": 1},
        {"class": "Joined", "first": None, "second": STEP, "after": 1},
        {"class": "Joined", "first": "StepDecay", "second": STEP, "after": 1},
        {"class": "Joined", "first": STEP, "second": {"class": "Nope"}, "after": 1},
        {"class": "Joined", "first": STEP, "second": [STEP], "after": 1},
        {"class": "InverseTimeDecay", "decay": {"class": "StepDecay"}},
        {"class": "Product"},
        {"class": "Product", "terms": None},
        {"class": "Product", "terms": "abc"},
        {"class": "Product", "terms": {"class": "StepDecay"}},
        {"class": "Product", "terms": [None]},
        {"class": "Product", "terms": ["StepDecay"]},
        {"class": "Product", "terms": [{"class": "Nope"}]},
        {"class": "Product", "terms": [], "more": 1},
        {"function": 3},
        {"function": "a:b", "more": 1},
        {"class": "x" * 10**6},
    ],
)
def test_bad_configurations_are_refused(config):
    with pytest.raises(FileFormatError) as caught:
        schedule_from_config(config)
    assert len(str(caught.value)) < 300
