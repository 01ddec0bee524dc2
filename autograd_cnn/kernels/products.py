"""Products of a small matrix with a wide one, cut so that BLAS multiplies without packing.

OpenBLAS packs matrices, that is, copies them into an order of its own, before it multiplies them; with AVX-512 it does
not if the product is small. Convolution's products have few rows and thousands of columns, and packing can take up to
half of their time. Other products would gain nothing from being cut, and are left whole.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from autograd_cnn.kernels.layout import Array

#: OpenBLAS's names of the processors on which it does not pack products of up to a million multiplications (see its
#: `sgemm_small_kernel_permit_skylakex.c`).
_PROCESSORS = {"SkylakeX", "Cooperlake", "SapphireRapids"}
_UNPACKED = 10**6
_NARROWEST = 128  # fewest columns of a piece: with fewer, the call costs more than packing
LANES = 16  # columns that fill a cache line
#: Most rows of a left matrix to cut for: with more, packing costs little beside the product, unless it is a transpose.
_MOST_ROWS = 32
#: Most results of an unpacked product of rows by rows, according to the same file.
MOST_RESULTS = 1200


def multiply(a: Array, b: Array, out: Array | None = None) -> Array:
    """Return `a @ b` of matrices (…, m, k) and (…, k, n), where n is large."""
    m, k, n = *a.shape[-2:], b.shape[-1]
    pieces = _pieces(m * k, n) if m <= _MOST_ROWS or a.strides[-1] != a.itemsize else 1
    if pieces == 1:
        return np.asarray(np.matmul(a, b, out=out))
    if out is None:
        out = np.empty((*b.shape[:-2], m, n), np.result_type(a, b))
    np.matmul(a[..., None, :, :], _cut(b, pieces), out=_cut(out, pieces))
    return out


def multiply_transposed(a: Array, b: Array) -> Array:
    """Return `a @ bᵀ` of matrices (…, m, n) and (…, k, n), where n is large."""
    m, k, n = a.shape[-2], *b.shape[-2:]
    if m < k:  # faster with the taller one first
        taller_first: Array = multiply_transposed(b, a).swapaxes(-1, -2)
        return taller_first
    pieces = _pieces(m * k, n) if m * k <= MOST_RESULTS else 1
    if pieces == 1:
        return np.asarray(np.matmul(a, b.swapaxes(-1, -2)))
    return np.asarray(np.matmul(_cut(a, pieces), _cut(b, pieces).swapaxes(-1, -2)).sum(-3))


def fewest_unpacked(each: int, columns: int, narrowest: int = _NARROWEST) -> int:
    """Return the fewest pieces to cut `columns` of `each` multiplications into for BLAS not to pack, or 1."""
    pieces = -(-each * columns // _UNPACKED)
    return pieces if pieces > 1 and columns >= pieces * narrowest and leaves_out_packing() else 1


@functools.lru_cache(maxsize=512)
def _pieces(each: int, columns: int) -> int:
    """Return the number of equal pieces to cut `columns` of `each` multiplications into, to avoid packing; or 1."""
    fewest = fewest_unpacked(each, columns)
    if fewest == 1:
        return 1
    return next((n for n in range(fewest, columns // _NARROWEST + 1) if columns % n == 0), 1)


@functools.cache
def leaves_out_packing() -> bool:
    """Whether BLAS multiplies small matrices without packing them."""
    from threadpoolctl import threadpool_info  # imported here to keep importing the package fast

    return any(library.get("architecture") in _PROCESSORS for library in threadpool_info())


def _cut(wide: Array, pieces: int) -> Array:
    """View (…, m, n) as pieces (…, p, m, n / p)."""
    return wide.reshape(*wide.shape[:-1], pieces, wide.shape[-1] // pieces).swapaxes(-2, -3)


def is_finite(x: Array) -> bool:
    """Whether all of `x` is finite, so that it may be multiplied by zeros of padding: 0 · inf would be nan.

    One pass over `x`, without a temporary; numbers whose squares overflow count as infinite.
    """
    flat = x.reshape(-1)
    with np.errstate(all="ignore"):
        return math.isfinite(np.dot(flat, flat))
