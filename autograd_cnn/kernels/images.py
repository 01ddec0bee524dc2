"""Convolution and pooling of a few images, in plain (N, C, H, W) order: what the windows see is copied, all at once.

With a handful of images a call takes what its NumPy calls take, some microseconds each, and this makes the fewest:
convolution is one product with all the columns (im2col). Every element is copied once a tap, which many images would
pay dearly for.

Chellapilla, Puri and Simard, "High performance convolutional neural networks for document processing", 2006.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np

from autograd_cnn.kernels.layout import Array, least, read_only
from autograd_cnn.kernels.window import Window

#: Elements of the largest columns: 4 MiB in float32.
LARGEST_COLUMNS = 2**20


def conv2d(x: Array, weight: Array, bias: Array | None, window: Window, groups: int) -> Array:
    """Convolve: weights (groups, F, taps) @ columns (N, groups, taps, H'·W')."""
    height, width = window.positions((x.shape[2], x.shape[3]))
    filters = weight.reshape(groups, len(weight) // groups, math.prod(weight.shape[1:]))
    out: Array = np.matmul(filters, _columns(x, window, groups))
    if bias is not None:
        out += bias.reshape(groups, len(bias) // groups, 1)
    return out.reshape(len(x), len(weight), height, width)


def conv2d_grad_weight(grad: Array, x: Array, weight_shape: tuple[int, ...], window: Window, groups: int) -> Array:
    """Give the gradient of the weight: (columns @ `grad`ᵀ)ᵀ, summed over the images."""
    batch, features, height, width = grad.shape
    grad = grad.reshape(batch, groups, features // groups, height * width)
    # The taller matrix first: 16 features by 150 taps took 8.1 µs, and 150 by 16 takes 4.
    products: Array = np.matmul(_columns(x, window, groups), grad.swapaxes(2, 3))
    total: Array = products[0] if batch == 1 else products.sum(0)
    return total.swapaxes(1, 2).reshape(weight_shape)


def conv2d_grad_input(grad: Array, weight: Array, x_shape: tuple[int, ...], window: Window, groups: int) -> Array:
    """Give the gradient of the input: the columns' is filters.T @ `grad`, and goes back to where they were copied.

    Each tap's share is laid out for itself, an image of zeros around it, and then they are summed: three calls,
    where adding tap by tap takes one for each.
    """
    batch, channels, h, w = x_shape
    features, height, width = grad.shape[1:]
    filters = weight.reshape(groups, features // groups, math.prod(weight.shape[1:]))
    grad = grad.reshape(batch, groups, features // groups, height * width)
    columns: Array = np.matmul(filters.swapaxes(1, 2), grad)
    shares = np.zeros((*window.size, batch, channels, *window.padded((h, w))), columns.dtype)
    tap_down, tap_across, each, channel, row, column = shares.strides
    (down, right), (apart, across) = window.stride, window.dilation
    strides = tap_down + row * apart, tap_across + column * across, each, channel, row * down, column * right
    targets: Array = np.ndarray((*window.size, batch, channels, height, width), columns.dtype, shares, 0, strides)
    targets[...] = columns.reshape(batch, channels, *window.size, height, width).transpose(2, 3, 0, 1, 4, 5)
    top, left = window.padding
    total: Array = np.add.reduce(shares.reshape(-1, *shares.shape[2:]), 0)
    return total[:, :, top : top + h, left : left + w]


def shares_size(x_shape: tuple[int, ...], window: Window) -> int:
    """Count the elements of the largest scratch of the above."""
    tall, wide = window.padded((x_shape[2], x_shape[3]))
    return x_shape[0] * x_shape[1] * window.size[0] * window.size[1] * tall * wide


def _columns(x: Array, window: Window, groups: int) -> Array:
    """Copy what the windows see: (N, groups, C·KH·KW, H'·W').

    First what each column of the window meets, and of that what each row meets: 420 runs of 10 elements and 150 of 100
    took 4 µs, where 1,500 runs of 10 took 6 to 9.
    """
    view = _view(x.shape, window, x.itemsize)
    across = np.ndarray(view.across, x.dtype, _padded(x, window, 0), 0, view.strides_across).copy()
    windows: Array = np.ndarray(view.windows, x.dtype, across, 0, view.strides_down)
    n, c, *taps, height, width = view.windows
    return windows.reshape(n, groups, c // groups * math.prod(taps), height * width)


def _padded(x: Array, window: Window, value: float) -> Array:
    """Give images surrounded with `value` wherever a window reaches beyond them."""
    view = _view(x.shape, window, x.itemsize)
    if view.inside is None:
        return np.ascontiguousarray(x)
    padded = np.full(view.padded, value, x.dtype) if value else np.zeros(view.padded, x.dtype)
    padded[view.inside] = x
    return padded


class _View(NamedTuple):
    """How images are looked at through windows; strides are in bytes."""

    padded: tuple[int, ...]  # shape of the images with their padding
    inside: tuple[slice, ...] | None  # where the images are in it, if there is any padding
    windows: tuple[int, ...]  # (N, C, KH, KW, H', W')
    strides: tuple[int, ...]
    across: tuple[int, ...]  # (N, C, KW, H, W'): what each column of the window meets, and of a copy of that
    strides_across: tuple[int, ...]
    strides_down: tuple[int, ...]  # the windows again


@functools.lru_cache(maxsize=512)
def _view(x_shape: tuple[int, ...], window: Window, itemsize: int) -> _View:
    """Work out a view, which takes as long as to copy it, in one small image."""
    n, c, h, w = x_shape
    (top, left), (down, right), (apart, along) = window.padding, window.stride, window.dilation
    tall, wide = window.padded((h, w))
    height, width = window.positions((h, w))
    each, channel, row, column = (length * itemsize for length in (c * tall * wide, tall * wide, wide, 1))
    across = n, c, window.size[1], tall, width
    image, plane, tap, line, _ = (itemsize * math.prod(across[i + 1 :]) for i in range(5))
    return _View(
        (n, c, tall, wide),
        np.s_[:, :, top : top + h, left : left + w] if (tall, wide) != (h, w) else None,
        (n, c, *window.size, height, width),
        (each, channel, row * apart, column * along, row * down, column * right),
        across,
        (each, channel, column * along, row, column * right),
        (image, plane, line * apart, tap, line * down, itemsize),
    )


def max_pool2d(x: Array, window: Window) -> Array:
    """Maximum of every window; padding counts as the least number there is."""
    most: Array = np.maximum.reduce(_taps(x, window), 0)
    return most.reshape(len(x), x.shape[1], *window.positions((x.shape[2], x.shape[3])))


def max_pool2d_grad(grad: Array, x: Array, out: Array, window: Window) -> Array:
    """Send the gradient of every window to its first maximum; windows may not overlap, nor reach beyond the image.

    No maximum is nan.
    """
    corners, offsets = _places(x.shape, window)
    hits = _taps(x, window) == out.reshape(-1)
    first = np.empty(out.size, np.intp)
    first.fill(offsets[-1])
    for i in range(len(offsets) - 2, -1, -1):
        np.putmask(first, hits[i], offsets[i])
    first += corners
    total = np.zeros(x.size, grad.dtype)
    total[first] = grad.reshape(-1)
    return total.reshape(x.shape)


def _taps(x: Array, window: Window) -> Array:
    """Copy what each tap of the windows meets: (KH·KW, N·C·H'·W')."""
    view = _view(x.shape, window, x.itemsize)
    windows: Array = np.ndarray(view.windows, x.dtype, _padded(x, window, least(x.dtype)), 0, view.strides)
    return windows.transpose(2, 3, 0, 1, 4, 5).reshape(math.prod(window.size), -1)


@functools.lru_cache(maxsize=32)
def _places(x_shape: tuple[int, ...], window: Window) -> tuple[Array, tuple[int, ...]]:
    """Give where in the images each window's first tap stands, (N·C·H'·W',), and how much further each tap does."""
    places = _taps(np.arange(math.prod(x_shape)).reshape(x_shape), window)
    return read_only(places[0].copy()), tuple(places[:, 0].tolist())
