"""Commands that follow a run: they are ones that work as they stand there."""

import argparse
import re
import shlex

import numpy as np
import pytest
from PIL import Image

from crmsprop.cli.next_step import search_of_rate


def next_command(ended):
    """Return the arguments of the last line."""
    line = ended.out.splitlines()[-1]
    program, *arguments = shlex.split(re.fullmatch(r"then: (.*)", line)[1])
    assert program == "crmsprop"
    return arguments


@pytest.fixture
def my_photos(folder):
    """Write dark and light pictures into a folder whose name needs quotes."""
    for name, pixel in (("dark", 0), ("light", 200)):
        (folder / "my photos" / name).mkdir(parents=True)
        for i in range(12):
            Image.new("RGB", (8, 8), (pixel + i,) * 3).save(folder / "my photos" / name / f"{i}.png")
    return "my photos"


def test_a_model_for_pictures_is_asked_for_one_that_it_has_not_seen(train_small, run, my_photos):
    arguments = next_command(train_small("--data", my_photos, "--learning-rate", 0.01, "--epochs", 9))
    assert arguments[:2] == ["predict", "crmsprop-run/model.crms"]
    (ended, tested) = run(*arguments), run("evaluate", arguments[1], "--data", my_photos)
    assert (ended.code, tested.code) == (0, 0)
    assert arguments[2].startswith("my photos/")


@pytest.mark.parametrize("shape", [(), ("--image-shape", "6x5")])
@pytest.mark.parametrize("name", ["my data.npz", "plain.npz"])
def test_other_data_are_those_that_it_was_tested_with(train_small, run, folder, images, name, shape):
    X, y = images
    np.savez(folder / name, X=X.reshape(60, -1) if shape else X, y=y)
    ended = train_small("--data", name, *shape, "--learning-rate", 0.01, "--epochs", 9)
    tested = run(*next_command(ended))
    assert tested.code == 0
    loss, accuracy = re.search(r"test loss (\S+), test accuracy (\S+) on 12", ended.out).groups()
    assert tested.out.splitlines()[-1] == f"loss {loss}, accuracy {accuracy} on 12 samples"


def test_the_digits_need_no_options(train_small, run, model_file):
    assert next_command(train_small("--output", "run")) == ["evaluate", "run/model.crms"]
    ended = run("fine-tune", model_file, "--epochs", 1, "--output", "new")
    assert next_command(ended) == ["evaluate", "new/model.crms"]


def test_a_network_that_has_learned_nothing_is_not_put_to_use(train_small, run, folder, images):
    np.savez(folder / "mine.npz", X=images[0], y=images[1])
    ended = train_small("--data", "mine.npz", "--learning-rate", 1, "--model", "cnn", "--seed", 1, "--quiet")
    (line,) = ended.err.splitlines()
    assert line.startswith("crmsprop: warning: a test accuracy of 0.5")
    command = shlex.split(re.search(r'another --learning-rate than 1, which "(.*)" suggests', line)[1])
    assert command == ["crmsprop", "find-lr", "--data", "mine.npz", "--model", "cnn"]
    assert run(*command[1:], "--steps", 30).code == 0
    assert "then: " not in train_small("--data", "mine.npz", "--learning-rate", 1, "--seed", 1, "--output", "new").out


def test_pictures_that_were_left_out_are_left_out_again():
    options = argparse.Namespace(data="photos", shape_of_rows=None, skip_broken=True, data_home=None)
    assert search_of_rate(options) == "crmsprop find-lr --data photos --skip-broken"
