"""How every picture looks, whatever the user's style is."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

# Blue and vermilion of Okabe and Ito, "Color universal design", 2008: told apart by colour-blind readers too.
TRAIN, TEST, VALIDATION = "#0072B2", "#D55E00", "#009E73"
#: Their colours, for more than two curves.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#333333")
#: Dashes and markers tell the curves apart when printed in grey, where the colours look much the same.
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
INK, FAINT = "#333333", "#DDDDDD"
#: For numbers of either sign, 0 in the middle: from dark blue over grey to yellow, ever lighter.
SIGNED = "cividis"
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
    "svg.fonttype": "none",
    "text.color": INK,
    "text.parse_math": False,  # a class may be named "$"
    "xtick.color": INK,
    "ytick.color": INK,
}
# matplotlib's own font has no Chinese or Japanese; the installed ones among these are tried next.
_FALLBACK_FONTS = {
    "Hiragino Sans",
    "IPAexGothic",
    "MS Gothic",
    "Noto Sans CJK JP",
    "WenQuanYi Zen Hei",
    "Yu Gothic",
}


@contextmanager
def style() -> Iterator[None]:
    """Draw in this module's style, whatever the user's is, and leave the user's as it was.

    Examples
    --------
    >>> import matplotlib
    >>> with style():
    ...     matplotlib.rcParams["font.size"]
    9.0
    """
    import matplotlib
    from matplotlib.font_manager import fontManager

    with matplotlib.rc_context(), warnings.catch_warnings():
        # A character that no font has becomes a box, and a million steps take a while to draw: neither is an error.
        warnings.filterwarnings("ignore", "Glyph .* missing|Creating legend with")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        installed = {font.name for font in fontManager.ttflist}
        matplotlib.rcParams["font.family"] = ["DejaVu Sans", *sorted(_FALLBACK_FONTS & installed)]
        yield


def encoded(figure: FigureBase, kind: str, dpi: int) -> bytes:
    """Return a figure as the bytes of a file: "png", "svg" or "pdf"."""
    root: Any = figure.figure  # for a part of a figure, the whole figure
    content = io.BytesIO()
    with style():
        root.savefig(content, format=kind, dpi=dpi)
    return content.getvalue()
