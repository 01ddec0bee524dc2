"""What is switched on in this thread or task: recording, replaying, observing.

One context variable holds it all, so that one thread's `no_grad` is not another's, and an op asks once.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol


class Observer(Protocol):
    """Sees every op that is called and every rule; what is called inside a rule is part of the rule."""

    def forward(self, event: Any) -> None:
        """See a call of an op, a `primitive.Forward`."""

    def backward(self, event: Any) -> None:
        """See a rule, a `graph.Backward`."""


class Modes(NamedTuple):
    """The switches."""

    recording: bool = True
    replaying: bool = False
    observers: tuple[Observer, ...] = ()


_modes: ContextVar[Modes] = ContextVar("modes", default=Modes())  # noqa: B039 -- Modes is immutable

#: Give the switches as they are now; set them, for a token; set them back, by the token.
current, switch, switch_back = _modes.get, _modes.set, _modes.reset


@functools.cache
def unobserved(recording: bool, replaying: bool) -> Modes:
    """Give the switches with no observer."""
    return Modes(recording, replaying)


@contextlib.contextmanager
def switched(**changes: Any) -> Iterator[None]:
    """Change switches inside the block, in this thread (or task) alone."""
    token = switch(current()._replace(**changes))
    try:
        yield
    finally:
        switch_back(token)


def is_grad_enabled() -> bool:
    """Whether ops called now are recorded."""
    return current().recording


@contextlib.contextmanager
def no_grad() -> Iterator[None]:
    """Record nothing inside the block, in this thread (or task) alone.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> x = ac.Tensor([1.0, 2.0], requires_grad=True)
    >>> with ac.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """
    with switched(recording=False):
        yield


@contextlib.contextmanager
def observed_by(observer: Observer) -> Iterator[None]:
    """Let `observer` see what is computed inside the block, in this thread (or task) alone."""
    with switched(observers=(*current().observers, observer)):
        yield
