"""Convolution and pooling by definition, one tap of the window at a time; the fast kernels are tested against them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from autograd_cnn.kernels.layout import Array, least
from autograd_cnn.kernels.window import Window


def _padded(x: Array, window: Window, value: float = 0) -> Array:
    """Return images (N, C, H, W) padded with `value`, as far as a window reaches."""
    n, c, h, w = x.shape
    padded = np.full((n, c, *window.padded((h, w))), value, x.dtype)
    _inside(padded, window, (h, w))[:] = x
    return padded


def _inside(padded: Array, window: Window, image: tuple[int, ...]) -> Array:
    """Return a view of padded images without the padding."""
    (top, left), (h, w) = window.padding, image
    return padded[:, :, top : top + h, left : left + w]


def _taps(padded: Array, window: Window, image: tuple[int, ...]) -> Iterator[tuple[int, int, Array]]:
    """Yield each tap's row and column in the window, and the pixels (N, C, H', W') that it is applied to."""
    height, width = window.positions((image[0], image[1]))
    for i, j in window.taps():
        yield i, j, padded[:, :, window.rows(i, height), window.columns(j, width)]


def _split(channels: Array, groups: int) -> Array:
    """Return (N, groups·C, H, W) as a view (N, groups, C, H, W)."""
    n, c, h, w = channels.shape
    return channels.reshape(n, groups, c // groups, h, w)


def conv2d(x: Array, weight: Array, bias: Array | None, window: Window, groups: int = 1) -> Array:
    """Sum, over the taps, the pixels times the tap's weights."""
    filters, image = len(weight), x.shape[2:]
    weight = weight.reshape(groups, filters // groups, *weight.shape[1:])
    out = np.zeros((len(x), groups, filters // groups, *window.positions(image)), np.result_type(x, weight))
    for i, j, met in _taps(_padded(x, window), window, image):
        out += np.einsum("ngchw,gfc->ngfhw", _split(met, groups), weight[..., i, j])
    out = out.reshape(len(x), filters, *out.shape[3:])
    return out if bias is None else out + bias[:, None, None]


def conv2d_grad_weight(grad: Array, x: Array, weight_shape: tuple[int, ...], window: Window, groups: int = 1) -> Array:
    """Sum, for each tap, the pixels times the output's gradient over images and positions."""
    filters, channels, *size = weight_shape
    total = np.zeros((groups, filters // groups, channels, *size), np.result_type(grad, x))
    for i, j, met in _taps(_padded(x, window), window, x.shape[2:]):
        total[..., i, j] = np.einsum("ngfhw,ngchw->gfc", _split(grad, groups), _split(met, groups))
    return total.reshape(weight_shape)


def conv2d_grad_input(grad: Array, weight: Array, x_shape: tuple[int, ...], window: Window, groups: int = 1) -> Array:
    """Add the output's gradient, times each tap's weights, to the pixels that the tap was applied to."""
    weight = weight.reshape(groups, len(weight) // groups, *weight.shape[1:])
    image = x_shape[2], x_shape[3]
    total = np.zeros((*x_shape[:2], *window.padded(image)), np.result_type(grad, weight))
    for i, j, met in _taps(total, window, image):
        met += np.einsum("ngfhw,gfc->ngchw", _split(grad, groups), weight[..., i, j]).reshape(met.shape)
    return _inside(total, window, image)


def max_pool2d(x: Array, window: Window) -> Array:
    """Return the maximum over the taps; padding counts as the least number of the dtype, and a nan as the maximum."""
    padded = _padded(x, window, least(x.dtype))
    out: Array = np.max([met for _, _, met in _taps(padded, window, x.shape[2:])], 0)
    return out


def max_pool2d_grad(grad: Array, x: Array, out: Array, window: Window) -> Array:
    """Send the gradient to the first tap, row by row, that saw the maximum; if that is nan, to the last."""
    padded = _padded(x, window, least(x.dtype))
    inside = _padded(np.ones_like(x, bool), window)
    chosen = np.full(out.shape, -1)
    for i, j, met in _taps(padded, window, x.shape[2:]):
        _, _, within = next(t for t in _taps(inside, window, x.shape[2:]) if t[:2] == (i, j))
        better = within & (np.isnan(met) | ((chosen < 0) & (met == out)))
        chosen[better] = i * window.size[1] + j
    total = np.zeros(padded.shape, grad.dtype)
    for i, j, target in _taps(total, window, x.shape[2:]):
        target += np.where(chosen == i * window.size[1] + j, grad, 0)
    return _inside(total, window, x.shape[2:])
