"""Checks of arguments that several ops share; every error shows what was given and what was expected."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any, TypeVar

from autograd_cnn.kernels import Pair, Window

Check = TypeVar("Check", bound=Callable[..., Any])


def remembered(check: Check) -> Check:
    """Remember what a check of hashable arguments gave: an op and its rules ask for the same again and again."""
    known = functools.lru_cache(maxsize=512, typed=True)(check)  # 2.0 is no stride, though it equals 2

    @functools.wraps(check)
    def ask(*args: Any, **kwargs: Any) -> Any:
        try:
            return known(*args, **kwargs)
        except TypeError:  # lists have no hash
            return check(*args, **kwargs)

    return ask  # type: ignore[return-value]


def pair(op: str, name: str, value: Any, *, least: int) -> Pair:
    """Give an int or a pair of ints as (vertical, horizontal), each at least `least`."""
    values = value if isinstance(value, tuple | list) else (value, value)
    try:
        numbers = tuple(operator.index(v) for v in values)
    except TypeError:
        numbers = ()
    if len(numbers) != 2 or min(numbers) < least:
        raise ValueError(f"{op}: {name} is an int or a pair of ints, each at least {least}; got {value!r}")
    return numbers[0], numbers[1]


def images(op: str, name: str, shape: tuple[int, ...]) -> None:
    """Check that a shape is that of images (N, C, H, W)."""
    if len(shape) != 4:
        raise ValueError(f"{op}: {name} has axes (N, C, H, W); got shape {shape}")


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
    """Check a window against the images it slides over."""
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
