"""Python threads that predict with one model at once, and that fit models of their own, to the bits of one alone.

Each of the threads asks the same model as often as it is told, by every method, for a different number of samples each
time, while another thread fits; every answer must have the bits that one thread got before. Then threads fit models of
all kinds at once, a model each. Half of the models use one thread of OpenMP, half of them two.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from reliability.models import KINDS, digest, trained, weights

#: Predictions before the same samples come again.
PERIOD = 40
N_THREADS = (1, 2)


@dataclass
class Report:
    """What many threads came to."""

    threads: int = 0
    predictions: int = 0
    fits: int = 0
    unlike: list = field(default_factory=list)
    seconds: float = 0.0

    def __str__(self):
        return (
            f"{self.predictions} predictions and {self.fits} fits by {self.threads} threads at once; "
            f"{len(self.unlike)} of them unlike those of one thread; {self.seconds:.0f} s"
        )


def ask(model, X, y, number):
    """The digest of what the model says of some samples, by one of its methods; `number` says how many, and which."""
    first, count = number % 7, 1 + 13 * number % 60
    rows = slice(first, first + count)
    methods = {
        "predict": lambda: model.predict(X[rows]),
        "transform": lambda: model.transform(X[rows]),
        "evaluate": lambda: list(model.evaluate(X[rows], y[rows]).values()),
        "probabilities": lambda: getattr(model, "predict_proba", model.predict)(X[rows]),
    }
    return digest(list(methods.values())[number % len(methods)]())


def predictions(kind, n_threads, threads, times):
    """Return what is unlike when so many threads ask one model, each so many times."""
    model, X, y = trained(kind, n_threads)
    alone = [ask(model, X, y, number) for number in range(PERIOD)]

    def work(first):
        numbers = range(first, first + times)
        return [(kind, n_threads, n % PERIOD) for n in numbers if ask(model, X, y, n % PERIOD) != alone[n % PERIOD]]

    with ThreadPoolExecutor(threads + 1) as pool:
        jobs = [pool.submit(work, 5 * thread) for thread in range(threads)]
        meanwhile = pool.submit(lambda: weights(trained(kind, n_threads)[0])).result()
        unlike = [] if meanwhile == weights(model) else [(kind, n_threads, "fit")]
        return unlike + [unlike for job in jobs for unlike in job.result()]


def fits(threads, times):
    """Return what is unlike when so many threads fit models of all kinds, each so many times."""
    tasks = [(kind, n_threads, seed) for seed in range(2) for kind in KINDS for n_threads in N_THREADS]

    def fit(kind, n_threads, seed):
        return weights(trained(kind, n_threads, random_state=seed)[0])

    alone = {task: fit(*task) for task in tasks}
    many = [tasks[number % len(tasks)] for number in range(threads * times)]
    with ThreadPoolExecutor(threads) as pool:
        found = pool.map(lambda task: fit(*task), many)
        return [task for task, text in zip(many, found, strict=True) if text != alone[task]]


def threads(count, times, n_fits):
    """Return the report of so many threads, each with so many predictions a model, and so many fits."""
    report, start = Report(count), time.monotonic()
    for kind in KINDS:
        for n_threads in N_THREADS:
            report.unlike += predictions(kind, n_threads, count, times)
            report.predictions += count * times
            report.fits += 1
    report.unlike += fits(count, n_fits)
    report.fits += count * n_fits
    report.seconds = time.monotonic() - start
    return report


# ---- the command


def add_parser(subparsers):
    parser = subparsers.add_parser("threads", help="many threads, one model", description=__doc__)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--predictions", type=int, default=1000, help="of each thread with each model")
    parser.add_argument("--fits", type=int, default=50, help="of each thread")
    parser.set_defaults(run=run)


def run(options):
    report = threads(options.threads, options.predictions, options.fits)
    print(report)
    for unlike in report.unlike[:10]:
        print(*unlike)
    return int(bool(report.unlike))
