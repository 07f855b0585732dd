"""Layers, losses and the network that they make: arrays in, arrays out, no training."""

from crmsprop.nn.activations import ELU, GELU, LeakyReLU, Sigmoid, SiLU, Tanh
from crmsprop.nn.batch_norm import BatchNorm
from crmsprop.nn.chain import output_shapes
from crmsprop.nn.conv2d import Conv2D
from crmsprop.nn.dense import Dense
from crmsprop.nn.dropout import Dropout
from crmsprop.nn.flatten import Flatten
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
from crmsprop.nn.losses import Loss, MixedLabels, SoftmaxCrossEntropy
from crmsprop.nn.max_pool2d import MaxPool2D
from crmsprop.nn.network import Network
from crmsprop.nn.pointwise_losses import AbsoluteError, BinaryCrossEntropy, Huber, PoissonDeviance, SquaredError
from crmsprop.nn.relu import ReLU
from crmsprop.nn.residual import Residual
from crmsprop.nn.scale import Scale
from crmsprop.nn.whitening2d import Whitening2D
from crmsprop.nn.workspace import Workspace

__all__ = [
    "ELU",
    "GELU",
    "AbsoluteError",
    "BatchNorm",
    "BinaryCrossEntropy",
    "Conv2D",
    "Dense",
    "Dirac",
    "Dropout",
    "Flatten",
    "GlorotNormal",
    "GlorotUniform",
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
    "SquaredError",
    "Tanh",
    "Whitening2D",
    "Workspace",
    "Zeros",
    "output_shapes",
]
