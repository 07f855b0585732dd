"""What holds for all tests."""

import os
import signal

if "PYTEST_XDIST_WORKER" in os.environ:
    # before anything loads OpenMP: threads that spin while they wait would take the core of the process beside this one
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def pytest_configure():
    """A job in the background of a shell ignores Ctrl-C, and so would every process that a test sends one to."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
