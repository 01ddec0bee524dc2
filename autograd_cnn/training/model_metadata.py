"""What the metadata of a weights file says about its model, checked before it is used."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from autograd_cnn.data.images import BRIGHT_ON_DARK
from autograd_cnn.nn.serialization import WeightsError
from autograd_cnn.tensor import Tensor
from autograd_cnn.training.digit_images import DIGIT
from autograd_cnn.training.errors import RunError
from autograd_cnn.training.schema import AboveZero, SchemaError, Where, parse

_MAX_SIDE = 512  # pixels: with a larger image, a network here would take hundreds of megabytes

Side = Annotated[int, Where(f"a whole number from 1 to {_MAX_SIDE}", lambda n: 1 <= n <= _MAX_SIDE)]
Names = Annotated[
    tuple[str, ...], Where("different names, at least one", lambda names: 0 < len(names) == len(set(names)))
]
Option = bool | int | float | str | tuple[Side, Side] | None

#: The keys of the metadata that hold JSON, and the types expected there. The other keys hold text.
_KINDS: dict[str, Any] = {
    "model_options": dict[str, Option],
    "class_names": Names,
    "input_shape": tuple[Side, Side, Side],
    "mean": tuple[float, ...],
    "std": tuple[AboveZero, ...],
    "temperature": AboveZero,
}


@dataclass(frozen=True)
class ModelMetadata:
    """The metadata of a weights file as Python values; missing keys have their defaults.

    Attributes
    ----------
    model, model_digest : str, optional
    model_options : dict
        Arguments of the model's `init`.
    class_names : tuple of str
    input_shape : tuple of int, optional
    polarity, reading : str
    data : str, optional
    mean, std : tuple of float
    temperature : float

    Examples
    --------
    >>> found = ModelMetadata.read(Path("w.safetensors"), {"model": "mlp", "class_names": '["cat", "dog"]'})
    >>> found.model, found.class_names, found.temperature
    ('mlp', ('cat', 'dog'), 1.0)
    """

    model: str | None = None
    model_digest: str | None = None
    model_options: Mapping[str, Any] | None = None
    class_names: tuple[str, ...] = tuple("0123456789")
    input_shape: tuple[int, int, int] | None = None
    polarity: str = BRIGHT_ON_DARK
    data: str | None = None
    reading: str = ""
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    temperature: float = 1.0

    @classmethod
    def read(cls, file: Path, metadata: Mapping[str, str]) -> ModelMetadata:
        """Return a file's metadata; unknown keys are ignored.

        Raises
        ------
        RunError
            If a value is invalid; the message names the file and the key.
        """
        known: dict[str, Any] = {key: text for key, text in metadata.items() if key in cls.__dataclass_fields__}
        try:
            found = cls(**known | {key: parse(known[key], kind, key) for key, kind in _KINDS.items() if key in known})
        except SchemaError as error:
            raise RunError(f"{file} has invalid metadata: {error}") from error
        if found.reading not in ("", DIGIT):
            raise RunError(f"{file} has the reading {found.reading!r}; expected {DIGIT!r}, or none")
        if len(found.mean) != len(found.std):
            raise RunError(
                f"{file} has {len(found.mean)} numbers under mean and {len(found.std)} under std; expected equally many"
            )
        return found

    def shape(self, file: Path, usual: tuple[int, int, int]) -> tuple[int, int, int]:
        """Return the shape (C, H, W) of the model's images, by default `usual`."""
        options = self.model_options or {}
        sides = options.get("image_size", usual[1:])
        sides = sides if isinstance(sides, tuple) else (sides, sides)
        shape = self.input_shape or (options.get("in_channels", usual[0]), *sides)
        if self.mean and len(self.mean) != shape[0]:
            raise RunError(f"{file} has {len(self.mean)} numbers under mean, for images of {shape[0]} channels")
        return shape


def make_template(
    file: Path, name: str, init: Callable[..., dict[str, Tensor]], described: ModelMetadata, values: int
) -> dict[str, Tensor]:
    """Return a model's initial parameters, to compare with those in a file that holds this number of `values`.

    Raises
    ------
    RunError
        If the model does not accept the options in the file.
    WeightsError
        If a model with these classes and options would have more values than the file; it is then not created.
    """
    options = dict(described.model_options or {})
    classes = len(described.class_names)
    try:
        return init(_Limited(values), num_classes=classes, **options)
    except _TooManyError:
        what = f"{name} with {classes:,} classes" + (f" and {json.dumps(options)}" if options else "")
        raise WeightsError(
            f"{file} holds {values:,} values, and {what} has more; they do not belong together"
        ) from None
    except (TypeError, ValueError, OverflowError, MemoryError) as error:
        raise RunError(f"{file} has model_options {json.dumps(options)}, which {name} refuses: {error}") from error


class _TooManyError(RunError):
    """More random values were requested than the file has."""


class _Limited(np.random.Generator):
    """Random numbers up to a limit; beyond it, an error is raised before they are drawn."""

    def __init__(self, most: int) -> None:
        super().__init__(np.random.PCG64(0))
        self._left = most

    def _count(self, size: Any) -> None:
        self._left -= math.prod(size if isinstance(size, tuple | list) else (size or 1,))
        if self._left < 0:
            raise _TooManyError

    def standard_normal(self, size: Any = None, *args: Any, **options: Any) -> Any:
        self._count(size)
        return super().standard_normal(size, *args, **options)

    def random(self, size: Any = None, *args: Any, **options: Any) -> Any:
        self._count(size)
        return super().random(size, *args, **options)

    def normal(self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
        self._count(size)
        return super().normal(loc, scale, size)

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
        self._count(size)
        return super().uniform(low, high, size)
