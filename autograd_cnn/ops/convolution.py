"""Convolution. Its two gradients are primitives too, and the three are closed under differentiation."""

from __future__ import annotations

from typing import Any

from autograd_cnn import kernels
from autograd_cnn.graph import Array
from autograd_cnn.ops import checks
from autograd_cnn.ops.reduction import sum
from autograd_cnn.primitive import primitive

PairLike = int | tuple[int, int]


def _window(x_shape: tuple[int, ...], weight_shape: tuple[int, ...], stride: Any, padding: Any) -> kernels.Window:
    return checks.window("conv2d", x_shape, (weight_shape[2], weight_shape[3]), stride, padding)


@primitive
def conv2d(x: Any, weight: Any, bias: Any = None, stride: PairLike = 1, padding: PairLike = 0) -> Array:
    """Cross-correlate images with a bank of filters, which deep learning calls convolution.

    out[n, f, i, j] = bias[f] + Σ x̄[n, c, i·stride + k, j·stride + l] · weight[f, c, k, l] over c, k and l,
    where x̄ is `x` with `padding` zeros on every side.

    Parameters
    ----------
    x : (N, C, H, W)
    weight : (F, C, KH, KW)
    bias : (F,), optional
    stride, padding : int or pair of int
        Vertical and horizontal.

    Returns
    -------
    (N, F, (H + 2·padding − KH) // stride + 1, (W + 2·padding − KW) // stride + 1)

    Raises
    ------
    ValueError
        If the shapes do not fit, or the filters are larger than the padded images.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.conv2d(np.ones((1, 3, 28, 28)), np.ones((6, 3, 5, 5)), padding=2).shape
    (1, 6, 28, 28)
    """
    checks.images("conv2d", "x", x)
    if weight.ndim != 4 or weight.shape[1] != x.shape[1] or 0 in weight.shape[2:]:
        raise ValueError(f"conv2d: for x {x.shape} the weight is (F, {x.shape[1]}, KH, KW); got shape {weight.shape}")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"conv2d: for weight {weight.shape} the bias is {weight.shape[:1]}; got shape {bias.shape}")
    return kernels.conv2d(x, weight, bias, _window(x.shape, weight.shape, stride, padding))


@conv2d.backward("x")
def _(grad, weight, x_shape, stride, padding):
    return conv2d_grad_input(grad, weight, x_shape, stride, padding)


@conv2d.backward("weight")
def _(grad, x, weight_shape, stride, padding):
    return conv2d_grad_weight(grad, x, weight_shape, stride, padding)


@conv2d.backward("bias")
def _(grad):
    return sum(grad, axis=(0, 2, 3))


@primitive
def conv2d_grad_input(
    cotangent: Any, weight: Any, x_shape: tuple[int, ...], stride: PairLike, padding: PairLike
) -> Array:
    """Gradient of `conv2d` in `x`, for a gradient `cotangent` of its output."""
    window = _window(x_shape, weight.shape, stride, padding)
    return kernels.conv2d_grad_input(cotangent, weight, x_shape, window)


@conv2d_grad_input.backward("cotangent")
def _(grad, weight, stride, padding):
    return conv2d(grad, weight, None, stride, padding)


@conv2d_grad_input.backward("weight")
def _(grad, cotangent, weight_shape, stride, padding):
    return conv2d_grad_weight(cotangent, grad, weight_shape, stride, padding)


@primitive
def conv2d_grad_weight(
    cotangent: Any, x: Any, weight_shape: tuple[int, ...], stride: PairLike, padding: PairLike
) -> Array:
    """Gradient of `conv2d` in `weight`, for a gradient `cotangent` of its output."""
    window = _window(x.shape, weight_shape, stride, padding)
    return kernels.conv2d_grad_weight(cotangent, x, weight_shape, window)


@conv2d_grad_weight.backward("cotangent")
def _(grad, x, stride, padding):
    return conv2d(x, grad, None, stride, padding)


@conv2d_grad_weight.backward("x")
def _(grad, cotangent, x_shape, stride, padding):
    return conv2d_grad_input(cotangent, grad, x_shape, stride, padding)
