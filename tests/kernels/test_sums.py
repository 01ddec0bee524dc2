"""Sums and means agree with NumPy's, and in float32 with those in float64, in every memory order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autograd_cnn import kernels


@pytest.mark.parametrize("name", ["sum", "mean"])
@given(shape=hnp.array_shapes(min_dims=4, max_dims=4, min_side=1, max_side=5), data=st.data())
def test_sums_are_numpys_in_every_memory_order(name, shape, data):
    axes = data.draw(st.permutations(range(4)))
    stored = np.random.default_rng(0).standard_normal([shape[a] for a in axes])
    x = stored.transpose(np.argsort(axes))
    keepdims = data.draw(st.booleans())
    found = getattr(kernels, name)(x, (0, 2, 3), keepdims)
    expected = getattr(np, name)(x, axis=(0, 2, 3), keepdims=keepdims)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


@st.composite
def reductions(draw, shapes):
    """Draw an array in some memory order, with gaps, reversed or broadcast, and axes to sum over."""
    lengths = draw(shapes)
    order = draw(st.permutations(range(len(lengths))))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(["positive", "normal", "constant", "wide"]))
    shape = [lengths[a] for a in order]
    step = draw(st.sampled_from([1, 1, 2, -1]))
    stored = np.empty([*shape[:-1], shape[-1] * abs(step)], np.float32)
    if kind == "constant":
        stored[...] = rng.random()  # every rounding errs to the same side
    elif kind == "positive":
        rng.random(out=stored, dtype=np.float32)
    else:
        rng.standard_normal(out=stored, dtype=np.float32)
        if kind == "wide":
            stored *= 10 ** rng.uniform(-6, 6, stored.shape).astype(np.float32)
    x = stored[..., ::step].transpose(np.argsort(order))
    if x.size and draw(st.booleans()):
        axis = draw(st.integers(0, x.ndim - 1))
        x = np.broadcast_to(x.take([0], axis), x.shape)
    axes = st.none() | st.sets(st.integers(-x.ndim, x.ndim - 1)).map(
        lambda some: tuple({a % x.ndim: a for a in some}.values())
    )
    return x, draw(axes | st.integers(-x.ndim, x.ndim - 1))


def hold(x, axis, keepdims):
    """Compare the sum and the mean with those in float64, to within 1e-6 of the sum of the absolute values."""
    exact = np.sum(x, axis, np.float64, keepdims=keepdims)
    size = np.sum(np.abs(x), axis, np.float64, keepdims=keepdims)
    found = kernels.sum(x, axis, keepdims)
    assert (found.shape, found.dtype) == (exact.shape, x.dtype)
    assert np.all(np.abs(found - exact) <= 1e-6 * size)
    if x.size:
        count = x.size // exact.size
        found = kernels.mean(x, axis, keepdims)
        assert (found.shape, found.dtype) == (exact.shape, x.dtype)
        assert np.all(np.abs(found - exact / count) <= 1e-6 * size / count)


@given(reductions(st.lists(st.integers(0, 20), min_size=1, max_size=4)), st.booleans())
def test_sums_over_any_axes_are_exact(drawn, keepdims):
    hold(*drawn, keepdims)


LONG = st.tuples(st.sampled_from([129, 1000, 10007, 60013]), *[st.sampled_from([1, 2, 3, 7])] * 2)


@given(reductions(LONG.flatmap(st.permutations)))
def test_sums_over_long_axes_are_exact(drawn):
    """Numbers of rows that are no multiples of anything; rows narrow and wide."""
    hold(*drawn, False)


@pytest.mark.parametrize("order", ["C", "F", "sliced"])
@pytest.mark.parametrize(("axis", "width"), [(0, 3), (1, 3), (None, 3), (0, 1), ((0, 1), 3)])
def test_sums_over_a_million_rows_are_exact(order, axis, width):
    """Adding one row after the other in float32, as NumPy does, is off by up to 1 %."""
    x = np.full((1_000_003, width + 1), np.float32(0.1), order="C" if order == "sliced" else order)
    hold(x[:, :width], axis, False)


@pytest.mark.parametrize("axes", [(0, 2, 3), (0, 1, 2), (0,), (0, 3), (2, 3)])
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 1, 3, 0), (0, 2, 3, 1)])
def test_a_bias_s_gradient_of_a_million_places(order, axes):
    x = np.full([(64, 3, 97, 60)[a] for a in order], np.float32(0.1)).transpose(np.argsort(order))
    hold(x, axes, False)
    hold(x.astype(np.float32) * np.float32(1.7), axes, True)


@pytest.mark.parametrize("axis", [-1, (-1,), (-2,), (1, -2)])
@pytest.mark.parametrize("size", [20, 2000])
def test_axes_are_counted_from_the_end_too(axis, size, rng):
    hold(rng.standard_normal((size, 5), np.float32), axis, False)
    hold(rng.standard_normal((5, size), np.float32), axis, True)


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1)])
@pytest.mark.parametrize("width", [2, 3, 4, 5, 8])
def test_sums_over_windows_that_overlap_in_memory_are_exact(axis, width, rng):
    windows = np.lib.stride_tricks.sliding_window_view(rng.standard_normal(6000, np.float32), width)
    for step in (1, 2, 3):
        hold(windows[::step], axis, False)


@pytest.mark.parametrize("shape", [(3, 2, 4, 5, 2), (30, 2, 40, 5, 2)])
def test_sums_over_axes_0_2_and_3_of_five_are_exact(shape, rng):
    hold(rng.standard_normal(shape, np.float32), (0, 2, 3), False)


@pytest.mark.parametrize("axis", [0, None, (0, 1)])
def test_half_precision_is_summed_in_single(axis):
    x = np.full((4096, 3), 0.1, np.float16)  # added one by one, the sum stays at 256
    exact = x.astype(float).sum(axis)
    np.testing.assert_allclose(kernels.sum(x, axis), exact, rtol=1e-3)
    np.testing.assert_allclose(kernels.mean(x * np.float16(1000), axis), x.astype(float).mean(axis) * 1000, rtol=1e-3)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32, bool])
@pytest.mark.parametrize("name", ["sum", "mean"])
def test_dtypes_are_numpys(name, dtype):
    x = np.ones((2, 3, 4, 5), dtype)
    assert getattr(kernels, name)(x, (0, 2, 3)).dtype == getattr(np, name)(x, axis=(0, 2, 3)).dtype


def test_the_sum_of_nothing_is_zero():
    np.testing.assert_array_equal(kernels.sum(np.ones((0, 3, 4, 4)), (0, 2, 3)), np.zeros(3))
    np.testing.assert_array_equal(kernels.sum(np.ones((2, 0, 4, 4)), (0, 2, 3)), np.zeros(0))


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_nan_and_infinity_stay_in_their_channel(wrong):
    x = np.ones((2, 3, 4, 5))
    x[0, 1, 0, 0] = wrong
    np.testing.assert_array_equal(kernels.sum(x, (0, 2, 3)), [40, wrong, 40])


@pytest.mark.parametrize("axis", [0, 1, (0, 1), None])
def test_sums_pass_on_nan_and_infinity_at_every_size(axis):
    for size in (3, 100, 3000):
        x = np.ones((size, 5), np.float32)
        x[size // 2, 1], x[size // 3, 3] = np.nan, np.inf
        np.testing.assert_array_equal(kernels.sum(x, axis), np.sum(x, axis))
        np.testing.assert_array_equal(kernels.mean(x, axis), np.mean(x, axis))


@pytest.mark.parametrize("axis", [2, (0, 0), (0, -2)])
def test_axes_that_are_not_there_or_there_twice_are_refused_as_numpy_does(axis):
    for size in (3, 3000):
        with pytest.raises(ValueError, match=r"out of bounds|duplicate value in 'axis'|repeated axis"):
            kernels.sum(np.ones((size, 5), np.float32), axis)
