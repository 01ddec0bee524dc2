"""Batch normalization: of channels, over the images of a batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np

from autograd_cnn import kernels
from autograd_cnn.calls.operands import named
from autograd_cnn.modes import current
from autograd_cnn.ops import checks
from autograd_cnn.ops.elementwise import astype, multiply, sqrt
from autograd_cnn.ops.normalization import channelwise, norm_operands, standardize_grad
from autograd_cnn.ops.reduction import mean, sum, var
from autograd_cnn.primitive import primitive
from autograd_cnn.recording import history
from autograd_cnn.variable import Array, Variable

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
    scaled = grad if weight is None else multiply(grad, channelwise(weight, x.ndim))
    return standardize_grad(scaled, normal, variance, axes, eps), sum(grad * normal, axes), sum(grad, axes)


def _batch_standardize_grad(
    grad: Array, x: Array, moments: Array, weight: Array | None, eps: float, share: Share | None
) -> tuple[Array, Array, Array]:
    """Return the gradients of x, weight and bias."""
    means, variances = moments
    inverse = 1 / np.sqrt(variances + np.float64(eps))

    def solve(slope: Array, products: Array) -> tuple[Array, Array, Array]:
        count = x.size // len(means)
        if share is not None:
            slope, products, count = share.total(slope), share.total(products), share.elements
        # (grad − mean(grad) − normal · mean(grad · normal)) · scale, with normal = (x − mean) · inverse
        of_x = np.square(inverse) * products / -count
        return of_x, slope / -count - of_x * means, inverse if weight is None else inverse * weight

    of_input, slope, products = kernels.normalize_grad(grad, x, means, variances, solve)
    # The gradients of weight and bias are those of this process's share: they are summed later, like all others.
    return of_input, inverse * products, slope


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
    scaled = grad if weight is None else multiply(grad, channelwise(weight, x.ndim))
    return scaled * inverse.reshape(columns), sum(grad * normal, axes), sum(grad, axes)


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
    x, weight, bias = norm_operands("batch_norm", x, weight, bias)
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
