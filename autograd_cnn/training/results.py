"""What training and evaluation return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from autograd_cnn.graph import Array
from autograd_cnn.training.schema import Count, Positive, Where, convert


@dataclass(frozen=True)
class EpochResult:
    """Losses and accuracies of one epoch.

    Those of training are means over the epoch's images, each computed with the weights of its step. Those of the
    test set and of the validation set are measured at the end of the epoch, and are None without such a set.

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
    """Return whether random numbers can go on from a state."""
    try:
        np.random.PCG64().state = state
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        return False
    return True


@dataclass(frozen=True)
class Underway:
    """An epoch that has begun: what it takes to go on with it after any of its steps.

    Attributes
    ----------
    epoch : int
    steps : int
        Those that are done.
    loss_sum : float
        Over the images seen so far.
    right, seen : int
        How many images were classified correctly, and in all.
    rng : dict
        The state of the random numbers that the model draws.

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


@dataclass
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
    """

    step_losses: list[float] = field(default_factory=list)
    epochs: list[EpochResult] = field(default_factory=list)
    seconds: float = 0.0
    stopped: str | None = None
    underway: Underway | None = None

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
            If it was called on none; it is a ValueError.
        """
        course = convert(dict(plain), Course, "history")
        return cls(list(course.steps.loss), course.epochs, seconds, course.stopped)


@dataclass(frozen=True)
class StepLosses:
    """The loss of every step, as JSON has it."""

    loss: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Course:
    """A History without its seconds, as `History.to_dict` returns it."""

    epochs: list[EpochResult]
    steps: StepLosses = StepLosses()
    stopped: str | None = None


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

    Examples
    --------
    >>> import numpy as np
    >>> two = np.array([[0.9, 0.1], [0.2, 0.8]])
    >>> found = Evaluation(two, two.argmax(axis=1), loss=0.16, accuracy=1.0, mean_confidence=0.85)
    >>> found.predictions.tolist()
    [0, 1]
    """

    probabilities: Array
    predictions: NDArray[np.int64]
    loss: float
    accuracy: float
    mean_confidence: float
