"""Data sets as one flat folder of image files with the label in each file name: idx-N-label-L.png."""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from autograd_cnn.data.dataset import DataError, Dataset, as_dataset
from autograd_cnn.data.image_folders import (
    Pair,
    Size,
    common_channels,
    common_size,
    list_entries,
    read_listed,
    unreadable,
    write_files,
)

LABELLED = re.compile(r"idx-([0-9]+)-label-([0-9]{1,5})\.png")


def read_labelled_files(
    path: str | Path,
    class_names: Sequence[str] | None = None,
    *,
    channels: int | None = None,
    size: Size | Callable[[Size], Size] | None = None,
    skip_bad: bool = False,
    max_pixels: int | None = None,
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
    for entry in list_entries(path):
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
        raise unreadable(*bad[0])
    labelled = [by_index[index] for index in sorted(by_index)]
    if not labelled:
        raise DataError(f"{path} contains no images: expected files named idx-N-label-L.png")
    names = class_names or map(str, range(1 + max(label for _, label in labelled)))
    files = [file for file, _ in labelled]
    size, channels = common_size(size, files, max_pixels), common_channels(channels, files, max_pixels)
    dataset = read_listed(labelled, tuple(names), channels, size, skip_bad, max_pixels, bad)
    if not len(dataset):
        raise DataError(f"{path} contains no image that can be read, expected at least one")
    return dataset


def write_labelled_files(path: str | Path, dataset: Dataset | Pair, indices: Iterable[int] | None = None) -> None:
    """Write a data set as PATH/idx-INDEX-label-LABEL.png; everything else is as in `write_folder`.

    Examples
    --------
    See `read_labelled_files`.
    """
    dataset = as_dataset(dataset)
    write_files(path, dataset, indices, lambda index, label: Path(f"idx-{index}-label-{label}.png"))
