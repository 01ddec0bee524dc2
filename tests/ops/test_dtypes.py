"""Which dtype every op computes in and returns: right, or one error that names the op and the input."""

import inspect
import re
from typing import NamedTuple

import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn.calls import operands
from tests.ops import record

FLOATS = [np.float16, np.float32, np.float64]
INTEGERS = [np.bool_, np.uint8, np.int8, np.int32, np.int64]
SWAPPED = [np.float16, np.float32, np.float64, np.int32]
#: The error of a few roundings, relative to the largest value.
SLACK = {np.float16: 4 * 2**-11, np.float32: 1e-5, np.float64: 1e-12}


class Case(NamedTuple):
    """An op of one output, as a function of only its inputs; its other arguments are bound."""

    call: object
    names: list[str]
    shapes: list[tuple[int, ...]]
    domain: str
    reference: object = None  # NumPy's function for integers; by default the op's own value in float64
    low: int = 0
    high: int = 5
    wide: bool = True  # whether integers up to 250 may be drawn
    steps: int = 1  # how many ops it is made of, each of which rounds float16
    gradient: bool = True
    square: bool = False  # whether the first input is a matrix that must be invertible


CASES = {}


def case(op, call, names, shapes, domain, reference=None, **more):
    CASES[op] = Case(
        call, [n.replace("_", " ") if n[-1].isdigit() else n for n in names.split()], shapes, domain, reference, **more
    )


M = (3, 4)
LABELS = np.array([0, 3, 1])
MASK = np.array([[True, False, True, False]] * 3)
ROWS = np.array([2, 0, 2])


def unary(domain, ops, **more):
    for name in ops:
        case(name, getattr(ac.ops, name), "x", [M], domain, **more)


def binary(domain, ops, **more):
    for name in ops:
        case(name, getattr(ac.ops, name), "x y", [M, M], domain, getattr(np, name), **more)


unary("floating", ["erf", "exp", "elu", "gelu", "leaky_relu", "sigmoid", "softplus", "tanh"], wide=False)
unary("floating", ["log_softmax", "logsumexp", "mean", "softmax", "var"])
unary("floating", ["silu"], wide=False, steps=2)
unary("floating", ["log", "sqrt"], low=1)
unary("real", ["relu"], reference=lambda x: np.where(x > 0, x, 0).astype(x.dtype))
for _name in ["abs", "negative", "max", "min", "sum"]:
    case(_name, getattr(ac.ops, _name), "x", [M], "real", getattr(np, _name))
for _name in ["ceil", "floor", "round", "trunc"]:
    case(_name, getattr(ac.ops, _name), "x", [M], "real", getattr(np, _name), gradient=False)
case("sign", ac.sign, "x", [M], "any", np.sign, gradient=False)
binary("real", ["add", "maximum", "minimum", "multiply", "subtract"])
binary("real", ["mod"], low=1)
binary("real", ["floor_divide"], low=1, gradient=False)
binary("real", ["power"], low=1, high=4, wide=False)
case("divide", ac.divide, "x y", [M, M], "floating", low=1)
for _name in ["equal", "not_equal", "less", "less_equal", "greater", "greater_equal"]:
    case(_name, getattr(ac.ops, _name), "x y", [M, M], "any", getattr(np, _name), gradient=False)
case("matmul", ac.matmul, "x y", [(3, 4), (4, 2)], "real", np.matmul)
case(
    "einsum",
    lambda x, y: ac.einsum("ij,jk->ik", x, y),
    "operand_0 operand_1",
    [(3, 4), (4, 2)],
    "real",
    lambda x, y: np.einsum("ij,jk->ik", x, y),
)
case("clip", ac.clip, "x min max", [M, (4,), ()], "real", lambda x, a, b: np.minimum(np.maximum(x, a), b))
case("where", lambda x, y: ac.where(MASK, x, y), "x y", [M, M], "real", lambda x, y: np.where(MASK, x, y))
case("linear", ac.linear, "x weight bias", [(3, 4), (2, 4), (2,)], "floating")
case("conv2d", lambda *a: ac.conv2d(*a, padding=1), "x weight bias", [(2, 1, 4, 4), (2, 1, 3, 3), (2,)], "floating")
case("conv_transpose2d", ac.conv_transpose2d, "x weight bias", [(2, 1, 3, 3), (1, 2, 2, 2), (2,)], "floating", steps=2)
case("avg_pool2d", lambda x: ac.avg_pool2d(x, 2, padding=1), "x", [(1, 2, 4, 4)], "floating")
case("global_avg_pool2d", ac.global_avg_pool2d, "x", [(2, 2, 3, 3)], "floating")
case("max_pool2d", lambda x: ac.max_pool2d(x, 2), "x", [(1, 2, 4, 4)], "any", lambda x: tiles(x).max((3, 5)))
case("astype", lambda x: ac.ops.astype(x, np.float64), "x", [M], "any", lambda x: x.astype(np.float64))
case("broadcast_to", lambda x: ac.broadcast_to(x, (2, *M)), "x", [M], "any", lambda x: np.broadcast_to(x, (2, *M)))
case("concatenate", lambda *a: ac.concatenate(a), "array_0 array_1", [M, M], "any", lambda *a: np.concatenate(a))
case("stack", lambda *a: ac.stack(a), "arrays arrays", [M, M], "any", lambda *a: np.stack(a))
case("expand_dims", lambda x: ac.expand_dims(x, 0), "x", [M], "any", lambda x: x[None])
case("flatten", ac.ops.flatten, "x", [M], "any", lambda x: x.reshape(-1))
case("getitem", lambda x: ac.ops.getitem(x, (ROWS, 1)), "x", [M], "any", lambda x: x[ROWS, 1])
case("pad", lambda x: ac.pad(x, 1), "x", [M], "any", lambda x: np.pad(x, 1))
case("reshape", lambda x: ac.reshape(x, (2, 6)), "x", [M], "any", lambda x: x.reshape(2, 6))
case("split", lambda x: ac.split(x, 2, 1)[1], "x", [M], "any", lambda x: x[:, 2:])
case("squeeze", ac.squeeze, "x", [(1, 3)], "any", lambda x: x[0])
case("take", lambda x: ac.take(x, ROWS, 0), "x", [M], "any", lambda x: x[ROWS])
case("transpose", ac.transpose, "x", [M], "any", lambda x: x.T)
case(
    "setitem", lambda x, v: ac.ops.setitem(x, 1, v), "x value", [M, (4,)], "any", lambda x, v: np.stack([x[0], v, x[2]])
)
case("dropout", lambda x: ac.dropout(x, 0.5, True, np.random.default_rng(0)), "x", [M], "floating", steps=2)
case("layer_norm", lambda *a: ac.layer_norm(a[0], 4, *a[1:]), "x weight bias", [M, (4,), (4,)], "floating", steps=9)
case("group_norm", lambda *a: ac.group_norm(a[0], 2, *a[1:]), "x weight bias", [M, (4,), (4,)], "floating", steps=9)
case(
    "batch_norm",
    lambda x, w, b: ac.batch_norm(x, None, None, w, b, training=True),
    "x weight bias",
    [M, (4,), (4,)],
    "floating",
    steps=9,
)
case("mse_loss", ac.mse_loss, "x target", [M, M], "floating", steps=3)
case(
    "sigmoid_cross_entropy", ac.sigmoid_cross_entropy, "logits targets", [M, M], "floating", steps=6, high=2, wide=False
)
case("nll_loss", lambda x, w: ac.nll_loss(x, LABELS, w), "log_probs weight", [M, (4,)], "floating", steps=6, low=1)
case(
    "softmax_cross_entropy",
    lambda x, w: ac.softmax_cross_entropy(x, LABELS, weight=w),
    "logits weight",
    [M, (4,)],
    "floating",
    steps=6,
    low=1,
)
# --- trigonometry, arrangement, products, reductions and linear algebra ---

unary("floating", ["sin", "cos", "arctan", "sinh", "cosh", "log1p", "expm1", "tan"], wide=False, high=1)
unary("floating", ["arcsin", "arccos"], wide=False, high=1)
unary("floating", ["log2", "log10", "reciprocal"], low=1)
unary("floating", ["std", "average"], steps=2)
binary("floating", ["arctan2"], low=1)
CASES["arctan2"] = CASES["arctan2"]._replace(names=["y", "x"], reference=None)
case("logaddexp", ac.logaddexp, "x y", [M, M], "floating", wide=False)
case("square", ac.square, "x", [M], "real", np.square)
case("cumsum", lambda x: ac.cumsum(x, 1), "x", [M], "real", lambda x: np.cumsum(x, 1))
case("cumprod", lambda x: ac.cumprod(x, 1), "x", [M], "real", lambda x: np.cumprod(x, 1), high=3, wide=False)
case("prod", lambda x: ac.prod(x, 1), "x", [M], "real", lambda x: np.prod(x, 1), high=3, wide=False)
case("diff", ac.diff, "x", [M], "any", np.diff)
case("sort", ac.sort, "x", [M], "any", np.sort)
case("argmax", ac.argmax, "x", [M], "any", lambda x: np.asarray(np.argmax(x)), gradient=False)
case("argmin", ac.argmin, "x", [M], "any", lambda x: np.asarray(np.argmin(x)), gradient=False)
case("argsort", ac.argsort, "x", [M], "any", lambda x: np.argsort(x, kind="stable"), gradient=False)
for _name in ["flip", "ravel", "tril", "triu", "diag"]:
    case(_name, getattr(ac.ops, _name), "x", [M], "any", getattr(np, _name))
case("trace", ac.trace, "x", [M], "real", np.trace)
case("atleast_1d", ac.atleast_1d, "array_0", [M], "any", np.atleast_1d)
case("atleast_2d", ac.atleast_2d, "array_0", [(4,)], "any", np.atleast_2d)
case("repeat", lambda x: ac.repeat(x, 2, 1), "x", [M], "any", lambda x: np.repeat(x, 2, 1))
case("tile", lambda x: ac.tile(x, 2), "x", [M], "any", lambda x: np.tile(x, 2))
case("roll", lambda x: ac.roll(x, 1, 0), "x", [M], "any", lambda x: np.roll(x, 1, 0))
case("swapaxes", lambda x: ac.swapaxes(x, 0, 1), "x", [M], "any", np.transpose)
case("moveaxis", lambda x: ac.moveaxis(x, 0, 1), "x", [M], "any", np.transpose)
case("hstack", lambda *a: ac.hstack(a), "array_0 array_1", [M, M], "any", lambda *a: np.hstack(a))
case("vstack", lambda *a: ac.vstack(a), "array_0 array_1", [M, M], "any", lambda *a: np.vstack(a))
case("dot", ac.dot, "x y", [(3, 4), (4, 2)], "real", np.dot)
case("inner", ac.inner, "x y", [(3, 4), (2, 4)], "real", lambda x, y: x @ y.T)
case("outer", ac.outer, "x y", [(3,), (4,)], "real", np.multiply.outer)
case("tensordot", lambda x, y: ac.tensordot(x, y, 1), "x y", [(3, 4), (4, 2)], "real", np.matmul)
case("l1_loss", ac.l1_loss, "x target", [M, M], "floating", steps=3)
case("smooth_l1_loss", ac.smooth_l1_loss, "x target", [M, M], "floating", steps=4)
case(
    "binary_cross_entropy", ac.binary_cross_entropy, "x target", [M, M], "floating", steps=4, high=1, wide=False,
)  # fmt: skip
case("pixel_shuffle", lambda x: ac.pixel_shuffle(x, 2), "x", [(1, 4, 2, 3)], "any",
     lambda x: x.reshape(1, 1, 2, 2, 2, 3).transpose(0, 1, 4, 2, 5, 3).reshape(1, 1, 4, 6))  # fmt: skip
case("adaptive_avg_pool2d", lambda x: ac.adaptive_avg_pool2d(x, 2), "x", [(1, 2, 3, 3)], "floating", steps=3)
case("upsample_nearest", lambda x: ac.upsample_nearest(x, 5), "x", [(1, 2, 3, 3)], "any",
     lambda x: x[:, :, [0, 0, 1, 1, 2]][..., [0, 0, 1, 1, 2]])  # fmt: skip

case("linalg.norm", ac.linalg.norm, "x", [M], "floating", steps=2)
for _name, _call in {
    "linalg.cholesky": ac.linalg.cholesky,
    "linalg.det": ac.linalg.det,
    "linalg.inv": ac.linalg.inv,
    "linalg.slogdet": lambda a: ac.linalg.slogdet(a).logabsdet,
}.items():
    case(_name, _call, "a", [(3, 3)], "floating", high=2, wide=False, steps=4, square=True)
case("linalg.solve", ac.linalg.solve, "a b", [(3, 3), (3,)], "floating", high=2, wide=False, steps=4, square=True)
#: Class weights are constants, as in PyTorch, and do not affect the dtype of a loss.
CONSTANT = {"nll_loss": {1}, "softmax_cross_entropy": {1}}


def tiles(x):
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2)


def draw(c, dtype, seed=0):
    """Draw whole numbers, which every dtype can hold; for integer dtypes large ones, where the op allows it."""
    rng = np.random.default_rng(seed)
    low, high = c.low, c.high
    dtype = np.dtype(dtype)
    if dtype.kind in "iu" and c.wide:
        low, high = max(np.iinfo(dtype).min + 1, -250 if c.low == 0 else 1), min(np.iinfo(dtype).max, 250)
        if dtype.kind == "u":
            low = max(low, c.low)
    return regular(c, [rng.integers(low, high, s, endpoint=True).astype(dtype) for s in c.shapes])


def regular(c, values):
    """Add a large diagonal to the first of some values, if it must be invertible."""
    if c.square:
        eye = np.eye(3, dtype=values[0].dtype)
        values[0] = eye if values[0].dtype == np.bool_ else values[0] + 16 * eye
    return values


def said(op):
    """Return the name that errors call an op by."""
    return op.rpartition(".")[2]


#: Ops that take numbers from 0 to 1.
OF_SHARES = {"sigmoid_cross_entropy", "binary_cross_entropy", "arcsin", "arccos"}


def result_dtype(c, dtype):
    """Return the dtype that a floating point op returns for inputs of a dtype."""
    return np.dtype(dtype if np.dtype(dtype).kind == "f" else np.float32)


#: Ops that return indices, which are plain arrays.
PLAIN = {"argmax", "argmin", "argsort"}


def tensors(values):
    return [ac.Tensor(v) for v in values]


def test_every_op_has_a_case():
    assert set(CASES) == set(record.public())


@pytest.mark.parametrize("dtype", INTEGERS + FLOATS)
@pytest.mark.parametrize("op", CASES)
def test_dtype_and_value_are_those_of_the_op_s_domain(op, dtype):
    c = CASES[op]
    values = draw(c, dtype)
    exact = [v.astype(np.float64) for v in values]
    if c.domain == "floating" or (np.dtype(dtype).kind == "f" and c.reference is None):
        expected = np.asarray(c.call(*exact))
        wanted = result_dtype(c, dtype)
    elif np.dtype(dtype).kind == "f":
        expected = np.asarray(c.reference(*exact))
        wanted = np.dtype(dtype) if expected.dtype.kind == "f" and op != "astype" else expected.dtype
    else:
        try:
            expected = np.asarray(c.reference(*values))
        except TypeError:  # NumPy does not subtract booleans
            for given in (values, tensors(values)):
                with pytest.raises(TypeError):
                    c.call(*given)
            return
        wanted = expected.dtype
    slack = SLACK.get(wanted.type, 0) * c.steps
    for given in (values, tensors(values), [ac.Tensor(values[0]), *values[1:]]):
        out = c.call(*given)
        found = out.data if isinstance(out, ac.Tensor) else out
        assert isinstance(out, np.ndarray) == (given is values or op in PLAIN)
        assert found.dtype == wanted
        assert found.shape == expected.shape
        np.testing.assert_allclose(
            found.astype(np.float64),
            expected.astype(np.float64),
            rtol=0,
            atol=slack * max(1, np.abs(expected.astype(np.float64)).max()),
        )


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("op", [op for op, c in CASES.items() if c.gradient])
def test_gradients_are_right_within_the_precision_of_the_dtype(op, dtype):
    c = CASES[op]
    # Without ties, and within the precision of float16.
    rng = np.random.default_rng(1)
    values = []
    for shape in c.shapes:
        size = int(np.prod(shape))
        steps = rng.permutation(size) if op != "power" else rng.integers(0, 9, size)
        start, span = (0.05, 0.9) if op in OF_SHARES else (0.25, 3)
        values.append((start + span * steps.reshape(shape) / max(size, 4) + rng.uniform(0, 0.01)).astype(dtype))
    values = regular(c, values)
    if op == "clip":
        values[1:] = [np.full(4, 0.7, dtype), np.asarray(2, dtype)]

    def gradients(kind):
        inputs = [ac.Tensor(v.astype(kind), requires_grad=i not in CONSTANT.get(op, ())) for i, v in enumerate(values)]
        out = c.call(*inputs)
        out.backward(np.random.default_rng(2).integers(-3, 4, out.shape).astype(kind))
        return [t.grad for t in inputs]

    for found, expected in zip(gradients(dtype), gradients(np.float64), strict=True):
        if expected is None:
            assert found is None
            continue
        assert found.dtype == dtype
        scale = max(1, np.abs(expected).max())
        np.testing.assert_allclose(found.astype(np.float64), expected, rtol=0, atol=SLACK[dtype] * c.steps * scale)


@pytest.mark.parametrize("dtype", SWAPPED)
@pytest.mark.parametrize("op", CASES)
def test_byte_order_makes_no_difference(op, dtype):
    c = CASES[op]
    values = draw(c, dtype)
    for swapped in (
        [v.astype(v.dtype.newbyteorder()) for v in values],
        [values[0].astype(values[0].dtype.newbyteorder()), *values[1:]],
        [*values[:-1], values[-1].astype(values[-1].dtype.newbyteorder())],
    ):
        for wrap in (list, tensors):
            native, other = c.call(*wrap(values)), c.call(*wrap(swapped))
            native, other = (out.data if isinstance(out, ac.Tensor) else out for out in (native, other))
            assert other.dtype == native.dtype
            assert other.dtype.isnative
            np.testing.assert_array_equal(other, native)


@pytest.mark.parametrize("dtype", [np.longdouble, np.complex64, np.complex128, np.object_, np.str_])
@pytest.mark.parametrize("op", CASES)
def test_unsupported_dtypes_are_refused_by_name(op, dtype):
    c = CASES[op]
    for at, name in enumerate(c.names):
        for wrap in (np.asarray, ac.Tensor):
            values = draw(c, np.float32)
            odd = values[at].astype(dtype)
            given = [odd if i == at else wrap(v) for i, v in enumerate(values)]
            with pytest.raises(TypeError, match=rf"^{said(op)}: {name}\b.* dtype {dtype_pattern(odd.dtype)}"):
                c.call(*given)


def dtype_pattern(dtype):
    return str(dtype).replace("<", ".").replace(">", ".")


@pytest.mark.parametrize(
    "value", [1j, np.complex64(1j), [1j, 2], np.longdouble(1), "1", b"1", {"a": 1}, {1, 2}, object()]
)
@pytest.mark.parametrize("op", CASES)
def test_unsupported_numbers_and_other_objects_are_refused_by_name(op, value):
    c = CASES[op]
    for at, name in enumerate(c.names):
        given = [value if i == at else ac.Tensor(v) for i, v in enumerate(draw(c, np.float32))]
        with pytest.raises(TypeError, match=rf"^{said(op)}: {name}\b"):
            c.call(*given)


@pytest.mark.parametrize("op", CASES)
def test_a_masked_array_is_refused(op):
    c = CASES[op]
    for at, name in enumerate(c.names):
        values = draw(c, np.float32)
        given = [np.ma.masked_array(v, v > 2) if i == at else v for i, v in enumerate(values)]
        with pytest.raises(TypeError, match=rf"^{said(op)}: {name}\b.*masked"):
            c.call(*given)


@pytest.mark.parametrize("other", [np.int8, np.int64, np.bool_, np.uint8])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("op", [op for op, c in CASES.items() if len(c.shapes) > 1 and c.domain != "any"])
def test_integers_follow_floating_point(op, dtype, other):
    c = CASES[op]
    for at in range(len(c.shapes)):
        values = draw(c._replace(wide=False, high=1 if other is np.bool_ else c.high), dtype)
        values[at] = values[at].astype(other)
        expected = np.asarray(c.call(*[v.astype(np.float64) for v in values]))
        for given in (values, tensors(values)):
            found = c.call(*given)
            alone = at == 0 and op in CONSTANT
            assert found.dtype == (np.float32 if alone else dtype)
            np.testing.assert_allclose(
                np.asarray(found).astype(np.float64),
                expected,
                rtol=0,
                atol=SLACK[found.dtype.type] * c.steps * max(1, np.abs(expected).max()),
            )


@pytest.mark.parametrize("wide", [np.float32, np.float64])
@pytest.mark.parametrize("op", [op for op, c in CASES.items() if len(c.shapes) > 1 and c.domain != "any"])
def test_only_an_array_of_floating_point_widens_another(op, wide):
    c = CASES[op]
    for at in range(len(c.shapes)):
        values = draw(c, np.float16 if wide is np.float32 else np.float32)
        values[at] = values[at].astype(wide)
        widens = values[at].ndim > 0 and at not in CONSTANT.get(op, ())
        found = c.call(*values)
        assert found.dtype == (wide if widens else values[at - 1].dtype)
        assert c.call(*tensors(values)).dtype == found.dtype


@pytest.mark.parametrize("number", [2, 2.5, True, np.float64(2.5), np.array(2.5), np.int64(2), np.float32(2.5), [2.5]])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    "op", ["add", "subtract", "multiply", "divide", "power", "maximum", "minimum", "mod", "matmul"]
)
def test_numbers_widen_nothing(op, dtype, number):
    f, reference = getattr(ac.ops, op), getattr(np, op)
    if op == "matmul":
        if np.ndim(number) == 0:
            number = [number]
        array = np.array([[1.0], [2.0]], dtype)
        pairs = [(array, number), (number, array.T)]
    else:
        array = np.array([1.0, 2.0], dtype)
        pairs = [(array, number), (number, array)]
    for x, y in pairs:
        for wrap in (np.asarray, ac.Tensor):
            found = f(*[wrap(v) if v is array or (v.__class__ is np.ndarray and v.ndim) else v for v in (x, y)])
            assert found.dtype == dtype
            expected = reference(np.asarray(x, np.float64), np.asarray(y, np.float64))
            np.testing.assert_allclose(np.asarray(found).astype(np.float64), expected, rtol=SLACK[dtype])


class TestPairs:
    @pytest.mark.parametrize("condition", [True, np.array([True, False]), ac.Tensor([1.0, 0.0])], ids=range(3))
    def test_where_of_numbers_is_float32(self, condition):
        assert np.asarray(ac.where(condition, 1.0, 2.0)).dtype == np.float32
        assert np.asarray(ac.where(condition, 1, 2.0)).dtype == np.float32

    def test_functions_of_integers_are_float32(self):
        for op in (ac.exp, ac.sqrt, ac.tanh, ac.mean, ac.var, ac.softmax, ac.sigmoid):
            for x in (np.arange(4, dtype=np.int32), [0, 1, 2], 2, np.int64(2), True, np.array(3)):
                assert op(x).dtype == np.float32, op

    def test_a_quotient_of_integers_is_float32(self):
        assert (ac.Tensor(np.arange(4)) / 2).dtype == np.float32
        assert (1 / ac.Tensor(np.array([1, 2]))).dtype == np.float32

    @pytest.mark.parametrize("op", ["equal", "less", "less_equal", "greater", "greater_equal", "not_equal"])
    def test_comparisons_of_large_integers_are_exact(self, op):
        large = 2**62 + np.array([0, 1, 2])
        beside = [2**62 + 1] * 3
        expected = getattr(np, op)(large, np.array(beside))
        f = getattr(ac.ops, op)
        for x in (large, ac.Tensor(large)):
            for y in (beside, np.array(beside), ac.Tensor(np.array(beside)), beside[0], np.int64(beside[0])):
                np.testing.assert_array_equal(np.asarray(f(x, y)), expected)
        np.testing.assert_array_equal(np.asarray(f(beside, ac.Tensor(large))), getattr(np, op)(beside, large))

    @pytest.mark.parametrize("op", ["add", "subtract", "multiply", "maximum", "floor_divide", "mod"])
    def test_arithmetic_of_integers_is_exact(self, op):
        x, y = 2**53 + np.array([1, 3]), [1, 3]
        f, expected = getattr(ac.ops, op), getattr(np, op)(2**53 + np.array([1, 3]), np.array([1, 3]))
        for beside in (y, np.array(y), ac.Tensor(np.array(y))):
            found = f(ac.Tensor(x), beside)
            assert found.dtype == np.int64
            np.testing.assert_array_equal(found.data, expected)

    def test_a_list_beside_bytes_does_not_wrap_in_ops_of_floating_point(self):
        image = np.full((1, 1, 2, 2), 250, np.uint8)
        assert ac.conv2d(image, np.full((1, 1, 2, 2), 2, np.uint8)).item() == 2000
        assert ac.linear([[250, 250]], np.array([[2, 2]], np.uint8)).item() == 1000
        assert ac.mse_loss(np.array([0], np.uint8), np.array([250], np.uint8)).item() == 62500
        assert ac.mean(np.full(100, 250, np.uint8)).item() == 250
        assert ac.divide(np.uint8(250), np.uint8(4)).item() == 62.5

    @pytest.mark.parametrize("dtype", INTEGERS)
    def test_max_pooling_of_integers_never_takes_the_padding(self, dtype):
        x = np.ones((1, 1, 2, 2), dtype) if np.dtype(dtype).kind in "ub" else np.full((1, 1, 2, 2), -3, dtype)
        for given in (x, ac.Tensor(x)):
            out = ac.max_pool2d(given, 2, padding=1)
            assert out.dtype == dtype
            np.testing.assert_array_equal(np.asarray(out), np.full((1, 1, 2, 2), x.flat[0]))

    @pytest.mark.parametrize("dtype", INTEGERS)
    def test_labels_of_every_integer_dtype(self, dtype):
        x = np.array([[1.0, 2.0, 4.0], [0.0, 1.0, 0.5]])
        for labels in (np.array([1, 0], dtype), ac.Tensor(np.array([1, 0], dtype))):
            if dtype is np.bool_:
                continue  # a mask, not classes
            loss = ac.softmax_cross_entropy(x, labels)
            np.testing.assert_allclose(loss, ac.softmax_cross_entropy(x, np.array([1, 0])))

    @pytest.mark.parametrize("dtype", INTEGERS)
    def test_logits_of_integers_are_those_of_floats(self, dtype):
        x = np.array([[1, 0, 1], [0, 1, 1]]) * (1 if dtype is np.bool_ else 100)
        x = x.astype(dtype)
        expected = ac.softmax_cross_entropy(x.astype(np.float64), np.array([1, 0]))
        found = ac.softmax_cross_entropy(x, np.array([1, 0]))
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=1e-6)


class TestCasts:
    @pytest.mark.parametrize("dtype", [int, bool, np.int8, np.uint8, np.int64, "i4", ">i4"])
    def test_a_cast_to_integers_or_booleans_ends_the_graph(self, dtype):
        x = ac.Tensor([1.0, 2.5], requires_grad=True)
        y = x.astype(dtype)
        assert not y.requires_grad
        assert y.node is None
        assert y.dtype == np.dtype(dtype).newbyteorder("=")
        (x * y).sum().backward()
        np.testing.assert_array_equal(x.grad, y.data)
        assert not y.astype(np.float32).requires_grad

    @pytest.mark.parametrize("dtype", [complex, np.complex64, np.longdouble, object, str, "U3", "M8[s]", "V4"])
    def test_a_cast_to_an_unsupported_dtype_is_refused(self, dtype):
        for x in (ac.Tensor([1.0], requires_grad=True), np.ones(1)):
            with pytest.raises(TypeError, match=r"astype.* dtype "):
                ac.ops.astype(x, dtype)

    @pytest.mark.parametrize("dtype", [">f4", ">f8", "<f2", ">f2"])
    def test_a_cast_to_another_byte_order_stays_native(self, dtype):
        x = ac.Tensor([1.0, 2.0], requires_grad=True)
        y = x.astype(dtype)
        assert y.dtype.isnative
        assert y.dtype == np.dtype(dtype).newbyteorder("=")
        (y * 3).sum().backward()
        np.testing.assert_array_equal(x.grad, [3, 3])

    @pytest.mark.parametrize("dtype", FLOATS)
    def test_a_gradient_is_cast_back(self, dtype):
        x = ac.Tensor(np.array([1.0, 2.0], np.float32), requires_grad=True)
        (x.astype(dtype) * 3).backward(np.array([1.0, 2.0]))
        assert x.grad.dtype == np.float32
        np.testing.assert_array_equal(x.grad, [3, 6])


class TestComplexNumbers:
    @pytest.mark.parametrize("number", [1j, np.complex64(1j), np.array([1j, 2]), np.array(1j), [1j, 2.0], (0j, 1)])
    @pytest.mark.parametrize(
        "f",
        [
            lambda x, z: x * z,
            lambda x, z: z * x,
            lambda x, z: x + z,
            lambda x, z: z - x,
            lambda x, z: x / z,
            lambda x, z: x**z,
            lambda x, z: z**x,
            lambda x, z: x == z,
            lambda x, z: z < x,
            lambda x, z: ac.abs(x * z),
            lambda x, z: ac.where(x > 1, x, z),
            lambda x, z: ac.clip(x, z, None),
            lambda x, z: ac.ops.setitem(x * 1, 0, z),
            lambda x, z: x.backward(z),
            lambda _, z: ac.Tensor(z),
            lambda x, z: ac.stack([x, z]),
            lambda x, z: np.multiply(x, z),
            lambda x, z: np.add(z, x),
        ],
    )
    def test_complex_numbers_are_refused_everywhere(self, f, number):
        x = ac.Tensor([1.0, 2.0], requires_grad=True)
        with pytest.raises(TypeError, match="complex"):
            f(x, number)
        assert x.grad is None


class TestTensor:
    @pytest.mark.parametrize("dtype", INTEGERS + FLOATS)
    def test_an_array_keeps_its_dtype(self, dtype):
        values = np.array([0, 1, 1], dtype)
        for x in (ac.Tensor(values), ac.Tensor(values.astype(np.float64), dtype=dtype)):
            assert x.dtype == dtype
            np.testing.assert_array_equal(x.data, values)

    @pytest.mark.parametrize("dtype", SWAPPED)
    def test_the_byte_order_becomes_native(self, dtype):
        values = np.array([1, 2], dtype)
        swapped = values.astype(values.dtype.newbyteorder())
        for x in (ac.Tensor(swapped), ac.Tensor(values, dtype=swapped.dtype)):
            assert x.dtype == dtype
            assert x.dtype.isnative
            np.testing.assert_array_equal(x.data, values)

    @pytest.mark.parametrize("dtype", [np.longdouble, np.complex64, np.complex128, object, str, "M8[s]", "m8[s]", "V4"])
    def test_other_dtypes_are_refused(self, dtype):
        with pytest.raises(TypeError, match=r"Tensor.* dtype "):
            ac.Tensor(np.zeros(2, dtype))
        with pytest.raises(TypeError, match=r"Tensor.* dtype "):
            ac.Tensor(np.zeros(2), dtype=dtype)

    @pytest.mark.parametrize("data", [2, 2.5, True, [1, 2], [1, 2.5], [True, False], [[1], [2]], (1.0, 2), range(3)])
    def test_numbers_and_lists_become_float32(self, data):
        x = ac.Tensor(data)
        assert x.dtype == np.float32
        np.testing.assert_array_equal(x.data, np.array(data))

    def test_masked_arrays_are_refused(self):
        with pytest.raises(TypeError, match="masked"):
            ac.Tensor(np.ma.masked_array([1.0, 2.0], [True, False]))

    @pytest.mark.parametrize("dtype", INTEGERS)
    def test_only_floating_point_has_a_gradient(self, dtype):
        with pytest.raises(TypeError, match="only floating point"):
            ac.Tensor(np.ones(2, dtype), requires_grad=True)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128, np.longdouble, object, str])
@pytest.mark.parametrize("x", [ac.Tensor([1.0, 2.0]), np.ones(2), 1.0], ids=["Tensor", "array", "number"])
def test_a_condition_of_an_unsupported_dtype_is_refused(x, dtype):
    with pytest.raises(TypeError, match="where: condition"):
        ac.where(np.array([1, 0]).astype(dtype), x, ac.Tensor([3.0, 4.0]))


OPTIONS = {
    "elu": lambda x, v: ac.elu(x, v),
    "leaky_relu": lambda x, v: ac.leaky_relu(x, v),
    "pad": lambda x, v: ac.pad(x, 1, constant_values=v),
    "layer_norm": lambda x, v: ac.layer_norm(x, 2, eps=v),
    "group_norm": lambda x, v: ac.group_norm(x[None], 1, eps=v),
    "batch_norm": lambda x, v: ac.batch_norm(x[:, None], None, None, training=True, eps=v),
    "batch_norm in evaluation": lambda x, v: ac.batch_norm(x[None], np.zeros(2), np.ones(2), eps=v),
    "batch_norm's momentum": lambda x, v: ac.batch_norm(x[:, None], zeros(1), zeros(1), training=True, momentum=v),
    "var": lambda x, v: ac.var(x, ddof=v),
    "std": lambda x, v: ac.std(x, ddof=v),
    "smooth_l1_loss": lambda x, v: ac.smooth_l1_loss(x, np.zeros(2, np.float16), "mean", v),
    "dropout": lambda x, v: ac.dropout(x, v, True, np.random.default_rng(0)),
    "softmax_cross_entropy": lambda x, v: ac.softmax_cross_entropy(x[None], np.array([1]), label_smoothing=v),
    "softmax_cross_entropy of probabilities": lambda x, v: ac.softmax_cross_entropy(
        x[None], np.array([[0.25, 0.75]], np.float16), label_smoothing=v
    ),
}


def zeros(n):
    return np.zeros(n, np.float32)


def test_every_numeric_option_is_known():
    known = {"negative_slope", "alpha", "constant_values", "ddof", "eps", "momentum", "p", "label_smoothing", "beta"}
    whole = {"ignore_index", "groups", "num_groups", "decimals", "n", "k", "offset", "axes"}
    found = set()
    for op in ac.ops.__all__:
        for option in inspect.signature(getattr(ac.ops, op)).parameters.values():
            kind = type(option.default)
            if "float" in str(option.annotation) or (kind in (int, float) and "Pair" not in str(option.annotation)):
                found.add(option.name)
    assert found - whole - {"axis", "axis1", "axis2", "start_dim", "end_dim"} == known


@pytest.mark.parametrize("value", [np.float64(0.25), np.longdouble(0.25), np.float16(0.25)], ids=lambda v: str(v.dtype))
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("op", OPTIONS)
def test_an_option_that_is_a_numpy_number_is_that_number_and_widens_nothing(op, dtype, value):
    results = []
    for option in (value, 0.25):
        x = ac.Tensor(np.array([-1.5, 2.5], dtype), requires_grad=True)
        out = OPTIONS[op](x, option)
        array = OPTIONS[op](x.data, option)
        assert out.dtype == array.dtype == dtype
        out.backward(np.arange(1, out.size + 1, dtype=dtype).reshape(out.shape))
        results.append([out.data, array, x.grad])
    for found, expected in zip(*results, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "value",
    [1j, np.complex64(0.5), "0.5", b"1", None, [0.5, 0.5, 0.5], {}, np.array([0.1, 0.2, 0.3]), object, np.array(["a"])],
    ids=repr,
)
@pytest.mark.parametrize("op", OPTIONS)
def test_an_option_that_is_no_number_is_refused_by_name(op, value):
    name = op.split()[0].removesuffix("'s")
    for wrap in (np.asarray, ac.Tensor):
        with pytest.raises((TypeError, ValueError)) as raised:
            OPTIONS[op](wrap(np.array([-1.5, 2.5], np.float32)), value)
        notes = getattr(raised.value, "__notes__", [])
        assert re.search(rf"^(in )?{name}\b", "\n".join([str(raised.value), *notes]), re.MULTILINE), raised.value


@pytest.mark.parametrize("op", [op for op in OPTIONS if op != "pad"])
def test_nan_and_tensors_are_refused_as_options(op):
    x = np.array([-1.5, 2.5], np.float32)
    with pytest.raises(ValueError, match="got nan"):
        OPTIONS[op](x, np.nan)
    with pytest.raises(TypeError, match=r"is a Python or NumPy number; got (Tensor|array)"):
        OPTIONS[op](x, ac.Tensor(0.5, requires_grad=True))
    with pytest.raises(TypeError, match="is a Python or NumPy number; got True"):
        OPTIONS[op](x, True)
    with pytest.raises(ValueError, match=r"number|probability|from 0 to 1"):
        OPTIONS[op](x, 10**400)


def none_at(op, at):
    c = CASES[op]
    return c.call(*[None if i == at else v for i, v in enumerate(tensors(draw(c, np.float32)))])


X = np.ones((3, 4), np.float32)
#: Other inputs that an op takes as an array: how the error names the input, and the call.
MORE_INPUTS = {
    "nll_loss: targets": lambda: ac.nll_loss(X, None),
    "softmax_cross_entropy: targets": lambda: ac.softmax_cross_entropy(X, None),
    "softmax_cross_entropy: logits": lambda: ac.softmax_cross_entropy(None, ac.Tensor(LABELS)),
    "where: condition": lambda: ac.where(None, X, X),
    "take: indices": lambda: ac.take(X, None),
    "dropout: x": lambda: ac.dropout(None, 0.5, False),
    "concatenate: arrays": lambda: ac.concatenate(None),
    "stack: arrays": lambda: ac.stack(None),
    "a Tensor": lambda: ac.Tensor(None),
    "add: y in an operator": lambda: ac.Tensor(X) + None,
    "multiply: x in an operator": lambda: None * ac.Tensor(X),
    "add: y in NumPy's function": lambda: np.add(ac.Tensor(X), None),
    "maximum: y in NumPy's function": lambda: np.maximum(ac.Tensor(X), None),
}
OPTIONAL = {"bias", "weight", "min", "max"}


@pytest.mark.parametrize(
    ("op", "at"),
    [
        (op, at)
        for op, c in CASES.items()
        for at, name in enumerate(c.names)
        if not (name in OPTIONAL and at > (op.startswith(("conv", "linear"))))
    ],
)
def test_none_is_refused_as_an_array(op, at):
    name = re.escape(CASES[op].names[at])
    with pytest.raises(
        TypeError, match=rf"^{said(op)}: {name}\b.* is a Tensor, an array, a number or a list of such; got None"
    ):
        none_at(op, at)


@pytest.mark.parametrize("name", MORE_INPUTS)
def test_none_is_refused_for_any_other_input(name):
    with pytest.raises(TypeError, match=rf"^{name.partition(' in ')[0]} .*got None"):
        MORE_INPUTS[name]()


#: Values that an array of a dtype cannot hold.
NOT_HELD = [
    *[(np.uint8, v) for v in (300, -1, 2.5, np.nan, np.inf, np.int64(256), np.float64(1e30), 10**30)],
    *[(np.int8, v) for v in (128, -129, 0.5, np.uint8(200))],
    *[(np.int64, v) for v in (2.0**63, 2**63, -(2**63) - 1, np.uint64(2**63), np.float16(0.1), np.nan)],
    *[(np.uint64, v) for v in (-1, 2.0**64, np.int8(-1))],
    *[(np.bool_, v) for v in (2, -1, 0.5, np.nan)],
    *[(np.float16, v) for v in (70000, 1e5, np.float64(-1e30))],
    *[(np.float32, v) for v in (1e39, 10**39, 10**400, np.float64(-1e300))],
]
HELD = [
    *[(np.uint8, v) for v in (255, 0, 2.0, True, np.float64(255), np.int64(3))],
    *[(np.int64, v) for v in (-(2**63), 2**63 - 1, -(2.0**63), np.uint64(2**63 - 1), np.float16(3))],
    *[(np.uint64, v) for v in (2**64 - 1, 2.0**63)],
    *[(np.bool_, v) for v in (0, 1, True, 1.0)],
    *[(np.float32, v) for v in (0.1, np.nan, np.inf, 10**30, np.float64(1e38))],
]
WRITING = {
    "pad": lambda x, v: ac.pad(x, 1, constant_values=v),
    "np.pad": lambda x, v: np.pad(ac.Tensor(x), 1, constant_values=v),
    "setitem": lambda x, v: ac.ops.setitem(x, 1, v),
    "t[1] =": lambda x, v: assigned(x, 1, v),
    "t[mask] =": lambda x, v: assigned(x, np.array([False, True]), v),
}


def assigned(x, index, v):
    t = ac.Tensor(x)
    t[index] = v
    return t


@pytest.mark.parametrize(("dtype", "value"), NOT_HELD)
@pytest.mark.parametrize("way", WRITING)
def test_a_value_that_a_dtype_cannot_hold_is_refused(way, dtype, value):
    with pytest.raises(ValueError, match=rf"^(pad|setitem): \w+ .* of {np.dtype(dtype)}, which cannot hold "):
        WRITING[way](np.array([0, 1], dtype), value)


@pytest.mark.parametrize(("dtype", "value"), HELD)
@pytest.mark.parametrize("way", WRITING)
def test_a_value_that_a_dtype_can_hold_is_written_as_it_is(way, dtype, value):
    out = np.asarray(WRITING[way](np.array([0, 1], dtype), value))
    assert out.dtype == dtype
    np.testing.assert_array_equal(out[-1], np.array(value).astype(dtype))


@pytest.mark.parametrize("value", [[1.5, 2], [300, 1], [np.nan, 0], [-1, 1]])
@pytest.mark.parametrize("kind", [list, np.array, lambda v: ac.Tensor(np.array(v))], ids=["list", "array", "Tensor"])
def test_one_of_several_values_that_a_dtype_cannot_hold_is_refused(kind, value):
    with pytest.raises(ValueError, match=r"^setitem: value .* of uint8, which cannot hold "):
        assigned(np.array([0, 1], np.uint8), slice(None), kind(value))
    with pytest.raises(ValueError, match=r"^setitem: value .* of bool, which cannot hold "):
        assigned(np.array([0, 1], bool), slice(None), kind(value))


@pytest.mark.parametrize("other", [0.5, np.array([0.5, 1.5]), ac.Tensor([0.5, 1.5])], ids=repr)
def test_an_integer_tensor_takes_no_fractions_in_place(other):
    """As in NumPy and PyTorch; otherwise `t += 0.5` would do nothing."""
    t = ac.Tensor(np.array([1, 2]))
    with pytest.raises(TypeError, match="int64"):
        t += other
    with pytest.raises(TypeError, match="int64"):
        t /= 2


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("dtype", [np.longdouble, np.complex128, object])
def test_running_statistics_of_an_unsupported_dtype_are_refused(dtype, training):
    for mean, variance in [(dtype, float), (float, dtype)]:
        with pytest.raises(TypeError, match="batch_norm: running_"):
            ac.batch_norm(np.eye(3), np.zeros(3).astype(mean), np.ones(3).astype(variance), training=training)


class Foreign:
    """An array of another library."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype)


def test_other_libraries_arrays_are_accepted():
    x = np.array([1.0, 2.0])
    out = ac.multiply(ac.Tensor(x, requires_grad=True), Foreign(x))
    assert out.data.tolist() == [1, 4]
    out.backward(np.ones(2))
    np.testing.assert_array_equal(ac.exp(Foreign(x)), np.exp(x))
    with pytest.raises(TypeError, match="dtype complex128"):
        ac.exp(Foreign(x * 1j))


def test_a_list_of_arrays_widens_as_an_array_and_one_of_numbers_does_not():
    x = np.ones((2, 2), np.float32)
    rows = list(np.ones((2, 2)))
    assert ac.add(x, rows).dtype == ac.add(x, [rows]).dtype == np.float64
    assert ac.add(x, [1.5, 2.5]).dtype == ac.add(x, [np.float64(1.5), np.array(2.5)]).dtype == np.float32
    whole = np.ones(2, int)
    assert ac.add(whole, [True, False]).dtype == ac.add(whole, [1, 2]).dtype == whole.dtype
    assert ac.add(whole, [1.5, 2]).dtype == np.float32


@pytest.mark.parametrize("length", [1, 79, 80, 81, 1000])
def test_what_was_given_is_shown_in_a_line(length):
    text = operands.short("x" * (length - 2) if length > 1 else 7)
    assert len(text) == (length if length <= 80 else 78)
    assert text.endswith("…") == (length > 80)
