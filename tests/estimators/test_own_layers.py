"""A layer of the user's, that of examples/own_layer.py, in all that an estimator does."""

import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from gradcheck import assert_layer_gradients, distinct, layer_pass
from own_layer import Constant, Swish
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import crmsprop
from crmsprop import NetworkClassifier, NetworkRegressor
from crmsprop.callbacks import Callback, Checkpoint
from crmsprop.errors import FileFormatError
from crmsprop.nn import BatchNorm, Conv2D, Dense, Flatten, Layer, MaxPool2D, Residual, SiLU, check_gradients

FAST = {"max_epochs": 3, "batch_size": 16, "random_state": 0}
STACK = [Conv2D(4, 3, padding="same"), Swish(), MaxPool2D(2), BatchNorm(), Flatten(), Dense(8), Swish(0.5)]


def bits(model):
    return model.network_.arena.flat.tobytes()


def swish(x, beta):
    return x / (1 + np.exp(-beta * x))


@pytest.mark.parametrize("shape", [(7,), (4, 3, 2), (1, 1, 1)])
def test_its_passes(shape):
    x, beta = distinct((5, *shape), 1), np.linspace(0.3, 2, shape[-1])
    np.testing.assert_allclose(layer_pass(Swish(), x, [beta]).out, swish(x, beta), rtol=1e-14)
    assert_layer_gradients(Swish(), shape)
    assert max(check_gradients(Swish(), shape).errors.values()) < 1e-7
    assert max(check_gradients(Residual([Swish(), Swish(0.1)]), shape).errors.values()) < 1e-7


def test_with_a_beta_that_stays_it_is_a_silu(cases):
    X, y = cases.images()
    still = FAST | {"learning_rate": 0.0}
    own, ours = (NetworkClassifier([Conv2D(4, 3), layer], **still).fit(X, y) for layer in (Swish(), SiLU()))
    np.testing.assert_allclose(own.predict_proba(X), ours.predict_proba(X), rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_it_learns_and_keeps_the_promises(cases, dtype):
    X, y = cases.images(dtype=dtype)
    one, three = (NetworkClassifier(STACK, n_threads=n, **FAST).fit(X, y) for n in (1, 3))
    views = one.network_.arena.views
    assert one.network_.dtype == (np.float64 if dtype == np.float64 else np.float32)
    assert np.ptp(views["1.beta"]) > 0
    assert np.ptp(views["6.beta"]) > 0
    assert bits(one) == bits(three)
    whole = one.predict_proba(X)
    assert np.concatenate([one.predict_proba(X[i : i + 1]) for i in range(len(X))]).tobytes() == whole.tobytes()
    assert one.features(X, 1).shape == (61, 7, 6, 4)


def test_a_penalty_passes_it_by(cases):
    X, y = cases.rows()
    free, bound = (NetworkClassifier([Swish()], l2=l2, **FAST | {"rho": 0.0, "epsilon": 1.0}) for l2 in (0.0, 0.5))
    free.set_params(max_epochs=1, batch_size=100).fit(X, y)
    bound.set_params(max_epochs=1, batch_size=100).fit(X, y)
    assert free.network_.arena.views["0.beta"].tobytes() == bound.network_.arena.views["0.beta"].tobytes()
    assert free.network_.arena.views["1.weight"].tobytes() != bound.network_.arena.views["1.weight"].tobytes()


def test_copies(cases):
    X, y = cases.images()
    model = NetworkClassifier(STACK, **FAST).fit(X, y)
    assert pickle.loads(pickle.dumps(model)).predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
    assert bits(clone(model).fit(X, y)) == bits(model)
    warm = clone(model).set_params(warm_start=True).fit(X, y)
    assert bits(warm.fit(X, y)) != bits(model)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_search_over_its_parameter(cases, n_jobs):
    X, y = cases.rows(n=60)
    grid = {"layers": [[Dense(4), Swish(start)] for start in (0.1, 1.0)]}
    search = GridSearchCV(NetworkClassifier(**FAST), grid, cv=2, n_jobs=n_jobs).fit(X, y)
    expected = NetworkClassifier(search.best_params_["layers"], **FAST).fit(X, y)
    assert bits(search.best_estimator_) == bits(expected)


def test_fine_tuning_with_it_frozen(cases):
    X, y = cases.images()
    model = NetworkClassifier(STACK, **FAST).fit(X, y)
    before = {name: view.copy() for name, view in model.network_.arena.views.items()}
    model.fine_tune(X, y + 1, freeze=lambda i, layer: isinstance(layer, Swish))
    views = model.network_.arena.views
    assert all(np.array_equal(views[name], before[name]) for name in ("1.beta", "6.beta"))
    assert not np.array_equal(views["0.weight"], before["0.weight"])


class PowerCut(Callback):
    """Ends the training in the middle of an epoch."""

    def on_batch_end(self, context):
        if context.step == 6:
            raise OSError("no power")


def test_a_killed_training_goes_on_to_the_same_bytes(cases, tmp_path):
    X, y = cases.images()
    whole = NetworkClassifier(STACK, **FAST).fit(X, y)
    checkpoint = Checkpoint(tmp_path / "training", every_steps=2, resume=True)
    with pytest.raises(OSError, match="no power"):
        NetworkClassifier(STACK, callbacks=[checkpoint, PowerCut()], **FAST).fit(X, y)
    other = [*STACK[:-1], Swish(0.6)]
    with pytest.raises(ValueError, match=r"^layers must be .*, as in the training that"):
        NetworkClassifier(other, callbacks=[checkpoint], **FAST).fit(X, y)
    assert bits(NetworkClassifier(STACK, callbacks=[checkpoint], **FAST).fit(X, y)) == bits(whole)


def test_a_file(cases, tmp_path):
    X, y = cases.images()
    model = NetworkClassifier(STACK, **FAST).fit(X, y)
    model.save(tmp_path / "model")
    again = crmsprop.load(tmp_path / "model", custom_classes=[Swish, Constant])
    assert list(again.layers) == STACK
    assert again.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
    assert bits(again.partial_fit(X, y)) == bits(model.partial_fit(X, y))
    with pytest.raises(FileFormatError, match=r"the model needs the class 'Swish', .*: custom_classes must hold it"):
        crmsprop.load(tmp_path / "model")


def test_what_it_cannot_be_written_to(cases, tmp_path):
    X, y = cases.rows()
    model = NetworkClassifier([Swish()], **FAST).fit(X, y)
    with pytest.raises(TypeError, match="layers must be of crmsprop's own classes to be exported, got Swish"):
        model.export_onnx(tmp_path / "model.onnx")
    with pytest.raises(TypeError, match=r"weights can be exchanged of .* alone, got .*Swish"):
        model.export_safetensors(tmp_path / "weights")
    assert list(tmp_path.iterdir()) == []


@dataclass(frozen=True)
class Noise(Layer):
    """Adds noise in training, drawn as `Layer` says."""

    def output_shape(self, input_shape):
        return input_shape

    def memory(self, site):
        return site.stream

    def forward(self, x, out, own, run):
        np.copyto(out, x)
        if run.training:
            out += np.random.Generator(np.random.Philox(key=run.key(own.memory))).normal(0, 0.5, x.shape)

    def backward(self, x, out, dy, dx, own, run):
        if dx is not None:
            np.copyto(dx, dy)


def test_chance_by_the_key_is_the_same_again_and_another_in_each_step_and_place(cases):
    X, y = cases.numbers()
    fit = {"batch_size": 100, "learning_rate": 0.0, "max_epochs": 2, "random_state": 0}
    first, again = (NetworkRegressor([Noise(), Noise()], **fit).fit(X, y) for _ in range(2))
    assert first.history_["loss"] == again.history_["loss"]
    assert first.history_["loss"][0] != first.history_["loss"][1]
    assert check_gradients(Noise(), (3,)).errors["x"] < 1e-7
    once, twice = (NetworkRegressor(layers, **fit).fit(X, y).history_["loss"] for layers in ([Noise()], [Noise()] * 2))
    assert once[0] != twice[0]


@pytest.mark.parametrize("start", [0.0, -1.0, 100.0])
def test_what_it_refuses_itself(start):
    with pytest.raises(ValueError, match=r"start must be in \(0, 100\), got"):
        Swish(start)
