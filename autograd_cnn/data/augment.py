"""Random affine augmentation of a batch of images, by array operations alone."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def augment(
    images: NDArray[np.float32],
    rng: np.random.Generator,
    *,
    shift: float = 2.0,
    rotate: float = 15.0,
    scale: float = 0.15,
) -> NDArray[np.float32]:
    """Shift, rotate and scale each image at random, each strength drawn uniformly and symmetrically.

    Parameters
    ----------
    images : ndarray of float32, shape (N, C, H, W)
        The images; left as they are.
    rng : numpy.random.Generator
        Source of the draws.
    shift : float, default 2.0
        Largest shift along each axis, in pixels.
    rotate : float, default 15.0
        Largest rotation either way, in degrees.
    scale : float, default 0.15
        Largest relative change of size, below 1: 0.15 draws factors from 0.85 to 1.15.

    Returns
    -------
    ndarray of float32, shape (N, C, H, W)
        New images, black (0) where they show what lay outside.

    Raises
    ------
    ValueError
        If `images` is not such an array, a strength is negative or not finite, or `scale` is 1 or more.

    See Also
    --------
    affine : the same with the amounts given.

    References
    ----------
    P. Y. Simard, D. Steinkraus and J. C. Platt, "Best Practices for Convolutional Neural Networks Applied to
    Visual Document Analysis", ICDAR 2003.

    Examples
    --------
    >>> images = np.zeros((2, 1, 28, 28), np.float32)
    >>> augment(images, np.random.default_rng(0), shift=1).shape
    (2, 1, 28, 28)
    """
    for name, strength, end in (("shift", shift, np.inf), ("rotate", rotate, np.inf), ("scale", scale, 1)):
        if not 0 <= strength < end:
            limit = "0 or more" if end == np.inf else "from 0 up to, not including, 1"
            raise ValueError(f"{name} is {strength!r}: expected a finite number, {limit}")
    n = len(images)
    return affine(
        images,
        shift=rng.uniform(-shift, shift, (n, 2)),
        rotate=rng.uniform(-rotate, rotate, n),
        scale=rng.uniform(1 - scale, 1 + scale, n),
    )


def affine(
    images: NDArray[np.float32],
    *,
    shift: ArrayLike = (0.0, 0.0),
    rotate: ArrayLike = 0.0,
    scale: ArrayLike = 1.0,
) -> NDArray[np.float32]:
    """Scale and rotate images about their centre, then shift them, with bilinear sampling.

    Parameters
    ----------
    images : ndarray of float32, shape (N, C, H, W)
        The images; left as they are.
    shift : array_like, shape (2,) or (N, 2)
        Pixels down and to the right.
    rotate : array_like, shape () or (N,)
        Degrees, counter-clockwise.
    scale : array_like, shape () or (N,)
        Factor of enlargement, above 0.

    Returns
    -------
    ndarray of float32, shape (N, C, H, W)
        New images, black (0) where they show what lay outside.

    Raises
    ------
    ValueError
        If `images` is not such an array, an amount is not finite, or a scale is not above 0.

    Examples
    --------
    >>> image = np.array([[[[1, 2], [3, 4]]]], np.float32)
    >>> affine(image, shift=(0, 1))[0, 0]
    array([[0., 1.],
           [0., 3.]], dtype=float32)
    """
    if images.ndim != 4 or images.dtype != np.float32:
        raise ValueError(f"images are {images.dtype} of shape {images.shape}: expected float32 of shape (N, C, H, W)")
    n, channels, height, width = images.shape
    shift, rotate, scale = np.broadcast_to(shift, (n, 2)), np.asarray(rotate), np.asarray(scale)
    for name, amount, low in (("shift", shift, -np.inf), ("rotate", rotate, -np.inf), ("scale", scale, 0)):
        wrong = amount[~((low < amount) & (amount < np.inf))]
        if wrong.size:
            raise ValueError(f"{name} is {wrong[0]}: expected a finite number{' above 0' * (low == 0)}")

    # A pixel (i, j) of the result shows the point (y, x) of the source to which the inverse map sends it.
    angle = np.radians(rotate)
    cos, sin = np.cos(angle) / scale, np.sin(angle) / scale
    inverse = np.broadcast_to(np.stack([cos, sin, -sin, cos], axis=-1), (n, 4)).reshape(n, 2, 2)
    centre = np.array([[height - 1], [width - 1]]) / 2
    i = np.arange(height) - centre[0] - shift[:, :1]
    j = np.arange(width) - centre[1] - shift[:, 1:]
    # A black border, one pixel before and two after, takes the place of tests for what lies outside: points
    # beyond it are moved onto it.
    padded = np.pad(images, ((0, 0), (0, 0), (1, 2), (1, 2)))
    from_i = (inverse[:, :, :1] * i[:, np.newaxis] + centre + 1).astype(np.float32)
    from_j = (inverse[:, :, 1:] * j[:, np.newaxis]).astype(np.float32)
    points = from_i[:, :, :, np.newaxis] + from_j[:, :, np.newaxis, :]
    np.clip(points, 0, np.array([[[height + 1]], [[width + 1]]], np.float32), out=points)

    # Bilinear: the four neighbours are gathered by flat index, and weighted by the fractions of y and x.
    corners = np.floor(points)
    points -= corners
    y, x = np.split(points, 2, axis=1)
    top, left = np.split(corners.astype(np.intp), 2, axis=1)
    source, stride, plane = padded.ravel(), width + 3, (height + 3) * (width + 3)
    index = top * stride + left + np.arange(n * channels).reshape(n, channels, 1, 1) * plane
    above = _interpolate(source.take(index), source[1:].take(index), x)
    below = _interpolate(source[stride:].take(index), source[stride + 1 :].take(index), x)
    return _interpolate(above, below, y)


def _interpolate(
    start: NDArray[np.float32], end: NDArray[np.float32], weight: NDArray[np.float32]
) -> NDArray[np.float32]:
    end -= start
    end *= weight
    end += start
    return end
