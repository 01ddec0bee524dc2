"""Descriptions of what a kernel is to compute: shapes, window, groups and dtype, and what follows from them.

The dispatchers, `conv` and `pool`, keep a description for each set of arguments they have seen, so it is all worked
out only once. Descriptions are compared by identity, which makes them fast keys for the algorithms' own caches.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from autograd_cnn.kernels.window import Pair, Window

#: Up to this many images stay in (N, C, H, W) order: so short a batch axis makes no long contiguous stretches.
FEW_IMAGES = 8


@dataclass(frozen=True, eq=False)
class Pooling:
    """A window that slides over images.

    Parameters
    ----------
    x_shape : (N, C, H, W)
    dtype : dtype
        Of the images, or of their gradient.
    window : Window
    """

    x_shape: tuple[int, ...]
    dtype: np.dtype[Any]
    window: Window

    @cached_property
    def batch(self) -> int:
        """Number of images."""
        return self.x_shape[0]

    @cached_property
    def image(self) -> Pair:
        """Height and width of an image."""
        return self.x_shape[2], self.x_shape[3]

    @cached_property
    def positions(self) -> Pair:
        """Height and width of the output."""
        return self.window.positions(self.image)

    @cached_property
    def padded(self) -> Pair:
        """Height and width of an image with its padding."""
        return self.window.padded(self.image)

    @cached_property
    def inside(self) -> tuple[slice, ...] | None:
        """Where the images are in the padded ones (N, C, H, W); None without padding."""
        if self.padded == self.image:
            return None
        (top, left), (height, width) = self.window.padding, self.image
        return slice(None), slice(None), slice(top, top + height), slice(left, left + width)

    @cached_property
    def has_few_images(self) -> bool:
        """Whether there are so few images that they stay in (N, C, H, W) order."""
        return self.batch <= FEW_IMAGES


@dataclass(frozen=True, eq=False)
class Convolution(Pooling):
    """A convolution of images with a bank of filters.

    Parameters
    ----------
    x_shape, dtype, window
        As `Pooling` has them.
    weight_shape : (F, C / groups, KH, KW)
    groups : int
        Divides C and F.
    """

    weight_shape: tuple[int, ...]
    groups: int = 1

    @cached_property
    def features(self) -> int:
        """Output channels of a group."""
        return self.weight_shape[0] // self.groups

    @cached_property
    def channels(self) -> int:
        """Input channels of a group."""
        return self.weight_shape[1]

    @cached_property
    def taps(self) -> int:
        """Number of elements that a filter sees at once."""
        return math.prod(self.weight_shape[1:])

    def reads(self, rows: int) -> int:
        """Count the input rows that a band of so many output rows reads; a single row reads only those of its taps."""
        return (rows - 1) * self.window.stride[0] + self.window.size[0]

    @cached_property
    def work(self) -> int:
        """Number of multiply-adds."""
        return math.prod((self.batch, *self.positions, self.groups * self.features, self.taps))

    @cached_property
    def transposed(self) -> Convolution | None:
        """The convolution that computes the gradient of this one's input from the gradient of its output.

        Its filters come from `turned`. None if there is no such convolution: with a stride, or with padding as large
        as the window's extent or larger.
        """
        if not self.window.turns:
            return None
        size = self.weight_shape[2:]
        return Convolution(
            (self.batch, self.weight_shape[0], *self.positions),
            self.dtype,
            self.window.turned(),
            (self.groups * self.channels, self.features, *size),
            self.groups,
        )
