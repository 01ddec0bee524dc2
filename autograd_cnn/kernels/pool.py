"""Pooling by slices.

A window's taps are strided slices of the rows. Maxima and sums go down the height first, over runs of
C·W·N contiguous elements, then along the width of what is left. A few small images are left to `images`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from autograd_cnn.kernels import images, threads
from autograd_cnn.kernels.elementwise import PASS, as_bits
from autograd_cnn.kernels.layout import Array, image_rows, least, padded_rows, to_images, to_rows
from autograd_cnn.kernels.window import Pair, Window

_FEW = 2  # images that convolution leaves in their own order, see `conv._choose`
_SMALL = 20_000  # elements that the windows of a few images see: up to here NumPy's calls take longer than they do


@functools.lru_cache(maxsize=512)
def _small(x_shape: tuple[int, ...], window: Window) -> bool:
    """Whether what the windows of a few images see is best copied first."""
    seen = math.prod(x_shape) * math.prod(window.size) / math.prod(window.stride)
    return x_shape[0] <= _FEW and 0 < seen <= _SMALL


@functools.lru_cache(maxsize=512)
def _small_and_apart(x_shape: tuple[int, ...], window: Window) -> bool:
    """Whether moreover the windows neither overlap nor reach beyond the images."""
    image = x_shape[2], x_shape[3]
    return _small(x_shape, window) and not window.overlaps and window.padded(image) == image


def _size(x: Array) -> Pair:
    return x.shape[2], x.shape[3]


def _rows(x: Array) -> Array:
    """Give images as rows; a few are viewed as they are stored, as copying would take longer than all else."""
    return x.transpose(2, 1, 3, 0) if len(x) <= _FEW and x.flags.c_contiguous else to_rows(x)


def _padded(x: Array, window: Window, value: float = 0) -> Array:
    """Give the rows of images, surrounded with `value` wherever a window reaches beyond them."""
    return _rows(x) if window.padded(_size(x)) == _size(x) else padded_rows(x, window, value)


def _empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Make rows (H, C, W, N); a few images in their own order, (N, C, H, W)."""
    h, c, w, n = shape
    return np.empty((n, c, h, w), dtype).transpose(2, 1, 3, 0) if n <= _FEW else np.empty(shape, dtype)


def _reduce(rows: Array, window: Window, count: Pair, combine: np.ufunc) -> Array:
    """Combine the elements of every window, of which there are `count`, in an array of its own."""
    _, channels, _, batch = rows.shape
    out = _empty((count[0], channels, count[1], batch), rows.dtype)

    def reduce(part: Sequence[int]) -> None:
        source = rows[part[0] * window.stride[0] :]
        tall = _fold([source[window.rows(tap, len(part))] for tap in range(window.size[0])], combine)
        taps = [tall[:, :, window.columns(tap, count[1])] for tap in range(window.size[1])]
        _fold(taps, combine, out=out[part[0] : part[-1] + 1])

    threads.map_pieces(reduce, threads.split(range(count[0]), PASS * rows.size))
    return out


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


def _taps(rows: Array, window: Window, out: Array) -> Iterator[Array]:
    """View, for each tap of the window in turn, the elements it meets: (H', C, W', N)."""
    for place in _places(window, (out.shape[0], out.shape[2])):
        yield rows[place]


@functools.lru_cache(maxsize=512)
def _places(window: Window, count: Pair) -> tuple[tuple[slice, slice, slice], ...]:
    """Give where each tap's elements stand in rows; to work it out takes as long as to compare them, in one image."""
    return tuple((window.rows(i, count[0]), slice(None), window.columns(j, count[1])) for i, j in window.taps())


def max_pool2d(x: Array, window: Window) -> Array:
    """Maximum of every window of (N, C, H, W), or a nan if there is one; padding counts as the least number there is.

    That is −inf, the least integer or False; a window of padding alone holds it.
    """
    if _small(x.shape, window):
        return images.max_pool2d(x, window)
    rows = _padded(x, window, least(x.dtype))
    return to_images(_reduce(rows, window, window.positions(_size(x)), np.maximum))


def _ordinary(out: Array) -> bool:
    """Whether maxima are found among the elements by a comparison: no nan, which equals nothing, and no −inf.

    A maximum of −inf equals the padding as well.
    """
    if out.dtype.kind != "f":
        return True
    lowest: bool = np.minimum.reduce(out, None, initial=np.inf) > -np.inf  # 0.7 µs for LeNet-5's one image, 6 for 128
    return lowest


def _hits(rows: Array, out: Array, window: Window, inside: Array | None = None) -> Iterator[Array]:
    """Tell, tap by tap, which windows have their first maximum there; or, where that is nan, their last nan.

    `inside` tells which of the rows' elements belong to the images, if maxima may be nan or equal the padding.
    """
    if inside is not None:
        yield from _hits_inside(rows, out, window, inside)
        return
    *taps, _ = _taps(rows, window, out)
    unsettled = None
    for tap in taps:
        hit = tap == out
        if unsettled is None:
            unsettled = ~hit
        else:
            hit &= unsettled
            unsettled ^= hit
        yield hit
    # A window's maximum is at one of its taps: where it is at none before, at the last.
    yield np.ones(out.shape, bool) if unsettled is None else unsettled


def _hits_inside(rows: Array, out: Array, window: Window, inside: Array) -> Iterator[Array]:
    """Tell the same of any numbers, as PyTorch has it: a nan replaces what came before, another number a lesser one."""
    chosen = np.full(out.shape, -1)
    for i, (tap, within) in enumerate(zip(_taps(rows, window, out), _taps(inside, window, out), strict=True)):
        chosen[within & (np.isnan(tap) | ((tap == out) & (chosen < 0)))] = i
    for i in range(math.prod(window.size)):
        yield chosen == i


def _inside(out: Array, x: Array, window: Window) -> Array | None:
    """Tell which elements of the padded rows belong to the images, (H, 1, W, 1), if `_hits` has to know."""
    if _ordinary(out):
        return None
    height, width = window.padded(_size(x))
    inside = np.zeros((height, 1, width, 1), bool)
    image_rows(inside, window, _size(x))[...] = True
    return inside


def _tiled(rows: Array, out: Array, window: Window) -> bool:
    """Whether the windows lie side by side and leave no element out."""
    (height, width), (h, w) = window.stride, (rows.shape[0], rows.shape[2])
    return window.size == window.extent == (height, width) and (h, w) == (len(out) * height, out.shape[2] * width)


def max_pool2d_grad(grad: Array, x: Array, out: Array, window: Window) -> Array:
    """Send the gradient of every window to its first maximum or, where that is nan, to its last nan, as in PyTorch."""
    inside = _inside(out, x, window)
    if inside is None and _small_and_apart(x.shape, window):
        return images.max_pool2d_grad(grad, x, out, window)
    rows, out, grad = _padded(x, window, least(x.dtype)), _rows(out), _rows(grad)
    bits, overlaps = as_bits(grad), window.overlaps
    total = _empty(rows.shape, grad.dtype)
    if not _tiled(rows, out, window):
        total[...] = 0

    def send(part: Sequence[int]) -> None:
        top, here = part[0] * window.stride[0], slice(part[0], part[-1] + 1)
        targets = _taps(total[top:] if overlaps else as_bits(total[top:]), window, out[here])
        hits = _hits(rows[top:], out[here], window, None if inside is None else inside[top:])
        for target, hit in zip(targets, hits, strict=True):
            if overlaps:
                target += np.multiply(bits[here], hit).view(grad.dtype)
            else:
                np.multiply(bits[here], hit, out=target)

    places = range(len(out))
    threads.map_pieces(send, [places] if overlaps else threads.split(places, PASS * rows.size))
    return to_images(image_rows(total, window, _size(x)))


def max_pool2d_pick(values: Array, x: Array, out: Array, window: Window) -> Array:
    """Pick from `values`, shaped as `x`, the elements that the above sends gradients to: its adjoint."""
    rows, source = _padded(x, window, least(x.dtype)), _padded(values, window)
    picked = np.zeros_like(_rows(out), dtype=values.dtype)
    hits = _hits(rows, _rows(out), window, _inside(out, x, window))
    for value, hit in zip(_taps(source, window, picked), hits, strict=True):
        picked += np.multiply(as_bits(value), hit).view(values.dtype)
    return to_images(picked)


def _share(image: Pair, window: Window, count_include_pad: bool, dtype: np.dtype[Any]) -> Array:
    """Give 1 / (the elements of every window that count), as rows (H', 1, W', 1).

    Padding counts or not; what a last window hangs over, beyond the padding, never does.
    """
    lengths = []
    for axis in (0, 1):
        count, padding, size = window.positions(image)[axis], window.padding[axis], window.size[axis]
        margin = padding if count_include_pad else 0
        starts = np.arange(count) * window.stride[axis] - padding
        stops = np.minimum(starts + size, image[axis] + margin)
        lengths.append(np.maximum(stops - np.maximum(starts, -margin), 1))
    share: Array = 1 / (lengths[0][:, None, None, None] * lengths[1][None, None, :, None])
    return share.astype(dtype)


def avg_pool2d(x: Array, window: Window, count_include_pad: bool = True) -> Array:
    """Mean of every window of (N, C, H, W); padding counts as zeros, or not at all."""
    total = _reduce(_padded(x, window), window, window.positions(_size(x)), np.add)
    total *= _share(_size(x), window, count_include_pad, total.dtype)
    return to_images(total)


def avg_pool2d_grad(grad: Array, x_shape: tuple[int, ...], window: Window, count_include_pad: bool = True) -> Array:
    """Spread the gradient of every window evenly over it."""
    image = x_shape[2], x_shape[3]
    share = _rows(grad) * _share(image, window, count_include_pad, grad.dtype)
    height, width = window.padded(image)
    total = np.zeros((height, x_shape[1], width, x_shape[0]), share.dtype)
    for target in _taps(total, window, share):
        target += share
    return to_images(image_rows(total, window, image))
