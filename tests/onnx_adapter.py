"""The operators of ONNX that the package has: what a case of each proves, and optimizers, which are operators there."""

from __future__ import annotations

import functools
import math
from typing import Any

import pytest

import autograd_cnn as ac

onnx = pytest.importorskip("onnx", reason="the adapter reads graphs with the onnx package")

from autograd_cnn.onnx import importer  # noqa: E402
from autograd_cnn.onnx.errors import Reason, UnsupportedError  # noqa: E402
from autograd_cnn.onnx.families import IMPORTS  # noqa: E402
from autograd_cnn.onnx.families.tables import Attributes, one  # noqa: E402
from autograd_cnn.onnx.files import read_graph  # noqa: E402

Unsupported = UnsupportedError
OPERATORS = IMPORTS
#: What only serves to compute shapes and masks: it counts as no operator of ours.
HELPERS = {"And", "Cast", "CastLike", "Constant", "ConstantOfShape", "Equal", "Greater", "GreaterOrEqual", "Less"}
HELPERS |= {"LessOrEqual", "Mod", "Not", "Or", "Range", "Shape", "Size", "Xor"}
#: The ops that these operators are, when they stand alone: what a case of one proves.
COUNTERPARTS = {
    "Abs": "abs",
    "Acos": "arccos",
    "Add": "add",
    "Asin": "arcsin",
    "Atan": "arctan",
    "AveragePool": "avg_pool2d",
    "BatchNormalization": "batch_norm",
    "Ceil": "ceil",
    "Clip": "clip",
    "Concat": "concatenate",
    "Conv": "conv2d",
    "ConvTranspose": "conv_transpose2d",
    "Cos": "cos",
    "Cosh": "cosh",
    "CumSum": "cumsum",
    "Det": "linalg.det",
    "Div": "divide",
    "Dropout": "dropout",
    "Einsum": "einsum",
    "Elu": "elu",
    "Erf": "erf",
    "Exp": "exp",
    "Expand": "broadcast_to",
    "Flatten": "flatten",
    "Floor": "floor",
    "Gather": "take",
    "Gelu": "gelu",
    "Gemm": "linear",
    "GlobalAveragePool": "global_avg_pool2d",
    "GroupNormalization": "group_norm",
    "LayerNormalization": "layer_norm",
    "LeakyRelu": "leaky_relu",
    "Log": "log",
    "LogSoftmax": "log_softmax",
    "MatMul": "matmul",
    "Max": "maximum",
    "MaxPool": "max_pool2d",
    "Min": "minimum",
    "Mul": "multiply",
    "Neg": "negative",
    "NegativeLogLikelihoodLoss": "nll_loss",
    "Pad": "pad",
    "Pow": "power",
    "ReduceLogSumExp": "logsumexp",
    "ReduceMax": "max",
    "ReduceMean": "mean",
    "ReduceMin": "min",
    "ReduceProd": "prod",
    "ReduceSum": "sum",
    "Relu": "relu",
    "Reciprocal": "reciprocal",
    "Reshape": "reshape",
    "Round": "round",
    "Sigmoid": "sigmoid",
    "Sign": "sign",
    "Sin": "sin",
    "Sinh": "sinh",
    "Slice": "getitem",
    "Softmax": "softmax",
    "SoftmaxCrossEntropyLoss": "softmax_cross_entropy",
    "Softplus": "softplus",
    "Split": "split",
    "Sqrt": "sqrt",
    "Squeeze": "squeeze",
    "Sub": "subtract",
    "Swish": "silu",
    "Tan": "tan",
    "Tanh": "tanh",
    "Tile": "tile",
    "Transpose": "transpose",
    "Unsqueeze": "expand_dims",
    "Where": "where",
}
#: Inputs that have no gradient, by their places.
CONSTANTS = importer.CONSTANTS | importer.STATISTICS | {key: {0} for key in ("Ceil", "Floor", "Round", "Sign")}


def operators(model: onnx.ModelProto) -> list[str]:
    """Name the operators of a graph, constants aside, in the order of their first use."""
    return list(dict.fromkeys(node.op_type for node in model.graph.node if node.op_type != "Constant"))


def constants(model: onnx.ModelProto) -> set[str]:
    """Name the inputs that the package takes as constants."""
    return {node.input[i] for node in model.graph.node for i in CONSTANTS.get(node.op_type, ()) if i < len(node.input)}


def run(model: onnx.ModelProto, inputs: dict[str, Any]) -> dict[str, Any]:
    """Give every value of a graph by its name, from those of the inputs and weights."""
    return importer.run(read_graph(model, "the case"), inputs, "the case")


# --- optimizers ---------------------------------------------------------------------------------------------

# Each gives our optimizer for a learning rate and the number of updates before; what it keeps, in ONNX's order; and
# its own number of steps before.


def _adagrad(a, lr, t):
    eps = a("epsilon", 1e-6)
    make = functools.partial(ac.optim.AdaGrad, lr=lr, lr_decay=a("decay_factor", 0), eps=eps)
    return make, ("sum",), t


def _adam(a, lr, t):
    if a("norm_coefficient_post", 0):
        raise Unsupported(Reason.OPERATOR)  # it shrinks the new weights whatever the learning rate, which ours does not
    # ONNX divides by √v + eps, we by √v̂ + eps; it counts from 0 and corrects nothing the first time, we from 1.
    step, betas = max(t, 1), (a("alpha", 0.9), a("beta", 0.999))
    corrections = 1 - betas[0] ** step, math.sqrt(1 - betas[1] ** step)
    lr = lr if t else lr * corrections[0] / corrections[1]
    make = functools.partial(ac.optim.Adam, lr=lr, betas=betas, eps=a("epsilon", 1e-6) / corrections[1])
    return make, ("mean", "square"), step - 1


def _momentum(a, lr, t):
    if t and a("beta") != 1:
        raise Unsupported(Reason.OPERATOR)  # from the second update on the gradient counts `beta` times, with us once
    make = functools.partial(ac.optim.SGD, lr=lr, momentum=a("alpha"), nesterov=a("mode") == "nesterov")
    return make, ("velocity",), t


OPTIMIZERS = {"Adagrad": _adagrad, "Adam": _adam, "Momentum": _momentum}


def update(model: onnx.ModelProto, inputs: dict[str, Any]) -> list[Any]:
    """Give the outputs of a graph that is one optimizer: the new parameters, then what is kept for them."""
    (node,) = model.graph.node
    given = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
    given = {name: v.decode() if isinstance(v, bytes) else v for name, v in given.items()}
    a = Attributes(given, 1, len(node.output), lambda _: None)
    lr, t, *arrays = (inputs[name] for name in node.input)
    make, slots, steps = OPTIMIZERS[node.op_type](a, one(lr), one(t))
    count = len(arrays) // (2 + len(slots))
    values, grads, *kept = (arrays[i : i + count] for i in range(0, len(arrays), count))
    params = [ac.Tensor(value.copy(), requires_grad=True) for value in values]
    optimizer = make(params, weight_decay=a("norm_coefficient", 0))
    state = {str(i): dict(zip(slots, own, strict=True)) for i, own in enumerate(zip(*kept, strict=True))}
    optimizer.load_state_dict({"lr": optimizer.lr, "steps": steps, "state": state})
    for p, grad in zip(params, grads, strict=True):
        p.grad = grad
    optimizer.step()
    return [p.data for p in params] + [optimizer.state[str(i)][slot] for slot in slots for i in range(count)]
