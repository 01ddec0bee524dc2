"""BLAS's product called directly: parts of matrices, either one transposed, and machines without it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_cnn import kernels
from autograd_cnn.kernels import banded, conv, gemm
from autograd_cnn.kernels.gemm import Product, Products
from autograd_cnn.kernels.window import Window

pytestmark = pytest.mark.skipif(not gemm.is_there("f"), reason="NumPy's BLAS is not OpenBLAS")


@given(st.data())
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("transposed", ["", "a", "b"])
def test_parts_of_matrices_are_multiplied_and_added(transposed, dtype, data):
    m, n, k = (data.draw(st.integers(1, 5)) for _ in range(3))
    shapes = [(m, k), (k, n), (m, n)]
    for i, name in enumerate("ab"):
        if transposed == name:
            shapes[i] = shapes[i][::-1]
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    arrays, parts, begins = [], [], []
    for height, width in shapes:
        top, left, below, right = (data.draw(st.integers(0, 3)) for _ in range(4))
        array = rng.standard_normal((top + height + below, left + width + right)).astype(dtype)
        arrays.append(array)
        parts.append((slice(top, top + height), slice(left, left + width)))
        begins.append((top * array.shape[1] + left) * array.itemsize)
    a, b, c = arrays
    left, right = a[parts[0]], b[parts[1]]
    expected = c.copy()
    expected[parts[2]] += 2 * (left.T if transposed == "a" else left) @ (right.T if transposed == "b" else right)
    group, prepared = [Product(m, n, k, *begins)], []
    products = Products(c.dtype.char, [group, [], group], tuple(x.shape[1] for x in arrays), transposed)
    products.add(a, b, c, prepared.append)
    assert prepared == [0, 1, 2]
    np.testing.assert_allclose(c, expected, atol=1e-4 if dtype is np.float32 else 1e-12)


def test_a_product_that_is_not_numpys_is_not_used(monkeypatch):
    monkeypatch.setattr(Products, "add", lambda *_: None)
    gemm.is_there.cache_clear()
    try:
        assert not gemm.is_there("f")
    finally:
        gemm.is_there.cache_clear()


def test_other_dtypes_have_no_gemm():
    assert not gemm.is_there("e")
    assert not gemm.is_there("g")


def test_without_openblas_bands_convolve(monkeypatch, rng):
    monkeypatch.setattr("autograd_cnn.kernels.blas.library", lambda: None)
    x, weight, window = rng.standard_normal((16, 6, 14, 14)), rng.standard_normal((16, 6, 5, 5)), Window((5, 5))
    expected = kernels.conv2d(x, weight, None, window)
    for cache in (gemm.is_there, gemm._gemm, conv._choose):
        cache.cache_clear()
    try:
        assert conv._choose(x.shape, x.dtype, window, weight.shape, 1).forward.algorithm is banded
        np.testing.assert_allclose(kernels.conv2d(x, weight, None, window), expected, atol=1e-11)
    finally:
        for cache in (gemm.is_there, gemm._gemm, conv._choose):
            cache.cache_clear()
