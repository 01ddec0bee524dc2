"""Gradient clipping, between `backward()` and an optimizer's step: gradients that are too large are made smaller."""

from __future__ import annotations

import math
from numbers import Real

import numpy as np

from autograd_cnn import kernels
from autograd_cnn.optim.parameters import Parameters, named_parameters
from autograd_cnn.variable import Array

_dot = kernels.one_thread(np.dot)


def clip_grad_norm(params: Parameters, max_norm: float) -> float:
    """Scale all gradients by one number, in place, so that their norm as one vector is at most `max_norm`.

    Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", 2013, algorithm 1. As in
    PyTorch the factor is max_norm / (norm + 1e-6) where that is below 1, and otherwise 1.

    Parameters
    ----------
    params : dict of str to Tensor, or iterable of Tensors
        Parameters without a gradient are ignored.
    max_norm : float
        Not negative. With infinity nothing is scaled, and the norm is returned.

    Returns
    -------
    float
        The 2-norm of all gradients together, before clipping.

    Raises
    ------
    ValueError
        If a gradient is not finite, there are no parameters at all, or `max_norm` is negative. No gradient is
        changed then.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> w = ac.Tensor([3.0, 4.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> ac.clip_grad_norm([w], max_norm=1.0)
    10.0
    >>> w.grad.round(4)
    array([0.6, 0.8], dtype=float32)
    """
    _check_limit("max_norm", max_norm)
    grads = _gradients(params)
    # Divided by the largest element first, so that no square overflows or vanishes.
    largest = 0.0
    for name, grad in grads.items():
        peak = float(np.max(np.abs(grad), initial=0))
        if not math.isfinite(peak):
            raise ValueError(
                f"the gradient of parameter {name!r} is not finite, so its norm cannot be clipped; "
                "find its source with detect_anomaly(), or try a lower learning rate"
            )
        largest = max(largest, peak)
    if not largest:
        return 0.0
    shares = (grad.ravel(order="K") / largest for grad in grads.values())
    norm = largest * math.sqrt(sum(float(_dot(share, share)) for share in shares))
    scale = float(max_norm) / (norm + 1e-6)
    if scale < 1:
        for grad in grads.values():
            grad *= scale
    return norm


def clip_grad_value(params: Parameters, clip_value: float) -> None:
    """Limit every element of every gradient to −clip_value … clip_value, in place.

    Parameters
    ----------
    params : dict of str to Tensor, or iterable of Tensors
        Parameters without a gradient are ignored.
    clip_value : float
        Not negative. A NaN stays NaN.

    Raises
    ------
    ValueError
        If there are no parameters at all, or `clip_value` is negative.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> w = ac.Tensor([3.0, 0.1], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> ac.clip_grad_value([w], clip_value=1.0)
    >>> w.grad
    array([1. , 0.2], dtype=float32)
    """
    _check_limit("clip_value", clip_value)
    for grad in _gradients(params).values():
        np.clip(grad, -float(clip_value), float(clip_value), out=grad)


def _gradients(params: Parameters) -> dict[str, Array]:
    """Return the gradients of the parameters by name or index; a tensor under several names counts once."""
    named = named_parameters(params)
    if not named:
        raise ValueError("there is no parameter whose gradient could be clipped; was an iterator used up before?")
    first = {id(p): name for name, p in reversed(named.items())}
    found = {name: p.grad for name, p in named.items() if p.grad is not None and first[id(p)] == name}
    for name, grad in found.items():
        if not isinstance(grad, np.ndarray):
            raise TypeError(
                f"the gradient of parameter {name!r} is a {type(grad).__name__}, made by backward(create_graph=True), "
                "and clipping changes gradients in place; set .grad to its .data first"
            )
    return found


def _check_limit(name: str, limit: float) -> None:
    if not isinstance(limit, Real) or not limit >= 0:
        raise ValueError(f"{name} is a number of at least 0; got {limit!r}")
