"""What holds for all tests."""

import signal


def pytest_configure():
    """A job in the background of a shell ignores Ctrl-C, and so would every process that a test sends one to."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
