"""Data sets as plain arrays and in batches; reading, writing and augmenting images."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

from autograd_cnn.data import cifar10, digits, folders, mnist
from autograd_cnn.data.colour import with_channels
from autograd_cnn.data.dataset import DataError, Dataset
from autograd_cnn.data.handwriting import read_digit, read_digits
from autograd_cnn.data.images import resize
from autograd_cnn.data.loader import DataLoader
from autograd_cnn.output.text import did_you_mean, meant

__all__ = [
    "NAMES",
    "PUBLISHED",
    "SPLITS",
    "DataError",
    "DataLoader",
    "Dataset",
    "absolute",
    "canonical",
    "fetch",
    "load",
    "read_digit",
    "read_digits",
]

FOLDER = "folder:"
PUBLISHED = ("digits", *mnist.SOURCES)
NAMES = (*PUBLISHED, f"{FOLDER}PATH")
SPLITS = ("train", "test")
#: Handwritten digits: models trained on these read one digit in a picture, in the form of MNIST's.
HANDWRITTEN_DIGITS = ("digits", "mnist")


def load(
    name: str,
    split: str,
    *,
    size: tuple[int, int] | Callable[[tuple[int, int]], tuple[int, int]] | None = None,
    channels: int | None = None,
    skip_bad: bool = False,
) -> Dataset:
    """Load one split of a data set.

    Parameters
    ----------
    name : {"digits", "mnist", "fashion-mnist", "kmnist", "cifar10"} or "folder:PATH"
        `digits` is part of the package. The files of `mnist`, plain or gzipped, are looked for in
        `$AUTOGRAD_CNN_DATA/mnist`, if that variable is set, then in the user's cache folder; if they are in neither,
        they are downloaded into the first of the two. `fashion-mnist` and `kmnist` work likewise, with the files
        gzipped as published, and `cifar10` with the archive of its binary version. "folder:PATH" reads image files
        from PATH/train/CLASS and PATH/test/CLASS, or from PATH/CLASS, in which case it holds out a sixth of each class
        for testing: see `folders.read_folder`.
    split : {"train", "test"}
        Which split.
    size : tuple of int, or callable, optional
        Height and width of the images. By default the data set's own; for a folder, the most common size among its
        training images. A function is called with that size, and returns the one to use.
    channels : {1, 3}, optional
        1 for grey, or 3 for red, green and blue. By default the data set's own; for a folder, 3 if one of its training
        images shows colour.
    skip_bad : bool, default False
        Leave out files of a folder that cannot be read, and list them in `skipped`, instead of raising an error.

    Returns
    -------
    Dataset
        Images (N, C, H, W), float32 in [0, 1]; labels (N,), int64; the names of the classes. `digits` has 1,437
        and 360 images of 1×8×8, `cifar10` 50,000 and 10,000 of 3×32×32, the others 60,000 and 10,000 of 1×28×28,
        bright on dark. The images of a folder stay dark on bright if their files are.

    Raises
    ------
    DataError
        If the name or the split is unknown, or if a file is missing, damaged or cannot be downloaded.

    References
    ----------
    E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository,
    1998, doi 10.24432/C50P49.

    Y. LeCun, C. Cortes and C. J. C. Burges, "The MNIST database of handwritten digits", 1998.

    H. Xiao, K. Rasul and R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
    Algorithms", 2017, arXiv:1708.07747.

    T. Clanuwat, M. Bober-Irizar, A. Kitamoto, A. Lamb, K. Yamamoto and D. Ha, "Deep Learning for Classical
    Japanese Literature", 2018, arXiv:1812.01718.

    A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009, chapter 3: CIFAR-10.

    Examples
    --------
    >>> train = load("digits", "train")
    >>> train
    <Dataset: 1437 images of 1×8×8 in 10 classes>
    >>> train.class_names[train.labels[0]]
    '0'
    """
    _check("split", split, SPLITS)
    name = canonical(name)
    if name.startswith(FOLDER):
        return folders.read_folder(_path(name), split, channels=channels, size=size, skip_bad=skip_bad)
    _check("data set", name, NAMES)
    own = {"digits": digits.load, cifar10.NAME: cifar10.load}
    dataset = own[name](split) if name in own else mnist.load(name, split)
    images = dataset.images if channels is None else with_channels(dataset.images, channels)
    if size is not None:
        images = resize(images, size(images.shape[2:]) if callable(size) else size)
    return dataclasses.replace(dataset, images=images)


def canonical(name: str) -> str:
    """Return a data set's name as it is spelled here: "Digits" is "digits", and the path of a folder "folder:PATH".

    An unknown name is returned as it is.

    Examples
    --------
    >>> canonical("Fashion_MNIST"), canonical("cats")
    ('fashion-mnist', 'cats')
    """
    found = meant(name, PUBLISHED)
    if found in PUBLISHED or name.startswith(FOLDER):
        return found
    return f"{FOLDER}{name}" if name and Path(name).expanduser().is_dir() else name


def absolute(name: str) -> str:
    """Return the name of a data set with the path of a folder made absolute, so that it is valid in any directory.

    Examples
    --------
    >>> absolute("digits")
    'digits'
    """
    name = canonical(name)
    return f"{FOLDER}{_path(name).absolute()}" if name.startswith(FOLDER) else name


def fetch(name: str) -> list[Path]:
    """Download the files of a data set that are not on disk yet, and verify all of them.

    Parameters
    ----------
    name : {"digits", "mnist", "fashion-mnist", "kmnist", "cifar10"}
        Which data set.

    Returns
    -------
    list of Path
        Its files, found or downloaded. Empty for `digits`, which is part of the package.

    Raises
    ------
    DataError
        If the name is unknown, or a file is damaged or cannot be downloaded.

    Examples
    --------
    >>> fetch("digits")
    []
    """
    name = canonical(name)
    _check("data set", name, PUBLISHED)
    return [] if name == "digits" else mnist.fetch(name)


def _path(name: str) -> Path:
    if not (path := name.removeprefix(FOLDER)):
        raise DataError(f"{name!r} names no folder: expected {FOLDER} followed by a path, as in {FOLDER}drawings")
    if "\0" in path:
        raise DataError(f"{name!r} has a null character in it, which no path has")
    return Path(path).expanduser()


def _check(kind: str, given: str, known: tuple[str, ...]) -> None:
    if given not in known and {"/", os.sep} & set(given):
        raise DataError(f"there is no folder {given}: expected one with a folder of images for each class")
    if given not in known:
        raise DataError(f"there is no {kind} {given!r}: expected one of {', '.join(known)}{did_you_mean(given, known)}")
