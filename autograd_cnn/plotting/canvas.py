"""How every picture is begun and written, without a display and without pyplot."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from autograd_cnn.output.files import write_atomically
from autograd_cnn.plotting.looks import encoded, style
from autograd_cnn.tensor import Tensor

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase


@contextmanager
def on_figure(figure: FigureBase | None, size: tuple[float, float]) -> Iterator[FigureBase]:
    """Draw on a matplotlib figure: the given one, or a new one of a size in inches.

    Examples
    --------
    >>> with on_figure(None, (4.0, 3.0)) as figure:
    ...     lines = figure.subplots().plot([1, 4, 9])
    >>> figure.get_size_inches()
    array([4., 3.])
    """
    from autograd_cnn.plotting.picture import Picture

    with style():
        if figure is not None:
            yield figure
            return
        figure = Picture(figsize=size, layout="compressed")
        yield figure
        for axes in figure.axes:  # made here, ticks have this style; made at the first rendering, they have the user's
            for axis in (axes.xaxis, axes.yaxis):
                axis.get_major_ticks()
                axis.get_minor_ticks()


@contextmanager
def on_axes(ax: Axes | None, size: tuple[float, float]) -> Iterator[Axes]:
    """Draw on matplotlib axes: the given ones, or those of a new figure of a size in inches.

    Examples
    --------
    >>> with on_axes(None, (4.0, 3.0)) as ax:
    ...     lines = ax.plot([1, 4, 9])
    >>> ax.figure.get_size_inches()
    array([4., 3.])
    """
    with on_figure(None if ax is None else ax.figure, size) as figure:
        yield figure.subplots() if ax is None else ax


def legend_below(ax: Axes, columns: int) -> None:
    """Put a legend with `columns` columns below the axes, so that it covers no data.

    A user's figure without a layout engine has no room there: the legend then goes where it covers least.

    Examples
    --------
    >>> with on_axes(None, (4.0, 3.0)) as ax:
    ...     lines = ax.plot([1, 4, 9], label="squares")
    ...     legend_below(ax, columns=2)
    >>> ax.get_legend().get_texts()[0].get_text()
    'squares'
    """
    from matplotlib.transforms import ScaledTranslation

    if ax.figure.get_layout_engine() is None:
        ax.legend(fontsize=8)
        return
    below = ax.transAxes + ScaledTranslation(0, -36 / 72, ax.figure.dpi_scale_trans)  # the name of the x axis
    ax.legend(
        loc="upper left", bbox_to_anchor=(0, 0), bbox_transform=below, ncols=columns, fontsize=8, borderaxespad=0,
        borderpad=0,
    )  # fmt: skip


def save(drawn: FigureBase | Axes, path: str | os.PathLike[str]) -> None:
    """Write a picture to a file: SVG or PDF if its name ends so, and otherwise PNG.

    Parameters
    ----------
    drawn : Figure or Axes
        What a function of `plotting` returned. Of axes, the whole figure is written.
    path : path-like
        The file; it appears under its name once it is whole. A PNG file has 150 dots an inch.

    Raises
    ------
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import autograd_cnn as ac
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     drawn = ac.plotting.curves({"loss": [2.3, 0.4]}, title="Loss", ylabel="loss")
    ...     ac.plotting.save(drawn, pathlib.Path(folder, "loss.png"))
    """
    from matplotlib.axes import Axes

    figure = drawn.figure if isinstance(drawn, Axes) else drawn
    kind = Path(path).suffix.lower()
    write_atomically(path, encoded(figure, kind[1:] if kind in (".svg", ".pdf") else "png", dpi=150))


def values(array: Any) -> NDArray[Any]:
    """Return the values of an array, a list or a Tensor, even one in a graph."""
    return array.numpy() if isinstance(array, Tensor) else np.asarray(array)


def drawable(numbers: Sequence[float | None]) -> NDArray[np.float64]:
    """Return numbers as floats, with NaN for those that no axis can show: None, infinity, and beyond float32."""
    array = np.array(numbers, np.float64)
    return np.where(np.abs(array) <= np.finfo(np.float32).max, array, np.nan)


def shorter(name: str, length: int) -> str:
    """Return a name, cut off if it is longer than `length`.

    Examples
    --------
    >>> shorter("aeroplane", 5)
    'aero…'
    """
    return name if len(name) <= length else name[: length - 1] + "…"


def show_image(axes: Axes, image: NDArray[Any]) -> None:
    """Show one image (C, H, W) with pixels from 0 to 1: in red, green and blue, or the mean of other channels."""
    picture = image.transpose(1, 2, 0) if len(image) == 3 else image.mean(0)
    axes.imshow(np.clip(picture, 0, 1), "gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_axis_off()


def percent(x: float, _: float) -> str:
    """Return a share as a tick's label."""
    return f"{100 * x:g}%"
