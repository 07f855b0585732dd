"""The arena: views that are aligned, apart, in order, and nothing but slices of one array."""

import itertools

import numpy as np
import pytest

from crmsprop.nn.arena import ALIGNMENT, Arena, aligned_zeros

SHAPES = {"a": (3, 5), "b": (), "c": (0, 4), "d": (16,), "e": (1,), "f": (2, 3, 4)}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_views_are_aligned_apart_and_in_order(dtype):
    arena = Arena(SHAPES, dtype)
    assert [(name, view.shape) for name, view in arena.views.items()] == list(SHAPES.items())
    assert all(view.ctypes.data % ALIGNMENT == 0 for view in arena.views.values() if view.size)
    assert all(
        view.dtype == dtype and view.flags.c_contiguous and view.flags.writeable for view in arena.views.values()
    )
    bounds = [np.lib.array_utils.byte_bounds(view) for view in arena.views.values() if view.size]
    assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(bounds))
    begin, end = np.lib.array_utils.byte_bounds(arena.flat)
    assert begin == bounds[0][0]
    assert bounds[-1][1] <= end


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_starts_as_zeros_and_the_gaps_are_less_than_a_line_each(dtype):
    arena = Arena(SHAPES, dtype)
    assert not arena.flat.any()
    used = sum(view.size for view in arena.views.values())
    assert arena.flat.size - used < len(SHAPES) * ALIGNMENT // np.dtype(dtype).itemsize


def test_a_snapshot_is_a_copy_of_the_flat_array():
    arena = Arena(SHAPES, np.float32)
    snapshot = arena.flat.copy()
    for view in arena.views.values():
        view[...] = 7
    assert arena.flat.sum() == 7 * sum(view.size for view in arena.views.values())
    arena.flat[:] = snapshot
    assert not any(view.any() for view in arena.views.values())


def test_no_arrays():
    arena = Arena({}, np.float32)
    assert (arena.flat.shape, arena.views) == ((0,), {})


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 1000])
def test_aligned_zeros(size):
    for _ in range(5):
        zeros = aligned_zeros(size, np.float32)
        assert (zeros.shape, zeros.dtype) == ((size,), np.float32)
        assert not zeros.any()
        assert size == 0 or zeros.ctypes.data % ALIGNMENT == 0


@pytest.mark.parametrize("shape", [(2**31 - 1, 2**31 - 1), (3, 3, 2**31 - 1, 2**31 - 1), (2**30,) * 40])
def test_more_than_any_memory_is_refused_in_words(shape):
    """NumPy's own product of them would overflow, to 0 for the last."""
    with pytest.raises(ValueError, match=r"the arrays of a network must have less than 2\*\*59 elements, got \d"):
        Arena({"weight": shape}, np.float32)
