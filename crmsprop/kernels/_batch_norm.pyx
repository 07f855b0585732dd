"""Compiled batch normalization; the loops are in src/batch_norm.c, the contracts in reference/."""

cimport numpy as np
from cython.parallel cimport prange
from libc.math cimport sqrt
from numpy cimport ndarray

from crmsprop.kernels._boundary cimport reads, real_of, same_shape, separate, sized, writes
from crmsprop.kernels._cpu cimport isa, team

np.import_array()

cdef extern from "batch_norm.h":
    ctypedef Py_ssize_t isize
    ctypedef struct crm_batch_norm:
        isize rows, channels
        const void *x
        const void *dy
        void *out
        const void *gamma
        const void *beta
        const void *mean
        const void *scale
        const double *dgamma
        const double *dbeta
    ctypedef struct crm_batch_norm_kernels:
        void moments(const crm_batch_norm *, isize, isize, double *) noexcept nogil
        void normalize(const crm_batch_norm *, isize, isize) noexcept nogil
        void gradients(const crm_batch_norm *, isize, isize, double *) noexcept nogil
        void backward(const crm_batch_norm *, isize, isize) noexcept nogil
    const crm_batch_norm_kernels *crm_batch_norm_table[3][2]

cdef isize BLOCK = 8192  # elements a block of rows, or one row
cdef double COST = 0.2  # nanoseconds an element


def batch_norm_scratch(Py_ssize_t rows, Py_ssize_t channels):
    """Elements of float64 scratch that the calls below need; see reference.batch_norm_scratch."""
    return 2 * channels * (blocks(rows, channels) + 1)


def batch_norm_forward(ndarray x, ndarray gamma, ndarray beta, ndarray running_mean, ndarray running_variance,
                       ndarray mean, ndarray scale, ndarray out, double epsilon, double decay, ndarray scratch,
                       int n_threads):
    """Normalize by the statistics of the batch, and move the running ones; see reference.batch_norm_forward."""
    cdef int type_number = real_of(x, "x")
    cdef crm_batch_norm c
    describe(&c, type_number, x, gamma, beta, mean, "mean", scale, out)
    writes(mean, "mean", type_number, 1)
    for array, name in ((running_mean, "running_mean"), (running_variance, "running_variance")):
        writes(array, name, type_number, 1)
        sized(array, name, 0, c.channels)
    separate(("out", "mean", "scale", "running_mean", "running_variance", "scratch", "x", "gamma", "beta"),
             (out, mean, scale, running_mean, running_variance, scratch, x, gamma, beta), 6)
    cdef double *sums = room(scratch, &c)
    cdef const crm_batch_norm_kernels *kernels = crm_batch_norm_table[isa][type_number == np.NPY_DOUBLE]
    cdef isize count = blocks(c.rows, c.channels), step = rows_a_block(c.channels), block
    cdef int threads = team(n_threads, COST * c.rows * c.channels, count)
    cdef double *total = sums + 2 * c.channels * count
    with nogil:
        if threads == 1:
            for block in range(count):
                kernels.moments(&c, block * step, min((block + 1) * step, c.rows), sums + 2 * c.channels * block)
        else:
            for block in prange(count, num_threads=threads, schedule="static"):
                kernels.moments(&c, block * step, min((block + 1) * step, c.rows), sums + 2 * c.channels * block)
    if c.rows:
        join_moments(&c, sums, total, step, count)
        keep_moments(type_number, total, &c, epsilon, decay, mean, scale, running_mean, running_variance)
    with nogil:
        if threads == 1:
            for block in range(count):
                kernels.normalize(&c, block * step, min((block + 1) * step, c.rows))
        else:
            for block in prange(count, num_threads=threads, schedule="static"):
                kernels.normalize(&c, block * step, min((block + 1) * step, c.rows))


def batch_norm_apply(ndarray x, ndarray gamma, ndarray beta, ndarray running_mean, ndarray running_variance,
                     ndarray scale, ndarray out, double epsilon, int n_threads):
    """Normalize by the running statistics; see reference.batch_norm_apply."""
    cdef int type_number = real_of(x, "x")
    cdef crm_batch_norm c
    describe(&c, type_number, x, gamma, beta, running_mean, "running_mean", scale, out)
    reads(running_variance, "running_variance", type_number, 1)
    sized(running_variance, "running_variance", 0, c.channels)
    separate(("out", "scale", "x", "gamma", "beta", "running_mean", "running_variance"),
             (out, scale, x, gamma, beta, running_mean, running_variance), 2)
    cdef isize channel, count = blocks(c.rows, c.channels), step = rows_a_block(c.channels), block
    for channel in range(c.channels):
        put(scale, type_number, channel, 1 / sqrt(get(running_variance, type_number, channel) + epsilon))
    cdef const crm_batch_norm_kernels *kernels = crm_batch_norm_table[isa][type_number == np.NPY_DOUBLE]
    cdef int threads = team(n_threads, COST * c.rows * c.channels, count)
    with nogil:
        if threads == 1:
            for block in range(count):
                kernels.normalize(&c, block * step, min((block + 1) * step, c.rows))
        else:
            for block in prange(count, num_threads=threads, schedule="static"):
                kernels.normalize(&c, block * step, min((block + 1) * step, c.rows))


def batch_norm_fold(ndarray gamma, ndarray beta, ndarray running_mean, ndarray running_variance, ndarray bias,
                    ndarray scale, ndarray shift, double epsilon):
    """What batch_norm_apply does to x + bias as scale * x + shift; see reference.batch_norm_fold."""
    cdef int type_number = real_of(gamma, "gamma")
    cdef isize channels, i
    reads(gamma, "gamma", type_number, 1)
    channels = np.PyArray_SIZE(gamma)
    for array, name in ((beta, "beta"), (running_mean, "running_mean"), (running_variance, "running_variance")):
        reads(array, name, type_number, 1)
        sized(array, name, 0, channels)
    for array, name in ((scale, "scale"), (shift, "shift")):
        writes(array, name, type_number, 1)
        sized(array, name, 0, channels)
    if bias is not None:
        reads(bias, "bias", type_number, 1)
        sized(bias, "bias", 0, channels)
    separate(("scale", "shift", "gamma", "beta", "running_mean", "running_variance", "bias"),
             (scale, shift, gamma, beta, running_mean, running_variance, bias), 2)
    cdef double wide, distance
    for i in range(channels):
        wide = get(gamma, type_number, i) / sqrt(get(running_variance, type_number, i) + epsilon)
        distance = (0 if bias is None else get(bias, type_number, i)) - get(running_mean, type_number, i)
        put(scale, type_number, i, wide)
        put(shift, type_number, i, get(beta, type_number, i) + distance * wide)


def batch_norm_backward(ndarray x, ndarray gamma, ndarray mean, ndarray scale, ndarray dy, ndarray dx, ndarray dgamma,
                        ndarray dbeta, ndarray scratch, int n_threads):
    """Gradients of batch_norm_forward; see reference.batch_norm_backward."""
    cdef int type_number = real_of(x, "x")
    cdef crm_batch_norm c
    c.x = reads(x, "x", type_number, 2)
    c.rows, c.channels = np.PyArray_DIM(x, 0), np.PyArray_DIM(x, 1)
    c.dy = reads(dy, "dy", type_number, 2)
    same_shape(dy, "dy", x, "x")
    c.gamma, c.mean = reads(gamma, "gamma", type_number, 1), reads(mean, "mean", type_number, 1)
    c.scale = reads(scale, "scale", type_number, 1)
    writes(dgamma, "dgamma", type_number, 1)
    writes(dbeta, "dbeta", type_number, 1)
    for array, name in ((gamma, "gamma"), (mean, "mean"), (scale, "scale"), (dgamma, "dgamma"), (dbeta, "dbeta")):
        sized(array, name, 0, c.channels)
    c.out = NULL
    if dx is not None:
        c.out = writes(dx, "dx", type_number, 2)
        same_shape(dx, "dx", x, "x")
    separate(("dx", "dgamma", "dbeta", "scratch", "x", "gamma", "mean", "scale", "dy"),
             (dx, dgamma, dbeta, scratch, x, gamma, mean, scale, dy), 4)
    cdef double *sums = room(scratch, &c)
    cdef const crm_batch_norm_kernels *kernels = crm_batch_norm_table[isa][type_number == np.NPY_DOUBLE]
    cdef isize count = blocks(c.rows, c.channels), step = rows_a_block(c.channels), block, i
    cdef int threads = team(n_threads, COST * c.rows * c.channels, count)
    cdef double *total = sums + 2 * c.channels * count
    with nogil:
        if threads == 1:
            for block in range(count):
                kernels.gradients(&c, block * step, min((block + 1) * step, c.rows), sums + 2 * c.channels * block)
        else:
            for block in prange(count, num_threads=threads, schedule="static"):
                kernels.gradients(&c, block * step, min((block + 1) * step, c.rows), sums + 2 * c.channels * block)
    add_blocks(sums, total, 2 * c.channels, count)
    for i in range(c.channels):
        put(dgamma, type_number, i, total[i])
        put(dbeta, type_number, i, total[c.channels + i])
    c.dgamma, c.dbeta = total, total + c.channels
    if c.out == NULL:
        return
    with nogil:
        if threads == 1:
            for block in range(count):
                kernels.backward(&c, block * step, min((block + 1) * step, c.rows))
        else:
            for block in prange(count, num_threads=threads, schedule="static"):
                kernels.backward(&c, block * step, min((block + 1) * step, c.rows))


cdef isize rows_a_block(isize channels) noexcept nogil:
    """By shape alone, so that threads change no bit."""
    return max(1, BLOCK // max(channels, 1))


cdef isize blocks(isize rows, isize channels) noexcept nogil:
    return (rows + rows_a_block(channels) - 1) // rows_a_block(channels)


cdef int describe(crm_batch_norm *c, int type_number, ndarray x, ndarray gamma, ndarray beta, ndarray mean,
                  str mean_name, ndarray scale, ndarray out) except -1:
    c.x = reads(x, "x", type_number, 2)
    c.rows, c.channels = np.PyArray_DIM(x, 0), np.PyArray_DIM(x, 1)
    c.out = writes(out, "out", type_number, 2)
    same_shape(out, "out", x, "x")
    c.gamma, c.beta = reads(gamma, "gamma", type_number, 1), reads(beta, "beta", type_number, 1)
    c.mean, c.scale = reads(mean, mean_name, type_number, 1), writes(scale, "scale", type_number, 1)
    for array, name in ((gamma, "gamma"), (beta, "beta"), (mean, mean_name), (scale, "scale")):
        sized(array, name, 0, c.channels)
    return 0


cdef double *room(ndarray scratch, const crm_batch_norm *c) except NULL:
    cdef double *memory = <double *>writes(scratch, "scratch", np.NPY_DOUBLE, 1)
    cdef isize needed = batch_norm_scratch(c.rows, c.channels)
    if np.PyArray_SIZE(scratch) < needed:
        raise ValueError(f"scratch must have at least {needed} elements, got {np.PyArray_SIZE(scratch)}")
    return memory


cdef void join_moments(const crm_batch_norm *c, const double *sums, double *total, isize step,
                       isize count) noexcept nogil:
    """Mean, and squared deviations from it, of all rows, from those of the blocks in order (Chan et al. 1983)."""
    cdef isize block, i, rows = 0, more
    cdef double distance
    for i in range(2 * c.channels):
        total[i] = 0
    for block in range(count):
        more = min(step, c.rows - block * step)
        for i in range(c.channels):
            distance = sums[i] - total[i]
            total[i] += distance * more / (rows + more)
            total[c.channels + i] += sums[c.channels + i] + distance * distance * rows * more / (rows + more)
        rows += more
        sums += 2 * c.channels


cdef void add_blocks(const double *sums, double *total, isize size, isize count) noexcept nogil:
    cdef isize block, i
    for i in range(size):
        total[i] = 0
    for block in range(count):
        for i in range(size):
            total[i] += sums[block * size + i]


cdef void keep_moments(int type_number, const double *total, const crm_batch_norm *c, double epsilon, double decay,
                       ndarray mean, ndarray scale, ndarray running_mean, ndarray running_variance) noexcept:
    cdef isize i
    cdef double variance
    for i in range(c.channels):
        variance = total[c.channels + i] / c.rows
        put(mean, type_number, i, total[i])
        put(scale, type_number, i, 1 / sqrt(variance + epsilon))
        put(running_mean, type_number, i, decay * get(running_mean, type_number, i) + (1 - decay) * total[i])
        put(running_variance, type_number, i, decay * get(running_variance, type_number, i) + (1 - decay) * variance)


cdef double get(ndarray array, int type_number, isize i) noexcept:
    if type_number == np.NPY_DOUBLE:
        return (<double *>np.PyArray_DATA(array))[i]
    return (<float *>np.PyArray_DATA(array))[i]


cdef void put(ndarray array, int type_number, isize i, double value) noexcept:
    if type_number == np.NPY_DOUBLE:
        (<double *>np.PyArray_DATA(array))[i] = value
    else:
        (<float *>np.PyArray_DATA(array))[i] = <float>value
