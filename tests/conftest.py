"""What holds for all tests."""

import os
import signal

# Before SciPy is imported: scikit-learn skips its check of what comes by the array API without it.
os.environ["SCIPY_ARRAY_API"] = "1"


def pytest_configure():
    """A job in the background of a shell ignores Ctrl-C, and so would every process that a test sends one to."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
