"""Layers from configurations of strangers."""

import pytest

from crmsprop.errors import FileFormatError
from crmsprop.persistence import layer_from_config


def test_an_error_does_not_repeat_all_that_a_file_says():
    with pytest.raises(FileFormatError, match="bad parameters") as caught:
        layer_from_config({"class": "Conv2D", "filters": 2, "kernel": 3, "a" * 10_000: 1})
    assert len(str(caught.value)) < 1000
