"""Pooling. The gradients are primitives too, so that pooling can be differentiated to any order."""

from __future__ import annotations

from functools import partial
from typing import Any

from autograd_cnn import kernels
from autograd_cnn.calls.operands import named
from autograd_cnn.ops import checks
from autograd_cnn.ops.batching import of_images
from autograd_cnn.ops.checks import operand
from autograd_cnn.ops.reduction import mean
from autograd_cnn.primitive import primitive
from autograd_cnn.variable import Array

PairLike = int | tuple[int, int]


@checks.remembered
def _window(
    op: str, x_shape: tuple[int, ...], kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> kernels.Window:
    size = checks.pair(op, "kernel_size", kernel_size, least=1)
    window = checks.window(
        op,
        x_shape,
        size,
        stride=size if stride is None else stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
    )
    if window.padding[0] > size[0] // 2 or window.padding[1] > size[1] // 2:
        raise ValueError(f"{op}: padding is at most half the window of {size[0]}×{size[1]}; got {window.padding}")
    return window


def max_pool2d(
    x: Any,
    kernel_size: PairLike,
    stride: PairLike | None = None,
    padding: PairLike = 0,
    dilation: PairLike = 1,
    ceil_mode: bool = False,
) -> Any:
    """Maximum of every window. Of equal maxima the first, row by row, gets the gradient.

    As in PyTorch, a nan is the maximum of its window, and the last nan in a window gets the gradient. Integers and
    booleans keep their dtype.

    Parameters
    ----------
    x : (N, C, H, W) or (C, H, W)
    kernel_size : int or pair of int
        The window, vertical and horizontal.
    stride : int or pair of int, optional
        Step of the window; by default the size of the window.
    padding : int or pair of int
        Rows and columns of −inf on every side; at most half the window. The maximum of a window of padding alone is
        −inf, without a gradient; for integers, which have no −inf, such a window is an error.
    dilation : int or pair of int
        Distance between the elements of a window.
    ceil_mode : bool
        Whether a last window may extend beyond the end, if it starts before the end of the image.

    Returns
    -------
    (N, C, H', W'), with H' = (H + 2·padding − dilation·(KH − 1) − 1) / stride + 1, rounded down, or up with
    `ceil_mode`, and W' likewise

    Raises
    ------
    ValueError
        If the window is larger than the padded images, or if a window over integers contains only padding.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """
    return of_images(_max_pool2d, x, kernel_size, stride, padding, dilation, ceil_mode)


@primitive(residuals=("winners", "window"))
def _max_pool2d(
    x: Any, kernel_size: PairLike, stride: PairLike | None, padding: PairLike, dilation: PairLike, ceil_mode: bool
) -> Any:
    """Pool a batch of images; the positions of the maxima are kept for the backward pass, not the images."""
    checks.images("max_pool2d", "x", x.shape)
    window = _window("max_pool2d", x.shape, kernel_size, stride, padding, dilation, ceil_mode)
    if x.dtype.kind != "f" and window.misses((x.shape[2], x.shape[3])):
        raise ValueError(
            f"max_pool2d: with kernel_size {window.size}, stride {window.stride}, padding {window.padding}, dilation "
            f"{window.dilation} and ceil_mode={ceil_mode}, a window over x {x.shape} contains only padding, which is "
            f"−inf, and {x.dtype} has no −inf; use less padding, or floats"
        )
    out = kernels.max_pool2d(x, window)
    return out, partial(kernels.max_pool2d_winners, x, out, window), window


@_max_pool2d.backward("x")
def _(grad, winners, x_shape, window):
    return max_pool2d_grad(grad, winners, x_shape, window)


@primitive
def max_pool2d_grad(cotangent: Any, winners: Array, x_shape: tuple[int, ...], window: kernels.Window) -> Array:
    """Gradient of `max_pool2d` with respect to `x`; `winners` say which elements the gradients go to."""
    return kernels.max_pool2d_grad(cotangent, winners, x_shape, window)


@max_pool2d_grad.backward("cotangent")
def _(grad, winners, window):
    return max_pool2d_pick(grad, winners, window)


@primitive
def max_pool2d_pick(values: Any, winners: Array, window: kernels.Window) -> Array:
    """Elements of `values` where each window has its winner; the adjoint of `max_pool2d_grad`."""
    return kernels.max_pool2d_pick(values, winners, window)


@max_pool2d_pick.backward("values")
def _(grad, values_shape, winners, window):
    return max_pool2d_grad(grad, winners, values_shape, window)


def avg_pool2d(
    x: Any,
    kernel_size: PairLike,
    stride: PairLike | None = None,
    padding: PairLike = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """Mean of every window.

    Parameters
    ----------
    x : (N, C, H, W) or (C, H, W)
    kernel_size : int or pair of int
        The window, vertical and horizontal.
    stride : int or pair of int, optional
        Step of the window; by default the size of the window.
    padding : int or pair of int
        Rows and columns of zeros on every side; at most half the window.
    ceil_mode : bool
        Whether a last window may extend beyond the end, if it starts before the end of the image.
    count_include_pad : bool
        Whether the padding counts as elements. What lies beyond the padding never does.

    Returns
    -------
    (N, C, H', W'), with H' = (H + 2·padding − KH) / stride + 1, rounded down, or up with `ceil_mode`, and W'
    likewise

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
    return of_images(_avg_pool2d, x, kernel_size, stride, padding, ceil_mode, count_include_pad)


@primitive(domain="floating", residuals=("window",))
def _avg_pool2d(
    x: Any,
    kernel_size: PairLike,
    stride: PairLike | None,
    padding: PairLike,
    ceil_mode: bool,
    count_include_pad: bool,
) -> Any:
    """Pool a batch of images."""
    checks.images("avg_pool2d", "x", x.shape)
    window = _window("avg_pool2d", x.shape, kernel_size, stride, padding, 1, ceil_mode)
    return kernels.avg_pool2d(x, window, count_include_pad), window


@_avg_pool2d.backward("x")
def _(grad, x_shape, window, count_include_pad):
    return avg_pool2d_grad(grad, x_shape, window, count_include_pad)


@primitive
def avg_pool2d_grad(cotangent: Any, x_shape: tuple[int, ...], window: kernels.Window, count_include_pad: bool) -> Array:
    """Gradient of `avg_pool2d` with respect to `x`."""
    return kernels.avg_pool2d_grad(cotangent, x_shape, window, count_include_pad)


@avg_pool2d_grad.backward("cotangent")
def _(grad, window, count_include_pad):
    return _avg_pool2d(grad, window.size, window.stride, window.padding, window.ceil_mode, count_include_pad)


@named
def global_avg_pool2d(x: Any) -> Any:
    """Mean of every channel of every image: (N, C, H, W) to (N, C), or (C, H, W) to (C,).

    Lin, Chen and Yan, "Network in network", 2014, section 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.global_avg_pool2d(np.arange(8.0).reshape(1, 2, 2, 2))
    array([[1.5, 5.5]])
    """
    x = operand("global_avg_pool2d", "x", x)
    if x.ndim != 3:
        checks.images("global_avg_pool2d", "x", x.shape)
    return mean(x, (-2, -1))
