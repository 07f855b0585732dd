"""Checks at the boundary between Python and C, and only there."""

from numpy cimport ndarray

# `index` >= 0 makes the name `name[index]` in messages: an array of a list.
cdef int real_of(ndarray array, str name, Py_ssize_t index=*) except -1
cdef void *reads(ndarray array, str name, int type_number, int ndim, Py_ssize_t index=*) except? NULL
cdef void *writes(ndarray array, str name, int type_number, int ndim, Py_ssize_t index=*) except? NULL
cdef int same_shape(ndarray array, str name, ndarray other, str other_name, Py_ssize_t index=*) except -1
cdef int sized(ndarray array, str name, int axis, Py_ssize_t size) except -1
cpdef ndarray an_array(object array, str name, Py_ssize_t index=*)
cdef int separate_lists(tuple names, tuple lists, Py_ssize_t n_written) except -1
cdef int as_long(list values, str name, Py_ssize_t count) except -1
cdef int separate(tuple names, tuple arrays, Py_ssize_t n_written) except -1

# Memory of an array, and which it is: a number among the lists, and in its list.
ctypedef struct interval:
    char *begin
    char *end
    Py_ssize_t which
    Py_ssize_t index

cdef interval *merged(tuple lists, Py_ssize_t *count) except NULL
cdef bint meets_any(const interval *sorted, Py_ssize_t count, const char *begin, Py_ssize_t size) noexcept nogil
