"""--schedule: words to schedules."""

import argparse
from dataclasses import fields

import pytest

import crmsprop
from crmsprop.cli.schedules import SCHEDULES, parse_schedule
from crmsprop.schedules import CosineAnnealing, ExponentialDecay, InverseTimeDecay, Product, StepDecay


@pytest.mark.parametrize(
    ("text", "schedule"),
    [
        ("constant", Product(())),
        ("cosine", CosineAnnealing()),
        ("cosine:final=0.1", CosineAnnealing(0.1)),
        ("cosine:final=0", CosineAnnealing(0.0)),
        ("step:factor=0.5,every=10", StepDecay(0.5, 10)),
        ("step:every=10, factor=5e-1", StepDecay(0.5, 10)),
        ("exponential:rate=0.1", ExponentialDecay(0.1)),
        ("inverse-time:decay=1e-6", InverseTimeDecay(1e-6)),
        ("cosine*inverse-time:decay=1e-6", CosineAnnealing() * InverseTimeDecay(1e-6)),
        ("constant * cosine", CosineAnnealing()),
        ("constant*constant", Product(())),
    ],
)
def test_words(text, schedule):
    assert parse_schedule(text) == schedule


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be made of constant, cosine:final=..., step:factor=...,every=..., .*, got ''"),
        ("cosinus", "must be made of .*, got 'cosinus'"),
        ("cosine*", "must be made of .*, got ''"),
        ("constant:rate=1", "must be made of .*, got 'constant:rate=1'"),
        ("step", "must be like step:factor=...,every=..., got 'step'"),
        ("step:factor=0.5", "must be like step:factor=...,every=..., got 'step:factor=0.5'"),
        ("step:factor=0.5,every=1,rate=2", "must be like step:factor"),
        ("step:0.5,10", "must have numbers as values, got '0.5'"),
        ("cosine:final=x", "must have numbers as values, got 'final=x'"),
        ("cosine:final=2", r"'cosine:final=2': final must be in \[0, 1\], got 2"),
        ("step:factor=0.5,every=1.5", "'step:factor=0.5,every=1.5': every must be an integer of at least 1, got 1.5"),
    ],
)
def test_what_is_no_schedule(text, message):
    with pytest.raises(argparse.ArgumentTypeError, match=message):
        parse_schedule(text)


def test_the_error_names_the_option(run):
    ended = run("train", "--schedule", "step")
    assert ended.code == 2
    assert ended.error().startswith("argument --schedule: must be like step:factor=...,every=..., got 'step'")


def test_a_schedule_is_trained_with_and_saved(train_small, folder):
    train_small("--schedule", "step:factor=0.5,every=1", "--learning-rate", 0.01, "--epochs", 3)
    model = crmsprop.load(folder / "crmsprop-run" / "model.crms")
    assert model.schedule == StepDecay(0.5, 1)
    assert model.history_["learning_rate"] == [0.01, 0.005, 0.0025]


def test_every_decay_of_the_package_has_a_word():
    from crmsprop import schedules

    no_words = {"Schedule", "FunctionSchedule", "Product"}
    classes = {name for name in schedules.__all__ if isinstance(getattr(schedules, name), type)}
    assert {known.__name__ for known in SCHEDULES.values()} == classes - no_words
    assert all(fields(known) for known in SCHEDULES.values())
