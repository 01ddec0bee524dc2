"""Gradient checkpointing: values are recomputed instead of kept, which trades time for memory.

Chen, Xu, Zhang and Guestrin, "Training deep nets with sublinear memory cost", 2016.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from autograd_cnn.backpropagation import differentiate, survey
from autograd_cnn.graph import Node, Place, in_graph, place_of
from autograd_cnn.modes import is_grad_enabled, switched
from autograd_cnn.recording import history
from autograd_cnn.recording.history import now
from autograd_cnn.recording.observers import Observer, ObserverError
from autograd_cnn.rules import Edge, Rule
from autograd_cnn.tensor import Tensor
from autograd_cnn.transforms import trees
from autograd_cnn.variable import Array, Variable


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that computes what `f` does, but keeps only its input and output for the backward pass.

    The backward pass runs `f` again, with recording, when it gets there. A deep model that is cut into parts, each
    under `checkpoint`, needs memory for its longest part and the values between parts, for one more forward pass.

    Parameters
    ----------
    f : callable
        Returns one Tensor. Its Tensors may be arguments, (nested) dicts and tuples of them, or come from outside. It
        must return the same value when it is called again: random generators among the arguments are reset to their
        earlier state, and batch_norm updates its running statistics only the first time.

    Returns
    -------
    callable
        Takes what `f` takes.

    Raises
    ------
    TypeError
        When called: if `f` returns something other than one Tensor.
    RuntimeError
        In the backward pass: if `f` then raises an error, reads other values than before, or returns another value, for
        instance because it draws from a generator that is not among its arguments.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> x = ac.Tensor(np.array([1.0, 2.0]), requires_grad=True)
    >>> ac.checkpoint(lambda x: ac.exp(ac.tanh(x)) * x)(x).sum().backward()
    >>> x.grad.round(4)
    array([3.0411, 2.9928])
    """

    @functools.wraps(f)
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        if not is_grad_enabled():
            return f(*args, **kwargs)
        arguments = args, tuple(kwargs.values())
        frozen = [_frozen(x) for x in trees.leaves(arguments)]
        begin = now()
        out = f(*args, **kwargs)
        if not isinstance(out, Tensor):
            raise TypeError(f"checkpoint: f should give one Tensor; it gave {out!r}")
        if out.node is None or out.node.order < begin:
            return out  # nothing was recorded

        def replay() -> Any:
            again, named = trees.rebuild(arguments, [thaw() for _, thaw in frozen])
            return f(*again, **dict(zip(kwargs, named, strict=True)))

        nodes, sources = survey([out.node], since=begin)
        arguments_kept = [array for array, _ in frozen]
        read = _read(nodes, arguments_kept)
        return Tensor.wrap(out._data, _Segment(replay, sources, out._data, arguments_kept, read))

    return checkpointed


def _frozen(x: Any) -> tuple[Array | None, Callable[[], Any]]:
    """Return the array of an argument, and a function that returns the argument as it is now."""
    if isinstance(x, Tensor):
        array = history.kept(x._data)
        if x.requires_grad:
            source = place_of(x)
            return array, lambda: in_graph(array, source, Tensor)
        return array, lambda: Tensor.wrap(array)
    if isinstance(x, np.random.Generator):
        x = copy.deepcopy(x)
        return None, lambda: copy.deepcopy(x)
    x = history.own(x)
    return None, lambda: x


class _Segment(Node):
    """A part of the graph that is built when its gradients are needed."""

    __slots__ = ("read",)

    def __init__(
        self,
        replay: Callable[[], Tensor],
        sources: list[Place],
        out: Array,
        arguments: list[Array | None],
        read: list[tuple[str, str, Any]],
    ) -> None:
        edges = [Edge(f"source {i}", None, _NO_RULE) for i in range(len(sources))]
        # The replay reads leaves from outside again, and no copies of them, so they are watched for changes.
        leaves = {f"source {i}": x._data for i, x in enumerate(sources) if isinstance(x, Variable)}
        for array in leaves.values():
            history.changed(array, -1)  # what was overwritten until now is noted before this node is made
        super().__init__(
            "checkpoint", edges, sources, {"replay": replay, "out": out, "arguments": tuple(arguments), **leaves}, out
        )
        for array in leaves.values():
            history.remember(array)
        self.read = read

    def pull(
        self, grad: Any, kept: dict[str, Any], along: Collection[Place] | None, observers: Sequence[Observer]
    ) -> list[tuple[Place, Any]]:
        """Run the part again, and differentiate it with respect to the places it starts from."""
        for edge, source in zip(self.edges, self.sources, strict=True):
            array = kept.get(edge.name)
            if isinstance(source, Variable) and source._data is not (
                array._data if isinstance(array, Variable) else array
            ):
                raise self.refusal(f"its input {edge.name!r}")  # it holds another array by now
        sources = [source for source in self.sources if along is None or source in along]
        create_graph = isinstance(grad, Variable)
        begin = now()
        with switched(recording=True, updating=False, observers=tuple(observers)):
            try:
                out = kept["replay"]()
            except ObserverError:
                raise
            except Exception as error:
                raise RuntimeError(
                    f"checkpoint: run again, the function called at {self.site} raises {type(error).__name__}, "
                    f"{str(error)!r}; leave what it reads as it is until backward()"
                ) from error
            if not _same(out._data, kept["out"]._data if create_graph else kept["out"]):
                raise RuntimeError(
                    f"checkpoint: run again, the function called at {self.site} gives another value; if it draws "
                    "random numbers, pass it the generator as an argument, and leave what it reads as it is until "
                    "backward()"
                )
            nodes, _ = survey([out.node] if out.node else [], since=begin)
            read = _read(nodes, kept["arguments"])
            if changed := _changed(self.read, read):
                raise RuntimeError(
                    f"checkpoint: run again, the function called at {self.site} reads other values than before, "
                    f"{changed}; leave what it reads as it is until backward()"
                )
            found = differentiate(
                [out], [grad], sources, create_graph=create_graph, retain_graph=create_graph, since=begin
            )
        return [(place, g) for place, g in zip(sources, found, strict=True) if g is not None]


def _read(nodes: list[Node], arguments: Sequence[Any]) -> list[tuple[str, str, Any]]:
    """Return a digest of each outside value that the rules of nodes need; None for arguments, which are watched.

    Left out are leaves, which are watched too, and the nodes' own results, which follow from the rest.
    """
    made = set(map(id, nodes))
    given = {id(array) for array in arguments if array is not None}
    found: list[tuple[str, str, Any]] = []
    for node in nodes:
        if node.op == "identity":  # an argument may come in through one, instead of a leaf
            continue
        inside = {
            (edge.name, edge.place)
            for edge, source in zip(node.edges, node.sources, strict=True)
            if id(source) in made or isinstance(source, Variable)
        }
        variadic = {e.name for e in node.edges if e.place is not None}
        found.append((node.op, "op", node.shape))
        for name, value in (node.kept or {}).items():
            parts = enumerate(value) if name in variadic else [(None, value)]
            for place, part in parts:
                if name != "out" and (name, place) not in inside:
                    found.append((node.op, name, None if id(part) in given else _digest(part)))
    return found


def _changed(before: list[tuple[str, str, Any]], again: list[tuple[str, str, Any]]) -> str | None:
    """Return where what was read differs from what is read now."""
    for (op, name, old), (*place, new) in zip(before, again, strict=False):
        if (op, name) != tuple(place) or (old != new and old is not None and new is not None):
            return f"the {name!r} of {op!r}"
    return None if len(before) == len(again) else "other ops"


def _digest(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype.str, hash(value.tobytes())
    if isinstance(value, (tuple, list)):
        return tuple(map(_digest, value))
    # The repr of numbers and slices tells their value; that of other objects may hold their address in memory.
    return repr(value) if isinstance(value, (int, float, str, slice, type(None))) else type(value)


def _same(x: Array, y: Array) -> bool:
    """Whether two values are equal except for rounding, though a replay should not differ even by that."""
    if x.shape != y.shape:
        return False
    slack = 100 * np.finfo(x.dtype).eps
    return np.allclose(x, y, rtol=slack, atol=0, equal_nan=True)


_NO_RULE = Rule(NotImplemented)  # a segment differentiates as a whole
