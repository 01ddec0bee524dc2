"""Indexing, assignment and sorting."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_cnn import ops
from autograd_cnn.onnx.batch import Counted, Extent, Ref, Repeated
from autograd_cnn.onnx.building import END, START, Builder
from autograd_cnn.onnx.errors import OnnxError, Reason, UnsupportedError
from autograd_cnn.onnx.families.elementwise import is_static
from autograd_cnn.onnx.families.tables import Attributes, array, exports, imports, one, size
from autograd_cnn.onnx.tracing import Call
from autograd_cnn.ops.indexing import scatter_add

_WHOLE = slice(None)

# --- to ONNX ------------------------------------------------------------------------------------------------


def _is_array(item: Any) -> bool:
    return isinstance(item, np.ndarray | list | Ref | Repeated | Counted)


def _items(g: Builder, index: Any, ndim: int) -> list[Any]:
    """Return an index as one item per axis of the input, and None for new axes: without ellipsis or mask."""
    given = index if type(index) is tuple else (index,)  # a Ref is a tuple too
    items: list[Any] = []
    for item in given:
        if _is_array(item) and np.dtype(g.dtype(item)).kind == "b":
            if not isinstance(item, np.ndarray):
                raise OnnxError("a mask that depends on an input selects another number each time: use where instead")
            items += np.nonzero(item)
        else:
            items.append(np.asarray(item) if isinstance(item, list) else item)
    taken = sum(item is not None and item is not ... for item in items)
    rest = [_WHOLE] * (ndim - taken)
    at = next((i for i, item in enumerate(items) if item is ...), len(items))
    return [*items[:at], *rest, *items[at + 1 :]]


def _after(place: Any) -> Any:
    """Return where a slice ends that begins at a place and holds one element."""
    if isinstance(place, Extent):
        return Extent(place.slope, place.offset + 1)
    return END if place == -1 else place + 1


def _sliced(g: Builder, x: str, items: list[Any]) -> str:
    """Apply the slices and numbers of an index, numbers as slices of one."""
    starts, ends, axes, steps = [], [], [], []
    for axis, item in enumerate(items):
        if isinstance(item, slice) and item != _WHOLE:
            step = 1 if item.step is None else item.step
            begin, end = (0, END) if step > 0 else (END, START)
            starts.append(begin if item.start is None else item.start)
            ends.append(end if item.stop is None else item.stop)
        elif isinstance(item, int | Extent):
            step = 1
            starts.append(item)
            ends.append(_after(item))
        else:
            continue
        axes.append(axis)
        steps.append(step)
    return g.node("Slice", x, *(g.integers(*v) for v in (starts, ends, axes, steps))) if axes else x


@exports("getitem")
def _getitem(g: Builder, c: Call) -> str:
    x, items = g.cast(c["x"]), _items(g, c["index"], len(g.shape(c["x"])))
    if any(map(_is_array, items)):
        return _selected(g, x, g.shape(c["x"]), items)
    x = _sliced(g, x, [item for item in items if item is not None])
    # A number removes its axis, None adds one.
    numbers = [i for i, item in enumerate(v for v in items if v is not None) if isinstance(item, int | Extent)]
    if numbers:
        x = g.node("Squeeze", x, g.integers(*numbers))
    new = [i for i, item in enumerate(v for v in items if not isinstance(v, int | Extent)) if item is None]
    if new:
        x = g.node("Unsqueeze", x, g.integers(*new))
    return g.node("Identity", x)


def _selected(g: Builder, x: str, shape: Any, items: list[Any]) -> str:
    """Take elements by integer arrays, which broadcast together as in NumPy."""
    new = [i for i, item in enumerate(items) if item is None]
    if new:
        x = g.node("Unsqueeze", x, g.integers(*new))
        lengths = iter(shape)
        shape = tuple(1 if item is None else next(lengths) for item in items)
    items = [_WHOLE if item is None else item for item in items]
    x = _sliced(g, x, [item if isinstance(item, slice) else _WHOLE for item in items])
    axes = [i for i, item in enumerate(items) if not isinstance(item, slice)]
    places = [np.asarray(items[i]) if isinstance(items[i], int) else items[i] for i in axes]
    if len(axes) == 1:
        return g.node("Gather", x, g.cast(places[0], np.int64), axis=axes[0])
    spread = g.together(*places)
    columns = [g.node("Unsqueeze", g.expand(p, spread, np.int64), g.integers(-1)) for p in places]
    rest = [i for i in range(len(items)) if i not in axes]
    out = g.node("GatherND", g.node("Transpose", x, perm=[*axes, *rest]), g.node("Concat", *columns, axis=-1))
    # If the arrays are adjacent in the index, their axes are where the first array was; otherwise they come first.
    first, wide = axes[0], len(spread)
    if axes == [*range(first, first + len(axes))] and first:
        order = [*range(wide, wide + first), *range(wide), *range(wide + first, wide + len(rest))]
        out = g.node("Transpose", out, perm=order)
    return out


@exports("setitem")
def _setitem(g: Builder, c: Call) -> str:
    x, index, shape = g.cast(c["x"], c.dtype), c["index"], tuple(c.shape)
    items = _items(g, index, len(shape))
    lead = 0 if is_static(*shape) else 1
    constant = not any(isinstance(item, Ref | Repeated | Counted) for item in items)
    same_for_all = not lead or (items[0] == _WHOLE and not any(map(_is_array, items)))
    if not (constant and same_for_all and is_static(*shape[lead:])):
        raise OnnxError("assignment is only for places that are constant, and the same for the whole batch")
    tail = list(shape[lead:])
    places = np.arange(size(tail)).reshape(tail)[tuple(items[lead:])]
    value = g.expand(c["value"], (*shape[:lead], *places.shape), c.dtype)
    rows = [*shape[:lead]]
    flat = g.reshape(x, (*rows, size(tail)))
    indices = g.expand(places.reshape((1,) * lead + (-1,)), (*rows, places.size), np.int64)
    updates = g.reshape(value, (*rows, places.size))
    return g.reshape(g.node("ScatterElements", flat, indices, updates, axis=lead), shape)


@exports("scatter_add")
def _scatter_add(g: Builder, c: Call) -> str:
    if not is_static(*c.shape) or any(map(_is_ref, c["indices"])):
        raise OnnxError("adding to places that depend on the batch or on an input has no counterpart")
    grid = np.arange(size(c.shape)).reshape(c.shape)
    out = g.constant(np.zeros(grid.size, c.dtype))
    for part, index in zip(c["parts"], c["indices"], strict=True):
        places, updates = grid[index].reshape(-1), g.node("Reshape", g.cast(part, c.dtype), g.integers(-1))
        out = g.node("ScatterElements", out, g.constant(places, np.int64), updates, axis=0, reduction="add")
    return g.reshape(out, c.shape)


def _is_ref(index: Any) -> bool:
    return any(isinstance(item, Ref | Repeated | Counted) for item in (index if type(index) is tuple else (index,)))


@exports("argsort")
def _argsort(g: Builder, c: Call) -> str:
    x, axis = g.cast(c["x"]), c["axis"]
    if not len(g.shape(c["x"])):
        return g.constant(np.zeros(c.shape, np.int64))
    if axis is None:
        x, axis = g.node("Reshape", x, g.integers(-1)), 0
    out, values = g.name("topk"), g.name("topk_values")
    g.nodes.append(g.helper.make_node(
        "TopK", [x, g.integers(c.shape[axis])], [values, out], name=out, axis=axis, largest=0, sorted=1
    ))  # fmt: skip
    return out


@exports("arranged")
def _arranged(g: Builder, c: Call) -> str:
    return g.node("GatherElements", g.cast(c["x"]), g.cast(c["order"], np.int64), axis=c["axis"] % len(c.shape))


# --- from ONNX ----------------------------------------------------------------------------------------------


@imports("Gather")
def _read_gather(a: Attributes, x: Any, indices: Any) -> Any:
    axis = a("axis", 0)
    a.reserve([size(np.shape(x)) // max(np.shape(x)[axis], 1) * size(np.shape(indices))])
    return ops.take(x, indices, axis)


@imports("GatherElements")
def _read_gather_elements(a: Attributes, x: Any, indices: Any) -> Any:
    _check_axes(x, indices)
    grid: list[Any] = list(np.indices(np.shape(indices), sparse=True))
    grid[a("axis", 0)] = array(indices)
    return ops.getitem(x, tuple(grid))


def _check_axes(x: Any, indices: Any) -> None:
    if np.ndim(x) != np.ndim(indices):
        raise ValueError(f"indices have as many axes as the values; got shapes {np.shape(indices)} and {np.shape(x)}")


@imports("GatherND")
def _read_gather_nd(a: Attributes, x: Any, indices: Any) -> Any:
    batch, places = a("batch_dims", 0), array(indices)
    if not places.ndim or not places.shape[-1]:
        raise ValueError(f"the last axis of indices holds places in at least one axis; got shape {places.shape}")
    a.reserve([size(places.shape[:-1]) * size(np.shape(x)[batch + places.shape[-1] :])])
    grid: Any = np.indices(places.shape[:batch], sparse=True)
    before = [b.reshape(b.shape + (1,) * (places.ndim - 1 - batch)) for b in grid]
    return ops.getitem(x, (*before, *np.moveaxis(places, -1, 0)))


@imports("ScatterElements")
def _read_scatter_elements(a: Attributes, x: Any, indices: Any, updates: Any) -> Any:
    _check_axes(x, indices)
    if np.shape(indices) != np.shape(updates):
        raise ValueError(f"updates are as many as indices; got shapes {np.shape(updates)} and {np.shape(indices)}")
    grid: list[Any] = list(np.indices(np.shape(indices), sparse=True))
    grid[a("axis", 0)] = array(indices)
    if a("reduction", "none") == "none":
        return ops.setitem(x, tuple(grid), updates)
    if a("reduction") != "add":
        raise UnsupportedError(Reason.OPERATOR)
    return ops.add(x, scatter_add(updates, indices=(tuple(grid),), shape=np.shape(x)))


@imports("TopK")
def _read_top_k(a: Attributes, x: Any, k: Any) -> Any:
    axis, count = a("axis", -1) % np.ndim(x), int(one(k))
    if not 0 <= count <= np.shape(x)[axis]:
        raise ValueError(f"k is from 0 to the {np.shape(x)[axis]} along axis {axis}; got {count}")
    order = ops.argsort(ops.negative(x) if a("largest", 1) else x, axis)
    grid: list[Any] = list(np.indices(order.shape, sparse=True))
    grid[axis] = order
    first = (_WHOLE,) * axis + (slice(count),)
    return ops.getitem(ops.getitem(x, tuple(grid)), first), order[first].astype(np.int64)
