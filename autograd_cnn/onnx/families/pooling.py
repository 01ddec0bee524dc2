"""Pooling."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_cnn import kernels, ops
from autograd_cnn.onnx.building import Builder
from autograd_cnn.onnx.errors import Reason, UnsupportedError
from autograd_cnn.onnx.families.convolution import images, padded, read_pads
from autograd_cnn.onnx.families.tables import Attributes, array, exports, imports
from autograd_cnn.onnx.tracing import Call
from autograd_cnn.ops import checks

# --- to ONNX ------------------------------------------------------------------------------------------------


def _window(op: str, g: Builder, c: Call) -> tuple[kernels.Window, list[int], kernels.Pair]:
    """Return the window, the padding (top, left, bottom, right) that rounding down needs, and the images' size."""
    size = checks.pair(op, "kernel_size", c["kernel_size"], least=1)
    window = kernels.Window(
        size,
        checks.pair(op, "stride", size if c["stride"] is None else c["stride"], least=1),
        checks.pair(op, "padding", c["padding"], least=0),
        checks.pair(op, "dilation", c.given.get("dilation", 1), least=1),
        c["ceil_mode"],
    )
    shape: Any = g.shape(c["x"])
    image = shape[2], shape[3]
    reached = [
        (count - 1) * s + extent
        for count, s, extent in zip(window.positions(image), window.stride, window.extent, strict=True)
    ]
    ends = [max(r - n - p, 0) for r, n, p in zip(reached, image, window.padding, strict=True)]
    return window, [*window.padding, *(ends if window.ceil_mode else window.padding)], image


def _pooled(g: Builder, operator: str, x: str, window: kernels.Window, pads: list[int], fill: Any, **more: Any) -> str:
    """Pool, with a separate node for the padding if the operator cannot take it."""
    if any(p >= k for p, k in zip(pads, window.size * 2, strict=True)):
        edges = g.integers(0, 0, *pads[:2], 0, 0, *pads[2:])
        x, pads = g.node("Pad", x, edges, g.constant(*fill)), [0, 0, 0, 0]
    return g.node(operator, x, kernel_shape=list(window.size), strides=list(window.stride), pads=pads, **more)


@exports("max_pool2d")
def _max_pool2d(g: Builder, c: Call) -> str:
    window, pads, _ = _window("max_pool2d", g, c)
    if c.dtype.kind != "f":
        raise UnsupportedError(Reason.DTYPE)
    fill = -np.inf, c.dtype
    return _pooled(g, "MaxPool", g.cast(c["x"]), window, pads, fill, dilations=list(window.dilation))


@exports("avg_pool2d")
def _avg_pool2d(g: Builder, c: Call) -> str:
    window, pads, image = _window("avg_pool2d", g, c)
    x, whole = g.cast(c["x"], c.dtype), bool(c["count_include_pad"])
    if pads[:2] == pads[2:]:
        return _pooled(g, "AveragePool", x, window, pads, (0, c.dtype), count_include_pad=int(whole))
    # What lies beyond the padding does not count: divide the mean over whole windows by the share that counts.
    edges = g.integers(0, 0, *pads[:2], 0, 0, *pads[2:])
    out = _pooled(g, "AveragePool", g.node("Pad", x, edges, g.constant(0, c.dtype)), window, [0] * 4, None)
    framed = np.pad(np.ones((1, 1, *image)), ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])))
    if whole:  # the padding itself counts
        top, left = window.padding
        framed[:, :, : image[0] + 2 * top, : image[1] + 2 * left] = 1
    share = ops.avg_pool2d(framed, window.size, window.stride)
    return g.node("Div", out, g.constant(share, c.dtype))


# --- from ONNX ----------------------------------------------------------------------------------------------


def _read_edges(a: Attributes, x: Any) -> tuple[Any, Any]:
    """Return the size of the window and the padding, which must be smaller: else a window might see padding alone."""
    size = tuple(a("kernel_shape"))
    pads = read_pads(a, np.shape(x)[2:], size)
    if any(p >= k for k, both in zip(size, pads, strict=True) for p in both):
        raise ValueError(f"pads are less than the kernel_shape {size}; got (before, after) {pads}")
    return size, pads


@imports("MaxPool")
def _read_max_pool(a: Attributes, x: Any) -> Any:
    if a.outputs > 1:
        raise UnsupportedError(Reason.INDICES)
    return _read_max_pool_images(a, x)


@images
def _read_max_pool_images(a: Attributes, x: Any) -> Any:
    size, pads = _read_edges(a, x)
    x, padding = padded(a, x, pads, size, -np.inf)
    options = tuple(a("strides", (1, 1))), padding, tuple(a("dilations", (1, 1))), bool(a("ceil_mode"))
    return ops.max_pool2d(x, size, *options)


@imports("AveragePool")
@images
def _read_average_pool(a: Attributes, x: Any) -> Any:
    if set(a("dilations", (1, 1))) != {1}:
        raise UnsupportedError(Reason.DILATED_AVERAGE)
    (size, pads), strides = _read_edges(a, x), tuple(a("strides", (1, 1)))
    ceil, whole = bool(a("ceil_mode")), bool(a("count_include_pad"))
    framed, padding = padded(a, x, pads, size)
    if framed is x or whole:
        return ops.avg_pool2d(framed, size, strides, padding, ceil, whole)
    share = ops.avg_pool2d(padded(a, np.ones_like(array(x)), pads, size)[0], size, strides, 0, ceil)
    return ops.divide(ops.avg_pool2d(framed, size, strides, 0, ceil), share)


@imports("GlobalAveragePool")
def _read_global_average_pool(_: Attributes, x: Any) -> Any:
    if np.ndim(x) == 4:
        return ops.expand_dims(ops.global_avg_pool2d(x), (2, 3))
    return ops.mean(x, _after_channels(x), True)


@imports("GlobalMaxPool")
def _read_global_max_pool(_: Attributes, x: Any) -> Any:
    return ops.max(x, _after_channels(x), True)


def _after_channels(x: Any) -> tuple[int, ...]:
    if np.ndim(x) < 3:
        raise ValueError(f"images have axes after batch and channels; got shape {np.shape(x)}")
    return tuple(range(2, np.ndim(x)))
