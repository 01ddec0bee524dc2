"""Sums within ops: in float32 within 1e-6 of the sum of the absolute values, along any axis and in any memory order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_cnn as ac

LENGTHS = st.sampled_from([3, 17, 129, 1000, 10007, 60013])
WIDTHS = st.sampled_from([1, 2, 3, 7])


@st.composite
def matrices(draw):
    """Draw a long and narrow array and its long axis: C, Fortran order, sliced, reversed, or with a third axis."""
    length, width = draw(LENGTHS), draw(WIDTHS)
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    shape = (length, width) if draw(st.booleans()) else (width, length)
    x = rng.uniform(0, 1, (*shape, 2)).astype(np.float32)
    if draw(st.booleans()):
        x[...] = np.float32(0.1)  # every rounding errs to the same side
    kind = draw(st.sampled_from(["C", "F", "sliced", "reversed", "3-d"]))
    x = {
        "C": x[..., 0].copy(),
        "F": np.asfortranarray(x[..., 1]),
        "sliced": x[..., 0],
        "reversed": x[::-1, ::-1, 0],
    }.get(kind, x)
    return x, shape.index(length)


def near(found, exact, size, slack=1e-6):
    assert found.dtype == np.float32
    assert np.shape(found) == np.shape(exact)
    assert np.all(np.abs(found - exact) <= slack * size)


def softmax(x, axis):
    powers = np.exp(x - x.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


@given(matrices())
def test_softmax_and_its_logarithm(drawn):
    x, axis = drawn
    exact = softmax(x.astype(np.float64), axis)
    near(ac.softmax(x, axis), exact, exact)
    near(ac.log_softmax(x, axis), np.log(exact), np.abs(np.log(exact)))
    exact = np.log(np.exp(x.astype(np.float64)).sum(axis))
    near(ac.logsumexp(x, axis), exact, np.abs(exact))


@given(matrices(), st.sampled_from(["softmax", "log_softmax", "logsumexp"]))
def test_the_gradients_of_softmax_its_logarithm_and_logsumexp(drawn, name):
    x, axis = drawn
    op = getattr(ac, name)

    def gradient(dtype):
        t = ac.Tensor(x.astype(dtype), requires_grad=True)
        out = op(t, axis)
        g = np.random.default_rng(1).uniform(0, 1, out.shape)
        out.backward(g.astype(np.float32).astype(dtype))
        return t.grad

    exact, p = gradient(np.float64), softmax(x.astype(np.float64), axis)
    # For log_softmax, a difference of two sums: the size is that of the subtracted sum.
    size = p * x.shape[axis] if name == "log_softmax" else p
    near(gradient(np.float32), exact, np.abs(exact) + size, 2e-6)


@given(matrices(), st.booleans(), st.sampled_from([0, 1]))
def test_the_variance_and_its_gradient(drawn, keepdims, ddof):
    x, axis = drawn
    exact = np.var(x.astype(np.float64), axis, ddof=ddof, keepdims=keepdims)
    size = np.square(x, dtype=np.float64).mean(axis, keepdims=keepdims)
    near(ac.var(x, axis, ddof, keepdims), exact, exact + 1e-6 * size)
    near(ac.var(x), np.var(x.astype(np.float64)), np.square(x, dtype=np.float64).mean())
    t = ac.Tensor(x, requires_grad=True)
    ac.var(t, axis, ddof, keepdims).sum().backward()
    centered = x - x.mean(axis, np.float64, keepdims=True)
    size = np.abs(x) + np.abs(x).mean(axis, np.float64, keepdims=True)
    near(t.grad, 2 * centered / (x.shape[axis] - ddof), 2 * size / (x.shape[axis] - ddof))


@given(matrices(), st.sampled_from(["mean", "sum", "none"]))
def test_losses(drawn, reduction):
    x, _ = drawn
    y = np.flip(x) / 2
    losses = np.square(x.astype(np.float64) - y)
    exact = {"mean": losses.mean, "sum": losses.sum, "none": lambda: losses}[reduction]()
    near(ac.mse_loss(x, y, reduction), exact, exact)
    losses = (1 - y.astype(np.float64)) * x + np.logaddexp(0, -x.astype(np.float64))
    exact = {"mean": losses.mean, "sum": losses.sum, "none": lambda: losses}[reduction]()
    near(ac.sigmoid_cross_entropy(x, y, reduction), exact, exact)


@given(matrices(), st.sampled_from(["mean", "sum", "none"]))
def test_cross_entropy_over_many_examples_or_classes(drawn, reduction):
    x, _ = drawn
    log_p = np.log(softmax(x.astype(np.float64), 1))
    targets = np.full(x.shape, 0.5, np.float32)
    losses = -(targets * log_p).sum(1)
    count = losses.size
    exact = {"mean": losses.sum() / count, "sum": losses.sum(), "none": losses}[reduction]
    found = ac.softmax_cross_entropy(x, targets, reduction)
    near(found, np.sum(losses) / count if reduction == "mean" else exact, np.abs(exact))
    labels = np.random.default_rng(0).integers(0, x.shape[1], losses.shape)
    losses = -np.take_along_axis(log_p, np.expand_dims(labels, 1), 1)[:, 0]
    exact = {"mean": losses.mean(), "sum": losses.sum(), "none": losses}[reduction]
    near(ac.softmax_cross_entropy(x, labels, reduction), exact, np.abs(exact))
    near(ac.nll_loss(log_p.astype(np.float32), labels, reduction=reduction), exact, np.abs(exact))


@given(matrices())
def test_einsum_over_axes_of_one_operand(drawn):
    x, axis = drawn
    letters = "ijk"[: x.ndim]
    kept = letters.replace(letters[axis], "")
    exact = x.sum(axis, np.float64)
    near(ac.einsum(f"{letters}->{kept}", x), exact, exact)
    near(ac.einsum(f"{letters}->", x), x.sum(dtype=np.float64), exact.sum())
    near(ac.einsum(f"{letters},m->m{kept}", x, np.ones(2, np.float32)), np.stack([exact] * 2), exact)


@pytest.mark.parametrize("op", ["batch_norm", "layer_norm", "group_norm"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_normalization_over_a_million(op, order):
    rng = np.random.default_rng(0)
    shape = {"batch_norm": (1_000_003, 2), "layer_norm": (2, 1_000_003), "group_norm": (2, 2, 500_009)}[op]
    x = np.asarray(rng.uniform(0, 1, shape).astype(np.float32), order=order)
    g = rng.uniform(0, 1, shape).astype(np.float32)
    call = {
        "batch_norm": lambda x: ac.batch_norm(x, None, None, training=True),
        "layer_norm": lambda x: ac.layer_norm(x, shape[1]),
        "group_norm": lambda x: ac.group_norm(x, 1),
    }[op]
    results = []
    for dtype in (np.float32, np.float64):
        t = ac.Tensor(x.astype(dtype), requires_grad=True)
        out = call(t)
        out.backward(g.astype(dtype))
        results.append((out.data, t.grad))
    (out, grad), (exact, exact_grad) = results
    near(out, exact, np.abs(exact) + 1)
    near(grad, exact_grad, np.abs(exact_grad) + 10)


def test_a_million_equal_numbers_along_a_leading_axis():
    x = np.full((1_000_003, 3), np.float32(0.1))
    near(ac.logsumexp(x, 0), np.full(3, np.log(len(x)) + x[0, 0].astype(float)), 1)
    np.testing.assert_allclose(ac.softmax(x, 0), 1 / len(x), rtol=1e-6)
    near(ac.var(x, 0), np.zeros(3), 1e-8)
