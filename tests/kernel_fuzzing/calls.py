"""One call by its number: drawn, made, and looked at."""

import importlib
import importlib.machinery
import pkgutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from boundary_cases import CALLS, slots
from kernel_calls import COMPILED

import crmsprop.kernels
from crmsprop.kernels.rule import RMSpropRule
from kernel_fuzzing.drawing import Draw
from kernel_fuzzing.recipes import RECIPES
from kernel_fuzzing.spoiling import overlap, spoil

#: What a refusal may be: our own, an index that is no row, and what Cython says of an integer that C cannot hold.
REFUSALS = (ValueError, TypeError, IndexError, OverflowError)
#: Of calls whose arguments are spoiled, and of those in which arrays overlap.
SPOILED, OVERLAPPING = 0.5, 0.05


def compiled_functions():
    """Return by name every function and class that a compiled module of the kernels defines."""
    found = {}
    for module in pkgutil.iter_modules(crmsprop.kernels.__path__, "crmsprop.kernels."):
        loader = module.module_finder.find_spec(module.name).loader
        if isinstance(loader, importlib.machinery.ExtensionFileLoader):
            members = vars(importlib.import_module(module.name))
            found |= {name: one for name, one in members.items() if getattr(one, "__module__", None) == module.name}
    return {name: one for name, one in found.items() if callable(one) and not name.startswith("_")}


def use_arrays(params, state, rates, grads, begun, acts):
    """What a caller may do to RMSpropArrays, and to the arrays that it was made of, in between its steps.

    A resized array gives its memory back: its copies own theirs, for nobody can resize what lies in a guard.
    """
    owned = [param.copy() if isinstance(param, np.ndarray) else param for param in params]
    made = COMPILED.RMSpropArrays.__new__(COMPILED.RMSpropArrays)
    if begun:
        made.__init__(owned, state, rates)
    for act in acts:
        ACTS[act](made, owned, state, rates, grads)


def arrays_of(values):
    """Return those that are arrays."""
    return [value for value in values if isinstance(value, np.ndarray)]


def _resize(made, params, state, rates, grads):
    for param in arrays_of(params)[:1]:
        param.resize(param.size * 2 + 1000, refcheck=False)


def _freeze(made, params, state, rates, grads):
    for array in arrays_of(params)[-1:]:
        array.flags.writeable = False


def _retype(made, params, state, rates, grads):
    for array in arrays_of(params)[-1:]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # NumPy 2.5 has no other way to do this
            array.shape = (array.size,)


ACTS = {
    "step": lambda made, params, state, rates, grads: made.step(grads, 0.1, RMSpropRule(), None, 1),
    "check": lambda made, params, state, rates, grads: made.check(grads),
    "again": lambda made, params, state, rates, grads: made.__init__(params, state, rates),
    "pop": lambda made, params, state, rates, grads: params.pop(),
    "resize": _resize,
    "freeze": _freeze,
    "retype": _retype,
}


def functions():
    """Return what is called, by name: all that is compiled, and a step of RMSpropArrays as a function of its arrays."""
    return {**compiled_functions(), "rmsprop_step": COMPILED.rmsprop_step, "RMSpropArrays": use_arrays}


@dataclass
class Call:
    """A call that is about to be made.

    Attributes
    ----------
    name : str
    function : callable
    arguments : dict
        By name, in the order of the function's.
    spoiled : list of str
        What was done to them.
    """

    name: str
    function: Callable[..., Any]
    arguments: dict
    spoiled: list = field(default_factory=list)

    def __str__(self):
        parts = ", ".join(f"{name}={shown(value)}" for name, value in self.arguments.items())
        return f"{self.name}({parts}); spoiled: {', '.join(self.spoiled) or 'nothing'}"


def shown(value):
    """Return an argument in few words."""
    if isinstance(value, np.ndarray):
        parts = [value.dtype.str, value.shape, *([] if value.flags.c_contiguous else [f"strides {value.strides}"])]
        return f"<{' '.join(map(str, parts))} at {value.ctypes.data % 64} of 64>"
    if type(value) in (list, tuple):
        return f"[{', '.join(map(shown, value))}]"
    return f"{value!r:.200}"


class Caller:
    """Makes the calls of one process.

    Parameters
    ----------
    n_threads : int
        What a good call asks for.
    places : kernel_fuzzing.placing.Places
    """

    def __init__(self, n_threads, places):
        self.n_threads, self.places = n_threads, places
        self.functions = functions()
        self.names = sorted(self.functions)

    def drawn(self, source):
        """Return the call that a random.Random decides, its arrays in their places."""
        d = Draw(source, self.n_threads)
        name = d.one_of(self.names)
        call = Call(name, self.functions[name], RECIPES[name](d))
        if d.chance(SPOILED):
            call.spoiled += spoil(d, call.arguments)
        self.places.begin(d)
        for slot in slots(call.arguments, scratch=True):
            slot.put(call.arguments, self.places.put(slot.get(call.arguments)))
        if d.chance(OVERLAPPING):
            call.spoiled.append(overlap(d, call.arguments))
        return call

    def made(self, call):
        """Make a call; returns "done" or "refused", and what is wrong with what came of it, if anything is."""
        before = [(slot, slot.get(call.arguments), slot.get(call.arguments).tobytes()) for slot in kept(call)]
        outcome, problem = attempted(call)
        written = written_by(call.name) if outcome == "done" else set()
        changed = [str(slot) for slot, array, old in before if slot.name not in written and array.tobytes() != old]
        if changed:
            problem = f"{outcome}, and changed {', '.join(changed)}"
        if not self.places.are_whole():
            problem = "wrote beside an array"
        return outcome, problem


def attempted(call):
    """Make a call; returns "done" or "refused", and what is wrong with the refusal."""
    refusals = (*REFUSALS, RuntimeError) if call.name == "RMSpropArrays" else REFUSALS
    try:
        with np.errstate(all="ignore"):
            call.function(*call.arguments.values())
    except refusals as refusal:
        return "refused", None if str(refusal) else f"an error without a message: {refusal!r}"
    except BaseException as other:
        return "refused", f"{type(other).__name__}: {other!s:.300}"
    return "done", None


def kept(call):
    """Return what a refusal may not change, nor a call that writes other arrays; overlapping ones change together."""
    if call.name == "RMSpropArrays" or any("within another" in how for how in call.spoiled):
        return []
    return [slot for slot in slots(call.arguments, scratch=True) if slot.name != "scratch"]


def written_by(name):
    """Return the names of the arrays that a call may change."""
    return CALLS[name].written if name in CALLS else {"sums"}
