"""What `fit`, `evaluate` and `predict` accept: a model's function, and data in one of several forms."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_cnn.data import DataLoader, Dataset
from autograd_cnn.tensor import Tensor

Apply = Callable[..., Any]
Loss = Callable[[Any, Any], Any]
Data = Dataset | tuple[Any, Any]


def accepted(apply: Apply, **options: Any) -> dict[str, Any]:
    """Return those of the options that a function takes as keywords; all where its signature is not known.

    Examples
    --------
    >>> accepted(lambda params, x, training=False: x, training=True, rng=None)
    {'training': True}
    """
    try:
        parameters = inspect.signature(apply).parameters.values()
    except (TypeError, ValueError):  # a function in C may have none to show
        return options
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return options
    names = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    return {name: value for name, value in options.items() if name in names}


def as_dataset(data: Data) -> Dataset:
    """Return a pair of images (N, …) and labels (N,) as a data set, whose classes are named by their numbers.

    Raises
    ------
    TypeError
        If it is neither a Dataset nor a pair, or the labels are not integers of shape (N,).
    ValueError
        If the numbers of images and labels differ, or a label is negative.

    Examples
    --------
    >>> as_dataset((np.zeros((3, 1, 8, 8), np.float32), np.array([0, 2, 1])))
    <Dataset: 3 images of 1×8×8 in 3 classes>
    """
    if isinstance(data, Dataset):
        return data
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise TypeError(f"data is a {type(data).__name__}: expected a Dataset or a pair (images, labels)")
    images, labels = (part.numpy() if isinstance(part, Tensor) else np.asarray(part) for part in data)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise TypeError(
            f"the labels are {labels.dtype} of shape {labels.shape}: expected the class of each image, integers of "
            "shape (N,)"
        )
    if not images.ndim or len(images) != len(labels):
        raise ValueError(
            f"images of shape {images.shape} and {len(labels)} labels were given: expected a label for each image"
        )
    classes = labels.astype(np.int64)
    if classes.min(initial=0) < 0:
        raise ValueError(f"a label is {classes.min()}: expected classes from 0")
    names = tuple(map(str, range(classes.max(initial=-1) + 1)))
    return Dataset(images, classes, names)


def as_loader(data: Data | DataLoader) -> DataLoader:
    """Return a loader as it is, and a loader that shuffles a data set, in batches of 32."""
    return data if isinstance(data, DataLoader) else DataLoader(as_dataset(data), shuffle=True)
