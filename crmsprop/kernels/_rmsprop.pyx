"""Compiled RMSprop over a list of arrays; the loop is in src/rmsprop.c, the contract in reference.py."""

cimport numpy as np
from cython.parallel cimport prange
from libc.stdlib cimport free, malloc
from numpy cimport ndarray

from crmsprop.kernels._boundary cimport apart, real_of, reads, same_shape, writes
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
        isize start
        isize size
        double learning_rate
        double l2
    ctypedef struct crm_rmsprop_rates:
        double rho
        double epsilon
        double momentum
    ctypedef struct crm_rmsprop_kernels:
        void block(const crm_rmsprop_array *, isize, const crm_rmsprop_rates *, isize, isize) noexcept nogil
    const crm_rmsprop_kernels *crm_rmsprop[3][2]

# Elements a block: 64 KB of each float32 array. The grid never depends on the number of threads.
cdef isize BLOCK = 16384


def rmsprop_step(list params, list grads, list mean_squares, means, velocities, learning_rates, l2s,
                 double rho, double epsilon, double momentum, int n_threads):
    """Update `params` and their state in place; see reference.rmsprop_step."""
    cdef Py_ssize_t count = len(params)
    if count == 0:
        return
    cdef int type_number = real_of(params[0], "params", 0)
    cdef crm_rmsprop_array *arrays = <crm_rmsprop_array *>malloc(count * sizeof(crm_rmsprop_array))
    if arrays == NULL:
        raise MemoryError()
    try:
        total = fill(arrays, type_number, params, grads, mean_squares, means, velocities, learning_rates, l2s)
        run(arrays, count, total, type_number, rho, epsilon, momentum, n_threads)
    finally:
        free(arrays)


def rmsprop_check(list params):
    """TypeError or ValueError unless rmsprop_step can update every one of `params` in place."""
    cdef Py_ssize_t i
    cdef int type_number = real_of(params[0], "params", 0) if params else 0
    for i in range(len(params)):
        writes(params[i], "params", type_number, np.PyArray_NDIM(params[i]), i)


cdef isize fill(crm_rmsprop_array *arrays, int type_number, list params, list grads, list mean_squares,
                means, velocities, learning_rates, l2s) except -1:
    """Check every array and put its address down; returns the number of elements in all."""
    cdef isize total = 0
    cdef Py_ssize_t i
    cdef ndarray param
    for i in range(len(params)):
        param = params[i]
        arrays[i].param = writes(param, "params", type_number, np.PyArray_NDIM(param), i)
        arrays[i].grad = companion(grads[i], param, type_number, False, "grads", i)
        arrays[i].mean_square = companion(mean_squares[i], param, type_number, True, "mean_squares", i)
        arrays[i].mean = NULL if means is None else companion(means[i], param, type_number, True, "means", i)
        arrays[i].velocity = (
            NULL if velocities is None else companion(velocities[i], param, type_number, True, "velocities", i))
        arrays[i].learning_rate = learning_rates[i]
        arrays[i].l2 = l2s[i]
        arrays[i].start = total
        arrays[i].size = np.PyArray_SIZE(param)
        total += arrays[i].size
    return total


cdef void *companion(ndarray array, ndarray param, int type_number, bint written, str name, Py_ssize_t i) except? NULL:
    """Address of the gradient or state that belongs to params[i]."""
    same_shape(array, name, param, "params", i)
    apart(array, name, param, "params", i)
    if written:
        return writes(array, name, type_number, np.PyArray_NDIM(array), i)
    return reads(array, name, type_number, np.PyArray_NDIM(array), i)


cdef int run(const crm_rmsprop_array *arrays, Py_ssize_t count, isize total, int type_number,
             double rho, double epsilon, double momentum, int n_threads) except -1:
    cdef crm_rmsprop_rates rates
    rates.rho, rates.epsilon, rates.momentum = rho, epsilon, momentum
    cdef const crm_rmsprop_kernels *kernels = crm_rmsprop[isa][type_number == np.NPY_DOUBLE]
    cdef isize block
    cdef isize blocks = (total + BLOCK - 1) // BLOCK
    cdef int threads = team(n_threads, total)
    for block in prange(blocks, nogil=True, num_threads=threads, schedule="static"):
        kernels.block(arrays, count, &rates, block * BLOCK, min((block + 1) * BLOCK, total))
    return 0
