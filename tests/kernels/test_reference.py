"""Every fast kernel against the definition, on random shapes, settings, dtypes and memory."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_cnn import kernels
from autograd_cnn.kernels import pool, reference


@st.composite
def windows(draw, ceil_mode=False):
    pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
    size = draw(pairs)
    padding = tuple(draw(st.integers(0, n // 2)) for n in size)
    return kernels.Window(
        size, draw(pairs), padding, draw(pairs), ceil_mode=draw(st.booleans()) if ceil_mode else False
    )


@st.composite
def images(draw, window, channels=None):
    """Images that a window fits into, in some memory order, of some dtype, with an odd value now and then."""
    extent = window.extent
    size = [draw(st.integers(max(1, e - 2 * p), e + 5)) for e, p in zip(extent, window.padding, strict=True)]
    shape = (draw(st.sampled_from([0, 1, 2, 5])), channels or draw(st.integers(0, 4)), *size)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.integers(-4, 5, shape).astype(draw(st.sampled_from([np.float32, np.float64])))  # ties; sums are exact
    if x.size and draw(st.booleans()):
        x.flat[rng.integers(x.size)] = draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    order = draw(st.permutations(range(4)))
    moved = np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
    if draw(st.booleans()):
        wide = np.zeros((*shape[:3], 2 * shape[3]), x.dtype)
        wide[..., ::2] = x
        moved = wide[..., ::2]
    return moved


def integers(draw, shape, dtype):
    return np.random.default_rng(draw(st.integers(0, 2**32 - 1))).integers(-3, 4, shape).astype(dtype)


same = np.testing.assert_array_equal


@given(st.data())
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_convolution(data):
    window, groups = data.draw(windows()), data.draw(st.sampled_from([1, 1, 2, 3]))
    channels, filters = groups * data.draw(st.integers(1, 3)), groups * data.draw(st.integers(1, 3))
    x = data.draw(images(window, channels))
    weight = integers(data.draw, (filters, channels // groups, *window.size), x.dtype)
    bias = integers(data.draw, (filters,), x.dtype) if data.draw(st.booleans()) else None
    if bias is not None and data.draw(st.booleans()):
        bias[0] = data.draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    out = kernels.conv2d(x, weight, bias, window, groups)
    same(out, reference.conv2d(x, weight, bias, window, groups))
    assert out.dtype == x.dtype
    grad = integers(data.draw, out.shape, x.dtype)
    if grad.size and data.draw(st.booleans()):
        grad.flat[data.draw(st.integers(0, grad.size - 1))] = np.inf
    same(
        kernels.conv2d_grad_input(grad, weight, x.shape, window, groups),
        reference.conv2d_grad_input(grad, weight, x.shape, window, groups),
    )
    same(
        kernels.conv2d_grad_weight(grad, x, weight.shape, window, groups),
        reference.conv2d_grad_weight(grad, x, weight.shape, window, groups),
    )


@pytest.fixture
def no_image_is_small(monkeypatch):
    def forget():
        pool._small.cache_clear()
        pool._small_and_apart.cache_clear()

    monkeypatch.setattr(pool, "_SMALL", 0)
    forget()
    yield
    forget()


@pytest.mark.usefixtures("no_image_is_small")
def test_max_pooling_of_a_few_large_images():
    test_max_pooling()


@given(st.data())
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_max_pooling(data):
    window = data.draw(windows(ceil_mode=True))
    x = data.draw(images(window))
    out = kernels.max_pool2d(x, window)
    same(out, reference.max_pool2d(x, window))
    grad = integers(data.draw, out.shape, x.dtype)
    if grad.size and data.draw(st.booleans()):
        grad.flat[data.draw(st.integers(0, grad.size - 1))] = np.inf
    same(kernels.max_pool2d_grad(grad, x, out, window), reference.max_pool2d_grad(grad, x, out, window))
