"""Pooling by slices, of images in any order of memory: it suits every problem.

What one tap of all windows sees is a strided slice of the images. Maxima and sums go down the height first, over runs
of many contiguous elements if the batch is innermost in memory, then along the width of what is left. Results are
stored in the order of the images.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence

import numpy as np

from autograd_cnn.kernels import threads
from autograd_cnn.kernels.layout import Array, as_bits
from autograd_cnn.kernels.problem import Pooling
from autograd_cnn.kernels.window import Pair, Window


def suits(problem: Pooling, direction: str) -> bool:  # noqa: ARG001 -- as every algorithm
    """Return True: every problem can be solved by slices."""
    return True


def forward(problem: Pooling, x: Array) -> Array:
    """Return the maximum of every window of padded images."""
    return reduce(problem, x, np.maximum)


def grad_input(problem: Pooling, grad: Array, x: Array, out: Array) -> Array:
    """Return the gradient of the padded images; where windows overlap, what they send is added."""
    inside = _inside(problem, out)
    bits, overlaps, top_of = as_bits(grad), problem.window.overlaps, problem.window.stride[0]
    total = np.empty_like(x, dtype=grad.dtype)
    if not _tiled(problem):
        total[...] = 0

    def send(part: Sequence[int]) -> None:
        below, here = np.s_[:, :, part[0] * top_of :], np.s_[:, :, part[0] : part[-1] + 1]
        if not overlaps and inside is None:
            _send_apart(problem.window, bits[here], x[below], out[here], as_bits(total[below]))
            return
        targets = taps(total[below] if overlaps else as_bits(total[below]), problem.window, out[here])
        hits = _hits(x[below], out[here], problem.window, None if inside is None else inside[below])
        for target, hit in zip(targets, hits, strict=True):
            if overlaps:
                target += np.multiply(bits[here], hit).view(grad.dtype)
            else:
                np.multiply(bits[here], hit, out=target)

    places = range(out.shape[2])
    threads.map_pieces(send, [places] if overlaps else threads.split(places, threads.PASS * x.size))
    return total


def pick(problem: Pooling, values: Array, x: Array, out: Array) -> Array:
    """Return the elements of padded `values` that `grad_input` sends gradients to: its adjoint."""
    picked = np.zeros_like(out, dtype=values.dtype)
    hits = _hits(x, out, problem.window, _inside(problem, out))
    for value, hit in zip(taps(values, problem.window, picked), hits, strict=True):
        picked += np.multiply(as_bits(value), hit).view(values.dtype)
    return picked


def reduce(problem: Pooling, x: Array, combine: np.ufunc) -> Array:
    """Combine the elements of every window, in an array of its own."""
    window, (height, width) = problem.window, problem.positions
    out = np.empty_like(x, shape=(*x.shape[:2], height, width))

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
    """Whether comparison finds maxima among the elements: no nan, which equals nothing, nor −inf, as the padding is."""
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


def _send_apart(window: Window, bits: Array, x: Array, out: Array, total: Array) -> None:
    """Send the gradient of windows that share no elements to their first maximum; all as bits, to take from."""
    left = bits
    *before, (_, last) = zip(taps(x, window, out), taps(total, window, out), strict=True)
    for tap, target in before:
        sent = left * (tap == out)
        target[...] = sent  # which is faster than to multiply into slices
        left = left ^ sent
    last[...] = left  # a window's maximum is at one of its taps


@functools.lru_cache(maxsize=512)
def _places(window: Window, count: Pair) -> tuple[tuple[slice, ...], ...]:
    """Return where each tap's elements are, once: slices take as long to make as to read, for one image."""
    everything = slice(None)
    return tuple(
        (everything, everything, window.rows(i, count[0]), window.columns(j, count[1])) for i, j in window.taps()
    )


def _hits(x: Array, out: Array, window: Window, inside: Array | None) -> Iterator[Array]:
    """Tell, tap by tap, which windows have their first maximum there; or, where that is nan, their last nan.

    `inside` tells which elements belong to the images, if maxima may be nan or equal the padding.
    """
    if inside is not None:
        yield from _hits_inside(x, out, window, inside)
        return
    *before, _ = taps(x, window, out)
    unsettled = None
    for tap in before:
        hit = tap == out
        if unsettled is None:
            unsettled = ~hit
        else:
            hit &= unsettled
            unsettled ^= hit
        yield hit
    # A window's maximum is at one of its taps: where it is at none before, at the last.
    yield np.ones_like(out, bool) if unsettled is None else unsettled


def _hits_inside(x: Array, out: Array, window: Window, inside: Array) -> Iterator[Array]:
    """Tell the same of any numbers, as PyTorch has it: a nan replaces what came before, another number a lesser one."""
    chosen = np.full(out.shape, -1)
    for i, (tap, within) in enumerate(zip(taps(x, window, out), taps(inside, window, out), strict=True)):
        chosen[within & (np.isnan(tap) | ((tap == out) & (chosen < 0)))] = i
    for i in range(math.prod(window.size)):
        yield chosen == i


def _inside(problem: Pooling, out: Array) -> Array | None:
    """Tell which elements of padded images belong to the images, (1, 1, H, W), if `_hits` has to know."""
    if is_ordinary(out):
        return None
    inside = np.zeros((1, 1, *problem.padded), bool)
    inside[problem.inside or ...] = True
    return inside


def _tiled(problem: Pooling) -> bool:
    """Whether the windows lie side by side and leave no element out."""
    window, (height, width) = problem.window, problem.positions
    side_by_side = window.size == window.extent == window.stride
    return side_by_side and problem.padded == (height * window.stride[0], width * window.stride[1])
