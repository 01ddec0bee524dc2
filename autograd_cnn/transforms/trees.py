"""Nested dicts, lists, tuples and dataclasses of arrays: flattened to a list of leaves, and rebuilt from one.

A list of numbers only, nested or not, is not a tree but a leaf: it stands for the array that NumPy makes from it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from numbers import Number
from typing import Any

import numpy as np

from autograd_cnn.variable import Variable


def leaves(tree: Any) -> list[Any]:
    """Return every leaf, in order.

    Examples
    --------
    >>> leaves({"a": 1, "b": {"c": 2}})
    [1, 2]
    >>> leaves([[1.0, 2.0], (3.0, 4.0)])
    [[1.0, 2.0], 3.0, 4.0]
    """
    parts = _parts(tree)
    return [tree] if parts is None else [leaf for part in parts for leaf in leaves(part)]


def leaves_with_paths(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every leaf with its path, as in ``['fc']['weight']``, in order.

    Examples
    --------
    >>> list(leaves_with_paths({"a": 1, "b": {"c": 2}}))
    [("['a']", 1), ("['b']['c']", 2)]
    """
    parts = _parts(tree)
    if parts is None:
        yield path, tree
    else:
        for step, part in zip(_steps(tree), parts, strict=True):
            yield from leaves_with_paths(part, path + step)


def rebuild(tree: Any, values: Iterable[Any]) -> Any:
    """Return a tree that is nested like `tree`, with `values` as its leaves.

    Named tuples and dataclasses stay what they are; other tuples, lists and mappings become plain ones.

    Examples
    --------
    >>> rebuild({"a": 1, "b": {"c": 2}}, [10, 20])
    {'a': 10, 'b': {'c': 20}}
    """
    return _build(tree, iter(values))


def matching(tree: Any, other: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield every leaf of `tree` with its path and what `other` has in its place.

    Raises
    ------
    ValueError
        If the two are nested differently; the message names the path.
    """
    parts, others = _parts(tree), _parts(other)
    if parts is None:
        if others is not None:
            raise ValueError(f"{path} is {_kind(other)}; expected an array")
        yield path, tree, other
    elif isinstance(tree, Mapping):
        if not isinstance(other, Mapping):
            raise ValueError(f"{path} is {_kind(other)}; expected a dict with the keys {sorted(map(str, tree))}")
        if tree.keys() != other.keys():
            missing, extra = tree.keys() - other.keys(), other.keys() - tree.keys()
            raise ValueError(
                f"{path} has other keys than expected: {_listed('it lacks', missing)}{'; ' * bool(missing and extra)}"
                f"{_listed('there should be no', extra)}"
            )
        for key, value in tree.items():
            yield from matching(value, other[key], f"{path}[{key!r}]")
    else:
        if _is_dataclass(tree):
            fits = type(other) is type(tree)
        else:  # a list of numbers will do for a tuple of arrays
            others = other if isinstance(other, (tuple, list)) else None
            fits = others is not None and len(others) == len(parts)
        if not fits or others is None:
            raise ValueError(f"{path} is {_kind(other)}; expected {_kind(tree)}")
        for step, part, other_part in zip(_steps(tree), parts, others, strict=True):
            yield from matching(part, other_part, path + step)


def dotted(path: str) -> str:
    """Write a path the way PyTorch names parameters.

    Examples
    --------
    >>> dotted("['conv1']['weight']"), dotted("[0].bias")
    ('conv1.weight', '0.bias')
    """
    return ".".join(re.sub(r"^\[(.*)\]$", r"\1", step).strip("'.") for step in re.findall(r"\[.*?\]|\.\w+", path))


def _parts(tree: Any) -> Sequence[Any] | None:
    """Return the parts of a tree, or None for a leaf."""
    if isinstance(tree, (np.ndarray, Variable)):
        return None  # most leaves are; a check for Mapping takes longer
    if isinstance(tree, Mapping):
        return [*tree.values()]
    if isinstance(tree, tuple) or (isinstance(tree, list) and not _are_numbers(tree)):
        return tree
    if _is_dataclass(tree):
        return [getattr(tree, field.name) for field in dataclasses.fields(tree)]
    return None


def _steps(tree: Any) -> list[str]:
    """Return the steps of a path from a tree to its parts."""
    if isinstance(tree, Mapping):
        return [f"[{key!r}]" for key in tree]
    if isinstance(tree, (tuple, list)):
        return [f"[{i}]" for i in range(len(tree))]
    return [f".{field.name}" for field in dataclasses.fields(tree)]


def _build(tree: Any, values: Iterator[Any]) -> Any:
    parts = _parts(tree)
    if parts is None:
        return next(values)
    built = [_build(part, values) for part in parts]
    if isinstance(tree, Mapping):
        return dict(zip(tree, built, strict=True))
    if isinstance(tree, list):
        return built
    if isinstance(tree, tuple):
        return type(tree)(*built) if hasattr(tree, "_fields") else tuple(built)
    return dataclasses.replace(tree, **{f.name: x for f, x in zip(dataclasses.fields(tree), built, strict=True)})


def _is_dataclass(tree: Any) -> bool:
    return dataclasses.is_dataclass(tree) and not isinstance(tree, type)


def _are_numbers(values: Any) -> bool:
    if isinstance(values, list):
        return bool(values) and all(map(_are_numbers, values))
    return isinstance(values, Number)


def _kind(value: Any) -> str:
    """Describe a value in a few words."""
    if isinstance(value, Mapping):
        return f"a dict with the keys {sorted(map(str, value))}"
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}"
    if _is_dataclass(value):
        return f"a {type(value).__name__}"
    return "None" if value is None else f"of type {type(value).__name__}"


def _listed(what: str, keys: Iterable[Any]) -> str:
    names = ", ".join(sorted(map(repr, keys)))
    return f"{what} {names}" if names else ""
