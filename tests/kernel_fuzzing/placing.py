"""Where the arrays of a call lie: beside memory that nobody may touch.

A guard is a stretch of pages between two that have no access: an array ends at the one, or begins at the other, and a
read or write beyond it ends the process. A block of the heap has no byte more than its array, and AddressSanitizer
knows where it ends.
"""

import ctypes
import mmap

import numpy as np
from numpy.lib.array_utils import byte_bounds

#: Bytes of a guard between its two pages.
ROOM = 1 << 20
#: What lies beside an array within its guard, where no page ends: it must stay.
FILL, MARGIN = 0xA5, 256


class Guard:
    """Memory between two pages without access."""

    def __init__(self):
        self.map = mmap.mmap(-1, ROOM + 2 * mmap.PAGESIZE)
        self.memory = np.frombuffer(self.map, np.uint8)
        start = self.memory.ctypes.data
        for page in (start, start + mmap.PAGESIZE + ROOM):
            forbid(page, mmap.PAGESIZE)
        self.memory = self.memory[mmap.PAGESIZE : mmap.PAGESIZE + ROOM]

    def place(self, size, remainder, item, at_end):
        """Return `size` bytes at one of the ends, at an address that leaves `remainder` when divided by `item`."""
        start = ROOM - size if at_end else 0
        address = self.memory.ctypes.data
        start += -((address + start - remainder) % item) if at_end else (remainder - address - start) % item
        self.beside = self.memory[max(start - MARGIN, 0) : start], self.memory[start + size : start + size + MARGIN]
        for margin in self.beside:
            margin[...] = FILL
        return self.memory[start : start + size]

    def is_whole(self):
        """Whether what lies beside the array is as it was."""
        return all(bool(np.all(margin == FILL)) for margin in self.beside)


def forbid(address, size):
    """Take all access to some pages away."""
    c = ctypes.CDLL(None, use_errno=True)
    if c.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(size), 0):
        raise OSError(ctypes.get_errno(), "mprotect")


class Places:
    """Guards, as many as a call has arrays, used again by every call; the heap for the rest.

    Parameters
    ----------
    heap : float
        The share of arrays that lie in blocks of the heap.
    """

    def __init__(self, heap):
        self.heap, self.guards, self.used = heap, [], 0

    def begin(self, draw):
        """Begin a call: all guards are free again."""
        self.draw, self.used = draw, 0

    def put(self, array):
        """Return an array like this one, with the same strides and as badly aligned, beside forbidden memory.

        One of Python objects stays where it is: nothing reads it.
        """
        if array.dtype.hasobject:
            return array
        low, high = byte_bounds(array) if array.size else (array.ctypes.data,) * 2
        remainder, item = low % array.itemsize, array.itemsize
        buffer = self._room(high - low, remainder, item)
        moved = np.ndarray(array.shape, array.dtype, buffer, array.ctypes.data - low, array.strides)
        moved[...] = array
        moved.flags.writeable = array.flags.writeable
        return moved

    def _room(self, size, remainder, item):
        if size > ROOM - item or self.draw.chance(self.heap):
            # A block begins at a multiple of 16: an array further on in it still ends where it ends.
            shift = remainder + item * self.draw.one_of((0, 0, 1, 3))
            return np.empty(size + shift, np.uint8)[shift:]
        if self.used == len(self.guards):
            self.guards.append(Guard())
        self.used += 1
        return self.guards[self.used - 1].place(size, remainder, item, self.draw.chance(0.7))

    def are_whole(self):
        """Whether nothing beside an array of this call has changed."""
        return all(guard.is_whole() for guard in self.guards[: self.used])
