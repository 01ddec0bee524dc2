"""A minimal convolutional network: eight filters of 3×3, max-pooling, and a linear layer.

V. Zhou, "CNNs, part 1: an introduction to convolutional neural networks", 2019. A hidden layer between the pooling and
the output layer is optional.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autograd_cnn import ops
from autograd_cnn.models import features
from autograd_cnn.nn.initialization import he, zeros
from autograd_cnn.tensor import Tensor

INPUT_SHAPE = (1, 28, 28)


def init(
    rng: np.random.Generator | int,
    *,
    num_classes: int = 10,
    in_channels: int = 1,
    image_size: int | tuple[int, int] = (28, 28),
    hidden: int | None = None,
) -> dict[str, Tensor]:
    """Draw initial parameters: He weights, zero biases.

    `rng` may be a seed. `image_size` is the height and width of the images.
    `hidden`, for instance 512, adds a layer of that many relu units before the last one.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_cnn.models import conv3x3
    >>> {name: p.shape for name, p in conv3x3.init(np.random.default_rng(0)).items()}
    {'conv1.weight': (8, 1, 3, 3), 'conv1.bias': (8,), 'fc1.weight': (10, 1352), 'fc1.bias': (10,)}
    """
    inputs = 8 * features.count("conv3x3", image_size, lambda length: (length - 2) // 2)
    rng = np.random.default_rng(rng)
    params = {"conv1.weight": he(rng, (8, in_channels, 3, 3)), "conv1.bias": zeros(8)}
    widths = [inputs, num_classes] if hidden is None else [inputs, hidden, num_classes]
    for i in range(1, len(widths)):
        params[f"fc{i}.weight"] = he(rng, (widths[i], widths[i - 1]))
        params[f"fc{i}.bias"] = zeros(widths[i])
    return params


def apply(
    params: Mapping[str, Tensor], x: Any, *, training: bool = False, rng: np.random.Generator | None = None
) -> Tensor:
    """Return the logits (N, num_classes) of images (N, C, H, W). Training and evaluation are the same.

    Pixels are from 0 to 1, as for every model here; the model shifts them to −0.5 … 0.5 first. It has a hidden layer
    if `params` contains a second linear layer.
    """
    p = params
    x = ops.conv2d(ops.subtract(x, 0.5), p["conv1.weight"], p["conv1.bias"])
    x = ops.flatten(ops.max_pool2d(x, 2), 1)
    x = ops.linear(x, p["fc1.weight"], p["fc1.bias"])
    return ops.linear(ops.relu(x), p["fc2.weight"], p["fc2.bias"]) if "fc2.weight" in p else x
