"""A schedule as words on the command line: ``cosine``, ``step:factor=0.5,every=10``, products and sequences of them."""

import argparse
import re
from dataclasses import MISSING, Field, fields
from typing import Any, get_origin

from crmsprop.cli.hints import did_you_mean
from crmsprop.schedules import (
    CosineAnnealing,
    ExponentialDecay,
    InverseTimeDecay,
    OneCycle,
    PiecewiseConstant,
    Product,
    Schedule,
    StepDecay,
    Warmup,
)

SCHEDULES: dict[str, type[Schedule]] = {
    "cosine": CosineAnnealing,
    "one-cycle": OneCycle,
    "step": StepDecay,
    "exponential": ExponentialDecay,
    "inverse-time": InverseTimeDecay,
    "piecewise": PiecewiseConstant,
    "warmup": Warmup,
}

#: What stands between two schedules, the second of which begins at that epoch.
JOINT = re.compile(r"\s+then@(\S*)(?:\s+|$)")


def _form(name: str) -> str:
    return f"{name}:{','.join(f'{item.name}={_placeholder(item)}' for item in fields(SCHEDULES[name]))}"


def _placeholder(item: "Field[Any]") -> str:
    return ".../..." if _is_row(item) else "..."


def _is_row(item: "Field[Any]") -> bool:
    return get_origin(item.type) is tuple


WORDS = ", ".join(["constant", *map(_form, SCHEDULES)])
GRAMMAR = f'{WORDS}; "A*B" multiplies two, "A then@5 B" is A until epoch 5 and then B, which begins at its first step'


def parse_schedule(text: str) -> Schedule:
    """Return the schedule that `text` stands for; ``constant`` is the empty product.

    Products bind closer than ``then@``; the epochs behind that count from the beginning of the training.

    Raises
    ------
    argparse.ArgumentTypeError
        If it stands for none.
    """
    first, *rest = JOINT.split(text.strip())
    schedule = _parse_product(first)
    for after, second in zip(rest[::2], rest[1::2], strict=True):
        schedule = _join(schedule, _parse_product(second), after)
    return schedule


def _join(first: Schedule, second: Schedule, after: str) -> Schedule:
    try:
        return first.then(second, after=_number(after))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must have an epoch behind then@, got {after!r}") from error


def _parse_product(text: str) -> Schedule:
    terms = [_parse_term(term.strip()) for term in text.split("*")]
    known = [term for term in terms if term is not None]
    return known[0] if len(known) == 1 else Product(tuple(known))


def _parse_term(text: str) -> Schedule | None:
    name, _, rest = text.partition(":")
    if name == "constant" and not rest:
        return None
    if name not in SCHEDULES:
        hint = did_you_mean(name, ["constant", *SCHEDULES])
        raise argparse.ArgumentTypeError(f"must be made of {WORDS}, got {text!r}{hint}")
    known = {item.name: item for item in fields(SCHEDULES[name])}
    given = _given(rest)
    missing = [item.name for item in known.values() if item.default is MISSING and item.name not in given]
    if missing or not set(given) <= set(known):
        raise argparse.ArgumentTypeError(f"must be like {_form(name)}, got {text!r}")
    try:
        return SCHEDULES[name](**{key: _parsed(value, known[key]) for key, value in given.items()})
    except (TypeError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from error


def _given(text: str) -> dict[str, str]:
    """Return the parameters that `text` gives, each once."""
    values: dict[str, str] = {}
    for pair in filter(None, text.split(",")):
        name, equals, value = (part.strip() for part in pair.partition("="))
        if not equals:
            raise argparse.ArgumentTypeError(f"must have numbers as values, got {pair!r}")
        if name in values:
            raise argparse.ArgumentTypeError(f"must have each parameter once, got {name!r} twice")
        values[name] = value
    return values


def _parsed(text: str, item: "Field[Any]") -> Any:
    try:
        return tuple(map(_number, text.split("/"))) if _is_row(item) else _number(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must have numbers as values, got {f'{item.name}={text}'!r}") from None


def _number(text: str) -> float:
    try:
        return int(text)
    except ValueError:
        return float(text)
