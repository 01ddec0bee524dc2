"""Random initial weights, drawn from an explicit generator.

Weights have PyTorch's shapes, (out, in) or (F, C, KH, KW). The fan-in is the product of all axes but the first; the
fan-out is the length of the first axis times the window, KH · KW.
"""

from __future__ import annotations

import math

import numpy as np

from autograd_cnn.tensor import Tensor
from autograd_cnn.variable import Array


def _fans(shape: tuple[int, ...]) -> tuple[int, int]:
    if len(shape) < 2 or 0 in shape:
        raise ValueError(f"a weight has shape (out, in) or (F, C, KH, KW), with no axis of length 0; got shape {shape}")
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


def normal(rng: np.random.Generator, shape: tuple[int, ...], std: float) -> Tensor:
    """Draw a float32 parameter from a normal distribution of mean 0 and standard deviation `std`.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_cnn.nn import initialization
    >>> weight = initialization.normal(np.random.default_rng(0), (10, 784), std=0.01)
    >>> weight.shape, weight.requires_grad
    ((10, 784), True)
    """
    return parameter(rng.standard_normal(shape, np.float32) * std)


def he(rng: np.random.Generator, shape: tuple[int, ...]) -> Tensor:
    """Draw a weight with standard deviation √(2 / fan-in), which keeps the scale of activations through relu layers.

    He, Zhang, Ren and Sun, "Delving deep into rectifiers", 2015, equation 10.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_cnn.nn import initialization
    >>> weight = initialization.he(np.random.default_rng(0), (120, 400))
    >>> weight.shape, bool(abs(weight.data.std() - (2 / 400) ** 0.5) < 1e-3)
    ((120, 400), True)
    """
    return normal(rng, shape, math.sqrt(2 / _fans(shape)[0]))


def xavier(rng: np.random.Generator, shape: tuple[int, ...]) -> Tensor:
    """Draw a weight from the uniform distribution of variance 2 / (fan-in + fan-out), for tanh and sigmoid units.

    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010,
    equation 16.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_cnn.nn import initialization
    >>> weight = initialization.xavier(np.random.default_rng(0), (120, 400))
    >>> bool((abs(weight.data) <= (6 / 520) ** 0.5).all())
    True
    """
    bound = math.sqrt(6 / sum(_fans(shape)))
    return parameter((rng.random(shape, np.float32) * 2 - 1) * bound)


def zeros(shape: int | tuple[int, ...]) -> Tensor:
    """Make a parameter of zeros, for biases.

    Examples
    --------
    >>> from autograd_cnn.nn import initialization
    >>> initialization.zeros(2)
    Tensor([0., 0.], requires_grad=True)
    """
    return parameter(np.zeros(shape, np.float32))


def batch_norm(num_features: int, prefix: str = "") -> dict[str, Tensor]:
    """Make the parameters of batch normalization: a weight of ones, a bias of zeros, and running statistics.

    The running statistics start as mean 0 and variance 1. They are kept among the parameters so that they are saved
    with them, but they require no gradient: `ops.batch_norm` updates them in training, the optimizer does not (see
    `models.trainable`).

    Examples
    --------
    >>> from autograd_cnn.nn import initialization
    >>> {name: (p.shape, p.requires_grad) for name, p in initialization.batch_norm(6, "bn1.").items()}
    ... # doctest: +NORMALIZE_WHITESPACE
    {'bn1.weight': ((6,), True), 'bn1.bias': ((6,), True),
     'bn1.running_mean': ((6,), False), 'bn1.running_var': ((6,), False)}
    """
    return {
        f"{prefix}weight": parameter(np.ones(num_features, np.float32)),
        f"{prefix}bias": zeros(num_features),
        f"{prefix}running_mean": Tensor(np.zeros(num_features, np.float32)),
        f"{prefix}running_var": Tensor(np.ones(num_features, np.float32)),
    }


def parameter(values: Array) -> Tensor:
    """Make a Tensor that requires a gradient."""
    return Tensor(values, requires_grad=True)
