"""NaN, infinity, signed zeros, tiny and huge numbers: values and slopes by hand, and a sweep beside PyTorch."""

import itertools

import numpy as np
import pytest

import autograd_cnn as ac
from tests.ops.test_conventions import slopes

nan, inf = np.nan, np.inf
HUGE = {np.float64: 1e180, np.float32: 1e22}  # the square overflows
LARGE = {np.float64: 1e90, np.float32: 1e8}  # the square does not
COTANGENTS = [1.0, -2.0, 0.0]


def points(dtype):
    tiny = np.finfo(dtype).tiny
    odd = [nan, inf, -inf, 0.0, -0.0, tiny, -tiny, HUGE[dtype], -HUGE[dtype]]
    return np.array([*odd, 0.5, -1.5, 2.0, 1.0, -1.0, 3.0, 100.0, -100.0, 20.0, -20.0], dtype)


def rows(dtype):
    """Return every row of three that can be made of a few numbers."""
    return np.array(list(itertools.product([nan, inf, -inf, 0.0, 1.0, -2.0, LARGE[dtype]], repeat=3)), dtype)


# --- by hand ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op", "inputs", "value", "expected"),
    [
        (ac.relu, [[nan, inf, -inf, -0.0]], [nan, inf, 0, 0], [[1, 1, 0, 0]]),
        (ac.abs, [[nan, inf, -inf, 0.0]], [nan, inf, inf, 0], [[0, 1, -1, 0]]),
        (lambda x: ac.clip(x, -1, 1), [[nan, inf, -inf, 0.5]], [nan, 1, -1, 0.5], [[0, 0, 0, 1]]),
        (lambda x: ac.clip(x, nan, 1), [[0.0, 2.0]], [nan, nan], [[0, 0]]),
        (lambda x: ac.clip(x, 1, -1), [[-1.0, 0.0, 1.0]], [-1, -1, -1], [[0, 0, 0]]),
        (
            ac.maximum,
            [[nan, 1.0, inf, inf], [1.0, nan, inf, 1.0]],
            [nan, nan, inf, inf],
            [[1, 1, 0.5, 1], [1, 1, 0.5, 0]],
        ),
        (
            ac.minimum,
            [[nan, 1.0, inf, inf], [1.0, nan, inf, 1.0]],
            [nan, nan, inf, 1],
            [[1, 1, 0.5, 0], [1, 1, 0.5, 1]],
        ),
        (lambda x: ac.where(np.isfinite(x.data), x, 0), [[nan, inf, 2.0]], [0, 0, 2], [[0, 0, 1]]),
        (lambda x: x**0, [[nan, inf, -inf, 0.0]], [1, 1, 1, 1], [[0, 0, 0, 0]]),
        (
            ac.power,
            [[nan, inf, 0.0, 2.0], [0.0, 0.0, 0.0, 0.0]],
            [1, 1, 1, 1],
            [[0, 0, 0, 0], [nan, inf, 0, np.log(2)]],
        ),
        (lambda x: ac.power(0.0, x), [[0.0, 1.0, inf]], [1, 0, 0], [[0, 0, 0]]),
        (lambda x: x**0.5, [[-inf, inf]], [nan, inf], [[nan, 0]]),
        (lambda x: ac.max(x, 1), [[[1.0, nan, nan], [inf, 0.0, inf]]], [nan, inf], [[[0, 1, 0], [1, 0, 0]]]),
        (lambda x: ac.min(x, 0), [[[1.0, -inf], [nan, -inf]]], [nan, -inf], [[[0, 1], [1, 0]]]),
        (ac.max, [[[1.0, nan], [nan, 3.0]]], nan, [[[0, 1], [0, 0]]]),
        (ac.logsumexp, [[-inf, -inf]], -inf, [[0, 0]]),
        (lambda x: ac.softmax(x)[0], [[-inf, 0.0]], 0, [[0, 0]]),
        (ac.elu, [[-inf, inf, nan]], [-1, inf, nan], [[0, 1, nan]]),
        (ac.softplus, [[-inf, inf, nan]], [0, inf, nan], [[0, 1, nan]]),
        (ac.sqrt, [[inf, 4.0]], [inf, 2], [[0, 0.25]]),
        (lambda z: ac.sigmoid_cross_entropy(z, np.zeros(2), "none"), [[inf, 0.0]], [inf, np.log(2)], [[1, 0.5]]),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_values_and_slopes(op, inputs, value, expected):
    tensors = [ac.Tensor(np.array(x)) for x in inputs]
    np.testing.assert_allclose(op(*tensors).data, value, rtol=1e-15)
    for found, slope in zip(slopes(op, *inputs), expected, strict=True):
        np.testing.assert_allclose(found, slope, rtol=1e-15)


def test_a_slope_of_infinity_warns_as_numpy_does():
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        assert slopes(ac.sqrt, [0.0]) == [[inf]]
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        assert slopes(lambda y: ac.power(0.0, y), [-1.0]) == [[-inf]]


def test_elements_that_are_not_chosen_get_0_of_an_infinite_gradient():
    x, y, infinite = [1.0, nan, 3.0], [2.0, 2.0, 3.0], np.array([inf, inf, inf])
    assert slopes(ac.maximum, x, y, cotangent=infinite) == [[0, inf, inf], [inf, inf, inf]]
    assert slopes(lambda x: ac.clip(x, 2, 3), x, cotangent=infinite) == [[0, 0, inf]]
    assert slopes(ac.relu, [-1.0, 0.0, 1.0], cotangent=infinite) == [[0, 0, inf]]
    assert slopes(lambda x: ac.max(x, 1), [[1.0, 2.0]], cotangent=np.array([inf])) == [[[0, inf]]]


def test_the_slope_of_a_power_changes_with_an_exponent_of_0():
    """The derivative of d/dx x ** y = y · x ** (y − 1) with respect to y is 1 / x at y = 0."""
    x, y = ac.Tensor(2.0, dtype=np.float64), ac.Tensor(0.0, dtype=np.float64)
    assert float(ac.grad(ac.grad(ac.power, 0), 1)(x, y)) == 0.5
    assert float(ac.grad(ac.grad(ac.power, 1), 0)(x, y)) == 0.5
    x, y = ac.Tensor(np.array([2.0, 4.0])), ac.Tensor(np.array([0.0, 0.0]))
    assert ac.grad(lambda y: ac.grad(lambda x: (x**y).sum())(x).sum())(y).data.tolist() == [0.5, 0.25]


class TestWhereWeDifferFromPyTorchOnPurpose:
    def test_the_sign_of_nan_is_that_of_numpy(self):
        assert np.isnan(ac.sign(np.array(nan)))

    def test_equal_infinities_share_the_slope_of_the_logarithm_of_their_sum(self):
        assert slopes(ac.logaddexp, [inf, -inf], [inf, -inf]) == [[0.5, 0.5], [0.5, 0.5]]

    def test_logarithms_of_0_alone_have_no_slope(self):
        assert slopes(ac.logsumexp, [[-inf, -inf]]) == [[[0, 0]]]

    @pytest.mark.parametrize("odd", [-inf, nan])
    def test_a_class_of_weight_0_costs_nothing(self, odd):
        log_probs, label, weight = np.array([[odd, -1.0]]), np.array([0]), np.array([0.0, 1.0])
        assert ac.nll_loss(log_probs, label, weight, reduction="sum") == 0
        assert slopes(lambda x: ac.nll_loss(x, label, weight, reduction="sum"), log_probs) == [[[0, 0]]]

    def test_a_target_of_0_costs_nothing(self):
        logits, targets = np.array([[-inf, 0.0, 0.0]]), np.array([[0.0, 1.0, 0.0]])
        assert ac.softmax_cross_entropy(logits, targets) == pytest.approx(np.log(2))
        assert slopes(lambda x: ac.softmax_cross_entropy(x, targets), logits) == [[[0, -0.5, 0.5]]]
        assert ac.softmax_cross_entropy(logits, np.array([0]), weight=np.array([0.0, 1.0, 1.0]), reduction="sum") == 0

    def test_the_first_of_equal_extremes_gets_the_gradient_without_an_axis_too(self):
        assert slopes(ac.max, [2.0, 2.0]) == [[1, 0]]


# --- beside PyTorch --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed")


def agree(torch, ours, theirs, *inputs):
    """Compare values and gradients element by element, under several cotangents."""
    dtype = inputs[0].dtype
    tolerance = 1e-10 if dtype == np.float64 else 2e-5
    for number in COTANGENTS:
        mine = [ac.Tensor(x.copy(), requires_grad=True) for x in inputs]
        other = [torch.tensor(x.copy(), requires_grad=True) for x in inputs]
        with np.errstate(all="ignore"):
            a, b = ours(*mine), theirs(*other)
            compare("value", a.data, b.detach().numpy(), tolerance, inputs)
            if not b.requires_grad:
                assert not a.requires_grad
                return
            cotangent = np.full(a.shape, number, dtype)
            a.backward(cotangent)
            b.backward(torch.tensor(cotangent))
        for i, (x, y) in enumerate(zip(mine, other, strict=True)):
            expected = np.zeros_like(x.data) if y.grad is None else y.grad.numpy()
            found = np.zeros_like(x.data) if x.grad is None else x.grad
            compare(f"gradient {i} under {number}", found, expected, tolerance, inputs)


def compare(what, found, expected, tolerance, inputs):
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    with np.errstate(all="ignore"):
        close = np.abs(found - expected) <= tolerance * np.maximum(1, np.abs(expected))
        same = (found == expected) | (np.isnan(found) & np.isnan(expected)) | (np.isfinite(expected) & close)
    wrong = [(what, i, [x[i[: x.ndim]] for x in inputs], found[i], expected[i]) for i in map(tuple, np.argwhere(~same))]
    assert not wrong, f"{len(wrong)} of {same.size} differ, the first of them {wrong[0]}"


def like(name, **options):
    """Return our op and PyTorch's of the same name, with the same options."""

    def theirs(torch, *inputs):
        function = getattr(torch, name, None) or getattr(torch.nn.functional, name)
        return function(*inputs, **options)

    return lambda *inputs: getattr(ac, name)(*inputs, **options), theirs


UNARY = {name: like(name) for name in ["negative", "exp", "log", "sqrt", "abs", "relu", "sigmoid", "tanh", "softplus"]}
UNARY |= {name: like(name) for name in ["silu", "erf", "leaky_relu", "gelu", "elu"]}
UNARY |= {name: like(name) for name in ["sin", "cos", "tan", "arctan", "sinh", "cosh", "arcsin", "arccos"]}
UNARY |= {name: like(name) for name in ["log1p", "expm1", "log2", "log10", "square", "reciprocal"]}
UNARY |= {"gelu by tanh": like("gelu", approximate="tanh"), "elu of alpha 2": like("elu", alpha=2.0)}
UNARY |= {f"leaky_relu({slope})": like("leaky_relu", negative_slope=slope) for slope in (-2.0, 0.0)}
for _p in (0, 1, 2, 3, 4, -1, -2, 0.5, -0.5, 2.5, inf, -inf, nan):
    UNARY[f"x ** {_p}"] = (lambda x, p=_p: x**p), (lambda _, x, p=_p: x**p)
for _b in (0.0, 1.0, 2.0, -1.5, inf, -inf, nan):
    UNARY[f"{_b} ** x"] = (lambda x, b=_b: b**x), (lambda _, x, b=_b: b**x)
BOUNDS = [(-1, 1), (None, 0.5), (-1, None), (nan, 1.0), (-1.0, nan), (nan, None), (1.0, -1.0), (-inf, inf), (0.0, 0.0)]
for _low, _high in BOUNDS:
    UNARY[f"clip({_low}, {_high})"] = (
        (lambda x, low=_low, high=_high: ac.clip(x, low, high)),
        (lambda torch, x, low=_low, high=_high: torch.clip(x, low, high)),
    )
for _c in (0.0, 2.0, inf, nan):
    UNARY[f"x / {_c}"] = (lambda x, c=_c: x / c), (lambda _, x, c=_c: x / c)
    UNARY[f"{_c} / x"] = (lambda x, c=_c: c / x), (lambda torch, x, c=_c: torch.full_like(x, c) / x)
    UNARY[f"{_c} * x"] = (lambda x, c=_c: c * x), (lambda _, x, c=_c: c * x)

#: Where PyTorch's float32 differs from its own float64, because it has separate vectorized code.
ODD_IN_FLOAT32 = {"gelu": np.isinf, "elu": np.isnan, "elu of alpha 2": np.isnan}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", UNARY)
def test_unary(name, dtype, torch):
    ours, theirs = UNARY[name]
    x = points(dtype)
    if dtype == np.float32 and name in ODD_IN_FLOAT32:
        x = x[~ODD_IN_FLOAT32[name](x)]
    agree(torch, ours, lambda x: theirs(torch, x), x)


BINARY = {name: like(name) for name in ["add", "subtract", "multiply", "divide", "maximum", "minimum"]}
BINARY |= {name: like(name) for name in ["arctan2"]}
BINARY |= {name: like(name, reduction="none") for name in ["l1_loss", "smooth_l1_loss"]}
BINARY |= {
    "clip between": (
        lambda x, y: ac.clip(x, y, 1 - y),
        lambda torch, x, y: torch.clip(x, y, 1 - y),
    ),
    "power": (ac.power, lambda torch, x, y: torch.pow(x, y)),
    "where": (lambda x, y: ac.where(x > y, x, y), lambda torch, x, y: torch.where(x > y, x, y)),
    "mse_loss": like("mse_loss", reduction="none"),
    "sigmoid_cross_entropy": (
        lambda x, y: ac.sigmoid_cross_entropy(x, y, "none"),
        lambda torch, x, y: torch.nn.functional.binary_cross_entropy_with_logits(x, y, reduction="none"),
    ),
    "clip from an array": (
        lambda x, y: ac.clip(x, y.data, None),
        lambda torch, x, y: torch.clip(x, min=y.detach()),
    ),
    "clip to an array": (lambda x, y: ac.clip(x, None, y.data), lambda torch, x, y: torch.clip(x, max=y.detach())),
    "dot": (lambda x, y: (x * y).sum(), lambda _, x, y: (x * y).sum()),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", BINARY)
def test_binary(name, dtype, torch):
    ours, theirs = BINARY[name]
    pairs = np.array(list(itertools.product(points(dtype), repeat=2)), dtype)
    agree(torch, ours, lambda x, y: theirs(torch, x, y), *np.ascontiguousarray(pairs.T))


def of_rows(name, **options):
    return lambda x: getattr(ac, name)(x, 1, **options), lambda torch, x: getattr(torch, name)(x, 1, **options)


ROWS = {name: of_rows(name) for name in ["sum", "mean", "softmax", "log_softmax"]}
ROWS |= {name: of_rows(name) for name in ["cumsum"]}
ROWS |= {
    "std": (lambda x: ac.std(x, 1, 1), lambda torch, x: torch.std(x, 1)),
    "max": (lambda x: ac.max(x, 1), lambda torch, x: torch.max(x, 1).values),
    "min": (lambda x: ac.min(x, 1), lambda torch, x: torch.min(x, 1).values),
    "cross-entropy of probabilities": (
        lambda x: ac.softmax_cross_entropy(x, _targets(x.data), "none"),
        lambda torch, x: torch.nn.functional.cross_entropy(
            x, torch.tensor(_targets(x.detach().numpy())), reduction="none"
        ),
    ),
    "layer_norm": (lambda x: ac.layer_norm(x, 3), lambda torch, x: torch.nn.functional.layer_norm(x, (3,))),
    "group_norm": (lambda x: ac.group_norm(x, 1), lambda torch, x: torch.nn.functional.group_norm(x, 1)),
    "batch_norm": (
        lambda x: ac.batch_norm(x.T, None, None, training=True),
        lambda torch, x: torch.nn.functional.batch_norm(x.T, None, None, training=True),
    ),
    "batch_norm in evaluation": (
        lambda x: ac.batch_norm(x, *_statistics(x.dtype)),
        lambda torch, x: torch.nn.functional.batch_norm(x, *map(torch.tensor, _statistics(x.detach().numpy().dtype))),
    ),
}
for _ddof in (0, 1, 2):
    ROWS[f"var of ddof {_ddof}"] = (
        (lambda x, ddof=_ddof: ac.var(x, 1, ddof)),
        (lambda torch, x, ddof=_ddof: torch.var(x, 1, correction=ddof)),
    )
for _reduction, _smoothing, _weight, _ignored in itertools.product(
    ["none", "mean", "sum"], [0.0, 0.1], [None, [0.5, 1.0, 2.0]], [-100, 1]
):
    ROWS[f"cross-entropy, {_reduction}, {_smoothing}, {_weight}, {_ignored}"] = (
        lambda x, options=(_reduction, _smoothing, _ignored), weight=_weight: ac.softmax_cross_entropy(
            x, np.arange(len(x)) % 3, *options, weight
        ),
        lambda torch, x, options=(_reduction, _smoothing, _ignored), weight=_weight: torch.nn.functional.cross_entropy(
            x,
            torch.arange(len(x)) % 3,
            None if weight is None else torch.tensor(weight, dtype=x.dtype),
            reduction=options[0],
            label_smoothing=options[1],
            ignore_index=options[2],
        ),
    )
    ROWS[f"nll, {_reduction}, {_weight}, {_ignored}"] = (
        lambda x, reduction=_reduction, ignored=_ignored, weight=_weight: ac.nll_loss(
            x, np.arange(len(x)) % 3, weight, ignored, reduction
        ),
        lambda torch, x, reduction=_reduction, ignored=_ignored, weight=_weight: torch.nn.functional.nll_loss(
            x,
            torch.arange(len(x)) % 3,
            None if weight is None else torch.tensor(weight, dtype=x.dtype),
            ignore_index=ignored,
            reduction=reduction,
        ),
    )


def _targets(x):
    return np.tile(np.array([0.2, 0.3, 0.5], x.dtype), (len(x), 1))


def _statistics(dtype):
    return np.array([0, inf, nan], dtype), np.array([1, inf, 0], dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ROWS)
def test_rows(name, dtype, torch):
    ours, theirs = ROWS[name]
    agree(torch, ours, lambda x: theirs(torch, x), rows(dtype))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_logsumexp(dtype, torch):
    x = rows(dtype)
    agree(torch, lambda x: ac.logsumexp(x, 1), lambda x: torch.logsumexp(x, 1), x[~(x == -inf).all(1)])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_logaddexp(dtype, torch):
    x, y = np.array(list(itertools.product(points(dtype), repeat=2)), dtype).T
    kept = (x != y) | np.isfinite(x)
    agree(torch, ac.logaddexp, torch.logaddexp, x[kept], y[kept])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_products(dtype, torch):
    x = rows(dtype)[:49]
    weight, bias = np.array([[1, 0, -2], [0.5, 3, 0]], dtype), np.array([0, inf], dtype)
    agree(torch, ac.linear, torch.nn.functional.linear, x, weight, bias)
    agree(torch, ac.matmul, torch.matmul, x, np.ascontiguousarray(weight.T))
    agree(torch, lambda *a: ac.einsum("ij,kj->ik", *a), lambda *a: torch.einsum("ij,kj->ik", *a), x, weight)
    padded = lambda x: ac.pad(x, 1, constant_values=inf)  # noqa: E731
    agree(torch, padded, lambda x: torch.nn.functional.pad(x, (1, 1, 1, 1), value=inf), x)
