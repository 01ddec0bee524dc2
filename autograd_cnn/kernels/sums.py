"""Sums and means over axes; in float32 the error is at most 1e-6 of the sum of the absolute values.

NumPy adds a million rows one after the other, and in float32 is 1 % off. Here at most 16 are added that way: their 15
roundings of 6e-8 each amount to at most 9e-7, whatever the values. The partial sums, a sixteenth as many, are then
added in float64. Along a contiguous axis NumPy sums pairwise, which is precise enough to be used as it is.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from autograd_cnn.kernels.blas import one_thread
from autograd_cnn.kernels.layout import ROWS, Array, memory_order, read_only

Axis = int | tuple[int, ...] | None

_sum: Any = np.add.reduce  # what np.sum calls, without its overhead
_dot: Any = one_thread(np.ndarray.dot)

_FEW = 16  # numbers that are added one after the other
_SMALL = 4096  # elements, up to which summing directly in float64 is fastest
_WIDE = 512  # elements of a row to add at once: shorter rows are added more slowly
_LANES = 128  # most numbers in a sum by BLAS, which adds them in at least 8 lanes of 16 each


def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Array:
    """Sum over `axis`, as `np.sum`."""
    if type(axis) is tuple and len(axis) == 1:
        axis = axis[0]
    if (
        type(axis) is int
        and type(x) is np.ndarray
        and -x.ndim <= axis < x.ndim
        and x.dtype.char != "e"
        and (x.shape[axis] <= _FEW or (x.strides[axis] == x.itemsize and x.flags.forc))
    ):  # NumPy is precise with few numbers, or along a contiguous axis
        return np.asarray(_sum(x, axis, None, None, keepdims))
    if not isinstance(x, np.ndarray) or x.dtype.char not in "efd" or x.ndim < 2:
        return np.asarray(_sum(x, axis=axis, keepdims=keepdims))
    kind = x.dtype.char
    if kind == "e":
        return sum(x.astype(np.float32), axis, keepdims).astype(np.float16)
    if axis == (0, 2, 3) and x.ndim == 4 and x.size:
        total = _over_all_but_channels(x)
        return total.reshape(1, -1, 1, 1) if keepdims else total
    if kind == "d" or (axis is None and x.flags.forc):
        return np.asarray(_sum(x, axis, None, None, keepdims))
    if x.size <= _SMALL:
        return np.asarray(_sum(x, axis, np.float64, None, keepdims), np.float32)
    return _over_any_axes(x, axis, keepdims)


def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Array:
    """Mean over `axis`, as `np.mean`."""
    if not isinstance(x, np.ndarray) or x.dtype.char not in "efd" or not x.size:
        return np.asarray(np.mean(x, axis=axis, keepdims=keepdims))
    if x.dtype.char == "e":  # the sum may overflow float16
        return mean(x.astype(np.float32), axis, keepdims).astype(np.float16)
    total = sum(x, axis, keepdims)
    return np.asarray(total / (x.size // total.size))


def _over_any_axes(x: Array, axis: Axis, keepdims: bool) -> Array:
    """Sum float32 over axes in any memory order, from the innermost outwards."""
    if axis == 0 and x.flags.c_contiguous:
        total = _over_one_axis(x.reshape(len(x), math.prod(x.shape[1:])), 0)
        return total.reshape((1, *x.shape[1:]) if keepdims else x.shape[1:])
    axes = range(x.ndim) if axis is None else normalize_axis_tuple(axis, x.ndim)
    order = memory_order(x)
    # Merge neighbouring axes that are both summed or both kept, if they are contiguous in memory.
    lengths, summed = [x.shape[order[0]]], [order[0] in axes]
    for before, i in itertools.pairwise(order):
        if (i in axes) == summed[-1] and x.strides[before] == x.strides[i] * x.shape[i]:
            lengths[-1] *= x.shape[i]
        else:
            lengths.append(x.shape[i])
            summed.append(i in axes)
    total = x.transpose(order).reshape(lengths)
    for i in reversed(range(len(summed))):
        if summed[i]:
            total = _over_one_axis(total, i)
    kept = [i for i in order if i not in axes]
    total = total.reshape([x.shape[i] for i in kept]).transpose([kept.index(i) for i in sorted(kept)])
    return total.reshape([1 if i in axes else n for i, n in enumerate(x.shape)]) if keepdims else total


def _over_one_axis(x: Array, axis: int) -> Array:
    """Sum a float32 array, whose axes are in memory order, over one axis, which stays with length 1."""
    before, length, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    inner = math.prod(after)
    if length <= _FEW or inner == 1:
        return np.asarray(_sum(x, axis=axis, keepdims=True))
    blocks, left = divmod(length, _FEW)
    # A few narrow rows that are contiguous form one wide row: its sum holds as many rows of partial sums.
    rows = largest_divisor(blocks, max(_WIDE // inner, 1)) if x.flags.c_contiguous else 1
    here = (slice(None),) * axis
    whole = x[(*here, slice(length - left))].reshape(*before, blocks // rows, _FEW, rows, *after)
    partial = _sum(whole, axis=axis + 1).reshape(*before, blocks, *after)
    total = _sum(partial, axis=axis, keepdims=True, dtype=np.float64)
    if left:
        total += _sum(x[(*here, slice(length - left, None))], axis=axis, keepdims=True)
    return np.asarray(total, np.float32)


def _over_all_but_channels(x: Array) -> Array:
    """Return sums (C,) of images (N, C, H, W), by products with ones: with many images, faster than np.sum."""
    stored = x if x.flags.c_contiguous else ROWS.store(x)  # (N, C, H, W) or (H, C, W, N)
    outer, channels, *inner = stored.shape
    length = math.prod(inner)
    part = largest_divisor(length, _LANES)
    if part < _FEW or len(x) == 1:
        sums = _sum(stored.reshape(outer * channels, length), axis=1)
        if outer == 1:
            return np.asarray(sums)
    else:
        sums = _dot(stored.reshape(x.size // part, part), ones(part, x.dtype))
    total: Array = _sum(_sum(sums.reshape(outer, -1), 0, np.float64).reshape(channels, -1), 1)
    return total.astype(x.dtype)


@functools.lru_cache(maxsize=512)
def largest_divisor(length: int, most: int) -> int:
    """Return the largest number up to `most` that divides a length."""
    return max(n for n in range(1, most + 1) if length % n == 0)


@functools.lru_cache(maxsize=512)
def ones(length: int, dtype: np.dtype[Any]) -> Array:
    """Return a vector of ones that calls share."""
    return read_only(np.ones(length, dtype))
