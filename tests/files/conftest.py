"""The file that each test writes and reads."""

import numpy as np
import pytest

from crmsprop.files import write_container


@pytest.fixture
def path(tmp_path):
    return tmp_path / "some.file"


@pytest.fixture
def small(path):
    """Return the bytes of a small file with four dtypes, an empty and a 0-d array, and a nested configuration."""
    arrays = {
        "weight": np.arange(6, dtype=np.float32).reshape(2, 3),
        "count": np.array(7, dtype=np.int64),
        "flags": np.array([True, False, True]),
        "empty": np.empty((0, 4), np.uint8),
    }
    write_container(path, arrays, {"layers": [{"units": 3, "l2": 0.5}], "name": "é", "none": None}, "model")
    return path.read_bytes()
