"""Every reader of files: small files that it takes, what changes them, and how it is called."""

import json
import math
import types
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import h5py
import numpy as np
from cifar_files import (
    BATCHES,
    bin_members,
    binary_batch,
    make_images,
    official_batch,
    py_members,
    write_archive,
    write_bin,
    write_py,
)
from model_files import some_models
from PIL import Image
from weight_cases import GOLDEN, KERAS, TORCH

import crmsprop
from crmsprop import MLPClassifier
from crmsprop.augment import Flip, Mixup, Rotation
from crmsprop.callbacks import Callback, Checkpoint, CSVLogger, ReduceOnPlateau
from crmsprop.cli import resuming
from crmsprop.cli.npz import read_npz, read_whole_npz
from crmsprop.cli.parser import UsageError
from crmsprop.cli.samples import read_samples
from crmsprop.datasets import load_cifar10
from crmsprop.datasets.pictures import measure_picture, read_picture
from crmsprop.errors import DivergenceError, FileFormatError
from crmsprop.nn import Dense, Network
from crmsprop.persistence import import_weights, load_network, save_network
from crmsprop.schedules import CosineAnnealing, StepDecay
from crmsprop.training import COLUMNS
from fuzzing import archives, binaries, plain
from fuzzing.damage import damaged


@dataclass(frozen=True)
class Reader:
    """A reader, and files for it.

    Attributes
    ----------
    file : str
        What the file is called in its folder.
    seeds : callable
        Takes an empty folder, where it can leave what is read besides; returns the bytes of files that are taken.
    change : callable
        Takes one of those and a generator of random numbers; returns the bytes of another file.
    read : callable
        Takes the path.
    errors : tuple of type
        Our own types that it may raise.
    """

    file: str
    seeds: Callable
    change: Callable
    read: Callable
    errors: tuple = (FileFormatError,)


# ---- models


def models(folder):
    """Return models of all kinds, a deep and odd one among them."""
    found = [data for data, _ in some_models(folder).values()]
    X, y = np.random.default_rng(0).integers(0, 256, (20, 6, 6, 3)).astype(np.uint8), np.arange(20) % 2
    model = crmsprop.NetworkClassifier(
        [*TORCH["blocks"][1][1:2], *TORCH["sequential"][1][4:6], Dense(5)],
        max_epochs=1,
        random_state=0,
        schedule=CosineAnnealing() * StepDecay(0.5, 2),
        augmentation=Flip() + Rotation(10) + Mixup(0.2),
        class_weight={0: 1.0, 1: 2.0},
    )
    model.fit(X, y).save(folder / "odd")
    return [*found, (folder / "odd").read_bytes()]


def use_model(path):
    """Load a model and, where its samples are not too large, predict."""
    model = crmsprop.load(path)
    shape = model.image_shape_ or (model.n_features_in_,)
    if math.prod(shape) < 100_000:
        model.summary()
        try:
            model.predict(np.zeros((2, *shape), np.uint8 if model._fitted_on_uint8 else np.float64))
        except ValueError as error:
            if "the outputs for sample 0 are not finite" not in str(error):  # finite weights can be that large
                raise


def networks(folder):
    shape, layers = TORCH["blocks"]
    network = Network(layers, shape)
    network.initialize(np.random.default_rng(0))
    save_network(folder / "network", network)
    return [(folder / "network").read_bytes()]


# ---- checkpoints


class Cut(Callback):
    """Ends a training in the middle of its third epoch."""

    def on_batch_end(self, context):
        if context.step == 13:
            raise KeyboardInterrupt


class ReadOnly(Checkpoint):
    """Goes on from a file, and writes none."""

    def on_safe_point(self, context):
        """Leave the file as it is."""


def train(*callbacks):
    X = np.random.default_rng(0).normal(size=(40, 3))
    model = MLPClassifier(
        (4,),
        max_epochs=4,
        batch_size=8,
        momentum=0.5,
        early_stopping=True,
        validation_fraction=0.2,
        random_state=0,
        dtype="float32",
        callbacks=[ReduceOnPlateau("loss", 0.5, 1), *callbacks],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, np.arange(40) % 3)


def unclaimed(callback):
    """Return a callback that does not keep its file from others: the lock for that is its own, and not of the file."""
    callback._own.claim = lambda: None
    return callback


def checkpoints(folder):
    path, found = folder / "made", []
    for options in ({"every_steps": 3}, {"every": 2}):
        train(Checkpoint(path, **options), Cut())
        found.append(path.read_bytes())
        path.unlink()
    return found


# ---- CIFAR-10


def archives_of(members):
    def seeds(folder):
        found = []
        for pax in (False, True):
            write_archive(folder / "made", members(make_images(2)), pax)
            found.append((folder / "made").read_bytes())
        (folder / "made").unlink()
        return found

    return seeds


def batches_of(write, one):
    def seeds(folder):
        images = make_images(3)
        write(folder, images)
        (folder / BATCHES[0]).unlink(missing_ok=True)
        return [one(*images[0])]

    return seeds


def read_cifar(path):
    load_cifar10(path.parent, download=False)


# ---- weights


def torch_weights(folder):
    return [path.read_bytes() for path in sorted(GOLDEN.glob("torch_*.safetensors"))]


def keras_weights(folder):
    """Return files of Keras, and one in the newer layout, whose largest group has a tree and a heap."""
    found = [path.read_bytes() for path in sorted(GOLDEN.glob("keras_*.weights.h5"))]
    with h5py.File.in_memory(libver="latest") as new, h5py.File(GOLDEN / "keras_sequential.weights.h5") as old:
        for name in old["layers"]:
            old.copy(f"layers/{name}", new.require_group("layers"))
        for i in range(60):
            new.create_group(f"layers/re_lu_{i}/vars")
        new.flush()
        return [*found, new.id.get_file_image()]


def read_weights(cases):
    networks = [Network(layers, shape) for shape, layers in cases.values()]

    def read(path):
        for network in networks:
            try:
                import_weights(network, path)
            except FileFormatError as error:
                refusal = error
            else:
                return
        raise refusal

    return read


# ---- what the command line reads


def npz_files(folder):
    X, y = np.random.default_rng(0).normal(size=(24, 5)), np.arange(24) % 3
    found = []
    for save, arrays in (
        (np.savez, {"X": X, "y": y, "X_test": X[:6], "y_test": y[:6]}),
        (np.savez_compressed, {"X": (X > 0).astype(np.uint8).reshape(24, 5, 1), "y": np.array(["a", "b", "c"])[y]}),
    ):
        save(folder / "made.npz", **arrays)
        found.append((folder / "made.npz").read_bytes())
    return found


def npy_files(folder):
    found = []
    for array in (np.arange(120.0).reshape(24, 5), np.zeros((3, 4, 4, 1), np.uint8), np.ones((4, 5), ">i2", "F")):
        np.save(folder / "made.npy", array)
        found.append((folder / "made.npy").read_bytes())
    return found


def read_training_data(path):
    read_whole_npz(path)
    read_npz(path)


def read_predicted(path):
    """Samples that are read, and are no rows of five numbers, are refused by the model, not as a file."""
    model = types.SimpleNamespace(image_shape_=None, n_features_in_=5, _fitted_on_uint8=False)
    try:
        read_samples(path, model, False, None)
    except ValueError as error:
        if isinstance(error, FileFormatError) or "the model " not in str(error):
            raise


PICTURES = (
    ("RGB", {"format": "PNG"}),
    ("P", {"format": "PNG", "transparency": b"\0\x80"}),
    ("I;16", {"format": "PNG"}),
    ("1", {"format": "PNG"}),
    ("RGB", {"format": "JPEG"}),
    (
        "L",
        {
            "format": "JPEG",
            "progressive": True,
            "exif": b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0",
        },
    ),
    ("CMYK", {"format": "JPEG", "progressive": True}),
    ("P", {"format": "GIF", "save_all": True}),
    ("RGB", {"format": "BMP"}),
    ("P", {"format": "BMP"}),
    ("RGB", {"format": "TIFF"}),
    ("RGB", {"format": "TIFF", "compression": "tiff_lzw"}),
    ("L", {"format": "TIFF", "compression": "tiff_adobe_deflate"}),
    ("RGB", {"format": "TIFF", "compression": "jpeg"}),
    ("1", {"format": "TIFF", "compression": "group4"}),
    ("RGB", {"format": "WEBP", "lossless": True}),
    ("RGBA", {"format": "WEBP"}),
    ("RGB", {"format": "WEBP", "save_all": True}),
    ("RGB", {"format": "PPM"}),
    ("L", {"format": "PPM"}),
)


def pictures(folder):
    smooth = np.add.outer(np.arange(0, 160, 10), np.arange(0, 80, 4)).astype(np.uint8)
    picture = Image.fromarray(np.stack([smooth, smooth[:, ::-1], 255 - smooth], axis=2))
    found = [b"P3\n# text\n2 2\n255\n" + b"9 8 7 " * 4]
    for mode, options in PICTURES:
        image = picture.convert("L" if mode == "I;16" else mode)
        if mode == "I;16":
            image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
        more = {"append_images": [image.rotate(90)]} if "save_all" in options else {}
        image.save(folder / "made", **options, **more)
        found.append((folder / "made").read_bytes())
    return found


def read_pixels(path):
    measure_picture(path)
    read_picture(path, (16, 20, 3))


def histories(folder):
    rows = "".join(f"{epoch},{1 / epoch},,0.5,,0.001,0.25\n" for epoch in range(1, 9))
    return [(",".join(COLUMNS) + "\n" + rows).encode()]


def append_to_history(path):
    """Look at a file to append to, and at one to go on with; an empty one would be begun."""
    size = path.stat().st_size
    if size:
        unclaimed(CSVLogger(path, append=True)).on_train_begin(
            types.SimpleNamespace(history={c: [] for c in COLUMNS}, resumed=False)
        )


def runs(folder):
    return [json.dumps(["train", "--data", "digits", "--epochs", "3", "--filters", "4"]).encode()]


def change_json(data, rng):
    return (
        plain.text_of(plain.changed(json.loads(data), rng), rng).encode() if rng.random() < 0.6 else damaged(data, rng)
    )


def read_arguments(path):
    resuming.with_stored_arguments(types.SimpleNamespace(resume=path.parent, output=None), ["train"])


def tar_of(change_member):
    return lambda data, rng: archives.tar_gz(data, rng, change_member)


READERS = {
    "model": Reader("model.crms", models, plain.container, use_model),
    "network": Reader("network.crms", networks, plain.container, load_network),
    "checkpoint": Reader(
        "checkpoint.crms",
        checkpoints,
        plain.container,
        lambda path: train(unclaimed(ReadOnly(path, resume=True))),
        (FileFormatError, DivergenceError),
    ),
    "cifar-archive-pickled": Reader(
        "cifar-10-python.tar.gz", archives_of(py_members), tar_of(archives.pickled), read_cifar
    ),
    "cifar-archive-binary": Reader("cifar-10-binary.tar.gz", archives_of(bin_members), tar_of(damaged), read_cifar),
    "cifar-batch-pickled": Reader("data_batch_1", batches_of(write_py, official_batch), archives.pickled, read_cifar),
    "cifar-batch-binary": Reader("data_batch_1.bin", batches_of(write_bin, binary_batch), damaged, read_cifar),
    "safetensors": Reader("some.safetensors", torch_weights, plain.safetensors, read_weights(TORCH)),
    "weights.h5": Reader("some.weights.h5", keras_weights, binaries.hdf5, read_weights(KERAS)),
    "npz": Reader("some.npz", npz_files, archives.npz, read_training_data),
    "npy": Reader("some.npy", npy_files, archives.npy, read_predicted),
    "picture": Reader("picture", pictures, binaries.picture, read_pixels, (FileFormatError, UsageError)),
    "history": Reader("history.csv", histories, damaged, append_to_history),
    "arguments": Reader(resuming.CLAIM, runs, change_json, read_arguments, (FileFormatError, UsageError)),
}
