"""A convolutional network with batch normalization and dropout, for MNIST beyond LeNet-5.

Two convolutions of 5×5, with 32 and 64 filters, each normalized (Ioffe and Szegedy, 2015), rectified and pooled; then
128 hidden units with dropout (Srivastava and others, 2014). It multiplies nine times as much as LeNet-5, and takes five
to six times as long to train.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autograd_cnn import ops
from autograd_cnn.initialization import batch_norm, he, zeros
from autograd_cnn.tensor import Tensor

INPUT_SHAPE = (1, 28, 28)


def init(rng: np.random.Generator, *, num_classes: int = 10) -> dict[str, Tensor]:
    """Draw initial parameters: He weights, zero biases.

    The convolutions have no bias, which normalization would take away again.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_cnn import models
    >>> params = models.convnet_bn.init(np.random.default_rng(0))
    >>> sum(p.size for p in models.trainable(params).values())
    184682
    """
    return {
        "conv1.weight": he(rng, (32, 1, 5, 5)),
        **batch_norm(32, "bn1."),
        "conv2.weight": he(rng, (64, 32, 5, 5)),
        **batch_norm(64, "bn2."),
        "fc1.weight": he(rng, (128, 1024)),
        "fc1.bias": zeros(128),
        "fc2.weight": he(rng, (num_classes, 128)),
        "fc2.bias": zeros(num_classes),
    }


def apply(
    params: Mapping[str, Tensor],
    x: Any,
    *,
    training: bool = False,
    rng: np.random.Generator | None = None,
    dropout: float = 0.5,
) -> Any:
    """Give the logits (N, num_classes) of images (N, 1, 28, 28).

    Training normalizes by the batch, moves the running statistics in `params`, and drops hidden units with the
    probability `dropout`, for which it needs `rng`. Evaluation goes by the running statistics.
    """
    p = params
    x = ops.conv2d(x, p["conv1.weight"])
    x = ops.batch_norm(x, p["bn1.weight"], p["bn1.bias"], p["bn1.running_mean"], p["bn1.running_var"], training)
    x = ops.max_pool2d(ops.relu(x), 2)
    x = ops.conv2d(x, p["conv2.weight"])
    x = ops.batch_norm(x, p["bn2.weight"], p["bn2.bias"], p["bn2.running_mean"], p["bn2.running_var"], training)
    x = ops.flatten(ops.max_pool2d(ops.relu(x), 2), 1)
    x = ops.relu(ops.linear(x, p["fc1.weight"], p["fc1.bias"]))
    x = ops.dropout(x, dropout, training, rng)
    return ops.linear(x, p["fc2.weight"], p["fc2.bias"])
