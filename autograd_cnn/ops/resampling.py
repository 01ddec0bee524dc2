"""Resizing of images (…, C, H, W), to more or fewer pixels."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from autograd_cnn.calls.operands import named, short
from autograd_cnn.ops import checks
from autograd_cnn.ops.arrangement import repeat
from autograd_cnn.ops.checks import operand
from autograd_cnn.ops.indexing import getitem, take
from autograd_cnn.ops.joining import concatenate
from autograd_cnn.ops.pooling import avg_pool2d
from autograd_cnn.ops.reduction import mean
from autograd_cnn.ops.shape import reshape, transpose


def _images(op: str, x: Any) -> Any:
    x = operand(op, "x", x)
    if x.ndim not in (3, 4):
        raise ValueError(f"{op}: x has axes (N, C, H, W) or (C, H, W); got shape {x.shape}")
    return x


@named
def pixel_shuffle(x: Any, upscale_factor: int) -> Any:
    """Turn every r² channels into r × r pixels: (…, C · r², H, W) to (…, C, H · r, W · r).

    Shi and others, "Real-time single image and video super-resolution using an efficient sub-pixel convolutional
    neural network", 2016, section 2.2.

    Raises
    ------
    ValueError
        If the channels cannot be divided by r².

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.pixel_shuffle(np.arange(4.0).reshape(1, 4, 1, 1), 2)
    array([[[[0., 1.],
             [2., 3.]]]])
    """
    op = "pixel_shuffle"
    x = operand(op, "x", x)
    r = operator.index(upscale_factor)
    if r < 1 or x.ndim < 3 or x.shape[-3] % (r * r):
        raise ValueError(
            f"{op}: x has axes (…, C · r², H, W) for an upscale_factor r of at least 1; got shape {x.shape} and {r}"
        )
    lead, (channels, height, width) = x.shape[:-3], x.shape[-3:]
    parts = reshape(x, (*lead, channels // (r * r), r, r, height, width))
    n = len(lead)
    moved = transpose(parts, (*range(n), n, n + 3, n + 1, n + 4, n + 2))
    return reshape(moved, (*lead, channels // (r * r), height * r, width * r))


@named
def adaptive_avg_pool2d(x: Any, output_size: Any) -> Any:
    """Mean of windows that divide an image of any size evenly into `output_size` places.

    Parameters
    ----------
    x : (N, C, H, W) or (C, H, W)
    output_size : int, or pair of int or None
        Rows and columns of the result; None keeps those of `x`. Place i of m averages rows ⌊i · H / m⌋ up to
        ⌈(i + 1) · H / m⌉.

    Raises
    ------
    ValueError
        If `x` is not an image, or the size is invalid.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.adaptive_avg_pool2d(np.arange(9.0).reshape(1, 3, 3), 2)
    array([[[2., 3.],
            [5., 6.]]])
    """
    op = "adaptive_avg_pool2d"
    x = _images(op, x)
    size = output_size if isinstance(output_size, (tuple, list)) else (output_size, output_size)
    if len(size) == 2:
        size = tuple(n if m is None else m for m, n in zip(size, x.shape[-2:], strict=True))
    height, width = checks.pair(op, "output_size", size, least=0)
    if 0 in x.shape[-2:]:
        raise ValueError(f"{op}: images have at least a row and a column; got x of shape {x.shape}")
    if height and width and not x.shape[-2] % height and not x.shape[-1] % width:
        return avg_pool2d(x, (x.shape[-2] // height, x.shape[-1] // width))
    return _means(_means(x, -2, height), -1, width)


def _means(x: Any, axis: int, places: int) -> Any:
    """Average along an axis, over this number of windows."""
    length, after = x.shape[axis], (slice(None),) * (-axis - 1)
    if places == 0:
        return mean(x, axis, True)[(..., slice(0), *after)]
    bounds = [(i * length // places, -(-(i + 1) * length // places)) for i in range(places)]
    return concatenate([mean(getitem(x, (..., slice(*b), *after)), axis, True) for b in bounds], axis)


@named
def upsample_nearest(x: Any, size: Any = None, scale_factor: Any = None) -> Any:
    """Enlarge images: each pixel copies the nearest one above and to the left, as in PyTorch's function of that name.

    Parameters
    ----------
    x : (N, C, H, W) or (C, H, W)
    size : int or pair of int, optional
        Rows and columns of the result.
    scale_factor : number or pair of numbers, optional
        The factor by which rows and columns grow; the result is rounded down. Either this or `size` is given.

    Raises
    ------
    ValueError
        If `x` is not an image, or not exactly one of the two is given.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.upsample_nearest(np.array([[[1.0, 2.0]]]), scale_factor=2)
    array([[[1., 1., 2., 2.],
            [1., 1., 2., 2.]]])
    """
    op = "upsample_nearest"
    x = _images(op, x)
    if (size is None) == (scale_factor is None):
        raise ValueError(
            f"{op}: takes size or scale_factor, one of the two; got {short(size)} and {short(scale_factor)}"
        )
    if size is not None:
        sizes = checks.pair(op, "size", size, least=1)
        steps = [n / m for n, m in zip(x.shape[-2:], sizes, strict=True)]
    else:
        factors = scale_factor if isinstance(scale_factor, (tuple, list)) else (scale_factor, scale_factor)
        factors = [checks.number(op, "scale_factor", f, least=1e-6) for f in factors]
        if len(factors) != 2:
            raise ValueError(f"{op}: scale_factor is a number or a pair; got {short(scale_factor)}")
        sizes = tuple(math.floor(n * f) for n, f in zip(x.shape[-2:], factors, strict=True))
        steps = [1 / f for f in factors]
    for axis, places, step in zip((-2, -1), sizes, steps, strict=True):
        x = _nearest(x, axis, places, step)
    return x


def _nearest(x: Any, axis: int, places: int, step: float) -> Any:
    length = x.shape[axis]
    if length and places % length == 0 and places * step == length:
        return repeat(x, places // length, axis)
    # In float32, as in PyTorch.
    sources = np.floor(np.arange(places, dtype=np.float32) * np.float32(step)).astype(np.intp)
    return take(x, np.minimum(sources, length - 1), axis)
