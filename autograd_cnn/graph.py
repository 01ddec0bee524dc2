"""The graph: the nodes that computed variables, and where a variable stands among them.

A `Node` stands for one call of an op: it points to the nodes (or leaf variables) that its wanted inputs came from, and
holds what the op's backward rules asked to keep. Nodes point backwards in time only, so a graph has no cycles and is
freed by reference counting alone.

`reference/tape.py` is the same idea on one page, without anything that makes it fast, general or safe.
"""

from __future__ import annotations

import weakref
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from autograd_cnn.recording import history
from autograd_cnn.recording.call_site import call_site, machinery
from autograd_cnn.recording.observers import Observer
from autograd_cnn.rules import Edge, Rule, gradient_of, observed_gradient
from autograd_cnn.variable import Array, Variable

machinery(__name__)


class Node:
    """One recorded call of an op."""

    __slots__ = ("__weakref__", "dtype", "edges", "kept", "op", "order", "shape", "site", "sources", "watched_by")

    def __init__(self, op: str, edges: list[Edge], sources: list[Place], kept: dict[str, Any], out: Array) -> None:
        self.op = op
        self.edges = edges
        self.sources = sources  # the place of each edge's input in the graph; it has the input's shape and dtype
        self.kept: dict[str, Any] | None = kept  # None once a backward pass has freed it
        self.shape: tuple[int, ...] = out.shape
        self.dtype: np.dtype[Any] = out.dtype
        self.order = history.now()  # a topological order: a node is made after everything it points to
        self.site = call_site(2)
        self.watched_by: tuple[weakref.ref[Variable], ...] = ()  # the variables that want its gradient

    def __repr__(self) -> str:
        kept = "freed" if self.kept is None else f"keeps {', '.join(name for name, _ in self.arrays()) or 'nothing'}"
        return f"<Node {self.op} -> {self.shape} {self.dtype}, {kept}, called at {self.site}>"

    def arrays(self) -> Iterator[tuple[str, Array]]:
        """Yield the arrays that are kept for the backward rules, with their names; a variadic input's have an index."""
        for name, value in (self.kept or {}).items():
            if isinstance(value, np.ndarray):
                yield name, value
            elif isinstance(value, tuple):
                yield from ((f"{name}[{i}]", x) for i, x in enumerate(value) if isinstance(x, np.ndarray))

    def watchers(self) -> list[Variable]:
        """Return the variables of this node that want their gradient."""
        found = [ref() for ref in self.watched_by]
        return [x for x in found if x is not None and x.node is self]

    def check_unchanged(self) -> None:
        """Raise if what the node kept was freed, or if one of its arrays has been overwritten since."""
        if self.kept is None:
            raise RuntimeError(
                f"backward() has already been through this graph and freed what {self.op!r} kept for it; "
                "call the first backward() with retain_graph=True, or run the forward again"
            )
        for name, array in self.arrays():
            if history.changed(array, self.order):
                what = "its output" if name == "out" else f"its input {name!r}"
                raise self.refusal(what)

    def refusal(self, what: str) -> RuntimeError:
        """Return the error that says that something was overwritten."""
        return RuntimeError(
            f"{self.op!r}, called at {self.site}, needs {what} as it was, but it was overwritten since, by an "
            "optimizer's step or through .data; call backward() before that, or run the forward again"
        )

    def pull(
        self, grad: Any, kept: dict[str, Any], along: Collection[Place] | None, observers: Sequence[Observer]
    ) -> list[tuple[Place, Any]]:
        """Return, for each input in `along` (all, if None), its place and its gradient."""
        found = []
        together: dict[Rule, Any] = {}
        gradient = partial(observed_gradient, observers) if observers else gradient_of
        for edge, source in zip(self.edges, self.sources):  # noqa: B905 -- twice the time, at every node
            if along is None or source in along:
                found.append((source, gradient(edge, source, self, grad, kept, together)))
        return found


#: Where a value stands in the graph: the node that made it, or the leaf that it is.
Place = Node | Variable


def place_of(x: Place) -> Place:
    """Return the place of a variable."""
    return x if isinstance(x, Node) or x.node is None else x.node


def alias(array: Array, source: Place, kind: type[Variable]) -> Variable:
    """Make a variable of `array` whose gradient goes to `source`: the identity, recorded."""
    return kind.wrap(array, Node("identity", _IDENTITY, [source], {}, array))


_IDENTITY = [Edge("x", None, Rule(lambda grad: grad))]


def in_graph(array: Array, source: Place, kind: type[Variable]) -> Variable:
    """Return a variable of the array that an op took from `source`: a leaf itself, unless its array was replaced."""
    if isinstance(source, Node):
        return kind.wrap(array, source)
    return source if source._data is array else alias(array, source, kind)
