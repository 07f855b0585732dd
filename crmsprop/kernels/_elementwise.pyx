"""Compiled ReLU, sum, dropout, gather, a look for NaN: the loops are in src/elementwise.c, contracts in reference/."""

cimport numpy as np
from cython.parallel cimport prange
from libc.stdint cimport int64_t, uint64_t
from numpy cimport ndarray

import numpy

from crmsprop.kernels._boundary cimport reads, real_of, same_shape, separate, writes
from crmsprop.kernels._cpu cimport isa, team

np.import_array()

cdef extern from "elementwise.h":
    ctypedef Py_ssize_t isize
    ctypedef struct crm_elementwise_kernels:
        void relu_forward(const void *, void *, isize, isize) noexcept nogil
        void relu_backward(const void *, const void *, void *, isize, isize) noexcept nogil
        void add(const void *, const void *, void *, isize, isize) noexcept nogil
        void dropout(const void *, void *, double, uint64_t, isize, isize) noexcept nogil
        void dropout_channels(const void *, void *, double, uint64_t, isize, isize, isize) noexcept nogil
        void gather(const char *, isize, int, const int64_t *, void *, isize, double, isize, isize,
                    isize) noexcept nogil
        int finite(const void *, isize, isize) noexcept nogil
    const crm_elementwise_kernels *crm_elementwise[3][2]

cdef isize BLOCK = 16384  # elements a block
cdef isize ROWS = 4       # gathered rows a block
# Nanoseconds an element
cdef double RELU_COST = 0.07
cdef double ADD_COST = 0.1
cdef double DROPOUT_COST = 0.3
cdef double DROPOUT_CHANNELS_COST = 0.1
cdef double GATHER_COST = 0.3  # from far away


def relu_forward(ndarray x, ndarray out, int n_threads):
    """out = max(x, 0); see reference.relu_forward."""
    cdef int type_number = real_of(x, "x")
    cdef const void *source = reads(x, "x", type_number, np.PyArray_NDIM(x))
    cdef void *target = writes(out, "out", type_number, np.PyArray_NDIM(out))
    same_shape(out, "out", x, "x")
    separate(("out", "x"), (out, x), 1)
    cdef const crm_elementwise_kernels *kernels = crm_elementwise[isa][type_number == np.NPY_DOUBLE]
    cdef isize size = np.PyArray_SIZE(x), block
    cdef int threads = team(n_threads, RELU_COST * size, blocks(size))
    with nogil:
        if threads == 1:
            kernels.relu_forward(source, target, 0, size)
        else:
            for block in prange(blocks(size), num_threads=threads, schedule="static"):
                kernels.relu_forward(source, target, block * BLOCK, min((block + 1) * BLOCK, size))


def relu_backward(ndarray out, ndarray dy, ndarray dx, int n_threads):
    """dx = dy where out > 0, else 0; see reference.relu_backward."""
    cdef int type_number = real_of(out, "out")
    cdef const void *mask = reads(out, "out", type_number, np.PyArray_NDIM(out))
    cdef const void *source = reads(dy, "dy", type_number, np.PyArray_NDIM(dy))
    cdef void *target = writes(dx, "dx", type_number, np.PyArray_NDIM(dx))
    same_shape(dy, "dy", out, "out")
    same_shape(dx, "dx", out, "out")
    separate(("dx", "out", "dy"), (dx, out, None if source == target else dy), 1)
    cdef const crm_elementwise_kernels *kernels = crm_elementwise[isa][type_number == np.NPY_DOUBLE]
    cdef isize size = np.PyArray_SIZE(out), block
    cdef int threads = team(n_threads, RELU_COST * size, blocks(size))
    with nogil:
        if threads == 1:
            kernels.relu_backward(mask, source, target, 0, size)
        else:
            for block in prange(blocks(size), num_threads=threads, schedule="static"):
                kernels.relu_backward(mask, source, target, block * BLOCK, min((block + 1) * BLOCK, size))


def add(ndarray x, ndarray y, ndarray out, int n_threads):
    """out = x + y; see reference.add."""
    cdef int type_number = real_of(x, "x")
    cdef const void *first = reads(x, "x", type_number, np.PyArray_NDIM(x))
    cdef const void *second = reads(y, "y", type_number, np.PyArray_NDIM(y))
    cdef void *target = writes(out, "out", type_number, np.PyArray_NDIM(out))
    same_shape(y, "y", x, "x")
    same_shape(out, "out", x, "x")
    separate(("out", "x", "y"), (out, None if first == target else x, None if second == target else y), 1)
    cdef const crm_elementwise_kernels *kernels = crm_elementwise[isa][type_number == np.NPY_DOUBLE]
    cdef isize size = np.PyArray_SIZE(x), block
    cdef int threads = team(n_threads, ADD_COST * size, blocks(size))
    with nogil:
        if threads == 1:
            kernels.add(first, second, target, 0, size)
        else:
            for block in prange(blocks(size), num_threads=threads, schedule="static"):
                kernels.add(first, second, target, block * BLOCK, min((block + 1) * BLOCK, size))


def dropout(ndarray x, ndarray out, double rate, uint64_t key, int n_threads):
    """out = x / (1 - rate), or 0 with probability `rate`; see reference.dropout."""
    check_rate(rate)
    cdef int type_number = real_of(x, "x")
    cdef const void *source = reads(x, "x", type_number, np.PyArray_NDIM(x))
    cdef void *target = writes(out, "out", type_number, np.PyArray_NDIM(out))
    same_shape(out, "out", x, "x")
    separate(("out", "x"), (out, x), 1)
    cdef const crm_elementwise_kernels *kernels = crm_elementwise[isa][type_number == np.NPY_DOUBLE]
    cdef isize size = np.PyArray_SIZE(x), block
    cdef int threads = team(n_threads, DROPOUT_COST * size, blocks(size))
    with nogil:
        if threads == 1:
            kernels.dropout(source, target, rate, key, 0, size)
        else:
            for block in prange(blocks(size), num_threads=threads, schedule="static"):
                kernels.dropout(source, target, rate, key, block * BLOCK, min((block + 1) * BLOCK, size))


def dropout_channels(ndarray x, ndarray out, double rate, uint64_t key, int n_threads):
    """As `dropout`, a whole channel of an image at a time; see reference.dropout_channels."""
    check_rate(rate)
    cdef int type_number = real_of(x, "x")
    cdef const void *source = reads(x, "x", type_number, 4)
    cdef void *target = writes(out, "out", type_number, 4)
    same_shape(out, "out", x, "x")
    separate(("out", "x"), (out, x), 1)
    cdef const crm_elementwise_kernels *kernels = crm_elementwise[isa][type_number == np.NPY_DOUBLE]
    cdef isize images = np.PyArray_DIM(x, 0), channels = np.PyArray_DIM(x, 3), image
    cdef isize pixels = np.PyArray_DIM(x, 1) * np.PyArray_DIM(x, 2)
    cdef int threads = team(n_threads, DROPOUT_CHANNELS_COST * images * pixels * channels, images)
    with nogil:
        if threads == 1:
            for image in range(images):
                kernels.dropout_channels(source, target, rate, key, image, pixels, channels)
        else:
            for image in prange(images, num_threads=threads, schedule="static"):
                kernels.dropout_channels(source, target, rate, key, image, pixels, channels)


def gather(ndarray source, ndarray indices, ndarray out, double scale, int n_threads):
    """out[i] = source[indices[i]] * scale; see reference.gather."""
    cdef int type_number = real_of(out, "out")
    cdef void *target = writes(out, "out", type_number, np.PyArray_NDIM(out))
    cdef const int64_t *rows = <const int64_t *>reads(indices, "indices", np.NPY_INT64, 1)
    cdef int kind = source_kind(source)
    check_gather(source, rows, np.PyArray_DIM(indices, 0), out)
    if np.PyArray_CHKFLAGS(source, np.NPY_ARRAY_C_CONTIGUOUS):
        separate(("out", "source", "indices"), (out, source, indices), 1)
    else:
        separate(("out", "indices"), (out, indices), 1)
        if numpy.may_share_memory(out, source):
            raise ValueError("out must not overlap source in memory")
    cdef isize count = np.PyArray_DIM(indices, 0), block
    cdef isize size = np.PyArray_SIZE(out) // max(count, 1), stride = np.PyArray_STRIDE(source, 0)
    cdef const char *data = np.PyArray_BYTES(source)
    cdef const crm_elementwise_kernels *kernels = crm_elementwise[isa][type_number == np.NPY_DOUBLE]
    cdef int threads = team(n_threads, GATHER_COST * count * size, count)
    with nogil:
        if threads == 1:
            kernels.gather(data, stride, kind, rows, target, size, scale, 0, count, count)
        else:
            for block in prange((count + ROWS - 1) // ROWS, num_threads=threads, schedule="static"):
                kernels.gather(data, stride, kind, rows, target, size, scale, block * ROWS,
                               min((block + 1) * ROWS, count), count)


def all_finite(ndarray x):
    """Whether every element is finite; see reference.all_finite."""
    cdef int type_number = real_of(x, "x")
    cdef const void *source = reads(x, "x", type_number, np.PyArray_NDIM(x))
    cdef isize size = np.PyArray_SIZE(x)
    cdef bint found
    with nogil:
        found = crm_elementwise[isa][type_number == np.NPY_DOUBLE].finite(source, 0, size)
    return found


cdef isize blocks(isize size) noexcept nogil:
    return (size + BLOCK - 1) // BLOCK


cdef int check_rate(double rate) except -1:
    if not 0 <= rate < 1:
        raise ValueError(f"rate must be in [0, 1), got {rate}")
    return 0


cdef int source_kind(ndarray source) except -1:
    if source is None:
        raise TypeError("source must be a NumPy array, got NoneType")
    cdef int type_number = np.PyArray_TYPE(source)
    if np.PyArray_NDIM(source) > 0 and not np.PyArray_ISBYTESWAPPED(source):
        if type_number == np.NPY_UINT8:
            return ord("u")
        if type_number == np.NPY_FLOAT:
            return ord("f")
        if type_number == np.NPY_DOUBLE:
            return ord("d")
    raise TypeError(f"source must be a uint8, float32 or float64 array of rows, got {(<object>source).dtype.str}")


cdef bint rows_fit(ndarray source, isize count, ndarray out) noexcept:
    """Whether `out` has `count` rows of the shape of the source's."""
    cdef int axis, ndim = np.PyArray_NDIM(source)
    if np.PyArray_NDIM(out) != ndim or np.PyArray_DIM(out, 0) != count:
        return False
    for axis in range(1, ndim):
        if np.PyArray_DIM(out, axis) != np.PyArray_DIM(source, axis):
            return False
    return True


cdef int check_gather(ndarray source, const int64_t *rows, isize count, ndarray out) except -1:
    """Rows of the source must be contiguous and aligned, of the shape of out's rows, and every index must exist."""
    cdef isize i, length = np.PyArray_DIM(source, 0)
    if not rows_fit(source, count, out):
        raise ValueError(f"out must have shape {(count,) + (<object>source).shape[1:]}, got {(<object>out).shape}")
    if not np.PyArray_CHKFLAGS(source, np.NPY_ARRAY_ALIGNED):
        raise ValueError("source must be aligned in memory, got an address that is not a multiple of its item size")
    if length and not np.PyArray_CHKFLAGS(source, np.NPY_ARRAY_C_CONTIGUOUS) and not source[0].flags.c_contiguous:
        raise ValueError(f"source must have contiguous rows, got strides {(<object>source).strides}")
    for i in range(count):
        if not 0 <= rows[i] < length:
            raise IndexError(f"indices[{i}] must be in [0, {length}), got {rows[i]}")
    return 0
