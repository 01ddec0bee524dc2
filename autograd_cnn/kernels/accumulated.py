"""Convolution without im2col or padding: BLAS multiplies the rows where they lie in memory, and adds up the products.

The R = (t − 1)·stride + KH input rows that a band of `t` output rows reads are adjacent in memory, and form a matrix
(R·C, W·N). Tap l, which is column l of the filters, sees that matrix from its column l·N on, so

    output band (t·F, W'·N)  =  Σ over taps l of  matrix l (t·F, R·C) @ rows (R·C, W'·N) from column l·N on

where matrix l is banded: it holds column l of the filters on the band, and zeros elsewhere. Nothing is copied: BLAS
reads each part where it is, and adds the product to the output. The products leave out the rows and columns of padding.
Both gradients are the same products, transposed:

    matrix l's gradient += output's gradient @ rowsᵀ        rows' gradient += matrix lᵀ @ output's gradient

With a stride along the width, `parting` first copies the rows once, so that a tap again sees adjacent columns.

With few channels, a taller band makes larger products, which BLAS computes faster, but it also multiplies the zeros off
the band. `_band_rows` weighs the two by a model of the time they take.

Algorithms with fewer multiplications, such as Winograd's, are too inaccurate: they add an output's neighbours to it and
subtract them again, and the neighbours' rounding errors remain. Next to a pixel of 10⁶, their outputs are off by
about 1. Miller, "Computational complexity and numerical stability", 1975, shows that every such algorithm pays this.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd_cnn.kernels import banded, gemm, parting, threads
from autograd_cnn.kernels.gemm import Product, Products
from autograd_cnn.kernels.layout import ROWS, Array, View, aligned
from autograd_cnn.kernels.problem import Convolution
from autograd_cnn.kernels.products import LANES, MOST_RESULTS, fewest_unpacked, is_finite, leaves_out_packing

#: Rows of the tallest band.
TALLEST_BAND = 16
#: Output elements that are initialized at once: few enough to be still in cache when products are added to them.
BEGUN = 65536
#: Most rows per column of a forward matrix. With more, as for many features of one or three channels, few terms are
#: added each time that the output is read and written.
MOST_ROWS = 3
#: A product for the weight's gradient is cut by rows only if at most so many pieces of at least so many rows suffice.
MOST_PIECES, FEWEST_ROWS = 6, 12


class Costs(NamedTuple):
    """The nanoseconds that (m, k) @ (k, n) takes: call + n · multiply_add · (m·k + result·m + operand·k).

    Only the ratios matter.
    """

    call: float = 2500.0
    multiply_add: float = 0.017
    result: float = 4.3
    operand: float = 2.9


COSTS = Costs()


def suits(problem: Convolution, direction: str) -> bool:
    """Whether rows that are read together are adjacent in memory, and BLAS can be asked to add to its result."""
    window = problem.window
    together = problem.groups == window.dilation[0] == 1
    # With a stride wider than the window, `parting` would copy more than the taps see.
    narrow = window.stride[1] <= window.size[1]
    if not together or not narrow or not problem.work or not gemm.is_there(problem.dtype.char):
        return False
    t = _band_rows(problem)
    return direction != "forward" or t * problem.features <= MOST_ROWS * _row_lengths(problem, t)[0]


def forward(problem: Convolution, x: Array, weight: Array, bias: Array | None) -> Array:
    """Convolve rows (H, C, W, N); return rows (H', F, W', N)."""
    x, weight = _alike(x, weight)
    if _meets_padding(problem, weight):
        return banded.forward(problem, _padded(problem, x), weight, bias)
    height, width = problem.positions
    out = aligned((height, problem.features, width, problem.batch), x.dtype)
    t = _band_rows_for(problem, x)
    x, matrices = parting.part(problem, x), _matrices(problem, weight, t)
    begun = bias is not None or not _begin_with_products(problem)
    ahead = t * max(BEGUN * height // max(out.size * t, 1), 1)

    def make(tops: Sequence[int]) -> None:
        def begin(i: int) -> None:
            if i * t % ahead == 0:
                out[tops[i] : min(tops[i] + ahead, tops[-1] + t)] = 0 if bias is None else bias[:, None, None]

        products = _products(problem, "forward", t, (tops[0], tops[-1] + 1), x.dtype, begun=begun)
        products.add(matrices, x, out, begin if begun else None)

    threads.map_pieces(make, threads.split(range(0, height, t), problem.work))
    return out


def grad_weight(problem: Convolution, grad: Array, x: Array) -> Array:
    """Return the gradient of the weight, from rows of the output's gradient and of the input."""
    grad, x = _alike(grad, x)
    if _meets_padding(problem, grad):
        return banded.grad_weight(problem, grad, _padded(problem, x))
    t, x = _band_rows(problem), parting.part(problem, x)
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
    """Return the gradient of the input rows (H, C, W, N), from rows of the output's gradient."""
    grad, weight = _alike(grad, weight)
    height = problem.image[0]
    total = aligned(parting.parts(problem).shape, grad.dtype)
    t = _band_rows_for(problem, grad)
    matrices, whole = _matrices(problem, weight, t), (0, problem.positions[0])
    ahead = BEGUN * height // max(total.size, 1)

    def spread(rows: Sequence[int]) -> None:
        inside = rows[0], rows[-1] + 1
        zeroed = rows[0]

        def zero(end: int) -> None:
            """Zero the rows before `end` that have not been zeroed yet, and some more."""
            nonlocal zeroed
            if end > zeroed:
                total[zeroed : min(end + ahead, inside[1])] = 0
                zeroed = end + ahead

        def begin(i: int) -> None:
            zero(i * t * problem.window.stride[0] - problem.window.padding[0] + problem.reads(t))

        _products(problem, "grad_input", t, whole, grad.dtype, inside).add(matrices, grad, total, begin)
        zero(height)

    threads.map_pieces(spread, threads.split(range(height), problem.work))
    return parting.join(problem, total)


def _meets_padding(problem: Convolution, factor: Array) -> bool:
    """Whether the padding's zeros meet values that are not finite: their products are nan, so none may be left out."""
    return problem.inside is not None and not is_finite(factor)


def _padded(problem: Convolution, rows: Array) -> Array:
    return ROWS.pad(ROWS.images(rows), problem)


# --- the products ---------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=512)
def _products(
    problem: Convolution,
    direction: str,
    t: int,
    tops: tuple[int, int],
    dtype: np.dtype[Any],
    inside: tuple[int, int] | None = None,
    begun: bool = True,
) -> Products:
    """Return the products of the bands in a range of output rows, restricted to the input rows `inside`.

    The products of a band form a group. If the output is not `begun`, that is initialized, the products of the first
    tap, which sees all columns, overwrite it.
    """
    of_matrix, of_x, of_out = _row_lengths(problem, t)
    bands = _bands(problem, t, tops, inside or (0, problem.image[0]), dtype.itemsize, begun)

    def of(rows: tuple[int, int, int], transposed: str, arrange: Callable[[Product], Product]) -> Products:
        groups = [
            [piece for p in band for piece in _pieces(arrange(p), rows, transposed, dtype.itemsize)] for band in bands
        ]
        return Products(dtype.char, groups, rows, transposed)

    if direction == "forward":  # out += matrix @ x
        return of((of_matrix, of_x, of_out), "", lambda p: p)
    if direction == "grad_input":  # x += matrixᵀ @ out
        return of((of_matrix, of_out, of_x), "a", lambda p: Product(p.k, p.n, p.m, p.a, p.c, p.b))
    if not _is_turned(problem, t):  # matrix += out @ xᵀ
        return of((of_out, of_x, of_matrix), "b", lambda p: Product(p.m, p.k, p.n, p.c, p.b, p.a))
    # matrixᵀ += x @ outᵀ
    of_turned = t * problem.features
    tap = of_turned * of_matrix * dtype.itemsize

    def turned(p: Product) -> Product:
        return Product(p.k, p.m, p.n, p.b, p.c, p.a // tap * tap + p.a % tap * of_turned)

    return of((of_x, of_out, of_turned), "b", turned)


def _bands(
    problem: Convolution,
    t: int,
    tops: tuple[int, int],
    inside: tuple[int, int],
    itemsize: int,
    begun: bool,
) -> list[list[Product]]:
    """Return, for each band, its products out += matrix @ x, restricted to the input rows `inside`."""
    window, batch = problem.window, problem.batch
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
        for i, (tap, begin, end, shift) in enumerate(parting.taps(problem)):
            matrix = tap * t * problem.features * of_matrix + (first - start) * problem.channels
            x, out = first * problem.channels * of_x + shift * batch, top * problem.features * of_out
            starts = itemsize * matrix, itemsize * (x + begin * batch), itemsize * (out + begin * batch)
            bands[-1].append(Product(m, (end - begin) * batch, k, *starts)._replace(adds=begun or i > 0))
    return bands


def _pieces(p: Product, rows: tuple[int, int, int], transposed: str, itemsize: int) -> list[Product]:
    """Cut a product into pieces that BLAS does not pack, or leave it whole.

    One with many columns is cut by columns. One with a long inner axis, whose second matrix is transposed, is cut so
    that each piece computes some of the results, or some of their terms.
    """
    if transposed != "b":
        return p.pieces("n", _piece(p.m * p.k, p.n), (0, itemsize, itemsize))
    step, length = _piece_of_a_sum(p.m, p.n, p.k)
    return [
        piece
        for some in p.pieces("m", step, (rows[0] * itemsize, 0, rows[2] * itemsize))
        for piece in some.pieces("k", length, (itemsize, itemsize, 0))
    ]


def _begin_with_products(problem: Convolution) -> bool:
    """Whether one tap's products can initialize the whole output: it sees all columns, and every row reads input."""
    (height, width), window = problem.positions, problem.window
    last = (height - 1) * window.stride[0] - window.padding[0]
    taps = parting.taps(problem)
    sees_all = bool(taps) and taps[0].end - taps[0].begin == width
    return sees_all and window.padding[0] < window.size[0] and last < problem.image[0]


def _is_turned(problem: Convolution, t: int) -> bool:
    """Whether to compute the gradient of the matrices transposed: BLAS is faster with more rows than columns."""
    return _row_lengths(problem, t)[0] > t * problem.features


def _row_lengths(problem: Convolution, t: int) -> tuple[int, int, int]:
    """Return the row lengths of a matrix, of the input and of the output, in elements."""
    return (
        problem.reads(t) * problem.channels,
        math.prod(parting.parts(problem).shape[2:]),
        problem.positions[1] * problem.batch,
    )


def _piece_of_a_sum(m: int, n: int, k: int) -> tuple[int, int]:
    """Return the result rows that a piece computes, and the terms that it adds: few enough that BLAS does not pack.

    Cutting by rows alone is best, but BLAS is faster with the whole than with too many pieces.
    """
    by_results = -(-m * n // MOST_RESULTS)
    for pieces in (max(fewest_unpacked(n * k, m, FEWEST_ROWS), by_results), by_results):
        if pieces <= (MOST_PIECES if by_results > 1 else 2) and m >= pieces * FEWEST_ROWS and leaves_out_packing():
            rows = -(-m // pieces)
            return rows, _piece(rows * n, k)
    return m, k if by_results > 1 else _piece(m * n, k)


def _piece(each: int, columns: int) -> int:
    """Return the columns of a piece: as many as BLAS multiplies without packing, in whole cache lines; or all."""
    pieces = fewest_unpacked(each, columns)
    return max(-(-columns // (pieces * LANES)) * LANES, 1)


def _band_rows_for(problem: Convolution, factor: Array) -> int:
    """Return the output rows in a band: one if `factor` is not finite, as zeros off the band would make nan of it."""
    t = _band_rows(problem)
    return t if t == 1 or is_finite(factor) else 1


@functools.lru_cache(maxsize=512)
def _band_rows(problem: Convolution) -> int:
    """Return the number of output rows in a band that takes the least time, according to a model."""
    height, width = problem.positions
    columns = width * problem.batch

    def nanoseconds(t: int) -> float:
        m, k = t * problem.features, _row_lengths(problem, t)[0]
        work = COSTS.multiply_add * (m * k + COSTS.result * m + COSTS.operand * k)
        return -(-height // t) * (COSTS.call * -(-columns // _piece(m * k, columns)) + columns * work)

    rows: int = min(range(1, min(height, TALLEST_BAND) + 1), key=nanoseconds)
    return rows


def _alike(*arrays: Array) -> list[Array]:
    """Convert arrays to their common dtype."""
    dtype = np.result_type(*arrays)
    return [x.astype(dtype, copy=False) for x in arrays]


# --- the matrices of the weights ------------------------------------------------------------------------------------


def _shape(problem: Convolution, t: int) -> tuple[int, ...]:
    """Return the shape of all matrices: (KW, t, F, R, C)."""
    return problem.window.size[1], t, problem.features, problem.reads(t), problem.channels


def _matrices(problem: Convolution, weight: Array, t: int) -> Array:
    """Return the matrices (KW, t·F, R·C), each of which maps the input that a tap sees to `t` output rows."""
    matrices = np.zeros(_shape(problem, t), weight.dtype)
    _diagonal(problem, t, matrices, matrices.strides)[:] = weight.transpose(3, 0, 2, 1)[:, None]
    return matrices


def _diagonal(problem: Convolution, t: int, matrices: Array, strides: tuple[int, ...]) -> Array:
    """View the weights within matrices that have these strides, as (KW, t, F, KH, C)."""
    tap, row, feature, read, channel = strides
    across, features, channels = problem.window.size[1], problem.features, problem.channels
    down = row + problem.window.stride[0] * read
    axes = (across, tap), (t, down), (features, feature), (problem.window.size[0], read), (channels, channel)
    return View.of(*axes).take(matrices)
