"""Normalization of channels: moments, scale and shift, and their gradients, each in one pass over memory.

Images lie in memory as (outer, C, inner), whatever their order. A pass takes blocks of the outermost axis that fit into
the processor's cache, so that all but the first operation on a block finds it there. Sums over the innermost axis are
BLAS's, of so few numbers each that float32 serves; they are added up in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_cnn.kernels import threads
from autograd_cnn.kernels.blas import one_thread
from autograd_cnn.kernels.layout import IMAGES, ROWS, Array, Order, aligned_like
from autograd_cnn.kernels.sums import largest_divisor, ones

_dot: Any = one_thread(np.ndarray.dot)

_BLOCK = 131072  # elements, 512 KiB in float32
_SUMMED = 128  # numbers that BLAS adds in 8 lanes, or more, of 16 each
_MULTIPLIED = 1024  # products that BLAS adds in 32 lanes, or more
_NEAR = 16  # square of a mean by the variance, up to which float32 has precision to spare for the difference
_NEARER = 4  # the same where it is the variance, or what is normalized, that is the difference
_BUFFER = 8192  # elements of a ufunc's buffer
_SHORT = 256  # below, rows are as slow with a short buffer


def moments(x: Array) -> tuple[Array, Array]:
    """Return the mean and the biased variance (C,) of the channels of (N, C, …), in float64; zeros of no elements.

    Where no mean is large beside the deviations from it, the variance is E[x²] − E[x]². Else each row's deviations are
    squared from a mean of its own, and the rows' moments then combined exactly: Chan, Golub and LeVeque, "Updating
    formulae and a pairwise algorithm for computing sample variances", 1979, equation 2.1.
    """
    if not x.size:
        return np.zeros(x.shape[1]), np.zeros(x.shape[1])
    rows = _rows(_order(x), x)
    outer, _, inner = rows.shape
    sums, squares = _partial_sums(rows, _SUMMED), _partial_sums(rows, _MULTIPLIED)

    def measure(block: slice) -> None:
        _add_up(rows[block], sums[block])
        with np.errstate(over="ignore"):  # then the variance is nan, and the deviations are squared instead
            _add_products(rows[block], rows[block], squares[block])

    _over_blocks(measure, rows)
    exact = sums.sum(-1, dtype=np.float64) / inner
    mean, mean_square = exact.mean(0), squares.sum((0, 2), dtype=np.float64) / (outer * inner)
    with np.errstate(invalid="ignore"):
        variance = mean_square - np.square(mean)
    if (np.square(mean) <= _NEARER * variance).all():
        return mean, variance
    means = exact[:, :, None].astype(x.dtype)

    def measure_again(block: slice) -> None:
        centered = rows[block] - means[block]
        _add_products(centered, centered, squares[block])

    _over_blocks(measure_again, rows)
    within = squares.sum((0, 2), dtype=np.float64)
    # A row's squares were taken from its mean as it is in the dtype of x, which is close enough.
    between = inner * np.square(exact - mean).sum(0)
    return mean, (within + between) / (outer * inner)


def normalize(x: Array, mean: Array, inverse: Array, weight: Array | None, bias: Array | None) -> Array:
    """Return (x − mean) · inverse · weight + bias, of channels of (N, C, …) and values (C,).

    `inverse` is that of the standard deviation. Where no mean is large beside that, all is x · scale + shift.
    """
    if not x.size:
        return np.array(x)
    scale, shift = np.float64(1) * inverse, np.float64(0) if bias is None else bias
    near = (np.square(mean * scale) <= _NEARER).all()
    if weight is not None:
        scale = scale * weight
    if near:
        shift = shift - mean * scale
    order = _order(x)
    rows = _rows(order, x)
    out = aligned_like(rows)
    means, scales = mean.astype(x.dtype)[:, None], scale.astype(x.dtype)[:, None]
    shifts = None if bias is None and not near else shift.astype(x.dtype)[:, None]

    def make(block: slice) -> None:
        here = out[block]
        if near:
            np.multiply(rows[block], scales, out=here)
        else:
            np.subtract(rows[block], means, out=here)
            here *= scales
        if shifts is not None:
            here += shifts

    _over_blocks(make, rows)
    return _images(order, out, x.shape)


def gradient_sums(grad: Array, x: Array, mean: Array, variance: Array) -> tuple[Array, Array]:
    """Return for each channel the sums of `grad` and of grad · (x − mean), in float64.

    Where no mean is large beside the deviations from it, it is taken from the sums, which saves a pass:
    Σ grad · (x − mean) = Σ grad · x − mean · Σ grad.
    """
    if not x.size:
        return np.zeros(x.shape[1]), np.zeros(x.shape[1])
    order = _order(x)
    rows, grads, column = _rows(order, x), _rows(order, grad), mean[:, None]
    sums, products = _partial_sums(rows, _SUMMED), _partial_sums(rows, _MULTIPLIED)
    centered = not (np.square(mean) <= _NEAR * variance).all()

    def measure(block: slice) -> None:
        _add_products(grads[block], rows[block] - column if centered else rows[block], products[block])
        _add_up(grads[block], sums[block])

    _over_blocks(measure, rows)
    of_grad, of_products = (partial.sum((0, 2), dtype=np.float64) for partial in (sums, products))
    return of_grad, of_products if centered else of_products - mean * of_grad


def scaled_sum(grad: Array, x: Array, of_x: Array, shift: Array, scale: Array) -> Array:
    """Return (grad + of_x · x + shift) · scale, of channels of (N, C, …) and values (C,) in the dtype of x."""
    if not x.size:
        return np.array(x)
    order = _order(x)
    rows, grads = _rows(order, x), _rows(order, grad)
    out = aligned_like(rows)
    of_rows, shifts, scales = (v[:, None] for v in (of_x, shift, scale))

    def make(block: slice) -> None:
        here = np.multiply(rows[block], of_rows, out=out[block])
        here += shifts
        here += grads[block]
        here *= scales

    _over_blocks(make, rows)
    return _images(order, out, x.shape)


def _order(x: Array) -> Order:
    """Return the order that an array has, or the one with the longer inner axis for one that has neither."""
    shape = _four_axes(x.shape)
    return IMAGES if x.flags.c_contiguous and math.prod(shape[2:]) >= shape[0] else ROWS


def _rows(order: Order, x: Array) -> Array:
    """Return an array (N, C, …) as (outer, C, inner), channels being second in either order; copy only if need be."""
    stored = order.store(x.reshape(_four_axes(x.shape)))
    return stored.reshape(len(stored), x.shape[1], -1)


def _images(order: Order, rows: Array, shape: tuple[int, ...]) -> Array:
    """View (outer, C, inner) in the shape of the images."""
    lengths = _four_axes(shape)
    return order.images(rows.reshape([lengths[axis] for axis in order.axes])).reshape(shape)


def _four_axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (*shape[:2], math.prod(shape[2:3]), math.prod(shape[3:]))


def _over_blocks(function: Callable[[slice], None], rows: Array) -> None:
    """Call a function on blocks of the outermost axis, shared among threads."""
    outer, channels, inner = rows.shape
    step = max(_BLOCK // (channels * inner), 1)

    def some(tops: Sequence[int]) -> None:
        with np.errstate():
            if _SHORT <= inner < _BUFFER:
                # ufuncs copy rows that are shorter than their buffer, and one value for a whole row, into it.
                np.setbufsize(inner // 16 * 16)
            for top in range(tops[0], tops[-1] + 1, step):
                function(slice(top, min(top + step, tops[-1] + 1)))

    threads.map_pieces(some, threads.split(range(outer), threads.PASS * rows.size))


def _partial_sums(rows: Array, most: int) -> Array:
    """Make an array for sums over up to `most` neighbours."""
    outer, channels, inner = rows.shape
    return np.empty((outer, channels, inner // largest_divisor(inner, most)), rows.dtype)


def _add_up(block: Array, out: Array) -> None:
    """Put sums of neighbours into `out`."""
    length = block.size // out.size
    _dot(block.reshape(-1, length), ones(length, block.dtype), out.reshape(-1))


def _add_products(a: Array, b: Array, out: Array) -> None:
    """Put sums of products of neighbours into `out`."""
    shape = (*out.shape, -1)
    np.vecdot(a.reshape(shape), b.reshape(shape), out=out)
