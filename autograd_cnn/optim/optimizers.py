"""Optimizers. Each updates parameters in place, from the gradients that `backward()` left in `.grad`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from numbers import Real
from typing import Any

import numpy as np

from autograd_cnn.graph import Array
from autograd_cnn.recording import history
from autograd_cnn.tensor import Tensor


class Optimizer:
    """What optimizers share: the parameters, their per-parameter state, and saving it.

    Parameters
    ----------
    params : dict of str to Tensor, or iterable of Tensors
        Leaves that require a gradient. A tensor under several names is one parameter, under the first of them.
    lr : float
        Learning rate, not negative. It may be changed between steps.
    weight_decay : float
        How much of a weight `decay` adds to its gradient, not negative.

    Raises
    ------
    TypeError, ValueError
        For a parameter that is not such a leaf, no parameters at all, or a setting out of range.
    """

    #: Names of the arrays kept for each parameter, all zero at first.
    slots: tuple[str, ...] = ()

    def __init__(self, params: Mapping[str, Tensor] | Iterable[Tensor], lr: float, weight_decay: float = 0) -> None:
        named = dict(params.items() if isinstance(params, Mapping) else ((str(i), p) for i, p in enumerate(params)))
        if not named:
            raise ValueError("an optimizer needs at least one parameter; it was given none")
        for name, p in named.items():
            if not isinstance(p, Tensor) or not p.requires_grad or p.node is not None:
                raise TypeError(
                    f"parameter {name!r} should be a Tensor made with requires_grad=True, not the result of an op; "
                    f"got {p!r}"
                )
        first = {id(p): name for name, p in reversed(named.items())}
        self._names = {name: first[id(p)] for name, p in named.items()}  # tied weights have several
        self.params: dict[str, Tensor] = {name: p for name, p in named.items() if self._names[name] == name}
        self.lr = lr
        self.weight_decay = _at_least_zero("weight_decay", weight_decay)
        # Of each parameter its own, as one without a gradient stays behind.
        self.steps = dict.fromkeys(self.params, 0)
        self.state: dict[str, dict[str, Array]] = {
            name: {slot: np.zeros_like(p._data) for slot in self.slots} for name, p in self.params.items()
        }
        self._scratch = self._views()

    @property
    def lr(self) -> float:
        """The learning rate of the next step."""
        return self._lr

    @lr.setter
    def lr(self, lr: float) -> None:
        self._lr = _at_least_zero("lr", lr)

    def _views(self) -> dict[str, Array]:
        """Make one array, and give a view of it for each parameter, to compute in."""
        largest = np.empty(max(p._data.nbytes for p in self.params.values()), np.uint8)
        return {name: largest[: p._data.nbytes].view(p.dtype).reshape(p.shape) for name, p in self.params.items()}

    @cached_property
    def _decayed(self) -> dict[str, Array]:
        return self._views()

    def step(self) -> None:
        """Update every parameter that has a gradient."""
        found = [(name, p._data, _array(p.grad)) for name, p in self.params.items() if p.grad is not None]
        history.overwritten([value for _, value, _ in found])
        for name, value, grad in found:
            self.steps[name] += 1
            if self.weight_decay:
                grad = self.decay(name, value, grad)
            self.update(value, grad, self._scratch[name], self.steps[name], **self.state[name])

    def decay(self, name: str, value: Array, grad: Array) -> Array:
        """Give the gradient of the loss with weight_decay / 2 · w² added to it, in an array of its own."""
        out = np.multiply(value, self.weight_decay, out=self._decayed[name])
        out += grad
        return out

    def update(self, value: Array, grad: Array, scratch: Array, step: int, **slots: Array) -> None:
        """Update one parameter, and what is kept for it, in place.

        `grad` is read only; `scratch` has its shape and dtype, to compute in; the parameter's first `step` is 1.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no update rule; define update(value, grad, scratch, step, **slots)"
        )

    def zero_grad(self) -> None:
        """Forget every parameter's gradient."""
        for p in self.params.values():
            p.grad = None

    def state_dict(self) -> dict[str, Any]:
        """Give the steps of each parameter and copies of everything kept, as `load_state_dict` takes it."""
        return {
            "steps": self.steps.copy(),
            "lr": self.lr,
            "state": {name: {k: v.copy() for k, v in slots.items()} for name, slots in self.state.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state_dict` gave; one number of steps stands for that of every parameter.

        What belongs to a tensor under several names may stand under any of them.

        Raises
        ------
        ValueError
            If it is another optimizer's, or for other parameters; then nothing is changed.
        """
        given = self._by_parameter(
            ((name, k), np.asarray(v)) for name, slots in state["state"].items() for k, v in slots.items()
        )
        expected = {(name, k): v for name, slots in self.state.items() for k, v in slots.items()}
        if given.keys() != expected.keys():
            odd = sorted(given.keys() ^ expected.keys())[0]
            raise ValueError(f"the state is not for this {type(self).__name__}: {odd} is on one side only")
        for key, value in given.items():
            if value.shape != expected[key].shape:
                raise ValueError(f"the state of {key} has shape {value.shape}; expected {expected[key].shape}")
        steps, lr = state["steps"], _at_least_zero("lr", state["lr"])
        if not isinstance(steps, Mapping):
            steps = dict.fromkeys(self.params, steps)
        counts = self._by_parameter(((name, "steps"), count) for name, count in steps.items())
        steps = {name: count for (name, _), count in counts.items()}
        if steps.keys() != self.params.keys():
            raise ValueError(f"the state has the steps of {sorted(steps)}; expected those of {sorted(self.params)}")
        self.steps = {name: int(steps[name]) for name in self.params}
        self.lr = lr
        for (name, k), value in given.items():
            self.state[name][k] = value.astype(self.params[name].dtype)

    def _by_parameter(self, given: Iterable[tuple[tuple[str, str], Any]]) -> dict[tuple[str, str], Any]:
        """Return what is given of names by the names in `params`."""
        found: dict[tuple[str, str], Any] = {}
        for (name, slot), value in given:
            key = self._names.get(name, name), slot
            if not np.array_equal(found.setdefault(key, value), value):
                raise ValueError(
                    f"{name!r} and {key[0]!r} are one parameter, and the state has two different values of its {slot!r}"
                )
        return found


def _array(grad: Any) -> Array:
    array: Array = grad._data if isinstance(grad, Tensor) else grad  # a Tensor, after backward(create_graph=True)
    return array


def _at_least_zero(name: str, value: float) -> float:
    if not isinstance(value, Real) or not 0 <= value < float("inf"):
        raise ValueError(f"{name} is a number of at least 0; got {value!r}")
    return float(value)  # a NumPy scalar would widen float32


def _fraction(name: str, value: float) -> float:
    if not isinstance(value, Real) or not 0 <= value < 1:
        raise ValueError(f"{name} is a number of at least 0 and below 1; got {value!r}")
    return float(value)


@lru_cache(maxsize=64)
def _number(value: float, dtype: np.dtype[Any]) -> Array:
    """Return a number as an array without axes, which a ufunc takes in half the time that it takes for a float."""
    number = np.array(value, dtype)
    number.flags.writeable = False  # it is shared
    return number


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum as PyTorch has it.

    With g the gradient plus `weight_decay` · w: v ← momentum · v + g, then w ← w − lr · v, or with Nesterov's
    momentum w ← w − lr · (g + momentum · v) (Sutskever and others, 2013, in the form of the gradient at w).
    As in PyTorch the first v is g.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> w = ac.Tensor([1.0], requires_grad=True)
    >>> optimizer = ac.optim.SGD([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data
    array([0.8], dtype=float32)
    """

    def __init__(
        self,
        params: Mapping[str, Tensor] | Iterable[Tensor],
        lr: float,
        momentum: float = 0,
        nesterov: bool = False,
        weight_decay: float = 0,
    ) -> None:
        self.momentum = _at_least_zero("momentum", momentum)
        self.nesterov = nesterov
        if nesterov and not momentum:
            raise ValueError("Nesterov's momentum needs a momentum above 0; got momentum=0")
        self.slots = ("velocity",) if momentum else ()
        super().__init__(params, lr, weight_decay)

    def update(self, value: Array, grad: Array, scratch: Array, step: int, **slots: Array) -> None:  # noqa: ARG002
        """Apply the rule above to one parameter."""
        if self.momentum:
            velocity, momentum = slots["velocity"], _number(self.momentum, value.dtype)
            velocity *= momentum
            velocity += grad
            if self.nesterov:
                np.multiply(velocity, momentum, out=scratch)
                scratch += grad
                grad = scratch
            else:
                grad = velocity
        value -= np.multiply(grad, _number(self.lr, value.dtype), out=scratch)


class AdaGrad(Optimizer):
    """AdaGrad (Duchi, Hazan and Singer, 2011, figure 1, with diagonal matrices).

    With g the gradient plus `weight_decay` · w: s ← s + g², then w ← w − lr / (1 + (t − 1) · lr_decay) · g / (√s + eps)
    in step t. s starts at `initial_accumulator_value`.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> w = ac.Tensor([1.0], requires_grad=True)
    >>> optimizer = ac.optim.AdaGrad([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data
    array([0.9], dtype=float32)
    """

    slots = ("sum",)

    def __init__(
        self,
        params: Mapping[str, Tensor] | Iterable[Tensor],
        lr: float = 0.01,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
    ) -> None:
        self.lr_decay = _at_least_zero("lr_decay", lr_decay)
        self.eps = _at_least_zero("eps", eps)
        start = _at_least_zero("initial_accumulator_value", initial_accumulator_value)
        super().__init__(params, lr, weight_decay)
        for slots in self.state.values():
            slots["sum"].fill(start)

    def update(self, value: Array, grad: Array, scratch: Array, step: int, **slots: Array) -> None:
        """Apply the rule above to one parameter."""
        sum = slots["sum"]
        sum += np.multiply(grad, grad, out=scratch)
        np.sqrt(sum, out=scratch)
        scratch += self.eps
        np.divide(grad, scratch, out=scratch)
        scratch *= self.lr / (1 + (step - 1) * self.lr_decay)
        value -= scratch


class RMSprop(Optimizer):
    """RMSprop (Tieleman and Hinton, "Neural networks for machine learning", lecture 6.5, 2012).

    With g the gradient plus `weight_decay` · w: s ← α·s + (1 − α)·g², then w ← w − lr · g / (√s + eps). With
    `momentum`, v ← momentum · v + g / (√s + eps) and w ← w − lr · v. `centered` has s − m² under the root, with
    m ← α·m + (1 − α)·g: an estimate of the variance (Graves, 2013, equations 38 to 41).

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> w = ac.Tensor([1.0], requires_grad=True)
    >>> optimizer = ac.optim.RMSprop([w], lr=0.01)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data.round(4)
    array([0.9], dtype=float32)
    """

    def __init__(
        self,
        params: Mapping[str, Tensor] | Iterable[Tensor],
        lr: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
    ) -> None:
        self.alpha = _fraction("alpha", alpha)
        self.eps = _at_least_zero("eps", eps)
        self.momentum = _at_least_zero("momentum", momentum)
        self.centered = centered
        self.slots = ("square", *(["mean"] if centered else []), *(["velocity"] if momentum else []))
        super().__init__(params, lr, weight_decay)

    def update(self, value: Array, grad: Array, scratch: Array, step: int, **slots: Array) -> None:  # noqa: ARG002
        """Apply the rule above to one parameter."""
        square = slots["square"]
        _average_square(square, grad, self.alpha, scratch)
        if self.centered:
            mean = slots["mean"]
            _average(mean, grad, self.alpha, scratch)
            np.multiply(mean, mean, out=scratch)
            np.subtract(square, scratch, out=scratch)
            np.maximum(scratch, 0, out=scratch)  # rounding takes the variance of a steady gradient below 0
            np.sqrt(scratch, out=scratch)
        else:
            np.sqrt(square, out=scratch)
        scratch += self.eps
        direction = np.divide(grad, scratch, out=scratch)
        if self.momentum:
            direction = slots["velocity"]
            direction *= self.momentum
            direction += scratch
        value -= np.multiply(direction, self.lr, out=scratch)


class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015, algorithm 1).

    m ← β₁·m + (1 − β₁)·g and v ← β₂·v + (1 − β₂)·g², each divided by 1 − βᵗ for its start at zero; then
    w ← w − lr · m̂ / (√v̂ + eps). `weight_decay` is added to the gradient, as in PyTorch.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> w = ac.Tensor([1.0], requires_grad=True)
    >>> optimizer = ac.optim.Adam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data
    array([0.9], dtype=float32)
    """

    slots = ("mean", "square")

    def __init__(
        self,
        params: Mapping[str, Tensor] | Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
    ) -> None:
        if not isinstance(betas, Sequence) or len(betas) != 2:
            raise ValueError(f"betas is a pair of numbers, such as (0.9, 0.999); got {betas!r}")
        self.betas = _fraction("betas[0]", betas[0]), _fraction("betas[1]", betas[1])
        self.eps = _at_least_zero("eps", eps)
        super().__init__(params, lr, weight_decay)

    def update(self, value: Array, grad: Array, scratch: Array, step: int, **slots: Array) -> None:
        """Apply the rule above to one parameter."""
        mean, square = slots["mean"], slots["square"]
        beta1, beta2 = self.betas
        _average(mean, grad, beta1, scratch)
        _average_square(square, grad, beta2, scratch)
        # √v̂ + eps in one array; the corrections are numbers, so nothing widens float32.
        np.sqrt(square, out=scratch)
        scratch *= (1 - beta2**step) ** -0.5
        scratch += self.eps
        np.divide(mean, scratch, out=scratch)
        scratch *= self.lr / (1 - beta1**step)
        value -= scratch


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019, algorithm 2).

    w ← w − lr · weight_decay · w, then Adam's rule for the gradient alone. Adam itself divides the decay by √v̂ with
    the gradient, so that weights with large gradients decay less.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> w = ac.Tensor([1.0], requires_grad=True)
    >>> optimizer = ac.optim.AdamW([w], lr=0.1, weight_decay=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data.round(4)
    array([0.85], dtype=float32)
    """

    def __init__(
        self,
        params: Mapping[str, Tensor] | Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)

    def decay(self, name: str, value: Array, grad: Array) -> Array:  # noqa: ARG002
        """Make the weights smaller, and give the gradient as it is."""
        value *= 1 - self.lr * self.weight_decay
        return grad


def _average(mean: Array, grad: Array, beta: float, scratch: Array) -> None:
    """Move the exponential average of the gradient on, in place."""
    mean *= beta
    mean += np.multiply(grad, 1 - beta, out=scratch)


def _average_square(square: Array, grad: Array, beta: float, scratch: Array) -> None:
    """Move the exponential average of the gradient's square on, in place."""
    # Not as square += (1 − β)·(g² − square), which loses a small g² beside a large square.
    square *= beta
    np.multiply(grad, grad, out=scratch)
    scratch *= 1 - beta
    square += scratch
