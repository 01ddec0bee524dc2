"""Functions of functions: gradients, products with Jacobians and Hessians, and those matrices themselves.

All rest on one seam, `graph.differentiate`. An argument to differentiate by enters `f` as a variable of its
own, so that transforms nest without confusing their variables: what is computed from it leads back to it,
and through it, if the caller's own argument wants a gradient, to what that came from. Results can be
differentiated again where something outside `f` could ask for it; elsewhere nothing is recorded twice.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_cnn import ops
from autograd_cnn.backpropagation import differentiate, survey
from autograd_cnn.calls.operands import short
from autograd_cnn.graph import Array, Node, alias, place_of
from autograd_cnn.modes import is_grad_enabled, switched
from autograd_cnn.recording import history
from autograd_cnn.recording.history import now
from autograd_cnn.tensor import Tensor
from autograd_cnn.transforms import trees

Function = Callable[..., Any]
Argnums = int | tuple[int, ...]


def grad(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """Make the function that gives the gradient of `f`.

    Parameters
    ----------
    f : callable
        Gives one number: a Tensor (or an array) of one element. It is called with Tensors in the places
        `argnums`; other arguments, and named ones, are passed as they are.
    has_aux : bool
        Whether `f` gives a pair ``(value, aux)``, of which the first is differentiated; the result is then a pair
        ``(gradient, aux)``, with the Tensors in `aux` detached.
    argnums : int or tuple of int
        Which arguments to differentiate by. Each is a Tensor, an array, or a (nested) dict, list or
        tuple of them; a list of numbers is an array.

    Returns
    -------
    callable
        Takes what `f` takes, and gives what looks like the argument, or a tuple of such: a Tensor for a
        Tensor, an array for an array, a dict for a dict. An argument that does not matter gives zeros. A
        result that can be differentiated further, as inside another transform, is always a Tensor.

    Raises
    ------
    ValueError
        When called: if `f` gives more than one number, or has no argument of that number.
    TypeError
        When called: if an argument is not floating point.

    Notes
    -----
    Where an argument is a Tensor that requires a gradient, the gradient is recorded as it is made, so that it
    can itself be differentiated. Under `no_grad`, or with arrays, it is not, and costs what `backward` does.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.grad(lambda x: (x * x * x).sum())(np.array([1.0, 2.0]))
    array([ 3., 12.])
    >>> ac.grad(ac.grad(lambda x: x * x * x))(np.array(2.0))
    array(12.)
    >>> ac.grad(lambda p: (p["w"] * p["b"]).sum())({"w": np.array([2.0]), "b": np.array([5.0])})
    {'w': array([5.]), 'b': array([2.])}
    """
    pulled = _gradient("grad", f, argnums, has_aux)

    @functools.wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, found = pulled(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return gradient


def value_and_grad(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """Make the function that gives the value of `f` and its gradient, for the price of the gradient; see `grad`.

    With `has_aux` the value is the pair ``(value, aux)``.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> value, gradient = ac.value_and_grad(lambda x: (x * x).sum())(np.array([1.0, 2.0]))
    >>> float(value), gradient
    (5.0, array([2., 4.]))
    """
    return functools.wraps(f)(_gradient("value_and_grad", f, argnums, has_aux))


def vjp(f: Function, *args: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Give the value of `f` and its pullback, the product of a cotangent with its Jacobian.

    Parameters
    ----------
    f : callable
        Gives a Tensor of any shape, or a (nested) dict, list or tuple of them.
    *args : Tensors, arrays, or (nested) dicts, lists and tuples of them
        All are differentiated by.

    Returns
    -------
    value
        What `f` gives: Tensors, or arrays if all arguments are arrays.
    pullback : callable
        Takes a cotangent of the value's structure and shapes, and gives a tuple with the product for each
        argument. It may be called again.

    Raises
    ------
    TypeError
        If an argument is not floating point.
    ValueError
        By the pullback, for a cotangent of another structure or shape.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> value, pullback = ac.vjp(lambda x, y: x * y, np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    >>> value, pullback(np.array([1.0, 10.0]))
    (array([3., 8.]), (array([ 3., 40.]), array([ 1., 20.])))
    """
    call = _Call("vjp", f, args, range(len(args)))

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        vectors = _vectors("vjp: the cotangent", call.output, cotangent)
        return tuple(call.pull(vectors, again=True))

    return call.value, pullback


def jvp(f: Function, args: Any, tangents: Any) -> tuple[Any, Any]:
    """Give the value of `f` and its directional derivative, the product of its Jacobian with the tangents.

    It is taken by differentiating twice: the product of a cotangent with the Jacobian is linear in the
    cotangent, and its own transpose is the product wanted (Townsend, "A new trick for calculating Jacobian
    vector products", 2017).

    Parameters
    ----------
    f : callable
        Gives a Tensor of any shape, or a (nested) dict, list or tuple of them.
    args : tuple of Tensors, arrays, or (nested) dicts, lists and tuples of them
        The arguments, all of which are differentiated by; or the only argument itself.
    tangents
        As `args`, in structure and shapes.

    Returns
    -------
    value, tangent
        Of the same structure and shapes.

    Raises
    ------
    TypeError
        If an argument is not floating point.
    ValueError
        If the tangents have another structure or shape than the arguments.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.jvp(lambda x, y: x * y, (np.array(3.0), np.array(4.0)), (np.array(1.0), np.array(10.0)))
    (array(12.), array(34.))
    """
    arguments = args if isinstance(args, tuple) else (args,)
    vectors = _vectors("jvp: tangents", args, tangents)
    call = _Call("jvp", f, arguments, range(len(arguments)))
    cotangents = [Tensor(np.zeros_like(out._data), requires_grad=out.dtype.kind == "f") for out in call.outputs]
    products = call.differentiate(cotangents, create_graph=True)
    pushed = call.differentiate_again(products, vectors, cotangents)
    tensors = call.given_tensors
    return call.value, trees.rebuild(
        call.output,
        [_in_kind(_filled(p, out._data), tensors) for p, out in zip(pushed, call.outputs, strict=True)],
    )


def jacobian(f: Function, argnums: Argnums = 0) -> Function:
    """Make the function that gives the Jacobian of `f`, of the output's shape followed by the argument's.

    One pass back for each element of the output. For an output or argument that is a dict (or tuple), the
    Jacobian is a dict of the output's structure whose leaves have the argument's.

    Parameters
    ----------
    f : callable
        Gives a Tensor of any shape, or a (nested) dict, list or tuple of them.
    argnums : int or tuple of int
        Which arguments to differentiate by; see `grad`, also for what is raised.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.jacobian(lambda x: x * x)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return functools.wraps(f)(_jacobian("jacobian", f, argnums))


def hessian(f: Function, argnums: Argnums = 0) -> Function:
    """Make the function that gives the matrix of second derivatives of `f`, of the argument's shape twice.

    Parameters
    ----------
    f : callable
        Gives one number: a Tensor of one element.
    argnums : int or tuple of int
        Which arguments to differentiate by; see `grad`, also for what is raised.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.hessian(lambda x: x[0] * x[0] * x[1])(np.array([2.0, 3.0]))
    array([[6., 4.],
           [4., 0.]])
    """
    pulled = _gradient("hessian", f, argnums)
    return functools.wraps(f)(_jacobian("hessian", lambda *args, **kwargs: pulled(*args, **kwargs)[1], argnums))


def hvp(f: Function, args: Any, vectors: Any) -> Any:
    """Give the product of the Hessian of `f` with vectors, for the price of two gradients.

    The gradient is differentiated, and the Hessian is never formed (Pearlmutter, "Fast exact multiplication
    by the Hessian", 1994).

    Parameters
    ----------
    f : callable
        Gives one number: a Tensor of one element.
    args : tuple of Tensors, arrays, or (nested) dicts, lists and tuples of them
        The arguments, all of which are differentiated by; or the only argument itself.
    vectors
        As `args`, in structure and shapes.

    Returns
    -------
    The product, like the only argument; or a tuple of one for each of several arguments

    Raises
    ------
    TypeError
        If an argument is not floating point.
    ValueError
        If `f` gives more than one number, or the vectors have another structure or shape than the arguments.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> x, v = np.array([2.0, 3.0]), np.array([1.0, 10.0])
    >>> ac.hvp(lambda x: x[0] * x[0] * x[1], (x,), (v,))
    array([46.,  4.])
    """
    arguments = args if isinstance(args, tuple) else (args,)
    directions = _vectors("hvp: vectors", args, vectors)
    call = _Call("hvp", f, arguments, range(len(arguments)))
    gradients = call.differentiate(call.one(), create_graph=True)
    products = call.differentiate_again(gradients, directions, call.inputs)
    results = call.mirror(products)
    return results[0] if len(results) == 1 else tuple(results)


class _Call:
    """A call of `f`, recorded, with variables of its own in the places to differentiate by.

    Attributes
    ----------
    inputs : list of Tensors
        Those variables, one for each leaf of the chosen arguments.
    output : Tensor, or nested dicts or tuples of them
        What `f` gave.
    outputs : list of Tensors
        Its leaves.
    outer : bool
        Whether the caller records.
    connected : bool
        Whether something outside `f` could differentiate the results.
    since : int
        The moment of the call.
    """

    def __init__(
        self, name: str, f: Function, args: tuple[Any, ...], places: Sequence[int], kwargs: dict[str, Any] | None = None
    ) -> None:
        self.name = name
        self.chosen = [args[i] for i in places]
        self.outer = is_grad_enabled()
        self.since = now()
        given = [(f"argument {i}{path}", x) for i in places for path, x in trees.leaves(args[i])]
        self.given = [x for _, x in given]
        self.given_tensors = any(isinstance(x, Tensor) for x in self.given)
        self.linked = False  # whether an argument is part of a graph of the caller's
        self.inputs = [self._enter(where, x) for where, x in given]
        # f gets variables of its own, which it may change in place.
        entered = iter(trees.rebuild(tuple(self.chosen), [Tensor.wrap(x._data, x.node) for x in self.inputs]))
        replaced = dict(zip(places, entered, strict=True))
        with switched(recording=True, transforming=True):
            output = f(*[replaced.get(i, x) for i, x in enumerate(args)], **(kwargs or {}))
        self.outputs = [self._leave(path, out) for path, out in trees.leaves(output)]
        self.output = trees.rebuild(output, self.outputs)
        _, outside = survey([place_of(out) for out in self.outputs if out.requires_grad],
                            {place_of(x) for x in self.inputs}, self.since)  # fmt: skip
        self.connected = self.outer and (bool(outside) or self.linked)

    def _enter(self, where: str, value: Any) -> Tensor:
        """Give a leaf of an argument as a variable that is nobody else's."""
        try:
            x = value if isinstance(value, Tensor) else Tensor(value)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"{self.name}: {where} is {short(value)}; expected a Tensor, an array, or a dict, list or tuple of "
                f"them to differentiate by ({error})"
            ) from None
        if x.dtype.kind != "f":
            raise TypeError(
                f"{self.name}: {where} has dtype {x.dtype}, which has no derivative; convert it to a floating point "
                "type, or leave it out of those to differentiate by"
            )
        if x.requires_grad and self.outer:
            self.linked = True
            return alias(history.kept(x._data), place_of(x), Tensor)  # type: ignore[return-value]
        array = history.kept(x._data)
        return Tensor.wrap(array, Node("argument", [], [], {}, array))  # type: ignore[return-value]

    def _leave(self, path: str, out: Any) -> Tensor:
        if isinstance(out, Tensor):
            return out
        if isinstance(out, np.ndarray | np.generic | int | float | list):
            return Tensor(out)  # computed from nothing that was differentiated by
        raise TypeError(f"{self.name}: f should give a Tensor; it gave {out!r}{f' at {path}' if path else ''}")

    @property
    def value(self) -> Any:
        """What `f` gave, in the kind that the arguments have."""
        if self.connected:
            return self.output
        tensors = self.given_tensors
        return trees.rebuild(self.output, [out.detach() if tensors else out.data for out in self.outputs])

    def detached(self, aux: Any) -> Any:
        """Return what `f` gave beside its value, with its Tensors in the kind that the arguments have."""
        if self.connected:
            return aux
        parts = [x if not isinstance(x, Tensor) else x.detach() if self.given_tensors else x.data
                 for _, x in trees.leaves(aux)]  # fmt: skip
        return trees.rebuild(aux, parts)

    def one(self) -> list[Tensor]:
        """Give the gradient of a single number by itself."""
        if len(self.outputs) != 1 or self.outputs[0].size != 1:
            shapes = ", ".join(str(out.shape) for out in self.outputs) or "nothing"
            raise ValueError(
                f"{self.name}: f should give one number to differentiate; it gave {shapes}; reduce it, as with "
                ".mean(), or take the jacobian"
            )
        return [Tensor(np.ones_like(self.outputs[0]._data))]

    def differentiate(self, cotangents: Sequence[Tensor], *, create_graph: bool, again: bool = False) -> list[Any]:
        """Give the product of cotangents with the Jacobian by each input; `again`, if another will be asked for."""
        if not self.outputs:
            return [None] * len(self.inputs)
        return differentiate(
            self.outputs,
            cotangents if create_graph else [v._data for v in cotangents],
            self.inputs,
            create_graph=create_graph,
            retain_graph=again or create_graph,
            since=self.since,
        )

    def differentiate_again(
        self, products: Sequence[Any], vectors: Sequence[Tensor], inputs: Sequence[Tensor]
    ) -> list[Any]:
        """Give the product of `vectors` with the Jacobian, by each of `inputs`, of what `differentiate` gave."""
        pairs = [(p, v) for p, v in zip(products, vectors, strict=True) if isinstance(p, Tensor) and p.requires_grad]
        if not pairs:
            return [None] * len(inputs)
        connected = self.connected or (self.outer and any(v.requires_grad for v in vectors))
        return differentiate(
            [p for p, _ in pairs],
            [v if connected else v._data for _, v in pairs],
            inputs,
            create_graph=connected,
            retain_graph=connected,
            since=self.since,
        )

    def pull(self, cotangents: Sequence[Tensor], *, again: bool = False) -> list[Any]:
        """Give the same as something like each of the chosen arguments."""
        connected = is_grad_enabled() and (self.connected or any(v.requires_grad for v in cotangents))
        return self.mirror(self.differentiate(cotangents, create_graph=connected, again=again))

    def mirror(self, results: Sequence[Any]) -> list[Any]:
        """Give one result for each input as something like each of the chosen arguments."""
        filled = [_filled(result, x._data) for result, x in zip(results, self.inputs, strict=True)]
        return self.nest(filled)

    def nest(self, results: Sequence[Any]) -> list[Any]:
        """Nest one result for each input as the chosen arguments are, in the kinds of their leaves."""
        kinds = [_in_kind(r, isinstance(x, Tensor)) for r, x in zip(results, self.given, strict=True)]
        return list(trees.rebuild(tuple(self.chosen), kinds))


def _filled(result: Any, like: Array) -> Any:
    """Give a result that can be differentiated as it is, and any other (None is zeros) in an array of its own."""
    if isinstance(result, Tensor):
        if result.requires_grad:
            return result
        result = result._data
    own = np.empty_like(like, subok=False)
    np.copyto(own, False if result is None else result)  # which every dtype takes
    return own


def _in_kind(result: Any, tensor: bool) -> Any:
    """Give a result as a Tensor if `tensor`, or if it can be differentiated; else as an array."""
    if isinstance(result, Tensor):
        return result if tensor or result.requires_grad else result.data
    return Tensor(result) if tensor else result


def _gradient(name: str, f: Function, argnums: Argnums, has_aux: bool = False) -> Function:
    """Make the function that gives value and gradient."""
    wanted = _wanted(name, argnums)

    def value_and_gradient(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        aux: list[Any] = []

        def alone(*args: Any, **kwargs: Any) -> Any:
            out = f(*args, **kwargs)
            if not isinstance(out, tuple) or len(out) != 2:
                raise TypeError(f"{name}: with has_aux=True, f gives a pair (value, aux); it gave {type(out).__name__}")
            aux.append(out[1])
            return out[0]

        call = _Call(name, alone if has_aux else f, args, _places(name, wanted, args), kwargs)
        results = call.pull(call.one())
        gradient = tuple(results) if isinstance(argnums, tuple) else results[0]
        return ((call.value, call.detached(aux[0])) if has_aux else call.value), gradient

    return value_and_gradient


def _jacobian(name: str, f: Function, argnums: Argnums) -> Function:
    """Make the function that gives the Jacobian."""
    wanted = _wanted(name, argnums)

    def rows(call: _Call, index: int) -> list[Any]:
        """Differentiate one output, element by element, and gather the rows for every input."""
        out = call.outputs[index]
        zeros = [Tensor(np.zeros_like(other._data)) for other in call.outputs]
        gathered: list[list[Any]] = [[] for _ in call.inputs]
        for element in np.ndindex(out.shape):
            cotangent = np.zeros_like(out._data)
            cotangent[element] = 1
            cotangents = [*zeros[:index], Tensor(cotangent), *zeros[index + 1 :]]
            found = call.differentiate(cotangents, create_graph=call.connected, again=True)
            for row, result, x in zip(gathered, found, call.inputs, strict=True):
                row.append(_filled(result, x._data))
        return call.nest([
            ops.reshape(ops.stack(row) if row else np.empty(0, x.dtype), (*out.shape, *x.shape))
            for row, x in zip(gathered, call.inputs, strict=True)
        ])  # fmt: skip

    def jacobian_of(*args: Any, **kwargs: Any) -> Any:
        call = _Call(name, f, args, _places(name, wanted, args), kwargs)
        results = [rows(call, i) for i in range(len(call.outputs))]
        return trees.rebuild(call.output, [tuple(r) if isinstance(argnums, tuple) else r[0] for r in results])

    return jacobian_of


def _wanted(name: str, argnums: Argnums) -> tuple[int, ...]:
    """Check argument numbers, and give them as a tuple."""
    try:
        numbers = tuple(map(operator.index, argnums)) if isinstance(argnums, tuple) else (operator.index(argnums),)
    except TypeError:
        raise TypeError(f"{name}: argnums is an int or a tuple of ints; got {argnums!r}") from None
    return numbers


def _places(name: str, wanted: tuple[int, ...], args: tuple[Any, ...]) -> list[int]:
    for i in wanted:
        if not -len(args) <= i < len(args):
            raise ValueError(
                f"{name}: there is no argument {i} to differentiate by; f was called with {len(args)} positional "
                "argument(s), numbered from 0"
            )
    places = [i % len(args) for i in wanted]
    if len(set(places)) < len(places):
        raise ValueError(f"{name}: argnums {wanted} names an argument twice")
    return places


def _vectors(what: str, like: Any, given: Any) -> list[Tensor]:
    """Check vectors against what they go with, and give them as Tensors of the same dtypes."""
    vectors = []
    for path, x, v in trees.matching(like, given, what):
        vector = v if isinstance(v, Tensor) else Tensor(v)
        expected = x if isinstance(x, Tensor) else Tensor(x)
        if vector.shape != expected.shape:
            raise ValueError(f"{path} has shape {vector.shape}; expected {expected.shape}")
        vectors.append(vector if vector.dtype == expected.dtype else vector.astype(expected.dtype))
    return vectors
