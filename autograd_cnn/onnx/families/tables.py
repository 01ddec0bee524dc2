"""The two tables that the families fill, and what an imported node is given."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd_cnn.tensor import Tensor
from autograd_cnn.variable import Array

#: By the name of a primitive: ``function(builder, call)`` adds nodes, and returns the name of the result.
EXPORTS: dict[str, Callable[..., str]] = {}
#: By the name of an operator: ``function(attributes, *inputs)`` computes the output, or a tuple of them.
IMPORTS: dict[str, Callable[..., Any]] = {}

Function = Callable[..., Any]


def exports(*names: str) -> Callable[[Function], Function]:
    """Register a function that writes these ops."""
    return lambda function: EXPORTS.update(dict.fromkeys(names, function)) or function


def imports(*names: str) -> Callable[[Function], Function]:
    """Register a function that computes these operators."""
    return lambda function: IMPORTS.update(dict.fromkeys(names, function)) or function


class Attributes(NamedTuple):
    """The attributes of a node, and what else decides its meaning."""

    given: dict[str, Any]
    opset: int
    outputs: int
    reserve: Callable[[Sequence[int]], None]
    """Raise if a value of this shape would be more than a graph may hold."""
    training: bool = False
    rng: np.random.Generator | None = None

    def __call__(self, name: str, default: Any = None) -> Any:
        """Return an attribute."""
        return self.given.get(name, default)


def array(value: Any) -> Array:
    """Return the value as an array, detached from the graph."""
    return np.asarray(value.data if isinstance(value, Tensor) else value)


def integers(value: Any) -> tuple[int, ...] | None:
    """Return an attribute or an input as a tuple of integers."""
    if value is None:
        return None
    if np.ndim(array(value)) > 1:
        raise ValueError(f"lengths, axes and places are a row of whole numbers; got shape {np.shape(array(value))}")
    return tuple(int(v) for v in array(value).reshape(-1))


def one(value: Any) -> Any:
    """Return the only element of a constant input."""
    return array(value).item()


def size(shape: Sequence[Any]) -> int:
    """Return the number of elements, as a Python int, which cannot overflow."""
    return math.prod(map(int, shape))
