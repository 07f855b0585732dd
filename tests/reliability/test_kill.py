"""A few runs of the command that kills trainings; RELIABILITY.md has the figures of many."""

import json

import pytest

from reliability import kill


def test_killed_trainings_end_as_those_that_were_not():
    report = kill.kill(runs=6, fresh_every=0)
    assert report.unlike == []
    assert report.kills >= 6
    assert report.in_write >= report.kills / 5


def test_a_new_interpreter_with_two_threads_ends_as_a_fork_with_one():
    report = kill.kill(runs=1, fresh_every=1)
    assert report.unlike == []


@pytest.mark.parametrize("stage", kill.STAGES)
def test_a_training_kills_itself_where_it_is_told_to(tmp_path, stage):
    """So that the runs above are killed where they say."""
    plan = {"where": "write", "number": 2, "stage": stage}
    assert kill.ended(kill.forked(tmp_path, "rows", plan), 60) == -9
    torn = [item for item in tmp_path.iterdir() if item.name.startswith(kill.prefix(tmp_path))]
    assert len(torn) == (stage != "behind it")
    whole = (tmp_path / "training.crms").stat().st_size
    if stage == "half-way":
        assert torn[0].stat().st_size < whole
    elif torn and stage == "before the rename":
        assert torn[0].stat().st_size > 0.9 * whole


def test_a_difference_is_found(tmp_path, monkeypatch):
    """A reference that differs in one digit of one loss makes every run unlike it."""
    text, duration = kill.reference("rows")
    left = json.loads(text)
    left["history"]["loss"][0] += 1e-15
    monkeypatch.setattr(kill, "reference", lambda kind: (json.dumps(left), duration))
    assert kill.kill(runs=1, fresh_every=0).unlike == [0]
