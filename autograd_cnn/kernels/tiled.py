"""Max pooling's gradient where windows lie side by side, of rows with the batch innermost in memory.

Maxima and gradients are first repeated along the width, as often as a window is wide. All that follows then runs over
whole rows, and not over as many stretches as there are windows.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np

from autograd_cnn.kernels import sliced, threads
from autograd_cnn.kernels.layout import ROWS, Array, as_bits
from autograd_cnn.kernels.problem import Pooling

#: Elements of a window at most: they are marked by numbers of one byte.
LARGEST = 255
#: Elements of the images that a band of windows takes: the last pass over more no longer finds them in cache.
BAND = 262_144

forward, pick = sliced.forward, sliced.pick


def suits(problem: Pooling, direction: str) -> bool:
    """Whether it is the gradient that is asked for, of many images, and windows lie side by side."""
    window = problem.window
    if direction != "grad_input" or problem.has_few_images or math.prod(window.size) > LARGEST:
        return False
    return window.size == window.extent == window.stride


def grad_input(problem: Pooling, grad: Array, x: Array, out: Array) -> Array:
    """Return the gradient of the padded images; no maximum is nan."""
    (tall, wide), (height, width) = problem.window.size, problem.positions
    total = np.empty_like(x, dtype=grad.dtype)
    total[:, :, height * tall :] = total[..., width * wide :] = 0  # which no window sees

    def by_window(images: Array) -> Array:
        """View the rows that windows see, and what they see of them: (H', KH, C, W' · KW, N)."""
        rows = ROWS.store(images)[: height * tall]
        return rows.reshape(height, tall, *rows.shape[1:])[:, :, :, : width * wide]

    seen, totals = by_window(x), by_window(as_bits(total))
    maxima, gradients = ROWS.store(out), ROWS.store(as_bits(grad))
    step = max(BAND * height // max(seen.size, 1), 1)

    def send(tops: Sequence[int]) -> None:
        for top in tops:
            band = slice(top, top + step)
            highest = np.repeat(maxima[band], wide, axis=2)
            hits = [seen[band, i] == highest for i in range(tall)]
            if sum(map(np.count_nonzero, hits)) > maxima[band].size:
                _keep_first(hits, wide)
            spread = np.repeat(gradients[band], wide, axis=2)
            for i, hit in enumerate(hits):
                target = totals[band, i]
                target[...] = hit  # converted here, as np.multiply would do it in small pieces
                target *= spread

    threads.map_pieces(send, threads.split(range(0, height, step), threads.PASS * x.size))
    return total


def _keep_first(hits: Sequence[Array], wide: int) -> None:
    """Of every window's hits, row by row (t, C, W' · KW, N), leave the first alone: the one with the highest mark."""
    t, channels, width, batch = hits[0].shape
    marks = np.arange(len(hits) * wide, 0, -1, dtype=np.uint8).reshape(len(hits), 1, wide, 1)
    rows = np.broadcast_to(marks, (len(hits), width // wide, wide, batch)).reshape(len(hits), width, batch)
    marked = [hit.view(np.uint8) * row for hit, row in zip(hits, rows, strict=True)]
    columns = functools.reduce(np.maximum, marked).reshape(t, channels, width // wide, wide, batch)
    highest = functools.reduce(np.maximum, [columns[..., i, :] for i in range(wide)])
    first = np.repeat(highest, wide, axis=2)
    for hit, row in zip(hits, marked, strict=True):
        np.equal(row, first, out=hit)
