"""Between logical images (N, C, H, W) and rows (H, C, W, N), the order they are stored in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_cnn.kernels.window import Pair, Window

Array = NDArray[Any]

_CACHE_LINE = 64  # bytes


def read_only(x: Array) -> Array:
    """Forbid writing into an array that many calls share; gives the array."""
    x.flags.writeable = False
    return x


def least(dtype: np.dtype[Any]) -> float:
    """Give the least number of a type: what padding counts as where maxima are sought."""
    return -math.inf if dtype.kind == "f" else 0 if dtype.kind == "b" else int(np.iinfo(dtype).min)


def aligned(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Make an array, as `np.empty` does, that begins at a cache line: malloc puts one at any multiple of 16 bytes.

    With AVX-512, products with columns that begin elsewhere took 1.3 times as long.
    """
    dtype = np.dtype(dtype)
    memory = np.empty(math.prod(shape) * dtype.itemsize + _CACHE_LINE, np.uint8)
    start = -memory.__array_interface__["data"][0] % _CACHE_LINE
    return np.ndarray(shape, dtype, memory, start)


def to_rows(x: Array) -> Array:
    """View images (N, C, H, W) as contiguous rows (H, C, W, N), copying only what is stored otherwise."""
    return np.ascontiguousarray(x.transpose(2, 1, 3, 0))


def padded_rows(x: Array, window: Window, value: float = 0, least: int = 0) -> Array:
    """Give the rows of images, surrounded with `value` wherever a window reaches beyond them; `least` rows at least."""
    n, c, h, w = x.shape
    height, width = window.padded((h, w))
    height = max(height, least)
    if (height, width) == (h, w):
        return to_rows(x)
    rows = np.full((height, c, width, n), value, x.dtype)
    image_rows(rows, window, (h, w))[:] = x.transpose(2, 1, 3, 0)
    return rows


def image_rows(rows: Array, window: Window, image: Pair) -> Array:
    """View padded rows without their padding."""
    (top, left), (h, w) = window.padding, image
    return rows[top : top + h, :, left : left + w]


def to_images(rows: Array) -> Array:
    """View rows (H, C, W, N) as images (N, C, H, W)."""
    return rows.transpose(3, 1, 0, 2)


def reshape(x: Array, shape: int | Sequence[int]) -> Array:
    """Reshape in C order, keeping the batch innermost in memory where it is and stays the first axis.

    The values are those of `np.reshape`. Flattening rows for a linear layer then copies runs of N elements
    in place of single ones.
    """
    if x.flags.c_contiguous:
        return x.reshape(shape)
    lengths = (shape,) if isinstance(shape, int) else tuple(shape)
    if len(lengths) < 2 or lengths[0] != len(x) or x.strides[0] != x.itemsize:
        return np.reshape(x, lengths)
    try:
        last = x.transpose(*range(1, x.ndim), 0).reshape(*lengths[1:], len(x))  # np.moveaxis takes 2.5 µs
        return last.transpose(last.ndim - 1, *range(last.ndim - 1))
    except ValueError:
        return np.reshape(x, lengths)  # for NumPy's message, with the shape that was given
