"""How every picture is drawn and written: without a display, in one style, and without pyplot."""

import io
import os
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from autograd_cnn.output.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Blue and vermilion of Okabe and Ito, "Color universal design", 2008: told apart by colour-blind readers too.
TRAIN, TEST, VALIDATION = "#0072B2", "#D55E00", "#009E73"
#: Their colours, for more than two curves.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#333333")
INK, FAINT = "#333333", "#DDDDDD"
_STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": INK,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "font.size": 9,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "figure.constrained_layout.h_pad": 0.1,
    "figure.constrained_layout.w_pad": 0.1,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.8,
    "lines.linewidth": 1.6,
    "text.color": INK,
    "text.parse_math": False,  # a class may be named "$"
    "xtick.color": INK,
    "ytick.color": INK,
}
# matplotlib's own font has no Chinese and Japanese; those of these that are installed are tried next.
_FALLBACK_FONTS = {
    "Hiragino Sans",
    "IPAexGothic",
    "MS Gothic",
    "Noto Sans CJK JP",
    "WenQuanYi Zen Hei",
    "Yu Gothic",
}


def save(draw: Callable[["Figure"], None], size: tuple[float, float], path: str | os.PathLike[str]) -> None:
    """Draw a picture and write it as a PNG file, in this module's style whatever the user's is.

    Parameters
    ----------
    draw : callable
        `draw(figure)` draws on a figure of matplotlib's.
    size : pair of float
        Width and height in inches.
    path : path-like
        The file; it appears under its name once it is whole.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.font_manager import fontManager

    content = io.BytesIO()
    with matplotlib.rc_context(), warnings.catch_warnings():
        # A character that no font has becomes a box, and a million steps take a while to draw: neither is an error.
        warnings.filterwarnings("ignore", "Glyph .* missing|Creating legend with")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        installed = {font.name for font in fontManager.ttflist}
        matplotlib.rcParams["font.family"] = ["DejaVu Sans", *sorted(_FALLBACK_FONTS & installed)]
        figure = Figure(figsize=size, layout="compressed")
        draw(figure)
        figure.savefig(content, format="png", dpi=150)
    write_atomically(path, content.getvalue())


def drawable(values: Sequence[float | None]) -> NDArray[np.float64]:
    """Return values as floats, with NaN for those that no axis can show: None, infinity, and beyond float32."""
    array = np.array(values, np.float64)
    return np.where(np.abs(array) <= np.finfo(np.float32).max, array, np.nan)
