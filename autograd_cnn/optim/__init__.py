"""Optimizers, learning rate schedules and gradient clipping."""

from autograd_cnn.optim import schedules
from autograd_cnn.optim.adaptive import AdaGrad, Adam, AdamW, RMSprop
from autograd_cnn.optim.clipping import clip_grad_norm, clip_grad_value
from autograd_cnn.optim.optimizer import Optimizer
from autograd_cnn.optim.sgd import SGD

__all__ = [
    "SGD",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Optimizer",
    "RMSprop",
    "clip_grad_norm",
    "clip_grad_value",
    "schedules",
]
