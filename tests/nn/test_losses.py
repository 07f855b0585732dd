"""Softmax cross-entropy: value, gradient, hits, weights, and hostile logits."""

import numpy as np
import pytest
from gradcheck import assert_gradient

from crmsprop.nn import MixedLabels, SoftmaxCrossEntropy

LOSS = SoftmaxCrossEntropy()


def case(n=6, classes=5, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.1, 2, n).astype(dtype)
    return rng.normal(0, 3, (n, classes)).astype(dtype), rng.integers(0, classes, n), weights


def evaluate(logits, labels, weights, gradient=None, n_threads=1):
    return LOSS.evaluate(logits, labels, weights, gradient, LOSS.memory(len(logits), logits.dtype), n_threads)


def log_softmax(logits):
    logits = logits.astype(np.longdouble)
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float32, 1e-5), (np.float64, 1e-12)])
@pytest.mark.parametrize(("n", "classes"), [(1, 1), (1, 2), (7, 3), (33, 10), (5, 1000)])
def test_value_and_hits_against_the_formula(n, classes, dtype, rtol):
    logits, labels, weights = case(n, classes, dtype=dtype)
    result = evaluate(logits, labels, weights)
    expected = -(log_softmax(logits)[np.arange(n), labels] * weights).sum()
    assert result.loss == pytest.approx(float(expected), rel=rtol, abs=rtol)
    assert result.hits == pytest.approx((weights * (logits.argmax(axis=1) == labels)).sum(), rel=1e-6)


def test_gradient_by_differences():
    logits, labels, weights = case()
    gradient = np.full_like(logits, np.nan)
    evaluate(logits, labels, weights, gradient)
    assert_gradient(lambda: evaluate(logits, labels, weights).loss, logits, gradient)
    np.testing.assert_allclose(gradient.sum(axis=1), 0, atol=1e-15)


def test_without_a_gradient_the_value_is_the_same():
    logits, labels, weights = case(dtype=np.float32)
    assert evaluate(logits, labels, weights) == evaluate(logits, labels, weights, np.empty_like(logits))


def test_logits_labels_and_weights_are_not_changed():
    arrays = case()
    before = [array.copy() for array in arrays]
    evaluate(*arrays, np.empty_like(arrays[0]))
    for array, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_number_of_threads_changes_no_bit(dtype):
    logits, labels, weights = case(701, 10, dtype=dtype)
    results = []
    for n_threads in (1, 2, 3):
        gradient = np.empty_like(logits)
        results.append((*evaluate(logits, labels, weights, gradient, n_threads), gradient.tobytes()))
        results[-1] += (LOSS.predict(logits.copy(), n_threads).tobytes(),)
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_row_of_probabilities_does_not_depend_on_the_others(dtype):
    logits, _, _ = case(301, 11, dtype=dtype)
    whole = LOSS.predict(logits.copy(), 2)
    for i in range(0, 301, 50):
        assert LOSS.predict(logits[i : i + 1].copy(), 1).tobytes() == whole[i].tobytes()


def test_predict_gives_probabilities_in_place():
    logits, _, _ = case()
    output = logits.copy()
    assert LOSS.predict(output, 1) is output
    np.testing.assert_allclose(output, np.exp(log_softmax(logits)).astype(float), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_logits_do_not_overflow(dtype):
    logits = np.array([[1e4, 0, -1e4], [-1e4, -1e4, -1e4]], dtype)
    result = evaluate(logits, np.array([0, 1]), np.ones(2, dtype))
    assert result.loss == pytest.approx(np.log(3), rel=1e-6)
    np.testing.assert_allclose(LOSS.predict(logits, 1), [[1, 0, 0], [1 / 3] * 3], rtol=1e-6)


def test_a_surely_wrong_row_has_a_large_finite_loss():
    assert evaluate(np.array([[0.0, 1000.0]]), np.array([0]), np.ones(1)).loss == 1000.0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_logits_that_are_not_finite_show_in_the_loss(bad):
    logits = np.array([[bad, 0.0], [1.0, 2.0]])
    assert not np.isfinite(evaluate(logits, np.array([0, 1]), np.ones(2)).loss)


def test_one_class_costs_nothing():
    gradient = np.full((3, 1), np.nan)
    assert evaluate(np.array([[5.0], [-5.0], [0.0]]), np.zeros(3, np.int64), np.ones(3), gradient) == (0.0, 3.0)
    assert not gradient.any()


def test_a_weight_of_zero_takes_a_row_out():
    logits, labels, weights = case()
    weights[2] = 0
    gradient = np.empty_like(logits)
    full = evaluate(logits, labels, weights, gradient)
    keep = np.arange(6) != 2
    assert full.loss == pytest.approx(evaluate(logits[keep], labels[keep], weights[keep]).loss)
    assert not gradient[2].any()


@pytest.mark.parametrize("label", [-1, 5, 2**40])
def test_a_label_that_is_no_class_is_refused(label):
    logits, labels, weights = case()
    labels[3] = label
    with pytest.raises(ValueError, match="labels"):
        evaluate(logits, labels, weights)


# smoothing and mixed labels: means of -log(p), written out


def mean_loss(logits, weights, target):
    """Sum of weights * -sum(q log p)."""
    return float(-((log_softmax(logits) * target).sum(axis=1) * weights).sum())


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5, 0.99])
@pytest.mark.parametrize("classes", [1, 2, 10])
def test_smoothing_against_the_formula(smoothing, classes):
    logits, labels, weights = case(7, classes)
    loss = SoftmaxCrossEntropy(smoothing)
    result = loss.evaluate(logits, labels, weights, None, loss.memory(7, np.float64), 1)
    target = (1 - smoothing) * np.eye(classes)[labels] + smoothing / classes
    assert result.loss == pytest.approx(mean_loss(logits, weights, target), rel=1e-12, abs=1e-14)
    assert result.hits == evaluate(logits, labels, weights).hits


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_a_mix_is_the_mean_of_both_losses(smoothing):
    logits, labels, weights = case(8)
    others, shares = np.array([0, 1, 2, 3, 4, 0, 1, 2]), np.array([0.0, 0.1, 0.4, 0.5, 0.6, 0.9, 0.99, 1.0])
    loss = SoftmaxCrossEntropy(smoothing)

    def one(i, target):
        row = slice(i, i + 1)
        return loss.evaluate(logits[row], target[row], weights[row], None, loss.memory(1, np.float64), 1)

    result = [[one(i, target) for i in range(8)] for target in (labels, others)]
    mixed = loss.evaluate(logits, MixedLabels(labels, others, shares), weights, None, loss.memory(8, np.float64), 1)
    expected = sum(share * a.loss + (1 - share) * b.loss for share, a, b in zip(shares, *result, strict=True))
    assert mixed.loss == pytest.approx(expected, rel=1e-12)
    hits = sum((a if share >= 0.5 else b).hits for share, a, b in zip(shares, *result, strict=True))
    assert mixed.hits == pytest.approx(hits, rel=1e-12)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("mixed", [False, True])
def test_gradient_of_soft_targets_by_differences(smoothing, mixed):
    logits, labels, weights = case()
    shares = np.array([0.0, 0.2, 0.5, 0.7, 1.0, 0.9])
    target = MixedLabels(labels, np.array([0, 1, 2, 3, 4, 0]), shares) if mixed else labels
    loss, gradient = SoftmaxCrossEntropy(smoothing), np.full_like(logits, np.nan)
    memory = loss.memory(6, np.float64)
    loss.evaluate(logits, target, weights, gradient, memory, 1)
    assert_gradient(lambda: loss.evaluate(logits, target, weights, None, memory, 1).loss, logits, gradient)
    np.testing.assert_allclose(gradient.sum(axis=1), 0, atol=1e-15)


@pytest.mark.parametrize(
    ("bad", "error"), [(1.0, ValueError), (-0.1, ValueError), (np.nan, ValueError), ("0", TypeError)]
)
def test_a_smoothing_that_is_none(bad, error):
    with pytest.raises(error, match=r"label_smoothing must be .*in \[0, 1\), got "):
        SoftmaxCrossEntropy(bad)
