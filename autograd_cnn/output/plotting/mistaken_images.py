"""The images that a model got wrong."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from autograd_cnn.output.plotting.canvas import TEST, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS, _MOST = 6, 24
_LONGEST_NAME = 11


def mistakes(
    images: ArrayLike,
    labels: ArrayLike,
    probabilities: ArrayLike,
    class_names: Sequence[str],
    path: str | os.PathLike[str],
) -> None:
    """Draw the images that were taken for another class with the greatest confidence, at most 24.

    Over each stand its class, and the answer that was given for it with its probability.

    Parameters
    ----------
    images : array_like, shape (N, C, H, W)
        Pixels from 0 to 1. Images of three channels are red, green and blue; of others the channels' mean is shown.
    labels : array_like of int, shape (N,)
        True classes.
    probabilities : array_like, shape (N, K)
        Of each class, as `Evaluation` has them.
    class_names : sequence of str
        K names.
    path : path-like
        The PNG file to write.

    Raises
    ------
    ValueError
        If the shapes do not fit together.

    Examples
    --------
    >>> import numpy as np, pathlib, tempfile
    >>> from autograd_cnn.output import plotting
    >>> images, sure = np.zeros((2, 1, 8, 8)), [[0.9, 0.1], [0.8, 0.2]]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     plotting.mistakes(images, [0, 1], sure, ["cat", "dog"], pathlib.Path(folder, "mistakes.png"))
    """
    pixels, true, sure = np.asarray(images), np.asarray(labels), np.asarray(probabilities)
    if pixels.ndim != 4 or true.shape != pixels.shape[:1] or sure.shape != (len(pixels), len(class_names)):
        raise ValueError(
            f"images of shape {pixels.shape}, labels {true.shape} and probabilities {sure.shape} were given for "
            f"{len(class_names)} classes: expected (N, C, H, W), (N,) and (N, {len(class_names)})"
        )
    answers = sure.argmax(1) if len(sure) else true
    wrong = np.flatnonzero(answers != true)
    worst = wrong[np.argsort(-sure[wrong, answers[wrong]], kind="stable")][:_MOST]
    columns = min(_COLUMNS, max(3, len(worst)))
    rows = max(1, -(-len(worst) // columns))

    def draw(figure: "Figure") -> None:
        shown = f": the {len(worst)} most confident" if len(worst) < len(wrong) else ""
        figure.suptitle(f"{len(wrong):,} of {len(true):,} mistaken{shown}", fontweight="bold", fontsize=11)
        for axes in figure.subplots(rows, columns, squeeze=False).flat:
            axes.set_axis_off()
        for axes, i in zip(figure.axes, worst, strict=False):
            picture = pixels[i].transpose(1, 2, 0) if pixels.shape[1] == 3 else pixels[i].mean(0)
            axes.imshow(np.clip(picture, 0, 1), "gray", vmin=0, vmax=1, interpolation="nearest")
            answer = f"→ {_short(class_names[answers[i]])}, {sure[i, answers[i]]:.0%}"
            axes.set_title(_short(class_names[true[i]]), fontsize=9, loc="left", pad=13)
            axes.text(0, 1.03, answer, color=TEST, fontsize=8, transform=axes.transAxes, clip_on=False)

    save(draw, (1.35 * columns, 1.65 * rows + 0.5), path)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
