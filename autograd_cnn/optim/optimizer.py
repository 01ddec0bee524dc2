"""What all optimizers share. Each updates parameters in place, from the gradients that `backward()` left in `.grad`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property, lru_cache
from numbers import Real
from operator import is_not
from typing import Any

import numpy as np

from autograd_cnn.optim.parameters import Parameters, lasting, named_parameters
from autograd_cnn.output import text
from autograd_cnn.recording import history
from autograd_cnn.tensor import Tensor
from autograd_cnn.transforms import trees
from autograd_cnn.variable import Array


class Optimizer:
    """The base class of optimizers: it holds the parameters and what a rule keeps for each from step to step.

    A subclass writes one method, `update`, the rule for one parameter. Arrays that the rule keeps are named in
    `slots`: each has the shape and dtype of its parameter, starts at zero, is passed to `update` by its name, and is
    part of `state_dict()`.

    Parameters
    ----------
    params : dict, list, tuple or dataclass of Tensors, nested or not, or an iterable of them
        Leaves that require a gradient. A tensor under several names is one parameter, under the first of them.
    lr : float
        Learning rate, not negative. It may be changed between steps.
    weight_decay : float
        λ, not negative. A step adds λ·w to the gradient before the rule sees it: the gradient of λ/2·‖w‖². With
        `decoupled_weight_decay` it multiplies the weights by 1 − lr·λ instead.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not a leaf that requires a gradient, there are no parameters, or a setting is out of range.

    Examples
    --------
    Adadelta (Zeiler, 2012, algorithm 1). Its rule, for one parameter w with gradient g, changes in place w and the two
    arrays that it keeps:

    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> class Adadelta(ac.optim.Optimizer):
    ...     slots = ("square", "moved")
    ...
    ...     def __init__(self, params, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0):
    ...         super().__init__(params, lr, weight_decay)
    ...         self.rho, self.eps = rho, eps
    ...
    ...     def update(self, w, g, scratch, step, *, square, moved):
    ...         square[...] = self.rho * square + (1 - self.rho) * g * g
    ...         change = -np.sqrt(moved + self.eps) / np.sqrt(square + self.eps) * g
    ...         moved[...] = self.rho * moved + (1 - self.rho) * change * change
    ...         w += self.lr * change
    >>> w = ac.Tensor([1.0], requires_grad=True)
    >>> optimizer = Adadelta([w])
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data.round(4)
    array([0.9968], dtype=float32)
    >>> optimizer
    <Adadelta(lr=1.0, weight_decay=0.0, rho=0.9, eps=1e-06): 1 parameter, 1 value, 1 step taken>

    `scratch` is memory to compute in: ``np.multiply(g, self.lr, out=scratch)`` makes no array.
    """

    #: The names of the arrays kept for each parameter.
    slots: tuple[str, ...] = ()

    #: Whether weight decay shrinks the weights themselves instead of being part of the gradient.
    decoupled_weight_decay = False

    def __init__(self, params: Parameters, lr: float, weight_decay: float = 0) -> None:
        params = lasting(params)
        named = named_parameters(params)
        if not named:
            raise ValueError("an optimizer needs at least one parameter; it was given none")
        for name, p in named.items():
            if not isinstance(p, Tensor) or not p.requires_grad or p.node is not None:
                raise TypeError(
                    f"parameter {name!r} should be a Tensor made with requires_grad=True, not the result of an op; "
                    f"got {p!r}"
                )
        self._given = params
        self._is_flat = isinstance(params, Mapping) and params.keys() == named.keys()
        self._tensors = named
        first = {id(p): name for name, p in reversed(named.items())}
        self._names = {name: first[id(p)] for name, p in named.items()}  # tied weights have several
        self.params: dict[str, Tensor] = {name: p for name, p in named.items() if self._names[name] == name}
        self.lr = lr
        self.weight_decay = at_least_zero("weight_decay", weight_decay)
        # Counted per parameter: one without a gradient does not take part in a step.
        self.steps = dict.fromkeys(self.params, 0)
        self.state: dict[str, dict[str, Array]] = {
            name: {slot: np.zeros_like(p._data) for slot in self.slots} for name, p in self.params.items()
        }

    @property
    def lr(self) -> float:
        """The learning rate of the next step."""
        return self._lr

    @lr.setter
    def lr(self, lr: float) -> None:
        self._lr = at_least_zero("lr", lr)

    def __repr__(self) -> str:
        hidden = {"params", "steps", "state", "slots", "lr"}
        settings = {name: v for name, v in vars(self).items() if not name.startswith("_") and name not in hidden}
        shown = ", ".join(f"{name}={value!r}" for name, value in {"lr": self.lr, **settings}.items())
        values = sum(p.size for p in self.params.values())
        taken = max(self.steps.values())
        return (
            f"<{type(self).__name__}({shown}): {text.count(len(self.params), 'parameter')}, "
            f"{text.count(values, 'value')}, {text.count(taken, 'step')} taken>"
        )

    def update(self, *args: Any, **slots: Any) -> None:
        """Update one parameter and the arrays kept for it, in place: ``update(self, w, g, scratch, step, **slots)``.

        Parameters
        ----------
        w : ndarray
            The parameter's values, which the rule overwrites.
        g : ndarray, shape and dtype of `w`
            The gradient, not to be changed.
        scratch : ndarray, shape and dtype of `w`
            Memory to compute in; its contents mean nothing.
        step : int
            Which step of this parameter it is, from 1.
        **slots : ndarray
            The arrays kept for this parameter, by the names in `slots`.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no update rule; define update(self, w, g, scratch, step, **slots)"
        )

    def step(self) -> None:
        """Update every parameter that has a gradient.

        Raises
        ------
        RuntimeError
            If a parameter has been replaced by another Tensor since the optimizer was made; nothing is changed.
        """
        given: Any = self._given
        given = given.values() if self._is_flat else trees.leaves(given)  # looking up names would take longer
        if any(map(is_not, given, self._tensors.values())) or len(given) != len(self._tensors):
            self._refuse_other_tensors(named_parameters(self._given))
        found = [(name, p._data, _plain(p.grad)) for name, p in self.params.items() if p.grad is not None]
        history.overwritten([w for _, w, _ in found])
        steps, state, scratch, update = self.steps, self.state, self._scratch, self.update
        weight_decay = self.weight_decay
        for name, w, g in found:
            steps[name] = step = steps[name] + 1
            if weight_decay and self.decoupled_weight_decay:
                w *= 1 - self.lr * weight_decay
            elif weight_decay:
                g = np.add(np.multiply(w, weight_decay, out=self._sums[name]), g, out=self._sums[name])
            update(w, g, scratch[name], step, **state[name])

    @cached_property
    def _scratch(self) -> dict[str, Array]:
        return _views_of_one_array(self.params)

    @cached_property
    def _sums(self) -> dict[str, Array]:
        """Memory for the sum of gradient and weight decay, allocated only if there is weight decay."""
        return _views_of_one_array(self.params)

    def _refuse_other_tensors(self, given: Mapping[str, Any]) -> None:
        """Raise an error if `given` holds a parameter that would not be trained; parameters may be missing."""
        for name, p in given.items():
            known = name in self._tensors
            if self._tensors.get(name) is not p and (known or p.requires_grad):
                what = "holds another Tensor" if known else "was added"
                raise RuntimeError(
                    f"parameter {name!r} {what} since this {type(self).__name__} was made, so it would not be "
                    "trained; change a parameter's values in place, as in params[name].data[...] = values, or "
                    "make a new optimizer"
                )

    def zero_grad(self) -> None:
        """Set every parameter's gradient to None."""
        for p in self.params.values():
            p.grad = None

    def state_dict(self) -> dict[str, Any]:
        """Return each parameter's number of steps, the learning rate, and copies of all arrays kept."""
        return {
            "steps": self.steps.copy(),
            "lr": self.lr,
            "state": {name: {k: v.copy() for k, v in slots.items()} for name, slots in self.state.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state_dict` returned.

        Parameters
        ----------
        state : dict
            The state of a tensor that has several names may be given under any of them. ``"steps"`` may be one number
            for all parameters.

        Raises
        ------
        ValueError
            If the state belongs to another optimizer or to other parameters; then nothing is changed.
        """
        arrays = self._by_parameter(
            ((name, slot), np.asarray(v)) for name, slots in state["state"].items() for slot, v in slots.items()
        )
        expected = {(name, slot): v for name, slots in self.state.items() for slot, v in slots.items()}
        if arrays.keys() != expected.keys():
            odd = sorted(arrays.keys() ^ expected.keys())[0]
            raise ValueError(f"the state is not for this {type(self).__name__}: {odd} is on one side only")
        for key, array in arrays.items():
            if array.shape != expected[key].shape:
                raise ValueError(f"the state of {key} has shape {array.shape}; expected {expected[key].shape}")
        steps, lr = self._steps(state["steps"]), at_least_zero("lr", state["lr"])
        self.steps, self.lr = steps, lr
        for (name, slot), array in arrays.items():
            self.state[name][slot] = array.astype(self.params[name].dtype)

    def _steps(self, given: Mapping[str, int] | int) -> dict[str, int]:
        """Check the steps in a state, and return them by parameter."""
        if not isinstance(given, Mapping):
            given = dict.fromkeys(self.params, given)
        counts = self._by_parameter(((name, "steps"), count) for name, count in given.items())
        steps = {name: int(count) for (name, _), count in counts.items()}
        if steps.keys() != self.params.keys():
            raise ValueError(f"the state has the steps of {sorted(steps)}; expected those of {sorted(self.params)}")
        return {name: steps[name] for name in self.params}

    def _by_parameter(self, given: Iterable[tuple[tuple[str, str], Any]]) -> dict[tuple[str, str], Any]:
        """Return values under the names in `params`, where a tied parameter may be given under any of its names."""
        found: dict[tuple[str, str], Any] = {}
        for (name, slot), value in given:
            key = self._names.get(name, name), slot
            if not np.array_equal(found.setdefault(key, value), value):
                raise ValueError(
                    f"{name!r} and {key[0]!r} are one parameter, and the state has two different values of its {slot!r}"
                )
        return found


def _plain(grad: Any) -> Array:
    """Return a gradient as an array; after `backward(create_graph=True)` it is a Tensor."""
    array: Array = grad._data if isinstance(grad, Tensor) else grad
    return array


def _views_of_one_array(params: Mapping[str, Tensor]) -> dict[str, Array]:
    """Make one array as large as the largest parameter, and return a view of it in the shape of each."""
    memory = np.empty(max(p._data.nbytes for p in params.values()), np.uint8)
    return {name: memory[: p._data.nbytes].view(p.dtype).reshape(p.shape) for name, p in params.items()}


@lru_cache(maxsize=64)
def scalar(value: float, dtype: np.dtype[Any]) -> Array:
    """Return a number as a 0-d array, which a ufunc handles 2 × faster than a float."""
    number = np.array(value, dtype)
    number.flags.writeable = False  # it is shared
    return number


def at_least_zero(name: str, value: float) -> float:
    """Return a setting as a float, or refuse it if it is negative or not finite."""
    if not isinstance(value, Real) or not 0 <= value < float("inf"):
        raise ValueError(f"{name} is a number of at least 0; got {value!r}")
    return float(value)  # a NumPy scalar would widen float32


def fraction(name: str, value: float) -> float:
    """Return a setting as a float, or refuse it if it is not in [0, 1)."""
    if not isinstance(value, Real) or not 0 <= value < 1:
        raise ValueError(f"{name} is a number of at least 0 and below 1; got {value!r}")
    return float(value)
