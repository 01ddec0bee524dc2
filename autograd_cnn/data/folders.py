"""Data sets as image files: one folder for each class, or one flat folder with the label in each file name."""

import os
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autograd_cnn.data.dataset import DataError, Dataset
from autograd_cnn.data.image_files import MAX_PIXELS
from autograd_cnn.data.images import image_sizes, read_images, write_image

# The seed of the split into training and test images. It never changes, so that a folder always splits alike.
SEED = 0
TEST_SHARE = 1 / 6

# Files that file managers and archives leave behind; names that begin with a dot are hidden too.
HIDDEN = {"thumbs.db", "desktop.ini", "__macosx"}

LABELLED = re.compile(r"idx-([0-9]+)-label-([0-9]{1,5})\.png")

# What Windows forbids in a file name, which includes the "/" of other systems, and what is not a character.
FORBIDDEN = re.compile(r'[\x00-\x1f\ud800-\udfff<>:"/\\|?*]|[ .]$')
DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)

ADVICE = "repair or remove it, or skip such files with skip_bad=True (--skip-bad)"

Bad = tuple[Path, str]  # a file, and what is wrong with it


def read_folder(
    path: str | Path,
    split: str | None = None,
    *,
    channels: int = 1,
    size: tuple[int, int] | None = None,
    skip_bad: bool = False,
    max_pixels: int = MAX_PIXELS,
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
    channels : {1, 3}, default 1
        1 for grey, to which colour is converted, or 3 for red, green and blue.
    size : tuple of int, optional
        Height and width of the images; by default the most common size among the training images. An image of other
        proportions is padded evenly with the median colour of its border.
    skip_bad : bool, default False
        Leave out files that cannot be read or that are where no file is expected, and list them in `skipped`.
    max_pixels : int, default 25 million
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
        raise _error(*bad[0])
    if not any(classes.values()):
        raise DataError(
            f"{path} has no image to test with, because each class has only one: add images, or put them into "
            f"{path / 'train'} and {path / 'test'}"
        )
    size = size or _common_size([file for files in training.values() for file in files], max_pixels)
    labelled = [(file, label) for label, files in enumerate(classes.values()) for file in files]
    dataset = _read(labelled, tuple(classes), channels, size, skip_bad, max_pixels, bad)
    kept = np.bincount(dataset.labels, minlength=len(classes))
    for label, (name, files) in enumerate(classes.items()):
        if files and not kept[label]:
            raise DataError(f"{files[0].parent} contains no image that can be read, expected at least one of {name!r}")
    return dataset


def write_folder(path: str | Path, dataset: Dataset, indices: Iterable[int] | None = None) -> None:
    """Write a data set as PATH/CLASS/INDEX.png, in 8 bits; exact if pixels are multiples of 1/255.

    A class without images gets no folder. The folder appears under its name only once it is complete.

    Parameters
    ----------
    path : str or Path
        A folder that does not exist yet, or is empty.
    dataset : Dataset
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
    write_labelled_files : for classes whose names cannot name folders.

    Examples
    --------
    >>> import tempfile
    >>> from autograd_cnn.data import digits
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_folder(Path(folder, "digits"), digits.load("test"), [0, 1])
    ...     sorted(str(file.relative_to(folder).as_posix()) for file in Path(folder).rglob("*.png"))
    ['digits/2/0.png', 'digits/3/1.png']
    """
    _check_class_names(dataset.class_names)
    names = dataset.class_names
    _write(path, dataset, indices, lambda index, label: Path(names[label], f"{index}.png"))


def read_labelled_files(
    path: str | Path,
    class_names: Sequence[str] | None = None,
    *,
    channels: int = 1,
    size: tuple[int, int] | None = None,
    skip_bad: bool = False,
    max_pixels: int = MAX_PIXELS,
) -> Dataset:
    """Read a flat folder of files named idx-N-label-L.png, in the order of N.

    Parameters
    ----------
    path : str or Path
        The folder.
    class_names : sequence of str, optional
        A name for each class; by default "0", "1" and so on up to the largest label.
    channels, size, skip_bad, max_pixels
        As in `read_folder`.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        If the folder is missing or has no images, if two files have the same N, if a label has no name in
        `class_names`, or, without `skip_bad`, if a file cannot be read or has another kind of name.

    See Also
    --------
    write_labelled_files : the inverse.

    Examples
    --------
    >>> import tempfile
    >>> from autograd_cnn.data import digits
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_labelled_files(Path(folder, "digits"), digits.load("test"), range(3))
    ...     read_labelled_files(Path(folder, "digits")).labels
    array([2, 3, 4])
    """
    path = Path(path).expanduser()
    by_index: dict[int, tuple[Path, int]] = {}
    bad = []
    for entry in _entries(path):
        match = LABELLED.fullmatch(entry.name)
        if not match or not entry.is_file():
            bad.append((Path(entry.path), "is not named as expected: idx-N-label-L.png, with L below 100000"))
            continue
        index, label = map(int, match.groups())
        if index in by_index:
            raise DataError(f"{entry.path} has the index of {by_index[index][0].name}: expected each once; rename one")
        if class_names is not None and label >= len(class_names):
            raise DataError(f"{entry.path} has the label {label}: expected 0 to {len(class_names) - 1}")
        by_index[index] = Path(entry.path), label
    if bad and not skip_bad:
        raise _error(*bad[0])
    labelled = [by_index[index] for index in sorted(by_index)]
    if not labelled:
        raise DataError(f"{path} contains no images: expected files named idx-N-label-L.png")
    names = class_names or map(str, range(1 + max(label for _, label in labelled)))
    size = size or _common_size([file for file, _ in labelled], max_pixels)
    dataset = _read(labelled, tuple(names), channels, size, skip_bad, max_pixels, bad)
    if not len(dataset):
        raise DataError(f"{path} contains no image that can be read, expected at least one")
    return dataset


def write_labelled_files(path: str | Path, dataset: Dataset, indices: Iterable[int] | None = None) -> None:
    """Write a data set as PATH/idx-INDEX-label-LABEL.png; everything else is as in `write_folder`.

    Examples
    --------
    See `read_labelled_files`.
    """
    _write(path, dataset, indices, lambda index, label: Path(f"idx-{index}-label-{label}.png"))


def check_absent(path: Path) -> None:
    """Raise DataError if a path exists, unless it is an empty folder."""
    try:
        if os.path.lexists(path) and not (path.is_dir() and not any(path.iterdir())):
            raise DataError(f"{path} already exists, and nothing is overwritten: remove it, or name another folder")
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}; name another folder") from error


def take_evenly(labels: NDArray[np.int64], limit: int) -> NDArray[np.intp]:
    """Return the sorted indices of at most `limit` images: the first of each class, then the second, and so on.

    Examples
    --------
    >>> take_evenly(np.array([0, 0, 0, 1, 1]), 3)
    array([0, 1, 3])
    """
    by_class = np.argsort(labels, kind="stable")
    ordered = labels[by_class]
    turn = np.empty(len(labels), np.intp)
    turn[by_class] = np.arange(len(labels)) - np.searchsorted(ordered, ordered)
    return np.sort(np.lexsort((labels, turn))[:limit])


def _scan(path: Path) -> tuple[dict[str, list[Path]], list[Bad]]:
    """Return the files of each class in natural order, and the paths that are neither a class nor an image of one."""
    classes: dict[str, list[Path]] = {}
    bad: list[Bad] = []
    for entry in _entries(path):
        if not entry.is_dir():
            bad.append((Path(entry.path), "is beside the class folders: expected images in class folders only"))
            continue
        members = _entries(Path(entry.path))
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


def _entries(path: Path) -> list[os.DirEntry[str]]:
    """Return the entries of a folder in natural order, whatever order the system lists them in."""
    try:
        with os.scandir(path) as found:
            entries = [e for e in found if not e.name.startswith(".") and e.name.lower() not in HIDDEN]
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}; expected a folder of images") from error
    for entry in entries:
        try:
            entry.name.encode()
        except UnicodeEncodeError:
            raise DataError(f"{path} contains {entry.name!r}, which is not valid UTF-8: rename it") from None
    return sorted(entries, key=lambda entry: _natural(entry.name))


def _natural(name: str) -> tuple[list[str | int], str]:
    """Return a key that sorts "2" before "10": text and numbers alternate, and the name itself breaks ties."""
    return [int(part) if i % 2 else part for i, part in enumerate(re.split(r"([0-9]+)", name))], name


def _check_same_classes(path: Path, train: Iterable[str], test: Iterable[str]) -> None:
    for has, lacks, only in (
        ("train", "test", set(train) - set(test)),
        ("test", "train", set(test) - set(train)),
    ):
        if only:
            raise DataError(
                f"{path / lacks} has no class {min(only, key=_natural)!r}, which {path / has} has: "
                f"expected the same class folders in both; add it or remove the other"
            )


def _part(files: list[Path], split: str) -> list[Path]:
    """Return the files of one class that are in a split."""
    held_out = max(1, round(len(files) * TEST_SHARE)) if len(files) > 1 else 0
    test = set(np.random.default_rng(SEED).permutation(len(files))[:held_out].tolist())
    return [file for i, file in enumerate(files) if (i in test) == (split == "test")]


def _common_size(files: list[Path], max_pixels: int) -> tuple[int, int]:
    """Return the most common height and width; of equally common sizes the largest."""
    counts = Counter(size for size in image_sizes(files, max_pixels=max_pixels) if size)
    return max(counts, key=lambda size: (counts[size], size), default=(1, 1))  # if all are bad, reading them raises


def _read(
    labelled: list[tuple[Path, int]],
    class_names: tuple[str, ...],
    channels: int,
    size: tuple[int, int],
    skip_bad: bool,
    max_pixels: int,
    bad: list[Bad],
) -> Dataset:
    images = np.empty((len(labelled), channels, *size), np.float32)
    labels: list[int] = []
    skipped = list(bad)
    found = read_images([file for file, _ in labelled], channels, size, max_pixels=max_pixels)
    for (file, label), image in zip(labelled, found, strict=True):
        if isinstance(image, DataError):
            reason = str(image).removeprefix(f"{file} ")
            if not skip_bad:
                raise _error(file, reason) from image
            skipped.append((file, reason))
        else:
            images[len(labels)] = image
            labels.append(label)
    return Dataset(images[: len(labels)], np.array(labels, np.int64), class_names, tuple(skipped))


def _error(file: Path, reason: str) -> DataError:
    return DataError(f"{file} {reason}; {ADVICE}")


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


def _write(path: str | Path, dataset: Dataset, indices: Iterable[int] | None, name: Callable[[int, int], Path]) -> None:
    if not len(dataset):
        raise DataError(f"{path} is not written: the data set has no images, expected at least one")
    with _new_folder(Path(path).expanduser()) as folder:
        for index in range(len(dataset)) if indices is None else indices:
            file = folder / name(index, int(dataset.labels[index]))
            file.parent.mkdir(exist_ok=True)
            write_image(file, dataset.images[index])


@contextmanager
def _new_folder(path: Path) -> Iterator[Path]:
    """Yield a folder to fill, which gets its name once it is complete; after a failure nothing is left of it."""
    check_absent(path)
    target = Path(os.path.realpath(path))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Beside the target, so on the same file system; it is removed whatever happens.
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".tmp-") as temporary:
            folder = Path(temporary, target.name)
            folder.mkdir()
            yield folder
            if target.exists():
                target.rmdir()  # fails if the folder is no longer empty
            folder.rename(target)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}; make room, or name another folder") from error
