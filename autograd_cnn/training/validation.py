"""Images held out of the training images, to choose settings and an epoch by."""

from __future__ import annotations

import dataclasses

import numpy as np

from autograd_cnn.data import Dataset
from autograd_cnn.training.errors import RunError


def hold_out(dataset: Dataset, share: float, seed: int) -> tuple[Dataset, Dataset]:
    """Return what is left of a data set, and the share of every class that is held out, drawn at random.

    Raises
    ------
    RunError
        If one of the two would be empty.

    Examples
    --------
    >>> from autograd_cnn import data
    >>> hold_out(data.load("digits", "train"), 0.1, seed=0)
    (<Dataset: 1293 images of 1×8×8 in 10 classes>, <Dataset: 144 images of 1×8×8 in 10 classes>)
    """
    order = np.random.default_rng([seed, 2]).permutation(len(dataset))  # the 2 sets it apart from other draws
    held_out = np.zeros(len(dataset), bool)
    for label in range(len(dataset.class_names)):
        members = order[dataset.labels[order] == label]
        held_out[members[: round(share * len(members))]] = True
    if held_out.all() or not held_out.any():
        raise RunError(
            f"--validation {share:g} would hold out {held_out.sum()} of {len(dataset)} training images; "
            "expected some, and some to train on"
        )
    kept, validation = (
        dataclasses.replace(dataset, images=dataset.images[part], labels=dataset.labels[part])
        for part in (~held_out, held_out)
    )
    return kept, dataclasses.replace(validation, skipped=())
