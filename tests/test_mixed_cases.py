"""Thousands of cases that mix everything: right, or one error that names its cause.

Each op meets each kind of thing that may stand for an array, called in one of several ways, differentiated in another,
with something overwritten in between, and with values that are not finite. What comes out is compared with the plain
path: the op itself, of float64 arrays; and its gradient with finite differences. An error names the op or function.
"""

import contextlib
import fractions
import functools
import re
from collections import Counter

import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn.calls.operands import holds_variables
from tests.ops.test_dtypes import CASES, CONSTANT, MASK, OF_SHARES, ROWS, regular

EACH = 4  # cases of each op and kind

# --- what stands for an array: of float64 values, the arrays to differentiate by, and what is made of Tensors of them -


def leaf(dtype, make=lambda t: t):
    return lambda v: ([v.astype(dtype)], lambda leaves: make(leaves[0]))


def rows(join):
    def kind(v):
        if not v.ndim:
            return [v.astype(np.float32)], lambda leaves: leaves[0]
        return [np.array(row, np.float32) for row in v], join

    return kind


def constant(make):
    return lambda v: ([], lambda _: make(v.copy()))


def gapped(v, dtype=np.float32):
    out = np.full((*v.shape, 2), 9, dtype)
    out[..., 0] = v
    return out[..., 0]


def nested(leaves):
    """Make numbers of the last row."""
    return [*leaves[:-1], [leaves[-1][i] for i in range(len(leaves[-1]))] if leaves[-1].ndim else leaves[-1]]


#: Of each kind, what makes it of values.
KINDS = {
    "Tensor": leaf(np.float64),
    "float32 Tensor": leaf(np.float32),
    "float16 Tensor": leaf(np.float16),
    "result": leaf(np.float64, lambda t: t * 1),
    "view": leaf(np.float64, lambda t: ac.expand_dims(t, 0)[0]),
    "reversed": lambda v: (
        ([v[..., ::-1].astype(np.float32)], lambda leaves: leaves[0][..., ::-1]) if v.ndim else leaf(np.float32)(v)
    ),
    "transposed": lambda v: ([v.T.astype(np.float64)], lambda leaves: leaves[0].T),
    "a Tensor of gaps": lambda v: ([gapped(v)], lambda leaves: leaves[0]),
    "list of Tensors": rows(list),
    "tuple of Tensors": rows(tuple),
    "nested list": rows(nested),
    "Tensor of a list": rows(lambda leaves: ac.Tensor(list(leaves))),
    "array": constant(np.array),
    "float32 array": constant(lambda v: v.astype(np.float32)),
    "float16 array": constant(lambda v: v.astype(np.float16)),
    "Fortran order": constant(lambda v: np.array(v, np.float32, order="F")),
    "gaps": constant(gapped),
    "big-endian": constant(lambda v: v.astype(">f4")),
    "read-only": constant(lambda v: np.broadcast_to(v, v.shape)),
    "list": constant(lambda v: v.tolist()),
    "constant Tensor": constant(ac.Tensor),
    "number": constant(lambda v: float(v.flat[0])),
    "NumPy's number": constant(lambda v: v.flat[0]),
    "0-d array": constant(lambda v: np.array(v.flat[0])),
    "int": constant(lambda v: int(v.flat[0])),
    "bool": constant(lambda v: bool(v.flat[0] > 1)),
    "integers": constant(lambda v: np.ceil(v).astype(np.int64)),
    "bytes": constant(lambda v: np.ceil(v).astype(np.uint8)),
    "big-endian integers": constant(lambda v: np.ceil(v).astype(">i2")),
    "integer Tensor": constant(lambda v: ac.Tensor(np.ceil(v).astype(np.int32))),
    "booleans": constant(lambda v: v > 1),
    "nothing": constant(lambda v: v[:0] if v.ndim else v),
    "another shape": constant(lambda v: np.ones((*v.shape, 5))),
    "complex": constant(lambda v: v * 1j),
    "complex number": constant(lambda v: 1j),  # noqa: ARG005
    "longdouble": constant(lambda v: v.astype(np.longdouble)),
    "objects": constant(lambda v: v.astype(object)),
    "fractions": constant(lambda v: fractions.Fraction(1, 2)),  # noqa: ARG005
    "masked array": constant(lambda v: np.ma.masked_array(v, v > 1)),
    "None": constant(lambda v: None),  # noqa: ARG005
    "text": constant(lambda v: "abc"),  # noqa: ARG005
    "texts": constant(lambda v: v.astype(str)),
    "a dict": constant(lambda v: {"a": v}),
    "a ragged list": constant(lambda v: [[1.0], [1.0, 2.0]]),  # noqa: ARG005
    "a list with None": constant(lambda v: [None, 1.0]),  # noqa: ARG005
    "dates": constant(lambda v: v.astype("M8[s]")),
}
NEVER = {
    "complex", "complex number", "longdouble", "objects", "fractions", "masked array", "text", "texts", "a dict",
    "a ragged list", "a list with None", "dates",
}  # fmt: skip
#: The plain values of a kind, where they are not those it is made of.
PLAIN = {
    "float16 Tensor": lambda v: v.astype(np.float16),
    "float16 array": lambda v: v.astype(np.float16),
    **dict.fromkeys(["integers", "bytes", "big-endian integers", "integer Tensor"], np.ceil),
    "booleans": lambda v: v > 1,
    **dict.fromkeys(["number", "NumPy's number", "0-d array"], lambda v: np.array(v.flat[0])),
    "int": lambda v: np.array(float(int(v.flat[0]))),
    "bool": lambda v: np.array(v.flat[0] > 1),
    "nothing": lambda v: v[:0] if v.ndim else v,
    "another shape": lambda v: np.ones((*v.shape, 5)),
}

# --- ways of calling -------------------------------------------------------------------------------------------------

NUMPY = {
    **{op: getattr(np, {"abs": "absolute"}.get(op, op)) for op in [
        "abs", "add", "ceil", "clip", "divide", "equal", "exp", "floor", "floor_divide", "greater", "greater_equal",
        "less", "less_equal", "log", "matmul", "max", "maximum", "mean", "min", "minimum", "mod", "multiply",
        "negative", "not_equal", "power", "round", "sign", "sqrt", "squeeze", "subtract", "sum", "tanh", "transpose",
        "trunc", "var",
    ]},
    "astype": lambda x: np.astype(x, np.float64),
    "broadcast_to": lambda x: np.broadcast_to(x, (2, 3, 4)),
    "concatenate": lambda *a: np.concatenate(a),
    "einsum": lambda x, y: np.einsum("ij,jk->ik", x, y),
    "expand_dims": lambda x: np.expand_dims(x, 0),
    "flatten": np.ravel,
    "pad": lambda x: np.pad(x, 1),
    "reshape": lambda x: np.reshape(x, (2, 6)),
    "split": lambda x: np.split(x, 2, 1)[1],
    "stack": lambda *a: np.stack(a),
    "take": lambda x: np.take(x, ROWS, 0),
    "where": lambda x, y: np.where(MASK, x, y),
}  # fmt: skip


def assign(x, value):
    t = x * 1
    t[1] = value
    return t


METHODS = {
    **{op: (lambda name: lambda x: getattr(x, name)())(op) for op in [
        "abs", "exp", "flatten", "log", "log_softmax", "max", "mean", "min", "relu", "sigmoid", "softmax", "sqrt",
        "squeeze", "sum", "tanh", "transpose", "var",
    ]},
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / y,
    "power": lambda x, y: x**y,
    "matmul": lambda x, y: x @ y,
    "mod": lambda x, y: x % y,
    "floor_divide": lambda x, y: x // y,
    "less": lambda x, y: x < y,
    "greater_equal": lambda x, y: x >= y,
    "negative": lambda x: -x,
    "astype": lambda x: x.astype(np.float64),
    "reshape": lambda x: x.reshape(2, 6),
    "getitem": lambda x: x[ROWS, 1],
    "setitem": assign,
}  # fmt: skip
WAYS = {"op": {op: c.call for op, c in CASES.items()}, "NumPy": NUMPY, "method": METHODS}

# --- ways of overwriting, between forward and backward ---------------------------------------------------------------


def overwrite_data(leaves, out):
    for t in leaves:
        t.data[...] = 1.25


def overwrite_through_a_view(leaves, out):
    for t in leaves:
        t.T.detach().data[...] += np.ones((), t.dtype)


def replace_data(leaves, out):
    for t in leaves:
        t.data = np.full_like(t.data, 1.25)


def take_a_step(leaves, out):
    for t in leaves:
        t.grad = np.ones_like(t.data)
    ac.optim.SGD(leaves, 0.5).step()


def overwrite_the_output(leaves, out):
    if out.data.flags.writeable:
        out.data[...] = 0


OVERWRITING = {
    "nothing": lambda *_: None,
    "data": overwrite_data,
    "a view": overwrite_through_a_view,
    "data =": replace_data,
    "a step": take_a_step,
    "the output": overwrite_the_output,
}

# --- ways of differentiating: of a function of leaves, their arrays and a cotangent, the value and the gradients -----


def by_backward(f, arrays, cotangent, between, constants):
    leaves = [ac.Tensor(a, requires_grad=True) for a in arrays]
    out = f(*leaves)
    if not isinstance(out, ac.Tensor) or not out.requires_grad:
        return out, None
    value, seed = out.data.copy(), cotangent(out)
    OVERWRITING[between](leaves, out)
    constants()
    for t in leaves:
        t.grad = None
    out.backward(seed)
    return value, [np.zeros(t.shape) if t.grad is None else t.grad for t in leaves]


def by_checkpoint(f, arrays, cotangent, between, constants):
    return by_backward(ac.checkpoint(f), arrays, cotangent, between, constants)


def by_closure(f, arrays, cotangent, between, constants):
    """Some come from outside of the checkpoint."""
    return by_backward(lambda *t: ac.checkpoint(lambda: f(*t))(), arrays, cotangent, between, constants)


def by_vjp(f, arrays, cotangent, between, constants):
    given = [a.copy() for a in arrays]
    out, pullback = ac.vjp(f, *given)
    value, seed = np.array(out), cotangent(out)
    if between != "nothing":
        for a in given:
            a[...] = 1.25
    constants()
    return value, [np.asarray(g) for g in pullback(seed)]


def by_grad(f, arrays, cotangent, between, constants):
    def loss(*leaves):
        out = f(*leaves)
        return (ac.where(cotangent(out) == 0, 0, out) * cotangent(out)).sum()

    found = ac.grad(loss, tuple(range(len(arrays))))(*arrays)
    return None, [np.asarray(g) for g in found]


def by_jvp(f, arrays, cotangent, between, constants):
    tangents = [direction(a.shape, i).astype(a.dtype) for i, a in enumerate(arrays)]
    out, tangent = ac.jvp(f, tuple(arrays), tuple(tangents))
    return np.asarray(out), np.vdot(cotangent(out), np.asarray(tangent, np.float64))


DIFFERENTIATING = {
    "backward": by_backward,
    "grad": by_grad,
    "vjp": by_vjp,
    "jvp": by_jvp,
    "checkpoint": by_checkpoint,
    "checkpoint of a closure": by_closure,
}


def direction(shape, seed):
    return np.random.default_rng(100 + seed).uniform(-1, 1, shape)


def cotangent_of(out):
    """Return whole numbers, which every dtype has."""
    return np.random.default_rng(7).integers(1, 4, np.shape(out)).astype(out.dtype)


# --- the cases -------------------------------------------------------------------------------------------------------


def draw_values(op, rng):
    """Draw values without ties or kinks."""
    values = []
    for shape in CASES[op].shapes:
        size = int(np.prod(shape))
        span, start = (0.9, 0.05) if op in OF_SHARES else (3, 0.25)
        steps = rng.permutation(size).reshape(shape) / max(size, 4)
        values.append((start + span * steps + rng.uniform(0.002, 0.008)).astype(np.float32).astype(np.float64))
    values = regular(CASES[op], values)
    if op == "clip":
        values[1:] = [np.full(4, 0.7), np.asarray(2.03)]
    return values


def cases_of(op):
    """Give what makes up a case, by name: every kind in every place, the rest at random."""
    rng = np.random.default_rng(list(op.encode()))
    names = CASES[op].names
    for kind in KINDS:
        for _ in range(EACH):
            at = int(rng.integers(len(names)))
            others = rng.choice(["Tensor", "float32 Tensor", "array", "float32 array", "list of Tensors"], len(names))
            yield {
                "op": op,
                "kinds": [kind if i == at else str(other) for i, other in enumerate(others)],
                "way": str(rng.choice([way for way in WAYS if op in WAYS[way]])),
                "by": str(rng.choice(list(DIFFERENTIATING))),
                "overwritten": str(rng.choice(list(OVERWRITING))),
                "special": [None, None, None, np.nan, np.inf, -np.inf, 0.0][rng.integers(7)],
                "constants overwritten": bool(rng.integers(2)),
                "seed": int(rng.integers(1000)),
            }


class WrongError(Exception):
    """What was computed is wrong, or the error does not name its cause."""


def values_of(case):
    rng = np.random.default_rng(case["seed"])
    values = draw_values(case["op"], rng)
    if case["special"] is not None:
        candidates = [i for i, k in enumerate(case["kinds"]) if not is_whole(k)]
        if candidates:
            v = values[candidates[rng.integers(len(candidates))]]
            v.flat[rng.integers(v.size)] = case["special"]
    return values


def outcome(case):
    """Return "right" or "refused"; raise if it is neither."""
    op, kinds = case["op"], case["kinds"]
    values = values_of(case)
    arrays, makers = [], []
    for kind, value in zip(kinds, values, strict=True):
        own, make = KINDS[kind](value)
        makers.append((make, slice(len(arrays), len(arrays) + len(own))))
        arrays += own
    given = []

    def f(*leaves):
        given[:] = [make(list(leaves[where])) for make, where in makers]
        return WAYS[way_of(case, given)][op](*given)

    def overwrite_constants():
        for value in given:
            if case["constants overwritten"] and isinstance(value, np.ndarray) and value.flags.writeable:
                value[...] = 0

    try:
        value, slopes = DIFFERENTIATING[case["by"]](f, arrays, cotangent_of, case["overwritten"], overwrite_constants)
    except Exception as error:  # noqa: BLE001 -- all are looked at
        check_error(case, error)
        return "refused"
    if NEVER & set(kinds):
        raise WrongError(f"took {NEVER & set(kinds)}")
    check_value(case, values, value)
    if slopes is not None and arrays:
        check_slopes(case, values, slopes)
    return "right"


def words_of(error):
    return "\n".join([str(error), *getattr(error, "__notes__", [])])


def way_of(case, given):
    """Return the way of calling, which is the op's own where there is no Tensor to ask.

    One in a list NumPy asks for its plain array, if it takes lists at all.
    """
    asked = given[:1] if case["way"] == "method" else given
    if any(isinstance(x, ac.Tensor) for x in asked):
        return case["way"]
    takes_it = case["op"] not in ("astype", "split") and "a ragged list" not in case["kinds"]
    return "NumPy" if case["way"] == "NumPy" and takes_it and holds_variables(given) else "op"


def names_its_cause(ops, said):
    """Whether an error tells of an op, of one that lists and slices are made by, or of NumPy's function."""
    names = {*ops, "stack", "getitem", "where", "Tensor", "checkpoint", "backward()"}
    return re.search("|".join(rf"(?<!\w){re.escape(n)}(?!\w)" for n in names) + r"|np\.\w+|tensor of shape", said)


def check_error(case, error):
    said, op = words_of(error), case["op"]
    if not isinstance(error, TypeError | ValueError | RuntimeError | IndexError):
        raise WrongError(f"{type(error).__name__}") from error
    if not names_its_cause({op.rpartition(".")[2], *re.findall(r"'(\w+)', called at", said)}, said):
        raise WrongError("the error does not name its cause") from error
    constant = any(KINDS[case["kinds"][i]](v)[0] for i, v in enumerate(values_of(case)) if i in CONSTANT.get(op, ()))
    plain_array = case["by"].startswith("checkpoint") and "one Tensor; it gave array" in said
    plain_array |= "NumPy asks for the plain array" in said
    odd = set(case["kinds"]) & {*NEVER, *SHAPES, "None"} or case["overwritten"] != "nothing"
    fraction = op == "setitem" and is_whole(case["kinds"][0])
    if not odd and not constant and not plain_array and not fraction:
        with contextlib.suppress(TypeError, ValueError):
            plain(case, values_of(case))
            raise WrongError("refused for no reason") from error


#: Kinds whose shape or dtype may be refused.
SHAPES = {"nothing", "another shape", "number", "NumPy's number", "0-d array", "int", "bool"}


def plain_values(case, values):
    return [np.asarray(PLAIN.get(k, lambda v: v)(v)) for k, v in zip(case["kinds"], values, strict=True)]


def plain(case, values):
    """Return what the op gives of plain float64."""
    found = plain_values(case, values)
    c = CASES[case["op"]]
    whole = all(map(is_whole, case["kinds"])) and not {"int", "bool"} >= set(case["kinds"])
    if c.reference is not None and whole:  # as NumPy has it among integers
        given = [KINDS[k](v)[1](None) for k, v in zip(case["kinds"], values, strict=True)]
        return np.asarray(c.reference(*[x.data if isinstance(x, ac.Tensor) else x for x in given]))
    return np.asarray(c.call(*[v.astype(np.float64) for v in found]))


def is_whole(kind):
    return kind in {"integers", "bytes", "big-endian integers", "integer Tensor", "int", "bool", "booleans"}


def slack(case):
    return 2e-2 if any("16" in k for k in case["kinds"]) else 2e-5


def compare(what, found, expected, scale):
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    if found.shape != expected.shape:
        raise WrongError(f"{what} has shape {found.shape} in place of {expected.shape}")
    finite = np.isfinite(expected)
    size = max(1, np.abs(expected[finite]).max(initial=0))
    np.testing.assert_allclose(found, expected, rtol=scale, atol=scale * size, err_msg=what)


def rounding_decides(case):
    """Whether infinity may meet what is 0 but for rounding: a value at the mean."""
    return case["op"].endswith("_norm") and case["special"] is not None and not np.isfinite(case["special"])


def check_value(case, values, value):
    if value is None or "None" in case["kinds"] or rounding_decides(case):
        return
    expected = plain(case, values)
    compare("the value", value.data if isinstance(value, ac.Tensor) else value, expected, slack(case))


def float64_slopes(case, values):
    """Return the gradient by each input that has one, along the plain path, in float64."""
    c, found = CASES[case["op"]], plain_values(case, values)
    wanted = [
        i for i, k in enumerate(case["kinds"]) if KINDS[k](values[i])[0] and i not in CONSTANT.get(case["op"], ())
    ]
    inputs = [ac.Tensor(v.astype(np.float64), requires_grad=i in wanted) for i, v in enumerate(found)]
    inputs = [None if k == "None" else t for k, t in zip(case["kinds"], inputs, strict=True)]
    out = c.call(*inputs)
    if not getattr(out, "requires_grad", False):
        return {i: np.zeros(values[i].shape) for i in wanted}
    seed = cotangent_of(out)
    out.backward(seed)
    slopes = {i: np.zeros(values[i].shape) if inputs[i].grad is None else inputs[i].grad for i in wanted}
    # Of a matrix, Cholesky's factor reads one half, and its gradient is symmetric.
    smooth = case["special"] is None and case["op"] != "linalg.cholesky"
    if smooth and all(np.isfinite(v.data).all() for v in inputs if v is not None):
        check_differences(c, inputs, slopes, seed)
    return slopes


def check_differences(c, inputs, slopes, seed):
    """Hold the slopes along a direction to a central difference."""
    h, ends = 1e-6, []
    for sign in (1, -1):
        moved = [
            t.data + sign * h * direction(t.shape, i) if i in slopes else t if t is None else t.data
            for i, t in enumerate(inputs)
        ]
        ends.append(np.vdot(seed, np.asarray(c.call(*moved), np.float64)))
    if not np.isfinite(ends).all():
        return  # as beside a division by zero
    along = sum(np.vdot(g, direction(g.shape, i)) for i, g in slopes.items())
    np.testing.assert_allclose((ends[0] - ends[1]) / (2 * h), along, rtol=1e-4, atol=1e-4, err_msg="differences")


def check_slopes(case, values, slopes):
    expected = float64_slopes(case, values)
    loose = slack(case)
    if case["op"].endswith("_norm"):  # a difference of sums, over pairs
        loose *= 10
    if rounding_decides(case):
        return
    if case["by"] == "jvp":
        if case["special"] is not None:
            return  # 0 · nan along one way is not what it is along the other
        total, at = 0.0, 0
        for i, v in enumerate(values):
            own, _ = KINDS[case["kinds"][i]](v)
            moved = gathered(case["kinds"][i], v, [direction(a.shape, at + j) for j, a in enumerate(own)])
            total += np.vdot(expected[i], moved) if i in expected else 0
            at += len(own)
        compare("the tangent", slopes, total, loose * 10)
        return
    at = 0
    for i, v in enumerate(values):
        own, _ = KINDS[case["kinds"][i]](v)
        if own and i in expected:
            found = gathered(case["kinds"][i], v, slopes[at : at + len(own)])
            compare(f"the gradient by input {i}", found, expected[i], loose)
        at += len(own)


def gathered(kind, v, parts):
    """Return what belongs to each element of a value, of what belongs to the leaves that it is made of."""
    if kind == "reversed" and v.ndim:
        return parts[0][..., ::-1]
    if kind == "transposed":
        return parts[0].T
    return np.stack(parts).reshape(v.shape) if parts else np.zeros(v.shape)


@functools.cache
def outcomes(op):
    found = Counter()
    for case in cases_of(op):
        try:
            with np.errstate(all="ignore"):
                found[outcome(case)] += 1
        except Exception as error:
            error.add_note(f"in the case {case}")
            raise
    return found


@pytest.mark.parametrize("op", CASES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of what is not finite, and of nothing
def test_every_case_is_right_or_an_error_that_names_its_cause(op):
    found = outcomes(op)
    assert found["right"] >= 30
    assert found["refused"] >= 30


def test_there_are_thousands_of_cases():
    assert len(CASES) * len(KINDS) * EACH > 10_000


# --- options: of each op, given whatever comes to mind ---------------------------------------------------------------

ODD = [
    None, "x", "", b"x", 0, 1, 1.5, 2.0, np.nan, np.inf, -1, -7, 99, 2**31, 2**70, True, 1j, [], [1.5], ["a"], [None],
    (0, 0), (1, 0), (0, 1), (-1, -2), (1, 2, 3, 4, 5, 6, 7), ((1, 2), (0, 1)), {}, {"a": 1}, {0, 1}, object(), len, int,
    "f4", "complex", slice(None), slice(0, 2, 0), slice("a", None), Ellipsis, np.array([1.5]), np.array("a"),
    np.array([0, 1]), np.array(1), np.array([True, False, True]), np.zeros((2, 2)), np.float64(1), np.int64(1),
    np.bool_(True), np.longdouble(1), np.complex64(1), ac.Tensor(1.0), ac.Tensor(1.0, requires_grad=True),
    ac.Tensor(np.array([0, 1])), ac.Tensor(np.array([0.5, 0.5, 0.5, 0.5]), requires_grad=True), [[0], [1, 2]],
    "sum", "tanh", "ij->ji", (2, 3, 4), np.full((3, 4), 0.25), np.array([[True], [False], [True]]),
]  # fmt: skip
IMAGES, FILTERS, ROW = (2, 2, 5, 5), (2, 2, 3, 3), np.ones(4)


def generator():
    return np.random.default_rng(0)


def of(op, **options):
    """Give an op of x alone, the one option that is asked for, and the others as they are."""
    return lambda x, name, value: getattr(ac.ops, op)(x, **{**options, name: value})


def several(op):
    return lambda x, name, value: getattr(ac.ops, op)([x, x * 2], **{name: value})


#: Of each op the shape of x, its options, and how it is called.
OPTIONS = {
    **{op: ((3, 4), ["axis", "keepdims"], of(op)) for op in ["sum", "mean", "max", "min", "logsumexp"]},
    **{op: ((3, 4), ["axis"], of(op)) for op in ["softmax", "log_softmax", "squeeze", "expand_dims"]},
    **{op: ((3, 4), ["axis"], several(op)) for op in ["concatenate", "stack"]},
    "var": ((3, 4), ["axis", "ddof", "keepdims"], of("var")),
    "reshape": ((3, 4), ["shape"], of("reshape")),
    "broadcast_to": ((3, 4), ["shape"], of("broadcast_to")),
    "transpose": ((3, 4), ["axes"], of("transpose")),
    "flatten": ((3, 4), ["start_dim", "end_dim"], of("flatten")),
    "split": ((3, 4), ["indices_or_sections", "axis"], lambda x, name, value: ac.concatenate(
        [ac.reshape(p, -1) for p in ac.split(x, **{"indices_or_sections": 1, name: value})])),
    "pad": ((3, 4), ["pad_width", "constant_values"], of("pad", pad_width=1)),
    "getitem": ((3, 4), ["index"], of("getitem")),
    "setitem": ((3, 4), ["index", "value"], of("setitem", index=1, value=2.0)),
    "take": ((3, 4), ["indices", "axis"], of("take", indices=1)),
    "round": ((3, 4), ["decimals"], of("round")),
    "astype": ((3, 4), ["dtype"], of("astype")),
    "where": ((3, 4), ["condition"], lambda x, _, value: ac.where(value, x, 1.5)),
    "clip": ((3, 4), ["min", "max"], of("clip")),
    "gelu": ((3, 4), ["approximate"], of("gelu")),
    "elu": ((3, 4), ["alpha"], of("elu")),
    "leaky_relu": ((3, 4), ["negative_slope"], of("leaky_relu")),
    "einsum": ((3, 4), ["subscripts"], lambda x, _, value: ac.einsum(value, x)),
    "dropout": ((3, 4), ["p", "training", "rng"], lambda x, name, value: ac.dropout(
        x, **{"p": 0.5, "training": True, "rng": generator(), name: value})),
    "layer_norm": ((3, 4), ["normalized_shape", "weight", "bias", "eps"], of("layer_norm", normalized_shape=4)),
    "group_norm": ((3, 4), ["num_groups", "weight", "bias", "eps"], of("group_norm", num_groups=1)),
    "batch_norm": ((3, 4), ["running_mean", "running_var", "weight", "bias", "training", "momentum", "eps"],
                   lambda x, name, value: ac.batch_norm(
                       x, **{"running_mean": ROW.copy(), "running_var": ROW.copy(), "training": True, name: value})),
    "linear": ((3, 4), ["weight", "bias"], of("linear", weight=np.ones((2, 4)))),
    "conv2d": (IMAGES, ["bias", "stride", "padding", "dilation", "groups"], of("conv2d", weight=np.ones(FILTERS))),
    "conv_transpose2d": (IMAGES, ["bias", "stride", "padding", "output_padding", "dilation", "groups"],
                         of("conv_transpose2d", weight=np.ones(FILTERS))),
    "max_pool2d": (IMAGES, ["kernel_size", "stride", "padding", "dilation", "ceil_mode"],
                   of("max_pool2d", kernel_size=2)),
    "avg_pool2d": (IMAGES, ["kernel_size", "stride", "padding", "ceil_mode", "count_include_pad"],
                   of("avg_pool2d", kernel_size=2)),
    "mse_loss": ((3, 4), ["target", "reduction"], of("mse_loss", target=np.ones((3, 4)))),
    "sigmoid_cross_entropy": ((3, 4), ["targets", "reduction"], of("sigmoid_cross_entropy", targets=np.ones((3, 4)))),
    "softmax_cross_entropy": ((3, 4), ["targets", "reduction", "label_smoothing", "ignore_index", "weight"],
                              of("softmax_cross_entropy", targets=np.array([0, 3, 1]))),
    "nll_loss": ((3, 4), ["targets", "weight", "ignore_index", "reduction"],
                 of("nll_loss", targets=np.array([0, 3, 1]))),
}  # fmt: skip
#: What NumPy gives of an array for an option.
AS_IN_NUMPY = {
    **{op: getattr(np, op) for op in [
        "sum", "mean", "max", "min", "var", "squeeze", "expand_dims", "reshape", "broadcast_to", "transpose", "round",

    ]},
    "astype": lambda x, dtype: x.astype(dtype),
    "getitem": lambda x, index: x[index],
}  # fmt: skip


def option_outcome(op, name, value):
    """Return "right" or "refused" for an odd value of an option; raise if it is neither."""
    shape, _, call = OPTIONS[op]
    array = np.random.default_rng(3).permutation(int(np.prod(shape))).reshape(shape) / 4 + 0.3
    x = ac.Tensor(array, requires_grad=True)
    try:
        out = call(x, name, value)
        if out.requires_grad:
            seed = cotangent_of(out)
            out.backward(seed)
    except Exception as error:
        if not isinstance(error, TypeError | ValueError | RuntimeError | IndexError | OverflowError):
            raise WrongError(type(error).__name__) from error
        if not names_its_cause({op}, words_of(error)):
            raise WrongError("the error does not name its cause") from error
        return "refused"
    if op in AS_IN_NUMPY and not isinstance(value, bool | np.bool_) and not isinstance(value, ac.Tensor):
        compare("the value", out.data, AS_IN_NUMPY[op](array, **{name: value}), 1e-6)
    if out.requires_grad and np.isfinite(out.data).all():
        way, h = direction(shape, 0), 1e-6 if out.dtype == np.float64 else 1e-3
        ends = [call(ac.Tensor(array + s * h * way), name, value).data.astype(np.float64) for s in (1, -1)]
        slope = np.vdot(seed, (ends[0] - ends[1]) / (2 * h))
        np.testing.assert_allclose(np.vdot(x.grad, way), slope, rtol=1e-4, atol=1e-4, err_msg="differences")
    return "right"


@pytest.mark.parametrize("op", OPTIONS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_every_option_is_taken_rightly_or_refused_by_the_name_of_the_op(op):
    found = Counter()
    for name in OPTIONS[op][1]:
        for value in ODD:
            try:
                with np.errstate(all="ignore"):
                    found[option_outcome(op, name, value)] += 1
            except Exception as error:
                error.add_note(f"in {op} with {name}={value!r}")
                raise
    assert found["right"]
    assert found["refused"]
