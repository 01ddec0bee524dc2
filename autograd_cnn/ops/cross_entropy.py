"""Cross-entropy of a softmax, and the negative log-likelihood of classes."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from autograd_cnn import kernels
from autograd_cnn.calls.operands import holds_variables, named
from autograd_cnn.ops import checks
from autograd_cnn.ops.activation import log_softmax, softmax
from autograd_cnn.ops.checks import operand
from autograd_cnn.ops.comparison import equal, where
from autograd_cnn.ops.elementwise import add, astype, multiply
from autograd_cnn.ops.loss import check_reduction, reduced
from autograd_cnn.ops.reduction import sum
from autograd_cnn.primitive import primitive
from autograd_cnn.variable import Array, Variable


def _array(op: str, name: str, value: Any) -> Array:
    value = operand(op, name, value)
    array: Array = value._data if isinstance(value, Variable) else value
    return array


def _targets(op: str, targets: Any, dtype: np.dtype[Any]) -> Any:
    """Return targets as a Variable or an array; a list of probabilities gets the dtype of the logits."""
    if isinstance(targets, list) and not holds_variables(targets):
        array = np.asarray(targets)
        return array.astype(dtype) if array.dtype.kind == dtype.kind == "f" else array
    return operand(op, "targets", targets)


def _class_axis(ndim: int) -> int:
    """Return the axis of the classes: the second, or the first for a single example."""
    return 1 if ndim > 1 else 0


def _check_logits(op: str, shape: tuple[int, ...]) -> None:
    if not shape:
        raise ValueError(f"{op}: logits are (N, C) or (N, C, d1, …); got shape {shape}")


def _class_weights(op: str, weight: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """Return the weight of every class in a shape that broadcasts against logits of `shape`; 1 by default."""
    if weight is None:
        return 1
    axis = _class_axis(len(shape))
    weights, classes = _array(op, "weight", weight), shape[axis]
    if weights.shape != (classes,):
        raise ValueError(f"{op}: for {classes} classes the weight is ({classes},); got shape {weights.shape}")
    if isinstance(weight, Variable) and weight.requires_grad:
        raise ValueError(f"{op}: the weight is a constant; got a Tensor that requires a gradient: pass .detach()")
    weights = weights.astype(dtype, copy=False)
    if not (weights >= 0).all():
        raise ValueError(f"{op}: the weight of a class is at least 0; got {weights}")
    return weights.reshape((classes,) + (1,) * (len(shape) - 1 - axis))


def _refuse_classes(op: str, labels: Array, shape: tuple[int, ...]) -> None:
    """Refuse class indices that have the shape of probabilities."""
    if labels.shape == shape:
        raise TypeError(
            f"{op}: targets of the logits' shape {shape} are probabilities, so floating point; got dtype {labels.dtype}"
        )


@functools.cache
def _unsigned(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(dtype.str.replace("i", "u"))


@functools.lru_cache(maxsize=64)
def _indices(classes: int, axes_after: int) -> Array:
    """Return the index of every class, in a shape that broadcasts against labels (…, 1, …)."""
    return kernels.read_only(np.arange(classes).reshape((classes,) + (1,) * axes_after))


def _check_labels(op: str, labels: Array, logits_shape: tuple[int, ...], ignore_index: int) -> bool:
    """Check class indices, and return whether any of them is `ignore_index`."""
    axis = _class_axis(len(logits_shape))
    expected, classes = logits_shape[:axis] + logits_shape[axis + 1 :], logits_shape[axis]
    if type(ignore_index) is not int and not isinstance(ignore_index, np.integer):
        raise TypeError(f"{op}: ignore_index is an int; got {ignore_index!r}")
    if labels.dtype.kind not in "iu":
        raise TypeError(
            f"{op}: class indices are integers; got dtype {labels.dtype} of shape {labels.shape} for logits "
            f"{logits_shape}"
        )
    if labels.shape != expected:
        raise ValueError(f"{op}: for logits {logits_shape} the targets are {expected}; got shape {labels.shape}")
    bits = labels.view(_unsigned(labels.dtype))  # as unsigned integers, negative numbers are the largest
    # The ufunc's own reduction has less overhead than the array's method.
    if np.maximum.reduce(bits, None, initial=0) < classes and not 0 <= ignore_index < classes:
        return False
    outside = labels[((labels < 0) | (labels >= classes)) & (labels != ignore_index)]
    if outside.size:
        raise ValueError(
            f"{op}: a label is from 0 to {classes - 1}, or {ignore_index} to be ignored; {outside.size} of "
            f"{labels.size} are not, the first of them is {outside.flat[0]}"
        )
    return bool((labels == ignore_index).any())


def _one_hot(labels: Array, classes: int, dtype: np.dtype[Any]) -> Array:
    """Return 1 at each label and 0 elsewhere, along the axis of the classes; all 0 for a label out of range."""
    axis = _class_axis(labels.ndim + 1)
    labels = labels.reshape((*labels.shape[:axis], 1, *labels.shape[axis:]))
    return (labels == _indices(classes, labels.ndim - 1 - axis)).astype(dtype)


@primitive(domain="floating")
def _softmax_cross_entropy(
    logits: Any,
    targets: Any,
    divisor: float | None,
    one_label: bool = False,  # noqa: ARG001 -- for the rule
) -> Array:
    """−Σ targets · log softmax(logits) over the classes; with a divisor, the sum of all losses divided by it.

    The cost of a target of 0 is 0, whatever its logit. With `one_label` the targets of every example sum to 1.
    """
    axis = _class_axis(logits.ndim) if divisor is None else None
    log_probs = log_softmax.forward(logits, _class_axis(logits.ndim))
    if not np.minimum.reduce(log_probs, None, initial=0) > -np.inf:
        log_probs = np.where(targets == 0, 0, log_probs)
    costs = targets * log_probs
    losses = -kernels.sum(costs, axis)
    return losses if divisor is None else losses / divisor


@_softmax_cross_entropy.backward("logits")
def _(grad, logits, targets, divisor, one_label):
    axis = _class_axis(logits.ndim)
    expected = softmax(logits, axis)
    if not one_label:
        expected = expected * sum(targets, axis, True)
    return (expected - targets) * _spread(grad, axis, divisor)


@_softmax_cross_entropy.backward("targets")
def _(grad, logits, divisor):
    axis = _class_axis(logits.ndim)
    return -log_softmax(logits, axis) * _spread(grad, axis, divisor)


def _spread(grad: Any, axis: int, divisor: float | None) -> Any:
    """Return the gradient of every loss, in a shape that broadcasts against the logits."""
    return grad.reshape((*grad.shape[:axis], 1, *grad.shape[axis:])) if divisor is None else grad / divisor


@named
def softmax_cross_entropy(
    logits: Any,
    targets: Any,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    ignore_index: int = -100,
    weight: Any = None,
) -> Any:
    """Cross-entropy between the softmax of `logits` and class labels, or probabilities.

    For an example of class y it is −weight[y] · log softmax(logits)[y]. Softmax and logarithm are computed together, so
    that even a very small probability has a finite cost. The cost of a target or a weight of 0 is 0 whatever the logit
    is; PyTorch returns nan for an infinite one.

    Parameters
    ----------
    logits : (N, C), (N, C, d1, …) or (C,)
        Unnormalized log-probability of each class.
    targets : int of shape (N,), (N, d1, …) or (); or float, of the shape of `logits`
        Class indices, 0 … C − 1, or the probability of every class.
    reduction : {"mean", "sum", "none"}
        How the losses are combined. With class indices, the mean is weighted by `weight` and leaves out ignored
        examples.
    label_smoothing : float
        The share of the target, from 0 to 1, that is spread evenly over all classes (Szegedy and others, 2016,
        section 7).
    ignore_index : int
        Examples with this class index are ignored.
    weight : (C,), optional
        Weight of every class, a constant.

    Returns
    -------
    scalar, or for "none" one loss for each example: (N,), (N, d1, …) or ()

    Raises
    ------
    ValueError
        If the shapes do not fit, if a label, an option or a weight is out of range, or if the weight requires a
        gradient.
    TypeError
        If the targets are neither class indices nor probabilities, or if an option has the wrong type.

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
    op = "softmax_cross_entropy"
    check_reduction(op, reduction)
    logits = operand(op, "logits", logits)
    shape = logits.shape
    _check_logits(op, shape)
    if type(label_smoothing) is not float or label_smoothing != 0:
        label_smoothing = checks.number(op, "label_smoothing", label_smoothing, least=0, most=1, what="")
    axis, dtype = _class_axis(len(shape)), logits.dtype
    if dtype.kind != "f":
        logits, dtype = astype(logits, np.float32), np.dtype(np.float32)
    classes = shape[axis]
    weights = _class_weights(op, weight, shape, dtype)
    targets = _targets(op, targets, dtype)
    if targets.dtype.kind == "f" and targets.shape == shape:
        smooth = add(multiply(targets, 1 - label_smoothing), label_smoothing / max(classes, 1))
        losses = _softmax_cross_entropy(logits, multiply(smooth, weights), None)
        return reduced(losses, reduction)

    labels = targets._data if isinstance(targets, Variable) else targets
    _refuse_classes(op, labels, shape)
    ignored = _check_labels(op, labels, shape, ignore_index)
    if ignored:
        labels = np.where(labels == ignore_index, -1, labels)
    one_hot = _one_hot(labels, classes, dtype)
    dense = one_hot = one_hot if weight is None else one_hot * weights
    if label_smoothing:
        dense = _smoothed(one_hot, np.expand_dims(labels >= 0, axis) * weights, label_smoothing, classes)
    counted = labels.size if weight is None and not ignored else float(np.sum(one_hot))
    divisor = {"none": None, "sum": 1.0, "mean": float(counted)}[reduction]
    if divisor == 0:
        return _weighted_mean(_softmax_cross_entropy(logits, dense, None), one_hot)
    return _softmax_cross_entropy(logits, dense, divisor, weight is None and not ignored and not label_smoothing)


def _smoothed(one_hot: Array, everywhere: Any, share: float, classes: int) -> Array:
    """Spread a share of each target evenly over all classes, where it is not ignored."""
    dense: Array = one_hot * (1 - share) + everywhere * (share / max(classes, 1))
    return dense.astype(one_hot.dtype, copy=False)


def _weighted_mean(losses: Any, one_hot: Array) -> Any:
    """Return the sum of the losses divided by the sum of their labels' weights."""
    total = float(np.sum(one_hot))
    # The mean of nothing is nan. Its gradient is 0, as in PyTorch, because nan would ruin the parameters.
    return multiply(sum(losses), 1 / total) if total else add(sum(losses), np.nan)


@named
def nll_loss(
    log_probs: Any, targets: Any, weight: Any = None, ignore_index: int = -100, reduction: str = "mean"
) -> Any:
    """Negative log-likelihood: −weight[y] · log_probs[y] for the class y of every example.

    The cost of a weight of 0 is 0 whatever the log-probability is; PyTorch returns nan for an infinite one.

    Parameters
    ----------
    log_probs : (N, C), (N, C, d1, …) or (C,)
        Log-probabilities, such as those from `log_softmax` along the classes.
    targets : (N,), (N, d1, …) or () int
        Class indices, 0 … C − 1.
    weight : (C,), optional
        Weight of every class, a constant.
    ignore_index : int
        Examples with this class index are ignored.
    reduction : {"mean", "sum", "none"}
        How the losses are combined. The mean is weighted by `weight` and leaves out ignored examples.

    Returns
    -------
    scalar, or for "none" one loss for each example

    Raises
    ------
    ValueError, TypeError
        As in `softmax_cross_entropy`.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> round(float(ac.nll_loss(np.log([[0.25, 0.75]]), np.array([1]))), 4)
    0.2877
    """
    check_reduction("nll_loss", reduction)
    log_probs = operand("nll_loss", "log_probs", log_probs)
    targets = _targets("nll_loss", targets, log_probs.dtype)
    shape = log_probs.shape
    _check_logits("nll_loss", shape)
    axis, dtype = _class_axis(len(shape)), log_probs.dtype
    labels = targets._data if isinstance(targets, Variable) else targets
    if dtype.kind != "f":
        log_probs, dtype = astype(log_probs, np.float32), np.dtype(np.float32)
    if _check_labels("nll_loss", labels, shape, ignore_index):
        labels = np.where(labels == ignore_index, -1, labels)
    one_hot = _one_hot(labels, shape[axis], dtype) * _class_weights("nll_loss", weight, shape, dtype)
    # A class other than the label costs nothing, even if its log-probability is −inf.
    losses = -sum(multiply(where(equal(one_hot, 0), 0, log_probs), one_hot), axis)
    return _weighted_mean(losses, one_hot) if reduction == "mean" else reduced(losses, reduction)
