"""Layers as specs: what their constructors refuse, and that they are small immutable values."""

import copy
import pickle
from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest

from crmsprop import nn
from crmsprop.nn import Conv2D, Dense, Dropout, Flatten, GlorotUniform, Layer, MaxPool2D, Parameter, ReLU, Zeros

SPECS = [
    Dense(4),
    Dense(4, use_bias=False, l2=0.5),
    Dense(4, initializer=Zeros()),
    Conv2D(3, 3),
    Conv2D(3, (3, 5), stride=(2, 1), padding=(1, 0), use_bias=False, l2=0.0),
    Conv2D(3, 3, padding="same"),
    MaxPool2D(),
    MaxPool2D((2, 3), stride=1),
    Flatten(),
    ReLU(),
    Dropout(0.5),
    GlorotUniform(),
    Zeros(),
    *(nn.BatchNorm(), nn.BatchNorm(1e-3, 0.99), nn.GELU(), nn.ELU(0.5), nn.LeakyReLU(0.2), nn.SiLU(), nn.Tanh()),
    *(nn.Scale(0.5), nn.Whitening2D(), nn.Whitening2D((2, 3), 1e-3)),
    nn.Residual([Dense(4), ReLU()], shortcut=[Dense(4)]),
    *(nn.AveragePool2D(), nn.AveragePool2D((2, 17), stride=1), nn.GlobalAveragePool2D(), nn.SpatialDropout2D(0.5)),
    *(nn.DepthwiseConv2D(3), nn.DepthwiseConv2D((3, 5), (2, 1), (1, 0), use_bias=False, l2=0.5)),
    nn.DepthwiseConv2D(3, padding="same", initializer=Zeros()),
    *(nn.Sigmoid(), nn.Dirac(), nn.Dirac(nn.HeNormal()), nn.Ones()),
    *(nn.GlorotNormal(), nn.HeNormal(), nn.HeUniform(), nn.LeCunNormal()),
]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Scale(0.0), r"factor must be in \(0, inf\), got 0.0"),
        (lambda: Dense(0), "units must be at least 1, got 0"),
        (lambda: Dense(-3), "units must be at least 1, got -3"),
        (lambda: Dense(4, l2=-0.1), r"l2 must be in \[0, inf\), got -0.1"),
        (lambda: Dense(4, l2=float("nan")), r"l2 must be in \[0, inf\), got nan"),
        (lambda: Dense(4, l2=float("inf")), r"l2 must be in \[0, inf\), got inf"),
        (lambda: Conv2D(0, 3), "filters must be at least 1, got 0"),
        (lambda: Conv2D(3, 0), "kernel_size must be at least 1, got 0"),
        (lambda: Conv2D(3, (3, 0)), "kernel_size must be at least 1, got 0"),
        (lambda: Conv2D(3, (3, 3, 3)), r"kernel_size must be an integer or a pair of them, got \(3, 3, 3\)"),
        (lambda: Conv2D(3, ()), r"kernel_size must be an integer or a pair of them, got \(\)"),
        (lambda: Conv2D(3, 3, stride=0), "stride must be at least 1, got 0"),
        (lambda: Conv2D(3, 3, stride=(1,)), r"stride must be an integer or a pair of them, got \(1,\)"),
        (lambda: Conv2D(3, 3, padding=-1), "padding must be at least 0, got -1"),
        (lambda: Dense(2**62), "units must be at most 2147483647, got 4611686018427387904"),
        (lambda: Conv2D(2**31, 3), "filters must be at most 2147483647, got 2147483648"),
        (lambda: Conv2D(3, 3, padding=2**62), "padding must be at most 2147483647, got 4611686018427387904"),
        (lambda: Conv2D(3, 3, padding=(0, 2**31)), "padding must be at most 2147483647, got 2147483648"),
        (lambda: Conv2D(3, (3, 2**31)), "kernel_size must be at most 2147483647, got 2147483648"),
        (lambda: nn.DepthwiseConv2D(3, stride=2**70), "stride must be at most 2147483647, got 1180591620717411303424"),
        (lambda: nn.AveragePool2D(2, stride=2**31), "stride must be at most 2147483647, got 2147483648"),
        (
            lambda: Conv2D(3, 3, padding="SAME"),
            "padding must be 'valid', 'same' or an integer of at least 0, got 'SAME'",
        ),
        (lambda: Conv2D(3, 3, l2=-1), r"l2 must be in \[0, inf\), got -1"),
        (lambda: nn.ELU(-1.0), r"alpha must be in \[0, inf\), got -1.0"),
        (lambda: nn.LeakyReLU(1.0), r"slope must be in \[0, 1\), got 1.0"),
        (lambda: nn.BatchNorm(epsilon=0.0), r"epsilon must be in \(0, inf\), got 0.0"),
        (lambda: nn.BatchNorm(decay=1.0), r"decay must be in \[0, 1\), got 1.0"),
        (lambda: MaxPool2D(0), "pool_size must be at least 1, got 0"),
        (lambda: MaxPool2D((1, 2, 3)), r"pool_size must be an integer or a pair of them, got \(1, 2, 3\)"),
        (lambda: MaxPool2D(16), "pool_size must cover at most 255 pixels, got 16"),
        (lambda: MaxPool2D((1, 256)), r"pool_size must cover at most 255 pixels, got \(1, 256\)"),
        (lambda: MaxPool2D(2, stride=0), "stride must be at least 1, got 0"),
        (lambda: nn.AveragePool2D(0), "pool_size must be at least 1, got 0"),
        (lambda: nn.AveragePool2D((1, 2, 3)), r"pool_size must be an integer or a pair of them, got \(1, 2, 3\)"),
        (lambda: nn.AveragePool2D(2, stride=(1, 0)), "stride must be at least 1, got 0"),
        (lambda: nn.DepthwiseConv2D((3, 0)), "kernel_size must be at least 1, got 0"),
        (lambda: nn.DepthwiseConv2D(3, stride=0), "stride must be at least 1, got 0"),
        (lambda: nn.DepthwiseConv2D(3, padding=-1), "padding must be at least 0, got -1"),
        (
            lambda: nn.DepthwiseConv2D(3, padding="full"),
            "padding must be 'valid', 'same' or an integer of at least 0, got 'full'",
        ),
        (lambda: nn.DepthwiseConv2D(3, l2=-1), r"l2 must be in \[0, inf\), got -1"),
        (lambda: nn.SpatialDropout2D(1.0), r"rate must be in \[0, 1\), got 1.0"),
        (lambda: nn.SpatialDropout2D(-0.1), r"rate must be in \[0, 1\), got -0.1"),
        (lambda: Dropout(1.0), r"rate must be in \[0, 1\), got 1.0"),
        (lambda: Dropout(-0.1), r"rate must be in \[0, 1\), got -0.1"),
        (lambda: Dropout(float("nan")), r"rate must be in \[0, 1\), got nan"),
    ],
)
def test_a_value_out_of_range_is_named_with_its_rule(make, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Dirac(nn.Dirac()), r"rest must be an Initializer other than Dirac, got Dirac\(rest=Zeros\(\)\)"),
        (lambda: nn.Dirac(0), "rest must be an Initializer other than Dirac, got 0"),
        (lambda: Dense(4.0), "units must be an integer of at least 1, got 4.0"),
        (lambda: Dense(True), "units must be an integer of at least 1, got True"),
        (lambda: Dense("4"), "units must be an integer of at least 1, got '4'"),
        (lambda: Dense(4, use_bias=1), "use_bias must be True or False, got 1"),
        (lambda: Dense(4, l2="0.1"), r"l2 must be a number in \[0, inf\), got '0.1'"),
        (lambda: Conv2D(3.0, 3), "filters must be an integer of at least 1, got 3.0"),
        (lambda: Conv2D(3, 3.0), "kernel_size must be an integer of at least 1, got 3.0"),
        (lambda: Conv2D(3, (3, None)), "kernel_size must be an integer of at least 1, got None"),
        (lambda: Conv2D(3, 3, stride="2"), "stride must be an integer of at least 1, got '2'"),
        (lambda: Conv2D(3, 3, padding=None), "padding must be an integer of at least 0, got None"),
        (lambda: Conv2D(3, 3, padding=True), "padding must be an integer of at least 0, got True"),
        (lambda: Conv2D(3, 3, use_bias=None), "use_bias must be True or False, got None"),
        (lambda: MaxPool2D(2.5), "pool_size must be an integer of at least 1, got 2.5"),
        (lambda: MaxPool2D(None), "pool_size must be an integer of at least 1, got None"),
        (lambda: MaxPool2D(2, stride=1.0), "stride must be an integer of at least 1, got 1.0"),
        (lambda: nn.AveragePool2D(2.5), "pool_size must be an integer of at least 1, got 2.5"),
        (lambda: nn.AveragePool2D(2, stride="2"), "stride must be an integer of at least 1, got '2'"),
        (lambda: nn.DepthwiseConv2D(None), "kernel_size must be an integer of at least 1, got None"),
        (lambda: nn.DepthwiseConv2D(3, padding=1.5), "padding must be an integer of at least 0, got 1.5"),
        (lambda: nn.DepthwiseConv2D(3, use_bias=1), "use_bias must be True or False, got 1"),
        (lambda: nn.DepthwiseConv2D(3, l2="0.1"), r"l2 must be a number in \[0, inf\), got '0.1'"),
        (lambda: nn.SpatialDropout2D("0.5"), r"rate must be a number in \[0, 1\), got '0.5'"),
        (lambda: Dropout(None), r"rate must be a number in \[0, 1\), got None"),
        (lambda: Dropout(False), r"rate must be a number in \[0, 1\), got False"),
    ],
)
def test_a_value_of_the_wrong_type_is_named_with_its_rule(make, message):
    with pytest.raises(TypeError, match=f"^{message}$"):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda value: Dense(3, initializer=value),
        lambda value: Conv2D(3, 3, initializer=value),
        lambda value: nn.DepthwiseConv2D(3, initializer=value),
    ],
)
@pytest.mark.parametrize("value", ["zeros", None, 0.1, Zeros])
def test_an_initializer_that_is_none_is_refused(make, value):
    with pytest.raises(TypeError, match="initializer must be an Initializer"):
        make(value)


@pytest.mark.parametrize("value", [-np.inf, np.inf, 2, 10**400])
def test_a_rate_beyond_every_float(value):
    with pytest.raises(ValueError, match="rate must be in"):
        Dropout(value)


def test_numbers_of_numpy_are_numbers():
    assert Dense(np.int64(4), l2=np.float32(0.5)).output_shape((3,)) == (4,)
    assert Conv2D(np.int32(4), (np.int8(3), 3), padding=np.int64(1)).output_shape((8, 8, 1)) == (8, 8, 4)
    assert MaxPool2D(np.int64(2)).output_shape((8, 8, 1)) == (4, 4, 1)
    assert Dropout(np.float32(0.5)).output_shape((8,)) == (8,)


@pytest.mark.parametrize("spec", SPECS, ids=repr)
def test_a_spec_cannot_be_changed(spec):
    with pytest.raises(FrozenInstanceError):
        spec.units = 5
    for field in fields(spec):
        with pytest.raises(FrozenInstanceError):
            setattr(spec, field.name, 1)


@pytest.mark.parametrize("spec", SPECS, ids=repr)
def test_a_spec_equals_its_copies_alone(spec):
    for other in (copy.copy(spec), copy.deepcopy(spec), pickle.loads(pickle.dumps(spec)), eval(repr(spec), vars(nn))):
        assert other == spec
        assert hash(other) == hash(spec)
        assert repr(other) == repr(spec)
    assert [other for other in SPECS if other == spec] == [spec]
    assert len(set(SPECS)) == len(SPECS)


def test_a_pair_given_as_a_list_is_a_pair():
    for listed, paired in [
        (Conv2D(3, [3, 5], stride=[2, 1], padding=[1, 0]), Conv2D(3, (3, 5), stride=(2, 1), padding=(1, 0))),
        (MaxPool2D([2, 3], stride=[1, 1]), MaxPool2D((2, 3), stride=(1, 1))),
        (nn.AveragePool2D([2, 3], stride=[1, 1]), nn.AveragePool2D((2, 3), stride=(1, 1))),
        (nn.DepthwiseConv2D([3, 5], [2, 1], [1, 0]), nn.DepthwiseConv2D((3, 5), (2, 1), (1, 0))),
    ]:
        assert listed.output_shape((9, 9, 1)) == paired.output_shape((9, 9, 1))
        assert listed == paired
        assert hash(listed) == hash(paired)


def test_repr_names_every_parameter():
    assert repr(MaxPool2D((2, 3))) == "MaxPool2D(pool_size=(2, 3), stride=None)"
    assert repr(Dropout(0.5)) == "Dropout(rate=0.5)"
    assert repr(ReLU()) == "ReLU()"
    assert repr(Dense(4, l2=0.5)) == "Dense(units=4, use_bias=True, l2=0.5, initializer=GlorotUniform())"


def test_parameters_carry_name_shape_and_penalty():
    weight, bias = Conv2D(4, (3, 2), l2=0.25, initializer=Zeros()).parameters((8, 8, 5))
    assert weight == Parameter("weight", (3, 2, 5, 4), Zeros(), decays=True, l2=0.25)
    assert bias == Parameter("bias", (4,), Zeros(), decays=False, l2=None)
    assert (weight.size, bias.size) == (120, 4)
    weight, bias = Dense(4).parameters((7,))
    assert weight == Parameter("weight", (7, 4), GlorotUniform())
    assert bias == Parameter("bias", (4,), Zeros(), decays=False)
    assert (
        len(Dense(4, use_bias=False).parameters((7,))) == len(Conv2D(4, 1, use_bias=False).parameters((7, 7, 1))) == 1
    )
    plain = (ReLU(), MaxPool2D(), Flatten(), Dropout(0.1), nn.AveragePool2D(), nn.GlobalAveragePool2D())
    assert [layer.parameters((4, 4, 2)) for layer in (*plain, nn.SpatialDropout2D(0.1))] == [()] * 7


def test_a_layer_of_ones_own_must_override_what_it_needs():
    class Own(Layer):
        pass

    own, array = Own(), np.zeros((1, 1))
    with pytest.raises(TypeError, match="Own must override output_shape"):
        own.output_shape((1,))
    with pytest.raises(TypeError, match="Own must override forward"):
        own.forward(array, array, None, None)
    with pytest.raises(TypeError, match="Own must override backward"):
        own.backward(array, array, array, None, None, None)
    assert (own.parameters((1,)), own.flops((1,)), own.memory(None)) == ((), 0, None)


def test_a_slope_that_float32_cannot_hold_is_refused_where_the_dtype_is_known():
    network = nn.Network([Dense(3), nn.ELU(1e60)], (2,))
    with pytest.raises(ValueError, match=r"^the slope of ELU\(alpha=1e\+60\) must be finite in float32, got 1e\+60$"):
        network.workspace(2)
    nn.Network([nn.ELU(1e60)], (2,), np.float64).workspace(2)
