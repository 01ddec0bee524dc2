"""Reading a trained model back: from a weights file, a checkpoint, or the folder of a run."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Mapping
from pathlib import Path

from autograd_cnn import models
from autograd_cnn.nn import serialization
from autograd_cnn.tensor import Tensor
from autograd_cnn.training.errors import RunError
from autograd_cnn.training.model_files import FileModel, find, recall
from autograd_cnn.training.model_metadata import ModelMetadata, make_template
from autograd_cnn.training.run_folder import BEST_FILE, WEIGHTS_FILE
from autograd_cnn.training.saved_models import File, SavedModel
from autograd_cnn.training.saved_state import STATE_FILE, SavedState


def load_model(path: File, model: str | None = None) -> SavedModel:
    """Read a trained model from a file or a folder.

    Parameters
    ----------
    path : path-like
        A weights file, the checkpoint of a run, or the folder of a run. From a folder, the best weights are read, or
        else the last; the checkpoint if the run has not ended.
    model : str, optional
        The model's name, for a file whose metadata does not name it; or "FILE.py" or "FILE.py:NAME", a Python file that
        defines the model; the file is run.

    Returns
    -------
    SavedModel

    Raises
    ------
    WeightsError
        If the file is none of these, or does not hold this model's weights.
    RunError
        If a folder holds no model, or nothing says which model the weights are for; or if they name a Python file
        that has changed, or that was never named here: code is not run because a weights file says so.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> params = ac.models.lenet5.init(np.random.default_rng(0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "weights.safetensors")
    ...     ac.save_weights(path, params, metadata={"model": "lenet5"})
    ...     net = ac.load_model(path)
    >>> net.input_shape, net.class_names[:3]
    ((1, 28, 28), ('0', '1', '2'))
    """
    file = _model_file(Path(path))
    metadata: Mapping[str, str] = serialization.read_metadata(file)
    if "run" in metadata and "model" not in metadata:
        metadata = _run_metadata(file)
    described = ModelMetadata.read(file, metadata)
    name = model or described.model
    if name is None:
        raise RunError(f"{file} does not say which model its weights are for; name it with --model")
    found = find(name) if model is not None else _recall(name, described, file)
    if isinstance(found, FileModel) and described.model_digest not in (None, found.digest):
        warnings.warn(f"{found.name} has changed since {file} was made", stacklevel=2)
    prefix = "model/" if "run" in serialization.read_metadata(file) else ""
    return SavedModel(
        getattr(found, "name", name),
        found,
        _load_params(file, name, found, described, prefix),
        described.class_names,
        described.shape(file, getattr(found, "INPUT_SHAPE", (1, 28, 28))),
        described.model_options or {},
        described.data,
        described.polarity,
        described.mean,
        described.std,
        described.reading,
        described.temperature,
        file,
        "class_names" in metadata,
    )


def _recall(name: str, described: ModelMetadata, file: Path) -> models.Model:
    try:
        return recall(name, described.model_digest, file)
    except models.UnknownModelError as error:
        raise RunError(f"{file} is for a model that is not known: {error}") from error


def _load_params(
    file: Path, name: str, found: models.Model, described: ModelMetadata, prefix: str
) -> dict[str, Tensor]:
    """Read a model's parameters, whose names begin with a prefix in the file."""
    shapes = serialization.read_shapes(file)
    values = sum(math.prod(shape) for key, shape in shapes.items() if key.startswith(prefix))
    template = make_template(file, name, found.init, described, values)
    loaded = serialization.load_matching(file, {f"{prefix}{key}": p for key, p in template.items()}, prefix=prefix)
    return {key.removeprefix(prefix): p for key, p in loaded.items()}


def _model_file(path: Path) -> Path:
    """Return the file that holds a model: the path itself, or the best that a folder has."""
    if not path.exists():
        raise serialization.WeightsError(f"{path} does not exist; expected a run's folder, or a weights file")
    if not path.is_dir():
        return path
    for name in (BEST_FILE, WEIGHTS_FILE, STATE_FILE):
        # The best is the result of a run with a validation set, once it has ended.
        if (path / name).exists() and (name != BEST_FILE or (path / WEIGHTS_FILE).exists()):
            return path / name
    raise RunError(f"{path} holds neither {WEIGHTS_FILE} nor {STATE_FILE}; give a run's folder, or a weights file")


def _run_metadata(file: Path) -> Mapping[str, str]:
    """Return the model's metadata from an earlier version's checkpoint, which has it only in the run's settings."""
    state = SavedState.read_file(file)
    named = {"model": state.settings.model, "data": state.settings.data}
    return named | ({"class_names": json.dumps(list(state.images))} if state.images else {})
