"""Compiled losses of outputs with a target each; the loops are in src/pointwise_loss.c, the contracts in reference/."""

cimport numpy as np
from cython.parallel cimport prange
from numpy cimport ndarray

from crmsprop.kernels._boundary cimport reads, real_of, same_shape, separate, sized, writes
from crmsprop.kernels._cpu cimport isa, team

from crmsprop.kernels.pointwise_losses import LOSSES

np.import_array()

cdef extern from "pointwise_loss.h":
    ctypedef Py_ssize_t isize
    int CRM_POINTWISE_LOSSES
    ctypedef struct crm_points:
        const void *output
        const void *target
        const void *weights
        void *losses
        void *gradient
        unsigned char *hits
        isize width
        double parameter
    ctypedef void (*crm_pointwise)(const crm_points *, isize, isize) noexcept nogil
    ctypedef struct crm_pointwise_kernels:
        crm_pointwise loss[1]  # CRM_POINTWISE_LOSSES of them
    const crm_pointwise_kernels *crm_pointwise_table[3][2]

if len(LOSSES) != CRM_POINTWISE_LOSSES:
    raise ImportError(f"pointwise_loss.h must name the {len(LOSSES)} losses {', '.join(LOSSES)}")

cdef isize ROWS = 256  # rows a block
cdef double COST = 3   # nanoseconds an element


def pointwise_loss(ndarray output, ndarray target, ndarray weights, ndarray losses, ndarray hits, ndarray gradient,
                   kind, double parameter, int n_threads):
    """Loss of each row, its hit and its gradient, and weighted sums; see reference.pointwise_loss."""
    cdef int type_number = real_of(output, "output"), which = place_of(kind)
    cdef crm_points points
    points.output = reads(output, "output", type_number, 2)
    points.target = reads(target, "target", type_number, 2)
    points.weights = reads(weights, "weights", type_number, 1)
    points.losses = writes(losses, "losses", type_number, 1)
    points.hits = NULL if hits is None else <unsigned char *>writes(hits, "hits", np.NPY_UINT8, 1)
    points.gradient = NULL if gradient is None else writes(gradient, "gradient", type_number, 2)
    points.width, points.parameter = np.PyArray_DIM(output, 1), parameter
    same_shape(target, "target", output, "output")
    cdef isize count = np.PyArray_DIM(output, 0), block
    for array, name in ((weights, "weights"), (losses, "losses"), (hits, "hits")):
        if array is not None:
            sized(array, name, 0, count)
    if gradient is not None:
        same_shape(gradient, "gradient", output, "output")
    separate(("gradient", "losses", "hits", "output", "target", "weights"),
             (gradient, losses, hits, output, target, weights), 3)
    cdef crm_pointwise loss = crm_pointwise_table[isa][type_number == np.NPY_DOUBLE].loss[which]
    cdef int threads = team(n_threads, COST * count * points.width, (count + ROWS - 1) // ROWS)
    with nogil:
        if threads == 1:
            loss(&points, 0, count)
        else:
            for block in prange((count + ROWS - 1) // ROWS, num_threads=threads, schedule="static"):
                loss(&points, block * ROWS, min((block + 1) * ROWS, count))
    return weighted_sums(&points, count, type_number)


cdef tuple weighted_sums(const crm_points *points, isize count, int type_number):
    cdef double total = 0, right = 0, share
    cdef isize i
    for i in range(count):
        share = number(points.weights, type_number, i)
        total += share * number(points.losses, type_number, i)
        right += share * points.hits[i] if points.hits != NULL else 0
    return total, right


cdef double number(const void *values, int type_number, isize i) noexcept nogil:
    return (<const double *>values)[i] if type_number == np.NPY_DOUBLE else (<const float *>values)[i]


cdef int place_of(kind) except -1:
    if kind not in LOSSES:
        raise ValueError(f"kind must be one of {', '.join(LOSSES)}, got {kind!r:.100}")
    return LOSSES.index(kind)
