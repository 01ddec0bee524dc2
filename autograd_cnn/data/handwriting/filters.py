"""Filters of a picture: blurs, and sliding medians and maxima, with array operations alone."""

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]
Mask = NDArray[np.bool_]

#: Number of pixels sampled along half of a ring's side.
RING_DETAIL = 4


def blur(image: Picture, deviation: float) -> Picture:
    """Return an image (…, H, W) blurred with a Gaussian; beyond its edge the outermost pixels are repeated.

    Examples
    --------
    >>> spot = np.zeros((9, 9), np.float32)
    >>> spot[4, 4] = 1
    >>> float(blur(spot, 1.0).sum().round(3))
    1.0
    """
    radius = int(3 * deviation + 0.5)
    if radius == 0:
        return image
    weight = np.exp(-0.5 * (np.arange(-radius, radius + 1) / deviation) ** 2)
    weight /= weight.sum()
    for axis in (image.ndim - 2, image.ndim - 1):
        padded = _pad(image, axis, radius, "edge")
        length = image.shape[axis]
        image = np.zeros_like(image)
        for offset, share in enumerate(weight.tolist()):
            image += share * _part(padded, axis, offset, length)
    return image


def ring_median(image: Picture, inner: int, outer: int) -> Picture:
    """Return the median of the square ring from `inner` to `outer` pixels about each pixel of an image (…, H, W).

    Beyond the edge the image is mirrored.

    Examples
    --------
    >>> spot = np.zeros((5, 5), np.float32)
    >>> spot[2, 2] = 1
    >>> float(ring_median(spot, 1, 1).max())
    0.0
    """
    y, x = (offset - outer for offset in np.indices((2 * outer + 1, 2 * outer + 1)))
    # A sample of a large ring is enough, evenly spread: every second or third pixel along each axis.
    step = max(1, outer // RING_DETAIL)
    in_ring = (np.maximum(np.abs(y), np.abs(x)) >= inner) & (y % step == 0) & (x % step == 0)
    padded = _pad(_pad(image, image.ndim - 2, outer, "symmetric"), image.ndim - 1, outer, "symmetric")
    height, width = image.shape[-2:]
    members = [
        padded[..., outer + i : outer + i + height, outer + j : outer + j + width]
        for i, j in zip(y[in_ring].tolist(), x[in_ring].tolist(), strict=True)
    ]
    ring = np.stack(members)
    middle: Picture = np.partition(ring, len(ring) // 2, axis=0)[len(ring) // 2]
    return middle


def highest(image: Picture, width: int) -> Picture:
    """Return the highest value in the square of `width` pixels, an odd number, about each pixel of an image (…, H, W).

    Examples
    --------
    >>> spot = np.zeros((5, 5), np.float32)
    >>> spot[2, 2] = 1
    >>> int(highest(spot, 3).sum())
    9
    """
    for axis in (image.ndim - 2, image.ndim - 1):
        image = _pad(image, axis, width // 2, "edge")
        # Maxima over 2, 4, 8 … pixels, each of two of half the width; the last two overlap.
        covered = 1
        while covered < width:
            step = min(covered, width - covered)
            n = image.shape[axis] - step
            image = np.maximum(_part(image, axis, 0, n), _part(image, axis, step, n))
            covered += step
    return image


def lowest(image: Picture, width: int) -> Picture:
    """Return the lowest value in the square of `width` pixels about each pixel of an image, as `highest` does."""
    return -highest(-image, width)


def closed(image: Picture, width: int) -> Picture:
    """Return a grey closing of an image (…, H, W): dark parts narrower than `width` are filled.

    J. Serra, "Image Analysis and Mathematical Morphology", 1982.

    Examples
    --------
    >>> line = np.ones((5, 5), np.float32)
    >>> line[:, 2] = 0
    >>> float(closed(line, 3).min())
    1.0
    """
    return lowest(highest(image, width), width)


def grown(mask: Mask, pixels: int) -> Mask:
    """Return a mask (H, W) grown by a number of pixels on all sides.

    Examples
    --------
    >>> grown(np.array([[False, False, True]]), 1).tolist()
    [[False, True, True]]
    """
    return highest(mask.astype(np.float32), 2 * pixels + 1) > 0


def _part(image: Picture, axis: int, start: int, length: int) -> Picture:
    part = slice(start, start + length)
    return image[..., part] if axis == image.ndim - 1 else image[..., part, :]


def _pad(image: Picture, axis: int, pixels: int, mode: str) -> Picture:
    if mode == "edge":  # five times as fast as np.pad
        first, last = (_part(image, axis, place, 1) for place in (0, image.shape[axis] - 1))
        return np.concatenate([first.repeat(pixels, axis), image, last.repeat(pixels, axis)], axis)
    return np.pad(image, [(pixels, pixels) if a == axis else (0, 0) for a in range(image.ndim)], mode=mode)  # type: ignore[call-overload,no-any-return]
