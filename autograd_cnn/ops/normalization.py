"""Normalization over a batch, over examples and over groups of channels."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np

from autograd_cnn import kernels
from autograd_cnn.calls.operands import named
from autograd_cnn.modes import current
from autograd_cnn.ops import checks
from autograd_cnn.ops.checks import operand
from autograd_cnn.ops.elementwise import add, astype, multiply, sqrt
from autograd_cnn.ops.reduction import mean, sum, var
from autograd_cnn.ops.shape import reshape
from autograd_cnn.primitive import primitive
from autograd_cnn.recording import history
from autograd_cnn.variable import Array, Variable


def _channelwise(values: Any, ndim: int) -> Any:
    """Reshape (C,) to (C, 1, …), which broadcasts against an array (N, C, …) of `ndim` axes."""
    return reshape(values, (-1,) + (1,) * (ndim - 2))


#: Sums an array over all the processes that share a batch.
Total = Callable[[Array], Array]

_shared_by: ContextVar[Total | None] = ContextVar("_shared_by", default=None)


@contextmanager
def shared_batch(total: Total) -> Iterator[None]:
    """Let `batch_norm` use the statistics of a batch that several processes share, inside the block.

    Every process must call the same ops in the same order, in the backward pass too.
    """
    token = _shared_by.set(total)
    try:
        yield
    finally:
        _shared_by.reset(token)


class Share(NamedTuple):
    """A process's share of a batch: how to sum over all shares, and how many elements of a channel they all have."""

    total: Total
    elements: int


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
    return _standardize_grad(grad, (x - center) / sqrt(variance + eps), variance, axis, eps)


def _standardize_grad(grad: Any, out: Any, variance: Any, axis: tuple[int, ...], eps: float) -> Any:
    """Return the gradient with respect to the input; Ioffe and Szegedy, 2015, section 3, with the sums collected."""
    return (grad - mean(grad, axis, True) - out * mean(grad * out, axis, True)) / sqrt(variance + eps)


@primitive(domain="floating", differentiable=False)
def batch_moments(x: Any, share: Share | None = None) -> Array:
    """Return the mean and the biased variance of each channel, (2, C); over all shares, if the batch is shared."""
    means, variances = kernels.moments(x)
    if share is None:
        return np.array([means, variances], x.dtype)
    own = x.size // x.shape[1]
    mean = share.total(own * means) / share.elements
    squares = share.total(own * (variances + np.square(means - mean)))
    return np.array([mean, squares / share.elements], x.dtype)


@primitive(domain="floating", constant_in=("moments",))
def batch_standardize(
    x: Any,
    moments: Any,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    share: Share | None = None,  # noqa: ARG001 -- for the rule
) -> Array:
    """Scale and shift each channel to mean 0 and variance 1 by its `moments`, times `weight`, plus `bias`."""
    means, variances = moments
    return kernels.normalize(x, means, 1 / np.sqrt(variances + np.float64(eps)), weight, bias)


@batch_standardize.backward("x", "weight", "bias")
def _(grad, x, moments, weight, eps, share):
    if isinstance(grad, np.ndarray) and all(v is None or isinstance(v, np.ndarray) for v in (x, weight)):
        return _batch_standardize_grad(grad, x, moments, weight, eps, share)
    if share is not None:
        raise RuntimeError(
            "batch_norm of a batch that several processes share has no second derivative; leave out create_graph"
        )
    axes = (0, *range(2, x.ndim))
    variance = var(x, axes, 0, True)  # as a function of x
    normal = (x - mean(x, axes, True)) / sqrt(variance + eps)
    scaled = grad if weight is None else multiply(grad, _channelwise(weight, x.ndim))
    return _standardize_grad(scaled, normal, variance, axes, eps), sum(grad * normal, axes), sum(grad, axes)


def _batch_standardize_grad(
    grad: Array, x: Array, moments: Array, weight: Array | None, eps: float, share: Share | None
) -> tuple[Array, Array, Array]:
    """Return the gradients of x, weight and bias: in one pass the sums, in another the gradient of x."""
    means, variances = moments
    slope, products = kernels.gradient_sums(grad, x, means, variances)
    inverse = 1 / np.sqrt(variances + np.float64(eps))
    products *= inverse  # sums of grad · normalized x
    count = x.size // len(means)
    # The gradients of weight and bias are those of this process's share: they are summed later, like all others.
    of_all = slope, products
    if share is not None:
        of_all, count = (share.total(slope), share.total(products)), share.elements
    # (grad − mean(grad) − normal · mean(grad · normal)) · scale, with normal = (x − mean) · inverse
    of_x = -inverse * of_all[1] / count
    shift = -of_all[0] / count - of_x * means
    scale = inverse if weight is None else inverse * weight
    columns = [v.astype(x.dtype) for v in (of_x, shift, scale)]
    return kernels.scaled_sum(grad, x, *columns), products, slope


@primitive(domain="floating", constant_in=("mean", "variance"), residuals=("center", "inverse"))
def normalize(x: Any, mean: Any, variance: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Scale and shift each channel by known moments: (x − mean) / √(variance + eps), times `weight`, plus `bias`."""
    # Copies, as running statistics go on changing; and in the dtype of x, so as not to widen the result.
    center, inverse = np.array(mean, x.dtype), (1 / np.sqrt(variance + np.float64(eps))).astype(x.dtype)
    return kernels.normalize(x, center, inverse, weight, bias), center, inverse


@normalize.backward("x", "weight", "bias")
def _(grad, x, weight, center, inverse):
    axes, columns = (0, *range(2, x.ndim)), (-1,) + (1,) * (x.ndim - 2)
    normal = (x - center.reshape(columns)) * inverse.reshape(columns)
    scaled = grad if weight is None else multiply(grad, _channelwise(weight, x.ndim))
    return scaled * inverse.reshape(columns), sum(grad * normal, axes), sum(grad, axes)


def _affine(x: Any, weight: Any, bias: Any) -> Any:
    """Multiply by `weight` and add `bias`, if they are given."""
    if weight is not None:
        x = multiply(x, weight)
    return x if bias is None else add(x, bias)


def _operands(op: str, x: Any, weight: Any, bias: Any) -> list[Any]:
    parts = {"weight": weight, "bias": bias}
    found = [operand(op, "x", x), *(v if v is None else operand(op, name, v) for name, v in parts.items())]
    if found[0].dtype.kind != "f":  # integers take the dtype of what scales them
        dtype = next((v.dtype for v in found if v is not None and v.dtype.kind == "f"), np.dtype(np.float32))
        found[0] = astype(found[0], dtype)
    return found


def _check_statistics(x_shape: tuple[int, ...], running_mean: Any, running_var: Any, training: bool) -> None:
    """Check that the running statistics are given, fit `x`, and can be updated in place."""
    statistics = {"running_mean": running_mean, "running_var": running_var}
    given = [name for name, value in statistics.items() if value is not None]
    if not given and training:
        return
    if len(given) < 2:
        raise ValueError(
            "batch_norm: evaluation needs running_mean and running_var, and training takes both or neither; got "
            f"{' and '.join(given) or 'neither'}"
        )
    for name, value in statistics.items():
        if not isinstance(value, (Variable, np.ndarray)):
            raise TypeError(
                f"batch_norm: {name} is a Tensor or an array, to be updated in place; got {type(value).__name__}"
            )
        if value.dtype.kind != "f" or value.dtype.char == "g":
            raise TypeError(f"batch_norm: {name} is float32, float64 or float16; got dtype {value.dtype}")
        if value.shape != x_shape[1:2]:
            raise ValueError(f"batch_norm: for x {x_shape} the {name} is ({x_shape[1]},); got shape {value.shape}")
    if training:
        means, variances = _plain(running_mean), _plain(running_var)
        if not (means.flags.writeable and variances.flags.writeable):
            raise ValueError(
                "batch_norm: training updates the running statistics in place; got an array that is read-only"
            )
        if np.may_share_memory(means, variances):
            raise ValueError("batch_norm: running_mean and running_var must be two arrays; got the same memory twice")


def _plain(value: Any) -> Any:
    return value._data if isinstance(value, Variable) else value


@named
def batch_norm(
    x: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Normalize each channel over the batch (Ioffe and Szegedy, 2015), then scale and shift it.

    Training normalizes with the mean and the biased variance of the batch, and updates the running statistics in place:
    running += momentum · (batch − running), with the unbiased variance, as in PyTorch. Evaluation normalizes with the
    running statistics. They are constants, as in PyTorch: a running statistic never gets a gradient.

    Parameters
    ----------
    x : (N, C) or (N, C, …)
    running_mean, running_var : (C,), array or Tensor
        Updated in place in training, where both may be None. They keep their dtype; the result has the dtype of `x`.
    weight, bias : (C,), optional
        Scale and shift of each channel.
    training : bool
        Whether to use the statistics of the batch.
    momentum : float
        Weight of the batch in the running statistics, from 0 to 1.
    eps : float
        Added to the variance.

    Raises
    ------
    ValueError
        If the shapes do not fit, an option is out of range, evaluation has no running statistics, or training has
        only one value for each channel, whose variance is 0.
    TypeError
        If a running statistic is not a floating point array or Tensor.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> x = np.array([[1.0], [3.0]])
    >>> running_mean, running_var = np.zeros(1), np.ones(1)
    >>> ac.batch_norm(x, running_mean, running_var, training=True).round(3)
    array([[-1.],
           [ 1.]])
    >>> running_mean, running_var
    (array([0.2]), array([1.1]))
    """
    x, weight, bias = _operands("batch_norm", x, weight, bias)
    shape = x.shape
    if len(shape) < 2:
        raise ValueError(f"batch_norm: x has axes (N, C, …); got shape {shape}")
    _check_statistics(shape, running_mean, running_var, training)
    for name, value in (("weight", weight), ("bias", bias)):
        if value is not None and value.shape != (shape[1],):
            raise ValueError(f"batch_norm: for x {shape} the {name} is ({shape[1]},); got shape {value.shape}")
    eps = checks.number("batch_norm", "eps", eps, least=0)
    dtype = np.result_type(*(v.dtype for v in (x, weight, bias) if v is not None and v.dtype.kind == "f"))
    if x.dtype == np.float16:  # the moments may be beyond its range
        x = astype(x, np.float32)
    if training:
        out = _by_batch(x, running_mean, running_var, weight, bias, momentum, eps)
    else:
        out = normalize(x, running_mean, running_var, weight, bias, eps)
    return out if out.dtype == dtype else astype(out, dtype)


def _by_batch(x: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any, momentum: float, eps: float) -> Any:
    """Normalize with the statistics of the batch, and update the running ones."""
    momentum = checks.number("batch_norm", "momentum", momentum, least=0, most=1)
    total, count = _shared_by.get(), math.prod(x.shape) // max(x.shape[1], 1)
    if total is not None:
        count = int(total(np.array([float(count)]))[0])
    if count < 2:
        given = f"got x {x.shape}" if total is None else f"all shares have {count}"
        raise ValueError(f"batch_norm: training needs more than one value for each channel; {given}")
    share = None if total is None else Share(total, count)
    moments = batch_moments(x, share)
    out = batch_standardize(x, moments, weight, bias, eps, share)
    if running_mean is not None and current().updating:
        means, variances = _plain(running_mean), _plain(running_var)
        batch_mean, batch_variance = _plain(moments)
        means += momentum * (batch_mean - means)
        variances += momentum * (batch_variance * (count / (count - 1)) - variances)
        history.overwritten((means, variances))
    return out


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
    x, weight, bias = _operands("layer_norm", x, weight, bias)
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
    x, weight, bias = _operands("group_norm", x, weight, bias)
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
    weight, bias = (v if v is None else _channelwise(v, len(shape)) for v in (weight, bias))
    return _affine(normalized, weight, bias)
