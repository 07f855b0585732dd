"""What other kernels that gather rows share."""

from libc.stdint cimport int64_t
from numpy cimport ndarray

cdef int source_kind(ndarray source) except -1
cdef int check_gather(ndarray source, const int64_t *rows, Py_ssize_t count, ndarray out) except -1
