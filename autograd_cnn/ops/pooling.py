"""Pooling. The gradients are primitives too, so that pooling differentiates to any order."""

from __future__ import annotations

from typing import Any

from autograd_cnn import kernels
from autograd_cnn.graph import Array
from autograd_cnn.ops import checks
from autograd_cnn.primitive import primitive

PairLike = int | tuple[int, int]


def _window(op: str, x_shape: tuple[int, ...], kernel_size: Any, stride: Any, padding: Any) -> kernels.Window:
    size = checks.pair(op, "kernel_size", kernel_size, least=1)
    window = checks.window(op, x_shape, size, size if stride is None else stride, padding)
    if window.padding[0] > size[0] // 2 or window.padding[1] > size[1] // 2:
        raise ValueError(f"{op}: padding is at most half the window of {size[0]}×{size[1]}; got {window.padding}")
    return window


@primitive
def max_pool2d(x: Any, kernel_size: PairLike, stride: PairLike | None = None, padding: PairLike = 0) -> Array:
    """Maximum of every window; of equal maxima the first, row by row, gets the gradient.

    Parameters
    ----------
    x : (N, C, H, W)
    kernel_size : int or pair of int
        The window, vertical and horizontal.
    stride : int or pair of int, optional
        The window's step; the size of the window by default.
    padding : int or pair of int
        −inf on every side; at most half the window.

    Returns
    -------
    (N, C, (H + 2·padding − KH) // stride + 1, (W + 2·padding − KW) // stride + 1)

    Raises
    ------
    ValueError
        If the window is larger than the padded images.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """
    checks.images("max_pool2d", "x", x)
    return kernels.max_pool2d(x, _window("max_pool2d", x.shape, kernel_size, stride, padding))


@max_pool2d.backward("x")
def _(grad, x, out, kernel_size, stride, padding):
    return max_pool2d_grad(grad, x, out, kernel_size, stride, padding)


@primitive
def max_pool2d_grad(
    cotangent: Any, x: Any, out: Any, kernel_size: PairLike, stride: PairLike | None, padding: PairLike
) -> Array:
    """Gradient of `max_pool2d` in `x`; `x` and `out` only say which element was the maximum."""
    window = _window("max_pool2d", x.shape, kernel_size, stride, padding)
    return kernels.max_pool2d_grad(cotangent, x, out, window)


@max_pool2d_grad.backward("cotangent")
def _(grad, x, out, kernel_size, stride, padding):
    return max_pool2d_pick(grad, x, out, kernel_size, stride, padding)


@primitive
def max_pool2d_pick(
    values: Any, x: Any, out: Any, kernel_size: PairLike, stride: PairLike | None, padding: PairLike
) -> Array:
    """Elements of `values` where `x` has the maximum of each window: the adjoint of `max_pool2d_grad`."""
    window = _window("max_pool2d", x.shape, kernel_size, stride, padding)
    return kernels.max_pool2d_pick(values, x, out, window)


@max_pool2d_pick.backward("values")
def _(grad, x, out, kernel_size, stride, padding):
    return max_pool2d_grad(grad, x, out, kernel_size, stride, padding)


@primitive
def avg_pool2d(x: Any, kernel_size: PairLike, stride: PairLike | None = None, padding: PairLike = 0) -> Array:
    """Mean of every window.

    Parameters
    ----------
    x : (N, C, H, W)
    kernel_size : int or pair of int
        The window, vertical and horizontal.
    stride : int or pair of int, optional
        The window's step; the size of the window by default.
    padding : int or pair of int
        Zeros on every side, which count as elements; at most half the window.

    Returns
    -------
    (N, C, (H + 2·padding − KH) // stride + 1, (W + 2·padding − KW) // stride + 1)

    Raises
    ------
    ValueError
        If the window is larger than the padded images.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.avg_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 3, stride=1)
    array([[[[ 5.,  6.],
             [ 9., 10.]]]])
    """
    checks.images("avg_pool2d", "x", x)
    return kernels.avg_pool2d(x, _window("avg_pool2d", x.shape, kernel_size, stride, padding))


@avg_pool2d.backward("x")
def _(grad, x_shape, kernel_size, stride, padding):
    return avg_pool2d_grad(grad, x_shape, kernel_size, stride, padding)


@primitive
def avg_pool2d_grad(
    cotangent: Any, x_shape: tuple[int, ...], kernel_size: PairLike, stride: PairLike | None, padding: PairLike
) -> Array:
    """Gradient of `avg_pool2d` in `x`."""
    window = _window("avg_pool2d", x_shape, kernel_size, stride, padding)
    return kernels.avg_pool2d_grad(cotangent, x_shape, window)


@avg_pool2d_grad.backward("cotangent")
def _(grad, kernel_size, stride, padding):
    return avg_pool2d(grad, kernel_size, stride, padding)
