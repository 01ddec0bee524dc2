"""Parameters by their names, however they are given."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from autograd_cnn.tensor import Tensor
from autograd_cnn.transforms import trees

#: A dict, list, tuple or dataclass of Tensors, nested or not, or another iterable of Tensors.
Parameters = Mapping[str, Any] | Iterable[Any]


def named_parameters(params: Parameters) -> dict[str, Any]:
    """Return the leaves by their names, as ``fc1.weight`` or ``0.bias``.

    Raises
    ------
    TypeError
        If `params` is a single Tensor.
    ValueError
        If two have the same name.

    Examples
    --------
    >>> from autograd_cnn import Tensor
    >>> list(named_parameters({"fc1": {"weight": Tensor([1.0])}, "scale": Tensor(2.0)}))
    ['fc1.weight', 'scale']
    >>> list(named_parameters([(Tensor([1.0]), Tensor(2.0))]))
    ['0.0', '0.1']
    """
    named: dict[str, Any] = {}
    for path, p in trees.leaves_with_paths(lasting(params)):
        name = trees.dotted(path)
        if name in named:
            raise ValueError(f"two parameters have the name {name!r}; choose other keys")
        named[name] = p
    return named


def lasting(params: Parameters) -> Parameters:
    """Return parameters in a form that can be iterated over more than once."""
    if isinstance(params, Tensor):
        raise TypeError(f"parameters are a dict or a list of Tensors; got a Tensor {params.shape}: put it in a list")
    return params if isinstance(params, (Mapping, list, tuple)) or dataclasses.is_dataclass(params) else list(params)
