"""`Dataset`, which every loader returns, and `DataError`, which every loader raises."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from autograd_cnn.output.text import ShownError
from autograd_cnn.tensor import Tensor


class DataError(ShownError):
    """Data that is missing, damaged or not as expected; the message is one line that says what to do.

    Examples
    --------
    >>> from autograd_cnn import data
    >>> data.load("digit", "train")
    Traceback (most recent call last):
        ...
    autograd_cnn.data.dataset.DataError: there is no data set 'digit': expected one of digits, mnist, fashion-mnist, \
kmnist, cifar10, folder:PATH; did you mean 'digits'?
    """


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Labelled images, as plain arrays.

    ``dataset[i]`` is one image with its label, ``dataset[a:b]`` and ``dataset[indices]`` are data sets, and iterating
    yields one image with its label after the other.

    Parameters
    ----------
    images : array_like or Tensor, shape (N, C, H, W)
        Pixels from 0 (black) to 1 (white). Those of uint8 are divided by 255; floats are taken as they are, and kept
        as float32.
    labels : array_like or Tensor, shape (N,)
        Class of each image: an index into `class_names`. Floats that are whole numbers are accepted, and so are one-hot
        rows, (N, num_classes).
    class_names : sequence of str, optional
        One name for each class; by default their numbers, up to the largest label.
    skipped : sequence of (Path, str)
        Files that were left out because they could not be read, and what is wrong with each.

    Attributes
    ----------
    images : ndarray of float32, shape (N, C, H, W)
    labels : ndarray of int64, shape (N,)
    class_names : tuple of str
    skipped : tuple of (Path, str)

    Raises
    ------
    TypeError
        If images or labels are of another type.
    ValueError
        If there is not one label for each image, or a label has no name.

    Examples
    --------
    >>> import numpy as np
    >>> pets = Dataset(np.zeros((3, 1, 8, 8), np.uint8), [0, 1, 1], ("cat", "dog"))
    >>> pets, pets[1:].labels.tolist(), [label for image, label in pets]
    (<Dataset: 3 images of 1×8×8 in 2 classes>, [1, 1], [0, 1, 1])
    """

    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    skipped: tuple[tuple[Path, str], ...]

    def __init__(
        self,
        images: Any,
        labels: Any,
        class_names: Sequence[str] | None = None,
        skipped: Sequence[tuple[Path, str]] = (),
    ) -> None:
        pixels, (classes, count) = as_pixels(images), _as_classes(labels)
        if not pixels.ndim or len(pixels) != len(classes):
            raise ValueError(
                f"images of shape {pixels.shape} and {len(classes)} labels were given: expected a label for each image"
            )
        names = tuple(map(str, range(count))) if class_names is None else tuple(class_names)
        if classes.max(initial=-1) >= len(names):
            raise ValueError(
                f"a label is {classes.max()}, and class_names has {len(names)} names: expected one for each class"
            )
        parts = {"images": pixels, "labels": classes, "class_names": names, "skipped": tuple(skipped)}
        for name, value in parts.items():
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.images)

    @overload
    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], int]: ...
    @overload
    def __getitem__(self, index: Any) -> Dataset: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, tuple):
            raise TypeError(f"a data set is indexed by one number, slice, list or array; got {index!r}")
        if isinstance(index, int | np.integer):
            return self.images[index], int(self.labels[index])
        return dataclasses.replace(self, images=self.images[index], labels=self.labels[index])

    def __iter__(self) -> Iterator[tuple[NDArray[np.float32], int]]:
        return zip(self.images, self.labels.tolist(), strict=True)

    def split(self, fraction: float, seed: int = 0) -> tuple[Dataset, Dataset]:
        """Split the images at random, with each class in the same proportion.

        Parameters
        ----------
        fraction : float
            The share of the first part, between 0 and 1.
        seed : int
            Seed of the split.

        Returns
        -------
        first, second : Dataset
            Each in the order of this data set.

        Raises
        ------
        ValueError
            If the share is out of range, or one part would be empty.

        Examples
        --------
        >>> from autograd_cnn import data
        >>> data.load("digits", "train").split(0.9)
        (<Dataset: 1293 images of 1×8×8 in 10 classes>, <Dataset: 144 images of 1×8×8 in 10 classes>)
        """
        if not 0 < fraction < 1:
            raise ValueError(f"fraction is {fraction!r}: expected a share between 0 and 1, such as 0.9")
        order = np.random.default_rng(seed).permutation(len(self))
        order = order[np.argsort(self.labels[order], kind="stable")]
        # Class by class, an image goes into the first part where the running share passes a whole number.
        first = np.diff(np.floor(np.arange(len(self) + 1) * fraction + 0.5)) > 0
        if first.all() or not first.any():
            raise ValueError(f"{len(self)} images cannot be split by {fraction}: one part would be empty")
        return self[np.sort(order[first])], self[np.sort(order[~first])]

    def __repr__(self) -> str:
        shape = "×".join(map(str, self.images.shape[1:]))
        return f"<Dataset: {len(self)} images of {shape} in {len(self.class_names)} classes>"


def as_dataset(data: Any) -> Dataset:
    """Convert a pair (images, labels) to a data set with classes named by their numbers; return a data set as it is.

    Raises
    ------
    TypeError
        If it is neither, or `Dataset` refuses its parts.

    Examples
    --------
    >>> as_dataset((np.zeros((3, 1, 8, 8), np.float32), np.array([0, 2, 1])))
    <Dataset: 3 images of 1×8×8 in 3 classes>
    """
    if isinstance(data, Dataset):
        return data
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise TypeError(f"data is a {type(data).__name__}: expected a Dataset or a pair (images, labels)")
    return Dataset(*data)


def as_pixels(images: Any) -> NDArray[np.float32]:
    """Return images as float32, those of uint8 divided by 255.

    Parameters
    ----------
    images : array_like or Tensor
        Of float, which are not scaled, or of uint8 or bool.

    Raises
    ------
    TypeError
        If they have another dtype.

    Examples
    --------
    >>> as_pixels(np.array([0, 51, 255], np.uint8))
    array([0. , 0.2, 1. ], dtype=float32)
    """
    array = _as_array(images, "images")
    if array.dtype == np.uint8:
        return np.asarray(np.divide(array, 255, dtype=np.float32))
    if array.dtype.kind not in "fb":
        raise TypeError(
            f"the images are {array.dtype}: expected float with pixels from 0 to 1, or uint8 from 0 to 255, which "
            "images.astype(np.uint8) makes of whole numbers"
        )
    pixels: NDArray[np.float32] = array.astype(np.float32, copy=False)
    return pixels


def _as_classes(labels: Any) -> tuple[NDArray[np.int64], int]:
    """Return labels as int64 of shape (N,), and the number of classes that they imply."""
    array = _as_array(labels, "labels")
    if array.dtype.kind in "USO":
        raise TypeError(
            "the labels are text or objects: expected the number of each image's class; "
            "class_names, labels = np.unique(names, return_inverse=True) numbers them"
        )
    if array.dtype.kind not in "biuf":
        raise TypeError(f"the labels are {array.dtype}: expected the number of each image's class")
    if array.ndim == 2 and array.shape[1] > 1 and ((array == 0) | (array == 1)).all() and (array.sum(1) == 1).all():
        return array.argmax(1).astype(np.int64), array.shape[1]
    if array.ndim != 1:
        column = array.ndim == 2 and array.shape[1] == 1
        advice = "labels.ravel() makes one axis" if column else "labels.argmax(1) takes the likeliest"
        raise TypeError(
            f"the labels are {array.dtype} of shape {array.shape}: expected the class of each image, shape (N,), or "
            f"one-hot rows; {advice}"
        )
    classes = np.nan_to_num(array, nan=-0.5, posinf=-0.5, neginf=-0.5).astype(np.int64)
    if (odd := np.flatnonzero(classes != array)).size:
        raise TypeError(f"label {odd[0]} is {array[odd[0]]}: expected whole numbers, the class of each image")
    if classes.min(initial=0) < 0:
        raise ValueError(f"a label is {classes.min()}: expected classes from 0")
    return classes, int(classes.max(initial=-1)) + 1


def _as_array(values: Any, what: str) -> NDArray[Any]:
    if isinstance(values, Tensor):
        return np.asarray(values.numpy())
    try:
        return np.asarray(values)
    except ValueError as error:  # rows of different lengths
        raise TypeError(f"the {what} are not an array ({error}): expected the same shape for each image") from error
