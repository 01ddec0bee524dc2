"""What is switched on in this thread or task: recording, updating, transforming, observing.

One context variable holds all of it, so that `no_grad` affects its own thread only, and an op needs one look-up.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from contextvars import ContextVar, Token
from typing import Any


class Modes:
    """The switches inside a block: those of the block around it, and its own changes."""

    __slots__ = ("below", "changes", "observers", "recording", "settled", "transforming", "updating")

    def __init__(self, below: Modes | None = None, **changes: Any) -> None:
        self.below = below
        self.changes = changes
        self.update()

    def update(self) -> None:
        """Work the switches out from those below."""
        below, changes = self.below, self.changes
        self.recording: bool = changes.get("recording", below.recording if below else True)
        self.updating: bool = changes.get("updating", below.updating if below else True)
        self.transforming: bool = changes.get("transforming", below.transforming if below else False)
        self.settled: bool = changes.get("settled", False)  # for a rule itself, not for the ops that it calls
        self.observers: tuple[Any, ...] = changes.get("observers", below.observers if below else ())
        if "observer" in changes:
            self.observers = (*self.observers, changes["observer"])


class _Ended(Modes):
    """The switches of a block that has ended but could not be removed: they read as those of the block around it."""

    __slots__ = ()
    below: Modes
    recording = property(lambda self: self.below.recording)
    updating = property(lambda self: self.below.updating)
    transforming = property(lambda self: self.below.transforming)
    settled = property(lambda self: self.below.settled)
    observers = property(lambda self: self.below.observers)


_modes: ContextVar[Modes] = ContextVar("modes", default=Modes())  # noqa: B039 -- no default is ever changed

#: `current()` returns the switches; `switch(modes)` sets others and returns a token, which `switch_back` takes.
current, switch, switch_back = _modes.get, _modes.set, _modes.reset


@functools.cache
def unobserved(recording: bool, updating: bool, transforming: bool, settled: bool = False) -> Modes:
    """Return the switches with no observer."""
    return Modes(recording=recording, updating=updating, transforming=transforming, settled=settled)


@contextlib.contextmanager
def switched(**changes: Any) -> Iterator[None]:
    """Change switches inside the block, in this thread (or task) alone; `observer` adds one to the `observers`.

    Blocks in generators may end in another order than they began, and in another task or thread: each undoes its own
    changes, and no others. An interrupt may come after any call; the switches are restored all the same.
    """
    below = current()
    while isinstance(below, _Ended):
        below = below.below
    mine = Modes(below, **changes)
    token: Token[Modes] | None = None
    try:
        token = switch(mine)
        yield
    finally:
        later: list[Modes] = []
        try:
            later = _begun_later(mine)
        finally:
            if later:
                mine.__class__ = _Ended
                for modes in later:
                    modes.update()
            elif token is None:
                switch(below)
            else:
                try:
                    switch_back(token)
                except ValueError:  # the generator was closed by another task or thread, with a context of its own
                    mine.__class__ = _Ended


def _begun_later(modes: Modes) -> list[Modes]:
    """Return the switches of the blocks inside this one that are still open, the outermost first."""
    later: list[Modes] = []
    above: Modes | None = current()
    while above is not None and above is not modes:
        if not isinstance(above, _Ended):
            later.append(above)
        above = above.below
    return later[::-1] if above is modes else []


def is_grad_enabled() -> bool:
    """Whether ops called now are recorded."""
    return current().recording


@contextlib.contextmanager
def no_grad() -> Iterator[None]:
    """Record nothing inside the block, in this thread (or task) alone.

    The mode ends with the block, whatever happens. A generator should not yield inside the block: until it resumes,
    the code that iterates over it is inside the block, too. Closing the generator ends that, from another task or
    thread as well.

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
