"""LeNet-5, in its modern form: relu and max-pooling instead of tanh and trained subsampling.

LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", 1998, section II.
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
) -> dict[str, Tensor]:
    """Draw initial parameters: He weights, zero biases.

    `rng` may be a seed. `image_size` is the height and width of the images.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_cnn.models import lenet5
    >>> params = lenet5.init(np.random.default_rng(0))
    >>> sum(p.size for p in params.values())
    61706
    >>> lenet5.init(0, in_channels=3, image_size=32)["conv1.weight"].shape
    (6, 3, 5, 5)
    """
    maps = features.count("lenet5", image_size, lambda length: (length // 2 - 4) // 2)
    rng = np.random.default_rng(rng)
    return {
        "conv1.weight": he(rng, (6, in_channels, 5, 5)),
        "conv1.bias": zeros(6),
        "conv2.weight": he(rng, (16, 6, 5, 5)),
        "conv2.bias": zeros(16),
        "fc1.weight": he(rng, (120, 16 * maps)),
        "fc1.bias": zeros(120),
        "fc2.weight": he(rng, (84, 120)),
        "fc2.bias": zeros(84),
        "fc3.weight": he(rng, (num_classes, 84)),
        "fc3.bias": zeros(num_classes),
    }


def apply(
    params: Mapping[str, Tensor], x: Any, *, training: bool = False, rng: np.random.Generator | None = None
) -> Tensor:
    """Return the logits (N, num_classes) of images (N, C, H, W). Training and evaluation are the same."""
    p = params
    # After pooling, relu has a quarter of the pixels; values and gradients are the same as in the other order.
    x = ops.relu(ops.max_pool2d(ops.conv2d(x, p["conv1.weight"], p["conv1.bias"], padding=2), 2))
    x = ops.relu(ops.max_pool2d(ops.conv2d(x, p["conv2.weight"], p["conv2.bias"]), 2))
    x = ops.flatten(x, 1)
    x = ops.relu(ops.linear(x, p["fc1.weight"], p["fc1.bias"]))
    x = ops.relu(ops.linear(x, p["fc2.weight"], p["fc2.bias"]))
    return ops.linear(x, p["fc3.weight"], p["fc3.bias"])
