"""Losses."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_cnn.graph import Array, Variable
from autograd_cnn.ops.activation import softmax
from autograd_cnn.ops.reduction import mean, sum
from autograd_cnn.primitive import primitive

_REDUCTIONS = ("mean", "sum", "none")


def _check_labels(labels: Array, logits_shape: tuple[int, ...]) -> None:
    if len(logits_shape) != 2:
        raise ValueError(f"softmax_cross_entropy: logits are (N, C); got shape {logits_shape}")
    batch, classes = logits_shape
    if labels.dtype.kind not in "iu":
        raise TypeError(f"softmax_cross_entropy: targets are integer class indices; got dtype {labels.dtype}")
    if labels.shape != (batch,):
        raise ValueError(
            f"softmax_cross_entropy: for logits {logits_shape} the targets are ({batch},); got shape {labels.shape}"
        )
    if not labels.size:
        return
    outside = labels[(labels < 0) | (labels >= classes)]
    if outside.size:
        raise ValueError(
            f"softmax_cross_entropy: a label is from 0 to {classes - 1}; {outside.size} of {labels.size} are "
            f"not, the first of them {outside[0]}"
        )


@primitive
def _softmax_cross_entropy(logits: Any, targets: Any) -> Array:
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    return np.log(np.sum(np.exp(shifted), axis=1)) - shifted[np.arange(len(targets)), targets]


@_softmax_cross_entropy.backward("logits")
def _(grad, logits, targets):
    one_hot = np.zeros(logits.shape, logits.dtype)
    one_hot[np.arange(len(targets)), targets] = 1
    return (softmax(logits, 1) - one_hot) * grad.reshape(-1, 1)


def softmax_cross_entropy(logits: Any, targets: Any, reduction: str = "mean") -> Any:
    """Cross-entropy between the softmax of `logits` and class labels: −log softmax(logits)[target].

    Softmax and logarithm are taken together, so that a hopeless logit costs much and overflows nothing.

    Parameters
    ----------
    logits : (N, C)
        One unnormalized log-probability a class.
    targets : (N,) int
        Class indices, 0 … C − 1.
    reduction : {"mean", "sum", "none"}
        What becomes of the N losses.

    Returns
    -------
    scalar, or (N,) for "none"

    Raises
    ------
    ValueError
        If the shapes do not fit, a label is out of range, or the reduction is unknown.
    TypeError
        If the targets are not integers.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> logits = ac.Tensor([[0.0, 0.0], [0.0, 0.0]], requires_grad=True)
    >>> loss = ac.softmax_cross_entropy(logits, np.array([0, 1]))
    >>> round(loss.item(), 4)
    0.6931
    >>> loss.backward()
    >>> logits.grad
    array([[-0.25,  0.25],
           [ 0.25, -0.25]], dtype=float32)
    """
    if reduction not in _REDUCTIONS:
        raise ValueError(f"softmax_cross_entropy: reduction is one of {', '.join(_REDUCTIONS)}; got {reduction!r}")
    labels = np.asarray(targets.data if isinstance(targets, Variable) else targets)
    _check_labels(labels, np.shape(logits))
    losses = _softmax_cross_entropy(logits, labels)
    if reduction == "none":
        return losses
    return mean(losses) if reduction == "mean" else sum(losses)
