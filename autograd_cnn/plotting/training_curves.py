"""The losses and accuracies of a training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from autograd_cnn.plotting.canvas import drawable, legend_below, on_figure, percent
from autograd_cnn.plotting.looks import DASHES, TEST, TRAIN, VALIDATION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

_MOST_MARKED_EPOCHS = 30


class History(Protocol):
    """What `fit` returns."""

    def to_dict(self) -> dict[str, Any]: ...  # noqa: D102 -- its own docstring says it


def learning_curve(
    history: History | Mapping[str, Any], *, augmented: bool = False, figure: FigureBase | None = None
) -> FigureBase:
    """Draw the losses and accuracies of a training.

    Every loss is in the picture, from the first; where they fall by orders of magnitude, the scale is logarithmic.
    Steps are spread evenly over the epochs; those whose loss is not finite are marked at the bottom.

    Parameters
    ----------
    history : History, or dict
        What `fit` returns, or ``{"steps": {"loss": [float, …]}, "epochs": [{"epoch": 1, "train_loss": …,
        "train_accuracy": …, "test_loss": …, "test_accuracy": …}, …]}``, as its `to_dict` returns it, which may have
        "validation_loss" and "validation_accuracy" too. The figures of a missing set are None.
    augmented : bool
        Whether the training images were varied at random, which makes them harder than those of the other sets: the
        legends say so.
    figure : Figure, optional
        What to draw on; by default a new one.

    Returns
    -------
    Figure

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> epoch = {"train_loss": 0.9, "train_accuracy": 0.7, "test_loss": 0.6, "test_accuracy": 0.8}
    >>> history = {"steps": {"loss": [2.3, 1.1, 0.6]}, "epochs": [{"epoch": 1, **epoch}]}
    >>> loss, accuracy = ac.plotting.learning_curve(history).axes
    >>> loss.lines[0].get_ydata().tolist()
    [2.3, 1.1, 0.6]
    """
    curves = _Curves(history if isinstance(history, Mapping) else history.to_dict(), augmented)
    with on_figure(figure, (9.0, 4.0)) as figure:
        loss, accuracy = figure.subplots(1, 2)
        curves.draw_loss(loss)
        curves.draw_accuracy(accuracy)
        for axes in (loss, accuracy):
            axes.xaxis.get_major_locator().set_params(integer=True)
    return figure


class _Curves:
    """A history as arrays, and how they are drawn."""

    def __init__(self, history: Mapping[str, Any], augmented: bool) -> None:
        self.training = "training (augmented images)" if augmented else "training"
        epochs = history["epochs"]
        self.epochs = np.array([e["epoch"] for e in epochs], np.float64)
        self.train_accuracy = drawable([e["train_accuracy"] for e in epochs])
        # For each set that is evaluated after an epoch: name, losses, accuracies and look.
        self.evaluated = []
        for name, color, dash in ("validation", VALIDATION, DASHES[2]), ("test", TEST, DASHES[1]):
            losses, accuracies = (drawable([e.get(f"{name}_{x}") for e in epochs]) for x in ("loss", "accuracy"))
            if any(e.get(f"{name}_{x}") is not None for e in epochs for x in ("loss", "accuracy")):
                self.evaluated.append((name, losses, accuracies, {"color": color, "linestyle": dash}))
        self.step_losses = drawable(history["steps"]["loss"])
        count = len(self.step_losses)
        # Before the end of the first epoch, steps are all there is to count.
        self.length = self.epochs[-1] if epochs else max(count, 1)
        self.steps = np.arange(1, count + 1) * (self.length / max(count, 1))

    def _points(self, values: NDArray[np.float64]) -> dict[str, Any]:
        """Return how to mark points: only if they are few, as when a set was evaluated once, at the end."""
        few = len(values) <= _MOST_MARKED_EPOCHS or np.count_nonzero(~np.isnan(values)) == 1
        return {"marker": "o" if few else "", "markersize": 4}

    def draw_loss(self, axes: Axes) -> None:
        smooth = _moving_average(self.step_losses, 2 * (len(self.step_losses) // 60) + 5)
        axes.plot(
            self.steps, self.step_losses, color=TRAIN, alpha=0.3, linewidth=0.7, label=f"{self.training}, each step"
        )
        axes.plot(self.steps, smooth, color=TRAIN, label=f"{self.training}, smoothed")
        for name, losses, _, look in self.evaluated:
            axes.plot(self.epochs, losses, label=name, **look, **self._points(losses))
        lost = self.steps[np.isnan(self.step_losses)]
        if lost.size:
            foot = axes.get_xaxis_transform()
            axes.plot(lost, np.full(lost.size, 0.03), "k|", transform=foot, label=f"not finite ({lost.size})")
        _scale_loss(axes, self.step_losses, np.concatenate([smooth, *(losses for _, losses, _, _ in self.evaluated)]))
        axes.set_title("Loss", loc="left")
        axes.set(xlabel="epoch" if self.epochs.size else "step")
        axes.set_xlim(0, 1.03 * self.length)
        legend_below(axes, columns=1)

    def draw_accuracy(self, axes: Axes) -> None:
        curves: list[Any] = [(self.training, self.train_accuracy, {"color": TRAIN})]
        curves += [(name, accuracies, look) for name, _, accuracies, look in self.evaluated]
        for name, values, look in curves:
            label = name if np.isnan(values[-1:]).all() else f"{name}, {values[-1]:.1%} at the end"
            axes.plot(self.epochs, values, label=label, **look, **self._points(values))
        _scale_accuracy(axes, np.concatenate([values for _, values, _ in curves]))
        axes.set_title("Accuracy", loc="left")
        axes.set(xlabel="epoch")
        axes.yaxis.set_major_formatter(percent)
        axes.set_xlim(0, self.length + max(0.03 * self.length, 1 / self.length))  # a single epoch is in the middle
        legend_below(axes, columns=1)


def _moving_average(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Average each value with its neighbours, ignoring NaN; NaN if there is nothing else."""
    if not values.size:
        return values
    known = ~np.isnan(values)
    ones = np.ones(min(window, values.size))
    total = np.convolve(np.where(known, values, 0), ones, "same")
    count = np.convolve(known, ones, "same")
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _scale_loss(axes: Axes, steps: NDArray[np.float64], curves: NDArray[np.float64]) -> None:
    """Fit the axis to the curves and to every step's loss, on a logarithmic scale if they fall by orders of magnitude.

    Only a step far below all the curves, such as one with a loss of 0, falls out of a logarithmic scale.
    """
    curves, steps = curves[~np.isnan(curves)], steps[~np.isnan(steps)]
    if not curves.size and not steps.size:
        axes.set_ylim(0, 1)
        return
    low = curves.min() if curves.size else steps.min()
    high = max(curves.max(initial=low), steps.max(initial=low))
    if 0 < 50 * low < high:
        axes.set_yscale("log")
        axes.set_ylim(low / 3, high * 1.5)
        axes.yaxis.set_major_formatter("{x:g}")
    else:
        low = min(0, low, steps.min(initial=0))
        axes.set_ylim(low, high + 0.05 * (high - low) or 1)


def _scale_accuracy(axes: Axes, values: NDArray[np.float64]) -> None:
    """Fit the axis to the values, but not so closely that 1 % looks like a lot."""
    values = values[~np.isnan(values)]
    low, high = (values.min(), values.max()) if values.size else (0, 1)
    margin = max(0.05 * (high - low), 0.02 - (high - low) / 2)
    axes.set_ylim(max(low - margin, -0.002), min(high + margin, 1.005))
