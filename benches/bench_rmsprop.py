"""RMSprop against its peers, in turn in one process, on one array of seven sizes and on two lists of arrays.

    python -m pytest -c benches/pytest.ini benches/bench_rmsprop.py

Every contender's parameters are checked after three steps, before it is timed. Writes results/rmsprop.json;
``python -m benches.report`` makes RESULTS.md of it.
"""

import math
import os
import tempfile
import time

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import numpy as np
import pytest

from benches.harness import copy_bandwidth, interleave, save
from benches.rmsprop_contenders import CONTENDERS, EPSILON, EPSILON_UNDER_ROOT, PACKAGES, RATE, RHO
from crmsprop import RMSprop, rmsprop_update

BYTES = 20  # an element: the gradient is read, the parameter and its mean square are read and written
SIZES = (1_000, 10_000, 100_000, 300_000, 1_000_000, 10_000_000, 50_000_000)


def resnet20():
    """Shapes of the 65 arrays of a ResNet-20 for CIFAR-10: 19 convolutions, 22 batch norms of two arrays, a dense."""
    shapes, channels = [(3, 3, 3, 16), (16,), (16,)], 16
    for width in (16, 32, 64):
        for block in range(3):
            shapes += [(3, 3, channels, width), (width,), (width,), (3, 3, width, width), (width,), (width,)]
            if block == 0 and channels != width:
                shapes += [(1, 1, channels, width), (width,), (width,)]
            channels = width
    return [*shapes, (64, 10), (10,)]


CNN = [(3, 3, 3, 32), (32,), (3, 3, 32, 64), (64,), (2304, 128), (128,), (128, 10), (10,)]
CASES = {f"{size:,}": [(size,)] for size in SIZES} | {"ResNet-20": resnet20(), "reference CNN": CNN}
ROWS = []
UPDATE = {}
OPTION_ROWS = []


@pytest.fixture(scope="module", autouse=True)
def results():
    yield
    save("rmsprop", ROWS, PACKAGES, update=UPDATE, options=OPTION_ROWS)


def arrays(shapes, seed):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape, np.float32) for shape in shapes]


def expected(shapes, under_root, steps=3):
    """Parameters after some steps, in float64."""
    params, grads = ([array.astype(np.float64) for array in arrays(shapes, seed)] for seed in (0, 1))
    squares = [np.zeros_like(param) for param in params]
    for _ in range(steps):
        for param, grad, square in zip(params, grads, squares, strict=True):
            square *= RHO
            square += (1 - RHO) * grad**2
            inside, outside = (EPSILON, 0) if under_root else (0, EPSILON)
            param -= RATE * grad / (np.sqrt(square + inside) + outside)
    return params


def checked(name, shapes):
    """A contender that has taken three steps and has the right parameters; None where its library is missing."""
    try:
        contender = CONTENDERS[name](arrays(shapes, 0), arrays(shapes, 1))
    except ImportError:
        assert name not in ("crmsprop", "rmsprop_update")
        return None
    for _ in range(3):
        contender.step()
    for got, exact in zip(contender.values(), expected(shapes, name in EPSILON_UNDER_ROOT), strict=True):
        np.testing.assert_allclose(got, exact, rtol=0, atol=2e-6)
    return contender


@pytest.mark.parametrize("case", CASES)
def test_rmsprop(benchmark, case):
    shapes = CASES[case]
    n = sum(math.prod(shape) for shape in shapes)
    large = n > 5_000_000
    names = [name for name in CONTENDERS if not (large and name == "Keras" and n > 20_000_000)]
    made = {name: checked(name, shapes) for name in names}
    present = {name: contender for name, contender in made.items() if contender is not None}
    seconds = interleave({name: c.step for name, c in present.items()}, rounds=7 if large else 15)
    row = {"case": case, "elements": n, "arrays": len(shapes), "seconds": seconds}
    row["absent"] = [name for name, contender in made.items() if contender is None]
    row["copy"] = copy_bandwidth(n)
    row["bandwidth"] = BYTES * n / seconds["crmsprop"]
    ROWS.append(row)
    time.sleep(0.05)
    benchmark.extra_info.update(row)
    benchmark.pedantic(present["crmsprop"].step, rounds=20, warmup_rounds=3)


# Options, and the bytes an element that they move: state is read and written, a norm reads the gradient once more.
OPTIONS = {
    "plain": ({}, 20),
    "l2": ({"l2": 0.01}, 20),
    "clip_value": ({"clip_value": 1.0}, 20),
    "weight_decay": ({"weight_decay": 0.01}, 20),
    "eps_in_sqrt": ({"eps_in_sqrt": True}, 20),
    "bias_correction": ({"bias_correction": True}, 20),
    "clip_norm": ({"clip_norm": 1.0}, 24),
    "momentum": ({"momentum": 0.9}, 28),
    "nesterov": ({"momentum": 0.9, "nesterov": True}, 28),
    "centered": ({"centered": True}, 28),
    "ema": ({"ema": 0.9}, 28),
    "centered, momentum": ({"centered": True, "momentum": 0.9}, 36),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [100_000, 10_000_000])
def test_options(benchmark, size, dtype):
    """Every option against the plain step: how much longer, and how many more bytes."""
    rng = np.random.default_rng(0)
    grad = rng.standard_normal(size).astype(dtype)
    optimizers = {name: RMSprop([np.ones(size, dtype)], **options) for name, (options, _) in OPTIONS.items()}
    seconds = interleave({name: lambda o=o: o.step([grad]) for name, o in optimizers.items()}, rounds=9)
    relative = {name: [value / seconds["plain"], OPTIONS[name][1] / 20] for name, value in seconds.items()}
    OPTION_ROWS.append({"case": f"{size:,} {dtype}", "relative": relative})
    benchmark.extra_info.update(relative)
    benchmark.pedantic(optimizers["plain"].step, ([grad],), rounds=10, warmup_rounds=2)


def test_rmsprop_update_over_an_empty_call(benchmark):
    """The functional form on 1,000 elements, and a call of nothing with the same arguments."""
    pyximport = pytest.importorskip("pyximport", reason="Cython is absent")
    with tempfile.TemporaryDirectory() as folder:
        before = pyximport.install(build_dir=folder, language_level=3)
        from benches.empty_call import empty

        pyximport.uninstall(*before)
    param, grad, mean_square = np.ones(1000, np.float32), np.ones(1000, np.float32), np.zeros(1000, np.float32)
    options = {"learning_rate": RATE, "rho": RHO, "epsilon": EPSILON}
    seconds = interleave(
        {
            "rmsprop_update": lambda: rmsprop_update(param, grad, mean_square, **options),
            "empty": lambda: empty(param, grad, mean_square, **options),
        },
        rounds=31,
    )
    UPDATE.update(seconds)
    benchmark.extra_info.update(seconds)
    benchmark.pedantic(rmsprop_update, (param, grad, mean_square), options, rounds=20, iterations=100)
