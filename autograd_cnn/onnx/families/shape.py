"""Ops that move elements: reshaping, joining, padding."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from autograd_cnn import ops
from autograd_cnn.onnx.batch import Extent
from autograd_cnn.onnx.building import END, START, Builder
from autograd_cnn.onnx.errors import OnnxError, Reason, UnsupportedError
from autograd_cnn.onnx.families.tables import IMPORTS, Attributes, array, exports, imports, integers, one, size
from autograd_cnn.onnx.tracing import Call

# --- to ONNX ------------------------------------------------------------------------------------------------


@exports("reshape")
def _reshape(g: Builder, c: Call) -> str:
    return g.reshape(g.cast(c["x"]), c.shape)


@exports("transpose")
def _transpose(g: Builder, c: Call) -> str:
    ndim = len(c.shape)
    axes = range(ndim)[::-1] if c["axes"] is None else [axis % ndim for axis in c["axes"]]
    return g.node("Transpose", g.cast(c["x"]), perm=list(axes)) if ndim else g.node("Identity", g.cast(c["x"]))


@exports("broadcast_to")
def _broadcast_to(g: Builder, c: Call) -> str:
    return g.node("Expand", g.cast(c["x"]), g.integers(*c.shape))


@exports("squeeze")
def _squeeze(g: Builder, c: Call) -> str:
    shape = g.shape(c["x"])
    ones = [i for i, n in enumerate(shape) if n == 1]
    axes = ones if c["axis"] is None else normalize_axis_tuple(c["axis"], len(shape))
    return g.node("Squeeze", g.cast(c["x"]), g.integers(*axes)) if axes else g.node("Identity", g.cast(c["x"]))


@exports("expand_dims")
def _expand_dims(g: Builder, c: Call) -> str:
    axes = normalize_axis_tuple(c["axis"], len(c.shape))
    return g.node("Unsqueeze", g.cast(c["x"]), g.integers(*axes)) if axes else g.node("Identity", g.cast(c["x"]))


@exports("concatenate")
def _concatenate(g: Builder, c: Call) -> str:
    return g.node("Concat", *(g.cast(x, c.dtype) for x in c["arrays"]), axis=c["axis"])


@exports("stack")
def _stack(g: Builder, c: Call) -> str:
    axis = c["axis"] % len(c.shape)
    parts = [g.node("Unsqueeze", g.cast(x, c.dtype), g.integers(axis)) for x in c["arrays"]]
    return g.node("Concat", *parts, axis=axis)


@exports("pad")
def _pad(g: Builder, c: Call) -> str:
    ndim = len(c.shape)
    if not ndim:
        return g.node("Identity", g.cast(c["x"], c.dtype))
    widths, constants = np.broadcast_to(c["pad_width"], (ndim, 2)), np.asarray(c["constant_values"])
    if constants.size != 1:
        raise UnsupportedError(Reason.PADDING_MODE)
    pads = g.integers(*map(int, widths[:, 0]), *map(int, widths[:, 1]))
    return g.node("Pad", g.cast(c["x"], c.dtype), pads, g.constant(constants.reshape(()), c.dtype))


@exports("flip")
def _flip(g: Builder, c: Call) -> str:
    ndim = len(c.shape)
    axes = tuple(range(ndim)) if c["axis"] is None else normalize_axis_tuple(c["axis"], ndim)
    if not axes:
        return g.node("Identity", g.cast(c["x"]))
    n = len(axes)
    bounds = [g.integers(*[-1] * n), g.integers(*[START] * n), g.integers(*axes), g.integers(*[-1] * n)]
    return g.node("Slice", g.cast(c["x"]), *bounds)


@exports("roll")
def _roll(g: Builder, c: Call) -> str:
    x = g.cast(c["x"])
    for axis, places in c["steps"]:
        length = c.shape[axis]
        if isinstance(length, Extent) and abs(places) > 1:
            raise OnnxError("rolling the batch by more than one place has no counterpart, as it may have fewer rows")
        if length == 0:
            continue
        cut = g.integers(-places if isinstance(length, Extent) else -places % length)
        ends = g.integers(0), g.integers(END), g.integers(axis)
        x = g.node("Concat", g.node("Slice", x, cut, *ends[1:]), g.node("Slice", x, ends[0], cut, ends[2]), axis=axis)
    return g.node("Identity", x)


# --- from ONNX ----------------------------------------------------------------------------------------------

IMPORTS |= {
    "Shape": lambda a, x: np.array(np.shape(x)[slice(a("start"), a("end"))], np.int64),
    "Size": lambda _, x: np.array(np.size(array(x))),
    "Transpose": lambda a, x: ops.transpose(x, a("perm")),
}


@imports("Constant")
def _read_constant(a: Attributes) -> Any:
    ((kind, value),) = a.given.items()
    return np.array(value, {"value_float": np.float32, "value_floats": np.float32}.get(kind))


@imports("Range")
def _read_range(a: Attributes, *bounds: Any) -> Any:
    start, stop, step = map(one, bounds)
    a.reserve([max(math.ceil((stop - start) / step), 0)])
    return np.arange(start, stop, step, dtype=array(bounds[0]).dtype)


@imports("Concat")
def _read_concat(a: Attributes, *xs: Any) -> Any:
    a.reserve([sum(size(np.shape(x)) for x in xs)])
    return ops.concatenate(xs, a("axis", 1))


@imports("Expand")
def _read_expand(a: Attributes, x: Any, shape: Any) -> Any:
    target = np.broadcast_shapes(np.shape(x), integers(shape) or ())
    a.reserve(target)
    return ops.broadcast_to(x, target)


@imports("Tile")
def _read_tile(a: Attributes, x: Any, repeats: Any) -> Any:
    counts = integers(repeats) or ()
    a.reserve([n * k for n, k in zip(np.shape(x), counts, strict=True)])
    return ops.tile(x, counts)


@imports("ConstantOfShape")
def _read_constant_of_shape(a: Attributes, shape: Any) -> Any:
    value, lengths = a("value", np.zeros(1, np.float32)), integers(shape) or ()
    a.reserve(lengths)
    return np.full(lengths, value.reshape(-1)[0], value.dtype)


@imports("Reshape")
def _read_reshape(a: Attributes, x: Any, shape: Any = None) -> Any:
    lengths = integers(a("shape") if shape is None else shape) or ()
    if not a("allowzero"):
        lengths = tuple(n or np.shape(x)[i] for i, n in enumerate(lengths))
    return ops.reshape(x, lengths)


@imports("Flatten")
def _read_flatten(a: Attributes, x: Any) -> Any:
    axis = a("axis", 1)
    if axis == 1 and np.ndim(x) > 1:
        return ops.flatten(x, 1)
    return ops.reshape(x, (math.prod(np.shape(x)[:axis]), math.prod(np.shape(x)[axis:])))


@imports("Squeeze")
def _read_squeeze(a: Attributes, x: Any, axes: Any = None) -> Any:
    return ops.squeeze(x, integers(a("axes") if axes is None else axes))


@imports("Unsqueeze")
def _read_unsqueeze(a: Attributes, x: Any, axes: Any = None) -> Any:
    return ops.expand_dims(x, integers(a("axes") if axes is None else axes) or ())


@imports("Split")
def _read_split(a: Attributes, x: Any, sizes: Any = None) -> Any:
    axis = a("axis", 0)
    sizes = integers(a("split") if sizes is None else sizes)
    length = np.shape(x)[axis]
    if sizes is None and length % a.outputs == 0:
        return tuple(ops.split(x, a.outputs, axis))
    if sizes is not None and sum(sizes) != length:
        raise ValueError(f"the parts {sizes} do not add up to the {length} along axis {axis}")
    cuts = np.cumsum(sizes[:-1]) if sizes else np.arange(1, a.outputs) * math.ceil(length / a.outputs)
    return tuple(ops.split(x, integers(cuts) or (), axis))


@imports("Pad")
def _read_pad(a: Attributes, x: Any, pads: Any = None, value: Any = None, axes: Any = None) -> Any:
    pads = integers(next((p for p in (pads, a("pads"), a("paddings")) if p is not None), ()))
    if a("mode", "constant") != "constant" or min(pads or (0,)) < 0:
        raise UnsupportedError(Reason.PADDING_MODE)
    along = tuple(range(np.ndim(x))) if axes is None else integers(axes) or ()
    if len(pads) != 2 * len(along):
        raise ValueError(f"pads are two numbers for each of {len(along)} axes; got {len(pads)}")
    widths = [(0, 0)] * np.ndim(x)
    for i, axis in enumerate(along):
        widths[axis] = (pads[i], pads[i + len(pads) // 2])
    a.reserve([n + before + after for n, (before, after) in zip(np.shape(x), widths, strict=True)])
    return ops.pad(x, widths, constant_values=a("value", 0.0) if value is None else one(value))


@imports("Slice")
def _read_slice(
    a: Attributes, x: Any, starts: Any = None, ends: Any = None, axes: Any = None, steps: Any = None
) -> Any:
    begins, stops = (integers(a(n) if v is None else v) or () for n, v in (("starts", starts), ("ends", ends)))
    along = integers(a("axes") if axes is None else axes) or range(len(begins))
    index: list[Any] = [slice(None)] * np.ndim(x)
    for axis, start, end, step in zip(along, begins, stops, integers(steps) or [1] * len(begins), strict=True):
        # An end before the first element, going backwards, is None in NumPy.
        index[axis] = slice(start, None if step < 0 and end < -np.shape(x)[axis] else end, step)
    return ops.getitem(x, tuple(index))


@imports("DepthToSpace")
def _read_depth_to_space(a: Attributes, x: Any) -> Any:
    n, c, h, w = np.shape(x)
    b = a("blocksize")
    if a("mode", "DCR") == "DCR":
        blocks = ops.transpose(ops.reshape(x, (n, b, b, c // b**2, h, w)), (0, 3, 4, 1, 5, 2))
    else:
        blocks = ops.transpose(ops.reshape(x, (n, c // b**2, b, b, h, w)), (0, 1, 4, 2, 5, 3))
    return ops.reshape(blocks, (n, c // b**2, h * b, w * b))
