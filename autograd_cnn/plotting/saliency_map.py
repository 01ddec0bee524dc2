"""Which pixels an answer depends on: a gradient, laid over its image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from autograd_cnn.plotting.canvas import on_axes, values
from autograd_cnn.plotting.looks import SIGNED

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def saliency(image: ArrayLike, gradient: ArrayLike, *, title: str = "Saliency", ax: Axes | None = None) -> Axes:
    """Draw a gradient with respect to the pixels of an image, and over it the outline of what the image shows.

    The differentiated value rises if pixels drawn light get brighter, and falls if dark ones do; middle grey means no
    effect. (K. Simonyan, A. Vedaldi and A. Zisserman, "Deep inside convolutional networks", 2013.)

    Parameters
    ----------
    image, gradient : array_like, shape (C, H, W)
        Pixels, and the gradient with respect to them. For several channels, the mean of the pixels and the sum of the
        gradients are shown.
    title : str
    ax : Axes, optional
        What to draw on; by default those of a new figure.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If the shapes differ, or are not (C, H, W).

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> image = ac.data.load("digits", "test").images[0]
    >>> ax = ac.plotting.saliency(image, image - 0.5, title="Brighter than half")
    >>> ax.images[0].get_clim()
    (-0.5, 0.5)
    """
    pixels, slope = values(image).astype(np.float64), values(gradient).astype(np.float64)
    if pixels.shape != slope.shape or pixels.ndim != 3 or not pixels.size:
        raise ValueError(
            f"an image of shape {pixels.shape} and a gradient of shape {slope.shape} were given: expected one shape "
            "(C, H, W) for both"
        )
    pixels, slope = pixels.mean(0), slope.sum(0)
    limit = float(np.abs(slope).max(initial=0, where=np.isfinite(slope))) or 1.0
    with on_axes(ax, (3.0, 3.2)) as ax:
        ax.imshow(slope, SIGNED, vmin=-limit, vmax=limit, interpolation="nearest")
        middle = (pixels.min() + pixels.max()) / 2
        if min(pixels.shape) > 1 and pixels.min() < middle < pixels.max():
            ax.contour(pixels, [middle], colors="white", linewidths=1.2)
        ax.set_title(title, loc="left")
        ax.set_axis_off()
    return ax
