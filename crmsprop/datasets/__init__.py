"""Image data sets as ``((X_train, y_train), (X_test, y_test))``: found, downloaded, verified and decoded."""

from crmsprop.datasets.cifar10 import CIFAR10_CLASSES, load_cifar10
from crmsprop.datasets.digits import load_digits
from crmsprop.datasets.image_folder import load_image, load_image_folder

__all__ = ["CIFAR10_CLASSES", "load_cifar10", "load_digits", "load_image", "load_image_folder"]
