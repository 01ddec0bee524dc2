"""The figures that this package makes. This module imports matplotlib, and is imported when something is drawn."""

from __future__ import annotations

from matplotlib.figure import Figure

from autograd_cnn.plotting.looks import encoded


class Picture(Figure):
    """A matplotlib figure that a notebook shows, without pyplot.

    Examples
    --------
    >>> Picture(figsize=(2, 1))._repr_png_()[1:4]
    b'PNG'
    """

    def _repr_png_(self) -> bytes:
        return encoded(self, "png", dpi=100)
