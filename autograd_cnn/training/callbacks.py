"""Functions that `fit` calls during training; early stopping is one of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from autograd_cnn.tensor import Params
from autograd_cnn.training.errors import TrainingError
from autograd_cnn.training.results import EpochResult, History
from autograd_cnn.variable import Array

METRICS = tuple(f"{name}_{figure}" for name in ("test", "train", "validation") for figure in ("loss", "accuracy"))


@dataclass
class Callback:
    """Functions that `fit` calls during training; either may be left out.

    Attributes
    ----------
    on_step : callable, optional
        `on_step(epoch, loss, accuracy)` is called after each step, with the epoch's number and its mean loss and
        accuracy so far.
    on_epoch : callable, optional
        `on_epoch(history, params)` is called after each epoch. To end training, it calls ``history.stop(reason)``.

    Examples
    --------
    >>> from autograd_cnn.training import Callback, EpochResult, History
    >>> def stop_when_good(history, params):
    ...     if history.epochs[-1].train_accuracy > 0.99:
    ...         history.stop("good enough")
    >>> callback = Callback(on_epoch=stop_when_good)
    >>> history = History(epochs=[EpochResult(1, 0.01, 0.995)])
    >>> callback.on_epoch(history, {})
    >>> history.stopped
    'good enough'
    """

    on_step: Callable[[int, float, float], None] | None = None
    on_epoch: Callable[[History, Params], None] | None = None


class EarlyStopping(Callback):
    """A callback that ends training when it has stopped getting better.

    If training reaches its last epoch, that epoch's parameters are kept, so that it can go on from there. Put callbacks
    that save the parameters after this one, because it may restore the best.

    One object watches one training. To go on with that training in the same process, pass the same object to `fit`;
    in another process, save `state_dict()` with the parameters and load it into a new object.

    Parameters
    ----------
    patience : int
        Stop after this many epochs without an improvement, at least 1.
    min_delta : float, default 0
        An improvement is a change for the better by more than this.
    metric : {"test_loss", "test_accuracy", "validation_loss", "validation_accuracy", "train_loss", "train_accuracy"}
        What to watch: a loss should fall, an accuracy rise.
    restore_best : bool, default True
        When stopping, set the parameters to their values after the best epoch.

    Attributes
    ----------
    best_epoch : int
        The number of the best epoch so far; 0 before the first.
    best_value : float
        The value of the metric after that epoch.
    best_params : dict of str to ndarray, optional
        Copies of the parameters after that epoch, if `restore_best` is true.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    L. Prechelt, "Early Stopping — But When?", 1998.

    Examples
    --------
    >>> from autograd_cnn.training import EarlyStopping, EpochResult, History
    >>> stopping, history = EarlyStopping(patience=1, restore_best=False), History()
    >>> for epoch, loss in enumerate((0.5, 0.3, 0.4), start=1):
    ...     history.epochs.append(EpochResult(epoch, 0.2, 0.9, loss, 0.8))
    ...     stopping.on_epoch(history, {})
    >>> history.stopped
    'test_loss was best after epoch 2, 0.3, and 1 epoch has brought nothing better'
    """

    def __init__(
        self, patience: int, min_delta: float = 0.0, metric: str = "test_loss", restore_best: bool = True
    ) -> None:
        if metric not in METRICS:
            raise ValueError(f"metric is {metric!r}: expected one of {', '.join(METRICS)}")
        if not isinstance(patience, int) or patience < 1:
            raise ValueError(f"patience is {patience!r}: expected a whole number of epochs, 1 or more")
        if not 0 <= min_delta < math.inf:
            raise ValueError(f"min_delta is {min_delta!r}: expected a finite number, 0 or more")
        super().__init__(on_epoch=self._watch)
        self.patience, self.min_delta, self.metric, self.restore_best = patience, min_delta, metric, restore_best
        self.best_params: dict[str, Array] | None = None
        self._begin()

    def state_dict(self) -> dict[str, Any]:
        """Return what was seen so far: numbers, and copies of the best parameters."""
        params = None if self.best_params is None else {name: array.copy() for name, array in self.best_params.items()}
        return {
            "seen": self._seen,
            "waited": self._waited,
            "best_epoch": self.best_epoch,
            "best_value": self.best_value,
            "best_params": params,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self._seen, self._waited = state["seen"], state["waited"]
        self.best_epoch, self.best_value = state["best_epoch"], state["best_value"]
        self.best_params = state["best_params"]

    def _begin(self) -> None:
        self._seen = self._waited = self.best_epoch = 0
        self.best_value = math.nan
        self.best_params = None

    def _watch(self, history: History, params: Params) -> None:
        if len(history.epochs) <= self._seen:
            self._begin()  # another training
        for result in history.epochs[self._seen :]:  # one, or more if training went on without this callback
            self._see(result)
        if self.restore_best:
            self._keep(params)
        if self._waited >= self.patience:
            self._stop(history, params)

    def _see(self, result: EpochResult) -> None:
        value = getattr(result, self.metric)
        if value is None:
            raise TrainingError(
                f"early stopping watches {self.metric}, but epoch {result.epoch} has none; "
                f"give fit a {self.metric.partition('_')[0]} set, or watch train_loss"
            )
        self._seen += 1
        self._waited += 1
        if not self.best_epoch or self._cost(value) < self._cost(self.best_value) - self.min_delta:
            self.best_epoch, self.best_value, self.best_params, self._waited = result.epoch, value, None, 0

    def _cost(self, value: float) -> float:
        """Return a value of the metric as a cost, which should fall; NaN is the worst."""
        if math.isnan(value):
            return math.inf
        return value if self.metric.endswith("loss") else -value

    def _keep(self, params: Params) -> None:
        """Copy the parameters if this epoch is the best; otherwise check that there are copies."""
        if not self._waited:
            self.best_params = {name: p.data.copy() for name, p in params.items()}
        elif self.best_params is None or self.best_params.keys() != params.keys():
            raise TrainingError(
                f"the best epoch so far was {self.best_epoch}, but its parameters were not kept; resume with the "
                "EarlyStopping that saw it, or load its state_dict()"
            )

    def _stop(self, history: History, params: Params) -> None:
        if self.restore_best and self.best_params is not None:
            for name, p in params.items():
                p.data[...] = self.best_params[name]
        epochs = "1 epoch has" if self._waited == 1 else f"{self._waited} epochs have"
        history.stop(
            f"{self.metric} was best after epoch {self.best_epoch}, {self.best_value:.4g}, and {epochs} brought "
            "nothing better" + "; its parameters are restored" * self.restore_best
        )


early_stopping = EarlyStopping
