"""Progress bars on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
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
def training_bar(epochs: int, steps: int, history: History) -> Iterator[Callable[[int, float, float], None]]:
    """Show a bar for a training, and yield the `on_step` that moves it.

    Parameters
    ----------
    epochs, steps : int
        Of the whole training.
    history : History
        Of the training so far; `fit` is given the same object.
    """
    steps_bar = bar(total=steps, initial=len(history.step_losses), unit="step")

    def show(epoch: int, loss: float, accuracy: float) -> None:
        last = history.epochs[-1].test_accuracy if history.epochs else None
        tested = "" if last is None else f", test {last:.1%}"
        steps_bar.set_description(f"epoch {epoch}/{epochs}", refresh=False)
        steps_bar.set_postfix_str(f"loss {loss:.3f}, accuracy {accuracy:.1%}{tested}", refresh=False)
        steps_bar.update()

    with steps_bar:
        yield show
