"""A trained model in a file, with all that belongs to it: classes, image size, standardisation and name."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_cnn import data, models, ops
from autograd_cnn.data import Dataset
from autograd_cnn.data.dataset import as_pixels
from autograd_cnn.data.handwriting import read_digit, read_digits
from autograd_cnn.data.images import BRIGHT_ON_DARK, read_image, resize, with_polarity
from autograd_cnn.nn import serialization
from autograd_cnn.output.text import count
from autograd_cnn.tensor import Params, Tensor
from autograd_cnn.training.arguments import Apply
from autograd_cnn.training.digit_images import DIGIT, as_digits
from autograd_cnn.training.errors import RunError
from autograd_cnn.training.evaluation import batches, evaluate, predict
from autograd_cnn.training.model_files import FileModel
from autograd_cnn.training.results import Evaluation
from autograd_cnn.variable import Array

#: How many files are read before they are classified: memory stays bounded, however many there are.
FILES_AT_A_TIME = 256

File = str | os.PathLike[str]


def standardized(apply: Apply, mean: Sequence[float], std: Sequence[float]) -> Apply:
    """Return a model's `apply` that standardises its images first: (x − mean) / std, channel by channel.

    Parameters
    ----------
    apply : callable
        `apply(params, x, …)`.
    mean, std : sequence of float, length C
        Of each channel over the training images, whose pixels are from 0 to 1.

    Examples
    --------
    >>> twice = standardized(lambda params, x: 2 * x, mean=[0.5], std=[0.25])
    >>> twice({}, np.ones((1, 1, 2, 2), np.float32)).ravel()
    array([4., 4., 4., 4.], dtype=float32)
    """
    shift, scale = (np.asarray(values, np.float32).reshape(-1, 1, 1) for values in (mean, std))

    @functools.wraps(apply)  # keeps the signature, which tells `fit` whether it takes `training` and `rng`
    def standardizing(params: Params, x: Any, *args: Any, **options: Any) -> Any:
        return apply(params, (x - shift) / scale, *args, **options)

    return standardizing


@dataclass(frozen=True, repr=False, eq=False)
class SavedModel:
    """A trained model with its parameters, as `load_model` reads it.

    Attributes
    ----------
    name : str
        The model's name.
    model : module
        Its functions `init` and `apply`.
    params : dict of str to Tensor
    class_names : tuple of str
    input_shape : tuple of int
        (C, H, W) of the images that it was trained on.
    options : dict
        Arguments of `init` besides `rng` and `num_classes`.
    data : str, optional
        The data set that it was trained on.
    polarity : {"bright on dark", "dark on bright", "mixed"}
        Polarity of the training images. Files of the opposite polarity are inverted.
    mean, std : tuple of float
        Of each channel, for standardising images; empty if they are not standardised.
    reading : str
        "digit" if files are read as handwritten digits; "" if they are read as they are.
    temperature : float
        Divides the logits, so that confidences are calibrated.
    path : Path, optional
        The file that it was read from.
    named : bool
        Whether the file names the classes; if not, they are taken to be ten digits.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_cnn import models
    >>> params = models.lenet5.init(np.random.default_rng(0))
    >>> saved = SavedModel("lenet5", models.lenet5, params, tuple("0123456789"), (1, 28, 28))
    >>> saved
    <SavedModel: lenet5, 61,706 parameters, for images of 1×28×28 in 10 classes: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9>
    >>> labels, probabilities = saved.predict(np.zeros((3, 1, 28, 28), np.float32))
    >>> labels.shape, probabilities.shape
    ((3,), (3, 10))
    """

    name: str
    model: models.Model
    params: dict[str, Tensor]
    class_names: tuple[str, ...]
    input_shape: tuple[int, int, int]
    options: Mapping[str, Any] = field(default_factory=dict)
    data: str | None = None
    polarity: str = BRIGHT_ON_DARK
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    reading: str = ""
    temperature: float = 1.0
    path: Path | None = None
    named: bool = True

    @property
    def apply(self) -> Apply:
        """The whole function from pixels in [0, 1] to logits: `apply(params, x, training=False, rng=None)`.

        It standardises the images and divides the logits by the temperature, where the model has these.
        """
        apply: Apply = standardized(self.model.apply, self.mean, self.std) if self.mean else self.model.apply
        if self.temperature == 1:
            return apply
        return functools.wraps(apply)(lambda *args, **options: apply(*args, **options) / self.temperature)

    def predict(self, images: Any) -> tuple[NDArray[np.int64], Array]:
        """Return the most probable class of each image, and the probabilities of all classes.

        Parameters
        ----------
        images : array_like, Dataset, path, or sequence of paths
            Images (N, C, H, W), or one image (C, H, W), with pixels in [0, 1], or uint8 from 0 to 255. Those of
            the model's size are taken as they are; those of another size are resized, if they have the proportions
            that the model takes. Files may be of any kind and size that `data.images.read_image` reads. A model of
            handwritten digits reads files, and arrays of another size, as `data.read_digit` does.

        Returns
        -------
        labels : ndarray of int64, shape (N,)
            Indices into `class_names`.
        probabilities : ndarray of float32, shape (N, num_classes)

        Raises
        ------
        DataError
            If a file cannot be read.
        TypeError, ValueError
            If arrays are not images of the model's channels and proportions.
        """
        files = _files(images)
        if files is None:
            chunks = [self.prepare(images.images if isinstance(images, Dataset) else images)]
        else:
            chunks = (self.read_images(files[part]) for part in batches(len(files), FILES_AT_A_TIME))  # type: ignore[assignment]
        with self._computing():
            rows = [ops.softmax(predict(self.apply, self.params, chunk)) for chunk in chunks if len(chunk)]
        probabilities = np.concatenate([np.empty((0, len(self.class_names)), np.float32), *rows])
        self._check(probabilities)
        return probabilities.argmax(1), probabilities

    def evaluate(self, dataset: Dataset) -> Evaluation:
        """Compare the model's predictions with the labels of a data set that `load_data` returned.

        Raises
        ------
        RunError
            If the model gives no finite probabilities.
        TrainingError
            If the data set is empty.
        """
        with self._computing():
            found = evaluate(self.apply, self.params, dataset)
        self._check(found.probabilities)
        return found

    @contextlib.contextmanager
    def _computing(self) -> Iterator[None]:
        """Silence NumPy's warnings, because results are checked, and refuse a network that does not fit its images."""
        try:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                yield
        except (ValueError, TypeError) as error:
            shape = "×".join(map(str, self.input_shape))
            raise RunError(
                f"{self.path or self.name} does not take the images of {shape} that it names: {error}"
            ) from error

    def _check(self, probabilities: Array) -> None:
        """Refuse probabilities that are not finite, as from weights that are finite but much too large."""
        if wrong := np.count_nonzero(~np.isfinite(probabilities).all(axis=1)):
            raise RunError(
                f"{self.path or 'the model'} gives no probabilities for {wrong} of {len(probabilities)} images: its "
                "weights are so large that the network overflows; train it again"
            )

    def read_image(self, path: File) -> NDArray[np.float32]:
        """Read a file as the model takes it: in its channels, its size and its polarity, (C, H, W) in [0, 1]."""
        if self.reading == DIGIT:
            return read_digit(Path(path))
        channels, height, width = self.input_shape
        return with_polarity(read_image(Path(path), channels, (height, width)), self.polarity)

    def read_images(self, paths: Sequence[File], *, split: bool = False) -> NDArray[np.float32]:
        """Read files as `read_image` does, into one array (N, C, H, W); with `split`, all digits in each of them.

        Raises
        ------
        DataError
            If a file cannot be read.
        RunError
            If digits are to be split for a model that does not read handwritten digits.
        """
        if not split:
            return np.stack([self.read_image(path) for path in paths])
        if self.reading != DIGIT:
            raise RunError(f"{self.name} takes whole images, and cannot tell digits apart; leave out --split")
        return np.stack([digit for path in paths for digit in read_digits(Path(path))])

    def prepare(self, images: Any) -> NDArray[np.float32]:
        """Return images as float32 (N, C, H, W) of the model's size, with pixels in [0, 1].

        Raises
        ------
        TypeError, ValueError
            If they are not numbers, or have other channels or proportions than the model takes.
        """
        pixels = as_pixels(images)
        if self.reading == DIGIT and pixels.shape[-2:] != self.input_shape[1:]:
            pixels = as_digits(pixels)
        if pixels.ndim == 3 and (pixels.shape[0] == self.input_shape[0] or pixels.shape[1:] == self.input_shape[1:]):
            # One image (C, H, W), or grey ones (N, H, W).
            pixels = pixels[np.newaxis] if pixels.shape[0] == self.input_shape[0] else pixels[:, np.newaxis]
        elif pixels.ndim == 2:
            pixels = pixels[np.newaxis, np.newaxis]
        channels, height, width = self.input_shape
        shape = "×".join(map(str, self.input_shape))
        if not ((pixels >= 0) & (pixels <= 1)).all():
            raise ValueError(
                f"pixels from {pixels.min()} to {pixels.max()} were given: expected 0 to 1, or uint8 from 0 to 255"
            )
        if pixels.ndim != 4 or pixels.shape[1] != channels:
            raise ValueError(f"images of shape {pixels.shape} were given; {self.name} takes (N, C, H, W) of {shape}")
        if pixels.shape[2] * width != pixels.shape[3] * height:
            raise ValueError(
                f"images of shape {pixels.shape} were given; {self.name} takes {shape}: crop or pad them to these "
                "proportions"
            )
        return resize(pixels, (height, width))

    def load_data(self, name: str, split: str, skip_bad: bool = False) -> Dataset:
        """Load a data set with its images as the model takes them, and its classes numbered as the model has them.

        There is a warning if colour images are read in grey, or the reverse, because the model takes those.

        Raises
        ------
        DataError
            If it cannot be read.
        RunError
            If it has a class that the model does not know.
        """
        if self.reading == DIGIT:
            dataset = data.load(name, split, skip_bad=skip_bad)
            return self.match_classes(name, dataclasses.replace(dataset, images=as_digits(dataset.images)))
        channels, height, width = self.input_shape
        if data.absolute(name) != self.data:  # what it was trained on is read as it was then
            dataset = data.load(name, split, size=(height, width), skip_bad=skip_bad)
            if dataset.images.shape[1] == channels:
                return self.match_classes(name, dataset)
            has, takes = ("grey" if number == 1 else "colour" for number in (dataset.images.shape[1], channels))
            warnings.warn(f"{name} is in {has}, and {self.name} takes {takes}: it is read in {takes}", stacklevel=2)
        dataset = data.load(name, split, size=(height, width), channels=channels, skip_bad=skip_bad)
        return self.match_classes(name, dataset)

    def match_classes(self, data_name: str, dataset: Dataset) -> Dataset:
        """Return a data set with its classes numbered as the model has them, by their names.

        Raises
        ------
        RunError
            If the data set has a class that the model does not know.
        """
        if not self.named or dataset.class_names == self.class_names:
            return dataset
        if unknown := [name for name in dataset.class_names if name not in self.class_names]:
            raise RunError(
                f"{data_name} has the class {unknown[0]!r}, and the model in {self.path} knows "
                f"{', '.join(self.class_names)}; evaluate on data with the model's classes"
            )
        index = np.array([self.class_names.index(name) for name in dataset.class_names])
        return dataclasses.replace(dataset, labels=index[dataset.labels], class_names=self.class_names)

    def metadata(self) -> dict[str, str]:
        """Return everything but the parameters as text, for the header of a weights file."""
        written = {
            "model": self.name,
            "model_options": json.dumps(self.options),
            "class_names": json.dumps(self.class_names, ensure_ascii=False),
            "input_shape": json.dumps(self.input_shape),
            "polarity": self.polarity,
        }
        if isinstance(self.model, FileModel):
            written["model_digest"] = self.model.digest
        if self.data is not None:
            written["data"] = self.data
        if self.mean:
            written |= {"mean": json.dumps(self.mean), "std": json.dumps(self.std)}
        if self.reading:
            written["reading"] = self.reading
        if self.temperature != 1:
            written["temperature"] = json.dumps(self.temperature)
        return written

    def save(self, path: File) -> None:
        """Write a weights file that `load_model` reads."""
        serialization.save_weights(path, self.params, metadata=self.metadata())

    def __repr__(self) -> str:
        shape, classes = "×".join(map(str, self.input_shape)), count(len(self.class_names), "class", "classes")
        size = sum(p.size for p in models.trainable(self.params).values())
        names = ", ".join(self.class_names[:10]) + ", …" * (len(self.class_names) > 10)
        trained = "" if self.data is None else f", trained on {self.data}"
        return f"<SavedModel: {self.name}, {size:,} parameters, for images of {shape} in {classes}: {names}{trained}>"


def _files(images: Any) -> list[File] | None:
    """Return the paths among the arguments, or None if they are arrays."""
    if isinstance(images, str | os.PathLike):
        return [images]
    given = list(images) if isinstance(images, list | tuple) else []
    return given if given and all(isinstance(path, str | os.PathLike) for path in given) else None
