"""crmsprop evaluate: loss, accuracy and the table, against scikit-learn's metrics."""

import shutil
import struct
import sys

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from crmsprop import CNNClassifier, MLPClassifier
from crmsprop.cli import assessing, evaluate
from crmsprop.datasets import load_digits


@pytest.fixture(scope="module")
def digits():
    return load_digits()


def result_line(score, n):
    return f"loss {score['loss']:.4f}, accuracy {score['accuracy']:.4f} on {n:,} samples"


@pytest.mark.parametrize("part_size", [4096, 100, 7])
def test_loss_and_accuracy_are_the_models(run, model_file, trained, digits, monkeypatch, part_size):
    monkeypatch.setattr(assessing, "PART", part_size)
    ended = run("evaluate", model_file)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[-1] == result_line(trained.evaluate(*digits[1]), 450)


@pytest.mark.parametrize("part", ["train", "all"])
def test_parts(run, model_file, trained, digits, part):
    (X, y), (X_test, y_test) = digits
    if part == "all":
        X, y = np.concatenate([X, X_test]), np.concatenate([y, y_test])
    ended = run("evaluate", model_file, "--part", part, "--quiet")
    assert ended.out == result_line(trained.evaluate(X, y), len(y)) + "\n"


def test_the_table_is_scikit_learns(run, model_file, trained, digits):
    _, (X_test, y_test) = digits
    lines = run("evaluate", model_file).out.splitlines()
    assert lines[:2] == ["CNNClassifier for images of 8 x 8 x 1, 10 classes, trained 4 epochs", "digits, test"]
    table = [line.split() for line in lines[3:14]]
    assert table[0] == ["class", "samples", "correct", "recall", "precision", "F1"]
    predicted = trained.predict(X_test)
    precision, recall, f1, support = precision_recall_fscore_support(y_test, predicted)
    for label, row in enumerate(table[1:]):
        right = np.count_nonzero((y_test == label) & (predicted == label))
        numbers = (f"{value:.4f}" for value in (recall[label], precision[label], f1[label]))
        assert row == [str(label), str(support[label]), str(right), *numbers]


def test_what_cannot_be_said_of_a_class_is_a_dash(run, folder):
    X = np.repeat([[0.0], [1.0]], 10, axis=0)
    MLPClassifier((), random_state=0, max_epochs=1, learning_rate=0.0).fit(
        np.vstack([X, [[9.0]]]), ["a"] * 10 + ["b"] * 10 + ["c"]
    ).save(folder / "m.crms")
    np.savez(folder / "d.npz", X=X, y=["a"] * 10 + ["b"] * 10)
    rows = [line.split() for line in run("evaluate", "m.crms", "--data", "d.npz", "--part", "all").out.splitlines()]
    (c,) = [row for row in rows if row and row[0] == "c"]
    assert c[1:4] == ["0", "0", "-"]
    assert rows[0][-3:] == ["trained", "1", "epoch"]


def test_a_file_of_few_samples_is_evaluated_whole(run, model_file, trained, digits, folder):
    X, y = digits[1][0][:5], digits[1][1][:5]
    np.savez(folder / "few.npz", X=X, y=y)
    ended = run("evaluate", model_file, "--data", "few.npz", "--part", "all", "--quiet")
    assert ended.out == result_line(trained.evaluate(X, y), 5) + "\n"
    assert "too few samples to hold out a fifth" in run("evaluate", model_file, "--data", "few.npz").error()
    np.savez(folder / "rows.npz", X=X.reshape(5, 64), y=y, X_test=X[:2].reshape(2, 64), y_test=y[:2])
    score = trained.evaluate(np.concatenate([X, X[:2]]), np.concatenate([y, y[:2]]))
    for options in ([], ["--image-shape", 8, 8]):
        ended = run("evaluate", model_file, "--data", "rows.npz", "--part", "all", "--quiet", *options)
        assert ended.out == result_line(score, 7) + "\n"


def test_confusions_are_drawn(run, model_file, trained, digits, folder, monkeypatch):
    made = []
    original = evaluate.ConfusionDisplay.from_predictions
    monkeypatch.setattr(
        evaluate.ConfusionDisplay, "from_predictions", lambda *args, **kw: made.append(original(*args, **kw)) or made[0]
    )
    (folder / "c.png").write_text("old")
    ended = run("evaluate", model_file, "--confusion", "c.png")
    assert ended.code == 0
    content = (folder / "c.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert struct.unpack(">II", content[16:24]) == (1560, 720)
    _, (X_test, y_test) = digits
    wrong = np.flatnonzero(trained.predict(X_test) != y_test)
    assert set(made[0].mistakes_) <= set(wrong)
    assert made[0].confusion_matrix_.sum() == 450
    assert np.trace(made[0].confusion_matrix_) == 450 - len(wrong)
    assert len(made[0].image_axes_) == min(12, len(wrong))


def test_models_for_rows_are_drawn_without_images(run, folder, images):
    X, y = images
    np.savez(folder / "d.npz", X=X.reshape(60, -1), y=y)
    MLPClassifier((4,), max_epochs=1).fit(X.reshape(60, -1), y).save(folder / "m.crms")
    assert run("evaluate", "m.crms", "--data", "d.npz", "--confusion", "c.png").code == 0
    assert (folder / "c.png").stat().st_size > 1000


@pytest.mark.parametrize("place", ["nowhere/c.png", "."])
def test_a_place_for_the_picture_that_is_none(run, model_file, place):
    ended = run("evaluate", model_file, "--confusion", place)
    assert ended.error() == f"--confusion must be a file in a folder that exists, got {place!r}"


def test_missing_extras(run, model_file, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert run("evaluate", model_file, "--quiet").code == 0
    without = run("evaluate", model_file)
    assert (without.code, without.err) == (0, "")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    ended = run("evaluate", model_file, "--confusion", "c.png")
    assert ended.error() == f'a plot needs matplotlib: {sys.executable} -m pip install "crmsprop[cli]"'


def test_labels_cannot_steer_a_terminal(run, folder, images):
    X, y = images
    names = np.array(["\x1b[31mred", "ok"])[y]
    CNNClassifier((2,), dense_units=(), max_epochs=1).fit(X, names).save(folder / "m.crms")
    np.savez(folder / "d.npz", X=X, y=names)
    ended = run("evaluate", "m.crms", "--data", "d.npz")
    assert ended.code == 0
    assert "\x1b" not in ended.out
    assert "'\\x1b[31mred'" in ended.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.crms"], "got 'nothing.crms', which does not exist; there is model.crms, text.crms"),
        (["text.crms"], "text.crms"),
        ([], 'the following arguments are required: MODEL (see "crmsprop evaluate --help")'),
        (["model.crms", "--part", "half"], "argument --part: invalid choice: 'half'"),
        (
            ["model.crms", "--data", "other.npz"],
            "other.npz has images of 6 x 5 x 1, and the model takes images of 8 x 8 x 1: give --data with samples such",
        ),
        (["model.crms", "--data", "rows.npz"], "rows.npz has rows of 30, and the model takes images of 8 x 8 x 1: "),
        (
            ["model.crms", "--data", "labels.npz"],
            "labels.npz has the classes 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, and among them 10, 11, 12, 13, 14, 15, "
            "16, and the model knows 0, 1, 2, 3, 4, 5, 6, 7, 8, 9: give --data with its classes; crmsprop fine-tune",
        ),
        (
            ["model.crms", "--data", "names.npz"],
            "names.npz has the classes cat, dog and the model knows 0, 1, 2, 3, 4, 5, 6, 7, 8, 9: give --data",
        ),
        (
            ["model.crms", "--data", "floats.npz"],
            "floats.npz has samples of float64, and the model was trained on uint8: give --data with samples such",
        ),
        (["other.npz"], "it is data by its name, and the model comes first"),
        (["runs"], "got the folder 'runs'; there is runs/model.crms"),
        (["model.crms", "--data-home", "x", "--part", "all"], "--data-home does nothing without --data cifar10"),
        (["model.crms", "--data", "other.npz", "--no-download", "--part", "all"], "--no-download does nothing"),
        (["model.crms", "--threads", "0"], "--threads must be an integer of at least 1, got 0"),
    ],
)
def test_errors(run, model_file, folder, images, digits, arguments, message):
    X, y = digits[1]
    (folder / "text.crms").write_text("no model")
    np.savez(folder / "other.npz", X=images[0], y=images[1])
    np.savez(folder / "labels.npz", X=X, y=y + 7)
    np.savez(folder / "floats.npz", X=X / 255, y=y)
    np.savez(folder / "names.npz", X=X, y=np.where(y > 4, "dog", "cat"))
    np.savez(folder / "rows.npz", X=images[0].reshape(60, 30), y=images[1])
    (folder / "runs").mkdir()
    shutil.copy(model_file, folder / "runs")
    ended = run("evaluate", *arguments)
    assert ended.code == 2
    assert message in ended.error()


def test_a_model_whose_schedule_stays_behind_is_no_reason_to_warn(run, folder, digits):
    X, y = digits[0]
    CNNClassifier((2,), max_epochs=1, schedule=_halved).fit(X, y).save(folder / "m.crms")
    ended = run("evaluate", "m.crms", "--quiet")
    assert (ended.code, ended.err) == (0, "")


def _halved(epoch, learning_rate):
    return learning_rate / 2


@pytest.mark.parametrize("shape", [["8", "8"], ["8x8"], ["8,8,1"], ["8x8", "1"]])
def test_the_shape_of_rows_in_one_word_or_several(run, model_file, folder, digits, shape):
    X, y = digits[1]
    np.savez(folder / "rows.npz", X=X.reshape(len(X), -1), y=y)
    given = ("--data", "rows.npz", "--part", "all", "--quiet", "--image-shape", *shape)
    assert run("evaluate", model_file, *given).out == run("evaluate", model_file, "--quiet").out


def test_a_model_behind_the_shape_is_no_part_of_it(run, model_file):
    line = "argument --image-shape: must be whole numbers, such as 64 64 or 64x64, got 'model.crms'"
    hint = ': a file that is no part of it goes before the options (see "crmsprop evaluate --help")'
    assert run("evaluate", "--image-shape", 8, 8, model_file).error() == line + hint
    assert run("evaluate", model_file, "--image-shape", 8, "b").error().startswith(f"{line[:-12]}'b' (see")


@pytest.mark.parametrize("command", ["evaluate", "fine-tune"])
def test_the_default_data_are_told_of_where_they_do_not_fit(run, folder, images, command):
    CNNClassifier((2,), dense_units=(), max_epochs=1).fit(*images).save(folder / "m.crms")
    rule = "and the model takes images of 6 x 5 x 1: give --data with samples such as it was trained on"
    default = "; without --data it is tried on the digits"
    assert run(command, "m.crms").error() == f"digits has images of 8 x 8 x 1, {rule}{default}"
    np.savez("mine.npz", X=images[0][:, 1:], y=images[1])
    assert run(command, "m.crms", "--data", "mine.npz").error() == f"mine.npz has images of 5 x 5 x 1, {rule}"


def test_so_are_their_classes(run, folder, digits):
    X, y = digits[0]
    CNNClassifier((2,), dense_units=(), max_epochs=1).fit(X, y + 10).save(folder / "m.crms")
    assert run("evaluate", "m.crms").error().endswith("teaches it others; without --data it is tried on the digits")
