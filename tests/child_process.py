"""Run what may crash or hang in a forked child, or in a new interpreter."""

import faulthandler
import os
import select
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import crmsprop

TESTS = Path(__file__).resolve().parent
INSTALLED = Path(crmsprop.__file__).parent.parent  # where the crmsprop under test is: not always this checkout


def in_child(function, timeout=10):
    """Return the text that `function` returns in a forked child, or how the child ended without one."""
    reads, writes = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: a fork of threads, which is the test
        pid = os.fork()
    if pid == 0:
        _run_and_exit(function, writes)
    os.close(writes)
    try:
        return _answer(pid, reads, timeout)
    finally:
        os.close(reads)


def _run_and_exit(function, writes):
    faulthandler.disable()  # a crash is an answer here, not news for the terminal
    try:
        os.write(writes, str(function()).encode())
    except BaseException as error:
        os.write(writes, f"{type(error).__name__}: {error}".encode())
    finally:
        os._exit(0)


def _answer(pid, reads, timeout):
    ready, _, _ = select.select([reads], [], [], timeout)
    if not ready:
        os.kill(pid, signal.SIGKILL)
    text = os.read(reads, 1 << 16).decode() if ready else ""
    _, status = os.waitpid(pid, 0)
    if not ready:
        return f"no answer within {timeout} s"
    return f"killed by {signal.Signals(status).name}" if os.WIFSIGNALED(status) else text


def in_new_interpreter(code, timeout=60, python=sys.executable, **environment):
    """Run `code` with the crmsprop under test; returns the exit code, the output and the errors.

    A variable of the environment that is None is taken away.
    """
    wanted = {**os.environ, "PYTHONPATH": os.pathsep.join([str(INSTALLED), str(TESTS)]), **environment}
    run = subprocess.run(
        [python, "-P", "-c", code],
        env={name: value for name, value in wanted.items() if value is not None},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return run.returncode, run.stdout.strip(), run.stderr.strip()
