"""Layers, losses and the network that they make: arrays in, arrays out, no training.

For those of your own, `Layer` and `Loss` say what has to be done, and `check_gradients` whether it is.
"""

from crmsprop.nn import models
from crmsprop.nn.activations import ELU, GELU, LeakyReLU, Sigmoid, SiLU, Tanh
from crmsprop.nn.average_pool2d import AveragePool2D
from crmsprop.nn.batch_norm import BatchNorm
from crmsprop.nn.chain import output_shapes
from crmsprop.nn.conv2d import Conv2D
from crmsprop.nn.dense import Dense
from crmsprop.nn.depthwise_conv2d import DepthwiseConv2D
from crmsprop.nn.dropout import Dropout
from crmsprop.nn.flatten import Flatten
from crmsprop.nn.global_average_pool2d import GlobalAveragePool2D
from crmsprop.nn.gradient_check import GradientCheck, check_gradients
from crmsprop.nn.initializers import (
    Dirac,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Initializer,
    LeCunNormal,
    Ones,
    Zeros,
)
from crmsprop.nn.layer import Layer, Own, Parameter, Run, Site
from crmsprop.nn.losses import BatchResult, Loss, MixedLabels, SoftmaxCrossEntropy
from crmsprop.nn.max_pool2d import MaxPool2D
from crmsprop.nn.network import Network
from crmsprop.nn.pointwise_losses import AbsoluteError, BinaryCrossEntropy, Huber, PoissonDeviance, SquaredError
from crmsprop.nn.relu import ReLU
from crmsprop.nn.residual import Residual
from crmsprop.nn.scale import Scale
from crmsprop.nn.spatial_dropout2d import SpatialDropout2D
from crmsprop.nn.whitening2d import Whitening2D
from crmsprop.nn.workspace import Workspace

__all__ = [
    "ELU",
    "GELU",
    "AbsoluteError",
    "AveragePool2D",
    "BatchNorm",
    "BatchResult",
    "BinaryCrossEntropy",
    "Conv2D",
    "Dense",
    "DepthwiseConv2D",
    "Dirac",
    "Dropout",
    "Flatten",
    "GlobalAveragePool2D",
    "GlorotNormal",
    "GlorotUniform",
    "GradientCheck",
    "HeNormal",
    "HeUniform",
    "Huber",
    "Initializer",
    "Layer",
    "LeCunNormal",
    "LeakyReLU",
    "Loss",
    "MaxPool2D",
    "MixedLabels",
    "Network",
    "Ones",
    "Own",
    "Parameter",
    "PoissonDeviance",
    "ReLU",
    "Residual",
    "Run",
    "Scale",
    "SiLU",
    "Sigmoid",
    "Site",
    "SoftmaxCrossEntropy",
    "SpatialDropout2D",
    "SquaredError",
    "Tanh",
    "Whitening2D",
    "Workspace",
    "Zeros",
    "check_gradients",
    "models",
    "output_shapes",
]
