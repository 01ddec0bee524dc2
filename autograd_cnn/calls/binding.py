"""Where the arguments of a call stand, and what to record of it.

A call's values form a row, the positional ones first. Calls with the same number of positional arguments and the same
keywords share a `Plan`; if also the same inputs require a gradient, they share a `Recipe`. So an op binds its arguments
once for all such calls, and a call only picks what it needs from its row.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from autograd_cnn.calls.operands import Input
from autograd_cnn.rules import Edge, Rule

Place = int | slice
"""Where an argument stands in the row: an index, or the slice of a variadic one."""

T = TypeVar("T")

_REMEMBERED = 256  # ways of calling an op that are cached
_NO_DEFAULT = inspect.Parameter.empty


class Signature:
    """The parameters of an op's forward.

    Attributes
    ----------
    positional : list of str
        The parameters that may be given by position.
    variadic : str or None
        The one that takes any number of arrays, as `*xs`.
    defaults : dict
        The default of each but the variadic one, in the order of the signature.
    """

    def __init__(self, op: str, forward: Callable[..., Any], residuals: Sequence[str] = ()) -> None:
        parameters = inspect.signature(forward).parameters.values()
        self.positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        self.variadic = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), None)
        self.defaults = {p.name: p.default for p in parameters if p.kind is not p.VAR_POSITIONAL}
        self.names = {p.name for p in parameters}
        if more := [p.name for p in parameters if p.kind is p.VAR_KEYWORD]:
            raise TypeError(
                f"{op!r} takes **{more[0]}, and an input among those would have no gradient; name its inputs and "
                "options"
            )
        if taken := self.names & ({"grad", "out", *residuals} | ({"index"} if self.variadic else set())):
            raise TypeError(
                f"{op!r} has a parameter {taken.pop()!r}, which in a backward rule means the gradient or the value of "
                "the output, a residual, or which of the inputs the gradient is for; choose another name"
            )

    def places(self, positional: int, keywords: Sequence[str]) -> dict[str, Place]:
        """Return where each argument stands in the row of a call, given its number of positional ones and keywords."""
        places: dict[str, Place] = dict(zip(self.positional, range(positional), strict=False))
        places |= {name: positional + i for i, name in enumerate(keywords)}
        if self.variadic is not None:
            places[self.variadic] = slice(len(self.positional), positional)
        return places

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of a call by their names, those of a variadic parameter in a tuple."""
        row = (*args, *kwargs.values())
        return self.defaults | {name: row[at] for name, at in self.places(len(args), tuple(kwargs)).items()}


class BoundRule(Rule):
    """A backward rule and what its signature asks for."""

    def __init__(self, op: Op, inputs: Sequence[str], function: Callable[..., Any]) -> None:
        name = " and ".join(inputs)
        parameters = inspect.signature(function).parameters
        asked = list(parameters)
        if not asked or asked[0] != "grad":
            raise TypeError(
                f"a backward rule takes the gradient of the output first, as `grad`; the rule of "
                f"{op.name!r} for {name!r} takes {asked}"
            )
        if by_name := [p.name for p in parameters.values() if p.kind is p.KEYWORD_ONLY]:
            raise TypeError(
                f"a backward rule is called by position; that of {op.name!r} for {name!r} takes {by_name} by name alone"
            )
        self.names: list[str] = []  # inputs, options, residuals and `out`, passed as they are
        self.shapes: list[tuple[str, str]] = []  # (parameter, input): shapes alone, which keep no array alive
        for parameter in asked[1:]:
            if parameter == "out" or parameter in op.signature.names or parameter in op.residuals:
                self.names.append(parameter)
            elif parameter.removesuffix("_shape") in op.signature.names:
                self.shapes.append((parameter, parameter.removesuffix("_shape")))
            elif not (parameter == "index" and op.signature.variadic in inputs):
                raise TypeError(
                    f"the rule of {op.name!r} for {name!r} asks for {parameter!r}, which is not `out`, an "
                    f"input, an option, a residual or NAME_shape; {op.name!r} has "
                    f"{sorted([*op.signature.names, *op.residuals])}"
                )
        super().__init__(function, asked[1:], inputs if len(inputs) > 1 else ())


class Op(Protocol):
    """What binding needs to know of a primitive."""

    name: str
    signature: Signature
    differentiable: bool
    constant_in: tuple[str, ...]
    residuals: tuple[str, ...]
    rules: dict[str, BoundRule]

    def rule(self, name: str) -> BoundRule:
        """Return the rule for an input, or raise if it has none."""


class Plan(NamedTuple):
    """What calls with the same number of positional arguments and the same keywords have in common."""

    places: dict[str, Place]
    inputs: list[Input]
    promoted: list[int]
    """Places of the inputs that are promoted to one dtype."""
    others: list[Input]
    """The inputs that only select."""
    optional: set[int]
    """Places of the inputs that may be None."""
    recipes: dict[tuple[bool, ...], Recipe]
    """What to record, by which values of the row require a gradient."""


class Recipe(NamedTuple):
    """What to record of calls that share a plan and in which the same inputs require a gradient."""

    edges: list[Edge]
    wanted: list[int]
    """The place of each edge's input."""
    constants: dict[str, Any]
    """Defaults that the rules ask for, where the caller left the argument out, by name."""
    arrays: list[tuple[str, Place]]
    """The other arguments that the rules ask for."""
    shapes: list[tuple[str, Place]]
    """The arguments whose shapes they ask for."""
    residuals: bool
    """Whether they ask for a residual."""
    out: bool
    """Whether they ask for the output."""


def make_plan(op: Op, positional: int, keywords: Sequence[str]) -> Plan:
    """Work out the plan of calls with this number of positional arguments and these keywords."""
    signature = op.signature
    places = signature.places(positional, keywords)
    if not op.differentiable:
        inputs = {name: True for name, value in signature.defaults.items() if value is _NO_DEFAULT}
    else:
        inputs = {
            name: name not in op.constant_in for name in signature.names if name in op.rules or name in op.constant_in
        }
    found = sorted(Input(at, name, inputs[name]) for name in inputs for at in _indices(places.get(name, ())))
    return Plan(
        places,
        found,
        [i.at for i in found if i.promoted],
        [i for i in found if not i.promoted],
        {i.at for i in found if signature.defaults.get(i.name, _NO_DEFAULT) is None},
        {},
    )


def remember(known: dict[Any, T], key: Any, made: T) -> T:
    """Cache and return what was made for a way of calling an op; bounded, as variadic ops have any number of ways."""
    if len(known) >= _REMEMBERED:
        known.clear()
    known[key] = made
    return made


def make_recipe(op: Op, plan: Plan, wanted: tuple[bool, ...]) -> Recipe:
    """Work out what to record of a plan's calls when the `wanted` values require a gradient."""
    signature, places = op.signature, plan.places
    edges: list[Edge] = []
    sources: list[int] = []
    for name in [*signature.defaults, *([signature.variadic] if signature.variadic else [])]:
        for index, at in enumerate(_indices(places.get(name, ()))):
            if wanted[at] and name not in op.constant_in:
                edges.append(Edge(name, index if name == signature.variadic else None, op.rule(name)))
                sources.append(at)
    rules = [op.rules[name] for name in dict.fromkeys(edge.name for edge in edges)]
    names = dict.fromkeys(name for rule in rules for name in rule.names)
    shapes = dict.fromkeys(shape for rule in rules for shape in rule.shapes)
    constants = {name: signature.defaults[name] for name in names if name in signature.defaults and name not in places}
    constants |= {name: shape_of(signature.defaults[x]) for name, x in shapes if x not in places}
    return Recipe(
        edges,
        sources,
        constants,
        [(name, places[name]) for name in names if name in places],
        [(name, places[x]) for name, x in shapes if x in places],
        not names.keys().isdisjoint(op.residuals),
        "out" in names,
    )


def _indices(place: Place | tuple[()]) -> Sequence[int]:
    if isinstance(place, slice):
        return range(place.start, place.stop)
    return (place,) if isinstance(place, int) else place


def shape_of(value: Any) -> Any:
    """Return the shape of an array or, for a tuple of arrays, the tuple of their shapes."""
    return tuple(map(np.shape, value)) if isinstance(value, tuple) else np.shape(value)
