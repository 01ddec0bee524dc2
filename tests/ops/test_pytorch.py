"""Values and gradients beside PyTorch's, for every op that both have; skipped where PyTorch is not installed."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_cnn as ac
from autograd_cnn.testing import arrays, convolutions, poolings, shapes, transposed_convolutions
from tests.ops.properties import REDUCTIONS, SMOOTHING, classified

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
F = torch.nn.functional


def agree(ours, theirs, *inputs, dtype=np.float64):
    """Compare values and gradients, under one random cotangent."""
    tolerance = {np.float64: 1e-9, np.float32: 2e-4}[dtype]
    mine = [ac.Tensor(x, requires_grad=True, dtype=dtype) for x in inputs]
    other = [torch.tensor(np.array(x, dtype, order="C"), requires_grad=True) for x in inputs]
    a, b = ours(*mine), theirs(*other)
    assert a.shape == tuple(b.shape)
    close(a.data, b.detach().numpy(), tolerance)
    cotangent = np.random.default_rng(0).standard_normal(a.shape).astype(dtype)
    a.backward(cotangent)
    b.backward(torch.from_numpy(cotangent))
    for x, y in zip(mine, other, strict=True):
        close(x.grad, y.grad.numpy(), tolerance)


def agree_without_gradient(ours, theirs, *inputs):
    """Compare the values of a piecewise constant op."""
    np.testing.assert_array_equal(ours(*inputs), theirs(*map(torch.tensor, inputs)).numpy())


def close(ours, theirs, tolerance):
    assert ours.dtype == theirs.dtype
    scale = max(1.0, np.abs(theirs, where=np.isfinite(theirs), out=np.zeros(theirs.shape)).max(initial=0))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * scale)


DTYPES = st.sampled_from([np.float64, np.float32])


@given(convolutions(), DTYPES)
def test_conv2d(drawn, dtype):
    x, weight, bias, options = drawn
    inputs = (x, weight) if bias is None else (x, weight, bias)
    agree(lambda *a: ac.conv2d(*a, **options), lambda *a: F.conv2d(*a, **options), *inputs, dtype=dtype)


@given(transposed_convolutions(), DTYPES)
def test_conv_transpose2d(drawn, dtype):
    x, weight, bias, options = drawn
    inputs = (x, weight) if bias is None else (x, weight, bias)
    if len(x):  # PyTorch refuses empty batches
        ours, theirs = ac.conv_transpose2d, F.conv_transpose2d
        agree(lambda *a: ours(*a, **options), lambda *a: theirs(*a, **options), *inputs, dtype=dtype)


@given(poolings(), DTYPES)
def test_max_pool2d(drawn, dtype):
    x, options = drawn
    # PyTorch refuses empty batches, and can crash in the backward of a window of padding alone.
    if len(x) and np.isfinite(ac.max_pool2d(x, **options)).all():
        agree(lambda x: ac.max_pool2d(x, **options), lambda x: F.max_pool2d(x, **options), x, dtype=dtype)


@given(poolings(dilated=False), st.booleans(), DTYPES)
def test_avg_pool2d(drawn, counted, dtype):
    x, options = drawn
    options = {**options, "count_include_pad": counted}
    if len(x):
        agree(lambda x: ac.avg_pool2d(x, **options), lambda x: F.avg_pool2d(x, **options), x, dtype=dtype)


@pytest.mark.parametrize(
    "name", ["relu", "leaky_relu", "elu", "gelu", "silu", "sigmoid", "tanh", "softplus", "exp", "abs", "negative"]
)
@given(x=arrays(shapes(), low=-6, high=6), dtype=DTYPES)
def test_unary(name, x, dtype):
    theirs = getattr(torch, name) if hasattr(torch, name) else getattr(F, name)
    agree(getattr(ac, name), theirs, x, dtype=dtype)


@given(arrays(shapes(), low=-6, high=6), DTYPES)
def test_gelu_by_tanh(x, dtype):
    agree(lambda x: ac.gelu(x, "tanh"), lambda x: F.gelu(x, approximate="tanh"), x, dtype=dtype)


@given(arrays(shapes(min_dims=1, min_side=1)), st.data(), DTYPES)
def test_softmax_and_log_softmax(x, data, dtype):
    axis = data.draw(st.integers(0, x.ndim - 1))
    agree(lambda x: ac.softmax(x, axis), lambda x: F.softmax(x, axis), x, dtype=dtype)
    agree(lambda x: ac.log_softmax(x, axis), lambda x: F.log_softmax(x, axis), x, dtype=dtype)


@given(classified(), st.booleans(), REDUCTIONS, SMOOTHING, DTYPES)
def test_losses_of_labels(drawn, weighted, reduction, smoothing, dtype):
    logits, labels, classes = drawn
    weight = np.linspace(0.5, 2, classes).astype(dtype) if weighted else None
    theirs = {"weight": None if weight is None else torch.from_numpy(weight), "reduction": reduction}
    target = torch.from_numpy(labels)
    agree(
        lambda x: ac.softmax_cross_entropy(x, labels, reduction, smoothing, weight=weight),
        lambda x: F.cross_entropy(x, target, label_smoothing=smoothing, **theirs),
        logits,
        dtype=dtype,
    )
    agree(
        lambda x: ac.nll_loss(x, labels, weight, reduction=reduction),
        lambda x: F.nll_loss(x, target, **theirs),
        logits,
        dtype=dtype,
    )


@given(classified(), REDUCTIONS, SMOOTHING, DTYPES)
def test_cross_entropy_of_probabilities(drawn, reduction, smoothing, dtype):
    logits, _, _ = drawn
    agree(
        lambda x, t: ac.softmax_cross_entropy(x, t, reduction, smoothing),
        lambda x, t: F.cross_entropy(x, t, reduction=reduction, label_smoothing=smoothing),
        logits,
        np.random.default_rng(1).random(logits.shape),
        dtype=dtype,
    )


@given(arrays((4, 3)), arrays((4, 3), low=0, high=1), REDUCTIONS, DTYPES)
def test_mse_and_sigmoid_cross_entropy(x, target, reduction, dtype):
    agree(
        lambda x, t: ac.mse_loss(x, t, reduction),
        lambda x, t: F.mse_loss(x, t, reduction=reduction),
        x,
        target,
        dtype=dtype,
    )
    agree(
        lambda x, t: ac.sigmoid_cross_entropy(x, t, reduction),
        lambda x, t: F.binary_cross_entropy_with_logits(x, t, reduction=reduction),
        x,
        target,
        dtype=dtype,
    )


@given(arrays((3, 4, 2, 3), distinct=True), st.booleans(), DTYPES)
def test_norms(x, training, dtype):
    rng = np.random.default_rng(0)
    weight, bias = rng.standard_normal((2, 4))
    ours = np.zeros(4, dtype), np.ones(4, dtype)
    theirs = torch.zeros(4, dtype=torch.tensor(ours[0]).dtype), torch.ones(4, dtype=torch.tensor(ours[0]).dtype)
    agree(
        lambda x, w, b: ac.batch_norm(x, *ours, w, b, training),
        lambda x, w, b: F.batch_norm(x, *theirs, w, b, training),
        x,
        weight,
        bias,
        dtype=dtype,
    )
    for mine, other in zip(ours, theirs, strict=True):
        close(mine, other.numpy(), 1e-6)
    agree(
        lambda x, w, b: ac.group_norm(x, 2, w, b),
        lambda x, w, b: F.group_norm(x, 2, w, b),
        x,
        weight,
        bias,
        dtype=dtype,
    )
    last = rng.standard_normal((2, 2, 3))
    agree(
        lambda x, w, b: ac.layer_norm(x, (2, 3), w, b),
        lambda x, w, b: F.layer_norm(x, (2, 3), w, b),
        x,
        *last,
        dtype=dtype,
    )


@given(arrays((3, 4), away_from=[0]), st.sampled_from([0.5, 1.0]), DTYPES)
def test_var_is_that_of_pytorch_with_its_correction(x, ddof, dtype):
    agree(lambda x: ac.var(x, 1, ddof=int(ddof)), lambda x: torch.var(x, 1, correction=int(ddof)), x, dtype=dtype)


A, B, C = np.random.default_rng(2).uniform(0.5, 2, (3, 3, 4))
INDEX = np.array([0, 2, 2])

#: Ours, PyTorch's, and the inputs.
BESIDE = {
    "add": (ac.add, torch.add, A, B[0]),
    "subtract": (ac.subtract, torch.sub, A, B[:, :1]),
    "multiply": (ac.multiply, torch.mul, A, B[0]),
    "divide": (ac.divide, torch.div, A, B),
    "power": (ac.power, torch.pow, A, B),
    "mod": (ac.mod, torch.remainder, A - 1.3, B),
    "log": (ac.log, torch.log, A),
    "sqrt": (ac.sqrt, torch.sqrt, A),
    "erf": (ac.erf, torch.erf, A - 1),
    "maximum": (ac.maximum, torch.maximum, A, np.where(B > 1, A, B)),
    "minimum": (ac.minimum, torch.minimum, A, np.where(B > 1, A, B)),
    "where": (lambda x, y: ac.where(C > 1, x, y), lambda x, y: torch.where(torch.tensor(C > 1), x, y), A, B),
    "clip": (lambda x: ac.clip(x, 0.8, A[1, 1]), lambda x: torch.clip(x, 0.8, A[1, 1]), A),
    "sum": (lambda x: ac.sum(x, 1, True), lambda x: torch.sum(x, 1, True), A),
    "mean": (lambda x: ac.mean(x, (0, 1)), lambda x: torch.mean(x, (0, 1)), A),
    "max": (lambda x: ac.max(x, 0), lambda x: torch.max(x, 0).values, np.round(A)),
    "min": (lambda x: ac.min(x, 1), lambda x: torch.min(x, 1).values, A),
    "logsumexp": (lambda x: ac.logsumexp(x, 0), lambda x: torch.logsumexp(x, 0), 9 * A),
    "matmul": (ac.matmul, torch.matmul, np.stack([A, B]), C.T),
    "linear": (ac.linear, F.linear, A, B, C[:, 0]),
    "einsum": (lambda x, y: ac.einsum("ij,kj->ik", x, y), lambda x, y: torch.einsum("ij,kj->ik", x, y), A, B),
    "reshape": (lambda x: ac.reshape(x, (2, -1)), lambda x: torch.reshape(x, (2, -1)), A),
    "flatten": (ac.flatten, torch.flatten, A),
    "transpose": (ac.transpose, torch.t, A),
    "broadcast_to": (lambda x: ac.broadcast_to(x, (2, 3, 4)), lambda x: torch.broadcast_to(x, (2, 3, 4)), A),
    "squeeze": (ac.squeeze, torch.squeeze, A[:, :1]),
    "expand_dims": (lambda x: ac.expand_dims(x, 1), lambda x: torch.unsqueeze(x, 1), A),
    "concatenate": (lambda x, y: ac.concatenate([x, y], 1), lambda x, y: torch.cat([x, y], 1), A, B),
    "stack": (lambda x, y: ac.stack([x, y], -1), lambda x, y: torch.stack([x, y], -1), A, B),
    "split": (lambda x: ac.split(x, 2, 1)[1], lambda x: torch.split(x, 2, 1)[1], A),
    "pad": (lambda x: ac.pad(x, ((0, 1), (2, 3)), constant_values=7), lambda x: F.pad(x, (2, 3, 0, 1), value=7), A),
    "getitem": (lambda x: ac.ops.getitem(x, INDEX), lambda x: x[torch.tensor(INDEX)], A),
    "take": (lambda x: ac.take(x, INDEX, 1), lambda x: torch.index_select(x, 1, torch.tensor(INDEX)), A),
    "global_avg_pool2d": (ac.global_avg_pool2d, lambda x: x.mean((2, 3)), np.stack([[A, B], [B, C]])),
}

SIGNED = 2 * (A - 1.2)
ZEROS = np.array([[0.0, 2.0, 3.0], [0.0, -1.0, 0.0], [4.0, 0.5, -2.0]])
REGULAR = np.random.default_rng(3).standard_normal((2, 3, 3)) + 2 * np.eye(3)
IMAGES = np.random.default_rng(4).standard_normal((2, 4, 5, 6))
SHARES = np.random.default_rng(5).uniform(0, 1, (2, 3, 4))


def padded_the_same(x, weight, **options):
    """PyTorch warns that it has to copy where the padding is uneven."""
    with warnings.catch_warnings(action="ignore"):
        return F.conv2d(x, weight, padding="same", **options)


def symmetric(x):
    return x @ (x.swapaxes(-1, -2) if isinstance(x, ac.Tensor) else x.mT)


BESIDE |= {
    **{name: (getattr(ac, name), getattr(torch, name), SIGNED)
       for name in ["sin", "cos", "tan", "arctan", "sinh", "cosh", "expm1", "square", "ravel", "tril", "triu", "trace",
                    "atleast_1d", "atleast_2d"]},
    **{name: (getattr(ac, name), getattr(torch, name), SHARES[0]) for name in ["arcsin", "arccos", "log1p"]},
    **{name: (getattr(ac, name), getattr(torch, name), A) for name in ["log2", "log10", "reciprocal", "diff"]},
    "arctan2": (ac.arctan2, torch.arctan2, SIGNED, B[0] - 1),
    "logaddexp": (ac.logaddexp, torch.logaddexp, 20 * A, np.where(B > 1, 20 * A, B)),
    "clip of tensors": (ac.clip, torch.clip, A, np.full(4, 0.8), np.full((3, 1), 1.4)),
    "repeat": (lambda x: ac.repeat(x, [2, 0, 3], 0),
               lambda x: torch.repeat_interleave(x, torch.tensor([2, 0, 3]), 0), A),
    "tile": (lambda x: ac.tile(x, (2, 1, 2)), lambda x: torch.tile(x, (2, 1, 2)), A),
    "roll": (lambda x: ac.roll(x, (1, -2), (0, 1)), lambda x: torch.roll(x, (1, -2), (0, 1)), A),
    "flip": (lambda x: ac.flip(x, (0, 1)), lambda x: torch.flip(x, (0, 1)), A),
    "swapaxes": (lambda x: ac.swapaxes(x, 0, -1), lambda x: torch.swapaxes(x, 0, -1), IMAGES),
    "moveaxis": (lambda x: ac.moveaxis(x, (0, 1), (-1, 0)), lambda x: torch.moveaxis(x, (0, 1), (-1, 0)), IMAGES),
    "hstack": (lambda x, y: ac.hstack([x, y]), lambda x, y: torch.hstack([x, y]), A, B),
    "vstack": (lambda x, y: ac.vstack([x, y]), lambda x, y: torch.vstack([x, y]), A, B[0]),
    "diag": (lambda x: ac.diag(x, 1), lambda x: torch.diag(x, 1), A),
    "diag of a vector": (lambda x: ac.diag(x, -1), lambda x: torch.diag(x, -1), A[0]),
    "dot": (ac.dot, torch.dot, A[0], B[0]),
    "inner": (ac.inner, torch.inner, A, B),
    "outer": (ac.outer, torch.outer, A[0], B[0]),
    "tensordot": (lambda x, y: ac.tensordot(x, y, ([1], [0])), lambda x, y: torch.tensordot(x, y, ([1], [0])), A, C.T),
    "prod": (lambda x: ac.prod(x, 1), lambda x: torch.prod(x, 1), ZEROS),
    "prod of all": (ac.prod, torch.prod, ZEROS + 1.5),
    "cumsum": (lambda x: ac.cumsum(x, 0), lambda x: torch.cumsum(x, 0), A),
    "cumprod": (lambda x: ac.cumprod(x, 1), lambda x: torch.cumprod(x, 1), ZEROS),
    "std": (lambda x: ac.std(x, 1, 1), lambda x: torch.std(x, 1), np.vstack([A, np.ones(4)])),
    "sort": (lambda x: ac.sort(x, 0), lambda x: torch.sort(x, stable=True, dim=0).values, np.round(2 * A)),
    "linalg.solve": (ac.linalg.solve, torch.linalg.solve, REGULAR, B[0][:3, None]),
    "linalg.inv": (ac.linalg.inv, torch.linalg.inv, REGULAR),
    "linalg.det": (ac.linalg.det, torch.linalg.det, REGULAR),
    "linalg.slogdet": (lambda x: ac.linalg.slogdet(x)[1], lambda x: torch.linalg.slogdet(x)[1], REGULAR),
    "linalg.cholesky": (lambda x: ac.linalg.cholesky(symmetric(x)), lambda x: torch.linalg.cholesky(symmetric(x)),
                        REGULAR),
    "l1_loss": (ac.l1_loss, F.l1_loss, A, np.where(B > 1, A, B)),
    "smooth_l1_loss": (lambda x, y: ac.smooth_l1_loss(x, y, "sum", 0.5),
                       lambda x, y: F.smooth_l1_loss(x, y, reduction="sum", beta=0.5), A, np.where(B > 1, A + 0.5, B)),
    "binary_cross_entropy": (ac.binary_cross_entropy, F.binary_cross_entropy, SHARES[0], SHARES[1]),
    "pixel_shuffle": (lambda x: ac.pixel_shuffle(x, 2), lambda x: F.pixel_shuffle(x, 2), IMAGES),
    "conv2d of padding same": (lambda x, w: ac.conv2d(x, w, padding="same", dilation=(1, 2)),
                               lambda x, w: padded_the_same(x, w, dilation=(1, 2)),
                               IMAGES, np.random.default_rng(6).standard_normal((3, 4, 2, 3))),
    "conv2d of one image": (lambda x, w: ac.conv2d(x, w, padding="valid"), lambda x, w: F.conv2d(x, w, padding="valid"),
                            IMAGES[0], np.random.default_rng(6).standard_normal((3, 4, 2, 3))),
    "max_pool2d of one image": (lambda x: ac.max_pool2d(x, 2), lambda x: F.max_pool2d(x, 2), IMAGES[0]),
}  # fmt: skip
for _order in (None, 1, 2, 3, 1.5, 0.5, -1, np.inf, -np.inf):
    BESIDE[f"linalg.norm of order {_order}"] = (
        lambda x, p=_order: ac.linalg.norm(x, p, 1) if p is not None else ac.linalg.norm(x),
        lambda x, p=_order: torch.linalg.vector_norm(x, 2 if p is None else p, None if p is None else 1),
        np.vstack([SIGNED, [1.0, -1.0, 1.0, 0.5]])
        if _order in (None, -1)
        else np.vstack([ZEROS, np.zeros(3), [1, 1, -1]]),
    )
for _order in ("fro", 1, -1, np.inf, -np.inf):
    BESIDE[f"linalg.norm of matrices, {_order}"] = (
        lambda x, p=_order: ac.linalg.norm(x, p, (1, 2)),
        lambda x, p=_order: torch.linalg.matrix_norm(x, p, (1, 2)),
        np.round(2 * REGULAR),
    )
for _size in (1, 2, (4, None), (7, 3)):
    BESIDE[f"adaptive_avg_pool2d to {_size}"] = (
        lambda x, size=_size: ac.adaptive_avg_pool2d(x, size),
        lambda x, size=_size: F.adaptive_avg_pool2d(x, size),
        IMAGES,
    )
for _size, _factor in ((7, None), ((10, 3), None), (None, 2), (None, (1.5, 2.3))):
    BESIDE[f"upsample_nearest to {_size}, by {_factor}"] = (
        lambda x, size=_size, factor=_factor: ac.upsample_nearest(x, size, factor),
        lambda x, size=_size, factor=_factor: F.interpolate(x, size, factor, mode="nearest"),
        IMAGES,
    )
for _mode, _theirs in (("edge", "replicate"), ("reflect", "reflect"), ("wrap", "circular")):
    BESIDE[f"pad of mode {_mode}"] = (
        lambda x, mode=_mode: ac.pad(x, ((0, 0), (0, 0), (1, 2), (3, 1)), mode),
        lambda x, mode=_theirs: F.pad(x, (3, 1, 1, 2), mode=mode),
        IMAGES,
    )


@pytest.mark.parametrize("op", ["argmax", "argmin", "argsort"])
def test_indices(op):
    options = {"stable": True} if op == "argsort" else {}
    agree_without_gradient(
        lambda x: getattr(ac, op)(x, 1), lambda x: getattr(torch, op)(x, dim=1, **options), np.round(2 * A)
    )


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", BESIDE)
def test_beside(name, dtype):
    ours, theirs, *inputs = BESIDE[name]
    agree(ours, theirs, *inputs, dtype=dtype)


@pytest.mark.parametrize("name", ["floor", "ceil", "trunc", "round"])
def test_rounding(name):
    agree_without_gradient(
        getattr(ac, name), getattr(torch, name), np.concatenate([3 * (A - 1), [[0.5, 1.5, -0.5, 2]]])
    )


@pytest.mark.parametrize(
    "name", ["equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "floor_divide", "sign"]
)
def test_piecewise_constant(name):
    x, y = np.round(A), np.round(B)
    inputs = (x - 1,) if name == "sign" else (x, y + 1)
    theirs = torch.eq if name == "equal" else getattr(torch, name)
    agree_without_gradient(getattr(ac, name), theirs, *inputs)
