"""Checking gradients against finite differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_cnn.backpropagation import differentiate
from autograd_cnn.modes import no_grad, switched
from autograd_cnn.tensor import Tensor
from autograd_cnn.variable import Array


class GradcheckError(AssertionError):
    """A gradient that disagrees with finite differences.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> @ac.primitive
    ... def double(x):
    ...     return 2 * x
    >>> @double.backward("x")
    ... def _(grad):
    ...     return 3 * grad
    >>> ac.gradcheck(double, np.ones(1))
    Traceback (most recent call last):
        ...
    autograd_cnn.testing.finite_differences.GradcheckError: the gradient of input 0, of shape (1,), is wrong at (0,): \
analytic 0.37719066, numerical 0.25146044 (1 of 1 elements disagree)
    """


def gradcheck(
    f: Callable[..., Any],
    *inputs: Any,
    order: int = 1,
    eps: float = 1e-6,
    rtol: float = 1e-5,
    atol: float = 1e-7,
    rng: np.random.Generator | None = None,
) -> bool:
    """Compare the gradient of `f` with respect to every floating point input with central differences, in float64.

    The output is multiplied by a random cotangent `v` and summed, and the gradient of ⟨v, f(x)⟩ is compared with
    (⟨v, f(x + eps·e)⟩ − ⟨v, f(x − eps·e)⟩) / (2·eps) for every unit vector e. A cotangent of ones would miss a gradient
    that is on the wrong axis.

    Parameters
    ----------
    f : callable
        Takes as many Tensors as there are inputs and returns a Tensor of any shape. It must be
        deterministic, and smooth within `eps` of the inputs.
    *inputs : arrays or Tensors
        Floating point inputs are converted to float64 and checked; others are passed on unchanged.
    order : {1, 2}
        With 2, second derivatives are checked as well: those of ⟨w, gradient⟩ for a random w, with respect to the
        inputs and the cotangent. This differentiates the backward rules themselves.
    eps : float
        The step of the differences.
    rtol, atol : float
        A gradient may differ by ``atol·scale + rtol·|numerical|``, with `scale` the larger of 1 and the
        largest output.
    rng : numpy.random.Generator, optional
        Draws the cotangent; by default a generator with seed 0.

    Returns
    -------
    True

    Raises
    ------
    GradcheckError
        If a gradient is wrong; the message names the input, the index, and the analytic and numerical value of the
        worst disagreement.
    ValueError
        If no input is floating point, or if the output does not depend on any of them.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.gradcheck(lambda x, w: ac.tanh(x @ w), np.ones((2, 3)), np.ones((3, 4)))
    True
    """
    if order not in (1, 2):
        raise ValueError(f"gradcheck: order is 1 or 2; got {order!r}")
    rng = np.random.default_rng(0) if rng is None else rng
    arguments = [_double(x) for x in inputs]
    checked = [i for i, x in enumerate(arguments) if isinstance(x, Tensor)]
    if not checked:
        raise ValueError("gradcheck needs a floating point input; it was given none")
    out = f(*arguments)
    if not isinstance(out, Tensor) or not out.requires_grad:
        raise ValueError(f"gradcheck: f should return a Tensor computed from its inputs by ops; it returned {out!r}")
    # An infinite output, such as the maximum of no elements, has no finite difference: it is left out.
    finite = np.isfinite(out._data)
    cotangent = np.where(finite, rng.standard_normal(out.shape), 0)
    scale = np.abs(out._data).max(initial=1.0, where=finite)
    out.backward(cotangent)
    for i in checked:
        x = arguments[i]
        numerical = _central_differences(f, arguments, i, cotangent, eps)
        analytic = np.zeros_like(x._data) if x.grad is None else x.grad
        _compare(i, analytic, numerical, atol * scale + rtol * np.abs(numerical))
    if order == 2:
        weights = [np.asarray(rng.standard_normal(arguments[i].shape)) for i in checked]
        gradient = _weighted_gradient(f, checked, weights)
        gradcheck(gradient, cotangent, *[x._data if isinstance(x, Tensor) else x for x in arguments],
                  eps=eps, rtol=rtol, atol=atol, rng=rng)  # fmt: skip
    return True


def _compare(i: int, analytic: Array, numerical: Array, slack: Array) -> None:
    """Raise for the worst element of a gradient if it differs by more than `slack`."""
    excess = np.abs(analytic - numerical) - slack
    if not np.all(excess <= 0):
        worst = np.nanargmax(np.nan_to_num(excess, nan=np.inf))
        index = tuple(int(k) for k in np.unravel_index(worst, analytic.shape))
        raise GradcheckError(
            f"the gradient of input {i}, of shape {analytic.shape}, is wrong at {index}: analytic "
            f"{float(analytic[index]):.8g}, numerical {float(numerical[index]):.8g} "
            f"({int((~(excess <= 0)).sum())} of {analytic.size} elements disagree)"
        )


def _weighted_gradient(f: Callable[..., Any], checked: list[int], weights: list[Array]) -> Callable[..., Any]:
    """Return a function that computes Σ ⟨weight, gradient of ⟨cotangent, f⟩⟩ over the checked inputs."""

    def weighted(cotangent: Tensor, *arguments: Any) -> Any:
        with switched(recording=True):  # finite differences turn recording off, but the gradient needs it
            inputs = [_wanting(x) for x in arguments]
            wanted = [inputs[i] for i in checked]
            grads = differentiate([f(*inputs)], [cotangent], wanted, create_graph=True, retain_graph=True)
        total = cotangent.sum() * 0
        for weight, grad in zip(weights, grads, strict=True):
            if isinstance(grad, Tensor):  # None for an input that the output does not depend on
                total = total + (grad * weight).sum()
        return total

    return weighted


def _wanting(x: Any) -> Any:
    """Return a tensor that requires a gradient: the same one if it does already."""
    return Tensor(x._data, requires_grad=True) if isinstance(x, Tensor) and not x.requires_grad else x


def _double(x: Any) -> Any:
    array = x._data if isinstance(x, Tensor) else np.asarray(x)
    return Tensor(np.array(array, np.float64), requires_grad=True) if array.dtype.kind == "f" else x


def _central_differences(f: Callable[..., Any], arguments: list[Any], i: int, cotangent: Array, eps: float) -> Array:
    """Differentiate ⟨cotangent, f⟩ with respect to argument `i`, one element at a time."""
    original: Array = arguments[i]._data

    def at(index: tuple[int, ...], step: float) -> float:
        moved = original.copy()
        moved[index] += step
        with no_grad():
            out = f(*arguments[:i], Tensor(moved), *arguments[i + 1 :])
        value = out._data if isinstance(out, Tensor) else out
        return float(np.sum(cotangent * np.where(cotangent == 0, 0, value)))

    gradient = np.empty_like(original)
    for index in np.ndindex(original.shape):
        gradient[index] = (at(index, eps) - at(index, -eps)) / (2 * eps)
    return gradient
