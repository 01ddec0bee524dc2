"""Bars that show how far work has come."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from autograd_cnn.training import History


def bar(items: Iterable[Any] | None = None, **options: Any) -> Any:
    """Make a bar of tqdm's: a terminal sees it move, and a log file gets a line now and then."""
    from tqdm import tqdm

    class Bar(tqdm):  # type: ignore[type-arg]
        monitor_interval = 0  # no thread that looks after stale bars: tqdm may wait for it for ever (its issue 1751)

    # Nor does a bar go stale that asks for the time at every step.
    return Bar(items, dynamic_ncols=True, mininterval=0.1 if sys.stderr.isatty() else 10.0, miniters=1, **options)


@contextmanager
def training_bar(epochs: int, steps: int, history: History) -> Iterator[Callable[[int, float, float], None]]:
    """Show a bar, and give the `on_step` that moves it.

    Parameters
    ----------
    epochs, steps : int
        Of the whole training.
    history : History
        Of this training, with what it has behind it.
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
