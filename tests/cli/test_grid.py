"""--param: words to values, values to candidates."""

import argparse
import itertools

import numpy as np
import pytest

from crmsprop.augment import Crop, Cutout, Flip
from crmsprop.cli.grid import (
    SEARCHABLE,
    Range,
    all_candidates,
    drawn_candidates,
    in_words,
    make_grid,
    parse_param,
    values_of,
)
from crmsprop.cli.options import NETWORK, TRAINING
from crmsprop.cli.parser import UsageError
from crmsprop.schedules import CosineAnnealing, Product, StepDecay, Warmup


@pytest.mark.parametrize(
    ("text", "words", "values"),
    [
        ("rho=0.9", ["0.9"], [0.9]),
        ("learning_rate = 1e-4 , 1e-3", ["1e-4", "1e-3"], [1e-4, 1e-3]),
        ("batch_size=16,32", ["16", "32"], [16, 32]),
        ("batch-size=16,32", ["16", "32"], [16, 32]),
        ("epochs=2", ["2"], [2]),
        ("augment=flip", ["flip"], [Flip()]),
        ("hidden_layer_sizes=64, 128 64", ["64", "128 64"], [(64,), (128, 64)]),
        ("centered=yes,no", ["yes", "no"], [True, False]),
        ("clip_norm=none,0.5", ["none", "0.5"], [None, 0.5]),
        ("validation_fraction=none,0.1", ["none", "0.1"], [None, 0.1]),
        ("dtype=float32,float64", ["float32", "float64"], ["float32", "float64"]),
        (
            "schedule=constant,cosine,step:factor=0.5,every=10",
            ["constant", "cosine", "step:factor=0.5,every=10"],
            [Product(()), CosineAnnealing(), StepDecay(0.5, 10)],
        ),
        (
            "schedule=warmup:epochs=3 then@3 cosine,step:factor=0.5,every=2*cosine",
            ["warmup:epochs=3 then@3 cosine", "step:factor=0.5,every=2*cosine"],
            [Warmup(3).then(CosineAnnealing(), after=3), StepDecay(0.5, 2) * CosineAnnealing()],
        ),
        (
            "augmentation=none, flip + crop:4,fill_mode=constant ,cutout:8,1.5",
            ["none", "flip + crop:4,fill_mode=constant", "cutout:8,1.5"],
            [None, Flip() + Crop(4, fill_mode="constant"), Cutout(8, 1.5)],
        ),
        ("learning_rate=1e-5..1e-2:log", None, Range(1e-5, 1e-2, whole=False, log=True)),
        ("dropout=0..0.5", None, Range(0.0, 0.5, whole=False, log=False)),
        ("batch_size=8..64", None, Range(8, 64, whole=True, log=False)),
    ],
)
def test_values(text, words, values):
    name, got = parse_param(text)
    told = text.partition("=")[0].strip()
    assert name == {"batch-size": "batch_size", "epochs": "max_epochs", "augment": "augmentation"}.get(told, told)
    if words is None:
        assert got == values
    else:
        assert ([value.words for value in got], [value.value for value in got]) == (words, values)


def test_whole_numbers_are_integers():
    assert [type(value) for _, value in parse_param("max_epochs=5,10")[1]] == [int, int]


NAMES = ", ".join(SEARCHABLE)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rho", "must be NAME=VALUE,..., such as rho=0.8,0.9, got 'rho'"),
        ("alpha=1", f"must have {NAMES} as NAME, got 'alpha=1'"),
        ("n_threads=1,2", f"must have {NAMES} as NAME, got 'n_threads=1,2'"),
        ("lr=1", "must begin with the name of a parameter, got 'lr=1': did you mean learning_rate?"),
        ("filtres=1", "must begin with the name of a parameter, got 'filtres=1': did you mean filters?"),
        ("rho=", "rho must be a number: decay of RMSprop's mean square, in [0, 1); got ''"),
        ("rho=0.9,x", "rho must be a number: decay of RMSprop's mean square, in [0, 1); got 'x'"),
        ("batch_size=1.5", "batch_size must be an integer: samples a step; got '1.5'"),
        ("filters=8 x", "filters must be an integer, or several with spaces between them: filters of each convolution"),
        ("filters=8,", "filters must be an integer, or several with spaces between them: filters of each convolution"),
        ("filters=8..16", "filters must be an integer, or several with spaces between them: filters of each convol"),
        ("centered=true", "centered must be yes or no: divide by the gradient's standard deviation"),
        ("clip_norm=x", "clip_norm must be a number or none, got 'x'"),
        ("schedule=cosin", "schedule must be made of constant, cosine:final=..."),
        ("schedule=step:factor=0.5", "schedule must be like step:factor=...,every=..., got 'step:factor=0.5'"),
        ("augmentation=rotation", "augmentation must be like rotation:"),
        ("rho=0.9,0.90", "rho must have each value once, got '0.9,0.90'"),
        ("rho=0.9..0.9", "rho must have a range LOW..HIGH that goes up, got '0.9..0.9'"),
        ("l2=0..1:log", "l2 must have a range LOW..HIGH that goes up from above 0, got '0..1'"),
        ("l2=1..inf", "l2 must have a range LOW..HIGH that goes up, got '1..inf'"),
        ("l2=nan..1", "l2 must have a range LOW..HIGH that goes up, got 'nan..1'"),
        ("l2=x..1", "l2 must be a number: L2 penalty"),
    ],
)
def test_what_is_no_parameter_with_values(text, message):
    with pytest.raises(argparse.ArgumentTypeError) as caught:
        parse_param(text)
    assert str(caught.value).startswith(message)


def test_every_option_of_a_model_can_be_searched_but_the_threads():
    assert set(SEARCHABLE) == {option.parameter for option in (*NETWORK, *TRAINING)} - {"n_threads"}


def grid_of(*texts):
    return make_grid([parse_param(text) for text in texts])


def test_all_candidates():
    candidates = all_candidates(grid_of("rho=0.8,0.9", "filters=4,4 8", "l2=0"))
    assert [in_words(candidate) for candidate in candidates] == [
        "rho=0.8 filters=4 l2=0",
        "rho=0.8 filters=4 8 l2=0",
        "rho=0.9 filters=4 l2=0",
        "rho=0.9 filters=4 8 l2=0",
    ]
    assert values_of(candidates[1]) == {"rho": 0.8, "filters": (4, 8), "l2": 0.0}


def test_what_makes_no_grid():
    with pytest.raises(UsageError, match="--param must give the values of rho at once, got it 2 times"):
        grid_of("rho=0.8", "l2=0", "rho=0.9")
    with pytest.raises(UsageError, match="--param l2 is a range, from which --random N draws"):
        all_candidates(grid_of("rho=0.8", "l2=0..1"))


def test_values_are_drawn_without_repetition():
    grid = grid_of("rho=0.8,0.9", "l2=0,1,2")
    drawn = [in_words(candidate) for candidate in drawn_candidates(grid, 6, seed=3)]
    assert sorted(drawn) == [f"rho={rho} l2={l2}" for rho, l2 in itertools.product(("0.8", "0.9"), "012")]
    assert drawn == [in_words(candidate) for candidate in drawn_candidates(grid, 6, seed=3)]
    assert drawn[:3] != [in_words(candidate) for candidate in drawn_candidates(grid, 3, seed=4)]
    with pytest.raises(ValueError, match="--random must be at most 6, got 7"):
        drawn_candidates(grid, 7, seed=3)
    with pytest.raises(ValueError, match="--random must be at least 1, got 0"):
        drawn_candidates(grid, 0, seed=3)


def numbers_from(text, n=2000):
    (name,) = grid = grid_of(text)
    values = [candidate[name] for candidate in drawn_candidates(grid, n, seed=0)]
    assert [type(value.value)(value.words) for value in values] == [value.value for value in values]
    return np.array([value.value for value in values])


def test_ranges_of_numbers():
    """The share of each third of a range, five standard deviations around what it should be."""
    for text, third in (("l2=1..4", [2, 3]), ("l2=1e-5..1e-2:log", [1e-4, 1e-3])):
        numbers = numbers_from(text)
        shares = np.bincount(np.searchsorted(third, numbers), minlength=3) / len(numbers)
        np.testing.assert_allclose(shares, 1 / 3, atol=5 * np.sqrt(2 / 9 / len(numbers)))
        assert all(float(f"{number:.4g}") == number for number in numbers)


def test_ranges_of_integers():
    for text, shares in (("patience=2..4", [1 / 3] * 3), ("patience=1..3:log", np.log([2, 3 / 2, 4 / 3]) / np.log(4))):
        numbers = numbers_from(text)
        assert numbers.dtype.kind == "i"
        found = np.unique(numbers, return_counts=True)[1] / len(numbers)
        np.testing.assert_allclose(found, shares, atol=5 * np.sqrt(1 / 4 / len(numbers)))


def test_a_rounded_number_stays_in_its_range():
    low, high = 0.123451, 0.123452
    assert set(numbers_from(f"l2={low}..{high}", 20)) <= {low, high}
