"""Threads and neighbours change no bit: of a training, of a prediction, of a model that many threads ask at once."""

import copy
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import crmsprop


def flat(model):
    return model.network_.arena.flat.tobytes()


def assert_threads_change_no_bit(make, X, y):
    models = [make(n_threads=n_threads).fit(X, y) for n_threads in (1, 2, 3)]
    for model in models[1:]:
        assert flat(model) == flat(models[0])
        assert model.predict_proba(X).tobytes() == models[0].predict_proba(X).tobytes()
        assert {**model.history_, "seconds": 0} == {**models[0].history_, "seconds": 0}
        assert model.evaluate(X, y) == models[0].evaluate(X, y)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_a_cnn_with_dropout_and_early_stopping(cases, dtype):
    X, y = cases.images(n=215, height=14, width=14, channels=3, dtype=dtype)
    parameters = {"filters": (8, 12), "dense_units": (60,), "early_stopping": True, "patience": 1, "batch_size": 32}
    assert_threads_change_no_bit(lambda n_threads: cases.cnn(n_threads=n_threads, **parameters), X, y)


@pytest.mark.parametrize(("n", "batch_size"), [(69, 7), (331, 64), (331, 1000)])
def test_an_mlp(cases, n, batch_size):
    X, y = cases.rows(n=n, features=100)
    parameters = {"hidden_layer_sizes": (300, 50), "dropout": 0.3, "centered": True, "momentum": 0.9, "l2": 0.01}
    assert_threads_change_no_bit(
        lambda n_threads: cases.mlp(n_threads=n_threads, batch_size=batch_size, **parameters), X, y
    )


def test_all_the_cores_are_one_of_these_numbers(cases):
    X, y = cases.rows(n=331, features=100)
    models = [cases.mlp(hidden_layer_sizes=(300,), n_threads=n_threads).fit(X, y) for n_threads in (None, 1, 1000)]
    assert flat(models[0]) == flat(models[1]) == flat(models[2])


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_a_row_does_not_depend_on_its_neighbours(cases, kind, dtype):
    X, y = cases.images(n=300, dtype=dtype)  # more than one batch of evaluation, the second one ragged
    if kind == "mlp":
        X = X.reshape(len(X), -1)
    model = getattr(cases, kind)(max_epochs=1, n_threads=2).fit(X, y)
    whole = model.predict_proba(X)
    for i in range(len(X)):
        assert model.predict_proba(X[i : i + 1]).tobytes() == whole[i].tobytes()
    for size in (2, 37, 255, 256, 257):
        assert model.predict_proba(X[:size]).tobytes() == whole[:size].tobytes()
    backwards = model.predict_proba(X[::-1])
    assert backwards[::-1].tobytes() == whole.tobytes()


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_many_threads_predict_with_one_model(cases, kind):
    X, y = cases.images(n=80)
    X = X if kind == "cnn" else X.reshape(len(X), -1)
    model = getattr(cases, kind)(n_threads=2).fit(X, y)
    state = {name: id(value) for name, value in vars(model).items()}
    expected = [model.predict_proba(X[:size]).tobytes() for size in range(1, 51)]
    with ThreadPoolExecutor(8) as pool:
        work = [pool.submit(lambda: [model.predict_proba(X[:n]).tobytes() for n in range(1, 51)]) for _ in range(8)]
        assert all(job.result() == expected for job in work)
    assert {name: id(value) for name, value in vars(model).items()} == state


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_they_predict_while_others_copy_and_save_it(cases, tmp_path, kind):
    """Each copy and each file is whole, and who predicts does not notice."""
    X, y = cases.images(n=80)
    X = X if kind == "cnn" else X.reshape(len(X), -1)
    model = getattr(cases, kind)(n_threads=2).fit(X, y)
    expected, over = model.predict_proba(X).tobytes(), threading.Event()

    def predict():
        bits = {model.predict_proba(X).tobytes()}
        while not over.is_set():
            bits.add(model.predict_proba(X).tobytes())
        return bits

    def saved(number):
        model.save(tmp_path / f"{number % 5}.crms")  # now and then two threads write one file
        return crmsprop.load(tmp_path / f"{number % 5}.crms")

    ways = [saved, lambda number: copy.deepcopy(model), lambda number: pickle.loads(pickle.dumps(model))]
    with ThreadPoolExecutor(8) as pool:
        predicting = [pool.submit(predict) for _ in range(4)]
        try:
            copies = list(pool.map(lambda number: ways[number % 3](number), range(45)))
        finally:
            over.set()
        assert {bits for job in predicting for bits in job.result()} == {expected}
    assert {copied.predict_proba(X).tobytes() for copied in copies} == {expected}


def test_many_threads_fit_models_of_their_own(cases):
    X, y = cases.images(n=60)
    expected = [flat(cases.cnn(random_state=seed).fit(X, y)) for seed in range(6)]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda seed: flat(cases.cnn(random_state=seed).fit(X, y)), range(6))) == expected
