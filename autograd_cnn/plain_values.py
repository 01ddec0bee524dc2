"""Conversions of a tensor to plain values: an array, a number, a boolean or text; and where they are refused.

A plain value has no gradient. A conversion that would silently lose a gradient raises; an explicit one, such as
`.data`, does not. One that is piecewise constant, such as `int(t)`, has no gradient to lose.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from autograd_cnn.modes import current
from autograd_cnn.recording.call_site import machinery
from autograd_cnn.variable import Array, Variable

machinery(__name__)

_EXITS = (
    "Use the function of that name in autograd_cnn; or, for the plain value, .data, .detach(), .numpy() or .item()."
)


class PlainValues(Variable):
    """A variable that can be asked for its shape and its value; the base class of `Tensor`."""

    __slots__ = ()

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._data.ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        return self._data.size

    def __len__(self) -> int:
        return len(self._data)

    def __repr__(self) -> str:
        text = np.array2string(self._data, prefix="Tensor(", separator=", ", threshold=100)
        shape = f", shape={self.shape}" if self.size > 100 else ""  # where not all elements are shown
        dtype = "" if self.dtype == np.float32 else f", dtype={self.dtype}"
        if self.node is not None:
            return f"Tensor({text}{shape}{dtype}, from={self.node.op})"
        return f"Tensor({text}{shape}{dtype}{', requires_grad=True' if self.requires_grad else ''})"

    def numpy(self) -> Array:
        """Return the array itself, not a copy; see `data`."""
        return self.data

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        if self.requires_grad:
            raise TypeError(
                f"NumPy asks for the plain array of {self._described()}, which is part of a graph: its gradient would "
                f"be lost. {_EXITS}"
            )
        return np.array(self.data, dtype=dtype, copy=copy)

    def item(self) -> float:
        """Return the only element as a Python number."""
        if self.size != 1:
            raise ValueError(f"item() takes a tensor of one element; this one has shape {self.shape}")
        value: float = self._data.item()
        return value

    def __float__(self) -> float:
        if self.requires_grad and current().transforming:
            raise TypeError(
                f"float() of {self._described()}, inside grad, vjp or the like, would lose its gradient. {_EXITS}"
            )
        return float(self.item())

    # Piecewise constant: there is no gradient to lose.

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        return self._data.__index__()

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(f"the truth of a tensor of shape {self.shape} is ambiguous; use .data.any() or .all()")
        return bool(self._data)

    def __round__(self, ndigits: int | None = None) -> Any:
        return round(self.item(), ndigits)

    def __floor__(self) -> int:
        return math.floor(self.item())

    def __ceil__(self) -> int:
        return math.ceil(self.item())

    def __trunc__(self) -> int:
        return math.trunc(self.item())

    def __format__(self, spec: str) -> str:
        if not spec and self.ndim:
            return str(self)
        if self.size != 1:
            raise ValueError(
                f"the format {spec!r} is for one number; this tensor has shape {self.shape}: format its elements, or "
                "print it without a format"
            )
        return format(self.item(), spec)

    def _described(self) -> str:
        made = "a leaf that requires a gradient" if self.node is None else f"a result of {self.node.op!r}"
        return f"a tensor of shape {self.shape}, {made}"
