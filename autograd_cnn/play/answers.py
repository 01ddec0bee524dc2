"""What a model answers to an image, and what each of its layers makes of it on the way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_cnn import ops
from autograd_cnn.modes import no_grad
from autograd_cnn.play.errors import PlayError
from autograd_cnn.recording.observers import Backward, Forward, observed_by
from autograd_cnn.tensor import Params, Tensor
from autograd_cnn.training.saved_models import SavedModel
from autograd_cnn.variable import Array

#: Ops that only rearrange numbers: their output looks like their input.
ARRANGING = frozenset({
    "reshape", "transpose", "getitem", "pad", "concatenate", "stack", "expand_dims", "squeeze", "broadcast_to",
    "identity",
})  # fmt: skip


def answer(model: SavedModel, pixels: Any) -> dict[str, Any]:
    """Return what a model makes of one image.

    Parameters
    ----------
    model : SavedModel
    pixels : array_like
        One image as `SavedModel.predict` takes it. A model of handwritten digits reads one of another size than its
        own as `data.read_digit` does.

    Returns
    -------
    dict
        `label` is the most probable class and `probabilities` (num_classes,) those of all; `pixels` (C, H, W) is what
        the network sees. `layers` has a dict for each layer in order: its `name`, its `op`, the `shape` of its output
        for a batch of one, its `maps` (F, H, W) in uint8, scaled from 0 for its `low` to 255 for its `high`.

    Raises
    ------
    DataError
        If a model of handwritten digits finds no digit, or more than one.
    PlayError
        If the probabilities are not finite.
    TypeError, ValueError
        If it is not an image that the model takes.

    Examples
    --------
    >>> from autograd_cnn import models
    >>> net = SavedModel("mlp", models.mlp, models.mlp.init(0), tuple("0123456789"), (1, 28, 28))
    >>> found = answer(net, np.zeros((1, 28, 28), np.float32))
    >>> found["probabilities"].shape, [layer["name"] for layer in found["layers"]]
    ((10,), ['fc1', 'relu', 'fc2'])
    """
    x = one_image(model, pixels)
    layers = _Layers(model.params)
    with no_grad(), observed_by(layers):
        logits = model.apply(model.params, x)
    probabilities = class_probabilities(logits)
    return {
        "label": int(probabilities.argmax()),
        "probabilities": probabilities,
        "pixels": x[0],
        "layers": [_described(*layer) for layer in layers.found],
    }


def one_image(model: SavedModel, pixels: Any) -> NDArray[np.float32]:
    """Return an image as a batch of one, (1, C, H, W) in [0, 1], as the model takes it.

    Raises
    ------
    DataError, TypeError, ValueError
        As `answer` does.
    """
    images = model.prepare(pixels)
    if len(images) != 1:
        raise ValueError(f"{len(images)} images were given: expected one")
    return images


def frozen(params: Params) -> dict[str, Tensor]:
    """Return parameters as constants, so that results are differentiated with respect to the pixels alone."""
    return {name: p.detach() for name, p in params.items()}


def class_probabilities(logits: Any) -> NDArray[np.float32]:
    """Return the probabilities (num_classes,) for the logits (1, num_classes) of one image.

    Raises
    ------
    PlayError
        If they are not finite.

    Examples
    --------
    >>> class_probabilities(np.zeros((1, 4), np.float32))
    array([0.25, 0.25, 0.25, 0.25], dtype=float32)
    """
    values = logits.data if isinstance(logits, Tensor) else logits
    with np.errstate(over="ignore", invalid="ignore"):
        found: NDArray[np.float32] = np.asarray(ops.softmax(values)[0], np.float32)
    if not np.isfinite(found).all():
        raise PlayError("the network gives no probabilities: its weights are so large that it overflows")
    return found


def to_bytes(values: Array, low: float, high: float) -> NDArray[np.uint8]:
    """Return values scaled from 0 for `low` to 255 for `high`.

    Examples
    --------
    >>> to_bytes(np.array([-1.0, 0.0, 1.0]), -1, 1)
    array([  0, 128, 255], dtype=uint8)
    """
    share = (values - low) / ((high - low) or 1.0)
    return np.rint(255 * np.clip(share, 0, 1)).astype(np.uint8)


def parameter_names(params: Params) -> dict[int, str]:
    """Return the names of the parameters by the ids of their Tensors."""
    return {id(p): name for name, p in params.items()}


class _Layers:
    """An observer that keeps what each layer of a model returns for a batch of one."""

    def __init__(self, params: Params) -> None:
        self.found: list[tuple[str, str, Array]] = []
        self._names = parameter_names(params)

    def forward(self, event: Forward) -> None:
        op, out = event.op.name, event.out
        values = out.data if isinstance(out, Tensor) else out
        if op in ARRANGING or values.dtype.kind != "f" or values.ndim not in (2, 3, 4) or len(values) != 1:
            return
        self.found.append((self._name(event) or op, op, values))

    def _name(self, event: Forward) -> str:
        """Return what the parameters of a call have in common: conv1, of conv1.weight and conv1.bias."""
        taken = [self._names[id(x)] for x in _flat((*event.args, *event.kwargs.values())) if id(x) in self._names]
        return taken[0].rpartition(".")[0] if taken else ""

    def backward(self, event: Backward) -> None:
        """Do nothing: only the forward runs."""


def _flat(values: Any) -> Iterator[Any]:
    for value in values:
        yield from value if isinstance(value, tuple | list) else (value,)


def _described(name: str, op: str, values: Array) -> dict[str, Any]:
    """Return a layer's output as maps (F, H, W): a vector is one map of one row."""
    maps = values[0] if values.ndim == 4 else values.reshape(1, -1, values.shape[-1])
    with np.errstate(invalid="ignore"):
        low, high = float(maps.min()), float(maps.max())
    return {
        "name": name,
        "op": op,
        "shape": list(values.shape),
        "low": low,
        "high": high,
        "maps": to_bytes(maps, low, high),
    }


def check_class(model: SavedModel, target: int) -> None:
    """Raise an error if the model does not have a class of this number.

    Raises
    ------
    PlayError
        If there is no such class.
    """
    if not 0 <= target < len(model.class_names):
        raise PlayError(f"there is no class {target}: expected 0 to {len(model.class_names) - 1}")
