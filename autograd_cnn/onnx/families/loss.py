"""Losses."""

from __future__ import annotations

from typing import Any

from autograd_cnn import ops
from autograd_cnn.onnx.building import Builder
from autograd_cnn.onnx.families.tables import Attributes, array, exports, imports
from autograd_cnn.onnx.tracing import Call

# --- to ONNX ------------------------------------------------------------------------------------------------


@exports("softmax_cross_entropy")
def _softmax_cross_entropy(g: Builder, c: Call) -> str:
    logits, targets, zero = g.cast(c["logits"], c.dtype), g.cast(c["targets"], c.dtype), g.constant(0, c.dtype)
    axis = 1 if len(g.shape(c["logits"])) > 1 else 0
    # A target of 0 costs nothing, whatever its logit.
    costs = g.node("Where", g.node("Equal", targets, zero), zero, g.node("LogSoftmax", logits, axis=axis))
    costs = g.node("Neg", g.node("Mul", targets, costs))
    if c["divisor"] is None:
        return g.node("ReduceSum", costs, g.integers(axis), keepdims=0)
    return g.node("Div", g.node("ReduceSum", costs, keepdims=0), g.cast(c["divisor"], c.dtype))


@exports("binary_cross_entropy")
def _binary_cross_entropy(g: Builder, c: Call) -> str:
    x, target = g.cast(c["x"], c.dtype), g.cast(c["target"], c.dtype)
    least, unit = g.constant(-100.0, c.dtype), g.constant(1.0, c.dtype)
    chance = g.node("Max", g.node("Log", x), least)
    rest = g.node("Max", g.node("Log", g.node("Sub", unit, x)), least)
    parts = g.node("Mul", target, chance), g.node("Mul", g.node("Sub", unit, target), rest)
    return g.node("Neg", g.node("Add", *parts))


@exports("smooth_l1")
def _smooth_l1(g: Builder, c: Call) -> str:
    size, beta = g.node("Abs", g.cast(c["difference"], c.dtype)), g.constant(c["beta"], c.dtype)
    near = g.node("Min", size, beta)
    rest = g.node("Sub", size, g.node("Mul", near, g.constant(0.5, c.dtype)))
    return g.node("Div", g.node("Mul", near, rest), beta)


# --- from ONNX ----------------------------------------------------------------------------------------------


def _options(a: Attributes, weight: Any) -> dict[str, Any]:
    weight = None if weight is None else array(weight)
    return {"reduction": a("reduction", "mean"), "ignore_index": a("ignore_index", -100), "weight": weight}


@imports("SoftmaxCrossEntropyLoss")
def _read_softmax_cross_entropy(a: Attributes, x: Any, labels: Any, weight: Any = None) -> Any:
    loss = ops.softmax_cross_entropy(x, array(labels), **_options(a, weight))
    return (loss, ops.log_softmax(x, 1)) if a.outputs > 1 else loss


@imports("NegativeLogLikelihoodLoss")
def _read_nll_loss(a: Attributes, x: Any, labels: Any, weight: Any = None) -> Any:
    return ops.nll_loss(x, array(labels), **_options(a, weight))
