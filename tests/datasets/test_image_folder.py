"""Folders of pictures to arrays: what counts as a class and as a picture, what is held out, what is refused."""

import os
import re
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crmsprop.datasets import folder_listing, image_folder, load_image, load_image_folder
from crmsprop.errors import FileFormatError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Return the current folder, which is empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def save(path, value, size=(6, 4), mode="RGB"):
    """Write a picture of one colour."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value if mode in ("L", "I;16") else (value,) * len(mode)).save(path)


def make(root, names=("cat", "dog"), n=10, **options):
    """Write `n` pictures a class; the grey value of each tells its class and its number."""
    for k, name in enumerate(names):
        for i in range(n):
            save(f"{root}/{name}/{i}.png", 100 * k + i, **options)


def values(part):
    """The grey values of the images of a part, and its labels, in order of the values."""
    X, y = part
    order = np.argsort(X[:, 0, 0, 0], kind="stable")
    return X[order, 0, 0, 0].tolist(), y[order].tolist()


# what is read


def test_every_picture_is_in_one_part_with_the_name_of_its_folder():
    make("photos")
    train, test = load_image_folder("photos")
    assert train[0].shape[1:] == test[0].shape[1:] == (4, 6, 3)
    assert train[0].dtype == np.uint8
    found = [*zip(*values(train), strict=True), *zip(*values(test), strict=True)]
    assert sorted(found) == [(100 * k + i, name) for k, name in enumerate(["cat", "dog"]) for i in range(10)]
    for X, _ in (train, test):
        np.testing.assert_array_equal(X, X[:, :1, :1, :1].repeat(4, 1).repeat(6, 2).repeat(3, 3))


def test_the_seed_chooses_and_shuffles():
    make("photos")
    first, again, other = (load_image_folder("photos", random_state=seed) for seed in (0, 0, 1))
    for one, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(one[0], same[0])
        np.testing.assert_array_equal(one[1], same[1])
    assert values(first[1]) != values(other[1])
    labels = first[0][1].tolist()
    assert labels not in (sorted(labels), sorted(labels, reverse=True))  # or the last tenth would be one class


@pytest.mark.parametrize(("fraction", "expected"), [(0, 0), (0.001, 1), (0.999, 9)])
def test_each_class_gives_a_picture_and_keeps_one(fraction, expected):
    make("photos")
    (X, _), (X_test, y_test) = load_image_folder("photos", test_fraction=fraction)
    assert [y_test.tolist().count(name) for name in ("cat", "dog")] == [expected] * 2
    assert len(X) + len(X_test) == 20
    assert X_test.shape[1:] == (4, 6, 3)


@pytest.mark.parametrize("fraction", [0.2, 0.5])
def test_each_class_gives_about_its_share(fraction):
    for name in ("cat", "dog"):
        for i in range(500):
            save(f"photos/{name}/{i}.png", 0)
    _, (_, y_test) = load_image_folder("photos", test_fraction=fraction)
    for name in ("cat", "dog"):
        assert abs(y_test.tolist().count(name) - 500 * fraction) < 4 * (500 * fraction * (1 - fraction)) ** 0.5


def test_pictures_that_come_and_go_change_no_other_ones_side():
    """Or a model would be tested with pictures that it has learned from."""
    make("photos", n=100)
    _, before = load_image_folder("photos")
    held_out = set(values(before)[0])
    for value in [*sorted(held_out)[:2], 3, 104]:
        Path(f"photos/{('cat', 'dog')[value // 100]}/{value % 100}.png").unlink(missing_ok=True)
    for i in range(7):
        save(f"photos/cat/new{i}.png", 200 + i)
    Path("photos").rename("elsewhere")
    train, test = load_image_folder("elsewhere")
    assert {value for value in values(test)[0] if value < 200} == held_out - set(sorted(held_out)[:2]) - {3, 104}
    assert not held_out & set(values(train)[0])


def test_one_picture_is_read_like_those_of_a_folder():
    make("photos", n=2)
    (X, _), _ = load_image_folder("photos", image_shape=(3, 5), test_fraction=0)
    one = load_image("photos/dog/1.png", (3, 5, 3))
    assert (one.shape, one.dtype) == ((3, 5, 3), np.uint8)
    assert any(np.array_equal(one, image) for image in X)
    np.testing.assert_array_equal(load_image(Path("photos/dog/1.png"), (3, 5)), one)
    assert load_image("photos/dog/1.png", (3, 5, 1)).shape == (3, 5, 1)
    with pytest.raises(ValueError, match=r"^image_shape must be height, width .*, such as \(64, 64\), got 3$"):
        load_image("photos/dog/1.png", 3)
    with pytest.raises(FileNotFoundError):
        load_image("photos/dog/9.png", (3, 5))


@pytest.mark.parametrize("name", ["test", "val", "valid", "validation"])
def test_a_folder_with_the_two_parts(name):
    make("photos/train", n=3)
    make(f"photos/{name}", n=2)
    train, test = load_image_folder("photos")
    assert values(train) == ([0, 1, 2, 100, 101, 102], ["cat"] * 3 + ["dog"] * 3)
    assert values(test) == ([0, 1, 100, 101], ["cat"] * 2 + ["dog"] * 2)


def test_classes_can_be_called_train_and_test():
    make("photos", names=("test", "train"))
    assert set(load_image_folder("photos")[1][1]) == {"test", "train"}


def test_a_train_and_a_test_part_need_the_same_classes():
    make("photos/train")
    make("photos/test", names=("cat", "cow"))
    with pytest.raises(FileFormatError, match=r"^photos/test has classes that photos/train lacks, such as 'cow'$"):
        load_image_folder("photos")


def test_names_of_any_alphabet_spaces_and_case():
    names = ("Über", "äpfel", "犬", "a b", "Z")
    make("photos", names=names, n=2)
    (_, y), (_, y_test) = load_image_folder("photos")
    assert sorted(y) == sorted(y_test) == sorted(names)


def test_what_is_skipped():
    make("photos", n=3)
    for litter in ("photos/.git/a.png", "photos/cat/.b.png", "photos/cat/Thumbs.db", "photos/cat/desktop.ini"):
        save("x.png", 0)
        Path(litter).parent.mkdir(exist_ok=True)
        Path("x.png").rename(litter)
    Path("photos/readme.txt").write_text("beside the folders")
    assert len(load_image_folder("photos", test_fraction=0)[0][0]) == 6
    Path("photos/dog/a.heic").write_bytes(b"")
    Path("photos/dog/b.txt").write_bytes(b"")
    with pytest.warns(
        UserWarning,
        match=r"^2 files that .* skipped, such as photos/dog/a\.heic; save \.heic as JPEG$",
    ):
        assert len(load_image_folder("photos", test_fraction=0)[0][0]) == 6


def test_pictures_of_no_class_are_told_of():
    make("photos", n=3)
    save("photos/loose.png", 0)
    message = r"^1 picture that lies in no folder of a class was skipped: photos/loose\.png$"
    with pytest.warns(UserWarning, match=message):
        assert len(load_image_folder("photos", test_fraction=0)[0][0]) == 6
    Path("photos/a.HEIC").write_bytes(b"")
    save("photos/two.png", 0)
    message = r"save \.heic as JPEG; 2 pictures that lie in no folder of a class were skipped, such as photos/l"
    with pytest.warns(UserWarning, match=message):
        assert len(load_image_folder("photos", test_fraction=0)[0][0]) == 6


def test_extensions_of_any_case():
    for i, name in enumerate(["a.JPG", "b.jpeg", "c.Png", "d.TIF", "e.bmp", "f.webp", "g.pgm", "h.gif"]):
        save(f"photos/cat/{name}", 10 * i, mode="L")
    assert len(load_image_folder("photos", test_fraction=0)[0][0]) == 8


# sizes and colours


def test_pictures_are_resized():
    save("photos/a/1.png", 10, size=(60, 40))
    save("photos/a/2.png", 20, size=(3, 7))
    (X, _), _ = load_image_folder("photos", image_shape=(5, 9), test_fraction=0)
    assert X.shape == (2, 5, 9, 3)
    assert sorted(X[:, 0, 0, 0]) == [10, 20]


@pytest.mark.parametrize(
    ("image_shape", "expected"), [(None, 1), ((4, 6), 1), ((4, 6, 1), 1), ((4, 6, 3), 3), ((4, 6, 4), 4)]
)
def test_grey_pictures_have_one_channel_unless_more_are_wanted(image_shape, expected):
    make("photos", mode="L")
    assert load_image_folder("photos", image_shape)[0][0].shape[1:] == (4, 6, expected)


def test_one_picture_with_colours_gives_colours_to_all():
    make("photos", mode="L")
    save("photos/cat/c.png", 50, mode="RGB")
    assert load_image_folder("photos")[0][0].shape[3] == 3


def test_sizes_that_differ():
    make("photos")
    save("photos/dog/z.png", 0, size=(6, 5))
    message = r"differ in size: photos/cat/0\.png has 6 x 4 pixels, width first, and photos/dog/z\.png 6 x 5$"
    with pytest.raises(ValueError, match=r"^image_shape must be given, such as \(64, 64\), .* that " + message):
        load_image_folder("photos")


def test_a_photograph_that_was_held_sideways_has_the_size_that_it_shows():
    exif = Image.Exif()
    exif[0x0112] = 6
    make("photos", size=(4, 6))
    Image.new("RGB", (6, 4)).save("photos/cat/sideways.jpg", exif=exif)
    assert load_image_folder("photos")[0][0].shape[1:] == (6, 4, 3)


# parameters


@pytest.mark.parametrize(
    ("image_shape", "message"),
    [
        ((4,), r"^image_shape must be height, width and perhaps channels, such as \(64, 64\), got \(4,\)$"),
        ("44", r"^image_shape must be height, width and perhaps channels, such as \(64, 64\), got '44'$"),
        (64, r"^image_shape must be height, width and perhaps channels, such as \(64, 64\), got 64$"),
        ((0, 4), r"^image_shape\[0\] must be at least 1, got 0$"),
        ((4, 4, 2), r"^image_shape\[2\] must be 1, 3 or 4 channels, got 2$"),
    ],
)
def test_shapes_that_are_none(image_shape, message):
    make("photos", n=2)
    with pytest.raises(ValueError, match=message):
        load_image_folder("photos", image_shape)


def test_other_parameters_that_are_wrong():
    make("photos", n=2)
    with pytest.raises(TypeError, match=r"^image_shape\[1\] must be an integer of at least 1, got 4\.5$"):
        load_image_folder("photos", (4, 4.5))
    with pytest.raises(ValueError, match=r"^test_fraction must be in \[0, 1\), got 1$"):
        load_image_folder("photos", test_fraction=1)
    with pytest.raises(TypeError, match=r"^folder must be a path, got 3$"):
        load_image_folder(3)


# folders that are not what they should be


def test_no_folder():
    with pytest.raises(FileNotFoundError):
        load_image_folder("photos")
    Path("photos").write_bytes(b"")
    with pytest.raises(FileFormatError, match=r"^folder must be a folder, got the file 'photos'$"):
        load_image_folder("photos")


def test_no_classes():
    Path("photos").mkdir()
    save("photos/1.png", 0)
    with pytest.raises(
        FileFormatError, match=r"^photos must hold a folder of .* each class, got 1 picture and no folders"
    ):
        load_image_folder("photos")


def test_a_class_without_pictures():
    make("photos")
    Path("photos/cow").mkdir()
    with pytest.raises(FileFormatError, match=r"^photos/cow must hold the pictures of a class, got none: remove it"):
        load_image_folder("photos")
    Path("photos/cow/a.heic").write_bytes(b"")
    with pytest.raises(
        FileFormatError, match=r"got none; 1 file .* was skipped: photos/cow/a\.heic; save \.heic as JPEG$"
    ):
        load_image_folder("photos")


def test_folders_that_are_too_deep():
    for part in ("one", "two", "three"):
        make(f"photos/{part}", n=2)
    with pytest.raises(FileFormatError, match=r"^photos/one must hold the pictures of a class, got the folder cat: F"):
        load_image_folder("photos")


def test_a_class_of_one_picture():
    make("photos")
    save("photos/cow/1.png", 0)
    with pytest.raises(ValueError, match=r"^class 'cow' must have 2 pictures or more, one of them to be held out, got"):
        load_image_folder("photos")
    assert len(load_image_folder("photos", test_fraction=0)[0][0]) == 21


def test_links_are_followed_and_loops_are_no_trap():
    make("elsewhere/photos", names=("cat",))
    make("photos", names=("dog",))
    os.symlink("../elsewhere/photos/cat", "photos/cat")
    assert len(load_image_folder("photos", test_fraction=0)[0][0]) == 20
    os.symlink("nowhere", "photos/broken")
    os.symlink("itself", "photos/itself")
    assert len(load_image_folder("photos", test_fraction=0)[0][0]) == 20
    os.symlink("..", "photos/dog/up")
    with pytest.raises(FileFormatError, match=r"^photos/dog must hold the pictures of a class, got the folder up"):
        load_image_folder("photos")


@pytest.mark.parametrize("target", ["a.png", "nowhere.png"])
def test_links_to_no_picture_are_named(target):
    make("photos")
    os.symlink(target, "photos/cat/a.png")
    with pytest.raises(OSError, match=r"photos/cat/a\.png"):
        load_image_folder("photos")


def test_a_pipe_is_not_waited_for():
    make("photos")
    os.mkfifo("photos/cat/a.png")
    with pytest.raises(FileFormatError, match=r"^photos/cat/a\.png must be a regular file; remove or replace it, or "):
        load_image_folder("photos")


def test_a_name_that_is_no_text():
    """Some file systems have such names, and a model's file cannot."""
    rule = r"^the name of a class must be Unicode, got the folder 'photos/\\udcff'$"
    with pytest.raises(FileFormatError, match=rule):
        folder_listing._label(Path(os.fsdecode(b"photos/\xff")))


@pytest.mark.parametrize("image_shape", [None, (4, 6, 3)])
def test_pictures_that_cannot_be_read_are_named(image_shape):
    make("photos")
    Path("photos/cat/3.png").write_bytes(b"")
    rule = r"^photos/cat/3\.png cannot be read: no picture of a known format; remove or replace it"
    message = f"{rule}, or give skip_broken=True to leave it out$"
    with pytest.raises(FileFormatError, match=message):
        load_image_folder("photos", image_shape)
    for i in (5, 2):
        Path(f"photos/dog/{i}.png").write_bytes(b"")
    remedy = "remove or replace them, or give skip_broken=True to leave them out"
    both = f"nor can be read photos/dog/2.png, photos/dog/5.png: {remedy}"
    with pytest.raises(FileFormatError, match=rf"^photos/cat/3\.png cannot be read: no picture of .*; {both}$"):
        load_image_folder("photos", image_shape)


def test_of_very_many_that_cannot_be_read_some_are_named():
    for i in range(60):
        Path(f"photos/cat/{i:02}.png").parent.mkdir(parents=True, exist_ok=True)
        Path(f"photos/cat/{i:02}.png").write_bytes(b"")
    with pytest.raises(FileFormatError, match=r"^photos/cat/00\.png .* photos/cat/50\.png and 9 more: remove or rep"):
        load_image_folder("photos", (4, 6))


def test_three_parts_are_one_too_many():
    """They would be three classes if folders were walked through."""
    for part in ("train", "val", "test"):
        make(f"photos/{part}", n=2)
    with pytest.raises(
        FileFormatError, match=r"^photos must hold train and one other part, got train, test, val: move"
    ):
        load_image_folder("photos")


def test_pictures_that_are_damaged_behind_their_head():
    make("photos")
    Path("photos/cat/3.png").write_bytes(Path("photos/cat/3.png").read_bytes()[:45])
    with pytest.raises(FileFormatError, match=r"^photos/cat/3\.png cannot be read: .*; remove or replace it, or "):
        load_image_folder("photos")


def test_16_bits_are_not_cut_off():
    make("photos", mode="L")
    save("photos/cat/deep.png", 30000, mode="I;16")
    with pytest.raises(
        FileFormatError, match=r"^photos/cat/deep\.png .* 8 bits a channel, .* I;16: save it with 8 bits, or give skip"
    ):
        load_image_folder("photos")


# pictures that are left out


BAD = ("dog/2.png", "cat/3.png", "dog/5.png", "dog/4.png")


@pytest.mark.parametrize("image_shape", [None, (4, 6), (4, 6, 3)])
@pytest.mark.parametrize("kept", [0, 45])  # bytes: of the second kind the head can be read
@pytest.mark.parametrize("n", [1, 4])
def test_pictures_that_cannot_be_read_are_left_out(image_shape, kept, n):
    make("photos")
    before = load_image_folder("photos")
    bad = [f"photos/{name}" for name in BAD[:n]]
    for name in bad:
        Path(name).write_bytes(Path(name).read_bytes()[:kept])
    names = {1: "photos/dog/2.png", 4: "photos/cat/3.png, photos/dog/2.png, photos/dog/4.png, ..."}[n]
    many = {1: "1 picture that cannot be read was", 4: "4 pictures that cannot be read were"}[n]
    line = f"{many} left out: {names}"
    with pytest.warns(UserWarning, match=f"^{re.escape(line)}$") as warned:
        after = load_image_folder("photos", image_shape, skip_broken=True)
    assert len(warned) == 1
    assert warned[0].filename == __file__
    lost = {100 * name.startswith("dog") + int(name[4]) for name in BAD[:n]}
    for left, whole in zip(after, before, strict=True):
        pairs = [pair for pair in zip(*values(whole), strict=True) if pair[0] not in lost]
        assert list(zip(*values(left), strict=True)) == pairs
    assert sum(len(X) for X, _ in after) == 20 - n


def test_what_is_left_out_has_no_say_in_the_shape():
    make("photos")
    before = load_image_folder("photos")[0][0].shape[1:]
    for name, size in (("cat/x", (50, 40)), ("dog/y", (16, 16))):
        path = Path(f"photos/{name}.jpeg")
        Image.effect_noise(size, 50).convert("RGB").save(path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 9 // 10])
    with pytest.warns(UserWarning, match="2 pictures that cannot be read"):
        assert load_image_folder("photos", skip_broken=True)[0][0].shape[1:] == before


def test_nothing_is_said_where_nothing_is_left_out():
    make("photos")
    assert len(load_image_folder("photos", skip_broken=True)[0][0]) == 16


@pytest.fixture
def empty():
    """Return a function that makes the pictures of a class empty files."""

    def call(folder):
        for path in Path(folder).iterdir():
            path.write_bytes(b"")

    return call


@pytest.mark.parametrize("image_shape", [None, (4, 6, 3)])
def test_each_class_keeps_a_picture_to_train_on(empty, image_shape):
    make("photos/train", n=3)
    make("photos/test", n=3)
    empty("photos/train/cat")
    rule = r"^skip_broken=True must leave a picture of class 'cat' to train on: photos/train/cat/0\.png cannot "
    with pytest.raises(FileFormatError, match=rf"{rule}.*: remove or replace them$"):
        load_image_folder("photos", image_shape, skip_broken=True)


@pytest.mark.parametrize("image_shape", [None, (4, 6, 3)])
def test_some_picture_is_kept_to_test_with(empty, image_shape):
    make("photos/train", n=3)
    make("photos/test", n=3)
    empty("photos/test/cat")
    with pytest.warns(UserWarning, match=r"^3 pictures that cannot be read were left out"):
        (X, _), (_, y_test) = load_image_folder("photos", image_shape, skip_broken=True)
    assert (len(X), y_test.tolist()) == (6, ["dog"] * 3)
    empty("photos/test/dog")
    rule = r"^skip_broken=True must leave a picture to test with: photos/test/cat/0\.png cannot be read: "
    with pytest.raises(FileFormatError, match=rf"{rule}.*: remove or replace them$"):
        load_image_folder("photos", image_shape, skip_broken=True)


def test_a_folder_in_which_nothing_can_be_read(empty):
    make("photos")
    empty("photos/cat")
    empty("photos/dog")
    with pytest.raises(FileFormatError, match=r"^photos/cat/0\.png cannot be read: .*: remove or replace them$"):
        load_image_folder("photos", skip_broken=True)


def test_skip_broken_is_a_switch():
    make("photos")
    with pytest.raises(TypeError, match=r"^skip_broken must be True or False, got 'yes'$"):
        load_image_folder("photos", skip_broken="yes")


# memory


def test_memory_is_not_taken_where_it_is_not_there(monkeypatch):
    make("photos")
    monkeypatch.setattr(image_folder, "available_bytes", lambda: 20 * 4000 * 3000 * 3 - 1)
    monkeypatch.setattr(image_folder, "read_picture", None)
    rule = r"^image_shape must be smaller: 20 pictures of 4000 x 3000 x 3 take 0\.7 GB, and 0\.7 GB are free$"
    tracemalloc.start()
    with pytest.raises(MemoryError, match=rule):
        load_image_folder("photos", image_shape=(4000, 3000))
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


@pytest.mark.parametrize("there", [20 * 4 * 6 * 3, None])
def test_memory_that_is_enough_or_unknown(monkeypatch, there):
    make("photos")
    monkeypatch.setattr(image_folder, "available_bytes", lambda: there)
    assert len(load_image_folder("photos")[0][0]) == 16
