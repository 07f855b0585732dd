"""What runs in a process of libFuzzer's: every input is read, or made a call of, and a problem ends the process.

All of crmsprop is imported while atheris watches, which puts counters into it; so nothing here imports it before.
"""

import contextlib
import random
import sys
from pathlib import Path

KERNELS = "kernels"
#: Before the name of a target: one that has an error to be found.
PLANTED = "planted-"
#: The most bytes of an input: longer ones are files that have been made larger, and take their time.
LONGEST = 1 << 16
#: Bytes that decide a call: what it takes beyond them is always the same.
CALL = 400


def fuzz(target, folder, seconds):
    """Let libFuzzer change inputs for so many seconds, and end the process; all files are in an empty folder."""
    import atheris

    name, corpus = target.removeprefix(PLANTED), Path(folder, "corpus")
    with atheris.instrument_imports(include=["crmsprop"]):
        prepare = kernels if name == KERNELS else reader
        one, change, seeds = prepare(name, Path(folder), planted=name != target)
    corpus.mkdir()
    for number, seed in enumerate(seeds):
        Path(corpus, f"seed {number}").write_bytes(seed)
    longest = CALL if name == KERNELS else max(LONGEST, 2 * max(map(len, seeds)))
    flags = [f"-max_len={longest}", f"-max_total_time={seconds}", "-timeout=60", "-rss_limit_mb=4096"]
    more = {} if change is None else {"custom_mutator": changes(change)}
    atheris.Setup([sys.argv[0], *flags, f"-artifact_prefix={folder}/", str(corpus)], one, **more)
    atheris.Fuzz()


def changes(change):
    """Return what changes an input: in turns one that knows its format, and damage that knows none.

    libFuzzer's own changes cannot be had beside them: `atheris.Mutate` of 3.0 says that nothing runs yet.
    """
    from fuzzing.damage import damaged

    def changed(data, max_size, seed):
        rng = random.Random(seed)
        with contextlib.suppress(Exception):  # of a file that is no longer of its format
            if rng.random() < 0.5:
                return change(data, rng)[:max_size]
        return damaged(data or b"\0", rng)[:max_size]

    return changed


def kernels(name, folder, planted):
    """Return what calls a kernel as an input decides, no change but libFuzzer's own, and the first inputs."""
    from kernel_fuzzing.calls import Caller
    from kernel_fuzzing.drawing import Given
    from kernel_fuzzing.placing import Places
    from kernel_fuzzing.running import read_too_far

    caller, left = Caller(2, Places(0.5)), [1000]

    def one(data):
        left[0] -= 1
        if planted and not left[0]:
            read_too_far(caller)
        call = caller.drawn(Given(data))
        _, problem = caller.made(call)
        if problem:
            raise AssertionError(f"{problem}\n{call}")

    return one, None, [random.Random(number).randbytes(CALL) for number in range(200)]


def reader(name, folder, planted):
    """Return what reads an input as a file, under watch, what changes files of its format, and files that are taken."""
    from fuzzing.running import prepared, settled
    from fuzzing.watching import watched

    seeds = prepared(name, folder)
    chosen, path, watch, places = settled(name, folder, seeds)

    def one(data):
        path.write_bytes(data)
        seen = watched(chosen, path, watch, places)
        problems = [*seen.problems, *(["planted"] if planted and seen.outcome == "refused" else [])]
        if problems:
            raise AssertionError("; ".join(problems))

    return one, chosen.change, seeds
