"""Folders of image files, however they are labelled: what is in them, and how one is read and written."""

import os
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_cnn.data.colour import has_colour
from autograd_cnn.data.dataset import DataError, Dataset
from autograd_cnn.data.images import image_sizes, read_images, write_image

# Files that file managers and archives leave behind; names that begin with a dot are hidden too.
HIDDEN = {"thumbs.db", "desktop.ini", "__macosx"}

ADVICE = "repair or remove it, or skip such files with skip_bad=True (--skip-bad)"

Bad = tuple[Path, str]  # a file, and what is wrong with it
Size = tuple[int, int]  # height and width
Pair = tuple[Any, Any]  # images and labels


def list_entries(path: Path) -> list[os.DirEntry[str]]:
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
    return sorted(entries, key=lambda entry: natural(entry.name))


def natural(name: str) -> tuple[list[str | int], str]:
    """Return a key that sorts "2" before "10": text and numbers alternate, and the name itself breaks ties."""
    return [int(part) if i % 2 else part for i, part in enumerate(re.split(r"([0-9]+)", name))], name


def common_size(size: Size | Callable[[Size], Size] | None, files: list[Path], max_pixels: int | None) -> Size:
    """Return the size to read images in: the one that is given, or one derived from the most common among the files."""
    if isinstance(size, tuple):
        return size
    own = _most_common_size(files, max_pixels)
    return own if size is None else size(own)


def common_channels(channels: int | None, files: list[Path], max_pixels: int | None) -> int:
    """Return the channels to read images in: what is given, or what the files show."""
    return (3 if has_colour(files, max_pixels) else 1) if channels is None else channels


def _most_common_size(files: list[Path], max_pixels: int | None) -> tuple[int, int]:
    """Return the most common height and width; of equally common sizes the largest."""
    counts = Counter(size for size in image_sizes(files, max_pixels=max_pixels) if size)
    return max(counts, key=lambda size: (counts[size], size), default=(1, 1))  # if all are bad, reading them raises


def read_listed(
    labelled: list[tuple[Path, int]],
    class_names: tuple[str, ...],
    channels: int,
    size: Size,
    skip_bad: bool,
    max_pixels: int | None,
    bad: list[Bad],
) -> Dataset:
    """Read images with their labels; list the bad ones as `skipped`, or raise an error for the first."""
    images = np.empty((len(labelled), channels, *size), np.float32)
    labels: list[int] = []
    skipped = list(bad)
    found = read_images([file for file, _ in labelled], channels, size, max_pixels=max_pixels)
    for (file, label), image in zip(labelled, found, strict=True):
        if isinstance(image, DataError):
            reason = str(image).removeprefix(f"{file} ")
            if not skip_bad:
                raise unreadable(file, reason) from image
            skipped.append((file, reason))
        else:
            images[len(labels)] = image
            labels.append(label)
    return Dataset(images[: len(labels)], np.array(labels, np.int64), class_names, tuple(skipped))


def unreadable(file: Path, reason: str) -> DataError:
    """Return the error for a file that cannot be read, with what to do."""
    return DataError(f"{file} {reason}; {ADVICE}")


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


def write_files(
    path: str | Path, dataset: Dataset, indices: Iterable[int] | None, name: Callable[[int, int], Path]
) -> None:
    """Write images into a new folder, each under the path that `name` makes of its index and its label."""
    if not len(dataset):
        raise DataError(f"{path} is not written: the data set has no images, expected at least one")
    with _new_folder(Path(path).expanduser()) as folder:
        for index in range(len(dataset)) if indices is None else indices:
            file = folder / name(index, int(dataset.labels[index]))
            file.parent.mkdir(exist_ok=True)
            write_image(file, dataset.images[index])


@contextmanager
def _new_folder(path: Path) -> Iterator[Path]:
    """Yield a folder to fill, which gets its name once it is complete; after a failure it is removed."""
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
