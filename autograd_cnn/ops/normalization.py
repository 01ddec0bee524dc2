"""Normalization of examples over their last axes, and over groups of channels."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from autograd_cnn import kernels
from autograd_cnn.calls.operands import named
from autograd_cnn.ops import checks
from autograd_cnn.ops.checks import operand
from autograd_cnn.ops.elementwise import add, astype, multiply, sqrt
from autograd_cnn.ops.reduction import mean, var
from autograd_cnn.ops.shape import reshape
from autograd_cnn.primitive import primitive


def channelwise(values: Any, ndim: int) -> Any:
    """Reshape (C,) to (C, 1, …), which broadcasts against an array (N, C, …) of `ndim` axes."""
    return reshape(values, (-1,) + (1,) * (ndim - 2))


@primitive(domain="floating", residuals=("moments",))
def standardize(x: Any, axis: tuple[int, ...], eps: float) -> Any:
    """Scale and shift `x` to mean 0 and variance 1 over `axis`: (x − mean) / √(variance + eps)."""
    if not x.size:
        return np.array(x), np.zeros((2, 1))  # there are no elements to take the moments of
    center = kernels.mean(x, axis, True)
    centered = x - center
    variance = kernels.mean(centered * centered, axis, True)  # np.var would compute the mean again
    centered /= np.sqrt(variance + eps)
    return centered, np.stack([center, variance])


@standardize.backward("x")
def _(grad, x, moments, axis, eps):
    if not grad.size:
        return grad
    # For this rule to be differentiated itself, the moments must be functions of x.
    center, variance = moments if isinstance(x, np.ndarray) else (mean(x, axis, True), var(x, axis, 0, True))
    return standardize_grad(grad, (x - center) / sqrt(variance + eps), variance, axis, eps)


def standardize_grad(grad: Any, out: Any, variance: Any, axis: tuple[int, ...], eps: float) -> Any:
    """Return the gradient with respect to the input; Ioffe and Szegedy, 2015, section 3, with the sums collected."""
    return (grad - mean(grad, axis, True) - out * mean(grad * out, axis, True)) / sqrt(variance + eps)


def _affine(x: Any, weight: Any, bias: Any) -> Any:
    """Multiply by `weight` and add `bias`, if they are given."""
    if weight is not None:
        x = multiply(x, weight)
    return x if bias is None else add(x, bias)


def norm_operands(op: str, x: Any, weight: Any, bias: Any) -> list[Any]:
    """Return the operands of a normalization as arrays or variables; an integer `x` in the dtype of what scales it."""
    parts = {"weight": weight, "bias": bias}
    found = [operand(op, "x", x), *(v if v is None else operand(op, name, v) for name, v in parts.items())]
    if found[0].dtype.kind != "f":  # integers take the dtype of what scales them
        dtype = next((v.dtype for v in found if v is not None and v.dtype.kind == "f"), np.dtype(np.float32))
        found[0] = astype(found[0], dtype)
    return found


@named
def layer_norm(
    x: Any, normalized_shape: int | tuple[int, ...], weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    """Normalize each example over its last axes (Ba, Kiros and Hinton, 2016), then scale and shift.

    Parameters
    ----------
    x : (…, *normalized_shape)
    normalized_shape : int or tuple of int
        Lengths of the last axes.
    weight, bias : of shape `normalized_shape`, optional
        Scale and shift of each element.
    eps : float
        Added to the variance.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.layer_norm(np.array([[1.0, 3.0], [10.0, 30.0]]), 2).round(3)
    array([[-1.,  1.],
           [-1.,  1.]])
    """
    try:
        last = tuple(map(operator.index, np.atleast_1d(normalized_shape)))
    except TypeError:
        raise TypeError(
            f"layer_norm: normalized_shape is an int or a tuple of ints; got {normalized_shape!r}"
        ) from None
    eps = checks.number("layer_norm", "eps", eps, least=0)
    x, weight, bias = norm_operands("layer_norm", x, weight, bias)
    shape = x.shape
    if not last or shape[-len(last) :] != last:
        raise ValueError(f"layer_norm: x has axes (…, *{last}); got shape {shape}")
    for name, value in (("weight", weight), ("bias", bias)):
        if value is not None and value.shape != last:
            raise ValueError(f"layer_norm: for normalized_shape {last} the {name} is {last}; got {value.shape}")
    return _affine(standardize(x, tuple(range(-len(last), 0)), eps), weight, bias)


@named
def group_norm(x: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Normalize each example over groups of channels (Wu and He, 2018), then scale and shift each channel.

    Parameters
    ----------
    x : (N, C, …)
    num_groups : int
        Number of groups; it must divide C.
    weight, bias : (C,), optional
        Scale and shift of each channel.
    eps : float
        Added to the variance.

    Raises
    ------
    ValueError
        If the shapes do not fit, or `num_groups` does not divide the number of channels.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.group_norm(np.array([[1.0, 3.0, 10.0, 30.0]]), 2).round(3)
    array([[-1.,  1., -1.,  1.]])
    """
    x, weight, bias = norm_operands("group_norm", x, weight, bias)
    shape = x.shape
    if len(shape) < 2:
        raise ValueError(f"group_norm: x has axes (N, C, …); got shape {shape}")
    whole = isinstance(num_groups, (int, np.integer)) and not isinstance(num_groups, bool)
    if not whole or num_groups < 1 or shape[1] % num_groups:
        raise ValueError(f"group_norm: num_groups is an int that divides {shape[1]} channels; got {num_groups!r}")
    for name, value in (("weight", weight), ("bias", bias)):
        if value is not None and value.shape != (shape[1],):
            raise ValueError(f"group_norm: for x {shape} the {name} is ({shape[1]},); got shape {value.shape}")
    eps = checks.number("group_norm", "eps", eps, least=0)
    per_group = math.prod(shape[1:]) // num_groups
    normalized = reshape(standardize(reshape(x, (shape[0], num_groups, per_group)), (2,), eps), shape)
    weight, bias = (v if v is None else channelwise(v, len(shape)) for v in (weight, bias))
    return _affine(normalized, weight, bias)
