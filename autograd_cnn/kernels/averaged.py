"""Average pooling, by slices: sums of windows, divided by the number of elements that count."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from autograd_cnn.kernels import sliced
from autograd_cnn.kernels.layout import Array, aligned_like, read_only
from autograd_cnn.kernels.problem import Pooling


def forward(problem: Pooling, x: Array, count_include_pad: bool) -> Array:
    """Return the mean of every window of padded images (N, C, H, W)."""
    total = sliced.reduce(problem, x, np.add)
    total *= _share(problem, count_include_pad, total.dtype)
    return total


def grad_input(problem: Pooling, grad: Array, count_include_pad: bool) -> Array:
    """Return the gradient of the padded images: each window's gradient, spread evenly over the window."""
    share = grad * _share(problem, count_include_pad, grad.dtype)
    total = aligned_like(share, (*problem.x_shape[:2], *problem.padded))
    total[...] = 0
    for target in sliced.taps(total, problem.window, share):
        target += share
    return total


@functools.lru_cache(maxsize=32)
def _share(problem: Pooling, count_include_pad: bool, dtype: np.dtype[Any]) -> Array:
    """Return 1 / (number of elements that count), for every window, as (1, 1, H', W').

    Padding counts if `count_include_pad`; the part of a last window that hangs over the padding never does.
    """
    lengths, window = [], problem.window
    for axis in (0, 1):
        padding, length = window.padding[axis], problem.image[axis]
        margin = padding if count_include_pad else 0
        starts = np.arange(problem.positions[axis]) * window.stride[axis] - padding
        stops = np.minimum(starts + window.size[axis], length + margin)
        lengths.append(np.maximum(stops - np.maximum(starts, -margin), 1))
    share: Array = 1 / (lengths[0][:, None] * lengths[1])
    return read_only(share.astype(dtype)[None, None])
