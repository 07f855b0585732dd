"""The checks of the boundary, as the twins call them, and the choice of the kernels."""

import numpy as np

from crmsprop import kernels

U8, I64, F64 = np.dtype(np.uint8), np.dtype(np.int64), np.dtype(np.float64)


def any_array(d):
    return d.array(d.one_of((*map(np.dtype, "fd"), U8, I64)), *d.shape())


def checked(*more):
    """Of one array and what it is called."""

    def draw(d):
        array = any_array(d)
        parts = {"dtype": d.one_of((array.dtype, array.dtype, F64)), "ndim": array.ndim}
        return {"array": array, "name": "it", **{name: parts[name] for name in more}, "index": d.one_of((-1, 0, 3))}

    return draw


def same_shape(d):
    array = any_array(d)
    return {"array": array, "name": "one", "other": array.copy() if d.chance(0.5) else any_array(d),
            "other_name": "other", "index": -1}  # fmt: skip


def sized(d):
    array = d.array(F64, *d.shape(d.integer(1, 4)))
    axis = d.integer(0, array.ndim - 1)
    return {"array": array, "name": "it", "axis": axis, "size": d.one_of((array.shape[axis], 3))}


def as_long(d):
    return {"values": d.maybe([1] * d.integer(0, 3)), "name": "it", "count": d.integer(0, 3)}


def separate(d):
    count = d.integer(0, 4)
    names, some = tuple(f"array {i}" for i in range(count)), tuple(d.maybe(any_array(d)) for _ in range(count))
    return {"names": names, "arrays": some, "n_written": d.integer(0, count)}


def separate_lists(d):
    count = d.integer(0, 4)
    lists = tuple(d.maybe([any_array(d) for _ in range(d.integer(0, 3))]) for _ in range(count))
    return {"names": tuple(f"list {i}" for i in range(count)), "lists": lists, "n_written": d.integer(0, count)}


RECIPES = {
    "an_array": checked(),
    "py_real_of": checked(),
    "py_reads": checked("dtype", "ndim"),
    "py_writes": checked("dtype", "ndim"),
    "py_same_shape": same_shape,
    "py_sized": sized,
    "py_as_long": as_long,
    "py_separate": separate,
    "py_separate_lists": separate_lists,
    "supported_isas": lambda d: {},
    "active_isa": lambda d: {},
    "use_isa": lambda d: {"name": kernels.active_isa()},
    "openmp_version": lambda d: {},
    "effective_n_threads": lambda d: {"n_threads": d.maybe(d.n_threads)},
}
