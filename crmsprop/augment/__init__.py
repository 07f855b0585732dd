"""Image augmentation: what a training does to each image, anew in every epoch.

An augmentation is an operation, or a sum of them: ``Flip() + Rotation(15) + Cutout(8)``. Operations are frozen,
comparable, hashable and picklable. All of a sum run in one pass over an image, while it is gathered into its batch, in
this order: first what moves pixels, composed into one map and one interpolation; then brightness and contrast; then
cutouts; then mixup. What an image becomes depends on the seed, the epoch, the number of the image in the training data
and the augmentation alone, so that neither threads nor the batch size change a bit.

The random numbers of an operation also depend on its place in the sum.

What Keras has as ``ImageDataGenerator(rotation_range=15, width_shift_range=0.1, height_shift_range=0.1, zoom_range=0.1,
horizontal_flip=True)`` is

>>> from crmsprop import CNNClassifier
>>> from crmsprop.augment import Flip, Rotation, Translation, Zoom
>>> model = CNNClassifier(augmentation=Rotation(15) + Translation(0.1) + Zoom(0.1, 0.1) + Flip())
>>> model.augmentation
Rotation(degrees=15.0) + Translation(height=0.1) + Zoom(height=0.1, width=0.1) + Flip(rate=0.5)

where Zoom(0.1) would keep proportions.
"""

from crmsprop.augment.base import Augmentation, Operation, Sum
from crmsprop.augment.config import augmentation_from_config, augmentation_to_config
from crmsprop.augment.cutout import Cutout
from crmsprop.augment.draws import Changes, Numbers
from crmsprop.augment.geometry import Crop, Flip, Geometric, Rotation, Translation, Zoom
from crmsprop.augment.mixup import Mixup
from crmsprop.augment.tones import Brightness, Contrast

__all__ = [
    "Augmentation",
    "Brightness",
    "Changes",
    "Contrast",
    "Crop",
    "Cutout",
    "Flip",
    "Geometric",
    "Mixup",
    "Numbers",
    "Operation",
    "Rotation",
    "Sum",
    "Translation",
    "Zoom",
    "augmentation_from_config",
    "augmentation_to_config",
]
