"""Augmentation in a training: what its batches hold, what they are trained to be, and what the history says of them."""

import numpy as np
import pytest

from crmsprop.augment import Brightness, Crop, Cutout, Flip, Mixup, Rotation, Sum, Translation, Zoom
from crmsprop.nn import Conv2D, Dense, Flatten, MixedLabels, Network, ReLU, SoftmaxCrossEntropy
from crmsprop.optimizer import RMSprop
from crmsprop.schedules import as_schedule
from crmsprop.training import Batches, DataSet, Evaluator, Plan, Training, train

MOVES = Flip() + Rotation(15) + Translation(0.1) + Zoom(0.1) + Brightness(0.2) + Cutout(2)
SEED, EPOCH = 3, 4


def data_of(n=50, dtype=np.uint8, **more):
    rng = np.random.default_rng(1)
    x = rng.integers(0, 200, (n, 6, 5, 3), np.uint8)  # so that nothing in these tests becomes too bright for uint8
    x = x if dtype == np.uint8 else (x / 255).astype(dtype)
    return DataSet(x, rng.integers(0, 4, n), scale=1 / 255 if dtype == np.uint8 else 1.0, **more)


def epoch_of(data, augmentation, batch_size=16, dtype=np.float32, n_threads=1, epoch=EPOCH):
    """Images, targets and weights of each batch of an epoch."""
    batches = Batches(data, batch_size, dtype, n_threads, augmentation)
    return [(b.x.copy(), copied(b.target), b.weights.copy(), b.total_weight) for b in batches.shuffled(SEED, epoch)]


def copied(target):
    return MixedLabels(*map(np.copy, target)) if isinstance(target, MixedLabels) else target.copy()


def order_of(data):
    """Numbers of the samples in the order of the epoch: those of a data set that holds nothing else."""
    numbers = np.arange(len(data.x), dtype=np.float64)[:, None]
    return np.concatenate([x for x, *_ in epoch_of(data._replace(x=numbers, scale=1.0), None)])[:, 0].astype(int)


def all_images(*arguments, **more):
    return np.concatenate([x for x, *_ in epoch_of(*arguments, **more)])


def in_floats(data, dtype):
    return data._replace(x=data.x.astype(dtype) * dtype(data.scale), scale=1.0)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("augmentation", [MOVES, MOVES + Mixup(1.0), Sum(())], ids=repr)
def test_batches_hold_what_the_augmentation_makes_of_all_images(dtype, augmentation):
    data = data_of(dtype=dtype)
    real = np.float64 if dtype == np.float64 else np.float32
    expected = augmentation(data.x.astype(real), SEED, EPOCH)[order_of(data)] * data.scale
    tolerance = 1e-12 if dtype == np.float64 else 1e-6
    np.testing.assert_allclose(all_images(data, augmentation, dtype=real), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("augmentation", [MOVES, MOVES + Mixup(1.0)], ids=repr)
def test_neither_threads_nor_the_batch_size_change_a_bit(augmentation):
    """More images than are drawn for at once."""
    data = data_of(5000)
    expected = all_images(data, augmentation)
    for batch_size, n_threads in ((1000, 1), (1000, 2), (33, 3), (5000, 2), (1 << 40, 1)):
        assert all_images(data, augmentation, batch_size, n_threads=n_threads).tobytes() == expected.tobytes()


def test_every_epoch_has_other_images_and_each_comes_back():
    data = data_of()
    epochs = [all_images(data, MOVES, epoch=epoch).tobytes() for epoch in (0, 1, 2, 1, 0)]
    assert epochs[:2] == epochs[:2:-1]
    assert len(set(epochs)) == 3


def test_in_order_nothing_is_augmented():
    data = data_of()
    plain, augmented = (Batches(data, 16, np.float32, 1, augmentation) for augmentation in (None, MOVES + Mixup()))
    for one, other in zip(plain.in_order(), augmented.in_order(), strict=True):
        assert one.x.tobytes() == other.x.tobytes()
        assert one.target.tolist() == other.target.tolist()


def test_an_image_is_known_by_its_number_in_the_data():
    """A part of the data set has the images that the whole has."""
    data, rows = data_of(), np.array([40, 3, 7, 22])
    whole, part = all_images(data, MOVES), all_images(data._replace(rows=rows), MOVES)
    places = {number: place for place, number in enumerate(order_of(data))}
    for image, number in zip(part, order_of(data._replace(rows=rows)), strict=True):
        assert image.tobytes() == whole[places[number]].tobytes()


# mixed targets


def mixed(data, alpha=1.0, dtype=np.float64):
    """Pixels that say which images are mixed, and the target: in every image one pixel is 1."""
    n = len(data.target)
    x = np.eye(n, dtype=dtype).reshape(n, 1, n, 1)
    batches = epoch_of(data._replace(x=x, scale=1.0), Mixup(alpha), batch_size=n, dtype=dtype)
    (images, target, weights, total) = batches[0]
    return images.reshape(n, n), target, weights, total, order_of(data)


def test_labels_are_mixed_as_the_images_are():
    data = data_of(40)
    images, target, weights, total, order = mixed(data)
    for image, label, other, share, number in zip(images, *target, order, strict=True):
        partner = [i for i in np.flatnonzero(image) if i != number]
        assert len(partner) <= 1
        assert label == data.target[number]
        assert other == data.target[partner[0] if partner else number]
        assert share == pytest.approx(image[number]) if partner else image[number] == pytest.approx(1)
    assert weights.tolist() == [1] * 40
    assert total == 40


@pytest.mark.parametrize("columns", [(), (2,)])
def test_numbers_are_mixed_themselves(columns):
    numbers = np.random.default_rng(0).normal(size=(40, *columns))
    images, target, *_ = mixed(data_of(40)._replace(target=numbers))
    np.testing.assert_allclose(target, np.tensordot(images, numbers, 1), rtol=1e-12)
    assert target.dtype == np.float64


def test_weights_are_mixed_and_weigh_the_labels():
    """The weighted loss is share * weight of the one label, and the rest times the weight of the other."""
    given = np.random.default_rng(2).uniform(0, 2, 40)
    given[::5] = 0
    images, target, weights, total, order = mixed(data_of(40)._replace(weights=given))
    np.testing.assert_allclose(weights, images @ given, rtol=1e-12, atol=1e-15)
    assert total == pytest.approx(weights.sum())
    own = images[np.arange(40), order]
    alone = np.isclose(own, 1)  # mixed with itself
    np.testing.assert_allclose((weights * target.shares)[~alone], (own * given[order])[~alone], rtol=1e-9, atol=1e-12)
    assert ((target.shares >= 0) & (target.shares <= 1)).all()


def test_partners_are_among_the_rows_that_belong():
    data = data_of(40)._replace(rows=np.arange(0, 40, 3))
    x = np.eye(40).reshape(40, 1, 40, 1)
    images = all_images(data._replace(x=x, scale=1.0), Mixup(1.0), dtype=np.float64).reshape(-1, 40)
    assert set(np.nonzero(images)[1]) <= set(data.rows)
    np.testing.assert_allclose(images.sum(axis=1), 1, rtol=1e-12)


# the loop


def trained(data, augmentation, validation=None, n_threads=1, batch_size=16, learning_rate=0.01, smoothing=0.0):
    network = Network([Conv2D(4, 3), ReLU(), Flatten(), Dense(4)], (6, 5, 3), np.float64)
    network.initialize(np.random.default_rng(0))
    optimizer = RMSprop([{"params": list(network.learned.values())}], learning_rate=learning_rate)
    plan = Plan(3, batch_size, as_schedule(None, learning_rate), SEED, n_threads, augmentation)
    training = Training(network, optimizer, plan)
    train(training, SoftmaxCrossEntropy(smoothing), data, validation)
    return training


def test_threads_change_no_bit_of_a_training():
    weights = {trained(data_of(), MOVES + Mixup(), n_threads=n).network.arena.flat.tobytes() for n in (1, 2, 3)}
    assert len(weights) == 1
    assert weights != {trained(data_of(), MOVES).network.arena.flat.tobytes()}


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_loss_and_the_accuracy_of_a_history_are_those_of_the_mixed_images(smoothing):
    """At a rate of 0 all batches meet the same network."""
    data = data_of(60)
    training = trained(data, Crop(1) + Mixup(1.0), learning_rate=0.0, smoothing=smoothing)
    network = training.network
    for epoch in range(3):
        batches = epoch_of(data, Crop(1) + Mixup(1.0), batch_size=60, dtype=np.float64, epoch=epoch)
        ((x, target, *_),) = batches
        logits = network.forward(x, network.workspace(60))
        log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        labels = (
            target.shares[:, None] * np.eye(4)[target.labels] + (1 - target.shares[:, None]) * np.eye(4)[target.others]
        )
        losses = -(((1 - smoothing) * labels + smoothing / 4) * log_p).sum(axis=1)
        assert training.history["loss"][epoch] == pytest.approx(losses.mean(), rel=1e-12)
        hits = logits.argmax(axis=1) == np.where(target.shares >= 0.5, target.labels, target.others)
        assert training.history["accuracy"][epoch] == pytest.approx(hits.mean(), rel=1e-12)


def test_validation_images_stay_as_they_are():
    data, validation = data_of(), data_of()._replace(rows=np.arange(20))
    training = trained(data, MOVES + Mixup(), validation)
    expected = Evaluator(training.network, SoftmaxCrossEntropy(), validation, 1).evaluate()
    assert (training.history["val_loss"][-1], training.history["val_accuracy"][-1]) == expected
