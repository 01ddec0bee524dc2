"""A picture of handwritten digits turned into what MNIST has: 28×28, the digit in a box of 20×20, bright on dark."""

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from autograd_cnn.data.dataset import DataError, as_pixels
from autograd_cnn.data.handwriting.components import label_components
from autograd_cnn.data.handwriting.filters import Mask, Picture, grown
from autograd_cnn.data.handwriting.grouping import group_parts
from autograd_cnn.data.handwriting.ink import find_ink
from autograd_cnn.data.handwriting.mnist_form import LONGER, box, framed, has_mnist_form, to_mnist_form
from autograd_cnn.data.handwriting.ruled_lines import without_ruled_lines
from autograd_cnn.data.image_files import decode
from autograd_cnn.data.images import border, bright_on_dark, resize, warnings_ignored

#: Longer side of the picture that is processed: it is shrunk to at most `LONGEST`, and enlarged to at least `SHORTEST`.
LONGEST, SHORTEST = 400, 112

#: Thresholds relative to most of the ink. Pixels above `SURE` are ink, and so are those above `FAINT` that are
#: connected to them; ruled lines are looked for among those above `TRACE`.
SURE, FAINT, TRACE = 0.6, 0.35, 0.2


def read_digit(image: Any) -> Picture:
    """Return the one handwritten digit in a picture in the form of MNIST's images.

    The ink is found against its paper, whatever their colours, under uneven light and among ruled lines. The digit is
    cropped, scaled by its longer side to 20 pixels, and placed with its centre of mass in the middle of 28×28, with its
    contrast stretched from 0 to 1. This is what was done to the digits of MNIST, so a model trained on them reads a
    photograph. An image that has this form already comes back with the same pixels.

    Parameters
    ----------
    image : array_like, shape (H, W), (1, H, W) or (3, H, W), or path-like
        Pixels from 0 (black) to 1 (white), or uint8 from 0 to 255; or an image file.

    Returns
    -------
    ndarray of float32, shape (1, 28, 28)
        Bright on dark.

    Raises
    ------
    DataError
        If no digit is found or more than one, or if a file cannot be read.
    ValueError
        If the array has another shape, or pixels outside 0 to 1.

    See Also
    --------
    read_digits : the same for several digits.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-Based Learning Applied to Document Recognition",
    Proceedings of the IEEE, 1998, section III A.

    Examples
    --------
    >>> import numpy as np
    >>> picture = np.full((90, 60), 0.8, np.float32)
    >>> picture[20:60, 25:31] = 0.1
    >>> digit = read_digit(picture)
    >>> digit.shape, int((digit > 0.5).any(axis=2).sum())
    ((1, 28, 28), 20)
    """
    digits = read_digits(image)
    name = image if isinstance(image, str | PathLike) else "the picture"
    if len(digits) != 1:
        raise DataError(
            f"{name} seems to have {len(digits)} digits: expected one; crop it, or read them one by one with "
            "read_digits (--split)"
        )
    return digits[0]


def read_digits(image: Any) -> list[Picture]:
    """Return the handwritten digits in a picture, from left to right, each as `read_digit` does.

    Parameters
    ----------
    image : array_like, shape (H, W), (1, H, W) or (3, H, W), or path-like
        As in `read_digit`.

    Returns
    -------
    list of ndarray of float32, shape (1, 28, 28)
        At least one.

    Raises
    ------
    DataError
        If no digit is found, or if a file cannot be read.
    ValueError
        If the array has another shape, or pixels outside 0 to 1.

    Examples
    --------
    >>> import numpy as np
    >>> picture = np.full((60, 90), 0.8, np.float32)
    >>> picture[20:50, 25:29] = picture[20:50, 60:64] = 0.1
    >>> len(read_digits(picture))
    2
    """
    pixels = _as_picture(image)
    if (pixels == pixels[:1]).all():
        pixels = pixels[:1]  # grey, in whatever form it was given
    upright = bright_on_dark(pixels.mean(0, keepdims=True))
    if has_mnist_form(upright):
        return [upright]
    if max(upright.shape) <= LONGER and np.ptp(upright) > 0.5:
        return [framed(np.maximum(upright[0] - np.median(border(upright)), 0))]
    ink = find_ink(_at_working_size(pixels))
    digits = [to_mnist_form(np.where(grown(mask, 1), ink, 0)) for mask in find_digits(ink)]
    if not digits:
        name = image if isinstance(image, str | PathLike) else "the picture"
        raise DataError(f"{name} has no digit that can be told from its background: expected one in ink on paper")
    return digits


def find_digits(ink: Picture) -> list[Mask]:
    """Return a mask (H, W) of each digit, from left to right, given how much ink is at each point (H, W)."""
    mask = without_ruled_lines(ink > TRACE) & (ink > FAINT)
    labels, _ = label_components(mask)
    sure = np.unique(labels[(labels > 0) & (ink > SURE)])
    parts = [(labels == number, box(labels == number)) for number in sure.tolist()]
    return group_parts(parts, mask.shape)


def _as_picture(image: Any) -> Picture:
    """Convert the argument to a picture (C, H, W) in [0, 1]."""
    if isinstance(image, str | PathLike):
        # Averaged over blocks of pixels as it is decoded: a large photograph takes little memory.
        with warnings_ignored():
            return decode(Path(image), 3, (LONGEST, LONGEST))[0]
    pixels = as_pixels(image)
    pixels = pixels[np.newaxis] if pixels.ndim == 2 else pixels
    if pixels.ndim != 3 or pixels.shape[0] not in (1, 3) or 0 in pixels.shape:
        raise ValueError(
            f"the picture has shape {pixels.shape}: expected (H, W), (1, H, W) or (3, H, W), one picture at a time"
        )
    if not ((pixels >= 0) & (pixels <= 1)).all():
        raise ValueError(f"pixels from {pixels.min()} to {pixels.max()} were given: expected 0 to 1, or uint8")
    return pixels


def _at_working_size(image: Picture) -> Picture:
    height, width = image.shape[1:]
    longest = max(height, width)
    scale = LONGEST / longest if longest > LONGEST else max(1, -(-SHORTEST // longest))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    at_size: Picture = resize(image[np.newaxis], size)[0]
    return at_size
