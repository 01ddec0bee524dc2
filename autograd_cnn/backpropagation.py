"""Backpropagation: one reverse traversal of the graph, and the two functions that use it.

`_traverse` is the algorithm. `backpropagate` adds the gradients to the `.grad` of leaves; `differentiate` returns the
gradients with respect to given inputs, and every transform uses it.
"""

from __future__ import annotations

import heapq
import itertools
import os
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from autograd_cnn import kernels
from autograd_cnn.graph import Node, Place, in_graph, place_of
from autograd_cnn.modes import current, switch, switch_back, unobserved
from autograd_cnn.recording import history
from autograd_cnn.recording.call_site import machinery
from autograd_cnn.recording.ownership import unshared
from autograd_cnn.rules import Scattered, dense
from autograd_cnn.variable import Variable

machinery(__name__)

_HALF = np.dtype(np.float16)


def backpropagate(output: Variable, gradient: Any, *, retain_graph: bool = False, create_graph: bool = False) -> None:
    """Add to every leaf's `.grad` the product of `gradient` and the Jacobian of `output` with respect to that leaf.

    Each gradient is freed once it has been used, and so is what a node kept, unless `retain_graph`. Leaves receive
    their gradients at the end, all at once and in arrays of their own: a rule that raises, or an interrupt at any time,
    leaves every `.grad` as it was.

    Parameters
    ----------
    output : Variable
        Where to start; it must require a gradient.
    gradient : ndarray, or Variable for `create_graph`
        Of the output's shape and dtype. It is read, never written or kept.
    retain_graph : bool
        Keep what the rules need, for another pass over the same graph.
    create_graph : bool
        Record the rules as they run: every `.grad` is then a Variable of the graph, which can be differentiated itself.
    """
    view = partial(_as_variables, kind=type(output)) if create_graph else None
    recording = create_graph or current().recording
    _accumulate(_traverse([(place_of(output), gradient)], recording=recording, retain_graph=retain_graph, view=view))


def differentiate(
    outputs: Sequence[Variable],
    gradients: Sequence[Any],
    inputs: Sequence[Place],
    *,
    create_graph: bool,
    retain_graph: bool,
    since: int = -1,
    nodes: Sequence[Node] | None = None,
    arrived: Callable[[Place, Any], None] | None = None,
) -> list[Any]:
    """Return, for each input, the vector-Jacobian product of the outputs' gradients, summed over the outputs.

    Inputs count as independent of one another: the traversal stops at an input. Only nodes that lead to an input are
    visited. No `.grad` changes.

    Parameters
    ----------
    outputs : sequence of Variables
    gradients : sequence of arrays, or of Variables for `create_graph`
        Of the outputs' shapes and dtypes.
    inputs : sequence of Variables or Nodes
    create_graph : bool
        Record the rules as they run, so that the results can be differentiated again, with respect to whatever the
        outputs were computed from and to `gradients`.
    retain_graph : bool
        Keep what the rules need, for another pass over the same graph.
    since : int
        A moment, as `history.now` returns it; every node that leads to an input was made after it.
    nodes : list of Nodes, optional
        The nodes between the outputs and the inputs, the oldest first, as `survey` returns them, if already known.
    arrived : callable, optional
        Called during the traversal, whenever an input receives a gradient, with the input and the sum so far.

    Returns
    -------
    list of arrays, or Variables for `create_graph`, with None for an input that no output depends on
    """
    seeds = [(place_of(out), grad) for out, grad in zip(outputs, gradients, strict=True) if out.requires_grad]
    ends = {place_of(x) for x in inputs}
    along = set(ends)
    for node in survey([place for place, _ in seeds], ends, since)[0] if nodes is None else nodes:
        if not along.isdisjoint(node.sources):
            along.add(node)
    seeds = [(place, grad) for place, grad in seeds if place in along]
    view = partial(_as_variables, kind=type(outputs[0])) if create_graph else None
    found = _traverse(
        seeds, recording=create_graph, retain_graph=retain_graph, view=view, ends=ends, along=along, arrived=arrived
    )
    return [found.get(place_of(x)) for x in inputs]


def survey(outputs: Iterable[Place], ends: Collection[Place] = (), since: int = -1) -> tuple[list[Node], list[Place]]:
    """Collect the part of the graph that `outputs` were computed from, back to a moment and to given places.

    Parameters
    ----------
    outputs : places
    ends : collection of places
        Places to stop at.
    since : int
        A moment, as `history.now` returns it; what is older counts as outside.

    Returns
    -------
    nodes : list of Nodes
        The nodes made since, the oldest first.
    outside : list of places
        Leaves and older nodes that they were computed from.
    """
    nodes: list[Node] = []
    outside: list[Place] = []
    seen = set(ends)
    waiting = list(outputs)
    while waiting:
        place = waiting.pop()
        if place in seen:
            continue
        seen.add(place)
        if isinstance(place, Node) and place.order > since:
            nodes.append(place)
            waiting += place.sources
        else:
            outside.append(place)
    nodes.sort(key=lambda node: node.order)
    return nodes, outside


@kernels.one_thread
def _traverse(
    sent: Iterable[tuple[Place, Any]],
    *,
    recording: bool,
    retain_graph: bool,
    view: Callable[[Node], dict[str, Any]] | None = None,
    ends: Collection[Place] = (),
    along: Collection[Place] | None = None,
    arrived: Callable[[Place, Any], None] | None = None,
) -> dict[Place, Any]:
    """Send gradients down the graph, and return what arrives at its ends: at leaves, and at `ends`.

    Nodes are visited from the newest to the oldest, which is a reverse topological order: when a node's turn comes,
    all nodes that used its output have sent their gradients. There is no recursion, so a graph may be of any depth.

    Rules are recorded if `recording`. `view` returns what a node's rules are called with; by default, the arrays that
    it kept. `along` are the places to send gradients to; by default, all. `arrived` is called for gradients that reach
    `ends`.
    """
    gradients: dict[Place, Any] = {}
    queue: list[tuple[int, Node]] = []
    modes = current()
    # Observers see a rule as a whole, not the ops in it. Its arrays come from ops or rules, so they need no conversion.
    token = switch(unobserved(recording, modes.updating, modes.transforming, settled=True))
    try:
        while True:
            for place, grad in sent:
                if place in gradients:
                    gradients[place] = _sum(gradients[place], grad)
                else:
                    gradients[place] = grad
                    if isinstance(place, Node) and place not in ends:
                        heapq.heappush(queue, (-place.order, place))
                if arrived is not None and place in ends:
                    arrived(place, gradients[place])
            if not queue:
                return {place: dense(grad) for place, grad in gradients.items()}
            _, node = heapq.heappop(queue)
            grad = dense(gradients.pop(node))
            if node.watched_by:
                gradients |= dict.fromkeys(node.watchers(), grad)
            if node.kept is None or history.latest >= node.order or history.lent:
                node.check_unchanged()
            kept: dict[str, Any] = node.kept if view is None else view(node)  # type: ignore[assignment]
            if not retain_graph:
                node.kept = None
            # A result in float16 was computed in float32, and so is its gradient.
            wide = grad.astype(np.float32) if node.dtype is _HALF else grad
            sent = node.pull(wide, kept, along, modes.observers)
    finally:
        switch_back(token)


def _as_variables(node: Node, kind: type[Variable]) -> dict[str, Any]:
    """Return what a node kept, with every wanted input and the output as variables at their places in the graph."""
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


def _sum(x: Any, y: Any) -> Any:
    """Add two gradients into a new array, as either may be shared; NumPy's sum of two 0-d arrays is a scalar."""
    if type(x) is Scattered:
        return x.plus(y)
    if type(y) is Scattered:
        return y.plus(x)
    total = y + x if isinstance(y, Variable) else x + y
    return total if isinstance(total, Variable) else np.asarray(total)


def _accumulate(gradients: dict[Any, Any]) -> None:
    """Add to the gradients of leaves: to all of them or, if something fails, to none."""
    leaves = [*gradients]
    alone = unshared(gradients.values())
    with _accumulating:  # if two threads added to one leaf at once, one of the gradients would be lost
        totals = [_total(leaf, grad, own) for (leaf, grad), own in zip(gradients.items(), alone, strict=True)]
        any(map(setattr, leaves, _GRAD, totals))  # one call in C, which no interrupt can split


def _total(leaf: Variable, grad: Any, alone: bool) -> Any:
    """Return a leaf's gradient with another added to it: an array of its own, with the leaf's memory order.

    `alone` says that nobody else holds `grad`, so that it may become the leaf's own array.
    A Variable, as `create_graph` makes it, stays one.
    """
    so_far: Any = leaf.grad
    if so_far is not None and (
        not isinstance(so_far, (np.ndarray, Variable)) or so_far.shape != leaf.shape or so_far.dtype != leaf.dtype
    ):
        given = "an array" if isinstance(so_far, np.ndarray) else f"a {type(so_far).__name__}"
        if isinstance(so_far, (np.ndarray, Variable)):
            given = f"{given} {so_far.shape} {so_far.dtype}"
        raise TypeError(
            f"backward() adds to .grad, which must be None or an array of the tensor's shape and dtype; the .grad of "
            f"a tensor {leaf.shape} {leaf.dtype} was set to {given}: set it to None, or to such an array"
        )
    if isinstance(grad, Variable) or isinstance(so_far, Variable):
        return grad if so_far is None else _sum(grad, so_far)
    if so_far is None and alone and grad.strides == leaf._data.strides:
        return grad  # nobody else holds it; copying would cost a pass over all parameters
    total = np.empty_like(leaf._data, subok=False)
    if so_far is None:
        np.copyto(total, grad)
        return total
    return np.add(so_far, grad, out=total)


_accumulating = threading.RLock()  # reentrant, as a signal handler may interrupt here and call backward() itself
_GRAD = itertools.repeat("grad")


def _after_fork() -> None:
    """Make a new lock in a forked child: the parent's thread that may have held the old one does not exist there."""
    global _accumulating
    _accumulating = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
