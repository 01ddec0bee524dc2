"""What training and evaluation return."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from autograd_cnn.output import text
from autograd_cnn.training.schema import Count, Positive, Where, convert
from autograd_cnn.variable import Array

#: How many first and last epochs a History shows, if there are many.
FIRST_ROWS, LAST_ROWS = 2, 5


@dataclass(frozen=True)
class EpochResult:
    """Losses and accuracies of one epoch.

    Training figures are means over the epoch's images, each computed with the weights at its step. Test and validation
    figures are measured at the end of the epoch, and are None without such a set.

    Examples
    --------
    >>> EpochResult(1, train_loss=0.5, train_accuracy=0.9).test_loss is None
    True
    """

    epoch: Positive
    train_loss: float
    train_accuracy: float
    test_loss: float | None = None
    test_accuracy: float | None = None
    validation_loss: float | None = None
    validation_accuracy: float | None = None


def _is_state(state: Any) -> bool:
    """Return whether a generator can be set to this state."""
    try:
        np.random.PCG64().state = state
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        return False
    return True


@dataclass(frozen=True)
class Underway:
    """An unfinished epoch: everything needed to resume it after any of its steps.

    Attributes
    ----------
    epoch : int
    steps : int
        Number of steps taken.
    loss_sum : float
        Over the images seen so far.
    right, seen : int
        Number of images classified correctly, and number seen in all.
    rng : dict
        The state of the generator that the model draws from.

    Examples
    --------
    >>> Underway(2, 10, loss_sum=64.0, right=250, seen=320, rng={}).steps
    10
    """

    epoch: Positive
    steps: Positive
    loss_sum: float
    right: Count
    seen: Positive
    rng: Annotated[Mapping[str, Any], Where("the state of NumPy's PCG64", _is_state)]


@dataclass(repr=False)
class History:
    """The course of training: the loss of every step, the result of every epoch, and the time it took.

    Attributes
    ----------
    step_losses : list of float
    epochs : list of EpochResult
    seconds : float
        Seconds of training alone, without the evaluations.
    stopped : str, optional
        Why training ended before its last epoch, if it did.
    underway : Underway, optional
        The epoch that was begun and has not ended.

    Examples
    --------
    >>> history = History([2.3, 1.1], [EpochResult(1, 1.7, 0.6)])
    >>> History.from_dict(history.to_dict(), seconds=0.0) == history
    True
    >>> history
    <History: 1 epoch, 2 steps, 0.0 s>
    epoch  train loss  train accuracy
    ─────  ──────────  ──────────────
    1          1.7000          60.00%
    """

    step_losses: list[float] = field(default_factory=list)
    epochs: list[EpochResult] = field(default_factory=list)
    seconds: float = 0.0
    stopped: str | None = None
    underway: Underway | None = None

    def __repr__(self) -> str:
        header, rows = self._table()
        return f"<History: {self._summary()}>" + (f"\n{text.table(header, rows)}" if rows else "")

    def _repr_html_(self) -> str:
        """Return the same table for a notebook."""
        header, rows = self._table()

        def line(cells: Sequence[str], tag: str) -> str:
            return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

        lines = [line(header, "th"), *(line(row, "td") for row in rows)] if rows else []
        return f"<p>History: {html.escape(self._summary())}</p><table>{''.join(lines)}</table>"

    def _summary(self) -> str:
        done = f"{text.count(len(self.epochs), 'epoch')}, {text.count(len(self.step_losses), 'step')}"
        return f"{done}, {self.seconds:.1f} s" + (f"; stopped: {self.stopped}" if self.stopped else "")

    def _table(self) -> tuple[list[str], list[list[str]]]:
        """Return the header and the rows of a table of the epochs, of the first and the last if there are many."""
        figures = [f for f in vars(EpochResult(0, 0, 0)) if any(getattr(e, f) is not None for e in self.epochs)]
        rows = [[_cell(name, getattr(e, name)) for name in figures] for e in self.epochs]
        if len(rows) > FIRST_ROWS + LAST_ROWS + 1:
            rows = [*rows[:FIRST_ROWS], ["…"] * len(figures), *rows[-LAST_ROWS:]]
        return [name.replace("_", " ") for name in figures], rows

    def stop(self, reason: str) -> None:
        """End training after this epoch; a callback calls it. `stopped` keeps the reason."""
        self.stopped = reason

    def to_dict(self) -> dict[str, Any]:
        """Return the losses, the results and the reason to stop as lists and dicts, ready for JSON."""
        plain = {"steps": {"loss": self.step_losses}, "epochs": [vars(e) for e in self.epochs]}
        return plain if self.stopped is None else plain | {"stopped": self.stopped}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any], seconds: float) -> History:
        """Return the History that `to_dict` was called on.

        Raises
        ------
        SchemaError
            If `plain` is not from `to_dict`; it is a ValueError.
        """
        course = convert(dict(plain), Course, "history")
        return cls(list(course.steps.loss), course.epochs, seconds, course.stopped)


@dataclass(frozen=True)
class StepLosses:
    """The loss of every step, as stored in JSON."""

    loss: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Course:
    """A History without its seconds, as `History.to_dict` returns it."""

    epochs: list[EpochResult]
    steps: StepLosses = StepLosses()
    stopped: str | None = None


def _cell(name: str, value: float | None) -> str:
    """Return a figure of an epoch as a table shows it."""
    if value is None:
        return ""
    return f"{value:.2%}" if name.endswith("accuracy") else str(value) if name == "epoch" else f"{value:.4f}"


@dataclass(frozen=True)
class Evaluation:
    """A model's predictions for a labelled data set, and how good they are.

    Attributes
    ----------
    probabilities : ndarray, (N, C)
    predictions : ndarray of int, (N,)
        The most probable class of each image.
    loss, accuracy : float
        Mean cross-entropy, and the share of correct predictions.
    mean_confidence : float
        Mean probability of the predicted class.
    calibration_error : float
        Expected calibration error, in 15 bins.

    Examples
    --------
    >>> import numpy as np
    >>> two = np.array([[0.9, 0.1], [0.2, 0.8]])
    >>> found = Evaluation(two, two.argmax(axis=1), 0.16, 1.0, mean_confidence=0.85, calibration_error=0.15)
    >>> found.predictions.tolist()
    [0, 1]
    """

    probabilities: Array
    predictions: NDArray[np.int64]
    loss: float
    accuracy: float
    mean_confidence: float
    calibration_error: float
