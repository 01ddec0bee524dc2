"""Frameworks behind one interface: to train a network, to run it, and to call a single op."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np

import autograd_cnn as ac
from autograd_cnn import distributed
from autograd_cnn.experiments.comparison.networks import Network
from autograd_cnn.kernels.layout import ROWS, aligned_copy, aligned_like
from autograd_cnn.nn.serialization import is_statistic
from autograd_cnn.variable import Array

MOMENTUM = ("SGD", {"lr": 0.001, "momentum": 0.9})
"""An optimizer by its name and settings, which are the same here and in PyTorch."""

Optimizer = tuple[str, Mapping[str, Any]]
Op = Callable[..., Any]


def trained(weights: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out running statistics."""
    return {name: w for name, w in weights.items() if not is_statistic(name)}


class Framework:
    """A network in training, in one framework.

    A framework that is only timed in training steps need not implement the rest.

    Parameters
    ----------
    network : Network
    weights : dict of arrays
        The initial weights, which are copied.
    optimizer : pair of str and dict
        Its name and settings.
    """

    name: ClassVar[str]
    package: ClassVar[str]
    label_smoothing: float = 0.0

    def __init__(self, network: Network, weights: Mapping[str, Array], optimizer: Optimizer = MOMENTUM) -> None:
        raise NotImplementedError

    @staticmethod
    def use_threads(count: int) -> None:
        """Compute with `count` threads."""

    @staticmethod
    def tensor(array: Array) -> Any:
        """Return images or labels as the framework takes them."""
        return array

    def step(self, images: Any, labels: Any) -> float:
        """Run forward and backward, update the weights, and return the loss."""
        raise NotImplementedError

    def set_learning_rate(self, lr: float) -> None:
        """Set the optimizer's learning rate."""
        raise NotImplementedError

    def logits(self, images: Any) -> Array:
        """Run forward, recording nothing."""
        raise NotImplementedError

    @staticmethod
    def op(call: Op, x: Array, params: Sequence[Array], others: Sequence[Array]) -> tuple[Op, Op]:
        """Return an op's forward, which records a graph, and its backward.

        Parameters
        ----------
        call : callable
            Takes a framework's ops, then `x`, `params` and `others` as its tensors.
        x, params : arrays
            To differentiate with respect to. `x` has the memory order in which the framework's own ops leave images;
            with up to three channels it has that of a data set.
        others : arrays
            Constants.
        """
        raise NotImplementedError


class Ours(Framework):
    """Autograd_cnn itself."""

    name = "ours"
    package = "numpy"
    _F = SimpleNamespace(
        **{name: getattr(ac, name) for name in ac.ops.__all__},
        cross_entropy=ac.softmax_cross_entropy,
        pad_channels=lambda x, new: ac.pad(x, ((0, 0), (0, new), (0, 0), (0, 0))),
        training=True,
    )
    _evaluating = SimpleNamespace(**vars(_F) | {"training": False})

    def __init__(self, network: Network, weights: Mapping[str, Array], optimizer: Optimizer = MOMENTUM) -> None:
        kind, settings = optimizer
        self.network = network
        self.params = {name: ac.Tensor(w.copy(), requires_grad=True) for name, w in trained(weights).items()}
        self._values: dict[str, Any] = {name: self.params.get(name, w.copy()) for name, w in weights.items()}
        self._arrays: dict[str, Any] | None = None  # the same, kept from a forward alone until the next step
        self.optimizer = getattr(ac.optim, kind)(self.params, **settings)

    @staticmethod
    def use_threads(count: int) -> None:
        """Compute with `count` threads."""
        if hasattr(ac, "set_num_threads"):
            ac.set_num_threads(count)

    def step(self, images: Array, labels: Array) -> float:
        """Run forward and backward, update the weights, and return the loss."""
        self._arrays = None
        self.optimizer.zero_grad()
        loss = self._loss(images, labels)
        loss.backward()
        self.optimizer.step()
        return float(loss.item())

    def _loss(self, images: Array, labels: Array) -> Any:
        logits = self.network.apply(self._F, self._values, images)
        return ac.softmax_cross_entropy(logits, labels, label_smoothing=self.label_smoothing)

    def set_learning_rate(self, lr: float) -> None:
        """Set the optimizer's learning rate."""
        self.optimizer.lr = lr

    def logits(self, images: Array) -> Array:
        """Run forward, recording nothing: on arrays, ops are plain NumPy."""
        if self._arrays is None:
            self._arrays = self._values | {name: p.data for name, p in self.params.items()}
        return np.asarray(self.network.apply(self._evaluating, self._arrays, images))

    @staticmethod
    def op(call: Op, x: Array, params: Sequence[Array], others: Sequence[Array]) -> tuple[Op, Op]:
        """Return an op's forward, which records a graph, and its backward."""
        x = ROWS.images(ROWS.store(x)) if x.ndim == 4 and x.shape[1] > 3 else aligned_copy(x)
        leaves = [ac.Tensor(a, requires_grad=True) for a in (x, *params)]

        def run(*inputs: Any) -> Any:
            return call(Ours._F, *inputs, *others)

        value, pullback = ac.vjp(run, x, *params)
        cotangent = aligned_like(value)
        cotangent[...] = _cotangent(value.shape)
        return lambda: run(*leaves), lambda: pullback(cotangent)


class Shared(Ours):
    """The package in all processes that were started together, each with its share of every batch."""

    def __init__(self, network: Network, weights: Mapping[str, Array], optimizer: Optimizer = MOMENTUM) -> None:
        super().__init__(network, weights, optimizer)
        self.comm = distributed.world()
        self.reducer = distributed.Reducer(self.params.values(), self.comm)

    def step(self, images: Array, labels: Array) -> float:
        """Run forward and backward on this process's share, update the weights, and return the share's loss."""
        x, y = distributed.share(images, self.comm), distributed.share(labels, self.comm)
        loss = self._loss(x, y)
        gradients = self.reducer.gradients(loss, len(x) / len(images))
        for p, gradient in zip(self.params.values(), gradients, strict=True):
            p.grad = gradient
        self.optimizer.step()
        return float(loss.item())


class PyTorch(Framework):
    """PyTorch on the CPU."""

    name = "PyTorch"
    package = "torch"

    def __init__(self, network: Network, weights: Mapping[str, Array], optimizer: Optimizer = MOMENTUM) -> None:
        import torch

        kind, settings = optimizer
        self.network = network
        self.params = {name: torch.tensor(w, requires_grad=True) for name, w in trained(weights).items()}
        self._values = self.params | {name: torch.tensor(w) for name, w in weights.items() if name not in self.params}
        self.optimizer = getattr(torch.optim, kind)(self.params.values(), **settings)
        self._F, self._evaluating = self._ops(), self._ops(training=False)

    @staticmethod
    def _ops(training: bool = True) -> Any:
        import torch

        F = torch.nn.functional
        more = {"flatten": torch.flatten, "pad_channels": lambda x, new: F.pad(x, (0, 0, 0, 0, 0, new))}
        return SimpleNamespace(**vars(F) | more, training=training)

    @staticmethod
    def use_threads(count: int) -> None:
        """Compute with `count` threads."""
        import torch

        torch.set_num_threads(count)

    @staticmethod
    def tensor(array: Array) -> Any:
        """Return an array as a tensor that shares its memory."""
        import torch

        return torch.from_numpy(array)

    def step(self, images: Any, labels: Any) -> float:
        """Run forward and backward, update the weights, and return the loss."""
        self.optimizer.zero_grad()
        logits = self.network.apply(self._F, self._values, images)
        loss = self._F.cross_entropy(logits, labels, label_smoothing=self.label_smoothing)
        loss.backward()
        self.optimizer.step()
        return float(loss.item())

    def set_learning_rate(self, lr: float) -> None:
        """Set the optimizer's learning rate."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr

    def logits(self, images: Any) -> Array:
        """Run forward in inference mode."""
        import torch

        with torch.inference_mode():
            return np.asarray(self.network.apply(self._evaluating, self._values, images))

    @staticmethod
    def op(call: Op, x: Array, params: Sequence[Array], others: Sequence[Array]) -> tuple[Op, Op]:
        """Return an op's forward, which records a graph, and its backward."""
        import torch

        F = PyTorch._ops()
        leaves = [torch.tensor(a, requires_grad=True) for a in (x, *params)]
        constants = [torch.tensor(a) for a in others]

        def forward() -> Any:
            return call(F, *leaves, *constants)

        value = forward()
        cotangent = torch.from_numpy(_cotangent(tuple(value.shape)))
        return forward, lambda: torch.autograd.grad(value, leaves, cotangent, retain_graph=True)


def _cotangent(shape: tuple[int, ...]) -> Array:
    return np.asarray(np.random.default_rng(0).random(shape, np.float32))


def installed(*frameworks: type[Framework]) -> list[type[Framework]]:
    """Return the frameworks that can be imported; print which cannot, and why."""
    found = []
    for framework in frameworks:
        try:
            importlib.import_module(framework.package)
            found.append(framework)
        except (ImportError, AttributeError, TypeError) as error:
            print(f"{framework.name} is left out: {error}")
    return found


def require_agreement(what: str, values: Mapping[str, Any], tolerance: float = 1e-4) -> None:
    """Raise an error unless all rivals computed the same: otherwise their times cannot be compared.

    Parameters
    ----------
    what : str
        The name of what was computed, for the error.
    values : dict of str to number, array or sequence of them
        What each rival computed.
    tolerance : float
        The largest difference allowed, as a share of the largest value.

    Raises
    ------
    RuntimeError
    """
    (first, wanted), *others = ((name, _arrays(value)) for name, value in values.items())
    for name, found in others:
        for a, b in zip(wanted, found, strict=True):
            if not a.shape == b.shape or not np.abs(a - b).max() <= tolerance * np.abs(a).max():
                raise RuntimeError(f"{what}: {name} and {first} do not compute the same, so their times say nothing")


def _arrays(value: Any) -> list[Array]:
    parts = value if isinstance(value, list | tuple) else [value]
    return [np.asarray(p.numpy() if hasattr(p, "numpy") else p) for p in (_detached(p) for p in parts)]


def _detached(value: Any) -> Any:
    return value.detach() if hasattr(value, "detach") else value
