"""The filters of a convolution, as tiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autograd_cnn.plotting.canvas import on_figure, values
from autograd_cnn.plotting.looks import FAINT, SIGNED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase


#: More tiles than these are too small to see anything in.
MOST_FILTERS = 64


def filters(
    weight: ArrayLike | Mapping[str, ArrayLike],
    *,
    title: str = "Filters of the first layer",
    figure: FigureBase | None = None,
) -> FigureBase:
    """Draw the filters of a convolution, or of several side by side on one scale, such as before training and after.

    Of more than 64 filters, the 64 with the largest norms are drawn, in their order; with several convolutions, the
    norms of the last one decide for all.

    Filters of three channels are drawn in red, green and blue, with grey for 0. Otherwise the channels of a filter are
    side by side, and lighter means larger: grey is 0, yellow positive and dark blue negative.

    Parameters
    ----------
    weight : array_like, shape (F, C, KH, KW), or dict of str to array_like
        As `conv2d` takes it; the keys of a dict are headings, and its weights have one shape.
    title : str
        The heading of the whole picture.
    figure : Figure, optional
        What to draw on; by default a new one.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If a weight does not have four axes, or is empty, or shapes differ.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> before, after = (ac.models.lenet5.init(seed)["conv1.weight"] for seed in (0, 1))
    >>> figure = ac.plotting.filters({"before": before, "after": after})
    >>> [axes.get_title(loc="left") for axes in figure.axes[:2]]
    ['before', 'after']
    """
    panels = dict(weight) if isinstance(weight, Mapping) else {title: weight}
    stacked = _stacked(panels)
    count = stacked.shape[1]
    if count > MOST_FILTERS:
        titled = f"{title}: the {MOST_FILTERS} with the largest norms, of {count}"
        panels, title = {titled if key is title else key: panel for key, panel in panels.items()}, titled
        stacked = stacked[:, _largest(stacked[-1])]
    scaled, limit, in_color = _scaled(stacked)
    grid = _Grid.of(*scaled.shape[1:5])
    width, height = grid.inches
    with on_figure(figure, (max(width * len(panels), 2) + 1, max(height, 1) + 0.5)) as figure:
        row = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, heading, tiles in zip(row, panels, scaled, strict=True):
            image = grid.draw(axes, tiles, limit)
            axes.set_title(heading, loc="left", fontweight="bold" if len(panels) == 1 else "normal")
        if len(panels) > 1:
            figure.suptitle(title, fontweight="bold", fontsize=11)
        if not in_color:
            bar = figure.colorbar(image, ax=list(row), label="weight")
            bar.ax.spines[:].set_visible(False)
    return figure


def _stacked(panels: Mapping[str, ArrayLike]) -> NDArray[np.float64]:
    """Check the weights' shapes, and return them as one array."""
    arrays = [values(panel) for panel in panels.values()]
    shapes = {array.shape for array in arrays}
    if len(shapes) != 1:
        raise ValueError(f"weights to draw side by side have one shape; got {sorted(shapes) or 'none'}")
    stacked = np.stack(arrays).astype(np.float64)
    if stacked.ndim != 5 or not stacked.size:
        raise ValueError(f"weight should have shape (F, C, KH, KW) and not be empty; got shape {stacked.shape[1:]}")
    return stacked


def _largest(filters: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return which filters have the largest norms, in their order; those that are not finite come last."""
    norms = np.sqrt((filters.reshape(len(filters), -1) ** 2).sum(1))
    norms[~np.isfinite(norms)] = -1
    return np.sort(np.argsort(-norms, kind="stable")[:MOST_FILTERS])


def _scaled(stacked: NDArray[np.float64]) -> tuple[NDArray[np.float64], float, bool]:
    """Return the tiles, the largest weight, and whether a tile has three colours as its last axis."""
    finite = np.isfinite(stacked)
    limit = float(np.abs(stacked).max(initial=0, where=finite)) or 1.0
    in_color = stacked.shape[2] == 3
    if in_color:
        stacked = (np.where(finite, stacked, -limit) / limit + 1) / 2
        stacked = stacked.transpose(0, 1, 3, 4, 2)[:, :, np.newaxis]
    return stacked, limit, in_color


@dataclass(frozen=True)
class _Grid:
    """Where the tiles stand, in units of a tile's width: one for each channel, close together within a filter."""

    filters: int
    channels: int
    columns: int
    tall: float
    narrow: float = 0.06
    gap: float = 0.25

    @classmethod
    def of(cls, filters: int, channels: int, height: int, width: int) -> _Grid:
        grid = cls(filters, channels, 1, height / width)
        return cls(filters, channels, _columns_of_grid(filters, grid.across / grid.down), grid.tall)

    @property
    def across(self) -> float:
        return self.channels * (1 + self.narrow) - self.narrow + self.gap

    @property
    def down(self) -> float:
        return self.tall + self.gap

    @property
    def extent(self) -> tuple[float, float]:
        rows = -(-self.filters // self.columns)
        return self.columns * self.across + self.gap, rows * self.down + self.gap

    @property
    def inches(self) -> tuple[float, float]:
        width, height = self.extent
        unit = min(0.8, 8 / width, 8 / height)
        return unit * width, unit * height

    def draw(self, axes: Axes, tiles: NDArray[np.float64], limit: float) -> Any:
        for f, c in np.ndindex(self.filters, self.channels):
            x = self.gap + f % self.columns * self.across + c * (1 + self.narrow)
            y = self.gap + f // self.columns * self.down
            box = (x, x + 1, y + self.tall, y)
            image = axes.imshow(tiles[f, c], SIGNED, vmin=-limit, vmax=limit, extent=box, interpolation="nearest")
        axes.set(facecolor=FAINT, xticks=[], yticks=[], xlim=(0, self.extent[0]), ylim=(self.extent[1], 0))
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        return image


def _columns_of_grid(count: int, aspect: float) -> int:
    """Choose the columns of a grid of tiles, each `aspect` times as wide as high.

    The grid is about 1.5 times as wide as it is high, or somewhat more or less if that fills the last row.
    """
    ideal = int(np.clip(round((1.5 * count / aspect) ** 0.5), 1, count))
    candidates = range(max(1, ideal * 2 // 3), min(count, 2 * ideal) + 1)
    return min(candidates, key=lambda columns: (-count % columns, abs(columns - ideal)))
