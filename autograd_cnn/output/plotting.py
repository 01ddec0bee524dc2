"""Pictures of a training and of what it learned, as PNG files. They need no display, and leave pyplot alone."""

import io
import itertools
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autograd_cnn.output.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Blue and vermilion of Okabe and Ito, "Color universal design", 2008: told apart by colour-blind readers too.
_TRAIN, _TEST = "#0072B2", "#D55E00"
#: The same authors' colours, for more than two curves.
_PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#333333")
_INK, _FAINT = "#333333", "#DDDDDD"
_STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": _INK,
    "axes.grid": True,
    "axes.labelcolor": _INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "font.size": 9,
    "grid.color": _FAINT,
    "grid.linewidth": 0.6,
    "figure.constrained_layout.h_pad": 0.1,
    "figure.constrained_layout.w_pad": 0.1,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.8,
    "lines.linewidth": 1.6,
    "text.color": _INK,
    "text.parse_math": False,  # a class may be named "$"
    "xtick.color": _INK,
    "ytick.color": _INK,
}
# matplotlib's own font has no Chinese and Japanese; whichever of these is installed fills in.
_FALLBACK_FONTS = {
    "Hiragino Sans",
    "IPAexGothic",
    "MS Gothic",
    "Noto Sans CJK JP",
    "WenQuanYi Zen Hei",
    "Yu Gothic",
}

_MOST_NUMBERED_CLASSES = 30
_MOST_NAMED_CLASSES = 100
_MOST_MARKED_EPOCHS = 30
_LONGEST_NAME = 20


def learning_curve(history: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Draw the losses and accuracies of a training.

    Parameters
    ----------
    history : dict
        ``{"steps": {"loss": [float, …]}, "epochs": [{"epoch": 1, "train_loss": …, "train_accuracy": …,
        "test_loss": …, "test_accuracy": …}, …]}``; figures of a test set that there was none of are None. The
        steps are taken to be spread evenly over the epochs. Steps whose loss is not finite are marked at the foot
        of the picture.
    path : path-like
        The PNG file to write; it appears once it is whole.

    Raises
    ------
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from autograd_cnn.output import plotting
    >>> epoch = {"train_loss": 0.9, "train_accuracy": 0.7, "test_loss": 0.6, "test_accuracy": 0.8}
    >>> history = {"steps": {"loss": [2.3, 1.1, 0.6]}, "epochs": [{"epoch": 1, **epoch}]}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     plotting.learning_curve(history, pathlib.Path(folder, "learning_curve.png"))
    """
    epochs = history["epochs"]
    at_epoch = np.array([e["epoch"] for e in epochs], np.float64)
    test_loss, train_accuracy, test_accuracy = (
        _drawable([e[name] for e in epochs]) for name in ("test_loss", "train_accuracy", "test_accuracy")
    )
    tested = not epochs or any(e["test_loss"] is not None or e["test_accuracy"] is not None for e in epochs)
    steps = _drawable(history["steps"]["loss"])
    # Before the first epoch's end there is nothing to measure steps by but themselves.
    length = at_epoch[-1] if epochs else max(len(steps), 1)
    at_step = np.arange(1, len(steps) + 1) * (length / max(len(steps), 1))
    smooth = _moving_average(steps, 2 * (len(steps) // 60) + 5)

    def draw(figure: "Figure") -> None:
        points = {"marker": "o" if len(epochs) <= _MOST_MARKED_EPOCHS else "", "markersize": 4}
        loss, accuracy = figure.subplots(1, 2)

        loss.plot(at_step, steps, color=_TRAIN, alpha=0.3, linewidth=0.7, label="training, each step")
        loss.plot(at_step, smooth, color=_TRAIN, label="training, smoothed")
        if tested:
            loss.plot(at_epoch, test_loss, color=_TEST, label="test", **points)
        lost = at_step[np.isnan(steps)]
        if lost.size:
            foot = loss.get_xaxis_transform()
            loss.plot(lost, np.full(lost.size, 0.03), "k|", transform=foot, label=f"not finite ({lost.size})")
        _scale_loss(loss, steps, np.concatenate([smooth, test_loss]))
        loss.set(title="Loss", xlabel="epoch" if epochs else "step")
        loss.set_xlim(0, 1.03 * length)
        loss.legend()

        for name, values, color in ("training", train_accuracy, _TRAIN), ("test", test_accuracy, _TEST):
            if name == "training" or tested:
                label = name if np.isnan(values[-1:]).all() else f"{name}, {values[-1]:.1%} at the end"
                accuracy.plot(at_epoch, values, color=color, label=label, **points)
        _scale_accuracy(accuracy, np.concatenate([train_accuracy, test_accuracy]))
        accuracy.set(title="Accuracy", xlabel="epoch")
        accuracy.yaxis.set_major_formatter(lambda x, _: f"{100 * x:g}%")
        accuracy.set_xlim(0, length + max(0.03 * length, 1 / length))  # a single epoch stands in the middle
        accuracy.legend()

        for axes in (loss, accuracy):
            axes.xaxis.get_major_locator().set_params(integer=True)

    save(draw, (9.0, 3.6), path)


def confusion_matrix(matrix: ArrayLike, class_names: Sequence[str], path: str | os.PathLike[str]) -> None:
    """Draw how often each class is taken for each class.

    A cell's colour is its share of the row, on a scale that shows rare mistakes beside a full diagonal. Up to
    30 classes, the counts stand in the cells.

    Parameters
    ----------
    matrix : array_like of int, shape (C, C)
        Counts, a row for each true class and a column for each predicted class, as
        `metrics.confusion_matrix` gives them.
    class_names : sequence of str
        C names.
    path : path-like
        The PNG file to write; it appears once it is whole.

    Raises
    ------
    ValueError
        If the matrix is not of shape (C, C), or C is 0.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from autograd_cnn.output import plotting
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     plotting.confusion_matrix([[9, 1], [0, 8]], ["cat", "dog"], pathlib.Path(folder, "matrix.png"))
    """
    counts = np.asarray(matrix)
    classes = len(class_names)
    if counts.shape != (classes, classes) or not classes:
        raise ValueError(
            f"matrix should have a row and a column for each of the {classes} classes named; got shape {counts.shape}"
        )
    total, right = int(counts.sum()), int(np.trace(counts))
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    names = [name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…" for name in class_names]
    numbered = classes <= _MOST_NUMBERED_CLASSES
    side = max(2, classes * 0.45 if classes <= 12 else classes * 0.34 if numbered else 9)  # inches
    cell = 72 * side / classes  # points, as font sizes are

    def draw(figure: "Figure") -> None:
        from matplotlib.colors import PowerNorm

        axes = figure.subplots()
        # The cube root, or nearly, lifts one mistake in a thousand to an eighth of the scale.
        scale = PowerNorm(0.3, 0, 1)
        image = axes.imshow(np.ma.masked_equal(share, 0), "Blues", norm=scale, interpolation="nearest")
        percent = f" ({right / total:.1%})" if total else ""
        axes.set(title=f"{right:,} of {total:,} right{percent}", xlabel="predicted class", ylabel="true class")
        axes.grid(visible=False)
        axes.spines[:].set(visible=True, color=_FAINT)
        axes.tick_params(length=0)
        if classes <= _MOST_NAMED_CLASSES:
            size = min(9, 0.8 * cell)
            upright = max(len(name) for name in names) * 0.65 * size > cell
            axes.set_xticks(range(classes), names, rotation=90 if upright else 0, fontsize=size)
            axes.set_yticks(range(classes), names, fontsize=size)
        if numbered:
            size = min(9, cell / (0.7 * len(str(counts.max()))))
            for (row, column), count in np.ndenumerate(counts):
                if count:  # zeros would only hide the mistakes
                    color = "white" if share[row, column] > 0.3 else _INK
                    axes.text(column, row, str(count), ha="center", va="center", color=color, fontsize=size)
        ticks = [0, 0.001, 0.01, 0.1, 0.3, 1]
        bar = figure.colorbar(image, ax=axes, label="share of the true class", ticks=ticks)
        bar.ax.yaxis.set_major_formatter(lambda x, _: f"{100 * x:g}%")
        bar.ax.spines[:].set_visible(False)

    save(draw, (side + 2.2, side + 1.2), path)


def filters(
    weight: ArrayLike | Mapping[str, ArrayLike],
    path: str | os.PathLike[str],
    *,
    title: str = "Filters of the first layer",
) -> None:
    """Draw the filters of a convolution, or those of several side by side, on one scale.

    Filters of three channels are drawn in red, green and blue, with grey for 0. Otherwise a filter's channels
    stand side by side, with white for 0, red above and blue below.

    Parameters
    ----------
    weight : array_like, shape (F, C, KH, KW), or dict of them by their headings
        As `conv2d` takes it. All of a dict have one shape.
    path : path-like
        The PNG file to write; it appears once it is whole.
    title : str
        The heading of it all.

    Raises
    ------
    ValueError
        If a weight does not have four axes, or is empty, or shapes differ.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import numpy as np, pathlib, tempfile
    >>> from autograd_cnn.output import plotting
    >>> weight = np.random.default_rng(0).normal(size=(6, 1, 5, 5))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     plotting.filters(weight, pathlib.Path(folder, "filters.png"))
    """
    panels = dict(weight) if isinstance(weight, Mapping) else {title: weight}
    shapes = {np.shape(panel) for panel in panels.values()}
    if len(shapes) != 1:
        raise ValueError(f"weights to draw side by side have one shape; got {sorted(shapes) or 'none'}")
    values = np.stack([np.asarray(panel, np.float64) for panel in panels.values()])
    if values.ndim != 5 or not values.size:
        raise ValueError(f"weight should have shape (F, C, KH, KW) and not be empty; got shape {values.shape[1:]}")
    finite = np.isfinite(values)
    limit = float(np.abs(values).max(initial=0, where=finite)) or 1.0
    in_color = values.shape[2] == 3
    if in_color:
        values = (np.where(finite, values, -limit) / limit + 1) / 2
        values = values.transpose(0, 1, 3, 4, 2)[:, :, np.newaxis]
    count, channels, height, width = values.shape[1:5]

    # In units of a tile's width: a tile for each channel, close together within a filter.
    narrow, gap, tall = 0.06, 0.25, height / width
    across, down = channels * (1 + narrow) - narrow + gap, tall + gap
    columns = _columns_of_grid(count, across / down)
    rows = -(-count // columns)
    extent = columns * across + gap, rows * down + gap
    unit = min(0.8, 8 / extent[0], 8 / extent[1])  # inches

    def draw(figure: "Figure") -> None:
        for axes, heading, tiles in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, values, strict=True):
            for f, c in np.ndindex(count, channels):
                x, y = gap + f % columns * across + c * (1 + narrow), gap + f // columns * down
                box = (x, x + 1, y + tall, y)
                image = axes.imshow(tiles[f, c], "RdBu_r", vmin=-limit, vmax=limit, extent=box, interpolation="nearest")
            axes.set_title(heading, fontweight="bold" if len(panels) == 1 else "normal")
            axes.set(facecolor=_FAINT, xticks=[], yticks=[], xlim=(0, extent[0]), ylim=(extent[1], 0))
            axes.spines[:].set_visible(False)
        if len(panels) > 1:
            figure.suptitle(title, fontweight="bold", fontsize=11)
        if not in_color:
            bar = figure.colorbar(image, ax=figure.axes, label="weight")
            bar.ax.spines[:].set_visible(False)

    save(draw, (max(unit * extent[0] * len(panels), 2) + 1, max(unit * extent[1], 1) + 0.5 * len(shapes)), path)


def curves(series: Mapping[str, Sequence[float]], path: str | os.PathLike[str], *, title: str, ylabel: str) -> None:
    """Draw figures of the same epochs beside one another, a curve each.

    Parameters
    ----------
    series : dict of str to sequence of float
        By its name, the figure of every epoch, from the first.
    path : path-like
        The PNG file to write; it appears once it is whole.
    title, ylabel : str
        The heading, and what the figures are.

    Raises
    ------
    ValueError
        If there is no series.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from autograd_cnn.output import plotting
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "curves.png")
    ...     plotting.curves({"SGD": [0.3, 0.5], "Adam": [0.8, 0.9]}, path, title="Accuracy", ylabel="accuracy")
    """
    _require_series(series)

    def draw(figure: "Figure") -> None:
        from matplotlib.ticker import MaxNLocator

        axes = figure.subplots()
        for (name, values), color in zip(series.items(), itertools.cycle(_PALETTE), strict=False):
            axes.plot(range(1, len(values) + 1), _drawable(values), color=color, label=name, marker="o", markersize=3)
        axes.set(title=title, xlabel="epoch", ylabel=ylabel)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend()

    save(draw, (6.4, 4.0), path)


def dots(series: Mapping[str, Sequence[float]], path: str | os.PathLike[str], *, title: str, xlabel: str) -> None:
    """Draw a few figures of each kind as dots on a line of their own, with a stroke at their mean.

    Parameters
    ----------
    series : dict of str to sequence of float
    path : path-like
        The PNG file to write; it appears once it is whole.
    title, xlabel : str
        The heading, and what the figures are.

    Raises
    ------
    ValueError
        If there is no series.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from autograd_cnn.output import plotting
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "dots.png")
    ...     plotting.dots({"one": [0.91, 0.93], "other": [0.95]}, path, title="Accuracy", xlabel="accuracy")
    """
    _require_series(series)

    def draw(figure: "Figure") -> None:
        axes = figure.subplots()
        for y, values in enumerate(series.values()):
            axes.plot(values, [y] * len(values), "o", color=_TRAIN, alpha=0.6, markersize=6)
            axes.plot([np.mean(values)], [y], "|", color=_TEST, markersize=16, markeredgewidth=2)
        axes.set_yticks(range(len(series)), list(series))
        axes.set_ylim(len(series) - 0.5, -0.5)
        axes.set(title=title, xlabel=xlabel)

    save(draw, (7.0, 0.8 + 0.55 * len(series)), path)


def histograms(series: Mapping[str, ArrayLike], path: str | os.PathLike[str], *, title: str, xlabel: str) -> None:
    """Draw how numbers from 0 to 1 are spread, a panel for each kind, one above the other.

    Parameters
    ----------
    series : dict of str to array_like, shape (N,)
    path : path-like
        The PNG file to write; it appears once it is whole.
    title, xlabel : str
        The heading, and what the numbers are.

    Raises
    ------
    ValueError
        If there is no series.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from autograd_cnn.output import plotting
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "histograms.png")
    ...     plotting.histograms({"sure": [0.9, 1.0]}, path, title="Confidence", xlabel="probability")
    """
    _require_series(series)

    def draw(figure: "Figure") -> None:
        panels = figure.subplots(len(series), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (name, values) in zip(panels, series.items(), strict=True):
            axes.hist(np.asarray(values), bins=50, range=(0, 1), color=_TRAIN)
            axes.set_ylabel("images")
            axes.set_title(f"{name}: mean {np.mean(np.asarray(values)):.3f}", fontweight="normal", fontsize=9)
        panels[-1].set(xlabel=xlabel, xlim=(0, 1))
        figure.suptitle(title, fontweight="bold", fontsize=11)

    save(draw, (6.4, 0.8 + 1.3 * len(series)), path)


def _require_series(series: Mapping[str, Any]) -> None:
    if not series:
        raise ValueError("there is nothing to draw; expected at least one named series")


def save(draw: Callable[["Figure"], None], size: tuple[float, float], path: str | os.PathLike[str]) -> None:
    """Write what `draw` puts on a figure of `size` inches, in this module's style whatever the user's is."""
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.font_manager import fontManager

    content = io.BytesIO()
    with matplotlib.rc_context(), warnings.catch_warnings():
        # A character that no font has becomes a box, and a million steps take a while: both are well.
        warnings.filterwarnings("ignore", "Glyph .* missing|Creating legend with")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        installed = {font.name for font in fontManager.ttflist}
        matplotlib.rcParams["font.family"] = ["DejaVu Sans", *sorted(_FALLBACK_FONTS & installed)]
        figure = Figure(figsize=size, layout="compressed")
        draw(figure)
        figure.savefig(content, format="png", dpi=150)
    write_atomically(path, content.getvalue())


def _drawable(values: Sequence[float | None]) -> NDArray[np.float64]:
    """Give the values as floats, with NaN for what no axis can show: None, infinity, beyond float32."""
    array = np.array(values, np.float64)
    return np.where(np.abs(array) <= np.finfo(np.float32).max, array, np.nan)


def _moving_average(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Average each value with its neighbours, leaving out what is NaN; NaN where nothing is left."""
    if not values.size:
        return values
    known = ~np.isnan(values)
    ones = np.ones(min(window, values.size))
    total = np.convolve(np.where(known, values, 0), ones, "same")
    count = np.convolve(known, ones, "same")
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _scale_loss(axes: "Axes", steps: NDArray[np.float64], curves: NDArray[np.float64]) -> None:
    """Fit the axis to the curves; a fall by orders of magnitude needs a logarithm."""
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
    """Fit the axis to the values, but not so closely that a hundredth looks like a lot."""
    values = values[~np.isnan(values)]
    low, high = (values.min(), values.max()) if values.size else (0, 1)
    margin = max(0.05 * (high - low), 0.02 - (high - low) / 2)
    axes.set_ylim(max(low - margin, -0.002), min(high + margin, 1.005))


def _columns_of_grid(count: int, aspect: float) -> int:
    """Choose the columns of a grid of tiles, each `aspect` times as wide as high.

    The grid is about half as wide again as it is high, less exactly so where that fills the last row.
    """
    ideal = int(np.clip(round((1.5 * count / aspect) ** 0.5), 1, count))
    candidates = range(max(1, ideal * 2 // 3), min(count, 2 * ideal) + 1)
    return min(candidates, key=lambda columns: (-count % columns, abs(columns - ideal)))
