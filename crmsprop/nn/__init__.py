"""Layers, losses and the network that they make: arrays in, arrays out, no training."""

from crmsprop.nn.conv2d import Conv2D
from crmsprop.nn.dense import Dense
from crmsprop.nn.dropout import Dropout
from crmsprop.nn.flatten import Flatten
from crmsprop.nn.initializers import GlorotUniform, Initializer, Zeros
from crmsprop.nn.layer import Layer, Own, Parameter, Run, Site
from crmsprop.nn.losses import Loss, SoftmaxCrossEntropy
from crmsprop.nn.max_pool2d import MaxPool2D
from crmsprop.nn.network import Network
from crmsprop.nn.relu import ReLU
from crmsprop.nn.workspace import Workspace

__all__ = [
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "GlorotUniform",
    "Initializer",
    "Layer",
    "Loss",
    "MaxPool2D",
    "Network",
    "Own",
    "Parameter",
    "ReLU",
    "Run",
    "Site",
    "SoftmaxCrossEntropy",
    "Workspace",
    "Zeros",
]
