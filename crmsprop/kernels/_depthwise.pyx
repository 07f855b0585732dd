"""Compiled depthwise convolution; the loops are in src/depthwise.c, the contracts in reference/."""

cimport numpy as np
from cython.parallel cimport prange
from numpy cimport ndarray

from crmsprop.kernels._boundary cimport reads, real_of, same_shape, separate, sized, writes
from crmsprop.kernels._cpu cimport isa, team

from crmsprop.kernels.geometry import ConvGeometry

np.import_array()

cdef extern from "depthwise.h":
    ctypedef Py_ssize_t isize
    ctypedef struct crm_depthwise:
        isize images, height, width, channels, kernel_h, kernel_w, stride_h, stride_w, pad_top, pad_left
        isize rows, columns, chunk
        const void *x
        const void *weight
        const void *bias
        const void *dy
        void *out
        void *dx
        void *dweight
        void *dbias
        void *partials
    ctypedef void (*crm_depthwise_task)(const crm_depthwise *, isize) noexcept nogil
    ctypedef struct crm_depthwise_kernels:
        crm_depthwise_task forward, backward, chunk, reduce
        isize reduced
    isize depthwise_gradients(const crm_depthwise *) noexcept nogil
    const crm_depthwise_kernels *crm_depthwise_table[3][2]

# A batch is cut into so many chunks of images, each with a partial weight gradient: threads change no bit.
cdef isize CHUNKS = 16
cdef double COST = 0.04  # nanoseconds a multiply-add


def depthwise_conv2d_scratch(images, weight_shape):
    """Elements of scratch that the backward pass needs; see reference.depthwise_conv2d_scratch."""
    cdef crm_depthwise c
    c.images = images
    c.kernel_h, c.kernel_w, c.channels = weight_shape
    return min(CHUNKS, c.images) * depthwise_gradients(&c)


def depthwise_conv2d_forward(ndarray x, ndarray weight, ndarray bias, ndarray out, stride, padding, int n_threads):
    """Each channel with its own filter, and the bias; see reference.depthwise_conv2d_forward."""
    cdef int type_number = real_of(x, "x")
    cdef crm_depthwise c
    describe(&c, type_number, x, weight, stride, padding)
    c.out = writes(out, "out", type_number, 4)
    check_output(&c, out, "out")
    c.bias = NULL
    if bias is not None:
        c.bias = reads(bias, "bias", type_number, 1)
        sized(bias, "bias", 0, c.channels)
    separate(("out", "x", "weight", "bias"), (out, x, weight, bias), 1)
    cdef const crm_depthwise_kernels *kernels = crm_depthwise_table[isa][type_number == np.NPY_DOUBLE]
    cdef isize rows = c.images * c.rows
    run(&c, kernels.forward, rows, team(n_threads, cost(&c), rows))


def depthwise_conv2d_backward(ndarray x, ndarray weight, ndarray dy, ndarray dx, ndarray dweight, ndarray dbias,
                              stride, padding, ndarray scratch, int n_threads):
    """Gradients of depthwise_conv2d_forward; see reference.depthwise_conv2d_backward."""
    cdef int type_number = real_of(x, "x")
    cdef crm_depthwise c
    describe(&c, type_number, x, weight, stride, padding)
    describe_gradients(&c, type_number, x, weight, dy, dx, dweight, dbias)
    c.partials = writes(scratch, "scratch", type_number, 1)
    separate(("dx", "dweight", "dbias", "scratch", "x", "weight", "dy"),
             (dx, dweight, dbias, scratch, x, weight, dy), 4)
    cdef isize needed = min(CHUNKS, c.images) * depthwise_gradients(&c)
    if np.PyArray_SIZE(scratch) < needed:
        raise ValueError(f"scratch must have at least {needed} elements, got {np.PyArray_SIZE(scratch)}")
    c.chunk = max(1, (c.images + CHUNKS - 1) // CHUNKS)
    cdef const crm_depthwise_kernels *kernels = crm_depthwise_table[isa][type_number == np.NPY_DOUBLE]
    cdef isize chunks = (c.images + c.chunk - 1) // c.chunk, rows = c.images * c.height
    run(&c, kernels.chunk, chunks, team(n_threads, cost(&c), chunks))
    run(&c, kernels.reduce, (depthwise_gradients(&c) + kernels.reduced - 1) // kernels.reduced, 1)
    if c.dx != NULL:
        run(&c, kernels.backward, rows, team(n_threads, cost(&c), rows))


cdef void run(const crm_depthwise *c, crm_depthwise_task task, isize count, int threads) noexcept:
    cdef isize number
    with nogil:
        if threads == 1:
            for number in range(count):
                task(c, number)
        else:
            for number in prange(count, num_threads=threads, schedule="static"):
                task(c, number)


cdef double cost(const crm_depthwise *c) noexcept nogil:
    return COST * c.images * c.rows * c.columns * c.channels * c.kernel_h * c.kernel_w


cdef int describe(crm_depthwise *c, int type_number, ndarray x, ndarray weight, stride, padding) except -1:
    c.x = reads(x, "x", type_number, 4)
    c.weight = reads(weight, "weight", type_number, 3)
    sized(weight, "weight", 2, np.PyArray_DIM(x, 3))
    shape = (<object>x).shape
    c.rows, c.columns = ConvGeometry(stride, padding).output(shape, (<object>weight).shape + (1,))
    c.images, c.height, c.width, c.channels = shape
    c.kernel_h, c.kernel_w, _ = (<object>weight).shape
    (c.stride_h, c.stride_w), (c.pad_top, _, c.pad_left, _) = stride, padding
    return 0


cdef int describe_gradients(crm_depthwise *c, int type_number, ndarray x, ndarray weight, ndarray dy, ndarray dx,
                            ndarray dweight, ndarray dbias) except -1:
    c.dy = reads(dy, "dy", type_number, 4)
    check_output(c, dy, "dy")
    c.dweight = writes(dweight, "dweight", type_number, 3)
    same_shape(dweight, "dweight", weight, "weight")
    c.dbias = c.dx = NULL
    if dbias is not None:
        c.dbias = writes(dbias, "dbias", type_number, 1)
        sized(dbias, "dbias", 0, c.channels)
    if dx is not None:
        c.dx = writes(dx, "dx", type_number, 4)
        same_shape(dx, "dx", x, "x")
    return 0


cdef int check_output(const crm_depthwise *c, ndarray array, str name) except -1:
    sized(array, name, 0, c.images)
    sized(array, name, 1, c.rows)
    sized(array, name, 2, c.columns)
    return sized(array, name, 3, c.channels)
