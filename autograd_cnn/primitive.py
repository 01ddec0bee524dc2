"""Primitives: NumPy functions that know their own derivatives.

An op is a plain NumPy function under `@primitive`; a backward rule is registered on it for each
differentiable input. A rule is written in operators and primitives, so that it serves arrays and Tensors
alike. Its signature says what it needs, and nothing else is kept alive between forward and backward.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, Generic, NamedTuple, ParamSpec, TypeVar, overload

import numpy as np

from autograd_cnn import kernels
from autograd_cnn.graph import Array, Edge, Node, Variable
from autograd_cnn.modes import Modes, current, switch, switch_back, unobserved
from autograd_cnn.operands import FLOAT16, FLOAT32, FLOAT64, Domain, Input, settle, short
from autograd_cnn.recording import history
from autograd_cnn.recording.call_site import machinery

machinery(__name__)

P = ParamSpec("P")
Result = TypeVar("Result")
Rule = TypeVar("Rule", bound=Callable[..., Any])

_REMEMBERED = 256  # ways of calling an op

#: Every primitive by its name, in the order of definition.
registry: dict[str, Primitive[...]] = {}


class Primitive(Generic[P]):
    """A differentiable op: a NumPy forward and, by input name, its backward rules.

    Make one with `primitive`. Called on arrays alone it is the forward itself; with a Tensor among its
    arguments it returns a Tensor, recorded if some argument requires a gradient.
    """

    def __init__(
        self,
        forward: Callable[P, Any],
        *,
        differentiable: bool = True,
        constant_in: tuple[str, ...] = (),
        domain: Domain = "any",
        numbers: bool | None = None,
        products: bool = False,
        residuals: tuple[str, ...] = (),
    ) -> None:
        functools.update_wrapper(self, forward)
        self.name: str = forward.__name__.strip("_")
        self.forward: Callable[..., Any] = forward
        self.differentiable = differentiable
        self.constant_in = constant_in
        self.domain = domain
        self.products = products
        self.residuals = residuals
        self.rules: dict[str, _Rule] = {}
        self._numbers = domain != "floating" if numbers is None else numbers
        self._plans: dict[Any, _Plan] = {}
        parameters = inspect.signature(forward).parameters.values()
        self._positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        self._variadic = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), None)
        # In the order of the signature; what has no default is always given.
        self._defaults = {p.name: p.default for p in parameters if p.kind is not p.VAR_POSITIONAL}
        self._names = {p.name for p in parameters}
        if more := [p.name for p in parameters if p.kind is p.VAR_KEYWORD]:
            raise TypeError(
                f"{self.name!r} takes **{more[0]}, and an input among those would have no gradient; name its inputs "
                "and options"
            )
        if taken := self._names & ({"grad", "out", *residuals} | ({"index"} if self._variadic else set())):
            raise TypeError(
                f"{self.name!r} has a parameter {taken.pop()!r}, which in a backward rule means the gradient or the "
                "value of the output, a residual, or which of the inputs the gradient is for; give it another name"
            )

    def __repr__(self) -> str:
        inputs = ", ".join(self.rules) or "nothing"
        return f"<primitive {self.name}{inspect.signature(self.forward)}, differentiable in {inputs}>"

    def backward(self, name: str) -> Callable[[Rule], Rule]:
        """Register the rule for the input `name`; see `primitive`."""
        if name not in self._names:
            raise ValueError(
                f"{self.name!r} has no input {name!r} to register a backward for; it has {sorted(self._names)}"
            )

        def register(function: Rule) -> Rule:
            self.rules[name] = _Rule(self, name, function)
            self._plans.clear()
            return function

        return register

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Compute the op; on arrays alone an array, else a Tensor."""
        modes = current()
        if modes.observers:
            return self._observed(modes, args, kwargs)
        values: Sequence[Any] = (*args, *kwargs.values()) if kwargs else args
        wrap = None
        for value in values:
            if isinstance(value, Variable):
                wrap = value.wrap
                break
        if wrap is None:
            if modes.settled:  # a rule's arrays have been through here
                out = self.forward(*args, **kwargs)
                return out[0] if self.residuals else out
            arrays = values
        else:
            arrays = [value._data if isinstance(value, Variable) else value for value in values]
        positional = len(args)
        key = (positional, *kwargs) if kwargs else positional
        plan = self._plans.get(key) or self._make_plan(key, positional, tuple(kwargs))
        half = False
        dtype = None
        for at in plan.promoted:
            array = arrays[at]
            if type(array) is np.ndarray:
                if array.dtype is dtype:
                    continue
                if dtype is None:
                    dtype = array.dtype
                    continue
            elif (self._numbers and (type(array) is float or type(array) is int)) or (
                array is None and at in plan.optional
            ):
                continue
            dtype = None
            break
        if (dtype is not FLOAT32 and dtype is not FLOAT64) or plan.others:
            values, arrays, half = self._settle(plan, values, arrays, dtype)
            wrap = next((value.wrap for value in values if isinstance(value, Variable)), None)
        forward = kernels.with_one_thread(self.forward) if self.products else self.forward
        try:
            if kwargs:
                out = forward(*arrays[:positional], **dict(zip(kwargs, arrays[positional:], strict=True)))
            else:
                out = forward(*arrays)
        except Exception as error:
            _explain(error, self, args, kwargs)
            raise
        residuals = ()
        if self.residuals:
            out, *residuals = out
        if type(out) is not np.ndarray:
            out = np.asarray(out)
        if half and out.dtype == FLOAT32:
            out = out.astype(FLOAT16)
        if wrap is None:
            return out
        # Only floating point has a gradient: a cast to integers ends the graph.
        if modes.recording and self.differentiable and out.dtype.kind == "f":
            wanted = tuple([isinstance(value, Variable) and value.requires_grad for value in values])
            if True in wanted:
                recipe = plan.recipes.get(wanted) or self._make_recipe(plan, positional, tuple(kwargs), wanted)
                return wrap(out, self._record(recipe, values, arrays, out, residuals))
        return wrap(out)

    def _observed(self, modes: Modes, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Compute the op, and show it to the observers; what it calls itself is part of it."""
        token = switch(unobserved(modes.recording, modes.updating, modes.transforming))
        try:
            begin = perf_counter()
            out = self(*args, **kwargs)
            end = perf_counter()
        finally:
            switch_back(token)
        event = Forward(self, args, kwargs, out, begin, end)
        for observer in modes.observers:
            observer.forward(event)
        return out

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Give the arguments of a call by their names, a variadic input's as a tuple."""
        bound = self._defaults.copy()
        bound.update(zip(self._positional, args, strict=False))
        bound.update(kwargs)
        if self._variadic is not None:
            bound[self._variadic] = args[len(self._positional) :]
        return bound

    def _record(
        self, recipe: _Recipe, values: Sequence[Any], arrays: Sequence[Any], out: Array, residuals: Sequence[Any]
    ) -> Node | None:
        """Make the node of one call, keeping what the rules of its wanted inputs name."""
        if not recipe.edges:
            return None
        kept = recipe.options.copy()
        for name, at in recipe.arrays:
            if type(at) is slice:
                kept[name] = tuple(map(_kept, values[at], arrays[at]))
            elif history.lent or not isinstance(values[at], Variable):
                kept[name] = _kept(values[at], arrays[at])
            else:
                kept[name] = arrays[at]
        for name, at in recipe.shapes:
            value = tuple(arrays[at]) if type(at) is slice else arrays[at]
            kept[name] = value.shape if isinstance(value, np.ndarray) else _shape(value)
        if recipe.residuals:
            kept.update(zip(self.residuals, residuals, strict=True))
        if recipe.out:
            kept["out"] = history.kept(out) if history.lent else out
        sources = [values[at].node or values[at] for at in recipe.wanted]
        return Node(self.name, recipe.edges, sources, kept, out)

    def _make_plan(self, key: Any, positional: int, keywords: tuple[str, ...]) -> _Plan:
        """Work out where the inputs of calls with so many positional arguments and these others stand."""
        names = [*self._positional[:positional], *[self._variadic] * (positional - len(self._positional)), *keywords]
        inputs = self._inputs()
        found = [Input(at, name, inputs[name]) for at, name in enumerate(names) if name in inputs]
        if len(self._plans) >= _REMEMBERED:  # of variadic inputs there may be any number
            self._plans.clear()
        self._plans[key] = plan = _Plan(
            found,
            [i.at for i in found if i.promoted],
            [i for i in found if not i.promoted],
            {i.at for i in found if self._defaults.get(i.name, inspect.Parameter.empty) is None},
            {},
        )
        return plan

    def _inputs(self) -> dict[str, bool]:
        """Return the names of the inputs, the rest being options, and whether each takes part in promotion."""
        if not self.differentiable:
            return {name: True for name, value in self._defaults.items() if value is inspect.Parameter.empty}
        return {
            name: name not in self.constant_in for name in self._names if name in self.rules or name in self.constant_in
        }

    def _settle(
        self, plan: _Plan, values: Sequence[Any], arrays: Sequence[Any], dtype: np.dtype[Any] | None
    ) -> tuple[Sequence[Any], Sequence[Any], bool]:
        """Make arrays to compute with of what is none yet, or of another dtype; see `operands.settle`."""
        if dtype is FLOAT32 or dtype is FLOAT64:
            for at, *_ in plan.others:  # what only selects
                if type(arrays[at]) is not np.ndarray or arrays[at].dtype not in _COMPUTED_WITH:
                    break
            else:
                return values, arrays, False
        for at, name, _ in plan.inputs:
            if values[at] is None and at not in plan.optional:
                raise _missing(self.name, name)
        if not plan.inputs:
            return values, arrays, False
        return settle(self.name, self.domain, plan.inputs, values, _stack, self._numbers)

    def _make_recipe(
        self, plan: _Plan, positional: int, keywords: tuple[str, ...], wanted: tuple[bool, ...]
    ) -> _Recipe:
        """Work out what to record of calls by a plan when these of their values require a gradient."""
        found: dict[str, int | slice] = dict(zip(self._positional, range(positional), strict=False))
        found |= {name: positional + i for i, name in enumerate(keywords)}
        if self._variadic is not None:
            found[self._variadic] = slice(len(self._positional), positional)
        edges: list[Edge] = []
        places: list[int] = []
        for name in [*self._defaults, *([] if self._variadic is None else [self._variadic])]:
            at = found.get(name)
            if name in self.constant_in or at is None:
                continue
            if isinstance(at, slice):
                among = [i for i in range(at.start, at.stop) if wanted[i]]
                edges += [Edge(name, i - at.start, self._rule(name)) for i in among]
                places += among
            elif wanted[at]:
                edges.append(Edge(name, None, self._rule(name)))
                places.append(at)
        rules = [self.rules[name] for name in dict.fromkeys(edge.name for edge in edges)]
        names = dict.fromkeys(name for rule in rules for name in rule.names)
        shapes = dict.fromkeys(shape for rule in rules for shape in rule.shapes)
        options = {name: self._defaults[name] for name in names if name in self._defaults and name not in found}
        options |= {name: _shape(self._defaults[x]) for name, x in shapes if x not in found}
        if len(plan.recipes) >= _REMEMBERED:
            plan.recipes.clear()
        plan.recipes[wanted] = recipe = _Recipe(
            edges,
            places,
            options,
            [(name, found[name]) for name in names if name in found],
            [(name, found[x]) for name, x in shapes if x in found],
            not names.keys().isdisjoint(self.residuals),
            "out" in names,
        )
        return recipe

    def _rule(self, name: str) -> _Rule:
        try:
            return self.rules[name]
        except KeyError:
            raise TypeError(
                f"{self.name!r} has no backward for its input {name!r}, which requires a gradient; register "
                f'one with @{self.name}.backward("{name}"), or pass {name}.detach()'
            ) from None


class Forward(NamedTuple):
    """What observers see of a call of an op, made from one `perf_counter` to another."""

    op: Primitive[...]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    out: Any
    begin: float
    end: float


class _Recipe(NamedTuple):
    """What to record of a call; its arguments stand in a row, the positional ones first."""

    edges: list[Edge]
    wanted: list[int]
    """Where the input of each edge stands in the row."""
    options: dict[str, Any]
    """What the rules ask for that the caller left out, by its name."""
    arrays: list[tuple[str, Any]]
    """What else they ask for, by its name, and where it stands: an index, or the slice of a variadic input."""
    shapes: list[tuple[str, Any]]
    """The same, of what they ask the shapes of."""
    residuals: bool
    """Whether they ask for any of the residuals."""
    out: bool
    """Whether they ask for the output."""


class _Plan(NamedTuple):
    """Where the inputs stand in the row of a call's values, in every call that gives as much by position and name."""

    inputs: list[Input]
    promoted: list[int]
    others: list[Input]
    optional: set[int]
    """Those that may be None."""
    recipes: dict[tuple[bool, ...], _Recipe]
    """What to record, by which of the values require a gradient."""


def _stack(*parts: Any) -> Any:
    """Join the parts of a list that Variables stand in."""
    return registry["stack"](*parts, axis=0)


def _missing(op: str, name: str) -> TypeError:
    return TypeError(f"{op}: {name} is a Tensor, an array, a number or a list of such; got None")


def named(function: Callable[P, Result]) -> Callable[P, Result]:
    """Have the errors of an op that is made of others, or of NumPy's functions, tell its name and what it was given."""

    @functools.wraps(function)
    def op(*args: P.args, **kwargs: P.kwargs) -> Result:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            _explain(error, function, args, kwargs)
            raise

    return op


def _explain(error: Exception, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Add the call to an error that does not begin with the op's name: of arrays their shapes and dtypes alone."""
    name = op.__name__.strip("_")
    if isinstance(error, RuntimeError) or str(error).startswith(f"{name}:"):
        return  # a RuntimeError is the package's own, and tells an op and its place already
    try:
        given = inspect.signature(op).bind(*args, **kwargs).arguments
    except TypeError:
        given = {str(i): value for i, value in enumerate(args)} | kwargs
    parts = []
    for parameter, value in given.items():
        values = value if isinstance(value, tuple | list) else (value,)
        if values and all(isinstance(v, Variable | np.ndarray) for v in values):
            parts.append(f"{parameter}: {', '.join(f'{v.dtype} {v.shape}' for v in values)}")
        else:
            parts.append(f"{parameter}={short(value)}")
    error.add_note(f"in {name}({', '.join(parts)})")


_COMPUTED_WITH = {np.dtype(char) for char in "efdbBhHiIlLqQ?"}


def operand(op: str, name: str, value: Any) -> Any:
    """Return what is given for an array as a Variable or an array; for ops that are made of others.

    Lists are joined and numbers become arrays, of float32 where they do not say otherwise.

    Raises
    ------
    TypeError, ValueError
        Naming `op` and its input `name`, for what is no array of real numbers.
    """
    if isinstance(value, Variable) or (type(value) is np.ndarray and value.dtype in _COMPUTED_WITH):
        return value
    if value is None:
        raise _missing(op, name)
    (found,), (array,), _ = settle(op, "any", [Input(0, name, True)], [value], _stack)
    return found if isinstance(found, Variable) else array


def _array(value: Any) -> Any:
    return value._data if isinstance(value, Variable) else value


def _kept(value: Any, array: Any) -> Any:
    """Return what a node keeps of a value, and of the array that was made of it: nothing that others may write to."""
    if isinstance(value, Variable):
        return history.kept(array) if history.lent else array
    if array is value and isinstance(value, np.ndarray | list | tuple | dict):
        return own(value)
    return array


def own(value: Any) -> Any:
    """Copy the arrays and lists in a value that came from outside."""
    if isinstance(value, np.ndarray):
        return value.copy(order="K")
    if isinstance(value, list):
        return [own(x) for x in value]
    if isinstance(value, dict):
        return {key: own(x) for key, x in value.items()}
    if type(value) is tuple and any(isinstance(x, np.ndarray | list | tuple) for x in value):
        return tuple(map(own, value))
    return value


def _shape(value: Any) -> Any:
    return tuple(map(np.shape, value)) if isinstance(value, tuple) else np.shape(value)


class _Rule:
    """A backward rule and what its signature asks for."""

    def __init__(self, op: Primitive[...], name: str, function: Callable[..., Any]) -> None:
        self.name = name
        self.function = function
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
            if parameter == "out" or parameter in op._names or parameter in op.residuals:
                self.names.append(parameter)
            elif parameter.removesuffix("_shape") in op._names:
                self.shapes.append((parameter, parameter.removesuffix("_shape")))
            elif not (parameter == "index" and name == op._variadic):
                raise TypeError(
                    f"the rule of {op.name!r} for {name!r} asks for {parameter!r}, which is not `out`, an "
                    f"input, an option, a residual or NAME_shape; {op.name!r} has "
                    f"{sorted([*op._names, *op.residuals])}"
                )
        self.asked = asked[1:]

    def __call__(self, grad: Any, kept: dict[str, Any], place: int | None) -> Any:
        """Give the gradient of the input; `place` tells which of a variadic input's arrays."""
        if place is not None:
            kept = {"index": place} | kept
        return self.function(grad, *[kept[name] for name in self.asked])


@overload
def primitive(forward: Callable[P, Any], /) -> Primitive[P]: ...


@overload
def primitive(
    *,
    differentiable: bool = True,
    constant_in: tuple[str, ...] = (),
    domain: Domain = "any",
    numbers: bool | None = None,
    products: bool = False,
    residuals: tuple[str, ...] = (),
) -> Callable[[Callable[P, Any]], Primitive[P]]: ...


def primitive(
    forward: Callable[P, Any] | None = None,
    /,
    *,
    differentiable: bool = True,
    constant_in: tuple[str, ...] = (),
    domain: Domain = "any",
    numbers: bool | None = None,
    products: bool = False,
    residuals: tuple[str, ...] = (),
) -> Primitive[P] | Callable[[Callable[P, Any]], Primitive[P]]:
    """Make an op of a NumPy function.

    Register a rule on it for each differentiable input, by the input's name. The rule's first parameter is
    `grad`, the gradient of the output; the others name what it needs, and only that is kept alive:
    `out` (the output), an input or option by its own name, a residual, or `NAME_shape` for the shape of an input alone.
    A rule may return the gradient before unbroadcasting and in another float dtype; the graph settles both.
    For a variadic input `*xs` the rule serves each array in turn and may ask for its `index`. Rules are called by
    position.

    Parameters
    ----------
    forward : callable
        Takes and returns arrays. Inputs and options are its parameters, by any name.
    differentiable : bool
        False for piecewise constant ops (a comparison, a sign): the result never requires a gradient.
    constant_in : tuple of str
        Inputs that the op is piecewise constant in: they get no gradient, and need no rule.
    domain : {"any", "real", "floating"}
        What the op computes with, and so what becomes of integers and float16 on the way in: see `operands`.
    numbers : bool, optional
        Whether the forward takes Python numbers beside arrays; else they come as arrays without axes. By default
        all do but those of floating point.
    products : bool
        Whether it multiplies matrices, and gives BLAS one thread meanwhile. In a backward pass BLAS has one anyway.
    residuals : tuple of str
        Names of what the forward returns after its result, in a tuple: constants that it has worked out, which rules
        may ask for.

    Raises
    ------
    TypeError, ValueError
        When a rule is registered that names something the forward does not have.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> @ac.primitive
    ... def cube(x):
    ...     return x * x * x
    >>> @cube.backward("x")
    ... def _(grad, x):
    ...     return grad * 3 * x * x
    >>> x = ac.Tensor([1.0, 2.0], requires_grad=True)
    >>> cube(x).backward(np.ones(2))
    >>> x.grad
    array([ 3., 12.], dtype=float32)
    >>> cube(np.array([3.0]))
    array([27.])
    """

    def register(function: Callable[P, Any]) -> Primitive[P]:
        op = Primitive(
            function,
            differentiable=differentiable,
            constant_in=constant_in,
            domain=domain,
            numbers=numbers,
            products=products,
            residuals=residuals,
        )
        registry[op.name] = op
        return op

    return register if forward is None else register(forward)
