"""Layers for `sequential`: each function here makes a pair of plain functions and takes PyTorch's arguments.

A layer is a pair of functions: ``init(rng)`` makes its parameters, ``apply(params, x, *, training=False, rng=None)``
computes its output. A function of x alone, such as `ac.relu` or ``functools.partial(ac.avg_pool2d, kernel_size=2)``, is
a layer as it stands.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, NoReturn

import numpy as np

from autograd_cnn import ops
from autograd_cnn.nn import initialization
from autograd_cnn.nn.initialization import he
from autograd_cnn.ops import checks
from autograd_cnn.output import text
from autograd_cnn.tensor import Tensor

Initializer = Callable[["np.random.Generator", tuple[int, ...]], Tensor]  # quoted: np.random is slow to import
PairLike = int | tuple[int, int]


class Layer(NamedTuple):
    """The two functions of a layer, or of a whole model.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> scale = ac.nn.Layer(lambda rng: {"factor": ac.Tensor(2.0)}, lambda params, x, **_: params["factor"] * x)
    >>> scale.apply(scale.init(np.random.default_rng(0)), np.ones(3, np.float32))
    Tensor([2., 2., 2.])
    """

    init: Callable[..., dict[str, Tensor]]
    """Return initial parameters: ``init(rng)``."""
    apply: Callable[..., Tensor]
    """Return the output: ``apply(params, x, *, training=False, rng=None)``."""

    def __call__(self, *_: Any, **__: Any) -> NoReturn:
        """Raise an error that says how a pair of functions is called."""
        raise TypeError(
            "a layer is a pair of functions: params = net.init(0) makes its parameters, and net.apply(params, x) "
            "computes its output"
        )

    def __repr__(self) -> str:
        kind, shapes, size = described(self)
        return f"<Layer {kind}: {shapes}, {text.count(size, 'value')}>" if size else f"<Layer {kind}: no parameters>"


def described(layer: Layer) -> tuple[str, str, int]:
    """Return the name of a layer, the shapes of its parameters, and the number of trainable values.

    Examples
    --------
    >>> described(linear(64, 10))
    ('linear', 'weight (10, 64), bias (10,)', 650)
    """
    try:
        params = layer.init(np.random.default_rng(0))
    except Exception:  # noqa: BLE001 -- a user's own layer may need more than a generator
        params = {}
    shapes = ", ".join(f"{name} {p.shape}" for name, p in params.items())
    return name_of(layer.apply), shapes, sum(p.size for p in params.values() if p.requires_grad)


def name_of(function: Any) -> str:
    """Return the name of a function, or of the function that made it, with the options it was given.

    Examples
    --------
    >>> name_of(max_pool2d(2)), name_of(linear(3, 4).apply), name_of(ops.relu)
    ('max_pool2d(kernel_size=(2, 2))', 'linear', 'relu')
    """
    if isinstance(function, functools.partial):
        given = [*map(repr, function.args)]
        given += [f"{k}={v!r}" for k, v in function.keywords.items() if v not in (None, 0, 1, False)]
        return f"{name_of(function.func)}({', '.join(given)})"
    name: str = getattr(function, "__qualname__", type(function).__name__)
    return name.removesuffix(".<locals>.apply").rpartition(".<locals>.")[2]


def conv2d(
    in_channels: int,
    out_channels: int,
    kernel_size: PairLike,
    stride: PairLike = 1,
    padding: PairLike = 0,
    dilation: PairLike = 1,
    groups: int = 1,
    bias: bool = True,
    *,
    init: Initializer = he,
) -> Layer:
    """Make a convolution layer, `ops.conv2d`: (N, in_channels, H, W) to (N, out_channels, H', W').

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of the images, and number of filters.
    kernel_size : int or pair of int
        Height and width of the filters.
    stride, padding, dilation, groups
        As in `ops.conv2d`.
    bias : bool
        Whether to add a bias to each channel; it starts at zero.
    init : callable
        ``init(rng, shape)`` draws the weight, as the functions of `initialization` do.

    Returns
    -------
    Layer
        Its parameters are "weight" (out_channels, in_channels / groups, KH, KW) and "bias" (out_channels,).

    Raises
    ------
    ValueError
        If a size is less than 1, or `groups` does not divide both numbers of channels.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_cnn.nn import layers
    >>> init, apply = layers.conv2d(3, 8, 5, padding=2)
    >>> params = init(np.random.default_rng(0))
    >>> params["weight"].shape, apply(params, np.ones((4, 3, 32, 32), np.float32)).shape
    ((8, 3, 5, 5), (4, 8, 32, 32))
    """
    _check_sizes("conv2d", in_channels=in_channels, out_channels=out_channels, groups=groups)
    size = checks.pair("layers.conv2d", "kernel_size", kernel_size, least=1)
    if in_channels % groups or out_channels % groups:
        raise ValueError(
            f"layers.conv2d: groups must be an int that divides {in_channels} channels and {out_channels} filters; "
            f"got {groups}"
        )
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return _weighted(ops.conv2d, (out_channels, in_channels // groups, *size), bias, init, options)


def linear(in_features: int, out_features: int, bias: bool = True, *, init: Initializer = he) -> Layer:
    """Make a linear layer, `ops.linear`: (…, in_features) to (…, out_features).

    Parameters
    ----------
    in_features, out_features : int
    bias : bool
        Whether to add a bias to each feature; it starts at zero.
    init : callable
        ``init(rng, shape)`` draws the weight, as the functions of `initialization` do.

    Returns
    -------
    Layer
        Its parameters are "weight" (out_features, in_features) and "bias" (out_features,).

    Raises
    ------
    ValueError
        If a size is not at least 1.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_cnn.nn import initialization, layers
    >>> init, apply = layers.linear(64, 10, init=initialization.xavier)
    >>> {name: p.shape for name, p in init(np.random.default_rng(0)).items()}
    {'weight': (10, 64), 'bias': (10,)}
    """
    _check_sizes("linear", in_features=in_features, out_features=out_features)
    return _weighted(ops.linear, (out_features, in_features), bias, init, {})


def batch_norm(num_features: int, momentum: float = 0.1, eps: float = 1e-5) -> Layer:
    """Make a batch normalization layer, `ops.batch_norm`, for (N, num_features) or (N, num_features, …).

    Parameters
    ----------
    num_features : int
        Channels.
    momentum : float
        Weight of each new batch in the running statistics.
    eps : float
        Added to the variance.

    Returns
    -------
    Layer
        Its parameters are "weight", "bias", "running_mean" and "running_var", each of shape (num_features,). The
        running statistics require no gradient; training updates them in place.

    Raises
    ------
    ValueError
        If `num_features` is less than 1.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_cnn.nn import layers
    >>> init, apply = layers.batch_norm(1)
    >>> params = init(np.random.default_rng(0))
    >>> apply(params, np.array([[1.0], [3.0]], np.float32), training=True).data.round(3).tolist()
    [[-1.0], [1.0]]
    >>> params["running_mean"]
    Tensor([0.2])
    """
    _check_sizes("batch_norm", num_features=num_features)

    def init(rng: np.random.Generator) -> dict[str, Tensor]:  # noqa: ARG001 -- nothing is drawn
        return initialization.batch_norm(num_features)

    def apply(params: Mapping[str, Any], x: Any, *, training: bool = False, rng: Any = None) -> Any:  # noqa: ARG001
        statistics = params["running_mean"], params["running_var"]
        return ops.batch_norm(x, *statistics, params["weight"], params["bias"], training, momentum, eps)

    return Layer(init, apply)


def dropout(p: float = 0.5) -> Layer:
    """Make a layer of `ops.dropout`, which needs `rng` in training and does nothing in evaluation.

    Parameters
    ----------
    p : float
        Probability that an element is set to zero, from 0 to 1.

    Raises
    ------
    ValueError
        If `p` is not a probability.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_cnn.nn import layers
    >>> init, apply = layers.dropout(0.5)
    >>> apply({}, np.ones(6), training=True, rng=np.random.default_rng(0))
    array([2., 2., 2., 0., 0., 0.])
    """
    if not 0 <= p <= 1:
        raise ValueError(f"layers.dropout: p must be a probability from 0 to 1; got {p}")

    def apply(
        params: Mapping[str, Any],  # noqa: ARG001 -- there are none
        x: Any,
        *,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> Any:
        return ops.dropout(x, p, training, rng)

    return Layer(no_parameters, apply)


def flatten(x: Any) -> Any:
    """Flatten all axes but the first: (N, d1, d2, …) to (N, d1 · d2 · …). It is a layer as it stands.

    `autograd_cnn.flatten`, as PyTorch's function, flattens all axes unless told where to begin.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_cnn.nn import layers
    >>> layers.flatten(np.ones((2, 16, 5, 5))).shape
    (2, 400)
    """
    return ops.flatten(x, 1)


def max_pool2d(
    kernel_size: PairLike,
    stride: PairLike | None = None,
    padding: PairLike = 0,
    dilation: PairLike = 1,
    ceil_mode: bool = False,
) -> Callable[[Any], Any]:
    """Return `ops.max_pool2d` with this window, as a function of images alone.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_cnn.nn import layers
    >>> layers.max_pool2d(2)(np.ones((1, 6, 28, 28))).shape
    (1, 6, 14, 14)
    """
    return functools.partial(
        ops.max_pool2d,
        kernel_size=checks.pair("layers.max_pool2d", "kernel_size", kernel_size, least=1),
        stride=stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
    )


def no_parameters(rng: np.random.Generator) -> dict[str, Tensor]:  # noqa: ARG001 -- nothing is drawn
    """Return no parameters: the `init` of a layer that has none."""
    return {}


def _weighted(
    op: Callable[..., Any], shape: tuple[int, ...], bias: bool, draw: Initializer, options: Mapping[str, Any]
) -> Layer:
    """Make a layer of an op that takes x, a weight of this shape, and a bias if there is one."""

    def init(rng: np.random.Generator | int) -> dict[str, Tensor]:
        params = {"weight": draw(np.random.default_rng(rng), shape)}
        return params | {"bias": initialization.zeros(shape[0])} if bias else params

    def apply(params: Mapping[str, Any], x: Any, *, training: bool = False, rng: Any = None) -> Any:  # noqa: ARG001
        return op(x, params["weight"], params["bias"] if bias else None, **options)

    apply.__qualname__ = op.__name__  # the name that the layer is shown under
    return Layer(init, apply)


def _check_sizes(layer: str, **sizes: Any) -> None:
    for name, size in sizes.items():
        if not isinstance(size, int | np.integer) or size < 1:
            raise ValueError(f"layers.{layer}: {name} must be an int of at least 1; got {size!r}")
