"""Ops of images (N, C, H, W) that take a single one (C, H, W) too."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from autograd_cnn.ops.shape import expand_dims, squeeze
from autograd_cnn.primitive import operand


def of_one_image_too(op: Any) -> Any:
    """Let an op of a batch take an image without a batch: the result has no batch either."""

    @functools.wraps(op)
    def of_images(x: Any, *args: Any, **kwargs: Any) -> Any:
        if getattr(x, "ndim", 3) != 3:
            return op(x, *args, **kwargs)
        return of_one(op, x, *args, **kwargs)

    of_images.backward = getattr(op, "backward", None)  # type: ignore[attr-defined]
    return of_images


def of_one(op: Callable[..., Any], x: Any, *args: Any, **kwargs: Any) -> Any:
    """Call an op of a batch with one image, or with a list of whichever."""
    x = operand(op.__name__, "x", x)
    return op(x, *args, **kwargs) if x.ndim != 3 else squeeze(op(expand_dims(x, 0), *args, **kwargs), 0)
