"""Gradients, Jacobians and Hessians of plain functions."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_cnn import ops
from autograd_cnn.tensor import Tensor
from autograd_cnn.transforms import trees
from autograd_cnn.transforms.linearization import (
    Argnums,
    Linearization,
    argument_numbers,
    argument_places,
    cotangent_of_number,
    detached,
    filled,
    like_arguments,
    linearize,
    pull_back,
    pullback,
    value_of,
)

Function = Callable[..., Any]


def grad(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """Return a function that computes the gradient of `f`.

    Parameters
    ----------
    f : callable
        Returns one number: a Tensor (or an array) of one element. It is called with Tensors in the places
        `argnums`; other arguments, and named ones, are passed as they are.
    has_aux : bool
        Whether `f` returns a pair ``(value, aux)``, of which the first is differentiated; the result is then a pair
        ``(gradient, aux)``, with the Tensors in `aux` detached.
    argnums : int or tuple of int
        The arguments to differentiate with respect to. Each is a Tensor, an array, or a (nested) dict, list or tuple of
        them; a list of numbers is an array.

    Returns
    -------
    callable
        Takes what `f` takes, and returns a gradient of the argument's kind, or a tuple of them: a Tensor for a Tensor,
        an array for an array, a dict for a dict. It is zero for an argument that does not affect the value. A result
        that can be differentiated further, as inside another transform, is always a Tensor.

    Raises
    ------
    ValueError
        When called: if `f` returns more than one number, or has no argument with that number.
    TypeError
        When called: if an argument is not floating point.

    Notes
    -----
    If an argument is a Tensor that requires a gradient, the computation of the gradient is recorded, so that it can
    itself be differentiated. Under `no_grad`, or with arrays, it is not recorded, and costs as much as `backward`.

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
        call, aux, found = pulled(*args, **kwargs)
        return (found, detached(call, aux)) if has_aux else found

    return gradient


def value_and_grad(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """Return a function that computes the value of `f` and its gradient, at the cost of the gradient; see `grad`.

    With `has_aux` the value is the pair ``(value, aux)``.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> value, gradient = ac.value_and_grad(lambda x: (x * x).sum())(np.array([1.0, 2.0]))
    >>> float(value), gradient
    (5.0, array([2., 4.]))
    """
    pulled = _gradient("value_and_grad", f, argnums, has_aux)

    @functools.wraps(f)
    def value_and_gradient(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        call, aux, found = pulled(*args, **kwargs)
        value = value_of(call)
        return (value, detached(call, aux)) if has_aux else value, found

    return value_and_gradient


def jacobian(f: Function, argnums: Argnums = 0) -> Function:
    """Return a function that computes the Jacobian of `f`, whose shape is the output's followed by the argument's.

    It takes one backward pass for each element of the output. For an output or argument that is a dict (or tuple), the
    Jacobian has the output's structure, and each of its leaves has the argument's structure.

    Parameters
    ----------
    f : callable
        Returns a Tensor of any shape, or a (nested) dict, list or tuple of them.
    argnums : int or tuple of int
        The arguments to differentiate with respect to; see `grad`, also for the errors.

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
    """Return a function that computes the Hessian of `f`, whose shape is the argument's shape twice.

    Parameters
    ----------
    f : callable
        Returns one number: a Tensor of one element.
    argnums : int or tuple of int
        The arguments to differentiate with respect to; see `grad`, also for the errors.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.hessian(lambda x: x[0] * x[0] * x[1])(np.array([2.0, 3.0]))
    array([[6., 4.],
           [4., 0.]])
    """
    pulled = _gradient("hessian", f, argnums)
    return functools.wraps(f)(_jacobian("hessian", lambda *args, **kwargs: pulled(*args, **kwargs)[2], argnums))


def _gradient(name: str, f: Function, argnums: Argnums, has_aux: bool = False) -> Function:
    """Return a function that calls `f` and returns the recorded call, the `aux` of `f`, and the gradient."""
    wanted = argument_numbers(name, argnums)

    def differentiated(*args: Any, **kwargs: Any) -> tuple[Linearization, Any, Any]:
        aux: Any = None

        def alone(*args: Any, **kwargs: Any) -> Any:
            nonlocal aux
            out = f(*args, **kwargs)
            if not isinstance(out, tuple) or len(out) != 2:
                raise TypeError(f"{name}: with has_aux=True, f gives a pair (value, aux); it gave {type(out).__name__}")
            value, aux = out
            return value

        call = linearize(name, alone if has_aux else f, args, argument_places(name, wanted, args), kwargs)
        results = pullback(call, cotangent_of_number(call))
        return call, aux, tuple(results) if isinstance(argnums, tuple) else results[0]

    return differentiated


def _jacobian(name: str, f: Function, argnums: Argnums) -> Function:
    """Return a function that computes the Jacobian."""
    wanted = argument_numbers(name, argnums)

    def jacobian_of(*args: Any, **kwargs: Any) -> Any:
        call = linearize(name, f, args, argument_places(name, wanted, args), kwargs)
        results = [_rows(call, i) for i in range(len(call.outputs))]
        return trees.rebuild(call.output, [tuple(r) if isinstance(argnums, tuple) else r[0] for r in results])

    return jacobian_of


def _rows(call: Linearization, index: int) -> list[Any]:
    """Pull back a one for each element of an output, and gather the rows of the Jacobian for every argument."""
    out = call.outputs[index]
    zeros = [Tensor(np.zeros_like(other._data)) for other in call.outputs]
    gathered: list[list[Any]] = [[] for _ in call.inputs]
    for element in np.ndindex(out.shape):
        cotangent = np.zeros_like(out._data)
        cotangent[element] = 1
        cotangents = [*zeros[:index], Tensor(cotangent), *zeros[index + 1 :]]
        found = pull_back(call, cotangents, create_graph=call.connected, again=True)
        for row, result in zip(gathered, filled(call, found), strict=True):
            row.append(result)
    whole = [
        ops.reshape(ops.stack(row) if row else np.empty(0, x.dtype), (*out.shape, *x.shape))
        for row, x in zip(gathered, call.inputs, strict=True)
    ]
    return like_arguments(call, whole)
