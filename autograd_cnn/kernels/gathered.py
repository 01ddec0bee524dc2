"""Max pooling of a few small images in (N, C, H, W) order: first copies what all windows see, at once.

The time of such a call is the overhead of its NumPy calls, and this algorithm makes the fewest.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from autograd_cnn.kernels.layout import Array, View, read_only
from autograd_cnn.kernels.problem import Pooling

#: Most elements that the windows may see: copying more takes longer than the overhead of NumPy's calls.
LARGEST_COPY = 65_536


def suits(problem: Pooling, direction: str) -> bool:
    """Whether the images are few and small; and, for gradients, whether windows stay apart and within the images."""
    window = problem.window
    seen = math.prod(problem.x_shape) * math.prod(window.size) / math.prod(window.stride)
    if not problem.has_few_images or not 0 < seen <= LARGEST_COPY:
        return False
    return direction == "forward" or (not window.overlaps and problem.inside is None)


def forward(problem: Pooling, x: Array) -> Array:
    """Return the maximum of every window of padded images."""
    most: Array = np.maximum.reduce(_copy(problem, x), 0)
    return most.reshape(*problem.x_shape[:2], *problem.positions)


def winners(problem: Pooling, x: Array, out: Array) -> Array:
    """Return the index of each window's first maximum in the flattened images, (N·C·H'·W',); no maximum is nan."""
    corners, offsets = _places(problem)
    hits = _copy(problem, x) == out.reshape(-1)
    first = np.empty(out.size, np.intp)
    first.fill(offsets[-1])
    for i in range(len(offsets) - 2, -1, -1):
        np.putmask(first, hits[i], offsets[i])
    first += corners
    return first


def numbered(problem: Pooling, numbers: Array) -> Array:
    """Return the same indices, from the numbers of the taps that won."""
    corners, offsets = _places(problem)
    return corners + offsets[numbers.reshape(-1)]


def grad_input(problem: Pooling, grad: Array, winners: Array) -> Array:
    """Return the gradient of the images."""
    total = np.zeros(math.prod(problem.x_shape), grad.dtype)
    total[winners] = grad.reshape(-1)
    return total.reshape(problem.x_shape)


def pick(problem: Pooling, values: Array, winners: Array) -> Array:
    """Return the elements of `values` that `grad_input` sends gradients to: its adjoint."""
    return values.reshape(-1)[winners].reshape(*problem.x_shape[:2], *problem.positions)


def _copy(problem: Pooling, x: Array) -> Array:
    """Copy what each tap of the windows sees: (KH·KW, N·C·H'·W')."""
    return _windows(problem, x.itemsize).take(x).reshape(math.prod(problem.window.size), -1)


@functools.lru_cache(maxsize=512)
def _windows(problem: Pooling, itemsize: int) -> View:
    """View padded images (N, C, H, W) as what each tap of the windows sees, (KH, KW, N, C, H', W')."""
    (n, c), (tall, wide), (height, width) = problem.x_shape[:2], problem.padded, problem.positions
    (stride_h, stride_w), (dilation_h, dilation_w) = problem.window.stride, problem.window.dilation
    image, plane, row, column = (itemsize * size for size in (c * tall * wide, tall * wide, wide, 1))
    return View.of(
        (problem.window.size[0], dilation_h * row),
        (problem.window.size[1], dilation_w * column),
        (n, image),
        (c, plane),
        (height, stride_h * row),
        (width, stride_w * column),
    )


@functools.lru_cache(maxsize=32)
def _places(problem: Pooling) -> tuple[Array, Array]:
    """Return the index of each window's first tap, (N·C·H'·W',), and the offset of each tap from it, (KH·KW,)."""
    places = _copy(problem, np.arange(math.prod(problem.x_shape)).reshape(problem.x_shape))
    return read_only(places[0].copy()), read_only(places[:, 0].copy())
