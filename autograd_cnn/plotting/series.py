"""Several series of numbers side by side: as curves, as dots, or as histograms.

Each function takes a dict of named series, and raises a ValueError if it is empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from autograd_cnn.plotting.canvas import drawable, legend_below, on_axes, on_figure, percent, values
from autograd_cnn.plotting.looks import DASHES, MARKERS, PALETTE, TEST, TRAIN

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase


def curves(
    series: Mapping[str, Sequence[float]], *, title: str, ylabel: str, xlabel: str = "epoch", ax: Axes | None = None
) -> Axes:
    """Draw a curve for each series, over the epochs from the first, and return the Axes.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> ax = ac.plotting.curves({"SGD": [0.3, 0.5], "Adam": [0.8, 0.9]}, title="Accuracy", ylabel="accuracy")
    >>> ax.lines[1].get_ydata().tolist()
    [0.8, 0.9]
    """
    _require_series(series)
    with on_axes(ax, (6.4, 4.2)) as ax:
        from matplotlib.ticker import MaxNLocator

        for i, (name, numbers) in enumerate(series.items()):
            ax.plot(
                range(1, len(numbers) + 1), drawable(numbers), color=PALETTE[i % len(PALETTE)], label=name,
                linestyle=DASHES[i % len(DASHES)], marker=MARKERS[i % len(MARKERS)], markersize=3,
            )  # fmt: skip
        ax.set_title(title, loc="left")
        ax.set(xlabel=xlabel, ylabel=ylabel)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        legend_below(ax, columns=3)
    return ax


def dots(series: Mapping[str, Sequence[float]], *, title: str, xlabel: str, ax: Axes | None = None) -> Axes:
    """Draw the few shares of each series, from 0 to 1, as dots on a line, with a stroke at their mean; return the Axes.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> ax = ac.plotting.dots({"one": [0.91, 0.93], "other": [0.95]}, title="Accuracy", xlabel="accuracy")
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['one', 'other']
    """
    _require_series(series)
    with on_axes(ax, (7.0, 0.8 + 0.55 * len(series))) as ax:
        for y, numbers in enumerate(series.values()):
            ax.plot(numbers, [y] * len(numbers), "o", color=TRAIN, alpha=0.6, markersize=6)
            ax.plot([np.mean(numbers)], [y], "|", color=TEST, markersize=16, markeredgewidth=2)
        ax.set_yticks(range(len(series)), list(series))
        ax.set_ylim(len(series) - 0.5, -0.5)
        ax.set_title(title, loc="left")
        ax.set(xlabel=xlabel)
        ax.xaxis.set_major_formatter(percent)
    return ax


def histograms(
    series: Mapping[str, ArrayLike], *, title: str, xlabel: str, figure: FigureBase | None = None
) -> FigureBase:
    """Draw the distribution of each series, numbers from 0 to 1, one panel above the other, and return the Figure.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> figure = ac.plotting.histograms({"sure": [0.9, 1.0]}, title="Confidence", xlabel="probability")
    >>> figure.axes[0].get_title(loc="left")
    'sure: mean 0.950'
    """
    _require_series(series)
    with on_figure(figure, (6.4, 0.8 + 1.3 * len(series))) as figure:
        panels = figure.subplots(len(series), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (name, numbers) in zip(panels, series.items(), strict=True):
            axes.hist(values(numbers), bins=50, range=(0, 1), color=TRAIN)
            axes.set_ylabel("images")
            axes.set_title(f"{name}: mean {np.mean(values(numbers)):.3f}", loc="left", fontweight="normal", fontsize=9)
        panels[-1].set(xlabel=xlabel, xlim=(0, 1))
        figure.suptitle(title, fontweight="bold", fontsize=11)
    return figure


def _require_series(series: Mapping[str, Any]) -> None:
    if not series:
        raise ValueError("there is nothing to draw; expected at least one named series")
