"""A confusion matrix."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autograd_cnn.output.plotting.canvas import FAINT, INK, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_NUMBERED_CLASSES = 30
_MOST_NAMED_CLASSES = 100
_LONGEST_NAME = 20


def confusion_matrix(matrix: ArrayLike, class_names: Sequence[str], path: str | os.PathLike[str]) -> None:
    """Draw how often each class is predicted for each class.

    The colour of a cell is its share of the row, on a scale that shows rare mistakes beside a full diagonal. With up
    to 30 classes the counts are written in the cells.

    Parameters
    ----------
    matrix : array_like of int, shape (C, C)
        Counts, a row for each true class and a column for each predicted class, as `metrics.confusion_matrix` returns
        them.
    class_names : sequence of str
        C names.
    path : path-like
        The PNG file to write.

    Raises
    ------
    ValueError
        If the matrix is not of shape (C, C), or C is 0.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from autograd_cnn.output import plotting
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     plotting.confusion_matrix([[9, 1], [0, 8]], ["cat", "dog"], pathlib.Path(folder, "matrix.png"))
    """
    counts, classes = np.asarray(matrix), len(class_names)
    if counts.shape != (classes, classes) or not classes:
        raise ValueError(
            f"matrix should have a row and a column for each of the {classes} classes named; got shape {counts.shape}"
        )
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    numbered = classes <= _MOST_NUMBERED_CLASSES
    side = max(2, classes * 0.45 if classes <= 12 else classes * 0.34 if numbered else 9)  # inches
    cell = 72 * side / classes  # points, like font sizes

    def draw(figure: "Figure") -> None:
        from matplotlib.colors import PowerNorm

        axes = figure.subplots()
        # The cube root, or nearly, lifts one mistake in a thousand to an eighth of the scale.
        image = axes.imshow(np.ma.masked_equal(share, 0), "Blues", norm=PowerNorm(0.3, 0, 1), interpolation="nearest")
        axes.set(title=_title(counts), xlabel="predicted class", ylabel="true class")
        axes.grid(visible=False)
        axes.spines[:].set(visible=True, color=FAINT)
        axes.tick_params(length=0)
        if classes <= _MOST_NAMED_CLASSES:
            _name_classes(axes, class_names, cell)
        if numbered:
            _write_counts(axes, counts, share, cell)
        bar = figure.colorbar(image, ax=axes, label="share of the true class", ticks=[0, 0.001, 0.01, 0.1, 0.3, 1])
        bar.ax.yaxis.set_major_formatter(lambda x, _: f"{100 * x:g}%")
        bar.ax.spines[:].set_visible(False)

    save(draw, (side + 2.2, side + 1.2), path)


def _title(counts: NDArray[Any]) -> str:
    total, right = int(counts.sum()), int(np.trace(counts))
    percent = f" ({right / total:.1%})" if total else ""
    return f"{right:,} of {total:,} right{percent}"


def _name_classes(axes: "Axes", class_names: Sequence[str], cell: float) -> None:
    names = [name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…" for name in class_names]
    size = min(9, 0.8 * cell)
    upright = max(len(name) for name in names) * 0.65 * size > cell
    axes.set_xticks(range(len(names)), names, rotation=90 if upright else 0, fontsize=size)
    axes.set_yticks(range(len(names)), names, fontsize=size)


def _write_counts(axes: "Axes", counts: NDArray[Any], share: NDArray[Any], cell: float) -> None:
    size = min(9, cell / (0.7 * len(str(counts.max()))))
    for (row, column), count in np.ndenumerate(counts):
        if count:  # zeros would only hide the mistakes
            color = "white" if share[row, column] > 0.3 else INK
            axes.text(column, row, str(count), ha="center", va="center", color=color, fontsize=size)
