"""Convolution by banded matrices.

A band of `t` output rows reads `(t − 1)·stride + KH` input rows. Those are gathered once as columns, shifted
KW times along the width only, and one product with a banded matrix of the weights gives all `t` rows:

    output band (t·F, W·N)  =  band (t·F, KW·R·C) @ columns (KW·R·C, W·N)

Both gradients are that product read the other way: the weight's is the band's share of
`grad @ columns.T`, the input's is `band.T @ grad` scattered back. Columns are scratch of one band; nothing
of the size of the kernel times the image outlives a call. Groups are an axis of their own in front, and the
products are batched over it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from autograd_cnn.kernels.layout import Array, image_rows, padded_rows, to_images, to_rows
from autograd_cnn.kernels.window import Window


def conv2d(x: Array, weight: Array, bias: Array | None, window: Window, groups: int = 1) -> Array:
    """Convolve images (N, C, H, W) with weights (F, C / groups, KH, KW); gives (N, F, H', W')."""
    rows = padded_rows(x, window)
    height, width = window.positions((x.shape[2], x.shape[3]))
    out = np.empty((height, len(weight), width, len(x)), np.result_type(x, weight))
    bands = _Bands(weight.shape, window, groups, height, width)
    for band in bands:
        # Writes the band's rows in place.
        np.matmul(bands.matrix(weight, band), bands.gather(rows, band), out=bands.output(out, band))
    if bias is not None:
        out += bias[:, None, None]
    return to_images(out)


def conv2d_grad_weight(grad: Array, x: Array, weight_shape: tuple[int, ...], window: Window, groups: int = 1) -> Array:
    """Give the gradient of a convolution's weight (F, C / groups, KH, KW), from that of its output."""
    rows, grad = padded_rows(x, window), to_rows(grad)
    bands = _Bands(weight_shape, window, groups, grad.shape[0], grad.shape[2])
    total = np.zeros(weight_shape, np.result_type(grad, x))
    for band in bands:
        columns = bands.gather(rows, band)
        bands.add_matrix(total, bands.output(grad, band) @ columns.swapaxes(1, 2), band)
    return total


def conv2d_grad_input(grad: Array, weight: Array, x_shape: tuple[int, ...], window: Window, groups: int = 1) -> Array:
    """Give the gradient of a convolution's input (N, C, H, W), from that of its output (N, F, H', W')."""
    batch, channels, *image = x_shape
    grad = to_rows(grad)
    height, width = window.padded((image[0], image[1]))
    total = np.zeros((height, channels, width, batch), np.result_type(grad, weight))
    bands = _Bands(weight.shape, window, groups, grad.shape[0], grad.shape[2])
    for band in bands:
        columns = bands.matrix(weight, band).swapaxes(1, 2) @ bands.output(grad, band)
        bands.scatter(total, columns, band)
    return to_images(image_rows(total, window, (image[0], image[1])))


class _Bands:
    """How the output rows of one convolution are cut into bands, and what a band reads and multiplies."""

    def __init__(self, weight_shape: tuple[int, ...], window: Window, groups: int, height: int, width: int) -> None:
        features, self.channels, *_ = weight_shape
        self.features = features // groups
        self.groups = groups
        self.window = window
        self.height, self.width = height, width
        self.rows = self._choose_rows()
        self._matrices: dict[int, Array] = {}

    def _choose_rows(self) -> int:
        """Give the output rows of a band: as many as keep the banded matrix narrow.

        A taller band copies fewer elements and makes a fuller product of few features, at the price of
        multiplying the zeros off the band. Forward of 5×5 on 1 → 6 channels: 4 rows take 0.67 of the time of
        one; 3×3 on 32 → 32: 1.6 times. `benchmarks/training_step.py` tells.
        """
        if self.groups == 1 and self.window.dilation[0] == 1:
            for rows in (4, 2):
                if rows <= self.height and self.window.size[1] * self._reads(rows) * self.channels <= 256:
                    return rows
        return 1

    def _reads(self, rows: int) -> int:
        """Count the input rows that a band of `rows` output rows reads; one row reads its taps alone."""
        return (rows - 1) * self.window.stride[0] + self.window.size[0]

    def __iter__(self) -> Iterator[range]:
        """Give the output rows of each band."""
        for start in range(0, self.height, self.rows):
            yield range(start, min(start + self.rows, self.height))

    def _input(self, band: range) -> slice:
        """Select the input rows that a band reads."""
        start, step = band.start * self.window.stride[0], self.window.dilation[0]
        return slice(start, start + (self._reads(len(band)) - 1) * step + 1, step)

    def output(self, rows: Array, band: range) -> Array:
        """View a band of output rows as (groups, t·F, W'·N). With several groups a band is one row."""
        part = rows[band.start : band.stop]
        return part.reshape(self.groups, len(band) * self.features, self.width * rows.shape[3])

    def matrix(self, weight: Array, band: range) -> Array:
        """Give the matrix (groups, t·F, KW·R·C) that makes a band of the columns of its R input rows."""
        t = len(band)
        if t not in self._matrices:
            banded = np.zeros(self._banded_shape(t), weight.dtype)
            for part, taps in self._diagonal(banded, weight):
                part[:] = taps
            columns = self.window.size[1] * self._reads(t) * self.channels
            self._matrices[t] = banded.reshape(self.groups, t * self.features, columns)
        return self._matrices[t]

    def add_matrix(self, total: Array, matrix: Array, band: range) -> None:
        """Add a banded matrix to a weight: the adjoint of `matrix`."""
        for part, taps in self._diagonal(matrix.reshape(self._banded_shape(len(band))), total):
            taps += part

    def _banded_shape(self, rows: int) -> tuple[int, ...]:
        return self.groups, rows, self.features, self.window.size[1], self._reads(rows), self.channels

    def _diagonal(self, banded: Array, weight: Array) -> Iterator[tuple[Array, Array]]:
        """View, for each row of a band, where its weights stand in the banded matrix, and the weights so."""
        height, width = self.window.size
        taps = weight.reshape(self.groups, self.features, self.channels, height, width).transpose(0, 1, 4, 3, 2)
        for row in range(banded.shape[1]):
            top = row * self.window.stride[0]
            yield banded[:, row, :, :, top : top + height], taps

    def gather(self, rows: Array, band: range) -> Array:
        """Copy a band's input rows once for each column of the window: (groups, KW·R·C, W'·N)."""
        source = self._grouped(rows[self._input(band)])
        _, height, _, _, batch = source.shape
        columns = np.empty((self.groups, self.window.size[1], height, self.channels, self.width, batch), rows.dtype)
        for tap in range(self.window.size[1]):
            columns[:, tap] = source[:, :, :, self.window.columns(tap, self.width)]
        return columns.reshape(self.groups, self.window.size[1] * height * self.channels, self.width * batch)

    def scatter(self, total: Array, columns: Array, band: range) -> None:
        """Add columns to the input rows they were gathered from: the adjoint of `gather`."""
        target = self._grouped(total[self._input(band)])
        _, height, _, _, batch = target.shape
        taps = columns.reshape(self.groups, self.window.size[1], height, self.channels, self.width, batch)
        for tap in range(self.window.size[1]):
            target[:, :, :, self.window.columns(tap, self.width)] += taps[:, tap]

    def _grouped(self, rows: Array) -> Array:
        """View rows (R, groups·C, W, N) as (groups, R, C, W, N)."""
        height, _, width, batch = rows.shape
        return rows.reshape(height, self.groups, self.channels, width, batch).swapaxes(0, 1)
