"""The graph: variables, the nodes that made them, and the one reverse traversal.

A `Variable` is an array with a place in the graph. A `Node` stands for one call of an op: it points to the
nodes (or leaf variables) its wanted inputs came from, and holds what the op's backward rules asked to keep.
Nodes point only backwards in time, so a graph has no cycles and is freed by reference counting alone.

Broadcasting, dtype and ownership of gradients are settled here and nowhere else.
"""

from __future__ import annotations

import heapq
import itertools
import os
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autograd_cnn import kernels
from autograd_cnn.modes import Observer, current, switch, switch_back, switched, unobserved
from autograd_cnn.recording import history
from autograd_cnn.recording.call_site import call_site, machinery

machinery(__name__)

Array = NDArray[Any]


_HALF = np.dtype(np.float16)


class Variable:
    """An array and its place in the graph; `Tensor` is this with operators and methods."""

    __slots__ = ("__weakref__", "_data", "grad", "node", "requires_grad")

    _data: Array  # for the package alone: whoever writes to it tells `history`
    grad: Array | None
    requires_grad: bool
    node: Node | None  # None for a leaf

    @property
    def data(self) -> Array:
        """The array itself. What is written to it is seen: rules that need what it held before refuse, or have a copy.

        Another array may be put in its place, of the same shape and dtype; it is copied.
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
                f"the data of a tensor of shape {self.shape} and dtype {self.dtype} is an array of the same; got "
                f"{given}: make a new Tensor of it, or write into this one, as in t.data[...] = value"
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
        """Make a variable of an array an op returned."""
        variable = cls.__new__(cls)
        variable._data = data
        variable.grad = None
        variable.node = node
        variable.requires_grad = node is not None
        return variable


class Edge(NamedTuple):
    """A wanted input of an op, and the rule for it; the same object for all calls that want the same inputs."""

    name: str
    place: int | None  # which of a variadic input's arrays
    rule: Callable[[Any, dict[str, Any], int | None], Any]


class Node:
    """One recorded call of an op."""

    __slots__ = ("__weakref__", "dtype", "edges", "kept", "op", "order", "shape", "site", "sources")

    reads_again = False  # whether its gradient comes of more than what it kept

    def __init__(self, op: str, edges: list[Edge], sources: list[Place], kept: dict[str, Any], out: Array) -> None:
        self.op = op
        self.edges = edges
        self.sources = sources  # where the input of each edge stands in the graph; it has the input's shape and dtype
        self.kept: dict[str, Any] | None = kept  # None once a backward pass has freed it
        self.shape: tuple[int, ...] = out.shape
        self.dtype: np.dtype[Any] = out.dtype
        self.order = history.now()  # a topological order: a node is made after everything it points to
        self.site = call_site(2)

    def __repr__(self) -> str:
        kept = "freed" if self.kept is None else f"keeps {', '.join(name for name, _ in self.arrays()) or 'nothing'}"
        return f"<Node {self.op} -> {self.shape} {self.dtype}, {kept}, called at {self.site}>"

    def arrays(self) -> Iterator[tuple[str, Array]]:
        """Give the arrays that are kept for the backward rules, those of a variadic input by their index."""
        for name, value in (self.kept or {}).items():
            if isinstance(value, np.ndarray):
                yield name, value
            elif isinstance(value, tuple):
                yield from ((f"{name}[{i}]", x) for i, x in enumerate(value) if isinstance(x, np.ndarray))

    def check_unchanged(self) -> None:
        """Refuse to go on if an array that was kept has been overwritten since."""
        for name, array in self.arrays():
            if history.changed(array, self.order):
                what = "its output" if name == "out" else f"its input {name!r}"
                raise self.refusal(what)

    def refusal(self, what: str) -> RuntimeError:
        """Return the error that something was overwritten."""
        return RuntimeError(
            f"{self.op!r}, called at {self.site}, needs {what} as it was, but it was overwritten since, by an "
            "optimizer's step or through .data; call backward() before that, or run the forward again"
        )

    def pull(
        self, grad: Any, kept: dict[str, Any], along: Collection[int] | None, observers: Sequence[Observer]
    ) -> list[tuple[Place, Any]]:
        """Give, for each input in `along` (all, if None), where it stands and its gradient."""
        gradient_of = partial(_observed_gradient, observers) if observers else _gradient_of
        return [
            (source, gradient_of(edge, source, self, grad, kept))
            for edge, source in zip(self.edges, self.sources, strict=True)
            if along is None or id(source) in along
        ]


class Backward(NamedTuple):
    """What observers see of a rule: it was given `grad` and made `result`, from one `perf_counter` to another."""

    node: Node
    edge: Edge
    grad: Any
    result: Any
    begin: float
    end: float


class Scattered:
    """A gradient that is zero but for what is added to it at some indices: what the rule of a selection may return.

    An array cut into slices, one after the other, gets one array in the end, and not one for each slice.
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

    def dense(self) -> Any:
        """Return the gradient, by `make(*parts, indices=…, shape=…)`."""
        parts, indices = zip(*self.parts, strict=True)
        return self.make(*parts, indices=indices, shape=self.shape)


def dense(grad: Any) -> Any:
    """Return a gradient as an array or a variable."""
    return grad.dense() if type(grad) is Scattered else grad


#: Where a value stands in the graph: the node that made it, or the leaf that it is.
Place = Node | Variable


def place_of(x: Place) -> Place:
    """Give the place of a variable."""
    return x if isinstance(x, Node) or x.node is None else x.node


def alias(array: Array, source: Place, kind: type[Variable]) -> Variable:
    """Make a variable of `array` whose gradient goes to `source`: the identity, recorded."""
    return kind.wrap(array, Node("identity", _IDENTITY, [source], {}, array))


_IDENTITY = [Edge("x", None, lambda grad, *_: grad)]


def in_graph(array: Array, source: Place, kind: type[Variable]) -> Variable:
    """Make a variable of what an op saw of `source`; a leaf itself, unless it holds another array by now."""
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
    """Whether a gradient of `shape` is `target` broadcast."""
    if len(shape) < len(target):
        return False
    return all(n in (1, m) for m, n in zip(shape[len(shape) - len(target) :], target, strict=True))


def _gradient_of(edge: Edge, source: Place, node: Node, grad: Any, kept: dict[str, Any]) -> Any:
    """Call the rule of one edge, and give its answer the input's shape and dtype.

    Of an array it makes an array; of a variable, with variables in `kept`, the same rule makes a variable.
    """
    _, place, rule = edge
    like = source if isinstance(source, Node) else source._data
    try:
        result = rule(grad, kept, place)
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
    observers: Sequence[Observer], edge: Edge, source: Place, node: Node, grad: Any, kept: dict[str, Any]
) -> Any:
    begin = perf_counter()
    result = dense(_gradient_of(edge, source, node, grad, kept))
    end = perf_counter()
    for observer in observers:
        observer.backward(Backward(node, edge, grad, result, begin, end))
    return result


def backpropagate(output: Variable, gradient: Array, *, retain_graph: bool = False) -> None:
    """Add to every leaf's `.grad` the product of `gradient` with the Jacobian of `output` by that leaf.

    One iterative traversal from the newest node to the oldest, which is a reverse topological order: when a
    node's turn comes, all that used its output has already sent its gradient. Each gradient is dropped as it
    is used, and so is what the node kept unless `retain_graph`. Leaves receive theirs at the end, all at once and in
    arrays of their own: a rule that raises, or an interrupt at any time, leaves every `.grad` as it was.

    Parameters
    ----------
    output : Variable
        Where to start; it must require a gradient.
    gradient : ndarray
        Of the output's shape and dtype. It is read, never written or kept.
    retain_graph : bool
        Keep what the rules need, for another pass over the same graph.
    """
    _accumulate(_traverse([(place_of(output), gradient)], retain_graph=retain_graph).values())


def survey(outputs: Sequence[Place], inputs: Collection[int] = (), since: int = -1) -> tuple[list[Node], list[Place]]:
    """Look at the graph that `outputs` were computed by, back to a moment and to given places.

    Parameters
    ----------
    outputs : sequence of places
    inputs : collection of int
        The ids of places to stop at.
    since : int
        A moment, as `now` gives it; what is older counts as outside.

    Returns
    -------
    nodes : list of Nodes
        Those made since, the oldest first.
    outside : list of places
        Leaves and older nodes that they were computed from.
    """
    nodes: list[Node] = []
    outside: list[Place] = []
    seen = set(inputs)
    waiting = list(outputs)
    while waiting:
        place = waiting.pop()
        if id(place) in seen:
            continue
        seen.add(id(place))
        if isinstance(place, Node) and place.order > since:
            nodes.append(place)
            waiting += place.sources
        else:
            outside.append(place)
    nodes.sort(key=lambda node: node.order)
    return nodes, outside


def differentiate(
    outputs: Sequence[Variable],
    gradients: Sequence[Any],
    inputs: Sequence[Place],
    *,
    create_graph: bool,
    retain_graph: bool,
    since: int = -1,
) -> list[Any]:
    """Give the sum over the outputs of the product of each gradient with the Jacobian by each input.

    Inputs are independent of one another: the traversal stops where it meets one. Only nodes that lead to
    one are visited. No `.grad` changes.

    Parameters
    ----------
    outputs : sequence of Variables
    gradients : sequence of arrays, or of Variables for `create_graph`
        Of the outputs' shapes and dtypes.
    inputs : sequence of Variables or Nodes
    create_graph : bool
        Record the rules as they run, so that what is given can be differentiated again: by whatever the
        outputs were computed from, and by `gradients`.
    retain_graph : bool
        Keep what the rules need, for another pass over the same graph.
    since : int
        A moment before which no node that leads to an input was made.

    Returns
    -------
    list of arrays, or Variables for `create_graph`, with None for an input that does not matter
    """
    seeds = [(place_of(out), grad) for out, grad in zip(outputs, gradients, strict=True) if out.requires_grad]
    targets = [id(place_of(x)) for x in inputs]
    along = set(targets)
    nodes, _ = survey([place for place, _ in seeds], along, since)
    for node in nodes:
        if any(id(source) in along for source in node.sources):
            along.add(id(node))
    seeds = [(place, grad) for place, grad in seeds if id(place) in along]
    view = partial(_as_variables, kind=type(outputs[0])) if create_graph else None
    with switched(recording=create_graph):
        found = _traverse(seeds, retain_graph=retain_graph, view=view, inputs=targets, along=along)
    return [found[target][1] if target in found else None for target in targets]


def _as_variables(node: Node, kind: type[Variable]) -> dict[str, Any]:
    """Give what a node kept with every wanted input, and the output, a variable in its place in the graph."""
    kept = dict(node.kept or {})
    if "out" in kept:
        kept["out"] = kind.wrap(kept["out"], node)
    for edge, source in zip(node.edges, node.sources, strict=True):
        if edge.name not in kept:
            continue
        if edge.place is None:
            kept[edge.name] = in_graph(kept[edge.name], source, kind)
        else:
            arrays = list(kept[edge.name])
            arrays[edge.place] = in_graph(arrays[edge.place], source, kind)
            kept[edge.name] = tuple(arrays)
    return kept


@kernels.one_thread
def _traverse(
    seeds: Sequence[tuple[Place, Any]],
    *,
    retain_graph: bool,
    view: Callable[[Node], dict[str, Any]] | None = None,
    inputs: Collection[int] = (),
    along: Collection[int] | None = None,
) -> dict[int, tuple[Place, Any]]:
    """Send gradients down the graph, and give what arrives at its ends, the leaves and `inputs`, by their ids.

    `view` gives what a node's rules are called with; by default, the arrays it kept. `along` are the ids of
    the places to visit; by default, all.
    """
    ends: dict[int, tuple[Place, Any]] = {}
    pending: dict[Node, Any] = {}
    queue: list[tuple[int, Node]] = []
    modes = current()
    # Observers see a rule as a whole; and its arrays, kept by ops or made by rules, need no settling.
    token = switch(unobserved(modes.recording, modes.replaying, modes.transforming, settled=True))
    try:
        sent = seeds
        while True:
            for place, grad in sent:
                if not isinstance(place, Node) or id(place) in inputs:
                    end = ends.get(id(place))
                    ends[id(place)] = (place, grad if end is None else _sum(end[1], grad))
                elif place in pending:
                    pending[place] = _sum(pending[place], grad)
                else:
                    pending[place] = grad
                    heapq.heappush(queue, (-place.order, place))
            if not queue:
                break
            _, node = heapq.heappop(queue)
            grad = pending.pop(node)
            if type(grad) is Scattered:
                grad = grad.dense()
            if node.kept is None:
                raise RuntimeError(
                    f"backward() has already been through this graph and freed what {node.op!r} kept for it; "
                    "call the first backward() with retain_graph=True, or run the forward again"
                )
            if history.latest >= node.order or history.lent or node.reads_again:
                node.check_unchanged()
            kept = node.kept if view is None else view(node)
            if not retain_graph:
                node.kept = None
            if node.dtype is _HALF:  # computed in float32, and so is its gradient
                grad = grad.astype(np.float32)
            sent = node.pull(grad, kept, along, modes.observers)
    finally:
        switch_back(token)
    for key, (place, grad) in ends.items():
        if type(grad) is Scattered:
            ends[key] = (place, grad.dense())
    return ends


def _sum(x: Any, y: Any) -> Any:
    """Add two gradients in a new array, as either may be shared; NumPy makes a scalar of two 0-d arrays."""
    if type(x) is Scattered and type(y) is Scattered:
        x.parts += y.parts
        return x
    if type(x) is Scattered or type(y) is Scattered:
        x, y = dense(x), dense(y)
    total = x + y
    return total if isinstance(total, Variable) else np.asarray(total)


def _accumulate(ends: Collection[tuple[Any, Array]]) -> None:
    """Add to the gradients of leaves, of all or of none."""
    leaves = [leaf for leaf, _ in ends]
    shared = [count > _ALONE for count in _references(ends)]
    with _accumulating:  # of what two threads add to one leaf at once, one would be lost
        totals = [_total(leaf, grad, held) for (leaf, grad), held in zip(ends, shared, strict=True)]
        any(map(setattr, leaves, _GRAD, totals))  # one call in C, within which nothing interrupts


def _references(ends: Collection[tuple[Any, Array]]) -> list[int]:
    return [sys.getrefcount(grad) for _, grad in ends]


_ALONE = _references([(None, np.empty(1))])[0]  # what an array counts that nobody else holds


def _total(leaf: Variable, grad: Array, shared: bool) -> Array:
    """Return a leaf's gradient with another added to it: an array of its own, with the leaf's memory order.

    `shared` tells whether somebody else holds `grad`, which is then not handed on: others may be given it, too.
    """
    so_far = leaf.grad
    total = None if leaf._data.flags.c_contiguous else np.empty_like(leaf._data, subok=False)
    if so_far is None:
        if total is None:
            # What a rule has just made is no one's: to copy LeNet-5's 62,000 numbers takes 6 µs at least.
            return grad if not shared and grad.base is None and grad.flags.carray else grad.copy()
        np.copyto(total, grad)
        return total
    if not isinstance(so_far, np.ndarray) or so_far.shape != leaf._data.shape or so_far.dtype != leaf._data.dtype:
        given = f"an array {so_far.shape} {so_far.dtype}" if isinstance(so_far, np.ndarray) else f"a {type(so_far)}"
        raise TypeError(
            f"backward() adds to .grad, which is None or an array of the tensor's shape and dtype; that of a tensor "
            f"{leaf.shape} {leaf.dtype} was set to {given}: set it to None, or to such an array"
        )
    return np.asarray(np.add(so_far, grad, out=total, order="C"))


_accumulating = threading.RLock()  # as a signal's handler may come in here, and call backward() itself
_GRAD = itertools.repeat("grad")


def _after_fork() -> None:
    """Make a lock of a child's own: a thread of its parent may have held the other, and is not there to let it go."""
    global _accumulating
    _accumulating = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
