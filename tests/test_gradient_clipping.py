"""Clipping against its definition, and against PyTorch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_cnn as ac

INF, NAN = float("inf"), float("nan")


def parameters(grads):
    params = [ac.Tensor(np.zeros_like(grad), requires_grad=True) for grad in grads]
    for p, grad in zip(params, grads, strict=True):
        p.grad = grad.copy(order="K")
    return params


def draws(seed, dtype):
    """Return gradients of several shapes and memory orders, as large as 10, 1 or 0.01."""
    rng = np.random.default_rng(seed)
    shapes = [(3, 4), (), (0,), (5,)]
    scale = rng.choice([10, 1, 0.01])
    return [np.asarray(scale * rng.standard_normal(shape), dtype, order="F") for shape in shapes]


seeds, dtypes = st.integers(0, 2**32 - 1), st.sampled_from([np.float32, np.float64])
limits = st.sampled_from([0, 1e-3, 0.1, 1, 5, 1e3])


@given(seeds, dtypes, st.one_of(limits, st.just(INF)))
def test_the_norm_is_clipped_as_pytorch_does(seed, dtype, max_norm):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    grads = draws(seed, dtype)
    params, theirs = parameters(grads), [torch.zeros(g.shape, dtype=getattr(torch, g.dtype.name)) for g in grads]
    for p, grad in zip(theirs, grads, strict=True):
        p.grad = torch.from_numpy(grad.copy())
    norm = torch.nn.utils.clip_grad_norm_(theirs, max_norm)
    assert ac.clip_grad_norm(params, max_norm) == pytest.approx(norm.item(), rel=1e-6)
    for p, other in zip(params, theirs, strict=True):
        assert p.grad.dtype == dtype
        np.testing.assert_allclose(p.grad, other.grad.numpy(), rtol=2e-6 if dtype == np.float32 else 1e-12)


@given(seeds, dtypes, limits)
def test_the_norm_is_that_of_all_gradients_and_they_keep_their_direction(seed, dtype, max_norm):
    grads = draws(seed, dtype)
    params = dict(enumerate(parameters(grads)))
    flat = np.concatenate([grad.ravel() for grad in grads]).astype(float)
    norm = ac.clip_grad_norm(params, max_norm)
    assert norm == pytest.approx(np.sqrt((flat**2).sum()), rel=1e-6)
    clipped = np.concatenate([p.grad.ravel() for p in params.values()]).astype(float)
    assert np.linalg.norm(clipped) <= max_norm * (1 + 1e-6)
    factor = min(1, max_norm / (norm + 1e-6))
    np.testing.assert_allclose(clipped, flat * factor, rtol=1e-6)
    if factor == 1:
        np.testing.assert_array_equal(clipped, flat)


@given(seeds, dtypes, limits)
def test_values_are_clipped_each_for_itself(seed, dtype, clip_value):
    grads = draws(seed, dtype)
    params = parameters(grads)
    held = [p.grad for p in params]
    ac.clip_grad_value(params, np.float64(clip_value))
    for p, before, grad in zip(params, held, grads, strict=True):
        assert p.grad is before
        assert p.grad.dtype == dtype
        np.testing.assert_array_equal(p.grad, np.maximum(np.minimum(grad, dtype(clip_value)), dtype(-clip_value)))


@pytest.mark.parametrize(("dtype", "size"), [(np.float32, 1e30), (np.float32, 1e-30), (np.float64, 1e200)])
def test_the_squares_of_large_and_small_gradients_do_not_matter(dtype, size):
    params = parameters([np.array([3 * size, 4 * size], dtype)])
    assert ac.clip_grad_norm(params, size) == pytest.approx(5 * size, rel=1e-6)
    if size > 1:
        np.testing.assert_allclose(params[0].grad, [0.6 * size, 0.8 * size], rtol=1e-6)


def test_parameters_without_a_gradient_are_left_out():
    a, b = parameters([np.array([3.0]), np.array([4.0])])
    b.grad = None
    assert ac.clip_grad_norm({"a": a, "b": b}, 1) == 3
    ac.clip_grad_value([a, b], 0.5)
    assert (a.grad.item(), b.grad) == (0.5, None)
    assert ac.clip_grad_norm([b], 1) == 0


@pytest.mark.parametrize("odd", [NAN, INF, -INF])
def test_a_gradient_that_is_not_finite_is_named_and_nothing_is_changed(odd):
    a, b = parameters([np.array([3.0, 4.0]), np.array([1.0, odd])])
    with pytest.raises(ValueError, match=r"the gradient of parameter 'fc\.bias' is not finite"):
        ac.clip_grad_norm({"fc.weight": a, "fc.bias": b}, 1)
    np.testing.assert_array_equal(a.grad, [3, 4])
    np.testing.assert_array_equal(b.grad, [1, odd])


def test_odd_arguments_are_refused():
    (p,) = parameters([np.array([3.0])])
    used_up = iter([])
    for odd in (-1, NAN, None):
        with pytest.raises(ValueError, match=f"max_norm is a number of at least 0; got {odd}"):
            ac.clip_grad_norm([p], odd)
        with pytest.raises(ValueError, match=f"clip_value is a number of at least 0; got {odd}"):
            ac.clip_grad_value([p], odd)
    for clip in (ac.clip_grad_norm, ac.clip_grad_value):
        with pytest.raises(ValueError, match="no parameter whose gradient could be clipped; was an iterator used up"):
            clip(used_up, 1)
