"""Checks at the boundary between Python and C, and only there.

A kernel reads and writes raw memory, so each array must be of the kernel's dtype in native byte order, C-contiguous,
aligned, writable where it is written, of the size that the other arguments imply, and must not overlap an array that
is written. Each check raises an error that names the array, the rule and what came instead.
"""

cimport numpy as np
from numpy cimport ndarray

np.import_array()


cdef str label(str name, Py_ssize_t index):
    return name if index < 0 else f"{name}[{index}]"


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
    if not fits(array, type_number, ndim, np.NPY_ARRAY_C_CONTIGUOUS | np.NPY_ARRAY_ALIGNED):
        complain(array, label(name, index), type_number, ndim)
    return np.PyArray_DATA(array)


cdef void *writes(ndarray array, str name, int type_number, int ndim,
                 Py_ssize_t index=-1) except? NULL:
    """Address of an array that a kernel writes."""
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


cdef int apart(ndarray array, str name, ndarray other, str other_name, Py_ssize_t index=-1) except -1:
    """ValueError if two C-contiguous arrays share memory."""
    cdef char *a = <char *>np.PyArray_DATA(array)
    cdef char *b = <char *>np.PyArray_DATA(other)
    if a < b + np.PyArray_NBYTES(other) and b < a + np.PyArray_NBYTES(array):
        raise ValueError(f"{label(name, index)} must not overlap {label(other_name, index)} in memory")
    return 0


# ---- the same checks for the NumPy twins, so that both raise the same errors

def py_real_of(ndarray array, str name, Py_ssize_t index=-1):
    """The array's dtype if it is float32 or float64 in native byte order; TypeError otherwise."""
    real_of(array, name, index)
    return array.dtype


def py_reads(ndarray array, str name, dtype, int ndim, Py_ssize_t index=-1):
    """TypeError or ValueError unless a kernel can read `array` as a C array of `dtype` with `ndim` dimensions."""
    reads(array, name, dtype.num, ndim, index)


def py_writes(ndarray array, str name, dtype, int ndim, Py_ssize_t index=-1):
    """TypeError or ValueError unless a kernel can write `array` as a C array of `dtype` with `ndim` dimensions."""
    writes(array, name, dtype.num, ndim, index)


def py_same_shape(ndarray array, str name, ndarray other, str other_name, Py_ssize_t index=-1):
    """ValueError unless both arrays have the same shape."""
    same_shape(array, name, other, other_name, index)


def py_sized(ndarray array, str name, int axis, Py_ssize_t size):
    """ValueError unless the array has `size` elements along `axis`."""
    sized(array, name, axis, size)


def py_apart(ndarray array, str name, ndarray other, str other_name, Py_ssize_t index=-1):
    """ValueError if two C-contiguous arrays share memory."""
    apart(array, name, other, other_name, index)
