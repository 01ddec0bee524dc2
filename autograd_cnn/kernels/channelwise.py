"""Normalization of channels: moments, scale and shift, and their gradients, each in one pass over memory.

Images lie in memory as (outer, C, inner) in either memory order. A pass takes blocks of the outermost axis that fit
into the processor's cache, so that all but the first operation on a block find it there. BLAS sums along the innermost
axis, so few numbers at a time that float32 is precise enough; these partial sums are added up in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from autograd_cnn.kernels import threads
from autograd_cnn.kernels.layout import IMAGES, ROWS, Array, Order, aligned_like
from autograd_cnn.kernels.sums import largest_divisor, ones

_BLOCK = 131072  # elements, 512 KiB in float32
_SUMMED = 512  # most numbers in a sum by BLAS, which adds them in at least 32 lanes of 16 each
_NEAR = 16  # largest mean² / variance for which float32 is precise enough to subtract the mean after summing
_NEARER = 4  # the same for the variance, and for normalized values
_BUFFER = 8192  # elements of a ufunc's buffer
_SHORT = 256  # elements; shorter rows gain nothing from a shorter buffer


def moments(x: Array) -> tuple[Array, Array]:
    """Return the mean and the biased variance (C,) of the channels of (N, C, …), in float64; zeros if it is empty.

    If no mean is large compared with its standard deviation, the variance is E[x²] − E[x]². Otherwise deviations are
    taken from each row's own mean, and the rows' moments are combined exactly: Chan, Golub and LeVeque, "Updating
    formulae and a pairwise algorithm for computing sample variances", 1979, equation 2.1.
    """
    if not x.size:
        return np.zeros(x.shape[1]), np.zeros(x.shape[1])
    rows = _rows(_order(x), x)
    outer, _, inner = rows.shape
    cut = _cut(rows)
    sums, squares = np.empty((2, *cut.shape[:-1]), x.dtype)

    def measure(block: slice) -> None:
        np.vecdot(cut[block], ones(cut.shape[-1], x.dtype), out=sums[block])
        with np.errstate(over="ignore"):  # then the variance is nan, and the second pass below computes it
            np.vecdot(cut[block], cut[block], out=squares[block])

    _over_blocks(measure, rows)
    exact = sums.sum(-1, dtype=np.float64) / inner
    mean, mean_square = exact.mean(0), squares.sum((0, 2), dtype=np.float64) / (outer * inner)
    with np.errstate(invalid="ignore"):
        variance = mean_square - np.square(mean)
    if (np.square(mean) <= _NEARER * variance).all():
        return mean, variance
    means = exact[:, :, None].astype(x.dtype)

    def measure_again(block: slice) -> None:
        centered = _cut(rows[block] - means[block])
        np.vecdot(centered, centered, out=squares[block])

    _over_blocks(measure_again, rows)
    within = squares.sum((0, 2), dtype=np.float64)
    # Deviations were taken from each row's mean rounded to the dtype of x, which is close enough.
    between = inner * np.square(exact - mean).sum(0)
    return mean, (within + between) / (outer * inner)


def normalize(x: Array, mean: Array, inverse: Array, weight: Array | None, bias: Array | None) -> Array:
    """Return (x − mean) · inverse · weight + bias, for x of shape (N, C, …) and the other values (C,).

    `inverse` is 1 / standard deviation. If no mean is large compared with that deviation, compute x · scale + shift.
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


def normalize_grad(
    grad: Array,
    x: Array,
    mean: Array,
    variance: Array,
    solve: Callable[[Array, Array], tuple[Array, Array, Array]],
) -> tuple[Array, Array, Array]:
    """Return the gradient (grad + of_x · x + shift) · scale of channels (N, C, …), and the sums that `solve` took.

    `solve` takes for each channel the sums of `grad` and of grad · (x − mean), in float64, and returns `of_x`, `shift`
    and `scale`; all are (C,).
    """
    if not x.size:
        nothing = np.zeros(x.shape[1])
        solve(nothing, nothing)  # other processes, which share the batch, may wait for these sums
        return np.array(x), nothing, nothing
    order = _order(x)
    rows, grads = _rows(order, x), _rows(order, grad)
    sums = _gradient_sums(grads, rows, mean, variance)
    of_x, shift, scale = (v.astype(x.dtype)[:, None] for v in solve(*sums))
    out = aligned_like(rows)

    def make(block: slice) -> None:
        here = np.multiply(rows[block], of_x, out=out[block])
        here += shift
        here += grads[block]
        here *= scale

    _over_blocks(make, rows)
    return _images(order, out, x.shape), *sums


def _gradient_sums(grads: Array, rows: Array, mean: Array, variance: Array) -> tuple[Array, Array]:
    """Return for each channel the sums of `grads` and of grads · (rows − mean), in float64.

    If no mean is large compared with its standard deviation, it is subtracted after summing, which saves a pass:
    Σ grad · (x − mean) = Σ grad · x − mean · Σ grad.
    """
    cut = _cut(grads)
    sums = np.empty((2, *cut.shape[:-1]), rows.dtype)
    centered = not (np.square(mean) <= _NEAR * variance).all()

    def measure(block: slice) -> None:
        values = _cut(rows[block] - mean[:, None] if centered else rows[block])
        np.vecdot(cut[block], values, out=sums[1, block])
        np.vecdot(cut[block], ones(cut.shape[-1], rows.dtype), out=sums[0, block])

    _over_blocks(measure, rows)
    of_grad, of_products = sums.sum((1, 3), dtype=np.float64)
    return of_grad, of_products if centered else of_products - mean * of_grad


def _order(x: Array) -> Order:
    """Return the order to work in: IMAGES for a contiguous array of at least as many pixels as images, else ROWS."""
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
                # ufuncs copy rows shorter than their buffer, and a value broadcast along a row, into the buffer.
                np.setbufsize(inner // 16 * 16)
            for top in range(tops[0], tops[-1] + 1, step):
                function(slice(top, min(top + step, tops[-1] + 1)))

    threads.map_pieces(some, threads.split(range(outer), threads.PASS * rows.size))


def _cut(rows: Array) -> Array:
    """View rows (outer, C, inner) as (outer, C, parts, length), in parts that BLAS may sum."""
    length = largest_divisor(rows.shape[2], _SUMMED)
    return rows.reshape(*rows.shape[:2], -1, length)
