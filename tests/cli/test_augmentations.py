"""--augment: words to augmentations."""

import argparse

import numpy as np
import pytest

import crmsprop
from crmsprop import augment
from crmsprop.augment import Crop, Cutout, Flip, Mixup, Operation, Rotation, Translation, Zoom
from crmsprop.cli.augmentations import OPERATIONS, parse_augmentation


@pytest.mark.parametrize(
    ("text", "augmentation"),
    [
        ("none", None),
        (" none ", None),
        ("flip", Flip()),
        ("flip:0.25", Flip(0.25)),
        ("flip:rate=0.25", Flip(0.25)),
        ("rotation:15", Rotation(15)),
        ("cutout:8, 1.5", Cutout(8, 1.5)),
        ("translation:0.1,width=0.2", Translation(0.1, 0.2)),
        ("crop:4,fill_mode=constant,fill_value=1e2", Crop(4, fill_mode="constant", fill_value=100)),
        ("flip+rotation:15+zoom:0.1", Flip() + Rotation(15) + Zoom(0.1)),
        ("flip + translation:0.1,fill_mode=reflect + mixup", Flip() + Translation(0.1, fill_mode="reflect") + Mixup()),
    ],
)
def test_words(text, augmentation):
    assert parse_augmentation(text) == augmentation


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be made of flip, rotation, .*, got ''"),
        ("flop", "must be made of flip, .*, got 'flop'"),
        ("flip+", "must be made of .*, got ''"),
        ("flip + none", "must be made of .*, got 'none'"),
        ("rotation", "must be like rotation:degrees=...,fill_mode=...,.*, got 'rotation'"),
        ("rotation:angle=15", "must be like rotation:.*, got 'rotation:angle=15'"),
        ("rotation:15,16", "must be like rotation:.*, got 'rotation:15,16'"),
        ("rotation:15,degrees=16", "must have one value for degrees, got '15,degrees=16'"),
        ("rotation:x", r"'rotation:x': degrees must be a number in \[0, 180\], got 'x'"),
        ("rotation:200", r"'rotation:200': degrees must be in \[0, 180\], got 200"),
        ("crop:4,fill_mode=wrap", "'crop:4,fill_mode=wrap': fill_mode must be one of .*, got 'wrap'"),
        ("crop:4,fill_mode=reflect+rotation:1,fill_mode=nearest", "fill_mode must be the same in all operations"),
        ("mixup+mixup", "a sum must have at most one Mixup"),
    ],
)
def test_what_is_no_augmentation(text, message):
    with pytest.raises(argparse.ArgumentTypeError, match=message):
        parse_augmentation(text)


def test_every_operation_has_a_word():
    classes = [getattr(augment, name) for name in augment.__all__ if isinstance(getattr(augment, name), type)]
    known = {item for item in classes if issubclass(item, Operation)} - {Operation, augment.Geometric}
    assert set(OPERATIONS.values()) == known


def test_the_error_names_the_option(run):
    ended = run("train", "--augment", "rotation")
    assert ended.code == 2
    assert ended.error().startswith("argument --augment: must be like rotation:")


def test_it_is_trained_with_and_saved(train_small, folder):
    train_small("--augment", "translation:0.1 + cutout:2", "--label-smoothing", 0.1)
    model = crmsprop.load(folder / "crmsprop-run" / "model.crms")
    assert model.augmentation == Translation(0.1) + Cutout(2)
    assert model.label_smoothing == 0.1


def test_rows_need_a_shape(run, folder):
    rng = np.random.default_rng(0)
    np.savez(folder / "rows.npz", X=rng.normal(size=(60, 12)), y=np.arange(60) % 3)
    ended = run("train", "--data", "rows.npz", "--augment", "flip", "--epochs", 1)
    assert ended.code == 2
    assert ended.error().startswith("--augment needs images, got rows of 12 features: give --image-shape")
    assert run("train", "--data", "rows.npz", "--image-shape", 3, 4, "--augment", "flip", "--epochs", 1).code == 0
