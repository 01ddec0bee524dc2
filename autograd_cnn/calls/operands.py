"""What an op accepts as an array, and the dtype that the op computes in.

Every op declares what it computes with, its domain:

- ``any``: ops that move, compare or convert elements take every dtype as it is.
- ``real``: arithmetic. Floating point inputs are promoted to one dtype; integers and booleans among themselves get the
  dtype that NumPy gives them.
- ``floating``: functions of real numbers. Integers and booleans become floating point.

Nothing widens an array by accident: numbers, lists and 0-d arrays take the dtype of a floating point array that has
axes, integers follow floating point, and only a floating point array can widen another. If no input decides the dtype,
it is float32. float16 is computed in float32, and the result is rounded; another byte order is converted to the
machine's; complex numbers and longdouble are refused.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal, NamedTuple, ParamSpec, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from autograd_cnn.kernels.layout import aligned_copy
from autograd_cnn.variable import Array, Variable

Domain = Literal["any", "real", "floating"]

P = ParamSpec("P")
Result = TypeVar("Result")

FLOAT16, FLOAT32, FLOAT64 = (np.dtype(t) for t in (np.float16, np.float32, np.float64))
_COMPUTED_WITH = {np.dtype(char) for char in "efdbBhHiIlLqQ?"}


class Input(NamedTuple):
    """An input of a call."""

    at: int  # where in the row of the call's values
    name: str
    promoted: bool  # whether it takes part in the choice of a dtype; what only selects does not


def is_plain(value: Any) -> bool:
    """Whether a value is an array of a supported dtype."""
    return type(value) is np.ndarray and value.dtype in _COMPUTED_WITH


def missing(op: str, name: str) -> TypeError:
    """Return the error that None was given for an input."""
    return TypeError(f"{op}: {name} is a Tensor, an array, a number or a list of such; got None")


def common_dtype(
    arrays: Sequence[Any], promoted: Sequence[int], optional: Collection[int], numbers: bool
) -> np.dtype[Any] | None:
    """Return the dtype of the inputs that are promoted if they are arrays of one dtype, else None.

    Python numbers may stand beside them if the op takes `numbers`, and None in the places `optional`.
    """
    dtype = None
    for at in promoted:
        array = arrays[at]
        if type(array) is np.ndarray:
            if array.dtype is not dtype:
                if dtype is not None:
                    return None
                dtype = array.dtype
        elif not (numbers and (type(array) is float or type(array) is int)) and not (array is None and at in optional):
            return None
    return dtype


def settle(
    op: str,
    domain: Domain,
    inputs: Sequence[Input],
    values: Sequence[Any],
    stack: Callable[..., Variable],
    numbers: bool = True,
) -> tuple[list[Any], list[Any], bool]:
    """Convert whatever was given for `inputs` to arrays of the dtype to compute in.

    Returns
    -------
    values : list
        With a Variable for every list that contains Variables.
    arrays : list
        With what the op computes with; Python numbers beside an array stay numbers if the op takes `numbers`.
    half : bool
        Whether the result is to be rounded to float16.
    """
    values = list(values)
    weak = set()
    for at, name, _ in inputs:
        value = values[at]
        if isinstance(value, Variable) or is_plain(value):
            continue
        values[at] = of_any_kind(op, name, value, stack)
        if isinstance(value, (list, tuple)) and not isinstance(values[at], Variable) and not _holds_arrays(value):
            weak.add(at)
    arrays = [value._data if isinstance(value, Variable) else value for value in values]
    places = [i.at for i in inputs if i.promoted and arrays[i.at] is not None]
    target = _target(domain, arrays, places, weak)
    if target is None:
        return values, arrays, False
    half = target == FLOAT16 and domain != "any"
    dtype = FLOAT32 if half else target
    lone = not any(isinstance(arrays[at], np.ndarray) for at in places)
    for at in places:
        if isinstance(arrays[at], np.ndarray):
            if domain != "any" or at in weak:
                arrays[at] = arrays[at].astype(dtype, copy=False)
        elif lone or not numbers:
            arrays[at] = np.asarray(arrays[at], dtype)
    return values, arrays, half


def _target(domain: Domain, arrays: Sequence[Any], places: Sequence[int], weak: set[int]) -> np.dtype[Any] | None:
    """Return the dtype to compute in, or None for NumPy's own choice among integers."""
    strong = [arrays[at] for at in places if isinstance(arrays[at], np.ndarray) and at not in weak]
    floats = [x for x in strong if x.dtype.kind == "f"]
    if floats:
        dtypes = {x.dtype for x in floats if x.ndim} or {x.dtype for x in floats}
        return np.result_type(*dtypes) if len(dtypes) > 1 else dtypes.pop()
    if domain == "floating" or not strong:
        return FLOAT32
    fractions = any(isinstance(arrays[at], float) or (at in weak and arrays[at].dtype.kind == "f") for at in places)
    return FLOAT32 if fractions else None


def of_any_kind(op: str, name: str, value: Any, stack: Callable[..., Variable]) -> Any:
    """Return what was given for an input as a Variable, an array of a supported dtype, a number or None."""
    if value is None or (isinstance(value, (Variable, bool, int, float)) and not isinstance(value, np.generic)):
        return value
    if isinstance(value, (list, tuple)):
        if holds_variables(value):
            return stack(*[of_any_kind(op, name, x, stack) for x in value])
        try:
            value = np.asarray(value)
        except ValueError:
            raise ValueError(f"{op}: {name} is a list whose parts differ in shape: {short(value)}") from None
    elif not isinstance(value, (np.ndarray, np.generic)) and not hasattr(value, "__array__"):
        raise TypeError(
            f"{op}: {name} is a Tensor, an array, a number or a list of such; got {short(value)}, "
            f"of type {type(value).__name__}"
        )
    return native(f"{op}: {name}", value)


def native(what: str, value: Any) -> Array:
    """Return an array of real numbers, in the machine's byte order.

    Raises
    ------
    TypeError
        For complex numbers, longdouble, and anything that is not a number.
    """
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{what} is a masked array, whose mask would be lost; fill it first, as with .filled(0)")
    array = np.asarray(value)
    dtype = native_dtype(what, array.dtype)
    return array if array.dtype == dtype else array.astype(dtype)


def native_dtype(what: str, dtype: DTypeLike) -> np.dtype[Any]:
    """Return a supported dtype in the machine's byte order; raise as `native` does."""
    dtype = np.dtype(dtype)
    if dtype.kind == "c":
        raise TypeError(f"{what} has dtype {dtype}, complex numbers; only real ones can be computed with: take .real")
    if dtype.kind not in "fiub" or dtype.char == "g":
        raise TypeError(
            f"{what} has dtype {dtype}; expected float32, float64, float16, integers or booleans: convert it first, "
            "as with .astype(np.float64)"
        )
    return dtype if dtype.isnative else dtype.newbyteorder("=")


def holds_variables(value: Any) -> bool:
    """Whether there is a Variable in a list, at any depth."""
    if isinstance(value, (list, tuple)):
        return any(map(holds_variables, value))
    return isinstance(value, Variable)


def _holds_arrays(value: Any) -> bool:
    """Whether a list contains, at any depth, something with axes and a dtype of its own."""
    if isinstance(value, (list, tuple)):
        return any(map(_holds_arrays, value))
    return getattr(value, "ndim", 0) > 0


def short(value: Any) -> str:
    """Return the `repr` of a value, shortened for an error message."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def named(function: Callable[P, Result]) -> Callable[P, Result]:
    """Have the errors of an op that is composed of others, or of NumPy's functions, tell its name and arguments."""

    @functools.wraps(function)
    def op(*args: P.args, **kwargs: P.kwargs) -> Result:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            explain(error, function, args, kwargs)
            raise

    return op


def explain(error: Exception, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Add the call to an error that does not begin with the op's name, with arrays as their shapes and dtypes."""
    name = op.__name__.strip("_")
    if isinstance(error, RuntimeError) or str(error).startswith(f"{name}:"):
        return  # a RuntimeError is the package's own, and already tells an op and its call site
    try:
        given = inspect.signature(op).bind(*args, **kwargs).arguments
    except TypeError:
        given = {str(i): value for i, value in enumerate(args)} | kwargs
    parts = []
    for parameter, value in given.items():
        values = value if isinstance(value, (tuple, list)) else (value,)
        if values and all(isinstance(v, (Variable, np.ndarray)) for v in values):
            parts.append(f"{parameter}: {', '.join(f'{v.dtype} {v.shape}' for v in values)}")
        else:
            parts.append(f"{parameter}={short(value)}")
    error.add_note(f"in {name}({', '.join(parts)})")


def own_array(data: Any, dtype: DTypeLike | None) -> Array:
    """Return `data` as an array of its own: arrays keep their dtype, Python numbers and lists become float32."""
    if data is None:
        raise TypeError("a Tensor holds numbers; got None")
    array = native("a Tensor's data", data)
    if dtype is not None:
        return np.array(array, dtype=native_dtype("a Tensor", dtype), order="K")
    if not hasattr(data, "dtype"):
        return array.astype(np.float32)
    return aligned_copy(array)
