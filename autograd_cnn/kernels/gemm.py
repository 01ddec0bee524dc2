"""Call BLAS's general matrix product directly, for what NumPy does not offer: adding to the result, by addresses.

`np.matmul` overwrites its result, so a sum of products costs a temporary array and a pass over memory for each product;
and it copies a matrix that is not a view. BLAS's `gemm` adds to its result, and takes parts of matrices at any address.

The function comes from OpenBLAS, which NumPy's wheels include; it is compared with NumPy once, before its first use.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from autograd_cnn.kernels.blas import openblas
from autograd_cnn.kernels.layout import Array


class Product(NamedTuple):
    """A product of matrices, (m, k) @ (k, n), and the offsets in bytes at which a, b and c begin in their arrays."""

    m: int
    n: int
    k: int
    a: int
    b: int
    c: int
    adds: bool = True
    """Whether the product is added to c, or overwrites it."""

    def pieces(self, axis: str, step: int, moves: tuple[int, int, int]) -> list[Product]:
        """Cut it into pieces of up to `step` along m, n or k; `moves` are the byte strides of a, b and c along it."""
        length = getattr(self, axis)
        return [
            self._replace(
                **{axis: min(step, length - at)},
                a=self.a + at * moves[0],
                b=self.b + at * moves[1],
                c=self.c + at * moves[2],
            )
            for at in range(0, length, step)
        ]


class Products:
    """Products that are added, one after the other, to parts of an array: c += a @ b, or c = a @ b.

    Parameters
    ----------
    char : str
        The dtype of all three arrays, for which `is_there` must be true.
    groups : iterable of iterables of Product
    rows : (int, int, int)
        Distance between the rows of a, of b and of c, in elements.
    transposed : {"", "a", "b"}
        Which matrix is stored as its transpose, (k, m) or (n, k).
    """

    def __init__(
        self, char: str, groups: Iterable[Iterable[Product]], rows: tuple[int, int, int], transposed: str = ""
    ) -> None:
        found, groups = _gemm(char), [list(group) for group in groups]
        assert found is not None
        self._gemm, length, number = found
        # Arguments that calls share are made once: making them takes as long as a small product.
        references = {
            v: ctypes.byref(length(v)) for v in {*rows, *(v for group in groups for p in group for v in p[:3])}
        }
        orders = {x: ctypes.byref(ctypes.c_char(x)) for x in (b"N", b"T")}
        self._orders = [orders[b"T" if x in transposed else b"N"] for x in "ba"]
        self._rows = [references[v] for v in rows]
        self._one, zero = ctypes.byref(number(1)), ctypes.byref(number(0))
        self._groups = [
            [
                (references[p.n], references[p.m], references[p.k], p.a, p.b, p.c, self._one if p.adds else zero)
                for p in group
            ]
            for group in groups
        ]

    def add(self, a: Array, b: Array, c: Array, prepare: Callable[[int], None] | None = None) -> None:
        """Add the products to `c`; `prepare` is called with the number of each group before that group is added."""
        of_a, of_b, of_c = (x.ctypes.data for x in (a, b, c))
        gemm, one, address = self._gemm, self._one, ctypes.c_void_p
        orders, (lda, ldb, ldc) = self._orders, self._rows
        # BLAS is column-major: to it all matrices are transposed, and so is the product.
        for i, group in enumerate(self._groups):
            if prepare is not None:
                prepare(i)
            for n, m, k, at_a, at_b, at_c, share in group:
                left, right, result = address(of_b + at_b), address(of_a + at_a), address(of_c + at_c)
                gemm(*orders, n, m, k, one, left, ldb, right, lda, share, result, ldc)


@functools.cache
def is_there(char: str) -> bool:
    """Whether gemm exists for float32 ("f") or float64 ("d"), and agrees with NumPy on parts of larger matrices."""
    if _gemm(char) is None:
        return False
    (m, n, k), ld = (3, 5, 2), 7
    ones, alone = np.ones((ld, ld), char), np.full((ld, ld), np.nan, char)
    Products(char, [[Product(m, n, k, 0, 0, 0, adds=False)]], (ld, ld, ld)).add(ones, ones, alone)
    if not (alone[:m, :n] == k).all():
        return False
    for transposed in ("", "a", "b"):
        a, b, c = (np.arange(ld * ld, dtype=char).reshape(ld, ld) % p for p in (3, 5, 7))
        expected = c.copy()
        left = a[:k, :m].T if transposed == "a" else a[:m, :k]
        right = b[:n, :k].T if transposed == "b" else b[:k, :n]
        expected[:m, :n] += left @ right
        Products(char, [[Product(m, n, k, 0, 0, 0)]], (ld, ld, ld), transposed).add(a, b, c)
        if not np.array_equal(c, expected):
            return False
    return True


@functools.cache
def _gemm(char: str) -> tuple[Any, Any, Any] | None:
    """Return `gemm` of a dtype, and the ctypes of its lengths and numbers; None without OpenBLAS."""
    found = openblas(f"{'s' if char == 'f' else 'd'}gemm_") if char in "fd" else None
    if found is None:
        return None
    path, name, wide = found
    # A new function object, as other code may set the argument types of the library's own.
    gemm = ctypes.CFUNCTYPE(None)((name, ctypes.CDLL(path)))
    return gemm, ctypes.c_int64 if wide else ctypes.c_int, ctypes.c_float if char == "f" else ctypes.c_double
