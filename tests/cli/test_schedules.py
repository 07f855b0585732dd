"""--schedule: words to schedules."""

import argparse
from dataclasses import fields

import pytest

import crmsprop
from crmsprop.cli.schedules import SCHEDULES, parse_schedule
from crmsprop.schedules import (
    CosineAnnealing,
    ExponentialDecay,
    InverseTimeDecay,
    OneCycle,
    PiecewiseConstant,
    Product,
    StepDecay,
    Warmup,
)


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
        ("cosine:cycle=10,cycle_growth=2", CosineAnnealing(cycle=10, cycle_growth=2)),
        ("one-cycle", OneCycle()),
        ("one-cycle:rise=0.2,final_divisor=1e3", OneCycle(0.2, final_divisor=1e3)),
        ("warmup:epochs=2.5", Warmup(2.5)),
        ("piecewise:boundaries=10/20.5,values=1/0.1/0", PiecewiseConstant([10, 20.5], [1, 0.1, 0])),
        ("piecewise:boundaries=10,values=1/2", PiecewiseConstant([10], [1, 2])),
        ("warmup:epochs=5 then@5 cosine", Warmup(5).then(CosineAnnealing(), after=5)),
        ("  warmup:epochs=1   then@0.5  cosine ", Warmup(1).then(CosineAnnealing(), after=0.5)),
        ("constant then@3 cosine", Product(()).then(CosineAnnealing(), after=3)),
        (
            "warmup:epochs=5 then@5 cosine * step:factor=0.5,every=10 then@20 constant",
            Warmup(5).then(CosineAnnealing() * StepDecay(0.5, 10), after=5).then(Product(()), after=20),
        ),
    ],
)
def test_words(text, schedule):
    assert parse_schedule(text) == schedule


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "",
            "must be made of constant, cosine:final=...,cycle=.*, one-cycle:.*, step:factor=...,every=..., .*, got ''",
        ),
        ("cosinus", "must be made of .*, got 'cosinus'"),
        ("cosine*", "must be made of .*, got ''"),
        ("constant:rate=1", "must be made of .*, got 'constant:rate=1'"),
        ("step", "must be like step:factor=...,every=..., got 'step'"),
        ("step:factor=0.5", "must be like step:factor=...,every=..., got 'step:factor=0.5'"),
        ("step:factor=0.5,every=1,rate=2", "must be like step:factor"),
        ("step:0.5,10", "must have numbers as values, got '0.5'"),
        ("cosine:final=x", "must have numbers as values, got 'final=x'"),
        ("cosine:final=", "must have numbers as values, got 'final='"),
        ("cosine:final=0.1,final=0.2", "must have each parameter once, got 'final' twice"),
        ("cosine:final=0.1, final=0.1", "must have each parameter once, got 'final' twice"),
        ("cosine:cycle=1.5", "'cosine:cycle=1.5': cycle must be an integer of at least 1, got 1.5"),
        ("cosine:final=0.1/0.2", "must have numbers as values, got 'final=0.1/0.2'"),
        ("piecewise:boundaries=10/,values=1/2/3", "must have numbers as values, got 'boundaries=10/'"),
        ("piecewise:boundaries=10", "must be like piecewise:boundaries=.../...,values=.../..., got 'piecewise:b"),
        ("piecewise:boundaries=10,values=1", "values must be one more than the 1 boundaries, got 1"),
        ("warmup:epochs=5 then@ cosine", "must have an epoch behind then@, got ''"),
        ("warmup:epochs=5 then@x cosine", "must have an epoch behind then@, got 'x'"),
        ("warmup:epochs=5 then@-1 cosine", "must have an epoch behind then@, got '-1'"),
        ("warmup:epochs=5 then@nan cosine", "must have an epoch behind then@, got 'nan'"),
        ("warmup:epochs=5 then@5", "must be made of .*, got ''"),
        ("then@5 cosine", "must be made of .*, got 'then@5 cosine'"),
        ("warmup:epochs=5 then cosine", "must have numbers as values, got 'epochs=5 then cosine'"),
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


def test_two_in_a_row_on_the_command_line(train_small, folder):
    schedule = "piecewise:boundaries=1,values=1/0.5 then@2 exponential:rate=0"
    train_small("--schedule", schedule, "--learning-rate", 0.01, "--epochs", 3)
    model = crmsprop.load(folder / "crmsprop-run" / "model.crms")
    assert model.schedule == PiecewiseConstant([1], [1, 0.5]).then(ExponentialDecay(0), after=2)
    assert model.history_["learning_rate"] == [0.01, 0.005, 0.01]


def test_the_help_has_every_word_and_how_to_join_them(run):
    text = "".join(run("train", "--help").out.split())  # a narrow terminal breaks words at their hyphens
    for word in SCHEDULES:
        assert f"{word}:" in text
    assert "Athen@5B" in text
    assert '--schedule"warmup:epochs=3then@3cosine"' in text
    assert parse_schedule("warmup:epochs=3 then@3 cosine") == Warmup(3).then(CosineAnnealing(), after=3)


def test_every_schedule_of_the_package_has_a_word():
    from crmsprop import schedules

    no_words = {"Schedule", "FunctionSchedule", "Joined", "Product"}
    classes = {name for name in schedules.__all__ if isinstance(getattr(schedules, name), type)}
    assert {known.__name__ for known in SCHEDULES.values()} == classes - no_words
    assert all(fields(known) for known in SCHEDULES.values())
