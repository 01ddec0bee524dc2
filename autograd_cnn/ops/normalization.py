"""Normalization and dropout: the ops that know training from evaluation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd_cnn import kernels
from autograd_cnn.graph import Array, Variable
from autograd_cnn.modes import current
from autograd_cnn.ops.elementwise import add, multiply, sqrt, subtract
from autograd_cnn.ops.reduction import mean, var
from autograd_cnn.ops.shape import reshape
from autograd_cnn.primitive import primitive


def _channelwise(values: Any, ndim: int) -> Any:
    """Shape (C,) as (C, 1, …), to go with an array (N, C, …) of `ndim` axes."""
    return reshape(values, (-1,) + (1,) * (ndim - 2))


class Moments:
    """Where `standardize` leaves the moments it found."""

    mean: Array
    variance: Array


@primitive
def standardize(x: Any, axis: tuple[int, ...], eps: float, moments: Moments) -> Array:
    """Give `x` mean 0 and variance 1 over `axis`: (x − mean) / √(variance + eps)."""
    mean = kernels.mean(x, axis, True)
    centered = x - mean
    # np.var would take the mean once more.
    variance = kernels.mean(centered * centered, axis, True)
    centered /= np.sqrt(variance + eps)
    moments.mean, moments.variance = mean, variance
    return np.asarray(centered)


@standardize.backward("x")
def _(grad, x, out, axis, eps, moments):
    # Ioffe and Szegedy, 2015, section 3, with the sums gathered.
    centered = grad - mean(grad, axis, True) - out * mean(grad * out, axis, True)
    # To be differentiated itself, a rule has the variance as a function of x.
    variance = moments.variance if isinstance(x, np.ndarray) else var(x, axis, 0, True)
    return centered / sqrt(variance + eps)


def _affine(x: Any, weight: Any, bias: Any) -> Any:
    """Scale and shift, where there is something to scale and shift by."""
    if weight is not None:
        x = multiply(x, weight)
    return x if bias is None else add(x, bias)


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
    weight, bias : (C,) or None
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
        if value is not None and np.shape(value) != (shape[1],):
            raise ValueError(f"batch_norm: for x {shape} the {name} is ({shape[1]},); got shape {np.shape(value)}")
    columns = [v if v is None else _channelwise(v, len(shape)) for v in (weight, bias)]
    means, variances = (v.data if isinstance(v, Variable) else v for v in (running_mean, running_var))
    if not training:
        scale = 1 / np.sqrt(variances + eps)
        normalized = multiply(subtract(x, _channelwise(means, len(shape))), _channelwise(scale, len(shape)))
        return _affine(normalized, *columns)
    count = np.size(x) // shape[1] if shape[1] else 0
    if count < 2:
        raise ValueError(f"batch_norm: training needs more than one value a channel; got x {shape}")
    axes = (0, *range(2, len(shape)))
    moments = Moments()
    normalized = standardize(x, axes, eps, moments)
    if not current().replaying:  # a checkpoint's second forward is the same step
        means += momentum * (moments.mean.reshape(-1) - means)
        variances += momentum * (moments.variance.reshape(-1) * (count / (count - 1)) - variances)
    return _affine(normalized, *columns)


def layer_norm(
    x: Any, normalized_shape: int | tuple[int, ...], weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    """Normalize over the last axes of each example (Ba, Kiros and Hinton, 2016), then scale and shift.

    Parameters
    ----------
    x : (…, *normalized_shape)
    normalized_shape : int or tuple of int
        Lengths of the last axes.
    weight, bias : normalized_shape, optional
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
    last = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    shape = np.shape(x)
    if not last or shape[-len(last) :] != last:
        raise ValueError(f"layer_norm: x has axes (…, *{last}); got shape {shape}")
    for name, value in (("weight", weight), ("bias", bias)):
        if value is not None and np.shape(value) != last:
            raise ValueError(f"layer_norm: for normalized_shape {last} the {name} is {last}; got {np.shape(value)}")
    return _affine(standardize(x, tuple(range(-len(last), 0)), eps, Moments()), weight, bias)


def group_norm(x: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Normalize over groups of channels of each example (Wu and He, 2018), then scale and shift each channel.

    Parameters
    ----------
    x : (N, C, …)
    num_groups : int
        Divides C.
    weight, bias : (C,), optional
    eps : float
        Added to the variance.

    Raises
    ------
    ValueError
        If the shapes do not fit, or the groups do not divide the channels.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.group_norm(np.array([[1.0, 3.0, 10.0, 30.0]]), 2).round(3)
    array([[-1.,  1., -1.,  1.]])
    """
    shape = np.shape(x)
    if len(shape) < 2:
        raise ValueError(f"group_norm: x has axes (N, C, …); got shape {shape}")
    if num_groups < 1 or shape[1] % num_groups:
        raise ValueError(f"group_norm: num_groups is an int that divides {shape[1]} channels; got {num_groups}")
    for name, value in (("weight", weight), ("bias", bias)):
        if value is not None and np.shape(value) != (shape[1],):
            raise ValueError(f"group_norm: for x {shape} the {name} is ({shape[1]},); got shape {np.shape(value)}")
    per_group = math.prod(shape[1:]) // num_groups
    normalized = reshape(standardize(reshape(x, (shape[0], num_groups, per_group)), (2,), eps, Moments()), shape)
    weight, bias = (v if v is None else _channelwise(v, len(shape)) for v in (weight, bias))
    return _affine(normalized, weight, bias)


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
