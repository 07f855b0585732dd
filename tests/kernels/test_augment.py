"""Augmentation against a loop over the pixels in float64, and against scipy.ndimage; the same bits on every build."""

import functools
import itertools
import math

import numpy as np
import oracles
import pytest
from kernel_calls import COMPILED, IMPLEMENTATIONS, ISAS, augment, bits, implementation
from scipy import ndimage

from crmsprop.kernels.sampling import FILL_MODES, INTERPOLATIONS, Sampling

SHAPES = [(1, 1, 1), (1, 1, 70), (7, 5, 3), (5, 16, 1), (1, 17, 2), (18, 1, 4), (3, 33, 5), (9, 4, 70), (6, 8, 3)]
KINDS = [np.uint8, np.float32, np.float64]
IDENTITY = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
SAMPLINGS = [Sampling(mode, 3.5, kind) for mode, kind in itertools.product(FILL_MODES, INTERPOLATIONS)]


@functools.cache
def images(shape, kind, n=4):
    rng = np.random.default_rng([*shape, n])
    return (
        rng.integers(0, 256, (n, *shape), np.uint8) if kind is np.uint8 else rng.normal(0, 9, (n, *shape)).astype(kind)
    )


@functools.cache
def maps(shape, n=5, seed=0):
    """Turned, stretched and moved, about the centre, and partly beyond the edge."""
    rng = np.random.default_rng(seed)
    centre = (np.array(shape[:2]) - 1) / 2
    matrices = rng.normal(0, 1, (n, 2, 2))
    shifts = centre - matrices @ centre + rng.uniform(-0.7, 0.7, (n, 2)) * shape[:2]
    return np.concatenate([matrices, shifts[:, :, None]], axis=2)


def whole_maps(shape):
    """Flips and moves by whole pixels: none, near, and so far that all of the source is left behind, several times."""
    height, width = shape[:2]
    shifts = [(0, 0), (1, -2), (-height, width), (5 * height + 3, -7 * width - 2), (2**29, -(2**29))]
    found = [[[1, 0, y], [0, 1, x]] for y, x in shifts]
    found += [[[1, 0, 0], [0, -1, width - 1]], [[-1, 0, height + 1], [0, 1, -1]], [[-1, 0, -5], [0, -1, 3 * width]]]
    return np.array(found, np.float64)


def close(got, expected, dtype, scale=0.0):
    """float32 knows a coordinate to some 1e-6 pixels, between neighbours that may differ by twice the largest value."""
    tolerance = (1e-4 if dtype == np.float32 else 1e-12) * np.abs(expected).max(initial=scale)
    np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("sampling", SAMPLINGS, ids=lambda s: f"{s.fill_mode}-{s.interpolation}")
def test_any_map(kernel, dtype, shape, sampling):
    source, indices = images(shape, np.float64), np.array([2, 0, 3, 3, 1])
    got = augment(kernel, source, indices, maps(shape), dtype, sampling=sampling)
    for i, index in enumerate(indices):
        expected, lead = oracles.sampled(source[index], maps(shape)[i], *sampling)
        sure = lead > 1e-4 if sampling.interpolation == "nearest" else np.ones_like(lead, bool)
        assert sure.mean() > 0.5
        close(got[i][sure], expected[sure], dtype, scale=np.abs(source).max())


@pytest.mark.parametrize("kind", KINDS)
def test_every_dtype_of_images(kernel, dtype, kind):
    source, indices = images((7, 5, 3), kind), np.arange(4)
    got = augment(kernel, source, indices, maps((7, 5, 3), 4), dtype, scale=1 / 255)
    expected = [oracles.sampled(source[i], maps((7, 5, 3), 4)[i])[0] / 255 for i in range(4)]
    close(got, np.array(expected), dtype)


@pytest.mark.parametrize("mode", FILL_MODES)
@pytest.mark.parametrize("shape", [(32, 32, 3), (28, 28, 1), (9, 40, 6)], ids=str)
def test_against_scipy(kernel, dtype, mode, shape):
    """scipy reads with mode "grid-constant" what lies around an image, and mirrors as we do."""
    source = images(shape, np.float64, 3)
    got = augment(kernel, source, np.arange(3), maps(shape, 3), dtype, sampling=Sampling(mode, 2.5))
    name = "grid-constant" if mode == "constant" else mode
    for i, k in itertools.product(range(3), range(shape[2])):
        matrix, offset = maps(shape, 3)[i][:, :2], maps(shape, 3)[i][:, 2]
        expected = ndimage.affine_transform(source[i, :, :, k], matrix, offset, order=1, mode=name, cval=2.5)
        close(got[i, :, :, k], expected, dtype, scale=np.abs(source).max())


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("mode", FILL_MODES)
def test_whole_pixels_are_copied(kernel, dtype, shape, mode):
    """To the bit, as NumPy's indices do it."""
    chosen, source = whole_maps(shape), images(shape, np.float32, 1)
    got = augment(kernel, source, np.zeros(len(chosen), np.int64), chosen, dtype, sampling=Sampling(mode, 3.5))
    for image, matrix in zip(got, chosen, strict=True):
        rows, columns = (
            (np.arange(size) * int(row[axis]) + int(row[2]))
            for axis, (size, row) in enumerate(zip(shape, matrix, strict=False))
        )
        period = [2 * size for size in shape[:2]]
        if mode == "reflect":
            rows, columns = (np.minimum(v % p, p - 1 - v % p) for v, p in zip((rows, columns), period, strict=True))
        inside = ((rows >= 0) & (rows < shape[0]))[:, None] & ((columns >= 0) & (columns < shape[1]))[None]
        near = source[0][np.clip(rows, 0, shape[0] - 1)][:, np.clip(columns, 0, shape[1] - 1)]
        expected = np.where(inside[..., None], near, 3.5) if mode == "constant" else near
        np.testing.assert_array_equal(image, expected.astype(dtype))


def test_a_map_that_does_nothing_is_a_gather(kernel, dtype):
    for kind in KINDS:
        source, indices = images((7, 5, 3), kind), np.array([3, 0, 0])
        got = augment(kernel, source, indices, np.array([IDENTITY] * 3), dtype, scale=1 / 255)
        expected = np.empty((3, 7, 5, 3), dtype)
        kernel.gather(source, indices, expected, 1 / 255, 2)
        assert bits(got) == bits(expected)


TONES = np.array([[1.0, 0.0], [0.5, 0.0], [1.5, -0.5], [0.0, 1.0], [3.0, -1.0], [-1.0, 0.25]])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 5, 3), (3, 33, 5), (9, 4, 70)], ids=str)
def test_tones(kernel, dtype, kind, shape):
    source, indices = images(shape, kind), np.array([0, 1, 2, 3, 0, 1])
    got = augment(kernel, source, indices, maps(shape, 6), dtype, tones=TONES)
    for i, index in enumerate(indices):
        moved, _ = oracles.sampled(source[index], maps(shape, 6)[i])
        close(
            got[i], oracles.toned(moved, source[index], *TONES[i]), dtype, scale=3 * np.abs(source.astype(float)).max()
        )


def test_uint8_is_cut_off_and_others_are_not(kernel, dtype):
    tones, indices = np.array([[3.0, 0.0], [-3.0, 0.0]]), np.array([0, 0])
    for kind, expected in ((np.uint8, [255, 0]), (np.float32, [300, -300])):
        source = np.full((1, 2, 2, 1), 100, kind)
        got = augment(kernel, source, indices, np.array([IDENTITY] * 2), dtype, tones=tones)
        np.testing.assert_array_equal(got, np.broadcast_to(np.reshape(expected, (2, 1, 1, 1)), got.shape))


@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 5, 3), (9, 4, 70)], ids=str)
def test_holes_are_the_last_of_the_pixels(kernel, dtype, shape):
    height, width, _ = shape
    holes = np.array([[[0, 0, height, width], [0, 0, 1, 1]], [[0, 0, 0, 0], [height // 2, 0, height, width // 2]]])
    source = images(shape, np.uint8)
    got = augment(kernel, source, np.array([0, 1]), maps(shape, 2), dtype, TONES[2:4], holes, (7.0, -300.0), scale=0.5)
    plain = augment(kernel, source, np.array([0, 1]), maps(shape, 2), dtype, TONES[2:4], scale=0.5)
    for image, expected, two in zip(got, plain, holes, strict=True):
        for (top, left, bottom, right), value in zip(two, (7.0, -300.0), strict=True):
            expected[top:bottom, left:right] = 0.5 * value
        np.testing.assert_array_equal(image, expected)


def test_a_mix_with_what_is_there(kernel, dtype):
    source, shares = images((7, 5, 3), np.uint8), np.array([0.0, 0.25, 1.0])
    before = np.random.default_rng(0).standard_normal((3, 7, 5, 3)).astype(dtype)
    got = augment(kernel, source, np.arange(3), maps((7, 5, 3), 3), dtype, shares=shares, before=before, scale=1 / 255)
    plain = augment(kernel, source, np.arange(3), maps((7, 5, 3), 3), dtype, scale=1 / 255)
    share = shares[:, None, None, None]
    close(got, share * plain.astype(np.float64) + (1 - share) * before, np.dtype(np.float32))


def test_rows_that_lie_apart(kernel, dtype):
    wide = images((7, 5, 3), np.uint8, 9)
    indices = np.array([2, 0, 2, 1])
    for source in (wide[::2], wide[::-1], np.broadcast_to(wide[:1], wide.shape), wide[:, 2:6]):
        own = np.ascontiguousarray(source)
        chosen = maps(source.shape[1:], 4)
        assert bits(augment(kernel, source, indices, chosen, dtype)) == bits(
            augment(kernel, own, indices, chosen, dtype)
        )


@pytest.mark.parametrize("shape", [(0, 3, 2), (3, 0, 2), (3, 2, 0)], ids=str)
def test_no_pixels(kernel, dtype, shape):
    source = np.zeros((2, *shape), np.uint8)
    assert augment(kernel, source, np.array([0, 1]), np.array([IDENTITY] * 2), dtype).shape == (2, *shape)
    assert augment(kernel, source[:0], np.zeros(0, np.int64), np.zeros((0, 2, 3)), dtype).shape == (0, *shape)


def test_numbers_that_are_none_stay_where_they_are(kernel, dtype):
    """A NaN spoils what is read beside it, and nothing in another image."""
    source = images((7, 5, 3), np.float32, 2).copy()
    source[0, 3, 3, 1] = np.nan
    got = augment(kernel, source, np.array([0, 1, 0]), maps((7, 5, 3), 3), dtype)
    assert np.isfinite(got[1]).all()
    assert np.isfinite(got[..., [0, 2]]).all()


# the same bits


def everything(kernel, dtype, kind, n_threads=2, order=slice(None)):
    """All that can happen to an image at once; images enough for several threads."""
    shape, n, rng = (9, 11, 3), 61, np.random.default_rng(1)
    source, indices = images(shape, kind, 20), rng.integers(0, 20, n)
    chosen = maps(shape, n).copy()
    chosen[::7] = whole_maps(shape)[-1]
    tones, shares = rng.normal(1, 0.3, (n, 2)), rng.random(n)
    tones[::5] = 1, 0
    corners = np.sort(rng.integers(0, 10, (n, 2, 2, 2)), axis=2).reshape(n, 2, 4)
    before = rng.standard_normal((n, *shape)).astype(dtype)
    rows = [np.ascontiguousarray(array[order]) for array in (indices, chosen, tones, corners)]
    more = {"shares": shares[order], "before": before[order], "scale": 1 / 255, "n_threads": n_threads}
    more["sampling"] = Sampling("reflect", interpolation="bilinear")
    return augment(kernel, source, *rows[:2], dtype, *rows[2:], (1.0, 2.0), **more)


@pytest.mark.parametrize("kind", KINDS)
def test_on_any_number_of_threads_and_for_an_image_alone(compiled, dtype, kind):
    whole = everything(compiled, dtype, kind, 1)
    for n_threads in (2, 3, 7):
        assert bits(everything(compiled, dtype, kind, n_threads)) == bits(whole)
    for i in (0, 7, 33, 60):
        assert bits(everything(compiled, dtype, kind, order=slice(i, i + 1))) == bits(whole[i : i + 1])


@pytest.mark.parametrize("kind", KINDS)
def test_on_every_instruction_set_and_in_numpy(dtype, kind):
    found = set()
    for name in IMPLEMENTATIONS:
        with implementation(name) as kernel:
            found.add(bits(everything(kernel, dtype, kind)))
    assert len(found) == 1


@pytest.mark.parametrize("sampling", SAMPLINGS, ids=lambda s: f"{s.fill_mode}-{s.interpolation}")
def test_every_sampling_and_shape_has_numpys_bits(dtype, sampling):
    for shape in SHAPES:
        found = set()
        for name in IMPLEMENTATIONS:
            with implementation(name) as kernel:
                found.add(
                    bits(
                        augment(
                            kernel, images(shape, np.uint8), np.arange(4), maps(shape, 4, 3), dtype, sampling=sampling
                        )
                    )
                )
        assert len(found) == 1


def test_scratch_is_for_as_many_threads_as_it_was_asked_for():
    sizes = [COMPILED.augment_scratch((32, 32, 3), Sampling(), np.float32, n) for n in (1, 2, 3)]
    assert sizes[0] > 0
    assert sizes == [n * sizes[0] for n in (1, 2, 3)]
    assert COMPILED.augment_scratch((32, 32, 3), Sampling(), np.float64, 1) > sizes[0]


def test_scratch_does_not_depend_on_the_instruction_set():
    found = set()
    for name in ISAS:
        with implementation(name) as kernel:
            found.add(kernel.augment_scratch((5, 7, 3), Sampling("constant"), np.float32, 1))
    assert len(found) == 1
    assert math.isfinite(found.pop())
