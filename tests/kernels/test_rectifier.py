"""The rectifier's kernels against the definition: every memory order, sizes around a block's, nan and infinity."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_cnn import kernels
from autograd_cnn.kernels import rectifier


@st.composite
def stored(draw, shape, dtype, order, spread):
    """Draw numbers, some of them nan or infinite, in a memory order, with gaps or without."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.standard_normal(shape).astype(dtype)
    if x.size:
        for value in (np.nan, -np.nan, np.inf, -np.inf, -0.0, 0.0):
            x.flat[rng.integers(x.size)] = value
    x = np.array(x.transpose(order), order="C").transpose(np.argsort(order).astype(int))
    if spread:
        wide = np.zeros((*shape[:-1], 2 * shape[-1]), dtype)
        wide[..., ::2] = x
        x = wide[..., ::2]
    return x


@given(st.data())
def test_relu_and_its_gradient_agree_with_the_definition(data):
    shape = data.draw(
        st.sampled_from([(), (0, 3), (5,), (3, 2, 4), (16384,), (3, 41, 135), (4, 4096), (4, 4097), (8, 41, 110)])
    )
    dtype = data.draw(st.sampled_from([np.float16, np.float32, np.float64]))
    order = data.draw(st.permutations(range(len(shape))))
    x = data.draw(stored(shape, dtype, order, bool(shape) and data.draw(st.booleans())))
    rectifier._zeros(x.dtype)  # made before the block shrinks: calls share it, and it must be long enough for all
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rectifier, "_BLOCK", data.draw(st.sampled_from([4096, rectifier._BLOCK])))
        out = kernels.relu(x)
        np.testing.assert_array_equal(out, np.maximum(x, 0))
        assert (out.dtype, out.shape) == (x.dtype, x.shape)
        grad = data.draw(stored(shape, dtype, data.draw(st.sampled_from([order, order[::-1]])), False))
        np.testing.assert_array_equal(kernels.relu_grad(grad, out), np.where(np.isnan(out) | (out > 0), grad, 0))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("size", [7, 16384, 16385, 2 * rectifier._BLOCK + 3])
@pytest.mark.parametrize("has_minus", [False, True])
def test_the_slope_at_minus_zero_is_0(dtype, size, has_minus, monkeypatch, rng):
    """Also where NumPy's maximum of −0 and 0 would be −0, which has a bit."""
    grad = rng.standard_normal(size).astype(dtype)
    out = kernels.relu(np.full(size, -0.0, dtype))
    if has_minus:
        monkeypatch.setattr(rectifier, "_has_no_minus", lambda _: False)
        out = np.copysign(out, dtype(-1))
    assert not kernels.relu_grad(grad, out).any()
    assert rectifier._has_no_minus(np.dtype(bool)) is False


@pytest.mark.parametrize("dtypes", [(np.float32, np.float64), (np.float64, np.float32)])
def test_strides_alone_do_not_say_that_memory_is_filled(dtypes, rng):
    """Float32 with gaps has the strides of float64 without."""
    grad, out = (
        rng.standard_normal(16 // np.dtype(dtype).itemsize * 25_000).astype(dtype)[:: 8 // np.dtype(dtype).itemsize]
        for dtype in dtypes
    )
    assert grad.strides == out.strides
    out = np.maximum(out, 0)[: grad.size]
    wide = np.zeros(out.size * 8 // out.itemsize, out.dtype)[:: 8 // out.itemsize]
    wide[:] = out
    assert grad.strides == wide.strides
    np.testing.assert_array_equal(kernels.relu_grad(grad, wide), np.where(wide > 0, grad, 0))


def test_the_order_in_memory_is_kept():
    x = np.random.default_rng(0).standard_normal((28, 6, 28, 32)).transpose(3, 1, 0, 2)
    assert kernels.relu(x).strides == x.strides
    assert kernels.relu_grad(x, kernels.relu(x)).strides == x.strides


@pytest.mark.parametrize("size", [3, 5000, 50_000])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64, bool])
def test_integers_stay_integers(dtype, size):
    x = np.arange(-(size // 2), size - size // 2).astype(dtype)
    out = kernels.relu(x)
    np.testing.assert_array_equal(out, np.maximum(x, np.zeros((), dtype)))
    assert out.dtype == dtype
    np.testing.assert_array_equal(kernels.relu_grad(x, out), np.where(out > 0, x, 0))


@pytest.mark.parametrize("dtype", [np.complex64, np.dtype("M8[s]")])
def test_the_gradient_of_relu_refuses_other_dtypes_by_name(dtype):
    x = np.zeros(3, dtype)
    with pytest.raises(TypeError, match=rf"got {np.dtype(dtype)}".replace("[", r"\[")):
        kernels.relu_grad(x, np.ones(3))


@pytest.mark.parametrize("size", [3, 5000, 50_000])
def test_a_nan_gets_the_gradient(size):
    """PyTorch's convention: the gradient is zero where the input is at most zero, and a nan is not."""
    x = np.tile([-1.0, np.nan, 2.0], size)
    np.testing.assert_array_equal(kernels.relu_grad(np.full(x.shape, 5.0), kernels.relu(x)), np.tile([0, 5, 5], size))


def test_what_calls_share_is_read_only():
    for shared in (rectifier._zero(np.dtype(float)), rectifier._zeros(np.dtype(float))):
        with pytest.raises(ValueError, match="read-only"):
            shared[...] = 1
