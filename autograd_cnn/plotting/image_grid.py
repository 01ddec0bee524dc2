"""Images in rows: with a caption each, those that a model got wrong, and what a model sees of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from autograd_cnn.plotting.canvas import on_figure, shorter, show_image, values
from autograd_cnn.plotting.looks import TEST

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

_MISTAKES_IN_A_ROW, _MOST_MISTAKES, _LONGEST_NAME = 6, 24, 11
_PAIRS_IN_A_ROW, _LONGEST_ANSWER = 3, 24


def images(
    pixels: ArrayLike,
    captions: Sequence[str] = (),
    *,
    columns: int = 8,
    title: str = "",
    figure: FigureBase | None = None,
) -> FigureBase:
    """Draw images in rows, each under its caption.

    Parameters
    ----------
    pixels : array_like, shape (N, C, H, W)
        From 0 to 1. Images of three channels are red, green and blue; of others the channels' mean is shown.
    captions : sequence of str
        N captions, or none.
    columns : int
        Images in a row.
    title : str
        Of the whole picture.
    figure : Figure, optional
        What to draw on; by default a new one.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If there is no image, or images do not have four axes, or there is not a caption for each.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> test = ac.data.load("digits", "test")
    >>> len(ac.plotting.images(test.images[:6], [str(label) for label in test.labels[:6]]).axes)
    6
    """
    pixels = values(pixels)
    if pixels.ndim != 4 or not len(pixels):
        raise ValueError(f"images should have shape (N, C, H, W), with N at least 1; got shape {pixels.shape}")
    if len(captions) not in (0, len(pixels)):
        raise ValueError(
            f"{len(captions)} captions were given for {len(pixels)} images: expected one for each, or none"
        )
    columns = min(columns, len(pixels))
    rows = -(-len(pixels) // columns)
    height = 1.1 + 0.2 * max((caption.count("\n") + 1 for caption in captions), default=0)
    with on_figure(figure, (1.1 * columns + 0.2, height * rows + (0.4 if title else 0.1))) as figure:
        if title:
            figure.suptitle(title, fontweight="bold", fontsize=11)
        grid = figure.subplots(rows, columns, squeeze=False).flat
        for axes in grid[len(pixels) :]:
            axes.remove()
        for i, image in enumerate(pixels):
            show_image(grid[i], image)
            if captions:
                grid[i].set_title(captions[i], fontsize=8, fontweight="normal", loc="left")
    return figure


def mistakes(
    images: ArrayLike,
    labels: ArrayLike,
    probabilities: ArrayLike,
    class_names: Sequence[str],
    *,
    figure: FigureBase | None = None,
) -> FigureBase:
    """Draw the images that were misclassified with the greatest confidence, at most 24.

    Above each image are its class, and the predicted class with its probability.

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
    figure : Figure, optional
        What to draw on; by default a new one.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If the shapes do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> pixels, sure = np.zeros((2, 1, 8, 8)), [[0.9, 0.1], [0.8, 0.2]]
    >>> ac.plotting.mistakes(pixels, [0, 1], sure, ["cat", "dog"]).get_suptitle()
    '1 of 2 mistaken'
    """
    pixels, true, sure = values(images), values(labels), values(probabilities)
    if pixels.ndim != 4 or true.shape != pixels.shape[:1] or sure.shape != (len(pixels), len(class_names)):
        raise ValueError(
            f"images of shape {pixels.shape}, labels {true.shape} and probabilities {sure.shape} were given for "
            f"{len(class_names)} classes: expected (N, C, H, W), (N,) and (N, {len(class_names)})"
        )
    answers = sure.argmax(1) if len(sure) else true
    wrong = np.flatnonzero(answers != true)
    worst = wrong[np.argsort(-sure[wrong, answers[wrong]], kind="stable")][:_MOST_MISTAKES]
    columns = min(_MISTAKES_IN_A_ROW, max(3, len(worst)))
    rows = max(1, -(-len(worst) // columns))
    with on_figure(figure, (1.35 * columns, 1.55 * rows + 0.4)) as figure:
        shown = f": the {len(worst)} most confident" if len(worst) < len(wrong) else ""
        figure.suptitle(f"{len(wrong):,} of {len(true):,} mistaken{shown}", fontweight="bold", fontsize=11)
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for axes, i in zip(grid.flat, worst, strict=False):
            show_image(axes, pixels[i])
            answer = f"→ {shorter(class_names[answers[i]], _LONGEST_NAME)}, {sure[i, answers[i]]:.0%}"
            axes.set_title(shorter(class_names[true[i]], _LONGEST_NAME), fontsize=9, loc="left", pad=13)
            axes.text(0, 1.03, answer, color=TEST, fontsize=8, transform=axes.transAxes, clip_on=False)
    return figure


def seen_images(pairs: Sequence[tuple[Any, Any, str]], *, figure: FigureBase | None = None) -> FigureBase:
    """Draw pairs of images: on the left an original, on the right what a model sees of it, and its answer.

    Parameters
    ----------
    pairs : sequence of (original, seen, answer)
        Images (C, H, W) with pixels in [0, 1], and text.
    figure : Figure, optional
        What to draw on; by default a new one.

    Returns
    -------
    Figure

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> photograph, digit = np.ones((3, 90, 60)), np.zeros((1, 28, 28))
    >>> ac.plotting.seen_images([(photograph, digit, "7 98%")]).axes[1].get_title()
    '7 98%'
    """
    columns = max(1, min(_PAIRS_IN_A_ROW, len(pairs)))
    rows = max(1, -(-len(pairs) // columns))
    with on_figure(figure, (3.0 * columns, 1.6 * rows + 0.5)) as figure:
        figure.suptitle("As given, as seen, and the answer", fontweight="bold", fontsize=11)
        grid = figure.subplots(rows, 2 * columns, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for (left, right), (original, seen, answer) in zip(grid.reshape(-1, 2), pairs, strict=False):
            show_image(left, values(original))
            show_image(right, values(seen))
            right.set_title(shorter(answer, _LONGEST_ANSWER), fontsize=9, color=TEST, loc="center")
    return figure
