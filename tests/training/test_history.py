"""The history: its columns, in order, always equally long."""

from crmsprop.training import COLUMNS, new_history
from crmsprop.training.history import append


def test_a_new_history_has_every_column_and_no_epoch():
    history = new_history()
    assert tuple(history) == COLUMNS
    assert COLUMNS == ("epoch", "loss", "val_loss", "accuracy", "val_accuracy", "learning_rate", "seconds")
    assert all(column == [] for column in history.values())
    assert new_history()["loss"] is not history["loss"]


def test_a_column_that_a_row_lacks_gets_none():
    history = new_history()
    append(history, {"epoch": 1, "loss": 0.5})
    append(history, dict.fromkeys(COLUMNS, 2.0))
    assert history["loss"] == [0.5, 2.0]
    assert history["val_loss"] == history["seconds"] == [None, 2.0]
    assert {len(column) for column in history.values()} == {2}
