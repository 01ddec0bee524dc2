"""`Tensor`: an array, its gradient, and the ops as operators and methods."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from autograd_cnn import operands, ops
from autograd_cnn.graph import Array, Variable, alias, backpropagate
from autograd_cnn.modes import current, is_grad_enabled
from autograd_cnn.ops import numpy_protocol
from autograd_cnn.primitive import operand
from autograd_cnn.recording.call_site import machinery

machinery(__name__)

_EXITS = (
    "Use the function of that name in autograd_cnn; or, for the plain value, .data, .detach(), .numpy() or .item()."
)

Axis = int | tuple[int, ...] | None


def _own_array(data: Any, dtype: DTypeLike | None) -> Array:
    """Return `data` as an array of its own: arrays keep their dtype, Python numbers and lists become float32."""
    if data is None:
        raise TypeError("a Tensor holds numbers; got None")
    array = operands.native("a Tensor's data", data)
    if dtype is not None:
        return np.array(array, dtype=operands.native_dtype("a Tensor", dtype), order="K")
    if not hasattr(data, "dtype"):
        return array.astype(np.float32)
    return np.array(array, order="K")


class Tensor(Variable):
    """An array that records what is computed from it.

    Parameters
    ----------
    data : array_like or Tensor
        Copied, so that nobody else can change it. An array keeps its dtype; Python numbers and (nested) lists become
        float32. A Tensor that is part of a graph, or a list with one in it, stays part of it.
    requires_grad : bool
        Whether `backward()` puts a gradient for this tensor into `.grad`. Floating point only.
    dtype : dtype, optional
        Convert to this dtype.

    Attributes
    ----------
    data : ndarray
        The value. It may be written to, as in ``t.data[...] = 0`` or ``t.data -= step``: a rule that needs what it held
        before has a copy, or refuses.
    grad : ndarray or None
        What the `backward()` calls so far have accumulated: an array of its own, of the shape and dtype of
        `data`. None for intermediate results.
    requires_grad : bool
        Whether a gradient is wanted, or, for a result, whether it was computed from something that wants one.

    Raises
    ------
    TypeError
        If a gradient is asked for an integer, boolean or non-numeric array.

    Notes
    -----
    `t += y` and `t[index] = y` give the same object a new array, so what was recorded before keeps its value and every
    gradient stays right; a reshaped `t`, or `t.detach()`, does not follow. Writing into `t.data` changes them too.

    NumPy's functions of a Tensor are recorded like its operators; see `numpy_protocol`. What would take the plain value
    and lose the gradient raises a TypeError.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> w = ac.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> loss = (w * w).sum()
    >>> loss.backward()
    >>> w.grad
    array([[2., 4.],
           [6., 8.]], dtype=float32)
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = False, dtype: DTypeLike | None = None) -> None:
        self.grad = None
        self.node = None
        self.requires_grad = requires_grad
        if operands.holds_variables(data):
            source = operand("Tensor", "data", data)
            if dtype is not None:
                source = ops.astype(source, dtype)
            if source.requires_grad and is_grad_enabled():
                if requires_grad:
                    raise ValueError(
                        "Tensor(…, requires_grad=True) of a tensor that requires a gradient already would lose one of "
                        "the two gradients; detach() it first for a leaf of its own, or leave requires_grad out"
                    )
                self._data, self.requires_grad = source._data, True
                self.node = source.node or alias(source._data, source, type(self)).node
                return
            data = source._data
        self._data = _own_array(data, dtype)
        if requires_grad and self._data.dtype.kind != "f":
            raise TypeError(
                f"only floating point tensors can require a gradient; got dtype {self._data.dtype}: "
                "convert it first, as in Tensor(data, requires_grad=True, dtype=np.float32)"
            )

    # --- what it is -------------------------------------------------------------------------------------

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._data.ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        return self._data.size

    def __len__(self) -> int:
        return len(self._data)

    def __repr__(self) -> str:
        text = np.array2string(self._data, prefix="Tensor(", separator=", ", threshold=100)
        shape = f", shape={self.shape}" if self.size > 100 else ""  # where not all elements are shown
        dtype = "" if self.dtype == np.float32 else f", dtype={self.dtype}"
        if self.node is not None:
            return f"Tensor({text}{shape}{dtype}, from={self.node.op})"
        return f"Tensor({text}{shape}{dtype}{', requires_grad=True' if self.requires_grad else ''})"

    def numpy(self) -> Array:
        """Return the array itself, not a copy; see `data`."""
        return self.data

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        if self.requires_grad:
            raise TypeError(
                f"NumPy asks for the plain array of {self._described()}, which is part of a graph: its gradient would "
                f"be lost. {_EXITS}"
            )
        return np.array(self.data, dtype=dtype, copy=copy)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        return numpy_protocol.call_ufunc(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return numpy_protocol.call_function(function, args, kwargs)

    def item(self) -> float:
        """Return the only element as a Python number."""
        if self.size != 1:
            raise ValueError(f"item() takes a tensor of one element; this one has shape {self.shape}")
        return self._data.item()

    def __float__(self) -> float:
        if self.requires_grad and current().transforming:
            raise TypeError(
                f"float() of {self._described()}, inside grad, vjp or the like, would lose its gradient. {_EXITS}"
            )
        return float(self.item())

    # Piecewise constant: without a gradient wherever they are asked for.

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        return self._data.__index__()

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(f"the truth of a tensor of shape {self.shape} is ambiguous; use .data.any() or .all()")
        return bool(self._data)

    def __round__(self, ndigits: int | None = None) -> Any:
        return round(self.item(), ndigits)

    def __floor__(self) -> int:
        return math.floor(self.item())

    def __ceil__(self) -> int:
        return math.ceil(self.item())

    def __trunc__(self) -> int:
        return math.trunc(self.item())

    def __format__(self, spec: str) -> str:
        if not spec and self.ndim:
            return str(self)
        if self.size != 1:
            raise ValueError(
                f"the format {spec!r} is for one number; this tensor has shape {self.shape}: format its elements, or "
                "print it without a format"
            )
        return format(self.item(), spec)

    def __contains__(self, value: Any) -> bool:
        return bool(ops.equal(self, value)._data.any())

    def _described(self) -> str:
        made = "a leaf that requires a gradient" if self.node is None else f"a result of {self.node.op!r}"
        return f"a tensor of shape {self.shape}, {made}"

    # --- differentiation --------------------------------------------------------------------------------

    def backward(self, gradient: Any = None, retain_graph: bool = False) -> None:
        """Add the gradient of this tensor to `.grad` of every leaf it was computed from.

        Parameters
        ----------
        gradient : array_like or Tensor, optional
            The gradient of something with respect to this tensor, of its shape. It may be left out for a
            tensor of one element, where it is 1.
        retain_graph : bool
            Keep what the backward rules need, so that `backward()` may be called again.

        Raises
        ------
        RuntimeError
            If nothing this tensor came from requires a gradient, or the graph was used before.
        ValueError
            If `gradient` is missing for a tensor of several elements, or has another shape.
        """
        if not self.requires_grad:
            raise RuntimeError(
                "backward() on a tensor that was computed from nothing that requires a gradient; create the "
                "inputs with requires_grad=True, and outside no_grad()"
            )
        if gradient is None:
            if self.size != 1:
                raise ValueError(
                    f"backward() on a tensor of shape {self.shape} needs a gradient of that shape; reduce it "
                    "to one number first, as in loss.mean().backward(), or pass gradient="
                )
            seed = np.ones(self.shape, self.dtype)
        else:
            given = operand("backward", "gradient", gradient)
            seed = (given._data if isinstance(given, Variable) else given).astype(self.dtype, copy=False)
            if seed.shape != self.shape:
                raise ValueError(f"gradient has shape {seed.shape}, but the tensor has shape {self.shape}")
        backpropagate(self, seed, retain_graph=retain_graph)

    def detach(self) -> Self:
        """Return a tensor of the same array that is cut off from the graph."""
        return type(self).wrap(self._data)  # type: ignore[return-value]

    def __getstate__(self) -> object:
        """Return what copies and pickles of a leaf carry; deep ones have an array of their own, and any a gradient."""
        if self.node is not None:
            raise RuntimeError(
                f"a tensor computed by {self.node.op!r} cannot be copied or pickled, as it belongs to the graph that "
                "it came from; use t.detach() for its value alone, which can"
            )
        state: Any = super().__getstate__()
        attributes, slots = state
        return attributes, {**slots, "grad": None if self.grad is None else self.grad.copy(order="K")}

    def _become(self, result: Tensor) -> Self:
        """Take the value and the history of `result`, for `t += y` and `t[i] = y`."""
        if self.requires_grad and self.node is None and is_grad_enabled():
            raise RuntimeError(
                "a leaf that requires a gradient was changed in place, which would cut it off from its .grad; "
                "write `y = t + …` for a new tensor, or change it inside no_grad()"
            )
        if result.shape != self.shape:
            raise ValueError(f"a tensor of shape {self.shape} cannot become one of shape {result.shape} in place")
        if result.dtype != self.dtype:
            if self.dtype.kind != "f" and result.dtype.kind == "f":
                raise TypeError(
                    f"a tensor of {self.dtype} cannot become one of {result.dtype} in place; write `t = t + …`, or "
                    "convert it first, as with t.astype(np.float32)"
                )
            result = result.astype(self.dtype)
        self._data = result._data
        if result.node is not None:
            self.node, self.requires_grad = result.node, True
        return self

    # --- operators --------------------------------------------------------------------------------------

    __hash__ = object.__hash__

    def __add__(self, other: Any) -> Self:
        return ops.add(self, other)

    def __radd__(self, other: Any) -> Self:
        return ops.add(other, self)

    def __iadd__(self, other: Any) -> Self:
        return self._become(ops.add(self, other))

    def __sub__(self, other: Any) -> Self:
        return ops.subtract(self, other)

    def __rsub__(self, other: Any) -> Self:
        return ops.subtract(other, self)

    def __isub__(self, other: Any) -> Self:
        return self._become(ops.subtract(self, other))

    def __mul__(self, other: Any) -> Self:
        return ops.multiply(self, other)

    def __rmul__(self, other: Any) -> Self:
        return ops.multiply(other, self)

    def __imul__(self, other: Any) -> Self:
        return self._become(ops.multiply(self, other))

    def __truediv__(self, other: Any) -> Self:
        return ops.divide(self, other)

    def __rtruediv__(self, other: Any) -> Self:
        return ops.divide(other, self)

    def __itruediv__(self, other: Any) -> Self:
        return self._become(ops.divide(self, other))

    def __pow__(self, other: Any) -> Self:
        return ops.power(self, other)

    def __rpow__(self, other: Any) -> Self:
        return ops.power(other, self)

    def __ipow__(self, other: Any) -> Self:
        return self._become(ops.power(self, other))

    def __matmul__(self, other: Any) -> Self:
        return ops.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Self:
        return ops.matmul(other, self)

    def __floordiv__(self, other: Any) -> Self:
        return ops.floor_divide(self, other)

    def __rfloordiv__(self, other: Any) -> Self:
        return ops.floor_divide(other, self)

    def __mod__(self, other: Any) -> Self:
        return ops.mod(self, other)

    def __rmod__(self, other: Any) -> Self:
        return ops.mod(other, self)

    def __divmod__(self, other: Any) -> tuple[Self, Self]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Self, Self]:
        return other // self, other % self

    def __pos__(self) -> Self:
        return self

    def __neg__(self) -> Self:
        return ops.negative(self)

    def __abs__(self) -> Self:
        return ops.abs(self)

    def __eq__(self, other: object) -> Self:  # type: ignore[override]
        return NotImplemented if other is None else ops.equal(self, other)  # `t == None` is False, as in PyTorch

    def __ne__(self, other: object) -> Self:  # type: ignore[override]
        return NotImplemented if other is None else ops.not_equal(self, other)

    def __lt__(self, other: Any) -> Self:
        return ops.less(self, other)

    def __le__(self, other: Any) -> Self:
        return ops.less_equal(self, other)

    def __gt__(self, other: Any) -> Self:
        return ops.greater(self, other)

    def __ge__(self, other: Any) -> Self:
        return ops.greater_equal(self, other)

    def __getitem__(self, index: Any) -> Self:
        return ops.getitem(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        self._become(ops.setitem(self, index, value))

    def __iter__(self) -> Iterator[Self]:
        return (self[i] for i in range(len(self)))

    # --- ops as methods ---------------------------------------------------------------------------------

    @property
    def T(self) -> Self:  # noqa: N802 -- NumPy's name
        """The tensor with its axes reversed."""
        return ops.transpose(self)

    def reshape(self, *shape: Any) -> Self:
        """Give the same elements in another shape, as `reshape(2, 3)` or `reshape((2, 3))`."""
        return ops.reshape(self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Self:
        """Permute the axes, as `transpose(1, 0)` or `transpose((1, 0))`; without axes, reverse them."""
        return ops.transpose(self, (axes[0] if len(axes) == 1 else axes) or None)

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Self:
        """Make one axis of the axes `start_dim` to `end_dim`, both included."""
        return ops.flatten(self, start_dim, end_dim)

    def squeeze(self, axis: Axis = None) -> Self:
        """Drop axes of length one."""
        return ops.squeeze(self, axis)

    def astype(self, dtype: DTypeLike) -> Self:
        """Convert to another dtype; between floating point dtypes the gradient converts back."""
        return ops.astype(self, dtype)

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Self:
        """Sum over axes; see `ops.sum`."""
        return ops.sum(self, axis, keepdims)

    def mean(self, axis: Axis = None, keepdims: bool = False) -> Self:
        """Mean over axes; see `ops.mean`."""
        return ops.mean(self, axis, keepdims)

    def var(self, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> Self:
        """Variance over axes; see `ops.var`."""
        return ops.var(self, axis, ddof, keepdims)

    def max(self, axis: Axis = None, keepdims: bool = False) -> Self:
        """Maximum over axes; see `ops.max`."""
        return ops.max(self, axis, keepdims)

    def min(self, axis: Axis = None, keepdims: bool = False) -> Self:
        """Minimum over axes; see `ops.min`."""
        return ops.min(self, axis, keepdims)

    def argmax(self, axis: int | None = None) -> Array:
        """Give the indices of the maxima, as an array."""
        return np.asarray(self._data.argmax(axis))

    def exp(self) -> Self:
        """Exponential, element by element."""
        return ops.exp(self)

    def log(self) -> Self:
        """Natural logarithm, element by element."""
        return ops.log(self)

    def sqrt(self) -> Self:
        """Square root, element by element."""
        return ops.sqrt(self)

    def abs(self) -> Self:
        """Absolute value, element by element."""
        return ops.abs(self)

    def tanh(self) -> Self:
        """Hyperbolic tangent, element by element."""
        return ops.tanh(self)

    def sigmoid(self) -> Self:
        """Logistic function, element by element."""
        return ops.sigmoid(self)

    def relu(self) -> Self:
        """Rectified linear unit, element by element."""
        return ops.relu(self)

    def softmax(self, axis: int = -1) -> Self:
        """Softmax along an axis."""
        return ops.softmax(self, axis)

    def log_softmax(self, axis: int = -1) -> Self:
        """Logarithm of the softmax along an axis."""
        return ops.log_softmax(self, axis)

    def sin(self) -> Self:
        """Sine, element by element."""
        return ops.sin(self)

    def cos(self) -> Self:
        """Cosine, element by element."""
        return ops.cos(self)

    def tan(self) -> Self:
        """Tangent, element by element."""
        return ops.tan(self)

    def log1p(self) -> Self:
        """log(1 + x), element by element."""
        return ops.log1p(self)

    def expm1(self) -> Self:
        """exp(x) − 1, element by element."""
        return ops.expm1(self)

    def square(self) -> Self:
        """Square, element by element."""
        return ops.square(self)

    def reciprocal(self) -> Self:
        """Reciprocal, element by element."""
        return ops.reciprocal(self)

    def floor(self) -> Self:
        """Largest whole number that is not above, element by element."""
        return ops.floor(self)

    def ceil(self) -> Self:
        """Smallest whole number that is not below, element by element."""
        return ops.ceil(self)

    def round(self, decimals: int = 0) -> Self:
        """Round to so many decimals; see `ops.round`."""
        return ops.round(self, decimals)

    def clip(self, min: Any = None, max: Any = None) -> Self:
        """Limit to `min` … `max`; see `ops.clip`."""
        return ops.clip(self, min, max)

    def std(self, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> Self:
        """Standard deviation over axes; see `ops.std`."""
        return ops.std(self, axis, ddof, keepdims)

    def prod(self, axis: Axis = None, keepdims: bool = False) -> Self:
        """Product over axes; see `ops.prod`."""
        return ops.prod(self, axis, keepdims)

    def cumsum(self, axis: int | None = None) -> Self:
        """Running sum; see `ops.cumsum`."""
        return ops.cumsum(self, axis)

    def cumprod(self, axis: int | None = None) -> Self:
        """Running product; see `ops.cumprod`."""
        return ops.cumprod(self, axis)

    def argmin(self, axis: int | None = None) -> Array:
        """Return the indices of the minima, as an array."""
        return ops.argmin(self, axis)

    def argsort(self, axis: int | None = -1) -> Array:
        """Return the indices that sort, as an array."""
        return ops.argsort(self, axis)

    def dot(self, other: Any) -> Self:
        """Dot product; see `ops.dot`."""
        return ops.dot(self, other)

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Self:
        """Sum along a diagonal; see `ops.trace`."""
        return ops.trace(self, offset, axis1, axis2)

    def ravel(self) -> Self:
        """All elements along one axis."""
        return ops.ravel(self)

    def repeat(self, repeats: Any, axis: int | None = None) -> Self:
        """Each element so many times in a row; see `ops.repeat`."""
        return ops.repeat(self, repeats, axis)

    def swapaxes(self, axis1: int, axis2: int) -> Self:
        """Exchange two axes."""
        return ops.swapaxes(self, axis1, axis2)

    def take(self, indices: Any, axis: int | None = None) -> Self:
        """Elements at integer indices; see `ops.take`."""
        return ops.take(self, indices, axis)


#: The parameters of a model, by their names.
Params = Mapping[str, Tensor]
