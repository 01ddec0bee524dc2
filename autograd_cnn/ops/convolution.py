"""Convolution. Its two gradients are primitives too: the derivatives of the three are composed of the same three."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from autograd_cnn import kernels
from autograd_cnn.calls.operands import named
from autograd_cnn.ops import checks
from autograd_cnn.ops.batching import of_images
from autograd_cnn.ops.checks import operand
from autograd_cnn.ops.elementwise import add
from autograd_cnn.ops.indexing import getitem
from autograd_cnn.ops.joining import pad
from autograd_cnn.ops.reduction import sum
from autograd_cnn.ops.shape import expand_dims, reshape, squeeze
from autograd_cnn.primitive import primitive
from autograd_cnn.variable import Array

PairLike = int | tuple[int, int]


@checks.remembered
def _window(
    op: str, x_shape: tuple[int, ...], weight_shape: tuple[int, ...], stride: Any, padding: Any, dilation: Any
) -> kernels.Window:
    size = weight_shape[2], weight_shape[3]
    return checks.window(op, x_shape, size, stride=stride, padding=padding, dilation=dilation)


@checks.remembered
def _check_shapes(
    x_shape: tuple[int, ...], weight_shape: tuple[int, ...], bias_shape: tuple[int, ...] | None, groups: Any
) -> None:
    checks.images("conv2d", "x", x_shape)
    if len(weight_shape) != 4 or 0 in weight_shape[2:]:
        raise ValueError(f"conv2d: for x {x_shape} the weight is (F, C / groups, KH, KW); got shape {weight_shape}")
    _check_groups("conv2d", groups, channels=x_shape[1], filters=weight_shape[0])
    if weight_shape[1] * groups != x_shape[1]:
        raise ValueError(
            f"conv2d: for x {x_shape} and groups={groups} the weight is (F, {x_shape[1] // groups}, KH, KW); "
            f"got shape {weight_shape}"
        )
    if bias_shape is not None and bias_shape != weight_shape[:1]:
        raise ValueError(f"conv2d: for weight {weight_shape} the bias is {weight_shape[:1]}; got shape {bias_shape}")


def _check_groups(op: str, groups: Any, **channels: int) -> None:
    whole = isinstance(groups, (int, np.integer)) and not isinstance(groups, bool)
    if not whole or groups < 1 or any(n % groups for n in channels.values()):
        counts = " and ".join(f"{n} {name}" for name, n in channels.items())
        raise ValueError(f"{op}: groups is an int that divides {counts}; got {groups!r}")


def conv2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: PairLike = 1,
    padding: PairLike | str = 0,
    dilation: PairLike = 1,
    groups: int = 1,
) -> Any:
    """Cross-correlate images with a bank of filters, which deep learning calls convolution.

    out[n, f, i, j] = bias[f] + Σ x̄[n, c, i·stride + k·dilation, j·stride + l·dilation] · weight[f, c, k, l] over
    c, k and l, where x̄ is `x` with `padding` zeros on every side. With several groups, filter f sees only the
    C / groups channels of its own group; with groups = C the convolution is depthwise. Padding is multiplied like any
    other zeros: times an infinite weight it is nan.

    Parameters
    ----------
    x : (N, C, H, W) or (C, H, W)
    weight : (F, C / groups, KH, KW)
    bias : (F,), optional
    stride, padding, dilation : int or pair of int
        Vertical and horizontal. A padding of "same" keeps H and W, at a stride of 1; if it takes an odd number of rows
        or columns, the extra one is added at the end. "valid" means no padding.
    groups : int
        Divides C and F.

    Returns
    -------
    (N, F, H', W'), with H' = (H + 2·padding − dilation·(KH − 1) − 1) // stride + 1, and W' likewise

    Raises
    ------
    ValueError
        If the shapes do not fit, or the filters are larger than the padded images.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.conv2d(np.ones((1, 3, 28, 28)), np.ones((6, 3, 5, 5)), padding=2).shape
    (1, 6, 28, 28)
    """
    if type(padding) is str:
        x, padding = _named_padding(padding, x, weight, stride, dilation)
    return of_images(_conv2d, x, weight, bias, stride, padding, dilation, groups)


def _named_padding(padding: str, x: Any, weight: Any, stride: Any, dilation: Any) -> tuple[Any, PairLike]:
    """Return the padding in numbers, and `x`, with the extra row or column added already if the padding is uneven."""
    if padding not in ("same", "valid"):
        raise ValueError(
            f"conv2d: padding is an int or a pair of ints, each at least 0, or 'same' or 'valid'; got {padding!r}"
        )
    if padding == "valid":
        return x, 0
    if checks.pair("conv2d", "stride", stride, least=1) != (1, 1):
        raise ValueError(f"conv2d: padding='same' is for a stride of 1; got {stride!r}")
    x, weight = operand("conv2d", "x", x), operand("conv2d", "weight", weight)
    down, right = checks.pair("conv2d", "dilation", dilation, least=1)
    tall, across = (down * max(n - 1, 0) for n, down in zip(weight.shape[2:], (down, right), strict=False))
    if (tall % 2 or across % 2) and x.ndim > 2:  # one more at the end, as in PyTorch
        x = pad(x, [(0, 0)] * (x.ndim - 2) + [(0, tall % 2), (0, across % 2)])
    return x, (tall // 2, across // 2)


@primitive(domain="floating", products=True, residuals=("window",))
def _conv2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: PairLike = 1,
    padding: PairLike = 0,
    dilation: PairLike = 1,
    groups: int = 1,
) -> Any:
    """Convolve a batch of images."""
    _check_shapes(x.shape, weight.shape, None if bias is None else bias.shape, groups)
    window = _window("conv2d", x.shape, weight.shape, stride, padding, dilation)
    return kernels.conv2d(x, weight, bias, window, groups), window


@_conv2d.backward("x")
def _(grad, weight, x_shape, window, groups):
    return conv2d_grad_input(grad, weight, x_shape, window, groups)


@_conv2d.backward("weight")
def _(grad, x, weight_shape, window, groups):
    return conv2d_grad_weight(grad, x, weight_shape, window, groups)


@_conv2d.backward("bias")
def _(grad):
    return sum(grad, (0, 2, 3))


def _by_window(x: Any, weight: Any, window: kernels.Window, groups: int) -> Any:
    return _conv2d(x, weight, None, window.stride, window.padding, window.dilation, groups)


@primitive(domain="floating", products=True)
def conv2d_grad_input(
    cotangent: Any, weight: Any, x_shape: tuple[int, ...], window: kernels.Window, groups: int
) -> Array:
    """Gradient of `conv2d` with respect to `x`, given the gradient `cotangent` of its output."""
    return kernels.conv2d_grad_input(cotangent, weight, x_shape, window, groups)


@conv2d_grad_input.backward("cotangent")
def _(grad, weight, window, groups):
    return _by_window(grad, weight, window, groups)


@conv2d_grad_input.backward("weight")
def _(grad, cotangent, weight_shape, window, groups):
    return conv2d_grad_weight(cotangent, grad, weight_shape, window, groups)


@primitive(domain="floating", products=True)
def conv2d_grad_weight(
    cotangent: Any, x: Any, weight_shape: tuple[int, ...], window: kernels.Window, groups: int
) -> Array:
    """Gradient of `conv2d` with respect to `weight`, given the gradient `cotangent` of its output."""
    return kernels.conv2d_grad_weight(cotangent, x, weight_shape, window, groups)


@conv2d_grad_weight.backward("cotangent")
def _(grad, x, window, groups):
    return _by_window(x, grad, window, groups)


@conv2d_grad_weight.backward("x")
def _(grad, cotangent, x_shape, window, groups):
    return conv2d_grad_input(cotangent, grad, x_shape, window, groups)


@named
def conv_transpose2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: PairLike = 1,
    padding: PairLike = 0,
    output_padding: PairLike = 0,
    groups: int = 1,
    dilation: PairLike = 1,
) -> Any:
    """Transposed convolution: the gradient of a convolution with respect to its input, as an op of its own.

    Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016, chapter 4.

    Parameters
    ----------
    x : (N, C, H, W) or (C, H, W)
    weight : (C, F / groups, KH, KW)
    bias : (F,), optional
    stride, padding, dilation : int or pair of int
        The settings of the convolution that this is the transpose of.
    output_padding : int or pair of int
        Rows and columns added at the end. It chooses among the image sizes that the convolution maps to H × W, and
        must be smaller than the stride or the dilation.
    groups : int
        Divides C and F.

    Returns
    -------
    (N, F, H', W'), with H' = (H − 1)·stride − 2·padding + dilation·(KH − 1) + output_padding + 1, W' likewise

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.conv_transpose2d(np.ones((1, 6, 14, 14)), np.ones((6, 3, 2, 2)), stride=2).shape
    (1, 3, 28, 28)
    """
    op = "conv_transpose2d"
    x, weight = operand(op, "x", x), operand(op, "weight", weight)
    bias = None if bias is None else operand(op, "bias", bias)
    if x.ndim == 3:
        settings = stride, padding, output_padding, groups, dilation
        return squeeze(conv_transpose2d(expand_dims(x, 0), weight, bias, *settings), 0)
    x_shape, weight_shape = x.shape, weight.shape
    checks.images(op, "x", x_shape)
    if 0 in x_shape[2:]:
        raise ValueError(f"{op}: images must have at least one row and one column; got x of shape {x_shape}")
    if len(weight_shape) != 4 or weight_shape[0] != x_shape[1] or 0 in weight_shape[2:]:
        raise ValueError(
            f"{op}: for x {x_shape} the weight is ({x_shape[1]}, F / groups, KH, KW); got shape {weight_shape}"
        )
    _check_groups(op, groups, channels=x_shape[1])
    strides, dilations = checks.pair(op, "stride", stride, least=1), checks.pair(op, "dilation", dilation, least=1)
    paddings, extra = (
        checks.pair(op, "padding", padding, least=0),
        checks.pair(op, "output_padding", output_padding, least=0),
    )
    if any(e >= max(s, d) for e, s, d in zip(extra, strides, dilations, strict=True)):
        raise ValueError(f"{op}: output_padding is smaller than stride {strides} or dilation {dilations}; got {extra}")
    size = _transposed_size(op, x_shape, weight_shape, strides, paddings, extra, dilations)
    filters = weight_shape[1] * operator.index(groups)
    if bias is not None and bias.shape != (filters,):
        raise ValueError(
            f"{op}: for weight {weight_shape} and groups={groups} the bias is ({filters},); got shape {bias.shape}"
        )
    out = _transpose(x, weight, (x_shape[0], filters, *size), strides, paddings, extra, dilations, groups)
    return out if bias is None else add(out, reshape(bias, (-1, 1, 1)))


def _transposed_size(
    op: str,
    x_shape: tuple[int, ...],
    weight_shape: tuple[int, ...],
    strides: kernels.Pair,
    paddings: kernels.Pair,
    extra: kernels.Pair,
    dilations: kernels.Pair,
) -> tuple[int, ...]:
    """Return the size of the images that a convolution with these settings maps to the size of x."""
    size = tuple(
        (n - 1) * s - 2 * p + d * (k - 1) + e + 1
        for n, s, p, d, k, e in zip(x_shape[2:], strides, paddings, dilations, weight_shape[2:], extra, strict=True)
    )
    if min(size) < 1:
        raise ValueError(
            f"{op}: x {x_shape} with weight {weight_shape}, stride {strides} and padding {paddings} leaves an "
            f"image of {size[0]}×{size[1]}; use less padding"
        )
    return size


def _transpose(
    x: Any,
    weight: Any,
    out_shape: tuple[int, ...],
    strides: kernels.Pair,
    paddings: kernels.Pair,
    extra: kernels.Pair,
    dilations: kernels.Pair,
    groups: int,
) -> Any:
    """Return the gradient that a convolution with these settings sends back to images of `out_shape`."""
    op = "conv_transpose2d"
    if all(e < s for e, s in zip(extra, strides, strict=True)):
        window = _window(op, out_shape, weight.shape, strides, paddings, dilations)
        return conv2d_grad_input(x, weight, out_shape, window, groups)
    # conv2d would map this image to more than H × W: transpose without the rows at the end, add them, then crop.
    size = out_shape[2:]
    whole = tuple(n + 2 * p - e for n, p, e in zip(size, paddings, extra, strict=True))
    window = _window(op, (*out_shape[:2], *whole), weight.shape, strides, (0, 0), dilations)
    out = conv2d_grad_input(x, weight, (*out_shape[:2], *whole), window, groups)
    out = pad(out, ((0, 0), (0, 0), (0, extra[0]), (0, extra[1])))
    return getitem(out, (..., *(slice(p, p + n) for n, p in zip(size, paddings, strict=True))))
