"""The checks of the boundary by themselves, as the twins call them: what they are asked may be wrong as well."""

import numpy as np
import pytest
from child_process import in_child

from crmsprop.kernels import _boundary

ONE, OTHER = np.zeros((3, 4)), np.zeros(5)


def answer(check, *arguments):
    """What a check says in a child process, since it may crash."""
    return in_child(lambda: check(*arguments))


@pytest.mark.parametrize("axis", [-1, 2, 3, 2**30, -(2**31)])
def test_an_axis_that_an_array_does_not_have(axis):
    expected = f"ValueError: it must have an axis {axis}, got shape (3, 4)"
    assert answer(_boundary.py_sized, ONE, "it", axis, 3) == expected


@pytest.mark.parametrize("axis", [-1, 0])
def test_what_is_no_array_has_no_axis(axis):
    assert answer(_boundary.py_sized, [], "it", axis, 3) == "TypeError: it must be a NumPy array, got list"


def test_an_axis_that_it_has():
    assert answer(_boundary.py_sized, ONE, "it", 1, 4) == "None"
    expected = "ValueError: it must have 3 elements along axis 1, got shape (3, 4)"
    assert answer(_boundary.py_sized, ONE, "it", 1, 3) == expected


@pytest.mark.parametrize("check", [_boundary.py_reads, _boundary.py_writes])
@pytest.mark.parametrize("bad", [None, np.float64, "<f8", 12])
def test_a_dtype_that_is_none(check, bad):
    assert answer(check, ONE, "it", bad, 2).startswith("TypeError: Argument 'dtype' ")
    assert answer(check, ONE, "it", ONE.dtype, 2) == "None"


SEPARATE = [(_boundary.py_separate, lambda array: array), (_boundary.py_separate_lists, lambda array: [OTHER, array])]
either = pytest.mark.parametrize(("check", "form"), SEPARATE, ids=["arrays", "lists"])


@either
@pytest.mark.parametrize("n_written", [-1, 3, 2**40])
def test_more_that_is_written_than_there_is(check, form, n_written):
    said = answer(check, ("a", "b"), (form(ONE), form(ONE.copy())), n_written)
    assert said == f"ValueError: names must be those of 2 arrays, of which {n_written} are written, got ('a', 'b')"


@either
@pytest.mark.parametrize("names", [(), ("a",), ("a", "b", "c")])
def test_names_of_other_arrays(check, form, names):
    said = answer(check, names, (form(ONE), form(ONE.copy())), 1)
    assert said == f"ValueError: names must be those of 2 arrays, of which 1 are written, got {names}"


@either
@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("bad", [3, "x", [1.0], object])
def test_what_is_no_array_shares_no_memory(check, form, place, bad):
    arrays = [form(ONE), form(ONE.copy())]
    arrays[place] = form(bad)
    said = answer(check, ("a", "b"), tuple(arrays), 1)
    element = "" if check is _boundary.py_separate else "[1]"
    assert said == f"TypeError: {'ab'[place]}{element} must be a NumPy array, got {type(bad).__name__}"


@either
@pytest.mark.parametrize("arguments", [(None, (ONE,), 1), (("a",), None, 1)])
def test_no_names_and_no_arrays(check, form, arguments):
    assert answer(check, *arguments).startswith("TypeError: Argument ")


@pytest.mark.parametrize("bad", [3, (ONE,), {}, ONE])
def test_what_is_no_list_of_arrays(bad):
    said = answer(_boundary.py_separate_lists, ("a", "b"), ([ONE], bad), 1)
    assert said.startswith(("TypeError: Expected list, got ", "TypeError: b "))
