"""crmsprop summary: of a file, and of what a training would build."""

import pytest

from crmsprop import CNNClassifier
from crmsprop.datasets import load_digits


def rows_of(ended):
    assert (ended.code, ended.err) == (0, "")
    head, blank, *lines = ended.out.splitlines()
    assert blank == ""
    return head, lines


def test_a_file(run, model_file, trained):
    head, lines = rows_of(run("summary", model_file))
    assert head == "CNNClassifier for images of 8 x 8 x 1, 10 classes, trained 4 epochs"
    assert "\n".join(lines) == trained.summary()


def test_a_file_of_averages(run, folder):
    (X, y), _ = load_digits()
    CNNClassifier((2,), max_epochs=1, ema=0.95).fit(X[:99], y[:99]).save(folder / "model.crms")
    head, _ = rows_of(run("summary", "model.crms"))
    assert head.endswith(", trained 1 epoch, weights averaged with decay 0.95")


def test_a_name_is_what_a_training_would_build(run):
    (X, y), _ = load_digits()
    model = CNNClassifier((4, 6), dense_units=(8,), dropout=0.1, max_epochs=1, batch_size=16).fit(X[:99], y[:99])
    arguments = "--filters 4 6 --dense-units 8 --dropout 0.1 --batch-size 16 --input-shape 8 8 --classes 10"
    head, lines = rows_of(run("summary", "--model", "cnn", *arguments.split()))
    assert head == "cnn for images of 8 x 8 x 1, 10 classes"
    assert "\n".join(lines) == model.summary()


def test_the_reference_network_by_hand(run):
    """Parameters and operations of the article's network, layer by layer."""
    head, lines = rows_of(run("summary", "--model", "reference"))
    assert head == "reference for images of 32 x 32 x 3, 10 classes"
    total = 3 * 3 * 3 * 32 + 32 + 3 * 3 * 32 * 64 + 64 + 6 * 6 * 64 * 128 + 128 + 128 * 10 + 10
    flops = 2 * (30 * 30 * 27 * 32 + 13 * 13 * 9 * 32 * 64 + 2304 * 128 + 1280)
    assert lines[-2].split() == ["total", f"{total:,}", f"{flops / 1e6:.3f}"]
    assert lines[-1].startswith(f"float32: {4 * total / 1e6:.2f} MB of parameters, ")


def test_rows_and_images_in_a_perceptron(run):
    head, lines = rows_of(run("summary", "--model", "mlp", "--input-shape", 30, "--classes", 2))
    assert head == "mlp for rows of 30, 2 classes"
    assert lines[-2].split()[1] == f"{30 * 100 + 100 + 100 * 2 + 2:,}"
    head, lines = rows_of(run("summary", "--model", "mlp", "--dtype", "float64"))
    assert lines[2].split()[1] == "Flatten"
    assert lines[-1].startswith("float64: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "summary needs MODEL, a file, or --model NAME, got neither"),
        (["model.crms", "--model", "cnn"], "summary needs MODEL, a file, or --model NAME, got both"),
        (["nothing.crms"], "got 'nothing.crms', which does not exist"),
        (["text.crms"], "text.crms"),
        (["model.crms", "--filters", "3"], "--filters is for --model, a file has its own"),
        (["model.crms", "--classes", "3"], "--classes is for --model, a file has its own"),
        (["model.crms", "--input-shape", "3"], "--input-shape is for --model, a file has its own"),
        (["--model", "mlp", "--filters", "3"], "--filters does not apply to --model mlp"),
        (
            ["--model", "cnn", "--input-shape", "8", "8", "1", "1"],
            "--input-shape must be the length of a row, or height",
        ),
        (["--model", "cnn", "--input-shape", "0"], "--input-shape must be the length of a row, or height"),
        (["--model", "cnn", "--input-shape", "30"], "needs images of shape (height, width, channels), got (30)"),
        (["--model", "reference", "--input-shape", "4", "4"], "Conv2D needs images of at least 3 x 3 pixels"),
        (["--model", "cnn", "--classes", "0"], "--classes must be at least 1, got 0"),
        (["--model", "cnn", "--dtype", "float16"], "--dtype must be one of 'float32', 'float64', got 'float16'"),
        (["--model", "cnn", "--batch-size", "0"], "--batch-size must be at least 1, got 0"),
        (["--model", "cnn", "--filters", "0"], "--filters[0] must be at least 1, got 0"),
    ],
)
def test_errors(run, model_file, folder, arguments, message):
    (folder / "text.crms").write_text("no model")
    ended = run("summary", *arguments)
    assert ended.code == 2
    assert message in ended.error()
