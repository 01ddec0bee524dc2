"""The graph of a computation, as DOT text and as a picture.

Everything is a box in a row. The row of an op is its depth in the graph; parameters and constants stand at the right of
the row above the first op that takes them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograd_cnn.backpropagation import survey
from autograd_cnn.graph import Node, Place, place_of
from autograd_cnn.inspection.live_memory import Counter
from autograd_cnn.output import text
from autograd_cnn.output.files import write_atomically
from autograd_cnn.plotting import graph_boxes, looks
from autograd_cnn.tensor import Tensor
from autograd_cnn.transforms import trees
from autograd_cnn.variable import Array, Variable


@dataclass
class _Box:
    """A box, and where it stands."""

    kind: str
    lines: list[str]
    row: int = 0
    x: float = 0.0

    @property
    def width(self) -> float:
        """Its width in letters."""
        return max(map(len, self.lines)) + 4.0


class GraphDrawing(str):
    """A computation graph as DOT text, which can be saved as a picture; see `draw_graph`.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> w = ac.Tensor([1.0, 2.0], requires_grad=True)
    >>> drawing = ac.draw_graph((w * 3.0).sum(), {"w": w})
    >>> drawing.startswith("digraph")
    True
    >>> drawing.save("graph.svg")  # doctest: +SKIP
    """

    __slots__ = ("arrows", "boxes")

    boxes: list[_Box]
    arrows: list[tuple[int, int]]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the graph to a file.

        Parameters
        ----------
        path : path
            A name that ends in .dot or .gv for the text itself, or in .png, .svg or .pdf for a picture, drawn by
            Graphviz if its `dot` is installed and by matplotlib otherwise.

        Raises
        ------
        ValueError
            If the name ends otherwise, or there are more than 400 boxes and no Graphviz.
        """
        kind = Path(path).suffix.lower()
        if kind in (".dot", ".gv"):
            write_atomically(path, self.encode())
        elif kind in (".png", ".svg", ".pdf"):
            write_atomically(path, self._render(kind[1:]))
        else:
            raise ValueError(f"a graph is saved as .dot, .gv, .png, .svg or .pdf; got {os.fspath(path)!r}")

    def _repr_png_(self) -> bytes:
        """Return the picture that a notebook shows."""
        return self._render("png")

    def _render(self, kind: str) -> bytes:
        if dot := shutil.which("dot"):
            return subprocess.run([dot, f"-T{kind}"], input=self.encode(), capture_output=True, check=True).stdout
        return looks.encoded(graph_boxes.graph(self).figure, kind, dpi=120)


def draw_graph(tensor: Tensor, params: Mapping[str, Any] | None = None) -> GraphDrawing:
    """Draw the graph that computed a tensor.

    Each op shows the shape and dtype of its output, and what it keeps for backward, with the bytes that this adds.
    Parameters (leaves that require a gradient) and values (other arrays that are kept) look different.

    Parameters
    ----------
    tensor : Tensor
        The end of the graph, such as a loss.
    params : (nested) dict of Tensors, optional
        Names for the leaves.

    Returns
    -------
    GraphDrawing
        A string, the graph in DOT. Its ``save`` writes the text or a picture; a notebook shows the picture.

    Raises
    ------
    ValueError
        If there is no graph, because nothing that the tensor was computed from requires a gradient.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> w = ac.Tensor([1.0, 2.0], requires_grad=True)
    >>> print(ac.draw_graph((w * 3.0).sum(), {"w": w}))  # doctest: +ELLIPSIS
    digraph {
    ...
    """
    if not tensor.requires_grad:
        raise ValueError(
            f"draw_graph: {tensor!r} was computed from nothing that requires a gradient, so there is no graph; create "
            "the parameters with requires_grad=True, and compute outside no_grad()"
        )
    names = {id(leaf): trees.dotted(path) for path, leaf in trees.leaves_with_paths(params or {})}
    boxes, arrows = _boxes(place_of(tensor), names)
    _arrange(boxes, arrows)
    drawing = GraphDrawing(_dot(boxes, arrows))
    drawing.boxes, drawing.arrows = boxes, arrows
    return drawing


def _boxes(end: Place, names: dict[int, str]) -> tuple[list[_Box], list[tuple[int, int]]]:
    """Make a box for every op, leaf and kept constant, and the arrows between their numbers."""
    nodes, leaves = survey([end])
    boxes: list[_Box] = []
    arrows: list[tuple[int, int]] = []
    numbers: dict[int, int] = {}
    arrays: list[Array] = []
    for leaf in leaves:
        assert isinstance(leaf, Variable)
        numbers[id(leaf)] = len(boxes)
        arrays.append(leaf._data)
        boxes.append(_Box("parameter", [names.get(id(leaf), "parameter"), _described(leaf._data)]))
    memory = Counter(arrays)
    constants: dict[int, int] = {}
    for node in nodes:
        number = numbers[id(node)] = len(boxes)
        boxes.append(_Box("output" if node is end else "op", []))
        wanted = {edge.name if edge.place is None else f"{edge.name}[{edge.place}]" for edge in node.edges}
        arrows += [(numbers[id(source)], number) for source in node.sources]
        kept = []
        for name, array in node.arrays():
            added = memory.add(array)
            kept.append(f"{name} {text.size(added)}" if added else name)
            if name not in wanted and name != "out":
                if id(array) not in constants:
                    constants[id(array)] = len(boxes)
                    boxes.append(_Box("value", [name, _described(array)]))
                arrows.append((constants[id(array)], number))
        summary = "freed" if node.kept is None else f"keeps {', '.join(kept)}" if kept else "keeps nothing"
        boxes[number].lines = [node.op, _described(node), summary]
    return boxes, arrows


def _described(array: Array | Node) -> str:
    return f"{'×'.join(map(str, array.shape)) or 'one number'} {array.dtype}"


def _arrange(boxes: list[_Box], arrows: list[tuple[int, int]]) -> None:
    """Set every box's row and its place in the row."""
    inside = [box.kind in ("op", "output") for box in boxes]
    takers: dict[int, list[int]] = {}
    for start, stop in sorted(arrows, key=lambda arrow: arrow[1]):  # numbers rise along arrows between ops
        takers.setdefault(start, []).append(stop)
        boxes[stop].row = max(boxes[stop].row, boxes[start].row + 1)
    for number, stops in takers.items():
        if not inside[number]:
            boxes[number].row = min(boxes[stop].row for stop in stops) - 1
    givers: dict[int, list[int]] = {}
    for start, stop in arrows:
        if inside[start]:
            givers.setdefault(stop, []).append(start)
    rows: list[list[int]] = [[] for _ in range(max(box.row for box in boxes) + 1)]
    for i, box in enumerate(boxes):
        rows[box.row].append(i)
    for members in rows:
        ops = [i for i in members if inside[i]]
        wish = {i: sum(boxes[j].x for j in givers[i]) / len(givers[i]) if i in givers else 0.0 for i in ops}
        ops.sort(key=lambda i: wish[i])
        _spread(boxes, ops, sum(wish.values()) / len(ops) if ops else 0.0)
        edge = max((boxes[i].x + boxes[i].width / 2 for i in ops), default=-2.0)
        for i in members:
            if not inside[i]:
                boxes[i].x = edge + 2 + boxes[i].width / 2
                edge = boxes[i].x + boxes[i].width / 2


def _spread(boxes: list[_Box], row: list[int], center: float) -> None:
    """Place the boxes of a row side by side, around a center."""
    x = center - sum(boxes[i].width + 2 for i in row) / 2
    for i in row:
        boxes[i].x = x + 1 + boxes[i].width / 2
        x += boxes[i].width + 2


def _dot(boxes: list[_Box], arrows: list[tuple[int, int]]) -> str:
    lines = ["digraph {", '  node [shape=box style="filled,rounded" fontname="Helvetica" fontsize=10]']
    for number, box in enumerate(boxes):
        _, fill, border = graph_boxes.LOOKS[box.kind]
        label = "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"') for line in box.lines)
        lines.append(f'  n{number} [label="{label}" fillcolor="{fill}" color="{border}"]')
    lines += [f"  n{start} -> n{stop}" for start, stop in arrows]
    return "\n".join([*lines, "}"])
