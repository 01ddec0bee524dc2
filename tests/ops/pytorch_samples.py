"""PyTorch's own samples of the ops that we share: its `op_db`, called with our ops.

Each entry of `OURS` takes the arguments of PyTorch's function and calls ours; what it cannot express raises `LeftOut`
with the reason. `test_pytorch_samples.py` walks them.
"""

import functools

import numpy as np

import autograd_cnn as ac


class LeftOut(Exception):  # noqa: N818 -- it is no error
    """A sample of something that we deliberately do in another way, or not at all; the message says why."""


OURS = {}
#: PyTorch's ops of which all samples are left out.
NONE = {"nn.functional.pad.replicate_negative", "nn.functional.softplus"}
#: The op of ours that stands for each name, for the table.
OP = {}


def of(*names, op=None):
    """Register a function for PyTorch's ops of these names."""

    def register(function):
        for name in names:
            OURS[name] = function
            OP[name] = op or function.__name__.strip("_")
        return function

    return register


def same(name, torch_name=None, arguments=1):
    """Register an op that takes only arrays, in the same order."""

    def call(*args, **kwargs):
        _no_more(kwargs)
        if len(args) != arguments:
            raise LeftOut("it has further arguments")
        return getattr(ac, name)(*args)

    OURS[torch_name or name] = call
    OP[torch_name or name] = name


def _no_more(kwargs, *known):
    for name, value in kwargs.items():
        if name in ("out", "layout", "memory_format", "device"):
            raise LeftOut(f"{name}=…: results are new arrays")
        if name not in known and value is not None:
            raise LeftOut(f"no argument {name}")


def _as(x, dtype):
    """Convert first, as PyTorch does for `dtype`; here it is an op of its own."""
    return x if dtype is None else ac.astype(x, str(dtype).removeprefix("torch."))


def axes(dim):
    """Return PyTorch's dim as NumPy's axis: in PyTorch, no axes at all stand for all axes."""
    return None if dim is None or dim == () or dim == [] else tuple(dim) if isinstance(dim, list | tuple) else dim


def _has_axes(x, axis=0):
    if not np.ndim(x) and axis is not None:
        raise LeftOut("an axis of an array without axes, as in NumPy")


for name, torch_name in {
    "negative": "neg", "exp": "exp", "log": "log", "sqrt": "sqrt", "abs": "abs", "sin": "sin", "cos": "cos",
    "tan": "tan",
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh",
    "log1p": "log1p",
    "expm1": "expm1", "log2": "log2", "log10": "log10", "square": "square", "reciprocal": "reciprocal",
    "floor": "floor",
    "ceil": "ceil", "trunc": "trunc", "sign": "sign", "sigmoid": "sigmoid", "erf": "erf",
}.items():  # fmt: skip
    same(name, torch_name)
for name, torch_name in {
    "multiply": "mul", "maximum": "maximum", "minimum": "minimum", "arctan2": "atan2", "logaddexp": "logaddexp",
    "matmul": "matmul", "dot": "dot", "inner": "inner", "outer": "outer", "power": "pow", "mod": "remainder",
}.items():  # fmt: skip
    same(name, torch_name, 2)
for name in ("maximum", "minimum"):
    same(name, f"{name[:3]}.binary", 2)
for name, torch_name in {"equal": "eq", "not_equal": "ne", "less": "lt", "less_equal": "le", "greater": "gt",
                         "greater_equal": "ge"}.items():  # fmt: skip
    same(name, torch_name, 2)


@of("add")
def add(x, y, alpha=1):
    return ac.add(x, y if alpha == 1 else ac.multiply(y, alpha))


@of("sub")
def subtract(x, y, alpha=1):
    return ac.subtract(x, y if alpha == 1 else ac.multiply(y, alpha))


@of("div", "true_divide")
def divide(x, y, rounding_mode=None):
    if rounding_mode == "floor":
        return ac.floor_divide(x, y)
    out = ac.divide(x, y)
    return ac.trunc(out) if rounding_mode == "trunc" else out


@of("where")
def where(x, condition, y):
    return ac.where(condition, x, y)


@of("clamp")
def clip(x, min=None, max=None):
    return ac.clip(x, min, max)


@of("round")
def round(x, decimals=0):
    return ac.round(x, decimals)


# --- reductions ------------------------------------------------------------------------------------------------------


def _reduction(name, **fixed):
    def call(x, dim=None, keepdim=False, *, dtype=None):
        x = _as(x, dtype)
        _has_axes(x, axes(dim))
        return getattr(ac, name)(x, axes(dim), keepdims=keepdim, **fixed)

    return call


for name, torch_name in {
    "sum": "sum", "mean": "mean", "max": "amax", "min": "amin", "logsumexp": "logsumexp", "prod": "prod",
}.items():  # fmt: skip
    of(torch_name, op=name)(_reduction(name))


def _spread(name):
    def call(x, dim=None, unbiased=None, keepdim=False, *, correction=1):
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        if correction is None:
            correction = 1
        if unbiased is not None:
            correction = int(unbiased)
        return getattr(ac, name)(x, axes(dim), ddof=correction, keepdims=keepdim)

    return call


for name in ("var", "std"):
    of(name, op=name)(_spread(name))


def _extreme(name):
    def call(x, dim=None, keepdim=False):
        return getattr(ac, name)(x, dim, keepdims=keepdim)

    return call


for name in ("max", "min"):
    of(f"{name}.reduction_with_dim", f"{name}.reduction_no_dim", op=name)(_extreme(name))


def _index(name):
    def call(x, dim=None, keepdim=False):
        return getattr(ac, name)(x, dim, keepdims=keepdim)

    return call


for name in ("argmax", "argmin"):
    of(name, op=name)(_index(name))


def _cumulative(name):
    def call(x, dim, *, dtype=None):
        x = _as(x, dtype)
        _has_axes(x)
        return getattr(ac, name)(x, dim)

    return call


for name in ("cumsum", "cumprod"):
    of(name, op=name)(_cumulative(name))


@of("sort")
def sort(x, dim=-1, descending=False, *, stable=False):
    if descending:
        raise LeftOut("descending order: use flip, as in NumPy")
    _has_axes(x)
    return ac.sort(x, dim)


@of("argsort")
def argsort(x, dim=-1, descending=False, *, stable=False):
    if descending:
        raise LeftOut("descending order: use flip, as in NumPy")
    if not stable:
        raise LeftOut("the order of equal elements is not defined without stable=True")
    return ac.argsort(x, dim)


@of("diff")
def diff(x, n=1, dim=-1, prepend=None, append=None):
    extra = {name: v for name, v in (("prepend", prepend), ("append", append)) if v is not None}
    return ac.diff(x, n, dim, **extra)


# --- arrangement -----------------------------------------------------------------------------------------------------


@of("reshape", "view")
def reshape(x, *shape):
    return ac.reshape(x, shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape)


@of("permute", op="transpose")
def permute(x, *dims):
    return ac.transpose(x, dims[0] if len(dims) == 1 and not isinstance(dims[0], int) else dims)


@of("transpose", op="swapaxes")
def swapaxes(x, a, b):
    _has_axes(x)
    return ac.swapaxes(x, a, b)


@of("movedim", op="moveaxis")
def moveaxis(x, source, destination):
    return ac.moveaxis(x, source, destination)


@of("cat", op="concatenate")
def concatenate(arrays, dim=0):
    if any(np.shape(x) == (0,) for x in arrays) and any(np.ndim(x) > 1 for x in arrays):
        raise LeftOut("an empty array (0,) among others of more axes: NumPy refuses it")
    return ac.concatenate(list(arrays), dim)


@of("stack")
def stack(arrays, dim=0):
    return ac.stack(list(arrays), dim)


@of("hstack")
def hstack(arrays):
    return ac.hstack(list(arrays))


@of("vstack")
def vstack(arrays):
    return ac.vstack(list(arrays))


@of("split")
def split(x, size_or_sections, dim=0):
    length = np.shape(x)[dim]
    if isinstance(size_or_sections, int):
        return ac.split(x, list(range(size_or_sections, length, size_or_sections)), dim)
    return ac.split(x, np.cumsum(size_or_sections)[:-1].tolist(), dim)


MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@of("nn.functional.pad")
def pad(x, pad, mode="constant", value=None):
    if min(pad, default=0) < 0:
        raise LeftOut("negative padding: use slices, as in NumPy")
    widths = [(0, 0)] * (np.ndim(x) - len(pad) // 2) + [(pad[i], pad[i + 1]) for i in range(len(pad) - 2, -1, -2)]
    extra = {} if mode != "constant" else {"constant_values": value or 0}
    return ac.pad(x, widths, MODES[mode], **extra)


@of("squeeze")
def squeeze(x, dim=None):
    if dim is None:
        return ac.squeeze(x)
    chosen = dim if isinstance(dim, tuple | list) else (dim,)
    shape = np.shape(x)
    return ac.squeeze(x, tuple(d for d in chosen if shape and shape[d] == 1))


@of("unsqueeze", op="expand_dims")
def expand_dims(x, dim):
    return ac.expand_dims(x, dim)


@of("broadcast_to", "expand", op="broadcast_to")
def broadcast_to(x, *shape):
    shape = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
    if -1 in shape:
        raise LeftOut("-1 for a length that stays: NumPy's broadcast_to has none")
    return ac.broadcast_to(x, tuple(shape))


@of("take")
def take(x, indices):
    return ac.take(x, indices)


@of("index_select", op="take")
def index_select(x, dim, indices):
    _has_axes(x)
    return ac.take(x, indices, dim)


for name, torch_name in {"atleast_1d": "atleast_1d", "atleast_2d": "atleast_2d"}.items():

    @of(torch_name, op=name)
    def at_least(*arrays, name=name):
        arrays = arrays[0] if len(arrays) == 1 and isinstance(arrays[0], list | tuple) else arrays
        return getattr(ac, name)(*arrays)


@of("tensordot")
def tensordot(x, y, dims=2):
    if not isinstance(dims, int) and [np.shape(x)[i] for i in dims[0]] != [np.shape(y)[i] for i in dims[1]]:
        raise LeftOut("axes of length 1 against longer ones: NumPy's tensordot refuses them")
    return ac.tensordot(x, y, dims)


@of("einsum")
def einsum(operands, subscripts):
    return ac.einsum(subscripts, *operands)


@of("trace")
def trace(x):
    return ac.trace(x)


@of("diag")
def diag(x, diagonal=0):
    return ac.diag(x, diagonal)


@of("tril")
def tril(x, diagonal=0):
    return ac.tril(x, diagonal)


@of("triu")
def triu(x, diagonal=0):
    return ac.triu(x, diagonal)


@of("ravel")
def ravel(x):
    return ac.ravel(x)


@of("flatten")
def flatten(x, start_dim=0, end_dim=-1):
    return ac.flatten(x, start_dim, end_dim)


@of("repeat", "tile", op="tile")
def tile(x, *reps):
    reps = reps[0] if len(reps) == 1 and not isinstance(reps[0], int) else reps
    return ac.tile(x, tuple(reps))


@of("repeat_interleave", op="repeat")
def repeat(x, repeats, dim=None, *, output_size=None):
    return ac.repeat(x, repeats, dim)


@of("roll")
def roll(x, shifts, dims=None):
    return ac.roll(x, shifts, axes(dims))


@of("flip")
def flip(x, *given, dims=()):
    dims = given or dims
    dims = dims[0] if len(dims) == 1 and not isinstance(dims[0], int) else dims
    return ac.flip(x, tuple(dims))


# --- linear algebra --------------------------------------------------------------------------------------------------


@of("linalg.norm", op="norm")
def norm(x, ord=None, dim=None, keepdim=False, *, dtype=None):
    x = _as(x, dtype)
    of_matrices = np.ndim(x) == 2 if dim is None else isinstance(dim, tuple | list) and len(dim) == 2
    if of_matrices and ord in ("nuc", 2, -2):
        raise LeftOut("norms of matrices by singular values, for which there is no decomposition here")
    return ac.linalg.norm(x, ord, axes(dim), keepdims=keepdim)


@of("linalg.vector_norm", op="norm")
def vector_norm(x, ord=2, dim=None, keepdim=False, *, dtype=None):
    x = _as(x, dtype)
    dim = axes(dim)
    if isinstance(dim, tuple) and len(dim) == 1:
        dim = dim[0]
    _has_axes(x, dim)
    if isinstance(dim, tuple) or (dim is None and np.ndim(x) != 1):
        raise LeftOut("one norm over several axes: NumPy's norm takes these for a matrix; use ravel")
    return ac.linalg.norm(x, ord, dim, keepdims=keepdim)


@of("linalg.solve", op="solve")
def solve(a, b, *, left=True):
    if not left:
        raise LeftOut("left=False: NumPy's solve has none")
    if b.ndim == a.ndim - 1 and b.ndim > 1:
        raise LeftOut("a stack of vectors: NumPy takes it for matrices")
    return ac.linalg.solve(a, b)


for name in ("inv", "det", "slogdet"):

    @of(f"linalg.{name}", op=name)
    def of_matrix(x, name=name):
        return getattr(ac.linalg, name)(x)


@of("linalg.cholesky", op="cholesky")
def cholesky(x, *, upper=False):
    if upper:
        raise LeftOut("upper=True: use transpose")
    return ac.linalg.cholesky(x)


# --- networks --------------------------------------------------------------------------------------------------------


@of("nn.functional.conv2d", op="conv2d")
def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return ac.conv2d(x, weight, bias, stride, padding, dilation, groups)


@of("nn.functional.conv_transpose2d", op="conv_transpose2d")
def conv_transpose2d(x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    return ac.conv_transpose2d(x, weight, bias, stride, padding, output_padding, groups, dilation)


@of("nn.functional.max_pool2d", op="max_pool2d")
def max_pool2d(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    return ac.max_pool2d(x, kernel_size, stride or None, padding, dilation, ceil_mode)


@of("nn.functional.avg_pool2d", op="avg_pool2d")
def avg_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None):
    if divisor_override is not None:
        raise LeftOut("divisor_override")
    kernel_size, stride, padding = _single(kernel_size, stride or None, padding)
    return ac.avg_pool2d(x, kernel_size, stride, padding, ceil_mode, count_include_pad)


@of("nn.functional.adaptive_avg_pool2d", op="adaptive_avg_pool2d")
def adaptive_avg_pool2d(x, output_size):
    return ac.adaptive_avg_pool2d(x, output_size)


@of("nn.functional.upsample_nearest", op="upsample_nearest")
def upsample_nearest(x, size=None, scale_factor=None):
    if np.ndim(x) != 4:
        raise LeftOut("images alone, (N, C, H, W)")
    extra = {} if scale_factor is None else {"scale_factor": scale_factor}
    return ac.upsample_nearest(x, size, **extra)


@of("nn.functional.pixel_shuffle", op="pixel_shuffle")
def pixel_shuffle(x, upscale_factor):
    return ac.pixel_shuffle(x, upscale_factor)


@of("nn.functional.linear", op="linear")
def linear(x, weight, bias=None):
    if np.ndim(weight) == 1:
        raise LeftOut("a weight of one axis: use matmul")
    return ac.linear(x, weight, bias)


@of("nn.functional.relu", op="relu")
def relu(x, inplace=False):
    return ac.relu(x)


@of("nn.functional.leaky_relu", op="leaky_relu")
def leaky_relu(x, negative_slope=0.01, inplace=False):
    return ac.leaky_relu(x, negative_slope)


@of("nn.functional.elu", op="elu")
def elu(x, alpha=1.0, inplace=False):
    return ac.elu(x, alpha)


@of("nn.functional.gelu", op="gelu")
def gelu(x, approximate="none"):
    return ac.gelu(x, approximate)


@of("nn.functional.silu", op="silu")
def silu(x, inplace=False):
    return ac.silu(x)


@of("nn.functional.softplus", op="softplus")
def softplus(x, beta=1, threshold=20):
    if beta != 1 or threshold < 20:
        raise LeftOut("beta and threshold: exact in both tails without them")
    return ac.softplus(x)


def _softmax(name):
    def call(x, dim=None, dtype=None, **_):
        x = _as(x, dtype)
        return getattr(ac, name)(x, dim)

    return call


for name in ("softmax", "log_softmax"):
    of(name, op=name)(_softmax(name))


@of("nn.functional.batch_norm", op="batch_norm")
def batch_norm(x, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    if np.ndim(x) < 2:
        raise LeftOut("x without channels")
    if not 0 <= momentum <= 1:
        raise LeftOut("a negative momentum, which is refused")
    statistics = [None if s is None else np.array(getattr(s, "data", s)) for s in (running_mean, running_var)]
    return ac.batch_norm(x, *statistics, weight, bias, training, momentum, _eps(eps))


@of("nn.functional.layer_norm", op="layer_norm")
def layer_norm(x, normalized_shape, weight=None, bias=None, eps=1e-5):
    return ac.layer_norm(x, tuple(normalized_shape), weight, bias, _eps(eps))


@of("nn.functional.group_norm", op="group_norm")
def group_norm(x, num_groups, weight=None, bias=None, eps=1e-5):
    return ac.group_norm(x, num_groups, weight, bias, _eps(eps))


@of("nn.functional.cross_entropy", op="softmax_cross_entropy")
def softmax_cross_entropy(logits, targets, weight=None, size_average=None, ignore_index=-100, reduce=None,
                          reduction="mean", label_smoothing=0.0):  # fmt: skip
    if size_average is not None or reduce is not None:
        raise LeftOut("size_average and reduce: PyTorch has deprecated them")
    return ac.softmax_cross_entropy(logits, targets, reduction, label_smoothing, ignore_index, _class_weight(weight))


@of("nn.functional.nll_loss", op="nll_loss")
def nll_loss(log_probs, targets, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"):
    if size_average is not None or reduce is not None:
        raise LeftOut("size_average and reduce: PyTorch has deprecated them")
    return ac.nll_loss(log_probs, targets, _class_weight(weight), ignore_index, reduction)


def _loss(name):
    def call(x, target, size_average=None, reduce=None, reduction="mean", **more):
        if size_average is not None or reduce is not None:
            raise LeftOut("size_average and reduce: PyTorch has deprecated them")
        _no_more(more, "beta")
        return getattr(ac, name)(x, target, reduction=reduction, **more)

    return call


for name in ("mse_loss", "l1_loss", "smooth_l1_loss"):
    of(f"nn.functional.{name}", op=name)(_loss(name))


@of("nn.functional.binary_cross_entropy", op="binary_cross_entropy")
def binary_cross_entropy(p, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    if weight is not None:
        raise LeftOut("weight: use multiply")
    return ac.binary_cross_entropy(p, target, reduction=reduction)


@of("nn.functional.binary_cross_entropy_with_logits", op="sigmoid_cross_entropy")
def sigmoid_cross_entropy(x, target, weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None):
    if weight is not None or pos_weight is not None:
        raise LeftOut("weight and pos_weight: use multiply")
    return ac.sigmoid_cross_entropy(x, target, reduction)


def _class_weight(x):
    if x is not None and (np.asarray(getattr(x, "data", x)) < 0).any():
        raise LeftOut("a negative weight of a class, which is refused")
    return x.detach() if isinstance(x, ac.Tensor) else x


def _eps(eps):
    if eps < 0:
        raise LeftOut("a negative eps, which is refused")
    return eps


def _single(*settings):
    """Return settings with the number itself for a list of one number, such as (2,)."""
    return [s[0] if isinstance(s, list | tuple) and len(s) == 1 else s for s in settings]


def key(info):
    """Return the name of one of PyTorch's ops as `OURS` has it."""
    full = f"{info.name}.{info.variant_test_name}" if info.variant_test_name else info.name
    return full if full in OURS else info.name if info.name in OURS and info.name not in ("max", "min") else None


@functools.cache
def infos():
    """Return PyTorch's descriptions of the ops that we share."""
    from torch.testing._internal.common_methods_invocations import op_db

    return [info for info in op_db if key(info)]
