"""A few thousand calls of tests/kernel_fuzzing/ beside pages without access; RELIABILITY.md has those of a million.

`tests/reliability.py sanitize` makes those, in a build with sanitizers.
"""

import os
import random

import numpy as np
import pytest
from child_process import in_new_interpreter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel_calls import COMPILED, ISAS, implementation
from kernel_fuzzing import running
from kernel_fuzzing.calls import Call, Caller, functions
from kernel_fuzzing.drawing import Draw, Given
from kernel_fuzzing.placing import Places
from kernel_fuzzing.recipes import FAMILIES, RECIPES

pytestmark = pytest.mark.skipif(os.name == "nt", reason="takes the access to pages away as POSIX does")


def test_every_compiled_function_is_called():
    assert set(functions()) == set(RECIPES)
    assert sum(len(family.RECIPES) for family in FAMILIES) == len(RECIPES)


@pytest.mark.parametrize("isa", ISAS)
def test_calls_touch_no_memory_of_others(isa):
    first = 1000 * ISAS.index(isa)
    report = running.run(running.Group(isa, 2, range(first, first + 1000), seed=1, heap=0.2))
    assert report.findings == []
    assert report.calls == 1000
    assert report.count("done") > 400
    assert report.count("refused") > 200


@settings(max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(ISAS), st.binary(max_size=300))
def test_calls_that_hypothesis_decides(isa, data):
    caller = Caller(1, Places(0.5))
    call = caller.drawn(Given(data))
    with implementation(isa):
        assert caller.made(call)[1] is None


# what is wrong is found


def test_a_read_beyond_an_array_is_found():
    report = running.run(running.Group(ISAS[-1], 1, range(30), heap=0.0), planted=20)
    (finding,) = report.findings
    assert finding.startswith(f"call 20 of seed 0, {ISAS[-1]}, 1 threads, heap 0.0 ended the process with ")
    assert report.calls == 21 + 9


@pytest.mark.parametrize("at_end", [True, False])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_an_array_ends_or_begins_where_the_access_does(dtype, at_end):
    place = PLACE.format(dtype=np.dtype(dtype).str, at_end=at_end)
    assert in_new_interpreter(place + "print(moved.tolist() == [0, 1, 2, 3, 4])") == (0, "True", "")
    touch = f"ctypes.string_at(moved.ctypes.data + {5 if at_end else -1} * item, 1)\nprint('still there')"
    assert in_new_interpreter(place + touch)[1] == ""


PLACE = """
import ctypes
import numpy as np
from kernel_fuzzing.placing import Guard
array = np.arange(5, dtype="{dtype}")
item = array.itemsize
moved = Guard().place(array.nbytes, 0, item, {at_end}).view(array.dtype)
moved[...] = array
"""


def call_of(function, **arguments):
    """Make a call by the name of a function that writes `out` alone; returns the outcome and the problem."""
    caller, draw = Caller(1, Places(0.0)), Draw(random.Random(0))
    draw.chance = lambda probability: False  # not at the end of a guard: there is room behind
    caller.places.begin(draw)
    placed = {name: caller.places.put(array) for name, array in arguments.items()}
    return caller.made(Call("relu_forward", function, placed))


def raising(error):
    def function(x, out):
        out[...] = x
        raise error

    return function


def refuse(x, out):
    raise TypeError


def into(x, out):
    x[...] = 1


def beside(x, out):
    np.lib.stride_tricks.as_strided(out, (len(out) + 1,))[-1] = 1


PROBLEMS = {
    "a good call": (lambda x, out: None, ("done", None)),
    "an input is changed": (into, ("done", "done, and changed x")),
    "a refusal comes too late": (raising(ValueError("x must be")), ("refused", "refused, and changed out")),
    "an error that is no refusal": (
        lambda x, out: COMPILED.nothing,
        ("refused", "AttributeError: 'types.SimpleNamespace' object has no attribute 'nothing'"),
    ),
    "a refusal that says nothing": (refuse, ("refused", "an error without a message: TypeError()")),
    "what lies beside an array is changed": (beside, ("done", "wrote beside an array")),
}


@pytest.mark.parametrize("what", PROBLEMS)
def test_a_problem_is_named(what):
    function, expected = PROBLEMS[what]
    assert call_of(function, x=np.zeros(6), out=np.full(6, 2.0)) == expected


# what decides a call


def test_the_same_number_is_the_same_call():
    group = running.Group("baseline", 2, range(5), seed=3)
    first, second, other = running.call_of(group, 4), running.call_of(group, 4), running.call_of(group, 5)
    assert first == second != other


def test_given_bytes_decide_until_they_are_used_up():
    first, second = Given(b"\x03\x00\x80rest"), Given(b"\x03\x00\x80rest")
    assert first.getrandbits(6) == 3
    assert first.random() == 0x8000 / 2**16
    assert [second.getrandbits(24), *(second.random() for _ in range(9))][0] == 0x800003
    assert first.randbytes(4) == b"rest"
    assert first.randbytes(8) == Given(b"").randbytes(8)
    assert {Given(bytes([i])).choice("abcd") for i in range(4)} == set("abcd")
