"""When to save the state of a run, in addition to the end of every epoch."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass
class Checkpoints:
    """A plan for saving the state of a run within epochs.

    Attributes
    ----------
    steps : int, optional
        Number of steps between saves.
    minutes : float, optional
        Number of minutes between saves.
    keep : int, default 0
        How many earlier states to keep besides the last one.

    Examples
    --------
    >>> plan = Checkpoints(steps=100)
    >>> plan.due(99), plan.due(100)
    (False, True)
    """

    steps: int | None = None
    minutes: float | None = None
    keep: int = 0
    _last: float = field(default_factory=time.monotonic, repr=False)

    def due(self, step: int) -> bool:
        """Return whether to save after a step, counted over the whole training."""
        return (self.steps is not None and step % self.steps == 0) or (
            self.minutes is not None and time.monotonic() - self._last >= 60 * self.minutes
        )

    def saved(self) -> None:
        """Start counting the minutes again."""
        self._last = time.monotonic()
