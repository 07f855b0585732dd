"""Starts programs of this Python with the crmsprop that is tested, installed or not.

At the root of tests/ and not in tests/cli/, for the reason that `cifar_files` gives.
"""

import os
import subprocess
import sys
from pathlib import Path

import crmsprop


def start(*arguments, group=False, stdout=subprocess.PIPE):
    """Start this Python with the crmsprop that is tested; in a group of processes of its own, if that is asked for.

    `-P` keeps the folder at hand, which may be a source tree without its kernels, from what is imported.
    """
    environment = {**os.environ, "PYTHONPATH": str(Path(crmsprop.__file__).parent.parent)}
    command = [sys.executable, "-P", *arguments]
    pipes = {"stdout": stdout, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=environment, start_new_session=group, **pipes)
