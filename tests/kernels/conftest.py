"""Which implementation is tested stays hidden in a fixture."""

import numpy as np
import pytest
from kernel_calls import DTYPES, IMPLEMENTATIONS, ISAS, implementation


@pytest.fixture(params=IMPLEMENTATIONS)
def kernel(request):
    """The kernels: the NumPy twins, then the compiled ones on each instruction set of this machine."""
    with implementation(request.param) as chosen:
        yield chosen


@pytest.fixture(params=ISAS)
def compiled(request):
    """The compiled kernels alone, for promises that NumPy cannot keep."""
    with implementation(request.param) as chosen:
        yield chosen


@pytest.fixture(params=DTYPES, ids=lambda dtype: dtype.__name__)
def dtype(request):
    return np.dtype(request.param)
