"""Ruled lines, found because they are thin, straight and cross the whole picture, and taken out of a mask of ink."""

import numpy as np
from numpy.typing import NDArray

from autograd_cnn.data.handwriting.filters import Mask, grown

#: Slopes that are tried: up to about 12° from the horizontal or the vertical.
STEEPEST, SLOPE = 0.2, 0.005

#: The gaps of a line are together at most the first share of the picture's width; it is no thicker than the second.
LONGEST_GAP, THICKEST = 0.35, 0.02


def without_ruled_lines(mask: Mask) -> Mask:
    """Return a mask (H, W) of ink without lines that cross all of it, nearly level or nearly upright.

    Strokes are kept where they cross a line.
    """
    return _without_level_lines(_without_level_lines(mask).T).T


def _without_level_lines(mask: Mask) -> Mask:
    width = mask.shape[1]
    lengths = _run_lengths(mask)
    thin = mask & (lengths <= max(2, round(THICKEST * max(mask.shape))))
    left = thin
    for _ in range(20):
        slope, rows = _longest_lines(left, (1 - LONGEST_GAP) * width)
        if not rows:
            break
        path = _paths(mask.shape, slope, rows)
        thickness = float(np.median(lengths[grown(path, 1) & left]))
        beside = grown(path, max(2, round(1.5 * thickness)))
        left = left & ~beside
        mask = mask & ~(beside & thin & (lengths <= 2 * thickness + 1))
    return mask


def _run_lengths(mask: Mask) -> NDArray[np.int64]:
    """Return, for each pixel, the length of the vertical run of ink that contains it."""
    height = len(mask)
    row = np.arange(height)[:, np.newaxis]
    begin = np.maximum.accumulate(np.where(mask, -1, row), axis=0)
    end = np.minimum.accumulate(np.where(mask, height, row)[::-1], axis=0)[::-1]
    return np.where(mask, end - begin - 1, 0)


def _longest_lines(mask: Mask, least: float) -> tuple[float, list[int]]:
    """Return the slope of the longest line, and the rows of the lines of that slope: a Hough transform.

    A line is y = row + slope·(x − W/2), and has ink on at least `least` columns.
    """
    height, width = mask.shape
    step = 3  # only every third column is sampled
    if np.count_nonzero(mask[:, ::step].any(0)) < least / step:
        return 0.0, []  # as for most drawings: there is no need to look for lines
    y, x = np.nonzero(mask[:, ::step])
    offset = x * step - width / 2
    pad = int(STEEPEST * width / 2) + 2
    best: tuple[float, NDArray[np.int64]] = (0.0, np.zeros(0, np.int64))
    for slope in np.arange(-STEEPEST, STEEPEST + SLOPE / 2, SLOPE):
        rows = np.rint(y - slope * offset).astype(np.int64) + pad
        counts = np.bincount(rows, minlength=height + 2 * pad)
        if counts.max() > best[1].max(initial=0):
            best = float(slope), counts
    slope, counts = best
    peak = counts >= max(1, least / step)
    peak[1:] &= counts[1:] >= counts[:-1]
    peak[:-1] &= counts[:-1] > counts[1:]
    return slope, (np.flatnonzero(peak) - pad).tolist()


def _paths(shape: tuple[int, ...], slope: float, rows: list[int]) -> Mask:
    height, width = shape
    x = np.arange(width)
    path = np.zeros(shape, bool)
    for row in rows:
        y = np.rint(row + slope * (x - width / 2)).astype(np.int64)
        inside = (y >= 0) & (y < height)
        path[y[inside], x[inside]] = True
    return path
