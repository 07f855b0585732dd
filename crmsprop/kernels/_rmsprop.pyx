"""Compiled RMSprop over a list of arrays; the loops are in src/rmsprop.c, the contracts in reference/."""

cimport numpy as np
from cython.parallel cimport prange
from libc.stdlib cimport free, malloc
from numpy cimport ndarray

from crmsprop.kernels._boundary cimport (
    an_array, as_long, interval, meets_any, merged, reads, real_of, same_shape, separate, separate_lists, writes)
from crmsprop.kernels._cpu cimport isa, team, team_for

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
        void average(const crm_rmsprop_array *, isize, double, isize, isize) noexcept nogil
        double squares(const crm_rmsprop_array *, isize, isize, isize) noexcept nogil
    const crm_rmsprop_kernels *crm_rmsprop[3][2]

# Elements a block: 4 KB of each float32 array. The grid never depends on the number of threads.
cdef isize BLOCK = 1024

# Nanoseconds an element: of an update, and of what only reads or adds
cdef double COST = 0.2
cdef double READ_COST = 0.1

cdef tuple NAMES = ("params", "mean_squares", "means", "velocities", "averages", "sums", "grads")
cdef tuple NAMES_OF_ONE = ("param", "mean_square", "mean", "velocity", "average", "sum", "grad")
cdef enum:
    COLUMNS = 6  # of NAMES: what a step writes


cdef isize blocks_of(isize size) noexcept nogil:
    return (size + BLOCK - 1) // BLOCK


cdef void **slot(crm_rmsprop_array *entry, int column) noexcept nogil:
    """Where an entry holds the address of its array of one of NAMES."""
    cdef void **found[COLUMNS]
    found[0], found[1], found[2] = &entry.param, &entry.mean_square, &entry.mean
    found[3], found[4], found[5] = &entry.velocity, &entry.average, &entry.sum
    return found[column]


cdef void *companion(object given, ndarray param, int type_number, bint written, str name, Py_ssize_t i,
                     str param_name="params") except? NULL:
    """Address of the gradient or state that belongs to params[i]."""
    cdef ndarray array = an_array(given, name, i)
    same_shape(array, name, param, param_name, i)
    if written:
        return writes(array, name, type_number, np.PyArray_NDIM(array), i)
    return reads(array, name, type_number, np.PyArray_NDIM(array), i)


ctypedef struct resolved:
    crm_rmsprop_rule rule
    double scale
    bint lr_in_momentum

cdef object last_rule = None  # rules are immutable, and mostly the one of the call before
cdef resolved last_resolved


cdef int read_rule(rule, resolved *into) except -1:
    global last_rule, last_resolved
    cdef resolved fresh
    if rule is not last_rule:
        (fresh.rule.rho, fresh.rule.correction, fresh.rule.epsilon_inside, fresh.rule.epsilon_outside,
         fresh.rule.momentum, fresh.rule.nesterov, fresh.lr_in_momentum, fresh.rule.clip_value, fresh.scale,
         fresh.rule.ema) = rule
        last_rule, last_resolved = rule, fresh
    into[0] = last_resolved
    return 0


cdef void set_rates(crm_rmsprop_array *entry, double learning_rate, double weight_decay, bint lr_in_momentum) noexcept:
    """The learning rate acts before the momentum, or after it."""
    cdef bint inside = lr_in_momentum or entry.velocity == NULL
    entry.rate_inside = learning_rate if inside else 1.0
    entry.rate_outside = 1.0 if inside else learning_rate
    entry.keep = 1.0 - learning_rate * weight_decay


cdef int update(const crm_rmsprop_kernels *kernels, const crm_rmsprop_array *arrays, isize count, isize total,
                const crm_rmsprop_rule *rule, int threads) except -1:
    """Every block of the arrays, taken as one long row; each thread gets a row of neighbours."""
    cdef isize blocks = blocks_of(total), share
    with nogil:
        if threads == 1:
            kernels.block(arrays, count, rule, 0, total)
        else:
            for share in prange(threads, num_threads=threads, schedule="static"):
                kernels.block(arrays, count, rule, blocks * share // threads * BLOCK,
                              min(blocks * (share + 1) // threads * BLOCK, total))
    return 0


cdef class Table:
    """Entries for a list of arrays, as the C kernel reads them."""

    cdef crm_rmsprop_array *arrays
    cdef Py_ssize_t count
    cdef isize total
    cdef int type_number

    cdef int begin(self, list params, str name) except -1:
        """Make room for `params`, all of the dtype of the first."""
        free(self.arrays)  # of a beginning that failed, as this one may
        self.arrays = NULL
        self.count = len(params)
        self.total = 0
        self.type_number = real_of(an_array(params[0], name, 0), name, 0) if params else np.NPY_DOUBLE
        self.arrays = <crm_rmsprop_array *>malloc(max(self.count, 1) * sizeof(crm_rmsprop_array))
        if self.arrays == NULL:
            raise MemoryError()
        return 0

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


cdef class RMSpropArrays(Table):
    """Parameters and their state, checked once and updated by every step; see reference.RMSpropArrays.

    One step at a time: the optimizer sees to that.
    """

    cdef tuple columns  # a list of arrays, or None, for each of NAMES but the last
    cdef list rates
    cdef interval *written  # where no gradient may lie, by address
    cdef Py_ssize_t n_written
    cdef resolved numbers

    def __init__(self, list params not None, state not None, list rates not None):
        if self.columns is not None:
            raise RuntimeError("RMSpropArrays must be initialized once")
        self.begin(params, "params")
        lists = (params, *state)
        for name, values in zip(NAMES[:COLUMNS], lists, strict=True):
            if name == "mean_squares" and values is None:
                raise TypeError("mean_squares must be a list of arrays, got None")
            as_long(values, name, self.count)
        as_long(rates, "rates", self.count)
        cdef Py_ssize_t i
        for i in range(self.count):
            self.place(i, an_array(params[i], "params", i))
            self.take_addresses(i, lists)
        separate_lists(NAMES, lists, COLUMNS)
        free(self.written)
        self.written = NULL
        self.written = merged(lists, &self.n_written)
        self.rates = [tuple(one) for one in rates]
        self.columns = tuple([None if values is None else list(values) for values in lists])

    def __dealloc__(self):
        free(self.written)

    cdef int take_addresses(self, Py_ssize_t i, tuple lists) except -1:
        cdef int column
        for column in range(COLUMNS):
            if lists[column] is not None:
                slot(self.arrays + i, column)[0] = companion(
                    lists[column][i], lists[0][i], self.type_number, True, NAMES[column], i)
        return 0

    def check(self, list grads not None):
        """TypeError or ValueError unless `step` would take `grads`."""
        self.check_ready()
        self.take_gradients(grads)

    def step(self, list grads not None, double learning_rate, rule not None, list scales, n_threads):
        """Update every array in place; see reference.RMSpropArrays.step."""
        self.check_ready()
        as_long(scales, "scales", self.count)
        cdef int threads = team_for(n_threads, COST * self.total, blocks_of(self.total))
        read_rule(rule, &self.numbers)
        cdef Py_ssize_t i
        for i in range(self.count):
            self.take_rates(i, learning_rate, scales)
        self.take_gradients(grads)  # behind all that may run Python code
        update(self.kernels(), self.arrays, self.count, self.total, &self.numbers.rule, threads)

    cdef int check_ready(self) except -1:
        if self.columns is None:
            raise RuntimeError("RMSpropArrays must be initialized")
        return 0

    cdef int check_unmoved(self, Py_ssize_t i) except -1:
        """An array that was resized, or made read-only, since it was checked must not be written."""
        cdef int column
        cdef ndarray array
        cdef list values
        for column in range(COLUMNS):
            values = self.columns[column]
            if values is not None:
                array = <ndarray>values[i]
                if (writes(array, NAMES[column], self.type_number, np.PyArray_NDIM(array), i)
                        != slot(self.arrays + i, column)[0] or np.PyArray_SIZE(array) != self.arrays[i].size):
                    raise ValueError(f"{NAMES[column]}[{i}] must keep its memory and its size, "
                                     "got one that was resized")
        return 0

    cdef int take_gradients(self, list grads) except -1:
        cdef Py_ssize_t i
        cdef bint met = False
        cdef ndarray param
        cdef const char *grad
        as_long(grads, "grads", self.count)
        for i in range(self.count):
            self.check_unmoved(i)
            param = <ndarray>(<list>self.columns[0])[i]
            grad = <const char *>companion(grads[i], param, self.type_number, False, "grads", i)
            met = met or meets_any(self.written, self.n_written, grad, np.PyArray_NBYTES(<ndarray>grads[i]))
            self.arrays[i].grad = grad
        if met:  # and not before all of them are known to be arrays
            separate_lists(NAMES, (*self.columns, grads), COLUMNS)
        return 0

    cdef int take_rates(self, Py_ssize_t i, double learning_rate, list scales) except -1:
        cdef object own
        cdef double l2, weight_decay
        own, l2, weight_decay = <tuple>self.rates[i]
        self.arrays[i].l2 = l2
        self.arrays[i].grad_scale = self.numbers.scale if scales is None else self.numbers.scale * <double>scales[i]
        set_rates(self.arrays + i, learning_rate if own is None else own, weight_decay, self.numbers.lr_in_momentum)
        return 0


def rmsprop_update(ndarray param not None, grad, mean_square, mean, velocity, average, double learning_rate, double l2,
                   double weight_decay, double grad_scale, rule not None, n_threads):
    """Update one array in place; see reference.rmsprop_update."""
    cdef int type_number = real_of(param, "param")
    cdef crm_rmsprop_array entry
    cdef resolved numbers
    cdef int column
    cdef tuple arrays = (param, mean_square, mean, velocity, average, None, grad)
    entry.start, entry.size, entry.l2 = 0, np.PyArray_SIZE(param), l2
    for column in range(COLUMNS):
        slot(&entry, column)[0] = NULL
        if arrays[column] is not None or column == 1:
            slot(&entry, column)[0] = companion(
                arrays[column], param, type_number, True, NAMES_OF_ONE[column], -1, "param")
    entry.grad = companion(grad, param, type_number, False, "grad", -1, "param")
    separate(NAMES_OF_ONE, arrays, COLUMNS)
    read_rule(rule, &numbers)
    entry.grad_scale = numbers.scale * grad_scale
    set_rates(&entry, learning_rate, weight_decay, numbers.lr_in_momentum)
    cdef int threads = team_for(n_threads, COST * entry.size, blocks_of(entry.size))
    update(crm_rmsprop[isa][type_number == np.NPY_DOUBLE], &entry, 1, entry.size, &numbers.rule, threads)


def rmsprop_accumulate(list grads not None, list sums not None, int n_threads):
    """sums += grads; see reference.rmsprop_accumulate."""
    cdef Table table = Table()
    table.begin(sums, "sums")
    as_long(grads, "grads", table.count)
    cdef Py_ssize_t i
    for i in range(table.count):
        table.place(i, an_array(sums[i], "sums", i))
        table.arrays[i].sum = writes(sums[i], "sums", table.type_number, np.PyArray_NDIM(sums[i]), i)
        table.arrays[i].grad = companion(grads[i], sums[i], table.type_number, False, "grads", i, "sums")
    separate_lists(("sums", "grads"), (sums, grads), 1)
    cdef const crm_rmsprop_kernels *kernels = table.kernels()
    cdef isize block, count = table.count, total = table.total
    cdef const crm_rmsprop_array *arrays = table.arrays
    cdef int threads = team(n_threads, READ_COST * total, blocks_of(total))
    with nogil:
        if threads == 1:
            kernels.accumulate(arrays, count, 0, total)
        else:
            for block in prange(blocks_of(total), num_threads=threads, schedule="static"):
                kernels.accumulate(arrays, count, block * BLOCK, min((block + 1) * BLOCK, total))


def rmsprop_average(list params not None, list averages not None, double ema, int n_threads):
    """averages += (1 - ema) * (params - averages); see reference.rmsprop_average."""
    cdef Table table = Table()
    table.begin(averages, "averages")
    as_long(params, "params", table.count)
    cdef Py_ssize_t i
    for i in range(table.count):
        table.place(i, an_array(averages[i], "averages", i))
        table.arrays[i].average = writes(
            averages[i], "averages", table.type_number, np.PyArray_NDIM(averages[i]), i)
        table.arrays[i].param = companion(params[i], averages[i], table.type_number, False, "params", i, "averages")
    separate_lists(("averages", "params"), (averages, params), 1)
    cdef const crm_rmsprop_kernels *kernels = table.kernels()
    cdef isize block, count = table.count, total = table.total
    cdef const crm_rmsprop_array *arrays = table.arrays
    cdef int threads = team(n_threads, READ_COST * total, blocks_of(total))
    with nogil:
        if threads == 1:
            kernels.average(arrays, count, ema, 0, total)
        else:
            for block in prange(blocks_of(total), num_threads=threads, schedule="static"):
                kernels.average(arrays, count, ema, block * BLOCK, min((block + 1) * BLOCK, total))


def rmsprop_squares(list grads not None, list sums, int n_threads):
    """Sum of squares of each gradient, in float64; see reference.rmsprop_squares."""
    cdef Table table = Table()
    table.begin(grads, "grads")
    as_long(sums, "sums", table.count)
    cdef Py_ssize_t i
    for i in range(table.count):
        table.place(i, an_array(grads[i], "grads", i))
        table.arrays[i].grad = reads(grads[i], "grads", table.type_number, np.PyArray_NDIM(grads[i]), i)
        if sums is not None:
            table.arrays[i].sum = companion(sums[i], grads[i], table.type_number, True, "sums", i, "grads")
    return squares_of(table, n_threads)


cdef list squares_of(Table table, int n_threads):
    """Every array in blocks of its own, in one parallel region; the sums of the blocks are added in order."""
    cdef isize n_blocks = 0, block
    cdef Py_ssize_t i
    for i in range(table.count):
        table.arrays[i].start = n_blocks  # here in blocks
        n_blocks += blocks_of(table.arrays[i].size)
    cdef double *parts = <double *>malloc(max(n_blocks, 1) * sizeof(double))
    if parts == NULL:
        raise MemoryError()
    cdef const crm_rmsprop_kernels *kernels = table.kernels()
    cdef const crm_rmsprop_array *arrays = table.arrays
    cdef isize count = table.count
    cdef int threads = team(n_threads, READ_COST * table.total, n_blocks)
    with nogil:
        if threads == 1:
            for block in range(n_blocks):
                parts[block] = kernels.squares(arrays, count, block, BLOCK)
        else:
            for block in prange(n_blocks, num_threads=threads, schedule="static"):
                parts[block] = kernels.squares(arrays, count, block, BLOCK)
    totals = [0.0] * table.count
    for i in range(table.count):
        for block in range(arrays[i].start, arrays[i].start + blocks_of(arrays[i].size)):
            totals[i] += parts[block]
    free(parts)
    return totals


def rmsprop_check(list params not None):
    """TypeError or ValueError unless RMSpropArrays can update every one of `params` in place."""
    cdef Table table = Table()
    table.begin(params, "params")
    cdef Py_ssize_t i
    for i in range(table.count):
        writes(an_array(params[i], "params", i), "params", table.type_number, np.PyArray_NDIM(params[i]), i)
