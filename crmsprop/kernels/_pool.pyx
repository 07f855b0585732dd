"""Compiled max- and average-pooling; the loops are in src/pool.c and average_pool.c, the contracts in reference/."""

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
    const crm_pool_kernels *crm_average_pool_table[3][2]

ctypedef void (*crm_pool_image)(const crm_pool *, isize) noexcept nogil

# Nanoseconds an element: of what a window reads, and of the larger array backward
cdef double FORWARD_COST = 0.1
cdef double BACKWARD_COST = 0.4
cdef double AVERAGE_COST = 0.1


def max_pool2d_forward(ndarray x, ndarray out, ndarray argmax, pool, stride, int n_threads):
    """Largest value of each window and its place; see reference.max_pool2d_forward."""
    cdef int type_number = real_of(x, "x")
    cdef crm_pool p
    p.x = reads(x, "x", type_number, 4)
    p.out = writes(out, "out", type_number, 4)
    check_places(pool)
    describe(&p, x, out, "out", pool, stride)
    p.argmax = places(argmax, out, "out")
    separate(("out", "argmax", "x"), (out, argmax, x), 2)
    cdef double cost = FORWARD_COST * np.PyArray_SIZE(out) * p.pool_h * p.pool_w
    run(&p, crm_pool_table[isa][type_number == np.NPY_DOUBLE].forward, team(n_threads, cost, p.images))


def max_pool2d_backward(ndarray dy, ndarray argmax, ndarray dx, pool, stride, int n_threads):
    """Gradient of each output to the place of its largest value; see reference.max_pool2d_backward."""
    cdef int type_number = real_of(dy, "dy")
    cdef crm_pool p
    p.dy = reads(dy, "dy", type_number, 4)
    p.dx = writes(dx, "dx", type_number, 4)
    check_places(pool)
    describe(&p, dx, dy, "dy", pool, stride)
    p.argmax = places(argmax, dy, "dy")
    separate(("dx", "dy", "argmax"), (dx, dy, argmax), 1)
    cdef double cost = BACKWARD_COST * np.PyArray_SIZE(dx)
    run(&p, crm_pool_table[isa][type_number == np.NPY_DOUBLE].backward, team(n_threads, cost, p.images))


def average_pool2d_forward(ndarray x, ndarray out, pool, stride, int n_threads):
    """Mean of each window; see reference.average_pool2d_forward."""
    cdef int type_number = real_of(x, "x")
    cdef crm_pool p
    p.x = reads(x, "x", type_number, 4)
    p.out = writes(out, "out", type_number, 4)
    describe(&p, x, out, "out", pool, stride)
    separate(("out", "x"), (out, x), 1)
    cdef double cost = AVERAGE_COST * np.PyArray_SIZE(out) * p.pool_h * p.pool_w
    run(&p, crm_average_pool_table[isa][type_number == np.NPY_DOUBLE].forward, team(n_threads, cost, p.images))


def average_pool2d_backward(ndarray dy, ndarray dx, pool, stride, int n_threads):
    """Gradient of each output to all of its window; see reference.average_pool2d_backward."""
    cdef int type_number = real_of(dy, "dy")
    cdef crm_pool p
    p.dy = reads(dy, "dy", type_number, 4)
    p.dx = writes(dx, "dx", type_number, 4)
    describe(&p, dx, dy, "dy", pool, stride)
    separate(("dx", "dy"), (dx, dy), 1)
    cdef double cost = AVERAGE_COST * np.PyArray_SIZE(dx)
    run(&p, crm_average_pool_table[isa][type_number == np.NPY_DOUBLE].backward, team(n_threads, cost, p.images))


cdef void run(const crm_pool *p, crm_pool_image work, int threads) noexcept:
    cdef isize image
    with nogil:
        if threads == 1:
            for image in range(p.images):
                work(p, image)
        else:
            for image in prange(p.images, num_threads=threads, schedule="static"):
                work(p, image)


cdef int check_places(pool) except -1:
    """A byte says which pixel of a window was the largest."""
    high, wide = pool  # and not by index, which is not checked here
    if not 1 <= high * wide <= 255:
        raise ValueError(f"pool must cover 1 to 255 pixels, got {pool}")
    return 0


cdef unsigned char *places(ndarray argmax, ndarray small, str small_name) except? NULL:
    cdef unsigned char *found = <unsigned char *>writes(argmax, "argmax", np.NPY_UINT8, 4)
    same_shape(argmax, "argmax", small, small_name)
    return found


cdef int describe(crm_pool *p, ndarray large, ndarray small, str small_name, pool, stride) except -1:
    p.images, p.height, p.width, p.channels = (<object>large).shape
    (p.pool_h, p.pool_w), (p.stride_h, p.stride_w) = pool, stride
    if p.pool_h < 1 or p.pool_w < 1:
        raise ValueError(f"pool must cover at least 1 pixel, got {pool}")
    if p.stride_h < 1 or p.stride_w < 1:
        raise ValueError(f"stride must be at least 1, got {stride}")
    p.rows = window_count(p.height, p.pool_h, p.stride_h)
    p.columns = window_count(p.width, p.pool_w, p.stride_w)
    sized(small, small_name, 0, p.images)
    sized(small, small_name, 1, p.rows)
    sized(small, small_name, 2, p.columns)
    return sized(small, small_name, 3, p.channels)
