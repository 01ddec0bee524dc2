"""Numbers of several kinds beside one another: as curves, as dots, or as histograms.

Each function takes a dict of named series, and raises a ValueError if it is empty.
"""

import itertools
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from autograd_cnn.output.plotting.canvas import PALETTE, TEST, TRAIN, drawable, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def curves(series: Mapping[str, Sequence[float]], path: str | os.PathLike[str], *, title: str, ylabel: str) -> None:
    """Draw a curve for each series, over the epochs from the first.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from autograd_cnn.output import plotting
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "curves.png")
    ...     plotting.curves({"SGD": [0.3, 0.5], "Adam": [0.8, 0.9]}, path, title="Accuracy", ylabel="accuracy")
    """
    _require_series(series)

    def draw(figure: "Figure") -> None:
        from matplotlib.ticker import MaxNLocator

        axes = figure.subplots()
        for (name, values), color in zip(series.items(), itertools.cycle(PALETTE), strict=False):
            axes.plot(range(1, len(values) + 1), drawable(values), color=color, label=name, marker="o", markersize=3)
        axes.set(title=title, xlabel="epoch", ylabel=ylabel)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend()

    save(draw, (6.4, 4.0), path)


def dots(series: Mapping[str, Sequence[float]], path: str | os.PathLike[str], *, title: str, xlabel: str) -> None:
    """Draw the few numbers of each series as dots on a line, with a stroke at their mean.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from autograd_cnn.output import plotting
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "dots.png")
    ...     plotting.dots({"one": [0.91, 0.93], "other": [0.95]}, path, title="Accuracy", xlabel="accuracy")
    """
    _require_series(series)

    def draw(figure: "Figure") -> None:
        axes = figure.subplots()
        for y, values in enumerate(series.values()):
            axes.plot(values, [y] * len(values), "o", color=TRAIN, alpha=0.6, markersize=6)
            axes.plot([np.mean(values)], [y], "|", color=TEST, markersize=16, markeredgewidth=2)
        axes.set_yticks(range(len(series)), list(series))
        axes.set_ylim(len(series) - 0.5, -0.5)
        axes.set(title=title, xlabel=xlabel)

    save(draw, (7.0, 0.8 + 0.55 * len(series)), path)


def histograms(series: Mapping[str, ArrayLike], path: str | os.PathLike[str], *, title: str, xlabel: str) -> None:
    """Draw the distribution of each series, numbers from 0 to 1, one panel above the other.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from autograd_cnn.output import plotting
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "histograms.png")
    ...     plotting.histograms({"sure": [0.9, 1.0]}, path, title="Confidence", xlabel="probability")
    """
    _require_series(series)

    def draw(figure: "Figure") -> None:
        panels = figure.subplots(len(series), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (name, values) in zip(panels, series.items(), strict=True):
            axes.hist(np.asarray(values), bins=50, range=(0, 1), color=TRAIN)
            axes.set_ylabel("images")
            axes.set_title(f"{name}: mean {np.mean(np.asarray(values)):.3f}", fontweight="normal", fontsize=9)
        panels[-1].set(xlabel=xlabel, xlim=(0, 1))
        figure.suptitle(title, fontweight="bold", fontsize=11)

    save(draw, (6.4, 0.8 + 1.3 * len(series)), path)


def _require_series(series: Mapping[str, Any]) -> None:
    if not series:
        raise ValueError("there is nothing to draw; expected at least one named series")
