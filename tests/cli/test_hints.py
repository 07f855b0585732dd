"""Names that are meant by others."""

import pytest

from crmsprop.cli.grid import SEARCHABLE
from crmsprop.cli.hints import ALIASES, closest, did_you_mean

KNOWN = ("learning_rate", "l2", "filters", "early_stopping", "Flip")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("learning-rate", "learning_rate"),
        ("--learning-rate", "learning_rate"),
        ("lr", "learning_rate"),
        ("learningrate", "learning_rate"),
        ("L2", "l2"),
        ("early", "early_stopping"),
        ("filtres", "filters"),
        ("flip", "Flip"),
        ("f", None),  # two begin so
        ("alpha", None),
        ("eps", None),  # a name for what is not there
        ("", None),
    ],
)
def test_what_is_meant(name, meant):
    assert closest(name, KNOWN) == meant
    assert did_you_mean(name, KNOWN) == ("" if meant is None else f": did you mean {meant}?")


def test_the_names_of_others_are_for_parameters_that_there_are():
    assert set(ALIASES.values()) <= set(SEARCHABLE)
    assert not set(ALIASES) & set(SEARCHABLE)
