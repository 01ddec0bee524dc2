"""Random augmentation of a batch of images, with array operations only: affine, elastic, crops and flips."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autograd_cnn import kernels

_product: Any = kernels.one_thread(np.matmul)


def augment(
    images: NDArray[np.float32],
    rng: np.random.Generator,
    *,
    shift: float = 2.0,
    rotate: float = 15.0,
    scale: float = 0.15,
    shear: float = 0.0,
) -> NDArray[np.float32]:
    """Shear, scale, rotate and shift each image at random.

    Each amount is drawn uniformly from a range that is symmetric about no change.

    Parameters
    ----------
    images : ndarray of float32, shape (N, C, H, W)
        The images; not changed.
    rng : numpy.random.Generator
        Source of the draws.
    shift : float, default 2.0
        Largest shift along each axis, in pixels.
    rotate : float, default 15.0
        Largest rotation in either direction, in degrees.
    scale : float, default 0.15
        Largest relative change of size, less than 1: 0.15 draws factors from 0.85 to 1.15.
    shear : float, default 0.0
        Largest slant in either direction, in degrees, less than 90. At 0 no random number is drawn for it.

    Returns
    -------
    ndarray of float32, shape (N, C, H, W)
        New images, black (0) outside the original images.

    Raises
    ------
    ValueError
        If `images` is not such an array, an amount is negative or not finite, `scale` is 1 or more, or `shear` is
        90 or more.

    See Also
    --------
    affine : the same with given amounts.
    elastic : bend images.

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
    ends = {"shift": np.inf, "rotate": np.inf, "scale": 1, "shear": 90}
    for (name, end), strength in zip(ends.items(), (shift, rotate, scale, shear), strict=True):
        if not 0 <= strength < end:
            limit = "0 or more" if end == np.inf else f"from 0 up to, not including, {end}"
            raise ValueError(f"{name} is {strength!r}: expected a finite number, {limit}")
    n = len(images)
    return affine(
        images,
        shift=rng.uniform(-shift, shift, (n, 2)),
        rotate=rng.uniform(-rotate, rotate, n),
        scale=rng.uniform(1 - scale, 1 + scale, n),
        shear=rng.uniform(-shear, shear, n) if shear else 0.0,
    )


def crop_and_flip(
    images: NDArray[np.float32], rng: np.random.Generator, *, padding: int = 4, flip: bool = True
) -> NDArray[np.float32]:
    """Move each image by a random number of whole pixels, and mirror half of them, left to right.

    This is the usual augmentation of photographs. Pixels that come in at an edge are the image's reflection there.

    Parameters
    ----------
    images : ndarray of float32, shape (N, C, H, W)
        The images; not changed.
    rng : numpy.random.Generator
        Source of the draws.
    padding : int, default 4
        Largest shift along each axis, in pixels.
    flip : bool, default True
        Whether to mirror; not for signs and letters, whose mirror images mean something else.

    Returns
    -------
    ndarray of float32, shape (N, C, H, W)
        New images.

    Raises
    ------
    ValueError
        If `images` is not such an array, or `padding` is not a whole number of at least 0.

    References
    ----------
    K. He, X. Zhang, S. Ren and J. Sun, "Deep residual learning for image recognition", 2015, section 4.2, where the
    edges are black.

    Examples
    --------
    >>> images = np.arange(8, dtype=np.float32).reshape(1, 1, 2, 4)
    >>> crop_and_flip(images, np.random.default_rng(3), padding=1)[0, 0]
    array([[6., 5., 4., 5.],
           [2., 1., 0., 1.]], dtype=float32)
    """
    _check_images(images)
    if not isinstance(padding, int | np.integer) or padding < 0:
        raise ValueError(f"padding is {padding!r}: expected a whole number, 0 or more")
    n, channels, height, width = images.shape
    down, right = rng.integers(-padding, padding + 1, (2, n, 1))
    rows, columns = _reflected(np.arange(height) + down, height), _reflected(np.arange(width) + right, width)
    if flip:
        columns = np.where(rng.random((n, 1)) < 0.5, columns[:, ::-1], columns)
    places = np.arange(n)[:, np.newaxis, np.newaxis, np.newaxis], np.arange(channels)[:, np.newaxis, np.newaxis]
    return images[*places, rows[:, np.newaxis, :, np.newaxis], columns[:, np.newaxis, np.newaxis]]


def _reflected(index: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Return indices into an axis of this length, reflected at its ends if they lie beyond them."""
    period = 2 * (length - 1)
    index = index % max(period, 1)
    return np.minimum(index, period - index)


def vary_handwriting(images: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Vary images of handwriting as other hands and pens would: bend, slant, turn, scale, shift, and press harder.

    It is `elastic` with its defaults, then `augment` with a shear of 20° and a scale of 0.2, then a factor from 0.7 to
    1.6 for the brightness of each image.

    Parameters
    ----------
    images : ndarray of float32, shape (N, C, H, W)
        The images, bright on black; not changed.
    rng : numpy.random.Generator
        Source of the draws.

    Returns
    -------
    ndarray of float32, shape (N, C, H, W)
        New images, with pixels of at most 1.

    Raises
    ------
    ValueError
        If `images` is not such an array.

    Examples
    --------
    >>> images = np.ones((2, 1, 28, 28), np.float32)
    >>> vary_handwriting(images, np.random.default_rng(0)).shape
    (2, 1, 28, 28)
    """
    varied = augment(elastic(images, rng), rng, scale=0.2, shear=20)
    pressure = rng.uniform(0.7, 1.6, (len(images), 1, 1, 1)).astype(np.float32)
    varied *= pressure
    return np.minimum(varied, 1, out=varied)


def affine(
    images: NDArray[np.float32],
    *,
    shift: ArrayLike = (0.0, 0.0),
    rotate: ArrayLike = 0.0,
    scale: ArrayLike = 1.0,
    shear: ArrayLike = 0.0,
) -> NDArray[np.float32]:
    """Shear, scale and rotate images about their centre, then shift them, with bilinear sampling.

    Parameters
    ----------
    images : ndarray of float32, shape (N, C, H, W)
        The images; not changed.
    shift : array_like, shape (2,) or (N, 2)
        Pixels down and to the right.
    rotate : array_like, shape () or (N,)
        Degrees, counter-clockwise.
    scale : array_like, shape () or (N,)
        Factor of enlargement, greater than 0.
    shear : array_like, shape () or (N,)
        Degrees, between −90 and 90, by which vertical lines lean to the right.

    Returns
    -------
    ndarray of float32, shape (N, C, H, W)
        New images, black (0) outside the original images.

    Raises
    ------
    ValueError
        If `images` is not such an array, an amount is not finite, a scale is not greater than 0, or a shear is not
        between −90 and 90.

    Examples
    --------
    >>> image = np.array([[[[1, 2], [3, 4]]]], np.float32)
    >>> affine(image, shift=(0, 1))[0, 0]
    array([[0., 1.],
           [0., 3.]], dtype=float32)
    """
    _check_images(images)
    n, _, height, width = images.shape
    shift = np.broadcast_to(shift, (n, 2))
    rotate, scale, shear = np.asarray(rotate), np.asarray(scale), np.asarray(shear)
    for name, amount, low, high, limit in (
        ("shift", shift, -np.inf, np.inf, ""),
        ("rotate", rotate, -np.inf, np.inf, ""),
        ("scale", scale, 0, np.inf, " above 0"),
        ("shear", shear, -90, 90, " between -90 and 90"),
    ):
        wrong = amount[~((low < amount) & (amount < high))]
        if wrong.size:
            raise ValueError(f"{name} is {wrong[0]}: expected a finite number{limit}")

    # A pixel (i, j) of the result shows the point (y, x) of the source to which the inverse map sends it.
    angle, slant = np.radians(rotate), np.tan(np.radians(shear))
    cos, sin = np.cos(angle) / scale, np.sin(angle) / scale
    inverse = np.empty((n, 2, 2))
    inverse[:, 0, 0], inverse[:, 0, 1] = cos, sin
    inverse[:, 1, 0], inverse[:, 1, 1] = slant * cos - sin, slant * sin + cos
    centre = np.array([[height - 1], [width - 1]]) / 2
    i = np.arange(height) - centre[0] - shift[:, :1]
    j = np.arange(width) - centre[1] - shift[:, 1:]
    from_i = (inverse[:, :, :1] * i[:, np.newaxis] + centre + 1).astype(np.float32)
    from_j = (inverse[:, :, 1:] * j[:, np.newaxis]).astype(np.float32)
    return _sample(images, from_i[:, :, :, np.newaxis] + from_j[:, :, np.newaxis, :])


def elastic(
    images: NDArray[np.float32], rng: np.random.Generator, *, alpha: float = 34.0, sigma: float = 4.0
) -> NDArray[np.float32]:
    """Bend each image by a smooth random displacement of its pixels, like variation in handwriting.

    A pixel at (y, x) takes the value at (y + Δy, x + Δx), by bilinear sampling. Δy and Δx are uniform noise from −1 to
    1, smoothed by a Gaussian and multiplied by `alpha`. If `sigma` is not small, their root mean square is
    alpha / (2·√(3π)·sigma) pixels: 1.4 by default. The noise extends beyond the images, so this holds at their edges
    too.

    Parameters
    ----------
    images : ndarray of float32, shape (N, C, H, W)
        The images; not changed. The channels of an image move together.
    rng : numpy.random.Generator
        Source of the draws.
    alpha : float, default 34.0
        Strength, in pixels: the largest possible displacement along an axis.
    sigma : float, default 4.0
        Standard deviation of the Gaussian, in pixels, greater than 0. The Gaussian is cut off at 4 · sigma.

    Returns
    -------
    ndarray of float32, shape (N, C, H, W)
        New images, black (0) outside the original images.

    Raises
    ------
    ValueError
        If `images` is not such an array, or `alpha` or `sigma` is out of range.

    References
    ----------
    P. Y. Simard, D. Steinkraus and J. C. Platt, "Best Practices for Convolutional Neural Networks Applied to
    Visual Document Analysis", ICDAR 2003, section 2, whose strengths for MNIST are the defaults.

    Examples
    --------
    >>> images = np.ones((2, 1, 28, 28), np.float32)
    >>> bent = elastic(images, np.random.default_rng(0), alpha=3)
    >>> bool((bent[:, :, 3:-3, 3:-3] == 1).all())
    True
    """
    _check_images(images)
    if not 0 <= alpha < np.inf:
        raise ValueError(f"alpha is {alpha!r}: expected a finite number, 0 or more")
    if not 0 < sigma < np.inf:
        raise ValueError(f"sigma is {sigma!r}: expected a finite number above 0")
    n, _, height, width = images.shape
    radius = int(4 * sigma + 0.5)
    noise = rng.random((n, 2, height + 2 * radius, width + 2 * radius), dtype=np.float32)
    noise *= 2
    noise -= 1
    columns = _product(_smoother(height, sigma, radius), noise)
    points = _product(columns, _smoother(width, sigma, radius).T)
    points *= alpha
    points += np.indices((height, width), np.float32) + 1
    return _sample(images, points)


def _smoother(length: int, sigma: float, radius: int) -> NDArray[np.float32]:
    """Return the matrix (length, length + 2·radius) that smooths a vector with a Gaussian of sum 1."""
    offset = np.arange(length + 2 * radius) - radius - np.arange(length)[:, np.newaxis]
    weight: NDArray[np.float64] = np.where(np.abs(offset) <= radius, np.exp(-0.5 * (offset / sigma) ** 2), 0)
    weight /= weight.sum(1, keepdims=True)
    return weight.astype(np.float32)


def _check_images(images: NDArray[np.float32]) -> None:
    if images.ndim != 4 or images.dtype != np.float32:
        raise ValueError(f"images are {images.dtype} of shape {images.shape}: expected float32 of shape (N, C, H, W)")


def _sample(images: NDArray[np.float32], points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sample images (N, C, H, W) at the points (y + 1, x + 1) in an array (N, 2, H, W), which is overwritten."""
    n, channels, height, width = images.shape
    # A black border, one pixel before and two after, makes tests for points outside unnecessary: points beyond it
    # are moved onto it.
    padded = np.pad(images, ((0, 0), (0, 0), (1, 2), (1, 2)))
    np.clip(points, 0, np.array([[[height + 1]], [[width + 1]]], np.float32), out=points)

    # Bilinear: gather the four neighbours by flat index, and weight them by the fractions of y and x.
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
