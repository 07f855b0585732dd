"""Compiled max-pooling; the loops are in src/pool.c, the contracts in reference/."""

cimport numpy as np
from cython.parallel cimport prange
from numpy cimport ndarray

from crmsprop.kernels._boundary cimport reads, real_of, same_shape, separate, sized, writes
from crmsprop.kernels._cpu cimport isa, team

from crmsprop.kernels.geometry import window_count

np.import_array()

cdef extern from "pool.h":
    ctypedef Py_ssize_t isize
    ctypedef struct crm_pool:
        isize images, height, width, channels, rows, columns, pool_h, pool_w, stride_h, stride_w
        const void *x
        const void *dy
        void *out
        void *dx
        unsigned char *argmax
    ctypedef struct crm_pool_kernels:
        void forward(const crm_pool *, isize) noexcept nogil
        void backward(const crm_pool *, isize) noexcept nogil
    const crm_pool_kernels *crm_pool_table[3][2]

# Nanoseconds an element of the larger array
cdef double FORWARD_COST = 0.1
cdef double BACKWARD_COST = 0.4


def max_pool2d_forward(ndarray x, ndarray out, ndarray argmax, pool, stride, int n_threads):
    """Largest value of each window and its place; see reference.max_pool2d_forward."""
    cdef int type_number = real_of(x, "x")
    cdef crm_pool p
    p.x = reads(x, "x", type_number, 4)
    p.out = writes(out, "out", type_number, 4)
    describe(&p, x, out, "out", argmax, pool, stride)
    separate(("out", "argmax", "x"), (out, argmax, x), 2)
    cdef const crm_pool_kernels *kernels = crm_pool_table[isa][type_number == np.NPY_DOUBLE]
    cdef int threads = team(n_threads, FORWARD_COST * np.PyArray_SIZE(out) * p.pool_h * p.pool_w, p.images)
    cdef isize image
    with nogil:
        if threads == 1:
            for image in range(p.images):
                kernels.forward(&p, image)
        else:
            for image in prange(p.images, num_threads=threads, schedule="static"):
                kernels.forward(&p, image)


def max_pool2d_backward(ndarray dy, ndarray argmax, ndarray dx, pool, stride, int n_threads):
    """Gradient of each output to the place of its largest value; see reference.max_pool2d_backward."""
    cdef int type_number = real_of(dy, "dy")
    cdef crm_pool p
    p.dy = reads(dy, "dy", type_number, 4)
    p.dx = writes(dx, "dx", type_number, 4)
    describe(&p, dx, dy, "dy", argmax, pool, stride)
    separate(("dx", "dy", "argmax"), (dx, dy, argmax), 1)
    cdef const crm_pool_kernels *kernels = crm_pool_table[isa][type_number == np.NPY_DOUBLE]
    cdef int threads = team(n_threads, BACKWARD_COST * np.PyArray_SIZE(dx), p.images)
    cdef isize image
    with nogil:
        if threads == 1:
            for image in range(p.images):
                kernels.backward(&p, image)
        else:
            for image in prange(p.images, num_threads=threads, schedule="static"):
                kernels.backward(&p, image)


cdef int describe(crm_pool *p, ndarray large, ndarray small, str small_name, ndarray argmax, pool, stride) except -1:
    p.images, p.height, p.width, p.channels = (<object>large).shape
    (p.pool_h, p.pool_w), (p.stride_h, p.stride_w) = pool, stride
    if p.pool_h < 1 or p.pool_w < 1 or p.pool_h * p.pool_w > 255:
        raise ValueError(f"pool must cover 1 to 255 pixels, got {pool}")
    if p.stride_h < 1 or p.stride_w < 1:
        raise ValueError(f"stride must be at least 1, got {stride}")
    p.rows = window_count(p.height, p.pool_h, p.stride_h)
    p.columns = window_count(p.width, p.pool_w, p.stride_w)
    sized(small, small_name, 0, p.images)
    sized(small, small_name, 1, p.rows)
    sized(small, small_name, 2, p.columns)
    sized(small, small_name, 3, p.channels)
    p.argmax = <unsigned char *>writes(argmax, "argmax", np.NPY_UINT8, 4)
    return same_shape(argmax, "argmax", small, small_name)
