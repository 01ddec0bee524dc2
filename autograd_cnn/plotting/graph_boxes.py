"""The graph of a computation, as boxes in rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, cast

from autograd_cnn.plotting.canvas import on_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: What each kind of box looks like: its shape in DOT, fill and border (tints of Okabe and Ito's colours).
LOOKS = {
    "op": ("box", "#FFFFFF", "#333333"),
    "output": ("box", "#E8F3FA", "#0072B2"),
    "parameter": ("box", "#FDEBDD", "#D55E00"),
    "value": ("box", "#EEEEEE", "#888888"),
}
_MOST_BOXES = 400  # in a legible picture by matplotlib
_LETTER, _ROW = 0.075, 0.85  # inches
_FONT = 8.0


class Box(Protocol):
    """A box of text: its row, and its middle and width in letters."""

    kind: str
    lines: list[str]
    row: int
    x: float

    @property
    def width(self) -> float: ...  # noqa: D102 -- said above


class Drawing(Protocol):
    """Boxes, and the arrows between their numbers: what `draw_graph` returns."""

    @property
    def boxes(self) -> Sequence[Box]: ...  # noqa: D102

    @property
    def arrows(self) -> Sequence[tuple[int, int]]: ...  # noqa: D102


def graph(drawing: Drawing, *, ax: Axes | None = None) -> Axes:
    """Draw the graph of a computation.

    Parameters
    ----------
    drawing : GraphDrawing
        What `draw_graph` returns.
    ax : Axes, optional
        What to draw on; by default those of a new figure as large as the graph needs. On given axes that are smaller,
        the letters are made smaller.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If there are more than 400 boxes.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> w = ac.Tensor([1.0, 2.0], requires_grad=True)
    >>> ax = ac.plotting.graph(ac.draw_graph((w * 3.0).sum(), {"w": w}))
    >>> sorted(text.get_text().split()[0] for text in ax.texts if text.get_text())
    ['multiply', 'sum', 'w']
    """
    boxes = drawing.boxes
    if len(boxes) > _MOST_BOXES:
        raise ValueError(
            f"matplotlib draws graphs of up to {_MOST_BOXES} boxes legibly; this one has {len(boxes)}: install "
            "Graphviz, or save it as .dot"
        )
    left = min(box.x - box.width / 2 for box in boxes) - 2
    right = max(box.x + box.width / 2 for box in boxes) + 2
    rows = max(box.row for box in boxes) + 1
    width, height = (right - left) * _LETTER, rows * _ROW
    new = ax is None
    with on_axes(ax, (width, height)) as ax:
        scale = 1.0
        if new:
            cast("Figure", ax.figure).set_layout_engine("none")
            ax.set_position((0, 0, 1, 1))
        else:
            room = ax.get_window_extent()
            scale = min(1.0, room.width / ax.figure.dpi / width, room.height / ax.figure.dpi / height)
        ax.set_axis_off()
        ax.set(xlim=(left, right), ylim=(rows - 0.5, -0.5))
        for start, stop in drawing.arrows:
            a, b = boxes[start], boxes[stop]
            ax.annotate(
                "", (b.x, b.row - _half(b)), (a.x, a.row + _half(a)),
                arrowprops={"arrowstyle": "-|>", "color": "#888888", "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0},
            )  # fmt: skip
        for box in boxes:
            _, fill, border = LOOKS[box.kind]
            ax.text(
                box.x, box.row, "\n".join(box.lines), ha="center", va="center", linespacing=1.3,
                fontsize=_FONT * scale,
                bbox={"boxstyle": "round,pad=0.5", "facecolor": fill, "edgecolor": border, "linewidth": 0.9},
            )  # fmt: skip
    return ax


def _half(box: Box) -> float:
    """Half the height of a box, in rows."""
    return 0.12 + 0.09 * len(box.lines)
