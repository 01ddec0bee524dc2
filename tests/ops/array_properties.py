"""The properties of array ops: trigonometry, arrangement, products, reductions, sorting and linear algebra."""

import math

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import autograd_cnn as ac
from autograd_cnn.ops import linalg, norms, reduction, sorting
from autograd_cnn.testing import arrays, shapes
from tests.ops.properties import (
    CONSTANT,
    ONCE,
    PROPERTIES,
    binary,
    constant,
    of_any,
    of_nothing,
    prop,
    reducible,
    reduction_of,
    unary,
)  # fmt: skip


def of(name):
    """Register a strategy under a name other than its function's."""

    def register(function):
        PROPERTIES[name] = st.composite(function)
        return PROPERTIES[name]

    return register


def elementwise(function):
    return np.vectorize(function, otypes=[float])


# --- elementwise -----------------------------------------------------------------------------------------------------

for _name, _op, _reference, _settings in [
    ("sin", ac.sin, math.sin, {"low": -7, "high": 7}),
    ("cos", ac.cos, math.cos, {"low": -7, "high": 7}),
    ("tan", ac.tan, math.tan, {"low": -1.3, "high": 1.3}),
    ("arcsin", ac.arcsin, math.asin, {"low": -0.9, "high": 0.9}),
    ("arccos", ac.arccos, math.acos, {"low": -0.9, "high": 0.9}),
    ("arctan", ac.arctan, math.atan, {}),
    ("sinh", ac.sinh, math.sinh, {}),
    ("cosh", ac.cosh, math.cosh, {}),
    ("log1p", ac.log1p, lambda x: math.log(1 + x), {"low": -0.8, "high": 4}),
    ("expm1", ac.expm1, lambda x: math.exp(x) - 1, {}),
    ("log2", ac.log2, math.log2, {"low": 0.1, "high": 5}),
    ("log10", ac.log10, math.log10, {"low": 0.1, "high": 5}),
    ("square", ac.square, lambda x: x * x, {}),
    ("reciprocal", ac.reciprocal, lambda x: 1 / x, {"low": 0.3, "high": 3}),
]:
    unary(_name, _op, elementwise(_reference), **_settings)
binary("arctan2", ac.arctan2, elementwise(math.atan2), low=0.2, high=2)
binary("logaddexp", ac.logaddexp, lambda x, y: np.log(np.exp(x) + np.exp(y)))


@prop
def arctan2_of_every_quadrant(draw):
    radius, angle = draw(st.floats(0.5, 2)), draw(arrays(shapes(max_dims=2), low=-3.1, high=3.1))
    point = (np.asarray(radius * f(angle)) for f in (np.sin, np.cos))
    return ac.arctan2, tuple(point), {"reference": lambda *_: angle}


@prop
def logaddexp_of_equals(draw):
    """Where both are equal, each has half the slope; the second derivative is as anywhere else."""
    x = draw(arrays(shapes(max_dims=2)))
    return ac.logaddexp, (x, np.array(x)), {"reference": lambda x, y: x + np.log(1 + np.exp(y - x))}


# --- arrangement -----------------------------------------------------------------------------------------------------


@prop
def ravel(draw):
    return ac.ravel, (draw(arrays(shapes())),), {"reference": lambda x: np.array(list(x.flat)).reshape(-1)}


@prop
def atleast_1d(draw):
    x = draw(arrays(shapes(max_dims=2)))
    return (lambda x: ac.atleast_1d(x * 1)), (x,), {"reference": np.atleast_1d}


@prop
def atleast_2d(draw):
    parts = [draw(arrays(shapes(max_dims=3))) for _ in range(2)]
    which = draw(st.integers(0, 1))
    return (
        (lambda *a: ac.atleast_2d(*[x * 1 for x in a])[which]),
        tuple(parts),
        {"reference": lambda *a: np.atleast_2d(*a)[which]},
    )


@prop
def repeat(draw):
    x = draw(arrays(shapes(max_dims=3)))
    axis = draw(st.none() | st.integers(-x.ndim, x.ndim - 1)) if x.ndim else None
    length = x.size if axis is None else x.shape[axis]
    repeats = draw(st.integers(0, 3) | st.lists(st.integers(0, 2), min_size=length, max_size=length))
    if repeats == []:
        repeats = 1
    return ac.repeat, (x, repeats, axis), {"reference": np.repeat}


@prop
def tile(draw):
    x = draw(arrays(shapes(max_dims=3, max_side=3)))
    reps = draw(st.integers(0, 3) | st.lists(st.integers(0, 2), max_size=3).map(tuple))
    return ac.tile, (x, reps), {"reference": np.tile}


@prop
def roll(draw):
    x = draw(arrays(shapes(min_dims=1, max_dims=3)))
    axis = draw(st.none() | st.integers(-x.ndim, x.ndim - 1) | hnp.valid_tuple_axes(x.ndim, min_size=1))
    shift = draw(st.integers(-5, 5))
    if isinstance(axis, tuple) and draw(st.booleans()):
        shift = tuple(draw(st.integers(-5, 5)) for _ in axis)
    return (lambda x: ac.roll(x, shift, axis)), (x,), {"reference": lambda x: np.roll(x, shift, axis)}


@prop
def flip(draw):
    x = draw(arrays(shapes(max_dims=3)))
    axis = draw(st.none() | hnp.valid_tuple_axes(x.ndim)) if x.ndim else None
    return ac.flip, (x, axis), {"reference": np.flip}


@prop
def swapaxes(draw):
    x = draw(arrays(shapes(min_dims=1)))
    axes = [draw(st.integers(-x.ndim, x.ndim - 1)) for _ in range(2)]
    return ac.swapaxes, (x, *axes), {"reference": np.swapaxes}


@prop
def moveaxis(draw):
    x = draw(arrays(shapes(min_dims=1)))
    sources = draw(hnp.valid_tuple_axes(x.ndim))
    ends = tuple(draw(st.permutations(range(x.ndim)))[: len(sources)])
    if len(sources) == 1 and draw(st.booleans()):
        sources, ends = sources[0], ends[0]
    return ac.moveaxis, (x, sources, ends), {"reference": np.moveaxis}


def stacked(name, op, reference, axis):
    """Draw arrays that differ in length along one axis, which `axis` returns for the number of axes."""

    @of(name)
    def joined(draw):
        base = list(draw(shapes(max_dims=3, min_side=1)))
        parts = []
        for _ in range(draw(st.integers(1, 3))):
            if (free := axis(len(base))) is not None:
                base[free] = draw(st.integers(0, 3))
            parts.append(draw(arrays(tuple(base))))
        return (lambda *a: op(a)), tuple(parts), {"reference": lambda *a: reference(a)}


stacked("hstack", ac.hstack, np.hstack, {0: None, 1: 0, 2: 1, 3: 1}.get)
stacked("vstack", ac.vstack, np.vstack, {2: 0, 3: 0}.get)


@prop
def pad_of_every_mode(draw):
    x = draw(arrays(shapes(min_dims=1, max_dims=3, min_side=1)))
    one = st.integers(0, 5)
    width = draw(one | st.tuples(one, one) | st.tuples(*[st.tuples(one, one)] * x.ndim))
    mode = draw(st.sampled_from(["edge", "reflect", "symmetric", "wrap"]))
    return (lambda x: ac.pad(x, width, mode)), (x,), {"reference": lambda x: np.pad(x, width, mode)}


@prop
def diag(draw):
    x = draw(arrays(shapes(min_dims=1, max_dims=2)))
    return ac.diag, (x, draw(st.integers(-3, 3))), {"reference": np.diag}


@prop
def trace(draw):
    x = draw(arrays(shapes(min_dims=2)))
    axes = draw(st.permutations(range(x.ndim)))[:2]
    return ac.trace, (x, draw(st.integers(-2, 2)), *axes), {"reference": np.trace}


for _op, _reference in [(ac.tril, np.tril), (ac.triu, np.triu)]:

    @of(_op.__name__)
    def triangle(draw, op=_op, reference=_reference):
        return op, (draw(arrays(shapes(min_dims=2))), draw(st.integers(-3, 3))), {"reference": reference}


# --- products --------------------------------------------------------------------------------------------------------

SIDE = st.integers(0, 3)


@st.composite
def rest(draw, most=2):
    return draw(shapes(max_dims=most, max_side=3))


@prop
def dot(draw):
    length = draw(SIDE)
    x = draw(arrays((*draw(rest()), length)))
    y = draw(arrays((length,)) | rest(1).flatmap(lambda lead: arrays((*lead, length, 2))))
    return ac.dot, (x, y), {"reference": np.dot}


@prop
def dot_of_a_number(draw):
    pair = draw(arrays(())), draw(arrays(shapes(max_dims=2)))
    return ac.dot, pair if draw(st.booleans()) else pair[::-1], {"reference": lambda x, y: x * y}


@prop
def inner(draw):
    length = draw(SIDE)
    return ac.inner, tuple(draw(arrays((*draw(rest()), length))) for _ in range(2)), {"reference": np.inner}


@prop
def inner_of_a_number(draw):
    return ac.inner, (draw(arrays(())), draw(arrays(shapes(max_dims=2)))), {"reference": lambda x, y: x * y}


@prop
def outer(draw):
    pair = tuple(draw(arrays(shapes(max_dims=2, max_side=3))) for _ in range(2))
    return ac.outer, pair, {"reference": np.outer}


@prop
def tensordot(draw):
    shared = draw(shapes(max_dims=2, min_side=1, max_side=3))
    before, after = draw(rest()), draw(rest())
    x, y = draw(arrays((*before, *shared))), draw(arrays((*shared, *after)))
    axes = len(shared)
    if draw(st.booleans()):  # the axes in any place and order
        order_x, order_y = (draw(st.permutations(range(v.ndim))) for v in (x, y))
        pairs = draw(st.permutations(range(axes)))
        axes = (
            [order_x.index(len(before) + i) - draw(st.sampled_from([0, x.ndim])) for i in pairs],
            [order_y.index(i) for i in pairs],
        )
        x, y = x.transpose(order_x), y.transpose(order_y)
    return (lambda x, y: ac.tensordot(x, y, axes)), (x, y), {"reference": lambda x, y: np.tensordot(x, y, axes)}


# --- reductions, running sums and sorting ----------------------------------------------------------------------------

reduction_of("prod", ac.prod, np.prod)
of_nothing(ac.prod, 1.0)
of_nothing(ac.std, needs_elements=True)


def with_zeros(draw, x):
    """Put zeros anywhere, none, one or several in a row."""
    return np.where(np.random.default_rng(draw(st.integers(0, 99))).random(x.shape) < 0.3, 0.0, x)


@prop
def prod_of_zeros(draw):
    x, options = draw(reducible())
    return ac.prod, (np.asarray(with_zeros(draw, x)),), {"reference": of_any(np.prod), **options}


@prop
def std(draw):
    lengths = draw(shapes(min_dims=1, max_dims=3, min_side=2))
    x, axis = draw(arrays(lengths, distinct=True)), draw(st.none() | hnp.valid_tuple_axes(len(lengths), min_size=1))
    ddof = draw(st.integers(0, reduction._count(x.shape, axis) - 1))
    return ac.std, (x,), {"reference": np.std, "axis": axis, "ddof": ddof, "keepdims": draw(st.booleans())}


@prop
def average(draw):
    x, options = draw(reducible())
    return ac.average, (x,), {"reference": of_any(np.average), **options}


@prop
def average_of_weights(draw):
    lengths = draw(shapes(min_dims=1, max_dims=3, min_side=1))
    axis = draw(st.none() | hnp.valid_tuple_axes(len(lengths), min_size=1))
    x = draw(arrays(lengths))
    alone = axis is not None and draw(st.booleans())
    weights = draw(arrays(tuple(lengths[i] for i in axis) if alone else lengths, low=0.2))
    keep = draw(st.booleans())

    def reference(x, w):
        if alone and w.shape != x.shape:  # weights of the shape of x are used as they are, as in NumPy
            order = [a % x.ndim for a in axis]
            w = np.transpose(w, np.argsort(order)).reshape([n if i in order else 1 for i, n in enumerate(x.shape)])
        w = np.broadcast_to(w, x.shape)
        return (x * w).sum(axis, keepdims=keep) / w.sum(axis, keepdims=keep)

    return (lambda x, w: ac.average(x, axis, w, keepdims=keep)), (x, weights), {"reference": reference}


def running(name, op, reference, change=None):
    @of(name)
    def along(draw):
        x = draw(arrays(shapes(max_dims=3)))
        axis = draw(st.none() | st.integers(-x.ndim, x.ndim - 1)) if x.ndim else None
        return op, (np.asarray(change(draw, x) if change else x), axis), {"reference": reference}


running("cumsum", ac.cumsum, np.cumsum)
running("cumprod", ac.cumprod, np.cumprod)
running("cumprod_of_zeros", ac.cumprod, np.cumprod, with_zeros)


@prop
def diff(draw):
    x = draw(arrays(shapes(min_dims=1, max_dims=3)))
    axis, n = draw(st.integers(-x.ndim, x.ndim - 1)), draw(st.integers(1, 3))
    return ac.diff, (x, n, axis), {"reference": np.diff}


@prop
def diff_of_more_at_the_ends(draw):
    x = draw(arrays(shapes(min_dims=1, max_dims=2)))
    ends = draw(arrays(x.shape)), draw(arrays(()))
    return (
        (lambda x, first, last: ac.diff(x, 2, 0, first, last)),
        (x, *ends),
        {"reference": lambda x, first, last: np.diff(x, 2, 0, first, last)},
    )


@prop
def sort(draw):
    x = draw(arrays(shapes(min_dims=1, max_dims=3), distinct=True))
    axis = draw(st.none() | st.integers(-x.ndim, x.ndim - 1))
    return ac.sort, (x, axis), {"reference": np.sort}


@prop
def arranged(draw):
    x = draw(arrays(shapes(min_dims=1, max_dims=3)))
    axis = draw(st.integers(-x.ndim, x.ndim - 1))
    order = np.random.default_rng(draw(st.integers(0, 99))).permuted(np.indices(x.shape)[axis], axis=axis)
    return (
        (lambda x: sorting._arranged(x, order, axis)),
        (x,),
        {"reference": lambda x: np.take_along_axis(x, order, axis)},
    )


@constant
def argsort(draw):
    """Whole numbers, so that ties are common."""
    x = np.round(draw(arrays(shapes(min_dims=1, max_dims=3))))
    axis = draw(st.none() | st.integers(-x.ndim, x.ndim - 1))
    pairs = lambda x: sorted(range(len(x)), key=lambda i: (x[i], i))  # noqa: E731

    def reference(x):
        if axis is None:
            return np.array(pairs(x.ravel()), int)
        return np.apply_along_axis(lambda row: np.array(pairs(row), int), axis, x) if x.size else np.zeros(x.shape, int)

    return (lambda x: ac.argsort(x, axis)), (x,), {"reference": reference, "gradient": False}


def extreme(op, best):
    CONSTANT.add(op.__name__)

    @of(op.__name__)
    def index(draw):
        x = np.round(draw(arrays(shapes(min_dims=1, max_dims=2, min_side=1))))
        axis = draw(st.none() | st.integers(-x.ndim, x.ndim - 1))
        first = lambda row: list(row).index(best(row))  # noqa: E731
        reference = lambda x: np.asarray(  # noqa: E731
            first(x.ravel()) if axis is None else np.apply_along_axis(first, axis, x)
        )
        return (lambda x: op(x, axis)), (x,), {"reference": reference, "gradient": False}


extreme(ac.argmax, max)
extreme(ac.argmin, min)


# --- linear algebra --------------------------------------------------------------------------------------------------


@st.composite
def matrices(draw, *, lead=True):
    """Draw matrices far from singular, of one size, and many of them."""
    n = draw(st.integers(1, 3))
    x = draw(arrays((*(draw(shapes(max_dims=1, max_side=2)) if lead else ()), n, n), low=-1, high=1))
    return x + 3 * np.eye(n)


@of("linalg.solve")
def solve(draw):
    a = draw(matrices())
    n = a.shape[-1]
    b = draw(arrays((n,)) | shapes(max_dims=1, min_side=1, max_side=1).flatmap(lambda s: arrays((*s, n, 2))))
    return ac.linalg.solve, (a, b), {"reference": np.linalg.solve}


@of("linalg.inv")
def inv(draw):
    return ac.linalg.inv, (draw(matrices()),), {"reference": np.linalg.inv}


@of("linalg.det")
def det(draw):
    return ac.linalg.det, (draw(matrices()),), {"reference": lambda a: np.asarray(np.linalg.det(a))}


@of("linalg.det_of_singular")
def det_of_singular(draw):
    """Of rank n − 1, where the slope is not 0, or n − 2, where only the second derivative is not."""
    n, lost = draw(st.integers(1, 4)), draw(st.integers(1, 2))
    left, right = (draw(arrays((n, max(n - lost, 0)))) for _ in range(2))
    return ac.linalg.det, (left @ right.T,), {"reference": lambda _: np.zeros(())}


ONCE.add("cofactors")


@of("cofactors")
def cofactors(draw):
    a = draw(matrices())
    return linalg._cofactors, (a,), {"reference": lambda a: np.linalg.det(a)[..., None, None] * inverse(a)}


def inverse(a):
    return np.swapaxes(np.linalg.inv(a), -1, -2)


@of("cofactors_grad")
def cofactors_grad(draw):
    a = draw(matrices())
    return (lambda g: linalg._cofactors_grad(g, a.astype(g.dtype))), (draw(arrays(a.shape)),), {}


@of("linalg.slogdet")
def slogdet(draw):
    a = draw(matrices())
    a = a * np.where(np.arange(a.shape[-1]) == 0, draw(st.sampled_from([1.0, -1.0])), 1)
    return (
        (lambda a: ac.linalg.slogdet(a).logabsdet),
        (a,),
        {"reference": lambda a: np.log(np.abs(np.linalg.det(a)))},
    )


@of("linalg.cholesky")
def cholesky(draw):
    upper = draw(st.booleans())

    def reference(x):
        lower = np.linalg.cholesky(positive(x))
        return np.swapaxes(lower, -1, -2) if upper else lower

    return (lambda x: ac.linalg.cholesky(positive(x), upper=upper)), (draw(matrices()),), {"reference": reference}


def positive(x):
    return ac.matmul(x, ac.swapaxes(x, -1, -2))


ORDERS = [None, 1, 2, 3, 1.5, 0.5, -1, math.inf, -math.inf]


@of("linalg.norm")
def norm(draw):
    x = draw(arrays(shapes(min_dims=1, max_dims=3, min_side=1), distinct=True, away_from=[0]))
    axis, order = draw(st.integers(-x.ndim, x.ndim - 1)), draw(st.sampled_from(ORDERS))
    x = np.where(np.abs(x) < 0.05, 0.05, x)
    return ac.linalg.norm, (apart(x), order, axis, draw(st.booleans())), {"reference": np.linalg.norm}


def apart(x):
    """Keep sizes apart, as the largest element changes where two are equal."""
    return x * (1 + 0.1 * np.linspace(0, 1, x.size).reshape(x.shape))


@of("linalg.norm_of_everything")
def norm_of_everything(draw):
    x = draw(arrays(shapes(min_side=1), away_from=[0]))
    return ac.linalg.norm, (x,), {"reference": lambda x: np.sqrt(np.asarray((x * x).sum()))}


@of("linalg.norm_of_matrices")
def norm_of_matrices(draw):
    x = apart(draw(arrays(shapes(min_dims=2, max_dims=3, min_side=1), distinct=True, away_from=[0])))
    axis = draw(hnp.valid_tuple_axes(x.ndim, min_size=2, max_size=2))
    order = draw(st.sampled_from([None, "fro", 1, -1, math.inf, -math.inf]))
    return ac.linalg.norm, (x, order, axis, draw(st.booleans())), {"reference": np.linalg.norm}


@of("largest")
def largest(draw):
    x, options = draw(reducible(distinct=True))
    axis = reduction._axes(options["axis"], x.ndim)
    return (
        (lambda x: norms._largest(x, axis, options["keepdims"])),
        (x,),
        {"reference": lambda x: np.max(x, axis, keepdims=options["keepdims"])},
    )
