"""What `fit` and `evaluate` accept: a model's function, and data in one of several forms."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_cnn.data import DataLoader, Dataset
from autograd_cnn.data.dataset import as_dataset
from autograd_cnn.variable import Array

#: Larger pixels than this were not scaled to [0, 1], standardised or not.
LARGE = 30

Apply = Callable[..., Any]
Loss = Callable[[Any, Any], Any]
Data = Dataset | tuple[Any, Any]


def accepted(apply: Apply, **options: Any) -> dict[str, Any]:
    """Return the options that a function accepts as keywords; all of them if its signature is unknown.

    Examples
    --------
    >>> accepted(lambda params, x, training=False: x, training=True, rng=None)
    {'training': True}
    """
    try:
        parameters = inspect.signature(apply).parameters.values()
    except (TypeError, ValueError):  # a function written in C may have no signature
        return options
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return options
    names = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    return {name: value for name, value in options.items() if name in names}


def as_loader(data: Data | DataLoader) -> DataLoader:
    """Return a loader unchanged, or a loader that shuffles a data set and yields batches of 32."""
    return data if isinstance(data, DataLoader) else DataLoader(as_dataset(data), shuffle=True)


def odd_pixels(images: Array) -> str | None:
    """Return what is wrong with images whose logits are not finite, and what to do; None if nothing is wrong.

    Examples
    --------
    >>> odd_pixels(np.full((2, 1, 4, 4), 200.0))
    'the pixels go from 200 to 200: divide them by 255, or pass them as uint8'
    >>> odd_pixels(np.ones((2, 1, 4, 4)))
    """
    if not images.size:
        return None
    if images.dtype.kind == "f":
        bad = np.flatnonzero(~np.isfinite(images).reshape(len(images), -1).all(1))
        if bad.size:
            return (
                f"{bad.size} of {len(images)} images have pixels that are NaN or infinite, the first at index {bad[0]} "
                "of the batch: leave such images out, or repair them with np.nan_to_num"
            )
    low, high = images.min(), images.max()
    if max(-low, high) > LARGE:
        return f"the pixels go from {low:g} to {high:g}: divide them by 255, or pass them as uint8"
    return None
