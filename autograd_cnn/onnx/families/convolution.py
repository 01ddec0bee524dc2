"""Convolution and its transpose."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_cnn import kernels, ops
from autograd_cnn.onnx.building import Builder
from autograd_cnn.onnx.errors import Reason, UnsupportedError
from autograd_cnn.onnx.families.tables import Attributes, exports, imports
from autograd_cnn.onnx.tracing import Call
from autograd_cnn.ops import checks

# --- to ONNX ------------------------------------------------------------------------------------------------


@exports("conv2d")
def _conv2d(g: Builder, c: Call) -> str:
    stride, padding, dilation = (
        list(checks.pair("conv2d", name, c[name], least=0)) for name in ("stride", "padding", "dilation")
    )
    inputs = [g.cast(c[name], c.dtype) for name in ("x", "weight", "bias") if c[name] is not None]
    size = list(g.shape(c["weight"])[2:])
    options = {"strides": stride, "pads": padding * 2, "dilations": dilation, "group": int(c["groups"])}
    return g.node("Conv", *inputs, kernel_shape=size, **options)


@exports("conv2d_grad_input")
def _conv_transpose2d(g: Builder, c: Call) -> str:
    window: kernels.Window = c["window"]
    cotangent: Any = g.shape(c["cotangent"])
    whole = [
        (n - 1) * s - 2 * p + k
        for n, s, p, k in zip(cotangent[2:], window.stride, window.padding, window.extent, strict=True)
    ]
    extra = [n - m for n, m in zip(c.shape[2:], whole, strict=True)]
    return g.node(
        "ConvTranspose", g.cast(c["cotangent"], c.dtype), g.cast(c["weight"], c.dtype), kernel_shape=list(window.size),
        strides=list(window.stride), pads=list(window.padding) * 2, dilations=list(window.dilation),
        output_padding=extra, group=int(c["groups"]),
    )  # fmt: skip


# --- from ONNX ----------------------------------------------------------------------------------------------


def images(compute: Callable[..., Any]) -> Callable[..., Any]:
    """Make an op on images accept 1-D signals too, as images of one row."""

    @functools.wraps(compute)
    def lifted(a: Attributes, x: Any, *others: Any) -> Any:
        if np.ndim(x) == 4:
            return compute(a, x, *others)
        if np.ndim(x) != 3:
            raise UnsupportedError(Reason.DIMENSIONS)
        first = {"kernel_shape": 1, "strides": 1, "dilations": 1, "output_padding": 0}
        given = {name: [first[name], *v] if name in first else v for name, v in a.given.items()}
        for name, zero in (("pads", 0), ("output_shape", 1)):
            if name in given:
                v = given[name]
                given[name] = [zero, *v[: len(v) // 2], zero, *v[len(v) // 2 :]] if name == "pads" else [zero, *v]
        others = tuple(ops.expand_dims(v, 2) if np.ndim(v) == 3 else v for v in others)
        return ops.squeeze(compute(a._replace(given=given), ops.expand_dims(x, 2), *others), 2)

    return lifted


def weight_size(a: Attributes, weight: Any) -> tuple[int, ...]:
    """Return the size of a kernel, and check it against the node's `kernel_shape`."""
    size = tuple(np.shape(weight)[2:])
    if tuple(a("kernel_shape", size)) != size:
        raise ValueError(f"kernel_shape is {tuple(a('kernel_shape'))}, and the weight has {size}")
    return size


def read_pads(a: Attributes, image: Sequence[int], size: Sequence[int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the padding (before, after) of both axes, with `auto_pad` worked out."""
    auto = a("auto_pad", "NOTSET")
    if auto == "NOTSET":
        top, left, bottom, right = a("pads", (0, 0, 0, 0))
        return (top, bottom), (left, right)
    if auto == "VALID":
        return (0, 0), (0, 0)
    if auto not in ("SAME_UPPER", "SAME_LOWER"):
        raise ValueError(f"auto_pad is NOTSET, VALID, SAME_UPPER or SAME_LOWER; got {auto}")
    pads = []
    for n, k, s, d in zip(image, size, a("strides", (1, 1)), a("dilations", (1, 1)), strict=True):
        total = max((math.ceil(n / s) - 1) * s + d * (k - 1) + 1 - n, 0)
        less, more = total // 2, total - total // 2
        pads.append((less, more) if auto == "SAME_UPPER" else (more, less))
    return pads[0], pads[1]


def padded(a: Attributes, x: Any, pads: Any, size: Sequence[int], value: float = 0.0) -> tuple[Any, tuple[int, int]]:
    """Return the images and the padding that is left to the op: all of it where the op can do it."""
    (top, bottom), (left, right) = pads
    if min(top, bottom, left, right) < 0:
        raise UnsupportedError(Reason.PADDING_MODE)
    n, c, h, w = np.shape(x)
    a.reserve((n, c, h + top + bottom, w + left + right))
    if (top, left) == (bottom, right) and top <= size[0] // 2 and left <= size[1] // 2:
        return x, (top, left)
    return ops.pad(x, ((0, 0), (0, 0), *pads), constant_values=value), (0, 0)


@imports("Conv")
@images
def _read_conv(a: Attributes, x: Any, weight: Any, bias: Any = None) -> Any:
    size = weight_size(a, weight)
    strides, dilations = tuple(a("strides", (1, 1))), tuple(a("dilations", (1, 1)))
    pads = read_pads(a, np.shape(x)[2:], size)
    rows = [
        max((n + sum(p) - d * (k - 1) - 1) // max(s, 1) + 1, 0)
        for n, p, k, s, d in zip(np.shape(x)[2:], pads, size, strides, dilations, strict=True)
    ]
    a.reserve((np.shape(x)[0], np.shape(weight)[0], *rows))
    x, padding = padded(a, x, pads, size)
    return ops.conv2d(x, weight, bias, strides, padding, dilations, a("group", 1))


@imports("ConvTranspose")
@images
def _read_conv_transpose(a: Attributes, x: Any, weight: Any, bias: Any = None) -> Any:
    strides, dilations = tuple(a("strides", (1, 1))), tuple(a("dilations", (1, 1)))
    extra, groups, size = tuple(a("output_padding", (0, 0))), a("group", 1), weight_size(a, weight)
    full = [(n - 1) * s + d * (k - 1) + 1 for n, s, d, k in zip(np.shape(x)[2:], strides, dilations, size, strict=True)]
    auto, target = a("auto_pad", "NOTSET"), a("output_shape")
    if target is None and auto.startswith("SAME"):
        target = [n * s for n, s in zip(np.shape(x)[2:], strides, strict=True)]
    if target is None:
        top, left, bottom, right = a("pads", (0, 0, 0, 0))
    else:
        totals = [max(f + e - t, 0) for f, e, t in zip(full, extra, target, strict=True)]
        less = [t // 2 if auto != "SAME_LOWER" else t - t // 2 for t in totals]
        (top, left), (bottom, right) = less, [t - n for t, n in zip(totals, less, strict=True)]
        extra = tuple(max(t - f, e) for f, e, t in zip(full, extra, target, strict=True))
    a.reserve((np.shape(x)[0], np.shape(weight)[1] * groups, *(f + e for f, e in zip(full, extra, strict=True))))
    if (top, left) == (bottom, right):
        return ops.conv_transpose2d(x, weight, bias, strides, (top, left), extra, groups, dilations)
    # Padding removes rows and columns here, a different number on each side.
    out = ops.conv_transpose2d(x, weight, bias, strides, 0, extra, groups, dilations)
    rows, columns = np.shape(out)[2:]
    return out[:, :, top : rows - bottom, left : columns - right]
