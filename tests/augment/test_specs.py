"""Specs: checked, frozen, comparable, picklable, sums of each other, and their way to a file and back."""

import copy
import dataclasses
import json
import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.base import clone

from crmsprop import augment
from crmsprop.augment import (
    Augmentation,
    Brightness,
    Contrast,
    Crop,
    Cutout,
    Flip,
    Mixup,
    Operation,
    Rotation,
    Sum,
    Translation,
    Zoom,
    augmentation_from_config,
    augmentation_to_config,
)
from crmsprop.errors import FileFormatError

SPECS = [
    Flip(),
    Flip(0.25),
    Rotation(15),
    Rotation(15, fill_mode="constant", fill_value=7, interpolation="nearest"),
    Translation(0.1),
    Translation(0.1, 0.2),
    Zoom(0.1),
    Zoom(0.1, 0.2),
    Crop(4),
    Brightness(0.2),
    Contrast(0.2),
    Cutout(8),
    Cutout(8, 1.5),
    Mixup(),
    Mixup(1),
    Flip() + Rotation(15, fill_mode="reflect") + Cutout(8),
    Sum(()),
]
every_spec = pytest.mark.parametrize("spec", SPECS, ids=repr)


@every_spec
def test_a_spec_equals_its_copies_alone(spec):
    for made in (copy.copy(spec), copy.deepcopy(spec), pickle.loads(pickle.dumps(spec)), clone(spec, safe=False)):
        assert made == spec
        assert hash(made) == hash(spec)
    assert [other for other in SPECS if other == spec] == [spec]
    assert len(set(SPECS)) == len(SPECS)


@every_spec
def test_a_spec_cannot_be_changed(spec):
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(spec, dataclasses.fields(spec)[0].name, 1)


@every_spec
def test_repr_is_what_makes_it(spec):
    assert eval(repr(spec), vars(augment)) == spec


@every_spec
def test_to_json_and_back(spec):
    again = augmentation_from_config(json.loads(json.dumps(augmentation_to_config(spec), allow_nan=False)))
    assert again == spec
    assert repr(again) == repr(spec)
    assert type(again) is type(spec)


def test_none_is_stored_as_none():
    assert augmentation_to_config(None) is None
    assert augmentation_from_config(None) is None


def test_sums_are_flat():
    a, b, c = Flip(), Rotation(15), Cutout(8)
    assert a + b + c == a + (b + c) == Sum((a, b, c)) == Sum([a, Sum((b, c))])
    assert (a + b + c).terms == (a, b, c)
    assert a + b != b + a
    assert Sum((a,)) != a
    assert Sum((a,)).terms == a.terms


def test_numbers_of_numpy_are_numbers():
    assert Rotation(np.float32(15)) == Rotation(np.int64(15)) == Rotation(15.0)
    assert type(Rotation(np.float32(15)).degrees) is float
    assert type(Cutout(np.int8(3)).size) is int


REFUSED = [
    (lambda: Flip(1.5), ValueError, r"rate must be in \[0, 1\], got 1.5"),
    (lambda: Flip("0.5"), TypeError, r"rate must be a number in \[0, 1\], got '0.5'"),
    (lambda: Flip(True), TypeError, "rate must be a number"),
    (lambda: Rotation(-1), ValueError, r"degrees must be in \[0, 180\], got -1"),
    (lambda: Rotation(float("nan")), ValueError, r"degrees must be in \[0, 180\], got nan"),
    (lambda: Rotation(None), TypeError, "degrees must be a number"),
    (lambda: Rotation(15, fill_mode="wrap"), ValueError, "fill_mode must be one of 'nearest', .*, got 'wrap'"),
    (lambda: Rotation(15, fill_value=float("inf")), ValueError, r"fill_value must be in \(-inf, inf\), got inf"),
    (lambda: Rotation(15, fill_value="0"), TypeError, "fill_value must be a number"),
    (
        lambda: Rotation(15, interpolation="cubic"),
        ValueError,
        "interpolation must be one of 'bilinear', 'nearest', got",
    ),
    (lambda: Translation(1.1), ValueError, r"height must be in \[0, 1\], got 1.1"),
    (lambda: Translation(0.1, -0.1), ValueError, r"width must be in \[0, 1\], got -0.1"),
    (lambda: Zoom(1.0), ValueError, r"height must be in \[0, 1\), got 1.0"),
    (lambda: Zoom(0.1, 1.0), ValueError, r"width must be in \[0, 1\), got 1.0"),
    (lambda: Crop(-1), ValueError, "padding must be at least 0, got -1"),
    (lambda: Crop(1.5), TypeError, "padding must be an integer of at least 0, got 1.5"),
    (lambda: Crop(2**21), ValueError, "padding must be at most 1048576, got 2097152"),
    (lambda: Brightness(1.1), ValueError, r"amount must be in \[0, 1\], got 1.1"),
    (lambda: Contrast(-0.1), ValueError, r"amount must be in \[0, 1\], got -0.1"),
    (lambda: Cutout(0), ValueError, "size must be at least 1, got 0"),
    (lambda: Cutout(2.0), TypeError, "size must be an integer of at least 1, got 2.0"),
    (lambda: Cutout(2**40), ValueError, "size must be at most 1073741824, got 1099511627776"),
    (lambda: Cutout(2, float("nan")), ValueError, r"value must be in \(-inf, inf\), got nan"),
    (lambda: Mixup(0), ValueError, r"alpha must be in \(0, 100\], got 0"),
    (lambda: Mixup(101), ValueError, r"alpha must be in \(0, 100\], got 101"),
    (lambda: Sum(Flip()), TypeError, r"operations must be a sequence of augmentations, got Flip\(rate=0.5\)"),
    (lambda: Sum((Flip(), "flip")), TypeError, "each of operations must be an augmentation, .* got 'flip'"),
    (lambda: Sum((Flip,)), TypeError, "each of operations must be an augmentation, .* got <class"),
    (lambda: Mixup() + Mixup(), ValueError, "a sum must have at most one Mixup, got Mixup"),
    (
        lambda: Crop(4, fill_mode="constant") + Rotation(15, fill_mode="reflect"),
        ValueError,
        "fill_mode must be the same in all operations of a sum, .*, got 'constant' and 'reflect'",
    ),
]


@pytest.mark.parametrize(("make", "kind", "message"), REFUSED)
def test_what_is_refused(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


@pytest.mark.parametrize("other", [None, 1, "flip", Flip, [Flip()]], ids=repr)
def test_nothing_else_is_added(other):
    with pytest.raises(TypeError):
        Flip() + other
    with pytest.raises(TypeError):
        other + Flip()


def test_what_one_operation_says_about_sampling_holds_for_all():
    assert (Flip() + Rotation(15)).sampling() == ("nearest", 0.0, "bilinear")
    found = (Crop(4) + Rotation(15, fill_mode="reflect") + Zoom(0.1, fill_mode="reflect", fill_value=3)).sampling()
    assert found == ("reflect", 3.0, "bilinear")


@dataclass(frozen=True)
class Darken(Operation):
    """An operation of one's own."""

    factor: float

    def draw(self, numbers, changes):
        changes.tone(self.factor, 1.0)


def test_an_operation_of_ones_own():
    X = np.full((2, 4, 4), 100, np.uint8)
    assert (Darken(0.5)(X) == 50).all()
    assert ((Darken(0.5) + Brightness(0.0) + Darken(0.5))(X) == 25).all()
    with pytest.raises(TypeError, match=r"augmentation must be of crmsprop's own classes to be saved, got .*Darken"):
        augmentation_to_config(Flip() + Darken(0.5))


def test_a_class_of_ones_own_with_a_name_of_ours_is_not_stored():
    own = dataclass(frozen=True)(type("Flip", (Flip,), {}))
    with pytest.raises(TypeError, match="own classes"):
        augmentation_to_config(own())


def test_an_operation_must_say_what_it_draws():
    for base in (Operation, Augmentation):
        with pytest.raises(TypeError, match="abstract"):
            base()


BAD_CONFIGS = [
    "Flip",
    [],
    7,
    {},
    {"class": None},
    {"class": ["Flip"]},
    {"class": "Darken", "factor": 0.5},
    {"class": "os.system", "command": "true"},
    {"class": "Operation"},
    {"class": "Rotation"},
    {"class": "Rotation", "degrees": 500},
    {"class": "Rotation", "degrees": None},
    {"class": "Rotation", "degrees": 15, "fill_mode": ["nearest"]},
    {"class": "Flip", "rate": 0.5, "more": 1},
    {"class": "Cutout", "size": 10**400},
    {"class": "Sum"},
    {"class": "Sum", "operations": None},
    {"class": "Sum", "operations": [None]},
    {"class": "Sum", "operations": [{"class": "Sum", "operations": []}]},
    {"class": "Sum", "operations": [], "terms": []},
    {"class": "Sum", "operations": [{"class": "Mixup", "alpha": 1.0}, {"class": "Mixup", "alpha": 1.0}]},
]


@pytest.mark.parametrize("config", BAD_CONFIGS, ids=lambda config: repr(config)[:60])
def test_a_bad_configuration(config):
    with pytest.raises(FileFormatError) as error:
        augmentation_from_config(config)
    assert len(str(error.value)) < 500


def test_every_operation_can_be_stored():
    classes = [getattr(augment, name) for name in augment.__all__ if isinstance(getattr(augment, name), type)]
    operations = {known for known in classes if issubclass(known, Operation)} - {Operation, augment.Geometric}
    assert {type(term) for spec in SPECS for term in spec.terms} == operations
