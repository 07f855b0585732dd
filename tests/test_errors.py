"""The checks: what they let through becomes plain, and a message names the parameter, the rule and the value."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from crmsprop.errors import (
    DivergenceError,
    FileFormatError,
    MissingExtraError,
    check_bool,
    check_choice,
    check_integer,
    check_real,
    require_extra,
    shown,
)


class Strange:
    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return self.text


def test_errors_are_of_the_kinds_that_callers_catch():
    assert issubclass(FileFormatError, ValueError)
    assert issubclass(DivergenceError, RuntimeError)
    assert issubclass(MissingExtraError, RuntimeError)


# check_real


@pytest.mark.parametrize(
    ("value", "interval"),
    [
        (0, "[0, 1)"),
        (0.5, "[0, 1)"),
        (math.nextafter(1, 0), "[0, 1)"),
        (5e-324, "(0, inf)"),
        (1.7976931348623157e308, "(0, inf)"),
        (-0.0, "[0, 1]"),
        (1, "[0, 1]"),
        (1, "(0, 1]"),
        (-3, "(-inf, inf)"),
        (-3, "[-3, -2.5]"),
        (math.inf, "[0, inf]"),
        (10**300, "[0, inf)"),
        (Fraction(1, 3), "(0, 1)"),
        (np.float32(0.1), "(0, 1)"),
        (np.float64(0.1), "(0, 1)"),
        (np.int8(1), "[0, 1]"),
    ],
)
def test_a_number_within_becomes_a_float(value, interval):
    number = check_real("rho", value, interval)
    assert type(number) is float
    assert number == float(value)


@pytest.mark.parametrize(
    ("value", "interval", "message"),
    [
        (1.2, "[0, 1)", "rho must be in [0, 1), got 1.2"),
        (1, "[0, 1)", "rho must be in [0, 1), got 1"),
        (-1e-300, "[0, 1)", "rho must be in [0, 1), got -1e-300"),
        (0, "(0, inf)", "rho must be in (0, inf), got 0"),
        (-0.0, "(0, inf)", "rho must be in (0, inf), got -0.0"),
        (1.5, "[0, 1]", "rho must be in [0, 1], got 1.5"),
        (math.inf, "[0, inf)", "rho must be in [0, inf), got inf"),
        (-math.inf, "(-inf, inf)", "rho must be in (-inf, inf), got -inf"),
        (math.nan, "[0, 1)", "rho must be in [0, 1), got nan"),
        (math.nan, "[-inf, inf]", "rho must be in [-inf, inf], got nan"),
        (np.float32(2), "[0, 1)", "rho must be in [0, 1), got np.float32(2.0)"),
        (Fraction(3, 2), "[0, 1)", "rho must be in [0, 1), got Fraction(3, 2)"),
    ],
)
def test_a_number_outside_is_a_value_error(value, interval, message):
    with pytest.raises(ValueError) as caught:
        check_real("rho", value, interval)
    assert str(caught.value) == message


@pytest.mark.parametrize("interval", ["[0, 1)", "[0, inf)", "(-inf, inf)", "[-inf, inf]"])
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (10**400, "1" + "0" * 39 + "..." + "0" * 37),
        (-(10**400), "-1" + "0" * 38 + "..." + "0" * 37),
        (10**5000, "<int too long to print>"),
        (Fraction(10**400, 3), "Fraction(1" + "0" * 30 + "..." + "0" * 33 + ", 3)"),
        (Fraction(10**5000, 3), "<Fraction too long to print>"),
    ],
    ids=["positive", "negative", "unprintable", "fraction", "unprintable fraction"],
)
def test_a_number_too_large_for_a_float_is_a_value_error(interval, value, text):
    with pytest.raises(ValueError) as caught:
        check_real("rho", value, interval)
    assert str(caught.value) == f"rho must be in {interval}, got {text}"


@pytest.mark.parametrize("value", [True, np.True_, None, "0.5", [0.5], 0.5j, Decimal("0.5"), np.array(0.5), float])
def test_what_is_no_real_number_is_a_type_error(value):
    with pytest.raises(TypeError) as caught:
        check_real("rho", value, "[0, 1)")
    assert str(caught.value) == f"rho must be a number in [0, 1), got {value!r}"


# check_integer


@pytest.mark.parametrize("value", [1, 2, np.int8(3), np.uint64(2**64 - 1), 10**400])
def test_an_integer_within_becomes_an_int(value):
    integer = check_integer("every", value, 1)
    assert type(integer) is int
    assert integer == value


@pytest.mark.parametrize(
    ("value", "minimum", "message"),
    [
        (0, 1, "every must be at least 1, got 0"),
        (-1, 0, "every must be at least 0, got -1"),
        (np.int8(-3), -2, "every must be at least -2, got np.int8(-3)"),
        (-(10**5000), 1, "every must be at least 1, got <int too long to print>"),
    ],
    ids=["zero", "negative", "numpy", "huge"],
)
def test_an_integer_below_is_a_value_error(value, minimum, message):
    with pytest.raises(ValueError) as caught:
        check_integer("every", value, minimum)
    assert str(caught.value) == message


@pytest.mark.parametrize("value", [True, np.False_, 1.0, np.float64(2), math.nan, None, "1", [1], np.array(1)])
def test_what_is_no_integer_is_a_type_error(value):
    with pytest.raises(TypeError) as caught:
        check_integer("every", value, 1)
    assert str(caught.value) == f"every must be an integer of at least 1, got {value!r}"


# check_bool


@pytest.mark.parametrize("value", [True, False, np.True_, np.False_])
def test_a_bool_becomes_a_bool(value):
    assert check_bool("centered", value) is bool(value)


@pytest.mark.parametrize("value", [0, 1, None, "True", 1.0, [], np.array(True), bool])
def test_what_is_no_bool_is_a_type_error(value):
    with pytest.raises(TypeError) as caught:
        check_bool("centered", value)
    assert str(caught.value) == f"centered must be True or False, got {value!r}"


# check_choice


@pytest.mark.parametrize("value", ["valid", "same"])
def test_a_choice_comes_back(value):
    assert check_choice("padding", value, ("valid", "same")) == value


@pytest.mark.parametrize("value", ["", "val", None, 1, b"same", ["same"], ("valid", "same"), str])
def test_what_is_no_choice_is_a_value_error(value):
    with pytest.raises(ValueError) as caught:
        check_choice("padding", value, ("valid", "same"))
    assert str(caught.value) == f"padding must be one of 'valid', 'same', got {value!r}"


@pytest.mark.parametrize(("value", "meant"), [("Valid", "valid"), ("sames", "same"), ("vaild", "valid")])
def test_a_slip_of_a_choice_is_answered(value, meant):
    with pytest.raises(ValueError, match=f"got '{value}': did you mean '{meant}'\\?$"):
        check_choice("padding", value, ("valid", "same"))


# optional packages


def test_an_extra_that_is_there_is_imported():
    assert require_extra("math", "arithmetic", "cli") is math


def test_an_extra_that_is_not_there():
    with pytest.raises(MissingExtraError, match=r'^a bar needs nowhere: pip install "crmsprop\[cli\]"$'):
        require_extra("nowhere", "a bar", "cli")
    with pytest.raises(MissingExtraError, match=r'^a picture needs brush: pip install "crmsprop\[images\]"$'):
        require_extra("nowhere.Image", "a picture", "images", "brush")


# shown


@pytest.mark.parametrize("length", [0, 79, 80])
def test_a_short_value_is_shown_whole(length):
    assert shown(Strange("x" * length)) == "x" * length


@pytest.mark.parametrize("length", [81, 10**6])
def test_a_long_value_is_shown_without_its_middle(length):
    text = shown(Strange("begin" + "x" * (length - 8) + "end"))
    assert len(text) == 80
    assert text.startswith("beginxxx")
    assert "x...x" in text
    assert text.endswith("xxxend")


def test_no_message_grows_with_its_value():
    for check in (
        lambda value: check_real("name", value, "[0, 1)"),
        lambda value: check_integer("name", value, 1),
        lambda value: check_bool("name", value),
        lambda value: check_choice("name", value, ("a", "b")),
    ):
        with pytest.raises((TypeError, ValueError), match=r"^name must be .*, got 'xxx.*\.\.\..*xxx'$") as caught:
            check("x" * 10**6)
        assert len(str(caught.value)) < 200
