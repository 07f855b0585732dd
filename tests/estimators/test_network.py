"""NetworkClassifier: any stack, on rows and on images, through search, copy and file."""

import gc
import pickle
import weakref

import numpy as np
import pytest
from kernel_calls import ISAS, implementation
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import crmsprop
from crmsprop import MLPClassifier, NetworkClassifier
from crmsprop.nn import (
    GELU,
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePool2D,
    HeNormal,
    LeakyReLU,
    MaxPool2D,
    Network,
    ReLU,
    SpatialDropout2D,
    Tanh,
)

FAST = {"max_epochs": 3, "batch_size": 16, "random_state": 0}
IMAGE_LAYERS = [
    *(Conv2D(4, 3, padding="same", use_bias=False, initializer=HeNormal()), MaxPool2D(2), BatchNorm(decay=0.5), GELU()),
    *(Flatten(), Dense(8), LeakyReLU(0.1), Dropout(0.2)),
]


def test_the_layers_of_an_mlp_give_the_bits_of_an_mlp(cases):
    X, y = cases.rows()
    mlp = MLPClassifier((9, 5), dropout=0.25, **FAST).fit(X, y)
    layers = [Dense(9), ReLU(), Dropout(0.25), Dense(5), ReLU(), Dropout(0.25)]
    network = NetworkClassifier(layers, **FAST).fit(X, y)
    assert network.predict_proba(X).tobytes() == mlp.predict_proba(X).tobytes()


def test_separable_convolutions_learn_and_keep_the_promises(cases):
    """The same weights with any number of threads, and a row alone has the bits that it has among others."""
    X, y = cases.images()
    layers = [DepthwiseConv2D(3, padding="same"), Conv2D(8, 1, use_bias=False), BatchNorm(), ReLU(), AveragePool2D(2)]
    layers += [DepthwiseConv2D(2, stride=2, padding="same"), SpatialDropout2D(0.2), Conv2D(9, 1), GlobalAveragePool2D()]
    one, three = (NetworkClassifier(layers, n_threads=n, **FAST).fit(X, y) for n in (1, 3))
    assert one.history_["loss"][-1] < one.history_["loss"][0]
    assert three.network_.arena.flat.tobytes() == one.network_.arena.flat.tobytes()
    alone = np.concatenate([one.predict_proba(X[i : i + 1]) for i in range(len(X))])
    assert alone.tobytes() == one.predict_proba(X).tobytes()


def test_without_layers_it_is_linear(cases):
    X, y = cases.rows()
    model = NetworkClassifier(**FAST).fit(X, y)
    assert model.network_.layers == (Dense(3),)


def test_images_in_every_form_give_the_same_bits(cases):
    X, y = cases.images()
    flat = X.reshape(len(X), -1)
    four = NetworkClassifier(IMAGE_LAYERS, **FAST).fit(X, y)
    rows = NetworkClassifier(IMAGE_LAYERS, image_shape=X.shape[1:], **FAST).fit(flat, y)
    assert rows.predict_proba(flat).tobytes() == four.predict_proba(X).tobytes()
    assert four.image_shape_ == X.shape[1:]


def test_a_stack_that_ends_in_images_is_flattened(cases):
    X, y = cases.images()
    model = NetworkClassifier([Conv2D(2, 3)], **FAST).fit(X, y)
    assert [type(layer) for layer in model.network_.layers] == [Conv2D, Flatten, Dense]


def test_running_statistics_move_in_training_and_not_in_prediction(cases):
    X, y = cases.images()
    model = NetworkClassifier(IMAGE_LAYERS, **FAST).fit(X, y)
    before = model.network_.arena.flat.copy()
    assert not np.array_equal(model.network_.arena.views["2.running_mean"], np.zeros(4))
    model.predict(X)
    model.evaluate(X, y)
    assert np.array_equal(model.network_.arena.flat, before)


@pytest.mark.parametrize("n_threads", [2, 3])
def test_the_number_of_threads_changes_no_bit(n_threads):
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 256, (96, 12, 12, 3), np.uint8), np.arange(96) % 3
    layers = [Conv2D(16, 3, padding="same"), GELU(), Conv2D(16, 3, padding="same"), MaxPool2D(2), BatchNorm(), Tanh()]
    one, more = (
        NetworkClassifier(layers, n_threads=threads, max_epochs=2, random_state=0).fit(X, y)
        for threads in (1, n_threads)
    )
    assert more.network_.arena.flat.tobytes() == one.network_.arena.flat.tobytes()


def test_a_prediction_does_not_depend_on_its_neighbours(cases):
    X, y = cases.images()
    model = NetworkClassifier(IMAGE_LAYERS, **FAST).fit(X, y)
    whole = model.predict_proba(X)
    assert all(model.predict_proba(X[i : i + 1]).tobytes() == whole[i].tobytes() for i in (0, 30, 60))


@pytest.mark.parametrize("isa", ISAS)
def test_predictions_agree_across_instruction_sets(isa):
    rng = np.random.default_rng(0)
    y = np.arange(120) % 3
    X = np.clip(rng.normal(60 + 60 * y[:, None, None, None], 40, (120, 14, 14, 3)), 0, 255).astype(np.uint8)
    convolution = Conv2D(32, 3, padding="same")  # by Winograd but for the first
    layers = [convolution, BatchNorm(), GELU(), MaxPool2D(2), convolution, BatchNorm(), GELU(), convolution, ReLU()]
    model = NetworkClassifier(layers, max_epochs=3, random_state=0).fit(X, y)
    with implementation(ISAS[-1]):
        best = model.predict_proba(X)
    with implementation(isa):
        np.testing.assert_allclose(model.predict_proba(X), best, rtol=0, atol=1e-5)


def test_copies_and_files(cases, tmp_path):
    X, y = cases.images()
    model = NetworkClassifier(IMAGE_LAYERS, **FAST).fit(X, y)
    path = tmp_path / "model.crms"
    model.save(path)
    for again in (crmsprop.load(path), pickle.loads(pickle.dumps(model))):
        assert again.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
        assert list(again.layers) == IMAGE_LAYERS
        assert again.summary() == model.summary()
    fresh = clone(model)
    assert not hasattr(fresh, "network_")
    assert fresh.fit(X, y).predict_proba(X).tobytes() == model.predict_proba(X).tobytes()


def test_a_search_over_stacks(cases):
    X, y = cases.rows(n=60)
    grid = {"layers": [[Dense(4), GELU()], [BatchNorm(), Dense(6), Tanh()]], "rho": [0.5, 0.9]}
    search = GridSearchCV(NetworkClassifier(**FAST), grid, cv=2).fit(X, y)
    assert len(search.cv_results_["params"]) == 4


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (5, "layers must be a sequence of layers, got 5"),
        ("Dense", "layers must be a sequence of layers, got 'Dense'"),
        ([Dense(3), "ReLU"], r"layers\[1\] must be a Layer, got 'ReLU'"),
        ([Dense(3), Conv2D(2, 3)], r"layers\[1\], Conv2D\(.*\), does not fit the shape \(3\): .*images"),
        ([Dense], r"layers\[0\] must be a Layer, got <class"),
    ],
)
def test_a_stack_that_will_not_do(cases, layers, message):
    X, y = cases.rows()
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        NetworkClassifier(layers, **FAST).fit(X, y)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (5, "layers must be a sequence of layers, got 5"),
        ([HeNormal()], r"layers\[0\] must be a Layer, got HeNormal\(\)"),
        ([ReLU()] * 991, "layers must hold at most 990 layers, got 991"),
        ([Conv2D(2, 3)], r"layers\[0\], .*, does not fit the shape \(6\)"),
    ],
    ids=["no list", "an initializer", "too many", "another shape"],
)
def test_layers_that_fit_would_refuse_are_not_saved(cases, tmp_path, layers, message):
    X, y = cases.rows()
    model = NetworkClassifier([Dense(4)], **FAST).fit(X, y).set_params(layers=layers)
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        model.save(tmp_path / "model.crms")
    assert list(tmp_path.iterdir()) == []


def test_a_prediction_keeps_neither_its_input_nor_much_memory(cases):
    X, y = cases.rows(dtype=np.float32)
    model = NetworkClassifier([Dense(4)], **FAST).fit(X, y)
    given = X.copy()
    alive = weakref.ref(given)
    model.predict(given)
    del given
    gc.collect()
    assert alive() is None
    large = Network([Conv2D(128, 3), Conv2D(128, 3)], (8, 8, 128))  # weights at 36 points: 2.4 MB a layer
    large.return_workspace(large.borrow_workspace(1, 1))
    assert large._spare == []
    small = Network([Dense(4)], (5,))
    workspace = small.borrow_workspace(3, 1)
    small.return_workspace(workspace)
    assert small.borrow_workspace(2, 1) is workspace
    assert small.borrow_workspace(2, 1) is not workspace
