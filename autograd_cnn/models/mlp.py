"""A multilayer perceptron with one hidden layer of relu units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autograd_cnn import ops
from autograd_cnn.initialization import he, zeros
from autograd_cnn.tensor import Tensor

INPUT_SHAPE = (1, 28, 28)


def init(rng: np.random.Generator, *, num_classes: int = 10, hidden: int = 300) -> dict[str, Tensor]:
    """Draw initial parameters: He weights, zero biases.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_cnn.models import mlp
    >>> {name: p.shape for name, p in mlp.init(np.random.default_rng(0), hidden=100).items()}
    {'fc1.weight': (100, 784), 'fc1.bias': (100,), 'fc2.weight': (10, 100), 'fc2.bias': (10,)}
    """
    return {
        "fc1.weight": he(rng, (hidden, 784)),
        "fc1.bias": zeros(hidden),
        "fc2.weight": he(rng, (num_classes, hidden)),
        "fc2.bias": zeros(num_classes),
    }


def apply(
    params: Mapping[str, Tensor], x: Any, *, training: bool = False, rng: np.random.Generator | None = None
) -> Any:
    """Give the logits (N, num_classes) of images (N, 1, 28, 28). Training and evaluation are the same."""
    x = ops.flatten(x, 1)
    x = ops.relu(ops.linear(x, params["fc1.weight"], params["fc1.bias"]))
    return ops.linear(x, params["fc2.weight"], params["fc2.bias"])
