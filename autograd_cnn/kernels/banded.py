"""Convolution by banded matrices, of rows with the batch innermost in memory: it suits every problem.

A band of `t` output rows reads `R = (t − 1)·stride + KH` input rows. They are gathered as columns, with a copy for each
of the KW taps along the width only, and one product with a banded matrix of the weights computes all `t` rows:

    output band (t·F, W'·N)  =  band (t·F, C·KW·R) @ columns (C·KW·R, W'·N)

Both gradients are that product, transposed: the weight's is the part of `grad @ columnsᵀ` on the band, and the
input's is `bandᵀ @ grad`, added to where the columns were gathered from. The columns are scratch memory for one band,
of at most `LARGEST_COLUMNS` elements; no array of the kernel's size times the image's outlives a call. Groups are a
separate leading axis, and the products are batched over it.

A taller band copies fewer elements, needs less Python, and makes a larger product where there are few features, but it
also multiplies the zeros off the band. `_band_rows` weighs the two by a model of the time they take.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd_cnn.kernels import threads
from autograd_cnn.kernels.layout import Array, View, aligned
from autograd_cnn.kernels.problem import Convolution
from autograd_cnn.kernels.products import is_finite, multiply, multiply_transposed

#: Elements of a thread's largest scratch: 16 MiB in float32. A band is cut into narrower tiles to stay within it.
LARGEST_COLUMNS = 4 * 2**20
#: Rows of the tallest band, unless one band makes the whole output: taller ones multiply mostly zeros.
TALLEST_BAND = 16


class Costs(NamedTuple):
    """Nanoseconds that a band takes besides its product: for its Python, and to move an element to or from the columns.

    Only the ratios to `MULTIPLY_ADD` matter.
    """

    band: float
    move: float


GATHER, SCATTER = Costs(6000.0, 0.12), Costs(16000.0, 0.3)
#: Nanoseconds of a multiply-add in a product of many rows. A product of m rows
#: runs at m / (m + HALF_SPEED_ROWS) of that speed.
MULTIPLY_ADD, HALF_SPEED_ROWS = 0.017, 5


def suits(problem: Convolution, direction: str) -> bool:  # noqa: ARG001 -- every algorithm's signature
    """Return True: every problem can be solved by bands."""
    return True


def forward(problem: Convolution, x: Array, weight: Array, bias: Array | None) -> Array:
    """Convolve padded rows (H, C, W, N); return rows (H', F, W', N)."""
    height, width = problem.positions
    out = aligned((height, len(weight), width, problem.batch), np.result_type(x, weight))
    tiling = _tile(problem, is_finite(x), GATHER)
    for t, tiles in tiling.bands:
        make = functools.partial(_make, problem, out, _matrix(problem, weight, t, bias), x)
        threads.map_pieces(make, threads.split(tiles, tiling.work))
    return out


def grad_weight(problem: Convolution, grad: Array, x: Array) -> Array:
    """Return the gradient of the weight, from rows of the output's gradient and padded rows of the input."""
    total = np.zeros(problem.weight_shape, np.result_type(grad, x))
    tiling = _tile(problem, True, GATHER)
    for t, tiles in tiling.bands:
        sum_of_products = functools.partial(_sum_of_products, problem, grad, x)
        products = threads.map_pieces(sum_of_products, threads.split(tiles, tiling.work))
        _add_matrix(problem, total, functools.reduce(np.add, products), t)
    return total


def grad_input(problem: Convolution, grad: Array, weight: Array) -> Array:
    """Return the gradient of the padded input rows (H, C, W, N), from rows of the output's gradient."""
    height, width = problem.padded
    total = aligned((height, problem.x_shape[1], width, problem.batch), np.result_type(grad, weight))
    total[...] = 0
    tiling = _tile(problem, is_finite(grad), SCATTER)
    for t, tiles in tiling.bands:
        matrix = _matrix(problem, weight, t).swapaxes(1, 2)
        spread = functools.partial(_spread, problem, total, matrix, grad, tiles)
        threads.map_pieces(spread, threads.split(range(problem.channels), tiling.work))
    return total


# --- how the output is cut into tiles -------------------------------------------------------------------------------


class _Tile(NamedTuple):
    """A piece of the output that one product makes: some rows, over their whole width or a part."""

    top: int
    rows: int
    left: int
    width: int


class _Tiling(NamedTuple):
    """How an output is cut: tiles with equal numbers of rows, which share a banded matrix, and their work."""

    bands: list[tuple[int, list[_Tile]]]
    work: int


@functools.lru_cache(maxsize=512)
def _tile(problem: Convolution, finite: bool, costs: Costs) -> _Tiling:
    """Cut the output into bands, and the bands into tiles whose columns fit into the scratch."""
    height, width = problem.positions
    rows = _band_rows(problem, finite, costs)
    wide = LARGEST_COLUMNS // max(problem.groups * _depth(problem, rows) * problem.batch, 1)
    wide = min(max(wide, 1), max(width, 1))
    left_over = height % rows
    bands = [
        (t, [_Tile(top, t, left, min(wide, width - left)) for top in tops for left in range(0, width, wide)])
        for t, tops in ((rows, range(0, height - rows + 1, rows)), (left_over, [height - left_over]))
        if t and tops and width and problem.batch
    ]
    return _Tiling(bands, _work(problem, rows))


def _work(problem: Convolution, t: int) -> int:
    """Return the work of bands of `t` rows: the multiply-adds that a product of many rows does in the same time.

    Zeros off the band count too.
    """
    height, width = problem.positions
    each = problem.groups * _depth(problem, t) * (t * problem.features + HALF_SPEED_ROWS)
    return -(-height // t) * each * width * problem.batch


def _band_rows(problem: Convolution, finite: bool, costs: Costs) -> int:
    """Return the number of output rows in a band that takes the least time, according to a model."""
    if problem.window.dilation[0] > 1 or problem.groups > 1 or not finite:
        # Rows between dilated taps would be gathered in vain, groups are a separate axis only within a single row, and
        # zeros off the band would make nan of infinities.
        return 1
    height, width = problem.positions
    columns = width * problem.batch

    def nanoseconds(t: int) -> float:
        depth, m = _depth(problem, t), t * problem.features
        products = MULTIPLY_ADD * depth * (m + HALF_SPEED_ROWS)
        bands = -(-height // t)
        return bands * (costs.band + columns * (costs.move * depth + products)) + costs.move * m * depth

    rows: int = min({*range(1, min(height, TALLEST_BAND) + 1), max(height, 1)}, key=nanoseconds)
    return rows


def _depth(problem: Convolution, t: int) -> int:
    """Return the height of the matrix of columns for `t` output rows, in each group."""
    return problem.window.size[1] * problem.reads(t) * problem.channels


# --- what is done with a tile ---------------------------------------------------------------------------------------


def _make(problem: Convolution, out: Array, matrix: Array, rows: Array, tiles: Sequence[_Tile]) -> None:
    """Compute tiles of the output."""
    # The bias is a last column of the matrix, and meets a last row of ones: adding it afterwards would be slower.
    depth = _depth(problem, tiles[0].rows)
    columns = _scratch(problem, tiles[0], rows.dtype, matrix.shape[2] - depth)
    columns[:, depth:] = 1
    for tile in tiles:
        multiply(matrix, _gather(problem, rows, tile, columns), _output(problem, out, tile))


def _sum_of_products(problem: Convolution, grad: Array, rows: Array, tiles: Sequence[_Tile]) -> Array:
    """Sum over tiles the products of the output's gradient with the columns: the gradient of a banded matrix."""
    columns = _scratch(problem, tiles[0], rows.dtype)
    products = (
        multiply_transposed(_output(problem, grad, tile), _gather(problem, rows, tile, columns)) for tile in tiles
    )
    return functools.reduce(np.add, products)


def _spread(
    problem: Convolution, total: Array, matrix: Array, grad: Array, tiles: Sequence[_Tile], channels: range
) -> None:
    """Compute the gradient of some channels' columns, and add it to the input rows they were gathered from."""
    taps = problem.window.size[1]
    each = taps * problem.reads(tiles[0].rows)
    part = matrix[:, channels.start * each : channels.stop * each]
    for tile in tiles:
        windows = _windows(problem, total, tile, channels)
        product = _output(problem, grad, tile)
        # np.matmul does not use BLAS for a column times a row, as in depthwise convolution, and is slower than `*`.
        product = part * product if part.shape[2] == 1 else multiply(part, product)
        shares = product.reshape(windows.shape)
        for tap in range(taps):  # the windows of one tap do not overlap
            windows[:, :, tap] += shares[:, :, tap]


def _scratch(problem: Convolution, tile: _Tile, dtype: np.dtype[Any], more: int = 0) -> Array:
    """Make an array for the columns of a tile, or of a narrower one, with `more` rows below them."""
    return aligned((problem.groups, _depth(problem, tile.rows) + more, tile.width * problem.batch), dtype)


def _gather(problem: Convolution, rows: Array, tile: _Tile, columns: Array) -> Array:
    """Copy a tile's input rows once for each column of the window: (groups, C·KW·R, W'·N); return the columns."""
    windows = _windows(problem, rows, tile, range(problem.channels))
    here = columns[:, :, : tile.width * problem.batch]
    here[:, : _depth(problem, tile.rows)].reshape(windows.shape)[...] = windows
    return here


def _windows(problem: Convolution, rows: Array, tile: _Tile, channels: range) -> Array:
    """View the input rows (H, groups·C, W, N) that a tile reads as (groups, C, KW, R, W', N), for some channels."""
    view = _view(problem, tile.rows, tile.width, len(channels), rows.itemsize)
    if not rows.size:
        return np.empty(view.shape, rows.dtype)
    (down, across), (row, channel, column, _) = problem.window.stride, rows.strides
    return view.take(rows, tile.top * down * row + channels.start * channel + tile.left * across * column)


@functools.lru_cache(maxsize=512)
def _view(problem: Convolution, t: int, width: int, channels: int, itemsize: int) -> View:
    """Describe the view that `_windows` takes of the padded rows, apart from its start."""
    column = problem.batch * itemsize
    channel = problem.padded[1] * column
    row = problem.groups * problem.channels * channel
    (dilation_h, dilation_w), stride_w = problem.window.dilation, problem.window.stride[1]
    return View.of(
        (problem.groups, problem.channels * channel),
        (channels, channel),
        (problem.window.size[1], dilation_w * column),
        (problem.reads(t), dilation_h * row),
        (width, stride_w * column),
        (problem.batch, itemsize),
    )


def _output(problem: Convolution, rows: Array, tile: _Tile) -> Array:
    """View a tile of output rows as (groups, t·F, W'·N). With several groups, a tile has a single row."""
    batch = problem.batch
    part = rows[tile.top : tile.top + tile.rows]
    part = part.reshape(problem.groups, tile.rows * problem.features, problem.positions[1] * batch)
    return part[:, :, tile.left * batch : (tile.left + tile.width) * batch]


# --- the banded matrix of the weights -------------------------------------------------------------------------------


def _matrix(problem: Convolution, weight: Array, t: int, bias: Array | None = None) -> Array:
    """Return the matrix (groups, t·F, C·KW·R) that maps the columns of R input rows to `t` output rows.

    A bias adds one more column.
    """
    banded = np.zeros(_banded_shape(problem, t), weight.dtype)
    _diagonal(problem, banded)[:] = _taps(problem, weight)[:, None]
    matrix = banded.reshape(problem.groups, t * problem.features, _depth(problem, t))
    if bias is None:
        return matrix
    column = np.tile(bias.reshape(problem.groups, problem.features), t)[:, :, None]
    return np.concatenate([matrix, column], 2)


def _add_matrix(problem: Convolution, total: Array, matrix: Array, t: int) -> None:
    """Add a banded matrix to a weight: the adjoint of `_matrix`."""
    taps = _taps(problem, total)
    taps += _diagonal(problem, np.ascontiguousarray(matrix).reshape(_banded_shape(problem, t))).sum(1)


def _banded_shape(problem: Convolution, t: int) -> tuple[int, ...]:
    return problem.groups, t, problem.features, problem.channels, problem.window.size[1], problem.reads(t)


def _diagonal(problem: Convolution, banded: Array) -> Array:
    """View the weights within a banded matrix, as (groups, t, F, C, KW, KH)."""
    group, row, feature, channel, tap, read = banded.strides
    groups, t, features, channels, across, _ = banded.shape
    view = View.of(
        (groups, group),
        (t, row + problem.window.stride[0] * read),
        (features, feature),
        (channels, channel),
        (across, tap),
        (problem.window.size[0], read),
    )
    return view.take(banded)


def _taps(problem: Convolution, weight: Array) -> Array:
    """View weights (F, C / groups, KH, KW) as (groups, F, C, KW, KH)."""
    return weight.reshape(problem.groups, problem.features, problem.channels, *problem.window.size).swapaxes(3, 4)
