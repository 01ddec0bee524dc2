"""Matrix products."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from autograd_cnn import kernels
from autograd_cnn.calls.operands import named
from autograd_cnn.ops.checks import operand
from autograd_cnn.ops.reduction import sum
from autograd_cnn.ops.shape import reshape, transpose
from autograd_cnn.primitive import primitive
from autograd_cnn.variable import Array


def _transposed(x: Any) -> Any:
    """Exchange the last two axes."""
    return transpose(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


@primitive(domain="real", products=True)
def matmul(x: Any, y: Any) -> Array:
    """Matrix product, `x @ y`, as in NumPy: vectors are rows or columns, leading axes broadcast.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.matmul(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, 10.0]))
    array([21., 43.])
    """
    x_shape, y_shape = np.shape(x), np.shape(y)
    if not x_shape or not y_shape or x_shape[-1] != y_shape[max(len(y_shape) - 2, 0)]:
        raise ValueError(
            f"matmul: x is (…, n, k) or (k,) and y (…, k, m) or (k,), of one k; got {x_shape} and {y_shape}"
        )
    # np.matmul does not use BLAS for the product of a column and a row, and is far slower there than np.dot.
    return x.dot(y) if len(x_shape) == len(y_shape) == 2 else np.matmul(x, y)


def _as_matrices(grad: Any, x_shape: tuple[int, ...], y_shape: tuple[int, ...]) -> Any:
    """Add to the gradient of a product the axes it would have if vectors were matrices."""
    rows = () if len(x_shape) == 1 else x_shape[-2:-1]
    columns = () if len(y_shape) == 1 else y_shape[-1:]
    leading = grad.shape[: grad.ndim - len(rows) - len(columns)]
    return reshape(grad, (*leading, *(rows or (1,)), *(columns or (1,))))


@matmul.backward("x")
def _(grad, x_shape, y, y_shape):
    if len(x_shape) == len(y_shape) == 1:
        return grad * y
    if len(x_shape) > 1 < len(y_shape):
        return matmul(grad, _transposed(y))
    if len(y_shape) == 2:
        return matmul(y, grad)
    row = reshape(y, (1, -1)) if len(y_shape) == 1 else _transposed(y)
    product = matmul(_as_matrices(grad, x_shape, y_shape), row)
    return reshape(product, (*product.shape[:-2], *x_shape)) if len(x_shape) == 1 else product


@matmul.backward("y")
def _(grad, x, x_shape, y_shape):
    if len(x_shape) == len(y_shape) == 1:
        return grad * x
    if len(x_shape) > 1 < len(y_shape):
        return matmul(_transposed(x), grad)
    if len(x_shape) == 2:
        return matmul(x.T, grad)
    column = reshape(x, (-1, 1)) if len(x_shape) == 1 else _transposed(x)
    product = matmul(column, _as_matrices(grad, x_shape, y_shape))
    return reshape(product, product.shape[:-1]) if len(y_shape) == 1 else product


@primitive(domain="floating", products=True)
def linear(x: Any, weight: Any, bias: Any = None) -> Array:
    """Affine map of the last axis, `x @ weight.T + bias`.

    Parameters
    ----------
    x : (..., in)
    weight : (out, in)
    bias : (out,), optional

    Returns
    -------
    (..., out)

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.linear(np.ones((2, 3)), np.ones((4, 3)), np.zeros(4)).shape
    (2, 4)
    """
    if weight.ndim != 2 or x.ndim < 1 or x.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"linear: x is (..., in) and weight (out, in), of one `in`; got x {x.shape} and weight {weight.shape}"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"linear: for weight {weight.shape} the bias is {weight.shape[:1]}; got shape {bias.shape}")
    # Convolution leaves the batch innermost in memory; for such an x the first way is faster.
    out = weight.dot(x.T).T if x.ndim == 2 and x.flags.f_contiguous else np.matmul(x, weight.T)
    if bias is not None:
        out += bias
    return out


@linear.backward("x")
def _(grad, weight):
    return matmul(grad, weight)


@linear.backward("weight")
def _(grad, x, x_shape, weight_shape):
    if len(x_shape) != 2:
        rows, (outs, ins) = math.prod(x_shape[:-1]), weight_shape
        grad, x = reshape(grad, (rows, outs)), reshape(x, (rows, ins))
    return matmul(grad.T, x)


@linear.backward("bias")
def _(grad):
    return sum(grad, tuple(range(grad.ndim - 1)))


_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _explicit(subscripts: str, shapes: list[tuple[int, ...]]) -> tuple[list[str], str]:
    """Return the letters of every operand and of the output, with ellipses and an implicit output spelled out."""
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != len(shapes):
        raise ValueError(f"einsum: {subscripts!r} is for {len(terms)} operands; got {len(shapes)}")
    free = [c for c in _LETTERS if c not in subscripts]
    longest = max(len(s) - len(t.replace("...", "")) if "..." in t else 0 for t, s in zip(terms, shapes, strict=True))
    ellipsis = "".join(free[: max(longest, 0)])
    for i, (term, shape) in enumerate(zip(terms, shapes, strict=True)):
        missing = len(shape) - len(term.replace("...", ""))
        terms[i] = term.replace("...", ellipsis[len(ellipsis) - max(missing, 0) :])
        if len(terms[i]) != len(shape):
            raise ValueError(f"einsum: {term!r} in {subscripts!r} does not name the axes of an operand {shape}")
    if arrow:
        return terms, output.replace("...", ellipsis)
    joined = "".join(terms)
    once = sorted(c for c in set(joined) if joined.count(c) == 1 and c not in ellipsis)
    return terms, ellipsis + "".join(once)


@functools.lru_cache(maxsize=256)
def _alone(subscripts: str) -> tuple[list[tuple[int, ...]], str]:
    """Return each operand's axes that neither another operand nor the output has, and the subscripts without them."""
    inputs, _, output = subscripts.partition("->")
    terms = inputs.split(",")
    axes = [tuple(i for i, c in enumerate(term) if inputs.count(c) == 1 and c not in output) for term in terms]
    rest = ["".join(c for i, c in enumerate(term) if i not in a) for term, a in zip(terms, axes, strict=True)]
    return axes, f"{','.join(rest)}->{output}"


@primitive(domain="real", products=True)
def _einsum(*operands: Any, subscripts: str) -> Array:
    if operands and operands[0].dtype.kind == "f":
        axes, rest = _alone(subscripts)
        if any(axes):  # np.einsum sums these one after another, which is inexact for long axes
            operands = tuple(kernels.sum(x, a) if a else x for x, a in zip(operands, axes, strict=True))
            subscripts = rest
    return np.einsum(subscripts, *operands, optimize=len(operands) > 1)


@_einsum.backward("operands")
def _(grad, index, operands, operands_shape, subscripts):
    terms, output = _explicit(subscripts, list(operands_shape))
    factors, names = [grad], [output]
    for i, (other, term) in enumerate(zip(operands, terms, strict=True)):
        if i != index:
            factors.append(other)
            names.append(term)
    free = [c for c in _LETTERS if c not in output + "".join(terms)]
    # The length of each letter in the other operands; an axis of length one broadcasts.
    lengths: dict[str, int] = {}
    for name, factor in zip(names, factors, strict=True):
        for letter, length in zip(name, factor.shape, strict=True):
            lengths[letter] = length if lengths.get(letter, 1) == 1 else lengths[letter]
    target = ""
    for letter, length in zip(terms[index], operands_shape[index], strict=True):
        if letter in target:
            # A diagonal was taken: multiplying by the identity puts its gradient on the diagonal.
            twin = free.pop()
            factors.append(np.eye(length, dtype=grad.dtype))
            names.append(letter + twin)
            letter = twin
        elif letter not in lengths or lengths[letter] == 1 != length:
            # This axis was summed over in this operand alone: the gradient is constant along it.
            factors.append(np.ones(length, grad.dtype))
            names.append(letter)
        target += letter
    return einsum(f"{','.join(names)}->{target}", *factors)


@named
def einsum(subscripts: str, *operands: Any) -> Any:
    """Sum of products over named axes, in Einstein's notation as in NumPy.

    Parameters
    ----------
    subscripts : str
        Such as ``"ij,jk->ik"``. Ellipses, repeated letters and an implicit output are supported.
    *operands : arrays or Tensors

    Raises
    ------
    ValueError
        If the subscripts do not fit the operands.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.einsum("ij,j->i", np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, 10.0]))
    array([21., 43.])
    """
    if not isinstance(subscripts, str):
        raise TypeError(f"einsum: the subscripts come first, a string such as 'ij,jk->ik'; got {subscripts!r}")
    operands = tuple(operand("einsum", f"operand {i}", x) for i, x in enumerate(operands))
    terms, output = _explicit(subscripts, [x.shape for x in operands])
    return _einsum(*operands, subscripts=f"{','.join(terms)}->{output}")
