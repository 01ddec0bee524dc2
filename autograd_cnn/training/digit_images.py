"""Images for models of handwritten digits: any picture is converted to a digit in the form of MNIST's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from autograd_cnn import data
from autograd_cnn.data import DataError

#: The `reading` of a model that takes one handwritten digit in the form of MNIST's.
DIGIT = "digit"
SHAPE = (1, 28, 28)


def reading_of(name: str, shape: tuple[int, ...]) -> str:
    """Return the reading of a model that was trained on a data set with images of this shape.

    Examples
    --------
    >>> reading_of("mnist", (1, 28, 28)), reading_of("kmnist", (1, 28, 28))
    ('digit', '')
    """
    return DIGIT if data.canonical(name) in data.HANDWRITTEN_DIGITS and shape == SHAPE else ""


def as_digits(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return pictures (N, C, H, W), or one (C, H, W) or (H, W), read as handwritten digits (N, 1, 28, 28).

    Images (N, 1, 28, 28) are returned as they are.

    Raises
    ------
    DataError
        If a picture has no digit or several; the message says which.

    Examples
    --------
    >>> as_digits(data.load("digits", "test").images[:5]).shape
    (5, 1, 28, 28)
    """
    if images.shape[1:] == SHAPE:
        return images
    pictures = images if images.ndim == 4 else images[np.newaxis]
    digits = np.empty((len(pictures), *SHAPE), np.float32)
    for i, picture in enumerate(pictures):
        try:
            digits[i] = data.read_digit(picture)
        except DataError as error:
            raise DataError(f"image {i} of {len(pictures)}: {error}") from error
    return digits
