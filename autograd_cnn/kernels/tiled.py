"""The backward pass of max pooling where windows lie side by side, for rows with the batch innermost in memory.

Values that belong to windows are first repeated along the width, as often as a window is wide. Everything else then
runs over whole rows instead of a stretch for each window. Winners are kept as booleans (H', KH, C, W' · KW, N).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

import numpy as np

from autograd_cnn.kernels import sliced, threads
from autograd_cnn.kernels.layout import ROWS, Array, aligned, as_bits, read_only
from autograd_cnn.kernels.problem import Pooling

#: Most elements of the images in a band of windows: with more, the last pass no longer finds them in cache.
BAND = 262_144

forward = sliced.forward


def suits(problem: Pooling, direction: str) -> bool:
    """Whether this is the backward pass of many images, windows lie side by side, and a byte can number their taps."""
    window = problem.window
    side_by_side = window.size == window.extent == window.stride and math.prod(window.size) <= sliced.MOST_TAPS
    return direction == "back" and not problem.has_few_images and side_by_side


def winners(problem: Pooling, x: Array, out: Array) -> Array:
    """Return which elements of padded images won; no maximum is nan."""
    seen, maxima = _by_window(problem, ROWS.store(x)), ROWS.store(out)
    won = np.empty(seen.shape, bool)

    def find(band: slice) -> None:
        np.equal(seen[band], _repeated(problem, maxima[band]), out=won[band])
        if np.count_nonzero(won[band]) > maxima[band].size:
            _keep_first(problem, won[band])

    _over_bands(problem, find)
    return won


def numbered(problem: Pooling, numbers: Array) -> Array:
    """Return the same, from the numbers of the taps that won."""
    won: Array = _repeated(problem, ROWS.store(numbers)) == _taps(problem)
    return won


def grad_input(problem: Pooling, grad: Array, winners: Array) -> Array:
    """Return the gradient of the padded images."""
    (tall, wide), (height, width) = problem.window.size, problem.positions
    total = aligned((problem.padded[0], problem.x_shape[1], problem.padded[1], problem.batch), grad.dtype)
    total[height * tall :] = total[:, :, width * wide :] = 0  # elements that no window sees
    totals, gradients = _by_window(problem, as_bits(total)), ROWS.store(as_bits(grad))

    def send(band: slice) -> None:
        spread = _repeated(problem, gradients[band])
        for i in range(tall):
            target = totals[band, i]
            target[...] = winners[band, i]  # converted here, as np.multiply would do it in small pieces
            target *= spread[:, 0]

    _over_bands(problem, send)
    return ROWS.images(total)


def pick(problem: Pooling, values: Array, winners: Array) -> Array:
    """Return the elements of padded `values` that `grad_input` sends gradients to: its adjoint."""
    kept = _by_window(problem, ROWS.store(as_bits(values))) * winners
    picked = functools.reduce(np.bitwise_or, _columns(problem, functools.reduce(np.bitwise_or, kept.swapaxes(0, 1))))
    return ROWS.images(np.ascontiguousarray(picked).view(values.dtype))


def _by_window(problem: Pooling, rows: Array) -> Array:
    """View the part of padded rows (H, C, W, N) that windows see, as (H', KH, C, W' · KW, N)."""
    (tall, wide), (height, width) = problem.window.size, problem.positions
    return rows[: height * tall].reshape(height, tall, *rows.shape[1:])[:, :, :, : width * wide]


def _repeated(problem: Pooling, rows: Array) -> Array:
    """Repeat (H', C, W', N) along the width: (H', 1, C, W' · KW, N)."""
    return np.repeat(rows, problem.window.size[1], axis=2)[:, None]


def _columns(problem: Pooling, rows: Array) -> list[Array]:
    """View the part of (H', C, W' · KW, N) that each column of the windows sees."""
    wide = problem.window.size[1]
    return [rows[:, :, i::wide] for i in range(wide)]


def _keep_first(problem: Pooling, won: Array) -> None:
    """Keep only the first of the elements that equal their window's maximum: the one with the highest mark."""
    marks = math.prod(problem.window.size) - _taps(problem)
    marked = won.view(np.uint8) * marks
    highest = functools.reduce(np.maximum, _columns(problem, functools.reduce(np.maximum, marked.swapaxes(0, 1))))
    np.equal(marked, _repeated(problem, highest), out=won)


@functools.lru_cache(maxsize=64)
def _taps(problem: Pooling) -> Array:
    """Return the number of the tap that sees each element of a window's rows, (KH, 1, W' · KW, N)."""
    (tall, wide), width, batch = problem.window.size, problem.positions[1], problem.batch
    taps = np.arange(tall * wide, dtype=np.uint8).reshape(tall, 1, wide, 1)
    return read_only(np.broadcast_to(taps, (tall, width, wide, batch)).reshape(tall, 1, width * wide, batch))


def _over_bands(problem: Pooling, function: Callable[[slice], None]) -> None:
    """Call a function on bands of rows of windows, shared among threads."""
    height, elements = problem.positions[0], math.prod(problem.x_shape)
    step = max(BAND * height // max(elements, 1), 1)

    def some(tops: Sequence[int]) -> None:
        for top in tops:
            function(slice(top, top + step))

    threads.map_pieces(some, threads.split(range(0, height, step), threads.PASS * elements))
