"""An augmentation on the command line: ``flip + rotation:15 + crop:4,fill_mode=constant``."""

import argparse
from dataclasses import MISSING, fields

from crmsprop.augment import (
    Augmentation,
    Brightness,
    Contrast,
    Crop,
    Cutout,
    Flip,
    Mixup,
    Operation,
    Rotation,
    Sum,
    Translation,
    Zoom,
)
from crmsprop.cli.hints import did_you_mean

OPERATIONS: dict[str, type[Operation]] = {
    known.__name__.lower(): known
    for known in (Flip, Rotation, Translation, Zoom, Crop, Brightness, Contrast, Cutout, Mixup)
}


def parse_augmentation(text: str) -> Augmentation | None:
    """Return the augmentation that `text` stands for: operations with ``+`` between them; None for ``none``.

    Values stand in the order of the operation's parameters, or behind their names.

    Raises
    ------
    argparse.ArgumentTypeError
        If it stands for none.
    """
    if text.strip() == "none":
        return None
    terms = [_parse_term(term.strip()) for term in text.split("+")]
    try:
        return terms[0] if len(terms) == 1 else Sum(tuple(terms))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _parse_term(text: str) -> Operation:
    name, _, rest = text.partition(":")
    if name not in OPERATIONS:
        hint = did_you_mean(name, ["none", *OPERATIONS])
        raise argparse.ArgumentTypeError(f"must be made of {', '.join(OPERATIONS)}, got {text!r}{hint}")
    known = OPERATIONS[name]
    values = _parse_values(rest, [item.name for item in fields(known) if not item.kw_only])
    missing = [item.name for item in fields(known) if item.default is MISSING and item.name not in values]
    if missing or not set(values) <= {item.name for item in fields(known)}:
        in_order = sorted(fields(known), key=lambda item: bool(item.kw_only))  # what is needed first
        form = ",".join(f"{item.name}=..." for item in in_order)
        raise argparse.ArgumentTypeError(f"must be like {name}:{form}, got {text!r}")
    try:
        return known(**values)
    except (TypeError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from error


def _parse_values(text: str, in_order: list[str]) -> dict[str, int | float | str]:
    """Values by name; one without a name has that of its place."""
    values: dict[str, int | float | str] = {}
    for i, pair in enumerate(filter(None, text.split(","))):
        name, _, value = pair.rpartition("=")
        name = name.strip() or (in_order[i] if i < len(in_order) else f"value {i + 1}")
        if name in values:
            raise argparse.ArgumentTypeError(f"must have one value for {name}, got {text!r}")
        values[name] = _value(value.strip())
    return values


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
