"""Compiled convolution; the loops are in src/conv2d_*.c, the contracts in reference/."""

cimport numpy as np
from cython.parallel cimport parallel, prange, threadid
from numpy cimport ndarray

import numpy

from crmsprop.kernels._boundary cimport reads, real_of, same_shape, separate, sized, writes
from crmsprop.kernels._cpu cimport isa, team

np.import_array()

cdef extern from "conv2d.h":
    ctypedef Py_ssize_t isize
    ctypedef struct crm_conv2d:
        isize images, height, width, channels, kernel_h, kernel_w, filters
        isize stride_h, stride_w, pad_top, pad_left, rows, columns, pool_h, pool_w, chunk, max_chunks
        int relu
        const void *x
        const void *weight
        const void *bias
        const void *dy
        const void *out
        const void *scale
        void *y
        void *dx
        void *dweight
        void *dbias
        unsigned char *argmax
        void *packed
        void *partials
    ctypedef isize (*crm_conv2d_size)(const crm_conv2d *) noexcept nogil
    ctypedef void (*crm_conv2d_task)(const crm_conv2d *, isize) noexcept nogil
    ctypedef void (*crm_conv2d_work)(const crm_conv2d *, isize, void *) noexcept nogil
    ctypedef struct crm_conv2d_forward:
        crm_conv2d_size packed_size, scratch_size, pack_tasks, tasks
        crm_conv2d_task pack
        crm_conv2d_work task
    ctypedef struct crm_conv2d_backward:
        crm_conv2d_size packed_size, partial_size, scratch_size, pack_tasks, reduce_tasks
        crm_conv2d_task pack, reduce
        crm_conv2d_work chunk
    bint winograd_fits(const crm_conv2d *) noexcept nogil
    bint winograd_backward_fits(const crm_conv2d *) noexcept nogil
    bint few_taps(const crm_conv2d *, int level, isize item) noexcept nogil
    bint pointwise(const crm_conv2d *) noexcept nogil
    const crm_conv2d_forward *crm_conv2d_forward_table[3][2]
    const crm_conv2d_forward *crm_conv2d_winograd_table[3][2]
    const crm_conv2d_backward *crm_conv2d_backward_table[3][2]
    const crm_conv2d_backward *crm_conv2d_sparse_table[3][2]
    const crm_conv2d_backward *crm_conv2d_winograd_backward_table[3][2]
    const crm_conv2d_backward *crm_conv2d_pointwise_table[3][2]

# A batch is cut into chunks of images, each with a partial weight gradient: this many, as long as they take no more
# than so many bytes. By shapes only (and the width of the registers), so that threads change no bit.
cdef isize CHUNKS = 16
cdef isize PARTIALS_BYTES = 1 << 25
cdef isize POINTWISE_PIXELS = 256  # of a chunk, at least
# Rows of pixels are joined to such a length, in batches of so many images.
cdef isize JOINED_IMAGES = 4
cdef isize JOINED_PIXELS = 1024


def conv2d_scratch(x_shape, weight_shape, geometry, dtype, bint training, int n_threads):
    """Elements of scratch that the calls below need for `n_threads` threads; see reference.conv2d_scratch."""
    cdef crm_conv2d c
    cdef Py_ssize_t item = numpy.dtype(dtype).itemsize
    sizes(&c, x_shape, weight_shape, geometry, item)
    cdef const crm_conv2d_forward *forward = forward_kernels(&c, item)
    cdef isize size = lines(forward.packed_size(&c)) + n_threads * lines(forward.scratch_size(&c))
    if not training:
        return size
    cdef const crm_conv2d_backward *backward = backward_kernels(&c, item)
    return max(size, shared_size(&c, backward) + n_threads * lines(backward.scratch_size(&c)))


def conv2d_forward(ndarray x, ndarray weight, ndarray bias, ndarray out, ndarray argmax, geometry,
                   ndarray scratch, int n_threads, ndarray scale=None):
    """Convolution, bias, ReLU and max-pool of a batch; see reference.conv2d_forward."""
    cdef int type_number = real_of(x, "x")
    cdef crm_conv2d c
    describe(&c, type_number, x, weight, argmax, geometry)
    c.y = writes(out, "out", type_number, 4)
    check_output(&c, out, "out")
    c.bias = NULL
    if bias is not None:
        c.bias = reads(bias, "bias", type_number, 1)
        sized(bias, "bias", 0, c.filters)
    c.scale = NULL
    if scale is not None:
        c.scale = reads(scale, "scale", type_number, 1)
        sized(scale, "scale", 0, c.filters)
    separate(("out", "argmax", "scratch", "x", "weight", "bias", "scale"),
             (out, argmax, scratch, x, weight, bias, scale), 3)
    join_rows(&c)
    cdef const crm_conv2d_forward *kernels = forward_kernels(&c, np.PyArray_ITEMSIZE(x))
    cdef isize shared = lines(kernels.packed_size(&c)), each = lines(kernels.scratch_size(&c)), task
    cdef isize packs = kernels.pack_tasks(&c), tasks = kernels.tasks(&c)
    c.packed = writes(scratch, "scratch", type_number, 1)
    cdef int threads = room(scratch, shared, each, team(n_threads, cost(&c), tasks))
    cdef char *own = <char *>c.packed + shared * np.PyArray_ITEMSIZE(scratch)
    each *= np.PyArray_ITEMSIZE(scratch)
    with nogil:
        if threads == 1:
            for task in range(packs):
                kernels.pack(&c, task)
            for task in range(tasks):
                kernels.task(&c, task, own)
        else:
            with parallel(num_threads=threads):
                for task in prange(packs, schedule="static"):
                    kernels.pack(&c, task)
                for task in prange(tasks, schedule="dynamic"):
                    kernels.task(&c, task, own + threadid() * each)


def conv2d_backward(ndarray x, ndarray weight, ndarray out, ndarray dy, ndarray argmax, ndarray dx, ndarray dweight,
                    ndarray dbias, geometry, ndarray scratch, int n_threads):
    """Gradients of conv2d_forward; see reference.conv2d_backward."""
    cdef int type_number = real_of(x, "x")
    cdef crm_conv2d c
    describe(&c, type_number, x, weight, argmax, geometry)
    if c.argmax == NULL and c.pool_h * c.pool_w > 1:
        raise TypeError("argmax must be the array that conv2d_forward filled, got None")
    describe_gradients(&c, type_number, x, weight, out, dy, dx, dweight, dbias)
    separate(("dx", "dweight", "dbias", "scratch", "x", "weight", "out", "dy", "argmax"),
             (dx, dweight, dbias, scratch, x, weight, out, dy, argmax), 4)
    cdef isize item = np.PyArray_ITEMSIZE(x), task  # and not of the scratch, which may still be None
    cdef const crm_conv2d_backward *kernels = backward_kernels(&c, item)
    cdef isize chunks = (c.images + c.chunk - 1) // c.chunk, each = lines(kernels.scratch_size(&c))
    cdef isize packs = kernels.pack_tasks(&c), reductions = kernels.reduce_tasks(&c)
    c.packed = writes(scratch, "scratch", type_number, 1)
    cdef int threads = room(scratch, shared_size(&c, kernels), each, team(n_threads, 2 * cost(&c), chunks))
    c.partials = <char *>c.packed + lines(kernels.packed_size(&c)) * item
    cdef char *own = <char *>c.packed + shared_size(&c, kernels) * item
    each *= item
    with nogil:
        if threads == 1:
            for task in range(packs):
                kernels.pack(&c, task)
            for task in range(chunks):
                kernels.chunk(&c, task, own)
            for task in range(reductions):
                kernels.reduce(&c, task)
        else:
            with parallel(num_threads=threads):
                for task in prange(packs, schedule="static"):
                    kernels.pack(&c, task)
                for task in prange(chunks, schedule="dynamic"):
                    kernels.chunk(&c, task, own + threadid() * each)
                for task in prange(reductions, schedule="static"):
                    kernels.reduce(&c, task)


cdef void join_rows(crm_conv2d *c) noexcept nogil:
    """Where pixels stand by themselves some rows of them become one: whole tiles where 7 or 8 pixels had leftovers.

    By shape alone, and no sum is another: on Zen 5 that is 1.7 times as fast for 128 channels to 256 filters of 8 x 8
    pixels. The rows of a few images stay, for the threads to share.
    """
    cdef isize joined = c.rows
    if pointwise(c) and c.images >= JOINED_IMAGES:
        while joined > 1 and (c.rows % joined or joined * c.columns > JOINED_PIXELS):
            joined -= 1
        c.height = c.rows = c.rows // joined
        c.width = c.columns = c.columns * joined


cdef const crm_conv2d_forward *forward_kernels(const crm_conv2d *c, isize item) noexcept nogil:
    """By shape alone."""
    if winograd_fits(c):
        return crm_conv2d_winograd_table[isa][item == 8]
    return crm_conv2d_forward_table[isa][item == 8]


cdef const crm_conv2d_backward *backward_kernels(const crm_conv2d *c, isize item) noexcept nogil:
    """By shape, dtype and instruction set: behind a pool most outputs have no gradient; left out if that pays."""
    if few_taps(c, isa, item):
        return crm_conv2d_backward_table[isa][item == 8]
    if c.pool_h * c.pool_w > 1:
        return crm_conv2d_sparse_table[isa][item == 8]
    if winograd_backward_fits(c):
        return crm_conv2d_winograd_backward_table[isa][item == 8]
    if pointwise(c):
        return crm_conv2d_pointwise_table[isa][item == 8]
    return crm_conv2d_backward_table[isa][item == 8]


cdef isize shared_size(const crm_conv2d *c, const crm_conv2d_backward *kernels) noexcept nogil:
    """Elements at the head of the backward scratch: packed weights, then partial gradients for c.images or fewer."""
    return lines(kernels.packed_size(c)) + lines(c.max_chunks * kernels.partial_size(c))


cdef isize lines(isize size) noexcept nogil:
    """Elements to the next cache line: where scratch begins at one, so do all of its parts."""
    return (size + 15) // 16 * 16


cdef double cost(const crm_conv2d *c) noexcept nogil:
    """Nanoseconds of a direct product on one core: 40 multiply-adds in each."""
    return 0.025 * c.images * c.rows * c.columns * c.filters * c.kernel_h * c.kernel_w * c.channels


cdef int room(ndarray scratch, isize shared, isize each, int threads) except -1:
    """How many threads, up to `threads`, the scratch has room for; ValueError if not for one."""
    if np.PyArray_SIZE(scratch) < shared + each:
        raise ValueError(f"scratch must have at least {shared + each} elements, got {np.PyArray_SIZE(scratch)}")
    return threads if each == 0 else <int>min(threads, (np.PyArray_SIZE(scratch) - shared) // each)


cdef int sizes(crm_conv2d *c, x_shape, weight_shape, geometry, Py_ssize_t item) except -1:
    rows, columns = geometry.output(x_shape, weight_shape)
    c.images, c.height, c.width, c.channels = x_shape
    c.kernel_h, c.kernel_w, _, c.filters = weight_shape
    (c.stride_h, c.stride_w), (c.pad_top, _, c.pad_left, _), (c.pool_h, c.pool_w), c.relu = geometry
    c.rows, c.columns = rows * c.pool_h, columns * c.pool_w
    # Fewer images never need more chunks than c.max_chunks, so that scratch for a batch serves every smaller one.
    cdef isize partial = max(backward_kernels(c, item).partial_size(c) * item, 1)
    c.max_chunks = max(1, min(CHUNKS, c.images, PARTIALS_BYTES // partial))
    if pointwise(c):  # a sum over a few pixels is sooner made than added to the others
        c.max_chunks = max(1, min(c.max_chunks, c.images * c.rows * c.columns // POINTWISE_PIXELS))
    c.chunk = max(1, (c.images + c.max_chunks - 1) // c.max_chunks)
    return 0


cdef int describe(crm_conv2d *c, int type_number, ndarray x, ndarray weight, ndarray argmax, geometry) except -1:
    c.x = reads(x, "x", type_number, 4)
    c.weight = reads(weight, "weight", type_number, 4)
    sized(weight, "weight", 2, np.PyArray_DIM(x, 3))
    sizes(c, (<object>x).shape, (<object>weight).shape, geometry, np.PyArray_ITEMSIZE(x))
    c.argmax = NULL
    if c.pool_h * c.pool_w > 1 and argmax is not None:
        c.argmax = <unsigned char *>writes(argmax, "argmax", np.NPY_UINT8, 4)
        check_output(c, argmax, "argmax")
    return 0


cdef int describe_gradients(crm_conv2d *c, int type_number, ndarray x, ndarray weight, ndarray out, ndarray dy,
                            ndarray dx, ndarray dweight, ndarray dbias) except -1:
    c.out = reads(out, "out", type_number, 4)
    check_output(c, out, "out")
    c.dy = reads(dy, "dy", type_number, 4)
    same_shape(dy, "dy", out, "out")
    c.dweight = c.dbias = c.dx = NULL
    if dweight is not None:
        c.dweight = writes(dweight, "dweight", type_number, 4)
        same_shape(dweight, "dweight", weight, "weight")
    if dbias is not None:
        c.dbias = writes(dbias, "dbias", type_number, 1)
        sized(dbias, "dbias", 0, c.filters)
    if dx is not None:
        c.dx = writes(dx, "dx", type_number, 4)
        same_shape(dx, "dx", x, "x")
    return 0


cdef int check_output(const crm_conv2d *c, ndarray array, str name) except -1:
    sized(array, name, 0, c.images)
    sized(array, name, 1, c.rows // c.pool_h)
    sized(array, name, 2, c.columns // c.pool_w)
    sized(array, name, 3, c.filters)
    return 0
