"""What each kernel should compute, in float64 by plain loops over Python numbers: slow, obvious, no code of crmsprop's.

Every function takes arrays of any float dtype and returns float64 arrays (or integers where the kernel has them).
"""

import itertools
import math

import numpy as np

INF = math.inf


def floats(array):
    return np.asarray(array, np.float64)


# RMSprop


def divide(a, b):
    """IEEE division: Python raises where it should not."""
    if b != 0:
        return a / b
    return math.nan if a == 0 or math.isnan(a) or math.isnan(b) else math.copysign(INF, a) * math.copysign(1.0, b)


def clipped(g, bound):
    return -bound if g < -bound else bound if g > bound else g


def rmsprop_element(
    param, grad, mean_square, mean, velocity, average, *,
    learning_rate, rho, epsilon, l2=0.0, weight_decay=0.0, centered=False, momentum=0.0, nesterov=False,
    eps_in_sqrt=False, lr_in_momentum=False, correction=1.0, clip_value=INF, scale=1.0, ema=0.0,
):  # fmt: skip
    """One step of one element: the new parameter, mean square, mean, velocity and average."""
    g = clipped(grad * scale, clip_value)
    if l2:
        g = g + l2 * param
    mean_square = rho * mean_square + (1.0 - rho) * (g * g)
    spread = mean_square * correction
    if centered:
        mean = rho * mean + (1.0 - rho) * g
        spread = spread - (mean * correction) * (mean * correction)
        spread = 0.0 if spread < 0 else spread
    root = math.sqrt(spread + epsilon) if eps_in_sqrt else math.sqrt(spread) + epsilon
    kept = (1.0 - learning_rate * weight_decay) * param
    if not momentum:
        param = kept - divide(learning_rate * g, root)
    else:
        added = divide(learning_rate * g if lr_in_momentum else g, root)
        velocity = momentum * velocity + added
        move = added + momentum * velocity if nesterov else velocity
        param = kept - (move if lr_in_momentum else learning_rate * move)
    return param, mean_square, mean, velocity, ema * average + (1.0 - ema) * param if ema else param


def rmsprop(params, grads, mean_squares, means=None, velocities=None, averages=None, sums=None, **options):
    """One step of flat sequences: new params, mean squares, means, velocities and averages as arrays.

    State that is not given is 0; `sums` are added to `grads`.
    """
    grads = np.asarray(grads, np.float64) if sums is None else floats(sums) + floats(grads)
    columns = (params, grads, mean_squares, means, velocities, averages)
    full = [np.zeros(len(grads)) if column is None else floats(column) for column in columns]
    rows = [rmsprop_element(*row, **options) for row in zip(*(column.tolist() for column in full), strict=True)]
    return tuple(np.array([row[i] for row in rows], np.float64) for i in range(5))


# dense


def dense_forward(x, weight, bias=None, relu=False):
    rows, columns = floats(x).tolist(), floats(weight).T.tolist()
    start = [0.0] * len(columns) if bias is None else floats(bias).tolist()
    out = np.zeros((x.shape[0], weight.shape[1]))
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            total = start[j] + sum(a * b for a, b in zip(row, column, strict=True))
            out[i, j] = 0.0 if relu and total < 0 else total
    return out


def dense_backward(x, weight, dy):
    """Returns dx, dweight, dbias."""
    dbias = np.array([math.fsum(column) for column in floats(dy).T.tolist()] or np.zeros(0))
    return dense_forward(dy, weight.T), dense_forward(x.T, dy), dbias.reshape(weight.shape[1])


# convolution


def taps(size, kernel, stride, before, after):
    """For each output position along one axis, the pairs (tap, pixel) that lie in the image."""
    count = len(range(0, size + before + after - kernel + 1, stride))
    reach = [[(tap, y * stride + tap - before) for tap in range(kernel)] for y in range(count)]
    return [[(tap, pixel) for tap, pixel in pairs if 0 <= pixel < size] for pairs in reach]


def conv2d(x, weight, bias=None, stride=(1, 1), padding=(0, 0, 0, 0)):
    """Convolution and bias alone: (n, rows, columns, filters)."""
    images, weights = floats(x).tolist(), floats(weight).tolist()
    rows = taps(x.shape[1], weight.shape[0], stride[0], *padding[:2])
    columns = taps(x.shape[2], weight.shape[1], stride[1], *padding[2:])
    out = np.zeros((len(images), len(rows), len(columns), weight.shape[3]))
    for (n, image), (r, row), (c, column) in itertools.product(*map(enumerate, (images, rows, columns))):
        sums = [0.0] * weight.shape[3] if bias is None else floats(bias).tolist()
        for (i, y), (j, z) in itertools.product(row, column):
            for value, filters in zip(image[y][z], weights[i][j], strict=True):
                for f, w in enumerate(filters):
                    sums[f] += value * w
        out[n, r, c] = sums
    return out


def conv2d_backward(x, weight, gradient, stride=(1, 1), padding=(0, 0, 0, 0)):
    """Returns dx, dweight, dbias from the gradient to the convolution's own output."""
    images, weights, gradients = (floats(array).tolist() for array in (x, weight, gradient))
    rows = taps(x.shape[1], weight.shape[0], stride[0], *padding[:2])
    columns = taps(x.shape[2], weight.shape[1], stride[1], *padding[2:])
    dx, dweight, dbias = (np.zeros(shape).tolist() for shape in (x.shape, weight.shape, weight.shape[3]))
    for n, (r, row), (c, column) in itertools.product(range(len(images)), enumerate(rows), enumerate(columns)):
        arriving = [(f, g) for f, g in enumerate(gradients[n][r][c]) if g != 0]
        for f, g in arriving:
            dbias[f] += g
        for ((i, y), (j, z)), channel in itertools.product(itertools.product(row, column), range(x.shape[3])):
            value, filters, sums = images[n][y][z][channel], weights[i][j][channel], dweight[i][j][channel]
            for f, g in arriving:
                sums[f] += value * g
                dx[n][y][z][channel] += filters[f] * g
    shaped = zip((dx, dweight, dbias), (x.shape, weight.shape, weight.shape[3]), strict=True)
    return tuple(np.array(values, np.float64).reshape(shape) for values, shape in shaped)


# max-pool


def windows(shape, pool, stride):
    """Every output place (n, row, column, channel) with the places in x of its window, row by row."""
    rows = range((shape[1] - pool[0]) // stride[0] + 1)
    columns = range((shape[2] - pool[1]) // stride[1] + 1)
    for n, r, c, channel in itertools.product(range(shape[0]), rows, columns, range(shape[3])):
        offsets = itertools.product(range(pool[0]), range(pool[1]))
        yield (n, r, c, channel), [(n, r * stride[0] + i, c * stride[1] + j, channel) for i, j in offsets]


def pooled_shape(shape, pool, stride):
    return (
        shape[0],
        max((shape[1] - pool[0]) // stride[0] + 1, 0),
        max((shape[2] - pool[1]) // stride[1] + 1, 0),
        shape[3],
    )


def max_pool2d(x, pool, stride):
    """Returns the largest values, their places in the window (the last NaN, else the first largest), and how much
    larger each is than the runner-up in its window: where that is next to nothing, rounding decides the place.
    """
    shape = pooled_shape(x.shape, pool, stride)
    out, argmax, lead = np.zeros(shape), np.zeros(shape, np.int64), np.full(shape, INF)
    for to, sources in windows(x.shape, pool, stride):
        values = [float(x[source]) for source in sources]
        nans = [k for k, value in enumerate(values) if math.isnan(value)]
        best = nans[-1] if nans else values.index(max(values))
        out[to], argmax[to] = values[best], best
        lead[to] = min((values[best] - value for k, value in enumerate(values) if k != best), default=INF)
    return out, argmax, lead


def max_pool2d_backward(dy, argmax, shape, pool, stride):
    dx = np.zeros(shape)
    for to, sources in windows(shape, pool, stride):
        if argmax[to] < len(sources):
            dx[sources[argmax[to]]] += float(dy[to])
    return dx


def average_pool2d(x, pool, stride):
    out = np.zeros(pooled_shape(x.shape, pool, stride))
    for to, sources in windows(x.shape, pool, stride):
        out[to] = sum(float(x[source]) for source in sources) / len(sources)
    return out


def average_pool2d_backward(dy, shape, pool, stride):
    dx = np.zeros(shape)
    for to, sources in windows(shape, pool, stride):
        for source in sources:
            dx[source] += float(dy[to]) / len(sources)
    return dx


# depthwise convolution


def depthwise_conv2d(x, weight, bias=None, stride=(1, 1), padding=(0, 0, 0, 0)):
    rows = taps(x.shape[1], weight.shape[0], stride[0], *padding[:2])
    columns = taps(x.shape[2], weight.shape[1], stride[1], *padding[2:])
    out = np.zeros((len(x), len(rows), len(columns), x.shape[3]))
    for n, r, c, k in np.ndindex(out.shape):
        total = 0.0 if bias is None else float(bias[k])
        for (i, y), (j, z) in itertools.product(rows[r], columns[c]):
            total += float(x[n, y, z, k]) * float(weight[i, j, k])
        out[n, r, c, k] = total
    return out


def depthwise_conv2d_backward(x, weight, dy, stride=(1, 1), padding=(0, 0, 0, 0)):
    """Returns dx, dweight, dbias."""
    rows = taps(x.shape[1], weight.shape[0], stride[0], *padding[:2])
    columns = taps(x.shape[2], weight.shape[1], stride[1], *padding[2:])
    dx, dweight, dbias = np.zeros(x.shape), np.zeros(weight.shape), np.zeros(weight.shape[2])
    for n, r, c, k in np.ndindex(dy.shape):
        g = float(dy[n, r, c, k])
        dbias[k] += g
        for (i, y), (j, z) in itertools.product(rows[r], columns[c]):
            dx[n, y, z, k] += g * float(weight[i, j, k])
            dweight[i, j, k] += g * float(x[n, y, z, k])
    return dx, dweight, dbias


# softmax


def softmax(logits):
    return np.array([_softmax_row(row) for row in floats(logits).tolist()]).reshape(logits.shape)


def _softmax_row(row):
    largest = max(row, default=0.0)
    exponentials = [math.exp(value - largest) for value in row]
    return [value / math.fsum(exponentials) for value in exponentials]


def cross_entropy(logits, labels, weights, others=None, shares=None, smoothing=0.0):
    """Returns losses, hits and the gradient, from finite logits."""
    losses, hits, gradient = np.zeros(len(logits)), np.zeros(len(logits), np.uint8), np.zeros(logits.shape)
    for i, row in enumerate(floats(logits).tolist()):
        other, share = (labels[i], 1.0) if others is None else (others[i], float(shares[i]))
        largest = max(row)
        total = math.log(math.fsum(math.exp(value - largest) for value in row)) + largest
        target = [share * (j == labels[i]) + (1 - share) * (j == other) for j in range(len(row))]
        target = [(1 - smoothing) * q + smoothing / len(row) for q in target]
        losses[i] = math.fsum(q * (total - value) for q, value in zip(target, row, strict=True))
        hits[i] = row.index(largest) == (labels[i] if share >= 0.5 else other)
        gradient[i] = [float(weights[i]) * (p - q) for p, q in zip(_softmax_row(row), target, strict=True)]
    return losses, hits, gradient


def _pointwise(output, target, kind, parameter):
    """Loss and slope of one output."""
    error = output - target
    if kind == "squared_error":
        return error**2, 2 * error
    if kind == "absolute_error":
        return abs(error), float(error > 0) - float(error < 0)
    if kind == "huber":
        near = abs(error) <= parameter
        loss = error**2 / 2 if near else parameter * (abs(error) - parameter / 2)
        return loss, error if near else math.copysign(parameter, error)
    if kind == "poisson_deviance":
        mean = math.exp(output)
        entropy = target * (math.log(target) - output) if target > 0 else 0.0
        return 2 * (entropy - target + mean), 2 * (mean - target)
    wanted = (1 - parameter) * target + parameter / 2
    small = math.exp(-abs(output))
    probability = (1.0 if output > 0 else small) / (1 + small)
    return max(output, 0.0) - output * wanted + math.log1p(small), probability - wanted


def pointwise_loss(output, target, weights, kind, parameter=0.0):
    """Returns losses, hits and the gradient, from finite outputs."""
    losses, hits, gradient = np.zeros(len(output)), np.zeros(len(output), np.uint8), np.zeros(output.shape)
    for i, (row, wanted) in enumerate(zip(floats(output).tolist(), floats(target).tolist(), strict=True)):
        found = [_pointwise(o, t, kind, parameter) for o, t in zip(row, wanted, strict=True)]
        losses[i] = math.fsum(loss for loss, _ in found) / len(row)
        gradient[i] = [float(weights[i]) / len(row) * slope for _, slope in found]
        hits[i] = all((o > 0) == (t >= 0.5) for o, t in zip(row, wanted, strict=True))
    return losses, hits, gradient


# element by element


def relu(x):
    return np.array([0.0 if value < 0 else value for value in floats(x).ravel().tolist()]).reshape(x.shape)


def relu_backward(out, dy):
    pairs = zip(floats(out).ravel().tolist(), floats(dy).ravel().tolist(), strict=True)
    return np.array([g if value > 0 else 0.0 for value, g in pairs]).reshape(out.shape)


def splitmix64(key, counter):
    """Output number `counter` of the generator SplitMix64 (Steele, Lea and Flood 2014) with seed `key`."""
    mask = (1 << 64) - 1
    z = (key + (counter + 1) * 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return z ^ (z >> 31)


def dropout_mask(size, rate, key):
    """True where element i is kept: its half of output i // 2, low half first, as a fraction is at least `rate`."""
    halves = ((splitmix64(key, i // 2) >> (32 * (i % 2))) & 0xFFFFFFFF for i in range(size))
    return np.array([half >= math.floor(rate * 2**32) for half in halves], bool)


def gather(source, indices, scale):
    rows = floats(source).tolist()
    taken = [rows[index] for index in indices.tolist()]
    return np.array(taken, np.float64).reshape(len(indices), *source.shape[1:]) * scale


# augmentation, one pixel after the other


def sampled(image, matrix, fill_mode="nearest", fill_value=0.0, interpolation="bilinear"):
    """The image read at ``matrix @ (row, column, 1)``, and how far each coordinate is from a tie of "nearest"."""
    height, width, channels = image.shape
    out, lead = np.zeros(image.shape), np.zeros((height, width))
    for row in range(height):
        for column in range(width):
            y, x = (float(m[0]) * row + float(m[1]) * column + float(m[2]) for m in matrix)
            lead[row, column] = min(abs(v - math.floor(v) - 0.5) for v in (y, x))
            for k in range(channels):
                out[row, column, k] = _read(image[:, :, k], y, x, fill_mode, fill_value, interpolation)
    return out, lead


def _read(plane, y, x, fill_mode, fill_value, interpolation):
    if interpolation == "nearest":
        return _pixel(plane, math.floor(y + 0.5), math.floor(x + 0.5), fill_mode, fill_value)
    top, left = math.floor(y), math.floor(x)
    corners = [(i, j) for i in (0, 1) for j in (0, 1)]
    shares = [(1 - abs(y - top - i)) * (1 - abs(x - left - j)) for i, j in corners]
    values = [_pixel(plane, top + i, left + j, fill_mode, fill_value) for i, j in corners]
    return math.fsum(share * value for share, value in zip(shares, values, strict=True))


def _pixel(plane, row, column, fill_mode, fill_value):
    height, width = plane.shape
    if fill_mode == "constant":
        return float(plane[row, column]) if 0 <= row < height and 0 <= column < width else fill_value
    inside = _mirrored if fill_mode == "reflect" else _clamped
    return float(plane[inside(row, height), inside(column, width)])


def _clamped(place, size):
    return min(max(place, 0), size - 1)


def _mirrored(place, size):
    """Step by step, turning round behind the first pixel and behind the last."""
    while not 0 <= place < size:
        place = -1 - place if place < 0 else 2 * size - 1 - place
    return place


def toned(image, source, gain, share):
    """The tones of an image, by the mean of each channel of its source."""
    means = [math.fsum(floats(source)[..., k].ravel()) / source[..., k].size for k in range(source.shape[2])]
    out = gain * image + share * np.array(means)
    return out.clip(0, 255) if source.dtype == np.uint8 else out
