"""How many features a convolutional network hands to its first linear layer, for images of any size."""

from __future__ import annotations

from collections.abc import Callable

from autograd_cnn.ops import checks


def count(model: str, image_size: int | tuple[int, int], side: Callable[[int], int]) -> int:
    """Return the height times the width of the feature maps of images of a given size.

    Parameters
    ----------
    model : str
        The model's name, for the error.
    image_size : int or pair of int
        Height and width of the images.
    side : callable
        Return the side length of the feature maps for a side length of the images.

    Raises
    ------
    ValueError
        If the images are so small that the feature maps would be empty.

    Examples
    --------
    >>> count("lenet5", (28, 32), lambda length: (length // 2 - 4) // 2)
    30
    """
    height, width = checks.pair(model, "image_size", image_size, least=1)
    if min(side(height), side(width)) < 1:
        least = next(length for length in range(1, 1000) if side(length) > 0)
        raise ValueError(f"{model} takes images of at least {least}×{least}; got {height}×{width}")
    return side(height) * side(width)
