"""The losses of outputs with a target each, against the oracle and against scikit-learn's own."""

import numpy as np
import oracles
import pytest
from gradcheck import assert_gradient
from kernel_calls import assert_close, bits, pointwise_loss
from sklearn import metrics

from crmsprop.kernels.pointwise_losses import LOSSES

ROWS = [0, 1, 7, 8, 9, 15, 16, 17, 255, 256, 257, 600]
WIDTHS = [2, 3, 7, 8, 9, 17, 33]
SHAPES = [*((rows, 1) for rows in ROWS), *((5, width) for width in WIDTHS)]
PARAMETERS = {"huber": [0.5, 2.0], "binary_cross_entropy": [0.0, 0.25]}
CASES = [(kind, parameter) for kind in LOSSES for parameter in PARAMETERS.get(kind, [0.0])]

every_case = pytest.mark.parametrize(("kind", "parameter"), CASES)


def operands(shape, dtype, kind, spread=2.0):
    """Outputs, targets and weights; counts for the Poisson deviance, shares for the cross-entropy."""
    rng = np.random.default_rng([*shape])
    output, target = spread * rng.standard_normal(shape), spread * rng.standard_normal(shape)
    if kind == "poisson_deviance":
        target = rng.poisson(3.0, shape)
    if kind == "binary_cross_entropy":
        target = rng.choice([0.0, 0.2, 0.5, 1.0], shape)
    return output.astype(dtype), target.astype(dtype), rng.uniform(0.0, 2.0, shape[0]).astype(dtype)


@every_case
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_values_hits_and_slopes(kernel, dtype, shape, kind, parameter):
    arrays = operands(shape, dtype, kind)
    losses, hits, gradient = pointwise_loss(kernel, *arrays, kind, parameter)
    expected = oracles.pointwise_loss(*arrays, kind, parameter)
    assert_close(losses, expected[0], scale=1.0)
    np.testing.assert_array_equal(hits, expected[1])
    assert_close(gradient, expected[2], scale=1.0)


@every_case
@pytest.mark.parametrize("shape", [(4, 1), (3, 5)], ids=str)
def test_the_slope_by_differences(kernel, shape, kind, parameter):
    output, target, weights = operands(shape, np.float64, kind)

    def value(gradient=None):
        found = np.empty(len(output)), None, gradient
        return kernel.pointwise_loss(output, target, weights, *found, kind, parameter, 1)[0]

    gradient = np.full_like(output, np.nan)
    value(gradient)
    assert_gradient(value, output, gradient)


METRICS = {
    "squared_error": lambda output, target, weights: metrics.mean_squared_error(target, output, sample_weight=weights),
    "absolute_error": lambda output, target, weights: metrics.mean_absolute_error(
        target, output, sample_weight=weights
    ),
    "poisson_deviance": lambda output, target, weights: metrics.mean_poisson_deviance(
        target.ravel(), np.exp(output).ravel(), sample_weight=np.repeat(weights, output.shape[1])
    ),
    "binary_cross_entropy": lambda output, target, weights: metrics.log_loss(
        (target.ravel() >= 0.5).astype(int), 1 / (1 + np.exp(-output.ravel())),
        sample_weight=np.repeat(weights, output.shape[1]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", METRICS)
@pytest.mark.parametrize("width", [1, 4])
def test_they_are_the_metrics_of_scikit_learn(kernel, kind, width):
    output, target, weights = operands((40, width), np.float64, kind)
    if kind == "binary_cross_entropy":
        target = np.round(target + 0.01)
    total, _ = kernel.pointwise_loss(output, target, weights, np.empty(40), None, None, kind, 0.0, 1)
    assert total / weights.sum() == pytest.approx(METRICS[kind](output, target, weights), rel=1e-12)


def test_huber_is_that_of_scikit_learn(kernel):
    from sklearn._loss import HuberLoss

    output, target, weights = operands((40, 1), np.float64, "huber")
    losses, _, gradient = pointwise_loss(kernel, output, target, weights, "huber", 0.7)
    theirs = HuberLoss(delta=0.7)
    np.testing.assert_allclose(losses, theirs.loss(target.ravel(), output.ravel()), rtol=1e-12)
    slopes = theirs.gradient(target.ravel(), output.ravel(), sample_weight=weights)
    np.testing.assert_allclose(gradient.ravel(), slopes, rtol=1e-12, atol=1e-15)


def test_a_good_fit_of_large_counts_keeps_its_digits(kernel, dtype):
    """The terms of the definition are 1e6 times as large as what is left of them."""
    target = np.full((9, 1), 1e4)
    output = np.log(target) + np.linspace(-0.01, 0.01, 9)[:, None]
    losses, _, _ = pointwise_loss(kernel, output.astype(dtype), target.astype(dtype), np.ones(9, dtype), LOSSES[3])
    distance = output.astype(dtype).astype(np.longdouble) - np.log(target.astype(np.longdouble))
    expected = 2 * target * (np.expm1(distance) - distance)
    tolerance = 2e-3 if dtype == np.float32 else 1e-9
    np.testing.assert_allclose(losses, expected[:, 0].astype(float), rtol=0, atol=tolerance)


def test_counts_that_are_next_to_nothing_are_as_0(kernel, dtype):
    """The mean divided by them is beyond all floats, and the deviance is not."""
    info = np.finfo(dtype)
    target = np.array([info.smallest_subnormal, info.tiny / 3, info.tiny, 1e-37, 1e-34, 1e-30], dtype)[:, None]
    for output in (0.0, 3.0, -5.0, 80.0):
        outputs = np.full_like(target, output)
        losses, _, gradient = pointwise_loss(kernel, outputs, target, np.ones(6, dtype), "poisson_deviance")
        wide, mean = target.astype(np.longdouble), np.exp(np.longdouble(output))
        expected = 2 * (wide * np.log(wide / mean) - wide + mean)
        tolerance = 1e-5 if dtype == np.float32 else 1e-12
        np.testing.assert_allclose(losses, expected[:, 0].astype(float), rtol=tolerance)
        np.testing.assert_allclose(gradient, 2 * (mean - wide).astype(float), rtol=tolerance)


def test_far_out_nothing_overflows_that_need_not(kernel, dtype):
    output = np.array([[1e4], [-1e4], [1e4], [-1e4], [0.0]], dtype)
    target, weights = np.array([[1.0], [0.0], [0.0], [1.0], [0.5]], dtype), np.ones(5, dtype)
    losses, _, gradient = pointwise_loss(kernel, output, target, weights, "binary_cross_entropy")
    np.testing.assert_allclose(losses, [0, 0, 1e4, 1e4, np.log(2)], rtol=1e-6)
    np.testing.assert_allclose(gradient[:, 0], [0, 0, 1, -1, 0], atol=1e-7)


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("width", [1, 3])
def test_a_nan_makes_the_loss_of_its_row_nan(kernel, dtype, kind, width):
    output, target, weights = operands((9, width), dtype, kind)
    output[4, -1] = np.nan
    losses, _, _ = pointwise_loss(kernel, output, target, weights, kind, 0.5, hits=False)
    assert np.array_equal(np.isnan(losses), np.arange(9) == 4)


@pytest.mark.parametrize("kind", LOSSES)
def test_what_is_not_wanted_changes_nothing(kernel, dtype, kind):
    arrays = operands((33, 3), dtype, kind)
    losses, hits, gradient = pointwise_loss(kernel, *arrays, kind, 0.5)
    assert bits(pointwise_loss(kernel, *arrays, kind, 0.5, gradient=False)[0]) == bits(losses)
    assert bits(pointwise_loss(kernel, *arrays, kind, 0.5, hits=False)[2]) == bits(gradient)
    assert bits(pointwise_loss(kernel, *arrays, kind, 0.5, gradient=False)[1]) == bits(hits)


def test_the_sums_are_weighted_and_of_float64(kernel, dtype):
    output, target, weights = operands((33, 2), dtype, "binary_cross_entropy")
    losses, hits = np.empty(33, dtype), np.empty(33, np.uint8)
    arguments = output, target, weights, losses
    total, right = kernel.pointwise_loss(*arguments, hits, None, "binary_cross_entropy", 0.0, 2)
    rows = list(zip(weights.tolist(), losses.tolist(), hits.tolist(), strict=True))
    assert total == pytest.approx(sum(weight * loss for weight, loss, _ in rows), rel=1e-14)
    assert right == pytest.approx(sum(weight * hit for weight, _, hit in rows), rel=1e-14)
    assert kernel.pointwise_loss(*arguments, None, None, "binary_cross_entropy", 0.0, 2) == (total, 0.0)


def test_an_unknown_kind_is_refused(kernel):
    x = np.ones((2, 1))
    with pytest.raises(ValueError, match=r"^kind must be one of squared_error, .*, got 'hinge'$"):
        kernel.pointwise_loss(x, x.copy(), np.ones(2), np.ones(2), None, None, "hinge", 0.0, 1)
