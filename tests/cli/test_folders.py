"""crmsprop train --data FOLDER and its sisters: pictures of the user's own."""

import shutil

import numpy as np
import pytest
from PIL import Image

import crmsprop
from crmsprop import CNNRegressor
from crmsprop.cli import folders
from crmsprop.datasets import load_image_folder


@pytest.fixture
def photos(folder):
    """Write 15 dark and 15 light pictures of other sizes; return the folder."""
    rng = np.random.default_rng(0)
    for i in range(30):
        pixels = rng.integers(0, 100, (20 + i, 30, 3)) + 150 * (i % 2)
        path = folder / "photos" / ("dark", "light")[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(path)
    return folder / "photos"


SHAPE = ("--image-shape", 8, 10)


def test_train_predict_and_evaluate(train_small, run, photos, folder):
    ended = train_small("--data", "photos", *SHAPE, "--epochs", 12, "--learning-rate", 0.01)
    assert ended.code == 0
    assert "8 x 10 x 3 uint8, 2 classes: 20 to train on, 3 to watch the training, 7 to test" in ended.err
    model = crmsprop.load(folder / "crmsprop-run" / "model.crms")
    assert model.classes_.tolist() == ["dark", "light"]
    _, (X_test, y_test) = load_image_folder(photos, (8, 10))
    assert f"test accuracy {model.score(X_test, y_test):.4f} on 7 samples" in ended.out

    names = ["photos/dark/0.png", "photos/light/29.png"]
    predicted = run("predict", "--csv", "--top", 1, "crmsprop-run/model.crms", *names).out.splitlines()[1:]
    pictures = [np.asarray(Image.open(name).resize((10, 8), Image.Resampling.BILINEAR)) for name in names]
    expected = model.predict_proba(np.array(pictures)).max(axis=1)
    assert [line.split(",")[:3:2] for line in predicted] == [[names[0], "dark"], [names[1], "light"]]
    np.testing.assert_array_equal([np.float32(line.split(",")[3]) for line in predicted], expected)

    for part, n in (("test", 7), ("train", 23), ("all", 30)):  # resized to what the model takes
        ended = run("evaluate", "--quiet", "--data", "photos", "--part", part, "crmsprop-run/model.crms")
        assert f"on {n} samples" in ended.out


def test_the_other_commands(run, photos, folder):
    small = ("--data", "photos", *SHAPE, "--filters", 2, "--dense-units", 4, "--threads", 1, "--quiet")
    assert run("train", *small, "--epochs", 1).code == 0
    assert run("find-lr", *small, "--steps", 40).code == 0
    assert run("tune", *small, "--epochs", 1, "--cv", 2, "--param", "rho=0.8,0.9").code == 0
    ended = run("fine-tune", "--data", "photos", "--epochs", 1, "--quiet", "crmsprop-run/model.crms")
    assert ended.code == 0
    assert crmsprop.load(folder / "crmsprop-fine-tuned" / "model.crms").image_shape_ == (8, 10, 3)


def test_a_train_and_a_test_part(train_small, photos):
    (photos / "dark").parent.rename("moved")
    photos.mkdir()
    for part in ("train", "test"):
        for name, pixel in (("dark", 0), ("light", 250)):
            (photos / part / name).mkdir(parents=True)
            for i in range(3 if part == "test" else 12):
                Image.new("L", (8, 8), pixel + i % 5).save(photos / part / name / f"{i}.png")
    ended = train_small("--data", "photos")
    assert "8 x 8 x 1 uint8, 2 classes: 21 to train on, 3 to watch the training, 6 to test" in ended.err


def test_files_that_are_no_pictures_are_told_of(train_small, photos):
    (photos / "dark" / "a.heic").write_bytes(b"")
    ended = train_small("--data", "photos", *SHAPE)
    assert ended.err.startswith("1 file that is no picture by its name (bmp, gif, ")
    assert ended.err.splitlines()[0].endswith("was skipped: photos/dark/a.heic; save .heic as JPEG")
    (photos / "dark" / "a.heic").rename(photos / "dark" / "a.txt")
    for i in (0, 1):
        shutil.copy(photos / "light" / "1.png", photos / f"{i}.png")
    (line,) = train_small("--data", "photos", *SHAPE, "--quiet", "--output", "other").err.splitlines()
    assert line.startswith("1 file that is no picture by its name (bmp, gif, ")
    assert line.endswith(
        "was skipped: photos/dark/a.txt; 2 pictures that lie in no folder of a class were skipped, such as photos/0.png"
    )


def refused(run, *arguments):
    ended = run("train", "--data", "photos", *arguments)
    assert ended.code == 2
    return ended.error()


def test_sizes_that_differ(run, photos):
    message = "--image-shape must be given, such as 64 64, for pictures that differ in size: photos/"
    assert refused(run).startswith(message)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((8,), "--image-shape must be height, width and perhaps channels, such as 64 64, got 8"),
        ((0, 8), "--image-shape[0] must be at least 1, got 0"),
        ((8, 8, 2), "--image-shape[2] must be 1, 3 or 4 channels, got 2"),
    ],
)
def test_shapes_that_are_none(run, photos, shape, message):
    assert refused(run, "--image-shape", *shape) == message


def test_one_class_and_none(run, photos):
    (photos / "light").rename("light")
    assert refused(run, *SHAPE) == "--data must be a folder with two classes or more, got 'photos' with one"
    message = (
        "light must hold a folder of pictures for each class, got 15 pictures and no folders: FOLDER/class/picture"
    )
    assert run("train", "--data", "light", *SHAPE).error().startswith(message)


def test_one_class_is_enough_to_evaluate(train_small, run, photos):
    train_small("--data", "photos", *SHAPE)
    (photos / "light").rename("light")
    ended = run("evaluate", "--quiet", "--data", "photos", "--part", "all", "crmsprop-run/model.crms")
    assert "on 15 samples" in ended.out


@pytest.mark.parametrize(("part", "n"), [("test", 7), ("train", 23), ("all", 30)])
@pytest.mark.parametrize("shape", [(), SHAPE])
def test_only_the_part_that_is_wanted_is_decoded(train_small, run, photos, monkeypatch, part, n, shape):
    """And counts for the memory."""
    train_small("--data", "photos", *SHAPE)
    read, told = folders.read_parts, []
    monkeypatch.setattr("crmsprop.datasets.image_folder.available_bytes", lambda: n * 8 * 10 * 3)
    monkeypatch.setattr(folders, "read_parts", lambda *given: (told.append(given[:2]), read(*given))[1])
    ended = run("evaluate", "crmsprop-run/model.crms", "--quiet", "--data", "photos", "--part", part, *shape)
    assert f"on {n} samples" in ended.out
    assert sum(len(listing.paths) for listing in told[0]) == n


def test_a_part_without_colours_is_of_a_folder_that_has_some(train_small, run, photos):
    """Channels that nobody names are those of all pictures."""
    for name in ("dark", "light"):
        for part in ("train", "test"):
            (photos / part / name).mkdir(parents=True)
        for i, path in enumerate(sorted((photos / name).glob("*.png"))):
            picture = Image.open(path)
            (picture.convert("L") if i < 3 else picture).save(
                photos / ("test" if i < 3 else "train") / name / path.name
            )
            path.unlink()
        (photos / name).rmdir()
    train_small("--data", "photos", *SHAPE)
    ended = run("evaluate", "crmsprop-run/model.crms", "--quiet", "--data", "photos", *SHAPE)
    assert "on 6 samples" in ended.out


def test_a_picture_that_cannot_be_read(run, photos):
    (photos / "dark" / "2.png").write_bytes(b"hello")
    head = "photos/dark/2.png cannot be read: no picture of a known format; remove or replace it"
    for shape in (SHAPE, (*SHAPE, 3)):
        assert refused(run, *shape) == f"{head}, or give --skip-broken to leave it out"


@pytest.mark.parametrize("shape", [SHAPE, (*SHAPE, 3)])
def test_pictures_that_are_left_out(train_small, run, photos, shape):
    """One of them is the picture that the last line names where it can be read."""
    arguments = ("--data", "photos", *shape, "--learning-rate", 0.01, "--epochs", 12)
    first = train_small(*arguments).out.splitlines()[-1].split()[-1]
    (photos.parent / first).write_bytes(b"hello")
    number = next(i for i in range(0, 30, 2) if first != f"photos/dark/{i}.png")
    (photos / "dark" / f"{number}.png").write_bytes(b"hello")
    ended = train_small(*arguments, "--skip-broken", "--output", "other")
    names = ", ".join(sorted([first, f"photos/dark/{number}.png"]))
    line = f"crmsprop: warning: 2 pictures that cannot be read were left out: {names}"
    assert line in ended.err.splitlines()
    assert ended.code == 0
    assert first not in ended.out
    n = {}
    for part in ("test", "train", "all"):
        ended = run("evaluate", "--data", "photos", "--part", part, "--skip-broken", "other/model.crms")
        assert ended.code == 0
        assert "cannot be read w" in ended.err
        n[part] = int(ended.out.split()[-2])
    assert n["all"] == n["test"] + n["train"] == 28
    assert run("evaluate", "--data", "photos", "other/model.crms").code == 2


def test_skip_broken_is_for_folders(run, photos):
    for data in ("digits", "mine.npz"):
        message = f"--skip-broken does nothing without --data FOLDER, got --data {data}"
        assert run("train", "--data", data, "--skip-broken").error() == message
    assert "does not exist" in run("train", "--data", "photo", "--skip-broken").error()


def test_more_memory_than_there_is(run, photos, monkeypatch):
    monkeypatch.setattr("crmsprop.datasets.image_folder.available_bytes", lambda: 1000)
    ended = run("train", "--data", "photos", *SHAPE)
    assert ended.code == 1
    assert ended.error().startswith("--image-shape must be smaller: 30 pictures of 8 x 10 x 3 take")


def test_a_regressor_takes_no_folder(run, photos):
    X = np.zeros((4, 8, 8, 3), np.uint8)
    CNNRegressor((2,), max_epochs=1, random_state=0).fit(X, np.arange(4.0)).save("m.crms")
    message = "--data must be an .npz file, got the folder 'photos': its names are classes only"
    for command in ("evaluate", "fine-tune"):
        assert run(command, "--data", "photos", "m.crms").error() == message


def test_what_is_neither_a_name_nor_there(run):
    assert refused(run) == (
        "--data must be digits, cifar10, a folder with a folder of pictures for each class, or the path of an .npz "
        "file, got 'photos', which does not exist"
    )


def test_a_folder_that_has_the_name_of_a_data_set(train_small, photos):
    photos.rename("digits")
    assert "10 classes: 1,212 to train on" in train_small("--data", "digits", "--epochs", 1).err
    ended = train_small("--data", "./digits", *SHAPE, "--output", "other")
    assert "2 classes: 20 to train on" in ended.err


def test_a_bar_counts_the_pictures(run, photos, monkeypatch):
    told = []
    real = folders.progress

    def recorded(total, unit, quiet):
        told.append((total, unit))
        return real(total, unit, quiet)

    monkeypatch.setattr(folders, "progress", recorded)
    assert run("train", "--data", "photos", *SHAPE, "--filters", 2, "--epochs", 1, "--quiet").code == 0
    assert told == [(30, "picture")]
