"""Convolution as one product with all columns at once (im2col), of images in (N, C, H, W) order.

For a few images, the time of a call is the overhead of its NumPy calls, and this algorithm makes the fewest. Every
element is copied once for each tap, which is too slow for many images.

Chellapilla, Puri and Simard, "High performance convolutional neural networks for document processing", 2006.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np

from autograd_cnn.kernels.layout import Array, View
from autograd_cnn.kernels.problem import Convolution

#: Elements of the largest scratch: 4 MiB in float32.
LARGEST_COLUMNS = 2**20


def suits(problem: Convolution, direction: str) -> bool:
    """Whether there are few images, and the scratch stays small."""
    columns = problem.batch * math.prod(problem.positions) * problem.groups * problem.taps
    if not problem.has_few_images or not 0 < columns <= LARGEST_COLUMNS:
        return False
    return direction != "grad_input" or math.prod(_shares_shape(problem)) <= LARGEST_COLUMNS


def forward(problem: Convolution, x: Array, weight: Array, bias: Array | None) -> Array:
    """Convolve padded images (N, C, H, W): filters (groups, F, taps) @ columns (N, groups, taps, H'·W')."""
    shapes = _shapes(problem)
    out: Array = np.matmul(weight.reshape(shapes.filters), _columns(problem, x))
    if bias is not None:
        out += bias.reshape(problem.groups, problem.features, 1)
    return out.reshape(shapes.out)


def grad_weight(problem: Convolution, grad: Array, x: Array) -> Array:
    """Return the gradient of the weight: (columns @ `grad`ᵀ)ᵀ, summed over the images."""
    grad = grad.reshape(_shapes(problem).grad)
    # The taller matrix comes first: BLAS is faster that way.
    products: Array = np.matmul(_columns(problem, x), grad.swapaxes(2, 3))
    total: Array = products[0] if problem.batch == 1 else products.sum(0)
    return total.swapaxes(1, 2).reshape(problem.weight_shape)


def grad_input(problem: Convolution, grad: Array, weight: Array) -> Array:
    """Return the gradient of the padded images: filtersᵀ @ `grad`, added to where the columns were copied from.

    Each tap's share is written into separate images of zeros, and all are summed: three NumPy calls, whereas adding
    tap by tap makes one for each tap.
    """
    shapes = _shapes(problem)
    columns: Array = np.matmul(weight.reshape(shapes.filters).swapaxes(1, 2), grad.reshape(shapes.grad))
    shares = np.zeros(_shares_shape(problem), columns.dtype)
    targets = _targets(problem).take(shares)
    targets[...] = columns.reshape(shapes.windows).transpose(2, 3, 0, 1, 4, 5)
    total: Array = np.add.reduce(shares.reshape(-1, *shares.shape[2:]), 0)
    return total


def _columns(problem: Convolution, x: Array) -> Array:
    """Copy what the windows see: (N, groups, C·KH·KW, H'·W').

    First copy what each column of the window sees, then from that what each row sees: this copies fewer, longer runs.
    """
    shapes = _shapes(problem)
    across = shapes.across.take(x).copy()
    return shapes.down.take(across).reshape(shapes.columns)


class _Shapes(NamedTuple):
    """Shapes and views of the arrays in a convolution."""

    filters: tuple[int, ...]  # (groups, F, taps)
    windows: tuple[int, ...]  # (N, C, KH, KW, H', W')
    columns: tuple[int, ...]  # (N, groups, taps, H'·W')
    grad: tuple[int, ...]  # (N, groups, F, H'·W')
    out: tuple[int, ...]  # (N, F, H', W')
    across: View  # of padded images: what each column of the window sees, (N, C, KW, H, W')
    down: View  # of a copy of that: what all of the window sees, (N, C, KH, KW, H', W')


@functools.lru_cache(maxsize=512)
def _shapes(problem: Convolution) -> _Shapes:
    """Compute the shapes, which takes as long as convolving a small image and so is cached."""
    window, itemsize = problem.window, problem.dtype.itemsize
    (n, c), (tall, wide), (height, width) = problem.x_shape[:2], problem.padded, problem.positions
    (stride_h, stride_w), (dilation_h, dilation_w) = window.stride, window.dilation
    kh, kw = window.size
    image, plane, row, column = (itemsize * size for size in (c * tall * wide, tall * wide, wide, 1))
    across = View.of(
        (n, image),
        (c, plane),
        (kw, dilation_w * column),
        (tall, row),
        (width, stride_w * column),
    )
    image, plane, tap, row, column = (itemsize * math.prod(across.shape[i:]) for i in range(1, 6))
    down = View.of(
        (n, image),
        (c, plane),
        (kh, dilation_h * row),
        (kw, tap),
        (height, stride_h * row),
        (width, column),
    )
    groups, features, taps = problem.groups, problem.features, problem.taps
    return _Shapes(
        filters=(groups, features, taps),
        windows=down.shape,
        columns=(n, groups, taps, height * width),
        grad=(n, groups, features, height * width),
        out=(n, groups * features, height, width),
        across=across,
        down=down,
    )


def _shares_shape(problem: Convolution) -> tuple[int, ...]:
    """Return the shape of the scratch of `grad_input`: padded images for each tap, (KH, KW, N, C, H, W)."""
    return (*problem.window.size, *problem.x_shape[:2], *problem.padded)


@functools.lru_cache(maxsize=512)
def _targets(problem: Convolution) -> View:
    """Describe the view of these shares where each tap sends gradients to, (KH, KW, N, C, H', W')."""
    window, shape = problem.window, _shares_shape(problem)
    (height, width), (stride_h, stride_w), (dilation_h, dilation_w) = problem.positions, window.stride, window.dilation
    tap_h, tap_w, image, plane, row, column = (problem.dtype.itemsize * math.prod(shape[i:]) for i in range(1, 7))
    return View.of(
        (shape[0], tap_h + dilation_h * row),
        (shape[1], tap_w + dilation_w * column),
        (shape[2], image),
        (shape[3], plane),
        (height, stride_h * row),
        (width, stride_w * column),
    )
