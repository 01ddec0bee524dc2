"""Progress bars on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from autograd_cnn.training.callbacks import Callback
from autograd_cnn.training.results import History


def bar(items: Iterable[Any] | None = None, **options: Any) -> Any:
    """Return a tqdm bar: on a terminal it moves; in a log file it writes a line now and then."""
    from tqdm import tqdm

    class Bar(tqdm):  # type: ignore[type-arg]
        # Turn off the thread that watches for stale bars, because tqdm may wait for it forever (tqdm/tqdm#1751). With
        # miniters=1 a bar checks the time at every step, so none goes stale.
        monitor_interval = 0

    return Bar(items, dynamic_ncols=True, mininterval=0.1 if sys.stderr.isatty() else 10.0, miniters=1, **options)


@contextmanager
def shown(epochs: int, steps: int, history: History, progress: bool | None) -> Iterator[list[Callback]]:
    """Show a bar if `progress` is true, or if it is None and a person is watching; yield the callbacks that move it."""
    watched = is_watched() if progress is None else progress
    if not watched or len(history.epochs) >= epochs or history.stopped is not None:
        yield []
        return
    with training_bar(epochs, steps, history) as moving:
        yield [Callback(moving, lambda *_: moving.end())]


def is_watched() -> bool:
    """Return whether standard error is a terminal, or this is a notebook."""
    return "ipykernel" in sys.modules or (sys.stderr is not None and sys.stderr.isatty())


@contextmanager
def training_bar(epochs: int, steps: int, history: History) -> Iterator[TrainingBar]:
    """Show a bar for a training and yield it; as `on_step`, it moves at every step.

    Parameters
    ----------
    epochs, steps : int
        Of the whole training.
    history : History
        Of the training so far; `fit` is given the same object.
    """
    with bar(total=steps, initial=len(history.step_losses), unit="step") as steps_bar:
        yield TrainingBar(steps_bar, epochs, history)


class TrainingBar:
    """A bar that a training moves, as its `on_step`."""

    def __init__(self, steps_bar: Any, epochs: int, history: History) -> None:
        self._bar, self._epochs, self._history = steps_bar, epochs, history

    def __call__(self, epoch: int, loss: float, accuracy: float) -> None:
        """Move by a step."""
        self._bar.set_description(f"epoch {epoch}/{self._epochs}", refresh=False)
        self._bar.set_postfix_str(f"loss {loss:.3f}, accuracy {accuracy:.1%}{self._evaluated()}", refresh=False)
        self._bar.update()

    def end(self, result: str = "") -> None:
        """Show the result, with the last epoch's own figures."""
        if self._history.epochs:
            last = self._history.epochs[-1]
            figures = f"loss {last.train_loss:.3f}, accuracy {last.train_accuracy:.1%}"
            self._bar.set_postfix_str(f"{figures}{result or self._evaluated()}")

    def _evaluated(self) -> str:
        """Say what the last epoch's evaluation found, if there was one."""
        if not self._history.epochs:
            return ""
        last = self._history.epochs[-1]
        figures = {"validation": last.validation_accuracy, "test": last.test_accuracy}
        return "".join(f", {name} {value:.1%}" for name, value in figures.items() if value is not None)
