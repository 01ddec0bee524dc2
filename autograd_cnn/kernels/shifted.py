"""Convolution of many channels without columns: a product for each output row, whose parts are shifted and added.

The input rows that an output row reads lie one after the other in memory, a matrix (KH·C, W·N). One product multiplies
it with the filters of every horizontal tap; the part of tap l then belongs l places further to the left:

    output row (F, W'·N)  =  Σ part l of (filters (KW·F, KH·C) @ rows (KH·C, W·N)), from column l·N on

Nothing is copied, while columns copy every element KH·KW times, and the product has KW times as many rows. In the
weight's gradient the rows themselves are taken from column l·N on, and that is a matrix too.

An algorithm with fewer multiplications, such as Winograd's, does not fit here: it subtracts from an output what it took
from the output's neighbours, and leaves their rounding errors in it. Next to one pixel of 10⁶ its outputs are off by
about 1. Miller, "Computational complexity and numerical stability", 1975, shows that every such algorithm pays this.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

import numpy as np

from autograd_cnn.kernels import banded, threads
from autograd_cnn.kernels.layout import Array
from autograd_cnn.kernels.problem import Convolution
from autograd_cnn.kernels.products import multiply_transposed

#: Fewer features make a product of too few rows.
FEWEST_FEATURES = 16
#: Columns W'·N of a product: with fewer, its NumPy calls take longer than it saves.
FEWEST_COLUMNS = 256
#: A row of the product is wider than the output's by what is shifted out, at most this part of it.
LARGEST_SHIFT = 1 / 4
#: Elements that a product aims at, 2 MiB in float32; smaller ones are slower.
PRODUCT = 2**19
#: Elements of the largest product, of a single output column: 4 MiB in float32.
LARGEST_PRODUCT = 2**20


def suits(problem: Convolution, direction: str) -> bool:  # noqa: ARG001 -- as every algorithm
    """Whether rows lie together in memory, and the product pays: many channels, no more features, little shifted."""
    window, features, width = problem.window, problem.features, problem.positions[1]
    together = problem.groups == window.stride[1] == window.dilation[0] == 1 and window.size[1] > 1
    if not together or not FEWEST_FEATURES <= features <= problem.channels:
        return False
    shifted_out = window.extent[1] - 1
    if problem.batch * width < FEWEST_COLUMNS or shifted_out > LARGEST_SHIFT * width:
        return False
    return window.size[1] * features * problem.batch * (shifted_out + 1) <= LARGEST_PRODUCT


def forward(problem: Convolution, x: Array, weight: Array, bias: Array | None) -> Array:
    """Convolve padded rows (H, C, W, N); return rows (H', F, W', N)."""
    features, channels, tall, across = weight.shape
    batch, (height, width) = problem.batch, problem.positions
    filters = weight.transpose(3, 0, 2, 1).reshape(across * features, tall * channels)
    out = np.empty((height, features, width, batch), np.result_type(x, weight))
    beyond = problem.window.extent[1] - 1
    wide = max(min(PRODUCT // max(across * features * batch, 1) - beyond, width), 1)
    # Parts of a row of equal width, but for the last.
    lefts = range(0, width, -(-width // -(-max(width, 1) // wide)) or 1)

    def make(tops: Sequence[int]) -> None:
        scratch = np.empty(len(filters) * (wide + beyond) * batch, out.dtype)
        for top in tops:
            matrix, row = _matrix(problem, x, top), out[top].reshape(features, width * batch)
            for left in lefts:
                columns = min(lefts.step, width - left) * batch
                begin = left * batch
                several = matrix[:, begin : begin + columns + beyond * batch]
                product = scratch[: len(filters) * several.shape[1]].reshape(len(filters), several.shape[1])
                parts = np.matmul(filters, several, out=product).reshape(across, features, several.shape[1])
                shares = [part[:, at : at + columns] for part, at in zip(parts, _shifts(problem), strict=True)]
                _sum(shares, bias, out=row[:, begin : begin + columns])

    threads.map_pieces(make, threads.split(range(height), _work(problem)))
    return out


def grad_weight(problem: Convolution, grad: Array, x: Array) -> Array:
    """Return the gradient of the weight: for each tap, Σ rows, from column l·N on, @ a row of `grad`ᵀ."""
    features, channels, tall, across = problem.weight_shape
    height, _, width, batch = grad.shape

    def add(tops: Sequence[int]) -> Array:
        total = np.zeros((across, tall * channels, features), np.result_type(grad, x))
        for top in tops:
            matrix, row = _matrix(problem, x, top), grad[top].reshape(features, width * batch)
            for share, at in zip(total, _shifts(problem), strict=True):
                share += multiply_transposed(matrix[:, at : at + width * batch], row)
        return total

    total = functools.reduce(np.add, threads.map_pieces(add, threads.split(range(height), _work(problem))))
    return total.reshape(across, tall, channels, features).transpose(3, 2, 1, 0)


def grad_input(problem: Convolution, grad: Array, weight: Array) -> Array:
    """Return the gradient of the padded rows, by bands.

    `conv` asks for it only with a vertical stride, much padding or an infinite weight. Elsewhere the gradient of the
    input is a convolution itself, and comes back to `forward`.
    """
    return banded.grad_input(problem, grad, weight)


def _sum(shares: Sequence[Array], bias: Array | None, out: Array) -> None:
    """Add up the shares of all taps, and the bias."""
    if len(shares) == 1:
        out[...] = shares[0]
    else:
        np.add(shares[0], shares[1], out=out)
    for share in shares[2:]:
        out += share
    if bias is not None:
        out += bias[:, None]


def _matrix(problem: Convolution, x: Array, top: int) -> Array:
    """View the input rows that output row `top` reads as a matrix (KH·C, W·N)."""
    start, tall = top * problem.window.stride[0], problem.window.size[0]
    _, channels, width, batch = x.shape
    return x[start : start + tall].reshape(tall * channels, width * batch)


def _shifts(problem: Convolution) -> Iterator[int]:
    """Return the column that each horizontal tap begins at."""
    return (tap * problem.window.dilation[1] * problem.batch for tap in range(problem.window.size[1]))


def _work(problem: Convolution) -> int:
    """Count the multiply-adds, those that are shifted out too."""
    rows: int = problem.positions[0] * problem.padded[1] * problem.batch
    return rows * problem.features * problem.taps
