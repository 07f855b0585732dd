"""scikit-learn's check of what comes by the array API, which needs SciPy's switch before SciPy is imported."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from child_process import INSTALLED

CHECKS = [str(Path(__file__).with_name(name)) for name in ("test_checks.py", "test_common_checks_4d.py")]


def test_checks_that_are_skipped_without_the_switch():
    path = os.pathsep.join([str(INSTALLED), str(Path(__file__).parents[1])])
    env = {**os.environ, "SCIPY_ARRAY_API": "1", "PYTHONPATH": path}
    command = [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "check_array_api", *CHECKS]
    ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)
    if ended.returncode != pytest.ExitCode.NO_TESTS_COLLECTED:  # older versions have no such check
        assert ended.returncode == 0, ended.stdout
        summary = ended.stdout.strip().splitlines()[-1]
        assert "passed" in summary
        assert "skipped" not in summary
