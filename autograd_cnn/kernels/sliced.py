"""Pooling by slices, of images in any memory order: it suits every problem.

What one tap sees, over all windows, is a strided slice of the images. Maxima and sums are taken over the height first,
over long contiguous runs if the batch is innermost in memory, and then over the width. Results have the images' memory
order.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence

import numpy as np

from autograd_cnn.kernels import threads
from autograd_cnn.kernels.layout import Array, aligned_like, as_bits
from autograd_cnn.kernels.problem import Pooling
from autograd_cnn.kernels.window import Pair, Window

#: Most taps that a byte can number, with one more number for no tap.
MOST_TAPS = 255


def suits(problem: Pooling, direction: str) -> bool:  # noqa: ARG001 -- every algorithm's signature
    """Return True: every problem can be solved by slices."""
    return True


def forward(problem: Pooling, x: Array) -> Array:
    """Return the maximum of every window of padded images."""
    return reduce(problem, x, np.maximum)


def winners(problem: Pooling, x: Array, out: Array) -> Array:
    """Return the number of the first tap that saw each maximum; no maximum is nan."""
    count = math.prod(problem.window.size)
    kind = np.uint8 if count <= MOST_TAPS else np.intp
    # The taps count down: the first that saw the maximum has the highest number.
    left = np.zeros_like(out, dtype=kind)
    for i, tap in enumerate(taps(x, problem.window, out)):
        np.maximum(left, (tap == out).view(np.uint8) * kind(count - i), out=left)
    np.subtract(count, left, out=left)
    return left


def winners_of_any(problem: Pooling, x: Array, out: Array) -> Array:
    """Return the same for any values, as in PyTorch: the first maximum wins, or the last nan if there is one.

    A window of padding alone has no winner, for which the number of taps stands.
    """
    none = math.prod(problem.window.size)
    inside = np.zeros((1, 1, *problem.padded), bool)
    inside[problem.inside or ...] = True
    chosen = np.full_like(out, none, dtype=np.uint8 if none <= MOST_TAPS else np.intp)
    for i, (tap, within) in enumerate(zip(*(taps(v, problem.window, out) for v in (x, inside)), strict=True)):
        chosen[within & (np.isnan(tap) | ((tap == out) & (chosen == none)))] = i
    return chosen


def numbered(problem: Pooling, numbers: Array) -> Array:  # noqa: ARG001 -- every algorithm's signature
    """Return the numbers themselves."""
    return numbers


def grad_input(problem: Pooling, grad: Array, winners: Array) -> Array:
    """Return the gradient of the padded images; where windows overlap, their gradients are added."""
    bits, overlaps, top_of = as_bits(grad), problem.window.overlaps, problem.window.stride[0]
    total = aligned_like(grad, (*problem.x_shape[:2], *problem.padded))
    if not _tiled(problem):
        total[...] = 0

    def send(part: Sequence[int]) -> None:
        below, here = np.s_[:, :, part[0] * top_of :], np.s_[:, :, part[0] : part[-1] + 1]
        for i, target in enumerate(taps(total[below], problem.window, winners[here])):
            sent = (bits[here] * (winners[here] == i)).view(grad.dtype)
            if overlaps:
                target += sent
            else:
                target[...] = sent  # faster than multiplying into slices

    places = range(problem.positions[0])
    work = threads.PASS * math.prod(problem.x_shape)
    threads.map_pieces(send, [places] if overlaps else threads.split(places, work))
    return total


def pick(problem: Pooling, values: Array, winners: Array) -> Array:
    """Return the elements of padded `values` that `grad_input` sends gradients to: its adjoint."""
    picked = np.zeros_like(winners, dtype=values.dtype)
    for i, value in enumerate(taps(values, problem.window, winners)):
        picked += np.multiply(as_bits(value), winners == i).view(values.dtype)
    return picked


def reduce(problem: Pooling, x: Array, combine: np.ufunc) -> Array:
    """Combine the elements of every window, in a new array."""
    window, (height, width) = problem.window, problem.positions
    out = aligned_like(x, (*x.shape[:2], height, width))

    def some(part: Sequence[int]) -> None:
        source = x[:, :, part[0] * window.stride[0] :]
        tall = _fold([source[:, :, window.rows(tap, len(part))] for tap in range(window.size[0])], combine)
        wide = [tall[..., window.columns(tap, width)] for tap in range(window.size[1])]
        _fold(wide, combine, out=out[:, :, part[0] : part[-1] + 1])

    threads.map_pieces(some, threads.split(range(height), threads.PASS * x.size))
    return out


def taps(x: Array, window: Window, out: Array) -> Iterator[Array]:
    """View, for each tap of the window in turn, the elements it sees, shaped as `out`: (N, C, H', W')."""
    for place in _places(window, (out.shape[2], out.shape[3])):
        yield x[place]


def is_ordinary(out: Array) -> bool:
    """Whether `==` finds the maxima among the elements: none is nan, which equals nothing, or −inf, as padding is."""
    if out.dtype.kind != "f":
        return True
    lowest: bool = np.minimum.reduce(out, None, initial=np.inf) > -np.inf
    return lowest


def _fold(arrays: Sequence[Array], combine: np.ufunc, out: Array | None = None) -> Array:
    """Combine arrays one after the other."""
    if len(arrays) == 1:
        if out is None:
            return arrays[0]
        out[:] = arrays[0]
        return out
    out = combine(arrays[0], arrays[1], out=out)
    for array in arrays[2:]:
        combine(out, array, out=out)
    return out


@functools.lru_cache(maxsize=512)
def _places(window: Window, count: Pair) -> tuple[tuple[slice, ...], ...]:
    """Return the slices of each tap's elements; cached, as making them takes as long as reading one image."""
    everything = slice(None)
    return tuple(
        (everything, everything, window.rows(i, count[0]), window.columns(j, count[1])) for i, j in window.taps()
    )


def _tiled(problem: Pooling) -> bool:
    """Whether the windows lie side by side and leave no element out."""
    window, (height, width) = problem.window, problem.positions
    side_by_side = window.size == window.extent == window.stride
    return side_by_side and problem.padded == (height * window.stride[0], width * window.stride[1])
