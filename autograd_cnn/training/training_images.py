"""The training images of a run: their kind, their augmentation, and the digest that identifies them."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from typing import Any

import numpy as np

from autograd_cnn import models
from autograd_cnn.data import Dataset
from autograd_cnn.data.augment import augment, crop_and_flip, vary_handwriting
from autograd_cnn.data.images import polarity
from autograd_cnn.data.loader import Transform
from autograd_cnn.training.digit_images import reading_of
from autograd_cnn.training.errors import RunError
from autograd_cnn.training.inputs import Inputs, channel_statistics
from autograd_cnn.training.settings import Settings


def in_colour(dataset: Dataset) -> bool:
    """Whether images have three channels."""
    return dataset.images.shape[1:2] == (3,)


def variation(dataset: Dataset, reading: str) -> Transform:
    """Return the random augmentation for images of this kind; see `digit_images.reading_of`."""
    if in_colour(dataset):
        return crop_and_flip
    # The default shift is meant for images of 28×28.
    shifted = functools.partial(augment, shift=2 * min(dataset.images.shape[2:]) / 28)
    return vary_handwriting if reading else shifted


def image_metadata(dataset: Dataset, name: str) -> dict[str, Any]:
    """Return what a saved model stores about its training images, which come from the data set of this name.

    Photographs in colour are standardised by each channel's mean and deviation; grey images are not.
    """
    reading = reading_of(name, dataset.images.shape[1:])
    if not in_colour(dataset):
        return {"reading": reading, "polarity": polarity(dataset.images)}
    mean, std = channel_statistics(dataset.images)
    return {"reading": reading, "polarity": "mixed", "mean": mean, "std": std}


def load_images(model: models.Model, settings: Settings) -> tuple[Dataset, Dataset | None, Dataset]:
    """Return the training images, the validation images held out of them, if any, and the test images."""
    inputs = Inputs.of(model, settings.gray)
    train, test = (inputs.load(settings.data, split, settings.skip_bad) for split in ("train", "test"))
    if not settings.validation:
        return train, None, test
    return *_hold_out(train, settings.validation, settings.seed), test


def _hold_out(dataset: Dataset, share: float, seed: int) -> tuple[Dataset, Dataset]:
    """Return the images to train on, and the share of them that is held out for validation."""
    try:
        kept, held_out = dataset.split(1 - share, seed)
    except ValueError as error:
        raise RunError(
            f"--validation {share:g} of {len(dataset)} training images leaves none to validate with, or to train on; "
            "give another share"
        ) from error
    return kept, dataclasses.replace(held_out, skipped=())


def count_images(dataset: Dataset) -> dict[str, int]:
    """Count the images of each class."""
    counts = np.bincount(dataset.labels, minlength=len(dataset.class_names))
    return dict(zip(dataset.class_names, counts.tolist(), strict=True))


def digest_of(train: Dataset, validation: Dataset | None = None) -> str:
    """Return a digest of images and labels: those to train on, and those held out to choose the best epoch."""
    digest = hashlib.blake2b(digest_size=16)
    for dataset in (train, validation) if validation else (train,):
        digest.update(repr(dataset.images.shape).encode())
        for array in (dataset.images, dataset.labels):
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
