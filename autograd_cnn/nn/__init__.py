"""Building networks: layers, their composition, initial weights, and weights in files."""

from autograd_cnn.nn import initialization
from autograd_cnn.nn.composition import sequential
from autograd_cnn.nn.layers import Layer, batch_norm, conv2d, dropout, flatten, linear, max_pool2d
from autograd_cnn.nn.serialization import CheckpointError, WeightsError, load_weights, save_weights
from autograd_cnn.recording.call_site import machinery

machinery(__name__)

__all__ = [
    "CheckpointError",
    "Layer",
    "WeightsError",
    "batch_norm",
    "conv2d",
    "dropout",
    "flatten",
    "initialization",
    "linear",
    "load_weights",
    "max_pool2d",
    "save_weights",
    "sequential",
]
