"""`check_op`, which asserts everything an op promises, for one set of inputs."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import combinations
from typing import Any

import numpy as np

from autograd_cnn.tensor import Tensor
from autograd_cnn.testing.finite_differences import gradcheck
from autograd_cnn.variable import Array


class OpError(AssertionError):
    """A promise that an op does not keep.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_cnn.testing import check_op
    >>> check_op(np.sqrt, np.array([4.0]), reference=np.square)
    Traceback (most recent call last):
        ...
    autograd_cnn.testing.checker.OpError: the value at (0,) is 2; expected 16, within 1e-09 of the scale 16
    """


def check_op(
    op: Callable[..., Any],
    *inputs: Any,
    reference: Callable[..., Any] | None = None,
    gradient: bool = True,
    rng: np.random.Generator | None = None,
    **options: Any,
) -> None:
    """Assert everything that an op promises, for the given inputs.

    - On arrays alone it returns an array, equal to that of `reference` within 1e-9 of its scale.
    - With Tensors it returns a Tensor with the same values.
    - Its gradients agree with finite differences in float64 under a random cotangent.
    - They do not depend on the inputs' memory order.
    - Float32 stays float32, in values and gradients; they agree with those in float64 within 2e-4 of their scale.
    - Inputs and cotangent are not changed, and no gradient shares memory with anything.
    - The graph is freed by reference counting as soon as the result is dropped.

    Parameters
    ----------
    op : callable
        Called as ``op(*inputs, **options)``.
    *inputs : arrays
        Gradients are checked for float64 arrays, in float32 as well; anything else is passed on unchanged.
    reference : callable, optional
        Called like `op`, on arrays; returns the expected value.
    gradient : bool
        False for an op without gradients, or for inputs at a kink.
    rng : numpy.random.Generator, optional
        Draws the cotangent; by default a generator with seed 0.
    **options
        Passed to `op` and `reference`.

    Raises
    ------
    OpError
        If a promise is broken; the message names it, with the value found and the value expected.
    GradcheckError
        If a gradient disagrees with finite differences.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> from autograd_cnn.testing import check_op
    >>> x, weight = np.random.default_rng(0).standard_normal((2, 1, 3, 5, 5))
    >>> check_op(ac.conv2d, x, weight[:, :, :3, :3], padding=1)
    """
    rng = np.random.default_rng(0) if rng is None else rng
    floats = [i for i, x in enumerate(inputs) if _is_double(x)]
    originals = [np.array(x) if isinstance(x, np.ndarray) else x for x in inputs]

    def call(*arguments: Any) -> Any:
        return op(*arguments, **options)

    value = call(*inputs)
    _assert_untouched(inputs, originals)
    if not isinstance(value, (np.ndarray, np.generic)):
        raise OpError(f"on arrays alone the op should return an array; it returned {type(value).__name__}")
    if reference is not None:
        _assert_close("the value", value, reference(*inputs, **options), 1e-9)
    if not floats or not gradient:
        return

    tensors = _tensors(inputs, floats, np.float64)
    # A Tensor holds a copy, and BLAS may round differently in another memory order.
    out = _result(call(*tensors), np.asarray(call(*[t._data if isinstance(t, Tensor) else t for t in tensors])))
    cotangent = np.asarray(rng.standard_normal(out.shape))
    kept = cotangent.copy()
    out.backward(cotangent)
    grads = [_gradient(tensors[i]) for i in floats]
    if not np.array_equal(cotangent, kept):
        raise OpError("the backward changed the gradient it was given")
    _assert_untouched(inputs, originals)
    _assert_own_memory([tensors[i] for i in floats], [cotangent, out._data, *(x for x in inputs if _is_array(x))])

    _assert_memory_order_is_no_matter(call, inputs, floats, cotangent, grads)
    _assert_float32_is_kept(call, inputs, floats, cotangent, np.asarray(value), grads)
    _assert_freed_by_reference_counts(call, inputs, floats)

    def of_floats(*arguments: Any) -> Any:
        chosen = dict(zip(floats, arguments, strict=True))
        return call(*[chosen.get(i, x) for i, x in enumerate(inputs)])

    gradcheck(of_floats, *[inputs[i] for i in floats], rng=rng)


def _is_array(x: Any) -> bool:
    return isinstance(x, np.ndarray)


def _is_double(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype == np.float64


def _tensors(inputs: tuple[Any, ...], floats: list[int], dtype: Any) -> list[Any]:
    """Wrap the floating point inputs as Tensors that require a gradient; other inputs stay as they are."""
    return [Tensor(x, requires_grad=True, dtype=dtype) if i in floats else x for i, x in enumerate(inputs)]


def _result(out: Any, value: Array) -> Tensor:
    if not isinstance(out, Tensor) or not out.requires_grad:
        raise OpError(f"with Tensors that require a gradient the op should return such a Tensor; it returned {out!r}")
    _assert_close("the value on Tensors", out._data, value, 0)
    return out


def _gradient(tensor: Tensor) -> Array:
    """Return a tensor's gradient, zero if the result does not depend on it."""
    grad = np.zeros_like(tensor._data) if tensor.grad is None else tensor.grad
    if grad.shape != tensor.shape or grad.dtype != tensor.dtype:
        raise OpError(
            f"the gradient of an input {tensor.shape} {tensor.dtype} has shape {grad.shape} and dtype {grad.dtype}"
        )
    return grad


def _assert_close(what: str, found: Any, expected: Any, tolerance: float) -> None:
    """Assert equality within `tolerance` times the scale of `expected`; nan and infinity equal themselves."""
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        raise OpError(f"{what} has shape {found.shape}; expected {expected.shape}")
    finite = np.isfinite(expected)
    if not np.array_equal(found[~finite], expected[~finite], equal_nan=expected.dtype.kind == "f"):
        raise OpError(f"{what} is {found[~finite]} where {expected[~finite]} is expected")
    error = np.abs(np.subtract(found, expected, where=finite, out=np.zeros(found.shape), dtype=float))
    scale = np.abs(expected[finite]).max(initial=1.0)
    if not error.max(initial=0.0) <= tolerance * scale:
        index = tuple(int(i) for i in np.unravel_index(error.argmax(), error.shape))
        raise OpError(
            f"{what} at {index} is {found[index]:.12g}; expected {expected[index]:.12g}, within {tolerance:g} of "
            f"the scale {scale:.3g}"
        )


def _assert_untouched(inputs: tuple[Any, ...], originals: list[Any]) -> None:
    for i, (x, original) in enumerate(zip(inputs, originals, strict=True)):
        if _is_array(x) and not np.array_equal(x, original, equal_nan=x.dtype.kind == "f"):
            raise OpError(f"the op changed its input {i}")


def _assert_own_memory(tensors: list[Tensor], others: list[Array]) -> None:
    grads = [t.grad for t in tensors if t.grad is not None]
    for grad in grads:
        if any(np.shares_memory(grad, other) for other in others):
            raise OpError("a gradient shares memory with an input, the output or the cotangent")
    if any(np.shares_memory(a, b) for a, b in combinations(grads, 2)):
        raise OpError("two gradients share memory")


def _assert_memory_order_is_no_matter(
    call: Callable[..., Any], inputs: tuple[Any, ...], floats: list[int], cotangent: Array, grads: list[Array]
) -> None:
    plain = [np.array(x, order="C") if i in floats else x for i, x in enumerate(inputs)]
    tensors = _tensors(tuple(plain), floats, np.float64)
    call(*tensors).backward(np.array(cotangent, order="F"))
    for i, grad in zip(floats, grads, strict=True):
        _assert_close(f"the gradient of input {i}, in another memory order,", _gradient(tensors[i]), grad, 1e-9)


def _assert_float32_is_kept(
    call: Callable[..., Any],
    inputs: tuple[Any, ...],
    floats: list[int],
    cotangent: Array,
    value: Array,
    grads: list[Array],
) -> None:
    tensors = _tensors(inputs, floats, np.float32)
    out = call(*tensors)
    if out.dtype != np.float32:
        raise OpError(f"float32 inputs should return float32; the op returned {out.dtype}")
    _assert_close("the value in float32", out._data, value, 2e-4)
    out.backward(cotangent)
    for i, grad in zip(floats, grads, strict=True):
        _assert_close(f"the gradient of input {i} in float32", _gradient(tensors[i]), grad, 2e-4)


def _assert_freed_by_reference_counts(call: Callable[..., Any], inputs: tuple[Any, ...], floats: list[int]) -> None:
    with _no_cyclic_collection():
        out = call(*_tensors(inputs, floats, np.float64))
        node = weakref.ref(out.node)
        del out
        if node() is not None:
            raise OpError("the graph outlives its result: something in it refers back to it")


@contextmanager
def _no_cyclic_collection() -> Iterator[None]:
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
