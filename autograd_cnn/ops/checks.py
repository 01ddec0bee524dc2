"""Checks of arguments, shared by several ops. Every error shows what was given and what was expected."""

from __future__ import annotations

import functools
import inspect
import math
import operator
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from autograd_cnn.calls.operands import Input, is_plain, missing, settle, short
from autograd_cnn.kernels import Pair, Window
from autograd_cnn.primitive import stack
from autograd_cnn.variable import Variable

Check = TypeVar("Check", bound=Callable[..., Any])


def remembered(check: Check) -> Check:
    """Cache the result of a check, because an op and its rules repeat the same check at every step.

    Settings are passed by position, after the op and the shapes. Tuples of anything but plain ints are not cached:
    2.0 equals 2 and has its hash, but is not a valid stride.
    """
    known = functools.lru_cache(maxsize=512, typed=True)(check)  # tells 2.0 from 2, but not (2.0, 2.0) from (2, 2)
    settings = [name for name in inspect.signature(check).parameters if name != "op" and not name.endswith("_shape")]
    first = -len(settings)

    @functools.wraps(check)
    def ask(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            return check(*args, **kwargs)
        for setting in args[first:]:
            if isinstance(setting, tuple):
                for number in setting:
                    if type(number) is not int:
                        return check(*args)
        try:
            return known(*args)
        except TypeError:  # lists are not hashable
            return check(*args)

    return ask  # type: ignore[return-value]


def operand(op: str, name: str, value: Any) -> Any:
    """Return what was given for an input as a Variable or an array; for ops that are composed of others.

    Lists are stacked and numbers become arrays, of float32 unless they have a dtype.

    Raises
    ------
    TypeError, ValueError
        If the value is not an array of real numbers; the message names `op` and its input `name`.
    """
    if isinstance(value, Variable) or is_plain(value):
        return value
    if value is None:
        raise missing(op, name)
    (found,), (array,), _ = settle(op, "any", [Input(0, name, True)], [value], stack)
    return found if isinstance(found, Variable) else array


def together(op: str, **given: Any) -> list[Any]:
    """Return inputs as Variables or arrays, for an op that is composed of others; see `operand`.

    Numbers and lists take the dtype of the rest, so that 0.1 beside float64 is not rounded to float32 first.
    """
    found = [operand(op, name, value) for name, value in given.items()]
    if all(map(operator.is_, found, given.values())):
        return found
    weak = [i for i, value in enumerate(given.values()) if found[i] is not value and _follows(value)]
    floats = [x for i, x in enumerate(found) if i not in weak and x.dtype.kind == "f"] if weak else []
    if floats:
        dtype = np.result_type(*{x.dtype for x in [x for x in floats if x.ndim] or floats})
        values = list(given.values())
        for i in weak:
            found[i] = np.asarray(values[i], dtype)
    return found


def _follows(value: Any) -> bool:
    """Whether a value has no dtype of its own: a number, or a list of numbers."""
    if isinstance(value, (list, tuple)):
        return all(map(_follows, value))
    return not hasattr(value, "dtype") and not hasattr(value, "__array__")


def integers(op: str, name: str, value: Any) -> list[int]:
    """Return an int, or a flat list of them, as a list.

    Raises
    ------
    TypeError
        For anything else.
    """
    numbers = value if isinstance(value, (tuple, list)) or np.ndim(value) else [value]
    try:
        return [operator.index(number) for number in numbers]
    except TypeError:
        raise TypeError(f"{op}: {name} is an int, or several; got {short(value)}") from None


def pair(op: str, name: str, value: Any, *, least: int) -> Pair:
    """Return an int or a pair of ints as (vertical, horizontal), each at least `least`."""
    values = value if isinstance(value, (tuple, list)) else (value, value)
    try:
        numbers = tuple(operator.index(v) for v in values)
    except TypeError:
        numbers = ()
    if len(numbers) != 2 or min(numbers) < least:
        raise ValueError(f"{op}: {name} is an int or a pair of ints, each at least {least}; got {value!r}")
    return numbers[0], numbers[1]


def number(
    op: str, name: str, value: Any, *, least: float | None = None, most: float = math.inf, what: str = "a number "
) -> float:
    """Return an option as a Python float, which widens no array; without `least`, any finite number is accepted.

    Raises
    ------
    TypeError
        If it is not a Python or NumPy number. A Tensor is refused because its gradient would be lost.
    ValueError
        If it is out of range; nan is out of every range.
    """
    if isinstance(value, bool) or not isinstance(value, (float, int, np.floating, np.integer)):
        raise TypeError(f"{op}: {name} is a Python or NumPy number; got {short(value)}")
    try:
        plain = float(value)
    except OverflowError:
        plain = math.nan
    if least is None:
        if not math.isfinite(plain):
            raise ValueError(f"{op}: {name} is a finite number; got {short(value)}")
    elif not least <= plain <= most:
        bounds = f"of at least {least}" if most == math.inf else f"from {least} to {most}"
        raise ValueError(f"{op}: {name} is {what}{bounds}; got {value}")
    return plain


def holds(op: str, name: str, value: Any, dtype: np.dtype[Any]) -> None:
    """Check that a dtype can hold a value exactly enough: writing it must not truncate, wrap or overflow."""
    values = np.asarray(value)
    if np.can_cast(values.dtype, dtype):
        return
    if dtype.kind == "f" and values.dtype.kind not in "fiub":  # an int beyond 64 bits
        wrong = abs(values) > float(np.finfo(dtype).max)
    elif dtype.kind == "f":
        with np.errstate(over="ignore"):
            wrong = np.isfinite(values) & np.isinf(values.astype(dtype))
    else:
        low, high = (0, 1) if dtype.kind == "b" else (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))
        if values.dtype.kind == "f":  # a float can hold 2**63 but not 2**63 − 1, so compare with the former
            values = values.astype(np.float64)
            wrong = (values != np.trunc(values)) | (values < float(low)) | (values >= float(high + 1))
        else:
            wrong = (values < low) | (values > high)
    wrong = np.asarray(wrong, bool)
    if wrong.any():
        raise ValueError(
            f"{op}: {name} is written to an array of {dtype}, which cannot hold {values[wrong].flat[0]}: convert one "
            "of the two first, with astype"
        )


def images(op: str, name: str, shape: tuple[int, ...]) -> None:
    """Check that a shape is (N, C, H, W)."""
    if len(shape) != 4:
        raise ValueError(f"{op}: {name} has axes (N, C, H, W) or (C, H, W); got shape {shape}")


def window(
    op: str,
    x_shape: tuple[int, ...],
    size: Pair,
    *,
    stride: Any,
    padding: Any,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Window:
    """Check a window against the images it slides over, and return it."""
    result = Window(
        size,
        stride=pair(op, "stride", stride, least=1),
        padding=pair(op, "padding", padding, least=0),
        dilation=pair(op, "dilation", dilation, least=1),
        ceil_mode=ceil_mode,
    )
    image = x_shape[2], x_shape[3]
    padded = image[0] + 2 * result.padding[0], image[1] + 2 * result.padding[1]
    extent = result.extent
    if padded[0] < extent[0] or padded[1] < extent[1]:
        dilated = f", {extent[0]}×{extent[1]} with dilation {result.dilation}," if extent != size else ""
        raise ValueError(
            f"{op}: the {size[0]}×{size[1]} window{dilated} is larger than its input of {image[0]}×{image[1]}, "
            f"{padded[0]}×{padded[1]} with padding {result.padding}"
        )
    return result
