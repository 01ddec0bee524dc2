"""One property for each op: a strategy of (op, inputs, settings for `check_op`).

`test_properties.py` runs them all, and fails for a rule of the registry that none of them exercises.
"""

import math

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import autograd_cnn as ac
from autograd_cnn import kernels
from autograd_cnn.ops import activation, batch_normalization, convolution, indexing, normalization, pooling, reduction
from autograd_cnn.ops.comparison import _precedence
from autograd_cnn.testing import arrays, broadcastable_arrays, convolutions, poolings, shapes, transposed_convolutions
from tests.ops import references

PROPERTIES = {}
#: The properties of piecewise constant ops, which have no gradient.
CONSTANT = set()
#: The properties of ops that differentiate only once: they are used in second derivatives, and have no third.
ONCE = set()


def prop(function):
    """Register a strategy under its name."""
    strategy = st.composite(function)
    PROPERTIES[function.__name__] = strategy
    return strategy


def constant(function):
    """Register the strategy of an op without a gradient."""
    CONSTANT.add(function.__name__)
    return prop(function)


def smooth_part(drawn):
    """Return an op as a function of only its differentiable inputs, and those inputs."""
    op, inputs, options = drawn
    options = {k: v for k, v in options.items() if k != "reference"}
    wanted = [i for i, x in enumerate(inputs) if isinstance(x, np.ndarray) and x.dtype == np.float64]
    assert options.pop("gradient", True) and wanted, "the property of an op without a gradient goes under @constant"  # noqa: PT018

    def of_wanted(*arguments):
        now = dict(zip(wanted, arguments, strict=True))
        return op(*[now.get(i, x) for i, x in enumerate(inputs)], **options)

    return of_wanted, tuple(inputs[i] for i in wanted)


# --- elementwise -----------------------------------------------------------------------------------------------------


def unary(name, op, reference, **settings):
    PROPERTIES[name] = lambda: arrays(shapes(), **settings).map(lambda x: (op, (x,), {"reference": reference}))


erf = np.vectorize(math.erf, otypes=[float])
for _name, _op, _reference, _settings in [
    ("negative", ac.negative, lambda x: -x, {}),
    ("exp", ac.exp, np.exp, {}),
    ("log", ac.log, np.log, {"low": 0.1, "high": 5}),
    ("sqrt", ac.sqrt, np.sqrt, {"low": 0.1, "high": 5}),
    ("abs", ac.abs, np.abs, {"away_from": [0]}),
    ("relu", ac.relu, lambda x: np.where(x > 0, x, 0), {"away_from": [0]}),
    ("leaky_relu", ac.leaky_relu, lambda x: np.where(x > 0, x, 0.01 * x), {"away_from": [0]}),
    ("elu", ac.elu, lambda x: np.where(x > 0, x, np.exp(x) - 1), {"away_from": [0]}),
    ("sigmoid", ac.sigmoid, lambda x: 1 / (1 + np.exp(-x)), {"low": -8, "high": 8}),
    ("tanh", ac.tanh, np.tanh, {}),
    ("softplus", ac.softplus, lambda x: np.log(1 + np.exp(x)), {"low": -8, "high": 8}),
    ("silu", ac.silu, lambda x: x / (1 + np.exp(-x)), {"low": -8, "high": 8}),
    ("erf", ac.erf, erf, {"low": -7, "high": 7}),
    ("gelu", ac.gelu, lambda x: x * (1 + erf(x / math.sqrt(2))) / 2, {"low": -5, "high": 5}),
]:
    unary(_name, _op, _reference, **_settings)


@prop
def leaky_relu_of_any_slope(draw):
    x, slope = draw(arrays(shapes(), away_from=[0])), draw(st.sampled_from([0.0, 0.3, -2.0, 3]))
    return ac.leaky_relu, (x, slope), {"reference": lambda x, slope: np.where(x > 0, x, slope * x)}


@prop
def elu_of_any_alpha(draw):
    x, alpha = draw(arrays(shapes(), away_from=[0])), draw(st.sampled_from([0.0, 0.3, -2.0, 3]))
    return ac.elu, (x, alpha), {"reference": lambda x, alpha: np.where(x > 0, x, alpha * (np.exp(x) - 1))}


@prop
def gelu_of_tanh(draw):
    def reference(x):
        return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))

    return (lambda x: ac.gelu(x, "tanh")), (draw(arrays(shapes(), low=-5, high=5)),), {"reference": reference}


def binary(name, op, reference, **settings):
    PROPERTIES[name] = lambda: broadcastable_arrays(2, **settings).map(lambda xy: (op, xy, {"reference": reference}))


for _name, _op, _reference, _settings in [
    ("add", ac.add, lambda x, y: x + y, {}),
    ("subtract", ac.subtract, lambda x, y: x - y, {}),
    ("multiply", ac.multiply, lambda x, y: x * y, {}),
    ("divide", ac.divide, lambda x, y: x / y, {"low": 0.3, "high": 3}),
    ("power", ac.power, lambda x, y: np.exp(y * np.log(x)), {"low": 0.2, "high": 3}),
]:
    binary(_name, _op, _reference, **_settings)


@prop
def power_of_a_number(draw):
    exponent = draw(st.sampled_from([0, 1, 2, 3, 4, -1, -2, 0.5, 3.0, 2.5]))
    x = draw(arrays(shapes(), low=0.3, high=2) if exponent != int(exponent) else arrays(shapes(), away_from=[0]))
    return ac.power, (x, exponent), {"reference": lambda x, p: np.sign(x) ** int(p) * np.abs(x) ** p}


@prop
def power_of_exponents_of_0(draw):
    """Exponents of 0, where the slope with respect to the base is 0 and changes with the exponent."""
    x, y = draw(broadcastable_arrays(2, low=0.3, high=2))
    return ac.power, (x, np.where(y > 1, 0.0, y)), {"reference": lambda x, y: np.exp(y * np.log(x))}


@st.composite
def untied(draw):
    """Draw an array without ties, cut in two: no element of one part is near its partner in the other."""
    both = draw(arrays((2, *draw(shapes(max_dims=3))), distinct=True))
    x, y = both[0, ...], both[1, ...]
    return x, y[..., :1] if y.ndim and draw(st.booleans()) else y


PROPERTIES["maximum"] = lambda: untied().map(lambda xy: (ac.maximum, xy, {"reference": np.maximum}))
PROPERTIES["minimum"] = lambda: untied().map(lambda xy: (ac.minimum, xy, {"reference": np.minimum}))


@prop
def where(draw):
    x, y, z = draw(broadcastable_arrays(3, away_from=[0]))
    return (lambda x, y: ac.where(z > 0, x, y)), (x, y), {"reference": lambda x, y: np.where(z > 0, x, y)}


@prop
def clip(draw):
    low, high = draw(st.sampled_from([(-0.5, 1.0), (None, 0.5), (-1.0, None)]))
    x = draw(arrays(shapes(), away_from=[b for b in (low, high) if b is not None]))
    return ac.clip, (x, low, high), {"reference": np.clip}


@prop
def clip_of_arrays(draw):
    """Bounds are inputs too; away from ties with what they limit, and from one another."""
    parts = draw(arrays((3, *draw(shapes(max_dims=2))), distinct=True))
    x, low, high = parts[0, ...], parts[1, ...], parts[2, ...]
    return ac.clip, (x, low, high), {"reference": lambda x, low, high: np.minimum(np.maximum(x, low), high)}


@prop
def mod(draw):
    """Away from whole quotients, where it jumps."""
    y = draw(arrays(draw(shapes(max_dims=2)), away_from=[0]))
    y = np.where(np.abs(y) < 0.5, 0.5, y)
    quotient = draw(hnp.arrays(np.int64, y.shape, elements=st.integers(-3, 3)))
    fraction = draw(arrays(y.shape, low=0.2, high=0.8))
    return (
        ac.mod,
        (np.asarray((quotient + fraction) * y), np.asarray(y)),
        {"reference": lambda x, y: x - np.floor(x / y) * y},
    )


@prop
def astype(draw):
    return (lambda x: ac.astype(x, x.dtype)), (draw(arrays(shapes())),), {"reference": lambda x: x}


# --- reductions ------------------------------------------------------------------------------------------------------


@st.composite
def reducible(draw, min_side=1, **settings):
    """Draw an array, some of its axes (0 or −1 if it has none), and keepdims."""
    x = draw(arrays(shapes(min_side=min_side), **settings))
    axis = draw(st.none() | (hnp.valid_tuple_axes(x.ndim) if x.ndim else st.sampled_from([0, -1])))
    if isinstance(axis, tuple) and len(axis) == 1 and draw(st.booleans()):
        axis = axis[0]
    return x, {"axis": axis, "keepdims": draw(st.booleans())}


def of_any(reference):
    """Return a NumPy reduction that accepts axes 0 and −1 of an array without axes, as NumPy's ufuncs do."""
    return lambda x, axis, **options: reference(x, axis=axis if np.ndim(x) else None, **options)


def reduction_of(name, op, reference, **settings):
    options = {"reference": of_any(reference)}
    PROPERTIES[name] = lambda: reducible(**settings).map(lambda d: (op, (d[0],), {**options, **d[1]}))


def _logsumexp(x, **options):
    return np.log(np.sum(np.exp(x), **options))


reduction_of("sum", ac.sum, np.sum, min_side=0)
reduction_of("mean", ac.mean, np.mean)
reduction_of("max", ac.max, np.max, distinct=True)
reduction_of("min", ac.min, np.min, distinct=True)
reduction_of("logsumexp", ac.logsumexp, _logsumexp)


@prop
def var(draw):
    x, options = draw(reducible())
    ddof = draw(st.integers(-1, reduction._count(x.shape, options["axis"]) - 1))
    return ac.var, (x,), {"reference": of_any(np.var), "ddof": ddof, **options}


def of_nothing(op, value=0.0, *, keeps_shape=False, needs_elements=False):
    """Reduce an empty axis, whose sum is 0 and whose maximum is an error, or another axis, to an empty result."""

    @st.composite
    def reduction(draw):
        lengths = list(draw(shapes(min_dims=2, min_side=1)))
        empty = draw(st.integers(0, len(lengths) - 1))
        lengths[empty] = 0
        axis = draw(st.integers(0, len(lengths) - 1).filter(lambda i: not needs_elements or i != empty))
        shape = tuple(lengths) if keeps_shape else (*lengths[:axis], *lengths[axis + 1 :])
        return (lambda x: op(x, axis)), (np.zeros(lengths),), {"reference": lambda _: np.full(shape, value)}

    PROPERTIES[f"{op.__name__}_of_nothing"] = reduction


of_nothing(ac.sum)
of_nothing(ac.logsumexp, -np.inf)
for _op in (ac.softmax, ac.log_softmax):
    of_nothing(_op, keeps_shape=True)
for _op in (ac.mean, ac.var, ac.max, ac.min):
    of_nothing(_op, needs_elements=True)


# --- shapes ----------------------------------------------------------------------------------------------------------


@prop
def reshape(draw):
    x = draw(arrays(shapes()))
    lengths = draw(st.permutations(x.shape)) if draw(st.booleans()) else [x.size]
    if x.size and draw(st.booleans()):
        lengths = [*lengths[:-1], -1] if lengths else [-1]
    return (lambda x: ac.reshape(x, tuple(lengths))), (x,), {"reference": lambda x: np.reshape(x, lengths)}


@prop
def flatten(draw):
    x = draw(arrays(shapes(min_dims=1)))
    start = draw(st.integers(0, x.ndim - 1))
    end = draw(st.integers(start, x.ndim - 1))
    lengths = (*x.shape[:start], math.prod(x.shape[start : end + 1]), *x.shape[end + 1 :])
    return ac.flatten, (x, start, end - x.ndim), {"reference": lambda x, *_: np.reshape(x, lengths)}


@prop
def transpose(draw):
    x = draw(arrays(shapes()))
    axes = draw(st.none() | st.permutations(range(x.ndim)))
    if axes is not None:
        axes = [a - x.ndim if draw(st.booleans()) else a for a in axes]
    return ac.transpose, (x, axes), {"reference": np.transpose}


@prop
def broadcast_to(draw):
    drawn = draw(hnp.mutually_broadcastable_shapes(num_shapes=1, base_shape=draw(shapes(max_dims=3))))
    x = draw(arrays(drawn.input_shapes[0]))
    return ac.broadcast_to, (x, drawn.result_shape), {"reference": np.broadcast_to}


@prop
def squeeze(draw):
    x = draw(arrays(shapes(max_side=2)))
    ones = [i for i, n in enumerate(x.shape) if n == 1]
    axis = draw(st.none() | st.lists(st.sampled_from(ones), unique=True).map(tuple)) if ones else None
    return ac.squeeze, (x, axis), {"reference": np.squeeze}


@prop
def expand_dims(draw):
    x = draw(arrays(shapes(max_dims=3)))
    axis = draw(st.integers(-x.ndim - 1, x.ndim))
    return ac.expand_dims, (x, axis), {"reference": np.expand_dims}


@prop
def concatenate(draw):
    base = list(draw(shapes(min_dims=1, max_dims=3)))
    axis = draw(st.integers(-len(base), len(base) - 1))
    parts = []
    for length in draw(st.lists(st.integers(0, 3), min_size=1, max_size=3)):
        base[axis] = length
        parts.append(draw(arrays(tuple(base))))
    return (lambda *a: ac.concatenate(a, axis)), parts, {"reference": lambda *a: np.concatenate(a, axis)}


@prop
def stack(draw):
    base = draw(shapes(max_dims=3))
    axis = draw(st.integers(-len(base) - 1, len(base)))
    parts = [draw(arrays(base)) for _ in range(draw(st.integers(1, 3)))]
    return (lambda *a: ac.stack(a, axis)), parts, {"reference": lambda *a: np.stack(a, axis)}


@prop
def split(draw):
    parts, rest = draw(st.integers(1, 3)), draw(shapes(max_dims=2))
    length, axis = parts * draw(st.integers(0, 2)), draw(st.integers(0, len(rest)))
    x = draw(arrays((*rest[:axis], length, *rest[axis:])))
    how = draw(st.just(parts) | st.lists(st.integers(0, length), max_size=3).map(sorted))
    part = draw(st.integers(0, (how if isinstance(how, int) else len(how) + 1) - 1))
    options = draw(st.sampled_from([{"axis": axis}, {"axis": axis - x.ndim}, *([{}] if axis == 0 else [])]))
    return (
        (lambda x: ac.split(x, how, **options)[part]),
        (x,),
        {"reference": lambda x: np.split(x, how, **options)[part]},
    )


@prop
def pad(draw):
    x = draw(arrays(shapes(min_dims=1, max_dims=3)))
    one = st.integers(0, 2)
    width = draw(one | st.tuples(one, one) | st.tuples(*[st.tuples(one, one)] * x.ndim))
    value = draw(st.sampled_from([0, 1.5]))
    return (
        (lambda x: ac.pad(x, width, constant_values=value)),
        (x,),
        {"reference": lambda x: np.pad(x, width, constant_values=value)},
    )


@prop
def getitem(draw):
    """Basic, boolean and repeated integer indices."""
    x = draw(arrays(shapes(min_dims=1, max_dims=3, min_side=1)))
    integers = hnp.integer_array_indices(x.shape, result_shape=hnp.array_shapes(max_dims=2, max_side=4))
    index = draw(hnp.basic_indices(x.shape, allow_newaxis=True) | integers | st.just(np.asarray(x) > 0))
    return (lambda x: ac.ops.getitem(x, index)), (x,), {"reference": lambda x: np.array(x[index])}


@prop
def scatter_add(draw):
    lengths = draw(shapes(min_dims=1, max_dims=2, min_side=1))
    index = draw(hnp.integer_array_indices(lengths, result_shape=hnp.array_shapes(max_dims=2, max_side=4)))

    def reference(x):
        out = np.zeros(lengths)
        for place in np.ndindex(index[0].shape):
            out[tuple(i[place] for i in index)] += x[place]
        return out

    x = draw(arrays(np.zeros(lengths)[index].shape))
    return (lambda x: indexing.scatter_add(x, indices=(index,), shape=lengths)), (x,), {"reference": reference}


@prop
def setitem(draw):
    x = draw(arrays(shapes(min_dims=1, max_dims=3, min_side=1)))
    index = draw(hnp.basic_indices(x.shape) | st.just(np.asarray(x) > 0))
    value = draw(arrays(np.shape(x[index]))) if draw(st.booleans()) else draw(arrays(()))

    def reference(x, value):
        out = x.copy()
        out[index] = value
        return out

    return (lambda x, value: ac.ops.setitem(x, index, value)), (x, value), {"reference": reference}


@prop
def take(draw):
    x = draw(arrays(shapes(min_dims=1, max_dims=3, min_side=1)))
    axis = draw(st.none() | st.integers(-x.ndim, x.ndim - 1))
    length = x.size if axis is None else x.shape[axis]
    indices = draw(hnp.arrays(np.intp, shapes(max_dims=2), elements=st.integers(-length, length - 1)))
    return ac.take, (x, indices, axis), {"reference": np.take}


# --- products --------------------------------------------------------------------------------------------------------


@prop
def matmul(draw):
    drawn = draw(hnp.mutually_broadcastable_shapes(signature=np.matmul.signature, max_dims=2, max_side=3))
    return ac.matmul, [draw(arrays(s)) for s in drawn.input_shapes], {"reference": np.matmul}


@prop
def linear(draw):
    lead, outs, ins = draw(shapes(max_dims=2)), draw(st.integers(1, 3)), draw(st.integers(0, 3))
    x, weight = draw(arrays((*lead, ins))), draw(arrays((outs, ins)))
    inputs = (x, weight, draw(arrays((outs,)))) if draw(st.booleans()) else (x, weight)
    return ac.linear, inputs, {"reference": lambda x, w, b=0: x @ w.T + b}


SUBSCRIPTS = [
    *["ij,jk->ik", "ij,jk", "ij->ji", "ii->i", "ii", "ij->j", "ij->", "i,j->ij", "ij,ij->i", "iij,jk->k", "ijk,k->"],
    *["bij,bjk,bk->bi", "...i,...i->...", "i...->...", "...ij->...ji"],
]


@prop
def einsum(draw):
    subscripts = draw(st.sampled_from(SUBSCRIPTS))
    sides = {c: draw(st.integers(0, 3)) for c in "ijkb."}
    terms = subscripts.partition("->")[0].replace("...", ".").split(",")
    operands = []
    for term in terms:
        # An axis of length one broadcasts along any other, in any operand.
        short = draw(st.sets(st.sampled_from(term), max_size=2)) if term and draw(st.booleans()) else ()
        operands.append(draw(arrays(tuple(1 if c in short else sides[c] for c in term))))
    return (lambda *a: ac.einsum(subscripts, *a)), operands, {"reference": lambda *a: np.einsum(subscripts, *a)}


@prop
def einsum_of_ellipses(draw):
    """An ellipsis stands for as many axes as there are, and they broadcast."""
    subscripts = draw(
        st.sampled_from(["...i,...i->...", "i...,...->...i", "...,...", "...ij,j->...i", "...i,i...->i..."])
    )
    longest = draw(shapes(max_dims=2, min_side=1))
    sides = {"i": draw(st.integers(1, 3)), "j": draw(st.integers(1, 3))}
    operands = []
    for term in subscripts.partition("->")[0].split(","):
        lead = longest[draw(st.integers(0, len(longest))) :] if "..." in term else ()
        lead = tuple(1 if draw(st.integers(0, 3)) == 0 else n for n in lead)
        before, dots, after = term.partition("...")
        lengths = (*(sides[c] for c in before), *(lead if dots else ()), *(sides[c] for c in after))
        operands.append(draw(arrays(lengths)))
    return (lambda *a: ac.einsum(subscripts, *a)), operands, {"reference": lambda *a: np.einsum(subscripts, *a)}


# --- convolution and pooling -----------------------------------------------------------------------------------------


@prop
def conv2d(draw):
    x, weight, bias, options = draw(convolutions())
    inputs = (x, weight) if bias is None else (x, weight, bias)
    return ac.conv2d, inputs, {"reference": references.conv2d, **options}


@prop
def conv2d_gradients(draw):
    """The two gradients of a convolution as ops of their own, each bilinear in its inputs."""
    x, weight, _, options = draw(convolutions())
    cotangent = draw(arrays(references.conv2d(x, weight, **options).shape))
    groups = options["groups"]
    window = convolution._window(
        "conv2d", x.shape, weight.shape, *(options[k] for k in ("stride", "padding", "dilation"))
    )
    if draw(st.booleans()):
        gradient, other, like = convolution.conv2d_grad_input, weight, x
    else:
        gradient, other, like = convolution.conv2d_grad_weight, x, weight

    def reference(cotangent, other):
        out = np.zeros(like.shape)
        for index in np.ndindex(like.shape):
            unit = np.zeros(like.shape)
            unit[index] = 1
            pair = (unit, other) if like is x else (other, unit)
            out[index] = np.vdot(cotangent, references.conv2d(*pair, **options))
        return out

    def op(cotangent, other):
        return gradient(cotangent, other, like.shape, window, groups)

    return op, (cotangent, other), {"reference": reference if x.size < 30 else None}


@prop
def conv_transpose2d(draw):
    x, weight, bias, options = draw(transposed_convolutions())
    inputs = (x, weight) if bias is None else (x, weight, bias)
    return ac.conv_transpose2d, inputs, {"reference": references.conv_transpose2d, **options}


@prop
def max_pool2d(draw):
    x, options = draw(poolings())
    return ac.max_pool2d, (x,), {"reference": references.max_pool2d, **options}


@prop
def relu_grad(draw):
    shape = draw(shapes())
    result = np.maximum(draw(arrays(shape)), 0)
    return (
        (lambda g: activation.relu_grad(g, result)),
        (draw(arrays(shape)),),
        {"reference": lambda g: np.where(result > 0, g, 0)},
    )


@prop
def max_pool2d_gradients(draw):
    """The gradient of max-pooling and its adjoint, which only move elements about."""
    x, options = draw(poolings())
    out = np.array(ac.max_pool2d(x, **options))
    window = pooling._window("max_pool2d", x.shape, **options)
    winners = kernels.max_pool2d_winners(x, out, window)
    if draw(st.booleans()):
        return (lambda g: pooling.max_pool2d_grad(g, winners, x.shape, window)), (draw(arrays(out.shape)),), {}
    return (lambda v: pooling.max_pool2d_pick(v, winners, window)), (draw(arrays(x.shape)),), {}


@prop
def avg_pool2d(draw):
    x, options = draw(poolings(dilated=False))
    counted = draw(st.booleans())
    return ac.avg_pool2d, (x,), {"reference": references.avg_pool2d, "count_include_pad": counted, **options}


@prop
def avg_pool2d_grad(draw):
    x, options = draw(poolings(dilated=False))
    window, counted = pooling._window("avg_pool2d", x.shape, dilation=1, **options), draw(st.booleans())
    cotangent = draw(arrays(np.shape(ac.avg_pool2d(x, **options))))
    return (lambda g: pooling.avg_pool2d_grad(g, x.shape, window, counted)), (cotangent,), {}


@prop
def global_avg_pool2d(draw):
    x = draw(arrays(shapes(min_dims=4, min_side=1, max_side=3)))
    return ac.global_avg_pool2d, (x,), {"reference": lambda x: x.mean((2, 3))}


# --- softmax, norms and losses ---------------------------------------------------------------------------------------


@prop
def softmax(draw):
    x = draw(arrays(shapes(max_dims=3)))
    axis = draw(st.integers(-max(x.ndim, 1), max(x.ndim, 1) - 1))
    return ac.softmax, (x,), {"reference": references.softmax} | draw(st.sampled_from([{}, {"axis": axis}]))


@prop
def log_softmax(draw):
    x = draw(arrays(shapes(max_dims=3)))
    axis = draw(st.integers(-max(x.ndim, 1), max(x.ndim, 1) - 1))
    options = draw(st.sampled_from([{}, {"axis": axis}]))
    return ac.log_softmax, (x,), {"reference": lambda x, axis=-1: np.log(references.softmax(x, axis)), **options}


def _spread(draw, lengths):
    """Draw an array whose variance over any axes is far from 0, where normalization is steep."""
    return draw(arrays(lengths, distinct=True, low=-3, high=3))


@prop
def standardize(draw):
    x = _spread(draw, draw(shapes(min_dims=2, max_dims=3, min_side=2, max_side=3)))
    axes = draw(hnp.valid_tuple_axes(x.ndim, min_size=1))
    return (
        (lambda x: normalization.standardize(x, axes, 0.1)),
        (x,),
        {"reference": lambda x: references.normalized(x, axes, 0.1)},
    )


def _moments(x):
    axes = (0, *range(2, x.ndim))
    return np.stack([x.mean(axes), x.var(axes)])


@constant  # its slope is in the rule of `batch_standardize`
def batch_moments(draw):
    # In C order, as sums in another order differ in the last bit.
    x = np.ascontiguousarray(draw(arrays(shapes(min_dims=2, max_dims=4, min_side=1, max_side=3))))
    return batch_normalization.batch_moments, (x,), {"reference": _moments, "gradient": False}


def _channels(draw):
    """Draw an array, and a weight and a bias of its channels."""
    x = _spread(draw, draw(shapes(min_dims=2, max_dims=4, min_side=2, max_side=3)))
    return x, draw(arrays(x.shape[1:2])), draw(arrays(x.shape[1:2]))


@prop
def batch_standardize(draw):
    x, weight, bias = _channels(draw)
    column = (-1,) + (1,) * (x.ndim - 2)

    def op(x, weight, bias):
        return batch_normalization.batch_standardize(x, batch_normalization.batch_moments(x), weight, bias, eps=0.1)

    def reference(x, weight, bias):
        normal = references.normalized(x, (0, *range(2, x.ndim)), 0.1)
        return normal * weight.reshape(column) + bias.reshape(column)

    return op, (x, weight, bias), {"reference": reference}


@prop
def normalize(draw):
    x, weight, bias = _channels(draw)
    mean, variance = draw(arrays(weight.shape)), draw(arrays(weight.shape, low=0.5))
    column = (-1,) + (1,) * (x.ndim - 2)

    def reference(x, weight, bias):
        normal = (x - mean.reshape(column)) / np.sqrt(variance.reshape(column) + 0.1)
        return normal * weight.reshape(column) + bias.reshape(column)

    return (
        (lambda x, weight, bias: batch_normalization.normalize(x, mean, variance, weight, bias, 0.1)),
        (x, weight, bias),
        {"reference": reference},
    )


@prop
def batch_norm(draw):
    x = _spread(draw, draw(shapes(min_dims=2, max_dims=4, min_side=2, max_side=3)))
    channels, training = x.shape[1], draw(st.booleans())
    weight, bias, mean = (draw(arrays((channels,))) for _ in range(3))
    variance = draw(arrays((channels,), low=0.5))
    column = (channels,) + (1,) * (x.ndim - 2)

    def op(x, weight, bias):
        return ac.batch_norm(x, mean.astype(x.dtype), variance.astype(x.dtype), weight, bias, training, eps=0.1)

    def reference(x, weight, bias):
        if training:
            normal = references.normalized(x, (0, *range(2, x.ndim)), 0.1)
        else:
            normal = (x - mean.reshape(column)) / np.sqrt(variance.reshape(column) + 0.1)
        return normal * weight.reshape(column) + bias.reshape(column)

    return op, (x, weight, bias), {"reference": reference}


@prop
def layer_norm(draw):
    x = _spread(draw, draw(shapes(min_dims=1, max_dims=3, min_side=2, max_side=3)))
    last = x.shape[draw(st.integers(0, x.ndim - 1)) :]
    axes = tuple(range(-len(last), 0))
    weight, bias = draw(arrays(last)), draw(arrays(last))
    return (
        (lambda x, w, b: ac.layer_norm(x, last, w, b, eps=0.1)),
        (x, weight, bias),
        {"reference": lambda x, w, b: references.normalized(x, axes, 0.1) * w + b},
    )


@prop
def group_norm(draw):
    groups, per_group = draw(st.integers(1, 2)), draw(st.integers(2, 3))
    channels = groups * per_group
    x = _spread(draw, (draw(st.integers(1, 2)), channels, *draw(shapes(max_dims=2, min_side=1, max_side=2))))
    weight, bias = draw(arrays((channels,))), draw(arrays((channels,)))

    def reference(x, weight, bias):
        normal = references.normalized(x.reshape(len(x), groups, -1), (2,), 0.1).reshape(x.shape)
        column = (channels,) + (1,) * (x.ndim - 2)
        return normal * weight.reshape(column) + bias.reshape(column)

    return (lambda x, w, b: ac.group_norm(x, groups, w, b, eps=0.1)), (x, weight, bias), {"reference": reference}


@prop
def dropout(draw):
    x, p, seed = draw(arrays(shapes())), draw(st.sampled_from([0, 0.3, 1])), draw(st.integers(0, 99))
    training = draw(st.booleans()) and p > 0

    def op(x):
        # Times 1, as the op returns `x` itself where it has nothing to do.
        return ac.dropout(x * 1, p, training, np.random.default_rng(seed))

    def reference(x):
        if not training:
            return x
        kept = np.random.default_rng(seed).random(x.shape, np.float32) >= p
        return np.where(kept & (p < 1), x / (1 - p if p < 1 else 1), 0)

    return op, (x,), {"reference": reference}


@st.composite
def classified(draw):
    """Draw logits and labels of the same examples, some of them to be ignored."""
    classes = draw(st.integers(1, 4))
    lead, rest = draw(st.integers(1, 3)), draw(shapes(max_dims=2, min_side=1, max_side=2))
    labels = draw(hnp.arrays(np.int64, (lead, *rest), elements=st.integers(0, classes - 1)))
    ignored = draw(hnp.arrays(bool, labels.shape))
    ignored.flat[0] = False
    return draw(arrays((lead, classes, *rest), low=-3, high=3)), np.where(ignored, -100, labels), classes


REDUCTIONS = st.sampled_from(["mean", "sum", "none"])
SMOOTHING = st.sampled_from([0.0, 0.1, 1.0])


@prop
def softmax_cross_entropy_of_labels(draw):
    logits, labels, classes = draw(classified())
    weight = draw(st.none() | arrays((classes,), low=0.1))
    options = {"reduction": draw(REDUCTIONS), "label_smoothing": draw(SMOOTHING)}

    def op(x, **options):
        return ac.softmax_cross_entropy(x, labels, weight=weight, **options)

    def reference(x, **options):
        return references.cross_entropy(x, labels, weight=weight, **options)

    return op, (logits,), {"reference": reference, **options}


@prop
def softmax_cross_entropy_of_probabilities(draw):
    logits, _, classes = draw(classified())
    targets = draw(arrays(logits.shape, low=0.01, high=1))
    weight = draw(st.none() | arrays((classes,), low=0.1))
    options = {"reduction": draw(REDUCTIONS), "label_smoothing": draw(SMOOTHING)}

    def op(x, t, **options):
        return ac.softmax_cross_entropy(x, t, weight=weight, **options)

    def reference(x, t, **options):
        return references.cross_entropy(x, t, weight=weight, **options)

    return op, (logits, targets), {"reference": reference, **options}


@prop
def nll_loss(draw):
    logits, labels, classes = draw(classified())
    weight, reduce = draw(st.none() | arrays((classes,), low=0.1)), draw(REDUCTIONS)
    return (
        (lambda x: ac.nll_loss(ac.log_softmax(x, 1), labels, weight, reduction=reduce)),
        (logits,),
        {"reference": lambda x: references.cross_entropy(x, labels, weight=weight, reduction=reduce)},
    )


@prop
def mse_loss(draw):
    lengths, reduce = draw(shapes(min_side=1)), draw(REDUCTIONS)
    how = {"mean": np.mean, "sum": np.sum, "none": lambda x: x}[reduce]
    return (
        ac.mse_loss,
        (draw(arrays(lengths)), draw(arrays(lengths))),
        {
            "reference": lambda x, y, **_: how((x - y) ** 2),
            "reduction": reduce,
        },
    )


@prop
def sigmoid_cross_entropy(draw):
    lengths, reduce = draw(shapes(min_side=1)), draw(REDUCTIONS)
    how = {"mean": np.mean, "sum": np.sum, "none": lambda x: x}[reduce]

    def reference(z, t, **_):
        p = 1 / (1 + np.exp(-z))
        return how(-t * np.log(p) - (1 - t) * np.log(1 - p))

    logits, targets = draw(arrays(lengths, low=-5, high=5)), draw(arrays(lengths, low=0, high=1))
    return ac.sigmoid_cross_entropy, (logits, targets), {"reference": reference, "reduction": reduce}


# --- piecewise constant ops: values alone ----------------------------------------------------------------------------


def comparison(op, reference):
    """Compare whole numbers, so that ties are common."""
    CONSTANT.add(op.name)
    PROPERTIES[op.name] = lambda: broadcastable_arrays(2).map(
        lambda xy: (op, tuple(np.asarray(np.round(x)) for x in xy), {"reference": reference, "gradient": False})
    )


for _op, _reference in [
    (ac.equal, np.equal),
    (ac.not_equal, np.not_equal),
    (ac.less, np.less),
    (ac.less_equal, np.less_equal),
    (ac.greater, np.greater),
    (ac.greater_equal, np.greater_equal),
]:
    comparison(_op, _reference)


def whole(name, op, reference):
    """Compare with Python's own function of a single number."""
    CONSTANT.add(name)
    of_all = np.vectorize(reference, otypes=[float])
    PROPERTIES[name] = lambda: arrays(shapes(), low=-5, high=5).map(
        lambda x: (op, (x,), {"reference": of_all, "gradient": False})
    )


for _name, _op, _reference in [
    ("floor", ac.floor, math.floor),
    ("ceil", ac.ceil, math.ceil),
    ("trunc", ac.trunc, math.trunc),
    ("round", ac.round, round),
]:
    whole(_name, _op, _reference)


@constant
def floor_divide(draw):
    x, y = draw(broadcastable_arrays(2, low=-3, high=3, away_from=[0]))
    reference = np.vectorize(lambda x, y: x // y, otypes=[float])
    return ac.floor_divide, (x, y), {"reference": reference, "gradient": False}


@constant
def sign(draw):
    return ac.sign, (np.asarray(np.round(draw(arrays(shapes())))),), {"reference": np.sign, "gradient": False}


@constant
def precedence(draw):
    x, y = (np.asarray(np.round(x)) for x in draw(broadcastable_arrays(2)))
    reference = lambda x, y: np.where(x > y, 1.0, np.where(x == y, 0.5, 0.0))  # noqa: E731
    return _precedence, (x, y), {"reference": reference, "gradient": False}


@constant
def first(draw):
    """Whole numbers, so that ties are common: of equal extremes the first is marked."""
    x = np.round(draw(arrays(shapes(min_dims=1, max_dims=2, min_side=1))))
    axis = draw(st.integers(0, x.ndim - 1))

    def reference(x, extreme):
        marks = np.zeros(x.shape)
        for index in np.ndindex(extreme.shape):
            line = (*index[:axis], slice(None), *index[axis:])
            marks[line][list(x[line]).index(extreme[index])] = 1
        return marks

    return (
        (lambda x, m: reduction._first(x, m, axis)),
        (x, x.max(axis)),
        {
            "reference": reference,
            "gradient": False,
        },
    )


from tests.ops import array_properties, image_properties  # noqa: E402, F401 -- they add their properties
