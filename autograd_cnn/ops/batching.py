"""Ops on images (N, C, H, W) that take a single image (C, H, W) too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autograd_cnn.ops.checks import operand
from autograd_cnn.ops.shape import expand_dims, squeeze


def of_images(op: Callable[..., Any], x: Any, *args: Any) -> Any:
    """Call an op on a batch; a single image is passed as a batch of one, and the batch axis removed from the result."""
    if getattr(x, "ndim", 3) != 3:
        return op(x, *args)
    x = operand(op.__name__.strip("_"), "x", x)  # a list may hold either
    return op(x, *args) if x.ndim != 3 else squeeze(op(expand_dims(x, 0), *args), 0)
