"""Counting the memory of arrays, with shared memory counted once."""

from __future__ import annotations

from collections.abc import Iterable

from autograd_cnn.variable import Array


class Counter:
    """Counts the bytes of arrays, none twice: a reshaped or transposed view is the same memory.

    Parameters
    ----------
    free : iterable of arrays
        Arrays that are not counted, because they exist anyway.
    """

    def __init__(self, free: Iterable[Array] = ()) -> None:
        self._seen: dict[tuple[int, int], Array] = {}  # holds the arrays, so that no address is used again
        for array in free:
            self.add(array)

    def add(self, array: Array) -> int:
        """Return how many bytes an array adds to those counted so far."""
        key = array.__array_interface__["data"][0], array.nbytes
        if key in self._seen:
            return 0
        self._seen[key] = array
        return array.nbytes
