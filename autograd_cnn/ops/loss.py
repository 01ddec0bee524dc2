"""Losses that compare a prediction and its target one number at a time, and how losses are combined."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_cnn.calls.operands import named
from autograd_cnn.ops import checks
from autograd_cnn.ops.activation import softplus
from autograd_cnn.ops.checks import operand
from autograd_cnn.ops.comparison import clip, less, maximum, where
from autograd_cnn.ops.elementwise import abs, add, astype, log, multiply, negative, subtract
from autograd_cnn.ops.exponential import log1p
from autograd_cnn.ops.reduction import mean, sum
from autograd_cnn.primitive import primitive
from autograd_cnn.variable import Array, Variable

_REDUCTIONS = ("mean", "sum", "none")


def check_reduction(op: str, reduction: str) -> None:
    """Raise for an unknown way of combining losses."""
    if type(reduction) is not str or reduction not in _REDUCTIONS:
        raise ValueError(f"{op}: reduction is one of {', '.join(_REDUCTIONS)}; got {reduction!r}")


def reduced(losses: Any, reduction: str) -> Any:
    """Return losses combined."""
    if reduction == "none":
        return losses
    return mean(losses) if reduction == "mean" else sum(losses)


def _as_floats(*values: Any) -> list[Any]:
    """Convert integers, which could wrap, to the floating point dtype of the others, or to float32."""
    dtype = next((value.dtype for value in values if value.dtype.kind == "f"), np.dtype(np.float32))
    return [astype(value, dtype) if value.dtype.kind in "iub" else value for value in values]


def _pair(op: str, **given: Any) -> list[Any]:
    """Return a prediction and its target, of one shape, as floating point numbers."""
    x, target = checks.together(op, **given)
    if x.shape != target.shape:
        raise ValueError(f"{op}: {' and '.join(given)} have one shape; got {x.shape} and {target.shape}")
    return _as_floats(x, target)


@named
def mse_loss(x: Any, target: Any, reduction: str = "mean") -> Any:
    """Squared error, (x − target)², by default its mean over all elements.

    Raises
    ------
    ValueError
        If the shapes differ, or the reduction is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> float(ac.mse_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    2.0
    """
    check_reduction("mse_loss", reduction)
    difference = subtract(*_pair("mse_loss", x=x, target=target))
    return reduced(multiply(difference, difference), reduction)


@named
def sigmoid_cross_entropy(logits: Any, targets: Any, reduction: str = "mean") -> Any:
    """Binary cross-entropy of the sigmoid of `logits`: −t · log σ(z) − (1 − t) · log(1 − σ(z)) for each element.

    It is computed as (1 − t)·z + softplus(−z), which never overflows.

    Parameters
    ----------
    logits : array or Tensor
        Unnormalized log-odds, z.
    targets : array or Tensor of the same shape
        Probabilities, t, from 0 to 1.
    reduction : {"mean", "sum", "none"}
        How the losses are combined.

    Raises
    ------
    ValueError
        If the shapes differ, or the reduction is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> round(float(ac.sigmoid_cross_entropy(np.array([0.0]), np.array([1.0]))), 4)
    0.6931
    """
    check_reduction("sigmoid_cross_entropy", reduction)
    logits, targets = _pair("sigmoid_cross_entropy", logits=logits, targets=targets)
    return reduced(add(multiply(subtract(1, targets), logits), softplus(negative(logits))), reduction)


_LEAST_LOG = -100.0  # as in PyTorch: the logarithm of a probability of 0


@primitive(domain="floating")
def _binary_cross_entropy(x: Any, target: Any) -> Array:
    with np.errstate(divide="ignore"):
        chance, rest = (np.maximum(value, _LEAST_LOG) for value in (np.log(x), np.log1p(-x)))
    return -(target * chance + (1 - target) * rest)


@_binary_cross_entropy.backward("x")
def _(grad, x, target):
    return grad * (x - target) / maximum((1 - x) * x, 1e-12)


@_binary_cross_entropy.backward("target")
def _(grad, x):
    chance = where(less(x, _TINY), _LEAST_LOG, log(maximum(x, _TINY)))
    rest = where(less(1 - x, _TINY), _LEAST_LOG, log1p(-where(less(1 - x, _TINY), 0, x)))
    return grad * (rest - chance)


_TINY = 3.7e-44  # exp(−100)


@named
def binary_cross_entropy(x: Any, target: Any, weight: Any = None, reduction: str = "mean") -> Any:
    """Binary cross-entropy of probabilities: −target · log x − (1 − target) · log(1 − x), for each element.

    A logarithm below −100 counts as −100, as in PyTorch, so that no loss is infinite. For log-odds, use
    `sigmoid_cross_entropy`, which is exact.

    Parameters
    ----------
    x : array or Tensor
        Probabilities, from 0 to 1.
    target : of the same shape
        Probabilities.
    weight : array, optional
        Weight of each element, a constant that broadcasts to the losses.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    ValueError
        If the shapes differ, `x` is not a probability, the weight requires a gradient, or the reduction is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> round(float(ac.binary_cross_entropy(np.array([0.5]), np.array([1.0]))), 4)
    0.6931
    """
    op = "binary_cross_entropy"
    check_reduction(op, reduction)
    x, target = _pair(op, x=x, target=target)
    values = x._data if isinstance(x, Variable) else x
    inside = (values >= 0) & (values <= 1)
    if not inside.all():
        raise ValueError(f"{op}: x are probabilities, from 0 to 1; got {values[~inside].flat[0]} among them")
    losses = _binary_cross_entropy(x, target)
    if weight is not None:
        losses = multiply(losses, _weights(op, weight, losses))
    return reduced(losses, reduction)


def _weights(op: str, weight: Any, losses: Any) -> Array:
    weight = operand(op, "weight", weight)
    if isinstance(weight, Variable):
        if weight.requires_grad:
            raise ValueError(f"{op}: the weight is a constant; got a Tensor that requires a gradient")
        weight = weight._data
    try:
        return np.broadcast_to(weight, losses.shape).astype(losses.dtype, copy=False)
    except ValueError:
        raise ValueError(f"{op}: the weight broadcasts to the losses' {losses.shape}; got {weight.shape}") from None


@named
def l1_loss(x: Any, target: Any, reduction: str = "mean") -> Any:
    """Mean absolute error, |x − target|, element by element; the slope at 0 is 0.

    Raises
    ------
    ValueError
        If the shapes differ, or the reduction is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> float(ac.l1_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    1.0
    """
    check_reduction("l1_loss", reduction)
    return reduced(abs(subtract(*_pair("l1_loss", x=x, target=target))), reduction)


@primitive(domain="floating")
def _smooth_l1(difference: Any, beta: float) -> Array:
    size = np.abs(difference)
    near = np.minimum(size, beta)
    return near * (size - 0.5 * near) / beta  # without size², which could overflow


@_smooth_l1.backward("difference")
def _(grad, difference, beta):
    return grad * clip(difference / beta, -1, 1)


@named
def smooth_l1_loss(x: Any, target: Any, reduction: str = "mean", beta: float = 1.0) -> Any:
    """½ · d² / beta for errors d = |x − target| below `beta`, else d − ½ · beta.

    Girshick, "Fast R-CNN", 2015, equation 3, with `beta` instead of 1. With a `beta` of 0 it is `l1_loss`.

    Raises
    ------
    ValueError
        If the shapes differ, `beta` is negative, or the reduction is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.smooth_l1_loss(np.array([0.5, 3.0]), np.zeros(2), "none")
    array([0.125, 2.5  ])
    """
    op = "smooth_l1_loss"
    check_reduction(op, reduction)
    beta = checks.number(op, "beta", beta, least=0)
    difference = subtract(*_pair(op, x=x, target=target))
    return reduced(_smooth_l1(difference, beta=beta) if beta else abs(difference), reduction)
