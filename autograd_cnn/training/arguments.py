"""What `fit` and `evaluate` accept: a model's function, and data in one of several forms."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from autograd_cnn.data import DataLoader, Dataset
from autograd_cnn.data.dataset import as_dataset

Apply = Callable[..., Any]
Loss = Callable[[Any, Any], Any]
Data = Dataset | tuple[Any, Any]


def accepted(apply: Apply, **options: Any) -> dict[str, Any]:
    """Return those of the options that a function takes as keywords; all where its signature is not known.

    Examples
    --------
    >>> accepted(lambda params, x, training=False: x, training=True, rng=None)
    {'training': True}
    """
    try:
        parameters = inspect.signature(apply).parameters.values()
    except (TypeError, ValueError):  # a function in C may have none to show
        return options
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return options
    names = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    return {name: value for name, value in options.items() if name in names}


def as_loader(data: Data | DataLoader) -> DataLoader:
    """Return a loader as it is, and a loader that shuffles a data set, in batches of 32."""
    return data if isinstance(data, DataLoader) else DataLoader(as_dataset(data), shuffle=True)
