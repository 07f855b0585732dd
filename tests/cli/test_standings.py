"""The candidates of a search as a table, as CSV and as a picture."""

import csv
import math

import numpy as np
import pytest

from crmsprop.cli import standings
from crmsprop.cli.grid import Value
from crmsprop.cli.standings import PICTURE, SHOWN, TABLE, standings_table, write_standings
from crmsprop.cli.trials import Outcome, Trial, ranked
from crmsprop.schedules import CosineAnnealing


def trial(rho, schedule, *scores, rung=0, epochs=9, problem=""):
    words = {
        "rho": Value(rho, float(rho)),
        "schedule": Value(schedule, CosineAnnealing() if schedule != "none" else None),
    }
    outcomes = {i: Outcome(score, 0.25, problem if math.isnan(score) else "") for i, score in enumerate(scores)}
    return Trial(words, 2, epochs, rung, outcomes)


TRIALS = [
    trial("0.90", "none", 0.5, 0.6),
    trial("1e-1", "none", 0.25, math.nan, problem="it diverged"),
    trial("0.5", "cosine", 0.75, 0.85),
    trial("0.5", "none", 0.5),
    trial("0.90", "cosine"),
]


def read(folder):
    with (folder / TABLE).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_table_has_the_best_on_top():
    lines = standings_table(TRIALS).splitlines()
    assert [line.split() for line in lines[:3]] == [
        ["rank", "rho", "schedule", "mean", "std", "seconds"],
        ["1", "0.5", "cosine", "0.8000", "0.0500", "0.25"],
        ["2", "0.90", "none", "0.5500", "0.0500", "0.25"],
    ]
    assert lines[3:] == ["no score for 1, such as rho=1e-1 schedule=none: it diverged"]


def test_of_equal_ones_the_first_is_on_top_which_is_the_best():
    trials = [trial(rho, "none", 0.1, 0.1) for rho in ("0.8", "0.9", "0.7")]
    assert [line.split()[1] for line in standings_table(trials).splitlines()[1:]] == ["0.8", "0.9", "0.7"]
    assert ranked(trials)[0] is trials[0]


def test_a_long_table_is_cut_and_says_so():
    trials = [trial(str(i), "none", i, i) for i in range(SHOWN + 3)]
    lines = standings_table(trials).splitlines()
    assert len(lines) == 1 + SHOWN + 1
    assert lines[-1] == "and 3 more"
    assert len(standings_table(trials[:SHOWN]).splitlines()) == 1 + SHOWN


def test_of_each_candidate_the_table_has_its_last_rung():
    trials = [
        trial("0.9", "none", 0.9, 0.9, epochs=3),
        trial("0.5", "none", 0.8, 0.8, epochs=3),
        trial("0.9", "none", 0.6, 0.6, rung=1),
    ]
    rows = [line.split() for line in standings_table(trials).splitlines()]
    assert rows[0][3] == "epochs"
    assert [row[1:5] for row in rows[1:]] == [["0.9", "none", "9", "0.6000"], ["0.5", "none", "3", "0.8000"]]


def test_the_file_has_all_digits_of_what_is_there(folder):
    write_standings(folder, TRIALS, "accuracy")
    rows = read(folder)
    assert [(row["rank"], row["param_rho"], row["param_schedule"]) for row in rows] == [
        ("1", "0.5", "cosine"),
        ("2", "0.90", "none"),
        ("", "1e-1", "none"),
        ("", "0.5", "none"),
    ]
    assert [float(row["mean_test_score"] or "nan") for row in rows[:2]] == [np.mean([0.75, 0.85]), np.mean([0.5, 0.6])]
    assert float(rows[0]["std_test_score"]) == np.std([0.75, 0.85])
    assert [(row["split0_test_score"], row["split1_test_score"]) for row in rows[1:]] == [
        ("0.5", "0.6"),
        ("0.25", ""),
        ("0.5", ""),
    ]
    assert [row["problem"] for row in rows] == ["", "", "it diverged", ""]
    assert {row["mean_fit_time"] for row in rows} == {"0.25"}
    assert "iter" not in rows[0]


def test_the_file_has_every_rung(folder):
    write_standings(folder, [trial("0.9", "none", 0.9, 0.9, epochs=3), trial("0.9", "none", 0.6, 0.6, rung=1)], "f1")
    assert [(row["iter"], row["n_resources"], row["rank"]) for row in read(folder)] == [
        ("1", "9", "1"),
        ("0", "3", "2"),
    ]


@pytest.fixture
def drawn(monkeypatch):
    """The displays that are made."""
    made = []
    original = standings.SearchHeatmapDisplay.from_cv_results

    def keep(*arguments, **keywords):
        made.append(original(*arguments, **keywords))
        return made[-1]

    monkeypatch.setattr(standings.SearchHeatmapDisplay, "from_cv_results", keep)
    return made


def test_the_picture_is_a_map_of_the_means(folder, drawn):
    write_standings(folder, TRIALS, "accuracy")
    assert (folder / PICTURE).read_bytes().startswith(b"\x89PNG")
    (display,) = drawn
    assert display.params_ == ["rho", "schedule"]
    assert display.best_params_ == {"rho": 0.5, "schedule": "cosine"}
    assert display.ax_.figure.axes[-1].get_ylabel() == "mean test accuracy"


def test_rungs_are_drawn_as_epochs(folder, drawn):
    trials = [Trial({"rho": Value("0.9", 0.9)}, 1, 3, 0, {0: Outcome(0.5, 1)})]
    trials += [Trial({"rho": Value("0.5", 0.5)}, 1, epochs, epochs // 9, {0: Outcome(0.6, 1)}) for epochs in (3, 9)]
    write_standings(folder, trials, "accuracy")
    assert drawn[0].params_ == ["rho", "max_epochs"]


def test_without_a_mean_there_is_no_picture(folder):
    write_standings(folder, TRIALS[3:], "accuracy")
    assert [path.name for path in folder.iterdir()] == [TABLE]
    assert len(read(folder)) == 1
