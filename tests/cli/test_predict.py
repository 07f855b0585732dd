"""crmsprop predict: pictures and arrays to labels and probabilities."""

import csv
import io
import sys

import numpy as np
import pytest
from PIL import Image

from crmsprop import CNNClassifier, MLPClassifier
from crmsprop.cli import predict
from crmsprop.datasets import load_digits


@pytest.fixture(scope="module")
def digits():
    return load_digits()[1][0][:9]


@pytest.fixture
def pictures(digits, folder):
    """Write the digits as PNG, which loses nothing; returns the names."""
    names = [f"{i}.png" for i in range(len(digits))]
    for name, digit in zip(names, digits, strict=True):
        Image.fromarray(digit[..., 0]).save(folder / name)
    return names


def table(ended):
    assert (ended.code, ended.err) == (0, "")
    return [line.split() for line in ended.out.splitlines()]


def best(probabilities, names, top=3):
    """The table, from the probabilities, by sorting."""
    rows = []
    for name, row in zip(names, probabilities, strict=True):
        order = sorted(range(len(row)), key=lambda label: -row[label])[:top]
        rows.append([name, *(text for label in order for text in (str(label), f"{row[label]:.4f}"))])
    return rows


def test_pictures(run, model_file, trained, digits, pictures):
    head, *rows = table(run("predict", model_file, *pictures))
    assert head == ["sample", *["class", "probability"] * 3]
    assert rows == best(trained.predict_proba(digits), pictures)


@pytest.mark.parametrize("save", ["npy", "npz", "rows"])
def test_arrays(run, model_file, trained, digits, folder, save, monkeypatch):
    monkeypatch.setattr(predict, "PART", 4)
    name = {"npy": "a.npy", "npz": "a.npz", "rows": "a.npy"}[save]
    if save == "npz":
        np.savez(folder / name, X=digits, other=np.zeros(3))
    else:
        np.save(folder / name, digits if save == "npy" else digits.reshape(9, 64))
    _, *rows = table(run("predict", model_file, name))
    assert rows == best(trained.predict_proba(digits), [f"{name}[{i}]" for i in range(9)])


@pytest.mark.parametrize("top", [1, 10])
def test_top(run, model_file, trained, digits, pictures, top):
    _, *rows = table(run("predict", "--top", top, model_file, *pictures))
    assert rows == best(trained.predict_proba(digits), pictures, top)


def test_csv(run, model_file, trained, digits, pictures):
    ended = run("predict", "--csv", "--top", 2, model_file, *pictures)
    rows = list(csv.DictReader(io.StringIO(ended.out)))
    assert list(rows[0]) == ["sample", "rank", "label", "probability"]
    probabilities = trained.predict_proba(digits)
    assert [row["sample"] for row in rows] == [name for name in pictures for _ in range(2)]
    assert [row["rank"] for row in rows] == ["1", "2"] * 9
    for row in rows:
        expected = probabilities[pictures.index(row["sample"])]
        assert np.float32(row["probability"]) == expected[int(row["label"])]
        assert np.sort(expected)[-int(row["rank"])] == expected[int(row["label"])]


def test_two_classes_have_two_columns(run, folder, images):
    X, y = images
    CNNClassifier((2,), max_epochs=1).fit(X, np.array(["dark", "light"])[y]).save(folder / "m.crms")
    np.save(folder / "a.npy", X[:1])
    head, row = table(run("predict", "m.crms", "a.npy"))
    assert len(head) == len(row) == 5
    assert {row[1], row[3]} == {"dark", "light"}
    assert run("predict", "--top", 3, "m.crms", "a.npy").error() == "--top must be at most 2, got 3"


def test_another_size_is_resized_unless_that_is_refused(run, model_file, trained, digits, folder):
    large = np.kron(digits[0][..., 0], np.ones((5, 5), np.uint8))  # each pixel as 5 x 5
    Image.fromarray(large[:, :35]).save(folder / "large.png")
    message = "large.png has 35 x 40 pixels, width first, the model takes 8 x 8: leave out --no-resize"
    assert run("predict", "--no-resize", model_file, "large.png").error() == message
    Image.fromarray(large).save(folder / "large.png")
    _, row = table(run("predict", "--top", 1, model_file, "large.png"))
    assert row[1] == str(trained.predict(digits[:1])[0])


def test_a_model_of_floats_needs_the_scale(run, folder, digits, pictures):
    (X, y), _ = load_digits()
    model = CNNClassifier((4,), max_epochs=1, random_state=0).fit(X / 255, y)
    model.save(folder / "m.crms")
    assert "give --scale, such as 0.00392157" in run("predict", "m.crms", *pictures).error()
    _, *rows = table(run("predict", "--scale", repr(1 / 255), "m.crms", *pictures))
    assert rows == best(model.predict_proba(digits * (1 / 255)), pictures)


def test_a_model_of_uint8_refuses_it(run, model_file, pictures):
    message = "--scale is for models that were trained on other numbers than uint8; this one scales itself"
    assert run("predict", "--scale", 1, model_file, *pictures).error() == message


@pytest.mark.parametrize("scale", ["0", "-1", "nan", "inf"])
def test_scales_that_are_none(run, model_file, pictures, scale):
    assert (
        run("predict", "--scale", scale, model_file, *pictures).error().startswith("--scale must be in (0, inf), got")
    )


def test_a_model_of_rows_takes_arrays_only(run, folder, pictures):
    model = MLPClassifier((3,), max_epochs=1, random_state=0).fit([[0.0, 1.0], [1.0, 0.0]], ["a", "b"])
    model.save(folder / "m.crms")
    np.save(folder / "a.npy", np.array([[0.2, 0.3]]))
    assert run("predict", "m.crms", "a.npy").code == 0
    message = "0.png: the model takes rows of 2 numbers, no pictures: give an .npy or .npz file"
    assert run("predict", "m.crms", "0.png").error() == message


def test_channels_that_no_picture_has(run, folder, pictures):
    X = np.zeros((4, 4, 4, 2), np.uint8)
    CNNClassifier((2,), max_epochs=1, random_state=0).fit(X, [0, 1, 0, 1]).save(folder / "m.crms")
    message = "0.png: pictures have 1, 3 or 4 channels, the model takes 2: give an .npy or .npz file"
    assert run("predict", "m.crms", "0.png").error() == message


@pytest.mark.parametrize("form", [[], ["--csv"]], ids=str)
def test_files_that_fail_keep_the_others_from_nothing(run, model_file, pictures, folder, form):
    whole = run("predict", *form, model_file, *pictures)
    (folder / "bad.png").write_bytes(b"no picture")
    np.save(folder / "rows.npy", np.zeros((1, 63), np.uint8))
    files = [*pictures[:4], "bad.png", *pictures[4:], "rows.npy", "missing.png"]
    ended = run("predict", *form, model_file, *files)
    assert (ended.code, ended.out) == (2, whole.out)
    (line,) = ended.err.splitlines()
    assert line.startswith("crmsprop: error: bad.png cannot be read")
    assert line.endswith("; no prediction for bad.png, rows.npy, missing.png")


def test_pictures_of_another_size_keep_the_others_from_nothing(run, model_file, pictures, folder):
    Image.new("L", (9, 8)).save(folder / "wide.png")
    ended = run("predict", "--no-resize", model_file, "wide.png", *pictures)
    assert (ended.code, ended.out) == (2, run("predict", model_file, *pictures).out)
    line = "crmsprop: error: wide.png has 9 x 8 pixels, width first, the model takes 8 x 8: leave out --no-resize"
    assert ended.err == f"{line}; no prediction for wide.png\n"


def test_where_all_files_fail_nothing_is_printed(run, model_file, folder):
    line = "a.png: No such file or directory; no prediction for a.png, b.png"
    assert run("predict", "--csv", model_file, "a.png", "b.png").error() == line


def test_a_picture_of_a_telephone(run, model_file, folder):
    (folder / "a.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    line = "a.HEIC cannot be read: no picture of a known format: save it as JPEG"
    assert run("predict", model_file, "a.HEIC").error() == line


def test_names_and_labels_cannot_steer_a_terminal(run, folder, images, monkeypatch):
    X, y = images
    CNNClassifier((2,), max_epochs=1).fit(X, np.array(["\x1b[2J", "ok"])[y]).save(folder / "m.crms")
    np.save(folder / "\x1b[31m.npy", X[:1])
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    for options in ([], ["--csv"]):
        ended = run("predict", *options, "m.crms", "\x1b[31m.npy")
        assert ended.code == 0
        assert "\x1b" not in ended.out


def test_csv_for_a_program_is_exact(run, folder):
    """Quoted, where a cell holds what ends cells and lines."""
    labels = ["tab\there", "cr\rlf\r\nend", '"quoted", \x1b[2J', "zero\u200bwidth", "back\\slash", "\u00a0"]
    MLPClassifier(max_epochs=1, random_state=0).fit(np.eye(6), labels).save(folder / "m.crms")
    name = "a\tb\u202e.npy"
    np.save(folder / name, np.eye(6)[:2])
    rows = list(csv.DictReader(io.StringIO(run("predict", "--csv", "--top", 6, "m.crms", name).out, newline="")))
    assert [row["sample"] for row in rows] == [f"{name}[{i}]" for i in range(2) for _ in labels]
    for i in range(2):
        assert {row["label"] for row in rows[6 * i : 6 * i + 6]} == set(labels)


def test_missing_extras(run, model_file, pictures, digits, folder, monkeypatch):
    np.save(folder / "a.npy", digits)
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    assert run("predict", model_file, "a.npy").code == 0
    line = f'reading pictures needs pillow: {sys.executable} -m pip install "crmsprop[images]"'
    assert run("predict", model_file, "0.png").error() == line
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert run("predict", "--quiet", model_file, "a.npy").code == 0
    assert run("predict", model_file, "a.npy").code == 0


# arrays that are none


def header_of(shape, dtype="|u1", order=False):
    """A .npy file that promises `shape` and holds 64 bytes."""
    text = repr({"descr": dtype, "fortran_order": order, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(64)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x01\x00\xff\xff",
        header_of((10**15, 8, 8, 1)),
        header_of((2**62, 2**62, 4)),
        header_of((3, 8, 8, 1)),
        header_of((-1, 8, 8, 1)),
        header_of((1, 8, 8, 1), dtype="|O"),
        header_of((1, 8, 8, 1), dtype="<i99"),
        b"\x93NUMPY\x01\x00\x10\x00__import__('os')\n",
    ],
)
@pytest.mark.parametrize("name", ["bad.npy", "bad.npz"])
def test_hostile_arrays(run, model_file, folder, content, name):
    (folder / name).write_bytes(content)
    ended = run("predict", model_file, name)
    assert ended.code == 2
    assert ended.error().startswith(name)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((0, 8, 8, 1), np.uint8), "bad.npy must hold numbers of shape"),
        (np.zeros(64, np.uint8), "bad.npy must hold numbers of shape"),
        (np.zeros((1, 8, 8, 1), complex), "bad.npy must hold numbers of shape"),
        (np.zeros((1, 64), "U3"), "bad.npy must hold numbers of shape"),
        (np.full((1, 64), np.nan), "bad.npy must hold finite numbers, got NaN or infinity"),
        (np.zeros((1, 9, 8, 1), np.uint8), "bad.npy has images of 9 x 8 x 1, and the model takes images of 8 x 8 x 1"),
        (np.zeros((1, 63), np.uint8), "bad.npy has rows of 63, and the model takes images of 8 x 8 x 1: give samples"),
        (np.zeros((1, 8, 8, 1)), "bad.npy has samples of float64, and the model was trained on uint8: give"),
    ],
)
def test_arrays_that_do_not_fit(run, model_file, folder, array, message):
    np.save(folder / "bad.npy", array)
    assert message in run("predict", model_file, "bad.npy").error()


@pytest.mark.parametrize("name", ["none.npy", "none.npz", "none.png"])
def test_files_that_are_not_there_or_are_folders(run, model_file, folder, name):
    assert run("predict", model_file, name).error() == f"{name}: No such file or directory"
    (folder / name).mkdir()
    line = f"{name} must be a file, got a folder: give the files in it, such as {name}/*"
    assert run("predict", model_file, name).error() == line


def test_archives_without_x(run, model_file, folder):
    np.savez(folder / "a.npz", images=np.zeros((1, 64)))
    assert run("predict", model_file, "a.npz").error() == "a.npz must hold the array X, got images"
