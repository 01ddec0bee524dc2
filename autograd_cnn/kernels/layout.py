"""How arrays lie in memory: the orders of images, strided views, and alignment.

Images are logically (N, C, H, W) everywhere. A kernel works in one of two memory orders, and only the dispatchers,
`conv` and `pool`, choose the order and convert.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autograd_cnn.kernels.problem import Pooling

Array = NDArray[Any]

_CACHE_LINE = 64  # bytes
_ALIGNED = 4096  # elements from which alignment pays
_INTEGERS = {char: np.dtype(integer) for char, integer in (("e", "u2"), ("f", "u4"), ("d", "u8"))}


@dataclass(frozen=True)
class Order:
    """An order of the axes of images in memory.

    Parameters
    ----------
    axes : tuple of int
        Axes of (N, C, H, W), from the outermost to the innermost.
    """

    axes: tuple[int, int, int, int]

    @cached_property
    def _inverse(self) -> tuple[int, ...]:
        return tuple(self.axes.index(axis) for axis in range(4))

    @cached_property
    def _is_theirs(self) -> bool:  # a needless transpose would take a tenth of the time of a call for one image
        return self.axes == (0, 1, 2, 3)

    def store(self, x: Array) -> Array:
        """Return images (N, C, H, W) as a contiguous array with the axes in this order; copy only if need be."""
        stored = x if self._is_theirs else x.transpose(self.axes)
        if stored.size < _ALIGNED or stored.flags.c_contiguous:
            return np.ascontiguousarray(stored)
        copy = aligned(stored.shape, x.dtype)
        copy[...] = stored
        return copy

    def images(self, stored: Array) -> Array:
        """View an array with the axes in this order as images (N, C, H, W)."""
        return stored if self._is_theirs else stored.transpose(self._inverse)

    def pad(self, x: Array, problem: Pooling, value: float = 0) -> Array:
        """Return images as `store` does, surrounded with `value` wherever a window reaches beyond them."""
        if problem.inside is None:
            return self.store(x)
        lengths = (*x.shape[:2], *problem.padded)
        shape = tuple(lengths[axis] for axis in self.axes)
        if value or math.prod(shape) >= _ALIGNED:
            padded = aligned(shape, x.dtype)
            padded[...] = value
        else:
            padded = np.zeros(shape, x.dtype)
        self.images(padded)[problem.inside] = x
        return padded

    def crop(self, padded: Array, problem: Pooling) -> Array:
        """View padded images in this order as images (N, C, H, W) without their padding."""
        images = self.images(padded)
        return images if problem.inside is None else images[problem.inside]


#: Images one after the other: best for a few.
IMAGES = Order((0, 1, 2, 3))
#: Rows (H, C, W, N), the batch innermost: copies and products of many images run over long contiguous stretches.
ROWS = Order((2, 1, 3, 0))


class View(NamedTuple):
    """A strided view, which can be taken of any array of the same shape, memory order and dtype."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @classmethod
    def of(cls, *axes: tuple[int, int]) -> View:
        """Describe a view by its axes, each a length and a stride in bytes."""
        lengths, strides = zip(*axes, strict=True)
        return cls(lengths, strides)

    def take(self, x: Array, start: int = 0) -> Array:
        """View a contiguous array from the byte `start` on."""
        return np.ndarray(self.shape, x.dtype, x, start, self.strides)


def memory_order(x: Array) -> tuple[int, ...]:
    """Return the axes of an array, from the outermost to the innermost in memory."""
    return _order_and_inverse(x.strides)[0]


@lru_cache(maxsize=1024)
def _order_and_inverse(strides: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    order = sorted(range(len(strides)), key=lambda axis: -abs(strides[axis]))
    return tuple(order), tuple(order.index(axis) for axis in range(len(order)))


def read_only(x: Array) -> Array:
    """Make an array that many calls share read-only, and return it."""
    x.flags.writeable = False
    return x


def least(dtype: np.dtype[Any]) -> float:
    """Return the smallest value of a dtype, which padding counts as in a maximum."""
    return -math.inf if dtype.kind == "f" else 0 if dtype.kind == "b" else int(np.iinfo(dtype).min)


def as_bits(x: Array) -> Array:
    """View floating point numbers as unsigned integers: times 0 or 1, even an infinity or a nan is 0 or itself."""
    try:
        return x.view(_INTEGERS[x.dtype.char])
    except KeyError:
        if x.dtype.kind in "iub":
            return x
        raise TypeError(f"kernels take float16, float32, float64, integers or booleans; got {x.dtype}") from None


def aligned(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return an uninitialized array, like `np.empty`, that begins at a cache line.

    malloc aligns to 16 bytes only, and each AVX-512 vector would then be loaded from two cache lines: convolutions
    take 1.2 to 1.7 × as long. So this function makes every array that may be passed to a convolution.
    """
    dtype = np.dtype(dtype)
    memory = np.empty(math.prod(shape) * dtype.itemsize + _CACHE_LINE, np.uint8)
    # ctypes returns the address five times as fast as NumPy's __array_interface__.
    start = -ctypes.addressof(ctypes.c_char.from_buffer(memory.data)) % _CACHE_LINE
    return np.ndarray(shape, dtype, memory, start)


def aligned_like(x: Array, shape: tuple[int, ...] | None = None) -> Array:
    """Return an array aligned in this way, with the memory order of `x`, like `np.empty_like`.

    Small arrays are not aligned, as that costs a microsecond.
    """
    lengths = x.shape if shape is None else shape
    if math.prod(lengths) < _ALIGNED:
        return np.empty_like(x, shape=lengths, subok=False)
    if x.flags.c_contiguous:
        return aligned(lengths, x.dtype)
    order, inverse = _order_and_inverse(x.strides)
    return aligned(tuple(lengths[axis] for axis in order), x.dtype).transpose(inverse)


def aligned_copy(x: Array) -> Array:
    """Return a copy, like `x.copy(order="K")`, that begins at a cache line unless it is small."""
    copy = aligned_like(x)
    copy[...] = x
    return copy


def reshape(x: Array, shape: int | Sequence[int]) -> Array:
    """Reshape in C order, but keep the batch innermost in memory if it is innermost and stays the first axis.

    The values are those of `np.reshape`. Flattening rows for a linear layer then copies runs of N elements instead of
    single ones.
    """
    if x.flags.c_contiguous:
        return x.reshape(shape)
    lengths = (shape,) if isinstance(shape, int) else tuple(shape)
    if len(lengths) < 2 or lengths[0] != len(x) or x.strides[0] != x.itemsize:
        return np.reshape(x, lengths)
    try:
        last = x.transpose(*range(1, x.ndim), 0).reshape(*lengths[1:], len(x))  # np.moveaxis is slower
        return last.transpose(last.ndim - 1, *range(last.ndim - 1))
    except ValueError:
        return np.reshape(x, lengths)  # for NumPy's error message, with the given shape
