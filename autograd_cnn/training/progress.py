"""Progress bars on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from autograd_cnn.training.results import History


def bar(items: Iterable[Any] | None = None, **options: Any) -> Any:
    """Return a bar of tqdm's: on a terminal it moves, and into a log file it writes a line now and then."""
    from tqdm import tqdm

    class Bar(tqdm):  # type: ignore[type-arg]
        # No thread that watches for stale bars, which tqdm may wait for without end (tqdm/tqdm#1751). With
        # miniters=1 a bar asks for the time at every step, so that none goes stale.
        monitor_interval = 0

    return Bar(items, dynamic_ncols=True, mininterval=0.1 if sys.stderr.isatty() else 10.0, miniters=1, **options)


@contextmanager
def training_bar(epochs: int, steps: int, history: History) -> Iterator[TrainingBar]:
    """Show a bar for a training, and yield it, which is the `on_step` that moves it.

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
