"""The graph: variables, the nodes that made them, and the one reverse traversal.

A `Variable` is an array with a place in the graph. A `Node` stands for one call of an op: it points to the
nodes (or leaf variables) its wanted inputs came from, and holds what the op's backward rules asked to keep.
Nodes point only backwards in time, so a graph has no cycles and is freed by reference counting alone.

Broadcasting, dtype and ownership of gradients are settled here and nowhere else.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# A context variable, so that one thread's or one task's `no_grad` is not another's.
_recording: ContextVar[bool] = ContextVar("recording", default=True)
# The order of creation is a topological order: a node is made after everything it points to.
_creation = itertools.count()


def is_grad_enabled() -> bool:
    """Whether ops called now are recorded."""
    return _recording.get()


@contextlib.contextmanager
def no_grad() -> Iterator[None]:
    """Record nothing inside the block, in this thread (or task) alone.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> x = ac.Tensor([1.0, 2.0], requires_grad=True)
    >>> with ac.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """
    with recording(False):
        yield


@contextlib.contextmanager
def recording(enabled: bool) -> Iterator[None]:
    """Record inside the block, or not, whatever is the case around it."""
    token = _recording.set(enabled)
    try:
        yield
    finally:
        _recording.reset(token)


class Variable:
    """An array and its place in the graph; `Tensor` is this with operators and methods."""

    __slots__ = ("__weakref__", "data", "grad", "node", "requires_grad")

    data: Array
    grad: Array | None
    requires_grad: bool
    node: Node | None  # None for a leaf

    @classmethod
    def wrap(cls, data: Array, node: Node | None = None) -> Variable:
        """Make a variable of an array an op returned."""
        variable = cls.__new__(cls)
        variable.data = data
        variable.grad = None
        variable.node = node
        variable.requires_grad = node is not None
        return variable


class Edge(NamedTuple):
    """One wanted input of a recorded call: where its gradient comes from and where it goes."""

    name: str
    place: int | None  # which of a variadic input's arrays
    rule: Callable[[Any, dict[str, Any], int | None], Any]
    source: Node | Variable  # the node that made the input, or the input itself if it is a leaf
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class Node:
    """One recorded call of an op."""

    __slots__ = ("__weakref__", "dtype", "edges", "kept", "op", "order", "shape")

    def __init__(self, op: str, edges: list[Edge], kept: dict[str, Any], out: Array) -> None:
        self.op = op
        self.edges = edges
        self.kept: dict[str, Any] | None = kept  # None once a backward pass has freed it
        self.shape: tuple[int, ...] = out.shape
        self.dtype: np.dtype[Any] = out.dtype
        self.order = next(_creation)

    def __repr__(self) -> str:
        return f"<Node {self.op} -> {self.shape} {self.dtype}>"


def unbroadcast(grad: Any, shape: tuple[int, ...]) -> Any:
    """Sum `grad` down to `shape`: the adjoint of broadcasting an array of `shape` up to `grad`'s shape."""
    extra = grad.ndim - len(shape)
    stretched = tuple(extra + i for i, n in enumerate(shape) if n == 1 and grad.shape[extra + i] != 1)
    return grad.sum(axis=(*range(extra), *stretched)).reshape(shape)


def _fits(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Whether a gradient of `shape` is `target` broadcast."""
    if len(shape) < len(target):
        return False
    return all(n in (1, m) for m, n in zip(shape[len(shape) - len(target) :], target, strict=True))


def _gradient_of(edge: Edge, node: Node, grad: Any, kept: dict[str, Any]) -> Any:
    """Call the rule of one edge, and give its answer the input's shape and dtype.

    Of an array it makes an array; of a variable, with variables in `kept`, the same rule makes a variable.
    """
    try:
        result = edge.rule(grad, kept, edge.place)
        if not isinstance(result, Variable):
            result = np.asarray(result)
        if result.shape != edge.shape:
            if not _fits(result.shape, edge.shape):
                raise ValueError(
                    f"the backward of {node.op!r} for input {edge.name!r} gave a gradient of shape "
                    f"{result.shape}, but the input has shape {edge.shape}; return a gradient of that shape "
                    "(or of a shape it broadcasts to)"
                )
            result = unbroadcast(result, edge.shape)
        return result if result.dtype == edge.dtype else result.astype(edge.dtype)
    except Exception as error:
        error.add_note(f"in the backward of {node.op!r} for its input {edge.name!r}, output shape {node.shape}")
        raise


def backpropagate(output: Variable, gradient: Array, *, retain_graph: bool = False) -> None:
    """Add to every leaf's `.grad` the product of `gradient` with the Jacobian of `output` by that leaf.

    One iterative traversal from the newest node to the oldest, which is a reverse topological order: when a
    node's turn comes, all that used its output has already sent its gradient. Each gradient is dropped as it
    is used, and so is what the node kept unless `retain_graph`. Leaves receive theirs at the end, in arrays
    of their own, so that a rule that raises leaves every `.grad` as it was.

    Parameters
    ----------
    output : Variable
        Where to start; it must require a gradient.
    gradient : ndarray
        Of the output's shape and dtype. It is read, never written or kept.
    retain_graph : bool
        Keep what the rules need, for another pass over the same graph.
    """
    start = output if output.node is None else output.node
    for leaf, grad in _traverse(start, gradient, retain_graph=retain_graph).values():
        _accumulate(leaf, grad)


def differentiate(output: Variable, gradient: Variable, inputs: Sequence[Variable]) -> list[Variable | None]:
    """Give the product of `gradient` with the Jacobian of `output` by each input, as variables.

    The rules are recorded as they run, so that what is given can be differentiated again: by the inputs, and
    by `gradient`. Nothing is freed, and no `.grad` changes.

    Parameters
    ----------
    output : Variable
    gradient : Variable
        Of the output's shape and dtype.
    inputs : sequence of Variables
        Leaves that `output` was computed from, or not.

    Returns
    -------
    list of Variables, with None for an input that does not matter
    """
    kind = type(output)
    start = output if output.node is None else output.node
    with recording(True):
        found = _traverse(start, gradient, retain_graph=True, view=lambda node: _as_variables(node, kind))
    return [found[id(x)][1] if id(x) in found else None for x in inputs]


def _as_variables(node: Node, kind: type[Variable]) -> dict[str, Any]:
    """Give what a node kept with every wanted input, and the output, a variable in its place in the graph."""
    kept = dict(node.kept or {})
    if "out" in kept:
        kept["out"] = kind.wrap(kept["out"], node)
    for edge in node.edges:
        if edge.name not in kept:
            continue
        if edge.place is None:
            kept[edge.name] = _in_graph(edge.source, kept[edge.name], kind)
        else:
            arrays = list(kept[edge.name])
            arrays[edge.place] = _in_graph(edge.source, arrays[edge.place], kind)
            kept[edge.name] = tuple(arrays)
    return kept


def _in_graph(source: Node | Variable, array: Array, kind: type[Variable]) -> Variable:
    return kind.wrap(array, source) if isinstance(source, Node) else source


def _traverse(
    start: Node | Variable,
    gradient: Any,
    *,
    retain_graph: bool,
    view: Callable[[Node], dict[str, Any]] | None = None,
) -> dict[int, tuple[Variable, Any]]:
    """Send a gradient down the graph, and give what arrives at every leaf, by the leaf's id.

    `view` gives what a node's rules are called with; by default, the arrays it kept.
    """
    leaves: dict[int, tuple[Variable, Any]] = {}
    pending: dict[Node, Any] = {}
    queue: list[tuple[int, Node]] = []

    def send(target: Node | Variable, grad: Any) -> None:
        if not isinstance(target, Node):
            leaf = leaves.get(id(target))
            leaves[id(target)] = (target, grad if leaf is None else _sum(leaf[1], grad))
        elif target in pending:
            pending[target] = _sum(pending[target], grad)
        else:
            pending[target] = grad
            heapq.heappush(queue, (-target.order, target))

    send(start, gradient)
    while queue:
        _, node = heapq.heappop(queue)
        grad = pending.pop(node)
        if node.kept is None:
            raise RuntimeError(
                f"backward() has already been through this graph and freed what {node.op!r} kept for it; "
                "call the first backward() with retain_graph=True, or run the forward again"
            )
        kept = node.kept if view is None else view(node)
        if not retain_graph:
            node.kept = None
        for edge in node.edges:
            send(edge.source, _gradient_of(edge, node, grad, kept))
    return leaves


def _sum(x: Any, y: Any) -> Any:
    """Add two gradients in a new array, as either may be shared; NumPy makes a scalar of two 0-d arrays."""
    total = x + y
    return total if isinstance(total, Variable) else np.asarray(total)


def _accumulate(leaf: Variable, grad: Array) -> None:
    """Add to a leaf's gradient, held in an array of its own with the leaf's memory order."""
    if leaf.grad is None:
        leaf.grad = np.empty_like(leaf.data, subok=False)
        np.copyto(leaf.grad, grad)
    else:
        leaf.grad = _sum(leaf.grad, grad)
