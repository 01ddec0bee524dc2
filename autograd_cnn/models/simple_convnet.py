"""One convolution and two linear layers, with optional batch normalization and dropout.

K. Saitoh, "Deep Learning from Scratch", 2016, chapter 7: SimpleConvNet.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from autograd_cnn import ops
from autograd_cnn.models import features
from autograd_cnn.nn.initialization import batch_norm as batch_norm_params
from autograd_cnn.nn.initialization import he, normal, zeros
from autograd_cnn.tensor import Tensor

INPUT_SHAPE = (1, 28, 28)


def init(
    rng: np.random.Generator | int,
    *,
    num_classes: int = 10,
    in_channels: int = 1,
    image_size: int | tuple[int, int] = (28, 28),
    std: float | None = None,
    batch_norm: bool = False,
) -> dict[str, Tensor]:
    """Draw initial parameters: He weights, or normal weights of standard deviation `std`; zero biases.

    `rng` may be a seed. `image_size` is the height and width of the images. The published `std` is 0.01.
    `batch_norm` adds batch normalization after the convolution and after the first linear layer.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_cnn.models import simple_convnet
    >>> params = simple_convnet.init(np.random.default_rng(0), std=0.01)
    >>> sum(p.size for p in params.values())
    433890
    """
    maps = features.count("simple_convnet", image_size, lambda length: (length - 4) // 2)
    rng = np.random.default_rng(rng)
    draw: Callable[..., Tensor] = he if std is None else functools.partial(normal, std=std)
    params = {
        "conv1.weight": draw(rng, (30, in_channels, 5, 5)),
        "conv1.bias": zeros(30),
        "fc1.weight": draw(rng, (100, 30 * maps)),
        "fc1.bias": zeros(100),
        "fc2.weight": draw(rng, (num_classes, 100)),
        "fc2.bias": zeros(num_classes),
    }
    return params | batch_norm_params(30, "bn1.") | batch_norm_params(100, "bn2.") if batch_norm else params


def apply(
    params: Mapping[str, Tensor],
    x: Any,
    *,
    training: bool = False,
    rng: np.random.Generator | None = None,
    dropout: float = 0.0,
) -> Tensor:
    """Return the logits (N, num_classes) of images (N, C, H, W).

    If `params` has batch normalization, training normalizes with the statistics of the batch, which must then have at
    least two images, and updates the running statistics in place; evaluation normalizes with the running statistics.
    `dropout` is the probability that training drops an input of the last layer: the model with dropout is
    ``functools.partial(simple_convnet.apply, dropout=0.5)``, and needs `rng` in training.

    Examples
    --------
    >>> import functools
    >>> import numpy as np
    >>> from autograd_cnn.models import simple_convnet
    >>> rng = np.random.default_rng(0)
    >>> apply = functools.partial(simple_convnet.apply, dropout=0.5)
    >>> params = simple_convnet.init(rng, batch_norm=True)
    >>> apply(params, rng.random((5, 1, 28, 28), np.float32), training=True, rng=rng).shape
    (5, 10)
    """
    p = params
    x = ops.conv2d(x, p["conv1.weight"], p["conv1.bias"])
    if "bn1.weight" in p:
        x = ops.batch_norm(x, p["bn1.running_mean"], p["bn1.running_var"], p["bn1.weight"], p["bn1.bias"], training)
    x = ops.flatten(ops.relu(ops.max_pool2d(x, 2)), 1)
    x = ops.linear(x, p["fc1.weight"], p["fc1.bias"])
    if "bn2.weight" in p:
        x = ops.batch_norm(x, p["bn2.running_mean"], p["bn2.running_var"], p["bn2.weight"], p["bn2.bias"], training)
    x = ops.dropout(ops.relu(x), dropout, training, rng)
    return ops.linear(x, p["fc2.weight"], p["fc2.bias"])
