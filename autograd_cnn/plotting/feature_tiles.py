"""What a layer makes of an image: its feature maps, as tiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autograd_cnn.plotting.canvas import on_figure, values
from autograd_cnn.plotting.looks import SIGNED

if TYPE_CHECKING:
    from matplotlib.figure import Figure, FigureBase

_MOST_MAPS, _COLUMNS = 64, 16
_WIDTH, _WIDEST_MAP, _STRIP = 8.0, 1.1, 0.25  # inches


def feature_maps(maps: ArrayLike | Mapping[str, ArrayLike], *, figure: FigureBase | None = None) -> FigureBase:
    """Draw the feature maps of one image, layer after layer, each layer on a scale of its own.

    Lighter means larger. Of more than 64 maps the first 64 are drawn.

    Parameters
    ----------
    maps : array_like, shape (C, H, W) or (C,), or dict of str to array_like
        What a layer, or each of the layers named, makes of one image. Values without height and width are a strip.
    figure : Figure, optional
        What to draw on; by default a new one.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If there are none, or they have other axes.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> figure = ac.plotting.feature_maps({"conv1": np.ones((6, 28, 28)), "fc": np.arange(10)})
    >>> [axes.get_title(loc="left") for axes in figure.axes]
    ['conv1: 6 maps of 28×28, all 1', 'fc: 10 values, from 0 to 9']
    """
    layers = {name: values(layer) for name, layer in dict(maps if isinstance(maps, Mapping) else {"": maps}).items()}
    for name, layer in layers.items():
        if layer.ndim not in (1, 3) or not layer.size:
            raise ValueError(
                f"the feature maps{f' of {name!r}' if name else ''} should be those of one image, of shape (C, H, W) "
                f"or (C,), and not be empty; got shape {layer.shape}"
            )
    if not layers:
        raise ValueError("there are no feature maps to draw; expected those of at least one layer")
    mosaics = [_mosaic(layer, min(_COLUMNS, len(layer))) for layer in layers.values()]
    widths = [min(_WIDTH, _WIDEST_MAP * len(layer)) if layer.ndim == 3 else _WIDTH for layer in layers.values()]
    heights = [max(_STRIP, width * m.shape[0] / m.shape[1]) for width, m in zip(widths, mosaics, strict=True)]
    new = figure is None
    with on_figure(figure, (max(widths) + 0.3, sum(heights) + 0.45 * len(layers))) as figure:
        if new:  # this layout keeps each row's height; the compressed one would fit all rows to the flattest
            cast("Figure", figure).set_layout_engine("constrained")
        panels = figure.subplots(len(layers), 1, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
        for axes, mosaic, (name, layer) in zip(panels, mosaics, layers.items(), strict=True):
            finite = layer[np.isfinite(layer)]
            low, high = (finite.min(), finite.max()) if finite.size else (0, 0)
            axes.imshow(
                np.ma.masked_invalid(mosaic), SIGNED, vmin=low, vmax=high, interpolation="nearest",
                aspect="equal" if layer.ndim == 3 else mosaic.shape[1] * _STRIP / _WIDTH,
            )  # fmt: skip
            axes.set(xticks=[], yticks=[], facecolor="none", anchor="W")
            axes.grid(visible=False)
            axes.spines[:].set_visible(False)
            axes.set_title(_title(name, layer, low, high), loc="left", fontsize=9, fontweight="normal")
    return figure


def _mosaic(layer: NDArray[Any], columns: int) -> NDArray[np.float64]:
    """Return the maps side by side in one array, with NaN between them and where a row is not full."""
    if layer.ndim == 1:
        return layer[np.newaxis].astype(np.float64)
    count, height, width = min(len(layer), _MOST_MAPS), *layer.shape[1:]
    gap = max(1, width // 14)
    rows = -(-count // columns)
    mosaic = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap), np.nan)
    for i in range(count):
        top, left = i // columns * (height + gap), i % columns * (width + gap)
        mosaic[top : top + height, left : left + width] = layer[i]
    return mosaic


def _title(name: str, layer: NDArray[Any], low: float, high: float) -> str:
    if layer.ndim == 1:
        many = f"{len(layer)} values"
    else:
        many = f"{len(layer)} {'map' if len(layer) == 1 else 'maps'} of {layer.shape[1]}×{layer.shape[2]}"
        if len(layer) > _MOST_MAPS:
            many = f"the first {_MOST_MAPS} of {many}"
    scale = f"all {low:.3g}" if low == high else f"from {low:.3g} to {high:.3g}"
    return f"{f'{name}: ' if name else ''}{many}, {scale}"
