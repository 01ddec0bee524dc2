"""A model's predictions, and how well they agree with labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_cnn import ops
from autograd_cnn.data.dataset import as_dataset
from autograd_cnn.tensor import Params
from autograd_cnn.training.arguments import Apply, Data, odd_pixels
from autograd_cnn.training.errors import TrainingError
from autograd_cnn.training.metrics import accuracy, expected_calibration_error
from autograd_cnn.training.results import Evaluation
from autograd_cnn.variable import Array


def batches(count: int, batch_size: int, order: NDArray[np.int64] | None = None) -> Iterator[Any]:
    """Yield an index for each batch of `count` things: slices, or parts of `order` if it is given.

    Examples
    --------
    >>> list(batches(5, 2))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 6, None)]
    """
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size!r}: expected a whole number, 1 or more")
    for start in range(0, count, batch_size):
        yield slice(start, start + batch_size) if order is None else order[start : start + batch_size]


def predict(apply: Apply, params: Params, images: Array, *, batch_size: int = 256) -> Array:
    """Return the logits (N, C) of images (N, C, H, W), computed a batch at a time without recording a graph.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> lenet5 = ac.models.lenet5
    >>> params = lenet5.init(np.random.default_rng(0))
    >>> ac.training.predict(lenet5.apply, params, np.zeros((3, 1, 28, 28), np.float32)).shape
    (3, 10)
    """
    frozen = {name: p.data for name, p in params.items()}  # on arrays alone, ops are plain NumPy
    return np.concatenate([apply(frozen, images[i]) for i in batches(len(images), batch_size)])


def evaluate(apply: Apply, params: Params, dataset: Data, *, batch_size: int = 256) -> Evaluation:
    """Compare a model's predictions with the labels of a data set.

    Parameters
    ----------
    apply : callable
        `apply(params, images)` returns logits (N, C).
    params : dict of str to Tensor
    dataset : Dataset, or pair (images, labels)
    batch_size : int
        Number of images in a batch.

    Raises
    ------
    TrainingError
        If the data set is empty, or has a label that the model has no class for.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> lenet5, test = ac.models.lenet5, ac.data.load("digits", "test", size=(28, 28))
    >>> ac.training.evaluate(lenet5.apply, lenet5.init(np.random.default_rng(0)), test).probabilities.shape
    (360, 10)
    """
    dataset = as_dataset(dataset)
    if not len(dataset):
        raise TrainingError("there is no image to evaluate on; the data set is empty")
    logits = predict(apply, params, dataset.images, batch_size=batch_size)
    if not np.isfinite(logits).all() and (wrong := odd_pixels(dataset.images)):
        raise TrainingError(f"some logits are not finite; {wrong.replace(' of the batch', '')}")
    classes = logits.shape[1]
    if dataset.labels.max() >= classes:
        raise TrainingError(
            f"the data set has labels up to {dataset.labels.max()}, but the model has {classes} classes"
        )
    probabilities = ops.softmax(logits)
    predictions = probabilities.argmax(1)
    return Evaluation(
        probabilities,
        predictions,
        loss=float(ops.softmax_cross_entropy(logits, dataset.labels)),
        accuracy=accuracy(dataset.labels, predictions),
        mean_confidence=float(probabilities.max(1).mean()),
        calibration_error=expected_calibration_error(dataset.labels, probabilities),
    )
