"""Counting the memory of arrays, each stretch of it once."""

from __future__ import annotations

from collections.abc import Iterable

from autograd_cnn.graph import Array


class Counter:
    """Counts bytes of arrays, but none twice: a reshaped or transposed view is the same memory.

    Parameters
    ----------
    free : iterable of arrays
        Those that cost nothing, as what they hold is there anyway.
    """

    def __init__(self, free: Iterable[Array] = ()) -> None:
        self._seen: dict[tuple[int, int], Array] = {}  # holds the arrays, so that no address is used again
        for array in free:
            self.add(array)

    def add(self, array: Array) -> int:
        """Give the bytes that an array adds."""
        key = array.__array_interface__["data"][0], array.nbytes
        if key in self._seen:
            return 0
        self._seen[key] = array
        return array.nbytes
