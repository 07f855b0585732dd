"""A schedule as a word on the command line: ``cosine``, ``step:factor=0.5,every=10``, or a product with ``*``."""

import argparse
from dataclasses import MISSING, fields

from crmsprop.schedules import CosineAnnealing, ExponentialDecay, InverseTimeDecay, Product, Schedule, StepDecay

SCHEDULES: dict[str, type[Schedule]] = {
    "cosine": CosineAnnealing,
    "step": StepDecay,
    "exponential": ExponentialDecay,
    "inverse-time": InverseTimeDecay,
}

GRAMMAR = "constant, " + ", ".join(
    name + "".join(f":{','.join(f'{item.name}=...' for item in fields(known))}" if fields(known) else "")
    for name, known in SCHEDULES.items()
)


def parse_schedule(text: str) -> Schedule:
    """Return the schedule that `text` stands for; ``constant`` is the empty product.

    Raises
    ------
    argparse.ArgumentTypeError
        If it stands for none.
    """
    terms = [_parse_term(term.strip()) for term in text.split("*")]
    known = [term for term in terms if term is not None]
    return known[0] if len(known) == 1 else Product(tuple(known))


def _parse_term(text: str) -> Schedule | None:
    name, _, rest = text.partition(":")
    if name == "constant" and not rest:
        return None
    if name not in SCHEDULES:
        raise argparse.ArgumentTypeError(f"must be made of {GRAMMAR}, got {text!r}")
    values = _parse_values(rest)
    wanted = [item.name for item in fields(SCHEDULES[name])]
    missing = [item.name for item in fields(SCHEDULES[name]) if item.default is MISSING and item.name not in values]
    if missing or not set(values) <= set(wanted):
        form = f"{name}:{','.join(f'{key}=...' for key in wanted)}"
        raise argparse.ArgumentTypeError(f"must be like {form}, got {text!r}")
    try:
        return SCHEDULES[name](**values)
    except (TypeError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from error


def _parse_values(text: str) -> dict[str, float]:
    values: dict[str, float] = {}
    for pair in filter(None, text.split(",")):
        name, _, value = pair.partition("=")
        try:
            values[name.strip()] = _number(value)
        except ValueError:
            raise argparse.ArgumentTypeError(f"must have numbers as values, got {pair!r}") from None
    return values


def _number(text: str) -> float:
    try:
        return int(text)
    except ValueError:
        return float(text)
