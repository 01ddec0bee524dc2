"""What depends on the batch size, found by comparing calls with several sizes.

A number that is `slope` · batch + `offset` for every size is an `Extent`; an array that only repeats along the batch is
`Repeated`, and one that counts along it `Counted`. Anything else that changes with the batch would be wrong at another
size, and is refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd_cnn.variable import Array


class Extent(NamedTuple):
    """A whole number that depends on the batch size: slope · batch + offset."""

    slope: int
    offset: int = 0

    def __str__(self) -> str:
        text = "batch" if self.slope == 1 else f"{self.slope}*batch"
        return f"{text}{self.offset:+d}" if self.offset else text


Length = int | Extent
Shape = tuple[Length, ...]


class Ref(NamedTuple):
    """A value of the graph, by its number."""

    number: int


class Repeated(NamedTuple):
    """A constant that does not vary along the axes whose length depends on the batch."""

    one: Array
    shape: Shape


class Counted(NamedTuple):
    """0, 1, 2, … along the only axis that is not of length one."""

    shape: Shape


class VariesError(Exception):
    """Something depends on the batch size in a way that a graph cannot follow."""


def unify(values: Sequence[Any], sizes: Sequence[int]) -> Any:
    """Return one value that represents `values`, each from a call with one of the batch `sizes`.

    Raises
    ------
    VariesError
        If there is none.
    """
    first = values[0]
    if len({type(v) for v in values}) > 1:
        raise VariesError(f"{first!r} with a batch of {sizes[0]}, and {values[-1]!r} with {sizes[-1]}")
    if isinstance(first, np.ndarray):
        return _unify_arrays(values, sizes)
    if isinstance(first, Ref | bool | str | type | np.dtype) or first is None:
        if any(v != first for v in values):
            raise VariesError(f"{first!r} with a batch of {sizes[0]}, and {values[-1]!r} with {sizes[-1]}")
        return first
    if isinstance(first, int | float | np.number):
        return _unify_numbers(values, sizes)
    if isinstance(first, tuple | list):
        if len({len(v) for v in values}) > 1:
            raise VariesError(f"{len(first)} parts with a batch of {sizes[0]}, and {len(values[-1])} with {sizes[-1]}")
        parts = [unify(column, sizes) for column in zip(*values, strict=True)]
        return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)
    if isinstance(first, slice):
        return slice(*(unify([getattr(v, end) for v in values], sizes) for end in ("start", "stop", "step")))
    return first  # not part of a graph, such as where moments are left


def _unify_numbers(values: Sequence[Any], sizes: Sequence[int]) -> Any:
    first = values[0]
    if all(v == first or (v != v and first != first) for v in values):
        return first
    if all(math.isfinite(v) and v == int(v) for v in values):
        slope, rest = divmod(int(values[1]) - int(first), sizes[1] - sizes[0])
        offset = int(first) - slope * sizes[0]
        if not rest and all(v == slope * size + offset for v, size in zip(values, sizes, strict=True)):
            return Extent(slope, offset)
    raise VariesError(", ".join(f"{v} with a batch of {size}" for v, size in zip(values, sizes, strict=True)))


def _unify_arrays(values: Sequence[Array], sizes: Sequence[int]) -> Any:
    first = values[0]
    if all(v.shape == first.shape and np.array_equal(v, first, equal_nan=v.dtype.kind == "f") for v in values):
        return first
    shape: Shape = unify([v.shape for v in values], sizes)
    along = [i for i, n in enumerate(shape) if isinstance(n, Extent)]
    heads = [v[tuple(slice(0, 1) if i in along else slice(None) for i in range(v.ndim))] for v in values]
    alike = all(np.array_equal(v, np.broadcast_to(h, v.shape), equal_nan=v.dtype.kind == "f")
                for v, h in zip(values, heads, strict=True))  # fmt: skip
    if along and alike and all(np.array_equal(h, heads[0], equal_nan=h.dtype.kind == "f") for h in heads):
        return Repeated(heads[0], shape)
    straight = len(along) == 1 and all(n == 1 for i, n in enumerate(shape) if i not in along)
    if straight and first.dtype.kind in "iu" and all(np.array_equal(v.ravel(), np.arange(v.size)) for v in values):
        return Counted(shape)
    raise VariesError(
        f"an array of shape {first.shape} with a batch of {sizes[0]}, and another of shape {values[-1].shape} with "
        f"{sizes[-1]}"
    )


def count(lengths: Sequence[Length]) -> Length:
    """Return the product of lengths, at most one of which depends on the batch.

    Raises
    ------
    VariesError
        If several do.
    """
    whole = math.prod(n for n in lengths if not isinstance(n, Extent))
    extents = [n for n in lengths if isinstance(n, Extent)]
    if not extents:
        return whole
    if len(extents) > 1:
        raise VariesError("the product of several lengths that depend on the batch size")
    return Extent(extents[0].slope * whole, extents[0].offset * whole)


def broadcast(*shapes: Shape) -> Shape:
    """Return the shape that shapes broadcast to."""
    longest = max(map(len, shapes), default=0)
    padded = [(1,) * (longest - len(s)) + tuple(s) for s in shapes]
    return tuple(next((n for n in column if n != 1), 1) for column in zip(*padded, strict=True))
