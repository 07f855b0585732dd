"""Compiled augmentation; the loops are in src/augment.c, the contracts in reference/."""

cimport numpy as np
from cython.parallel cimport prange, threadid
from libc.math cimport fabs
from libc.stdint cimport int64_t
from numpy cimport ndarray

import numpy

from crmsprop.kernels._boundary cimport reads, real_of, separate, sized, writes
from crmsprop.kernels._cpu cimport isa, team
from crmsprop.kernels._elementwise cimport check_gather, source_kind

from crmsprop.kernels.sampling import FARTHEST, check_image_size

np.import_array()

cdef extern from "augment.h":
    ctypedef Py_ssize_t isize
    ctypedef struct crm_augment:
        isize count, height, width, channels, n_holes
        const char *source
        isize stride
        int kind, mode, nearest
        const int64_t *indices
        const double *maps
        const double *tones
        const int64_t *holes
        const double *hole_values
        const double *shares
        void *out
        double scale, fill
    ctypedef struct crm_augment_kernels:
        isize scratch_size(const crm_augment *) noexcept nogil
        void image(const crm_augment *, isize, void *) noexcept nogil
    const crm_augment_kernels *crm_augment_table[3][2]

cdef double WORK = 8  # a sampled number costs as much as so many multiplications
cdef double LIMIT = FARTHEST


def augment_scratch(shape, sampling, dtype, int n_threads):
    """Elements of scratch that `augment` needs for images of `shape`; see reference.augment_scratch."""
    cdef crm_augment c
    sampling.check()
    check_image_size(shape)
    c.height, c.width, c.channels = shape
    c.mode = ord(sampling.fill_mode[0])
    return n_threads * scratch_size(&c, numpy.dtype(dtype) == numpy.float64)


def augment(ndarray source, ndarray indices, ndarray maps, ndarray tones, ndarray holes, ndarray hole_values,
            ndarray shares, ndarray out, sampling, double scale, ndarray scratch, int n_threads):
    """out[i] = source[indices[i]], moved, toned, cut, scaled and mixed; see reference.augment."""
    cdef int type_number = real_of(out, "out"), threads
    cdef crm_augment c
    describe(&c, type_number, source, indices, out, sampling, scale)
    describe_changes(&c, maps, tones, holes, hole_values, shares)
    separate(("out", "scratch", "indices", "maps", "tones", "holes", "hole_values", "shares"),
             (out, scratch, indices, maps, tones, holes, hole_values, shares), 2)
    cdef void *own = writes(scratch, "scratch", np.NPY_DOUBLE, 1)
    cdef isize each = scratch_size(&c, type_number == np.NPY_DOUBLE), i
    if np.PyArray_SIZE(scratch) < each:
        raise ValueError(f"scratch must have at least {each} elements, got {np.PyArray_SIZE(scratch)}")
    if np.PyArray_SIZE(out) == 0:
        return
    cdef const crm_augment_kernels *kernels = crm_augment_table[isa][type_number == np.NPY_DOUBLE]
    threads = team(n_threads, WORK * np.PyArray_SIZE(out), min(c.count, np.PyArray_SIZE(scratch) // each))
    for i in prange(c.count, nogil=True, num_threads=threads, schedule="static"):
        kernels.image(&c, i, <double *>own + threadid() * each)


cdef isize scratch_size(const crm_augment *c, bint double_precision) noexcept nogil:
    """Elements of float64 for one thread, in whole cache lines."""
    cdef isize reals = crm_augment_table[isa][double_precision].scratch_size(c)
    return (reals if double_precision else (reals + 1) // 2) // 8 * 8 + 8


cdef int describe(crm_augment *c, int type_number, ndarray source, ndarray indices, ndarray out, sampling,
                  double scale) except -1:
    """Where images come from and go to."""
    c.out = writes(out, "out", type_number, 4)
    c.indices = <const int64_t *>reads(indices, "indices", np.NPY_INT64, 1)
    c.kind, c.count = source_kind(source), np.PyArray_DIM(indices, 0)
    check_gather(source, c.indices, c.count, out)
    if numpy.may_share_memory(out, source):
        raise ValueError("out must not overlap source in memory")
    sampling.check()
    check_image_size((<object>out).shape[1:])
    c.source, c.stride = np.PyArray_BYTES(source), np.PyArray_STRIDE(source, 0)
    c.height, c.width, c.channels = (<object>out).shape[1:]
    c.mode, c.nearest = ord(sampling.fill_mode[0]), sampling.interpolation == "nearest"
    c.fill, c.scale = sampling.fill_value, scale
    return 0


cdef int describe_changes(crm_augment *c, ndarray maps, ndarray tones, ndarray holes, ndarray hole_values,
                          ndarray shares) except -1:
    """What happens to each image."""
    c.maps = <const double *>reads(maps, "maps", np.NPY_DOUBLE, 3)
    c.tones = c.shares = NULL
    if tones is not None:
        c.tones = <const double *>reads(tones, "tones", np.NPY_DOUBLE, 2)
    if shares is not None:
        c.shares = <const double *>reads(shares, "shares", np.NPY_DOUBLE, 1)
    c.holes = <const int64_t *>reads(holes, "holes", np.NPY_INT64, 3)
    c.hole_values = <const double *>reads(hole_values, "hole_values", np.NPY_DOUBLE, 1)
    c.n_holes = np.PyArray_DIM(holes, 1)
    for array, name in ((maps, "maps"), (tones, "tones"), (holes, "holes"), (shares, "shares")):
        if array is not None:
            sized(array, name, 0, c.count)
    sized(maps, "maps", 1, 2)
    sized(maps, "maps", 2, 3)
    if tones is not None:
        sized(tones, "tones", 1, 2)
    sized(holes, "holes", 2, 4)
    sized(hole_values, "hole_values", 0, c.n_holes)
    check_maps(c)
    return check_holes(c)


cdef int check_maps(const crm_augment *c) except -1:
    """No pixel may come from so far that its coordinate is no 32-bit integer, or from nowhere."""
    cdef const double *row
    cdef isize i
    for i in range(2 * c.count):
        row = c.maps + 3 * i
        if not fabs(row[0]) * c.height + fabs(row[1]) * c.width + fabs(row[2]) < LIMIT:
            raise ValueError(f"maps[{i // 2}] must stay within {FARTHEST} pixels, "
                             f"got {[row[0], row[1], row[2]]} in row {i % 2}")
    return 0


cdef int check_holes(const crm_augment *c) except -1:
    cdef const int64_t *hole
    cdef isize i
    for i in range(c.count * c.n_holes):
        hole = c.holes + 4 * i
        if not (0 <= hole[0] <= hole[2] <= c.height and 0 <= hole[1] <= hole[3] <= c.width):
            raise ValueError(f"holes[{i // c.n_holes}] must lie within {c.height} x {c.width} pixels, "
                             f"got {[hole[0], hole[1], hole[2], hole[3]]}")
    return 0
