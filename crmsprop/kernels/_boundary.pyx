"""Checks at the boundary between Python and C, and only there.

A kernel reads and writes raw memory, so each array must be of the kernel's dtype in native byte order, C-contiguous,
aligned, writable where it is written, of the size that the other arguments imply, and must not overlap an array that
is written. Each check raises an error that names the array, the rule and what came instead.
"""

cimport numpy as np
from libc.stdlib cimport free, malloc, qsort
from numpy cimport ndarray

np.import_array()


cdef str label(str name, Py_ssize_t index):
    return name if index < 0 else f"{name}[{index}]"


cpdef ndarray an_array(object array, str name, Py_ssize_t index=-1):
    """Return `array` if it is one; TypeError otherwise."""
    if not isinstance(array, ndarray):
        raise TypeError(f"{label(name, index)} must be a NumPy array, got {type(array).__name__}")
    return array


cdef int present(ndarray array, str name, Py_ssize_t index) except -1:
    if array is None:
        raise TypeError(f"{label(name, index)} must be a NumPy array, got NoneType")
    return 0


cdef int complain(ndarray array, str name, int type_number, int ndim) except -1:
    """Raise the error that fits an array which reads() or writes() refused."""
    dtype = np.PyArray_DescrFromType(type_number)
    given = (<object>array)
    if np.PyArray_TYPE(array) != type_number or np.PyArray_ISBYTESWAPPED(array):
        raise TypeError(f"{name} must be a {dtype} array in native byte order, got {given.dtype.str}")
    if np.PyArray_NDIM(array) != ndim:
        raise ValueError(f"{name} must have {ndim} dimensions, got shape {given.shape}")
    if not np.PyArray_CHKFLAGS(array, np.NPY_ARRAY_C_CONTIGUOUS):
        raise ValueError(f"{name} must be C-contiguous, got strides {given.strides} with shape {given.shape}")
    if not np.PyArray_CHKFLAGS(array, np.NPY_ARRAY_ALIGNED):
        raise ValueError(f"{name} must be aligned in memory, got an address that is not a multiple of its item size")
    raise ValueError(f"{name} must be writable, got a read-only array")


cdef int real_of(ndarray array, str name, Py_ssize_t index=-1) except -1:
    """Type number of `array` if it is float32 or float64 in native byte order; TypeError otherwise."""
    present(array, name, index)
    cdef int type_number = np.PyArray_TYPE(array)
    if (type_number != np.NPY_FLOAT and type_number != np.NPY_DOUBLE) or np.PyArray_ISBYTESWAPPED(array):
        raise TypeError(f"{label(name, index)} must be a float32 or float64 array in native byte order, "
                        f"got {(<object>array).dtype.str}")
    return type_number


cdef int fits(ndarray array, int type_number, int ndim, int flags) noexcept:
    return (np.PyArray_TYPE(array) == type_number and np.PyArray_NDIM(array) == ndim
            and np.PyArray_CHKFLAGS(array, flags) and not np.PyArray_ISBYTESWAPPED(array))


cdef void *reads(ndarray array, str name, int type_number, int ndim,
                 Py_ssize_t index=-1) except? NULL:
    """Address of an array that a kernel reads."""
    present(array, name, index)
    if not fits(array, type_number, ndim, np.NPY_ARRAY_C_CONTIGUOUS | np.NPY_ARRAY_ALIGNED):
        complain(array, label(name, index), type_number, ndim)
    return np.PyArray_DATA(array)


cdef void *writes(ndarray array, str name, int type_number, int ndim,
                  Py_ssize_t index=-1) except? NULL:
    """Address of an array that a kernel writes."""
    present(array, name, index)
    if not fits(array, type_number, ndim,
                np.NPY_ARRAY_C_CONTIGUOUS | np.NPY_ARRAY_ALIGNED | np.NPY_ARRAY_WRITEABLE):
        complain(array, label(name, index), type_number, ndim)
    return np.PyArray_DATA(array)


cdef int same_shape(ndarray array, str name, ndarray other, str other_name,
                    Py_ssize_t index=-1) except -1:
    """ValueError unless both arrays have the same shape."""
    if not np.PyArray_SAMESHAPE(array, other):
        raise ValueError(
            f"{label(name, index)} must have the shape of {label(other_name, index)}, "
            f"{(<object>other).shape}, got {(<object>array).shape}")
    return 0


cdef int sized(ndarray array, str name, int axis, Py_ssize_t size) except -1:
    """ValueError unless the array has `size` elements along `axis`."""
    if np.PyArray_DIM(array, axis) != size:
        raise ValueError(f"{name} must have {size} elements along axis {axis}, got shape {(<object>array).shape}")
    return 0


cdef int as_long(list values, str name, Py_ssize_t count) except -1:
    """ValueError unless a list that is given holds `count` elements: kernels index without a check."""
    if values is not None and len(values) != count:
        raise ValueError(f"{name} must hold one element a parameter, {count}, got {len(values)}")
    return 0


cdef bint meet(ndarray a, ndarray b) noexcept:
    """Whether two C-contiguous arrays share memory."""
    cdef char *first = <char *>np.PyArray_DATA(a)
    cdef char *second = <char *>np.PyArray_DATA(b)
    return first < second + np.PyArray_NBYTES(b) and second < first + np.PyArray_NBYTES(a)


cdef int separate(tuple names, tuple arrays, Py_ssize_t n_written) except -1:
    """ValueError if one of the first `n_written` arrays shares memory with any other; None stands for no array."""
    cdef Py_ssize_t i, j
    for i in range(n_written):
        for j in range(i + 1, len(arrays)):
            if arrays[i] is not None and arrays[j] is not None and meet(<ndarray>arrays[i], <ndarray>arrays[j]):
                raise ValueError(f"{names[i]} must not overlap {names[j]} in memory")
    return 0


cdef int by_address(const void *a, const void *b) noexcept nogil:
    cdef const interval *first = <const interval *>a
    cdef const interval *second = <const interval *>b
    return (first.begin > second.begin) - (first.begin < second.begin)


cdef interval *sorted_intervals(tuple lists, Py_ssize_t *total) except NULL:
    """Where the arrays of some lists lie, by address; None is no list. The caller frees it."""
    cdef Py_ssize_t which, i
    total[0] = 0
    for values in lists:
        total[0] += 0 if values is None else len(values)
    cdef interval *found = <interval *>malloc(max(total[0], 1) * sizeof(interval))
    if found == NULL:
        raise MemoryError()
    total[0] = 0
    for which in range(len(lists)):
        for i in range(0 if lists[which] is None else len(lists[which])):
            if np.PyArray_SIZE(<ndarray>(<list>lists[which])[i]):
                found[total[0]].begin = <char *>np.PyArray_DATA(<ndarray>(<list>lists[which])[i])
                found[total[0]].end = found[total[0]].begin + np.PyArray_NBYTES(<ndarray>(<list>lists[which])[i])
                found[total[0]].which, found[total[0]].index = which, i
                total[0] += 1
    qsort(found, total[0], sizeof(interval), by_address)
    return found


cdef int separate_lists(tuple names, tuple lists, Py_ssize_t n_written) except -1:
    """ValueError if an array of the first `n_written` lists shares memory with any other array; None is no list.

    Sorted by address, a written array may not begin before all others have ended, nor any before the written ones have.
    """
    cdef Py_ssize_t total
    cdef interval *found = sorted_intervals(lists, &total)
    try:
        return sweep(names, found, total, n_written)
    finally:
        free(found)


cdef interval *merged(tuple lists, Py_ssize_t *count) except NULL:
    """The memory of the arrays of some lists, by address, neighbours made one. The caller frees it."""
    cdef Py_ssize_t total, i
    cdef interval *found = sorted_intervals(lists, &total)
    count[0] = 0
    for i in range(total):
        if count[0] and found[i].begin <= found[count[0] - 1].end:
            found[count[0] - 1].end = max(found[count[0] - 1].end, found[i].end)
        else:
            found[count[0]] = found[i]
            count[0] += 1
    return found


cdef bint meets_any(const interval *sorted, Py_ssize_t count, const char *begin, Py_ssize_t size) noexcept nogil:
    """Whether `size` bytes from `begin` on share memory with one of the intervals that `merged` made."""
    cdef Py_ssize_t low = 0, high = count, middle
    while low < high:  # the first that ends behind `begin`
        middle = (low + high) // 2
        if sorted[middle].end > begin:
            high = middle
        else:
            low = middle + 1
    return low < count and size > 0 and sorted[low].begin < begin + size


cdef int sweep(tuple names, const interval *found, Py_ssize_t total, Py_ssize_t n_written) except -1:
    cdef const interval *last_written = NULL
    cdef const interval *last = NULL
    cdef const interval *other
    cdef Py_ssize_t i
    for i in range(total):
        other = last if found[i].which < n_written else last_written
        if other != NULL and found[i].begin < other.end:
            overlap(names, found + i, other)
        if last == NULL or found[i].end > last.end:
            last = found + i
        if found[i].which < n_written and (last_written == NULL or found[i].end > last_written.end):
            last_written = found + i
    return 0


cdef int overlap(tuple names, const interval *a, const interval *b) except -1:
    """The one that comes later in the call is at fault."""
    if (a.which, a.index) < (b.which, b.index):
        a, b = b, a
    raise ValueError(f"{label(names[a.which], a.index)} must not overlap {label(names[b.which], b.index)} in memory")


# ---- the same checks for the NumPy twins, so that both raise the same errors

def py_real_of(array, str name, Py_ssize_t index=-1):
    """The array's dtype if it is float32 or float64 in native byte order; TypeError otherwise."""
    real_of(an_array(array, name, index), name, index)
    return array.dtype


def py_reads(array, str name, np.dtype dtype not None, int ndim, Py_ssize_t index=-1):
    """TypeError or ValueError unless a kernel can read `array` as a C array of `dtype` with `ndim` dimensions."""
    reads(an_array(array, name, index), name, dtype.type_num, ndim, index)


def py_writes(array, str name, np.dtype dtype not None, int ndim, Py_ssize_t index=-1):
    """TypeError or ValueError unless a kernel can write `array` as a C array of `dtype` with `ndim` dimensions."""
    writes(an_array(array, name, index), name, dtype.type_num, ndim, index)


def py_same_shape(array, str name, other, str other_name, Py_ssize_t index=-1):
    """ValueError unless both arrays have the same shape."""
    same_shape(an_array(array, name, index), name, an_array(other, other_name, index), other_name, index)


def py_sized(array, str name, int axis, Py_ssize_t size):
    """ValueError unless the array has `size` elements along `axis`."""
    cdef int ndim = np.PyArray_NDIM(an_array(array, name))
    if not 0 <= axis < ndim:
        raise ValueError(f"{name} must have an axis {axis}, got shape {array.shape}")
    sized(array, name, axis, size)


def py_as_long(list values, str name, Py_ssize_t count):
    """ValueError unless a list that is given holds `count` elements."""
    as_long(values, name, count)


def py_separate(tuple names not None, tuple arrays not None, Py_ssize_t n_written):
    """ValueError if one of the first `n_written` arrays shares memory with any other; None stands for no array."""
    named(names, arrays, n_written)
    for name, array in zip(names, arrays):
        if array is not None:
            an_array(array, name)
    separate(names, arrays, n_written)


def py_separate_lists(tuple names not None, tuple lists not None, Py_ssize_t n_written):
    """ValueError if an array of the first `n_written` lists shares memory with any other array; None is no list."""
    cdef list values
    named(names, lists, n_written)
    for name, values in zip(names, lists):
        for i, array in enumerate(values or ()):
            an_array(array, name, i)
    separate_lists(names, lists, n_written)


cdef int named(tuple names, tuple arrays, Py_ssize_t n_written) except -1:
    """ValueError unless each array has a name, and as many are written as there are at most."""
    if len(names) != len(arrays) or not 0 <= n_written <= len(arrays):
        raise ValueError(f"names must be those of {len(arrays)} arrays, of which {n_written} are written, got {names}")
    return 0
