"""What a configuration may hold: plain JSON that a file gives back as it was, within limits that a reader can bear."""

import math
import reprlib
from typing import Any

_MAX_DEPTH = 64
# 617 decimal digits: below 640, the lowest limit on int <-> str that a Python can be set to.
_MAX_INTEGER_BITS = 2048
MAX_INTEGER_DIGITS = 620


def check_plain(value: Any, keys: tuple[str | int, ...]) -> None:
    """Raise unless `value`, which stands under `keys`, is plain JSON."""
    if len(keys) > _MAX_DEPTH:
        raise ValueError(f"config must be at most {_MAX_DEPTH} levels deep, goes on below {_shown(keys[:4])}")
    if type(value) is dict:
        for key, item in value.items():
            check_text(key, (f"a key of {keys[0]}", *keys[1:]))
            check_plain(item, (*keys, key))
    elif type(value) is list:
        for index, item in enumerate(value):
            check_plain(item, (*keys, index))
    elif value is not None and type(value) is not bool:
        _check_scalar(value, keys)


def _check_scalar(value: Any, keys: tuple[str | int, ...]) -> None:
    if type(value) is float:
        if not math.isfinite(value):
            raise ValueError(f"{_shown(keys)} must be finite, got {value!r}")
    elif type(value) is int:
        if value.bit_length() > _MAX_INTEGER_BITS:
            raise ValueError(f"{_shown(keys)} must have at most {_MAX_INTEGER_BITS} bits, got {value.bit_length()}")
    elif isinstance(value, str):
        check_text(value, keys)
    else:
        plain = "dict, list, str, int, float, bool or None"
        raise TypeError(f"{_shown(keys)} must be a plain {plain}, got {reprlib.repr(value)}, a {type(value).__name__}")


def check_text(value: Any, keys: tuple[str | int, ...]) -> None:
    """Raise unless `value`, which stands under `keys`, is a str that UTF-8 can hold."""
    if type(value) is not str:
        raise TypeError(f"{_shown(keys)} must be a plain str, got {reprlib.repr(value)}, a {type(value).__name__}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{_shown(keys)} must be valid Unicode, got {reprlib.repr(value)}") from error


def _shown(keys: tuple[str | int, ...]) -> str:
    return str(keys[0]) + "".join(f"[{reprlib.repr(key)}]" for key in keys[1:])
