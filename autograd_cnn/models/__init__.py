"""Models as functions: each module has `init(rng, …)`, which makes parameters, and `apply(params, x, …)`.

Parameters are a plain dict of Tensors with PyTorch's names and shapes. Running statistics are kept among them but
require no gradient: give an optimizer only the `trainable` ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from autograd_cnn.models import conv3x3, convnet_bn, lenet5, mlp, resnet, simple_convnet
from autograd_cnn.output.text import ShownError, did_you_mean, meant
from autograd_cnn.tensor import Params, Tensor


class UnknownModelError(ShownError, ValueError):
    """A name that no model has.

    Examples
    --------
    >>> from autograd_cnn import models
    >>> models.get("lenet")
    Traceback (most recent call last):
        ...
    autograd_cnn.models.UnknownModelError: there is no model 'lenet'; the models are lenet5, mlp, conv3x3, \
simple_convnet, convnet_bn, resnet; did you mean 'lenet5'?
    """


class Model(Protocol):
    """What every module of a model has.

    Examples
    --------
    >>> from autograd_cnn import models
    >>> models.get("mlp").INPUT_SHAPE
    (1, 28, 28)
    """

    INPUT_SHAPE: tuple[int, int, int]
    """Shape (C, H, W) of the images it takes by default."""

    @property
    def init(self) -> Callable[..., dict[str, Tensor]]:
        """Draw initial parameters: ``init(rng, num_classes=10)``; most take `in_channels` and `image_size` too."""

    def apply(
        self, params: Params, x: Any, *, training: bool = False, rng: np.random.Generator | None = None
    ) -> Tensor:
        """Return the logits (N, num_classes) of images (N, C, H, W)."""


_MODELS: dict[str, Model] = {
    "lenet5": lenet5,
    "mlp": mlp,
    "conv3x3": conv3x3,
    "simple_convnet": simple_convnet,
    "convnet_bn": convnet_bn,
    "resnet": resnet,
}


def names() -> list[str]:
    """Return the names of all models.

    Examples
    --------
    >>> from autograd_cnn import models
    >>> models.names()
    ['lenet5', 'mlp', 'conv3x3', 'simple_convnet', 'convnet_bn', 'resnet']
    """
    return list(_MODELS)


def get(name: str) -> Model:
    """Return a model's module by name.

    Raises
    ------
    UnknownModelError
        If there is no model of that name; it is a ValueError.

    Examples
    --------
    >>> from autograd_cnn import models
    >>> models.get("lenet5") is models.lenet5
    True
    """
    name = canonical(name)
    if name not in _MODELS:
        raise UnknownModelError(
            f"there is no model {name!r}; the models are {', '.join(_MODELS)}{did_you_mean(name, _MODELS)}"
        )
    return _MODELS[name]


def canonical(name: str) -> str:
    """Return a model's name as it is spelled here; an unknown name is returned as it is.

    Examples
    --------
    >>> from autograd_cnn import models
    >>> models.canonical("LeNet-5")
    'lenet5'
    """
    return meant(name, _MODELS)


def trainable(params: Params) -> dict[str, Tensor]:
    """Return the parameters that an optimizer should update: those that require a gradient.

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
    "canonical",
    "conv3x3",
    "convnet_bn",
    "get",
    "lenet5",
    "mlp",
    "names",
    "resnet",
    "simple_convnet",
    "trainable",
]
