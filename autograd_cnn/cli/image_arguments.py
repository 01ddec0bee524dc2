"""The image files that `predict` is given on the command line: paths, folders, patterns, and standard input."""

from __future__ import annotations

import glob
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from autograd_cnn.data import DataError
from autograd_cnn.data.image_files import EXPECTED

STDIN = "-"

#: Suffixes of the files that are read from a folder; a file that is named itself is read whatever its suffix.
ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm"}


def image_files(arguments: Sequence[str], list_file: str | None = None) -> Iterator[str | DataError]:
    """Yield the path of each image that is meant, or an error for an argument without any.

    A folder stands for all image files in it and its folders, in natural order; a pattern for the files that match it,
    unless a file has that very name. `list_file` is a text file with more arguments, one a line. "-" is an image on
    standard input, or, as `list_file`, its lines. One path is held at a time, however many there are.
    """
    for argument in (*arguments, *(() if list_file is None else _lines(list_file))):
        if isinstance(argument, DataError) or argument == STDIN:
            yield argument
        elif Path(argument).is_dir():
            yield from _or_error(_in_folder(argument), f"{argument} has no image file in it: {EXPECTED}")
        elif glob.has_magic(argument) and not os.path.lexists(argument):
            found = sorted(glob.glob(argument, recursive=True), key=_natural)  # noqa: PTH207 -- it may be absolute
            files = (path for path in found if Path(path).is_file())
            yield from _or_error(files, f"{argument} matches no file: {EXPECTED}")
        else:
            yield argument


@contextmanager
def on_disk(path: str) -> Iterator[Path]:
    """Yield the path of an image; one on standard input is kept in a temporary file meanwhile.

    Raises
    ------
    DataError
        If standard input is empty, or the block raises one; the message then names standard input.
    """
    if path != STDIN:
        yield Path(path)
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "standard input")
        with file.open("wb") as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy)
        if not file.stat().st_size:
            raise DataError(f"standard input is empty: {EXPECTED}")
        try:
            yield file
        except DataError as error:
            raise DataError(str(error).replace(str(file), "standard input")) from error


def _lines(name: str) -> Iterator[str | DataError]:
    """Yield the lines of a text file that are not empty."""
    # For standard input, a copy of its descriptor is opened, because closing the file closes that too. Names that are
    # not valid in the system's encoding are kept by surrogate escapes, as elsewhere in Python.
    encoding = sys.getfilesystemencoding()
    try:
        source = os.dup(sys.stdin.fileno()) if name == STDIN else name
        with open(source, encoding=encoding, errors="surrogateescape") as file:  # noqa: PTH123 -- or a descriptor
            yield from (line.rstrip("\r\n") for line in file if line.strip())
    except OSError as error:
        yield DataError(f"{name} cannot be read ({error.strerror}): expected a text file with a path in each line")


def _in_folder(folder: str) -> Iterator[str]:
    for path, folders, files in os.walk(folder):
        folders[:] = sorted((name for name in folders if not name.startswith(".")), key=_natural)
        for name in sorted(files, key=_natural):
            file = Path(path, name)
            if file.suffix.lower() in ENDINGS and not name.startswith("."):
                yield str(file)


def _or_error(paths: Iterator[str], message: str) -> Iterator[str | DataError]:
    none = True
    for path in paths:
        none = False
        yield path
    if none:
        yield DataError(message)


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """Return a key by which "2" comes before "10"."""
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in re.split("([0-9]+)", name)]
