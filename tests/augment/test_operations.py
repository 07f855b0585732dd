"""Each operation against a loop over the pixels, with the numbers that it draws found out from their definition."""

import math
from pathlib import Path

import numpy as np
import oracles
import pytest
from scipy import ndimage, stats

from crmsprop.augment import (
    Brightness,
    Changes,
    Contrast,
    Crop,
    Cutout,
    Flip,
    Mixup,
    Numbers,
    Rotation,
    Translation,
    Zoom,
)
from crmsprop.augment.batches import Augmenter, Drawn

SHAPES = [(1, 1, 1), (6, 6, 3), (5, 9, 2), (8, 3, 1)]
DTYPES = [np.uint8, np.float32, np.float64]
SEED, EPOCH = 5, 2


def images(shape, dtype=np.float64, n=6):
    rng = np.random.default_rng([*shape])
    whole = rng.integers(0, 256, (n, *shape), np.uint8)
    return whole if dtype == np.uint8 else rng.normal(0, 9, (n, *shape)).astype(dtype)


def fractions(place, stream, n=6):
    """The number in [0, 1) of each image: SplitMix64 of a key that (seed, epoch, domain, place, stream) make."""
    key = 0
    for word in (SEED, EPOCH, int.from_bytes(b"augment", "big"), place, stream):
        key = oracles.splitmix64(key ^ word, 0)
    return [(oracles.splitmix64(key, i) >> 11) / 2**53 for i in range(n)]


def between(low, high, place=0, stream=0):
    return [low + (high - low) * fraction for fraction in fractions(place, stream)]


def close(got, expected, dtype, scale=9.0):
    """uint8 is rounded."""
    tolerance = {np.uint8: 0.5 + 1e-3, np.float32: 1e-4 * scale, np.float64: 1e-11 * scale}[dtype]
    assert got.dtype == dtype
    np.testing.assert_allclose(got.astype(np.float64), expected, rtol=0, atol=tolerance)


def centred(matrix, shape, shift=(0.0, 0.0)):
    """(row, column, 1) of the output to the row and column of the source: about the centre, then moved."""
    (a, b), (c, d) = matrix
    y, x = (shape[0] - 1) / 2, (shape[1] - 1) / 2
    return [[a, b, y - a * y - b * x + shift[0]], [c, d, x - c * y - d * x + shift[1]]]


def turned(angle):
    return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])


def moved(source, matrices, **sampling):
    return np.array([oracles.sampled(x, m, **sampling)[0] for x, m in zip(source, matrices, strict=True)])


def test_numbers_are_those_of_their_definition():
    numbers = Numbers(SEED, EPOCH, 3, np.arange(6))
    assert numbers.uniform(7).tolist() == fractions(3, 7)
    np.testing.assert_allclose(numbers.uniform(7, -2.0, 5.0), between(-2.0, 5.0, 3, 7), rtol=1e-15)
    assert numbers.integers(7, 10).tolist() == [math.floor(10 * fraction) for fraction in fractions(3, 7)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("rate", [0.0, 0.5, 1.0])
def test_flip(shape, dtype, rate):
    source = images(shape, dtype)
    got = Flip(rate)(source, SEED, EPOCH)
    expected = [x[:, ::-1] if fraction < rate else x for x, fraction in zip(source, fractions(0, 0), strict=True)]
    assert got.tobytes() == np.array(expected).tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_rotation(shape, dtype):
    source = images(shape, dtype)
    matrices = [centred(turned(math.radians(angle)), shape) for angle in between(-30, 30)]
    close(Rotation(30)(source, SEED, EPOCH), moved(source, matrices), dtype)


def test_rotation_against_scipy():
    source = images((7, 7, 2))
    for image, got, angle in zip(source, Rotation(180)(source, SEED, EPOCH), between(-180, 180), strict=True):
        expected = ndimage.rotate(image, -angle, reshape=False, order=1, mode="nearest")
        np.testing.assert_allclose(got, expected, atol=1e-9)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("width", [None, 0.0, 0.4])
def test_translation(shape, dtype, width):
    source, largest = images(shape, dtype), 0.2 if width is None else width
    pairs = zip(between(-0.2, 0.2), between(-largest, largest, stream=1), strict=True)
    matrices = [centred(np.eye(2), shape, (shape[0] * y, shape[1] * x)) for y, x in pairs]
    close(Translation(0.2, width)(source, SEED, EPOCH), moved(source, matrices), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("width", [None, 0.0, 0.4])
def test_zoom(shape, dtype, width):
    source, rows = images(shape, dtype), between(0.7, 1.3)
    columns = rows if width is None else between(1 - width, 1 + width, stream=1)
    matrices = [centred([[y, 0], [0, x]], shape) for y, x in zip(rows, columns, strict=True)]
    close(Zoom(0.3, width)(source, SEED, EPOCH), moved(source, matrices), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("mode", "pad"), [("nearest", "edge"), ("constant", "constant"), ("reflect", "symmetric")])
def test_crop(shape, dtype, mode, pad):
    """As it is described: pad, and cut out of it."""
    source, expected = images(shape, dtype), []
    for image, y, x in zip(source, fractions(0, 0), fractions(0, 1), strict=True):
        padded = np.pad(image, ((4, 4), (4, 4), (0, 0)), mode=pad)
        top, left = math.floor(9 * y), math.floor(9 * x)
        expected.append(padded[top : top + shape[0], left : left + shape[1]])
    assert Crop(4, fill_mode=mode)(source, SEED, EPOCH).tobytes() == np.array(expected).tobytes()


@pytest.mark.parametrize("sampling", [{"fill_mode": "reflect"}, {"fill_mode": "constant", "fill_value": 7.0}])
def test_a_sum_is_one_interpolation_in_its_order(sampling):
    """The image is moved, then turned, then shrunk: its pixels are found by the same maps, the last one first."""
    shape, source, matrices = (6, 9, 3), images((6, 9, 3)), []
    rows, columns = between(-0.2, 0.2, 0, 0), between(-0.2, 0.2, 0, 1)
    for y, x, angle, zoom in zip(rows, columns, between(-40, 40, 1), between(0.5, 1.5, 2), strict=True):
        matrices.append(centred(zoom * turned(math.radians(angle)), shape, (6 * y, 9 * x)))
    augmentation = Translation(0.2) + Rotation(40, **sampling) + Zoom(0.5)
    close(augmentation(source, SEED, EPOCH), moved(source, matrices, **sampling), np.float64)


def test_the_order_of_a_sum_matters():
    """What is moved before it is turned goes elsewhere."""
    shape, source, matrices = (6, 9, 3), images((6, 9, 3)), []
    rows, columns = between(-0.2, 0.2, 1, 0), between(-0.2, 0.2, 1, 1)
    for y, x, angle in zip(rows, columns, between(-40, 40, 0), strict=True):
        turn = turned(math.radians(angle))
        matrices.append(centred(turn, shape, turn @ [6 * y, 9 * x]))
    close((Rotation(40) + Translation(0.2))(source, SEED, EPOCH), moved(source, matrices), np.float64)


def test_nearest_interpolation_takes_pixels_as_they_are():
    source = images((6, 9, 3), np.uint8)
    got = (Rotation(40, interpolation="nearest") + Translation(0.3))(source, SEED, EPOCH)
    for image, original in zip(got, source, strict=True):
        pixels = {tuple(pixel) for pixel in original.reshape(-1, 3).tolist()}
        assert {tuple(pixel) for pixel in image.reshape(-1, 3).tolist()} <= pixels
    assert (got != source).any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_brightness(shape, dtype):
    source = images(shape, dtype)
    expected = np.array([factor * x for x, factor in zip(source.astype(float), between(0.4, 1.6), strict=True)])
    close(Brightness(0.6)(source, SEED, EPOCH), expected.clip(0, 255) if dtype == np.uint8 else expected, dtype)


def contrasted(image, factor):
    mean = image.mean(axis=(0, 1))
    return (image - mean) * factor + mean


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("contrast_first", [True, False])
def test_contrast_and_brightness_in_both_orders(shape, dtype, contrast_first):
    source, place = images(shape, dtype), int(contrast_first)
    expected = []
    for x, c, b in zip(source.astype(float), between(0.2, 1.8, 1 - place), between(0.6, 1.4, place), strict=True):
        expected.append(b * contrasted(x, c) if contrast_first else contrasted(b * x, c))
    augmentation = Contrast(0.8) + Brightness(0.4) if contrast_first else Brightness(0.4) + Contrast(0.8)
    expected = np.array(expected).clip(0, 255) if dtype == np.uint8 else np.array(expected)
    close(augmentation(source, SEED, EPOCH), expected, dtype, scale=30.0)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 100])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_cutout(shape, size):
    source, expected = images(shape), images(shape).copy()
    for image, y, x in zip(expected, fractions(0, 0), fractions(0, 1), strict=True):
        top, left = math.floor(shape[0] * y) - size // 2, math.floor(shape[1] * x) - size // 2
        image[max(top, 0) : top + size, max(left, 0) : left + size] = 2.5
    np.testing.assert_array_equal(Cutout(size, 2.5)(source, SEED, EPOCH), expected)


def test_several_cutouts_come_last():
    """Neither turned nor brightened: upright rectangles of their own values."""
    source = images((20, 20, 1), np.uint8).clip(10, 100)
    got = (Cutout(5, 0) + Rotation(45) + Cutout(3, 255) + Brightness(0.5))(source, SEED, EPOCH)
    for image in got[..., 0]:
        rows, columns = np.nonzero(image == 255)
        assert len(rows) == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
        assert 4 <= len(rows) <= 9
        assert np.sum(image == 0) <= 25


@pytest.mark.parametrize("alpha", [0.2, 1.0, 5.0])
def test_mixup(alpha):
    """The partner comes as the epoch augments it, and the shares are those of a beta distribution."""
    source = images((5, 4, 2))
    plain = Flip(0.5)(source, SEED, EPOCH)
    partners = [math.floor(6 * fraction) for fraction in fractions(1, 0)]
    shares = stats.beta.ppf(fractions(1, 1), alpha, alpha)
    expected = [s * plain[i] + (1 - s) * plain[j] for i, (s, j) in enumerate(zip(shares, partners, strict=True))]
    np.testing.assert_allclose((Flip(0.5) + Mixup(alpha))(source, SEED, EPOCH), expected, rtol=1e-9, atol=1e-9)


class Fixed:
    """Numbers that are not drawn: one list a stream."""

    def __init__(self, *streams):
        self.streams = streams

    def uniform(self, stream, low, high):
        assert np.all((low <= self.streams[stream]) & (self.streams[stream] <= high))
        return self.streams[stream]


@pytest.mark.parametrize("mode", ["nearest", "reflect"])
def test_a_sum_in_the_order_of_keras_is_kerass(mode):
    """ImageDataGenerator turns, then moves, then zooms: frozen images from golden/make_augment.py."""
    with np.load(Path(__file__).parent.parent / "golden" / "augment.npz") as archive:
        image, (degrees, rows, columns, tall, wide), expected = archive["image"], archive["runs"].T, archive[mode]
    changes = Changes(len(degrees), image.shape)
    Rotation(40).draw(Fixed(degrees), changes)
    Translation(0.5).draw(Fixed(rows / 8, columns / 8), changes)
    Zoom(0.3, 0.3).draw(Fixed(tall - 1, wide - 1), changes)
    drawn = Drawn(np.zeros(8, np.int64), changes.maps(), None, changes.holes(), changes.hole_values())
    got = np.empty_like(expected)
    Augmenter(Rotation(40, fill_mode=mode), image[None], None, 1.0, np.float64, 1).fill(drawn, got)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)
