"""A calibration curve: how often a model is right at each level of confidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autograd_cnn.plotting.canvas import legend_below, on_axes, percent, values
from autograd_cnn.plotting.looks import FAINT, INK, TRAIN

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def calibration(bins: Sequence[ArrayLike], *, ax: Axes | None = None) -> Axes:
    """Draw the accuracy of predictions against their confidence.

    On the diagonal, accuracy equals confidence; below it, a model is overconfident. A line through a point is Wilson's
    95 % interval: long where there are few predictions. Grey bars show each bin's share of the predictions.

    Parameters
    ----------
    bins : (confidence, accuracy, count), arrays of shape (B,)
        The mean confidence and the accuracy of the predictions in each of B bins of equal width, and how many they
        are, as `metrics.calibration_bins` returns them. Empty bins are left out.
    ax : Axes, optional
        What to draw on; by default those of a new figure.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If the three do not have one shape (B,), or hold no prediction.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> bins = ac.training.metrics.calibration_bins([0, 1], [[0.9, 0.1], [0.9, 0.1]], bins=10)
    >>> ax = ac.plotting.calibration(bins)
    >>> ax.get_xlabel()
    'confidence'
    """
    confidence, accuracy, count = (values(column).astype(np.float64) for column in bins)
    if count.ndim != 1 or not confidence.shape == accuracy.shape == count.shape or not count.sum() > 0:
        raise ValueError(
            f"confidence, accuracy and count of shapes {confidence.shape}, {accuracy.shape} and {count.shape} were "
            "given: expected three of one shape (B,), and at least one prediction"
        )
    number, known = len(count), count > 0
    low, high = _wilson(accuracy[known], count[known])
    with on_axes(ax, (4.4, 4.5)) as ax:
        edges = np.arange(number) / number
        ax.bar(edges, count / count.sum(), 1 / number, align="edge", color=FAINT, label="share of the predictions")
        ax.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle="--", label="as sure as right")
        ax.vlines(confidence[known], low, high, color=TRAIN, linewidth=1)
        ax.plot(confidence[known], accuracy[known], "o-", color=TRAIN, markersize=4, label="accuracy in each bin")
        ax.set_title("Calibration", loc="left")
        ax.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1.01), ylim=(0, 1.01), aspect="equal")
        ax.xaxis.set_major_formatter(percent)
        ax.yaxis.set_major_formatter(percent)
        legend_below(ax, columns=2)
    return ax


def _wilson(share: NDArray[np.float64], count: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the 95 % interval of a share (E. B. Wilson, JASA 22, 1927)."""
    z = 1.96
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * np.sqrt(share * (1 - share) / count + z * z / (4 * count**2)) / (1 + z * z / count)
    return middle - half, middle + half
