"""Convolution by banded matrices.

A band of `t` output rows reads `(t − 1)·stride + KH` input rows. Those are gathered once as columns, shifted
KW times along the width only, and one product with a banded matrix of the weights gives all `t` rows:

    output band (t·F, W·N)  =  band (t·F, KW·R·C) @ columns (KW·R·C, W·N)

Both gradients are that product read the other way: the weight's is the band's share of
`grad @ columns.T`, the input's is `band.T @ grad` scattered back. Columns are scratch of one band; nothing
of the size of the kernel times the image outlives a call.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from autograd_cnn.kernels.layout import Array, padded_rows, to_images, to_rows
from autograd_cnn.kernels.window import Pair, Window


def conv2d(x: Array, weight: Array, bias: Array | None, window: Window) -> Array:
    """Convolve images (N, C, H, W) with weights (F, C, KH, KW); gives (N, F, H', W')."""
    rows = padded_rows(x, window.padding)
    height, width = window.positions(_size(x))
    out = np.empty((height, len(weight), width, len(x)), np.result_type(x, weight))
    bands = _Bands(weight.shape, window, height)
    for band in bands.cut():
        matrix = bands.matrix(weight, band.rows)
        columns = _gather(rows, band, window, width)
        # Writes the band's rows in place: (t, F, W', N) is (t·F, W'·N) without a copy.
        np.matmul(matrix, columns, out=out[band.out].reshape(len(matrix), columns.shape[1]))
    if bias is not None:
        out += bias[:, None, None]
    return to_images(out)


def conv2d_grad_weight(grad: Array, x: Array, weight_shape: tuple[int, ...], window: Window) -> Array:
    """Give the gradient of a convolution's weight (F, C, KH, KW), from that of its output (N, F, H', W')."""
    rows = padded_rows(x, window.padding)
    grad = to_rows(grad)
    height, features, width, batch = grad.shape
    bands = _Bands(weight_shape, window, height)
    total = np.zeros(weight_shape, np.result_type(grad, x))
    for band in bands.cut():
        columns = _gather(rows, band, window, width)
        product = grad[band.out].reshape(band.rows * features, width * batch) @ columns.T
        bands.add_matrix(total, product, band.rows)
    return total


def conv2d_grad_input(grad: Array, weight: Array, x_shape: tuple[int, ...], window: Window) -> Array:
    """Give the gradient of a convolution's input (N, C, H, W), from that of its output (N, F, H', W')."""
    grad = to_rows(grad)
    height, features, width, batch = grad.shape
    padded_height, padded_width = window.padded((x_shape[2], x_shape[3]))
    total = np.zeros((padded_height, x_shape[1], padded_width, batch), np.result_type(grad, weight))
    bands = _Bands(weight.shape, window, height)
    for band in bands.cut():
        matrix = bands.matrix(weight, band.rows)
        columns = matrix.T @ grad[band.out].reshape(band.rows * features, width * batch)
        _scatter(total, columns, band, window, width)
    return to_images(total, window.padding)


def _size(x: Array) -> Pair:
    return x.shape[2], x.shape[3]


class _Band:
    """Some output rows and the input rows they read."""

    __slots__ = ("input", "out", "rows")

    def __init__(self, start: int, rows: int, window: Window) -> None:
        stride = window.stride[0]
        self.rows = rows
        self.out = slice(start, start + rows)
        self.input = slice(start * stride, (start + rows - 1) * stride + window.size[0])


class _Bands:
    """How the output is cut into bands, and the banded matrix of a weight."""

    def __init__(self, weight_shape: tuple[int, ...], window: Window, height: int) -> None:
        self.features, self.channels, *_ = weight_shape
        self.window = window
        self.height = height
        self.rows = self._choose_rows()
        self._matrices: dict[int, Array] = {}

    def _input_rows(self, rows: int) -> int:
        return (rows - 1) * self.window.stride[0] + self.window.size[0]

    def _choose_rows(self) -> int:
        """Give the output rows of a band: as many as keep the banded matrix narrow.

        A taller band copies fewer elements and makes a fuller product of few features, at the price of
        multiplying the zeros off the band. Forward of 5×5 on 1 → 6 channels: 4 rows take 0.67 of the time of
        one; 3×3 on 32 → 32: 1.6 times. `benchmarks/training_step.py` tells.
        """
        for rows in (4, 2):
            if rows <= self.height and self.window.size[1] * self._input_rows(rows) * self.channels <= 256:
                return rows
        return 1

    def cut(self) -> Iterator[_Band]:
        for start in range(0, self.height, self.rows):
            yield _Band(start, min(self.rows, self.height - start), self.window)

    def matrix(self, weight: Array, rows: int) -> Array:
        """Give the matrix (rows·F, KW·R·C) that makes `rows` output rows of the columns of R input rows."""
        if rows not in self._matrices:
            height, width = self.window.size
            banded = np.zeros((rows, self.features, width, self._input_rows(rows), self.channels), weight.dtype)
            for row in range(rows):
                top = row * self.window.stride[0]
                banded[row, :, :, top : top + height] = weight.transpose(0, 3, 2, 1)
            self._matrices[rows] = banded.reshape(rows * self.features, width * self._input_rows(rows) * self.channels)
        return self._matrices[rows]

    def add_matrix(self, total: Array, matrix: Array, rows: int) -> None:
        """Add a banded matrix to a weight: the adjoint of `matrix`."""
        height, width = self.window.size
        banded = matrix.reshape(rows, self.features, width, self._input_rows(rows), self.channels)
        for row in range(rows):
            top = row * self.window.stride[0]
            total += banded[row, :, :, top : top + height].transpose(0, 3, 2, 1)


def _gather(rows: Array, band: _Band, window: Window, width: int) -> Array:
    """Copy a band's input rows once for each column of the window: (KW·R·C, W'·N)."""
    source = rows[band.input]
    height, channels, _, batch = source.shape
    columns = np.empty((window.size[1], height, channels, width, batch), rows.dtype)
    for tap in range(window.size[1]):
        columns[tap] = source[:, :, window.columns(tap, width)]
    return columns.reshape(window.size[1] * height * channels, width * batch)


def _scatter(total: Array, columns: Array, band: _Band, window: Window, width: int) -> None:
    """Add columns to the input rows they were gathered from: the adjoint of `_gather`."""
    target = total[band.input]
    height, channels, _, batch = target.shape
    taps = columns.reshape(window.size[1], height, channels, width, batch)
    for tap in range(window.size[1]):
        target[:, :, window.columns(tap, width)] += taps[tap]
