"""The scanned digits that come with scikit-learn: real images that need no network."""

import numpy as np

from crmsprop.datasets.batch import Split


def load_digits() -> Split:
    """Return scikit-learn's 1,797 scanned digits of 8 by 8 pixels as two pairs of images and labels.

    The grey values 0 to 16 are stretched to 0 to 255. A quarter, with the same share of each digit, is the test set; it
    is the same one every time.

    Returns
    -------
    X_train : uint8 array of shape (1347, 8, 8, 1)
        The images as (n, height, width, channels).
    y_train : int64 array of shape (1347,)
        The digit on each, 0 to 9.
    X_test : uint8 array of shape (450, 8, 8, 1)
        The test images.
    y_test : int64 array of shape (450,)
        The test labels.

    References
    ----------
    E. Alpaydin and C. Kaynak, "Optical recognition of handwritten digits", UCI Machine Learning Repository, 1998;
    https://doi.org/10.24432/C50P49

    Examples
    --------
    >>> from crmsprop.datasets import load_digits
    >>> (X_train, y_train), (X_test, y_test) = load_digits()
    >>> X_train.shape, X_test.shape, int(X_train.max())
    ((1347, 8, 8, 1), (450, 8, 8, 1), 255)
    """
    from sklearn import datasets
    from sklearn.model_selection import train_test_split

    pixels, labels = datasets.load_digits(return_X_y=True)
    X = np.rint(pixels * 255 / 16).astype(np.uint8).reshape(-1, 8, 8, 1)
    y = labels.astype(np.int64)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)
    return (X_train, y_train), (X_test, y_test)
