"""What the augmentation kernel refuses beyond a wrong array; test_boundary.py spoils its arrays."""

import numpy as np
import pytest
from boundary_cases import both
from kernel_calls import COMPILED, REFERENCE

from crmsprop.kernels.sampling import Sampling


@pytest.mark.parametrize("bad", [-1, 6, 2**40])
def test_an_image_that_is_none(bad):
    def spoil(arguments):
        arguments["indices"][1] = bad

    assert both("augment", spoil) == (IndexError, f"indices[1] must be in [0, 6), got {bad}")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 2.0**30, 1e300])
@pytest.mark.parametrize("place", [(2, 0, 0), (0, 1, 2)])
def test_a_map_from_nowhere(bad, place):
    def spoil(arguments):
        arguments["maps"][place] = bad

    kind, message = both("augment", spoil)
    assert kind is ValueError
    assert message.startswith(f"maps[{place[0]}] must stay within 1073741824 pixels, got [")
    assert message.endswith(f"in row {place[1]}")


@pytest.mark.parametrize(
    "hole", [[-1, 0, 1, 1], [0, 0, 4, 1], [0, 0, 1, 5], [2, 0, 1, 1], [0, 3, 1, 2], [0, -(2**60), 0, 0]]
)
def test_a_hole_beyond_the_image(hole):
    def spoil(arguments):
        arguments["holes"][1, 0] = hole

    assert both("augment", spoil) == (ValueError, f"holes[1] must lie within 3 x 4 pixels, got {hole}")


@pytest.mark.parametrize(
    ("sampling", "kind", "message"),
    [
        (
            Sampling(fill_mode="wrap"),
            ValueError,
            "fill_mode must be one of 'nearest', 'constant', 'reflect', got 'wrap'",
        ),
        (
            Sampling(interpolation="cubic"),
            ValueError,
            "interpolation must be one of 'bilinear', 'nearest', got 'cubic'",
        ),
        (Sampling(fill_value=np.inf), ValueError, "fill_value must be in (-inf, inf), got inf"),
        (Sampling(fill_value="0"), TypeError, "fill_value must be a number in (-inf, inf), got '0'"),
    ],
)
def test_a_sampling_that_is_none(sampling, kind, message):
    assert both("augment", lambda arguments: arguments.update(sampling=sampling)) == (kind, message)


@pytest.mark.parametrize("shape", [((1 << 24) + 1, 1, 1), (1, (1 << 24) + 1, 1), (1 << 15, 1 << 15, 3)], ids=str)
def test_an_image_that_is_too_large_to_count(shape):
    source = np.broadcast_to(np.zeros(1, np.uint8), (1, *shape))
    for implementation in (COMPILED, REFERENCE):
        with pytest.raises(ValueError, match="images must have sides of at most 16777216 pixels"):
            implementation.augment_scratch(source.shape[1:], Sampling(), np.float32, 1)


@pytest.mark.parametrize("shape", [(-1, 5, 3), (5, -(2**40), 3), (5, 5, -4), (-4, -4, 3)], ids=str)
def test_an_image_of_a_negative_size(shape):
    """Two negative sides have a positive product, and the scratch for it a negative length."""
    for implementation in (COMPILED, REFERENCE):
        with pytest.raises(ValueError, match="images must have no negative size, got "):
            implementation.augment_scratch(shape, Sampling(), np.float32, 1)
