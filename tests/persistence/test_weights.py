"""Weights of torch and Keras: the same predictions as theirs, the same file as torch's, and nothing half-read."""

import os
import tracemalloc

import h5py
import numpy as np
import pytest
import safetensors.numpy
from container_files import entry, join
from weight_cases import GOLDEN, KERAS, TORCH, network, outputs

from crmsprop.errors import FileFormatError
from crmsprop.files import write_safetensors
from crmsprop.nn import BatchNorm, Conv2D, Dense, Flatten, Layer, Network, Ones, Parameter, ReLU, Residual, Tanh
from crmsprop.persistence import export_safetensors, import_weights


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.safetensors"


def frozen(library, name):
    """Images as ours are, and what the peer makes of them."""
    with np.load(GOLDEN / f"{library}_weights.npz") as values:
        x, y = values[f"{name}_x"], values[f"{name}_y"]
    return (x.transpose(0, 2, 3, 1) if library == "torch" else x), y


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", TORCH)
def test_torch_predicts_the_same(name, dtype):
    ours, (x, y) = network(TORCH[name], dtype), frozen("torch", name)
    import_weights(ours, GOLDEN / f"torch_{name}.safetensors")
    np.testing.assert_allclose(outputs(ours, x), y, rtol=0, atol=1e-5)
    assert np.abs(y).max() > 0.1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", KERAS)
def test_keras_predicts_the_same(name, dtype):
    ours, (x, y) = network(KERAS[name], dtype), frozen("keras", name)
    import_weights(ours, GOLDEN / f"keras_{name}.weights.h5")
    np.testing.assert_allclose(outputs(ours, x), y, rtol=0, atol=1e-5)
    assert np.abs(y).max() > 0.1


@pytest.mark.parametrize("name", ["sequential", "blocks"])
def test_what_goes_out_is_what_torch_wrote(path, name):
    """Their modules are named as ours: name for name, shape for shape and bit for bit."""
    ours = network(TORCH[name])
    import_weights(ours, GOLDEN / f"torch_{name}.safetensors")
    export_safetensors(ours, path)
    written, theirs = (
        safetensors.numpy.load_file(path),
        safetensors.numpy.load_file(GOLDEN / f"torch_{name}.safetensors"),
    )
    assert set(written) == set(theirs)
    for key, array in theirs.items():
        assert (written[key].dtype, written[key].shape) == (array.dtype, array.shape)
        assert written[key].tobytes() == array.tobytes(), key
    with safetensors.safe_open(path, "numpy") as file:
        assert file.metadata() == {"format": "pt"}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", TORCH)
def test_out_and_in_again(path, name, dtype):
    before, after = network(TORCH[name], dtype), network(TORCH[name], dtype)
    before.initialize(np.random.default_rng(0))
    export_safetensors(before, path)
    import_weights(after, path)
    assert after.arena.flat.tobytes() == before.arena.flat.tobytes()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_numbers_of_another_width(path, dtype):
    """Small integers are the same in every one of them."""
    weight = np.arange(-3.0, 9.0).reshape(2, 6)
    if dtype == "bfloat16":
        body = (weight.astype(np.float32).view(np.uint32) >> 16).astype("<u2").tobytes()
    else:
        body = weight.astype(dtype).tobytes()
    word = {"float16": "F16", "bfloat16": "BF16", "float64": "F64"}[dtype]
    path.write_bytes(join({"0.weight": entry(word, weight.shape, (0, len(body)))}, body))
    ours = Network([Dense(2, use_bias=False)], (6,))
    import_weights(ours, path)
    assert ours.arena.views["0.weight"].tolist() == weight.T.tolist()
    assert ours.arena.views["0.weight"].dtype == np.float32


def linear(name, before, after, value=0.0):
    return {f"{name}.weight": np.full((after, before), value, np.float32), f"{name}.bias": np.ones(after, np.float32)}


def three_layers():
    ours = Network([Dense(4), ReLU(), Dense(4), Dense(2)], (4,))
    ours.initialize(np.random.default_rng(0))
    return ours


def refusal(path, ours, arrays, error=FileFormatError, **keywords):
    """What is said; the network stays as it is to the bit."""
    write_safetensors(path, arrays)
    before = ours.arena.flat.tobytes()
    with pytest.raises(error) as caught:
        import_weights(ours, path, **keywords)
    assert ours.arena.flat.tobytes() == before
    if error is FileFormatError:
        assert str(caught.value).startswith(f"cannot read {path}: ")
    return str(caught.value)


def test_what_names_leave_open_is_no_guess(path):
    arrays = linear("inner", 4, 4, 1) | linear("outer", 4, 4, 2) | linear("head", 4, 2)
    said = refusal(path, three_layers(), arrays)
    assert "layer 0 can be 'inner' or 'outer' by order and shape: give `order`" in said


@pytest.mark.parametrize("names", [["outer", "inner", "head"], ["outer.bias", "relu", "outer.weight", "inner", "head"]])
def test_an_order_decides(path, names):
    write_safetensors(path, linear("inner", 4, 4, 1) | linear("outer", 4, 4, 2) | linear("head", 4, 2))
    ours = three_layers()
    import_weights(ours, path, order=names)
    assert [ours.arena.views[f"{i}.weight"][0, 0] for i in (0, 2, 3)] == [2, 1, 0]


@pytest.mark.parametrize(
    ("order", "error", "message"),
    [
        ("outer", TypeError, "order must be None or a sequence of names, got 'outer'"),
        (5, TypeError, "order must be None or a sequence of names, got 5"),
        ([5], TypeError, "order must hold strings, got 5"),
        (["outer", "head"], ValueError, "order must name every layer of the file, got none of ['inner']"),
        (["head", "inner", "outer"], FileFormatError, "needs weight (4, 4), bias (4), got 'head' with"),
    ],
)
def test_a_bad_order(path, order, error, message):
    arrays = linear("inner", 4, 4, 1) | linear("outer", 4, 4, 2) | linear("head", 4, 2)
    assert message in refusal(path, three_layers(), arrays, error, order=order)


def right(**changes):
    return linear("0", 4, 4) | linear("2", 4, 4) | linear("3", 4, 2) | changes


def test_a_layer_of_another_shape(path):
    said = refusal(path, three_layers(), right(**linear("3", 4, 1000)))
    assert "layer 3, Dense(units=2" in said
    assert "needs weight (2, 4), bias (2); next in the file is '3' with bias (1000), weight (1000, 4)" in said


def test_too_much_and_too_little(path):
    said = refusal(path, three_layers(), right(**linear("4", 2, 2)))
    assert (
        "the network has 3 layers with weights, and the file 4: nothing takes '4' with bias (2), weight (2, 2)" in said
    )
    arrays = {name: array for name, array in right().items() if name[0] != "3"}
    said = refusal(path, three_layers(), arrays)
    assert "the file 2: layer 3, Dense(units=2" in said
    assert said.endswith("needs weight (2, 4), bias (2), and the file has none")
    assert "and the file 0" in refusal(path, three_layers(), {})


def test_an_array_more_or_less_in_a_layer(path):
    arrays = right()
    assert "next in the file is '0' with weight (4, 4)" in refusal(
        path, three_layers(), {name: array for name, array in arrays.items() if name != "0.bias"}
    )
    more = {"2.scale": np.ones(4)}
    assert "'2' with scale (4), bias (4), weight (4, 4)" in refusal(path, three_layers(), arrays | more)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_numbers_that_are_not_finite_here(path, bad):
    weight = np.zeros((4, 4))
    weight[3, 1] = bad
    said = refusal(path, three_layers(), right() | {"3.bias": np.ones(2), "2.weight": weight})
    assert said.endswith("array '2.weight' of shape (4, 4) must be finite")


def test_integers_are_no_weights(path):
    said = refusal(path, three_layers(), right() | {"2.bias": np.ones(4, np.int64)})
    assert said.endswith("array '2.bias' must hold floating-point numbers, got int64")


def test_a_negative_variance(path):
    names = ("weight", "bias", "running_mean", "running_var")
    arrays = {f"bn.{name}": np.array([1.0, -0.5]) for name in names}
    said = refusal(path, Network([BatchNorm()], (2,)), arrays)
    assert said.endswith("array 'bn.running_var' must be at least 0.0, got -0.5")


class Own(Layer):
    def output_shape(self, input_shape):
        return input_shape


class OwnWithWeights(Own):
    def parameters(self, input_shape):
        return (Parameter("scale", input_shape, Ones()),)


def test_layers_of_ones_own(path):
    ours = Network([Own(), Dense(2), Own()], (4,))
    write_safetensors(path, linear("fc", 4, 2, 3))
    import_weights(ours, path)
    assert (ours.arena.views["1.weight"] == 3).all()
    ours = Network([OwnWithWeights(), Dense(2)], (4,))
    for act in (import_weights, export_safetensors):
        with pytest.raises(
            TypeError,
            match=r"weights can be exchanged of Conv2D, .*, Whitening2D alone, got layer 0",
        ):
            act(ours, path)


def test_rows_in_an_order_that_only_we_have(path):
    """The sum of flattened images and of a Dense layer's rows: torch's rows would be in another order."""
    layers = [Flatten(), Residual([Dense(18)]), Dense(2)]
    with pytest.raises(TypeError, match="layer 1 must not add flattened images to rows of a Dense layer"):
        export_safetensors(Network(layers, (3, 3, 2)), path)
    export_safetensors(Network(layers, (3, 6, 1)), path)  # one channel: one order


def test_a_bare_layer(path):
    write_safetensors(path, {"weight": np.ones((2, 4)), "bias": np.zeros(2)})
    ours = Network([Dense(2)], (4,))
    import_weights(ours, path)
    assert (ours.arena.views["0.weight"] == 1).all()


def test_counters_are_passed_over(path):
    ours = Network([BatchNorm()], (2,))
    export_safetensors(ours, path)
    counted = safetensors.numpy.load_file(path)["0.num_batches_tracked"]
    assert (counted.dtype, counted.shape) == (np.int64, ())
    import_weights(ours, path)


def test_no_weights_at_all(path):
    ours = Network([Flatten(), Tanh()], (2, 2, 2))
    export_safetensors(ours, path)
    assert safetensors.numpy.load_file(path) == {}
    import_weights(ours, path)


@pytest.mark.parametrize("kind", ["missing", "folder"])
def test_no_file(tmp_path, kind):
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileNotFoundError if kind == "missing" else IsADirectoryError):
        import_weights(three_layers(), tmp_path / kind)


def test_a_failed_export_leaves_what_was_there(path, monkeypatch):
    path.write_bytes(b"before")
    monkeypatch.setattr("os.replace", lambda *arguments: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        export_safetensors(three_layers(), path)
    assert path.read_bytes() == b"before"
    assert list(path.parent.iterdir()) == [path]


def test_convolutions_alone(path):
    """Kernels that are not square go height first."""
    ours = Network([Conv2D(2, (1, 3))], (4, 5, 3))
    weight = np.random.default_rng(0).normal(size=(2, 3, 1, 3)).astype(np.float32)
    write_safetensors(path, {"c.weight": weight, "c.bias": np.zeros(2)})
    import_weights(ours, path)
    assert np.array_equal(ours.arena.views["0.weight"], np.einsum("oihw->hwio", weight))


def keras_file(path, **shapes):
    with h5py.File(path, "w") as file:
        for i, (name, shape) in enumerate(shapes.items()):
            file[f"layers/{name}/vars/0"] = np.full(shape, i, np.float32)


@pytest.mark.parametrize(
    ("order", "values"),
    [(["conv2d", "conv2d_1", "conv2d_2"], [0, 1, 2]), (["conv2d", "conv2d_2", "conv2d_1"], [0, 1, 2])],
)
def test_an_order_of_a_block(path, order, values):
    """As we have it, or as Keras sorts it where the shapes say so."""
    keras_file(path, conv2d=(3, 3, 2, 4), conv2d_1=(3, 3, 4, 4), conv2d_2=(1, 1, 2, 4))
    first, second, around = (Conv2D(4, kernel, padding="same", use_bias=False) for kernel in (3, 3, 1))
    ours = Network([Residual([first, second], [around])], (4, 4, 2))
    import_weights(ours, path, order=[f"layers/{name}" for name in order])
    assert [view.flat[0] for view in ours.arena.views.values()] == values


def test_archives_and_pickles_are_told_what_to_do(path):
    for data in (b"PK\x03\x04" + bytes(99), b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19." + bytes(99)):
        path.write_bytes(data)
        with pytest.raises(FileFormatError, match=r"cannot read .* write the weights alone, by safetensors\.torch"):
            import_weights(three_layers(), path)


def test_what_does_not_match_is_not_read(path):
    """A file that holds 8 GB, all of them a hole: refused by its shapes."""
    size = 1 << 33
    path.write_bytes(join({"0.weight": entry("F32", [1 << 16, 1 << 15], [0, size])}, b""))
    os.truncate(path, path.stat().st_size + size)
    tracemalloc.start()
    with pytest.raises(FileFormatError, match=r"needs weight \(2, 4\); next in the file is '0' with weight \(65536, "):
        import_weights(Network([Dense(2, use_bias=False)], (4,)), path)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()
