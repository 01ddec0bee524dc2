"""The rectifier (ReLU) and its gradient, over the array as one long vector in memory order."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_cnn.kernels import threads
from autograd_cnn.kernels.layout import Array, aligned_like, as_bits, memory_order, read_only

_BLOCK = 131072  # elements: few enough to be in cache for the second of two passes
_SHORT = 16384  # elements, below which cutting into blocks costs more than it gains


def relu(x: Array) -> Array:
    """Return the maximum of x and 0, for floats, integers or booleans."""
    if x.size <= _SHORT or x.dtype.kind != "f" or (vector := _vector(x)) is None:
        return np.asarray(np.maximum(x, _zero(x.dtype)))
    out = aligned_like(x)
    zeros = _zeros(x.dtype)  # np.maximum is slower with a single zero
    _over_blocks(lambda x, out: np.maximum(x, zeros[: x.size], out=out), vector, out=_vector(out))
    return out


def relu_grad(grad: Array, out: Array) -> Array:
    """Return the gradient where the rectifier's output is not 0, and 0 elsewhere. A nan passes, as in PyTorch."""
    bits = as_bits(grad)
    if grad.size > _SHORT and (grad.dtype, grad.strides) == (out.dtype, out.strides) and _has_no_minus(out.dtype):
        vectors = _vector(bits), _vector(as_bits(out))
        if vectors[0] is not None and vectors[1] is not None:
            total = aligned_like(grad)
            _over_blocks(_send, *vectors, out=_vector(as_bits(total)))
            return total
    # In the memory order of `out`: the order of a broadcast gradient would otherwise spread down the whole graph.
    like: Array = bits if grad.strides == out.strides else np.empty_like(out, bits.dtype)
    product = np.multiply(bits, out != _zero(out.dtype), out=None if like is bits else like)
    return np.asarray(product).view(grad.dtype)


def _send(grad: Array, result: Array, out: Array) -> None:
    """Multiply a gradient by 0 where the rectifier's result has no bits, else by 1: faster than by a comparison."""
    np.sign(result, out=out)
    out *= grad


@functools.cache
def _has_no_minus(dtype: np.dtype[Any]) -> bool:
    """Whether the larger one of −0 and 0 is 0 here, where IEEE 754 allows both: then a result of 0 has no bits."""
    if dtype.kind != "f":
        return False
    minus, zeros, lengths = np.full((2, 99), -0.0, dtype), np.zeros(99, dtype), range(1, 99)
    found = [np.maximum(minus[0, :n], zero) for n in lengths for zero in (_zero(dtype), zeros[:n])]
    found += [np.maximum(minus[:, :n].T, _zero(dtype)) for n in lengths]
    return not any(np.signbit(result).any() for result in found)


def _over_blocks(function: Callable[..., Any], *vectors: Any, out: Any) -> None:
    """Call an elementwise function on one block after the other, shared among threads."""

    def some(starts: Sequence[int]) -> None:
        for start in starts:
            here = slice(start, start + _BLOCK)
            function(*[v[here] for v in vectors], out=out[here])

    threads.map_pieces(some, threads.split(range(0, out.size, _BLOCK), threads.PASS * out.size))


@functools.cache
def _zero(dtype: np.dtype[Any]) -> Array:
    return read_only(np.zeros((), dtype))  # ufuncs take it faster than a Python number


@functools.cache
def _zeros(dtype: np.dtype[Any]) -> Array:
    return read_only(np.zeros(_BLOCK, dtype))


def _vector(x: Array) -> Array | None:
    """View an array as a vector in memory order; None if its memory has gaps."""
    if not x.flags.c_contiguous:
        x = x.transpose(memory_order(x))
        if not x.flags.c_contiguous:
            return None
    return x.reshape(-1)
