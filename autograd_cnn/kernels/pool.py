"""Pooling by slices.

A window's taps are strided slices of the rows. Maxima and sums go down the height first, over runs of
C·W·N contiguous elements, then along the width of what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from autograd_cnn.kernels.layout import Array, padded_rows, to_images, to_rows
from autograd_cnn.kernels.window import Window


def _reduce(rows: Array, window: Window, combine: Callable[..., Any]) -> Array:
    """Combine the elements of every window, in an array of its own."""
    height = (rows.shape[0] - window.size[0]) // window.stride[0] + 1
    width = (rows.shape[2] - window.size[1]) // window.stride[1] + 1
    tall = rows[window.rows(0, height)].copy()
    for tap in range(1, window.size[0]):
        combine(tall, rows[window.rows(tap, height)], out=tall)
    out = tall[:, :, window.columns(0, width)].copy()
    for tap in range(1, window.size[1]):
        combine(out, tall[:, :, window.columns(tap, width)], out=out)
    return out


def _taps(rows: Array, window: Window, out_shape: tuple[int, ...]) -> Iterator[Array]:
    """View, for each tap of the window in turn, the elements it meets: (H', C, W', N)."""
    for i, j in window.taps():
        yield rows[window.rows(i, out_shape[0]), :, window.columns(j, out_shape[2])]


def max_pool2d(x: Array, window: Window) -> Array:
    """Maximum of every window of (N, C, H, W); padding counts as −inf."""
    return to_images(_reduce(padded_rows(x, window.padding, -np.inf), window, np.maximum))


def _hits(x: Array, out: Array, window: Window) -> Iterator[Array]:
    """Tell, tap by tap, which windows have their first maximum there."""
    open_windows = np.ones(out.shape, bool)
    for tap in _taps(x, window, out.shape):
        hit = tap == out
        hit &= open_windows
        open_windows ^= hit
        yield hit


def max_pool2d_grad(grad: Array, x: Array, out: Array, window: Window) -> Array:
    """Send the gradient of every window to its first maximum."""
    rows, grad = padded_rows(x, window.padding, -np.inf), to_rows(grad)
    total = np.zeros(rows.shape, grad.dtype)
    for target, hit in zip(_taps(total, window, grad.shape), _hits(rows, to_rows(out), window), strict=True):
        if window.overlaps:
            target += grad * hit
        else:
            np.multiply(grad, hit, out=target)
    return to_images(total, window.padding)


def max_pool2d_pick(values: Array, x: Array, out: Array, window: Window) -> Array:
    """Pick from `values`, shaped as `x`, the element at every window's first maximum: the adjoint of the above."""
    rows, picked_from = padded_rows(x, window.padding, -np.inf), padded_rows(values, window.padding)
    picked = np.zeros_like(to_rows(out), dtype=values.dtype)
    for value, hit in zip(_taps(picked_from, window, picked.shape), _hits(rows, to_rows(out), window), strict=True):
        picked += value * hit
    return to_images(picked)


def avg_pool2d(x: Array, window: Window) -> Array:
    """Mean of every window of (N, C, H, W); padding counts as zeros."""
    total = _reduce(padded_rows(x, window.padding), window, np.add)
    total /= window.size[0] * window.size[1]
    return to_images(total)


def avg_pool2d_grad(grad: Array, x_shape: tuple[int, ...], window: Window) -> Array:
    """Spread the gradient of every window evenly over it."""
    share = to_rows(grad / (window.size[0] * window.size[1]))
    height, width = window.padded((x_shape[2], x_shape[3]))
    total = np.zeros((height, x_shape[1], width, x_shape[0]), share.dtype)
    for target in _taps(total, window, share.shape):
        target += share
    return to_images(total, window.padding)
