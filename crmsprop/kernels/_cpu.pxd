cdef int isa  # index into the tables of src/isa.h: 0 baseline, 1 x86-64-v3, 2 x86-64-v4
cdef int team(int n_threads, double nanoseconds, Py_ssize_t tasks) noexcept nogil
cdef int team_for(object n_threads, double nanoseconds, Py_ssize_t tasks) except -1
