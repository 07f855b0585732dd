"""A few runs of the command that lets threads share a model; RELIABILITY.md has the figures of many."""

import threading

from reliability import threads


def test_threads_at_once_get_the_bits_of_one_alone():
    report = threads.threads(8, 20, 2)
    assert report.unlike == []
    assert (report.predictions, report.fits) == (8 * 20 * 6, 8 * 2 + 6)


def test_a_difference_is_found(monkeypatch):
    monkeypatch.setattr(threads, "ask", lambda *arguments: threading.get_ident())
    monkeypatch.setattr(threads, "trained", trained_as_threads_differ(threads.trained))
    report = threads.threads(2, 3, 1)
    assert len(report.unlike) == (2 * 3 + 1) * 6 + 2


def trained_as_threads_differ(trained):
    main = threading.main_thread()

    def differently(*arguments, random_state=0):
        return trained(*arguments, random_state=random_state + (threading.current_thread() is not main))

    return differently
