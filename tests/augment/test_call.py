"""An augmentation as a function of images: forms, dtypes, threads, instruction sets, hostile arguments."""

import numpy as np
import pytest
from child_process import in_new_interpreter

from crmsprop import kernels
from crmsprop.augment import Brightness, Contrast, Crop, Cutout, Flip, Mixup, Rotation, Sum, Translation, Zoom
from crmsprop.augment.batches import Augmenter

MOVES = Flip() + Rotation(15, fill_mode="reflect") + Translation(0.1) + Zoom(0.1) + Crop(1)
ALL = MOVES + Brightness(0.3) + Contrast(0.3) + Cutout(2) + Mixup()
DTYPES = [np.uint8, np.float32, np.float64]


def images(n=9, shape=(8, 6, 3), dtype=np.uint8):
    found = np.random.default_rng(n).integers(0, 256, (n, *shape), np.uint8)
    return found if dtype == np.uint8 else (found / 255).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(8, 6), (8, 6, 1), (1, 1, 1), (5, 70, 3), (3, 4, 70)], ids=str)
def test_shape_and_dtype_stay_and_the_input_too(shape, dtype):
    X = images(shape=shape, dtype=dtype)
    before = X.tobytes()
    got = ALL(X, seed=3, epoch=1)
    assert got.shape == X.shape
    assert got.dtype == X.dtype
    assert got.flags.c_contiguous
    assert X.tobytes() == before
    assert not np.may_share_memory(got, X)
    assert ALL(X, seed=3, epoch=1).tobytes() == got.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_channels_of_one_may_be_left_out(dtype):
    X = images(shape=(8, 6, 1), dtype=dtype)
    assert ALL(X).tobytes() == ALL(X[..., 0]).tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_neither_threads_nor_neighbours_change_a_bit(dtype):
    """Images enough for three threads; alone without mixup, whose partners come from all of X."""
    X, without_mixup = images(300, (16, 16, 3), dtype), Sum(ALL.terms[:-1])
    whole = ALL(X, n_threads=1)
    assert all(ALL(X, n_threads=n_threads).tobytes() == whole.tobytes() for n_threads in (2, 3))
    assert without_mixup(X)[:7].tobytes() == without_mixup(X[:7]).tobytes()


@pytest.mark.parametrize("name", kernels.supported_isas())
def test_every_instruction_set_gives_the_same_bits(name):
    X, before = images(20, (16, 16, 3)), kernels.active_isa()
    expected = ALL(X)
    try:
        kernels.use_isa(name)
        assert ALL(X).tobytes() == expected.tobytes()
    finally:
        kernels.use_isa(before)


def test_numpys_twins_give_the_same_bits():
    code = """if True:
        import hashlib
        import numpy as np
        from crmsprop.augment import Contrast, Flip, Mixup, Rotation
        X = np.arange(20 * 16 * 16 * 3, dtype=np.uint8).reshape(20, 16, 16, 3)
        print(hashlib.sha256((Flip() + Rotation(15) + Contrast(0.5) + Mixup())(X)).hexdigest())
        """
    answers = {in_new_interpreter(code, CRMSPROP_KERNELS=kind) for kind in ("compiled", "reference")}
    assert len(answers) == 1
    assert answers.pop()[0] == 0


def test_what_changes_nothing():
    X = images()
    for augmentation in (Sum(()), Rotation(0), Translation(0), Zoom(0), Crop(0), Brightness(0), Contrast(0), Flip(0.0)):
        assert augmentation(X).tobytes() == X.tobytes()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_images(count):
    assert ALL(images(count)).shape == (count, 8, 6, 3)


def test_memory_of_any_layout():
    X = images(10)
    for view in (X[::2], X[::-1], X[:, ::-1], X[:, :, ::-1], X[..., ::-1], np.asfortranarray(X), X[:, 1:7, 2:5]):
        assert ALL(view).tobytes() == ALL(np.ascontiguousarray(view)).tobytes()
    read_only = images(10)
    read_only.flags.writeable = False
    assert ALL(read_only).tobytes() == ALL(X).tobytes()


@pytest.mark.parametrize(
    ("X", "kind", "message"),
    [
        ([[[1]]], TypeError, "X must be an array of uint8, float32 or float64, got list"),
        (images().astype(np.int64), TypeError, "X must be an array of uint8, float32 or float64, got int64"),
        (images().astype(">f4"), TypeError, "X must be an array of uint8, float32 or float64, got >f4"),
        (np.zeros((4, 5)), ValueError, r"X must hold images, of shape \(n, height, .*\), got \(4, 5\)"),
        (np.zeros((4, 5, 6, 7, 8)), ValueError, "X must hold images"),
        (np.zeros((4, 0, 5)), ValueError, "X must hold images"),
    ],
)
def test_what_holds_no_images(X, kind, message):
    for function in (Flip(), Flip().plot):
        with pytest.raises(kind, match=message):
            function(X)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"seed": -1}, ValueError, "seed must be at least 0, got -1"),
        ({"seed": 2**64}, ValueError, "seed must be at most 18446744073709551615, got 18446744073709551616"),
        ({"seed": 1.0}, TypeError, "seed must be an integer of at least 0, got 1.0"),
        ({"epoch": -1}, ValueError, "epoch must be at least 0, got -1"),
        ({"epoch": None}, TypeError, "epoch must be an integer of at least 0, got None"),
        ({"n_threads": 0}, ValueError, "n_threads must be None or an integer of at least 1, got 0"),
    ],
)
def test_what_no_call_takes(arguments, kind, message):
    with pytest.raises(kind, match=message):
        Flip()(images(), **arguments)


FILLED = [Cutout(2, 300), Cutout(2, -1), Rotation(5, fill_mode="constant", fill_value=256)]


@pytest.mark.parametrize("mode", [None, "nearest", "reflect"])
def test_a_fill_value_that_would_do_nothing(mode):
    augmentation = Flip() + Rotation(5, fill_value=3) + Rotation(5, fill_mode=mode)
    message = r"fill_value of Rotation\(.*\) needs an operation with fill_mode='constant', got '(nearest|reflect)'"
    with pytest.raises(ValueError, match=message):
        augmentation(np.zeros((1, 4, 4)))


def test_a_fill_value_beside_the_mode_of_another_operation():
    apart, together = (
        Rotation(90, fill_value=3) + Crop(2, fill_mode="constant"),
        Rotation(90, fill_mode="constant", fill_value=3) + Crop(2),
    )
    black = np.zeros((5, 4, 4))
    np.testing.assert_array_equal(apart(black), together(black))
    assert apart(black).max() == 3


@pytest.mark.parametrize("augmentation", FILLED, ids=repr)
def test_a_value_that_no_uint8_has(augmentation):
    with pytest.raises(ValueError, match=r"value of .*, for uint8 images, must be in \[0, 255\], got "):
        augmentation(images())
    assert np.isfinite(augmentation(images(dtype=np.float32))).all()


def test_rows_are_no_images():
    with pytest.raises(ValueError, match=r"augmentation needs images of shape \(height, width, channels\), got \(5,\)"):
        Augmenter(Flip(), np.zeros((4, 5)), None, 1.0, np.float32, 1)
