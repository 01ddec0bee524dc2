"""Models as functions: each module has `init(rng, …)`, which makes parameters, and `apply(params, x, …)`.

Parameters are a plain dict of Tensors with PyTorch's names and shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from autograd_cnn.models import lenet5, mlp
from autograd_cnn.tensor import Tensor


class UnknownModelError(ValueError):
    """A name that no model has."""


Params = Mapping[str, Tensor]


class Model(Protocol):
    """What a model module holds."""

    INPUT_SHAPE: tuple[int, int, int]
    """Shape (C, H, W) of the images it takes."""

    def init(self, rng: np.random.Generator, *, num_classes: int = 10) -> dict[str, Tensor]:
        """Draw initial parameters."""

    def apply(self, params: Params, x: Any, *, training: bool = False, rng: np.random.Generator | None = None) -> Any:
        """Give the logits (N, num_classes) of images (N, C, H, W)."""


_MODELS: dict[str, Model] = {"lenet5": lenet5, "mlp": mlp}


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


__all__ = ["Model", "Params", "UnknownModelError", "get", "lenet5", "mlp", "names"]
