"""Convolution of many channels without columns: a product for each row of the output, and its parts shifted and added.

The input rows that an output row reads lie one after the other in memory, a matrix (KH·C, W·N). One product multiplies
it with the filters of every horizontal tap; the part of tap l then belongs l places further to the left:

    output row (F, W'·N)  =  Σ part l of (filters (KW·F, KH·C) @ rows (KH·C, W·N)), from column l·N on

Nothing is copied, where columns take every element KH·KW times, and the product has KW times as many rows. In the
weight's gradient the rows themselves are taken from column l·N on, and that is a matrix too.

An algorithm with fewer multiplications, as Winograd's, has no place here: it subtracts from an output what it took of
its neighbours, and so leaves their rounding errors in it. Beside one pixel of 10⁶ its outputs were off by 1; Miller,
"Computational complexity and numerical stability", 1975, shows that this is the price of every such algorithm.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

import numpy as np

from autograd_cnn.kernels import threads
from autograd_cnn.kernels.layout import Array, padded_rows, to_images, to_rows
from autograd_cnn.kernels.products import multiply_transposed
from autograd_cnn.kernels.window import Window

#: Elements of a product, 2 MiB in float32: half as many took 1.02 to 1.1 of the time, a quarter up to 1.4.
_PRODUCT = 2**19


def conv2d(x: Array, weight: Array, bias: Array | None, window: Window) -> Array:
    """Convolve images (N, C, H, W) with weights (F, C, KH, KW).

    The horizontal stride and the vertical dilation are 1.
    """
    features, channels, tall, across = weight.shape
    batch, (height, width) = len(x), window.positions((x.shape[2], x.shape[3]))
    rows = padded_rows(x, window)
    filters = weight.transpose(3, 0, 2, 1).reshape(across * features, tall * channels)
    out = np.empty((height, features, width, batch), np.result_type(x, weight))
    beyond = window.extent[1] - 1
    wide = max(min(_PRODUCT // max(across * features * batch, 1) - beyond, width), 1)
    lefts = range(0, width, -(-width // -(-max(width, 1) // wide)) or 1)

    def make(tops: Sequence[int]) -> None:
        scratch = np.empty(len(filters) * (wide + beyond) * batch, out.dtype)
        for top in tops:
            matrix, row = _matrix(rows, window, top), out[top].reshape(features, width * batch)
            for left in lefts:
                columns = min(lefts.step, width - left) * batch
                begin = left * batch
                several = matrix[:, begin : begin + columns + beyond * batch]
                product = scratch[: len(filters) * several.shape[1]].reshape(len(filters), several.shape[1])
                parts = np.matmul(filters, several, out=product).reshape(across, features, several.shape[1])
                shares = [part[:, at : at + columns] for part, at in zip(parts, _shifts(window, batch), strict=True)]
                here = row[:, begin : begin + columns]
                if across == 1:
                    here[...] = shares[0]
                else:
                    np.add(shares[0], shares[1], out=here)
                for share in shares[2:]:
                    here += share
                if bias is not None:
                    here += bias[:, None]

    threads.map_pieces(make, threads.split(range(height), _work(rows, weight.shape, height)))
    return to_images(out)


def conv2d_grad_weight(grad: Array, x: Array, weight_shape: tuple[int, ...], window: Window) -> Array:
    """Give the gradient of the weight: for each tap, Σ rows, from column l·N on, @ a row of `grad`.T."""
    features, channels, tall, across = weight_shape
    grad, rows = to_rows(grad), padded_rows(x, window)
    height, _, width, batch = grad.shape

    def add(tops: Sequence[int]) -> Array:
        total = np.zeros((across, tall * channels, features), np.result_type(grad, x))
        for top in tops:
            matrix, row = _matrix(rows, window, top), grad[top].reshape(features, width * batch)
            for share, at in zip(total, _shifts(window, batch), strict=True):
                share += multiply_transposed(matrix[:, at : at + width * batch], row)
        return total

    pieces = threads.split(range(height), _work(rows, weight_shape, height))
    total = functools.reduce(np.add, threads.map_pieces(add, pieces))
    return total.reshape(across, tall, channels, features).transpose(3, 2, 1, 0)


def _matrix(rows: Array, window: Window, top: int) -> Array:
    """View the input rows that an output row reads as a matrix (KH·C, W·N)."""
    start, (_, channels, width, batch) = top * window.stride[0], rows.shape
    return rows[start : start + window.size[0]].reshape(window.size[0] * channels, width * batch)


def _shifts(window: Window, batch: int) -> Iterator[int]:
    """Give the column that each horizontal tap begins at."""
    return (tap * window.dilation[1] * batch for tap in range(window.size[1]))


def _work(rows: Array, weight_shape: tuple[int, ...], height: int) -> int:
    """Count the multiply-adds."""
    features, channels, tall, across = weight_shape
    _, _, width, batch = rows.shape
    each: int = width * batch * features * channels * tall * across
    return height * each
