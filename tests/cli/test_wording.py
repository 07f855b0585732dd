"""Errors of the library speak to somebody who writes Python; here they name options."""

import sys

import numpy as np
import pytest

from crmsprop.cli import data
from crmsprop.cli.wording import as_typed, in_words_of_options

INTEGER = "must be an integer in [0, 2**32), got -1"
MONITORS = "'loss', 'val_loss', 'accuracy', 'val_accuracy'"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--seed -1", f"--seed {INTEGER}"),
        ("--threads -1", "--threads must be an integer of at least 1, got -1"),
        ("--padding 1", "--padding must be 'valid' or 'same', got '1'"),
        ("--early-stopping --monitor foo", f"--monitor must be one of {MONITORS}, got 'foo'"),
        ("--early-stopping --monitor val_score", f"--monitor must be one of {MONITORS}, got 'val_score'"),
        ("--nesterov", "--nesterov needs --momentum in (0, 1), got 0.0"),
        (
            "--augment rotation:15,fill_value=1",
            "--augment must have an operation with fill_mode=constant where there is fill_value, got nearest",
        ),
        (
            "--checkpoint some",
            "argument --checkpoint: must be a number of epochs or none, got 'some' (see \"crmsprop train --help\")",
        ),
    ],
)
def test_train(run, arguments, message):
    assert run("train", *arguments.split()).error() == message


def test_a_search(run):
    assert run("tune", "--param", "seed=-1").error() == f"--param random_state {INTEGER}"
    found = run("find-lr", "--max-learning-rate", 1e-8).error()
    assert found == "--max-learning-rate must be above --min-learning-rate, got 1e-08 and 1e-07"


@pytest.fixture
def rows(folder):
    """Write rows of two classes, with one sample of the second to train on."""
    X = np.random.default_rng(0).normal(size=(20, 3))
    y = np.arange(20) < 6
    np.savez("rows.npz", X=X, y=y, X_test=X, y_test=y)
    return ("--data", "rows.npz", "--threads", 1)


def test_rows(run, rows):
    rule = "must not be given for rows of 3 features: give --image-shape where they hold images"
    assert run("train", *rows, "--flip-predictions").error() == f"--flip-predictions {rule}"
    assert run("tune", *rows, "--param", "augment=flip").error() == f"--param augmentation {rule}"


@pytest.mark.parametrize(
    ("fraction", "remedy"), [(0.05, "give --validation-fraction 0.06 or more"), (0.99, "give more samples")]
)
def test_held_out_samples(run, rows, fraction, remedy):
    message = run("train", *rows, "--validation-fraction", fraction).error()
    assert message.startswith("--validation-fraction (a tenth by default with --early-stopping) must leave samples of")
    assert message.endswith(f"; {remedy}")


def test_a_training_that_diverges(train_small):
    ended = train_small("--learning-rate", 1e20)
    assert (ended.code, "Try a lower --learning-rate, or look" in ended.err) == (1, True)


def test_fine_tune(run, model_file):
    message = "--freeze must be features, a number of layers or none, got 'all'"
    assert run("fine-tune", model_file, "--freeze", "all").error() == message


CIFAR10 = ("train", "--data", "cifar10")


def test_data_that_are_not_there(run):
    message = run(*CIFAR10, "--data-home", "none", "--no-download").error()
    assert message.startswith("no CIFAR-10 in --data-home 'none': looked there for cifar-10-batches-py/, ")
    remedies = "give the folder that has them as --data-home, or put https://www.cs.toronto.edu/~kriz/"
    assert remedies in message
    assert message.endswith("cifar-10-python.tar.gz there, or leave out --no-download")


def test_a_data_home_that_is_none(run, folder, monkeypatch):
    (folder / "file").touch()
    assert run(*CIFAR10, "--data-home", "file").error() == "--data-home must be a folder, got 'file'"
    monkeypatch.setenv("CRMSPROP_DATA", "file")
    assert run(*CIFAR10).error() == "$CRMSPROP_DATA must be a folder, got 'file'; or give --data-home"


def test_a_download_without_pooch(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    assert run(*CIFAR10, "--data-home", "none").error().endswith("and give its folder as --data-home")


def test_other_errors_of_a_data_home_stay(run, folder, monkeypatch):
    def refuse(*given, **more):
        raise ValueError("other")

    monkeypatch.setattr(data, "load_cifar10", refuse)
    assert run(*CIFAR10).error() == "other"


def test_what_is_no_message_of_ours_stays():
    assert in_words_of_options("mine/data_home.npz cannot be read") == "mine/data_home.npz cannot be read"


@pytest.mark.parametrize("typed", ["2", "2.0", "2e0"])
def test_numbers_are_as_they_were_typed(run, typed):
    for arguments in (("--rho", typed), (f"--rho={typed}",)):
        assert run("train", "--l2", 2, *arguments).error() == f"--rho must be in [0, 1), got {typed}"
    assert run("tune", "--param", f"rho=0.5,{typed}").error() == f"--param rho must be in [0, 1), got {typed}"


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("--rho must be in [0, 1), got 2.0", ["--resume", "--rho"]),
        ("--rho must be in [0, 1), got 2.0", ["--rho", "3", "--rho", "high"]),
        ("--rho must be in [0, 1), got nan", ["--rho", "nan"]),
        ("--rho is none", ["--rho", "nan"]),
    ],
)
def test_other_numbers_stay(message, arguments):
    assert as_typed(message, arguments) == message
