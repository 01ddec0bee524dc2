"""Products with Jacobians and Hessians, which are never formed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_cnn.tensor import Tensor
from autograd_cnn.transforms import trees
from autograd_cnn.transforms.linearization import (
    cotangent_of_number,
    differentiate_pullback,
    filled,
    in_kind,
    like_arguments,
    linearize,
    own,
    pull_back,
    pullback,
    value_of,
    vectors_like,
)

Function = Callable[..., Any]


def vjp(f: Function, *args: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Return the value of `f` and its pullback, the product of a cotangent with its Jacobian.

    Parameters
    ----------
    f : callable
        Returns a Tensor of any shape, or a (nested) dict, list or tuple of them.
    *args : Tensors, arrays, or (nested) dicts, lists and tuples of them
        The arguments to differentiate with respect to.

    Returns
    -------
    value
        What `f` returns: Tensors, or arrays if all arguments are arrays.
    pullback : callable
        Takes a cotangent of the value's structure and shapes, and returns a tuple with the product for each
        argument. It may be called again.

    Raises
    ------
    TypeError
        If an argument is not floating point.
    ValueError
        Raised by the pullback, for a cotangent of another structure or shape.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> value, pullback = ac.vjp(lambda x, y: x * y, np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    >>> value, pullback(np.array([1.0, 10.0]))
    (array([3., 8.]), (array([ 3., 40.]), array([ 1., 20.])))
    """
    call = linearize("vjp", f, args, range(len(args)))

    def of(cotangent: Any) -> tuple[Any, ...]:
        recorded = call.connected or any(isinstance(v, Tensor) for v in trees.leaves(cotangent))
        vectors = vectors_like("vjp: the cotangent", call.output, cotangent, read_once=not recorded)
        return tuple(pullback(call, vectors, again=True))

    return value_of(call), of


def jvp(f: Function, args: Any, tangents: Any) -> tuple[Any, Any]:
    """Return the value of `f` and its directional derivative, the product of its Jacobian with the tangents.

    It is computed by differentiating twice: the product of a cotangent with the Jacobian is linear in the cotangent,
    and the transpose of that linear map is the product with the tangents (Townsend, "A new trick for calculating
    Jacobian vector products", 2017).

    Parameters
    ----------
    f : callable
        Returns a Tensor of any shape, or a (nested) dict, list or tuple of them.
    args : tuple of Tensors, arrays, or (nested) dicts, lists and tuples of them
        The arguments to differentiate with respect to; or the only one itself.
    tangents
        Of the same structure and shapes as `args`.

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
    vectors = vectors_like("jvp: tangents", args, tangents)
    call = linearize("jvp", f, arguments, range(len(arguments)))
    cotangents = [Tensor(np.zeros_like(out._data), requires_grad=out.dtype.kind == "f") for out in call.outputs]
    products = pull_back(call, cotangents, create_graph=True)
    pushed = differentiate_pullback(call, products, vectors, cotangents)
    tensors = call.of_tensors
    found = [in_kind(product, tensors) for product in own(pushed, call.outputs)]
    return value_of(call), trees.rebuild(call.output, found)


def hvp(f: Function, args: Any, vectors: Any) -> Any:
    """Return the product of the Hessian of `f` with vectors, at the cost of two gradients.

    The gradient is differentiated, and the Hessian is never formed (Pearlmutter, "Fast exact multiplication
    by the Hessian", 1994).

    Parameters
    ----------
    f : callable
        Returns one number: a Tensor of one element.
    args : tuple of Tensors, arrays, or (nested) dicts, lists and tuples of them
        The arguments to differentiate with respect to; or the only one itself.
    vectors
        Of the same structure and shapes as `args`.

    Returns
    -------
    The product, structured like the only argument; or a tuple of products, one for each of several arguments

    Raises
    ------
    TypeError
        If an argument is not floating point.
    ValueError
        If `f` returns more than one number, or the vectors have another structure or shape than the arguments.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> x, v = np.array([2.0, 3.0]), np.array([1.0, 10.0])
    >>> ac.hvp(lambda x: x[0] * x[0] * x[1], (x,), (v,))
    array([46.,  4.])
    """
    arguments = args if isinstance(args, tuple) else (args,)
    directions = vectors_like("hvp: vectors", args, vectors)
    call = linearize("hvp", f, arguments, range(len(arguments)))
    gradients = pull_back(call, cotangent_of_number(call), create_graph=True)
    products = differentiate_pullback(call, gradients, directions, call.inputs)
    results = like_arguments(call, filled(call, products))
    return results[0] if len(results) == 1 else tuple(results)
