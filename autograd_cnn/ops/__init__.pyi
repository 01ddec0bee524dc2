"""The ops, as type checkers see them: with a Tensor among its inputs an op returns a Tensor, else an array.

Written by `python -m tests.stubs` from the ops' own signatures and docstrings.
"""

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from autograd_cnn.ops import linalg as linalg
from autograd_cnn.tensor import Tensor

Array: TypeAlias = NDArray[Any]
Arrays: TypeAlias = Array | np.number[Any] | np.bool_ | float | list[Any] | tuple[Any, ...]
Tensors: TypeAlias = Tensor | list[Tensor] | tuple[Tensor, ...]
Axis: TypeAlias = int | tuple[int, ...] | None
PairLike: TypeAlias = int | tuple[int, int]
Reduction: TypeAlias = Literal["mean", "sum", "none"]

@overload
def abs(x: Tensors) -> Tensor:
    r"""Absolute value; the slope at 0 and at nan is 0.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.abs(np.array([-2.0, 3.0]))
    array([2., 3.])
    """

@overload
def abs(x: Arrays) -> Array: ...
@overload
def adaptive_avg_pool2d(x: Tensors, output_size: Arrays | Tensors) -> Tensor:
    r"""Mean of windows that divide an image evenly into `output_size` places, whatever its size.

    Parameters
    ----------
    x : (N, C, H, W) or (C, H, W)
    output_size : int, or pair of int or None
        Rows and columns of the result; None keeps those of `x`. Place i of m averages rows ⌊i · H / m⌋ up to
        ⌈(i + 1) · H / m⌉.

    Raises
    ------
    ValueError
        If `x` is no image, or the size is none.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.adaptive_avg_pool2d(np.arange(9.0).reshape(1, 3, 3), 2)
    array([[[2., 3.],
            [5., 6.]]])
    """

@overload
def adaptive_avg_pool2d(x: Arrays, output_size: Tensors) -> Tensor: ...
@overload
def adaptive_avg_pool2d(x: Arrays, output_size: Arrays) -> Array: ...
@overload
def add(x: Tensors, y: Arrays | Tensors) -> Tensor:
    r"""Sum, `x + y`, with broadcasting.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.add(np.array([1.0, 2.0]), 10.0)
    array([11., 12.])
    """

@overload
def add(x: Arrays, y: Tensors) -> Tensor: ...
@overload
def add(x: Arrays, y: Arrays) -> Array: ...
@overload
def arccos(x: Tensors) -> Tensor:
    r"""Inverse cosine, from 0 to π; outside [−1, 1] it is nan, and at the ends the slope is −∞.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.arccos(np.array([1.0, 0.0])).round(4)
    array([0.    , 1.5708])
    """

@overload
def arccos(x: Arrays) -> Array: ...
@overload
def arcsin(x: Tensors) -> Tensor:
    r"""Inverse sine, from −π/2 to π/2; outside [−1, 1] it is nan, and at the ends the slope is ∞.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.arcsin(np.array([0.0, 1.0])).round(4)
    array([0.    , 1.5708])
    """

@overload
def arcsin(x: Arrays) -> Array: ...
@overload
def arctan(x: Tensors) -> Tensor:
    r"""Inverse tangent, from −π/2 to π/2.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.arctan(np.array([0.0, 1.0])).round(4)
    array([0.    , 0.7854])
    """

@overload
def arctan(x: Arrays) -> Array: ...
@overload
def arctan2(y: Tensors, x: Arrays | Tensors) -> Tensor:
    r"""Angle from −π to π of the point (`x`, `y`), with broadcasting; the first argument is `y`, as in NumPy.

    At the origin the angle has no slope, and both gradients are 0, as in PyTorch.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> float(ac.arctan2(np.array(1.0), np.array(1.0))) == np.pi / 4
    True
    """

@overload
def arctan2(y: Arrays, x: Tensors) -> Tensor: ...
@overload
def arctan2(y: Arrays, x: Arrays) -> Array: ...
def argmax(x: Arrays | Tensors, axis: int | None = None, keepdims: bool = False) -> Array:
    r"""Index of the maximum along an axis, or in the flattened array: a plain array, as indices have no gradient.

    Of equal maxima, and of several nans, it is the first.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> ac.argmax(ac.Tensor([[1.0, 3.0], [5.0, 2.0]]), 1)
    array([1, 0])
    """

def argmin(x: Arrays | Tensors, axis: int | None = None, keepdims: bool = False) -> Array:
    r"""Index of the minimum along an axis, or in the flattened array: a plain array, as indices have no gradient.

    Of equal minima, and of several nans, it is the first.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.argmin(np.array([3.0, 1.0, 2.0])).item()
    1
    """

def argsort(x: Arrays | Tensors, axis: int | None = -1) -> Array:
    r"""Indices that sort along an axis, or the flattened array: a plain array, as indices have no gradient.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> ac.argsort(ac.Tensor([3.0, 1.0, 2.0]))
    array([1, 2, 0])
    """

@overload
def astype(x: Tensors, dtype: DTypeLike) -> Tensor:
    r"""Convert to another dtype; the gradient converts back.

    A cast to integers or booleans has no gradient: it ends the graph.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.astype(np.array([1.0, 2.0]), np.float32)
    array([1., 2.], dtype=float32)
    """

@overload
def astype(x: Arrays, dtype: DTypeLike) -> Array: ...
@overload
def atleast_1d(*arrays: Tensors) -> Tensor:
    r"""Each array with one axis at least; several come back as a tuple.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.atleast_1d(np.array(2.0), np.ones((2, 2)))[0]
    array([2.])
    """

@overload
def atleast_1d(*arrays: Arrays) -> Array: ...
@overload
def atleast_1d(*arrays: Any) -> Any: ...
@overload
def atleast_2d(*arrays: Tensors) -> Tensor:
    r"""Each array with two axes at least, the new ones first; several come back as a tuple.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.atleast_2d(np.array([1.0, 2.0]))
    array([[1., 2.]])
    """

@overload
def atleast_2d(*arrays: Arrays) -> Array: ...
@overload
def atleast_2d(*arrays: Any) -> Any: ...
@overload
def average(
    x: Tensors,
    axis: Axis = None,
    weights: Arrays | Tensors | None = None,
    returned: bool = False,
    keepdims: bool = False,
) -> Tensor:
    r"""Mean over `axis`, by `weights` if there are any: Σ weight · x / Σ weight.

    Parameters
    ----------
    x : array or Tensor
    axis : int or tuple of int, optional
    weights : array or Tensor, optional
        Of the shape of `x`, or with the axes that are averaged over alone.
    returned : bool
        Whether the sums of the weights come with the mean.
    keepdims : bool

    Raises
    ------
    ValueError
        If the weights do not fit.
    ZeroDivisionError
        If weights add up to 0, as in NumPy.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> float(ac.average(np.array([1.0, 4.0]), weights=np.array([3.0, 1.0])))
    1.75
    """

@overload
def average(
    x: Arrays, axis: Axis = None, weights: Arrays | None = None, returned: bool = False, keepdims: bool = False
) -> Array: ...
@overload
def avg_pool2d(
    x: Tensors,
    kernel_size: PairLike,
    stride: PairLike | None = None,
    padding: PairLike = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    r"""Mean of every window.

    Parameters
    ----------
    x : (N, C, H, W) or (C, H, W)
    kernel_size : int or pair of int
        The window, vertical and horizontal.
    stride : int or pair of int, optional
        Step of the window; by default the size of the window.
    padding : int or pair of int
        Rows and columns of zeros on every side; at most half the window.
    ceil_mode : bool
        Whether a last window may extend beyond the end, if it starts before the end of the image.
    count_include_pad : bool
        Whether the padding counts as elements. What lies beyond the padding never does.

    Returns
    -------
    (N, C, H', W'), with H' = (H + 2·padding − KH) / stride + 1, rounded down, or up with `ceil_mode`, and W'
    likewise

    Raises
    ------
    ValueError
        If the window is larger than the padded images.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.avg_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 3, stride=1)
    array([[[[ 5.,  6.],
             [ 9., 10.]]]])
    """

@overload
def avg_pool2d(
    x: Arrays,
    kernel_size: PairLike,
    stride: PairLike | None = None,
    padding: PairLike = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Array: ...
@overload
def batch_norm(
    x: Tensors,
    running_mean: Arrays | Tensors,
    running_var: Arrays | Tensors,
    weight: Arrays | Tensors | None = None,
    bias: Arrays | Tensors | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-05,
) -> Tensor:
    r"""Normalize each channel over the batch (Ioffe and Szegedy, 2015), then scale and shift it.

    Training normalizes with the mean and the biased variance of the batch, and updates the running statistics in place:
    running += momentum · (batch − running), with the unbiased variance, as in PyTorch. Evaluation normalizes with the
    running statistics. They are constants, as in PyTorch: a running statistic never gets a gradient.

    Parameters
    ----------
    x : (N, C) or (N, C, …)
    running_mean, running_var : (C,), array or Tensor
        Updated in place in training, where both may be None. They keep their dtype; the result has the dtype of `x`.
    weight, bias : (C,), optional
        Scale and shift of each channel.
    training : bool
        Whether to use the statistics of the batch.
    momentum : float
        Weight of the batch in the running statistics, from 0 to 1.
    eps : float
        Added to the variance.

    Raises
    ------
    ValueError
        If the shapes do not fit, an option is out of range, evaluation has no running statistics, or training has
        only one value for each channel, whose variance is 0.
    TypeError
        If a running statistic is not a floating point array or Tensor.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> x = np.array([[1.0], [3.0]])
    >>> running_mean, running_var = np.zeros(1), np.ones(1)
    >>> ac.batch_norm(x, running_mean, running_var, training=True).round(3)
    array([[-1.],
           [ 1.]])
    >>> running_mean, running_var
    (array([0.2]), array([1.1]))
    """

@overload
def batch_norm(
    x: Arrays,
    running_mean: Tensors,
    running_var: Arrays | Tensors,
    weight: Arrays | Tensors | None = None,
    bias: Arrays | Tensors | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-05,
) -> Tensor: ...
@overload
def batch_norm(
    x: Arrays,
    running_mean: Arrays,
    running_var: Tensors,
    weight: Arrays | Tensors | None = None,
    bias: Arrays | Tensors | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-05,
) -> Tensor: ...
@overload
def batch_norm(
    x: Arrays,
    running_mean: Arrays,
    running_var: Arrays,
    weight: Tensors,
    bias: Arrays | Tensors | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-05,
) -> Tensor: ...
@overload
def batch_norm(
    x: Arrays,
    running_mean: Arrays,
    running_var: Arrays,
    weight: Arrays | None = None,
    bias: Arrays | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-05,
) -> Array: ...
@overload
def binary_cross_entropy(
    x: Tensors, target: Arrays | Tensors, weight: Arrays | Tensors | None = None, reduction: Reduction = "mean"
) -> Tensor:
    r"""Binary cross-entropy of probabilities: −target · log x − (1 − target) · log(1 − x), each element.

    A logarithm below −100 counts as −100, as in PyTorch, so that no loss is infinite. Of log-odds take
    `sigmoid_cross_entropy`, which is exact.

    Parameters
    ----------
    x : array or Tensor
        Probabilities, from 0 to 1.
    target : of the same shape
        Probabilities.
    weight : array, optional
        Weight of each element, a constant that broadcasts to the losses.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    ValueError
        If the shapes differ, `x` is no probability, the weight requires a gradient, or the reduction is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> round(float(ac.binary_cross_entropy(np.array([0.5]), np.array([1.0]))), 4)
    0.6931
    """

@overload
def binary_cross_entropy(
    x: Arrays, target: Tensors, weight: Arrays | Tensors | None = None, reduction: Reduction = "mean"
) -> Tensor: ...
@overload
def binary_cross_entropy(x: Arrays, target: Arrays, weight: Tensors, reduction: Reduction = "mean") -> Tensor: ...
@overload
def binary_cross_entropy(
    x: Arrays, target: Arrays, weight: Arrays | None = None, reduction: Reduction = "mean"
) -> Array: ...
@overload
def broadcast_to(x: Tensors, shape: int | Sequence[int]) -> Tensor:
    r"""Broadcast to `shape` by NumPy's rules, without copying.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.broadcast_to(np.array([1.0, 2.0]), (2, 2))
    array([[1., 2.],
           [1., 2.]])
    """

@overload
def broadcast_to(x: Arrays, shape: int | Sequence[int]) -> Array: ...
@overload
def ceil(x: Tensors) -> Tensor:
    r"""Smallest whole number that is at least `x`; piecewise constant.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.ceil(np.array([-1.5, 1.5]))
    array([-1.,  2.])
    """

@overload
def ceil(x: Arrays) -> Array: ...
@overload
def clip(x: Tensors, min: Arrays | Tensors | None = None, max: Arrays | Tensors | None = None) -> Tensor:
    r"""`x` limited to the range from `min` to `max`.

    The bounds are numbers or arrays; either may be None. The slope is 1 for `x` from bound to bound, both included, and
    0 outside, where it is 1 for the bound that is taken. Where `x` or a bound is nan, the result is nan and the slope
    0. Where `min` is greater than `max`, the result is `max`.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.clip(np.array([-3.0, 0.5, np.inf, np.nan]), -1, 1)
    array([-1. ,  0.5,  1. ,  nan])
    """

@overload
def clip(x: Arrays, min: Tensors, max: Arrays | Tensors | None = None) -> Tensor: ...
@overload
def clip(x: Arrays, min: Arrays | None = None, max: Arrays | None = None) -> Array: ...
@overload
def concatenate(arrays: Sequence[Tensor], axis: int = 0) -> Tensor:
    r"""Join arrays or Tensors along an existing axis; their other axes have the same lengths.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.concatenate([np.array([1.0]), np.array([2.0, 3.0])])
    array([1., 2., 3.])
    """

@overload
def concatenate(arrays: Sequence[Array], axis: int = 0) -> Array: ...
@overload
def concatenate(arrays: Any, axis: int = 0) -> Any: ...
@overload
def conv2d(
    x: Tensors,
    weight: Arrays | Tensors,
    bias: Arrays | Tensors | None = None,
    stride: PairLike = 1,
    padding: PairLike | str = 0,
    dilation: PairLike = 1,
    groups: int = 1,
) -> Tensor:
    r"""Cross-correlate images with a bank of filters, which deep learning calls convolution.

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
        Vertical and horizontal. A padding of "same" keeps H and W, at a stride of 1; of an odd number of rows or
        columns the last comes at the end. "valid" is none.
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

@overload
def conv2d(
    x: Arrays,
    weight: Tensors,
    bias: Arrays | Tensors | None = None,
    stride: PairLike = 1,
    padding: PairLike | str = 0,
    dilation: PairLike = 1,
    groups: int = 1,
) -> Tensor: ...
@overload
def conv2d(
    x: Arrays,
    weight: Arrays,
    bias: Tensors,
    stride: PairLike = 1,
    padding: PairLike | str = 0,
    dilation: PairLike = 1,
    groups: int = 1,
) -> Tensor: ...
@overload
def conv2d(
    x: Arrays,
    weight: Arrays,
    bias: Arrays | None = None,
    stride: PairLike = 1,
    padding: PairLike | str = 0,
    dilation: PairLike = 1,
    groups: int = 1,
) -> Array: ...
@overload
def conv_transpose2d(
    x: Tensors,
    weight: Arrays | Tensors,
    bias: Arrays | Tensors | None = None,
    stride: PairLike = 1,
    padding: PairLike = 0,
    output_padding: PairLike = 0,
    groups: int = 1,
    dilation: PairLike = 1,
) -> Tensor:
    r"""Transposed convolution: the gradient of a convolution with respect to its input, as an op of its own.

    Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016, chapter 4.

    Parameters
    ----------
    x : (N, C, H, W) or (C, H, W)
    weight : (C, F / groups, KH, KW)
    bias : (F,), optional
    stride, padding, dilation : int or pair of int
        Those of the convolution that this is the transpose of.
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

@overload
def conv_transpose2d(
    x: Arrays,
    weight: Tensors,
    bias: Arrays | Tensors | None = None,
    stride: PairLike = 1,
    padding: PairLike = 0,
    output_padding: PairLike = 0,
    groups: int = 1,
    dilation: PairLike = 1,
) -> Tensor: ...
@overload
def conv_transpose2d(
    x: Arrays,
    weight: Arrays,
    bias: Tensors,
    stride: PairLike = 1,
    padding: PairLike = 0,
    output_padding: PairLike = 0,
    groups: int = 1,
    dilation: PairLike = 1,
) -> Tensor: ...
@overload
def conv_transpose2d(
    x: Arrays,
    weight: Arrays,
    bias: Arrays | None = None,
    stride: PairLike = 1,
    padding: PairLike = 0,
    output_padding: PairLike = 0,
    groups: int = 1,
    dilation: PairLike = 1,
) -> Array: ...
@overload
def cos(x: Tensors) -> Tensor:
    r"""Cosine.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.cos(np.array([0.0, np.pi]))
    array([ 1., -1.])
    """

@overload
def cos(x: Arrays) -> Array: ...
@overload
def cosh(x: Tensors) -> Tensor:
    r"""Hyperbolic cosine.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.cosh(np.array([0.0, 1.0])).round(4)
    array([1.    , 1.5431])
    """

@overload
def cosh(x: Arrays) -> Array: ...
@overload
def cumprod(x: Tensors, axis: int | None = None) -> Tensor:
    r"""Running product along an axis, or of the flattened array; the slopes are right with zeros too.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.cumprod(np.array([1.0, 2.0, 3.0]))
    array([1., 2., 6.])
    """

@overload
def cumprod(x: Arrays, axis: int | None = None) -> Array: ...
@overload
def cumsum(x: Tensors, axis: int | None = None) -> Tensor:
    r"""Running sum along an axis, or of the flattened array.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.cumsum(np.array([1.0, 2.0, 3.0]))
    array([1., 3., 6.])
    """

@overload
def cumsum(x: Arrays, axis: int | None = None) -> Array: ...
@overload
def diag(x: Tensors, k: int = 0) -> Tensor:
    r"""The `k`-th diagonal of a matrix, or a matrix with a vector on its `k`-th diagonal and zeros elsewhere.

    Raises
    ------
    ValueError
        If `x` has neither one axis nor two.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.diag(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([1., 4.])
    >>> ac.diag(np.array([1.0, 2.0]))
    array([[1., 0.],
           [0., 2.]])
    """

@overload
def diag(x: Arrays, k: int = 0) -> Array: ...
@overload
def diff(
    x: Tensors,
    n: int = 1,
    axis: int = -1,
    prepend: Arrays | Tensors | None = None,
    append: Arrays | Tensors | None = None,
) -> Tensor:
    r"""Differences of neighbours along an axis, taken `n` times.

    Parameters
    ----------
    x : array or Tensor
    n : int
        0 leaves `x` as it is.
    axis : int
    prepend, append : number, array or Tensor, optional
        What is joined to `x` along the axis first; a number stands at each place of the other axes.

    Raises
    ------
    ValueError
        If `n` is negative, or `x` has no axis.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.diff(np.array([1.0, 4.0, 9.0]))
    array([3., 5.])
    """

@overload
def diff(
    x: Arrays, n: int = 1, axis: int = -1, prepend: Arrays | None = None, append: Arrays | None = None
) -> Array: ...
@overload
def divide(x: Tensors, y: Arrays | Tensors) -> Tensor:
    r"""Quotient, `x / y`, with broadcasting.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.divide(np.array([1.0, 2.0]), 4.0)
    array([0.25, 0.5 ])
    """

@overload
def divide(x: Arrays, y: Tensors) -> Tensor: ...
@overload
def divide(x: Arrays, y: Arrays) -> Array: ...
@overload
def dot(x: Tensors, y: Arrays | Tensors) -> Tensor:
    r"""Dot product as NumPy has it.

    Of vectors it is their inner product, of matrices the matrix product, of a number and an array their product; else
    the sum goes over the last axis of `x` and the last but one of `y`, or its only one.

    Raises
    ------
    ValueError
        If the axes that are summed over differ in length.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> float(ac.dot(np.array([1.0, 2.0]), np.array([3.0, 4.0])))
    11.0
    """

@overload
def dot(x: Arrays, y: Tensors) -> Tensor: ...
@overload
def dot(x: Arrays, y: Arrays) -> Array: ...
@overload
def dropout(x: Tensors, p: float, training: bool, rng: np.random.Generator | None = None) -> Tensor:
    r"""Set each element to zero with probability `p` and divide the rest by 1 − `p`; in evaluation, do nothing.

    Srivastava and others, 2014, in the "inverted" form, which keeps the expected value.

    Parameters
    ----------
    x : array or Tensor
    p : float
        Probability, from 0 to 1 inclusive.
    training : bool
        Whether to drop elements; otherwise `x` is returned unchanged.
    rng : numpy.random.Generator
        Draws the mask; required in training.

    Raises
    ------
    ValueError
        If `p` is not a probability.
    TypeError
        If `p` is not a number, or training has no generator.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.dropout(np.ones(6), 0.5, training=True, rng=np.random.default_rng(0))
    array([2., 2., 2., 0., 0., 0.])
    """

@overload
def dropout(x: Arrays, p: float, training: bool, rng: np.random.Generator | None = None) -> Array: ...
@overload
def einsum(subscripts: str, *operands: Tensors) -> Tensor:
    r"""Sum of products over named axes, in Einstein's notation as in NumPy.

    Parameters
    ----------
    subscripts : str
        Such as ``"ij,jk->ik"``. Ellipses, repeated letters and an implicit output are supported.
    *operands : arrays or Tensors

    Raises
    ------
    ValueError
        If the subscripts do not fit the operands.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.einsum("ij,j->i", np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, 10.0]))
    array([21., 43.])
    """

@overload
def einsum(subscripts: str, *operands: Arrays) -> Array: ...
@overload
def einsum(subscripts: str, *operands: Any) -> Any: ...
@overload
def elu(x: Tensors, alpha: float = 1.0) -> Tensor:
    r"""Exponential linear unit: `x` where it is positive, else alpha · (exp(x) − 1).

    Clevert, Unterthiner and Hochreiter, "Fast and accurate deep network learning by exponential linear units",
    2016. The slope at 0 is `alpha`.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.elu(np.array([-1.0, 0.0, 2.0])).round(3)
    array([-0.632,  0.   ,  2.   ])
    """

@overload
def elu(x: Arrays, alpha: float = 1.0) -> Array: ...
@overload
def equal(x: Tensors, y: Arrays | Tensors) -> Tensor:
    r"""Whether `x == y`, element by element, with broadcasting.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.equal(np.array([1.0, 2.0, 3.0]), 2.0)
    array([False,  True, False])
    """

@overload
def equal(x: Arrays, y: Tensors) -> Tensor: ...
@overload
def equal(x: Arrays, y: Arrays) -> Array: ...
@overload
def erf(x: Tensors) -> Tensor:
    r"""Error function, 2/√π · ∫ exp(−t²) dt from 0 to `x`.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.erf(np.array([-1.0, 0.5, 1.0])).round(4)
    array([-0.8427,  0.5205,  0.8427])
    """

@overload
def erf(x: Arrays) -> Array: ...
@overload
def exp(x: Tensors) -> Tensor:
    r"""Exponential.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.exp(np.array([0.0, 1.0])).round(4)
    array([1.    , 2.7183])
    """

@overload
def exp(x: Arrays) -> Array: ...
@overload
def expand_dims(x: Tensors, axis: int | tuple[int, ...]) -> Tensor:
    r"""Insert axes of length one, at the given positions in the result.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.expand_dims(np.zeros(3), (0, 2)).shape
    (1, 3, 1)
    """

@overload
def expand_dims(x: Arrays, axis: int | tuple[int, ...]) -> Array: ...
@overload
def expm1(x: Tensors) -> Tensor:
    r"""exp(x) − 1, exact for small `x`.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.expm1(np.array([0.0, 1e-20]))
    array([0.e+00, 1.e-20])
    """

@overload
def expm1(x: Arrays) -> Array: ...
@overload
def flatten(x: Tensors, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    r"""Flatten the axes from `start_dim` to `end_dim`, both included, into one.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.flatten(np.zeros((32, 16, 5, 5)), 1).shape
    (32, 400)
    """

@overload
def flatten(x: Arrays, start_dim: int = 0, end_dim: int = -1) -> Array: ...
@overload
def flip(x: Tensors, axis: int | tuple[int, ...] | None = None) -> Tensor:
    r"""Reverse the order along an axis, or several; by default along all.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.flip(np.array([1.0, 2.0, 3.0]))
    array([3., 2., 1.])
    """

@overload
def flip(x: Arrays, axis: int | tuple[int, ...] | None = None) -> Array: ...
@overload
def floor(x: Tensors) -> Tensor:
    r"""Largest whole number that is at most `x`; piecewise constant.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.floor(np.array([-1.5, 1.5]))
    array([-2.,  1.])
    """

@overload
def floor(x: Arrays) -> Array: ...
@overload
def floor_divide(x: Tensors, y: Arrays | Tensors) -> Tensor:
    r"""Quotient rounded down, `x // y`, with broadcasting; piecewise constant.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.floor_divide(np.array([7.0, -7.0]), 2.0)
    array([ 3., -4.])
    """

@overload
def floor_divide(x: Arrays, y: Tensors) -> Tensor: ...
@overload
def floor_divide(x: Arrays, y: Arrays) -> Array: ...
@overload
def gelu(x: Tensors, approximate: Literal["none", "tanh"] = "none") -> Tensor:
    r"""Gaussian error linear unit, x · Φ(x), with Φ the normal distribution function.

    Hendrycks and Gimpel, "Gaussian error linear units", 2016.

    Parameters
    ----------
    x : array or Tensor
    approximate : {"none", "tanh"}
        With "tanh", Φ(x) is approximated by ½·(1 + tanh(√(2/π)·(x + 0.044715·x³))).

    Raises
    ------
    ValueError
        If `approximate` is anything else.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.gelu(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.1587,  0.    ,  0.8413])
    """

@overload
def gelu(x: Arrays, approximate: Literal["none", "tanh"] = "none") -> Array: ...
@overload
def getitem(x: Tensors, index: Any) -> Tensor:
    r"""Index as in NumPy, `x[index]`: basic, integer-array and boolean indices.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.getitem(np.array([1.0, 2.0, 3.0]), [0, 2])
    array([1., 3.])
    """

@overload
def getitem(x: Arrays, index: Any) -> Array: ...
@overload
def global_avg_pool2d(x: Tensors) -> Tensor:
    r"""Mean of every channel of every image: (N, C, H, W) to (N, C).

    Lin, Chen and Yan, "Network in network", 2014, section 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.global_avg_pool2d(np.arange(8.0).reshape(1, 2, 2, 2))
    array([[1.5, 5.5]])
    """

@overload
def global_avg_pool2d(x: Arrays) -> Array: ...
@overload
def greater(x: Tensors, y: Arrays | Tensors) -> Tensor:
    r"""Whether `x > y`, element by element, with broadcasting.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.greater(np.array([1.0, 2.0, 3.0]), 2.0)
    array([False, False,  True])
    """

@overload
def greater(x: Arrays, y: Tensors) -> Tensor: ...
@overload
def greater(x: Arrays, y: Arrays) -> Array: ...
@overload
def greater_equal(x: Tensors, y: Arrays | Tensors) -> Tensor:
    r"""Whether `x >= y`, element by element, with broadcasting.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.greater_equal(np.array([1.0, 2.0, 3.0]), 2.0)
    array([False,  True,  True])
    """

@overload
def greater_equal(x: Arrays, y: Tensors) -> Tensor: ...
@overload
def greater_equal(x: Arrays, y: Arrays) -> Array: ...
@overload
def group_norm(
    x: Tensors,
    num_groups: int,
    weight: Arrays | Tensors | None = None,
    bias: Arrays | Tensors | None = None,
    eps: float = 1e-05,
) -> Tensor:
    r"""Normalize each example over groups of channels (Wu and He, 2018), then scale and shift each channel.

    Parameters
    ----------
    x : (N, C, …)
    num_groups : int
        Number of groups; it must divide C.
    weight, bias : (C,), optional
        Scale and shift of each channel.
    eps : float
        Added to the variance.

    Raises
    ------
    ValueError
        If the shapes do not fit, or `num_groups` does not divide the number of channels.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.group_norm(np.array([[1.0, 3.0, 10.0, 30.0]]), 2).round(3)
    array([[-1.,  1., -1.,  1.]])
    """

@overload
def group_norm(
    x: Arrays, num_groups: int, weight: Tensors, bias: Arrays | Tensors | None = None, eps: float = 1e-05
) -> Tensor: ...
@overload
def group_norm(
    x: Arrays, num_groups: int, weight: Arrays | None = None, bias: Arrays | None = None, eps: float = 1e-05
) -> Array: ...
@overload
def hstack(arrays: Sequence[Tensor]) -> Tensor:
    r"""Join along the second axis, or arrays of one axis along that.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.hstack([np.array([1.0, 2.0]), 3.0])
    array([1., 2., 3.])
    """

@overload
def hstack(arrays: Sequence[Array]) -> Array: ...
@overload
def hstack(arrays: Any) -> Any: ...
@overload
def inner(x: Tensors, y: Arrays | Tensors) -> Tensor:
    r"""Sum of products over the last axis of both; of a number and an array their product.

    Raises
    ------
    ValueError
        If the last axes differ in length.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.inner(np.eye(2), np.array([3.0, 4.0]))
    array([3., 4.])
    """

@overload
def inner(x: Arrays, y: Tensors) -> Tensor: ...
@overload
def inner(x: Arrays, y: Arrays) -> Array: ...
@overload
def l1_loss(x: Tensors, target: Arrays | Tensors, reduction: Reduction = "mean") -> Tensor:
    r"""Mean absolute error, |x − target|, element by element; the slope at 0 is 0.

    Raises
    ------
    ValueError
        If the shapes differ, or the reduction is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> float(ac.l1_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    1.0
    """

@overload
def l1_loss(x: Arrays, target: Tensors, reduction: Reduction = "mean") -> Tensor: ...
@overload
def l1_loss(x: Arrays, target: Arrays, reduction: Reduction = "mean") -> Array: ...
@overload
def layer_norm(
    x: Tensors,
    normalized_shape: int | tuple[int, ...],
    weight: Arrays | Tensors | None = None,
    bias: Arrays | Tensors | None = None,
    eps: float = 1e-05,
) -> Tensor:
    r"""Normalize each example over its last axes (Ba, Kiros and Hinton, 2016), then scale and shift.

    Parameters
    ----------
    x : (…, *normalized_shape)
    normalized_shape : int or tuple of int
        Lengths of the last axes.
    weight, bias : of shape `normalized_shape`, optional
        Scale and shift of each element.
    eps : float
        Added to the variance.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.layer_norm(np.array([[1.0, 3.0], [10.0, 30.0]]), 2).round(3)
    array([[-1.,  1.],
           [-1.,  1.]])
    """

@overload
def layer_norm(
    x: Arrays,
    normalized_shape: int | tuple[int, ...],
    weight: Tensors,
    bias: Arrays | Tensors | None = None,
    eps: float = 1e-05,
) -> Tensor: ...
@overload
def layer_norm(
    x: Arrays,
    normalized_shape: int | tuple[int, ...],
    weight: Arrays | None = None,
    bias: Arrays | None = None,
    eps: float = 1e-05,
) -> Array: ...
@overload
def leaky_relu(x: Tensors, negative_slope: float = 0.01) -> Tensor:
    r"""`x` where it is positive, else `negative_slope` · x; the slope at 0 is `negative_slope`.

    Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network acoustic models", 2013.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.leaky_relu(np.array([-1.0, 0.0, 2.0]), 0.1)
    array([-0.1,  0. ,  2. ])
    """

@overload
def leaky_relu(x: Arrays, negative_slope: float = 0.01) -> Array: ...
@overload
def less(x: Tensors, y: Arrays | Tensors) -> Tensor:
    r"""Whether `x < y`, element by element, with broadcasting.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.less(np.array([1.0, 2.0, 3.0]), 2.0)
    array([ True, False, False])
    """

@overload
def less(x: Arrays, y: Tensors) -> Tensor: ...
@overload
def less(x: Arrays, y: Arrays) -> Array: ...
@overload
def less_equal(x: Tensors, y: Arrays | Tensors) -> Tensor:
    r"""Whether `x <= y`, element by element, with broadcasting.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.less_equal(np.array([1.0, 2.0, 3.0]), 2.0)
    array([ True,  True, False])
    """

@overload
def less_equal(x: Arrays, y: Tensors) -> Tensor: ...
@overload
def less_equal(x: Arrays, y: Arrays) -> Array: ...
@overload
def linear(x: Tensors, weight: Arrays | Tensors, bias: Arrays | Tensors | None = None) -> Tensor:
    r"""Affine map of the last axis, `x @ weight.T + bias`.

    Parameters
    ----------
    x : (..., in)
    weight : (out, in)
    bias : (out,), optional

    Returns
    -------
    (..., out)

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.linear(np.ones((2, 3)), np.ones((4, 3)), np.zeros(4)).shape
    (2, 4)
    """

@overload
def linear(x: Arrays, weight: Tensors, bias: Arrays | Tensors | None = None) -> Tensor: ...
@overload
def linear(x: Arrays, weight: Arrays, bias: Tensors) -> Tensor: ...
@overload
def linear(x: Arrays, weight: Arrays, bias: Arrays | None = None) -> Array: ...
@overload
def log(x: Tensors) -> Tensor:
    r"""Natural logarithm.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.log(np.array([1.0, 10.0])).round(4)
    array([0.    , 2.3026])
    """

@overload
def log(x: Arrays) -> Array: ...
@overload
def log10(x: Tensors) -> Tensor:
    r"""Logarithm to the base 10.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.log10(np.array([1.0, 1000.0])).round(4)
    array([0., 3.])
    """

@overload
def log10(x: Arrays) -> Array: ...
@overload
def log1p(x: Tensors) -> Tensor:
    r"""log(1 + x), exact for small `x`.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.log1p(np.array([0.0, 1e-20]))
    array([0.e+00, 1.e-20])
    """

@overload
def log1p(x: Arrays) -> Array: ...
@overload
def log2(x: Tensors) -> Tensor:
    r"""Logarithm to the base 2.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.log2(np.array([1.0, 8.0]))
    array([0., 3.])
    """

@overload
def log2(x: Arrays) -> Array: ...
@overload
def log_softmax(x: Tensors, axis: int = -1) -> Tensor:
    r"""Logarithm of the softmax along `axis`, accurate even where the softmax itself underflows to 0.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.log_softmax(np.array([1000.0, 0.0]))
    array([    0., -1000.])
    """

@overload
def log_softmax(x: Arrays, axis: int = -1) -> Array: ...
@overload
def logaddexp(x: Tensors, y: Arrays | Tensors) -> Tensor:
    r"""log(exp(x) + exp(y)) without overflow, with broadcasting.

    Each slope is the share of that operand in the sum. Two equal infinities share the
    gradient evenly, where PyTorch has nan.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.logaddexp(np.array([1000.0]), np.array([1000.0])).round(4)
    array([1000.6931])
    """

@overload
def logaddexp(x: Arrays, y: Tensors) -> Tensor: ...
@overload
def logaddexp(x: Arrays, y: Arrays) -> Array: ...
@overload
def logsumexp(x: Tensors, axis: Axis = None, keepdims: bool = False) -> Tensor:
    r"""Logarithm of the sum of exponentials over `axis`, without overflow.

    The maximum is subtracted first, so that the largest exponential is 1. The result for no elements, and for −∞ alone,
    is −∞; its slope there is 0, where PyTorch has nan.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.logsumexp(np.array([[1000.0, 1000.0], [-np.inf, 0.0]]), 1).round(4)
    array([1000.6931,    0.    ])
    """

@overload
def logsumexp(x: Arrays, axis: Axis = None, keepdims: bool = False) -> Array: ...
@overload
def matmul(x: Tensors, y: Arrays | Tensors) -> Tensor:
    r"""Matrix product, `x @ y`, as in NumPy: vectors are rows or columns, leading axes broadcast.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.matmul(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, 10.0]))
    array([21., 43.])
    """

@overload
def matmul(x: Arrays, y: Tensors) -> Tensor: ...
@overload
def matmul(x: Arrays, y: Arrays) -> Array: ...
@overload
def max(x: Tensors, axis: Axis = None, keepdims: bool = False) -> Tensor:
    r"""Maximum over `axis`, by default over all axes; nan if an element is nan.

    Of equal maxima, and of several nans, the first gets the gradient. Without an axis, PyTorch shares it equally.

    Raises
    ------
    ValueError
        If there is no element to choose from.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.max(np.array([[1.0, 3.0], [2.0, np.nan]]), 1)
    array([ 3., nan])
    """

@overload
def max(x: Arrays, axis: Axis = None, keepdims: bool = False) -> Array: ...
@overload
def max_pool2d(
    x: Tensors,
    kernel_size: PairLike,
    stride: PairLike | None = None,
    padding: PairLike = 0,
    dilation: PairLike = 1,
    ceil_mode: bool = False,
) -> Tensor:
    r"""Maximum of every window. Of equal maxima the first, row by row, gets the gradient.

    As in PyTorch, a nan is the maximum of its window, and the last nan in a window gets the gradient. Integers and
    booleans keep their dtype.

    Parameters
    ----------
    x : (N, C, H, W) or (C, H, W)
    kernel_size : int or pair of int
        The window, vertical and horizontal.
    stride : int or pair of int, optional
        Step of the window; by default the size of the window.
    padding : int or pair of int
        Rows and columns of −inf on every side; at most half the window. The maximum of a window of padding alone is
        −inf, without a gradient; for integers, which have no −inf, such a window is an error.
    dilation : int or pair of int
        Distance between the elements of a window.
    ceil_mode : bool
        Whether a last window may extend beyond the end, if it starts before the end of the image.

    Returns
    -------
    (N, C, H', W'), with H' = (H + 2·padding − dilation·(KH − 1) − 1) / stride + 1, rounded down, or up with
    `ceil_mode`, and W' likewise

    Raises
    ------
    ValueError
        If the window is larger than the padded images, or if a window over integers contains only padding.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """

@overload
def max_pool2d(
    x: Arrays,
    kernel_size: PairLike,
    stride: PairLike | None = None,
    padding: PairLike = 0,
    dilation: PairLike = 1,
    ceil_mode: bool = False,
) -> Array: ...
@overload
def maximum(x: Tensors, y: Arrays | Tensors) -> Tensor:
    r"""The larger of `x` and `y`, with broadcasting; nan where either is nan.

    Where they are equal each gets half the gradient; where either is nan each gets all of it, as in PyTorch.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.maximum(np.array([1.0, np.nan]), 2.0)
    array([ 2., nan])
    """

@overload
def maximum(x: Arrays, y: Tensors) -> Tensor: ...
@overload
def maximum(x: Arrays, y: Arrays) -> Array: ...
@overload
def mean(x: Tensors, axis: Axis = None, keepdims: bool = False) -> Tensor:
    r"""Mean of the elements over `axis`, by default over all axes. The mean of no elements is nan, and NumPy warns.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.mean(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    array([2., 3.])
    """

@overload
def mean(x: Arrays, axis: Axis = None, keepdims: bool = False) -> Array: ...
@overload
def min(x: Tensors, axis: Axis = None, keepdims: bool = False) -> Tensor:
    r"""Minimum over `axis`, by default over all axes; nan if an element is nan.

    Of equal minima, and of several nans, the first gets the gradient. Without an axis, PyTorch shares it equally.

    Raises
    ------
    ValueError
        If there is no element to choose from.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.min(np.array([[1.0, 3.0], [2.0, np.nan]]), 1)
    array([ 1., nan])
    """

@overload
def min(x: Arrays, axis: Axis = None, keepdims: bool = False) -> Array: ...
@overload
def minimum(x: Tensors, y: Arrays | Tensors) -> Tensor:
    r"""The smaller of `x` and `y`, with broadcasting; nan where either is nan.

    Where they are equal each gets half the gradient; where either is nan each gets all of it, as in PyTorch.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.minimum(np.array([1.0, np.nan]), 2.0)
    array([ 1., nan])
    """

@overload
def minimum(x: Arrays, y: Tensors) -> Tensor: ...
@overload
def minimum(x: Arrays, y: Arrays) -> Array: ...
@overload
def mod(x: Tensors, y: Arrays | Tensors) -> Tensor:
    r"""Remainder of `x // y`, `x % y`, with the sign of `y` and broadcasting.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.mod(np.array([7.0, -7.0]), 3.0)
    array([1., 2.])
    """

@overload
def mod(x: Arrays, y: Tensors) -> Tensor: ...
@overload
def mod(x: Arrays, y: Arrays) -> Array: ...
@overload
def moveaxis(x: Tensors, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    r"""Move axes to other places; the rest keep their order.

    Raises
    ------
    ValueError
        If there are not as many axes as places.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.moveaxis(np.zeros((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """

@overload
def moveaxis(x: Arrays, source: int | Sequence[int], destination: int | Sequence[int]) -> Array: ...
@overload
def mse_loss(x: Tensors, target: Arrays | Tensors, reduction: Reduction = "mean") -> Tensor:
    r"""Squared error, (x − target)², by default its mean over all elements.

    Raises
    ------
    ValueError
        If the shapes differ, or the reduction is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> float(ac.mse_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    2.0
    """

@overload
def mse_loss(x: Arrays, target: Tensors, reduction: Reduction = "mean") -> Tensor: ...
@overload
def mse_loss(x: Arrays, target: Arrays, reduction: Reduction = "mean") -> Array: ...
@overload
def multiply(x: Tensors, y: Arrays | Tensors) -> Tensor:
    r"""Product, `x * y`, with broadcasting.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.multiply(np.array([1.0, 2.0]), np.array([[1.0], [10.0]]))
    array([[ 1.,  2.],
           [10., 20.]])
    """

@overload
def multiply(x: Arrays, y: Tensors) -> Tensor: ...
@overload
def multiply(x: Arrays, y: Arrays) -> Array: ...
@overload
def negative(x: Tensors) -> Tensor:
    r"""Change of sign, `-x`.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.negative(np.array([1.0, -2.0]))
    array([-1.,  2.])
    """

@overload
def negative(x: Arrays) -> Array: ...
@overload
def nll_loss(
    log_probs: Tensors,
    targets: Arrays | Tensors,
    weight: Arrays | Tensors | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
) -> Tensor:
    r"""Negative log-likelihood: −weight[y] · log_probs[y] for the class y of every example.

    The cost of a weight of 0 is 0 whatever the log-probability is; PyTorch returns nan for an infinite one.

    Parameters
    ----------
    log_probs : (N, C), (N, C, d1, …) or (C,)
        Log-probabilities, such as those from `log_softmax` along the classes.
    targets : (N,), (N, d1, …) or () int
        Class indices, 0 … C − 1.
    weight : (C,), optional
        Weight of every class, a constant.
    ignore_index : int
        Examples with this class index are ignored.
    reduction : {"mean", "sum", "none"}
        How the losses are combined. The mean is weighted by `weight` and leaves out ignored examples.

    Returns
    -------
    scalar, or for "none" one loss for each example

    Raises
    ------
    ValueError, TypeError
        As in `softmax_cross_entropy`.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> round(float(ac.nll_loss(np.log([[0.25, 0.75]]), np.array([1]))), 4)
    0.2877
    """

@overload
def nll_loss(
    log_probs: Arrays,
    targets: Tensors,
    weight: Arrays | Tensors | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
) -> Tensor: ...
@overload
def nll_loss(
    log_probs: Arrays, targets: Arrays, weight: Tensors, ignore_index: int = -100, reduction: Reduction = "mean"
) -> Tensor: ...
@overload
def nll_loss(
    log_probs: Arrays,
    targets: Arrays,
    weight: Arrays | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
) -> Array: ...
@overload
def not_equal(x: Tensors, y: Arrays | Tensors) -> Tensor:
    r"""Whether `x != y`, element by element, with broadcasting.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.not_equal(np.array([1.0, 2.0, 3.0]), 2.0)
    array([ True, False,  True])
    """

@overload
def not_equal(x: Arrays, y: Tensors) -> Tensor: ...
@overload
def not_equal(x: Arrays, y: Arrays) -> Array: ...
@overload
def outer(x: Tensors, y: Arrays | Tensors) -> Tensor:
    r"""Products of each element of `x` with each of `y`: (x.size, y.size).

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.outer(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    array([[3., 4.],
           [6., 8.]])
    """

@overload
def outer(x: Arrays, y: Tensors) -> Tensor: ...
@overload
def outer(x: Arrays, y: Arrays) -> Array: ...
@overload
def pad(x: Tensors, pad_width: Any, mode: str = "constant", constant_values: Arrays | Tensors = 0) -> Tensor:
    r"""Surround with a constant, or with elements of `x` itself.

    Parameters
    ----------
    x : array or Tensor
    pad_width : int, pair of int, or a pair an axis
        As NumPy takes it: how many before and after.
    mode : {"constant", "edge", "reflect", "symmetric", "wrap"}
        As NumPy has them: `constant_values`; the last element; a mirror at the last element, and one behind it; the
        other end. An element counts in the gradient as often as it stands in the result.
    constant_values : number

    Raises
    ------
    ValueError
        If the mode is another, or `x` is of integers or booleans, which do not hold the constant.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.pad(np.array([1.0, 2.0, 3.0]), (1, 2), "reflect")
    array([2., 1., 2., 3., 2., 1.])
    """

@overload
def pad(x: Arrays, pad_width: Any, mode: str = "constant", constant_values: Arrays = 0) -> Array: ...
@overload
def pixel_shuffle(x: Tensors, upscale_factor: int) -> Tensor:
    r"""Make r × r pixels of every r² channels: (…, C · r², H, W) to (…, C, H · r, W · r).

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

@overload
def pixel_shuffle(x: Arrays, upscale_factor: int) -> Array: ...
@overload
def power(x: Tensors, y: Arrays | Tensors) -> Tensor:
    r"""Power, `x ** y`, with broadcasting.

    As in PyTorch, the derivative with respect to `x` is 0 where `y` is 0, whatever `x` is. Where `x` is 0, the
    derivative with respect to `y` is −∞ for a negative `y`, and 0 otherwise.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> x = ac.Tensor(np.array([np.inf, np.nan, 0.0, 2.0]), requires_grad=True)
    >>> (x**0).sum().backward()
    >>> x.grad
    array([0., 0., 0., 0.])
    """

@overload
def power(x: Arrays, y: Tensors) -> Tensor: ...
@overload
def power(x: Arrays, y: Arrays) -> Array: ...
@overload
def prod(x: Tensors, axis: Axis = None, keepdims: bool = False) -> Tensor:
    r"""Product of the elements over `axis` (all of them by default); of nothing it is 1.

    The slope in an element is the product of all others: with one zero among them that element alone has a slope,
    with two none has.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> x = ac.Tensor(np.array([2.0, 0.0, 4.0]), requires_grad=True)
    >>> ac.prod(x).backward()
    >>> x.grad
    array([0., 8., 0.])
    """

@overload
def prod(x: Arrays, axis: Axis = None, keepdims: bool = False) -> Array: ...
@overload
def ravel(x: Tensors) -> Tensor:
    r"""All elements along one axis, in C order.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.ravel(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([1., 2., 3., 4.])
    """

@overload
def ravel(x: Arrays) -> Array: ...
@overload
def reciprocal(x: Tensors) -> Tensor:
    r"""Reciprocal, `1 / x`; of integers it is floating point, where NumPy's is an integer.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.reciprocal(np.array([2.0, 4.0]))
    array([0.5 , 0.25])
    """

@overload
def reciprocal(x: Arrays) -> Array: ...
@overload
def relu(x: Tensors) -> Tensor:
    r"""Rectified linear unit, max(x, 0). The slope is 0 at 0, and 1 at nan as in PyTorch.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.relu(np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 2.])
    """

@overload
def relu(x: Arrays) -> Array: ...
@overload
def repeat(x: Tensors, repeats: Arrays | Tensors, axis: int | None = None) -> Tensor:
    r"""Each element so many times in a row, along an axis or in the flattened array.

    Parameters
    ----------
    x : array or Tensor
    repeats : int or array of int
        One number for all, or one for each place along the axis.
    axis : int, optional

    Raises
    ------
    ValueError
        If there are not as many numbers as places, or one is negative.
    TypeError
        If they are no integers.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.repeat(np.array([1.0, 2.0]), 2)
    array([1., 1., 2., 2.])
    """

@overload
def repeat(x: Arrays, repeats: Tensors, axis: int | None = None) -> Tensor: ...
@overload
def repeat(x: Arrays, repeats: Arrays, axis: int | None = None) -> Array: ...
@overload
def reshape(x: Tensors, shape: int | Sequence[int]) -> Tensor:
    r"""Return the same elements, in C order, in another shape; one length may be −1.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.reshape(np.arange(6.0), (2, -1))
    array([[0., 1., 2.],
           [3., 4., 5.]])
    """

@overload
def reshape(x: Arrays, shape: int | Sequence[int]) -> Array: ...
@overload
def roll(x: Tensors, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Tensor:
    r"""Move the elements along an axis, or several, and let those that leave at one end enter at the other.

    Without an axis the flattened array is rolled, and keeps its shape.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.roll(np.array([1.0, 2.0, 3.0]), 1)
    array([3., 1., 2.])
    """

@overload
def roll(x: Arrays, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Array: ...
@overload
def round(x: Tensors, decimals: int = 0) -> Tensor:
    r"""`x` rounded to a number of decimals, halves to even; piecewise constant.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.round(np.array([0.5, 1.5, 1.25]))
    array([0., 2., 1.])
    """

@overload
def round(x: Arrays, decimals: int = 0) -> Array: ...
@overload
def setitem(x: Tensors, index: Any, value: Arrays | Tensors) -> Tensor:
    r"""Return a copy of `x` with `value` at `index`, which must not select an element twice.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.setitem(np.zeros(3), 1, 5.0)
    array([0., 5., 0.])
    """

@overload
def setitem(x: Arrays, index: Any, value: Tensors) -> Tensor: ...
@overload
def setitem(x: Arrays, index: Any, value: Arrays) -> Array: ...
@overload
def sigmoid(x: Tensors) -> Tensor:
    r"""Logistic function, 1 / (1 + exp(−x)), accurate in both tails.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """

@overload
def sigmoid(x: Arrays) -> Array: ...
@overload
def sigmoid_cross_entropy(logits: Tensors, targets: Arrays | Tensors, reduction: Reduction = "mean") -> Tensor:
    r"""Binary cross-entropy of the sigmoid of `logits`: −t · log σ(z) − (1 − t) · log(1 − σ(z)) for each element.

    It is computed as (1 − t)·z + softplus(−z), which never overflows.

    Parameters
    ----------
    logits : array or Tensor
        Unnormalized log-odds, z.
    targets : array or Tensor of the same shape
        Probabilities, t, from 0 to 1.
    reduction : {"mean", "sum", "none"}
        How the losses are combined.

    Raises
    ------
    ValueError
        If the shapes differ, or the reduction is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> round(float(ac.sigmoid_cross_entropy(np.array([0.0]), np.array([1.0]))), 4)
    0.6931
    """

@overload
def sigmoid_cross_entropy(logits: Arrays, targets: Tensors, reduction: Reduction = "mean") -> Tensor: ...
@overload
def sigmoid_cross_entropy(logits: Arrays, targets: Arrays, reduction: Reduction = "mean") -> Array: ...
@overload
def sign(x: Tensors) -> Tensor:
    r"""Sign: −1, 0 or 1; nan for nan, as in NumPy (PyTorch has 0). Piecewise constant.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.sign(np.array([-2.0, 0.0, np.nan]))
    array([-1.,  0., nan])
    """

@overload
def sign(x: Arrays) -> Array: ...
@overload
def silu(x: Tensors) -> Tensor:
    r"""Sigmoid linear unit, x · sigmoid(x), also known as swish; Elfwing, Uchibe and Doya, 2018.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.silu(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.2689,  0.    ,  0.7311])
    """

@overload
def silu(x: Arrays) -> Array: ...
@overload
def sin(x: Tensors) -> Tensor:
    r"""Sine.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.sin(np.array([0.0, np.pi / 2]))
    array([0., 1.])
    """

@overload
def sin(x: Arrays) -> Array: ...
@overload
def sinh(x: Tensors) -> Tensor:
    r"""Hyperbolic sine.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.sinh(np.array([0.0, 1.0])).round(4)
    array([0.    , 1.1752])
    """

@overload
def sinh(x: Arrays) -> Array: ...
@overload
def smooth_l1_loss(x: Tensors, target: Arrays | Tensors, reduction: Reduction = "mean", beta: float = 1.0) -> Tensor:
    r"""½ · d² / beta for errors d = |x − target| below `beta`, else d − ½ · beta.

    Girshick, "Fast R-CNN", 2015, equation 3, with `beta` for 1. With a `beta` of 0 it is `l1_loss`.

    Raises
    ------
    ValueError
        If the shapes differ, `beta` is negative, or the reduction is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.smooth_l1_loss(np.array([0.5, 3.0]), np.zeros(2), "none")
    array([0.125, 2.5  ])
    """

@overload
def smooth_l1_loss(x: Arrays, target: Tensors, reduction: Reduction = "mean", beta: float = 1.0) -> Tensor: ...
@overload
def smooth_l1_loss(x: Arrays, target: Arrays, reduction: Reduction = "mean", beta: float = 1.0) -> Array: ...
@overload
def softmax(x: Tensors, axis: int = -1) -> Tensor:
    r"""Exponentials divided by their sum along `axis`; the maximum is subtracted first, so nothing overflows.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.softmax(np.array([[0.0, 0.0], [1000.0, 0.0]]))
    array([[0.5, 0.5],
           [1. , 0. ]])
    """

@overload
def softmax(x: Arrays, axis: int = -1) -> Array: ...
@overload
def softmax_cross_entropy(
    logits: Tensors,
    targets: Arrays | Tensors,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
    ignore_index: int = -100,
    weight: Arrays | Tensors | None = None,
) -> Tensor:
    r"""Cross-entropy between the softmax of `logits` and class labels, or probabilities.

    For an example of class y it is −weight[y] · log softmax(logits)[y]. Softmax and logarithm are computed together, so
    that even a very small probability has a finite cost. The cost of a target or a weight of 0 is 0 whatever the logit
    is; PyTorch returns nan for an infinite one.

    Parameters
    ----------
    logits : (N, C), (N, C, d1, …) or (C,)
        Unnormalized log-probability of each class.
    targets : int of shape (N,), (N, d1, …) or (); or float, of the shape of `logits`
        Class indices, 0 … C − 1, or the probability of every class.
    reduction : {"mean", "sum", "none"}
        How the losses are combined. With class indices, the mean is weighted by `weight` and leaves out ignored
        examples.
    label_smoothing : float
        The share of the target, from 0 to 1, that is spread evenly over all classes (Szegedy and others, 2016,
        section 7).
    ignore_index : int
        Examples with this class index are ignored.
    weight : (C,), optional
        Weight of every class, a constant.

    Returns
    -------
    scalar, or for "none" one loss for each example: (N,), (N, d1, …) or ()

    Raises
    ------
    ValueError
        If the shapes do not fit, if a label, an option or a weight is out of range, or if the weight requires a
        gradient.
    TypeError
        If the targets are neither class indices nor probabilities, or if an option has the wrong type.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> logits = ac.Tensor([[0.0, 0.0], [0.0, 0.0]], requires_grad=True)
    >>> loss = ac.softmax_cross_entropy(logits, np.array([0, 1]))
    >>> round(loss.item(), 4)
    0.6931
    >>> loss.backward()
    >>> logits.grad
    array([[-0.25,  0.25],
           [ 0.25, -0.25]], dtype=float32)
    """

@overload
def softmax_cross_entropy(
    logits: Arrays,
    targets: Tensors,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
    ignore_index: int = -100,
    weight: Arrays | Tensors | None = None,
) -> Tensor: ...
@overload
def softmax_cross_entropy(
    logits: Arrays,
    targets: Arrays,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
    ignore_index: int = -100,
    weight: Arrays | None = None,
) -> Array: ...
@overload
def softplus(x: Tensors) -> Tensor:
    r"""Smooth relu, log(1 + exp(x)), accurate in both tails.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.softplus(np.array([-1000.0, 0.0, 1000.0])).round(4)
    array([0.000e+00, 6.931e-01, 1.000e+03])
    """

@overload
def softplus(x: Arrays) -> Array: ...
@overload
def sort(x: Tensors, axis: int | None = -1) -> Tensor:
    r"""Elements in ascending order along an axis, or of the flattened array; nan comes last.

    Equal elements keep their order, so each has the gradient of its own place, as in PyTorch's stable sort.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> x = ac.Tensor(np.array([3.0, 1.0, 2.0]), requires_grad=True)
    >>> ac.sort(x).backward(np.array([10.0, 20.0, 30.0]))
    >>> x.grad
    array([30., 10., 20.])
    """

@overload
def sort(x: Arrays, axis: int | None = -1) -> Array: ...
@overload
def split(x: Tensors, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    r"""Split along an axis, into a number of equal parts or before the given indices, as NumPy does.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.split(np.arange(4.0), 2)
    [array([0., 1.]), array([2., 3.])]
    """

@overload
def split(x: Arrays, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Array]: ...
@overload
def sqrt(x: Tensors) -> Tensor:
    r"""Square root.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.sqrt(np.array([4.0, 9.0]))
    array([2., 3.])
    """

@overload
def sqrt(x: Arrays) -> Array: ...
@overload
def square(x: Tensors) -> Tensor:
    r"""Square, `x * x`.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.square(np.array([2.0, -3.0]))
    array([4., 9.])
    """

@overload
def square(x: Arrays) -> Array: ...
@overload
def squeeze(x: Tensors, axis: int | tuple[int, ...] | None = None) -> Tensor:
    r"""Remove the axes of length one, or only the given ones.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.squeeze(np.zeros((1, 3, 1)), axis=0).shape
    (3, 1)
    """

@overload
def squeeze(x: Arrays, axis: int | tuple[int, ...] | None = None) -> Array: ...
@overload
def stack(arrays: Sequence[Tensor], axis: int = 0) -> Tensor:
    r"""Join arrays or Tensors of the same shape along a new axis.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.stack([np.array([1.0, 2.0]), np.array([3.0, 4.0])], axis=1)
    array([[1., 3.],
           [2., 4.]])
    """

@overload
def stack(arrays: Sequence[Array], axis: int = 0) -> Array: ...
@overload
def stack(arrays: Any, axis: int = 0) -> Any: ...
@overload
def std(x: Tensors, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Tensor:
    r"""Standard deviation over `axis`, the square root of `var`; where it is 0 the slope is 0, as in PyTorch.

    Raises
    ------
    ValueError
        If there are not more than `ddof` values, where NumPy warns and gives nan.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> float(ac.std(np.array([1.0, 3.0])))
    1.0
    """

@overload
def std(x: Arrays, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Array: ...
@overload
def subtract(x: Tensors, y: Arrays | Tensors) -> Tensor:
    r"""Difference, `x - y`, with broadcasting.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.subtract(np.array([1.0, 2.0]), 10.0)
    array([-9., -8.])
    """

@overload
def subtract(x: Arrays, y: Tensors) -> Tensor: ...
@overload
def subtract(x: Arrays, y: Arrays) -> Array: ...
@overload
def sum(x: Tensors, axis: Axis = None, keepdims: bool = False) -> Tensor:
    r"""Sum of the elements over `axis`, by default over all axes.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.sum(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    array([4., 6.])
    """

@overload
def sum(x: Arrays, axis: Axis = None, keepdims: bool = False) -> Array: ...
@overload
def swapaxes(x: Tensors, axis1: int, axis2: int) -> Tensor:
    r"""Exchange two axes.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.swapaxes(np.ones((2, 3, 4)), 0, 2).shape
    (4, 3, 2)
    """

@overload
def swapaxes(x: Arrays, axis1: int, axis2: int) -> Array: ...
@overload
def take(x: Tensors, indices: Any, axis: int | None = None) -> Tensor:
    r"""Take the elements at integer `indices` along an axis, or from the flattened array.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.take(np.array([[1.0, 2.0], [3.0, 4.0]]), [1, 0], axis=1)
    array([[2., 1.],
           [4., 3.]])
    """

@overload
def take(x: Arrays, indices: Any, axis: int | None = None) -> Array: ...
@overload
def tan(x: Tensors) -> Tensor:
    r"""Tangent.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.tan(np.array([0.0, np.pi / 4])).round(4)
    array([0., 1.])
    """

@overload
def tan(x: Arrays) -> Array: ...
@overload
def tanh(x: Tensors) -> Tensor:
    r"""Hyperbolic tangent.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.tanh(np.array([-1000.0, 0.0, 1.0])).round(4)
    array([-1.    ,  0.    ,  0.7616])
    """

@overload
def tanh(x: Arrays) -> Array: ...
@overload
def tensordot(x: Tensors, y: Arrays | Tensors, axes: int | Sequence[Any] = 2) -> Tensor:
    r"""Sum of products over some axes of each: the rest of `x`'s, then the rest of `y`'s stay.

    Parameters
    ----------
    x, y : array or Tensor
    axes : int, or a pair of ints or of sequences of int
        How many of the last axes of `x` go with as many of the first of `y`; or which axes of each.

    Raises
    ------
    ValueError
        If the axes that go together differ in number or in length.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.tensordot(np.ones((2, 3, 4)), np.ones((4, 3, 5)), ([1, 2], [1, 0])).shape
    (2, 5)
    """

@overload
def tensordot(x: Arrays, y: Tensors, axes: int | Sequence[Any] = 2) -> Tensor: ...
@overload
def tensordot(x: Arrays, y: Arrays, axes: int | Sequence[Any] = 2) -> Array: ...
@overload
def tile(x: Tensors, reps: int | Sequence[int]) -> Tensor:
    r"""The whole array so many times along each axis, as NumPy has it: the last number is for the last axis.

    Raises
    ------
    ValueError
        If a number is negative.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.tile(np.array([1.0, 2.0]), (2, 2))
    array([[1., 2., 1., 2.],
           [1., 2., 1., 2.]])
    """

@overload
def tile(x: Arrays, reps: int | Sequence[int]) -> Array: ...
@overload
def trace(x: Tensors, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    r"""Sum along a diagonal of the matrices that two axes make.

    Raises
    ------
    ValueError
        If `x` has fewer than two axes.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> float(ac.trace(np.array([[1.0, 2.0], [3.0, 4.0]])))
    5.0
    """

@overload
def trace(x: Arrays, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array: ...
@overload
def transpose(x: Tensors, axes: Sequence[int] | None = None) -> Tensor:
    r"""Permute the axes; without `axes`, reverse them.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.transpose(np.zeros((2, 3, 4)), (2, 0, 1)).shape
    (4, 2, 3)
    """

@overload
def transpose(x: Arrays, axes: Sequence[int] | None = None) -> Array: ...
@overload
def tril(x: Tensors, k: int = 0) -> Tensor:
    r"""Lower triangle of matrices (…, rows, columns): what is above the `k`-th diagonal becomes 0.

    Raises
    ------
    ValueError
        If `x` has fewer than two axes.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.tril(np.ones((2, 2)))
    array([[1., 0.],
           [1., 1.]])
    """

@overload
def tril(x: Arrays, k: int = 0) -> Array: ...
@overload
def triu(x: Tensors, k: int = 0) -> Tensor:
    r"""Upper triangle of matrices (…, rows, columns): what is below the `k`-th diagonal becomes 0.

    Raises
    ------
    ValueError
        If `x` has fewer than two axes.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.triu(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([[1., 2.],
           [0., 4.]])
    """

@overload
def triu(x: Arrays, k: int = 0) -> Array: ...
@overload
def trunc(x: Tensors) -> Tensor:
    r"""`x` rounded towards zero; piecewise constant.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.trunc(np.array([-1.5, 1.5]))
    array([-1.,  1.])
    """

@overload
def trunc(x: Arrays) -> Array: ...
@overload
def upsample_nearest(
    x: Tensors, size: Arrays | Tensors | None = None, scale_factor: Arrays | Tensors | None = None
) -> Tensor:
    r"""Enlarge images by repeating the nearest pixel up and left, as PyTorch's function of that name.

    Parameters
    ----------
    x : (N, C, H, W) or (C, H, W)
    size : int or pair of int, optional
        Rows and columns of the result.
    scale_factor : number or pair of numbers, optional
        How many times as many as `x` has, rounded down. Either this or `size` is given.

    Raises
    ------
    ValueError
        If `x` is no image, or not one of the two is given.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.upsample_nearest(np.array([[[1.0, 2.0]]]), scale_factor=2)
    array([[[1., 1., 2., 2.],
            [1., 1., 2., 2.]]])
    """

@overload
def upsample_nearest(x: Arrays, size: Tensors, scale_factor: Arrays | Tensors | None = None) -> Tensor: ...
@overload
def upsample_nearest(x: Arrays, size: Arrays | None = None, scale_factor: Arrays | None = None) -> Array: ...
@overload
def var(x: Tensors, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Tensor:
    r"""Variance over `axis`: the sum of squared distances from the mean, divided by n − `ddof`.

    Raises
    ------
    ValueError
        If there are not more than `ddof` values; NumPy warns and returns nan.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> float(ac.var(np.array([1.0, 3.0]))), float(ac.var(np.array([1.0, 3.0]), ddof=1))
    (1.0, 2.0)
    """

@overload
def var(x: Arrays, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Array: ...
@overload
def vstack(arrays: Sequence[Tensor]) -> Tensor:
    r"""Join along the first axis; arrays of one axis are rows.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.vstack([np.array([1.0, 2.0]), np.array([3.0, 4.0])])
    array([[1., 2.],
           [3., 4.]])
    """

@overload
def vstack(arrays: Sequence[Array]) -> Array: ...
@overload
def vstack(arrays: Any) -> Any: ...
@overload
def where(condition: Tensors, x: Arrays | Tensors, y: Arrays | Tensors) -> Tensor:
    r"""`x` where `condition` is true, else `y`, with broadcasting.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.where(np.array([True, False]), 1.0, np.array([10.0, 20.0]))
    array([ 1., 20.])
    """

@overload
def where(condition: Arrays, x: Tensors, y: Arrays | Tensors) -> Tensor: ...
@overload
def where(condition: Arrays, x: Arrays, y: Tensors) -> Tensor: ...
@overload
def where(condition: Arrays, x: Arrays, y: Arrays) -> Array: ...

__all__ = [
    "abs",
    "adaptive_avg_pool2d",
    "add",
    "arccos",
    "arcsin",
    "arctan",
    "arctan2",
    "argmax",
    "argmin",
    "argsort",
    "astype",
    "atleast_1d",
    "atleast_2d",
    "average",
    "avg_pool2d",
    "batch_norm",
    "binary_cross_entropy",
    "broadcast_to",
    "ceil",
    "clip",
    "concatenate",
    "conv2d",
    "conv_transpose2d",
    "cos",
    "cosh",
    "cumprod",
    "cumsum",
    "diag",
    "diff",
    "divide",
    "dot",
    "dropout",
    "einsum",
    "elu",
    "equal",
    "erf",
    "exp",
    "expand_dims",
    "expm1",
    "flatten",
    "flip",
    "floor",
    "floor_divide",
    "gelu",
    "getitem",
    "global_avg_pool2d",
    "greater",
    "greater_equal",
    "group_norm",
    "hstack",
    "inner",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "less",
    "less_equal",
    "linear",
    "log",
    "log10",
    "log1p",
    "log2",
    "log_softmax",
    "logaddexp",
    "logsumexp",
    "matmul",
    "max",
    "max_pool2d",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mod",
    "moveaxis",
    "mse_loss",
    "multiply",
    "negative",
    "nll_loss",
    "not_equal",
    "outer",
    "pad",
    "pixel_shuffle",
    "power",
    "prod",
    "ravel",
    "reciprocal",
    "relu",
    "repeat",
    "reshape",
    "roll",
    "round",
    "setitem",
    "sigmoid",
    "sigmoid_cross_entropy",
    "sign",
    "silu",
    "sin",
    "sinh",
    "smooth_l1_loss",
    "softmax",
    "softmax_cross_entropy",
    "softplus",
    "sort",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "subtract",
    "sum",
    "swapaxes",
    "take",
    "tan",
    "tanh",
    "tensordot",
    "tile",
    "trace",
    "transpose",
    "tril",
    "triu",
    "trunc",
    "upsample_nearest",
    "var",
    "vstack",
    "where",
]
