"""The filters of a convolution, as tiles."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autograd_cnn.output.plotting.canvas import FAINT, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


#: More tiles than these are too small to see anything in.
MOST_FILTERS = 64


def filters(
    weight: ArrayLike | Mapping[str, ArrayLike],
    path: str | os.PathLike[str],
    *,
    title: str = "Filters of the first layer",
) -> None:
    """Draw the filters of a convolution, or of several convolutions side by side, on one scale.

    Of more than 64 filters, the 64 of the largest norms are drawn, in their order.

    Filters of three channels are drawn in red, green and blue, with grey for 0. Otherwise the channels of a filter
    stand side by side, with white for 0, red for positive and blue for negative weights.

    Parameters
    ----------
    weight : array_like, shape (F, C, KH, KW), or dict of str to array_like
        As `conv2d` takes it; the keys of a dict are headings, and its weights have one shape.
    path : path-like
        The PNG file to write.
    title : str
        The heading of the whole picture.

    Raises
    ------
    ValueError
        If a weight does not have four axes, or is empty, or shapes differ.

    Examples
    --------
    >>> import numpy as np, pathlib, tempfile
    >>> from autograd_cnn.output import plotting
    >>> weight = np.random.default_rng(0).normal(size=(6, 1, 5, 5))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     plotting.filters(weight, pathlib.Path(folder, "filters.png"))
    """
    panels = dict(weight) if isinstance(weight, Mapping) else {title: weight}
    stacked = _stacked(panels)
    count = stacked.shape[1]
    if count > MOST_FILTERS:
        titled = f"{title}: the {MOST_FILTERS} with the largest norms, of {count}"
        panels, title = {titled if key is title else key: panel for key, panel in panels.items()}, titled
        stacked = np.stack([_largest(filters) for filters in stacked])
    values, limit, in_color = _scaled(stacked)
    grid = _Grid.of(*values.shape[1:5])

    def draw(figure: "Figure") -> None:
        for axes, heading, tiles in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, values, strict=True):
            image = grid.draw(axes, tiles, limit)
            axes.set_title(heading, fontweight="bold" if len(panels) == 1 else "normal")
        if len(panels) > 1:
            figure.suptitle(title, fontweight="bold", fontsize=11)
        if not in_color:
            bar = figure.colorbar(image, ax=figure.axes, label="weight")
            bar.ax.spines[:].set_visible(False)

    width, height = grid.inches
    save(draw, (max(width * len(panels), 2) + 1, max(height, 1) + 0.5), path)


def _stacked(panels: Mapping[str, ArrayLike]) -> NDArray[np.float64]:
    """Check the weights' shapes, and return them as one array."""
    shapes = {np.shape(panel) for panel in panels.values()}
    if len(shapes) != 1:
        raise ValueError(f"weights to draw side by side have one shape; got {sorted(shapes) or 'none'}")
    values = np.stack([np.asarray(panel, np.float64) for panel in panels.values()])
    if values.ndim != 5 or not values.size:
        raise ValueError(f"weight should have shape (F, C, KH, KW) and not be empty; got shape {values.shape[1:]}")
    return values


def _largest(filters: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the filters of the largest norms, in their order; those that are not finite come last."""
    norms = np.sqrt((filters.reshape(len(filters), -1) ** 2).sum(1))
    norms[~np.isfinite(norms)] = -1
    return filters[np.sort(np.argsort(-norms, kind="stable")[:MOST_FILTERS])]


def _scaled(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], float, bool]:
    """Return the tiles, the largest weight, and whether a tile has three colours as its last axis."""
    finite = np.isfinite(values)
    limit = float(np.abs(values).max(initial=0, where=finite)) or 1.0
    in_color = values.shape[2] == 3
    if in_color:
        values = (np.where(finite, values, -limit) / limit + 1) / 2
        values = values.transpose(0, 1, 3, 4, 2)[:, :, np.newaxis]
    return values, limit, in_color


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
    def of(cls, filters: int, channels: int, height: int, width: int) -> "_Grid":
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

    def draw(self, axes: "Axes", tiles: NDArray[np.float64], limit: float) -> Any:
        for f, c in np.ndindex(self.filters, self.channels):
            x = self.gap + f % self.columns * self.across + c * (1 + self.narrow)
            y = self.gap + f // self.columns * self.down
            box = (x, x + 1, y + self.tall, y)
            image = axes.imshow(tiles[f, c], "RdBu_r", vmin=-limit, vmax=limit, extent=box, interpolation="nearest")
        axes.set(facecolor=FAINT, xticks=[], yticks=[], xlim=(0, self.extent[0]), ylim=(self.extent[1], 0))
        axes.spines[:].set_visible(False)
        return image


def _columns_of_grid(count: int, aspect: float) -> int:
    """Choose the columns of a grid of tiles, each `aspect` times as wide as high.

    The grid is about 1.5 times as wide as it is high, or somewhat more or less if that fills the last row.
    """
    ideal = int(np.clip(round((1.5 * count / aspect) ** 0.5), 1, count))
    candidates = range(max(1, ideal * 2 // 3), min(count, 2 * ideal) + 1)
    return min(candidates, key=lambda columns: (-count % columns, abs(columns - ideal)))
