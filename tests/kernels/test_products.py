"""Products computed in pieces agree with matmul."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_cnn.kernels import products


@pytest.fixture(autouse=True, params=[True, False], ids=["cut", "whole"])
def whether_blas_leaves_out_packing(request, monkeypatch):
    monkeypatch.setattr(products, "leaves_out_packing", lambda: request.param)
    products._pieces.cache_clear()
    yield
    products._pieces.cache_clear()


def matrix(rng, *shape, order):
    """Draw a matrix, or stack of them, that is stored as it is or transposed."""
    if order == "F":
        return rng.standard_normal((*shape[:-2], shape[-1], shape[-2])).swapaxes(-1, -2)
    return rng.standard_normal(shape)


SHAPES = {
    "m": st.integers(1, 70),
    "k": st.integers(1, 70),
    "n": st.sampled_from([0, 1, 127, 1000, 1031, 2048]),  # 1,031 is a prime: there are no equal pieces
    "groups": st.sampled_from([(), (1,), (2,)]),
    "order": st.sampled_from("CF"),
    "seed": st.integers(0, 99),
}


@given(**SHAPES)
def test_multiply_is_matmul(m, k, n, groups, order, seed):
    rng = np.random.default_rng(seed)
    a, b = matrix(rng, *groups, m, k, order=order), rng.standard_normal((*groups, k, n))
    np.testing.assert_allclose(products.multiply(a, b), a @ b, rtol=1e-10, atol=1e-10)


@given(**SHAPES)
def test_multiply_writes_where_it_is_told(m, k, n, groups, order, seed):
    rng = np.random.default_rng(seed)
    a, b = matrix(rng, *groups, m, k, order=order), rng.standard_normal((*groups, k, n))
    whole = np.full((*groups, m, n + 2), np.nan)
    products.multiply(a, b, whole[..., 1:-1])
    np.testing.assert_allclose(whole[..., 1:-1], a @ b, rtol=1e-10, atol=1e-10)
    assert np.isnan(whole[..., 0]).all()
    assert np.isnan(whole[..., -1]).all()


@given(**SHAPES)
def test_multiply_transposed_is_matmul_with_a_transpose(m, k, n, groups, order, seed):
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((*groups, m, n)), matrix(rng, *groups, k, n, order=order)
    np.testing.assert_allclose(products.multiply_transposed(a, b), a @ b.swapaxes(-1, -2), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("groups", [(), (3,), (2, 3)])
def test_large_products_agree_with_matmul(groups, rng):
    a, b, c = (rng.standard_normal((*groups, m, n)) for m, n in ((24, 40), (40, 3584), (24, 3584)))
    np.testing.assert_allclose(products.multiply(a, b), a @ b, rtol=1e-10, atol=1e-10)
    expected = c @ b.swapaxes(-1, -2)
    np.testing.assert_allclose(products.multiply_transposed(c, b), expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(products.multiply_transposed(b, c), expected.swapaxes(-1, -2), rtol=1e-9, atol=1e-9)


def test_what_is_cut_and_what_stays_whole(monkeypatch, rng):
    """The limits were measured: see the comments in `products`."""
    cuts = []
    cut = products._cut
    monkeypatch.setattr(
        products, "_cut", lambda wide, pieces: (cuts.append((wide.shape, pieces)), cut(wide, pieces))[1]
    )
    wide = {m: rng.standard_normal((m, 3584)) for m in (24, 40, 49, 51)}

    def pieces(multiply, *operands):
        cuts.clear()
        multiply(*operands)
        return [n for _, n in cuts]

    if not products.leaves_out_packing():
        assert pieces(products.multiply, np.ones((24, 40)), wide[40]) == []
        assert pieces(products.multiply_transposed, wide[24], wide[40]) == []
        return
    assert pieces(products.multiply, np.ones((24, 40)), wide[40]) == [4, 4]
    assert pieces(products.multiply, np.ones((32, 40)), wide[40]) == [7, 7]
    assert pieces(products.multiply, np.ones((33, 40)), wide[40]) == []
    assert pieces(products.multiply, np.ones((40, 33)).T, wide[40]) == [7, 7]
    assert pieces(products.multiply_transposed, wide[24], wide[40]) == [4, 4]
    assert cuts[0] == (wide[40].shape, 4), "the taller one goes first"
    assert pieces(products.multiply_transposed, wide[24], wide[49]) == [7, 7]  # 1,176 results
    assert pieces(products.multiply_transposed, wide[51], wide[24]) == []  # 1,224


def test_pieces_are_equal_and_small(whether_blas_leaves_out_packing, request):
    pieces = products._pieces(24 * 40, 3584)
    assert pieces == (4 if products.leaves_out_packing() else 1)
    assert products._pieces(24 * 40, 896) == 1  # small as it is
    assert products._pieces(10**5, 4096) == 1  # pieces would be too narrow
