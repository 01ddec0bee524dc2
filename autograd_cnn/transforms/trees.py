"""Nested dicts, lists and tuples of arrays, as rows of leaves and back.

A list of numbers alone, nested or not, is no tree but a leaf: it stands for the array that NumPy makes of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from numbers import Number
from typing import Any


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Return every leaf with its path, as in ``['fc']['weight']``: values of dicts, lists and tuples, in order.

    Examples
    --------
    >>> list(leaves({"a": 1, "b": {"c": 2}}))
    [("['a']", 1), ("['b']['c']", 2)]
    >>> list(leaves([[1.0, 2.0], (3.0, 4.0)]))
    [('[0]', [1.0, 2.0]), ('[1][0]', 3.0), ('[1][1]', 4.0)]
    """
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from leaves(value, f"{path}[{key!r}]")
    elif _is_sequence(tree):
        for i, value in enumerate(tree):
            yield from leaves(value, f"{path}[{i}]")
    else:
        yield path, tree


def _is_sequence(tree: Any) -> bool:
    return isinstance(tree, tuple) or (isinstance(tree, list) and not _are_numbers(tree))


def _are_numbers(values: Any) -> bool:
    if isinstance(values, list):
        return bool(values) and all(map(_are_numbers, values))
    return isinstance(values, Number)


def dotted(path: str) -> str:
    """Write a path as PyTorch does the names of parameters.

    Examples
    --------
    >>> dotted("['conv1']['weight']")
    'conv1.weight'
    """
    return path[1:-1].replace("][", ".").replace("'", "")


def rebuild(tree: Any, values: Iterable[Any]) -> Any:
    """Return dicts, lists and tuples nested as in `tree`, with `values` for its leaves.

    Examples
    --------
    >>> rebuild({"a": 1, "b": {"c": 2}}, [10, 20])
    {'a': 10, 'b': {'c': 20}}
    """
    return _build(tree, iter(values))


def _build(tree: Any, values: Iterator[Any]) -> Any:
    if isinstance(tree, Mapping):
        return {key: _build(value, values) for key, value in tree.items()}
    if not _is_sequence(tree):
        return next(values)
    parts = [_build(value, values) for value in tree]
    if isinstance(tree, list):
        return parts
    return type(tree)(*parts) if hasattr(tree, "_fields") else tuple(parts)


def matching(tree: Any, other: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield every leaf of `tree` with its path and what `other` has in its place.

    Raises
    ------
    ValueError
        If the two are nested otherwise, with the path to where.
    """
    if isinstance(tree, Mapping):
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
    elif _is_sequence(tree):
        if not isinstance(other, tuple | list) or len(other) != len(tree):
            raise ValueError(f"{path} is {_kind(other)}; expected {_kind(tree)}")
        for i, value in enumerate(tree):
            yield from matching(value, other[i], f"{path}[{i}]")
    elif isinstance(other, Mapping) or _is_sequence(other):
        raise ValueError(f"{path} is {_kind(other)}; expected an array")
    else:
        yield path, tree, other


def _kind(value: Any) -> str:
    """Tell in a few words what was given."""
    if isinstance(value, Mapping):
        return f"a dict with the keys {sorted(map(str, value))}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    return "None" if value is None else f"of type {type(value).__name__}"


def _listed(what: str, keys: Iterable[Any]) -> str:
    names = ", ".join(sorted(map(repr, keys)))
    return f"{what} {names}" if names else ""
