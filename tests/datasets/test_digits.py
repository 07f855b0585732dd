"""load_digits: scikit-learn's scans, stretched, with a fixed split."""

import numpy as np
from sklearn import datasets

from crmsprop.datasets import load_digits


def test_shapes_and_dtypes():
    (X_train, y_train), (X_test, y_test) = load_digits()
    assert (X_train.shape, X_test.shape) == ((1347, 8, 8, 1), (450, 8, 8, 1))
    assert {X_train.dtype, X_test.dtype} == {np.dtype(np.uint8)}
    assert {y_train.dtype, y_test.dtype} == {np.dtype(np.int64)}
    assert all(a.flags.c_contiguous for a in (X_train, y_train, X_test, y_test))


def test_every_scan_occurs_once_and_is_stretched():
    (X_train, y_train), (X_test, y_test) = load_digits()
    got = np.column_stack([np.concatenate([X_train, X_test]).reshape(-1, 64), np.concatenate([y_train, y_test])])
    source = datasets.load_digits()
    stretched = np.array([[round(v * 255 / 16) for v in row] for row in source.data])
    expected = np.column_stack([stretched, source.target])
    np.testing.assert_array_equal(got[np.lexsort(got.T)], expected[np.lexsort(expected.T)])
    assert (X_train.min(), X_train.max()) == (0, 255)


def test_split_is_stratified_and_fixed():
    first, second = load_digits(), load_digits()
    for (X, y), (X_again, y_again) in zip(first, second, strict=True):
        np.testing.assert_array_equal(X, X_again)
        np.testing.assert_array_equal(y, y_again)
    shares = [np.bincount(y, minlength=10) / len(y) for _, y in first]
    np.testing.assert_allclose(shares[0], shares[1], atol=0.002)
