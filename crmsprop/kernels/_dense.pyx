"""Compiled dense layer; the loops are in src/dense.c, the contracts in reference/."""

cimport numpy as np
from cython.parallel cimport prange, threadid
from numpy cimport ndarray

import numpy

from crmsprop.kernels._boundary cimport reads, real_of, same_shape, separate, sized, writes
from crmsprop.kernels._cpu cimport isa, team

np.import_array()

cdef extern from "dense.h":
    ctypedef Py_ssize_t isize
    ctypedef struct crm_dense:
        isize samples, inputs, units
        const void *x
        const void *weight
        const void *bias
        const void *dy
        void *out
        void *dx
        void *dweight
        void *dbias
        int relu
        int cut_dx
    ctypedef isize (*crm_dense_size)(const crm_dense *) noexcept nogil
    ctypedef void (*crm_dense_block)(const crm_dense *, isize, void *) noexcept nogil
    ctypedef struct crm_dense_product:
        crm_dense_size blocks, scratch
        crm_dense_block run
    ctypedef struct crm_dense_kernels:
        crm_dense_product forward, dx, dweight
    ctypedef struct crm_dense_lists:
        crm_dense_kernels over
        isize least_columns
    const crm_dense_kernels *crm_dense_table[3][2]
    const crm_dense_lists *crm_dense_lists_table[3][2]

cdef double COST = 0.025  # nanoseconds a multiply-add, by whole vectors


def dense_scratch(Py_ssize_t samples, Py_ssize_t inputs, Py_ssize_t units, dtype, bint training, int n_threads):
    """Elements of scratch that the calls below need for `n_threads` threads; see reference.dense_scratch."""
    cdef crm_dense d
    d.samples, d.inputs, d.units = samples, inputs, units
    cdef bint wide = numpy.dtype(dtype) == numpy.float64
    cdef isize size = 0
    cdef bint sparse
    for sparse in (False, True):
        size = max(size, forward_of(wide, units, sparse).scratch(&d))
        if training:
            size = max(size, dx_of(wide, inputs, sparse).scratch(&d), dweight_of(wide, units, sparse).scratch(&d))
    return size * n_threads


def dense_forward(ndarray x, ndarray weight, ndarray bias, ndarray out, bint relu, bint sparse, ndarray scratch,
                  int n_threads):
    """out = x weight + bias, with ReLU if `relu`; see reference.dense_forward."""
    cdef int type_number = real_of(x, "x")
    cdef crm_dense d
    describe(&d, type_number, x, weight)
    d.out = writes(out, "out", type_number, 2)
    sized(out, "out", 0, d.samples)
    sized(out, "out", 1, d.units)
    d.bias = NULL
    if bias is not None:
        d.bias = reads(bias, "bias", type_number, 1)
        sized(bias, "bias", 0, d.units)
    d.relu = relu
    separate(("out", "scratch", "x", "weight", "bias"), (out, scratch, x, weight, bias), 2)
    run(&d, forward_of(type_number == np.NPY_DOUBLE, d.units, sparse), NULL, scratch, type_number, n_threads)


def dense_backward(ndarray x, ndarray weight, ndarray dy, ndarray dx, ndarray dweight, ndarray dbias,
                   bint sparse_x, bint sparse_dy, bint cut_dx, ndarray scratch, int n_threads):
    """dx = dy weight', dweight = x' dy, dbias = sum of dy; see reference.dense_backward."""
    cdef int type_number = real_of(x, "x")
    cdef crm_dense d
    describe(&d, type_number, x, weight)
    d.dy = reads(dy, "dy", type_number, 2)
    sized(dy, "dy", 0, d.samples)
    sized(dy, "dy", 1, d.units)
    d.dweight = writes(dweight, "dweight", type_number, 2)
    same_shape(dweight, "dweight", weight, "weight")
    d.dbias = NULL
    if dbias is not None:
        d.dbias = writes(dbias, "dbias", type_number, 1)
        sized(dbias, "dbias", 0, d.units)
    d.cut_dx = cut_dx
    if dx is not None:
        d.dx = writes(dx, "dx", type_number, 2)
        same_shape(dx, "dx", x, "x")
    separate(("dx", "dweight", "dbias", "scratch", "x", "weight", "dy"),
             (dx, dweight, dbias, scratch, x, weight, dy), 4)
    cdef bint wide = type_number == np.NPY_DOUBLE
    cdef const crm_dense_product *to_input = NULL
    if dx is not None:
        to_input = dx_of(wide, d.inputs, sparse_dy)
    run(&d, dweight_of(wide, d.units, sparse_x), to_input, scratch, type_number, n_threads)


# The product that runs: over lists where its left operand is sparse and it has columns enough. Shapes decide, and what
# the caller knows about the operands, not what is in them; blocks of dx and dweight over lists then count the zeros.


cdef bint lists_pay(bint wide, isize columns, bint sparse) noexcept:
    cdef isize least = crm_dense_lists_table[isa][wide].least_columns
    return sparse and 0 < least <= columns


cdef const crm_dense_product *forward_of(bint wide, isize units, bint sparse) noexcept:
    if lists_pay(wide, units, sparse):
        return &crm_dense_lists_table[isa][wide].over.forward
    return &crm_dense_table[isa][wide].forward


cdef const crm_dense_product *dx_of(bint wide, isize inputs, bint sparse) noexcept:
    if lists_pay(wide, inputs, sparse):
        return &crm_dense_lists_table[isa][wide].over.dx
    return &crm_dense_table[isa][wide].dx


cdef const crm_dense_product *dweight_of(bint wide, isize units, bint sparse) noexcept:
    if lists_pay(wide, units, sparse):
        return &crm_dense_lists_table[isa][wide].over.dweight
    return &crm_dense_table[isa][wide].dweight


cdef int describe(crm_dense *d, int type_number, ndarray x, ndarray weight) except -1:
    d.x = reads(x, "x", type_number, 2)
    d.weight = reads(weight, "weight", type_number, 2)
    d.samples, d.inputs, d.units = np.PyArray_DIM(x, 0), np.PyArray_DIM(x, 1), np.PyArray_DIM(weight, 1)
    return sized(weight, "weight", 0, d.inputs)


cdef int run(const crm_dense *d, const crm_dense_product *first, const crm_dense_product *second, ndarray scratch,
             int type_number, int n_threads) except -1:
    """Run every block of one product, or of two, over the threads that `scratch` has room for."""
    cdef char *memory = <char *>writes(scratch, "scratch", type_number, 1)
    cdef isize firsts = first.blocks(d), seconds = 0, size = first.scratch(d)
    if second != NULL:
        seconds, size = second.blocks(d), max(size, second.scratch(d))
    if np.PyArray_SIZE(scratch) < size:
        raise ValueError(f"scratch must have at least {size} elements, got {np.PyArray_SIZE(scratch)}")
    cdef double cost = COST * d.samples * d.inputs * ((d.units + 15) // 16 * 16) * ((firsts > 0) + (seconds > 0))
    cdef int threads = team(n_threads, cost, firsts + seconds)
    threads = <int>min(threads, np.PyArray_SIZE(scratch) // max(size, 1))
    threads = max(threads, 1)
    cdef isize bytes_each = size * np.PyArray_ITEMSIZE(scratch), block
    with nogil:
        if threads == 1:
            for block in range(firsts):
                first.run(d, block, memory)
            for block in range(seconds):
                second.run(d, block, memory)
        else:
            for block in prange(firsts + seconds, num_threads=threads, schedule="dynamic"):
                if block < firsts:
                    first.run(d, block, memory + threadid() * bytes_each)
                else:
                    second.run(d, block - firsts, memory + threadid() * bytes_each)
    return 0
