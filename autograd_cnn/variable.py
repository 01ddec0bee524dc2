"""A variable: an array with a place in the graph."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_cnn.recording import history
from autograd_cnn.recording.call_site import machinery

Array = NDArray[Any]

machinery(__name__)


class Variable:
    """An array and its place in the graph; `Tensor` is this with operators and methods."""

    __slots__ = ("__weakref__", "_data", "grad", "node", "requires_grad")

    _data: Array  # private to the package: code that writes to it must tell `history`
    grad: Any  # an array, or None; a variable if the gradient was recorded
    requires_grad: bool
    node: Any  # the `graph.Node` that computed it; None for a leaf

    @property
    def data(self) -> Array:
        """The array itself. Writing to it is noticed: rules that need the earlier values raise, or have a copy.

        Another array of the same shape and dtype may be assigned; it is copied.
        """
        return history.lend(self)

    @data.setter
    def data(self, value: Array) -> None:
        if not isinstance(value, np.ndarray) or value.shape != self.shape or value.dtype != self.dtype:
            given = (
                f"an array of shape {value.shape} and dtype {value.dtype}"
                if isinstance(value, np.ndarray)
                else f"a {type(value).__name__}"
            )
            raise ValueError(
                f"the data of a tensor of shape {self.shape} and dtype {self.dtype} must be an array of that shape "
                f"and dtype; got {given}: make a new Tensor of it, or write into this one, as in t.data[...] = value"
            )
        if value.ctypes.data == self._data.ctypes.data and value.strides == self._data.strides:
            history.overwritten([self._data])  # `t.data -= 1` has written into it
        else:
            self._data = value.copy(order="K")

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return self._data.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements."""
        return self._data.dtype

    @classmethod
    def wrap(cls, data: Array, node: Any = None) -> Variable:
        """Make a variable from an array that an op returned."""
        variable = cls.__new__(cls)
        variable._data = data
        variable.grad = None
        variable.node = node
        variable.requires_grad = node is not None
        return variable
