"""Convolution without gathered columns or padding: products of the rows as they lie in memory, added up by BLAS.

The R = (t − 1)·stride + KH input rows that a band of `t` output rows reads lie one after the other in memory, a matrix
(R·C, W·N). From column l·N on it is what tap l of the filters' rows sees, so that

    output band (t·F, W'·N)  =  Σ over taps l of  matrix l (t·F, R·C) @ rows (R·C, W'·N) from column l·N on

where matrix l holds the filters' column l on a band, and zeros. Nothing is copied: BLAS takes each part where it is,
and adds the product to what is there. Padding is left out of the products, as rows and columns that are not there. Both
gradients are the same products read the other way:

    matrix l's gradient += output's gradient @ rowsᵀ        rows' gradient += matrix lᵀ @ output's gradient

A stride along the width parts the columns of the rows by their remainder: those of one remainder are a matrix in which
a tap sees neighbours, as without a stride. That is one copy of the rows, where columns would take one for each tap.

With few channels a taller band makes fuller products, though it also multiplies the zeros off the band. A model of the
time (`_band_rows`) weighs the two.

An algorithm with fewer multiplications, such as Winograd's, does not fit here: it subtracts from an output what it took
from the output's neighbours, and leaves their rounding errors in it. Next to one pixel of 10⁶ its outputs are off by
about 1. Miller, "Computational complexity and numerical stability", 1975, shows that every such algorithm pays this.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd_cnn.kernels import banded, gemm, threads
from autograd_cnn.kernels.gemm import Product, Products
from autograd_cnn.kernels.layout import ROWS, Array, View, aligned
from autograd_cnn.kernels.problem import Convolution
from autograd_cnn.kernels.products import LANES, MOST_RESULTS, fewest_unpacked, is_finite

#: Rows of the tallest band.
TALLEST_BAND = 16
#: Elements that a sum begins with at once: they are still in cache when products are added to them.
BEGUN = 65536
#: A forward matrix has at most so many rows for each of its columns: with more, as for many features of one or three
#: channels, the output is read and written too often for what is added to it.
MOST_ROWS = 3


class Costs(NamedTuple):
    """What (m, k) @ (k, n) takes, in nanoseconds: n · multiply_add · (m·k + result·m + operand·k), and the call.

    Only the proportions count.
    """

    call: float = 2500.0
    multiply_add: float = 0.017
    result: float = 4.3
    operand: float = 2.9


COSTS = Costs()


def suits(problem: Convolution, direction: str) -> bool:
    """Whether rows that are read together lie together in memory, and there is a BLAS that adds."""
    window = problem.window
    together = problem.groups == window.dilation[0] == 1
    # Parted for a single tap, more would be copied than that tap sees.
    one_copy = window.stride[1] == 1 or window.size[1] > 1
    if not together or not one_copy or not problem.work or not gemm.is_there(problem.dtype.char):
        return False
    t = _band_rows(problem, True)
    return direction != "forward" or t * problem.features <= MOST_ROWS * _row_lengths(problem, t)[0]


def forward(problem: Convolution, x: Array, weight: Array, bias: Array | None) -> Array:
    """Convolve rows (H, C, W, N); return rows (H', F, W', N)."""
    x, weight = _alike(x, weight)
    if _meets_padding(problem, weight):
        return banded.forward(problem, _padded(problem, x), weight, bias)
    height, width = problem.positions
    out = aligned((height, problem.features, width, problem.batch), x.dtype)
    t = _band_rows(problem, is_finite(x))
    x, matrices = _parted(problem, x), _matrices(problem, weight, t)

    ahead = t * max(BEGUN * height // max(out.size * t, 1), 1)

    def make(tops: Sequence[int]) -> None:
        def begin(i: int) -> None:
            if i * t % ahead == 0:
                out[tops[i] : min(tops[i] + ahead, tops[-1] + t)] = 0 if bias is None else bias[:, None, None]

        _products(problem, "forward", t, (tops[0], tops[-1] + 1), x.dtype).add(matrices, x, out, begin)

    threads.map_pieces(make, threads.split(range(0, height, t), problem.work))
    return out


def grad_weight(problem: Convolution, grad: Array, x: Array) -> Array:
    """Return the gradient of the weight, from rows of the output's and rows of the input."""
    grad, x = _alike(grad, x)
    if _meets_padding(problem, grad):
        return banded.grad_weight(problem, grad, _padded(problem, x))
    t, x = _band_rows(problem, True), _parted(problem, x)
    across, *lengths = _shape(problem, t)
    turned = _is_turned(problem, t)
    shape = (across, *lengths[2:], *lengths[:2]) if turned else (across, *lengths)

    def add_up(tops: Sequence[int]) -> Array:
        total = np.zeros(shape, x.dtype)
        products = _products(problem, "grad_weight", t, (tops[0], tops[-1] + 1), x.dtype)
        products.add(*((x, grad) if turned else (grad, x)), total)
        return total

    parts = threads.map_pieces(add_up, threads.split(range(0, problem.positions[0], t), problem.work))
    total = functools.reduce(np.add, parts)
    strides = (total.transpose(0, 3, 4, 1, 2) if turned else total).strides
    summed: Array = _diagonal(problem, t, total, strides).sum(1)
    return summed.transpose(1, 3, 2, 0)


def grad_input(problem: Convolution, grad: Array, weight: Array) -> Array:
    """Return the gradient of the rows (H, C, W, N), from rows of the output's."""
    grad, weight = _alike(grad, weight)
    height = problem.image[0]
    total = np.empty(_parts(problem).shape, grad.dtype)
    t = _band_rows(problem, is_finite(grad))
    matrices, whole = _matrices(problem, weight, t), (0, problem.positions[0])
    ahead = BEGUN * height // max(total.size, 1)

    def spread(rows: Sequence[int]) -> None:
        inside = rows[0], rows[-1] + 1
        zeroed = rows[0]

        def zero(end: int) -> None:
            """Zero the rows before `end` that are not zero yet, and some more."""
            nonlocal zeroed
            if end > zeroed:
                total[zeroed : min(end + ahead, inside[1])] = 0
                zeroed = end + ahead

        def begin(i: int) -> None:
            zero(i * t * problem.window.stride[0] - problem.window.padding[0] + problem.reads(t))

        _products(problem, "grad_input", t, whole, grad.dtype, inside).add(matrices, grad, total, begin)
        zero(height)

    threads.map_pieces(spread, threads.split(range(height), problem.work))
    return _joined(problem, total)


def _meets_padding(problem: Convolution, factor: Array) -> bool:
    """Whether there is padding, and what is multiplied with its zeros is not finite: the product is nan then."""
    return problem.inside is not None and not is_finite(factor)


def _padded(problem: Convolution, rows: Array) -> Array:
    return ROWS.pad(ROWS.images(rows), problem)


# --- the columns, parted by a stride --------------------------------------------------------------------------------


class _Parts(NamedTuple):
    """How the columns of the rows are parted: every stride-th from `first` on, for each remainder that a tap sees."""

    first: tuple[int, ...]
    shape: tuple[int, ...]
    """Of the parted rows, (H, C, parts, W / stride, N)."""


@functools.lru_cache(maxsize=512)
def _parts(problem: Convolution) -> _Parts:
    window, (height, width) = problem.window, problem.image
    stride = window.stride[1]
    shifts = range(-window.padding[1], window.size[1] * window.dilation[1] - window.padding[1], window.dilation[1])
    first = tuple(sorted({shift % stride for shift in shifts}))
    return _Parts(first, (height, problem.channels, len(first), -(-width // stride), problem.batch))


def _parted(problem: Convolution, rows: Array) -> Array:
    """Return rows (H, C, W, N) with their columns parted; the last of a part may be missing, and is never read."""
    first, shape = _parts(problem)
    stride = problem.window.stride[1]
    if stride == 1:
        return rows
    parted = aligned(shape, rows.dtype)
    for part, start in enumerate(first):
        columns = rows[:, :, start::stride]
        parted[:, :, part, : columns.shape[2]] = columns
    return parted


def _joined(problem: Convolution, parted: Array) -> Array:
    """Return the rows (H, C, W, N) that were parted, with zeros in columns that no tap sees."""
    first, (height, channels, _, _, batch) = _parts(problem)
    stride, width = problem.window.stride[1], problem.image[1]
    if stride == 1:
        return parted.reshape(height, channels, width, batch)
    rows = np.empty((height, channels, width, batch), parted.dtype)
    for start in range(min(stride, width)):
        columns = rows[:, :, start::stride]
        columns[...] = parted[:, :, first.index(start), : columns.shape[2]] if start in first else 0
    return rows


# --- the products ---------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=512)
def _products(
    problem: Convolution,
    direction: str,
    t: int,
    tops: tuple[int, int],
    dtype: np.dtype[Any],
    inside: tuple[int, int] | None = None,
) -> Products:
    """Return the products of the bands from one output row to before another, of the input rows inside a range.

    Those of a band are a group.
    """
    of_matrix, of_x, of_out = _row_lengths(problem, t)
    most = MOST_RESULTS if direction == "grad_weight" else math.inf  # as every piece makes all of them
    bands = _bands(problem, t, tops, inside or (0, problem.image[0]), dtype.itemsize, most)

    def of(rows: tuple[int, int, int], transposed: str, arrange: Callable[..., Product]) -> Products:
        return Products(dtype.char, [[arrange(*p) for p in band] for band in bands], rows, transposed)

    if direction == "forward":  # out += matrix @ x
        return of((of_matrix, of_x, of_out), "", Product)
    if direction == "grad_input":  # x += matrixᵀ @ out
        return of((of_matrix, of_out, of_x), "a", lambda m, n, k, a, b, c: Product(k, n, m, a, c, b))
    if not _is_turned(problem, t):  # matrix += out @ xᵀ
        return of((of_out, of_x, of_matrix), "b", lambda m, n, k, a, b, c: Product(m, k, n, c, b, a))
    # matrixᵀ += x @ outᵀ
    of_turned = t * problem.features
    tap = of_turned * of_matrix * dtype.itemsize
    return of(
        (of_x, of_out, of_turned),
        "b",
        lambda m, n, k, a, b, c: Product(k, m, n, b, c, a // tap * tap + a % tap * of_turned),
    )


def _bands(
    problem: Convolution, t: int, tops: tuple[int, int], inside: tuple[int, int], itemsize: int, most: float
) -> list[list[Product]]:
    """Return, for each band, its products out += matrix @ x of the input rows inside a range.

    Those with matrices of up to `most` elements are cut in pieces.
    """
    window, width, parts = problem.window, problem.image[1], _parts(problem)
    of_matrix, of_x, of_out = _row_lengths(problem, t)
    bands: list[list[Product]] = []
    for top in range(*tops, t):
        rows = min(t, problem.positions[0] - top)
        start = top * window.stride[0] - window.padding[0]
        first = max(start, inside[0])
        last = min(start + problem.reads(rows), inside[1])
        m, k = rows * problem.features, (last - first) * problem.channels
        bands.append([])
        if k <= 0:  # the band reads nothing but padding
            continue
        for tap in range(window.size[1]):
            shift, remainder = divmod(tap * window.dilation[1] - window.padding[1], window.stride[1])
            columns = -(-(width - remainder) // window.stride[1])
            begin, end = (v * problem.batch for v in (max(0, -shift), min(problem.positions[1], columns - shift)))
            if begin >= end:  # the tap sees nothing but padding
                continue
            shift += parts.first.index(remainder) * parts.shape[3]
            matrix = tap * t * problem.features * of_matrix + (first - start) * problem.channels
            x, out = first * problem.channels * of_x + shift * problem.batch, top * problem.features * of_out
            step = _piece(m * k, end - begin) if m * k <= most else end - begin
            bands[-1] += [
                Product(m, min(step, end - at), k, *(itemsize * v for v in (matrix, x + at, out + at)))
                for at in range(begin, end, step)
            ]
    return bands


def _is_turned(problem: Convolution, t: int) -> bool:
    """Whether the gradient of the matrices is made transposed: BLAS is faster with more rows than columns."""
    return _row_lengths(problem, t)[0] > t * problem.features


def _row_lengths(problem: Convolution, t: int) -> tuple[int, int, int]:
    """Return the lengths of a row of a matrix, of the input rows and of the output rows, in elements."""
    return (
        problem.reads(t) * problem.channels,
        math.prod(_parts(problem).shape[2:]),
        problem.positions[1] * problem.batch,
    )


def _piece(each: int, columns: int) -> int:
    """Return the columns of a piece: as many as BLAS multiplies unpacked, and whole cache lines; or all."""
    pieces = fewest_unpacked(each, columns)
    return max(-(-columns // (pieces * LANES)) * LANES, 1)


@functools.lru_cache(maxsize=512)
def _band_rows(problem: Convolution, finite: bool) -> int:
    """Return the number of output rows in a band that takes the least time, by a model of it."""
    if not finite:
        return 1  # zeros off the band times infinity would be nan
    height, width = problem.positions
    columns = width * problem.batch

    def nanoseconds(t: int) -> float:
        m, k = t * problem.features, _row_lengths(problem, t)[0]
        work = COSTS.multiply_add * (m * k + COSTS.result * m + COSTS.operand * k)
        return -(-height // t) * (COSTS.call * -(-columns // _piece(m * k, columns)) + columns * work)

    rows: int = min(range(1, min(height, TALLEST_BAND) + 1), key=nanoseconds)
    return rows


def _alike(*arrays: Array) -> list[Array]:
    """Return arrays of one dtype."""
    dtype = np.result_type(*arrays)
    return [x.astype(dtype, copy=False) for x in arrays]


# --- the matrices of the weights ------------------------------------------------------------------------------------


def _shape(problem: Convolution, t: int) -> tuple[int, ...]:
    """Return the shape of all matrices: (KW, t, F, R, C)."""
    return problem.window.size[1], t, problem.features, problem.reads(t), problem.channels


def _matrices(problem: Convolution, weight: Array, t: int) -> Array:
    """Return the matrices (KW, t·F, R·C) that make `t` output rows of what each tap sees."""
    matrices = np.zeros(_shape(problem, t), weight.dtype)
    _diagonal(problem, t, matrices, matrices.strides)[:] = weight.transpose(3, 0, 2, 1)[:, None]
    return matrices


def _diagonal(problem: Convolution, t: int, matrices: Array, strides: tuple[int, ...]) -> Array:
    """View where the weights stand in matrices that have these strides: (KW, t, F, KH, C)."""
    tap, row, feature, read, channel = strides
    across, features, channels = problem.window.size[1], problem.features, problem.channels
    down = row + problem.window.stride[0] * read
    axes = (across, tap), (t, down), (features, feature), (problem.window.size[0], read), (channels, channel)
    return View.of(*axes).take(matrices)
