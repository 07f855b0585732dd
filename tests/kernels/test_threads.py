"""How many threads there are, what a fork leaves of them, and the environment variables that choose the kernels."""

import operator
import os

import numpy as np
import pytest
import threadpoolctl
from child_process import in_child, in_new_interpreter
from kernel_calls import COMPILED, assert_same_bits, conv2d_backward, conv2d_forward, dense_backward, dense_forward

from crmsprop import kernels
from crmsprop.kernels import effective_n_threads
from crmsprop.kernels.geometry import ConvGeometry

needs_openmp = pytest.mark.skipif(not kernels.openmp_version(), reason="a build without OpenMP")
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
needs_cores = pytest.mark.skipif(CORES < 2, reason="one core only")
needs_affinity = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


# effective_n_threads


def test_none_is_every_core_that_the_process_may_use():
    assert 1 <= effective_n_threads() <= CORES
    assert effective_n_threads(None) == effective_n_threads()


@needs_openmp
@pytest.mark.parametrize("number", [1, 2, 7, np.int64(3), np.uint8(2), np.int32(1)])
def test_a_number_is_taken_as_it_is(number):
    assert effective_n_threads(number) == operator.index(number)
    assert type(effective_n_threads(number)) is int


@pytest.mark.parametrize("number", [0, -1, -(2**70), np.int64(0)])
def test_fewer_than_one(number):
    with pytest.raises(ValueError, match="n_threads must be None or an integer of at least 1, got "):
        effective_n_threads(number)


@pytest.mark.parametrize("number", [True, False, "2", 2.0, [1], np.float64(2), np.True_], ids=repr)
def test_no_integer(number):
    with pytest.raises(TypeError, match="n_threads must be None or an integer of at least 1, got "):
        effective_n_threads(number)


@needs_openmp
def test_threadpoolctl_is_obeyed():
    before = effective_n_threads()
    with threadpoolctl.threadpool_limits(1):
        assert effective_n_threads() == 1
        assert effective_n_threads(3) == 3
    assert effective_n_threads() == before


@needs_openmp
@needs_cores
@needs_affinity
def test_omp_num_threads_and_the_affinity_are_obeyed():
    code = """if True:
        import os
        from crmsprop.kernels import effective_n_threads
        found = [effective_n_threads()]
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        print(*found, effective_n_threads(), effective_n_threads(4))
        """
    assert in_new_interpreter(code, OMP_NUM_THREADS="1") == (0, "1 1 4", "")
    assert in_new_interpreter(code, OMP_NUM_THREADS="2") == (0, "2 1 4", "")


# what runs on them

CONV_X = np.random.default_rng(0).standard_normal((16, 12, 12, 4)).astype(np.float32)
CONV_WEIGHT = np.random.default_rng(1).standard_normal((3, 3, 4, 16)).astype(np.float32)
PADDED, IN_PLACE = ConvGeometry(padding=(1, 1, 1, 1), pool=(2, 2), relu=True), ConvGeometry()


def convolve(geometry, n_threads):
    out, argmax = conv2d_forward(COMPILED, CONV_X, CONV_WEIGHT, None, geometry, n_threads=n_threads)
    return [out, argmax, *conv2d_backward(COMPILED, CONV_X, CONV_WEIGHT, out, out, argmax, geometry, n_threads)]


def dense(samples, inputs, n_threads):
    x, weight = np.ones((samples, inputs), np.float32), np.ones((inputs, 50), np.float32)
    dy = np.ones((samples, 50), np.float32)
    return [
        dense_forward(COMPILED, x, weight, n_threads=n_threads),
        *dense_backward(COMPILED, x, weight, dy, n_threads=n_threads),
    ]


TASKS = {
    "a padded, pooled convolution": lambda n: convolve(PADDED, n),
    "a convolution that needs no scratch of its own": lambda n: convolve(IN_PLACE, n),
    "a dense layer": lambda n: dense(100, 100, n),
    "a dense layer of no samples": lambda n: dense(0, 100, n),
    "a dense layer of no inputs": lambda n: dense(100, 0, n),
}
COUNT_THREADS = """
import os, sys
sys.path.insert(0, os.environ["HERE"])
from test_threads import TASKS, dense

def count(task, *arguments):
    before = len(os.listdir("/proc/self/task"))
    task(*arguments)
    return len(os.listdir("/proc/self/task")) - before

print([name for name, task in TASKS.items() if count(task, 1)])
print(count(dense, 10, 50, 3), count(dense, 100, 100, 3), count(TASKS["a padded, pooled convolution"], 4))
"""


@needs_openmp
@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="counts threads in /proc")
def test_one_thread_and_small_work_open_no_parallel_region():
    """OMP_NUM_THREADS=5 is what OpenMP falls back on wherever it is asked for 0 threads. The pool grows as asked."""
    answer = in_new_interpreter(COUNT_THREADS, OMP_NUM_THREADS="5", HERE=os.path.dirname(__file__))
    assert answer == (0, "[]\n0 2 1", "")


@needs_fork
def test_a_forked_child_runs_on_one_thread():
    convolve(PADDED, 3)
    assert in_child(lambda: (effective_n_threads(), effective_n_threads(5))) == "(1, 1)"
    assert effective_n_threads(5) == 5 if kernels.openmp_version() else True


@needs_fork
@pytest.mark.parametrize("task", TASKS)
def test_a_forked_child_does_not_hang_and_gets_the_same_bits(task):
    """GNU's OpenMP waits for ever in a child whose parent had threads."""
    expected = TASKS[task](3)

    def in_the_child():
        for n_threads in (3, effective_n_threads()):
            assert_same_bits(TASKS[task](n_threads), expected)
        return "the same bits"

    assert in_child(in_the_child) == "the same bits"


FORKED_BY_C = """
import ctypes, os, select, sys
sys.path.insert(0, os.environ["HERE"])
from test_threads import PADDED, assert_same_bits, convolve

expected = convolve(PADDED, 3)
reads, writes = os.pipe()
child = ctypes.PyDLL(None).fork()
if child == 0:
    assert_same_bits(convolve(PADDED, 3), expected)
    os.write(writes, b"the same bits")
    os._exit(0)
answered = select.select([reads], [], [], 10)[0]
os.kill(child, 9)
print(os.read(reads, 100).decode() if answered else "no answer")
"""


@needs_fork
def test_a_child_that_python_did_not_fork():
    """A server written in C forks without os.register_at_fork's functions: uWSGI's issue 1978."""
    assert in_new_interpreter(FORKED_BY_C, HERE=os.path.dirname(__file__)) == (0, "the same bits", "")


# environment variables


CHOSEN = "from crmsprop import kernels as k; print(k.active_isa(), k.active_kernels, k.dense_forward.__module__)"


@pytest.mark.parametrize("isa", kernels.supported_isas())
def test_crmsprop_isa_forces_an_instruction_set(isa):
    expected = f"{isa} compiled crmsprop.kernels._dense"
    assert in_new_interpreter(CHOSEN, CRMSPROP_ISA=isa, CRMSPROP_KERNELS="compiled") == (0, expected, "")


def test_crmsprop_kernels_chooses_the_implementation():
    expected = "baseline reference crmsprop.kernels.reference.dense"
    assert in_new_interpreter(CHOSEN, CRMSPROP_ISA="baseline", CRMSPROP_KERNELS="reference") == (0, expected, "")


@pytest.mark.parametrize(("variable", "value"), [("CRMSPROP_ISA", "avx9"), ("CRMSPROP_KERNELS", "fast")])
def test_an_unknown_name_is_an_error_that_names_the_choices(variable, value):
    code, _, errors = in_new_interpreter("import crmsprop", **{variable: value})
    assert code == 1
    last = errors.splitlines()[-1]
    assert last.startswith(f"ValueError: {variable} must be one of ")
    assert last.endswith(f"got '{value}'")
    assert ("baseline" if variable == "CRMSPROP_ISA" else "'compiled', 'reference'") in last


@pytest.mark.parametrize("name", ["v9", "", "V3", None])
def test_use_isa_refuses_what_this_machine_lacks(name):
    before = kernels.active_isa()
    with pytest.raises(ValueError, match=f"CRMSPROP_ISA must be one of .* on this machine, got {name!r}"):
        kernels.use_isa(name)
    assert kernels.active_isa() == before


# the floating-point mode of the process

SUBNORMALS = """
import threading
import numpy as np

def halves():
    tiny = np.array([np.finfo(np.float32).tiny] * 50), np.array([np.finfo(np.float64).tiny] * 50)
    return [bool(np.all((x.astype(t) / t(2)) * t(2) == x)) for x, t in zip(tiny, (np.float32, np.float64))]

def in_thread():
    found = []
    thread = threading.Thread(target=lambda: found.extend(halves()))
    thread.start(); thread.join()
    return found

before = halves()
import crmsprop
from crmsprop import kernels
after = halves() + in_thread()
for name in kernels.supported_isas():
    kernels.use_isa(name)
    x = np.ones(200_000, np.float32)
    crmsprop.RMSprop([x], n_threads=3).step([x.copy()])
    after += halves() + in_thread()
print(all(before), all(after))
"""


def test_importing_and_using_the_package_keeps_subnormal_numbers():
    assert in_new_interpreter(SUBNORMALS) == (0, "True True", "")
