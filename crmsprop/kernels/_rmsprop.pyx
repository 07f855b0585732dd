"""Compiled RMSprop over a list of arrays; the loops are in src/rmsprop.c, the contracts in reference/."""

cimport numpy as np
from cython.parallel cimport prange
from libc.stdlib cimport free, malloc
from numpy cimport ndarray

from crmsprop.kernels._boundary cimport an_array, as_long, reads, real_of, same_shape, separate_lists, writes
from crmsprop.kernels._cpu cimport isa, team

np.import_array()

cdef extern from "rmsprop.h":
    ctypedef Py_ssize_t isize
    ctypedef struct crm_rmsprop_array:
        void *param
        const void *grad
        void *mean_square
        void *mean
        void *velocity
        void *average
        void *sum
        isize start, size
        double grad_scale, l2, rate_inside, rate_outside, keep
    ctypedef struct crm_rmsprop_rule:
        double rho, correction, epsilon_inside, epsilon_outside, momentum, clip_value, ema
        int nesterov
    ctypedef struct crm_rmsprop_kernels:
        void block(const crm_rmsprop_array *, isize, const crm_rmsprop_rule *, isize, isize) noexcept nogil
        void accumulate(const crm_rmsprop_array *, isize, isize, isize) noexcept nogil
        double squares(const crm_rmsprop_array *, isize, isize) noexcept nogil
    const crm_rmsprop_kernels *crm_rmsprop[3][2]

# Elements a block: 64 KB of each float32 array. The grid never depends on the number of threads.
cdef isize BLOCK = 16384


cdef tuple NAMES = ("params", "mean_squares", "means", "velocities", "averages", "sums", "grads")


cdef class Table:
    """The arrays of one call, checked, as the C kernel reads them."""

    cdef crm_rmsprop_array *arrays
    cdef Py_ssize_t count
    cdef isize total
    cdef int type_number

    def __cinit__(self, list params not None, str name):
        self.count = len(params)
        self.type_number = real_of(an_array(params[0], name, 0), name, 0) if params else np.NPY_DOUBLE
        self.arrays = <crm_rmsprop_array *>malloc(max(self.count, 1) * sizeof(crm_rmsprop_array))
        if self.arrays == NULL:
            raise MemoryError()

    def __dealloc__(self):
        free(self.arrays)

    cdef int place(self, Py_ssize_t i, ndarray array) except -1:
        """Put array i behind the ones before it, with no state."""
        cdef crm_rmsprop_array *entry = self.arrays + i
        entry.start = self.total
        entry.size = np.PyArray_SIZE(array)
        entry.mean_square = entry.mean = entry.velocity = entry.average = entry.sum = NULL
        entry.grad_scale = 1.0
        self.total += entry.size
        return 0

    cdef const crm_rmsprop_kernels *kernels(self) noexcept:
        return crm_rmsprop[isa][self.type_number == np.NPY_DOUBLE]


cdef isize blocks_of(isize size) noexcept nogil:
    return (size + BLOCK - 1) // BLOCK


def rmsprop_check(list params not None):
    """TypeError or ValueError unless rmsprop_step can update every one of `params` in place."""
    cdef Table table = Table(params, "params")
    cdef Py_ssize_t i
    for i in range(table.count):
        writes(params[i], "params", table.type_number, np.PyArray_NDIM(params[i]), i)


def rmsprop_step(list params not None, list grads not None, list mean_squares not None, list means, list velocities,
                 list averages, list sums, list rates not None, list scales, rule, int n_threads):
    """Update `params` and their state in place; see reference.rmsprop_step."""
    cdef Table table = Table(params, "params")
    for name, values in (("grads", grads), ("mean_squares", mean_squares), ("means", means),
                         ("velocities", velocities), ("averages", averages), ("sums", sums), ("rates", rates),
                         ("scales", scales)):
        as_long(values, name, table.count)
    cdef Py_ssize_t i
    cdef ndarray param
    cdef crm_rmsprop_array *entry
    for i in range(table.count):
        param = an_array(params[i], "params", i)
        table.place(i, param)
        entry = table.arrays + i
        entry.param = writes(param, "params", table.type_number, np.PyArray_NDIM(param), i)
        entry.grad = companion(grads[i], param, table.type_number, False, "grads", i)
        entry.mean_square = companion(mean_squares[i], param, table.type_number, True, "mean_squares", i)
        if means is not None:
            entry.mean = companion(means[i], param, table.type_number, True, "means", i)
        if velocities is not None:
            entry.velocity = companion(velocities[i], param, table.type_number, True, "velocities", i)
        if averages is not None:
            entry.average = companion(averages[i], param, table.type_number, True, "averages", i)
        if sums is not None:
            entry.sum = companion(sums[i], param, table.type_number, True, "sums", i)
    separate_lists(NAMES, (params, mean_squares, means, velocities, averages, sums, grads), 6)
    set_rates(table, rates, scales)
    run(table, rule, n_threads)


def rmsprop_accumulate(list grads not None, list sums not None, int n_threads):
    """sums += grads; see reference.rmsprop_accumulate."""
    cdef Table table = Table(sums, "sums")
    as_long(grads, "grads", table.count)
    cdef Py_ssize_t i
    for i in range(table.count):
        table.place(i, sums[i])
        table.arrays[i].sum = writes(sums[i], "sums", table.type_number, np.PyArray_NDIM(sums[i]), i)
        table.arrays[i].grad = companion(grads[i], sums[i], table.type_number, False, "grads", i, "sums")
    separate_lists(("sums", "grads"), (sums, grads), 1)
    cdef const crm_rmsprop_kernels *kernels = table.kernels()
    cdef isize block, count = table.count, total = table.total
    cdef const crm_rmsprop_array *arrays = table.arrays
    cdef int threads = team(n_threads, total)
    for block in prange(blocks_of(total), nogil=True, num_threads=threads, schedule="static"):
        kernels.accumulate(arrays, count, block * BLOCK, min((block + 1) * BLOCK, total))


def rmsprop_squares(list grads not None, list sums, int n_threads):
    """Sum of squares of each gradient, in float64; see reference.rmsprop_squares."""
    cdef Table table = Table(grads, "grads")
    as_long(sums, "sums", table.count)
    cdef Py_ssize_t i
    for i in range(table.count):
        table.place(i, grads[i])
        table.arrays[i].grad = reads(grads[i], "grads", table.type_number, np.PyArray_NDIM(grads[i]), i)
        if sums is not None:
            table.arrays[i].sum = companion(sums[i], grads[i], table.type_number, True, "sums", i, "grads")
    return [squares_of(table, i, n_threads) for i in range(table.count)]


cdef double squares_of(Table table, Py_ssize_t i, int n_threads):
    """Blocks of an array in parallel, their sums added in order: the same bits for any number of threads."""
    cdef const crm_rmsprop_kernels *kernels = table.kernels()
    cdef const crm_rmsprop_array *array = table.arrays + i
    cdef isize blocks = blocks_of(array.size), block
    cdef double *parts = <double *>malloc(max(blocks, 1) * sizeof(double))
    if parts == NULL:
        raise MemoryError()
    cdef int threads = team(n_threads, array.size)
    for block in prange(blocks, nogil=True, num_threads=threads, schedule="static"):
        parts[block] = kernels.squares(array, block * BLOCK, min((block + 1) * BLOCK, array.size))
    cdef double total = 0
    for block in range(blocks):
        total += parts[block]
    free(parts)
    return total


cdef void *companion(object given, ndarray param, int type_number, bint written, str name, Py_ssize_t i,
                     str param_name="params") except? NULL:
    """Address of the gradient or state that belongs to params[i]."""
    cdef ndarray array = an_array(given, name, i)
    same_shape(array, name, param, param_name, i)
    if written:
        return writes(array, name, type_number, np.PyArray_NDIM(array), i)
    return reads(array, name, type_number, np.PyArray_NDIM(array), i)


cdef int set_rates(Table table, list rates, list scales) except -1:
    """Neighbours mostly share one tuple: it is unpacked once."""
    cdef object last = None
    cdef double inside = 0, outside = 0, l2 = 0, keep = 0
    cdef Py_ssize_t i
    for i in range(table.count):
        if rates[i] is not last:
            last = rates[i]
            inside, outside, l2, keep = last
        table.arrays[i].rate_inside, table.arrays[i].rate_outside = inside, outside
        table.arrays[i].l2, table.arrays[i].keep = l2, keep
        if scales is not None:
            table.arrays[i].grad_scale = scales[i]
    return 0


cdef int run(Table table, rule, int n_threads) except -1:
    cdef crm_rmsprop_rule c_rule
    (c_rule.rho, c_rule.correction, c_rule.epsilon_inside, c_rule.epsilon_outside, c_rule.momentum, c_rule.nesterov,
     c_rule.clip_value, c_rule.ema) = rule
    cdef const crm_rmsprop_kernels *kernels = table.kernels()
    cdef const crm_rmsprop_array *arrays = table.arrays
    cdef isize block, count = table.count, total = table.total
    cdef int threads = team(n_threads, total)
    for block in prange(blocks_of(total), nogil=True, num_threads=threads, schedule="static"):
        kernels.block(arrays, count, &c_rule, block * BLOCK, min((block + 1) * BLOCK, total))
    return 0
