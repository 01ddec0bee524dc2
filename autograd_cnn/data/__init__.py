"""Data sets as plain arrays, in batches, and images in, out and augmented."""

from pathlib import Path

from autograd_cnn.data import digits, mnist
from autograd_cnn.data.dataset import DataError, Dataset
from autograd_cnn.data.loader import DataLoader

__all__ = ["NAMES", "SPLITS", "DataError", "DataLoader", "Dataset", "fetch", "load"]

NAMES = ("digits", *mnist.SOURCES)
SPLITS = ("train", "test")


def load(name: str, split: str) -> Dataset:
    """Load one split of a data set.

    Parameters
    ----------
    name : {"digits", "mnist"}
        `digits` is part of the package. The files of `mnist`, plain or gzipped, are looked for in the folder
        `mnist` of `$AUTOGRAD_CNN_DATA`, if set, and of the user's cache folder, and else downloaded into the
        first of these.
    split : {"train", "test"}
        Which split.

    Returns
    -------
    Dataset
        Images (N, C, H, W), float32 in [0, 1], bright on dark; labels (N,), int64; the names of the classes.
        `digits` has 1,437 and 360 images of 1×8×8, `mnist` 60,000 and 10,000 of 1×28×28.

    Raises
    ------
    DataError
        If the name or the split is unknown, or a file is missing, damaged or cannot be downloaded.

    References
    ----------
    E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository,
    1998, doi 10.24432/C50P49.

    Y. LeCun, C. Cortes and C. J. C. Burges, "The MNIST database of handwritten digits", 1998.

    Examples
    --------
    >>> train = load("digits", "train")
    >>> train
    <Dataset: 1437 images of 1×8×8 in 10 classes>
    >>> train.class_names[train.labels[0]]
    '0'
    """
    _check("data set", name, NAMES)
    _check("split", split, SPLITS)
    return digits.load(split) if name == "digits" else mnist.load(name, split)


def fetch(name: str) -> list[Path]:
    """Download the files of a data set that are not on disk yet, and verify them all.

    Parameters
    ----------
    name : {"digits", "mnist"}
        Which data set.

    Returns
    -------
    list of Path
        Its files: those found, and those downloaded. None for `digits`, which is part of the package.

    Raises
    ------
    DataError
        If the name is unknown, or a file is damaged or cannot be downloaded.

    Examples
    --------
    >>> fetch("digits")
    []
    """
    _check("data set", name, NAMES)
    return [] if name == "digits" else mnist.fetch(name)


def _check(kind: str, given: str, known: tuple[str, ...]) -> None:
    if given not in known:
        raise DataError(f"there is no {kind} {given!r}: expected one of {', '.join(known)}")
