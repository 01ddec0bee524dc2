"""A recorded call of a function, and products with its Jacobian.

Each argument to differentiate with respect to enters the function as a new variable, so that transforms nest without
confusing their variables: the graph leads back to the new variable and, if the caller's argument requires a gradient,
through it to where that argument came from.

The terms are those of the literature: a pullback maps a cotangent of the output to one of each input, by multiplying it
with the transposed Jacobian; a tangent goes the other way.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd_cnn.backpropagation import differentiate, survey
from autograd_cnn.calls.operands import is_plain, short
from autograd_cnn.graph import Node, alias, place_of
from autograd_cnn.modes import is_grad_enabled, switched
from autograd_cnn.recording import history
from autograd_cnn.recording.ownership import unshared
from autograd_cnn.tensor import Tensor
from autograd_cnn.transforms import trees
from autograd_cnn.variable import Array

Argnums = int | tuple[int, ...]


class Linearization(NamedTuple):
    """A call of a function, recorded."""

    transform: str
    """The name of the transform; errors begin with it."""
    arguments: tuple[Any, ...]
    """The arguments to differentiate with respect to, as the caller gave them."""
    inputs: list[Tensor]
    """The variables that stand for their leaves."""
    output: Any
    """What the function returned, with a Tensor for each leaf."""
    outputs: list[Tensor]
    """Its leaves."""
    connected: bool
    """Whether something outside the function could differentiate the results; if not, the pullback is not recorded."""
    since: int
    """The moment of the call."""
    nodes: list[Node]
    """The nodes between the inputs and the outputs, the oldest first."""
    given: list[Any]
    """The leaves of the arguments."""

    @property
    def of_tensors(self) -> bool:
        """Whether an argument is a Tensor, so that results are Tensors too."""
        return any(isinstance(x, Tensor) for x in self.given)


def linearize(
    transform: str,
    f: Callable[..., Any],
    args: tuple[Any, ...],
    places: Sequence[int],
    kwargs: dict[str, Any] | None = None,
) -> Linearization:
    """Call `f` and record it, with new variables for the arguments in `places`."""
    since = history.now()
    chosen = tuple(args[i] for i in places)
    given = trees.leaves(chosen)
    inputs = _enter(transform, given, places, chosen)
    linked = is_grad_enabled() and any(isinstance(x, Tensor) and x.requires_grad for x in given)
    # f gets variables of its own, which it may change in place.
    entered = trees.rebuild(chosen, [Tensor.wrap(x._data, x.node) for x in inputs])
    replaced = dict(zip(places, entered, strict=True))
    with switched(recording=True, transforming=True):
        output = f(*[replaced.get(i, x) for i, x in enumerate(args)], **(kwargs or {}))
    returned = _leave(transform, output)
    # What the caller gets may be changed in place, too.
    outputs: list[Any] = [out if out.node is None else Tensor.wrap(out._data, out.node) for out in returned]
    ends = {place_of(x) for x in inputs}
    nodes, outside = survey([place_of(out) for out in outputs if out.requires_grad], ends, since)
    connected = is_grad_enabled() and (linked or bool(outside))
    output = trees.rebuild(output, returned)
    return Linearization(transform, chosen, inputs, output, outputs, connected, since, nodes, given)


def _enter(transform: str, given: Sequence[Any], places: Sequence[int], chosen: tuple[Any, ...]) -> list[Tensor]:
    """Return the leaves of arguments as new variables."""

    def refusal(index: int, what: str) -> TypeError:
        arguments = zip(places, chosen, strict=True)
        paths = [f"argument {i}{path}" for i, x in arguments for path, _ in trees.leaves_with_paths(x)]
        return TypeError(f"{transform}: {paths[index]} {what}")

    entered = []
    for i, value in enumerate(given):
        try:
            x = value if isinstance(value, Tensor) else Tensor(value)
        except (TypeError, ValueError) as error:
            raise refusal(
                i,
                f"is {short(value)}; expected a Tensor, an array, or a dict, list or tuple of them ({error})",
            ) from None
        if x.dtype.kind != "f":
            raise refusal(
                i,
                f"has dtype {x.dtype}, which has no derivative; convert it to a floating point type, or leave it out "
                "of the differentiated arguments",
            )
        array = history.kept(x._data)
        if x.requires_grad and is_grad_enabled():
            entered.append(alias(array, place_of(x), Tensor))
        else:
            entered.append(Tensor.wrap(array, Node("argument", [], [], {}, array)))
    return entered  # type: ignore[return-value]


def _leave(transform: str, output: Any) -> list[Tensor]:
    """Return the leaves of a function's output, as Tensors."""
    outputs = []
    for i, out in enumerate(trees.leaves(output)):
        if isinstance(out, Tensor):
            outputs.append(out)
        elif isinstance(out, (np.ndarray, np.generic, int, float, list)):
            outputs.append(Tensor(out))  # it does not depend on the inputs
        else:
            path = [path for path, _ in trees.leaves_with_paths(output)][i]
            raise TypeError(f"{transform}: f should give a Tensor; it gave {out!r}{f' at {path}' if path else ''}")
    return outputs


def cotangent_of_number(call: Linearization) -> list[Tensor]:
    """Return the cotangent 1 of an output that is a single number."""
    if len(call.outputs) != 1 or call.outputs[0].size != 1:
        shapes = ", ".join(str(out.shape) for out in call.outputs) or "nothing"
        raise ValueError(
            f"{call.transform}: f should give one number to differentiate; it gave {shapes}; reduce it, as with "
            ".mean(), or take the jacobian"
        )
    return [Tensor.wrap(np.ones_like(call.outputs[0]._data))]  # type: ignore[list-item]


def pull_back(
    call: Linearization, cotangents: Sequence[Tensor], *, create_graph: bool, again: bool = False
) -> list[Any]:
    """Return the product of cotangents with the Jacobian for each input; `again` allows for another call."""
    if not call.outputs:
        return [None] * len(call.inputs)
    return differentiate(
        call.outputs,
        cotangents if create_graph else [v._data for v in cotangents],
        call.inputs,
        create_graph=create_graph,
        retain_graph=again or create_graph,
        nodes=call.nodes,
    )


def differentiate_pullback(
    call: Linearization, products: Sequence[Any], vectors: Sequence[Tensor], by: Sequence[Tensor]
) -> list[Any]:
    """Return the product of `vectors` with the Jacobian of what `pull_back` returned, with respect to each of `by`."""
    pairs = [(p, v) for p, v in zip(products, vectors, strict=True) if isinstance(p, Tensor) and p.requires_grad]
    if not pairs:
        return [None] * len(by)
    connected = call.connected or (is_grad_enabled() and any(v.requires_grad for v in vectors))
    return differentiate(
        [p for p, _ in pairs],
        [v if connected else v._data for _, v in pairs],
        by,
        create_graph=connected,
        retain_graph=connected,
        since=call.since,
    )


def pullback(call: Linearization, cotangents: Sequence[Tensor], *, again: bool = False) -> list[Any]:
    """Return the product of cotangents with the Jacobian for each argument, structured like the argument."""
    connected = is_grad_enabled() and (call.connected or any(v.requires_grad for v in cotangents))
    return like_arguments(call, filled(call, pull_back(call, cotangents, create_graph=connected, again=again)))


def filled(call: Linearization, results: Sequence[Any]) -> list[Any]:
    """Return one result for each input, with zeros for an input that does not affect the outputs."""
    return own(results, call.inputs)


def like_arguments(call: Linearization, results: Sequence[Any]) -> list[Any]:
    """Nest one result for each input as the arguments are: a Tensor for a Tensor, an array for an array."""
    kinds = [in_kind(r, isinstance(x, Tensor)) for r, x in zip(results, call.given, strict=True)]
    return list(trees.rebuild(call.arguments, kinds))


def value_of(call: Linearization) -> Any:
    """Return what `f` returned, as Tensors or arrays like the arguments."""
    if call.connected:
        return call.output
    return detached(call, call.output)


def detached(call: Linearization, tree: Any) -> Any:
    """Cut the Tensors in dicts, lists and tuples off from the graph; return Tensors or arrays like the arguments."""
    if call.connected:
        return tree
    tensors = call.of_tensors

    def plain(x: Any) -> Any:
        if not isinstance(x, Tensor):
            return x
        # A copy, as the graph may keep the array: lent memory would be checked again before every pullback.
        return x.detach() if tensors else x._data.copy(order="K")

    return trees.rebuild(tree, [plain(x) for x in trees.leaves(tree)])


def own(results: Sequence[Any], inputs: Sequence[Tensor]) -> list[Any]:
    """Return differentiable results as they are, and others (None is zeros) in arrays of their own.

    An array has the memory order of its input.
    """
    return [_own(*each) for each in zip(results, (x._data for x in inputs), unshared(results), strict=True)]


def _own(result: Any, like: Array, alone: bool) -> Any:
    """Return one result; `alone` says that nobody else holds it."""
    if isinstance(result, Tensor):
        if result.requires_grad:
            return result
        result = result._data
    elif alone and (result.shape, result.strides, result.dtype) == (like.shape, like.strides, like.dtype):
        return result  # nobody else holds it
    array = np.empty_like(like, subok=False)
    np.copyto(array, False if result is None else result)  # False fits every dtype
    return array


def in_kind(result: Any, tensor: bool) -> Any:
    """Return a result as a Tensor if `tensor`, or if it can be differentiated; else as an array."""
    if isinstance(result, Tensor):
        return result if tensor or result.requires_grad else result.data
    return Tensor(result) if tensor else result


def argument_numbers(transform: str, argnums: Argnums) -> tuple[int, ...]:
    """Check argument numbers, and return them as a tuple."""
    try:
        return tuple(map(operator.index, argnums)) if isinstance(argnums, tuple) else (operator.index(argnums),)
    except TypeError:
        raise TypeError(f"{transform}: argnums is an int or a tuple of ints; got {argnums!r}") from None


def argument_places(transform: str, wanted: tuple[int, ...], args: tuple[Any, ...]) -> list[int]:
    """Return the positions of the arguments with the `wanted` numbers, which may be negative."""
    for i in wanted:
        if not -len(args) <= i < len(args):
            raise ValueError(
                f"{transform}: there is no argument {i}; f was called with {len(args)} positional "
                "argument(s), numbered from 0"
            )
    places = [i % len(args) for i in wanted]
    if len(set(places)) < len(places):
        raise ValueError(f"{transform}: argnums {wanted} names an argument twice")
    return places


def vectors_like(what: str, like: Any, given: Any, *, read_once: bool = False) -> list[Tensor]:
    """Check that vectors match `like` in structure and shape, and return them as Tensors of its dtypes.

    With `read_once`, arrays are not copied, since they are only read before anybody can write to them.
    """
    vectors: list[Any] = []
    for path, x, v in trees.matching(like, given, what):
        if read_once and is_plain(v):
            vector: Any = Tensor.wrap(v)
        else:
            vector = v if isinstance(v, Tensor) else Tensor(v)
        expected = x if isinstance(x, Tensor) else Tensor(x)
        if vector.shape != expected.shape:
            raise ValueError(f"{path} has shape {vector.shape}; expected {expected.shape}")
        vectors.append(vector if vector.dtype == expected.dtype else vector.astype(expected.dtype))
    return vectors
