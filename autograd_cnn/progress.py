"""A bar that shows how far a training has come."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from autograd_cnn.training import History


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
    from tqdm import tqdm

    # A terminal sees the bar move; a log file gets a line now and then.
    bar = tqdm(
        total=steps, initial=len(history.step_losses), unit="step", dynamic_ncols=True,
        mininterval=0.1 if sys.stderr.isatty() else 10.0,
    )  # fmt: skip

    def show(epoch: int, loss: float, accuracy: float) -> None:
        last = history.epochs[-1].test_accuracy if history.epochs else None
        tested = "" if last is None else f", test {last:.1%}"
        bar.set_description(f"epoch {epoch}/{epochs}", refresh=False)
        bar.set_postfix_str(f"loss {loss:.3f}, accuracy {accuracy:.1%}{tested}", refresh=False)
        bar.update()

    with bar:
        yield show
