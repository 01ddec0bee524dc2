"""A multilayer perceptron with one hidden layer, of relu units by default."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from autograd_cnn import ops
from autograd_cnn.models import features
from autograd_cnn.nn.initialization import he, normal, zeros
from autograd_cnn.tensor import Tensor

INPUT_SHAPE = (1, 28, 28)


def init(
    rng: np.random.Generator | int,
    *,
    num_classes: int = 10,
    in_channels: int = 1,
    image_size: int | tuple[int, int] = (28, 28),
    hidden: int = 300,
    std: float | None = None,
) -> dict[str, Tensor]:
    """Draw initial parameters: He weights, or normal weights of standard deviation `std`; zero biases.

    `rng` may be a seed. `image_size` is the height and width of the images.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_cnn.models import mlp
    >>> {name: p.shape for name, p in mlp.init(np.random.default_rng(0), hidden=100).items()}
    {'fc1.weight': (100, 784), 'fc1.bias': (100,), 'fc2.weight': (10, 100), 'fc2.bias': (10,)}
    """
    inputs = in_channels * features.count("mlp", image_size, lambda length: length)
    rng = np.random.default_rng(rng)
    draw: Callable[..., Tensor] = he if std is None else functools.partial(normal, std=std)
    return {
        "fc1.weight": draw(rng, (hidden, inputs)),
        "fc1.bias": zeros(hidden),
        "fc2.weight": draw(rng, (num_classes, hidden)),
        "fc2.bias": zeros(num_classes),
    }


def apply(
    params: Mapping[str, Tensor],
    x: Any,
    *,
    training: bool = False,
    rng: np.random.Generator | None = None,
    activation: Callable[[Any], Any] = ops.relu,
) -> Tensor:
    """Return the logits (N, num_classes) of images (N, C, H, W). Training and evaluation are the same.

    `activation` is the activation of the hidden units. The classic network, from before relu and He's weights, is
    ``functools.partial(mlp.apply, activation=ac.sigmoid)`` with ``mlp.init(rng, std=1.0)``.

    Examples
    --------
    >>> import functools
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> from autograd_cnn.models import mlp
    >>> apply = functools.partial(mlp.apply, activation=ac.sigmoid)
    >>> apply(mlp.init(np.random.default_rng(0), std=1.0), np.zeros((5, 1, 28, 28), np.float32)).shape
    (5, 10)
    """
    x = ops.flatten(x, 1)
    x = activation(ops.linear(x, params["fc1.weight"], params["fc1.bias"]))
    return ops.linear(x, params["fc2.weight"], params["fc2.bias"])
