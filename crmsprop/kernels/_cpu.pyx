"""What the kernels run on: the instruction set, and how many threads a call may use."""

import numbers
import os

import joblib

from crmsprop.kernels.sharing import share_of

cdef extern from "cpu.h":
    int crm_best_isa() noexcept nogil

cdef extern from *:
    """
    #ifdef _OPENMP
    #include <omp.h>
    #define CRM_OPENMP _OPENMP
    #else
    #define CRM_OPENMP 0
    static int omp_get_max_threads(void) { return 1; }
    #endif
    #if defined(__linux__)
    #include <sched.h>
    static int crm_affinity(void)
    {
        cpu_set_t set;
        return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : -1;
    }
    #else
    static int crm_affinity(void) { return -1; }
    #endif
    static int crm_forked = 0;
    #if defined(_OPENMP) && !defined(_WIN32)
    #include <pthread.h>
    static void crm_note_fork(void) { crm_forked = 1; }
    static int crm_watch_forks(void) { return pthread_atfork(NULL, NULL, crm_note_fork); }
    #else
    static int crm_watch_forks(void) { return 0; }
    #endif
    """
    int crm_affinity() noexcept nogil
    const int CRM_OPENMP
    int omp_get_max_threads() noexcept nogil
    int crm_forked  # whether this process is a forked child
    int crm_watch_forks() noexcept nogil

LEVELS = ("baseline", "v3", "v4")

# Below so many nanoseconds of one core waking a thread costs more than it saves: 2 microseconds where it still spins,
# three times that on a bad day, and each core then reads what the other one wrote.
cdef double SMALL_WORK = 5e3

cdef int cores = 0  # joblib's count, which reads files, for the affinity that it was counted under
cdef int cores_affinity = 0


def supported_isas():
    """Names of the instruction sets that this build holds and this CPU runs, the best one last."""
    return LEVELS[: crm_best_isa() + 1]


def active_isa():
    """Name of the instruction set that the kernels use."""
    return LEVELS[isa]


def use_isa(name):
    """Make the kernels use instruction set `name`; ValueError if this build or this CPU lacks it."""
    global isa
    if name not in supported_isas():
        raise ValueError(f"CRMSPROP_ISA must be one of {', '.join(supported_isas())} on this machine, got {name!r}")
    isa = LEVELS.index(name)


def openmp_version():
    """OpenMP's version date as an int, such as 201511, or 0 in a build without OpenMP."""
    return CRM_OPENMP


cpdef int effective_n_threads(n_threads=None) except -1:
    """Number of threads that `n_threads` stands for in this process now.

    None means every core that this process may use: the smallest of the CPU affinity, the cgroup quota and
    ``omp_get_max_threads()``, so that OMP_NUM_THREADS, joblib and threadpoolctl are obeyed; in one of several jobs of
    this process, its share of them.
    """
    if n_threads is None:
        return 1 if crm_forked else share_of(min(omp_get_max_threads(), usable_cores()))
    if isinstance(n_threads, bool) or not isinstance(n_threads, numbers.Integral):  # NumPy 2.0's bool has an __index__
        raise TypeError(f"n_threads must be None or an integer of at least 1, got {n_threads!r}")
    if n_threads < 1:
        raise ValueError(f"n_threads must be None or an integer of at least 1, got {n_threads!r}")
    return 1 if crm_forked or not CRM_OPENMP else min(int(n_threads), 1024)


cdef int usable_cores() except -1:
    """Cores that the affinity and the cgroup quota leave; counted again when the affinity has changed."""
    global cores, cores_affinity
    cdef int affinity = crm_affinity()
    if cores == 0 or affinity != cores_affinity:
        cores, cores_affinity = joblib.cpu_count(), affinity
    return cores


cdef int team_for(object n_threads, double nanoseconds, Py_ssize_t tasks) except -1:
    """As `team`, from a user's `n_threads`: cores are counted only where the work is large enough to share."""
    if n_threads is not None and (type(n_threads) is not int or n_threads < 1):
        effective_n_threads(n_threads)
    return 1 if crm_forked or nanoseconds < SMALL_WORK else team(effective_n_threads(n_threads), nanoseconds, tasks)


cdef int team(int n_threads, double nanoseconds, Py_ssize_t tasks) noexcept nogil:
    """Threads for a call that takes one core so long, in so many tasks: one where it is short, or after a fork.

    A caller whose team is one runs its loop without OpenMP: to enter a region costs 0.6 microseconds even alone.
    """
    return 1 if crm_forked or nanoseconds < SMALL_WORK else <int>max(1, min(n_threads, tasks))


# GNU's OpenMP runtime hangs in a forked child whose parent had threads; one thread never enters it. The C library calls
# this in every child: uWSGI forks without Python's own hooks, os.register_at_fork (its issue 1978).
if crm_watch_forks():
    raise MemoryError("no memory is left to watch for forks")

use_isa(os.environ.get("CRMSPROP_ISA") or LEVELS[crm_best_isa()])
