"""Models as functions: each module has `init(rng, …)`, which makes parameters, and `apply(params, x, …)`.

Parameters are a plain dict of Tensors with PyTorch's names and shapes. Running statistics stand among them, and
require no gradient: an optimizer gets the `trainable` ones.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from autograd_cnn.models import conv3x3, convnet_bn, lenet5, mlp, simple_convnet
from autograd_cnn.tensor import Params, Tensor


class UnknownModelError(ValueError):
    """A name that no model has."""


class Model(Protocol):
    """What a model module holds."""

    INPUT_SHAPE: tuple[int, int, int]
    """Shape (C, H, W) of the images it takes."""

    def init(self, rng: np.random.Generator, *, num_classes: int = 10) -> dict[str, Tensor]:
        """Draw initial parameters."""

    def apply(
        self, params: Params, x: Any, *, training: bool = False, rng: np.random.Generator | None = None
    ) -> Tensor:
        """Give the logits (N, num_classes) of images (N, C, H, W)."""


_MODELS: dict[str, Model] = {
    "lenet5": lenet5,
    "mlp": mlp,
    "conv3x3": conv3x3,
    "simple_convnet": simple_convnet,
    "convnet_bn": convnet_bn,
}


def names() -> list[str]:
    """Give the names `get` knows."""
    return list(_MODELS)


def get(name: str) -> Model:
    """Give a model's module by name.

    Raises
    ------
    UnknownModelError
        If there is none of that name; a ValueError.
    """
    if name not in _MODELS:
        raise UnknownModelError(f"there is no model {name!r}; the models are {', '.join(_MODELS)}")
    return _MODELS[name]


def trainable(params: Params) -> dict[str, Tensor]:
    """Give the parameters that an optimizer is to move: those that require a gradient.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_cnn import models
    >>> params = models.convnet_bn.init(np.random.default_rng(0))
    >>> sorted(params.keys() - models.trainable(params).keys())[:3]
    ['bn1.running_mean', 'bn1.running_var', 'bn2.running_mean']
    """
    return {name: p for name, p in params.items() if p.requires_grad}


__all__ = [
    "Model",
    "UnknownModelError",
    "conv3x3",
    "convnet_bn",
    "get",
    "lenet5",
    "mlp",
    "names",
    "simple_convnet",
    "trainable",
]
