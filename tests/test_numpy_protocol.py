"""Plain NumPy on Tensors: each public function is an op, asks, or is refused; nothing loses a gradient quietly."""

# ruff: noqa: ARG005, RUF005 -- every call takes the whole point, and a list is added to an array

import io
import math
import re
import types
from collections import namedtuple

import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn.ops import numpy_protocol

rng = np.random.default_rng(0)
A, B = np.array([0.31, 0.72, 0.437]), np.array([1.31, 0.58, 2.17])
M = np.array([[2.11, 0.31, 0.22], [0.36, 1.72, 0.16], [0.26, 0.12, 1.43]])
S = np.array(0.62)
POINT = (A, B, M, S)
EXITS = (".data", ".detach()", ".numpy()", ".item()")


def close(actual, expected, **tolerances):
    np.testing.assert_allclose(actual, expected, **{"rtol": 1e-12, "atol": 1e-12} | tolerances)


def leaves(*point):
    return [ac.Tensor(x, requires_grad=True) for x in point]


def same(f, g, *point, exact=True):
    """Assert that two functions have one value and one slope everywhere, in every transform and with backward().

    Unless `exact`, of whatever dtypes.
    """
    value, pull = ac.vjp(f, *point)
    expected, pull_expected = ac.vjp(g, *point)
    assert value.dtype == expected.dtype or not exact
    assert value.shape == expected.shape
    single = not exact or np.dtype(np.float32) in {expected.dtype, *[x.dtype for x in point]}
    near = {"rtol": 1e-5, "atol": 1e-6} if single else {}
    close(value, expected, **near)
    cotangent = np.asarray(rng.standard_normal(np.shape(expected)), expected.dtype)
    gradients = pull_expected(cotangent)
    assert all(map(np.any, gradients)), "the test would see nothing"
    for actual, right in zip(pull(cotangent), gradients, strict=True):
        close(actual, right, **near)
    tensors = leaves(*point)
    f(*tensors).backward(cotangent)
    for x, right in zip(tensors, gradients, strict=True):
        close(x.grad, right, **near)
    every = tuple(range(len(point)))
    found = ac.grad(lambda *xs: (f(*xs) * cotangent).sum(), every)(*point)
    for actual, right in zip(found, gradients, strict=True):
        close(actual, right, **near)
    tangents = tuple(np.asarray(rng.standard_normal(x.shape), x.dtype) for x in point)
    close(ac.jvp(f, tuple(point), tangents)[1], ac.jvp(g, tuple(point), tangents)[1], **near)


def refused(call, *texts):
    """Assert that a call is a TypeError whose text holds these."""
    with pytest.raises(TypeError) as error:
        call()
    for text in texts:
        assert text in str(error.value), str(error.value)


# --- NumPy's public functions, one by one -------------------------------------------------------------------------

# They change NumPy's own settings, run its tests, or take no array at all: files, types, names, shapes and Python's
# own functions. What takes a file, a text or a shape *and* an array is called with both, below.
NOT_OF_ARRAYS = {
    # NumPy's settings and tests
    "np.seterr", "np.seterrcall", "np.setbufsize", "np.set_printoptions", "np.printoptions", "np.geterr",
    "np.geterrcall", "np.getbufsize", "np.get_printoptions", "np.get_include", "np.show_config", "np.show_runtime",
    "np.info", "np.test", "np.linalg.test", "np.fft.test",
    # from files, texts and buffers
    "np.load", "np.loadtxt", "np.genfromtxt", "np.fromfile", "np.fromregex", "np.from_dlpack", "np.frombuffer",
    "np.fromstring",
    # of types
    "np.issubdtype", "np.isdtype", "np.mintypecode", "np.typename", "np.promote_types", "np.datetime_data",
    # of numbers and shapes
    "np.bartlett", "np.blackman", "np.hamming", "np.hanning", "np.kaiser", "np.eye", "np.identity", "np.tri",
    "np.indices", "np.diag_indices", "np.tril_indices", "np.triu_indices", "np.mask_indices", "np.base_repr",
    "np.binary_repr", "np.format_float_positional", "np.format_float_scientific", "np.broadcast_shapes",
    # of functions, and of the memory of arrays
    "np.frompyfunc", "np.nested_iters", "np.isfortran",
    # of matrices, which Tensors never are: returns None, or asks for the plain array
    "np.bmat",
}  # fmt: skip

FLAT = np.array([0, 2, 1])
CHOICE = np.array([True, False, True])

#: Ways to call a function: what it is called with, made of the four arguments of POINT.
CALLS = [
    lambda a, b, m, s: ((a,), {}),
    lambda a, b, m, s: ((m,), {}),
    lambda a, b, m, s: ((s,), {}),
    lambda a, b, m, s: ((a, b), {}),
    lambda a, b, m, s: ((m, b), {}),
    lambda a, b, m, s: ((m, m), {}),
    lambda a, b, m, s: (([a, b],), {}),
    lambda a, b, m, s: (((a, b),), {}),
    lambda a, b, m, s: (([s, s, 1.0],), {}),
    lambda a, b, m, s: ((a, 1), {}),
    lambda a, b, m, s: ((m, 1), {}),
    lambda a, b, m, s: ((m, 1, 0), {}),
    lambda a, b, m, s: ((1, a), {}),
    lambda a, b, m, s: ((3, s), {}),
    lambda a, b, m, s: ((s, 2.5), {}),
    lambda a, b, m, s: ((2.5, s), {}),
    lambda a, b, m, s: ((s, 2.5, 4), {}),
    lambda a, b, m, s: ((1.3 * B, a), {}),
    lambda a, b, m, s: ((a, 1.3 * B), {}),
    lambda a, b, m, s: ((1.3 * M, a), {}),
    lambda a, b, m, s: ((1.3 * M, m), {}),
    lambda a, b, m, s: ((np.float64(0.7), a), {}),
    lambda a, b, m, s: ((a, np.float64(0.7)), {}),
    lambda a, b, m, s: ((a, FLAT.copy()), {}),
    lambda a, b, m, s: ((m, FLAT[:, None].copy(), 1), {}),
    lambda a, b, m, s: ((CHOICE.copy(), a), {}),
    lambda a, b, m, s: ((a, CHOICE.copy()), {}),
    lambda a, b, m, s: ((CHOICE.copy(), a, b), {}),
    lambda a, b, m, s: ((a, b, 1.3 * B), {}),
    lambda a, b, m, s: ((a, FLAT.copy(), b), {}),
    lambda a, b, m, s: ((1.3 * B, FLAT.copy(), b), {}),
    lambda a, b, m, s: ((1.3 * B, [0, 2], b[:2]), {}),
    lambda a, b, m, s: ((1.3 * B, CHOICE.copy(), b), {}),
    lambda a, b, m, s: ((1.3 * M, FLAT[:, None].copy(), m, 1), {}),
    lambda a, b, m, s: ((1.3 * M, s), {}),
    lambda a, b, m, s: ((1.3 * B, 1, s), {}),
    lambda a, b, m, s: ((a, 0.1, 0.5), {}),
    lambda a, b, m, s: ((a, (3, 1)), {}),
    lambda a, b, m, s: (((3,), s), {}),
    lambda a, b, m, s: ((a, 0.4, None), {}),
    lambda a, b, m, s: ((a,), {"axis": 0}),
    lambda a, b, m, s: ((m,), {"axis": 1}),
    lambda a, b, m, s: ((m,), {"axis": -1, "keepdims": True}),
    lambda a, b, m, s: ((m, b), {"axis": 0}),
    lambda a, b, m, s: (([a, b],), {"axis": -1}),
    lambda a, b, m, s: ((FLAT.copy(), [a, b, a]), {}),
    lambda a, b, m, s: (([CHOICE], [a]), {}),
    lambda a, b, m, s: (([CHOICE], [a], s), {}),
    lambda a, b, m, s: ((a, [CHOICE, ~CHOICE], [s, 1.0]), {}),
    lambda a, b, m, s: ((a, [CHOICE, ~CHOICE], [2.0, 1.0]), {}),
    lambda a, b, m, s: ((np.sort, 0, m), {}),
    lambda a, b, m, s: ((np.array([[0, 1], [2, 1]]), m), {}),
    lambda a, b, m, s: ((a,), {"out": 1.3 * B}),
    lambda a, b, m, s: ((1.3 * B,), {"out": a}),
    lambda a, b, m, s: ((a, b), {"out": 1.3 * B}),
    lambda a, b, m, s: ((1.3 * B, a), {"out": b}),
    lambda a, b, m, s: ((m, 0), {"out": 1.3 * B}),
    lambda a, b, m, s: ((1.3 * M, 0), {"out": a}),
    lambda a, b, m, s: ((a,), {"where": CHOICE.copy()}),
    lambda a, b, m, s: ((a, b), {"where": CHOICE.copy()}),
    lambda a, b, m, s: ((a,), {"dtype": np.float64}),
    lambda a, b, m, s: ((a, b), {"dtype": np.float64}),
    lambda a, b, m, s: ((np.sum, m, [0]), {}),
    lambda a, b, m, s: (("i,i->", a, b), {}),
    lambda a, b, m, s: (("ij,j->i", m, b), {}),
    lambda a, b, m, s: ((a, np.float64), {}),
    lambda a, b, m, s: ((a, np.int64), {}),
    lambda a, b, m, s: ((a, [0, 2]), {}),
    lambda a, b, m, s: ((m, [0, 2]), {}),
    lambda a, b, m, s: ((io.BytesIO(), a), {}),
    lambda a, b, m, s: ((a, "float64"), {}),
    lambda a, b, m, s: ((lambda i: a[int(i)], (3,)), {"dtype": int}),
]  # fmt: skip


def public_functions():
    """Return NumPy's public functions by name."""
    return {
        f"{prefix}.{name}": function
        for prefix, module in (("np", np), ("np.linalg", np.linalg), ("np.fft", np.fft))
        for name, function in vars(module).items()
        if callable(function) and not name.startswith("_") and not isinstance(function, type | types.ModuleType)
        and f"{prefix}.{name}" not in NOT_OF_ARRAYS
    }  # fmt: skip


FUNCTIONS = public_functions()


def parts(result):
    """Yield the Tensors, arrays and numbers in what a function returned."""
    if isinstance(result, tuple | list):
        for x in result:
            yield from parts(x)
    elif isinstance(result, dict):
        yield from parts(list(result.values()))
    elif isinstance(result, np.poly1d):
        yield result.coeffs
    else:
        yield result


def plain_call(function, call, point):
    args, kwargs = call(*[x.copy() for x in point])
    with np.errstate(all="ignore"):
        return list(parts(function(*args, **kwargs)))


def moved(step, direction):
    return [x + step * v for x, v in zip(POINT, direction, strict=True)]


def numeric(x):
    return isinstance(x, np.ndarray | np.generic | float | complex) and np.asarray(x).dtype.kind in "fc"


DIRECTION = [rng.standard_normal(x.shape) for x in POINT]


def slopes(function, call, step=1e-6):
    """Return the derivatives of each part of what a function returns of arrays, along a random direction."""
    up, down = (plain_call(function, call, moved(h, DIRECTION)) for h in (step, -step))
    return [
        (np.asarray(x) - np.asarray(y)) / (2 * step) if numeric(x) and np.shape(x) == np.shape(y) else None
        for x, y in zip(up, down, strict=True)
    ]


def arrays_in(value, kind):
    """Return the arrays in arguments that Tensors hold, or those that stand there themselves."""
    if isinstance(value, tuple | list):
        return [x for v in value for x in arrays_in(v, kind)]
    if kind is ac.Tensor and isinstance(value, kind):
        return [value._data]
    return [value] if kind is np.ndarray and isinstance(value, kind) else []


# NumPy's own code calls another of its functions with what it was given, and that one is named.
WITHIN = {"full_like": "copyto", "nan_to_num": "copyto", "unwrap": "copyto", "polyint": "atleast_1d",
          "row_stack": "vstack", "norm": "equal", "around": "round"}  # fmt: skip


def is_named(message, function):
    """Whether an error names the function, by the name that the function itself has, or else the ways out."""
    owner = getattr(function, "__self__", function)
    name = owner.__name__
    if isinstance(owner, np.ufunc) and owner is not function:
        name += f".{function.__name__}"
    if message.startswith("arrays used as indices"):
        return name == "take"
    names = "|".join(map(re.escape, {name, WITHIN.get(name, name)}))
    return bool(re.search(rf"(^|np\.|linalg\.|fft\.)({names})\b", message)) or all(text in message for text in EXITS)


def outcome(name, function, call, inside):
    """Return what happens to Tensors, after checking that it is right: "op", "constant", "answer" or "error".

    `inside` a transform, or outside with `backward()`.
    """
    draw = np.random.default_rng(1).standard_normal
    try:
        expected = plain_call(function, call, POINT)
        by_direction = slopes(function, call)
    except Exception:  # noqa: BLE001 -- NumPy itself refuses such a call
        args, kwargs = call(*leaves(*POINT))
        try:
            function(*args, **kwargs)
        except Exception:  # noqa: BLE001 -- and so it is of a Tensor
            return "refused"
        return None
    kinds, slope = set(), 0.0

    def total(*tensors):
        nonlocal slope
        args, kwargs = call(*tensors)
        held, plain_arrays = (arrays_in((args, *kwargs.values()), kind) for kind in (ac.Tensor, np.ndarray))
        before = [[x.copy() for x in arrays] for arrays in (held, plain_arrays)]
        results = []
        try:
            results += parts(function(*args, **kwargs))
        finally:
            for x, y in zip(held, before[0], strict=True):
                np.testing.assert_array_equal(x, y, f"{name} wrote into a Tensor")
            for x, y in zip(plain_arrays, before[1], strict=True):
                if not any(x is result for result in results):  # an answer may be written into an array
                    np.testing.assert_array_equal(x, y, f"{name} wrote into an array")
        assert len(results) == len(expected), name
        contracted = ac.Tensor(np.array(0.0))
        for result, plain, derivative in zip(results, expected, by_direction, strict=True):
            if isinstance(result, ac.Tensor):
                np.testing.assert_allclose(result.data, plain, rtol=1e-6 if result.dtype == np.float32 else 1e-9)
                if result.requires_grad:
                    cotangent = np.asarray(draw(result.shape))
                    contracted = contracted + (result * cotangent).sum()
                    slope += np.sum(derivative * cotangent)
                    kinds.add("op")
                    continue
            kinds.add("constant" if isinstance(result, ac.Tensor) else "answer")
            if numeric(plain) and not ("empty" in name or (name in ONE_AT_A_TIME and not inside)):
                assert derivative is not None, name
                assert not np.any(derivative), f"{name} detaches {result}"
        return contracted

    with np.errstate(all="ignore"):
        try:
            if inside:
                _, pull = ac.vjp(total, *POINT)
            else:
                tensors = leaves(*POINT)
                contracted = total(*tensors)
        except (TypeError, IndexError, ValueError) as error:
            if not is_named(str(error.__cause__ or error), function):
                pytest.fail(f"{name}: the error does not name it: {error}")
            return "error"
        if "op" in kinds:
            if inside:
                gradients = pull(np.array(1.0))
            else:
                contracted.backward()
                gradients = [x._data * 0 if x.grad is None else x.grad for x in tensors]
            actual = sum(np.vdot(x, v) for x, v in zip(gradients, DIRECTION, strict=True))
            if np.isfinite(slope):
                np.testing.assert_allclose(actual, slope, rtol=1e-6, atol=1e-7, err_msg=name)
            return "op"
    return min(kinds, default="answer")


# Outside transforms float(t) works, and these ask for nothing else.
ONE_AT_A_TIME = {"np.fromiter"}
# The width of a line and the digits to print are numbers: these are called with an array alone.
PRINTING = {"np.array2string", "np.array_repr", "np.array_str"}
# A text in the first place would be the name of a file: these are called with an open one.
SAVING = {"np.save", "np.savetxt", "np.savez", "np.savez_compressed"}


def calls_of(name):
    if name in SAVING:
        return [lambda a, b, m, s: ((io.BytesIO(), a), {}), lambda a, b, m, s: ((io.BytesIO(), m), {})]
    if name == "np.linalg.cholesky":  # of which one triangle is read, and the gradient is that of a symmetric matrix
        return [lambda a, b, m, s: ((m + m.T,), {})]
    return CALLS[:3] if name in PRINTING else CALLS


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_of_numpys_functions_is_an_op_asks_or_is_refused(name):
    function = FUNCTIONS[name]
    callables = {name: function}
    if isinstance(function, np.ufunc):
        for method in "reduce", "accumulate", "outer", "reduceat", "at":
            callables[f"{name}.{method}"] = getattr(function, method)
    for each, called in callables.items():
        for inside in False, True:
            kinds = {outcome(each, called, call, inside) for call in calls_of(name)}
            assert kinds - {None}, f"{each}: no call of it says what happens"
            for kind, names in EXPECTED.items():
                if each.removeprefix("np.") in names:
                    assert kind in kinds, f"{each}: {kinds}"


# What is sure to happen in some call; of the others only that it is right.
EXPECTED = {
    "op": {
        "arccos", "arcsin", "arctan", "arctan2", "atleast_1d", "atleast_2d", "average", "cos", "cosh", "cumprod",
        "cumsum", "diag", "diff", "dot", "expm1", "flip", "hstack", "inner", "linalg.cholesky", "linalg.det",
        "linalg.inv", "linalg.norm", "linalg.slogdet", "linalg.solve", "log10", "log1p", "log2", "logaddexp",
        "multiply.reduce", "outer", "prod", "repeat", "roll", "sin", "sinh", "sort", "std", "tan", "tensordot", "tile",
        "trace", "tril", "triu", "vstack",
        "abs", "absolute", "add", "add.reduce", "amax", "amin", "astype", "clip", "concat", "concatenate", "divide",
        "einsum", "exp", "expand_dims", "fabs", "float_power", "log", "matmul", "max", "maximum", "maximum.reduce",
        "mean", "min", "minimum", "minimum.reduce", "mod", "moveaxis", "multiply", "negative", "pad", "permute_dims",
        "positive", "power", "ravel", "reciprocal", "remainder", "reshape", "split", "sqrt", "square", "squeeze",
        "stack", "subtract", "sum", "swapaxes", "take", "tanh", "transpose", "true_divide", "var", "where",
    },
    "constant": {
        "around", "ceil", "equal", "floor", "floor_divide", "greater", "greater_equal", "less", "less_equal",
        "not_equal", "rint", "round", "sign", "trunc",
    },
    "answer": {
        "all", "allclose", "any", "argmax", "argmin", "argsort", "array_equal", "isclose", "isfinite", "isinf", "isnan",
        "ndim", "nonzero", "ones_like", "shape", "size", "zeros_like",
    },
    "error": {
        "add.at", "array", "asarray", "ascontiguousarray", "copyto", "fft.fft", "fill_diagonal", "linalg.eigh", "put",
    },
}  # fmt: skip


# --- what has an op: the same values, gradients and arguments ------------------------------------------------------

UNARY = {
    np.abs: ac.abs, np.absolute: ac.abs, np.exp: ac.exp, np.fabs: ac.abs, np.log: ac.log, np.negative: ac.negative,
    np.sqrt: ac.sqrt, np.tanh: ac.tanh, np.square: lambda x: x * x, np.reciprocal: lambda x: 1 / x,
    np.positive: lambda x: x * 1, np.sin: ac.sin, np.cos: ac.cos, np.tan: ac.tan, np.arctan: ac.arctan,
    np.sinh: ac.sinh, np.cosh: ac.cosh, np.expm1: ac.expm1, np.log1p: ac.log1p, np.log2: ac.log2, np.log10: ac.log10,
}  # fmt: skip
BINARY = {
    np.add: ac.add, np.divide: ac.divide, np.float_power: ac.power, np.maximum: ac.maximum, np.minimum: ac.minimum,
    np.mod: ac.mod, np.multiply: ac.multiply, np.power: ac.power, np.remainder: ac.mod, np.subtract: ac.subtract,
    np.true_divide: ac.divide, np.arctan2: ac.arctan2, np.logaddexp: ac.logaddexp,
}  # fmt: skip
COMPARISONS = {
    np.equal: ac.equal, np.not_equal: ac.not_equal, np.less: ac.less, np.less_equal: ac.less_equal,
    np.greater: ac.greater, np.greater_equal: ac.greater_equal, np.floor_divide: ac.floor_divide,
}  # fmt: skip
AMID = np.array([0.4, 1.1, 2.6])  # of the plain values below some are larger, some smaller
CUBE = rng.uniform(0.5, 2.0, (2, 3, 4))


def by_name(functions):
    return pytest.mark.parametrize(("function", "op"), functions.items(), ids=[f.__name__ for f in functions])


@by_name(UNARY)
def test_a_ufunc_of_one_argument_is_its_op(function, op):
    for x in A, M, S, CUBE:
        same(function, op, x)
    same(lambda x: function(x, dtype=np.float32), lambda x: op(x.astype(np.float32)), A)
    for call in (
        lambda x: function(x, out=np.empty(3)), lambda x: function(x, np.empty(3)), lambda x: function(A, out=x),
    ):  # fmt: skip
        refused(lambda call=call: call(ac.Tensor(A, requires_grad=True)), f"np.{function.__name__}", "out=")
        refused(lambda call=call: ac.grad(lambda x: call(x).sum())(A), f"np.{function.__name__}", "out=")


@by_name(BINARY)
def test_a_ufunc_of_two_arguments_is_its_op_from_either_side(function, op):
    same(function, op, A, B)
    same(function, op, M, B)  # broadcast
    for plain in B, 1.3 * M, np.float64(0.7), np.float32(0.7), 2, 0.7, np.array(0.7), [0.5, 1.5, 2.5]:
        same(lambda x, y=plain: function(x, y), lambda x, y=plain: op(x, y), AMID)
        same(lambda x, y=plain: function(y, x), lambda x, y=plain: op(y, x), AMID)
    same(lambda x, y: function(x, y, dtype=np.float32), lambda x, y: op(*[v.astype(np.float32) for v in (x, y)]), A, B)
    for call in (
        lambda x: function(x, B, out=np.empty(3)), lambda x: function(B, x, out=(np.empty(3),)),
        lambda x: function(A, B, out=x),
    ):  # fmt: skip
        refused(lambda call=call: call(ac.Tensor(A, requires_grad=True)), f"np.{function.__name__}", "out=")


@by_name(COMPARISONS)
def test_what_is_piecewise_constant_has_no_gradient(function, op):
    x, y = leaves(A, B)
    for left, right in (x, y), (x, B), (A, y), (np.float64(0.5), y), (x, 0.5):
        result = function(left, right)
        assert isinstance(result, ac.Tensor)
        assert not result.requires_grad
        plain = [v.data if isinstance(v, ac.Tensor) else v for v in (left, right)]
        np.testing.assert_array_equal(result.data, function(*plain))
        np.testing.assert_array_equal(result.data, op(left, right).data)
    close(ac.grad(lambda x: np.sum(x * function(x, 0.5)))(A), function(A, 0.5))


@pytest.mark.parametrize("function", [np.floor, np.ceil, np.round, np.rint, np.sign, np.trunc])
def test_rounding_has_no_gradient(function):
    x = ac.Tensor(3 * A, requires_grad=True)
    assert not function(x).requires_grad
    np.testing.assert_array_equal(function(x).data, function(3 * A))
    close(ac.grad(lambda x: np.sum(x * function(x)))(3 * A), function(3 * A))


def test_numpys_operators_of_an_array_and_a_tensor():
    for f in (
        lambda x, y: x + y, lambda x, y: x - y, lambda x, y: x * y, lambda x, y: x / y, lambda x, y: x**y,
        lambda x, y: x @ y, lambda x, y: x % y,
    ):  # fmt: skip
        same(lambda x, f=f: f(B, x), lambda x, f=f: f(ac.Tensor(B), x), A)
        same(lambda x, f=f: f(x, B), lambda x, f=f: f(x, ac.Tensor(B)), 3 * A)
    same(lambda x: np.float64(2.0) * x, lambda x: x * 2.0, A)
    same(lambda x: np.float64(2.0) - x, lambda x: 2.0 - x, A)


REDUCTIONS = {np.sum: ac.sum, np.mean: ac.mean, np.max: ac.max, np.min: ac.min, np.amax: ac.max, np.amin: ac.min,
              np.var: ac.var, np.std: ac.std, np.prod: ac.prod}  # fmt: skip


@by_name(REDUCTIONS)
def test_a_reduction_takes_numpys_arguments(function, op):
    same(function, op, CUBE)
    same(lambda x: function(a=x), op, CUBE)
    for axis in 0, 1, -1, (0, 2), (1, -1), None:
        same(lambda x, axis=axis: function(x, axis), lambda x, axis=axis: op(x, axis), CUBE)
        for keep in False, True:
            same(
                lambda x, axis=axis, keep=keep: function(x, axis=axis, keepdims=keep),
                lambda x, axis=axis, keep=keep: op(x, axis, keepdims=keep),
                CUBE,
            )
    x = ac.Tensor(CUBE, requires_grad=True)
    name = f"np.{function.__name__}"
    for options in {"out": np.empty((3, 4))}, {"where": False}:
        refused(lambda options=options: function(x, axis=0, **options), name, *[f"{option}=" for option in options])
    if function not in (np.mean, np.var, np.std):
        refused(lambda: function(x, axis=0, initial=9.0), name, "initial=")
    if function in (np.sum, np.mean, np.var, np.std, np.prod):
        same(lambda x: function(x, dtype=np.float32), lambda x: op(x.astype(np.float32)), CUBE)
        same(lambda x: function(x, 1, np.float32), lambda x: op(x.astype(np.float32), 1), CUBE)


def test_a_ufuncs_reduce_is_the_sum_or_extreme_over_the_first_axis():
    for function, op in (np.add, ac.sum), (np.multiply, ac.prod), (np.maximum, ac.max), (np.minimum, ac.min):
        same(function.reduce, lambda x, op=op: op(x, 0), CUBE)
        same(lambda x, function=function: function.reduce(x, None), op, CUBE)
        same(lambda x, function=function: function.reduce(x, axis=(0, 1), keepdims=True),
             lambda x, op=op: op(x, (0, 1), keepdims=True), CUBE)  # fmt: skip
        same(lambda x, function=function: function.reduce(x, 1, np.float32),
             lambda x, op=op: op(x.astype(np.float32), 1), CUBE)  # fmt: skip
        x = ac.Tensor(CUBE, requires_grad=True)
        for options in {"out": np.empty((3, 4))}, {"where": False}, {"initial": 9.0}:
            refused(lambda function=function, options=options, x=x: function.reduce(x, **options),
                    f"np.{function.__name__}.reduce", *[f"{option}=" for option in options])  # fmt: skip
        for method, others in {"accumulate": [], "outer": [A], "at": [[0], 1.0], "reduceat": [[0]]}.items():
            with pytest.raises(TypeError, match=rf"np\.{function.__name__}\.{method} of a Tensor"):
                getattr(function, method)(x, *others)


SYSTEM = 5 * np.eye(3)


def spread(x):
    return x @ np.swapaxes(x, 1, 2) + SYSTEM


SHAPED = {
    "var ddof": (lambda x: np.var(x, 1, ddof=1), lambda x: ac.var(x, 1, 1)),
    "var correction": (lambda x: np.var(x, 1, correction=1, keepdims=True), lambda x: ac.var(x, 1, 1, True)),
    "reshape": (lambda x: np.reshape(x, (4, -1)), lambda x: x.reshape(4, 6)),
    "reshape by name": (lambda x: np.reshape(x, shape=(6, 4)), lambda x: x.reshape(6, 4)),
    "ravel": (np.ravel, lambda x: x.reshape(-1)),
    "transpose": (np.transpose, ac.transpose),
    "transpose axes": (lambda x: np.transpose(x, (1, 0, 2)), lambda x: ac.transpose(x, (1, 0, 2))),
    "transpose by name": (lambda x: np.transpose(a=x, axes=(2, 0, 1)), lambda x: ac.transpose(x, (2, 0, 1))),
    "permute_dims": (lambda x: np.permute_dims(x, (1, 0, 2)), lambda x: ac.transpose(x, (1, 0, 2))),
    "swapaxes": (lambda x: np.swapaxes(x, 0, -1), lambda x: ac.transpose(x, (2, 1, 0))),
    "moveaxis": (lambda x: np.moveaxis(x, 0, -1), lambda x: ac.transpose(x, (1, 2, 0))),
    "moveaxis several": (lambda x: np.moveaxis(x, (0, 1), (-1, 0)), lambda x: ac.transpose(x, (1, 2, 0))),
    "expand_dims": (lambda x: np.expand_dims(x, axis=1), lambda x: ac.expand_dims(x, 1)),
    "expand_dims by name": (lambda x: np.expand_dims(a=x, axis=(0, -1)), lambda x: ac.expand_dims(x, (0, -1))),
    "squeeze": (lambda x: np.squeeze(x[:1], axis=0), lambda x: x[0]),
    "broadcast_to": (lambda x: np.broadcast_to(x, shape=(2, 2, 3, 4)), lambda x: ac.broadcast_to(x, (2, 2, 3, 4))),
    "broadcast_to by name": (lambda x: np.broadcast_to(array=x, shape=(2, 2, 3, 4)),
                             lambda x: ac.broadcast_to(x, (2, 2, 3, 4))),
    "concatenate": (lambda x: np.concatenate([x, CUBE, x], axis=1), lambda x: ac.concatenate([x, CUBE, x], 1)),
    "concatenate a tuple": (lambda x: np.concatenate((CUBE, x)), lambda x: ac.concatenate([CUBE, x], 0)),
    "concatenate flat": (lambda x: np.concatenate([x, x[0]], None),
                         lambda x: ac.concatenate([x.reshape(-1), x[0].reshape(-1)])),
    "concatenate dtype": (lambda x: np.concatenate([x, CUBE], dtype=np.float32),
                          lambda x: ac.concatenate([x.astype(np.float32), CUBE.astype(np.float32)])),
    "stack": (lambda x: np.stack([x, CUBE], axis=-1), lambda x: ac.stack([x, CUBE], axis=-1)),
    "split": (lambda x: np.split(x, 3, axis=1)[1], lambda x: x[:, 1:2]),
    "split at": (lambda x: np.split(x, [1, 2], -1)[2], lambda x: x[..., 2:]),
    "where": (lambda x: np.where(CUBE > 1, x, 0.5), lambda x: ac.where(CUBE > 1, x, 0.5)),
    "where by a tensor": (lambda x: np.where(x > 1, x, x * x), lambda x: ac.where(CUBE > 1, x, x * x)),
    "clip": (lambda x: np.clip(x, 0.8, 1.5), lambda x: ac.clip(x, 0.8, 1.5)),
    "clip from below": (lambda x: np.clip(x, 0.8, None), lambda x: ac.clip(x, 0.8, None)),
    "clip by name": (lambda x: np.clip(x, min=0.8, max=1.5), lambda x: ac.clip(x, 0.8, 1.5)),
    "clip by its older names": (lambda x: np.clip(x, a_min=None, a_max=1.5), lambda x: ac.clip(x, None, 1.5)),
    "clip between": (lambda x: np.clip(CUBE, 0.8 * x[0], 1.1 * x[1]), lambda x: ac.clip(CUBE, 0.8 * x[0], 1.1 * x[1])),
    "einsum": (lambda x: np.einsum("ijk,kl->jl", x, np.eye(4)), lambda x: ac.einsum("ijk,kl->jl", x, np.eye(4))),
    "einsum optimize": (lambda x: np.einsum("ijk,ijk->i", x, x, optimize=True), lambda x: ac.sum(x * x, (1, 2))),
    "pad": (lambda x: np.pad(x, ((0, 0), (1, 2), (0, 1))), lambda x: ac.pad(x, ((0, 0), (1, 2), (0, 1)))),
    "pad constant": (
        lambda x: np.pad(x, 1, mode="constant", constant_values=3),
        lambda x: ac.pad(x, 1, constant_values=3),
    ),
    "take": (lambda x: np.take(x, [2, 0, 2], axis=1), lambda x: x[:, [2, 0, 2]]),
    "take flat": (lambda x: np.take(x, [[7, 0], [7, 23]]), lambda x: x.reshape(-1)[[[7, 0], [7, 23]]]),
    "astype": (lambda x: np.astype(x, np.float32), lambda x: ac.astype(x, np.float32)),
    "matmul": (lambda x: np.matmul(x, np.ones((4, 2))), lambda x: ac.matmul(x, np.ones((4, 2)))),
    "matmul from the right": (lambda x: np.matmul(np.ones((2, 3)), x), lambda x: ac.matmul(np.ones((2, 3)), x)),
    "std correction": (lambda x: np.std(x, 1, correction=1, keepdims=True), lambda x: ac.std(x, 1, 1, True)),
    "average": (lambda x: np.average(x, 1), lambda x: ac.mean(x, 1)),
    "average weights": (lambda x: np.average(x, axis=2, weights=[1.0, 2.0, 0.5, 0.1], keepdims=True),
                        lambda x: ac.average(x, 2, np.array([1.0, 2.0, 0.5, 0.1]), keepdims=True)),
    "average by a tensor": (lambda x: np.average(CUBE, weights=x), lambda x: (x * CUBE).sum() / x.sum()),
    "cumsum": (np.cumsum, lambda x: ac.cumsum(x.reshape(-1), 0)),
    "cumsum dtype": (lambda x: np.cumsum(x, 1, np.float32), lambda x: ac.cumsum(x.astype(np.float32), 1)),
    "cumprod": (lambda x: np.cumprod(a=x, axis=-1), lambda x: ac.cumprod(x, 2)),
    "diff": (lambda x: np.diff(x, 2, axis=1), lambda x: x[:, 2:] - 2 * x[:, 1:-1] + x[:, :-2]),
    "diff prepend": (lambda x: np.diff(x[0, 0], prepend=0.3, append=x[1, 1]),
                     lambda x: ac.diff(ac.concatenate([np.array([0.3]), x[0, 0], x[1, 1]]))),
    "sort": (lambda x: np.sort(x, 1), lambda x: ac.sort(x, 1)),
    "sort stable": (lambda x: np.sort(x, axis=None, kind="stable"), lambda x: ac.sort(x.reshape(-1))),
    "sort, stable": (lambda x: np.sort(x, stable=True), ac.sort),
    "ravel order": (lambda x: np.ravel(x, order="C"), lambda x: x.reshape(-1)),
    "repeat": (lambda x: np.repeat(x, [2, 0, 1], axis=1), lambda x: x[:, [0, 0, 2]]),
    "repeat flat": (lambda x: np.repeat(a=x, repeats=2), lambda x: ac.repeat(x.reshape(-1), 2)),
    "tile": (lambda x: np.tile(x, (2, 1)), lambda x: ac.concatenate([x, x], 1)),
    "tile by name": (lambda x: np.tile(A=x, reps=2), lambda x: ac.concatenate([x, x], 2)),
    "roll": (lambda x: np.roll(x, (1, 2), axis=(0, 2)), lambda x: ac.roll(x, (1, 2), (0, 2))),
    "roll flat": (lambda x: np.roll(x, 5), lambda x: ac.roll(x.reshape(-1), 5).reshape(x.shape)),
    "flip": (lambda x: np.flip(m=x, axis=1), lambda x: x[:, ::-1]),
    "hstack": (lambda x: np.hstack((x, CUBE)), lambda x: ac.concatenate([x, CUBE], 1)),
    "hstack dtype": (lambda x: np.hstack((x, x), dtype=np.float32),
                     lambda x: ac.concatenate([x.astype(np.float32), x.astype(np.float32)], 1)),
    "hstack of numbers": (lambda x: np.hstack([x[0, 0], 2.0, x[1, 1, 1]]),
                          lambda x: ac.concatenate([x[0, 0], np.array([2.0]), x[1, 1, 1:2]])),
    "vstack": (lambda x: np.vstack([x[0, 0], x[1, 1]]), lambda x: ac.stack([x[0, 0], x[1, 1]])),
    "atleast_1d": (lambda x: np.atleast_1d(x[0, 0, 0], x)[0], lambda x: x[0, 0, :1]),
    "atleast_2d": (lambda x: np.atleast_2d(x[0, 0]), lambda x: x[0, :1]),
    "diag": (lambda x: np.diag(x[0], k=1), lambda x: ac.stack([x[0, 0, 1], x[0, 1, 2], x[0, 2, 3]])),
    "diag of a vector": (lambda x: np.diag(v=x[0, 0]), lambda x: x[0, 0] * np.eye(4)),
    "trace": (lambda x: np.trace(x, 1, 1, 2), lambda x: x[:, 0, 1] + x[:, 1, 2] + x[:, 2, 3]),
    "trace dtype": (lambda x: np.trace(x, axis1=1, axis2=2, dtype=np.float32),
                    lambda x: ac.trace(x.astype(np.float32), 0, 1, 2)),
    "tril": (lambda x: np.tril(x, k=-1), lambda x: x * np.tri(3, 4, -1)),
    "triu": (lambda x: np.triu(m=x), lambda x: x * (1 - np.tri(3, 4, -1))),
    "dot": (lambda x: np.dot(x, CUBE[0].T), lambda x: x @ CUBE[0].T),
    "dot from the right": (lambda x: np.dot(CUBE[0, :, :3], x), lambda x: ac.einsum("ij,kjl->ikl", CUBE[0, :, :3], x)),
    "dot by name": (lambda x: np.dot(a=x[0, 0], b=x[1, 1]), lambda x: (x[0, 0] * x[1, 1]).sum()),
    "inner": (lambda x: np.inner(x, CUBE[0]), lambda x: x @ CUBE[0].T),
    "outer": (lambda x: np.outer(x[0, 0], x[1]), lambda x: x[0, 0].reshape(4, 1) * x[1].reshape(1, 12)),
    "tensordot": (lambda x: np.tensordot(x, CUBE, axes=([1, 2], [1, 2])),
                  lambda x: ac.einsum("ijk,ljk->il", x, CUBE)),
    "tensordot of two axes": (lambda x: np.tensordot(x, CUBE[0]), lambda x: (x * CUBE[0]).sum((1, 2))),
    "norm": (lambda x: np.linalg.norm(x, axis=-1, keepdims=True), lambda x: ac.sqrt((x * x).sum(2, True))),
    "norm of order 1": (lambda x: np.linalg.norm(x, 1, axis=(1, 2)), lambda x: ac.max(ac.abs(x).sum(1), 1)),
    "solve": (lambda x: np.linalg.solve(SYSTEM, x), lambda x: np.linalg.inv(SYSTEM) @ x),
    "solve by it": (lambda x: np.linalg.solve(x[..., :3] + SYSTEM, B),
                    lambda x: ac.linalg.inv(x[..., :3] + SYSTEM) @ B),
    "slogdet": (lambda x: np.linalg.slogdet(x[..., :3] + SYSTEM).logabsdet,
                lambda x: ac.log(ac.linalg.det(x[..., :3] + SYSTEM))),
    "cholesky": (lambda x: np.linalg.cholesky(spread(x), upper=True),
                 lambda x: ac.linalg.cholesky(spread(x)).transpose(0, 2, 1)),
    "pad of a mode": (lambda x: np.pad(x, ((0, 0), (1, 2), (0, 1)), "reflect"),
                      lambda x: x[:, [1, 0, 1, 2, 1, 0]][..., [0, 1, 2, 3, 2]]),
    "around": (lambda x: x * np.around(x, 1), lambda x: x * ac.round(x, 1)),
    "divmod": (lambda x: np.divmod(x, 0.7)[1], lambda x: ac.mod(x, 0.7)),
}  # fmt: skip


@pytest.mark.parametrize(("f", "g"), SHAPED.values(), ids=SHAPED)
def test_a_function_takes_numpys_arguments(f, g):
    same(f, g, CUBE)


def test_an_option_without_a_meaning_here_is_refused_by_name():
    x = ac.Tensor(CUBE, requires_grad=True)
    out = np.empty_like(CUBE)
    refused(lambda: np.concatenate([x, x], out=out), "np.concatenate", "out=")
    refused(lambda: np.stack([x, x], out=out), "np.stack", "out=")
    refused(lambda: np.clip(x, 0, 1, out=out), "np.clip", "out=")
    refused(lambda: np.round(x, 1, out), "np.round", "out=")
    refused(lambda: np.take(x, [0], out=out), "np.take", "out=")
    refused(lambda: np.take(x, [9], axis=0, mode="wrap"), "np.take", "mode=")
    refused(lambda: np.einsum("ijk->i", x, out=out), "np.einsum", "out=")
    refused(lambda: np.reshape(x, 24, order="F"), "np.reshape", "order=")
    refused(lambda: np.ravel(x, "F"), "np.ravel", "order=")
    refused(lambda: np.ravel(x, order="K"), "np.ravel", "order=")
    refused(lambda: np.dot(x, x, out=out), "np.dot", "out=")
    refused(lambda: np.outer(x, x, out), "np.outer", "out=")
    refused(lambda: np.cumsum(x, out=out), "np.cumsum", "out=")
    refused(lambda: np.cumprod(x, 1, None, out), "np.cumprod", "out=")
    refused(lambda: np.trace(x, out=out[0]), "np.trace", "out=")
    refused(lambda: np.prod(x, initial=2.0), "np.prod", "initial=")
    refused(lambda: np.std(x, where=False), "np.std", "where=")
    refused(lambda: np.std(x, mean=x.mean()), "np.std", "mean=")
    refused(lambda: np.sort(x, order="f"), "np.sort", "order=")
    refused(lambda: np.pad(x, 1, "edge", end_values=3), "np.pad", "end_values=")
    refused(lambda: np.hstack([x, x], casting="unsafe"), "np.hstack", "casting=")
    refused(lambda: np.pad(x, 1, "reflect", reflect_type="odd"), "np.pad", "reflect_type=")
    with pytest.raises(ValueError, match=r"^pad: mode is one of constant, .*; got 'mean'"):
        np.pad(x, 1, mode="mean")
    refused(lambda: np.concatenate([out, out], out=x), "np.concatenate", "out=")
    refused(lambda: np.exp(x, where=False), "np.exp", "where=")
    refused(lambda: np.subtract(x, x, casting="unsafe"), "np.subtract", "casting=")


def test_an_array_does_not_take_a_tensor_in_place():
    def changed(x, operator):
        array = B.copy()
        try:
            return operator(array, x)
        finally:
            np.testing.assert_array_equal(array, B)

    operators = {"add": lambda a, x: a.__iadd__(x), "subtract": lambda a, x: a.__isub__(x),
                 "multiply": lambda a, x: a.__imul__(x), "divide": lambda a, x: a.__itruediv__(x),
                 "power": lambda a, x: a.__ipow__(x)}  # fmt: skip
    for name, operator in operators.items():
        refused(lambda operator=operator: changed(ac.Tensor(A, requires_grad=True), operator), f"np.{name}", "out=")
        refused(lambda operator=operator: ac.grad(lambda x: changed(x, operator).sum())(A), f"np.{name}", "out=")


def test_functions_that_ask_answer_plainly():
    x = ac.Tensor(M, requires_grad=True)
    for function in np.shape, np.ndim, np.size, np.isnan, np.isfinite, np.argmax, np.argsort, np.zeros_like, np.any:
        answer, expected = function(x), function(M)
        assert type(answer) is type(expected)
        np.testing.assert_array_equal(answer, expected)
    assert np.allclose(x, M)
    assert np.allclose(M, x)
    np.testing.assert_array_equal(np.argmax(x, axis=1, keepdims=True), np.argmax(M, axis=1, keepdims=True))
    close(ac.grad(lambda x: x[np.argmax(x)] + 2 * x[np.argsort(x)[0]])(A), [2.0, 1.0, 0.0])


# --- models in plain NumPy -----------------------------------------------------------------------------------------


def test_a_gaussian_mixture_in_plain_numpy():
    points = rng.standard_normal((20, 2))

    def likelihood(ops, mean, log_scale, logits):
        offsets = (points[:, None, :] - mean) / ops.exp(log_scale)
        log_density = -0.5 * ops.sum(offsets**2, axis=-1) - ops.sum(log_scale, axis=-1)
        joint = log_density + logits - ops.log(ops.sum(ops.exp(logits)))
        top = ops.max(joint, axis=1, keepdims=True)
        each = ops.squeeze(top, 1) + ops.log(ops.sum(ops.exp(joint - top), axis=1))
        return ops.mean(ops.where(points[:, 0] > -1, each, 0.5 * each))

    point = rng.standard_normal((3, 2)), 0.3 * rng.standard_normal((3, 2)), rng.standard_normal(3)
    same(lambda *xs: likelihood(np, *xs), lambda *xs: likelihood(ac, *xs), *point)
    assert ac.gradcheck(lambda *xs: likelihood(np, *xs), *point, order=2)
    close(ac.hessian(lambda m: likelihood(np, m, *point[1:]))(point[0]),
          ac.hessian(lambda m: likelihood(ac, m, *point[1:]))(point[0]))  # fmt: skip
    assert float(likelihood(np, *point)) == pytest.approx(float(likelihood(ac, *point)), abs=1e-12)  # plain arrays


def test_a_network_in_plain_numpy():
    x, y = rng.standard_normal((5, 4)), rng.standard_normal((5, 2))

    def loss(ops, w1, b1, w2, b2):
        hidden = ops.tanh(x @ w1 + b1)
        hidden = ops.concatenate([hidden, ops.maximum(hidden, 0.1)], axis=1)
        out = ops.einsum("nk,kf->nf", hidden, w2) + b2
        return ops.mean(ops.clip(out - y, -3, 3) ** 2) + 1e-2 * ops.sum(ops.sqrt(ops.abs(w1)))

    point = [rng.standard_normal(shape) for shape in [(4, 3), (3,), (6, 2), (2,)]]
    same(lambda *xs: loss(np, *xs), lambda *xs: loss(ac, *xs), *point)
    assert ac.gradcheck(lambda *xs: loss(np, *xs), *point)


# --- lists ---------------------------------------------------------------------------------------------------------

LISTS = {
    "sum": (lambda x: ac.sum([x[0] * x[1], x[2]]), lambda x: x[0] * x[1] + x[2]),
    "sum axis": (lambda x: ac.sum([[x[0], 1.0], [x[1], x[2]]], axis=0), lambda x: row([x[0] + x[1], 1.0 + x[2]])),
    "a tuple": (lambda x: ac.sum((x[0] * x[1], 3.0, x[2])), lambda x: x[0] * x[1] + x[2] + 3.0),
    "a tensor and a list": (lambda x: x + [x[0], x[1] * x[2], 2], lambda x: x + row([x[0], x[1] * x[2], 2.0])),
    "a list and a tensor": (lambda x: [x[0], x[1] * x[2], 2] - x, lambda x: row([x[0], x[1] * x[2], 2.0]) - x),
    "multiply": (lambda x: ac.multiply([x[0], 2.0], [x[1], x[2]]), lambda x: row([x[0] * x[1], 2.0 * x[2]])),
    "mean": (lambda x: ac.mean([x[0] * x[1], x[2]]), lambda x: (x[0] * x[1] + x[2]) / 2),
    "max": (lambda x: ac.max([x[0], x[1] * x[2], 0.1]), lambda x: ac.max(row([x[0], x[1] * x[2], 0.1]))),
    "var": (lambda x: ac.var([x[0], x[1] * x[2], 0.1]), lambda x: ac.var(row([x[0], x[1] * x[2], 0.1]))),
    "exp": (lambda x: ac.exp([[x[0], 1.0], [x[1], x[2]]]), lambda x: ac.exp(nested(x))),
    "logsumexp": (
        lambda x: ac.logsumexp([x[0], x[1], 2 * x[2]]),
        lambda x: ac.logsumexp(x * np.array([1.0, 1, 2], x.dtype)),
    ),
    "softmax": (lambda x: ac.softmax([x[0], x[1], 2 * x[2]]), lambda x: ac.softmax(x * np.array([1.0, 1, 2], x.dtype))),
    "where": (lambda x: ac.where([True, False], [x[0], x[1]], [x[2], x[1] * x[1]]), lambda x: row([x[0], x[1] * x[1]])),
    "matmul": (lambda x: ac.matmul([[x[0], 1.0], [x[1], x[2]]], [x[0], 2.0]), lambda x: nested(x) @ row([x[0], 2.0])),
    "matmul of an array": (
        lambda x: np.ones((2, 3), x.dtype) @ ac.Tensor([x[0], x[1], x[2]]),
        lambda x: np.ones((2, 3), x.dtype) @ x,
    ),
    "einsum": (
        lambda x: ac.einsum("ij,j->i", [[x[0], 1.0], [x[1], x[2]]], [x[0], 2.0]),
        lambda x: nested(x) @ row([x[0], 2.0]),
    ),
    "concatenate": (lambda x: ac.concatenate([[x[0], 2.0], x]), lambda x: ac.concatenate([row([x[0], 2.0]), x])),
    "stack": (
        lambda x: ac.stack([[x[0], 2.0], [x[1], x[2]]]),
        lambda x: ac.reshape(row([x[0], 2.0, x[1], x[2]]), (2, 2)),
    ),
    "reshape": (lambda x: ac.reshape([x[0], 2.0, x[1], x[2]], (2, 2)), lambda x: row([row([x[0], 2.0]), x[1:]])),
    "getitem": (lambda x: ac.getitem([x[0], 2.0, x[1]], [0, 2]), lambda x: x[:2]),
    "setitem": (
        lambda x: ac.setitem(np.ones(4, x.dtype), slice(1, 3), [x[0], x[1] * x[2]]),
        lambda x: ac.setitem(np.ones(4, x.dtype), slice(1, 3), row([x[0], x[1] * x[2]])),
    ),
    "setitem of a list": (lambda x: ac.setitem([x[0], x[1], 2.0], 1, x[2]), lambda x: row([x[0], x[2], 2.0])),
    "clip": (
        lambda x: ac.clip([x[0], 4 * x[1]], 0.0, [1.0, x[2]]),
        lambda x: ac.clip(row([x[0], 4 * x[1]]), 0.0, row([1.0, x[2]])),
    ),
    "pad": (lambda x: ac.pad([x[0], x[1]], 1), lambda x: ac.pad(x[:2], 1)),
    "take": (lambda x: ac.take([x[0], x[1]], [1, 1, 0]), lambda x: ac.take(x[:2], [1, 1, 0])),
    "Tensor": (lambda x: ac.Tensor([x[0], x[1]]) * 2, lambda x: x[:2] * 2),
    "Tensor nested": (lambda x: ac.Tensor([[x[0], 1.0], (x[1], x[2])]), lambda x: nested(x)),
    "Tensor of rows": (lambda x: ac.Tensor([x, 2 * x]), lambda x: row([x, 2 * x])),
    "relu": (lambda x: ac.relu([x[0], -x[1], x[2]]), lambda x: ac.relu(x * np.array([1.0, -1, 1], x.dtype))),
    "softmax_cross_entropy": (
        lambda x: ac.softmax_cross_entropy([[x[0], x[1], x[2]]], [1]),
        lambda x: ac.softmax_cross_entropy(x.reshape(1, 3), np.array([1])),
    ),
    "cross entropy of weights": (
        lambda x: ac.softmax_cross_entropy([[x[0], x[1], x[2]], [1.0, x[0], 2.0]], [[0.2, 0.3, 0.5], [0, 1, 0]]),
        lambda x: ac.softmax_cross_entropy(
            row([x, row([1.0, x[0], 2.0])]), np.array([[0.2, 0.3, 0.5], [0, 1, 0]], x.dtype)
        ),
    ),
    "mse_loss": (lambda x: ac.mse_loss([x[0], x[1]], [x[2], 1.0]), lambda x: ac.mse_loss(x[:2], row([x[2], 1.0]))),
    "linear": (
        lambda x: ac.linear([[x[0], x[1]]], [[x[2], 2.0], [1.0, x[0]]], [x[1], 0.5]),
        lambda x: ac.linear(x[:2].reshape(1, 2), row([row([x[2], 2.0]), row([1.0, x[0]])]), row([x[1], 0.5])),
    ),
    "layer_norm": (
        lambda x: ac.layer_norm([x[0], x[1], 2 * x[2]], 3, [x[0], 1.0, 2.0]),
        lambda x: ac.layer_norm(x * np.array([1.0, 1, 2], x.dtype), 3, row([x[0], 1.0, 2.0])),
    ),
    "conv2d": (
        lambda x: ac.conv2d(np.ones((1, 1, 3, 3), x.dtype), [[[[x[0], x[1]], [x[2], 1.0]]]]),
        lambda x: ac.conv2d(np.ones((1, 1, 3, 3), x.dtype), ac.reshape(row([x[0], x[1], x[2], 1.0]), (1, 1, 2, 2))),
    ),
    "np.concatenate": (
        lambda x: np.concatenate([x, [1.0, 2.0]]),
        lambda x: ac.concatenate([x, np.array([1.0, 2.0], x.dtype)]),
    ),
    "np.stack": (lambda x: np.stack([x[0], x[1] * x[2]]), lambda x: row([x[0], x[1] * x[2]])),
    "np.where": (
        lambda x: np.where(x > 0.4, x, [0.5, x[0], 2.0]) * 1,
        lambda x: ac.where(A > 0.4, x, row([0.5, x[0], 2.0])),
    ),
}


def row(values):
    """Stack Tensors and numbers, without help from the rules for lists."""
    dtype = next(x.dtype for x in values if isinstance(x, ac.Tensor))
    tensors = [x if isinstance(x, ac.Tensor) else ac.Tensor(np.array(x, dtype)) for x in values]
    return ac.concatenate([x.reshape(1, *x.shape) for x in tensors])


def nested(x):
    return row([row([x[0], 1.0]), row([x[1], x[2]])])


def weighed(h):
    """Return a function that every element of x matters to."""
    return lambda x: ac.concatenate([h(x).reshape(-1), 0.3 * x])


@pytest.mark.parametrize(("f", "g"), LISTS.values(), ids=LISTS)
def test_lists_of_tensors_and_numbers_are_stacked(f, g):
    same(weighed(f), weighed(g), A, exact=False)


# --- lists as parameters ------------------------------------------------------------------------------------------

Layer = namedtuple("Layer", ["weight", "bias"])


def test_two_equal_arrays_in_a_list_are_two_parameters():
    found = ac.grad(lambda p: (p[0] * p[1] * p[1]).sum())([A, A.copy()])
    assert type(found) is list
    assert [x.dtype for x in found] == [np.float64, np.float64]
    close(found[0], A * A)
    close(found[1], 2 * A * A)
    shared = ac.grad(lambda p: (p[0] * p[1] * p[1]).sum())([A, A])
    close(shared[0], A * A)
    close(shared[1], 2 * A * A)


@pytest.mark.parametrize(
    "kind", [tuple, list, lambda pair: Layer(*pair), lambda pair: dict(zip("wb", pair, strict=True))]
)
def test_layers_in_a_list(kind):
    x = rng.standard_normal((2, 4))
    layers = [
        (rng.standard_normal((4, 3)), rng.standard_normal(3)),
        (rng.standard_normal((3, 2)), rng.standard_normal(2)),
    ]

    def loss(params):
        h = x
        for layer in params:
            w, b = layer.values() if isinstance(layer, dict) else layer
            h = ac.tanh(h @ w + b)
        return (h * h).sum()

    flat = [v for layer in layers for v in layer]
    expected = ac.grad(lambda *vs: loss([vs[:2], vs[2:]]), (0, 1, 2, 3))(*flat)
    params = [kind(layer) for layer in layers]
    value, found = ac.value_and_grad(loss)(params)
    close(value, loss(layers))
    for one in found, ac.grad(loss)(params), ac.vjp(loss, params)[1](np.array(1.0))[0], ac.jacobian(loss)(params):
        assert type(one) is list
        for layer, given in zip(one, params, strict=True):
            assert type(layer) is type(given)
        parts_found = [v for layer in one for v in (layer.values() if isinstance(layer, dict) else layer)]
        for actual, right in zip(parts_found, expected, strict=True):
            assert type(actual) is np.ndarray
            close(actual, right)
    tangents = [kind([np.ones_like(v) for v in layer]) for layer in layers]
    close(ac.jvp(loss, (params,), (tangents,))[1], sum(v.sum() for v in expected))
    product = ac.hvp(loss, (params,), (tangents,))
    assert type(product) is list
    assert [type(layer) for layer in product] == [type(layer) for layer in params]


def test_results_mirror_nested_parameters_and_their_kinds():
    params = {"layers": [(A, B), [ac.Tensor(A), Layer(B, (S,))]], "scale": [1.0, 2.0]}
    found = ac.grad(
        lambda p: (p["layers"][0][0] * p["layers"][1][0]).sum() + (p["layers"][1][1].weight ** 2).sum() * p["scale"][1]
    )(params)
    assert list(found) == ["layers", "scale"]
    pair, inner = found["layers"]
    assert type(pair) is tuple
    assert type(inner) is list
    assert type(inner[0]) is ac.Tensor
    assert type(inner[1]) is Layer
    assert type(inner[1].bias) is tuple
    close(pair[0], A)
    close(pair[1], 0 * B)
    close(inner[0].data, A)
    close(inner[1].weight, 4 * B)
    close(inner[1].bias[0], 0.0)
    assert type(found["scale"]) is np.ndarray  # a list of numbers is an array
    close(found["scale"], [0.0, np.sum(B * B)], rtol=1e-6)


def test_a_list_of_numbers_is_an_array():
    for given in [3.0, 4.0], [3, 4], [np.float64(3.0), 4]:
        found = ac.grad(lambda x: (x * x).sum())(given)
        assert type(found) is np.ndarray
        close(found, [6.0, 8.0])
    found = ac.grad(lambda x: (x * x).sum())([[1.0, 2.0], [3.0, 4.0]])
    assert found.shape == (2, 2)
    pair = ac.grad(lambda p: p[0] * p[1])((3.0, 4.0))  # a tuple is a tree
    assert type(pair) is tuple
    assert [float(x) for x in pair] == [4.0, 3.0]


def test_what_comes_beside_the_value():
    def loss(x, scale=2.0):
        y = x * scale
        return (y * y).sum(), {"y": y, "pair": (y, [1, "text"]), "nothing": None}

    gradient, aux = ac.grad(loss, has_aux=True)(A)
    (value, again), same_gradient = ac.value_and_grad(loss, has_aux=True)(A)
    close(gradient, 8 * A)
    close(same_gradient, 8 * A)
    close(value, np.sum(4 * A * A))
    for x in aux, again:
        assert type(x["y"]) is np.ndarray
        close(x["y"], 2 * A)
        close(x["pair"][0], 2 * A)
        assert x["pair"][1] == [1, "text"]
        assert x["nothing"] is None
    gradient, aux = ac.grad(loss, has_aux=True)(ac.Tensor(A, requires_grad=False))
    assert type(aux["y"]) is ac.Tensor
    assert not aux["y"].requires_grad
    both, _ = ac.grad(lambda x, y: ((x * y).sum(), 0), (0, 1), has_aux=True)(A, B)
    close(both[0], B)
    close(both[1], A)
    second = ac.grad(lambda x: (lambda pair: (pair[0] * pair[1]["y"]).sum())(ac.grad(loss, has_aux=True)(x)))(A)
    close(second, 32 * A)  # (8x)(2x)
    for f in (lambda x: x.sum()), (lambda x: [x.sum(), 1]), (lambda x: (x.sum(), 1, 2)):
        refused(lambda f=f: ac.grad(f, has_aux=True)(A), "has_aux=True", "pair")
        refused(lambda f=f: ac.value_and_grad(f, has_aux=True)(A), "has_aux=True", "pair")


# --- the ways out -------------------------------------------------------------------------------------------------


def assigned(x):
    array = np.zeros(3)
    array[:] = x
    return array


def assigned_one(x):
    array = np.zeros(3)
    array[0] = x[0]
    return array


#: They ask for an array, or for several.
ASKED_FOR_AN_ARRAY = {
    "np.asarray": np.asarray,
    "np.array": lambda x: np.array([x[0], x[1]]),
    "np.array of one": lambda x: np.array(x),
    "np.array dtype": lambda x: np.array([x, x], dtype=np.float32),
    "a[:] = t": assigned,
    "np.r_": lambda x: np.r_[x[0], x[1]],
    "np.r_ of arrays": lambda x: np.r_[x, x],
    "np.c_": lambda x: np.c_[x, x],
    "np.float64": lambda x: np.float64(x[0]),
    "np.float32": np.float32,
    "np.ma": np.ma.array,
    "a list to a ufunc": lambda x: np.exp([x[0], x[1]]),
    "a list to a function": lambda x: np.mean([[x[0], 1.0], [x[1], 2.0]]),
    "an array and a list": lambda x: np.ones(2) + [x[0], x[1]],
    "np.vectorize": lambda x: np.vectorize(lambda v: v)(x),
    "a method": lambda x: B.dot(x),
    "a random number": lambda x: np.random.default_rng(0).normal(x, 1.0),
    "np.random.permutation": lambda x: np.random.default_rng(0).permutation(x),
}

#: They ask for a number, which outside transforms is how people log.
ASKED_FOR_A_NUMBER = {
    "float": lambda x: float(x[0]),
    "math.sin": lambda x: math.sin(x[0]),
    "math.exp": lambda x: math.exp(x[0]),
    "math.hypot": lambda x: math.hypot(x[0], x[1]),
    "math.fsum": math.fsum,
    "complex": lambda x: complex(x[0]).real,
    "a[0] = t": lambda x: assigned_one(x)[0],
    "np.fromiter": lambda x: np.fromiter(x, float)[0],
    "initial": lambda x: B.sum(initial=x[0]),
    "fill": lambda x: B.copy().fill(x[0]),
    "np.full": lambda x: np.full(3, x[0])[0],
}

TRANSFORMS = {
    "grad": lambda f: ac.grad(f)(A),
    "value_and_grad": lambda f: ac.value_and_grad(f)(A),
    "vjp": lambda f: ac.vjp(f, A),
    "jvp": lambda f: ac.jvp(f, (A,), (B,)),
    "jacobian": lambda f: ac.jacobian(f)(A),
    "hessian": lambda f: ac.hessian(f)(A),
    "hvp": lambda f: ac.hvp(f, (A,), (B,)),
    "nested": lambda f: ac.grad(lambda x: (ac.grad(f)(x) * x).sum())(A),
    "an outer one's": lambda f: ac.grad(lambda x: x.sum() + ac.grad(lambda y: f(x) * y)(S))(A),
    "of a tensor": lambda f: ac.grad(f)(ac.Tensor(A, requires_grad=True)),
    "in no_grad": lambda f: under_no_grad(ac.grad(f)),
}


def under_no_grad(f):
    with ac.no_grad():
        return f(A)


def refuses_exit(call):
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    error = caught.value
    if isinstance(error, ValueError):  # NumPy's "setting an array element with a sequence", which has a cause
        error = error.__cause__
    assert isinstance(error, TypeError)
    for text in EXITS:
        assert text in str(error)


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
@pytest.mark.parametrize("leave", [*ASKED_FOR_AN_ARRAY.values(), *ASKED_FOR_A_NUMBER.values()],
                         ids=[*ASKED_FOR_AN_ARRAY, *ASKED_FOR_A_NUMBER])  # fmt: skip
def test_no_value_leaves_a_transform_without_its_slope(leave, transform):
    def f(x):
        left = leave(x)
        return (x * x).sum() * (0.0 if left is None else np.sum(left))

    refuses_exit(lambda: transform(f))


@pytest.mark.parametrize("leave", ASKED_FOR_AN_ARRAY.values(), ids=ASKED_FOR_AN_ARRAY)
def test_the_plain_array_of_a_tensor_in_a_graph_is_refused(leave):
    if leave is not ASKED_FOR_AN_ARRAY["np.float64"]:
        refuses_exit(lambda: leave(ac.Tensor(A, requires_grad=True)))
        refuses_exit(lambda: leave(ac.Tensor(A, requires_grad=True) * 2))
    x = ac.Tensor(A)
    leave(x)  # nothing to lose
    leave((ac.Tensor(A, requires_grad=True) * 2).detach())
    close(np.asarray(x), A)


def test_a_number_leaves_outside_transforms():
    loss = (ac.Tensor(A, requires_grad=True) ** 2).sum()
    expected = np.sum(A * A)
    assert float(loss) == pytest.approx(expected)
    assert math.sqrt(loss) == pytest.approx(math.sqrt(expected))
    loss.backward()
    assert float(loss) == pytest.approx(expected)  # still, after the graph was used
    seen = []

    def f(x):
        seen.append(float(ac.Tensor(2.0)))  # what has no slope may leave in here, too
        seen.append(float(x.detach()[0]))
        seen.append(x[0].item())
        return (x * x).sum()

    close(ac.grad(f)(A), 2 * A)
    assert seen == [2.0, A[0], A[0]]
    with pytest.raises(TypeError):
        ac.grad(lambda x: (x * float(x[0])).sum())(A)
    assert float(loss) == pytest.approx(expected)  # the failed transform is over


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_branching_and_counting_work_in_transforms(transform):
    def counted(x):
        total = (x * x).sum()
        for _ in range(int(10 * x[0])):  # 3
            total = total * 1.1
        while total > 1.0:
            total = total / 2
        if x[1] > x[0] and bool(x[2]) and not x[0] > x[1]:
            total = total + (x[0] if max(x[1], x[2]) == x[1] else x[2])
        return total * [2, 3, 4][int(x[2] * 4)] + round(x[1]) * x[1] + x.sum() * (x[1] // 0.5) + math.floor(3 * x[0])

    def written_out(x):
        total = (x * x).sum() * 1.1**3
        return (total / 2 + x[0]) * 3 + x[1] + x.sum()

    value = float((lambda x: counted(ac.Tensor(x)))(A))
    assert value == pytest.approx(float(written_out(A)), rel=1e-6)
    actual, expected = (np.concatenate([np.ravel(v) for v in plain(transform(f))]) for f in (counted, written_out))
    close(actual, expected, rtol=1e-6)


def plain(result):
    if isinstance(result, tuple):
        return [x for part in result for x in plain(part)]
    return [] if callable(result) else [getattr(result, "data", result) if isinstance(result, ac.Tensor) else result]


@pytest.mark.parametrize("value", [2.71828, -2.71828, 0.5, -0.5, 3.0, 1e6])
def test_a_tensor_of_one_number_is_written_and_rounded_as_a_number(value):
    for t in (ac.Tensor(np.array(value), requires_grad=True), ac.Tensor(np.array(value)),
              ac.Tensor(np.array(value), requires_grad=True) * 1):  # fmt: skip
        for spec in ".3f", "8.2f", "+.1e", "g", "":
            if spec:
                assert f"{t:{spec}}" == f"{value:{spec}}"
        assert f"{t:.1%}" == f"{value:.1%}"
        assert round(t, 3) == round(value, 3)
        assert type(round(t)) is int
        assert round(t) == round(value)
        assert int(t) == int(value)
        for function in math.floor, math.ceil, math.trunc:
            assert function(t) == function(value)
            assert type(function(t)) is int
        for other in 0.7, -0.7, 2:
            assert float((t // other).detach()) == value // other
            assert float((t % other).detach()) == pytest.approx(value % other, abs=1e-9)
            whole, rest = divmod(t, other)
            assert float(whole.detach()) == value // other
            assert float(rest.detach()) == pytest.approx(value % other, abs=1e-9)
            assert not whole.requires_grad
            whole, rest = divmod(other, t)
            assert float(whole.detach()) == other // value
            assert float(rest.detach()) == pytest.approx(other % value, abs=1e-9)
            assert float((other // t).detach()) == other // value
        assert bool(t) is bool(value)


def test_the_slopes_of_the_remainder():
    close(ac.grad(lambda x: (x % 0.25).sum())(A), np.ones(3))
    close(ac.grad(lambda y: (B % y).sum())(A), -(B // A))
    close(ac.grad(lambda x: sum(v.sum() for v in divmod(B, x)))(A), -(B // A))
    close(ac.grad(lambda x: (x // 0.25 * x).sum())(A), A // 0.25)


def test_int_of_a_tensor_indexes_only_where_it_is_an_integer():
    x = ac.Tensor(np.array(2), requires_grad=False)
    assert [10, 20, 30][x] == 30
    with pytest.raises(TypeError):
        [10, 20, 30][ac.Tensor(np.array(2.0))]


@pytest.mark.parametrize("kind", [np.asarray, ac.Tensor])
def test_a_mask_is_refused_by_name(kind):
    x = ac.Tensor(A, requires_grad=True)
    mask = kind(CHOICE)
    for function in np.exp, np.square, np.sign, np.sum, np.mean, np.max, np.var, np.add.reduce:
        refused(lambda function=function: function(x, where=mask), function.__name__, "where=")
    for function in np.add, np.power, np.less:
        refused(lambda function=function: function(x, B, where=mask), f"np.{function.__name__}", "where=")
        refused(lambda function=function: function(B, x, where=mask), f"np.{function.__name__}", "where=")


@pytest.mark.parametrize("function", [
    np.isnan, np.isfinite, np.isinf, np.signbit, np.logical_not, np.isposinf, np.isneginf, np.all, np.any, np.argmax,
    np.argmin, np.logical_and.reduce,
])  # fmt: skip
@pytest.mark.parametrize("kind", [np.asarray, ac.Tensor])
def test_an_answer_is_not_written_into_a_tensor(function, kind):
    out = ac.Tensor(np.zeros(np.shape(function(A)), np.asarray(function(A)).dtype))
    before = out.data.copy()
    refused(lambda: function(kind(A), out=out), function.__name__, "out=")
    np.testing.assert_array_equal(out.data, before)


@pytest.mark.parametrize("function", [np.isnan, np.isfinite, np.isinf, np.signbit, np.logical_not])
def test_a_ufuncs_at_does_not_write_into_a_tensor(function):
    x = ac.Tensor(A, requires_grad=True)
    refused(lambda: function.at(x, [0, 1]), f"np.{function.__name__}.at")
    np.testing.assert_array_equal(x.data, A)


@pytest.mark.parametrize("function", [np.logical_and, np.logical_or, np.logical_xor])
def test_a_logical_ufuncs_at_does_not_write_into_a_tensor(function):
    x = ac.Tensor(A, requires_grad=True)
    refused(lambda: function.at(x, [0, 1], False), f"np.{function.__name__}.at")
    np.testing.assert_array_equal(x.data, A)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("f", "g"), LISTS.values(), ids=LISTS)
def test_lists_have_the_dtype_of_their_tensors(f, g, dtype):
    same(weighed(f), weighed(g), A.astype(dtype))


@pytest.mark.parametrize("function", [np.isnan, np.isfinite, np.signbit, np.logical_not, np.isposinf, np.isneginf])
@pytest.mark.parametrize("kind", [np.asarray, ac.Tensor])
def test_an_answer_is_not_written_into_a_tensor_by_place(function, kind):
    out = ac.Tensor(np.zeros(3, bool))
    refused(lambda: function(kind(A), out), f"np.{function.__name__}", "out=")
    assert not out.data.any()


@pytest.mark.parametrize("function", [np.isposinf, np.isneginf])
def test_the_infinities_are_told_apart(function):
    x, out = np.array([1.0, np.inf, -np.inf, np.nan]), np.ones(4, bool)
    answer = function(ac.Tensor(x, requires_grad=True))
    assert isinstance(answer, np.ndarray)
    np.testing.assert_array_equal(answer, function(x))
    assert function(ac.Tensor(x), out) is out
    np.testing.assert_array_equal(out, function(x))


@pytest.mark.parametrize(
    ("option", "usual", "odd"),
    [
        ("subok", True, False),
        ("where", True, False),
        ("casting", "same_kind", "unsafe"),
        ("order", "K", "F"),
        ("order", "C", "A"),
    ],
)
def test_an_option_at_its_default_is_none(option, usual, odd):
    x = ac.Tensor(A)
    np.testing.assert_array_equal(np.exp(x, **{option: usual}).data, np.exp(A))
    refused(lambda: np.exp(x, **{option: odd}), "np.exp", f"{option}=")


def test_ops_are_named_as_numpy_names_them():
    names = numpy_protocol.names()
    assert names["exp"] == ["np.exp"]
    assert names["abs"] == ["np.absolute"]
    assert names["max"] == ["np.max", "np.amax"]
    assert names["concatenate"] == ["np.concatenate"]
    assert names["einsum"] == ["np.einsum"]


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64])
def test_float_power_of_integers_is_floating_point(dtype):
    base, exponent = np.array([1, 0, 1, 1], dtype), np.array([1, 1, 0, 1], dtype)
    for x, y in [
        (ac.Tensor(base), exponent),
        (base, ac.Tensor(exponent)),
        (ac.Tensor(base), 2),
        (2, ac.Tensor(exponent)),
        (ac.Tensor(base), [1, 1, 0, 1]),
        (ac.Tensor(base), 0.5),
    ]:
        out = np.float_power(x, y)
        assert out.dtype == np.float32
        np.testing.assert_allclose(out.data, np.float_power(np.asarray(x, float), np.asarray(y, float)))
    assert np.float_power(ac.Tensor(np.array([2, 4])), -1).data.tolist() == [0.5, 0.25]


def test_float_power_widens_nothing():
    for dtype in (np.float16, np.float32, np.float64):
        x = ac.Tensor(np.array([0.5, 2.0], dtype), requires_grad=True)
        for y in (0.1, np.float64(0.1), np.array([1, 3]), ac.Tensor(np.array([1, 3]))):
            out = np.float_power(x, y)
            assert out.dtype == dtype
            np.testing.assert_array_equal(out.data, (x**y).data)


def test_take_counts_booleans_as_numbers():
    for take in np.take, ac.take:
        close(take(ac.Tensor(A), [True, False, True]).data, np.take(A, [True, False, True]))
        close(ac.grad(lambda x, take=take: take(x, [True, False, True]).sum())(A), [1.0, 2.0, 0.0])


def test_full_like_takes_its_dtype_by_place():
    x = ac.Tensor(A, requires_grad=True)
    np.testing.assert_array_equal(np.full_like(x, 2, np.int64), np.full_like(A, 2, np.int64))
    np.testing.assert_array_equal(np.full_like(x, 2, shape=(2,)), np.full_like(A, 2, shape=(2,)))


def test_an_option_that_happens_to_be_true_is_refused_like_any_other():
    with pytest.raises(TypeError, match=r"np\.sum of a Tensor takes no initial=True"):
        np.sum(ac.Tensor(A, requires_grad=True), initial=True)
