"""crmsprop train --data FILE.npz: the user's own arrays."""

import io
import zipfile

import numpy as np
import pytest

import crmsprop
from crmsprop.cli.npz import read_npz


@pytest.fixture
def save(folder):
    """Return a function that writes mine.npz."""
    return lambda **arrays: np.savez(folder / "mine.npz", **arrays)


@pytest.fixture
def refused(train_small, folder):
    """Return a function that trains on mine.npz and returns its error."""

    def call(*arguments):
        ended = train_small("--data", "mine.npz", *arguments)
        assert ended.code == 2
        assert not list(folder.glob("crmsprop-run*"))
        return ended.error()

    return call


def test_images_with_a_test_set(train_small, save, images, folder):
    X, y = images
    names = np.array(["dark", "light"])
    save(X=X[:40], y=names[y[:40]], X_test=X[40:], y_test=names[y[40:]])
    ended = train_small("--data", "mine.npz")
    assert (
        "mine.npz: images of 6 x 5 x 1 uint8, 2 classes: 36 to train on, 4 to watch the training, 20 to test"
        in ended.err
    )
    model = crmsprop.load(folder / "crmsprop-run" / "model.crms")
    assert set(model.predict(X)) <= {"dark", "light"}


def test_without_a_test_set_a_fifth_of_each_class_is_held_out(save, folder, images):
    X, y = images
    save(X=X, y=y)
    (X_train, y_train), (X_test, y_test) = read_npz(folder / "mine.npz")
    assert (np.bincount(y_train).tolist(), np.bincount(y_test).tolist()) == ([24, 24], [6, 6])
    both = np.concatenate([X_train, X_test]).reshape(60, -1)
    np.testing.assert_array_equal(np.unique(both, axis=0), np.unique(X.reshape(60, -1), axis=0))
    for got, again in zip((X_train, y_test), (read_npz(folder / "mine.npz")[0][0], y_test), strict=True):
        np.testing.assert_array_equal(got, again)


def test_rows_are_for_the_mlp(run, save, images, folder):
    save(X=images[0].reshape(60, -1) / 255, y=images[1])
    ended = run("train", "--data", "mine.npz", "--epochs", 1, "--threads", 1)
    assert ended.code == 0
    assert "mine.npz: rows of 30 float64, 2 classes: 43 to train on, 5 to watch the training, 12 to test" in ended.err
    model = crmsprop.load(folder / "crmsprop-run" / "model.crms")
    assert type(model) is crmsprop.MLPClassifier
    assert model.image_shape is None


def test_rows_are_images_where_their_shape_is_given(train_small, save, images, folder):
    save(X=images[0].reshape(60, -1), y=images[1])
    assert train_small("--data", "mine.npz", "--image-shape", 6, 5).code == 0
    assert crmsprop.load(folder / "crmsprop-run" / "model.crms").image_shape_ == (6, 5, 1)


@pytest.mark.parametrize("compress", [np.savez, np.savez_compressed])
def test_grey_images_without_channels(train_small, images, folder, compress):
    compress(folder / "mine.npz", X=images[0][..., 0], y=images[1])
    assert train_small("--data", "mine.npz").code == 0


def test_rows_with_a_network_for_images(refused, save, images):
    save(X=images[0].reshape(60, -1), y=images[1])
    wanted = "--model cnn needs images, got rows of 30 features: give --image-shape, or --model mlp"
    assert refused("--model", "cnn") == wanted


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (["6"], "--image-shape must be height, width and perhaps channels, got [6]"),
        (["6", "5", "1", "1"], "--image-shape must be height, width and perhaps channels, got [6, 5, 1, 1]"),
        (["6", "0"], "--image-shape must be height, width and perhaps channels, got [6, 0]"),
        (["6", "6"], "--image-shape must fit rows of 30 numbers, got [6, 6]"),
    ],
)
def test_image_shapes_that_do_not_fit(refused, save, images, shape, message):
    save(X=images[0].reshape(60, -1), y=images[1])
    assert refused("--image-shape", *shape) == message


def test_image_shape_of_images(refused, save, images):
    save(X=images[0], y=images[1])
    assert refused("--image-shape", 30, 1) == (
        "--image-shape is for rows; these samples are images already, of shape (6, 5, 1)"
    )


# Files that are not what they should be


def test_no_file(refused):
    assert refused() == (
        "--data must be digits, cifar10, a folder with a folder of pictures for each class, or the path of an .npz "
        "file, got 'mine.npz', which does not exist"
    )


def test_a_table_in_another_file(run, folder):
    (folder / "mine.csv").write_text("1,2,3")
    advice = ': save it as a table of numbers, numpy.savez("mine.npz", X=..., y=...)'
    assert run("train", "--data", "mine.csv").error().endswith(f"which is none of them{advice}".replace('"', "'"))


def test_a_folder(refused, folder):
    (folder / "mine.npz").mkdir()
    assert refused() == "mine.npz: Is a directory"


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"\x80\x04N."])
def test_not_an_archive(refused, folder, content):
    (folder / "mine.npz").write_bytes(content)
    assert refused() == "mine.npz must be an .npz file as numpy.savez writes it, got something else"


def test_a_damaged_array(refused, folder, save, images):
    save(X=images[0], y=images[1])
    content = bytearray((folder / "mine.npz").read_bytes())
    content[1000] ^= 0xFF
    (folder / "mine.npz").write_bytes(content)
    assert refused() == "mine.npz cannot be read: Bad CRC-32 for file 'X.npy'"


def test_object_arrays_are_not_unpickled(refused, save, images):
    save(X=images[0], y=np.array(["a", 1] * 30, dtype=object))
    message = "mine.npz cannot be read: y holds Python objects, which are not read: save y.astype(str)"
    assert refused() == message


def member_of(shape, dtype="|u1", content=b""):
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content


@pytest.mark.parametrize(
    "content",
    [
        member_of("(5,)"),
        member_of("(1 << 60,)"),
        member_of("(1000000000000000,)"),
        member_of("(2,)", "|Z9"),
        b"\x93NUMPY",
    ],
)
def test_an_array_that_lies_about_itself(refused, folder, content):
    with zipfile.ZipFile(folder / "mine.npz", "w") as archive:
        archive.writestr("X.npy", content)
    assert refused().startswith("mine.npz cannot be read: ")


def test_a_member_that_is_no_array(refused, folder, images):
    y = io.BytesIO()
    np.save(y, images[1])
    with zipfile.ZipFile(folder / "mine.npz", "w") as archive:
        archive.writestr("X", b"hello")
        archive.writestr("y.npy", y.getvalue())
    assert refused().startswith("mine.npz cannot be read: X is no array: ")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["X"], "mine.npz must hold the arrays X and y, got X"),
        (["y"], "mine.npz must hold the arrays X and y, got y"),
        (["images", "labels"], "mine.npz must hold the arrays X and y, got images, labels"),
        ([], "mine.npz must hold the arrays X and y, got none"),
        (["X", "y", "X_test"], "mine.npz must hold both X_test and y_test, or neither"),
        (["X", "y", "y_test"], "mine.npz must hold both X_test and y_test, or neither"),
    ],
)
def test_missing_arrays(refused, save, images, names, message):
    save(**{name: images[0 if name in ("X", "X_test", "images") else 1] for name in names})
    assert refused() == message


NUMBERS = "must hold numbers of shape (n, height, width[, channels]) or (n, features), got"


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.zeros(4), np.arange(4), f"X {NUMBERS} float64 of (4,)"),
        (np.zeros(()), np.arange(4), f"X {NUMBERS} float64 of ()"),
        (np.zeros((4, 2, 2, 2, 2)), np.arange(4), f"X {NUMBERS} float64 of (4, 2, 2, 2, 2)"),
        (np.array([["a"]]), np.arange(1), f"X {NUMBERS} <U1 of (1, 1)"),
        (np.zeros((4, 2), complex), np.arange(4), f"X {NUMBERS} complex128 of (4, 2)"),
        (np.zeros((4, 2)), np.arange(5), "y must have shape (4,), a label a sample of X, got (5,)"),
        (np.zeros((4, 2)), np.zeros((4, 2)), "y must have shape (4,), a label a sample of X, got (4, 2)"),
        (np.zeros((0, 2)), np.arange(0), "X must not be empty, got shape (0, 2)"),
        (np.zeros((4, 0)), np.arange(4), "X must not be empty, got shape (4, 0)"),
        (np.full((4, 2), np.nan), np.arange(4), "X must be finite, got NaN or infinity"),
        (np.full((4, 2), np.inf, np.float32), np.arange(4), "X must be finite, got NaN or infinity"),
    ],
)
def test_wrong_arrays(refused, save, X, y, message):
    save(X=X, y=y)
    assert refused() == f"mine.npz: {message}"


@pytest.mark.parametrize(
    ("X_test", "y_test", "message"),
    [
        (
            np.zeros((3, 3)),
            np.zeros(3, int),
            "X_test must hold float64 samples of shape (2,), as X, got float64 samples of shape (3,)",
        ),
        (
            np.zeros((3, 2), np.float32),
            np.zeros(3, int),
            "X_test must hold float64 samples of shape (2,), as X, got float32 samples of shape (2,)",
        ),
        (np.zeros((3, 2)), np.array([0, 1, 7]), "y_test must hold labels of y only, got array([7])"),
        (np.full((3, 2), np.nan), np.zeros(3, int), "X_test must be finite, got NaN or infinity"),
    ],
)
def test_wrong_test_arrays(refused, save, X_test, y_test, message):
    save(X=np.zeros((4, 2)), y=np.array([0, 1, 0, 1]), X_test=X_test, y_test=y_test)
    assert refused() == f"mine.npz: {message}"


def test_too_few_samples_of_a_class(refused, save):
    save(X=np.zeros((5, 2)), y=np.array([0, 0, 0, 0, 1]))
    message = refused()
    assert message.startswith("mine.npz has too few samples to hold out a fifth of each class as the test set (")
    assert message.endswith("): add the arrays X_test and y_test")


def test_labels_that_are_no_classes(refused, save):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 2, 2))
    y = rng.normal(size=30)
    save(X=X, y=y, X_test=X[:2], y_test=y[:2])
    assert refused() == "mine.npz: y must hold class labels, got continuous float64 values"
