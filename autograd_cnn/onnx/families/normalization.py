"""Normalization and dropout."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_cnn import ops
from autograd_cnn.onnx.building import Builder
from autograd_cnn.onnx.errors import Reason, UnsupportedError
from autograd_cnn.onnx.families.reduction import axes_of, reduced
from autograd_cnn.onnx.families.tables import Attributes, array, exports, imports, one
from autograd_cnn.onnx.tracing import Call

# --- to ONNX ------------------------------------------------------------------------------------------------


@exports("standardize")
def _standardize(g: Builder, c: Call) -> str:
    _, centered, variance = _moments(g, c, axes_of(len(c.shape), c["axis"]))
    return g.node("Div", centered, g.node("Sqrt", g.node("Add", variance, g.constant(c["eps"], c.dtype))))


@exports("normalize")
def _normalize(g: Builder, c: Call) -> str:
    """Write a batch normalization with known statistics."""
    return _scaled(g, c, g.cast(c["mean"], c.dtype), g.cast(c["variance"], c.dtype))


@exports("batch_moments")
def _batch_moments(g: Builder, c: Call) -> str:
    mean, _, variance = _moments(g, c, (0, *range(2, len(g.shape(c["x"])))))
    return g.node("Concat", *(g.node("Reshape", v, g.integers(1, -1)) for v in (mean, variance)), axis=0)


@exports("batch_standardize")
def _batch_standardize(g: Builder, c: Call) -> str:
    """Write a batch normalization with the statistics of the batch, which the graph computes."""
    moments = g.cast(c["moments"], c.dtype)
    parts = (g.node("Gather", moments, g.constant(i, np.int64), axis=0) for i in (0, 1))
    return _scaled(g, c, *parts)


def _moments(g: Builder, c: Call, axes: tuple[int, ...]) -> tuple[str, str, str]:
    """Write the mean over axes, the deviations from it, and the mean of their squares."""
    x = g.cast(c["x"], c.dtype)
    mean = reduced(g, "ReduceMean", x, axes, True)
    centered = g.node("Sub", x, mean)
    return mean, centered, reduced(g, "ReduceMean", g.node("Mul", centered, centered), axes, True)


def _scaled(g: Builder, c: Call, mean: str, variance: str) -> str:
    channels = c.shape[1]
    weight = np.ones(channels) if c["weight"] is None else c["weight"]
    bias = np.zeros(channels) if c["bias"] is None else c["bias"]
    inputs = [g.cast(v, c.dtype) for v in (c["x"], weight, bias)]
    return g.node("BatchNormalization", *inputs, mean, variance, epsilon=float(c["eps"]))


# --- from ONNX ----------------------------------------------------------------------------------------------


@imports("BatchNormalization")
def _read_batch_normalization(a: Attributes, x: Any, weight: Any, bias: Any, mean: Any, var: Any) -> Any:
    momentum, eps = 1 - a("momentum", 0.9), a("epsilon", 1e-5)
    if not a("training_mode"):
        return ops.batch_norm(x, mean, var, weight, bias, a.training, momentum, eps)
    new_mean, new_var = array(mean).copy(), array(var).copy()
    out = ops.batch_norm(x, new_mean, new_var, weight, bias, True, momentum, eps)
    # ONNX moves the running variance towards the biased variance of the batch, we towards the unbiased.
    kept, count = (1 - momentum) * array(var), np.size(array(x)) // np.shape(x)[1]
    return out, new_mean, kept + (new_var - kept) * (count - 1) / count


@imports("LayerNormalization")
def _read_layer_normalization(a: Attributes, x: Any, weight: Any = None, bias: Any = None) -> Any:
    eps, axis = a("epsilon", 1e-5), a("axis", -1) % np.ndim(x)
    out = ops.layer_norm(x, np.shape(x)[axis:], weight, bias, eps)
    if a.outputs == 1:
        return out
    axes = tuple(range(axis, np.ndim(x)))
    return out, ops.mean(x, axes, True), ops.divide(1, ops.sqrt(ops.add(ops.var(x, axes, keepdims=True), eps)))


@imports("GroupNormalization")
def _read_group_normalization(a: Attributes, x: Any, weight: Any, bias: Any) -> Any:
    return ops.group_norm(x, a("num_groups"), weight, bias, a("epsilon", 1e-5))


@imports("InstanceNormalization")
def _read_instance_normalization(a: Attributes, x: Any, weight: Any, bias: Any) -> Any:
    return ops.group_norm(x, np.shape(x)[1], weight, bias, a("epsilon", 1e-5))


@imports("Dropout")
def _read_dropout(a: Attributes, x: Any, ratio: Any = None, training: Any = None) -> Any:
    rate = a("ratio", 0.5) if ratio is None else one(ratio)
    always = training is not None and one(training)
    if always and rate and a.rng is None:
        raise UnsupportedError(Reason.RANDOM)
    out = ops.dropout(x, rate, bool(always or a.training), a.rng)
    return (out, np.ones(np.shape(x), bool)) if a.outputs > 1 else out
