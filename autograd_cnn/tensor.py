"""`Tensor`: an array, its gradient, and the ops as operators and methods."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self, cast

import numpy as np
from numpy.typing import DTypeLike

from autograd_cnn import ops
from autograd_cnn.backpropagation import backpropagate
from autograd_cnn.calls import operands
from autograd_cnn.graph import alias
from autograd_cnn.modes import is_grad_enabled
from autograd_cnn.ops import numpy_protocol
from autograd_cnn.ops.checks import operand
from autograd_cnn.plain_values import PlainValues
from autograd_cnn.recording.call_site import machinery
from autograd_cnn.variable import Variable

machinery(__name__)

Axis = int | tuple[int, ...] | None
_Operator = Callable[["Tensor", Any], "Tensor"]


def _operators(op: Callable[..., Any]) -> tuple[_Operator, _Operator, _Operator]:
    """Return three operators for an op: the plain one, the reflected one and the in-place one, such as `+=`."""

    def of(self: Tensor, other: Any) -> Tensor:
        return op(self, other)

    def reflected(self: Tensor, other: Any) -> Tensor:
        return op(other, self)

    def in_place(self: Tensor, other: Any) -> Tensor:
        return self._become(op(self, other))

    return of, reflected, in_place


class Tensor(PlainValues):
    """An array that records what is computed from it.

    Parameters
    ----------
    data : array_like or Tensor
        Copied, so that nobody else can change it. An array keeps its dtype; Python numbers and (nested) lists become
        float32. A Tensor that is part of a graph, or a list with such a Tensor in it, stays part of the graph.
    requires_grad : bool
        Whether `backward()` puts a gradient for this tensor into `.grad`. Floating point only.
    dtype : dtype, optional
        Convert to this dtype.

    Attributes
    ----------
    data : ndarray
        The value. It may be written to, as in ``t.data[...] = 0`` or ``t.data -= step``: a backward rule that needs the
        earlier values has a copy, or raises.
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
    `t += y` and `t[index] = y` put a new array into the same object. So what was recorded before keeps its value, and
    every gradient stays right; an earlier `t.reshape(…)` or `t.detach()` keeps its values. Writing into `t.data`
    changes those, too.

    NumPy functions of a Tensor are recorded like its operators; see `numpy_protocol`. Those that would take the plain
    value and lose the gradient raise a TypeError.

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
        self._data = operands.own_array(data, dtype)
        if requires_grad and self._data.dtype.kind != "f":
            raise TypeError(
                f"only floating point tensors can require a gradient; got dtype {self._data.dtype}: "
                "convert it first, as in Tensor(data, requires_grad=True, dtype=np.float32)"
            )

    # --- differentiation --------------------------------------------------------------------------------

    def backward(self, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False) -> None:
        """Add the gradient of this tensor to `.grad` of every leaf it was computed from.

        Parameters
        ----------
        gradient : array_like or Tensor, optional
            The gradient of something with respect to this tensor, of its shape. It may be left out for a
            tensor of one element, where it is 1.
        retain_graph : bool, optional
            Keep what the backward rules need, so that `backward()` may be called again; by default, `create_graph`.
        create_graph : bool
            Record the backward pass itself: `.grad` is then a Tensor of the graph, which can be differentiated again.
            It refers to the graph and the graph to its leaf, so set `.grad` to None when it is no longer needed.

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
            seed: Any = np.ones(self.shape, self.dtype)
        else:
            seed = operand("backward", "gradient", gradient)
            if isinstance(seed, Variable) and not create_graph:
                seed = seed._data
            if seed.shape != self.shape:
                raise ValueError(f"gradient has shape {seed.shape}, but the tensor has shape {self.shape}")
            if seed.dtype != self.dtype:
                seed = ops.astype(seed, self.dtype)
        if create_graph and not isinstance(seed, Variable):
            seed = type(self).wrap(seed)
        retain_graph = create_graph if retain_graph is None else retain_graph
        backpropagate(self, seed, retain_graph=retain_graph, create_graph=create_graph)

    def retain_grad(self) -> None:
        """Have `backward()` put this tensor's gradient into its `.grad`, although it is not a leaf.

        Raises
        ------
        RuntimeError
            If nothing that this tensor was computed from requires a gradient.

        Examples
        --------
        >>> import autograd_cnn as ac
        >>> x = ac.Tensor([1.0, 2.0], requires_grad=True)
        >>> y = x * 3
        >>> y.retain_grad()
        >>> (y * y).sum().backward()
        >>> y.grad
        array([ 6., 12.], dtype=float32)
        """
        if not self.requires_grad:
            raise RuntimeError(
                "retain_grad() on a tensor that was computed from nothing that requires a gradient; create the inputs "
                "with requires_grad=True, and outside no_grad()"
            )
        if self.node is not None and not any(x is self for x in self.node.watchers()):
            self.node.watched_by = (*self.node.watched_by, weakref.ref(self))

    def detach(self) -> Self:
        """Return a tensor of the same array that is cut off from the graph."""
        return type(self).wrap(self._data)  # type: ignore[return-value]

    def __getstate__(self) -> object:
        """Return the state that copies and pickles of a leaf get: a gradient of their own; deep ones also an array."""
        if self.node is not None:
            raise RuntimeError(
                f"a tensor computed by {self.node.op!r} cannot be copied or pickled, as it belongs to the graph that "
                "it came from; use t.detach() for its value alone, which can"
            )
        state: Any = super().__getstate__()
        attributes, slots = state
        grad = self.grad._data if isinstance(self.grad, Variable) else self.grad
        return attributes, {**slots, "grad": None if grad is None else grad.copy(order="K")}

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

    # --- NumPy's protocols --------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        return numpy_protocol.call_ufunc(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return numpy_protocol.call_function(function, args, kwargs)

    # --- operators --------------------------------------------------------------------------------------

    __hash__ = object.__hash__

    __add__, __radd__, __iadd__ = _operators(ops.add)
    __sub__, __rsub__, __isub__ = _operators(ops.subtract)
    __mul__, __rmul__, __imul__ = _operators(ops.multiply)
    __truediv__, __rtruediv__, __itruediv__ = _operators(ops.divide)
    __pow__, __rpow__, __ipow__ = _operators(ops.power)
    __matmul__, __rmatmul__ = _operators(ops.matmul)[:2]
    __floordiv__, __rfloordiv__ = _operators(ops.floor_divide)[:2]
    __mod__, __rmod__ = _operators(ops.mod)[:2]

    def __divmod__(self, other: Any) -> tuple[Tensor, Tensor]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Tensor, Tensor]:
        return other // self, other % self

    def __pos__(self) -> Tensor:
        return self

    __neg__, __abs__ = ops.negative, ops.abs

    def __eq__(self, other: object) -> Tensor:  # type: ignore[override]
        return (
            NotImplemented if other is None else ops.equal(self, cast(Any, other))
        )  # `t == None` is False, as in PyTorch

    def __ne__(self, other: object) -> Tensor:  # type: ignore[override]
        return NotImplemented if other is None else ops.not_equal(self, cast(Any, other))

    __lt__ = _operators(ops.less)[0]
    __le__ = _operators(ops.less_equal)[0]
    __gt__ = _operators(ops.greater)[0]
    __ge__ = _operators(ops.greater_equal)[0]

    def __contains__(self, value: Any) -> bool:
        return bool(ops.equal(self, value)._data.any())

    def __getitem__(self, index: Any) -> Tensor:
        return ops.getitem(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        self._become(ops.setitem(self, index, value))

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    # --- ops as methods ---------------------------------------------------------------------------------

    @property
    def T(self) -> Tensor:  # noqa: N802 -- NumPy's name
        """The tensor with its axes reversed."""
        return ops.transpose(self)

    def reshape(self, *shape: Any) -> Tensor:
        """Return the same elements in another shape, as `reshape(2, 3)` or `reshape((2, 3))`."""
        return ops.reshape(self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Tensor:
        """Permute the axes, as `transpose(1, 0)` or `transpose((1, 0))`; without axes, reverse them."""
        return ops.transpose(self, (axes[0] if len(axes) == 1 else axes) or None)

    # An op in a class is a method.
    abs = ops.abs
    argmax = ops.argmax
    argmin = ops.argmin
    argsort = ops.argsort
    astype = ops.astype
    ceil = ops.ceil
    clip = ops.clip
    cos = ops.cos
    cumprod = ops.cumprod
    cumsum = ops.cumsum
    dot = ops.dot
    exp = ops.exp
    expm1 = ops.expm1
    flatten = ops.flatten
    floor = ops.floor
    log = ops.log
    log1p = ops.log1p
    log_softmax = ops.log_softmax
    max = ops.max
    mean = ops.mean
    min = ops.min
    prod = ops.prod
    ravel = ops.ravel
    reciprocal = ops.reciprocal
    relu = ops.relu
    repeat = ops.repeat
    round = ops.round
    sigmoid = ops.sigmoid
    sin = ops.sin
    softmax = ops.softmax
    sqrt = ops.sqrt
    square = ops.square
    squeeze = ops.squeeze
    std = ops.std
    sum = ops.sum
    swapaxes = ops.swapaxes
    take = ops.take
    tan = ops.tan
    tanh = ops.tanh
    trace = ops.trace
    var = ops.var


#: The parameters of a model, by their names.
Params = Mapping[str, Tensor]
