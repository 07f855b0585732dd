"""Batches: what decides their order, what they hold, and that the data set is never copied."""

import tracemalloc

import numpy as np
import pytest

from crmsprop.training import Batches, DataSet


def numbered(n, **kwargs):
    """A data set whose only feature is the number of the sample."""
    return DataSet(np.arange(n, dtype=np.float64)[:, None], np.arange(n), **kwargs)


def epoch_of(batches, seed=0, epoch=0):
    """Copies of the batches of an epoch: the buffers are overwritten."""
    return [(b.x.copy(), b.target.copy(), b.weights.copy(), b.total_weight) for b in batches.shuffled(seed, epoch)]


def order_of(n=20, batch_size=6, seed=0, epoch=0, dtype=np.float64, n_threads=1):
    made = Batches(numbered(n), batch_size, dtype, n_threads)
    return np.concatenate([x[:, 0] for x, *_ in epoch_of(made, seed, epoch)]).tolist()


def test_seed_and_epoch_decide_the_order_alone():
    reference = order_of()
    assert order_of() == reference
    assert order_of(batch_size=1) == order_of(batch_size=100) == reference
    assert order_of(dtype=np.float32, n_threads=3) == reference
    orders = [tuple(order_of(seed=seed, epoch=epoch)) for seed in range(4) for epoch in range(4)]
    assert len(set(orders)) == 16


def test_epochs_may_be_asked_for_in_any_order():
    batches = Batches(numbered(20), 6, np.float64, 1)
    forth = [[x.tobytes() for x, *_ in epoch_of(batches, 1, epoch)] for epoch in (0, 1, 2)]
    back = [[x.tobytes() for x, *_ in epoch_of(batches, 1, epoch)] for epoch in (2, 1, 0)]
    assert forth == back[::-1]


@pytest.mark.parametrize("seed", [0, 2**31 - 1, 2**40])
def test_each_sample_comes_once_an_epoch_and_is_moved(seed):
    for epoch in range(5):
        order = order_of(n=200, batch_size=7, seed=seed, epoch=epoch)
        assert sorted(order) == list(range(200))
        assert order != sorted(order)


def test_places_are_uniform():
    places = np.array([order_of(n=5, seed=seed) for seed in range(2000)])
    for place in places.T:
        assert np.abs(np.bincount(place.astype(int)) / 2000 - 0.2).max() < 5 * np.sqrt(0.16 / 2000)


@pytest.mark.parametrize(
    ("n", "batch_size", "sizes"), [(10, 4, [4, 4, 2]), (8, 4, [4, 4]), (3, 100, [3]), (5, 1, [1] * 5)]
)
def test_the_last_batch_may_be_smaller(n, batch_size, sizes):
    batches = Batches(numbered(n), batch_size, np.float32, 1)
    assert [len(batch.x) for batch in batches.in_order()] == sizes
    assert [len(x) for x, *_ in epoch_of(batches)] == sizes
    assert len(batches) == len(sizes)


def test_targets_and_samples_stay_together():
    for batch in Batches(numbered(30), 7, np.float32, 1).shuffled(5, 2):
        np.testing.assert_array_equal(batch.x[:, 0], batch.target)
        assert batch.target.dtype == np.int64


def test_in_order_is_the_order_of_the_data():
    batches = Batches(numbered(10), 4, np.float64, 1)
    assert np.concatenate([batch.target.copy() for batch in batches.in_order()]).tolist() == list(range(10))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_uint8_is_scaled_batch_by_batch(dtype):
    pixels = np.arange(256, dtype=np.uint8).reshape(64, 2, 2, 1)
    data = DataSet(pixels, np.zeros(64, np.int64), scale=1 / 255)
    scaled = np.concatenate([batch.x.copy() for batch in Batches(data, 10, dtype, 1).in_order()])
    assert scaled.dtype == dtype
    np.testing.assert_allclose(scaled, pixels / 255, rtol=1e-6 if dtype == np.float32 else 1e-15)
    assert (scaled.min(), scaled.max()) == (0, 1)


@pytest.mark.parametrize("source", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_without_a_scale_numbers_are_converted_only(source, dtype):
    x = np.random.default_rng(0).uniform(0, 200, (9, 5)).astype(source)
    data = DataSet(x, np.zeros(9, np.int64))
    np.testing.assert_array_equal(next(Batches(data, 9, dtype, 1).in_order()).x, x.astype(dtype))


@pytest.mark.parametrize("order", ["shuffled", "in_order"])
def test_rows_choose_a_part(order):
    rows = np.array([3, 17, 4, 11, 19])
    batches = Batches(numbered(20, rows=rows), 2, np.float64, 1)
    made = batches.shuffled(1, 0) if order == "shuffled" else batches.in_order()
    got = np.concatenate([batch.target.copy() for batch in made]).tolist()
    assert sorted(got) == sorted(rows.tolist())
    assert (got == rows.tolist()) == (order == "in_order")
    assert len(batches) == 3
    assert rows.tolist() == [3, 17, 4, 11, 19]


def test_neither_batches_nor_a_part_copy_the_data():
    x = np.zeros((20_000, 100), np.uint8)
    tracemalloc.start()
    try:
        data = DataSet(x, np.zeros(len(x), np.int64), scale=1 / 255, rows=np.arange(0, len(x), 2))
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        for _ in Batches(data, 32, np.float32, 1).shuffled(0, 0):
            pass
        grown = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert data.x is x
    assert grown < 8 * 10_000 + 4 * 32 * 100 + 20_000  # the order of an epoch, one batch, odds and ends


def test_a_batch_size_beyond_the_data_takes_no_memory():
    batches = Batches(numbered(3), 10**15, np.float32, 1)
    assert (len(batches), batches.batch_size) == (1, 3)


def test_read_only_data_is_read():
    data = numbered(10)
    for array in (data.x, data.target):
        array.flags.writeable = False
    assert len(epoch_of(Batches(data, 4, np.float32, 2))) == 3


def test_a_batch_lies_in_buffers_that_the_next_one_overwrites():
    first, second = list(Batches(numbered(8), 4, np.float64, 1).in_order())
    assert np.shares_memory(first.x, second.x)
    assert np.shares_memory(first.target, second.target)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_go_with_their_samples(dtype):
    weights = np.linspace(0.5, 2, 10)
    for batch in Batches(numbered(10, weights=weights), 4, dtype, 1).shuffled(3, 1):
        np.testing.assert_allclose(batch.weights, weights[batch.target], rtol=1e-6)
        assert batch.weights.dtype == dtype
        assert batch.total_weight == pytest.approx(weights[batch.target].sum(), rel=1e-6)


def test_without_weights_each_sample_counts_one():
    batches = list(Batches(numbered(10), 4, np.float32, 1).in_order())
    assert [batch.total_weight for batch in batches] == [4.0, 4.0, 2.0]
    assert all(batch.weights.tolist() == [1.0] * len(batch.x) for batch in batches)


def test_threads_change_no_bit():
    x = np.random.default_rng(0).integers(0, 256, (300, 15, 15, 3)).astype(np.uint8)
    data = DataSet(x, np.zeros(300, np.int64), scale=1 / 255)
    made = [epoch_of(Batches(data, 128, np.float32, n_threads)) for n_threads in (1, 2, 3)]
    assert [b[0].tobytes() for b in made[0]] == [b[0].tobytes() for b in made[1]] == [b[0].tobytes() for b in made[2]]


def test_number_of_samples():
    assert numbered(7).n_samples == 7
    assert numbered(7, rows=np.array([2, 3])).n_samples == 2
