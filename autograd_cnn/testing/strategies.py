"""Hypothesis strategies for the inputs of ops.

Hypothesis draws shapes, options and a seed; NumPy draws the elements from the seed. That is much faster than drawing
one element at a time, and equally reproducible.

    import numpy as np
    from hypothesis import given

    import autograd_cnn as ac
    from autograd_cnn.testing import arrays, check_op, shapes

    @given(arrays(shapes(), away_from=[0.0]))
    def test_abs(x):
        check_op(ac.abs, x, reference=np.abs)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autograd_cnn.variable import Array

Shape = tuple[int, ...]


def shapes(min_dims: int = 0, max_dims: int = 4, min_side: int = 0, max_side: int = 4) -> st.SearchStrategy[Shape]:
    """Draw shapes; by default including those with no axes and those with no elements.

    Examples
    --------
    >>> from hypothesis import find
    >>> from autograd_cnn.testing import shapes
    >>> find(shapes(min_dims=2, min_side=1), lambda shape: len(shape) == 2)
    (1, 1)
    """
    return hnp.array_shapes(min_dims=max(min_dims, 1), max_dims=max_dims, min_side=min_side, max_side=max_side) | (
        st.just(()) if min_dims == 0 else st.nothing()
    )


@st.composite
def memory_orders(draw: st.DrawFn, array: Array) -> Array:
    """Draw the array in some memory order: plain, transposed, strided, reversed, batch innermost, or read-only.

    Examples
    --------
    >>> import numpy as np
    >>> from hypothesis import find
    >>> from autograd_cnn.testing import memory_orders
    >>> find(memory_orders(np.ones((2, 3))), lambda x: x.flags.f_contiguous).strides
    (8, 16)
    """
    kind = draw(st.sampled_from(["plain", "transposed", "strided", "reversed", "batch innermost", "read-only"]))
    if kind == "transposed":
        return np.array(array, order="F")
    if kind == "strided" and array.ndim:
        return np.repeat(array, 2, axis=-1)[..., ::2]
    if kind == "reversed" and array.ndim:
        return np.ascontiguousarray(np.flip(array))[(slice(None, None, -1),) * array.ndim]
    if kind == "batch innermost" and array.ndim == 4:
        return np.ascontiguousarray(array.transpose(2, 1, 3, 0)).transpose(3, 1, 0, 2)
    if kind == "read-only":
        array = array.copy()
        array.flags.writeable = False
    return array


@st.composite
def arrays(
    draw: st.DrawFn,
    shape: Shape | st.SearchStrategy[Shape],
    *,
    low: float = -2.0,
    high: float = 2.0,
    away_from: Sequence[float] = (),
    distinct: bool = False,
) -> Array:
    """Draw float64 arrays in some memory order, away from kinks and ties.

    Parameters
    ----------
    shape : tuple of int, or a strategy of them
    low, high : float
        Bounds of the elements.
    away_from : sequence of float
        Kinks: no element is closer to one of them than 0.01.
    distinct : bool
        Whether all elements differ clearly, by at least 0.1 / size of the range, so that there are no ties.

    Examples
    --------
    >>> from hypothesis import find
    >>> from autograd_cnn.testing import arrays
    >>> x = find(arrays((2, 3), away_from=[0.0]), lambda x: True)
    >>> x.shape, bool((abs(x) >= 0.01).all())
    ((2, 3), True)
    """
    shape = draw(shape) if isinstance(shape, st.SearchStrategy) else shape
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = int(np.prod(shape))
    if distinct:
        grid = np.linspace(low, high, size + 2)[1:-1]
        values = rng.permutation(grid + rng.uniform(-0.4, 0.4, size) * (high - low) / (size + 1))
    else:
        values = rng.uniform(low, high, size)
    for kink in away_from:
        near = np.abs(values - kink) < 0.01
        values[near] = kink + np.where(values[near] < kink, -0.01, 0.01) * rng.uniform(1, 2, int(near.sum()))
    return draw(memory_orders(values.reshape(shape)))


@st.composite
def broadcastable_arrays(draw: st.DrawFn, count: int, /, **settings: Any) -> tuple[Array, ...]:
    """Draw arrays whose shapes broadcast together; the settings are those of `arrays`.

    Examples
    --------
    >>> import numpy as np
    >>> from hypothesis import find
    >>> from autograd_cnn.testing import broadcastable_arrays
    >>> x, y = find(broadcastable_arrays(2, low=0.5), lambda pair: pair[0].shape != pair[1].shape)
    >>> np.broadcast_shapes(x.shape, y.shape) == (x + y).shape
    True
    """
    drawn = draw(hnp.mutually_broadcastable_shapes(num_shapes=count, max_dims=3, max_side=3, min_side=0))
    return tuple(draw(arrays(shape, **settings)) for shape in drawn.input_shapes)


def _pairs(least: int, most: int) -> st.SearchStrategy[int | tuple[int, int]]:
    """Draw an int or a pair of ints."""
    number = st.integers(least, most)
    return number | st.tuples(number, number)


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


def _image(
    draw: st.DrawFn, size: tuple[int, int], padding: tuple[int, int], dilation: tuple[int, int]
) -> tuple[int, int]:
    """Draw the size of an image that a window fits into."""
    least = [max(1, d * (k - 1) + 1 - 2 * p) for k, p, d in zip(size, padding, dilation, strict=True)]
    return draw(st.integers(least[0], least[0] + 4)), draw(st.integers(least[1], least[1] + 4))


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[Array, Array, Array | None, dict[str, Any]]:
    """Draw a valid convolution: x, weight, bias or None, and the options of `conv2d`.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> from hypothesis import find
    >>> from autograd_cnn.testing import convolutions
    >>> x, weight, bias, options = find(convolutions(), lambda drawn: drawn[2] is not None)
    >>> ac.conv2d(x, weight, bias, **options).shape[1] == len(weight)
    True
    """
    options: dict[str, Any] = {
        "stride": draw(_pairs(1, 3)),
        "padding": draw(_pairs(0, 2)),
        "dilation": draw(_pairs(1, 2)),
        "groups": draw(st.integers(1, 3)),
    }
    size = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    image = _image(draw, size, _pair(options["padding"]), _pair(options["dilation"]))
    groups, channels, filters = options["groups"], draw(st.integers(1, 2)), draw(st.integers(1, 2))
    x = draw(arrays((draw(st.integers(0, 2)), groups * channels, *image)))
    weight = draw(arrays((groups * filters, channels, *size)))
    bias = draw(st.none() | arrays((groups * filters,)))
    return x, weight, bias, options


@st.composite
def transposed_convolutions(draw: st.DrawFn) -> tuple[Array, Array, Array | None, dict[str, Any]]:
    """Draw a valid transposed convolution: x, weight, bias or None, and the options of `conv_transpose2d`.

    Output padding is less than the larger of stride and dilation; padding leaves at least one row and one column.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> from hypothesis import find
    >>> from autograd_cnn.testing import transposed_convolutions
    >>> x, weight, bias, options = find(transposed_convolutions(), lambda drawn: drawn[3]["groups"] == 2)
    >>> ac.conv_transpose2d(x, weight, bias, **options).shape[1] == 2 * weight.shape[1]
    True
    """
    stride, dilation = draw(_pairs(1, 3)), draw(_pairs(1, 3))
    most = [max(s, d) - 1 for s, d in zip(_pair(stride), _pair(dilation), strict=True)]
    extra = draw(st.integers(0, most[0])), draw(st.integers(0, most[1]))
    size, image = (draw(st.tuples(st.integers(1, 3), st.integers(1, 3))) for _ in range(2))
    settings = zip(image, size, _pair(stride), _pair(dilation), extra, strict=True)
    lengths = [(n - 1) * s + d * (k - 1) + e + 1 for n, k, s, d, e in settings]
    padding = tuple(draw(st.integers(0, min(2, (n - 1) // 2))) for n in lengths)
    groups, channels, filters = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(1, 2))
    x = draw(arrays((draw(st.integers(0, 2)), groups * channels, *image)))
    weight = draw(arrays((groups * channels, filters, *size)))
    bias = draw(st.none() | arrays((groups * filters,)))
    options = {
        "stride": stride,
        "padding": padding,
        "output_padding": extra,
        "groups": groups,
        "dilation": dilation,
    }
    return x, weight, bias, options


@st.composite
def poolings(draw: st.DrawFn, *, dilated: bool = True) -> tuple[Array, dict[str, Any]]:
    """Draw a valid pooling: x without ties, and the options of `max_pool2d`.

    With ``dilated=False`` the options are also valid for `avg_pool2d`.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> from hypothesis import find
    >>> from autograd_cnn.testing import poolings
    >>> x, options = find(poolings(), lambda drawn: len(drawn[0]) > 0)
    >>> ac.max_pool2d(x, **options).shape[:2] == x.shape[:2]
    True
    """
    kernel_size = draw(_pairs(1, 3))
    size = _pair(kernel_size)
    padding = draw(st.integers(0, size[0] // 2)), draw(st.integers(0, size[1] // 2))
    options: dict[str, Any] = {
        "kernel_size": kernel_size,
        "stride": draw(st.none() | _pairs(1, 3)),
        "padding": padding,
        "ceil_mode": draw(st.booleans()),
    }
    if dilated:
        options["dilation"] = draw(_pairs(1, 2))
    image = _image(draw, size, padding, _pair(options.get("dilation", 1)))
    x = draw(arrays((draw(st.integers(0, 2)), draw(st.integers(1, 2)), *image), distinct=True))
    return x, options
