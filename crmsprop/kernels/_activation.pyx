"""Compiled smooth activations; the loops are in src/activation.c, the contracts in reference/."""

cimport numpy as np
from cython.parallel cimport prange
from numpy cimport ndarray

from crmsprop.kernels._boundary cimport reads, real_of, same_shape, separate, writes
from crmsprop.kernels._cpu cimport isa, team

from crmsprop.kernels.activations import KINDS

np.import_array()

cdef extern from "activation.h":
    ctypedef Py_ssize_t isize
    int CRM_ACTIVATIONS
    ctypedef void (*crm_forward)(const void *, void *, double, isize, isize) noexcept nogil
    ctypedef void (*crm_backward)(const void *, const void *, const void *, void *, double, isize, isize) noexcept nogil
    ctypedef struct crm_activation_kernels:
        crm_forward forward[1]  # CRM_ACTIVATIONS of them
        crm_backward backward[1]
    const crm_activation_kernels *crm_activation[3][2]

if len(KINDS) != CRM_ACTIVATIONS:
    raise ImportError(f"activation.h must name the {len(KINDS)} activations {', '.join(KINDS)}, got {CRM_ACTIVATIONS}")

cdef isize BLOCK = 4096  # elements a block
cdef double COST = 0.6  # nanoseconds an element


def activation_forward(ndarray x, ndarray out, kind, double slope, int n_threads):
    """out = f(x); see reference.activation_forward."""
    cdef int type_number = real_of(x, "x"), which = place_of(kind)
    cdef const void *source = reads(x, "x", type_number, np.PyArray_NDIM(x))
    cdef void *target = writes(out, "out", type_number, np.PyArray_NDIM(out))
    same_shape(out, "out", x, "x")
    separate(("out", "x"), (out, x), 1)
    cdef crm_forward forward = crm_activation[isa][type_number == np.NPY_DOUBLE].forward[which]
    cdef isize size = np.PyArray_SIZE(x), block
    cdef int threads = team(n_threads, COST * size, blocks(size))
    with nogil:
        if threads == 1:
            forward(source, target, slope, 0, size)
        else:
            for block in prange(blocks(size), num_threads=threads, schedule="static"):
                forward(source, target, slope, block * BLOCK, min((block + 1) * BLOCK, size))


def activation_backward(ndarray x, ndarray out, ndarray dy, ndarray dx, kind, double slope, int n_threads):
    """dx = dy * f'(x); see reference.activation_backward."""
    cdef int type_number = real_of(x, "x"), which = place_of(kind)
    cdef const void *source = reads(x, "x", type_number, np.PyArray_NDIM(x))
    cdef const void *value = reads(out, "out", type_number, np.PyArray_NDIM(out))
    cdef const void *gradient = reads(dy, "dy", type_number, np.PyArray_NDIM(dy))
    cdef void *target = writes(dx, "dx", type_number, np.PyArray_NDIM(dx))
    same_shape(out, "out", x, "x")
    same_shape(dy, "dy", x, "x")
    same_shape(dx, "dx", x, "x")
    separate(("dx", "x", "out", "dy"), (dx, x, out, None if gradient == target else dy), 1)
    cdef crm_backward backward = crm_activation[isa][type_number == np.NPY_DOUBLE].backward[which]
    cdef isize size = np.PyArray_SIZE(x), block
    cdef int threads = team(n_threads, COST * size, blocks(size))
    with nogil:
        if threads == 1:
            backward(source, value, gradient, target, slope, 0, size)
        else:
            for block in prange(blocks(size), num_threads=threads, schedule="static"):
                backward(source, value, gradient, target, slope, block * BLOCK, min((block + 1) * BLOCK, size))


cdef isize blocks(isize size) noexcept nogil:
    return (size + BLOCK - 1) // BLOCK


cdef int place_of(kind) except -1:
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r:.100}")
    return KINDS.index(kind)
