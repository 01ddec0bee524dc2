"""Sliding windows: the arithmetic of size, stride, padding and dilation, for convolution and pooling alike."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

Pair = tuple[int, int]


class Window(NamedTuple):
    """A window that slides over an image, each setting as (vertical, horizontal).

    Parameters
    ----------
    size, stride, padding, dilation : pair of int
        Taps, step, how far the image is extended on either side, and distance between taps.
    ceil_mode : bool
        Whether a last window may hang over the end of the padded image, if it starts before the end of the
        image.
    """

    size: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    ceil_mode: bool = False

    @property
    def extent(self) -> Pair:
        """Rows and columns from the first tap to the last, both included."""
        return (self.size[0] - 1) * self.dilation[0] + 1, (self.size[1] - 1) * self.dilation[1] + 1

    @functools.lru_cache(maxsize=512)  # noqa: B019 -- a window is a value, and a look-up is cheaper than the arithmetic
    def positions(self, image: Pair) -> Pair:
        """Count the positions of the window on an image (H, W): the size of the output."""
        (height, width), (top, left), (down, right) = self.extent, self.padding, self.stride
        rooms = image[0] + 2 * top - height, image[1] + 2 * left - width
        if not self.ceil_mode:
            return rooms[0] // down + 1, rooms[1] // right + 1
        last = -(-rooms[0] // down), -(-rooms[1] // right)
        # As in PyTorch: a window that would start in the padding at the end is left out.
        return last[0] + (last[0] * down < image[0] + top), last[1] + (last[1] * right < image[1] + left)

    def misses(self, image: Pair) -> bool:
        """Whether all the window's taps are in the padding of the image (H, W) at some position."""
        for axis in (0, 1):
            starts = np.arange(self.positions(image)[axis]) * self.stride[axis] - self.padding[axis]
            taps = starts[:, None] + np.arange(self.size[axis]) * self.dilation[axis]
            if not ((taps >= 0) & (taps < image[axis])).any(1).all():
                return True
        return False

    @functools.lru_cache(maxsize=512)  # noqa: B019
    def padded(self, image: Pair) -> Pair:
        """Return the size of an image with its padding, and with the part of a last window that hangs over."""
        (height, width), (top, left), (down, right) = self.extent, self.padding, self.stride
        count = self.positions(image)
        reached = (count[0] - 1) * down + height, (count[1] - 1) * right + width
        return max(image[0] + 2 * top, reached[0]), max(image[1] + 2 * left, reached[1])

    @property
    def turns(self) -> bool:
        """Whether the gradient of the image is a convolution of the output's gradient with the window `turned`."""
        inside = self.padding[0] < self.extent[0] and self.padding[1] < self.extent[1]
        return inside and self.stride == (1, 1)

    def turned(self) -> Window:
        """Return the window of that convolution: taps in opposite order, padding that restores the image's size."""
        (height, width), (top, left) = self.extent, self.padding
        return Window(self.size, padding=(height - 1 - top, width - 1 - left), dilation=self.dilation)

    def rows(self, tap: int, count: int) -> slice:
        """Select the rows of the padded image that row `tap` of the window visits at `count` places."""
        return self._visits(tap, count, 0)

    def columns(self, tap: int, count: int) -> slice:
        """Select the columns of the padded image that column `tap` of the window visits at `count` places."""
        return self._visits(tap, count, 1)

    def _visits(self, tap: int, count: int, axis: int) -> slice:
        start, stride = tap * self.dilation[axis], self.stride[axis]
        return slice(start, start + (count - 1) * stride + 1, stride)

    def taps(self) -> Iterator[Pair]:
        """Return the (row, column) of every tap in the window, row by row."""
        return ((i, j) for i in range(self.size[0]) for j in range(self.size[1]))

    @property
    def overlaps(self) -> bool:
        """Whether neighbouring places may share elements."""
        return self.extent[0] > self.stride[0] or self.extent[1] > self.stride[1]
