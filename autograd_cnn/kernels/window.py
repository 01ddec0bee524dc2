"""Sliding windows: the arithmetic of kernel size, stride and padding, for convolution and pooling alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Window:
    """A window that slides over an image, each setting as (vertical, horizontal).

    Parameters
    ----------
    size, stride, padding : pair of int
        Extent, step, and how far the image is extended on either side.
    """

    size: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)

    def padded(self, image: Pair) -> Pair:
        """Give the size of an image with its padding."""
        return image[0] + 2 * self.padding[0], image[1] + 2 * self.padding[1]

    def positions(self, image: Pair) -> Pair:
        """Count the places the window takes on an image (H, W): the size of the output."""
        height, width = self.padded(image)
        return (height - self.size[0]) // self.stride[0] + 1, (width - self.size[1]) // self.stride[1] + 1

    def rows(self, tap: int, count: int) -> slice:
        """Select the rows of the padded image that row `tap` of the window visits at `count` places."""
        return slice(tap, tap + (count - 1) * self.stride[0] + 1, self.stride[0])

    def columns(self, tap: int, count: int) -> slice:
        """Select the columns of the padded image that column `tap` of the window visits at `count` places."""
        return slice(tap, tap + (count - 1) * self.stride[1] + 1, self.stride[1])

    def taps(self) -> Iterator[Pair]:
        """Give the places inside the window, row by row."""
        return ((i, j) for i in range(self.size[0]) for j in range(self.size[1]))

    @property
    def overlaps(self) -> bool:
        """Whether neighbouring places share elements."""
        return self.size[0] > self.stride[0] or self.size[1] > self.stride[1]
