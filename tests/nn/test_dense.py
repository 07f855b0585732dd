"""Dense: the product, the shapes it takes and what it costs."""

import numpy as np
import pytest
from gradcheck import distinct, layer_pass, random_parameters

from crmsprop.nn import Dense
from crmsprop.nn.dense import FusedDense


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize(("n", "inputs", "units"), [(1, 1, 1), (0, 3, 2), (4, 0, 2), (7, 17, 33), (31, 65, 15)])
def test_against_the_formula(n, inputs, units, use_bias):
    layer = Dense(units, use_bias)
    params = random_parameters(layer, (inputs,))
    x, dy = distinct((n, inputs), 0), distinct((n, units), 1)
    got = layer_pass(layer, x, params, dy)
    bias = params[1] if use_bias else 0.0
    expected = [np.einsum("ni,iu->nu", x, params[0]) + bias, np.einsum("nu,iu->ni", dy, params[0])]
    expected += [np.einsum("ni,nu->iu", x, dy), dy.sum(axis=0)][: 1 + use_bias]
    for a, b in zip((got.out, got.dx, *got.grads), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_relu_in_the_same_pass():
    params = random_parameters(Dense(9), (6,))
    x, dy = distinct((8, 6), 0), distinct((8, 9), 1)
    plain = layer_pass(Dense(9), x, params)
    fused = layer_pass(FusedDense(9, fused_relu=True), x, params, dy)
    np.testing.assert_array_equal(fused.out, np.maximum(plain.out, 0))
    behind = layer_pass(Dense(9), x, params, np.where(plain.out > 0, dy, 0))
    np.testing.assert_array_equal(fused.dx, behind.dx)
    np.testing.assert_array_equal(fused.grads[0], behind.grads[0])
    np.testing.assert_array_equal(fused.grads[1], behind.grads[1])


def test_the_relu_before_it_in_the_same_backward_pass():
    params = random_parameters(Dense(9), (40,))
    x, dy = np.maximum(distinct((8, 40), 0), 0), distinct((8, 9), 1)
    plain = layer_pass(Dense(9), x, params, dy)
    cut = layer_pass(FusedDense(9, behind_relu=True, cuts_dx=True), x, params, dy)
    np.testing.assert_array_equal(cut.dx, np.where(x > 0, plain.dx, 0))
    np.testing.assert_allclose(cut.grads[0], plain.grads[0], rtol=1e-13, atol=1e-13)


def test_a_gradient_that_is_cut_already():
    params = random_parameters(Dense(9), (6,))
    x, dy = distinct((8, 6), 0), distinct((8, 9), 1)
    whole = layer_pass(FusedDense(9, fused_relu=True), x, params, dy)
    rest = layer_pass(FusedDense(9, fused_relu=True, dy_is_cut=True), x, params, np.where(whole.out > 0, dy, 0))
    np.testing.assert_array_equal(rest.dx, whole.dx)
    np.testing.assert_array_equal(rest.grads[0], whole.grads[0])


@pytest.mark.parametrize("shape", [(), (8, 8), (8, 8, 3)])
def test_a_shape_that_is_no_row_is_refused(shape):
    shown = "\\(" + ", ".join(map(str, shape)) + "\\)"
    with pytest.raises(
        ValueError, match=rf"^Dense needs rows of numbers, got shape {shown}: put Flatten\(\) before it"
    ):
        Dense(4).output_shape(shape)


def test_flops_are_two_a_multiply_add():
    assert Dense(128).flops((2304,)) == 2 * 2304 * 128
    assert Dense(10, use_bias=False).flops((7,)) == 140
