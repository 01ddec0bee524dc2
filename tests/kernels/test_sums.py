"""Sums over all but the channels go another way than the rest, to the same results."""

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
