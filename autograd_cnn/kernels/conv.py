"""Convolution: of a few images by im2col, of many channels by shifted products, of all else by banded matrices.

Each output, and each element of a gradient, is a sum of its own products and nothing else: in float32 it is within
1e-5 of the sum of their absolute values, whatever stands beside it. Kernels take floats; integers would wrap around.

A band of `t` output rows reads `R = (t − 1)·stride + KH` input rows. Those are gathered once as columns, shifted
KW times along the width only, and one product with a banded matrix of the weights gives all `t` rows:

    output band (t·F, W'·N)  =  band (t·F, C·KW·R) @ columns (C·KW·R, W'·N)

Both gradients are that product read the other way: the weight's is the band's share of
`grad @ columns.T`, the input's is `band.T @ grad` scattered back. Columns are scratch of one band, of at most
`LARGEST_COLUMNS`; nothing of the size of the kernel times the image outlives a call. Groups are an axis of their
own in front, and the products are batched over it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from autograd_cnn.kernels import images, shifts, threads
from autograd_cnn.kernels.layout import Array, aligned, image_rows, padded_rows, to_images, to_rows
from autograd_cnn.kernels.products import multiply, multiply_transposed
from autograd_cnn.kernels.window import Pair, Window

#: Elements of the largest scratch of a thread: 16 MiB in float32. A band is narrowed to keep to it, where it can be.
LARGEST_COLUMNS = 4 * 2**20


def conv2d(x: Array, weight: Array, bias: Array | None, window: Window, groups: int = 1) -> Array:
    """Convolve images (N, C, H, W) with weights (F, C / groups, KH, KW); gives (N, F, H', W')."""
    height, width = window.positions((x.shape[2], x.shape[3]))
    way = _choose(weight.shape, window, groups, len(x), (height, width))
    if way == "images":
        return images.conv2d(x, weight, bias, window, groups)
    if way == "shifts":
        return shifts.conv2d(x, weight, bias, window)
    rows = padded_rows(x, window)
    out = aligned((height, len(weight), width, len(x)), np.result_type(x, weight))
    plan = _plan(weight.shape, window, groups, height, width, len(x), _finite(rows), _GATHER)
    for t, tiles in plan.tiles:
        make = functools.partial(plan.make, out, plan.matrix(weight, t, bias), rows)
        threads.map_pieces(make, threads.split(tiles, plan.work))
    return to_images(out)


def conv2d_grad_weight(grad: Array, x: Array, weight_shape: tuple[int, ...], window: Window, groups: int = 1) -> Array:
    """Give the gradient of a convolution's weight (F, C / groups, KH, KW), from that of its output."""
    way = _choose(weight_shape, window, groups, len(x), (grad.shape[2], grad.shape[3]))
    if way == "images":
        return images.conv2d_grad_weight(grad, x, weight_shape, window, groups)
    if way == "shifts":
        return shifts.conv2d_grad_weight(grad, x, weight_shape, window)
    rows, grad = padded_rows(x, window), to_rows(grad)
    total = np.zeros(weight_shape, np.result_type(grad, x))
    plan = _plan(weight_shape, window, groups, grad.shape[0], grad.shape[2], len(x), True, _GATHER)
    for t, tiles in plan.tiles:
        products = threads.map_pieces(
            functools.partial(plan.sum_of_products, grad, rows), threads.split(tiles, plan.work)
        )
        plan.add_matrix(total, functools.reduce(np.add, products), t)
    return total


def conv2d_grad_input(grad: Array, weight: Array, x_shape: tuple[int, ...], window: Window, groups: int = 1) -> Array:
    """Give the gradient of a convolution's input (N, C, H, W), from that of its output (N, F, H', W')."""
    batch, channels, *image = x_shape
    positions = grad.shape[2], grad.shape[3]
    few = _choose(weight.shape, window, groups, batch, positions) == "images"
    if few and images.shares_size(x_shape, window) <= images.LARGEST_COLUMNS:
        return images.conv2d_grad_input(grad, weight, x_shape, window, groups)
    turns = window.turns and _turns_well(weight.shape, window, groups, batch, (image[0], image[1]))
    if turns and _finite(weight):  # a zero of the padding times infinity would be nan
        return conv2d(grad, _turned(weight, groups), None, window.turned(), groups)
    grad = to_rows(grad)
    height, width = window.padded((image[0], image[1]))
    total = np.zeros((height, channels, width, batch), np.result_type(grad, weight))
    plan = _plan(weight.shape, window, groups, grad.shape[0], grad.shape[2], batch, _finite(grad), _SCATTER)
    for t, tiles in plan.tiles:
        matrix = plan.matrix(weight, t).swapaxes(1, 2)
        spread = functools.partial(plan.spread, total, matrix, grad, tiles)
        threads.map_pieces(spread, threads.split(range(plan.channels), plan.work))
    return to_images(image_rows(total, window, (image[0], image[1])))


@functools.lru_cache(maxsize=512)
def _choose(
    weight_shape: tuple[int, ...], window: Window, groups: int, batch: int, positions: Pair
) -> Literal["images", "shifts", "bands"]:
    """Choose the fastest way to convolve, by the shapes alone.

    Times by those of bands, one thread, float32. One product over the columns of the images (`images`), a
    whole step of LeNet-5: 0.82 to 0.87 with one image, 0.95 with two, 1.05 with four. Shifted products, forward and
    both gradients, 3×3 with 64 images at 16×16: 0.8 with 16, 32 or 64 channels, as many in as out; forward 1.2 on
    16 → 32, 1.2 where 4×4 images are padded to 6×6.
    """
    features, channels, *taps = weight_shape
    columns = batch * positions[0] * positions[1] * groups * channels * math.prod(taps)
    if batch <= 2 and 0 < columns <= images.LARGEST_COLUMNS:
        return "images"
    together = groups == window.stride[1] == window.dilation[0] == 1 and taps[1] > 1  # rows are one in memory
    beyond = window.extent[1] - 1  # columns that are multiplied, and shifted out
    if together and 16 <= features <= channels and batch * positions[1] >= 256 and 4 * beyond <= positions[1]:
        return "shifts" if taps[1] * features * batch * (beyond + 1) <= LARGEST_COLUMNS // 4 else "bands"
    return "bands"


def _turns_well(weight_shape: tuple[int, ...], window: Window, groups: int, batch: int, image: Pair) -> bool:
    """Whether the input's gradient is had fastest as a convolution, by the turned filters, of the output's gradient.

    That multiplies its padding as well, which from 4×4 to 6×6 is most of the work. With 64 images at 16×16, 3×3, it
    took 0.55 of the time of scattering on 32 → 32 channels, 0.35 on 64 → 16, 0.28 in 64 groups, and 4 on 3 → 32.
    """
    features, channels, *taps = weight_shape
    way = _choose((channels * groups, features // groups, *taps), window.turned(), groups, batch, image)
    height, width = window.positions(image)
    little_padding = image[0] * image[1] <= 1.25 * height * width
    many = channels >= features >= 4
    return way == "images" or (little_padding and (way == "shifts" or groups > 1 or many))


def _turned(weight: Array, groups: int) -> Array:
    """Turn filters (F, C / groups, KH, KW) about, and exchange features and channels: (C, F / groups, KH, KW)."""
    features, channels, *size = weight.shape
    grouped = weight.reshape(groups, features // groups, channels, *size)[..., ::-1, ::-1]
    return grouped.swapaxes(1, 2).reshape(groups * channels, features // groups, *size)


def _finite(x: Array) -> bool:
    """Whether the zeros off a band may be multiplied: 0 · inf is nan, where the definition has no product at all."""
    flat = x.reshape(-1)
    with np.errstate(all="ignore"):
        return math.isfinite(np.dot(flat, flat))  # one pass, 2 % of LeNet's; huge numbers count as infinite


class _Tile(NamedTuple):
    """A piece of the output that one product makes: some rows, over their whole width or a part."""

    top: int
    rows: int
    left: int
    width: int


# Nanoseconds of a band's Python and of moving an element into columns or out of them; and of a multiply-add in a
# product of many rows: one of m rows runs at m / (m + 5) of that speed. Measured on an EPYC (AVX2), float32, one
# thread; it is their proportions that count.
_GATHER, _SCATTER = (6000.0, 0.12), (16000.0, 0.3)
_MULTIPLY_ADD, _HALF_SPEED_ROWS = 0.017, 5


def _choose_rows(plan: _Plan) -> int:
    """Give the output rows of a band: as many as take the least time, by a model of it.

    A taller band copies fewer elements and makes a fuller product of few features, with less Python around it, at
    the price of multiplying the zeros off the band. Measured, against bands of one row: 5×5 on 1 → 6 channels,
    28×28, one image: 14 rows 0.2 of the time; with 128 images 4 rows 0.7; 5×5 on 6 → 16, 128 images: 2 rows 0.9;
    3×3 on 32 → 32: one row is best, 4 rows take 1.6 times as long.
    """
    if plan.window.dilation[0] > 1 or plan.groups > 1 or not plan.finite:
        return 1  # rows between the taps would be gathered for nothing; groups stand side by side in a row alone
    columns = plan.width * plan.batch
    overhead, move = plan.costs

    def nanoseconds(t: int) -> float:
        depth, m = plan.depth(t), t * plan.features
        products = _MULTIPLY_ADD * depth * (m + _HALF_SPEED_ROWS)
        bands = -(-plan.height // t)
        return bands * (overhead + columns * (move * depth + products)) + move * m * depth

    rows: int = min({*range(1, min(plan.height, 16) + 1), max(plan.height, 1)}, key=nanoseconds)
    return rows


class _Plan:
    """How the output of one convolution is cut into tiles, and what a tile reads and multiplies.

    Attributes
    ----------
    tiles : list of (int, list of tiles)
        Tiles of equal rows, with their rows: they share a banded matrix.
    """

    def __init__(
        self,
        weight_shape: tuple[int, ...],
        window: Window,
        groups: int,
        height: int,
        width: int,
        batch: int,
        finite: bool,
        costs: tuple[float, float],
    ) -> None:
        features, self.channels, *_ = weight_shape
        self.features = features // groups
        self.groups = groups
        self.window = window
        self.height, self.width, self.batch = height, width, batch
        self.finite, self.costs = finite, costs
        rows = _choose_rows(self)
        wide = min(max(LARGEST_COLUMNS // max(groups * self.depth(rows) * batch, 1), 1), max(width, 1))
        self.tiles = [
            (t, [_Tile(top, t, left, min(wide, width - left)) for top in tops for left in range(0, width, wide)])
            for t, tops in ((rows, range(0, height - rows + 1, rows)), (height % rows, [height - height % rows]))
            if t and tops and width and batch
        ]

    @property
    def work(self) -> int:
        """Count the multiply-adds that products of many rows would do in the time: zeros off the band count too."""
        t = self.tiles[0][0] if self.tiles else 0
        each = self.groups * self.depth(t) * (t * self.features + _HALF_SPEED_ROWS)
        return -(-self.height // max(t, 1)) * each * self.width * self.batch

    def make(self, out: Array, matrix: Array, rows: Array, tiles: Sequence[_Tile]) -> None:
        """Make tiles of the output."""
        # A bias is a column of the matrix, for a last row of ones: to add it afterwards took a fifth of the time.
        depth = self.depth(tiles[0].rows)
        columns = self.scratch(tiles[0], rows.dtype, matrix.shape[2] - depth)
        columns[:, depth:] = 1
        for tile in tiles:
            multiply(matrix, self.gather(rows, tile, columns), self.output(out, tile))

    def sum_of_products(self, grad: Array, rows: Array, tiles: Sequence[_Tile]) -> Array:
        """Sum over tiles the products of the output's gradient with the columns: a banded matrix's gradient."""
        columns = self.scratch(tiles[0], rows.dtype)
        products = (multiply_transposed(self.output(grad, tile), self.gather(rows, tile, columns)) for tile in tiles)
        return functools.reduce(np.add, products)

    def spread(self, total: Array, matrix: Array, grad: Array, tiles: Sequence[_Tile], channels: range) -> None:
        """Make the columns' gradient of some channels, and add it to the input rows they were gathered from."""
        each = self.window.size[1] * self.reads(tiles[0].rows)
        part = matrix[:, channels.start * each : channels.stop * each]
        for tile in tiles:
            windows = self._windows(total, tile, channels)
            product = self.output(grad, tile)
            # A column by a row, as in depthwise convolution: np.matmul leaves BLAS for it, and takes 4 times as long.
            product = part * product if part.shape[2] == 1 else multiply(part, product)
            taps = product.reshape(windows.shape)
            for tap in range(self.window.size[1]):  # the windows of one tap do not overlap
                windows[:, :, tap] += taps[:, :, tap]

    def reads(self, rows: int) -> int:
        """Count the input rows that a band of `rows` output rows reads; one row reads its taps alone."""
        return (rows - 1) * self.window.stride[0] + self.window.size[0]

    def output(self, rows: Array, tile: _Tile) -> Array:
        """View a tile of output rows as (groups, t·F, W'·N). With several groups a tile is of one row."""
        part = rows[tile.top : tile.top + tile.rows]
        part = part.reshape(self.groups, tile.rows * self.features, self.width * self.batch)
        return part[:, :, tile.left * self.batch : (tile.left + tile.width) * self.batch]

    def matrix(self, weight: Array, t: int, bias: Array | None = None) -> Array:
        """Give the matrix (groups, t·F, C·KW·R) that makes `t` rows of the columns of their R input rows.

        A bias is one column more.
        """
        banded = np.zeros(self._banded_shape(t), weight.dtype)
        self._diagonal(banded)[:] = self._taps(weight)[:, None]
        matrix = banded.reshape(self.groups, t * self.features, self.depth(t))
        if bias is None:
            return matrix
        column = np.tile(bias.reshape(self.groups, self.features), t)[:, :, None]
        return np.concatenate([matrix, column], 2)

    def add_matrix(self, total: Array, matrix: Array, t: int) -> None:
        """Add a banded matrix to a weight: the adjoint of `matrix`."""
        taps = self._taps(total)
        taps += self._diagonal(np.ascontiguousarray(matrix).reshape(self._banded_shape(t))).sum(1)

    def depth(self, t: int) -> int:
        """Count the rows of the columns of `t` output rows, in each group."""
        return self.window.size[1] * self.reads(t) * self.channels

    def _banded_shape(self, t: int) -> tuple[int, ...]:
        return self.groups, t, self.features, self.channels, self.window.size[1], self.reads(t)

    def _diagonal(self, banded: Array) -> Array:
        """View where the weights stand in a banded matrix: (groups, t, F, C, KW, KH)."""
        g, t, f, c, kw, r = banded.strides
        shape = (*banded.shape[:5], self.window.size[0])
        return np.ndarray(shape, banded.dtype, banded, 0, (g, t + self.window.stride[0] * r, f, c, kw, r))

    def _taps(self, weight: Array) -> Array:
        """View weights (F, C / groups, KH, KW) as (groups, F, C, KW, KH)."""
        return weight.reshape(self.groups, self.features, self.channels, *self.window.size).swapaxes(3, 4)

    def scratch(self, tile: _Tile, dtype: np.dtype[Any], more: int = 0) -> Array:
        """Make an array for the columns of a tile and of those no wider, and for more rows below them."""
        return aligned((self.groups, self.depth(tile.rows) + more, tile.width * self.batch), dtype)

    def gather(self, rows: Array, tile: _Tile, columns: Array) -> Array:
        """Copy a tile's input rows once for each column of the window: (groups, C·KW·R, W'·N); return the columns."""
        windows = self._windows(rows, tile, range(self.channels))
        here = columns[:, :, : tile.width * self.batch]
        here[:, : self.depth(tile.rows)].reshape(windows.shape)[...] = windows
        return here

    def _windows(self, rows: Array, tile: _Tile, channels: range) -> Array:
        """View the input rows (H, groups·C, W, N) that a tile reads as (groups, C, KW, R, W', N), for some channels."""
        h, c, w, n = rows.strides
        (stride_h, stride_w), (dilation_h, dilation_w) = self.window.stride, self.window.dilation
        shape = (self.groups, len(channels), self.window.size[1], self.reads(tile.rows), tile.width, self.batch)
        if not rows.size:
            return np.empty(shape, rows.dtype)
        strides = (self.channels * c, c, dilation_w * w, dilation_h * h, stride_w * w, n)
        start = tile.top * stride_h * h + channels.start * c + tile.left * stride_w * w
        return np.ndarray(shape, rows.dtype, rows, start, strides)


#: The plans of the last few hundred shapes: making one takes 50 µs, a convolution of one image 30.
_plan = functools.lru_cache(maxsize=512)(_Plan)
