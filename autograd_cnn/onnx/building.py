"""A graph of ONNX nodes under construction: names, constants, conversions, and shapes that follow the batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd_cnn.onnx.batch import Counted, Extent, Length, Ref, Repeated, Shape, broadcast
from autograd_cnn.onnx.errors import require_onnx
from autograd_cnn.variable import Array

INT64 = np.dtype(np.int64)
#: What `Slice` takes for "to the end", in either direction.
END, START = np.iinfo(np.int64).max, np.iinfo(np.int64).min


class Builder:
    """Makes the nodes of a graph.

    A value is a `Ref`, a constant (array, number, list, or one that follows the batch), or the name of a node's output.
    `cast` returns the name of any of them.
    """

    def __init__(self) -> None:
        self.helper = require_onnx().helper
        self.from_array = require_onnx().numpy_helper.from_array
        self.nodes: list[Any] = []
        self.names: dict[int, str] = {}
        self.shapes: dict[int, Shape] = {}
        self.dtypes: dict[int, np.dtype[Any]] = {}
        self.batch_of: str | None = None  # an input whose first axis is the batch
        self._constants: dict[Any, str] = {}
        self._used: dict[str, int] = {}
        self._lengths: dict[Extent, str] = {}

    def enter(self, number: int, name: str, shape: Shape, dtype: np.dtype[Any]) -> None:
        """Set the name, shape and dtype of the value with this number."""
        self.names[number], self.shapes[number], self.dtypes[number] = name, shape, dtype

    def name(self, stem: str) -> str:
        """Return a new name."""
        place = self._used.get(stem, -1) + 1
        self._used[stem] = place
        return stem if not place else f"{stem}_{place}"

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node of one output, and return the output's name; an input that is left out is ''."""
        out = self.name(operator.lower())
        given = {key: value for key, value in attributes.items() if value is not None}
        self.nodes.append(self.helper.make_node(operator, [*inputs], [out], name=out, **given))
        return out

    # --- constants --------------------------------------------------------------------------------------

    def constant(self, value: Any, dtype: Any = None) -> str:
        """Return the name of a constant; equal constants share one."""
        array = np.ascontiguousarray(np.asarray(value, dtype)).reshape(np.shape(value))
        key = array.dtype.str, array.shape, array.tobytes()
        if key not in self._constants:
            out = self.name("constant")
            tensor = self.from_array(array, out)
            self.nodes.append(self.helper.make_node("Constant", [], [out], name=out, value=tensor))
            self._constants[key] = out
        return self._constants[key]

    def integers(self, *values: Length) -> str:
        """Return the name of a vector of whole numbers, some of which may depend on the batch."""
        if not any(isinstance(v, Extent) for v in values):
            return self.constant(np.array(values, np.int64))
        parts = [self._extent(v) if isinstance(v, Extent) else self.constant(np.array([v], np.int64)) for v in values]
        return parts[0] if len(parts) == 1 else self.node("Concat", *parts, axis=0)

    def _extent(self, length: Extent) -> str:
        """Return the name of a number that depends on the batch, as a vector of one."""
        if length not in self._lengths:
            assert self.batch_of is not None
            if length == Extent(1):
                out = self.node("Shape", self.batch_of, start=0, end=1)
            else:
                out = self.node("Mul", self._extent(Extent(1)), self.constant([length.slope], INT64))
                if length.offset:
                    out = self.node("Add", out, self.constant([length.offset], INT64))
            self._lengths[length] = out
        return self._lengths[length]

    # --- values -----------------------------------------------------------------------------------------

    def shape(self, value: Any) -> Shape:
        """Return the shape of a value."""
        if isinstance(value, Ref):
            return self.shapes[value.number]
        if isinstance(value, Repeated | Counted):
            return value.shape
        return () if isinstance(value, Extent) else np.shape(value)

    def dtype(self, value: Any) -> Any:
        """Return the dtype of a value; for a plain number, the number itself, as NumPy's promotion takes it."""
        if isinstance(value, Ref):
            return self.dtypes[value.number]
        if isinstance(value, Repeated):
            return value.one.dtype
        if isinstance(value, Counted):
            return INT64
        if isinstance(value, Extent):
            return 0
        return value if isinstance(value, bool | int | float) else np.asarray(value).dtype

    def cast(self, value: Any, dtype: Any = None) -> str:
        """Return the name of a value, converted to `dtype`."""
        if isinstance(value, Ref):
            have, name = self.dtypes[value.number], self.names[value.number]
            return name if dtype is None or have == dtype else self._converted(name, dtype)
        if isinstance(value, Repeated):
            one = value.one if dtype is None else value.one.astype(dtype)
            return self.node("Expand", self.constant(one), self.integers(*value.shape))
        if isinstance(value, Counted):
            total = next(n for n in value.shape if isinstance(n, Extent))
            stop = self.node("Squeeze", self._extent(total), self.integers(0))
            counted = self.node("Range", self.constant(0, INT64), stop, self.constant(1, INT64))
            counted = self.reshape(counted, value.shape)
            return counted if dtype in (None, INT64) else self._converted(counted, dtype)
        if isinstance(value, Extent):
            number = self.node("Squeeze", self._extent(value), self.integers(0))
            return number if dtype in (None, INT64) else self._converted(number, dtype)
        array: Array = np.asarray(value)
        return self.constant(array if dtype is None else array.astype(dtype))

    def _converted(self, name: str, dtype: Any) -> str:
        return self.node("Cast", name, to=self.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def reshape(self, name: str, shape: Sequence[Length]) -> str:
        """Reshape a value; one length that depends on the batch is left for ONNX to infer."""
        extents = [i for i, n in enumerate(shape) if isinstance(n, Extent)]
        if len(extents) == 1 and 0 not in shape:
            return self.node("Reshape", name, self.integers(*(-1 if i in extents else n for i, n in enumerate(shape))))
        return self.node("Reshape", name, self.integers(*shape), allowzero=1 if 0 in shape else None)

    def expand(self, value: Any, shape: Shape, dtype: Any = None) -> str:
        """Return the name of a value that is broadcast to a shape."""
        name = self.cast(value, dtype)
        return name if self.shape(value) == tuple(shape) else self.node("Expand", name, self.integers(*shape))

    def together(self, *values: Any) -> Shape:
        """Return the shape that values broadcast to."""
        return broadcast(*map(self.shape, values))
