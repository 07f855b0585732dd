"""Each kernel against what the machine can do: multiply-adds against the FMA peak, bytes against a copy.

    python -m pytest -c benches/pytest.ini benches/bench_kernels.py

On one thread, float32. The peak is that of multiply-adds in registers (fma_peak.c, compiled with cc for this machine);
the copy is `np.copyto` of as many bytes. A convolution's operations are counted as the direct sum has them, so that
Winograd and the sparse gradients can pass the peak: they do less work.
"""

import ctypes
import subprocess
from pathlib import Path

import numpy as np
import pytest

from benches.harness import interleave, save
from crmsprop import kernels
from crmsprop.augment import Flip, Rotation, Translation, Zoom
from crmsprop.augment.batches import Augmenter
from crmsprop.kernels.geometry import ConvGeometry, same_padding

ROWS = []
F32 = np.float32


def normal(*shape):
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(F32)


def dense(samples, inputs, units):
    """Forward, and both gradients: name, call, multiply-adds."""
    x, weight, bias, out = normal(samples, inputs), normal(inputs, units), normal(units), normal(samples, units)
    dx, dweight, dbias = (np.empty_like(array) for array in (x, weight, bias))
    scratch = np.zeros(kernels.dense_scratch(samples, inputs, units, F32, True, 1), F32)
    products, name = samples * inputs * units, f"dense {samples} x {inputs} x {units}"
    forward = (x, weight, bias, out.copy(), True, False, scratch, 1)
    backward = (x, weight, out, dx, dweight, dbias, False, False, False, scratch, 1)
    yield f"{name}, forward", lambda: kernels.dense_forward(*forward), products
    yield f"{name}, backward", lambda: kernels.dense_backward(*backward), 2 * products


def conv(images, size, channels, filters, kernel=3, padding=0, pool=1, relu=True, first=False):
    """Forward and backward."""
    x, weight = normal(images, size, size, channels), 0.1 * normal(kernel, kernel, channels, filters)
    geometry = ConvGeometry((1, 1), (padding,) * 4, (pool, pool), relu)
    rows, columns = geometry.output(x.shape, weight.shape)
    out = np.empty((images, rows, columns, filters), F32)
    argmax = np.empty(out.shape, np.uint8) if pool > 1 else None
    dx, dweight, dbias = None if first else np.empty_like(x), np.empty_like(weight), np.empty(filters, F32)
    scratch = np.zeros(kernels.conv2d_scratch(x.shape, weight.shape, geometry, F32, True, 1), F32)
    forward = (x, weight, dbias * 0, out, argmax, geometry, scratch, 1)
    kernels.conv2d_forward(*forward)
    backward = (x, weight, out, normal(*out.shape), argmax, dx, dweight, dbias, geometry, scratch, 1)
    products = out.size * pool * pool * weight[..., 0].size
    name = f"conv {kernel} x {kernel}, {channels} to {filters}, {size} x {size}{', pool' * (pool > 1)}"
    yield f"{name}, forward", lambda: kernels.conv2d_forward(*forward), products
    yield f"{name}, backward", lambda: kernels.conv2d_backward(*backward), products * (1 if first else 2)


def depthwise(images, size, channels, kernel=3, stride=1):
    """Forward and backward of a depthwise convolution, "same"."""
    x, weight, bias = normal(images, size, size, channels), normal(kernel, kernel, channels), normal(channels)
    slide = ((stride, stride), (*same_padding(size, kernel, stride), *same_padding(size, kernel, stride)))
    out = np.empty((images, -(-size // stride), -(-size // stride), channels), F32)
    dx, dweight, dbias = (np.empty_like(array) for array in (x, weight, bias))
    scratch = np.zeros(kernels.depthwise_conv2d_scratch(images, weight.shape), F32)
    backward = (x, weight, normal(*out.shape), dx, dweight, dbias, *slide, scratch, 1)
    products, name = out.size * kernel * kernel, f"depthwise {kernel} x {kernel}, {channels} of {size} x {size}"
    name += f", stride {stride}" * (stride > 1)
    yield f"{name}, forward", lambda: kernels.depthwise_conv2d_forward(x, weight, bias, out, *slide, 1), products
    yield f"{name}, backward", lambda: kernels.depthwise_conv2d_backward(*backward), 2 * products


PRODUCTS = {
    name: (call, products)
    for kernel in (
        dense(32, 2304, 128),
        dense(128, 3072, 512),
        dense(200, 100, 256),
        dense(32, 64, 10),
        conv(32, 32, 3, 32, pool=2, first=True),
        conv(32, 15, 32, 64, pool=2),
        conv(32, 31, 24, 32, padding=1, pool=2, relu=False),
        conv(32, 15, 32, 32, padding=1, relu=False),
        conv(64, 7, 128, 128, padding=1, relu=False),
        conv(32, 16, 64, 64, kernel=1),
        conv(64, 8, 128, 256, kernel=1, relu=False),
        dense(64 * 64, 128, 256),
        depthwise(32, 32, 64),
        depthwise(32, 7, 96),
        depthwise(32, 16, 96, kernel=5, stride=2),
        conv(32, 32, 3, 24, kernel=2, relu=False, first=True),
    )
    for name, call, products in kernel
}


def elementwise():
    """Name: call, bytes read and written."""
    x, out = normal(256, 8, 8, 64), np.empty((256, 8, 8, 64), F32)
    rows, targets, sums = x.reshape(-1, 64), out.reshape(-1, 64), np.zeros(kernels.batch_norm_scratch(256 * 64, 64))
    channels = [np.ones(64, F32) for _ in range(8)]
    pooled, places = np.empty((256, 4, 4, 64), F32), np.empty((256, 4, 4, 64), np.uint8)
    means, whole = normal(256, 4, 4, 64), normal(256, 1, 1, 64)
    pictures, order = np.zeros((2000, 32, 32, 3), np.uint8), np.random.default_rng(0).permutation(2000)[:256]
    batch, logits = np.empty((256, 32, 32, 3), F32), normal(4096, 10)
    moves = Augmenter(Flip() + Rotation(15) + Translation(0.1) + Zoom(0.1), pictures, None, 1 / 255, F32, 1)
    drawn = moves.draw(order, 0, 0)
    labels, weights, losses = np.zeros(4096, np.int64), np.ones(4096, F32), np.empty(4096, F32)
    hits, gradient, normalized = (
        np.empty(4096, np.uint8),
        np.empty_like(logits),
        (*channels[:6], targets, 1e-5, 0.9, sums),
    )
    return {
        "ReLU": (lambda: kernels.relu_forward(x, out, 1), 2 * x.nbytes),
        "GELU": (lambda: kernels.activation_forward(x, out, "gelu", 0.0, 1), 2 * x.nbytes),
        "GELU, backward": (lambda: kernels.activation_backward(x, x, x, out, "gelu", 0.0, 1), 3 * x.nbytes),
        "dropout": (lambda: kernels.dropout(x, out, 0.5, 7, 1), 2 * x.nbytes),
        "batch norm": (lambda: kernels.batch_norm_forward(rows, *normalized, 1), 3 * x.nbytes),
        "batch norm, backward": (
            lambda: kernels.batch_norm_backward(rows, *channels[:3], rows, targets, *channels[3:5], sums, 1),
            5 * x.nbytes,
        ),
        "max-pool 2 x 2": (
            lambda: kernels.max_pool2d_forward(x, pooled, places, (2, 2), (2, 2), 1),
            x.nbytes + pooled.nbytes + places.nbytes,
        ),
        "average pool 2 x 2": (
            lambda: kernels.average_pool2d_forward(x, means, (2, 2), (2, 2), 1),
            x.nbytes + means.nbytes,
        ),
        "average pool 2 x 2, backward": (
            lambda: kernels.average_pool2d_backward(means, out, (2, 2), (2, 2), 1),
            x.nbytes + means.nbytes,
        ),
        "global average pool": (
            lambda: kernels.average_pool2d_forward(x, whole, (8, 8), (8, 8), 1),
            x.nbytes,
        ),
        "dropout of channels": (lambda: kernels.dropout_channels(x, out, 0.5, 7, 1), 2 * x.nbytes),
        "sum": (lambda: kernels.add(x, out, 1), 3 * x.nbytes),
        "gather of uint8 images": (lambda: kernels.gather(pictures, order, batch, 1 / 255, 1), batch.nbytes * 5 // 4),
        "gather of uint8 images, each moved by a map": (lambda: moves.fill(drawn, batch), batch.nbytes * 5 // 4),
        "cross-entropy of 10 classes": (
            lambda: kernels.cross_entropy(logits, labels, weights, losses, hits, gradient, 1),
            2 * logits.nbytes,
        ),
    }


@pytest.fixture(scope="module", autouse=True)
def results():
    yield
    save("kernels", ROWS, ("crmsprop", "numpy"))


@pytest.fixture(scope="module")
def peak(tmp_path_factory):
    """A call, and its multiply-adds."""
    library = tmp_path_factory.mktemp("peak") / "fma_peak.so"
    source = Path(__file__).parent / "fma_peak.c"
    flags = ("-O3", "-march=native", "-ffp-contract=fast", "-shared", "-fPIC")
    subprocess.run(["cc", *flags, "-o", library, source], check=True)
    function = ctypes.CDLL(str(library)).fma_peak
    function.argtypes = (ctypes.c_long, ctypes.c_float)
    return lambda: function(20_000, 0.5), 20_000 * 12 * 16


@pytest.mark.parametrize("name", PRODUCTS)
def test_products(benchmark, name, peak):
    call, products = PRODUCTS[name]
    best, best_products = peak
    seconds = interleave({"kernel": call, "peak": best}, rounds=15)
    rate, limit = products / seconds["kernel"], best_products / seconds["peak"]
    ROWS.append({"case": name, "gflops": 2e-9 * rate, "of_peak": rate / limit})
    benchmark.extra_info.update(ROWS[-1])
    benchmark(call)


@pytest.mark.parametrize("name", elementwise())
def test_bytes(benchmark, name):
    call, size = elementwise()[name]
    source = np.zeros(size // 8, F32)
    target = source.copy()
    seconds = interleave({"kernel": call, "copy": lambda: np.copyto(target, source)}, rounds=15)
    ROWS.append(
        {"case": name, "gbytes": 1e-9 * size / seconds["kernel"], "of_copy": seconds["copy"] / seconds["kernel"]}
    )
    benchmark.extra_info.update(ROWS[-1])
    benchmark(call)
