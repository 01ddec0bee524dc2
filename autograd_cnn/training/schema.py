"""Convert JSON from a file to dataclasses that declare what it may contain, and refuse what does not fit.

A field's annotation says what is expected: ``bool``, ``int``, ``float``, ``str``, ``None``, a dataclass, a list, tuple
or dict of these, a union, and ``Annotated[..., Where(...)]`` for a condition on top.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, NoReturn

from autograd_cnn.output.text import ShownError

_TYPES = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", type(None): "null"}
_LONGEST = 60  # characters of a value that an error shows


class SchemaError(ShownError, ValueError):
    """JSON that does not fit; the message is ``path.of.the.key: expected …, found …``.

    Examples
    --------
    >>> parse('{"a": [1, "2"]}', dict[str, list[int]])
    Traceback (most recent call last):
        ...
    autograd_cnn.training.schema.SchemaError: a[1]: expected a whole number, found "2"
    """


@dataclasses.dataclass(frozen=True)
class Where:
    """A condition on a value of an annotated type, and its wording in errors.

    Examples
    --------
    >>> Even = Annotated[int, Where("an even number", lambda n: n % 2 == 0)]
    >>> parse("4", Even)
    4
    """

    expected: str
    holds: Callable[[Any], bool]


def one_of(*names: str) -> Where:
    """Return the condition that a text is one of these.

    Examples
    --------
    >>> one_of("adam", "sgd").expected
    'one of adam, sgd'
    """
    return Where(f"one of {', '.join(names)}", lambda name: name in names)


Positive = Annotated[int, Where("a whole number of at least 1", lambda n: n >= 1)]
Count = Annotated[int, Where("a whole number of at least 0", lambda n: n >= 0)]
AboveZero = Annotated[float, Where("a number above 0", lambda x: 0 < x < math.inf)]
AtLeastZero = Annotated[float, Where("a number of at least 0", lambda x: 0 <= x < math.inf)]
Share = Annotated[float, Where("a number of at least 0 and below 1", lambda x: 0 <= x < 1)]


def parse(text: str, kind: Any, name: str = "") -> Any:
    """Return what JSON text says, as a value of a type.

    Parameters
    ----------
    text : str
        JSON.
    kind : type
        What is expected.
    name : str, optional
        What the text is called in errors.

    Raises
    ------
    SchemaError

    Examples
    --------
    >>> @dataclasses.dataclass
    ... class Settings:
    ...     epochs: Positive
    ...     augment: bool = True
    >>> parse('{"epochs": 3}', Settings)
    Settings(epochs=3, augment=True)
    >>> parse('{"epochs": 3, "augment": "no"}', Settings, "settings")
    Traceback (most recent call last):
        ...
    autograd_cnn.training.schema.SchemaError: settings.augment: expected true or false, found "no"
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:  # a number of thousands of digits is a ValueError too
        _refuse(name, f"expected JSON ({error})", text)
    return convert(value, kind, name)


def convert(value: Any, kind: Any, name: str = "") -> Any:
    """Convert plain data, as parsed from JSON, to a value of a type; `name` is the path to it.

    Raises
    ------
    SchemaError

    Examples
    --------
    >>> convert([1, 2], tuple[float, ...])
    (1.0, 2.0)
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if origin is Annotated:
        converted = convert(value, arguments[0], name)
        for condition in arguments[1:]:
            if not condition.holds(converted):
                _refuse(name, f"expected {condition.expected}", value)
        return converted
    if origin in (typing.Union, types.UnionType):
        return _either(value, arguments, name)
    if origin in (list, tuple):
        return _sequence(value, origin, arguments, name)
    if origin in (dict, Mapping):
        return {key: convert(item, arguments[1], _inside(name, key)) for key, item in _object(value, name).items()}
    if dataclasses.is_dataclass(kind):
        return _instance(value, kind, name)
    return _scalar(value, kind, name)


def _scalar(value: Any, kind: Any, name: str) -> Any:
    if kind is float and type(value) is int:
        value = float(value) if abs(value) < 2**1023 else math.inf
    if type(value) is not kind:
        _refuse(name, f"expected {_TYPES[kind]}", value)
    return value


def _either(value: Any, kinds: tuple[Any, ...], name: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    *others, last = (kind for kind in kinds if kind is not type(None))
    for kind in others:
        try:
            return convert(value, kind, name)
        except SchemaError:
            continue
    return convert(value, last, name)


def _sequence(value: Any, origin: Any, arguments: tuple[Any, ...], name: str) -> Any:
    fixed = origin is tuple and arguments[-1] is not Ellipsis
    if not isinstance(value, list) or (fixed and len(value) != len(arguments)):
        _refuse(name, f"expected a list{f' of {len(arguments)}' if fixed else ''}", value)
    kinds = arguments if fixed else (arguments[0],) * len(value)
    return origin(convert(item, kind, f"{name}[{i}]") for i, (item, kind) in enumerate(zip(value, kinds, strict=True)))


def _instance(value: Any, kind: Any, name: str) -> Any:
    given, fields = _object(value, name), _fields(kind)
    for key in given:
        if key not in fields:
            raise SchemaError(f"{_inside(name, key)}: expected one of {', '.join(fields)} instead")
    for key, (_, required) in fields.items():
        if required and key not in given:
            raise SchemaError(f"{_inside(name, key)}: is missing")
    return kind(**{key: convert(item, fields[key][0], _inside(name, key)) for key, item in given.items()})


@functools.cache
def _fields(kind: Any) -> dict[str, tuple[Any, bool]]:
    """Return the annotation of each field of a dataclass, and whether it has no default."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return {
        field.name: (
            hints[field.name],
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        )
        for field in dataclasses.fields(kind)
        if field.init
    }


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        _refuse(name, "expected an object", value)
    return value


def _inside(name: str, key: str) -> str:
    key = key if len(key) <= _LONGEST else key[: _LONGEST - 1] + "…"
    return f"{name}.{key}" if name else key


def _refuse(name: str, expected: str, value: Any) -> NoReturn:
    try:
        found = json.dumps(value, ensure_ascii=False)
    except RecursionError:
        found = "something nested too deep"
    found = found if len(found) <= _LONGEST else found[: _LONGEST - 1] + "…"
    raise SchemaError(f"{name}: {expected}, found {found}" if name else f"{expected}, found {found}")
