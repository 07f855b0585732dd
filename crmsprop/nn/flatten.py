"""The layer that makes a row of an image."""

import math
from dataclasses import dataclass
from typing import ClassVar

from crmsprop.nn.layer import Layer, Shape


@dataclass(frozen=True)
class Flatten(Layer):
    """The same numbers as one row a sample, in C order; moves no memory.

    Examples
    --------
    >>> from crmsprop.nn import Flatten
    >>> Flatten().output_shape((7, 7, 64))
    (3136,)
    """

    is_view: ClassVar[bool] = True

    def output_shape(self, input_shape: Shape) -> Shape:
        return (math.prod(input_shape),)
