"""Forks a process that has trained with threads and predicts with them, and lets the children train and predict.

GNU's OpenMP waits for ever in a forked child that opens a parallel region where its parent had one. Each child predicts
with a model of its parent and trains a new one, told to use one thread, two, or all that there are; its bits must be
those of the parent, within 60 seconds. Two Python threads of the parent predict all the time, with two threads each, so
that the forks come in the middle of kernels. They are made by os.fork, also in a child, by processes and pools of
multiprocessing, by joblib, and by a web server that forks for each request.
"""

import contextlib
import copy
import functools
import http.server
import itertools
import multiprocessing
import os
import signal
import socketserver
import threading
import time
import urllib.request
import warnings
from collections import Counter
from dataclasses import dataclass, field

import joblib
from child_process import in_child

from reliability.models import KINDS, outputs, trained, weights

#: A child that takes longer hangs: on a busy machine one answers in a tenth of a second.
SECONDS = 60
THREADS = (1, 2, None)

# ---- what a child does


@functools.cache
def model_of(kind):
    """The parent's model, which its children inherit, and its data."""
    return trained(kind, n_threads=2)


def answer(kind, n_threads):
    """Digests of predictions with the model of the parent, and of a training."""
    model, X, _ = model_of(kind)
    predicting = copy.copy(model).set_params(n_threads=n_threads)
    return f"{outputs(predicting, X)} {weights(trained(kind, n_threads)[0])}"


# ---- ways to fork; each returns the answers of the children


def os_fork(task):
    return [in_child(task, SECONDS)]


def fork_of_a_fork(task):
    return [in_child(lambda: in_child(task, SECONDS), 2 * SECONDS)]


def process(task):
    """A process of multiprocessing, and a queue."""
    context = multiprocessing.get_context("fork")
    reads, writes = context.Pipe(duplex=False)
    child = context.Process(target=lambda: writes.send(task()), daemon=True)
    child.start()
    found = reads.recv() if reads.poll(SECONDS) else "no answer"
    child.kill()
    child.join()
    return [found]


def pool(task):
    with multiprocessing.get_context("fork").Pool(2) as workers:  # its end kills them
        waiting = [workers.apply_async(task) for _ in range(2)]
        return [result.get(SECONDS) for result in waiting]


def joblib_pool(task):
    return joblib.Parallel(n_jobs=2, backend="multiprocessing", timeout=SECONDS)([joblib.delayed(task)()] * 2)


def web_server(task):
    """A server that forks for each request, in a thread that is not the main one."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            found = task().encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(found)

        def log_message(self, *arguments):
            pass

    class Server(socketserver.ForkingMixIn, http.server.HTTPServer):
        pass

    with Server(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}", timeout=SECONDS) as response:
                return [response.read().decode()]
        finally:
            server.shutdown()
            serving.join()
            for child in server.active_children or ():
                os.kill(child, signal.SIGKILL)


WAYS = {
    way.__name__.replace("_", " "): way for way in (os_fork, fork_of_a_fork, process, pool, joblib_pool, web_server)
}

# ---- the parent


@contextlib.contextmanager
def predicting(kinds):
    """Predict all the time, in a Python thread for each kind, with two threads of OpenMP each."""
    ends = threading.Event()

    def work(kind):
        model, X, _ = model_of(kind)
        while not ends.is_set():
            model.predict(X)

    threads = [threading.Thread(target=work, args=(kind,)) for kind in kinds]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ends.set()
        for thread in threads:
            thread.join()


@contextlib.contextmanager
def unwarned():
    """Python 3.12 warns of every fork where there are threads, which is what happens here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


@dataclass
class Report:
    """What many forks came to."""

    children: Counter = field(default_factory=Counter)
    wrong: list = field(default_factory=list)
    seconds: float = 0.0

    def __str__(self):
        ways = ", ".join(f"{count} by {way}" for way, count in self.children.items())
        return (
            f"{self.children.total()} children ({ways}); {len(self.wrong)} of them hung, or had other bits; "
            f"{self.seconds:.0f} s"
        )


@functools.cache
def expected(kind):
    """What every child has to answer."""
    return answer(kind, 1)


def answers(way, kind, n_threads, task):
    """What children of one kind answer, or why they do not."""
    try:
        return WAYS[way](functools.partial(task, kind, n_threads))
    except (OSError, multiprocessing.TimeoutError) as error:
        return [repr(error)]


def forks(children, ways=tuple(WAYS), task=answer):
    """Return the report of at least so many children."""
    report, start = Report(), time.monotonic()
    turns = itertools.cycle(itertools.product(KINDS, THREADS, ways))
    with unwarned(), predicting(["images", "layers"]):
        while report.children.total() < children:
            kind, n_threads, way = next(turns)
            found = answers(way, kind, n_threads, task)
            report.children[way] += len(found)
            report.wrong += [(way, kind, n_threads, text) for text in found if text != expected(kind)]
    report.seconds = time.monotonic() - start
    return report


# ---- the command


def add_parser(subparsers):
    parser = subparsers.add_parser("forks", help="children of a process that uses threads", description=__doc__)
    parser.add_argument("--children", type=int, default=1000)
    parser.set_defaults(run=run)


def run(options):
    report = forks(options.children)
    print(report)
    for wrong in report.wrong[:10]:
        print(*wrong)
    return int(bool(report.wrong))
