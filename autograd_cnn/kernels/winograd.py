"""Convolution of many channels with fewer multiplications: Toom and Cook's algorithm, from row to row.

A band of m = 7 − KH output rows reads six input rows. Down a column, inputs and filters are polynomials and the
outputs coefficients of their product, which is found from its values at six points:

    output band (m, …)  =  Aᵀ @ ((G @ filters) · (Bᵀ @ six input rows))

where `·` is a convolution along the width alone, for each point a product of matrices. Those are 6 products in
place of m·KH: half as many for 3×3. A, B and G are small constant matrices; to apply one is a product as well.

The points are 0, ±1, ±2 and ∞. For 3×3 on 64 channels float32 results are off by 8e-7 of their size (root of the
mean square), where banded ones are by 3e-7. Inputs are finite, as differences of infinities would be nan.

Winograd, "Arithmetic complexity of computations", 1980; Lavin and Gray, "Fast algorithms for convolutional neural
networks", 2016.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from autograd_cnn.kernels import threads
from autograd_cnn.kernels.layout import Array, padded_rows, to_images, to_rows
from autograd_cnn.kernels.products import multiply, multiply_transposed
from autograd_cnn.kernels.window import Window

_POINTS = np.array([0, 1, -1, 2, -2])
_SCALES = np.array([6, -4, -4, 1, 1]) / 24  # 1 / ∏ (point − another point)
_INPUTS = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)


def conv2d(x: Array, weight: Array, bias: Array | None, window: Window) -> Array:
    """Convolve images (N, C, H, W) with weights (F, C, KH, KW); vertical stride and dilation are 1, KH is 2 to 5."""
    height, width = window.positions((x.shape[2], x.shape[3]))
    bands = _Bands(weight.shape, window, height, width, len(x), x.dtype)
    rows = padded_rows(x, window, least=bands.reads)
    matrices = bands.matrices(weight)
    out = np.empty((height, len(weight), width, len(x)), x.dtype)

    def make(tops: Sequence[int]) -> None:
        products = np.empty((6, len(weight), width * len(x)), x.dtype)
        for top in tops:
            for matrix, columns, product in zip(matrices, bands.columns(rows, top), products, strict=True):
                multiply(matrix, columns, product)
            band = out[top : top + bands.step]
            multiply(bands.outputs[: len(band)], products.reshape(6, -1), band.reshape(len(band), -1))
            if bias is not None:
                band += bias[:, None, None]

    threads.map_pieces(make, threads.split(bands.tops, bands.work))
    return to_images(out)


def conv2d_grad_weight(grad: Array, x: Array, weight_shape: tuple[int, ...], window: Window) -> Array:
    """Give the gradient of the weight: Gᵀ @ Σ (A @ a band of `grad`) @ columns.T."""
    grad = to_rows(grad)
    height, features, width, batch = grad.shape
    bands = _Bands(weight_shape, window, height, width, batch, x.dtype)
    rows = padded_rows(x, window, least=bands.reads)

    def add(tops: Sequence[int]) -> Array:
        total = np.zeros((6, features, bands.depth), x.dtype)
        values = np.empty((6, features, width * batch), x.dtype)
        for top in tops:
            band = grad[top : top + bands.step]
            multiply(bands.outputs[: len(band)].T, band.reshape(len(band), -1), values.reshape(6, -1))
            for share, columns, value in zip(total, bands.columns(rows, top), values, strict=True):
                share += multiply_transposed(value, columns)
        return total

    return bands.weight(functools.reduce(np.add, threads.map_pieces(add, threads.split(bands.tops, bands.work))))


class _Bands:
    """How the rows of one convolution are cut into bands, and the matrices of a band.

    Attributes
    ----------
    outputs : (m, 6)
        Aᵀ, which makes a band of output rows of their values at the points.
    tops : range
        The first rows of the bands.
    reads : int
        How many input rows all of them read.
    """

    def __init__(
        self, shape: tuple[int, ...], window: Window, height: int, width: int, batch: int, dtype: np.dtype[Any]
    ) -> None:
        self.shape, self.window, self.width, self.batch = shape, window, width, batch
        features, channels, taps, across = shape
        self.step = 7 - taps
        self.tops = range(0, height, self.step)
        self.reads = len(self.tops) * self.step + taps - 1
        self.depth = across * channels
        self.work = height * width * batch * features * self.depth * taps
        self.outputs, self._inputs, self._filters = _transforms(taps, dtype)

    def matrices(self, weight: Array) -> Array:
        """Give the values of the filters at the points, (6, F, KW·C): G @ filters."""
        features, _, taps, _ = self.shape
        flat = weight.transpose(2, 0, 3, 1).reshape(taps, features * self.depth)
        return (self._filters @ flat).reshape(6, features, self.depth)

    def weight(self, matrices: Array) -> Array:
        """Give the filters (F, C, KH, KW) that are Gᵀ @ matrices: the adjoint of the above."""
        features, channels, taps, across = self.shape
        flat = self._filters.T @ matrices.reshape(6, -1)
        return flat.reshape(taps, features, across, channels).transpose(1, 3, 0, 2)

    def columns(self, rows: Array, top: int) -> Iterator[Array]:
        """Give the values of a band's input rows at one point after the other, as columns (KW·C, W'·N).

        They are scratch, which the next ones overwrite: 200 kB to some MB, and in the cache when multiplied.
        """
        _, channels, width, batch = rows.shape
        values = multiply(self._inputs, rows[top : top + 6].reshape(6, -1)).reshape(6, channels, width, batch)
        columns = np.empty((self.shape[3], channels, self.width, batch), rows.dtype)
        for value in values:
            for tap, shifted in enumerate(columns):
                shifted[:] = value[:, self.window.columns(tap, self.width)]
            yield columns.reshape(self.depth, self.width * batch)


@functools.cache
def _transforms(taps: int, dtype: np.dtype[Any]) -> tuple[Array, Array, Array]:
    """Give Aᵀ (m, 6), Bᵀ (6, 6) and G (6, KH)."""
    rows = 7 - taps
    outputs, filters = np.zeros((rows, 6)), np.zeros((6, taps))
    outputs[:, :5] = _POINTS ** np.arange(rows)[:, None]
    filters[:5] = _SCALES[:, None] * _POINTS[:, None] ** np.arange(taps)
    outputs[-1, 5] = filters[-1, -1] = 1  # the point ∞ has the leading coefficient
    return outputs.astype(dtype), _INPUTS.astype(dtype), filters.astype(dtype)
