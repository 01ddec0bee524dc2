"""Normalization and dropout: the ops that know training from evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_cnn.graph import Array, Variable
from autograd_cnn.ops.elementwise import multiply, sqrt
from autograd_cnn.ops.reduction import mean, sum, var
from autograd_cnn.ops.shape import reshape
from autograd_cnn.primitive import primitive


def _channelwise(values: Any, ndim: int) -> Any:
    """Shape (C,) as (1, C, 1, …), to go with an array of `ndim` axes."""
    return reshape(values, (1, -1) + (1,) * (ndim - 2))


def _others(ndim: int) -> tuple[int, ...]:
    """Every axis but the channels'."""
    return (0, *range(2, ndim))


def _standardize(x: Any, eps: float) -> tuple[Any, Any]:
    """Give `x` with mean 0 and variance 1 in each channel, and the scale that did it."""
    axes = _others(x.ndim)
    scale = 1 / sqrt(var(x, axes, 0, True) + eps)
    return (x - mean(x, axes, True)) * scale, scale


@primitive
def _batch_norm(x: Any, weight: Any, bias: Any, eps: float) -> Array:
    normalized, _ = _standardize(x, eps)
    normalized *= _channelwise(weight, x.ndim)
    normalized += _channelwise(bias, x.ndim)
    return np.asarray(normalized)


@_batch_norm.backward("x")
def _(grad, x, weight, eps):
    # Ioffe and Szegedy, 2015, section 3, with the three sums gathered.
    axes = _others(x.ndim)
    normalized, scale = _standardize(x, eps)
    centered = grad - mean(grad, axes, True) - normalized * mean(grad * normalized, axes, True)
    return centered * (scale * _channelwise(weight, x.ndim))


@_batch_norm.backward("weight")
def _(grad, x, eps):
    return sum(grad * _standardize(x, eps)[0], _others(x.ndim))


@_batch_norm.backward("bias")
def _(grad):
    return sum(grad, _others(grad.ndim))


def batch_norm(
    x: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    training: bool,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Normalize each channel over the batch (Ioffe and Szegedy, 2015), then scale and shift it.

    In training the batch's own mean and (biased) variance are used, and the running statistics move towards
    the batch's by `momentum`, in place, with the unbiased variance as in PyTorch. In evaluation the running
    statistics are used, as constants.

    Parameters
    ----------
    x : (N, C) or (N, C, …)
    weight, bias : (C,)
    running_mean, running_var : (C,), array or Tensor
        Updated in place in training.
    training : bool
    momentum : float
        Weight of the new statistics.
    eps : float
        Added to the variance.

    Raises
    ------
    ValueError
        If the shapes do not fit, or training has one value a channel, whose variance is 0.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> x = np.array([[1.0], [3.0]])
    >>> running_mean, running_var = np.zeros(1), np.ones(1)
    >>> ac.batch_norm(x, np.ones(1), np.zeros(1), running_mean, running_var, training=True).round(3)
    array([[-1.],
           [ 1.]])
    >>> running_mean, running_var
    (array([0.2]), array([1.1]))
    """
    shape = np.shape(x)
    if len(shape) < 2:
        raise ValueError(f"batch_norm: x has axes (N, C, …); got shape {shape}")
    given = {"weight": weight, "bias": bias, "running_mean": running_mean, "running_var": running_var}
    for name, value in given.items():
        if np.shape(value) != (shape[1],):
            raise ValueError(f"batch_norm: for x {shape} the {name} is ({shape[1]},); got shape {np.shape(value)}")
    means, variances = (v.data if isinstance(v, Variable) else v for v in (running_mean, running_var))
    if not training:
        scale = weight / np.sqrt(variances + eps)
        return x * _channelwise(scale, len(shape)) + _channelwise(bias - means * scale, len(shape))
    count = np.size(x) // shape[1] if shape[1] else 0
    if count < 2:
        raise ValueError(f"batch_norm: training needs more than one value a channel; got x {shape}")
    data, axes = (x.data if isinstance(x, Variable) else x), _others(len(shape))
    means += momentum * (np.mean(data, axes) - means)
    variances += momentum * (np.var(data, axes, ddof=1) - variances)
    return _batch_norm(x, weight, bias, eps)


def dropout(x: Any, p: float, training: bool, rng: np.random.Generator | None = None) -> Any:
    """Set each element to zero with probability `p` and divide the rest by 1 − `p`; in evaluation, do nothing.

    Srivastava and others, 2014, in the inverted form that keeps the expected value.

    Parameters
    ----------
    x : array or Tensor
    p : float
        From 0 to 1, both included.
    training : bool
    rng : numpy.random.Generator
        Draws the mask; needed in training.

    Raises
    ------
    ValueError
        If `p` is not a probability.
    TypeError
        If training has no generator.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.dropout(np.ones(6), 0.5, training=True, rng=np.random.default_rng(0))
    array([2., 2., 2., 0., 0., 0.])
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p is a probability from 0 to 1; got {p}")
    if not training or p == 0:
        return x
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"dropout: training needs rng, a numpy.random.Generator; got {rng!r}")
    data = x.data if isinstance(x, Variable) else np.asarray(x)
    mask = np.zeros_like(data)
    if p < 1:
        mask[rng.random(data.shape, np.float32) >= p] = 1 / (1 - p)
    return multiply(x, mask)
