"""The losses and accuracies of a training."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from autograd_cnn.output.plotting.canvas import TEST, TRAIN, VALIDATION, drawable, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_MARKED_EPOCHS = 30


def learning_curve(history: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Draw the losses and accuracies of a training.

    Parameters
    ----------
    history : dict
        ``{"steps": {"loss": [float, …]}, "epochs": [{"epoch": 1, "train_loss": …, "train_accuracy": …,
        "test_loss": …, "test_accuracy": …}, …]}``, as `History.to_dict` returns it, which may have
        "validation_loss" and "validation_accuracy" too. The figures of a set that there was not are None. Steps are
        spread evenly over the epochs; those whose loss is not finite are marked at the foot of the picture.
    path : path-like
        The PNG file to write.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from autograd_cnn.output import plotting
    >>> epoch = {"train_loss": 0.9, "train_accuracy": 0.7, "test_loss": 0.6, "test_accuracy": 0.8}
    >>> history = {"steps": {"loss": [2.3, 1.1, 0.6]}, "epochs": [{"epoch": 1, **epoch}]}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     plotting.learning_curve(history, pathlib.Path(folder, "learning_curve.png"))
    """
    curves = _Curves(history)

    def draw(figure: "Figure") -> None:
        loss, accuracy = figure.subplots(1, 2)
        curves.draw_loss(loss)
        curves.draw_accuracy(accuracy)
        for axes in (loss, accuracy):
            axes.xaxis.get_major_locator().set_params(integer=True)

    save(draw, (9.0, 3.6), path)


class _Curves:
    """A history as arrays, and how they are drawn."""

    def __init__(self, history: Mapping[str, Any]) -> None:
        epochs = history["epochs"]
        self.epochs = np.array([e["epoch"] for e in epochs], np.float64)
        self.train_accuracy = drawable([e["train_accuracy"] for e in epochs])
        # Of the sets that are evaluated after an epoch: name, losses, accuracies and colour.
        self.evaluated = []
        for name, color in ("validation", VALIDATION), ("test", TEST):
            losses, accuracies = (drawable([e.get(f"{name}_{x}") for e in epochs]) for x in ("loss", "accuracy"))
            if any(e.get(f"{name}_{x}") is not None for e in epochs for x in ("loss", "accuracy")):
                self.evaluated.append((name, losses, accuracies, color))
        self.step_losses = drawable(history["steps"]["loss"])
        count = len(self.step_losses)
        # Before the end of the first epoch, steps are all there is to count.
        self.length = self.epochs[-1] if epochs else max(count, 1)
        self.steps = np.arange(1, count + 1) * (self.length / max(count, 1))

    def _points(self, values: NDArray[np.float64]) -> dict[str, Any]:
        """Return how to mark points: if they are few, as where a set was evaluated once, at the end."""
        few = len(values) <= _MOST_MARKED_EPOCHS or np.count_nonzero(~np.isnan(values)) == 1
        return {"marker": "o" if few else "", "markersize": 4}

    def draw_loss(self, axes: "Axes") -> None:
        smooth = _moving_average(self.step_losses, 2 * (len(self.step_losses) // 60) + 5)
        axes.plot(self.steps, self.step_losses, color=TRAIN, alpha=0.3, linewidth=0.7, label="training, each step")
        axes.plot(self.steps, smooth, color=TRAIN, label="training, smoothed")
        for name, losses, _, color in self.evaluated:
            axes.plot(self.epochs, losses, color=color, label=name, **self._points(losses))
        lost = self.steps[np.isnan(self.step_losses)]
        if lost.size:
            foot = axes.get_xaxis_transform()
            axes.plot(lost, np.full(lost.size, 0.03), "k|", transform=foot, label=f"not finite ({lost.size})")
        _scale_loss(axes, self.step_losses, np.concatenate([smooth, *(losses for _, losses, _, _ in self.evaluated)]))
        axes.set(title="Loss", xlabel="epoch" if self.epochs.size else "step")
        axes.set_xlim(0, 1.03 * self.length)
        axes.legend()

    def draw_accuracy(self, axes: "Axes") -> None:
        curves = [("training", self.train_accuracy, TRAIN)]
        curves += [(name, accuracies, color) for name, _, accuracies, color in self.evaluated]
        for name, values, color in curves:
            label = name if np.isnan(values[-1:]).all() else f"{name}, {values[-1]:.1%} at the end"
            axes.plot(self.epochs, values, color=color, label=label, **self._points(values))
        _scale_accuracy(axes, np.concatenate([values for _, values, _ in curves]))
        axes.set(title="Accuracy", xlabel="epoch")
        axes.yaxis.set_major_formatter(lambda x, _: f"{100 * x:g}%")
        axes.set_xlim(0, self.length + max(0.03 * self.length, 1 / self.length))  # a single epoch is in the middle
        axes.legend()


def _moving_average(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Average each value with its neighbours, ignoring NaN; NaN where nothing else is left."""
    if not values.size:
        return values
    known = ~np.isnan(values)
    ones = np.ones(min(window, values.size))
    total = np.convolve(np.where(known, values, 0), ones, "same")
    count = np.convolve(known, ones, "same")
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _scale_loss(axes: "Axes", steps: NDArray[np.float64], curves: NDArray[np.float64]) -> None:
    """Fit the axis to the curves, on a logarithmic scale if they fall by orders of magnitude."""
    curves, steps = curves[~np.isnan(curves)], steps[~np.isnan(steps)]
    if not curves.size:
        axes.set_ylim(0, 1)
        return
    low, high = curves.min(), curves.max()
    if 0 < 50 * low < high:
        axes.set_yscale("log")
        axes.set_ylim(low / 3, high * 2)
        axes.yaxis.set_major_formatter("{x:g}")
    else:
        # A few wild steps are not worth flattening the rest.
        axes.set_ylim(min(0, low), 1.1 * max(high, np.quantile(steps, 0.99) if steps.size else high) or 1)


def _scale_accuracy(axes: "Axes", values: NDArray[np.float64]) -> None:
    """Fit the axis to the values, but not so closely that 1 % looks like a lot."""
    values = values[~np.isnan(values)]
    low, high = (values.min(), values.max()) if values.size else (0, 1)
    margin = max(0.05 * (high - low), 0.02 - (high - low) / 2)
    axes.set_ylim(max(low - margin, -0.002), min(high + margin, 1.005))
