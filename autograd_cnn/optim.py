"""Optimizers. Each updates parameters in place, from the gradients that `backward()` left in `.grad`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from autograd_cnn.graph import Array
from autograd_cnn.tensor import Tensor


class Optimizer:
    """What optimizers share: the parameters, their per-parameter state, and saving it.

    Parameters
    ----------
    params : dict of str to Tensor, or iterable of Tensors
        Leaves that require a gradient.
    lr : float
        Learning rate, not negative. It may be changed between steps.

    Raises
    ------
    TypeError, ValueError
        For a parameter that is not such a leaf, no parameters at all, or a setting out of range.
    """

    #: Names of the arrays kept for each parameter, all zero at first.
    slots: tuple[str, ...] = ()

    def __init__(self, params: Mapping[str, Tensor] | Iterable[Tensor], lr: float) -> None:
        named = params.items() if isinstance(params, Mapping) else ((str(i), p) for i, p in enumerate(params))
        self.params: dict[str, Tensor] = dict(named)
        if not self.params:
            raise ValueError("an optimizer needs at least one parameter; it was given none")
        for name, p in self.params.items():
            if not isinstance(p, Tensor) or not p.requires_grad or p.node is not None:
                raise TypeError(
                    f"parameter {name!r} should be a Tensor made with requires_grad=True, not the result of an op; "
                    f"got {p!r}"
                )
        self.lr = _at_least_zero("lr", lr)
        self.steps = 0
        self.state: dict[str, dict[str, Array]] = {
            name: {slot: np.zeros_like(p.data) for slot in self.slots} for name, p in self.params.items()
        }
        # Views of one array, that updates compute in.
        largest = np.empty(max(p.data.nbytes for p in self.params.values()), np.uint8)
        self._scratch = {
            name: largest[: p.data.nbytes].view(p.dtype).reshape(p.shape) for name, p in self.params.items()
        }

    def step(self) -> None:
        """Update every parameter that has a gradient."""
        self.steps += 1
        for name, p in self.params.items():
            if p.grad is not None:
                self.update(p.data, p.grad, self._scratch[name], **self.state[name])
                p.version += 1

    def update(self, value: Array, grad: Array, scratch: Array, **slots: Array) -> None:
        """Update one parameter, and what is kept for it, in place.

        `grad` is read only; `scratch` has its shape and dtype, to compute in.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no update rule; define update(value, grad, scratch, **slots)"
        )

    def zero_grad(self) -> None:
        """Forget every parameter's gradient."""
        for p in self.params.values():
            p.grad = None

    def state_dict(self) -> dict[str, Any]:
        """Give the number of steps and copies of everything kept, as `load_state_dict` takes it."""
        return {
            "steps": self.steps,
            "lr": self.lr,
            "state": {name: {k: v.copy() for k, v in slots.items()} for name, slots in self.state.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state_dict` gave.

        Raises
        ------
        ValueError
            If it is another optimizer's, or for other parameters; then nothing is changed.
        """
        given = {(name, k): np.asarray(v) for name, slots in state["state"].items() for k, v in slots.items()}
        expected = {(name, k): v for name, slots in self.state.items() for k, v in slots.items()}
        if given.keys() != expected.keys():
            odd = sorted(given.keys() ^ expected.keys())[0]
            raise ValueError(f"the state is not for this {type(self).__name__}: {odd} is on one side only")
        for key, value in given.items():
            if value.shape != expected[key].shape:
                raise ValueError(f"the state of {key} has shape {value.shape}; expected {expected[key].shape}")
        self.steps = int(state["steps"])
        self.lr = float(state["lr"])
        for (name, k), value in given.items():
            self.state[name][k] = value.astype(self.params[name].dtype)


def clip_grad_norm(params: Mapping[str, Tensor], max_norm: float) -> float:
    """Scale all gradients by one factor, so that their norm as of one vector is at most `max_norm`; give it before.

    As PyTorch's `clip_grad_norm_`. Pascanu, Mikolov and Bengio, 2013, algorithm 1.
    """
    grads = [p.grad for p in params.values() if p.grad is not None]
    norm = math.sqrt(sum(float(np.vdot(grad, grad)) for grad in grads))
    scale = min(1.0, max_norm / (norm + 1e-6))
    for grad in grads:
        grad *= scale
    return norm


def _at_least_zero(name: str, value: float) -> float:
    if not 0 <= value < float("inf"):
        raise ValueError(f"{name} is a number of at least 0; got {value!r}")
    return value


def _fraction(name: str, value: float) -> float:
    if not 0 <= value < 1:
        raise ValueError(f"{name} is at least 0 and below 1; got {value!r}")
    return value


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
        self.weight_decay = _at_least_zero("weight_decay", weight_decay)
        self.nesterov = nesterov
        if nesterov and not momentum:
            raise ValueError("Nesterov's momentum needs a momentum above 0; got momentum=0")
        self.slots = ("velocity",) if momentum else ()
        super().__init__(params, lr)

    def update(self, value: Array, grad: Array, scratch: Array, **slots: Array) -> None:
        """Apply the rule above to one parameter."""
        if self.weight_decay:
            grad = grad + self.weight_decay * value
        if self.momentum:
            velocity = slots["velocity"]
            velocity *= self.momentum
            velocity += grad
            grad = grad + self.momentum * velocity if self.nesterov else velocity
        value -= np.multiply(grad, self.lr, out=scratch)


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
        self.betas = _fraction("betas[0]", betas[0]), _fraction("betas[1]", betas[1])
        self.eps = _at_least_zero("eps", eps)
        self.weight_decay = _at_least_zero("weight_decay", weight_decay)
        super().__init__(params, lr)

    def update(self, value: Array, grad: Array, scratch: Array, **slots: Array) -> None:
        """Apply the rule above to one parameter."""
        mean, square = slots["mean"], slots["square"]
        beta1, beta2 = self.betas
        if self.weight_decay:
            grad = grad + self.weight_decay * value
        # Not as square += (1 − β₂)·(g² − square), which loses a small g² beside a large square.
        mean *= beta1
        mean += np.multiply(grad, 1 - beta1, out=scratch)
        square *= beta2
        np.multiply(grad, grad, out=scratch)
        scratch *= 1 - beta2
        square += scratch
        # √v̂ + eps in one array; the corrections are numbers, so nothing widens float32.
        np.sqrt(square, out=scratch)
        scratch *= (1 - beta2**self.steps) ** -0.5
        scratch += self.eps
        np.divide(mean, scratch, out=scratch)
        scratch *= self.lr / (1 - beta1**self.steps)
        value -= scratch
