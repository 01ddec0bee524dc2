"""Products of a small matrix with a wide one, cut so that BLAS multiplies without packing.

OpenBLAS copies matrices into an order of its own before it multiplies them, and with AVX-512 leaves that out if the
product is small. For the products of convolution, few rows by thousands of columns, the copy takes up to half of the
time: 24×40 by 40×3,584 took 49 µs whole and 42 in pieces, its transpose 43 and 31, and the product of the results
with the columns 85 and 38. Elsewhere pieces would cost 0 to 5 %, and products are left whole.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from autograd_cnn.kernels.layout import Array, aligned

#: OpenBLAS's names of processors whose products of up to a million multiplications are not packed (its
#: `sgemm_small_kernel_permit_skylakex.c`).
_PROCESSORS = {"SkylakeX", "Cooperlake", "SapphireRapids"}
_UNPACKED = 10**6
_NARROWEST = 128  # columns of a piece: below, the call costs more than the packing


def multiply(a: Array, b: Array, out: Array | None = None) -> Array:
    """Give `a @ b` of matrices (…, m, k) and (…, k, n), of which n is large."""
    m, k, n = *a.shape[-2:], b.shape[-1]
    # Many rows are multiplied as fast packed, unless `a` is a transpose: 64×96 took 79 µs whole and 93 in pieces.
    pieces = _pieces(m * k, n) if m <= 32 or a.strides[-1] != a.itemsize else 1
    if pieces == 1:
        return np.asarray(np.matmul(a, b, out=out))
    if out is None:
        out = aligned((*b.shape[:-2], m, n), np.result_type(a, b))
    np.matmul(a[..., None, :, :], _cut(b, pieces), out=_cut(out, pieces))
    return out


def multiply_transposed(a: Array, b: Array) -> Array:
    """Give `a @ bᵀ` of matrices (…, m, n) and (…, k, n), of which n is large."""
    m, k, n = a.shape[-2], *b.shape[-2:]
    if m < k:  # the taller one first: 32 by 180 rows of 1,280 columns took 153 µs, and 180 by 32 took 89
        taller_first: Array = multiply_transposed(b, a).swapaxes(-1, -2)
        return taller_first
    # Every piece makes all results, to be added: more of them than this cost more than packing.
    pieces = _pieces(m * k, n) if m * k <= 1500 else 1
    if pieces == 1:
        return np.asarray(np.matmul(a, b.swapaxes(-1, -2)))
    return np.asarray(np.matmul(_cut(a, pieces), _cut(b, pieces).swapaxes(-1, -2)).sum(-3))


@functools.lru_cache(maxsize=512)
def _pieces(each: int, columns: int) -> int:
    """Give in how many equal pieces `columns` of `each` multiplications are not packed; 1 if in none."""
    fewest = -(-each * columns // _UNPACKED)
    if fewest < 2 or not _leaves_out_packing():
        return 1
    return next((n for n in range(fewest, columns // _NARROWEST + 1) if columns % n == 0), 1)


@functools.cache
def _leaves_out_packing() -> bool:
    from threadpoolctl import threadpool_info  # here, as importing the package imports NumPy alone

    return any(library.get("architecture") in _PROCESSORS for library in threadpool_info())


def _cut(wide: Array, pieces: int) -> Array:
    """View (…, m, n) as pieces (…, p, m, n / p)."""
    return wide.reshape(*wide.shape[:-1], pieces, wide.shape[-1] // pieces).swapaxes(-2, -3)


def is_finite(x: Array) -> bool:
    """Whether `x` may be multiplied by zeros that no definition has: 0 · inf is nan.

    One pass over `x`, without a temporary; numbers whose squares overflow count as infinite.
    """
    flat = x.reshape(-1)
    with np.errstate(all="ignore"):
        return math.isfinite(np.dot(flat, flat))
