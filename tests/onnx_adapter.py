"""Run an ONNX graph on the package's ops: one small function an operator, in a table by the operator's name.

A function takes the node's attributes and its inputs (arrays, Tensors, or None for those left out) and gives the
output, or a tuple of the outputs. What we have no counterpart for raises `Unsupported` with one of `Reason`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
import pytest

import autograd_cnn as ac

onnx = pytest.importorskip("onnx", reason="the adapter reads graphs with the onnx package")
helper, numpy_helper = onnx.helper, onnx.numpy_helper


class Reason(Enum):
    """Why a case is not run: the closed set."""

    OPERATOR = "an operator with no counterpart here"
    DTYPE = "other numbers than float32 and float64, or no numbers at all"
    DIMENSIONS = "images of three dimensions"
    RANDOM = "random numbers"
    PADDING_MODE = "padding by other than a constant, or by less than nothing"
    INDICES = "the places of the maxima as an output"
    DILATED_AVERAGE = "dilated average pooling"
    EMPTY = "the maximum of nothing"


class Unsupported(Exception):  # noqa: N818 -- not an error
    """A case asks for something that the package does not have."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class Attributes(NamedTuple):
    """The attributes of a node, and what else decides its meaning."""

    given: dict[str, Any]
    opset: int
    outputs: int

    def __call__(self, name: str, default: Any = None) -> Any:
        return self.given.get(name, default)


OPERATORS: dict[str, Callable[..., Any]] = {}
#: What only serves to compute shapes and masks: it counts as no operator of ours.
HELPERS = {"And", "Cast", "CastLike", "Constant", "ConstantOfShape", "Equal", "Greater", "GreaterOrEqual", "Less"}
HELPERS |= {"LessOrEqual", "Mod", "Not", "Or", "Range", "Shape", "Size"}
#: The ops that these operators are, when they stand alone: what a case of one proves.
COUNTERPARTS = {
    "Abs": "abs",
    "Add": "add",
    "AveragePool": "avg_pool2d",
    "BatchNormalization": "batch_norm",
    "Clip": "clip",
    "Concat": "concatenate",
    "Conv": "conv2d",
    "ConvTranspose": "conv_transpose2d",
    "Div": "divide",
    "Dropout": "dropout",
    "Einsum": "einsum",
    "Elu": "elu",
    "Erf": "erf",
    "Exp": "exp",
    "Expand": "broadcast_to",
    "Flatten": "flatten",
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
    "ReduceSum": "sum",
    "Relu": "relu",
    "Reshape": "reshape",
    "Sigmoid": "sigmoid",
    "Sign": "sign",
    "Slice": "getitem",
    "Softmax": "softmax",
    "SoftmaxCrossEntropyLoss": "softmax_cross_entropy",
    "Softplus": "softplus",
    "Split": "split",
    "Sqrt": "sqrt",
    "Squeeze": "squeeze",
    "Sub": "subtract",
    "Swish": "silu",
    "Tanh": "tanh",
    "Transpose": "transpose",
    "Unsqueeze": "expand_dims",
    "Where": "where",
}
#: Inputs that the package takes as constants, by their places: bounds, statistics, labels, class weights.
CONSTANTS = {
    "BatchNormalization": {3, 4},
    "Clip": {1, 2},
    "Dropout": {1, 2},
    "NegativeLogLikelihoodLoss": {1, 2},
    "Pad": {1, 2, 3},
    "Sign": {0},
    "SoftmaxCrossEntropyLoss": {1, 2},
}


def operator(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Put a function into the table."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        OPERATORS.update(dict.fromkeys(names, function))
        return function

    return register


def array(value: Any) -> np.ndarray:
    """Give the value as an array, cut off from the graph."""
    return np.asarray(value.data if isinstance(value, ac.Tensor) else value)


def integers(value: Any) -> tuple[int, ...] | None:
    """Give an attribute or an input as a tuple of integers."""
    return None if value is None else tuple(int(v) for v in array(value).reshape(-1))


def one(value: Any) -> float:
    """Give the only element of a constant input."""
    return array(value).item()


# --- element by element -------------------------------------------------------------------------------------


def _align(a: Attributes, x: Any, y: Any, axis: int | None = None) -> Any:
    """Give `y` the axes that it took from `axis` on, before opset 7."""
    axis = a("axis", axis)
    if a.opset >= 7 or axis is None or np.size(array(y)) == 1:
        return y
    return ac.reshape(y, np.shape(y) + (1,) * (np.ndim(x) - axis % np.ndim(x) - np.ndim(y)))


for _name, _op in {"Add": ac.add, "Sub": ac.subtract, "Mul": ac.multiply, "Pow": ac.power}.items():
    OPERATORS[_name] = lambda a, x, y, _op=_op: _op(x, _align(a, x, y))
for _name, _op in {
    "Abs": ac.abs,
    "Erf": ac.erf,
    "Exp": ac.exp,
    "Log": ac.log,
    "Neg": ac.negative,
    "Relu": ac.relu,
    "Sigmoid": ac.sigmoid,
    "Sign": ac.sign,
    "Softplus": ac.softplus,
    "Sqrt": ac.sqrt,
    "Tanh": ac.tanh,
}.items():
    OPERATORS[_name] = lambda _, x, _op=_op: _op(x)
# Logic and integer arithmetic on the way to a shape or a mask.
for _name, _op in {
    "And": np.logical_and,
    "Equal": np.equal,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "Mod": np.mod,
    "Not": np.logical_not,
    "Or": np.logical_or,
}.items():
    OPERATORS[_name] = lambda _, *xs, _op=_op: _op(*map(array, xs))

OPERATORS |= {
    "Identity": lambda _, x: x,
    "Max": lambda _, *xs: functools.reduce(ac.maximum, xs),
    "Min": lambda _, *xs: functools.reduce(ac.minimum, xs),
    "Sum": lambda _, *xs: functools.reduce(ac.add, xs),
    "Mean": lambda _, *xs: ac.divide(functools.reduce(ac.add, xs), len(xs)),
    "Reciprocal": lambda _, x: ac.divide(1, x),
    "Where": lambda _, condition, x, y: ac.where(condition, x, y),
    "LeakyRelu": lambda a, x: ac.leaky_relu(x, a("alpha", 0.01)),
    "Elu": lambda a, x: ac.elu(x, a("alpha", 1.0)),
    "Gelu": lambda a, x: ac.gelu(x, a("approximate", "none")),
    "PRelu": lambda a, x, slope: ac.where(array(x) > 0, x, ac.multiply(x, _align(a, x, slope, 1))),
    "Softsign": lambda _, x: ac.divide(x, ac.add(1, ac.abs(x))),
}


@operator("Div")
def _divide(a, x, y):
    if array(x).dtype.kind in "iu":
        return array(x) // array(y)  # of lengths, on the way to a shape
    return ac.divide(x, _align(a, x, y))


@operator("Swish")
def _swish(a, x):
    alpha = a("alpha", 1.0)
    return ac.silu(x) if alpha == 1 else x * ac.sigmoid(x * alpha)


@operator("Selu")
def _selu(a, x):
    alpha, gamma = a("alpha", 1.6732632423543772), a("gamma", 1.0507009873554805)
    return ac.multiply(ac.elu(x, alpha), gamma)


@operator("Clip")
def _clip(a, x, low=None, high=None):
    low, high = (one(v) if v is not None else a(name) for v, name in ((low, "min"), (high, "max")))
    return ac.clip(x, low, high)


@operator("Cast", "CastLike")
def _cast(a, x, like=None):
    dtype = helper.tensor_dtype_to_np_dtype(a("to")) if like is None else array(like).dtype
    if dtype.kind not in "iubf" or dtype == np.float16:
        raise Unsupported(Reason.DTYPE)
    return ac.astype(x, dtype) if dtype.kind == "f" else array(x).astype(dtype)


# --- shapes -------------------------------------------------------------------------------------------------

OPERATORS |= {
    "Shape": lambda a, x: np.array(np.shape(x)[slice(a("start"), a("end"))]),
    "Size": lambda _, x: np.array(np.size(array(x))),
    "Range": lambda _, *bounds: np.arange(*map(one, bounds), dtype=array(bounds[0]).dtype),
    "Constant": lambda a: next(numpy_helper.to_array(v) if k == "value" else np.array(v) for k, v in a.given.items()),
    "Transpose": lambda a, x: ac.transpose(x, a("perm")),
    "Concat": lambda a, *xs: ac.concatenate(xs, a("axis", 1)),
    "Expand": lambda _, x, shape: ac.broadcast_to(x, np.broadcast_shapes(np.shape(x), integers(shape))),
    "Gather": lambda a, x, indices: ac.take(x, indices, a("axis", 0)),
    "Tile": lambda _, x, repeats: functools.reduce(
        lambda y, axis: ac.concatenate([y] * integers(repeats)[axis], axis), range(np.ndim(x)), x
    ),
}


@operator("ConstantOfShape")
def _constant_of_shape(a, shape):
    value = numpy_helper.to_array(a("value")) if a("value") else np.zeros(1, np.float32)
    return np.full(integers(shape), value[0], value.dtype)


@operator("Reshape")
def _reshape(a, x, shape=None):
    shape = integers(a("shape") if shape is None else shape)
    if not a("allowzero"):
        shape = tuple(n or np.shape(x)[i] for i, n in enumerate(shape))
    return ac.reshape(x, shape)


@operator("Flatten")
def _flatten(a, x):
    axis = a("axis", 1)
    if axis == 1 and np.ndim(x) > 1:
        return ac.flatten(x, 1)
    return ac.reshape(x, (math.prod(np.shape(x)[:axis]), math.prod(np.shape(x)[axis:])))


@operator("Squeeze")
def _squeeze(a, x, axes=None):
    return ac.squeeze(x, integers(a("axes") if axes is None else axes))


@operator("Unsqueeze")
def _unsqueeze(a, x, axes=None):
    return ac.expand_dims(x, integers(a("axes") if axes is None else axes))


@operator("Split")
def _split(a, x, sizes=None):
    axis = a("axis", 0)
    sizes = integers(a("split") if sizes is None else sizes)
    length = np.shape(x)[axis]
    if sizes is None and length % a.outputs == 0:
        return tuple(ac.split(x, a.outputs, axis))
    cuts = np.cumsum(sizes[:-1]) if sizes else np.arange(1, a.outputs) * math.ceil(length / a.outputs)
    return tuple(ac.split(x, integers(cuts), axis))


@operator("Pad")
def _pad(a, x, pads=None, value=None, axes=None):
    pads = integers(next(p for p in (pads, a("pads"), a("paddings")) if p is not None))
    if a("mode", "constant") != "constant" or min(pads) < 0:
        raise Unsupported(Reason.PADDING_MODE)
    axes = range(np.ndim(x)) if axes is None else integers(axes)
    widths = [(0, 0)] * np.ndim(x)
    for i, axis in enumerate(axes):
        widths[axis] = (pads[i], pads[i + len(pads) // 2])
    return ac.pad(x, widths, constant_values=a("value", 0.0) if value is None else one(value))


@operator("Slice")
def _slice(a, x, starts=None, ends=None, axes=None, steps=None):
    starts, ends = (integers(a(n) if v is None else v) for n, v in (("starts", starts), ("ends", ends)))
    axes = integers(a("axes") if axes is None else axes) or range(len(starts))
    index = [slice(None)] * np.ndim(x)
    for axis, start, end, step in zip(axes, starts, ends, integers(steps) or [1] * len(starts), strict=True):
        # An end before the first element, going backwards, is None in NumPy.
        stop = None if step < 0 and end < -np.shape(x)[axis] else end
        index[axis] = slice(start, stop, step)
    return ac.getitem(x, tuple(index))


@operator("GatherElements")
def _gather_elements(a, x, indices):
    grid = list(np.indices(np.shape(indices), sparse=True))
    grid[a("axis", 0)] = array(indices)
    return ac.getitem(x, tuple(grid))


@operator("GatherND")
def _gather_nd(a, x, indices):
    batch, places = a("batch_dims", 0), array(indices)
    before = np.indices(places.shape[:batch], sparse=True)
    before = [b.reshape(b.shape + (1,) * (places.ndim - 1 - batch)) for b in before]
    return ac.getitem(x, (*before, *np.moveaxis(places, -1, 0)))


# --- reductions and products --------------------------------------------------------------------------------


def _reduction(reduce: Callable[..., Any], a: Attributes, x: Any, axes: Any = None) -> Any:
    axes = integers(a("axes") if axes is None else axes)
    if not axes and a("noop_with_empty_axes"):
        return x
    axes = axes or tuple(range(np.ndim(x)))
    if reduce not in (ac.sum, ac.mean) and 0 in (np.shape(x)[axis] for axis in axes):
        raise Unsupported(Reason.EMPTY)
    return reduce(x, axes, bool(a("keepdims", 1)))


for _name, _op in {
    "ReduceSum": ac.sum,
    "ReduceMean": ac.mean,
    "ReduceMax": ac.max,
    "ReduceMin": ac.min,
    "ReduceLogSumExp": ac.logsumexp,
}.items():
    OPERATORS[_name] = functools.partial(_reduction, _op)
for _name, _before, _after in (
    ("ReduceL1", ac.abs, None),
    ("ReduceL2", lambda x: ac.multiply(x, x), ac.sqrt),
    ("ReduceSumSquare", lambda x: ac.multiply(x, x), None),
    ("ReduceLogSum", lambda x: x, ac.log),
):

    def _composed(a, x, axes=None, _before=_before, _after=_after):
        axes = integers(a("axes") if axes is None else axes)
        total = _before(x) if not axes and a("noop_with_empty_axes") else _reduction(ac.sum, a, _before(x), axes)
        return total if _after is None else _after(total)

    OPERATORS[_name] = _composed

OPERATORS |= {
    "MatMul": lambda _, x, y: ac.matmul(x, y),
    "Einsum": lambda a, *xs: ac.einsum(a("equation"), *xs),
}


@operator("Gemm")
def _gemm(a, x, y, z=None):
    alpha, beta = a("alpha", 1.0), a("beta", 1.0)
    if a("transB") and not a("transA") and alpha == beta == 1 and (z is None or np.ndim(z) == 1):
        return ac.linear(x, y, z)
    out = ac.matmul(ac.transpose(x) if a("transA") else x, ac.transpose(y) if a("transB") else y) * alpha
    return out if z is None else ac.add(out, ac.multiply(z, beta))


# --- images -------------------------------------------------------------------------------------------------


def _images(convolve: Callable[..., Any]) -> Callable[..., Any]:
    """Let an op of images take signals too, as images of one row."""

    @functools.wraps(convolve)
    def lifted(a, x, *others):
        if np.ndim(x) == 4:
            return convolve(a, x, *others)
        if np.ndim(x) != 3:
            raise Unsupported(Reason.DIMENSIONS)
        first = {"kernel_shape": 1, "strides": 1, "dilations": 1, "output_padding": 0}
        given = {name: [first[name], *v] if name in first else v for name, v in a.given.items()}
        for name, zero in (("pads", 0), ("output_shape", 1)):
            if name in given:
                v = given[name]
                given[name] = [zero, *v[: len(v) // 2], zero, *v[len(v) // 2 :]] if name == "pads" else [zero, *v]
        others = [ac.expand_dims(v, 2) if np.ndim(v) == 3 else v for v in others]
        return ac.squeeze(convolve(a._replace(given=given), ac.expand_dims(x, 2), *others), 2)

    return lifted


def _pads(a: Attributes, image: Sequence[int], size: Sequence[int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Give the padding (before, after) of both axes, with `auto_pad` worked out."""
    auto = a("auto_pad", "NOTSET")
    if auto == "NOTSET":
        top, left, bottom, right = a("pads", (0, 0, 0, 0))
        return (top, bottom), (left, right)
    if auto == "VALID":
        return (0, 0), (0, 0)
    pads = []
    for n, k, s, d in zip(image, size, a("strides", (1, 1)), a("dilations", (1, 1)), strict=True):
        total = max((math.ceil(n / s) - 1) * s + d * (k - 1) + 1 - n, 0)
        less, more = total // 2, total - total // 2
        pads.append((less, more) if auto == "SAME_UPPER" else (more, less))
    return pads[0], pads[1]


def _padded(x: Any, pads: Any, size: Sequence[int], value: float = 0.0) -> tuple[Any, tuple[int, int]]:
    """Give the images and the padding that is left to the op: all of it where the op can do it."""
    (top, bottom), (left, right) = pads
    if (top, left) == (bottom, right) and top <= size[0] // 2 and left <= size[1] // 2:
        return x, (top, left)
    return ac.pad(x, ((0, 0), (0, 0), *pads), constant_values=value), (0, 0)


@operator("Conv")
@_images
def _conv(a, x, weight, bias=None):
    size = np.shape(weight)[2:]
    x, padding = _padded(x, _pads(a, np.shape(x)[2:], size), size)
    options = tuple(a("strides", (1, 1))), padding, tuple(a("dilations", (1, 1))), a("group", 1)
    return ac.conv2d(x, weight, bias, *options)


@operator("ConvTranspose")
@_images
def _conv_transpose(a, x, weight, bias=None):
    strides, dilations = a("strides", (1, 1)), a("dilations", (1, 1))
    extra, groups = a("output_padding", (0, 0)), a("group", 1)
    full = [
        (n - 1) * s + d * (k - 1) + 1
        for n, s, d, k in zip(np.shape(x)[2:], strides, dilations, np.shape(weight)[2:], strict=True)
    ]
    auto = a("auto_pad", "NOTSET")
    target = a("output_shape")
    if target is None and auto.startswith("SAME"):
        target = [n * s for n, s in zip(np.shape(x)[2:], strides, strict=True)]
    if target is None:
        top, left, bottom, right = a("pads", (0, 0, 0, 0))
    else:
        totals = [max(f + e - t, 0) for f, e, t in zip(full, extra, target, strict=True)]
        less = [t // 2 if auto != "SAME_LOWER" else t - t // 2 for t in totals]
        (top, left), (bottom, right) = less, [t - n for t, n in zip(totals, less, strict=True)]
        extra = [max(t - f, e) for f, e, t in zip(full, extra, target, strict=True)]
    if (top, left) == (bottom, right):
        return ac.conv_transpose2d(x, weight, bias, strides, (top, left), extra, groups, dilations)
    # Padding takes rows and columns away: here not as many on every side.
    out = ac.conv_transpose2d(x, weight, bias, strides, 0, extra, groups, dilations)
    rows, columns = np.shape(out)[2:]
    return out[:, :, top : rows - bottom, left : columns - right]


@operator("MaxPool")
def _max_pool(a, x):
    if a.outputs > 1:
        raise Unsupported(Reason.INDICES)
    return _max_pool_images(a, x)


@_images
def _max_pool_images(a, x):
    size = tuple(a("kernel_shape"))
    x, padding = _padded(x, _pads(a, np.shape(x)[2:], size), size, -np.inf)
    options = tuple(a("strides", (1, 1))), padding, tuple(a("dilations", (1, 1))), bool(a("ceil_mode"))
    return ac.max_pool2d(x, size, *options)


@operator("AveragePool")
@_images
def _average_pool(a, x):
    if set(a("dilations", (1, 1))) != {1}:
        raise Unsupported(Reason.DILATED_AVERAGE)
    size, strides = tuple(a("kernel_shape")), tuple(a("strides", (1, 1)))
    ceil, whole = bool(a("ceil_mode")), bool(a("count_include_pad"))
    pads = _pads(a, np.shape(x)[2:], size)
    padded, padding = _padded(x, pads, size)
    if padded is x or whole:
        return ac.avg_pool2d(padded, size, strides, padding, ceil, whole)
    share = ac.avg_pool2d(_padded(np.ones_like(array(x)), pads, size)[0], size, strides, 0, ceil)
    return ac.divide(ac.avg_pool2d(padded, size, strides, 0, ceil), share)


@operator("GlobalAveragePool")
def _global_average_pool(a, x):
    return ac.expand_dims(ac.global_avg_pool2d(x), (2, 3))


OPERATORS["GlobalMaxPool"] = lambda _, x: ac.max(x, tuple(range(2, np.ndim(x))), True)


@operator("DepthToSpace")
def _depth_to_space(a, x):
    n, c, h, w = np.shape(x)
    b = a("blocksize")
    if a("mode", "DCR") == "DCR":
        blocks = ac.transpose(ac.reshape(x, (n, b, b, c // b**2, h, w)), (0, 3, 4, 1, 5, 2))
    else:
        blocks = ac.transpose(ac.reshape(x, (n, c // b**2, b, b, h, w)), (0, 1, 4, 2, 5, 3))
    return ac.reshape(blocks, (n, c // b**2, h * b, w * b))


# --- normalization and losses -------------------------------------------------------------------------------


@operator("Softmax", "LogSoftmax")
def _softmax(a, x, op=ac.softmax):
    axis = a("axis", -1 if a.opset >= 13 else 1)
    if a.opset >= 13:
        return op(x, axis)
    # Before opset 13 all axes from `axis` on are one.
    return ac.reshape(op(ac.reshape(x, (math.prod(np.shape(x)[:axis]), -1)), 1), np.shape(x))


OPERATORS["LogSoftmax"] = functools.partial(_softmax, op=ac.log_softmax)


@operator("BatchNormalization")
def _batch_normalization(a, x, weight, bias, mean, var):
    momentum, eps = 1 - a("momentum", 0.9), a("epsilon", 1e-5)
    training = bool(a("training_mode"))
    new_mean, new_var = array(mean).copy(), array(var).copy()
    out = ac.batch_norm(x, new_mean, new_var, weight, bias, training, momentum, eps)
    if not training:
        return out
    # ONNX moves the running variance towards the biased variance of the batch, we towards the unbiased.
    kept, count = (1 - momentum) * array(var), np.size(array(x)) // np.shape(x)[1]
    return out, new_mean, kept + (new_var - kept) * (count - 1) / count


@operator("LayerNormalization")
def _layer_normalization(a, x, weight=None, bias=None):
    eps, axis = a("epsilon", 1e-5), a("axis", -1) % np.ndim(x)
    out = ac.layer_norm(x, np.shape(x)[axis:], weight, bias, eps)
    axes = tuple(range(axis, np.ndim(x)))
    return out, ac.mean(x, axes, True), ac.divide(1, ac.sqrt(ac.add(ac.var(x, axes, keepdims=True), eps)))


@operator("GroupNormalization")
def _group_normalization(a, x, weight, bias):
    return ac.group_norm(x, a("num_groups"), weight, bias, a("epsilon", 1e-5))


@operator("InstanceNormalization")
def _instance_normalization(a, x, weight, bias):
    return ac.group_norm(x, np.shape(x)[1], weight, bias, a("epsilon", 1e-5))


@operator("Dropout")
def _dropout(a, x, ratio=None, training=None):
    rate = a("ratio", 0.5) if ratio is None else one(ratio)
    if training is not None and one(training):
        if rate:
            raise Unsupported(Reason.RANDOM)
        return ac.dropout(x, rate, True, np.random.default_rng(0)), np.ones(np.shape(x), bool)
    return ac.dropout(x, rate, False), np.ones(np.shape(x), bool)


def _loss_options(a: Attributes, weight: Any) -> dict[str, Any]:
    weight = None if weight is None else array(weight)
    return {"reduction": a("reduction", "mean"), "ignore_index": a("ignore_index", -100), "weight": weight}


@operator("SoftmaxCrossEntropyLoss")
def _softmax_cross_entropy(a, x, labels, weight=None):
    return ac.softmax_cross_entropy(x, array(labels), **_loss_options(a, weight)), ac.log_softmax(x, 1)


@operator("NegativeLogLikelihoodLoss")
def _nll_loss(a, x, labels, weight=None):
    return ac.nll_loss(x, array(labels), **_loss_options(a, weight))


# --- graphs -------------------------------------------------------------------------------------------------


def _attributes(node: onnx.NodeProto, opset: int) -> Attributes:
    given = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    given = {name: v.decode() if isinstance(v, bytes) else v for name, v in given.items()}
    return Attributes(given, opset, len(node.output))


def operators(model: onnx.ModelProto) -> list[str]:
    """Name the operators of a graph, constants aside, in the order of their first use."""
    return list(dict.fromkeys(node.op_type for node in model.graph.node if node.op_type != "Constant"))


def constants(model: onnx.ModelProto) -> set[str]:
    """Name the inputs that the package takes as constants."""
    return {node.input[i] for node in model.graph.node for i in CONSTANTS.get(node.op_type, ()) if i < len(node.input)}


def run(model: onnx.ModelProto, inputs: dict[str, Any]) -> dict[str, Any]:
    """Give every value of a graph by its name, from those of the inputs and weights."""
    opset = next(item.version for item in model.opset_import if item.domain == "")
    values = {"": None} | inputs
    for node in model.graph.node:
        function = OPERATORS.get(node.op_type)
        if function is None or node.domain:
            raise Unsupported(Reason.OPERATOR)
        outputs = function(_attributes(node, opset), *[values[name] for name in node.input])
        values |= zip(node.output, outputs if isinstance(outputs, tuple) else (outputs,), strict=False)
    return values


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
    a = _attributes(node, 1)
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
