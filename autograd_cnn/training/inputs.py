"""What a model takes from a data set: the channels and size of its images, and the options that follow from them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_cnn import data, models
from autograd_cnn.data import Dataset
from autograd_cnn.training.arguments import accepted
from autograd_cnn.training.digit_images import SHAPE, as_digits
from autograd_cnn.training.model_files import FileModel
from autograd_cnn.variable import Array

#: Sides are kept between these limits: networks that pool need some pixels, and large images take long to train on.
SMALLEST, LARGEST = 28, 64

Size = tuple[int, int]


@dataclass(frozen=True)
class Inputs:
    """The images that a model takes.

    Attributes
    ----------
    channels : int, optional
        1 for grey, 3 for colour; None for what the data set has.
    size : tuple of int, optional
        Height and width; None for the data set's own, brought between `SMALLEST` and `LARGEST`.
    own : bool
        Whether to keep the data set's own size in any case.

    Examples
    --------
    >>> Inputs.of(models.lenet5).load("digits", "test")
    <Dataset: 360 images of 1×28×28 in 10 classes>
    """

    channels: int | None = None
    size: Size | None = None
    own: bool = False

    @classmethod
    def of(cls, model: models.Model, gray: bool = False) -> Inputs:
        """Return what a model takes: any images, or those that a user's own model file declares."""
        if not isinstance(model, FileModel):
            return cls(1 if gray else None)
        channels, *size = getattr(model, "INPUT_SHAPE", (None,))
        return cls(1 if gray else channels, tuple(size) or None, own=True)

    def load(self, name: str, split: str, skip_bad: bool = False) -> Dataset:
        """Load a data set as the model takes it; handwritten digits of 28×28 have the form of MNIST's."""
        size = self.size or (None if self.own else within_limits)
        if (
            data.canonical(name) in data.HANDWRITTEN_DIGITS
            and self.channels in (None, 1)
            and size in (within_limits, SHAPE[1:])
        ):
            dataset = data.load(name, split)
            return dataclasses.replace(dataset, images=as_digits(dataset.images))
        return data.load(name, split, size=size, channels=self.channels, skip_bad=skip_bad)


def within_limits(size: Size) -> Size:
    """Return a height and width, each clipped to the range from `SMALLEST` to `LARGEST`.

    Examples
    --------
    >>> within_limits((8, 8)), within_limits((32, 40)), within_limits((480, 640))
    ((28, 28), (32, 40), (64, 64))
    """
    height, width = (min(max(side, SMALLEST), LARGEST) for side in size)
    return height, width


def options_for(model: models.Model, shape: tuple[int, ...], **others: Any) -> dict[str, Any]:
    """Return the options that a model's `init` accepts: those that follow from its images (C, H, W), and others.

    Examples
    --------
    >>> options_for(models.resnet, (3, 32, 32), depth=8)
    {'in_channels': 3, 'image_size': [32, 32], 'depth': 8}
    """
    if len(shape) != 3:
        return accepted(model.init, **others)
    return accepted(model.init, in_channels=shape[0], image_size=list(shape[1:]), **others)


def channel_statistics(images: Array) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean and the standard deviation of each channel of images (N, C, H, W); a deviation of 0 becomes 1.

    Examples
    --------
    >>> channel_statistics(np.array([[[[0.0, 1.0]], [[0.5, 0.5]]]], np.float32))
    ((0.5, 0.5), (0.5, 1.0))
    """
    # A channel at a time, in float64: a copy of all images would be large.
    channels = [images[:, i] for i in range(images.shape[1])]
    means = [float(channel.mean(dtype=np.float64)) for channel in channels]
    return tuple(means), tuple(float(channel.std(dtype=np.float64)) or 1.0 for channel in channels)
