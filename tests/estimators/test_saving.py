"""save and load: what comes back, to the bit, and what is said of what does not."""

import os
import pathlib
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from container_files import split
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import crmsprop
from crmsprop.callbacks import EarlyStopping, EpochPrinter
from crmsprop.errors import FileFormatError
from crmsprop.files import write_container
from crmsprop.schedules import CosineAnnealing, InverseTimeDecay, StepDecay


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.crms"


def saved_and_loaded(model, path):
    model.save(path)
    return crmsprop.load(path)


def assert_same_model(again, model, X, y):
    assert type(again) is type(model)
    assert again.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
    assert again.predict(X).tolist() == model.predict(X).tolist()
    assert again.evaluate(X, y) == model.evaluate(X, y)
    assert again.classes_.tolist() == model.classes_.tolist()
    assert again.classes_.dtype == model.classes_.dtype
    assert again.history_ == model.history_
    assert again.summary() == model.summary()
    for name in ("n_epochs_", "n_features_in_", "image_shape_", "best_epoch_"):
        assert getattr(again, name, None) == getattr(model, name, None)


LABELS = {
    "int": np.array([3, -5, 10**12]),
    "int8": np.array([-128, 0, 127], np.int8),
    "uint8": np.array([0, 7, 255], np.uint8),
    "text": np.array(["cat", "Ångström", "鸟"]),
    "object": np.array(["cat", "a dog", ""], dtype=object),
    "bool": np.array([False, True, True]),
    "float": np.array([-1.0, 0.0, 2.0]),
    "float32": np.array([0.0, 1.0, 2.0], np.float32),
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_labels(cases, path, labels):
    X, y = cases.rows()
    model = cases.mlp().fit(X, labels[y])
    assert_same_model(saved_and_loaded(model, path), model, X, labels[y])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("early_stopping", [True, False])
def test_rows(cases, path, dtype, early_stopping):
    X, y = cases.rows(dtype=dtype)
    model = cases.mlp(early_stopping=early_stopping, momentum=0.5, centered=True, l2=0.01).fit(X, y)
    again = saved_and_loaded(model, path)
    assert_same_model(again, model, X, y)
    assert (again.history_["val_loss"][0] is None) == (not early_stopping)
    assert hasattr(again, "best_epoch_") == early_stopping


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("channels", [1, 2])
def test_images(cases, path, dtype, channels):
    X, y = cases.images(channels=channels, dtype=dtype)
    model = cases.cnn().fit(X, y)
    again = saved_and_loaded(model, path)
    assert_same_model(again, model, X, y)
    assert_same_model(again, model, X.reshape(len(X), -1), y)
    assert again.image_shape_ == (7, 6, channels)
    with pytest.raises(ValueError, match="uint8"):
        again.predict(X.astype(np.float32) if dtype == np.uint8 else X.astype(np.uint8))


def test_flat_rows_of_a_cnn_and_images_of_an_mlp(cases, path):
    X, y = cases.rows()
    model = cases.cnn().fit(X, y)
    assert_same_model(saved_and_loaded(model, path), model, X, y)
    X, y = cases.images()
    model = cases.mlp(image_shape=(7, 6, 2)).fit(X, y)
    assert_same_model(saved_and_loaded(model, path), model, X, y)


def test_feature_names(cases, path):
    X, y = cases.rows()
    frame = pd.DataFrame(X, columns=[f"größe {i}" for i in range(6)])
    again = saved_and_loaded(cases.mlp().fit(frame, y), path)
    np.testing.assert_array_equal(again.feature_names_in_, frame.columns)
    assert again.feature_names_in_.dtype == object
    again.predict(frame)
    with pytest.raises(ValueError, match="feature names should match"):
        again.predict(frame[frame.columns[::-1]])


SCHEDULES = [
    None,
    StepDecay(0.5, 2),
    CosineAnnealing(0.1) * InverseTimeDecay(1e-6),
    StepDecay(0.5, 2) * CosineAnnealing(),
]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_schedule_objects(cases, path, schedule):
    X, y = cases.rows()
    model = cases.mlp(schedule=schedule).fit(X, y)
    again = saved_and_loaded(model, path)
    assert again.schedule == schedule
    assert_same_model(again, model, X, y)


def tenth(epoch, learning_rate):
    return learning_rate * 0.1


def test_a_function_as_schedule_is_named_in_a_warning_and_not_brought_back(cases, path):
    X, y = cases.rows()
    model = cases.mlp(schedule=tenth).fit(X, y)
    model.save(path)
    with pytest.warns(UserWarning, match="schedule function '.*:tenth' is not imported"):
        again = crmsprop.load(path)
    assert again.schedule is None
    assert_same_model(again, model, X, y)


@pytest.mark.parametrize("generator", [np.random.RandomState(3), np.random], ids=["RandomState", "module"])
def test_a_generator_as_random_state_warns(cases, path, generator):
    X, y = cases.rows()
    model = cases.mlp(random_state=generator).fit(X, y)
    with pytest.warns(UserWarning, match="random_state is a generator, whose state is not saved"):
        model.save(path)
    again = crmsprop.load(path)
    assert again.random_state is None
    assert_same_model(again, model, X, y)


def test_every_parameter_comes_back(cases, path):
    X, y = cases.images()
    model = cases.cnn(
        filters=[4, np.int64(5)], kernel_size=(3, 2), pool_size=(2, 1), padding=(1, 0), dense_units=(), dropout=0.25,
        image_shape=(7, 6, 2), learning_rate=np.float32(0.5), rho=0.5, epsilon=1e-4, momentum=0.25, centered=True,
        l2=0.125, ema=0.5, max_epochs=2, batch_size=7, validation_fraction=0.25, early_stopping=True, patience=4,
        monitor="accuracy", min_delta=np.float32(0.25), restore_best=False,
        dtype=np.float64, random_state=np.int64(3), n_threads=2, verbose=0, warm_start=True, max_seconds=1e6,
        scoring="accuracy", class_weight={0: 2.0},
    )  # fmt: skip
    again = saved_and_loaded(model.fit(X, y), path)
    expected = model.get_params() | {"filters": (4, 5), "dtype": "float64"}
    assert again.get_params() == expected
    twin = clone(again).fit(X, y)
    assert twin.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()


def test_callbacks_are_not_stored(cases, path):
    X, y = cases.rows()
    lines = []
    model = cases.mlp(callbacks=[EpochPrinter(lines.append), EarlyStopping("loss")]).fit(X, y)
    assert saved_and_loaded(model, path).callbacks is None


def test_a_loaded_model_is_saved_to_the_same_bytes(cases, path, tmp_path):
    X, y = cases.images()
    model = cases.cnn(early_stopping=True).fit(X, y)
    saved_and_loaded(model, path).save(tmp_path / "second")
    assert (tmp_path / "second").read_bytes() == path.read_bytes()


def test_a_loaded_model_learns_again(cases, path):
    X, y = cases.rows()
    again = saved_and_loaded(cases.mlp().fit(X, y), path)
    again.fit(X[:, :4], y)
    assert again.n_features_in_ == 4


def test_the_file_holds_no_pickle_and_the_parameters_once(cases, path):
    X, y = cases.rows(features=200)
    model = cases.mlp(hidden_layer_sizes=(300,)).fit(X, y)
    model.save(path)
    data = path.read_bytes()
    assert b"numpy" not in data
    header, arrays = split(data)
    assert len(arrays) == 8 * (model.network_.n_parameters + 3)
    assert header["__metadata__"]["kind"] == "model"


def test_what_is_not_fitted_is_not_saved(cases, path):
    with pytest.raises(NotFittedError):
        cases.mlp().save(path)
    assert not path.exists()


def test_a_save_that_fails_leaves_the_old_file(cases, path):
    X, y = cases.rows()
    model = cases.mlp().fit(X, y)
    model.save(path)
    before = path.read_bytes()
    for bad in ({"hidden_layer_sizes": object()}, {"learning_rate": np.nan}, {"random_state": 1 << 5000}):
        with pytest.raises((TypeError, ValueError), match=next(iter(bad))):
            clone(model).fit(X, y).set_params(**bad).save(path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("kind", [str, pathlib.Path, os.fsencode])
def test_paths(cases, path, kind):
    X, y = cases.rows()
    model = cases.mlp().fit(X, y)
    model.save(kind(path))
    assert_same_model(crmsprop.load(kind(path)), model, X, y)


def test_a_folder_that_is_missing_and_a_file_that_is_missing(cases, path):
    model = cases.mlp().fit(*cases.rows())
    with pytest.raises(FileNotFoundError):
        model.save(path.parent / "missing" / "model")
    with pytest.raises(FileNotFoundError):
        crmsprop.load(path)
    with pytest.raises(IsADirectoryError):
        crmsprop.load(path.parent)


def test_a_file_of_another_kind(path):
    write_container(path, {}, {}, "checkpoint")
    with pytest.raises(FileFormatError, match=r"model\.crms: it holds a 'checkpoint', not a 'model'"):
        crmsprop.load(path)


@pytest.mark.parametrize(
    "data", [b"", b"x", b"PK\3\4" + bytes(500), b"\x80\x04\x95" + bytes(500), b"\x93NUMPY" + bytes(99)]
)
def test_a_file_that_is_no_container(path, data):
    path.write_bytes(data)
    with pytest.raises(FileFormatError, match=r"model\.crms"):
        crmsprop.load(path)


def test_a_parameter_that_fit_would_refuse_is_not_saved(cases, tmp_path):
    X, y = cases.rows()
    model = cases.mlp().fit(X, y).set_params(patience=0)
    with pytest.raises(ValueError, match="patience must be at least 1, got 0"):
        model.save(tmp_path / "model.crms")
    assert list(tmp_path.iterdir()) == []


def test_an_estimator_of_ones_own_is_not_saved(cases, tmp_path):
    class Mine(crmsprop.MLPClassifier):
        pass

    X, y = cases.rows()
    with pytest.raises(TypeError, match=r"only the estimators of crmsprop can be saved to a file, got a .*Mine"):
        Mine(max_epochs=1).fit(X, y).save(tmp_path / "model.crms")


@pytest.mark.parametrize("kind", ["f2", "M8[D]", "longdouble", "c16"])
def test_labels_that_a_file_cannot_hold(cases, tmp_path, kind):
    X, y = cases.rows()
    model = cases.mlp().fit(X, y)
    model.classes_ = np.unique(y).astype(kind)
    with pytest.raises(TypeError, match="classes_ must hold strings, booleans, integers, float32 or float64"):
        model.save(tmp_path / "model.crms")


def test_sizes_in_a_range_and_a_rate_that_is_a_fraction(cases, tmp_path):
    X, y = cases.rows()
    parameters = {"hidden_layer_sizes": range(3, 5), "learning_rate": Fraction(1, 1000)}
    cases.mlp(**parameters).fit(X, y).save(tmp_path / "model.crms")
    again = crmsprop.load(tmp_path / "model.crms")
    assert (again.hidden_layer_sizes, again.learning_rate) == ((3, 4), 0.001)


@pytest.mark.parametrize("name", ["", "folder/"])
def test_a_path_that_is_no_file(cases, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    X, y = cases.rows()
    with pytest.raises(ValueError, match=f"path must be that of a file, got '{name}'"):
        cases.mlp().fit(X, y).save(name)
