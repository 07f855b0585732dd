"""--model reference: the article's program, layer for layer and line for line."""

import numpy as np
import pytest
from cifar_files import make_images, write_py

import crmsprop
from crmsprop.cli import main
from crmsprop.cli.data import Data
from crmsprop.cli.models import make_job
from crmsprop.cli.program import make_parser
from crmsprop.cli.reference import split_last, tenth_from_twelfth_epoch
from crmsprop.nn import Conv2D, Dense, Dropout, Flatten, MaxPool2D, ReLU
from crmsprop.schedules import InverseTimeDecay, as_schedule


def cifar_like(n=100, n_test=10):
    rng = np.random.default_rng(0)
    X, X_test = (rng.integers(0, 256, (size, 32, 32, 3)).astype(np.uint8) for size in (n, n_test))
    return Data("cifar10", X, np.arange(n) % 10, X_test, np.arange(n_test) % 10)


def job_of(*arguments, data=None):
    options = make_parser().parse_args(["train", "--model", "reference", *arguments])
    return make_job(options, cifar_like() if data is None else data)


def test_layers():
    layers = job_of().estimator._layers((32, 32, 3), 10)
    assert layers == [
        Conv2D(32, 3, padding="valid"),
        ReLU(),
        MaxPool2D(2),
        Conv2D(64, 3, padding="valid"),
        ReLU(),
        MaxPool2D(2),
        Flatten(),
        Dense(128),
        ReLU(),
        Dropout(0.5),
        Dense(10),
    ]


def test_shapes_and_parameters():
    job = job_of("--epochs", "1", "--no-early-stopping", "--threads", "1")
    network = job.estimator.fit(**job.fit).network_
    assert [shape for layer, shape in zip(network.layers, network.shapes, strict=True) if layer != ReLU()] == [
        (30, 30, 32),
        (15, 15, 32),
        (13, 13, 64),
        (6, 6, 64),
        (2304,),
        (128,),
        (128,),
        (10,),
    ]
    sizes = {name: parameter.size for name, parameter in network.parameters.items() if parameter.size}
    assert sorted(sizes.values()) == sorted([864, 32, 18432, 64, 294912, 128, 1280, 10])
    assert sum(sizes.values()) == 315722  # as Keras's summary of the article's model


def test_training_parameters():
    estimator = job_of().estimator
    expected = {
        "learning_rate": 1e-3,
        "rho": 0.9,
        "momentum": 0.0,
        "centered": False,
        "l2": 0.0,
        "batch_size": 32,
        "max_epochs": 30,
        "early_stopping": True,
        "patience": 5,
        "restore_best": False,
        "dropout": 0.5,
    }
    assert {name: getattr(estimator, name) for name in expected} == expected


def test_schedule_step_by_step():
    """The rate of each step, by the article's two rules written out."""
    steps_per_epoch = 1250
    schedule = as_schedule(job_of().estimator.schedule, 1e-3)
    rate = 0.001
    for epoch in range(30):
        if epoch > 10:
            rate = rate * 0.1
        for batch in (0, 1, 700, steps_per_epoch - 1):
            step = epoch * steps_per_epoch + batch
            expected = rate / (1 + 1e-6 * step)
            assert 1e-3 * schedule(step, steps_per_epoch, 30 * steps_per_epoch) == pytest.approx(expected, rel=1e-12)


def test_the_scheduler_is_the_articles():
    assert [tenth_from_twelfth_epoch(epoch, 1.0) for epoch in (0, 10, 11, 12)] == [1.0, 1.0, 0.1, 0.1]


def test_validation_is_the_last_fifth_in_order():
    data = cifar_like()
    fit = job_of(data=data).fit
    for name, expected in {"X": data.X[:80], "y": data.y[:80], "X_val": data.X[80:], "y_val": data.y[80:]}.items():
        np.testing.assert_array_equal(fit[name], expected)
        assert np.shares_memory(fit[name], data.X if name.startswith("X") else data.y)


@pytest.mark.parametrize(
    ("n", "fraction", "trained"), [(50000, 0.2, 40000), (1347, 0.2, 1077), (7, 0.2, 5), (10, 0.5, 5)]
)
def test_the_split_is_rounded_as_keras_does(n, fraction, trained):
    y = np.zeros(n)
    assert len(split_last(y, y, fraction)["X"]) == trained


@pytest.mark.parametrize(("n", "fraction"), [(1, 0.2), (1, 0.9), (2, 0.9)])
def test_a_split_that_leaves_nothing(n, fraction):
    y = np.zeros(n)
    with pytest.raises(ValueError, match=f"must leave samples in both parts, got {fraction} of {n}"):
        split_last(y, y, fraction)


def test_sorted_labels_are_refused():
    y = np.repeat(np.arange(10), 10)
    with pytest.raises(ValueError, match=r"y must have every label before its last 20 samples, .*array\(\[8, 9\]\)"):
        split_last(y, y, 0.2)


def test_options_override_what_they_name_and_nothing_else():
    plain, other = job_of(), job_of("--epochs", "3", "--seed", "5", "--threads", "2", "--schedule", "cosine")
    changed = {
        name for name, value in other.estimator.get_params().items() if value != plain.estimator.get_params()[name]
    }
    assert changed == {"max_epochs", "random_state", "n_threads", "schedule"}
    assert len(job_of("--validation-fraction", "0.5").fit["X"]) == 50


@pytest.mark.parametrize(
    ("fraction", "message"),
    [
        ("none", "--validation-fraction none leaves early stopping nothing to look at"),
        ("1", "--validation-fraction must be in (0, 1), got 1"),
    ],
)
def test_it_needs_validation_data(run, fraction, message):
    ended = run("train", "--model", "reference", "--validation-fraction", fraction)
    assert ended.code == 2
    assert message in ended.error()


def test_on_cifar10_from_the_command_line(run, folder, tmp_path):
    write_py(tmp_path / "cifar-10-batches-py", make_images(20))
    ended = run("train", "--data", "cifar10", "--data-home", tmp_path, "--model", "reference", "--epochs", 2)
    assert ended.code == 0
    with pytest.warns(UserWarning, match="crmsprop.cli.reference:tenth_from_twelfth_epoch"):
        model = crmsprop.load(folder / "crmsprop-run" / "model.crms")
    assert model.schedule == InverseTimeDecay(1e-6)
    # 80 of 100 images are trained on, so that an epoch has three steps
    assert model.history_["learning_rate"] == pytest.approx([1e-3 / (1 + 2e-6), 1e-3 / (1 + 5e-6)], rel=1e-12)
    assert model.predict(np.zeros((2, 32, 32, 3), np.uint8)).shape == (2,)


def test_on_digits(folder):
    assert main(["train", "--model", "reference", "--epochs", "1", "--quiet", "--threads", "1"]) == 0
    with pytest.warns(UserWarning, match="tenth_from_twelfth_epoch"):
        network = crmsprop.load(folder / "crmsprop-run" / "model.crms").network_
    assert [shape for layer, shape in zip(network.layers, network.shapes, strict=True) if layer != ReLU()][:4] == [
        (6, 6, 32),
        (3, 3, 32),
        (1, 1, 64),
        (64,),
    ]
