"""Backward rules: how one is called, and what becomes of the gradient that it returns.

A rule may return a gradient before broadcasting is undone, in another float dtype, or as parts of a sum. Here it gets
the shape and the dtype of the input, in one place for all ops.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from autograd_cnn import kernels
from autograd_cnn.recording.call_site import machinery
from autograd_cnn.recording.observers import Backward, Observer
from autograd_cnn.variable import Variable

machinery(__name__)


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
        """Add another gradient; the sum of those that are arrays or variables comes first, at all indices."""
        first, index = self.parts[0]
        if isinstance(grad, Scattered):
            self.parts += grad.parts
        elif index is ...:  # summed at once, so that no more than one is kept
            self.parts[0] = (first + grad, ...)
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


def unbroadcast(grad: Any, shape: tuple[int, ...]) -> Any:
    """Sum `grad` down to `shape`: the adjoint of broadcasting an array of `shape` up to `grad`'s shape."""
    extra = grad.ndim - len(shape)
    stretched = tuple(extra + i for i, n in enumerate(shape) if n == 1 and grad.shape[extra + i] != 1)
    axes = (*range(extra), *stretched)
    total = kernels.sum(grad, axes) if isinstance(grad, np.ndarray) else grad.sum(axis=axes)
    return total.reshape(shape)


def _fitted(grad: Any, shape: tuple[int, ...], edge: Edge, node: Any) -> Any:
    if not _fits(grad.shape, shape):
        raise ValueError(
            f"the backward of {node.op!r} for input {edge.name!r} gave a gradient of shape {grad.shape}, but the input "
            f"has shape {shape}; return a gradient of that shape (or of a shape it broadcasts to)"
        )
    return unbroadcast(grad, shape)


def _fits(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Whether `target` broadcasts to the gradient's `shape`."""
    if len(shape) < len(target):
        return False
    return all(n in (1, m) for m, n in zip(shape[len(shape) - len(target) :], target, strict=True))


def gradient_of(edge: Edge, source: Any, node: Any, grad: Any, kept: dict[str, Any], together: dict[Rule, Any]) -> Any:
    """Call the rule of one edge, and bring the result to the input's shape and dtype.

    A rule returns an array for an array; for a variable, with variables in `kept`, it returns a variable.
    `together` caches what rules for several inputs have returned for this node.
    """
    name, place, rule = edge
    like = source._data if isinstance(source, Variable) else source
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
            result = _fitted(result, shape, edge, node)
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


def observed_gradient(
    observers: Sequence[Observer],
    edge: Edge,
    source: Any,
    node: Any,
    grad: Any,
    kept: dict[str, Any],
    together: dict[Rule, Any],
) -> Any:
    """Do the same as `gradient_of`, and show it to the observers."""
    begin = perf_counter()
    result = dense(gradient_of(edge, source, node, grad, kept, together))
    end = perf_counter()
    for observer in observers:
        observer.backward(Backward(node, edge, grad, result, begin, end))
    return result
