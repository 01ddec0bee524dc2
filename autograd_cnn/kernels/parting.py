"""Part the columns of rows by their remainder modulo the stride, so that each tap of a window sees adjacent columns.

With a stride along the width, tap l sees columns l, l + stride, l + 2·stride and so on. Columns with the same remainder
modulo the stride are put side by side, and a tap sees a stretch of them, as without a stride. That copies the rows
once, whereas im2col would copy them once for each tap.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

from autograd_cnn.kernels.layout import Array, aligned
from autograd_cnn.kernels.problem import Convolution


class Parts(NamedTuple):
    """How columns are parted: each part has every stride-th column, beginning with one of `first`."""

    first: tuple[int, ...]
    shape: tuple[int, ...]
    """The shape of the parted rows, (H, C, parts, W / stride, N)."""


@functools.lru_cache(maxsize=512)
def parts(problem: Convolution) -> Parts:
    """Describe the parts of a problem's columns."""
    window, (height, width) = problem.window, problem.image
    stride = window.stride[1]
    shifts = range(-window.padding[1], window.size[1] * window.dilation[1] - window.padding[1], window.dilation[1])
    first = tuple(sorted({shift % stride for shift in shifts}))
    return Parts(first, (height, problem.channels, len(first), -(-width // stride), problem.batch))


def part(problem: Convolution, rows: Array) -> Array:
    """Return rows (H, C, W, N) with their columns parted; a part may lack its last column, which is never read."""
    first, shape = parts(problem)
    stride = problem.window.stride[1]
    if stride == 1:
        return rows
    parted = aligned(shape, rows.dtype)
    for i, start in enumerate(first):
        columns = rows[:, :, start::stride]
        parted[:, :, i, : columns.shape[2]] = columns
    return parted


def join(problem: Convolution, parted: Array) -> Array:
    """Return the rows (H, C, W, N) that were parted, with zeros in columns that no tap sees."""
    first, (height, channels, _, _, batch) = parts(problem)
    stride, width = problem.window.stride[1], problem.image[1]
    if stride == 1:
        return parted.reshape(height, channels, width, batch)
    rows = aligned((height, channels, width, batch), parted.dtype)
    for start in range(min(stride, width)):
        columns = rows[:, :, start::stride]
        columns[...] = parted[:, :, first.index(start), : columns.shape[2]] if start in first else 0
    return rows


class Tap(NamedTuple):
    """The output columns to which a tap adds, and the shift from them to the parted columns that it sees."""

    tap: int
    begin: int
    end: int
    shift: int


@functools.lru_cache(maxsize=512)
def taps(problem: Convolution) -> list[Tap]:
    """Return the taps that see more than padding; taps that see the most columns come first."""
    window, width, (first, shape) = problem.window, problem.image[1], parts(problem)
    found = []
    for tap in range(window.size[1]):
        shift, remainder = divmod(tap * window.dilation[1] - window.padding[1], window.stride[1])
        columns = -(-(width - remainder) // window.stride[1])
        begin, end = max(0, -shift), min(problem.positions[1], columns - shift)
        if begin < end:
            found.append(Tap(tap, begin, end, first.index(remainder) * shape[3] + shift))
    return sorted(found, key=lambda tap: tap.begin - tap.end)
