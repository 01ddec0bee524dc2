"""`Dataset`, which every loader returns, and `DataError`, which every loader raises."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
kmnist, folder:PATH; did you mean 'digits'?
    """


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Labelled images, as plain arrays.

    Attributes
    ----------
    images : ndarray of float32, shape (N, C, H, W)
        Pixels from 0 (black) to 1 (white).
    labels : ndarray of int64, shape (N,)
        Class of each image: an index into `class_names`.
    class_names : tuple of str
        One name for each class.
    skipped : tuple of (Path, str)
        Files that were left out because they could not be read, and what is wrong with each.

    Examples
    --------
    >>> import numpy as np
    >>> Dataset(np.zeros((2, 1, 8, 8), np.float32), np.array([0, 1]), ("cat", "dog"))
    <Dataset: 2 images of 1×8×8 in 2 classes>
    """

    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    skipped: tuple[tuple[Path, str], ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        shape = "×".join(map(str, self.images.shape[1:]))
        return f"<Dataset: {len(self)} images of {shape} in {len(self.class_names)} classes>"


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
    array = images.numpy() if isinstance(images, Tensor) else np.asarray(images)
    if array.dtype == np.uint8:
        return np.divide(array, 255, dtype=np.float32)
    if array.dtype.kind not in "fb":
        raise TypeError(
            f"the images are {array.dtype}: expected float with pixels from 0 to 1, or uint8 from 0 to 255, which "
            "images.astype(np.uint8) makes of whole numbers"
        )
    return array.astype(np.float32, copy=False)
