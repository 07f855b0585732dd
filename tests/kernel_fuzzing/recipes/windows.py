"""Convolutions and pools: windows that slide over images."""

import numpy as np
from kernel_calls import COMPILED

from crmsprop.kernels.geometry import ConvGeometry, window_count

U8 = np.dtype(np.uint8)


def geometry(d):
    """Half of the kinds that have a kernel of their own: Winograd's, and pixels by themselves."""
    kind, pool = d.random.random(), d.one_of(((1, 1), (1, 1), (2, 2), (1, 2), (3, 3), (4, 1), (2, 4)))
    if kind < 0.2:
        return (1, 1), ConvGeometry(relu=d.chance(0.5))
    padding = tuple(d.integer(0, 2) for _ in range(4))
    if kind < 0.5:
        return (3, 3), ConvGeometry(padding=padding, pool=pool, relu=d.chance(0.5))
    if d.chance(0.1):
        padding = (d.integer(0, 20), *padding[1:])
    kernel, stride = (d.integer(1, 4), d.integer(1, 4)), (d.integer(1, 3), d.integer(1, 3))
    return kernel, ConvGeometry(stride, padding, pool, d.chance(0.5))


def image(d, kernel, form):
    """Return height and width: the least that leaves an output, and a little more."""
    top, bottom, left, right = form.padding
    more = 9 if d.large else 3
    height = kernel[0] + (form.pool[0] - 1) * form.stride[0] - top - bottom + d.integer(0, more)
    width = kernel[1] + (form.pool[1] - 1) * form.stride[1] - left - right + d.integer(0, more)
    return max(height, 0), max(width, 0)


def channels(d):
    """Return a number of channels or of filters: a vector's about, and half of the time what Winograd takes."""
    return d.one_of((0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 16, 17, 18, 24, 31, 32, 33))


def conv2d_shapes(d):
    kernel, form = geometry(d)
    height, width = image(d, kernel, form)
    n = d.integer(8, 20) if d.large else d.one_of((0, 1, 1, 2, 3, 5))
    inputs, filters = channels(d), channels(d)
    return (n, height, width, inputs), (*kernel, inputs, filters), form


def conv2d_scratch(d):
    x, weight, form = conv2d_shapes(d)
    return {"x_shape": x, "weight_shape": weight, "geometry": form, "dtype": d.real(), "training": d.chance(0.5),
            "n_threads": d.n_threads}  # fmt: skip


def conv2d_operands(d, training):
    """What both passes have in common: x, weight, the shape of the output, places, geometry and scratch."""
    x, weight, form = conv2d_shapes(d)
    real = d.real()
    try:
        size = COMPILED.conv2d_scratch(x, weight, form, real, training, d.n_threads)
    except ValueError:  # nothing is left of the image, which the call has to say as well
        size = 0
    out = (x[0], *(max(length, 0) for length in form.pooled(*x[1:3], weight[:2])), weight[3])
    return real, d.array(real, *x), d.array(real, *weight), out, form, d.scratch(real, size)


def conv2d_forward(d):
    real, x, weight, out, form, scratch = conv2d_operands(d, False)
    return {"x": x, "weight": weight, "bias": d.maybe(d.array(real, weight.shape[3])), "out": d.unset(real, *out),
            "argmax": d.maybe(d.unset(U8, *out)), "geometry": form, "scratch": scratch, "n_threads": d.n_threads,
            "scale": d.maybe(d.array(real, weight.shape[3]))}  # fmt: skip


def conv2d_backward(d):
    real, x, weight, out, form, scratch = conv2d_operands(d, True)
    places = d.rng.integers(0, form.pool[0] * form.pool[1], out, U8) if d.chance(0.7) else d.array(U8, *out)
    return {"x": x, "weight": weight, "out": d.array(real, *out), "dy": d.array(real, *out),
            "argmax": places if form.pool != (1, 1) else d.maybe(places), "dx": d.maybe(d.unset(real, *x.shape)),
            "dweight": d.unset(real, *weight.shape), "dbias": d.maybe(d.unset(real, weight.shape[3])),
            "geometry": form, "scratch": scratch, "n_threads": d.n_threads}  # fmt: skip


def depthwise_shapes(d):
    kernel, form = geometry(d)
    form = form._replace(pool=(1, 1), relu=False)
    n = d.integer(8, 20) if d.large else d.one_of((0, 1, 1, 2, 3, 5))
    return (n, *image(d, kernel, form), channels(d)), kernel, form


def depthwise_conv2d_scratch(d):
    x, kernel, _ = depthwise_shapes(d)
    return {"images": x[0], "weight_shape": (*kernel, x[3])}


def depthwise_conv2d_forward(d):
    x, kernel, form = depthwise_shapes(d)
    real, out = d.real(), (x[0], *(max(size, 0) for size in form.convolved(*x[1:3], kernel)), x[3])
    return {"x": d.array(real, *x), "weight": d.array(real, *kernel, x[3]), "bias": d.maybe(d.array(real, x[3])),
            "out": d.unset(real, *out), "stride": form.stride, "padding": form.padding,
            "n_threads": d.n_threads}  # fmt: skip


def depthwise_conv2d_backward(d):
    x, kernel, form = depthwise_shapes(d)
    real, out = d.real(), (x[0], *(max(size, 0) for size in form.convolved(*x[1:3], kernel)), x[3])
    scratch = d.scratch(real, COMPILED.depthwise_conv2d_scratch(x[0], (*kernel, x[3])))
    return {"x": d.array(real, *x), "weight": d.array(real, *kernel, x[3]), "dy": d.array(real, *out),
            "dx": d.maybe(d.unset(real, *x)), "dweight": d.unset(real, *kernel, x[3]),
            "dbias": d.maybe(d.unset(real, x[3])), "stride": form.stride, "padding": form.padding,
            "scratch": scratch, "n_threads": d.n_threads}  # fmt: skip


def pool_shapes(d):
    pool, stride = (d.integer(1, 4), d.integer(1, 4)), (d.integer(1, 4), d.integer(1, 4))
    more = 20 if d.large else 4
    x = (d.integer(8, 20) if d.large else d.integer(0, 3), *(size + d.integer(0, more) for size in pool), channels(d))
    out = (x[0], *map(window_count, x[1:3], pool, stride), x[3])
    return x, out, {"pool": pool, "stride": stride, "n_threads": d.n_threads}


def max_pool2d_forward(d):
    x, out, how = pool_shapes(d)
    real = d.real()
    return {"x": d.array(real, *x), "out": d.unset(real, *out), "argmax": d.unset(U8, *out), **how}


def max_pool2d_backward(d):
    x, out, how = pool_shapes(d)
    real = d.real()
    return {"dy": d.array(real, *out), "argmax": d.array(U8, *out) % 20, "dx": d.unset(real, *x), **how}


def average_pool2d_forward(d):
    x, out, how = pool_shapes(d)
    real = d.real()
    return {"x": d.array(real, *x), "out": d.unset(real, *out), **how}


def average_pool2d_backward(d):
    x, out, how = pool_shapes(d)
    real = d.real()
    return {"dy": d.array(real, *out), "dx": d.unset(real, *x), **how}


RECIPES = {
    "conv2d_scratch": conv2d_scratch,
    "conv2d_forward": conv2d_forward,
    "conv2d_backward": conv2d_backward,
    "depthwise_conv2d_scratch": depthwise_conv2d_scratch,
    "depthwise_conv2d_forward": depthwise_conv2d_forward,
    "depthwise_conv2d_backward": depthwise_conv2d_backward,
    "max_pool2d_forward": max_pool2d_forward,
    "max_pool2d_backward": max_pool2d_backward,
    "average_pool2d_forward": average_pool2d_forward,
    "average_pool2d_backward": average_pool2d_backward,
}
