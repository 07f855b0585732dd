"""What a report of a problem should say about the machine and the build."""

import platform
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from crmsprop import kernels
from crmsprop.errors import shown


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


#: "0+unknown" in a source tree that was built in place and not installed.
__version__ = _version("crmsprop") or "0+unknown"

PACKAGES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "joblib",
    "threadpoolctl",
    "tqdm",
    "matplotlib",
    "pooch",
    "pillow",
    "onnx",
)


def show_versions() -> None:
    """Print the versions of Python and of the packages in use, and what the kernels run on.

    Examples
    --------
    >>> import crmsprop
    >>> crmsprop.show_versions()  # doctest: +ELLIPSIS
    python ...
    """
    print(f"python {platform.python_version()} ({sys.platform}, {platform.machine()})")
    print(f"crmsprop {__version__}")
    for package in PACKAGES:
        print(f"{package} {_version(package) or 'not installed'}")
    for line in kernel_lines():
        print(line)


def kernel_lines() -> list[str]:
    """Return what the kernels run on, a line a fact."""
    isas, openmp = ", ".join(kernels.supported_isas()), kernels.openmp_version()
    threaded = f"version of {openmp // 100}-{openmp % 100:02}" if openmp else "none in this build: one thread a call"
    return [
        f"kernels: {kernels.active_kernels}",
        f"instruction set: {kernels.active_isa()}; this machine runs {isas}",
        f"OpenMP: {threaded}",
        f"threads: {kernels.effective_n_threads()}",
    ]


def other_writer(config: Mapping[str, Any]) -> str:
    """Return what an error adds about a file of ours: which crmsprop has written it, if it says so and is another."""
    writer = config.get("version", __version__)
    return "" if writer == __version__ else f" (crmsprop {shown(writer)} has written it, this is {__version__})"
