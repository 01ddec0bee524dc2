"""Primitives: NumPy functions that know their own derivatives.

An op is a plain NumPy function under `@primitive`; a backward rule is registered on it for each differentiable input. A
rule is written in operators and primitives, so that it serves arrays and Tensors alike. Its signature says what it
needs, and nothing else is kept alive between forward and backward.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any, Generic, ParamSpec, TypeVar, overload

import numpy as np

from autograd_cnn import kernels
from autograd_cnn.calls.binding import BoundRule, Plan, Signature, make_plan, make_recipe, remember, shape_of
from autograd_cnn.calls.operands import (
    FLOAT16,
    FLOAT32,
    FLOAT64,
    Domain,
    common_dtype,
    explain,
    is_plain,
    missing,
    settle,
)
from autograd_cnn.graph import Node
from autograd_cnn.modes import current
from autograd_cnn.recording import history, observers
from autograd_cnn.recording.call_site import machinery
from autograd_cnn.variable import Array, Variable

machinery(__name__)

P = ParamSpec("P")
F = TypeVar("F", bound=Callable[..., Any])

#: Every primitive by its name, in the order of definition.
registry: dict[str, Primitive[...]] = {}


class Primitive(Generic[P]):
    """A differentiable op: a NumPy forward and, by input name, its backward rules.

    Make one with `primitive`. Called on arrays alone it is the forward itself; with a Tensor among its arguments it
    returns a Tensor, recorded if some argument requires a gradient.
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
        self.numbers = domain != "floating" if numbers is None else numbers
        self.products = products
        self.residuals = residuals
        self.rules: dict[str, BoundRule] = {}
        self.signature = Signature(self.name, forward, residuals)
        self._plans: dict[Any, Plan] = {}

    def __repr__(self) -> str:
        inputs = ", ".join(self.rules) or "nothing"
        return f"<primitive {self.name}{inspect.signature(self.forward)}, differentiable in {inputs}>"

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Bind as a function does: an op in a class is a method. `help` then shows it as a routine with a signature."""
        return self if instance is None else MethodType(self, instance)

    def backward(self, *names: str) -> Callable[[F], F]:
        """Register the rule for an input, or one for several inputs together; see `primitive`."""
        for name in names:
            if name not in self.signature.names:
                raise ValueError(
                    f"{self.name!r} has no input {name!r} to register a backward for; it has "
                    f"{sorted(self.signature.names)}"
                )
        if not names or (len(names) > 1 and self.signature.variadic in names):
            raise ValueError(
                f"a backward rule of {self.name!r} is for one input, or for several that are not variadic; got {names}"
            )

        def register(function: F) -> F:
            self.rules |= dict.fromkeys(names, BoundRule(self, names, function))
            self._plans.clear()
            return function

        return register

    def rule(self, name: str) -> BoundRule:
        """Return the rule for the input `name`."""
        try:
            return self.rules[name]
        except KeyError:
            raise TypeError(
                f"{self.name!r} has no backward for its input {name!r}, which requires a gradient; register "
                f'one with @{self.name}.backward("{name}"), or pass {name}.detach()'
            ) from None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Compute the op, and return an array if all inputs are arrays, else a Tensor."""
        modes = current()
        if modes.observers:
            return observers.call(self, args, kwargs, modes)
        values: Sequence[Any] = (*args, *kwargs.values()) if kwargs else args
        if modes.settled:  # inside a rule, whose arrays need no conversion
            for value in values:
                if isinstance(value, Variable):
                    break
            else:
                out = self.forward(*args, **kwargs)
                return out[0] if self.residuals else out
        wanted: list[bool] = []
        arrays: Any = []
        wrap = None
        for value in values:
            if isinstance(value, Variable):
                wrap = wrap or value.wrap
                arrays.append(value._data)
                wanted.append(value.requires_grad)
            else:
                arrays.append(value)
                wanted.append(False)
        positional = len(args)
        key = (positional, *kwargs) if kwargs else positional
        plan = self._plans.get(key) or remember(self._plans, key, make_plan(self, positional, tuple(kwargs)))
        dtype = common_dtype(arrays, plan.promoted, plan.optional, self.numbers)
        half = False
        if (dtype is not FLOAT32 and dtype is not FLOAT64) or plan.others:
            values, arrays, half = self._settle(plan, values, arrays, dtype)
            wrap = next((value.wrap for value in values if isinstance(value, Variable)), None)
            wanted = [isinstance(value, Variable) and value.requires_grad for value in values]
        out, residuals = self._compute(arrays, positional, kwargs)
        if half and out.dtype == FLOAT32:
            out = out.astype(FLOAT16)
        if wrap is None:
            return out
        # Only floating point has a gradient: a cast to integers ends the graph.
        if True in wanted and modes.recording and self.differentiable and out.dtype.kind == "f":
            return wrap(out, self._record(plan, tuple(wanted), values, arrays, out, residuals))
        return wrap(out)

    def _settle(
        self, plan: Plan, values: Sequence[Any], arrays: Sequence[Any], dtype: np.dtype[Any] | None
    ) -> tuple[Sequence[Any], Sequence[Any], bool]:
        """Convert inputs that are not arrays yet, or of another dtype; see `operands.settle`."""
        if not plan.inputs or (
            (dtype is FLOAT32 or dtype is FLOAT64) and all(is_plain(arrays[i.at]) for i in plan.others)
        ):
            return values, arrays, False
        for at, name, _ in plan.inputs:
            if values[at] is None and at not in plan.optional:
                raise missing(self.name, name)
        return settle(self.name, self.domain, plan.inputs, values, stack, self.numbers)

    def _compute(self, arrays: Sequence[Any], positional: int, keywords: dict[str, Any]) -> tuple[Array, Sequence[Any]]:
        """Call the forward; return its result, an array, and its residuals."""
        named = keywords
        if keywords:
            named = dict(zip(keywords, arrays[positional:], strict=True))
            arrays = arrays[:positional]
        forward = kernels.with_one_thread(self.forward) if self.products else self.forward
        try:
            out = forward(*arrays, **named)
        except Exception as error:
            explain(error, self, tuple(arrays), named)
            raise
        residuals: Sequence[Any] = ()
        if self.residuals:
            out, *residuals = out
        return (out if type(out) is np.ndarray else np.asarray(out)), residuals

    def _record(
        self,
        plan: Plan,
        wanted: tuple[bool, ...],
        values: Sequence[Any],
        arrays: Sequence[Any],
        out: Array,
        residuals: Sequence[Any],
    ) -> Node | None:
        """Make the node of one call, keeping what the rules of its wanted inputs name."""
        recipe = plan.recipes.get(wanted) or remember(plan.recipes, wanted, make_recipe(self, plan, wanted))
        if not recipe.edges:
            return None
        kept = recipe.constants.copy()
        for name, at in recipe.arrays:
            if type(at) is slice:
                kept[name] = tuple(map(_kept, values[at], arrays[at]))
            else:
                kept[name] = array = arrays[at]
                if history.lent or (array is values[at] and type(array) is not float):  # not the array of a Variable
                    kept[name] = _kept(values[at], array)
        for name, at in recipe.shapes:
            value = tuple(arrays[at]) if type(at) is slice else arrays[at]
            kept[name] = value.shape if isinstance(value, np.ndarray) else shape_of(value)
        if recipe.residuals:
            worked_out = [value() if callable(value) else value for value in residuals]
            kept.update(zip(self.residuals, worked_out, strict=True))
        if recipe.out:
            kept["out"] = history.kept(out) if history.lent else out
        sources = [values[at].node or values[at] for at in recipe.wanted]
        return Node(self.name, recipe.edges, sources, kept, out)


def _kept(value: Any, array: Any) -> Any:
    """Return what a node keeps for a value and the array made from it: nothing that others may write to."""
    if isinstance(value, Variable):
        return history.kept(array) if history.lent else array
    if array is value and isinstance(value, (np.ndarray, list, tuple, dict)):
        return history.own(value)
    return array


def stack(*parts: Any) -> Any:
    """Stack the parts of a list that contains Variables."""
    return registry["stack"](*parts, axis=0)


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
    """Make an op from a NumPy function.

    Register a rule on it for each differentiable input, by the input's name. The rule's first parameter is
    `grad`, the gradient of the output; the others name what it needs, and only that is kept alive:
    `out` (the output), an input or option by its own name, a residual, or `NAME_shape` for only the shape of an input.
    A rule may return the gradient before unbroadcasting and in another float dtype; the graph settles both.
    For a variadic input `*xs` the rule serves each array in turn and may ask for its `index`. A rule that is registered
    for several inputs, as in ``@op.backward("x", "weight")``, returns their gradients together, in a tuple in that
    order: what they have in common is computed once. Rules are called by position.

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
        Whether the forward takes Python numbers beside arrays; if not, they are passed as 0-d arrays. True by default,
        except in the domain "floating".
    products : bool
        Whether it multiplies matrices: BLAS is then limited to one thread. In a backward pass it always is.
    residuals : tuple of str
        Names of what the forward returns after its result, in a tuple: intermediate values, treated as constants, that
        rules may ask for. A value that only a rule needs may be returned as a function, which is called if the op is
        recorded.

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
