"""What chance decides: distributions, and that nothing but seed, epoch, image and augmentation decides them."""

import numpy as np
import pytest
from scipy import stats

from crmsprop.augment import Changes, Crop, Cutout, Flip, Mixup, Numbers, Rotation, Translation, Zoom
from crmsprop.augment.batches import Augmenter

N = 20_000
IMAGES = np.broadcast_to(np.zeros((1, 20, 10, 1), np.uint8), (N, 20, 10, 1))
UNRELATED = 5 / np.sqrt(N)  # no correlation of N independent pairs is larger


def drawn(augmentation, seed=0, epoch=0, rows=None):
    augmenter = Augmenter(augmentation, IMAGES, None, 1.0, np.float32, 1)
    return augmenter.draw(np.arange(N) if rows is None else rows, seed, epoch)


def looks_uniform(values, low, high):
    """Kolmogorov and Smirnov: one set of uniform numbers in ten thousand fails, and the seeds are fixed."""
    assert low <= values.min()
    assert values.max() <= high
    return stats.kstest(values, stats.uniform(low, high - low).cdf).pvalue > 1e-4


def correlation(a, b):
    return abs(np.corrcoef(a, b)[0, 1])


def test_half_of_the_images_are_flipped():
    for rate in (0.0, 0.1, 0.5, 1.0):
        share = np.mean(drawn(Flip(rate)).maps[:, 1, 1] == -1)
        assert abs(share - rate) <= 5 * np.sqrt(rate * (1 - rate) / N)


@pytest.mark.parametrize("seed", [0, 1])
def test_angles_are_uniform(seed):
    maps = drawn(Rotation(15), seed).maps
    assert looks_uniform(np.rad2deg(np.arctan2(maps[:, 1, 0], maps[:, 0, 0])), -15, 15)
    np.testing.assert_allclose(np.linalg.det(maps[:, :, :2]), 1, rtol=1e-12)


def test_translations_are_uniform_and_independent():
    shifts = drawn(Translation(0.1, 0.3)).maps[:, :, 2]
    assert looks_uniform(shifts[:, 0], -2.0, 2.0)
    assert looks_uniform(shifts[:, 1], -3.0, 3.0)
    assert correlation(*shifts.T) < UNRELATED


def test_zooms_are_uniform_and_keep_proportions():
    maps = drawn(Zoom(0.2)).maps
    assert looks_uniform(maps[:, 0, 0], 0.8, 1.2)
    np.testing.assert_array_equal(maps[:, 0, 0], maps[:, 1, 1])
    apart = drawn(Zoom(0.2, 0.2)).maps
    assert correlation(apart[:, 0, 0], apart[:, 1, 1]) < UNRELATED


def test_every_crop_is_as_likely_as_the_others():
    shifts = drawn(Crop(4)).maps[:, :, 2]
    for axis in (0, 1):
        values, counts = np.unique(shifts[:, axis], return_counts=True)
        assert values.tolist() == list(range(-4, 5))
        assert stats.chisquare(counts).pvalue > 1e-4


def test_every_pixel_is_as_likely_the_centre_of_a_cutout():
    holes = drawn(Cutout(1)).holes[:, 0]
    assert (holes[:, 2:] - holes[:, :2] == 1).all()
    counts = np.bincount(holes[:, 0] * 10 + holes[:, 1], minlength=200)
    assert stats.chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_partners_are_uniform_and_shares_of_a_beta_distribution(alpha):
    found = drawn(Mixup(alpha))
    assert looks_uniform(found.other.rows / N, 0, 1)
    assert stats.kstest(found.shares, stats.beta(alpha, alpha).cdf).pvalue > 1e-4
    assert correlation(found.shares, found.other.rows) < UNRELATED


def test_partners_are_among_those_that_train():
    rows = np.arange(7, N, 13)
    found = Augmenter(Mixup(), IMAGES, rows, 1.0, np.float32, 1).draw(rows, 0, 0).other.rows
    assert set(found.tolist()) <= set(rows.tolist())
    assert len(set(found.tolist())) > len(rows) / 2


EVERYTHING = Flip() + Rotation(15) + Translation(0.1) + Zoom(0.1) + Cutout(3) + Mixup()


def parts_of(found):
    """Every array of what was drawn, and of what was drawn for the partners."""
    return [array for array in found[:-1] if array is not None] + (parts_of(found.other) if found.other else [])


def test_an_image_draws_the_same_in_any_company():
    """To the bit: NumPy's sines of a whole array are those of its parts."""
    whole = drawn(EVERYTHING)
    for rows in (np.array([5]), np.arange(3, 10), np.array([4999, 0, 77, 77])):
        found, expected = parts_of(drawn(EVERYTHING, rows=rows)), parts_of(whole)
        for got, array in zip(found, expected, strict=True):
            assert got.tobytes() == (array[rows] if len(array) == N else array).tobytes()


def test_a_part_is_what_was_drawn_for_its_images():
    got, expected = drawn(EVERYTHING).part(3, 9), drawn(EVERYTHING, rows=np.arange(3, 9))
    assert [array.tolist() for array in parts_of(got)] == [array.tolist() for array in parts_of(expected)]


def test_seed_epoch_image_and_place_all_matter():
    first = drawn(Rotation(15)).maps[:, 0, 1]
    for other in (drawn(Rotation(15), seed=1), drawn(Rotation(15), epoch=1), drawn(Flip(0.0) + Rotation(15))):
        assert correlation(first, other.maps[:, 0, 1]) < UNRELATED
    assert correlation(first[1:], first[:-1]) < UNRELATED


@pytest.mark.parametrize("seed", [0, 2**31 - 1, 2**64 - 1])
def test_numbers_are_in_their_range_for_any_words(seed):
    numbers = Numbers(seed, 2**64 - 1, 1000, np.array([0, 2**62]))
    assert ((numbers.uniform(0, -3.0, 4.0) >= -3) & (numbers.uniform(0, -3.0, 4.0) < 4)).all()
    assert set(numbers.integers(1, 1).tolist()) == {0}


def test_changes_begin_as_nothing():
    changes = Changes(2, (4, 5, 3))
    assert changes.maps().tolist() == [[[1, 0, 0], [0, 1, 0]]] * 2
    assert changes.tones() is None
    assert changes.holes().shape == (2, 0, 4)
    assert changes.hole_values().shape == (0,)
    assert changes.partners is None
