"""Observers: what sees every op that is called, and every backward rule."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any, NamedTuple, Protocol

from autograd_cnn.modes import Modes, switch, switch_back, switched, unobserved
from autograd_cnn.recording.call_site import machinery

machinery(__name__)


class Observer(Protocol):
    """Sees every op that is called and every rule; what is called inside a rule is part of the rule."""

    def forward(self, event: Any) -> None:
        """See a call of an op, a `Forward`."""

    def backward(self, event: Any) -> None:
        """See a rule, a `Backward`."""


class ObserverError(RuntimeError):
    """What an observer raises to stop a computation; it passes through unchanged."""


class Forward(NamedTuple):
    """What observers see of a call of an op, with the `perf_counter` readings before and after."""

    op: Any  # a `primitive.Primitive`
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    out: Any
    begin: float
    end: float


class Backward(NamedTuple):
    """What observers see of a rule: `grad` in, `result` out, and the `perf_counter` readings before and after."""

    node: Any  # a `graph.Node`
    edge: Any  # a `rules.Edge`
    grad: Any
    result: Any
    begin: float
    end: float


@contextlib.contextmanager
def observed_by(observer: Observer) -> Iterator[None]:
    """Let `observer` see what is computed inside the block, in this thread (or task) alone."""
    with switched(observer=observer):
        yield


def call(op: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], modes: Modes) -> Any:
    """Call an op, and show it to the observers as a whole, without the ops that it calls."""
    token = switch(unobserved(modes.recording, modes.updating, modes.transforming))
    try:
        begin = perf_counter()
        out = op(*args, **kwargs)
        end = perf_counter()
    finally:
        switch_back(token)
    event = Forward(op, args, kwargs, out, begin, end)
    for observer in modes.observers:
        observer.forward(event)
    return out
