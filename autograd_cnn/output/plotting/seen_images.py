"""Images as they are, beside what a model sees of them."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from autograd_cnn.output.plotting.canvas import TEST, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS = 3
_LONGEST = 24


def seen_images(pairs: Sequence[tuple[NDArray[Any], NDArray[Any], str]], path: str | os.PathLike[str]) -> None:
    """Draw pairs of images: on the left an original, on the right what a model sees of it, and its answer.

    Parameters
    ----------
    pairs : sequence of (original, seen, answer)
        Images (C, H, W) with pixels in [0, 1], and text.
    path : path-like
        The PNG file to write.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from autograd_cnn.output import plotting
    >>> photograph, digit = np.ones((3, 90, 60)), np.zeros((1, 28, 28))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     plotting.seen_images([(photograph, digit, "7 98%")], pathlib.Path(folder, "seen.png"))
    """
    columns = max(1, min(_COLUMNS, len(pairs)))
    rows = max(1, -(-len(pairs) // columns))

    def draw(figure: "Figure") -> None:
        figure.suptitle("As given, as seen, and the answer", fontweight="bold", fontsize=11)
        grid = figure.subplots(rows, 2 * columns, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for (left, right), (original, seen, answer) in zip(grid.reshape(-1, 2), pairs, strict=False):
            for axes, image in ((left, original), (right, seen)):
                picture = image.transpose(1, 2, 0) if len(image) == 3 else image.mean(0)
                axes.imshow(np.clip(picture, 0, 1), "gray", vmin=0, vmax=1, interpolation="nearest")
            text = answer if len(answer) <= _LONGEST else answer[: _LONGEST - 1] + "…"
            right.set_title(text, fontsize=9, color=TEST)

    save(draw, (3.0 * columns, 1.6 * rows + 0.5), path)
