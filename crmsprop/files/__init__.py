"""The container of all our files: named arrays and a plain JSON configuration. No pickle, no code.

Beside it, the files of other libraries that hold arrays alone: plain safetensors, and HDF5.

The layout is that of safetensors, so that any safetensors tool can open the files: the length of the header (8 bytes,
little-endian), the header in JSON, and the bytes of the arrays. The header's ``__metadata__`` holds the configuration
and the SHA-256 of the whole file, taken with 64 zeros in the place of the digest: no bit can change unnoticed. That
guards against damage, not against malice: who uses the configuration has to distrust its values.

References
----------
The format: https://github.com/huggingface/safetensors#format
"""

from crmsprop.files.claim import Claim
from crmsprop.files.hdf5 import open_hdf5
from crmsprop.files.layout import DTYPE_NAMES
from crmsprop.files.locks import lock_file
from crmsprop.files.naming import naming
from crmsprop.files.reader import read_container
from crmsprop.files.regular import regular_only
from crmsprop.files.safetensors import open_safetensors
from crmsprop.files.stored import Stored
from crmsprop.files.tree import tree_from_parts, tree_to_parts
from crmsprop.files.writer import write_container, write_file, write_safetensors

__all__ = [
    "DTYPE_NAMES",
    "Claim",
    "Stored",
    "lock_file",
    "naming",
    "open_hdf5",
    "open_safetensors",
    "read_container",
    "regular_only",
    "tree_from_parts",
    "tree_to_parts",
    "write_container",
    "write_file",
    "write_safetensors",
]
