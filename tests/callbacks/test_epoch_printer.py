"""EpochPrinter: a line an epoch, of what the history holds."""

import pytest

from crmsprop.callbacks import EpochPrinter
from crmsprop.callbacks.epoch_printer import format_epoch
from crmsprop.estimators import MLPClassifier

ROW = {"epoch": 3, "loss": 0.51234, "val_loss": 1.5, "accuracy": 0.25, "val_accuracy": 1.0}
ROW |= {"learning_rate": 1e-3, "seconds": 1.234}


def test_a_line():
    expected = (
        "epoch  3/20  loss 0.5123  accuracy 0.2500  val_loss 1.5000  val_accuracy 1.0000  learning_rate 0.001  1.23 s"
    )
    assert format_epoch(ROW, 20) == expected


def test_without_a_validation_set_its_numbers_are_left_out():
    line = format_epoch(ROW | {"val_loss": None, "val_accuracy": None}, 5)
    assert line == "epoch 3/5  loss 0.5123  accuracy 0.2500  learning_rate 0.001  1.23 s"


def test_numbers_of_epochs_are_flush():
    lines = [format_epoch(ROW | {"epoch": epoch}, 100) for epoch in (1, 10, 100)]
    assert [line.index("/") for line in lines] == [9] * 3


@pytest.mark.parametrize("rate", [0.0, 1e-12, 123456.0])
def test_any_rate_can_be_shown(rate):
    assert f"learning_rate {rate:.3g}" in format_epoch(ROW | {"learning_rate": rate}, 5)


def test_a_line_an_epoch_goes_to_write():
    lines = []
    model = MLPClassifier((3,), max_epochs=4, callbacks=[EpochPrinter(lines.append)], random_state=0)
    model.fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
    assert [line.split()[1] for line in lines] == ["1/4", "2/4", "3/4", "4/4"]
    for line, loss in zip(lines, model.history_["loss"], strict=True):
        assert f"loss {loss:.4f}" in line
        assert "val_loss" not in line


@pytest.mark.parametrize(("verbose", "lines"), [(0, 0), (1, 2), (2, 2), (True, 2), (False, 0)])
def test_verbose_prints(capsys, verbose, lines):
    MLPClassifier((3,), max_epochs=2, verbose=verbose).fit([[0.0], [1.0]], [0, 1])
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == lines
    assert captured.err == ""
