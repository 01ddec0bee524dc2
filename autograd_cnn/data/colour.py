"""Colour and grey: tell whether images have colour, and convert between the two."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autograd_cnn.data.dataset import DataError
from autograd_cnn.data.image_files import open_image
from autograd_cnn.data.images import read_image

#: The share of red, green and blue in grey: ITU-R BT.601, as Pillow has it.
LUMA = (0.299, 0.587, 0.114)

# Channels that differ by no more than this belong to a grey picture that a lossy format stored as colour.
_TOLERANCE = 8 / 255
_SIZE = (32, 32)  # files are checked at this size
_GREY_MODES = ("1", "L", "LA", "La", "I", "F")


def has_colour(paths: Iterable[str | Path], max_pixels: int | None = None) -> bool:
    """Return whether one of these image files shows colour; files that cannot be read do not.

    Files stored as grey are recognised by their headers, and the search ends at the first file with colour.

    Examples
    --------
    >>> import tempfile
    >>> from autograd_cnn.data.images import write_image
    >>> red = np.zeros((3, 8, 8), np.float32)
    >>> red[0] = 1
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     grey, colour = Path(folder, "grey.png"), Path(folder, "red.png")
    ...     write_image(grey, np.ones((3, 8, 8), np.float32))
    ...     write_image(colour, red)
    ...     has_colour([grey]), has_colour([grey, colour])
    (False, True)
    """
    return any(_is_coloured(Path(path), max_pixels) for path in paths)


def with_channels(images: NDArray[np.float32], channels: int) -> NDArray[np.float32]:
    """Return images (N, 1, H, W) or (N, 3, H, W) in grey or in colour.

    Parameters
    ----------
    images : ndarray of float32, shape (N, C, H, W)
    channels : {1, 3}
        1 for grey, the luma of ITU-R BT.601; 3 for red, green and blue, which are equal for grey images.

    Returns
    -------
    ndarray of float32, shape (N, channels, H, W)
        `images` themselves if they have this number of channels.

    Raises
    ------
    DataError
        If either number of channels is not 1 or 3.

    Examples
    --------
    >>> with_channels(np.ones((5, 3, 8, 8), np.float32), 1).shape
    (5, 1, 8, 8)
    """
    have = images.shape[1]
    if have == channels:
        return images
    if {have, channels} != {1, 3}:
        raise DataError(f"images of {have} channels cannot be made to have {channels}: expected 1 (grey) or 3 (colour)")
    if channels == 3:
        return np.repeat(images, 3, axis=1)
    red, green, blue = (np.float32(share) * images[:, i] for i, share in enumerate(LUMA))
    grey: NDArray[np.float32] = np.clip(red + green + blue, 0, 1)
    return grey[:, np.newaxis]


def _is_coloured(path: Path, max_pixels: int | None) -> bool:
    try:
        with open_image(path, max_pixels) as image:
            if image.mode in _GREY_MODES or image.mode.startswith("I;16"):
                return False
        return bool(np.ptp(read_image(path, 3, _SIZE, max_pixels=max_pixels), axis=0).max() > _TOLERANCE)
    except Exception:  # noqa: BLE001 -- whatever is wrong with a file is reported when it is read
        return False
