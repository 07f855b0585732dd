"""Small files in the official CIFAR-10 formats, opcode for opcode, and a decoder that shares no code with crmsprop's.

At the root of tests/ and not in tests/datasets/: a namespace package called ``datasets`` would lose to Hugging Face's
package of that name wherever that one is installed.
"""

import gzip
import io
import pickle
import struct
import tarfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

BATCHES = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
PY, BIN = "cifar-10-batches-py", "cifar-10-batches-bin"
PY_ARCHIVE, BIN_ARCHIVE = "cifar-10-python.tar.gz", "cifar-10-binary.tar.gz"


def make_images(n, seed=0):
    """Return six batches of `n` random images: a list of (rows of shape (n, 3072), labels)."""
    rng = np.random.default_rng(seed)
    return [(rng.integers(0, 256, (n, 3072), np.uint8), rng.integers(0, 10, n)) for _ in BATCHES]


def text(value):
    """SHORT_BINSTRING, a Python 2 str."""
    return b"U" + bytes([len(value)]) + value.encode("latin-1")


RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
DTYPE = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"


def array_opcodes(rows, shape=None, dtype=DTYPE, fortran=b"\x89", raw=None, reconstruct=RECONSTRUCT):
    """Return the opcodes of one array; each part may be replaced by a hostile one."""
    shape = b"M" + struct.pack("<H", len(rows)) + b"M\x00\x0c\x86" if shape is None else shape
    raw = b"T" + struct.pack("<i", rows.size) + rows.tobytes() if raw is None else raw
    return reconstruct + b"(K\x01" + shape + dtype + fortran + raw + b"tb"


def batch_opcodes(labels, array, names=True):
    """Return the opcodes of one official batch around those of its array."""
    out = [b"\x80\x02}(", text("batch_label"), text("training batch 1 of 5"), text("labels"), b"]("]
    out += [b"K" + bytes([int(v)]) for v in labels] + [b"e", text("data"), array]
    out += [text("filenames"), b"]("] + [text(f"{i:05d}.png") for i in range(len(labels))] + [b"e"]
    return b"".join(out) + b"u."


def official_batch(rows, labels):
    return batch_opcodes(labels, array_opcodes(rows))


def binary_batch(rows, labels):
    return np.concatenate([labels[:, None].astype(np.uint8), rows], axis=1).tobytes()


def write_py(folder, images):
    folder.mkdir(parents=True, exist_ok=True)
    for name, batch in zip(BATCHES, images, strict=True):
        (folder / name).write_bytes(official_batch(*batch))


def write_bin(folder, images):
    folder.mkdir(parents=True, exist_ok=True)
    for name, batch in zip(BATCHES, images, strict=True):
        (folder / f"{name}.bin").write_bytes(binary_batch(*batch))


def member(name, data=b"", **header):
    """Return one member of an archive: its header and its data."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in header.items():
        setattr(info, key, value)
    return info, data


def py_members(images):
    """Return the members of the official archive, the folder itself first and the batches in an order of their own."""
    order = [3, 5, 2, 1, 4, 0]
    batches = [member(f"{PY}/{BATCHES[i]}", official_batch(*images[i])) for i in order]
    return [member(PY, type=tarfile.DIRTYPE), member(f"{PY}/batches.meta", b"not read"), *batches]


def bin_members(images):
    return [member(f"{BIN}/{name}.bin", binary_batch(*b)) for name, b in zip(BATCHES, images, strict=True)]


def tar_bytes(members: Iterable[tuple[tarfile.TarInfo, bytes]], pax=False):
    """Return an uncompressed archive; a member's header may lie about its size."""
    out = io.BytesIO()
    for info, data in members:
        form = tarfile.PAX_FORMAT if pax else tarfile.USTAR_FORMAT
        out.write(info.tobuf(form) + data + bytes(-len(data) % 512))
    return out.getvalue() + bytes(1024)


def write_archive(path, members, pax=False):
    path.write_bytes(gzip.compress(tar_bytes(members, pax), compresslevel=1))


def decode_naively(folder):
    """Return the data set of a trusted folder in either layout, with the standard pickle and one pixel rule."""
    batches = [_read_trusted(Path(folder), name) for name in BATCHES]
    images = [np.stack([rows[:, c * 1024 : (c + 1) * 1024] for c in range(3)], axis=2) for rows, _ in batches]
    X = np.concatenate(images).reshape(-1, 32, 32, 3)
    y = np.concatenate([labels for _, labels in batches])
    n = len(y) // 6 * 5
    return (X[:n], y[:n]), (X[n:], y[n:])


def _read_trusted(folder, name):
    if (folder / name).exists():
        content = pickle.loads((folder / name).read_bytes(), encoding="latin1")
        return content["data"], np.array(content["labels"])
    records = np.fromfile(folder / f"{name}.bin", np.uint8).reshape(-1, 3073)
    return records[:, 1:], records[:, 0].astype(np.int64)
