"""Normalization by channel: every memory order, large means, blocks and threads."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autograd_cnn import kernels
from autograd_cnn.kernels import channelwise
from autograd_cnn.kernels.layout import ROWS

DTYPES = (np.float32, np.float64)


@st.composite
def images(draw, count=1):
    """Draw arrays (N, C, …) of one shape, each with its axes in some order in memory."""
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=5, min_side=1, max_side=5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    found = []
    for _ in range(count):
        order = draw(st.permutations(range(len(shape))))
        found.append(np.ascontiguousarray(rng.standard_normal(shape).transpose(order)).transpose(np.argsort(order)))
    return found


def over_channels(x):
    return (0, *range(2, x.ndim))


def column(values, x):
    return values.reshape((-1,) + (1,) * (x.ndim - 2))


@given(images(), st.sampled_from([1, 7, 262144]))
def test_moments_are_those_of_the_definition(x, block):
    (x,) = x
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(channelwise, "_BLOCK", block)
        mean, variance = kernels.moments(x)
    np.testing.assert_allclose(mean, x.mean(over_channels(x)), atol=1e-12)
    np.testing.assert_allclose(variance, x.var(over_channels(x)), atol=1e-12)


def gradient(grad, x, mean, variance, columns):
    """Return the gradient of normalized channels with these columns, and the sums that they could be solved from."""
    return kernels.normalize_grad(grad, x, mean, variance, lambda *_: columns)


@given(images(2), st.sampled_from([1, 7, 262144]), st.sampled_from([0.1, 10]))
def test_normalize_and_its_gradient_agree_with_the_definition(arrays, block, scale):
    grad, x = arrays
    a, b, c, d = np.random.default_rng(0).standard_normal((4, x.shape[1])) * scale
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(channelwise, "_BLOCK", block)
        out = kernels.normalize(x, a, b, d, c)
        plain = kernels.normalize(x, a, b, None, None)
        combined, *_ = gradient(grad, x, a, b * b, (a, b, c))
    normal = (x - column(a, x)) * column(b, x)
    np.testing.assert_allclose(out, normal * column(d, x) + column(c, x), atol=1e-10)
    np.testing.assert_allclose(plain, normal, atol=1e-10)
    wanted = (grad + column(a, x) * x + column(b, x)) * column(c, x)
    np.testing.assert_allclose(combined, wanted, atol=1e-11)
    assert out.shape == combined.shape == x.shape


@given(images(2), st.sampled_from([1, 7, 262144]), st.sampled_from([0, 1, 100]))
def test_gradient_sums_agree_with_the_definition(arrays, block, center):
    grad, x = arrays
    x = x + center
    mean, variance = kernels.moments(x)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(channelwise, "_BLOCK", block)
        _, sums, products = gradient(grad, x, mean, variance, (mean, mean, mean))
    np.testing.assert_allclose(sums, grad.sum(over_channels(x)), atol=1e-11)
    np.testing.assert_allclose(products, (grad * (x - column(mean, x))).sum(over_channels(x)), atol=1e-11)


@pytest.mark.parametrize("shape", [(0, 3, 2, 2), (0, 3), (4, 3, 0, 2), (4, 0, 2, 2)])
def test_nothing_has_sums_of_0(shape):
    """A process may have no image of a batch that several share."""
    x = np.zeros(shape, np.float32)
    columns = np.ones((3, shape[1]))
    of_x, *sums = gradient(x, x, *columns[:2], columns)
    assert (of_x.shape, of_x.dtype) == (x.shape, x.dtype)
    np.testing.assert_array_equal(sums, np.zeros((2, shape[1])))


@pytest.mark.parametrize("center", [0, 3, 5, 1000])
def test_sums_of_products_are_right_beside_a_large_mean(center, rng):
    x, grad = (rng.standard_normal((64, 3, 24, 24)).astype(np.float32) + shift for shift in (np.float32(center), 0))
    mean, variance = (v.astype(np.float32) for v in kernels.moments(x))
    _, _, products = gradient(grad, x, mean, variance, (mean, mean, mean))
    terms = grad.astype(np.float64) * (x - column(mean, x).astype(np.float64))
    bound = 1e-6 * np.abs(terms).sum((0, 2, 3))
    assert (np.abs(products - terms.sum((0, 2, 3))) <= bound).all()


@pytest.mark.parametrize("order", ["images", "rows"])
@pytest.mark.parametrize("mean", [0, 1.9, 2.1, 1000])
def test_the_variance_is_right_beside_a_large_mean(order, mean, rng):
    x = (rng.standard_normal((64, 3, 24, 24)) + mean).astype(np.float32)
    if order == "rows":
        x = ROWS.images(ROWS.store(x))
    means, variances = kernels.moments(x)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(means, exact.mean((0, 2, 3)), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(variances, exact.var((0, 2, 3)), rtol=2e-6)


def test_the_caller_s_buffers_stay_as_they_were(rng):
    before = np.getbufsize()
    kernels.moments(rng.standard_normal((64, 3, 24, 24)))
    assert np.getbufsize() == before


@pytest.mark.parametrize("dtype", DTYPES)
def test_threads_give_the_same_values(dtype, rng):
    x, grad = (ROWS.images(ROWS.store(rng.standard_normal((64, 8, 64, 64)).astype(dtype))) for _ in range(2))
    a, b, c = rng.standard_normal((3, 8)).astype(dtype)

    def results():
        return [
            *kernels.moments(x),
            kernels.normalize(x, a, b, a, c),
            *gradient(grad, x, a, b * b, (a, b, c)),
        ]

    alone = results()
    kernels.set_num_threads(3)
    try:
        several = results()
    finally:
        kernels.set_num_threads(1)
    for one, other in zip(alone, several, strict=True):
        np.testing.assert_array_equal(one, other, strict=True)
