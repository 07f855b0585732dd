"""What is wrong with the options alone is said before data are read, which takes long where they are large."""

import pytest

COMMON = [
    ("--output full", "--output must be a new or an empty folder, got 'full'"),
    ("--batch-size 0", "--batch-size must be at least 1, got 0"),
    ("--rho 2", "--rho must be in [0, 1), got 2"),
    ("--seed -1", "--seed must be an integer in [0, 2**32), got -1"),
    ("--nesterov", "--nesterov needs --momentum in (0, 1), got 0.0"),
]
NETWORK = [
    ("--dropout 1", "--dropout must be in [0, 1), got 1"),
    ("--filters 0", "--filters[0] must be at least 1, got 0"),
    ("--hidden-layer-sizes 0", "--hidden-layer-sizes[0] must be at least 1, got 0"),
    ("--dtype float16", "--dtype must be one of 'float32', 'float64', got 'float16'"),
    ("--model mlp --filters 3", "--filters does not apply to --model mlp"),
]
TRAINING = [
    ("--epochs 0", "--epochs must be at least 1, got 0"),
    ("--patience 3", "--patience does nothing without --early-stopping"),
]
CASES = {
    "train": [*COMMON, *NETWORK, *TRAINING, ("--checkpoint 0", "--checkpoint must be at least 1, got 0")],
    "find_lr": [
        *COMMON,
        *NETWORK,
        ("--steps 1", "--steps must be at least 2, got 1"),
        ("--min-learning-rate 0", "--min-learning-rate must be in (0, inf), got 0"),
        ("--max-learning-rate 1e-9", "--max-learning-rate must be above --min-learning-rate, got 1e-09 and 1e-07"),
    ],
    "tune": [
        *((f"{arguments} --param l2=0,0.1", message) for arguments, message in [*COMMON, *NETWORK, *TRAINING]),
        ("--param rho=0.9,2", "--param rho must be in [0, 1), got 2"),
        ("--param hidden_layer_sizes=0", "--param hidden_layer_sizes[0] must be at least 1, got 0"),
        ("--param rho=0.9 --rho 0.8", "--rho does nothing with --param rho"),
        ("--param rho=0.9 --cv 1", "--cv must be at least 2, got 1"),
        ("--param rho=0.9 --random 2", "--random must be at most 1, got 2"),
        ("--param rho=0.9 --jobs 0", "--jobs must be at least 1, got 0"),
        ("--param max_epochs=3 --halving", "--param max_epochs does nothing with --halving"),
        ("--param rho=0.9 --scoring acuracy", "--scoring must name a scorer of scikit-learn"),
    ],
    "fine_tune": [(f"model.crms {arguments}", message) for arguments, message in [*COMMON, TRAINING[0]]],
}


@pytest.fixture
def unread(monkeypatch):
    """Let every command fail that reads data."""

    def read(*given):
        raise AssertionError("read")

    for command in CASES:
        monkeypatch.setattr(f"crmsprop.cli.{command}.load_data", read)


@pytest.mark.parametrize(
    ("command", "arguments", "message"),
    [(command, *case) for command, cases in CASES.items() for case in cases],
)
def test_nothing_is_read(run, unread, model_file, folder, command, arguments, message):
    (folder / "full").mkdir()
    (folder / "full" / "file").touch()
    ended = run(command.replace("_", "-"), *arguments.split())
    assert ended.code == 2
    assert ended.error().startswith(message)


def test_a_shape_that_is_none(run, folder):
    (folder / "mine.npz").touch()  # and would be no data
    message = "--image-shape must be height, width and perhaps channels, got [8]"
    assert run("train", "--data", "mine.npz", "--image-shape", 8).error() == message


@pytest.mark.parametrize(
    "arguments",
    [
        "--kernel-size 9 --padding valid --model cnn",
        "--model vgg16",
        "--model resnet20",
        "--model fast",
        "--model reference",
    ],
)
def test_what_may_be_right_for_some_data_is_read(run, unread, arguments):
    with pytest.raises(AssertionError, match="read"):
        run("train", *arguments.split())


def test_a_switch_that_other_values_complete(run, unread):
    with pytest.raises(AssertionError, match="read"):
        run("tune", "--nesterov", "--param", "momentum=0.5,0.9")
