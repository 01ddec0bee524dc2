"""The connected parts of a mask."""

import numpy as np
from numpy.typing import NDArray

from autograd_cnn.data.handwriting.filters import Mask


def label_components(mask: Mask) -> tuple[NDArray[np.int64], int]:
    """Number the connected parts of a mask; pixels that touch at a corner are connected.

    Parameters
    ----------
    mask : ndarray of bool, shape (H, W)

    Returns
    -------
    labels : ndarray of int64, shape (H, W)
        0 outside the mask, and 1 to `count` in its parts, in the order of their first pixels.
    count : int
        Number of parts.

    References
    ----------
    The algorithm joins runs of pixels in neighbouring rows: A. Rosenfeld and J. L. Pfaltz, "Sequential Operations in
    Digital Picture Processing", Journal of the ACM, 1966.

    Examples
    --------
    >>> mask = np.array([[1, 0, 0, 1], [0, 1, 0, 1]], bool)
    >>> label_components(mask)[0]
    array([[1, 0, 0, 2],
           [0, 1, 0, 2]])
    """
    height, width = mask.shape
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    row, start = np.nonzero(edges == 1)
    _, end = np.nonzero(edges == -1)
    above, below = _touching(row, start, end, width)
    root = _joined(len(row), above, below)
    _, number = np.unique(root, return_inverse=True)
    labels = np.zeros((height, width), np.int64)
    labels[mask] = np.repeat(number + 1, end - start)
    return labels, int(number.max(initial=-1)) + 1


def _touching(
    row: NDArray[np.int64], start: NDArray[np.int64], end: NDArray[np.int64], width: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs of runs that touch, one in a row and one in the next."""
    stride = width + 2
    first = np.searchsorted(row * stride + end, (row + 1) * stride + start)
    last = np.searchsorted(row * stride + start, (row + 1) * stride + end, side="right")
    count = np.maximum(last - first, 0)
    above = np.repeat(np.arange(len(row)), count)
    below = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first, count)
    return above, below


def _joined(count: int, one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the lowest number among all those that each of `count` things is joined to, directly or not."""
    root = np.arange(count)
    while True:
        before = root.copy()
        lower = np.minimum(root[one], root[other])
        for side in (one, other):
            np.minimum.at(root, before[side], lower)
        while not np.array_equal(root, root[root]):
            root = root[root]
        if np.array_equal(root, before):
            return root
