"""Weights in files, with the model and the classes that they belong to."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from autograd_cnn import data, models
from autograd_cnn.data import Dataset
from autograd_cnn.nn import serialization
from autograd_cnn.tensor import Tensor
from autograd_cnn.training.errors import RunError


def load_data(name: str, split: str, model: models.Model, skip_bad: bool = False) -> Dataset:
    """Load a data set with its images in the size that a model takes."""
    return data.load(name, split, size=model.INPUT_SHAPE[1:], skip_bad=skip_bad)


def load_model(path: Path, model_name: str | None = None) -> tuple[models.Model, dict[str, Tensor], tuple[str, ...]]:
    """Read weights and the model they belong to.

    Parameters
    ----------
    path : Path
        A safetensors file.
    model_name : str, optional
        The model, for a file whose metadata does not name it.

    Returns
    -------
    model, params, class_names

    Raises
    ------
    WeightsError
        If the file is not such a file, or does not hold this model's weights.
    RunError
        If nothing says which model the weights are for.
    """
    params = serialization.load_weights(path)
    metadata = serialization.read_metadata(path)
    name = model_name or metadata.get("model")
    if name is None:
        raise RunError(f"{path} does not say which model its weights are for; name it with --model")
    model = models.get(name)
    class_names = _class_names(path, metadata)
    template = model.init(np.random.default_rng(0), num_classes=len(class_names))
    return model, serialization.match_weights(params, template), class_names


def match_classes(path: Path, class_names: Sequence[str], data_name: str, dataset: Dataset) -> Dataset:
    """Return a data set with its classes numbered as a model has them, by their names if the weights file has these.

    Raises
    ------
    RunError
        If the data set has a class that the model in `path` does not know.
    """
    if "class_names" not in serialization.read_metadata(path):
        return dataset
    if unknown := [name for name in dataset.class_names if name not in class_names]:
        raise RunError(
            f"{data_name} has the class {unknown[0]!r}, and the model in {path} knows {', '.join(class_names)}; "
            "evaluate on data with the model's classes"
        )
    index = np.array([class_names.index(name) for name in dataset.class_names])
    return dataclasses.replace(dataset, labels=index[dataset.labels], class_names=tuple(class_names))


def _class_names(path: Path, metadata: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the classes; without metadata they are the ten digits."""
    try:
        names = json.loads(metadata.get("class_names", json.dumps(list("0123456789"))))
    except json.JSONDecodeError:
        names = None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise RunError(f"{path} has class_names {metadata['class_names']!r}; expected a list of names in JSON")
    return tuple(names)
