"""Whether nobody else holds an array, so that it can be handed on without a copy."""

from __future__ import annotations

import sys
from collections.abc import Collection
from typing import Any

import numpy as np


def unshared(values: Collection[Any]) -> list[bool]:
    """Return for each value of a list or dict whether it is an array, and nothing else refers to it or its memory."""
    return [count <= _ALONE and _has_its_memory_alone(x) for count, x in zip(_references(values), values, strict=True)]


def _references(values: Collection[Any]) -> list[int]:
    return [sys.getrefcount(x) for x in values]


_ALONE = _references([np.empty(1)])[0]  # the reference count of an array that nobody else holds


def _has_its_memory_alone(x: Any) -> bool:
    """Whether a value is an array that owns its memory, or the only view of an array that does."""
    if type(x) is not np.ndarray or not x.flags.behaved:
        return False
    return x.base is None or (type(x.base) is np.ndarray and x.base.flags.owndata and _holders(x) == _ONE_VIEW)


def _holders(view: Any) -> int:
    return sys.getrefcount(view.base)


_ONE_VIEW = _holders(np.empty((1, 2)).T)  # the reference count of an array that one view holds
