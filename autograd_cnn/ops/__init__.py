"""The ops: one file for each family, with the forward and backward of each op side by side.

Every op takes arrays, Tensors or a mixture of them. On arrays alone it returns an array, otherwise a Tensor. Array ops
have NumPy's names and arguments, network ops those of PyTorch's functional API.
"""

from autograd_cnn.ops import linalg as linalg
from autograd_cnn.ops.activation import (
    elu,
    erf,
    gelu,
    leaky_relu,
    log_softmax,
    relu,
    sigmoid,
    silu,
    softmax,
    softplus,
    tanh,
)
from autograd_cnn.ops.arrangement import (
    atleast_1d,
    atleast_2d,
    flip,
    hstack,
    moveaxis,
    ravel,
    repeat,
    roll,
    swapaxes,
    tile,
    vstack,
)
from autograd_cnn.ops.batch_normalization import batch_norm
from autograd_cnn.ops.comparison import (
    clip,
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    maximum,
    minimum,
    not_equal,
    where,
)
from autograd_cnn.ops.contraction import dot, inner, outer, tensordot
from autograd_cnn.ops.convolution import conv2d, conv_transpose2d
from autograd_cnn.ops.cross_entropy import nll_loss, softmax_cross_entropy
from autograd_cnn.ops.cumulative import cumprod, cumsum, diff, prod
from autograd_cnn.ops.diagonals import diag, trace, tril, triu
from autograd_cnn.ops.dropout import dropout
from autograd_cnn.ops.elementwise import (
    abs,
    add,
    astype,
    divide,
    exp,
    log,
    multiply,
    negative,
    power,
    sign,
    sqrt,
    subtract,
)
from autograd_cnn.ops.exponential import expm1, log1p, log2, log10, logaddexp, reciprocal, square
from autograd_cnn.ops.indexing import getitem, setitem, take
from autograd_cnn.ops.joining import concatenate, pad, split, stack
from autograd_cnn.ops.linear import einsum, linear, matmul
from autograd_cnn.ops.loss import binary_cross_entropy, l1_loss, mse_loss, sigmoid_cross_entropy, smooth_l1_loss
from autograd_cnn.ops.normalization import group_norm, layer_norm
from autograd_cnn.ops.pooling import avg_pool2d, global_avg_pool2d, max_pool2d
from autograd_cnn.ops.reduction import logsumexp, max, mean, min, sum, var
from autograd_cnn.ops.resampling import adaptive_avg_pool2d, pixel_shuffle, upsample_nearest
from autograd_cnn.ops.rounding import ceil, floor, floor_divide, mod, round, trunc
from autograd_cnn.ops.shape import broadcast_to, expand_dims, flatten, reshape, squeeze, transpose
from autograd_cnn.ops.sorting import argmax, argmin, argsort, sort
from autograd_cnn.ops.statistics import average, std
from autograd_cnn.ops.trigonometry import arccos, arcsin, arctan, arctan2, cos, cosh, sin, sinh, tan
from autograd_cnn.recording.call_site import machinery

machinery(__name__)

__all__ = [
    "abs",
    "adaptive_avg_pool2d",
    "add",
    "arccos",
    "arcsin",
    "arctan",
    "arctan2",
    "argmax",
    "argmin",
    "argsort",
    "astype",
    "atleast_1d",
    "atleast_2d",
    "average",
    "avg_pool2d",
    "batch_norm",
    "binary_cross_entropy",
    "broadcast_to",
    "ceil",
    "clip",
    "concatenate",
    "conv2d",
    "conv_transpose2d",
    "cos",
    "cosh",
    "cumprod",
    "cumsum",
    "diag",
    "diff",
    "divide",
    "dot",
    "dropout",
    "einsum",
    "elu",
    "equal",
    "erf",
    "exp",
    "expand_dims",
    "expm1",
    "flatten",
    "flip",
    "floor",
    "floor_divide",
    "gelu",
    "getitem",
    "global_avg_pool2d",
    "greater",
    "greater_equal",
    "group_norm",
    "hstack",
    "inner",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "less",
    "less_equal",
    "linear",
    "log",
    "log1p",
    "log2",
    "log10",
    "log_softmax",
    "logaddexp",
    "logsumexp",
    "matmul",
    "max",
    "max_pool2d",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mod",
    "moveaxis",
    "mse_loss",
    "multiply",
    "negative",
    "nll_loss",
    "not_equal",
    "outer",
    "pad",
    "pixel_shuffle",
    "power",
    "prod",
    "ravel",
    "reciprocal",
    "relu",
    "repeat",
    "reshape",
    "roll",
    "round",
    "setitem",
    "sigmoid",
    "sigmoid_cross_entropy",
    "sign",
    "silu",
    "sin",
    "sinh",
    "smooth_l1_loss",
    "softmax",
    "softmax_cross_entropy",
    "softplus",
    "sort",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "subtract",
    "sum",
    "swapaxes",
    "take",
    "tan",
    "tanh",
    "tensordot",
    "tile",
    "trace",
    "transpose",
    "tril",
    "triu",
    "trunc",
    "upsample_nearest",
    "var",
    "vstack",
    "where",
]
