"""Sizes, numbers and arrays of one call: the same for the same number of a seed, or for the same bytes."""

import random

import numpy as np

#: 0, 1, and what is about a vector of each instruction set: 4 to 16 float32, and two of them to a panel.
AWKWARD = (0, 1, 1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 15, 16, 17, 31, 32, 33)
REALS = (np.dtype(np.float32), np.dtype(np.float64))

#: Shares of calls that are large enough for the kernels to use a second thread.
LARGE = 0.04

_SPECIAL = (0.0, -0.0, np.nan, np.inf, -np.inf, 1e-42, -1e-310, 3e38, 1e308, -1.0)


def _pool(real):
    """Numbers to take rows of: most are ordinary, many are 0 as behind a ReLU."""
    values = np.random.default_rng(0).standard_normal(1 << 17)
    values[::3] = np.maximum(values[::3], 0)
    return values.astype(real)


_POOLS = {real: _pool(real) for real in REALS}


class Given(random.Random):
    """Chance that somebody else provides, as bytes; once they are used up, always the same.

    A fuzzer that changes a byte changes one decision, and those that follow from it.
    """

    def __init__(self, data):
        super().__init__(0)
        self.rest = memoryview(data)

    def random(self):
        """Return a number of [0, 1), of two bytes."""
        return self.getrandbits(16) / 2**16

    def getrandbits(self, k):
        """Return `k` bits, of whole bytes."""
        size = (k + 7) // 8
        if size > len(self.rest):
            self.rest = self.rest[:0]
            return super().getrandbits(k)
        taken, self.rest = self.rest[:size], self.rest[size:]
        return int.from_bytes(taken, "little") % (1 << k)


class Draw:
    """What one call is made of.

    Attributes
    ----------
    random : random.Random
        What decides.
    n_threads : int
        How many threads a good call asks for.
    large : bool
        Whether sizes are such that the kernels share the work.
    """

    def __init__(self, source, n_threads=1):
        self.random = source
        self.n_threads = n_threads
        self.large = self.random.random() < LARGE
        self._rng = None

    @property
    def rng(self):
        """NumPy's generator, which takes longer to make than many calls take."""
        self._rng = self._rng or np.random.default_rng(self.random.getrandbits(64))
        return self._rng

    def chance(self, probability):
        """Return whether something happens that has this probability."""
        return self.random.random() < probability

    def one_of(self, choices):
        """Return one of some choices."""
        return self.random.choice(choices)

    def integer(self, low, high):
        """Return an integer of [low, high]."""
        return self.random.randint(low, high)

    def size(self, most=33, many=200):
        """Return a length, an awkward one; up to `many` in a large call."""
        if self.large and self.chance(0.7):
            return self.integer(many // 2, many)
        size = self.one_of(AWKWARD)
        return size if size <= most else size % (most + 1)

    def shape(self, ndim=None):
        """Return the shape of any array that is taken element by element."""
        ndim = self.integer(0, 4) if ndim is None else ndim
        if self.large:
            return (self.integer(2, 40), *(3,) * (ndim - 2), self.integer(1000, 3000))[:ndim]
        return tuple(self.size(33 if ndim < 3 else 5) for _ in range(ndim))

    def real(self):
        """Return float32 or float64."""
        return self.one_of(REALS)

    def array(self, dtype, *shape):
        """Return an array of ordinary numbers, or with extreme ones among them, or of any bytes."""
        dtype, size = np.dtype(dtype), int(np.prod(shape, dtype=np.int64))
        kind = self.random.random()
        if dtype not in _POOLS or kind < 0.05:
            return np.frombuffer(self.random.randbytes(size * dtype.itemsize), dtype).reshape(shape).copy()
        pool = _POOLS[dtype]
        if size > len(pool):
            return np.resize(pool, shape)
        start = self.random.randrange(len(pool) - size + 1)
        array = pool[start : start + size].reshape(shape).copy()
        if kind < 0.2 and size:
            with np.errstate(over="ignore"):
                array.flat[self.random.randrange(size)] = self.one_of(_SPECIAL)
        return array

    def unset(self, dtype, *shape):
        """Return an array that a kernel fills: NaN, or bytes that mean nothing."""
        return np.frombuffer(b"\xff" * (int(np.prod(shape)) * np.dtype(dtype).itemsize), dtype).reshape(shape).copy()

    def integers(self, below, *shape):
        """Return int64 numbers of [0, below)."""
        if below == 0:
            return np.zeros(shape, np.int64)
        return self.rng.integers(0, below, shape)

    def maybe(self, value):
        """Return a value or None."""
        return value if self.chance(0.7) else None

    def scratch(self, dtype, size):
        """Return scratch of the size that a kernel asks for, or of more."""
        return self.unset(dtype, size if self.chance(0.8) else size + self.integer(1, 100))

    def rows(self, dtype, count, *shape):
        """Return rows that are contiguous each, at any distance from one another: some, others or none left out."""
        step = self.one_of((1, 1, 1, 2, 3, -1, -2))
        array = self.array(dtype, count * abs(step), *shape)[::step]
        return array[:count] if self.chance(0.9) or not count else np.broadcast_to(array[:1], (count, *shape))
