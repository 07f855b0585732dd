"""What rmsprop_update refuses: the message names the parameter, the rule and the value, and nothing is changed."""

import re

import numpy as np
import pytest

from crmsprop import rmsprop_update


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"l2": 1e39}, ValueError, "l2 must be finite in float32"),
        ({"weight_decay": -1}, ValueError, "weight_decay must be in [0, inf), got -1"),
        ({"l2": None}, TypeError, "l2 must be a number in [0, inf), got None"),
        ({"rho": [0.1]}, TypeError, "rho must be a number in [0, 1), got [0.1]"),
        ({"step": 0}, ValueError, "step must be at least 1, got 0"),
        ({"step": 10**400}, ValueError, "step must be at most 9007199254740992"),
        ({"momentum": 0.5}, TypeError, "velocity must be an array where momentum is given"),
        ({"ema": 0.5}, TypeError, "average must be an array where ema is given"),
        ({"n_threads": 0}, ValueError, "n_threads must be None or an integer of at least 1, got 0"),
        ({"n_threads": ""}, TypeError, "n_threads must be None or an integer of at least 1, got ''"),
        ({"clip_norm": 1.0, "grad": None}, TypeError, "grad must be a NumPy array, got NoneType"),
        ({"param": [1.0]}, TypeError, "param must be a NumPy array, got list"),
    ],
)
def test_what_the_functional_form_refuses(options, error, message):
    arrays = {"param": np.ones(2, np.float32), "grad": np.ones(2, np.float32), "mean_square": np.zeros(2, np.float32)}
    with pytest.raises(error, match=f"^{re.escape(message)}"):
        rmsprop_update(**{**arrays, **options})
    assert arrays["param"].tolist() == [1, 1]
    assert arrays["mean_square"].tolist() == [0, 0]


def one_array(**changed):
    names = "param", "grad", "mean_square", "mean", "velocity", "average"
    return {**{name: np.ones((2, 2)) for name in names}, "momentum": 0.5, "ema": 0.5, **changed}


BEGIN = {"mean_square": "np.zeros_like(param)", "mean": "np.zeros_like(param)"}
BEGIN |= {"velocity": "np.zeros_like(param)", "average": "param.copy()"}


@pytest.mark.parametrize("clip_norm", [None, 1.0])
@pytest.mark.parametrize("dtype", ["int64", "float16", "float32", ">f8", "complex128", "object"])
def test_the_functional_form_names_the_dtype_of_a_gradient(dtype, clip_norm):
    remedy = "" if dtype in ("complex128", "object") else ": give grad.astype('float64')"
    message = f"^grad must be float64, as param is, got {dtype}{re.escape(remedy)}$"
    with pytest.raises(TypeError, match=message):
        rmsprop_update(**one_array(grad=np.ones((2, 2), dtype)), clip_norm=clip_norm)


@pytest.mark.parametrize("dtype", ["int64", "float16", "complex128", ">f4"])
def test_the_functional_form_names_the_dtype_of_a_parameter(dtype):
    order = " in native byte order" if dtype == ">f4" else ""
    with pytest.raises(TypeError, match=f"^param must be float32 or float64{order}, got {dtype}$"):
        rmsprop_update(**one_array(param=np.ones((2, 2), dtype)))


@pytest.mark.parametrize("name", BEGIN)
def test_the_functional_form_says_what_state_begins_with(name):
    end = re.escape(f": begin with {BEGIN[name]}")
    with pytest.raises(TypeError, match=f"^{name} must be float64, as param is, got float32{end}$"):
        rmsprop_update(**one_array(**{name: np.ones((2, 2), np.float32)}))
    with pytest.raises(ValueError, match=f"^{name} must be C-contiguous, got strides .*{end}$"):
        rmsprop_update(**one_array(**{name: np.ones((2, 4))[:, ::2]}))
    with pytest.raises(ValueError, match=rf"^{name} must have the shape of param, \(2, 2\), got \(4,\)$"):
        rmsprop_update(**one_array(**{name: np.ones(4)}))


@pytest.mark.parametrize("clip_norm", [None, 1.0])
def test_the_functional_form_says_how_a_gradient_becomes_contiguous(clip_norm):
    message = r"^grad must be C-contiguous, got strides .*: give np\.ascontiguousarray\(grad\)$"
    with pytest.raises(ValueError, match=message):
        rmsprop_update(**one_array(grad=np.ones((2, 4))[:, ::2]), clip_norm=clip_norm)


@pytest.mark.parametrize("name", ["grad", "mean_square", "mean", "velocity", "average"])
def test_the_functional_form_takes_arrays(name):
    with pytest.raises(TypeError, match=f"^{name} must be a NumPy array, got list$"):
        rmsprop_update(**one_array(**{name: [[1.0, 1.0], [1.0, 1.0]]}))
