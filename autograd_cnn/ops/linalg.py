"""Linear algebra: norms, systems of equations, inverses, determinants and Cholesky factors.

NumPy's `linalg` with gradients, of one matrix (N, N) or of many (…, N, N). The rules are those in Giles, "Collected
matrix derivative results for forward and reverse mode algorithmic differentiation", 2008, unless they say otherwise.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from autograd_cnn.calls.operands import named
from autograd_cnn.ops import checks
from autograd_cnn.ops.checks import operand
from autograd_cnn.ops.diagonals import tril
from autograd_cnn.ops.elementwise import sign
from autograd_cnn.ops.indexing import getitem
from autograd_cnn.ops.linear import _transposed, matmul
from autograd_cnn.ops.norms import norm
from autograd_cnn.ops.shape import expand_dims, squeeze
from autograd_cnn.primitive import primitive
from autograd_cnn.variable import Array

__all__ = ["cholesky", "det", "inv", "norm", "slogdet", "solve"]


class SlogdetResult(NamedTuple):
    """The result of `slogdet`."""

    sign: Any
    logabsdet: Any


def _check_square(op: str, name: str, shape: tuple[int, ...]) -> None:
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise ValueError(f"{op}: {name} is a square matrix or several, (…, N, N); got shape {shape}")


def _singular(op: str, name: str, shape: tuple[int, ...]) -> np.linalg.LinAlgError:
    which = "is" if len(shape) == 2 else "holds a matrix that is"
    return np.linalg.LinAlgError(f"{op}: {name} of shape {shape} {which} singular, which has no inverse")


# --- systems of equations and inverses -------------------------------------------------------------------------------


@primitive(domain="floating", products=True)
def _solve(a: Any, b: Any) -> Array:
    try:
        return np.linalg.solve(a, b)
    except np.linalg.LinAlgError:
        raise _singular("solve", "a", a.shape) from None


@_solve.backward("a")
def _(grad, a, out):
    return -matmul(_solve(_transposed(a), grad), _transposed(out))


@_solve.backward("b")
def _(grad, a):
    return _solve(_transposed(a), grad)


@named
def solve(a: Any, b: Any) -> Any:
    """Solve `a @ x = b` for x.

    Parameters
    ----------
    a : (…, N, N)
    b : (N,) or (…, N, K)
        A vector if it has one axis, as in NumPy 2; otherwise matrices, solved column by column.

    Returns
    -------
    (…, N) or (…, N, K)

    Raises
    ------
    ValueError
        If the shapes do not fit.
    numpy.linalg.LinAlgError
        If a matrix is singular.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.linalg.solve(np.array([[2.0, 0.0], [0.0, 4.0]]), np.array([2.0, 2.0]))
    array([1. , 0.5])
    """
    a, b = checks.together("solve", a=a, b=b)
    _check_square("solve", "a", a.shape)
    if not b.ndim or b.shape[max(b.ndim - 2, 0)] != a.shape[-1]:
        raise ValueError(f"solve: for a {a.shape} b is ({a.shape[-1]},) or (…, {a.shape[-1]}, K); got shape {b.shape}")
    return squeeze(_solve(a, expand_dims(b, -1)), -1) if b.ndim == 1 else _solve(a, b)


@primitive(domain="floating", products=True)
def inv(a: Any) -> Array:
    """Inverse of each matrix (…, N, N).

    Raises
    ------
    ValueError
        If the matrices are not square.
    numpy.linalg.LinAlgError
        If one is singular.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.linalg.inv(np.array([[2.0, 0.0], [0.0, 4.0]]))
    array([[0.5 , 0.  ],
           [0.  , 0.25]])
    """
    _check_square("inv", "a", a.shape)
    try:
        return np.linalg.inv(a)
    except np.linalg.LinAlgError:
        raise _singular("inv", "a", a.shape) from None


@inv.backward("a")
def _(grad, out):
    transposed = _transposed(out)
    return -matmul(matmul(transposed, grad), transposed)


# --- determinants ----------------------------------------------------------------------------------------------------


@primitive(domain="floating", products=True)
def det(a: Any) -> Array:
    """Determinant of each matrix (…, N, N).

    Its gradient is the matrix of cofactors, which a singular matrix has too. Second derivatives of singular matrices
    are right as well; third derivatives raise an error.

    Raises
    ------
    ValueError
        If the matrices are not square.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.grad(ac.linalg.det)(np.array([[1.0, 2.0], [2.0, 4.0]])).round(6)
    array([[ 4., -2.],
           [-2.,  1.]])
    """
    _check_square("det", "a", a.shape)
    return np.asarray(np.linalg.det(a))


@det.backward("a")
def _(grad, a):
    return expand_dims(grad, (-2, -1)) * _cofactors(a)


def _factors(a: Array) -> tuple[Array, Array, Array, Array]:
    """Return u, s and v such that a = u @ diag(s) @ v, and the sign det(u) · det(v)."""
    finite: Array = np.asarray(np.isfinite(a).all((-2, -1), keepdims=True))  # LAPACK may never return for others
    u, s, v = np.linalg.svd(np.where(finite, a, 0))
    s = np.where(finite[..., 0], s, np.nan)
    return u, s, v, np.linalg.det(u) * np.linalg.det(v)


def _products_of_others(s: Array, left_out: int) -> Array:
    """Return the product of all but one, or two, along the last axis; results that omit one twice are not used."""
    n = s.shape[-1]
    eye = np.eye(n, dtype=bool)
    out = eye if left_out == 1 else eye[:, None, :] | eye[None, :, :]
    return np.asarray(np.where(out, 1, s[(..., *(None,) * left_out, slice(None))]).prod(-1))


@primitive(domain="floating", products=True)
def _cofactors(a: Any) -> Array:
    """Return the cofactors from the singular values, without an inverse: det(u) det(v) · u diag(Π others) v."""
    u, s, v, parity = _factors(a)
    return (parity[..., None, None] * (u * _products_of_others(s, 1)[..., None, :])) @ v


@_cofactors.backward("a")
def _(grad, a):
    return _cofactors_grad(grad, a)


@primitive(domain="floating", products=True)
def _cofactors_grad(cotangent: Any, a: Any) -> Array:
    """Gradient of `_cofactors`: the second derivative of the determinant.

    In the basis of the singular vectors `a` is diagonal. There the second derivative of det with respect to entries ii
    and kk is the product of the other singular values; with respect to ik and ki, minus that; for other pairs, 0.
    """
    u, s, v, parity = _factors(a)
    turned = np.swapaxes(u, -1, -2) @ cotangent @ np.swapaxes(v, -1, -2)
    rest = _products_of_others(s, 2)
    eye = np.eye(s.shape[-1], dtype=bool)
    rest = np.where(eye, 0, rest)
    by_diagonal = (rest * np.diagonal(turned, axis1=-2, axis2=-1)[..., None, :]).sum(-1)
    changed = np.where(eye, by_diagonal[..., None], -rest * np.swapaxes(turned, -1, -2))
    return parity[..., None, None] * (u @ changed @ v)


@_cofactors_grad.backward("cotangent")
def _(grad, a):
    return _cofactors_grad(grad, a)


@primitive(domain="floating", products=True)
def _slogdet(a: Any) -> Array:
    return np.stack(np.linalg.slogdet(a))


@_slogdet.backward("a")
def _(grad, a):
    try:
        inverse = inv(a)
    except np.linalg.LinAlgError:
        raise np.linalg.LinAlgError(
            f"slogdet: the logarithm of a determinant of 0 has no slope, and a of shape {a.shape} has one; use det, "
            "or add to the diagonal"
        ) from None
    return expand_dims(getitem(grad, 1), (-2, -1)) * _transposed(inverse)


@named
def slogdet(a: Any) -> SlogdetResult:
    """Sign of the determinant of each matrix (…, N, N), and the logarithm of its absolute value.

    The sign is piecewise constant. For a singular matrix it is 0 and the logarithm is −∞; differentiating that is an
    error, while PyTorch returns infinite slopes.

    Raises
    ------
    ValueError
        If the matrices are not square.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> sign, logarithm = ac.linalg.slogdet(np.diag([1.0, -1e200, 1e200]))
    >>> float(sign), round(float(logarithm), 3)
    (-1.0, 921.034)
    """
    a = operand("slogdet", "a", a)
    _check_square("slogdet", "a", a.shape)
    both = _slogdet(a)
    return SlogdetResult(sign(getitem(both, 0)), getitem(both, 1))


# --- the Cholesky factor ---------------------------------------------------------------------------------------------


@primitive(domain="floating", products=True)
def _cholesky(a: Any) -> Array:
    try:
        return np.linalg.cholesky(a)
    except np.linalg.LinAlgError:
        which = "is" if a.ndim == 2 else "holds a matrix that is"
        raise np.linalg.LinAlgError(
            f"cholesky: a of shape {a.shape} {which} not positive definite; add to its diagonal"
        ) from None


@_cholesky.backward("a")
def _(grad, out):
    # Murray, "Differentiation of the Cholesky decomposition", 2016, equation (10), made symmetric.
    transposed = _transposed(out.astype(np.float32) if out.dtype == np.float16 else out)  # LAPACK has no float16
    product = tril(matmul(transposed, grad))
    halved = product * (1 - np.eye(out.shape[-1], dtype=product.dtype) / 2)
    inside = _transposed(_solve(transposed, _transposed(_solve(transposed, halved))))
    return (inside + _transposed(inside)) / 2


@named
def cholesky(a: Any, *, upper: bool = False) -> Any:
    """Return the lower triangular `l` with `a = l @ l.T`, for symmetric positive definite matrices (…, N, N).

    Only the lower triangle of `a` is read, or the upper for `upper`. The gradient is symmetric, as in PyTorch.

    Parameters
    ----------
    a : (…, N, N)
    upper : bool
        Whether to return `l.T` instead.

    Raises
    ------
    ValueError
        If the matrices are not square.
    numpy.linalg.LinAlgError
        If one is not positive definite.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.linalg.cholesky(np.array([[4.0, 2.0], [2.0, 5.0]]))
    array([[2., 0.],
           [1., 2.]])
    """
    a = operand("cholesky", "a", a)
    _check_square("cholesky", "a", a.shape)
    return _transposed(_cholesky(_transposed(a))) if upper else _cholesky(a)
