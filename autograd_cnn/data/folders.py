"""Data sets as folders of image files, one folder for each class."""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from autograd_cnn.data.dataset import DataError, Dataset, as_dataset
from autograd_cnn.data.image_folders import (
    HIDDEN,
    Bad,
    Pair,
    Size,
    common_channels,
    common_size,
    list_entries,
    natural,
    read_listed,
    unreadable,
    write_files,
)

# The seed of the split into training and test images. It never changes, so that a folder always splits alike.
SEED = 0
TEST_SHARE = 1 / 6


# What Windows forbids in a file name, which includes the "/" of other systems, and what is not a character.
FORBIDDEN = re.compile(r'[\x00-\x1f\ud800-\udfff<>:"/\\|?*]|[ .]$')
DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def read_folder(
    path: str | Path,
    split: str | None = None,
    *,
    channels: int | None = None,
    size: Size | Callable[[Size], Size] | None = None,
    skip_bad: bool = False,
    max_pixels: int | None = None,
) -> Dataset:
    """Read a folder that contains a folder of image files for each class.

    `images.read_image` says which formats are read and how they are converted. Polarity is kept: dark
    ink on white paper is not inverted. Hidden files are ignored.

    Parameters
    ----------
    path : str or Path
        The folder that contains the class folders, PATH/CLASS/*.png. With `split` they may instead be in
        PATH/train and PATH/test; anything else beside these two is then ignored.
    split : {"train", "test"}, optional
        Which part to read; everything if not given. If the class folders are directly in PATH, a draw with a fixed
        seed from the sorted file names takes a sixth of each class for testing, and at least one image of a class that
        has two or more.
    channels : {1, 3}, optional
        1 for grey, to which colour is converted, or 3 for red, green and blue; by default 3 if one of the training
        images shows colour, else 1.
    size : tuple of int, or callable, optional
        Height and width of the images; by default the most common size among the training images. A function is
        called with that size, and returns the one to use. An image of other proportions is padded evenly with the
        median colour of its border.
    skip_bad : bool, default False
        Leave out files that cannot be read or that are where no file is expected, and list them in `skipped`.
    max_pixels : int, optional
        The largest image to decode, as in `images.read_image`.

    Returns
    -------
    Dataset
        Images class by class. Classes, and the files of each class, are in natural order: "2" comes before "10".

    Raises
    ------
    DataError
        If the folder is missing, has no class folders or an empty one, if train and test do not have the same
        classes, or if a file cannot be read and `skip_bad` is false.

    See Also
    --------
    write_folder : the inverse.

    Examples
    --------
    >>> import tempfile
    >>> from autograd_cnn.data import digits
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_folder(Path(folder, "digits"), digits.load("test"))
    ...     read_folder(Path(folder, "digits")), read_folder(Path(folder, "digits"), "test")
    (<Dataset: 360 images of 1×8×8 in 10 classes>, <Dataset: 60 images of 1×8×8 in 10 classes>)
    """
    path = Path(path).expanduser()
    if split is not None and (path / "train").is_dir() and (path / "test").is_dir():
        scans = {name: _scan(path / name) for name in ("train", "test")}
        _check_same_classes(path, scans["train"][0], scans["test"][0])
        training, (classes, bad) = scans["train"][0], scans[split]
    else:
        classes, bad = _scan(path)
        training = classes
        if split is not None:
            training, classes = ({name: _part(files, s) for name, files in classes.items()} for s in ("train", split))
    if bad and not skip_bad:
        raise unreadable(*bad[0])
    if not any(classes.values()):
        raise DataError(
            f"{path} has no image to test with, because each class has only one: add images, or put them into "
            f"{path / 'train'} and {path / 'test'}"
        )
    sample = [file for files in training.values() for file in files]
    size, channels = common_size(size, sample, max_pixels), common_channels(channels, sample, max_pixels)
    labelled = [(file, label) for label, files in enumerate(classes.values()) for file in files]
    dataset = read_listed(labelled, tuple(classes), channels, size, skip_bad, max_pixels, bad)
    kept = np.bincount(dataset.labels, minlength=len(classes))
    for label, (name, files) in enumerate(classes.items()):
        if files and not kept[label]:
            raise DataError(f"{files[0].parent} contains no image that can be read, expected at least one of {name!r}")
    return dataset


def write_folder(path: str | Path, dataset: Dataset | Pair, indices: Iterable[int] | None = None) -> None:
    """Write a data set as PATH/CLASS/INDEX.png, in 8 bits; exact if pixels are multiples of 1/255.

    A class without images gets no folder. The folder appears under its name only once it is complete.

    Parameters
    ----------
    path : str or Path
        A folder that does not exist yet, or is empty.
    dataset : Dataset, or pair (images, labels)
        What to write.
    indices : iterable of int, optional
        Which images; all if not given.

    Raises
    ------
    DataError
        If the folder is not empty or cannot be written, or if a class has a name that no folder can have.

    See Also
    --------
    read_folder : the inverse.
    labelled_files.write_labelled_files : for classes whose names cannot name folders.

    Examples
    --------
    >>> import tempfile
    >>> from autograd_cnn.data import digits
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_folder(Path(folder, "digits"), digits.load("test"), [0, 1])
    ...     sorted(str(file.relative_to(folder).as_posix()) for file in Path(folder).rglob("*.png"))
    ['digits/2/0.png', 'digits/3/1.png']
    """
    dataset = as_dataset(dataset)
    _check_class_names(dataset.class_names)
    names = dataset.class_names
    write_files(path, dataset, indices, lambda index, label: Path(names[label], f"{index}.png"))


def _scan(path: Path) -> tuple[dict[str, list[Path]], list[Bad]]:
    """Return the files of each class in natural order, and the paths that are neither a class nor an image of one."""
    classes: dict[str, list[Path]] = {}
    bad: list[Bad] = []
    for entry in list_entries(path):
        if not entry.is_dir():
            bad.append((Path(entry.path), "is beside the class folders: expected images in class folders only"))
            continue
        members = list_entries(Path(entry.path))
        classes[entry.name] = [Path(member.path) for member in members if member.is_file()]
        bad += [
            (Path(member.path), "is not a file: expected only images in a class folder")
            for member in members
            if not member.is_file()
        ]
        if not classes[entry.name]:
            raise DataError(
                f"{entry.path} {'contains folders and no images' if members else 'is empty'}: expected images of the "
                f"class {entry.name!r}, or class folders in both a train/ and a test/"
            )
    if not classes:
        raise DataError(
            f"{path} has no class folders: expected images in {path / 'CLASS'}, or in {path / 'train' / 'CLASS'} "
            f"and {path / 'test' / 'CLASS'}"
        )
    return classes, bad


def _check_same_classes(path: Path, train: Iterable[str], test: Iterable[str]) -> None:
    for has, lacks, only in (
        ("train", "test", set(train) - set(test)),
        ("test", "train", set(test) - set(train)),
    ):
        if only:
            raise DataError(
                f"{path / lacks} has no class {min(only, key=natural)!r}, which {path / has} has: "
                f"expected the same class folders in both; add it or remove the other"
            )


def _part(files: list[Path], split: str) -> list[Path]:
    """Return the files of one class that are in a split."""
    held_out = max(1, round(len(files) * TEST_SHARE)) if len(files) > 1 else 0
    test = set(np.random.default_rng(SEED).permutation(len(files))[:held_out].tolist())
    return [file for i, file in enumerate(files) if (i in test) == (split == "test")]


def _check_class_names(names: Sequence[str]) -> None:
    for name in names:
        hidden = not name or name.startswith(".") or name.lower() in HIDDEN
        if hidden or FORBIDDEN.search(name) or DEVICES.fullmatch(name):
            raise DataError(
                f"the class {name!r} cannot be the name of a folder on every system: expected no / or the like; "
                "write labelled files (--layout files) instead, or rename the class"
            )
    if len(set(map(str.casefold, names))) < len(names):
        raise DataError(
            f"the classes {', '.join(map(repr, names))} are the same folder on some systems: write labelled "
            "files (--layout files) instead, or rename some"
        )
