"""Damage to plain JSON, value by value, and to the files whose header it is."""

import copy
import json

from container_files import join, split

from fuzzing.damage import NUMBERS, damaged, put_float, put_number

#: What has no place where it is put.
STRANGE = (
    None,
    True,
    False,
    0,
    1,
    -1,
    0.5,
    -0.0,
    5e-324,
    1e308,
    float("nan"),
    float("inf"),
    -float("inf"),
    10**30,
    10**400,
    "",
    "x",
    "\x1b[2J",
    "\ud800",
    "a" * 10_000,
    "$array",
    "__metadata__",
    [],
    {},
    [[]],
    [{}],
    {"": None},
    [1, 2, 3],
    {"class": "Dense"},
    {"$float": "inf"},
    {"$array": "weights"},
    *NUMBERS,
    *(-number for number in NUMBERS[1:]),
)


def changed(value, rng):
    """Return a JSON value with one to three changes."""
    value = copy.deepcopy(value)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        places = list(_places(value))
        if places:
            rng.choice(CHANGES)(value, *rng.choice(places), places, rng)
    return value


def _places(value):
    """Every container and key in it that leads to a value."""
    if isinstance(value, dict | list):
        for key, item in list(value.items() if isinstance(value, dict) else enumerate(value)):
            yield value, key
            yield from _places(item)


def _put_strange(root, parent, key, places, rng):
    parent[key] = copy.deepcopy(rng.choice(STRANGE))


def _put_other(root, parent, key, places, rng):
    """Put a value where another one of the same file is."""
    other, other_key = rng.choice(places)
    parent[key] = copy.deepcopy(other[other_key])


def _remove(root, parent, key, places, rng):
    del parent[key]


def _rename(root, parent, key, places, rng):
    if isinstance(parent, dict):
        parent[rng.choice((str(rng.choice(places)[1]), "x", "", "$array", "$x", "class", key + " "))] = parent.pop(key)


def _repeat(root, parent, key, places, rng):
    if isinstance(parent, list):
        parent[key:key] = [copy.deepcopy(parent[key])] * rng.choice((1, 2, 100))


def _bury(root, parent, key, places, rng):
    for _ in range(rng.choice((1, 1, 70))):
        parent[key] = [parent[key]] if rng.random() < 0.5 else {"x": parent[key]}


def _shift(root, parent, key, places, rng):
    if isinstance(parent[key], int | float):
        parent[key] = rng.choice((-parent[key], parent[key] + 1, parent[key] - 1, parent[key] * 2, parent[key] * 10**9))


CHANGES = (_put_strange, _put_strange, _put_strange, _put_other, _remove, _rename, _repeat, _bury, _shift)


def text_of(value, rng):
    """Return a value as JSON, now and then in a way that only some readers take."""
    text = json.dumps(value)
    if rng.random() < 0.05:
        depth = rng.choice((600, 100_000))
        buried = "[" * depth + "]" * depth
        strange = (text[:-1] + ',"x":1,"x":2}', text + " " * 100, text.replace('"', "'"), "\ufeff" + text, text[1:])
        text = rng.choice((*strange, text.replace(":", f":{buried},", 1), text.replace("[", f"[{buried},", 1)))
    return text


def container(data, rng):
    """A file of ours: its configuration, its header or its arrays are changed, and its digest is made right again."""
    document, body = split(data)
    kind = rng.random()
    if kind < 0.15:
        return damaged(data, rng)
    if kind < 0.7:
        config = json.loads(document["__metadata__"]["config"])
        document["__metadata__"]["config"] = text_of(changed(config, rng), rng)
    elif kind < 0.9:
        document = changed(document, rng)
    else:
        body = _with_numbers(body, rng)
    return _joined(document, body, rng)


def safetensors(data, rng):
    """A file of arrays with a header and no digest."""
    kind = rng.random()
    if kind < 0.3:
        return damaged(data, rng)
    document, body = split(data)
    if kind < 0.8:
        document = changed(document, rng)
    else:
        body = _with_numbers(body, rng)
    return _joined(document, body, rng)


def _with_numbers(body, rng):
    new = bytearray(body)
    for _ in range(rng.choice((1, 1, 3)) if new else 0):
        rng.choice((put_float, put_float, put_number))(new, rng)
    return bytes(new)


def _joined(document, body, rng):
    return join(document if rng.random() < 0.95 else text_of(document, rng), body)
