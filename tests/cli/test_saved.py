"""Files that are given as a model and are none: what is said of them."""

import numpy as np
import pytest
from PIL import Image

from crmsprop.cli.output import MODEL
from crmsprop.cli.resuming import CHECKPOINT

RULE = "MODEL must be a file that crmsprop train, or save in Python, has written, got "


@pytest.fixture
def refused(run):
    """Return a function that gives a file to a command, and returns the one line that it says."""
    return lambda name: run("summary", name).error()


@pytest.mark.parametrize("command", [["evaluate"], ["fine-tune"], ["export", "--to", "onnx"], ["predict"]])
def test_every_command_says_so(run, refused, command):
    more = ["a.png"] if command == ["predict"] else []
    assert run(*command, "nothing.crms", *more).error() == refused("nothing.crms")


def test_nothing_there(refused, model_file, folder):
    assert refused("nothing.crms") == f"{RULE}'nothing.crms', which does not exist; there is {model_file}"
    (folder / model_file).unlink()
    assert refused("nothing.crms") == f"{RULE}'nothing.crms', which does not exist"


def test_the_folder_of_a_run(refused, model_file, folder):
    (folder / "run").mkdir()
    assert refused("run") == f"{RULE}the folder 'run'"
    (folder / model_file).rename(folder / "run" / MODEL)
    assert refused("run") == f"{RULE}the folder 'run'; there is run/{MODEL}"
    for name in "abc":
        (folder / "run" / f"{name}.crms").touch()
    assert refused("run") == f"{RULE}the folder 'run'; there is run/a.crms, run/b.crms, run/c.crms, ..."


def test_a_run_that_is_not_over(refused, folder):
    (folder / "run").mkdir()
    (folder / "run" / CHECKPOINT).write_bytes(b"the state of a training")
    way_on = '"crmsprop train --resume run" goes on'
    assert refused("run") == f"{RULE}the folder 'run' of a run that is not over: {way_on}"
    assert refused(f"run/{CHECKPOINT}").endswith(f"; it is the state of a run that is not over: {way_on}")


def test_files_of_other_kinds(refused, folder):
    Image.new("RGB", (9, 8)).save(folder / "cat.JPG")
    np.savez(folder / "data.npz", X=np.zeros(3))
    (folder / "history.csv").write_text("epoch,loss\n1,2.0\n")
    (folder / "weights.pt").write_bytes(b"PK\x03\x04")
    (folder / "text.crms").write_text("hello")
    assert refused("cat.JPG").endswith(
        "; it is a picture by its name, and the model comes first: crmsprop predict MODEL FILE"
    )
    assert refused("data.npz").endswith("; it is data by its name, and the model comes first")
    assert refused("history.csv").endswith(
        f"; it is a table by its name; the model of a run is the file {MODEL} beside it"
    )
    assert "; it is of another library by its name; load_weights in Python" in refused("weights.pt")
    assert refused("text.crms").startswith("cannot read text.crms: ")
