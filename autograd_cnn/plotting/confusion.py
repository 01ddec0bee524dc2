"""A confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autograd_cnn.plotting.canvas import on_axes, percent, shorter, values
from autograd_cnn.plotting.looks import FAINT, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_NUMBERED_CLASSES = 30
_MOST_NAMED_CLASSES = 100
_LONGEST_NAME = 20
_FAINTEST = 0.2  # where in the colour map the smallest shares are; 0 is white


def confusion_matrix(matrix: ArrayLike, class_names: Sequence[str], *, ax: Axes | None = None) -> Axes:
    """Draw how often each class is predicted for each true class.

    The colour of a cell is its share of the row: white for none, and from light to dark blue in equal steps from the
    rarest mistake to the whole row. With up to 30 classes the counts are written in the cells.

    Parameters
    ----------
    matrix : array_like of int, shape (C, C)
        Counts, a row for each true class and a column for each predicted class, as `metrics.confusion_matrix` returns
        them.
    class_names : sequence of str
        C names.
    ax : Axes, optional
        What to draw on; by default those of a new figure.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If the matrix is not of shape (C, C), or C is 0.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> ax = ac.plotting.confusion_matrix([[9, 1], [0, 8]], ["cat", "dog"])
    >>> [text.get_text() for text in ax.texts]
    ['9', '1', '8']
    """
    counts, classes = values(matrix), len(class_names)
    if counts.shape != (classes, classes) or not classes:
        raise ValueError(
            f"matrix should have a row and a column for each of the {classes} classes named; got shape {counts.shape}"
        )
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    numbered = classes <= _MOST_NUMBERED_CLASSES
    side = max(2, classes * 0.45 if classes <= 12 else classes * 0.34 if numbered else 9)  # inches
    new = ax is None
    with on_axes(ax, (side + 2.2, side + 1.2)) as ax:
        image = ax.imshow(np.ma.masked_equal(share, 0), _colors(), vmin=0, vmax=1, interpolation="nearest")
        ax.set_title(_title(counts), loc="left")
        ax.set(xlabel="predicted class", ylabel="true class")
        ax.grid(visible=False)
        ax.spines[:].set(visible=True, color=FAINT)
        ax.tick_params(length=0)
        inches = side if new else ax.get_window_extent().width / ax.figure.dpi
        cell = 72 * inches / classes  # points, like font sizes
        if classes <= _MOST_NAMED_CLASSES:
            _name_classes(ax, class_names, cell)
        if numbered:
            _write_counts(ax, counts, share, cell)
        bar = ax.figure.colorbar(image, ax=ax, label="share of the true class", ticks=np.linspace(0, 1, 6))
        bar.ax.yaxis.set_major_formatter(percent)
        bar.ax.spines[:].set_visible(False)
    return ax


def _colors() -> Any:
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    return ListedColormap(colormaps["Blues"](np.linspace(_FAINTEST, 1, 256)), "blues of shares")


def _title(counts: NDArray[Any]) -> str:
    total, right = int(counts.sum()), int(np.trace(counts))
    percent = f" ({right / total:.1%})" if total else ""
    return f"{right:,} of {total:,} right{percent}"


def _name_classes(axes: Axes, class_names: Sequence[str], cell: float) -> None:
    names = [shorter(name, _LONGEST_NAME) for name in class_names]
    size = min(9, 0.8 * cell)
    upright = max(len(name) for name in names) * 0.65 * size > cell
    axes.set_xticks(range(len(names)), names, rotation=90 if upright else 0, fontsize=size)
    axes.set_yticks(range(len(names)), names, fontsize=size)


def _write_counts(axes: Axes, counts: NDArray[Any], share: NDArray[Any], cell: float) -> None:
    size = min(9, cell / (0.7 * len(str(counts.max()))))
    for (row, column), count in np.ndenumerate(counts):
        if count:  # zeros would only hide the mistakes
            color = "white" if share[row, column] > 0.4 else INK
            axes.text(column, row, str(count), ha="center", va="center", color=color, fontsize=size)
