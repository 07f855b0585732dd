"""Compiled softmax and cross-entropy; the loops are in src/softmax.c, the contracts in reference/."""

cimport numpy as np
from cython.parallel cimport prange
from libc.stdint cimport int64_t
from numpy cimport ndarray

from crmsprop.kernels._boundary cimport reads, real_of, same_shape, separate, sized, writes
from crmsprop.kernels._cpu cimport isa, team

np.import_array()

cdef extern from "softmax.h":
    ctypedef Py_ssize_t isize
    ctypedef struct crm_targets:
        const int64_t *labels
        const int64_t *others
        const void *shares
        double smoothing
    ctypedef struct crm_softmax_kernels:
        void softmax(const void *, void *, isize, isize, isize) noexcept nogil
        void cross_entropy(const void *, const crm_targets *, const void *, void *, unsigned char *, void *,
                           isize, isize, isize) noexcept nogil
    const crm_softmax_kernels *crm_softmax_table[3][2]

cdef isize ROWS = 16       # rows a block
cdef double COST = 1       # nanoseconds an element


def softmax(ndarray logits, ndarray out, int n_threads):
    """out = softmax of each row of logits; see reference.softmax."""
    cdef int type_number = real_of(logits, "logits")
    cdef const void *source = reads(logits, "logits", type_number, 2)
    cdef void *target = writes(out, "out", type_number, 2)
    same_shape(out, "out", logits, "logits")
    separate(("out", "logits"), (out, None if source == target else logits), 1)
    cdef const crm_softmax_kernels *kernels = crm_softmax_table[isa][type_number == np.NPY_DOUBLE]
    cdef isize count = np.PyArray_DIM(logits, 0), classes = np.PyArray_DIM(logits, 1), block
    cdef int threads = team(n_threads, COST * count * classes, (count + ROWS - 1) // ROWS)
    with nogil:
        if threads == 1:
            kernels.softmax(source, target, classes, 0, count)
        else:
            for block in prange((count + ROWS - 1) // ROWS, num_threads=threads, schedule="static"):
                kernels.softmax(source, target, classes, block * ROWS, min((block + 1) * ROWS, count))


def cross_entropy(ndarray logits, ndarray labels, ndarray weights, ndarray losses, ndarray hits, ndarray dlogits,
                  int n_threads, ndarray others=None, ndarray shares=None, double smoothing=0.0):
    """Softmax cross-entropy of each row, its hit and its gradient, and weighted sums; see reference.cross_entropy."""
    cdef int type_number = real_of(logits, "logits")
    cdef const void *source = reads(logits, "logits", type_number, 2)
    cdef isize count = np.PyArray_DIM(logits, 0), classes = np.PyArray_DIM(logits, 1), block
    cdef crm_targets targets
    targets.labels = <const int64_t *>reads(labels, "labels", np.NPY_INT64, 1)
    cdef const void *weight = reads(weights, "weights", type_number, 1)
    cdef void *loss = writes(losses, "losses", type_number, 1)
    cdef unsigned char *hit = <unsigned char *>writes(hits, "hits", np.NPY_UINT8, 1)
    for array, name in ((labels, "labels"), (weights, "weights"), (losses, "losses"), (hits, "hits")):
        sized(array, name, 0, count)
    check_labels(targets.labels, "labels", count, classes)
    describe_mix(&targets, type_number, others, shares, smoothing, count, classes)
    cdef void *gradient = NULL
    if dlogits is not None:
        gradient = writes(dlogits, "dlogits", type_number, 2)
        same_shape(dlogits, "dlogits", logits, "logits")
    separate(("dlogits", "losses", "hits", "logits", "labels", "weights", "others", "shares"),
             (dlogits, losses, hits, logits, labels, weights, others, shares), 3)
    cdef const crm_softmax_kernels *kernels = crm_softmax_table[isa][type_number == np.NPY_DOUBLE]
    cdef int threads = team(n_threads, COST * count * classes, (count + ROWS - 1) // ROWS)
    with nogil:
        if threads == 1:
            kernels.cross_entropy(source, &targets, weight, loss, hit, gradient, classes, 0, count)
        else:
            for block in prange((count + ROWS - 1) // ROWS, num_threads=threads, schedule="static"):
                kernels.cross_entropy(source, &targets, weight, loss, hit, gradient, classes, block * ROWS,
                                      min((block + 1) * ROWS, count))
    cdef double total = 0, right = 0, share
    cdef isize i
    for i in range(count):
        share = number(weight, type_number, i)
        total += share * number(loss, type_number, i)
        right += share * hit[i]
    return total, right


cdef int describe_mix(crm_targets *targets, int type_number, ndarray others, ndarray shares, double smoothing,
                      isize count, isize classes) except -1:
    """The second label of each row, the share of the first, and the smoothing."""
    targets.others, targets.shares, targets.smoothing = NULL, NULL, smoothing
    if not 0 <= smoothing < 1:
        raise ValueError(f"smoothing must be in [0, 1), got {smoothing}")
    if (others is None) != (shares is None):
        only = "shares" if others is None else "others"
        raise TypeError(f"others and shares must be given together, got only {only}")
    if others is None:
        return 0
    targets.others = <const int64_t *>reads(others, "others", np.NPY_INT64, 1)
    targets.shares = reads(shares, "shares", type_number, 1)
    sized(others, "others", 0, count)
    sized(shares, "shares", 0, count)
    check_labels(targets.others, "others", count, classes)
    cdef isize i
    cdef double share
    for i in range(count):
        share = number(targets.shares, type_number, i)
        if not 0 <= share <= 1:
            raise ValueError(f"shares[{i}] must be in [0, 1], got {share}")
    return 0


cdef double number(const void *values, int type_number, isize i) noexcept nogil:
    return (<const double *>values)[i] if type_number == np.NPY_DOUBLE else (<const float *>values)[i]


cdef int check_labels(const int64_t *labels, str name, isize count, isize classes) except -1:
    cdef isize i
    for i in range(count):
        if not 0 <= labels[i] < classes:
            raise ValueError(f"{name}[{i}] must be in [0, {classes}), got {labels[i]}")
    return 0
