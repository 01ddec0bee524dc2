"""The graph: variables, the nodes that made them, and how backward rules are called.

A `Variable` is an array with a place in the graph. A `Node` stands for one call of an op: it points to the nodes (or
leaf variables) that its wanted inputs came from, and holds what the op's backward rules asked to keep. Nodes point
backwards in time only, so a graph has no cycles and is freed by reference counting alone.

`reference/tape.py` is the same idea on one page, without anything that makes it fast, general or safe.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autograd_cnn import kernels
from autograd_cnn.modes import Observer
from autograd_cnn.recording import history
from autograd_cnn.recording.call_site import call_site, machinery

Array = NDArray[Any]

machinery(__name__)


class Variable:
    """An array and its place in the graph; `Tensor` is this with operators and methods."""

    __slots__ = ("__weakref__", "_data", "grad", "node", "requires_grad")

    _data: Array  # private to the package: code that writes to it must tell `history`
    grad: Any  # an array, or None; a variable if the gradient was recorded
    requires_grad: bool
    node: Node | None  # None for a leaf

    @property
    def data(self) -> Array:
        """The array itself. Writing to it is noticed: rules that need the earlier values raise, or have a copy.

        Another array of the same shape and dtype may be assigned; it is copied.
        """
        return history.lend(self)

    @data.setter
    def data(self, value: Array) -> None:
        if not isinstance(value, np.ndarray) or value.shape != self.shape or value.dtype != self.dtype:
            given = (
                f"an array of shape {value.shape} and dtype {value.dtype}"
                if isinstance(value, np.ndarray)
                else f"a {type(value).__name__}"
            )
            raise ValueError(
                f"the data of a tensor of shape {self.shape} and dtype {self.dtype} must be an array of that shape "
                f"and dtype; got {given}: make a new Tensor of it, or write into this one, as in t.data[...] = value"
            )
        if value.ctypes.data == self._data.ctypes.data and value.strides == self._data.strides:
            history.overwritten([self._data])  # `t.data -= 1` has written into it
        else:
            self._data = value.copy(order="K")

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return self._data.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements."""
        return self._data.dtype

    @classmethod
    def wrap(cls, data: Array, node: Node | None = None) -> Variable:
        """Make a variable from an array that an op returned."""
        variable = cls.__new__(cls)
        variable._data = data
        variable.grad = None
        variable.node = node
        variable.requires_grad = node is not None
        return variable


class Rule:
    """The gradient of an op with respect to an input: a function of the output's gradient and what the node keeps."""

    def __init__(self, function: Callable[..., Any], asked: Sequence[str] = (), inputs: Sequence[str] = ()) -> None:
        self.function = function
        self.asked = asked  # its parameters after the gradient, by their names in what the node keeps
        self.inputs = inputs  # if it returns the gradients of several inputs together: their names, in that order


class Edge(NamedTuple):
    """A wanted input of an op, and the rule for it; the same object for all calls that want the same inputs."""

    name: str
    place: int | None  # which of a variadic input's arrays
    rule: Rule


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
        gradient = partial(_observed_gradient, observers) if observers else _gradient_of
        for edge, source in zip(self.edges, self.sources):  # noqa: B905 -- twice the time, at every node
            if along is None or source in along:
                found.append((source, gradient(edge, source, self, grad, kept, together)))
        return found


class Backward(NamedTuple):
    """What observers see of a rule: `grad` in, `result` out, and the `perf_counter` readings before and after."""

    node: Node
    edge: Edge
    grad: Any
    result: Any
    begin: float
    end: float


class Scattered:
    """A gradient that is zero except at some indices, as the rule of an op that selects elements may return it.

    So an array that is cut into slices gets one dense gradient in the end, instead of one for each slice.
    """

    __slots__ = ("make", "parts", "shape")

    def __init__(self, part: Any, index: Any, shape: tuple[int, ...], make: Callable[..., Any]) -> None:
        self.parts = [(part, index)]
        self.shape = shape
        self.make = make

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements."""
        return np.result_type(*{part.dtype for part, _ in self.parts})

    def plus(self, grad: Any) -> Scattered:
        """Add another gradient; one that is an array or a variable comes first, at all indices."""
        if isinstance(grad, Scattered):
            self.parts += grad.parts
        else:
            self.parts.insert(0, (grad, ...))
        return self

    def dense(self) -> Any:
        """Return the dense gradient, made by `make(*parts, indices=…, shape=…)`."""
        parts, indices = zip(*self.parts, strict=True)
        return self.make(*parts, indices=indices, shape=self.shape)


def dense(grad: Any) -> Any:
    """Return a gradient as an array or a variable."""
    return grad.dense() if type(grad) is Scattered else grad


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


def unbroadcast(grad: Any, shape: tuple[int, ...]) -> Any:
    """Sum `grad` down to `shape`: the adjoint of broadcasting an array of `shape` up to `grad`'s shape."""
    extra = grad.ndim - len(shape)
    stretched = tuple(extra + i for i, n in enumerate(shape) if n == 1 and grad.shape[extra + i] != 1)
    axes = (*range(extra), *stretched)
    total = kernels.sum(grad, axes) if isinstance(grad, np.ndarray) else grad.sum(axis=axes)
    return total.reshape(shape)


def _fits(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Whether `target` broadcasts to the gradient's `shape`."""
    if len(shape) < len(target):
        return False
    return all(n in (1, m) for m, n in zip(shape[len(shape) - len(target) :], target, strict=True))


def _gradient_of(
    edge: Edge, source: Place, node: Node, grad: Any, kept: dict[str, Any], together: dict[Rule, Any]
) -> Any:
    """Call the rule of one edge, and bring the result to the input's shape and dtype.

    A rule returns an array for an array; for a variable, with variables in `kept`, it returns a variable.
    `together` caches what rules for several inputs have returned for this node.
    """
    name, place, rule = edge
    like = source if isinstance(source, Node) else source._data
    try:
        if rule.inputs:
            if rule not in together:
                together[rule] = rule.function(grad, *map(kept.__getitem__, rule.asked))
            gradients = dict(zip(rule.inputs, together[rule], strict=True))
            result = gradients[name]
        elif place is None:
            result = rule.function(grad, *map(kept.__getitem__, rule.asked))
        else:
            result = rule.function(grad, *[place if name == "index" else kept[name] for name in rule.asked])
        if type(result) is not np.ndarray:
            if type(result) is Scattered:
                if result.shape == like.shape and result.dtype == like.dtype:
                    return result
                result = result.dense()
            elif not isinstance(result, Variable):
                result = np.asarray(result)
        shape = like.shape
        if result.shape != shape:
            if not _fits(result.shape, shape):
                raise ValueError(
                    f"the backward of {node.op!r} for input {edge.name!r} gave a gradient of shape "
                    f"{result.shape}, but the input has shape {shape}; return a gradient of that shape "
                    "(or of a shape it broadcasts to)"
                )
            result = unbroadcast(result, shape)
        if result.dtype == like.dtype:
            return result
        if result.dtype.kind not in "fiub":
            raise TypeError(
                f"the backward of {node.op!r} for input {edge.name!r} gave a gradient of dtype {result.dtype}; "
                "expected real numbers"
            )
        return result.astype(like.dtype)
    except Exception as error:
        error.add_note(
            f"in the backward of {node.op!r} for its input {edge.name!r} of shape {source.shape}; its output has shape "
            f"{node.shape}, and it was called at {node.site}"
        )
        raise


def _observed_gradient(
    observers: Sequence[Observer],
    edge: Edge,
    source: Place,
    node: Node,
    grad: Any,
    kept: dict[str, Any],
    together: dict[Rule, Any],
) -> Any:
    begin = perf_counter()
    result = dense(_gradient_of(edge, source, node, grad, kept, together))
    end = perf_counter()
    for observer in observers:
        observer.backward(Backward(node, edge, grad, result, begin, end))
    return result
