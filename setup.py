"""The compiled kernels: one extension a topic, each C source built for every instruction set; and the OpenMP probe.

All else about the package stands in pyproject.toml.
"""

import itertools
import os
import platform
import shlex
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

SOURCES = Path("crmsprop/kernels/src")
# Extensions, each with its C sources.
TOPICS = {
    **{name: [name] for name in ("rmsprop", "elementwise", "activation", "batch_norm", "softmax")},
    "dense": ["dense", "dense_sparse"],
    "pool": ["pool", "average_pool"],
    "depthwise": ["depthwise"],
    "pointwise_loss": ["pointwise_loss"],
    "augment": ["augment"],
    "conv2d": [
        *("conv2d_forward", "conv2d_winograd"),
        *("conv2d_backward", "conv2d_sparse", "conv2d_winograd_backward", "conv2d_pointwise"),
    ],
}
REALS = {"f32": "float", "f64": "double"}
LEVELS = {"baseline": [], "v3": ["-march=x86-64-v3"], "v4": ["-march=x86-64-v4", "-mprefer-vector-width=512"]}
# IEEE arithmetic that may be vectorized: no errno, no traps, and nothing of -ffast-math.
GCC_FLAGS = ["-O3", "-g0", "-std=c11", "-fno-math-errno", "-fno-trapping-math"]
# RMSprop and augmentation promise the same bits on every instruction set, so their products may not melt into FMAs.
CONTRACTION = {"rmsprop": "off", "augment": "off"}
# All others shall, in every tile: GCC 13 and later would spare sums with a single accumulator, as where a row is alone,
# and its bits would be others than among its neighbours.
EVERY_FMA = "--param=avoid-fma-max-bits=0"

OPENMP_PROGRAM = "#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n"
LEVELS_PROGRAM = '#include "cpu.h"\nint main(void) { return crm_best_isa(); }\n'
OPENMP_FLAGS = (["-fopenmp"], ["-Xpreprocessor", "-fopenmp"], ["/openmp"])


class BuildKernels(build_ext):
    """Adds to each extension its C sources, compiled once an instruction set and real type."""

    def build_extensions(self):
        self.gcc_like = self.compiler.compiler_type != "msvc"
        self.openmp = [] if os.environ.get("CRMSPROP_NO_OPENMP") else self.probe_openmp()
        self.levels = LEVELS if self.gcc_like and self.has_levels() else {"baseline": []}
        self.flags = [*GCC_FLAGS, *([EVERY_FMA] if self.compiles("-Werror", EVERY_FMA) else [])]
        super().build_extensions()

    def build_extension(self, extension):
        topic = extension.name.rpartition("._")[2]
        extension.define_macros += self.macros()
        extension.extra_compile_args = [*self.openmp, *(["-O2", "-g0"] if self.gcc_like else [])]
        extension.extra_link_args = self.openmp if self.gcc_like else []
        if topic in TOPICS:
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                variants = itertools.product(TOPICS[topic], self.levels, REALS)
                extension.extra_objects = sorted(pool.map(lambda variant: self.compile_kernel(*variant), variants))
        super().build_extension(extension)

    def macros(self):
        return [("CRM_X86_LEVELS", "1")] if len(self.levels) > 1 else []

    def compile_kernel(self, source, level, real):
        flags = [*self.flags, f"-ffp-contract={CONTRACTION.get(source, 'fast')}", *self.levels[level]]
        (built,) = self.compiler.compile(
            [str(SOURCES / f"{source}.c")],
            output_dir=str(Path(self.build_temp) / f"{real}-{level}"),
            macros=[*self.macros(), ("CRM_REAL", REALS[real]), ("CRM_SUFFIX", f"_{real}_{level}")],
            include_dirs=[str(SOURCES)],
            extra_postargs=flags if self.gcc_like else [],
        )
        return built

    def has_levels(self):
        """Whether the compiler knows the levels, and how to ask a CPU for them."""
        if platform.machine().lower() not in ("x86_64", "amd64"):
            return False
        return self.compiles(*LEVELS["v4"], "-I", str(SOURCES.absolute()), "-DCRM_X86_LEVELS", program=LEVELS_PROGRAM)

    def probe_openmp(self):
        """The flags that make an OpenMP program compile and link, or none."""
        return next((flags for flags in OPENMP_FLAGS if self.compiles(*flags, program=OPENMP_PROGRAM, link=True)), [])

    def compiles(self, *flags, program="int main(void) { return 0; }\n", link=False):
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "probe.c"
            source.write_text(program)
            try:
                objects = self.compiler.compile([str(source)], output_dir=folder, extra_postargs=list(flags))
                if link:
                    # LDFLAGS, which name the library on macOS, go by themselves to shared objects alone
                    extra = [*flags, *shlex.split(os.environ.get("LDFLAGS", ""))] if self.gcc_like else []
                    self.compiler.link_executable(objects, str(Path(folder) / "probe"), extra_postargs=extra)
            except Exception:  # distutils raises several types; each means that the compiler cannot do it
                return False
        return True


def refuse_free_threading():
    """The kernels rely on the lock while they walk lists of arrays, and nobody has tested them without it."""
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise SystemExit(
            "crmsprop needs a Python with the global interpreter lock: this one is free-threaded (its name ends in t)"
        )


def extension(name):
    return Extension(
        f"crmsprop.kernels._{name}",
        [f"crmsprop/kernels/_{name}.pyx"],
        include_dirs=[numpy.get_include(), str(SOURCES)],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
        depends=[str(path) for path in SOURCES.glob("*")],
    )


refuse_free_threading()
setup(
    ext_modules=cythonize(
        [extension(name) for name in ("cpu", "boundary", *TOPICS)],
        compiler_directives={
            "language_level": 3,
            "boundscheck": False,
            "wraparound": False,
            "cdivision": True,
            "embedsignature": True,
            "freethreading_compatible": False,
        },
    ),
    cmdclass={"build_ext": BuildKernels},
)
