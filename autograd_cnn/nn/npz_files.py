"""Weights in NumPy's .npz files: zip files of arrays, read without pickle and within bounds."""

import contextlib
import io
import json
import math
import os
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autograd_cnn.nn.safetensors_files import MAX_TENSORS, WeightsError

#: The entry that holds the metadata, in JSON; safetensors files use the same name.
METADATA = "__metadata__"
#: The most bytes that all arrays may take once decompressed: the first, or the second times the file size if larger.
_LEAST_ROOM, _MOST_COMPRESSION = 2**26, 16
_MAX_METADATA_BYTES = 4 * 2**20
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date in a zip file; a fixed one makes equal weights equal files

_EXPECTED = "expected a file that save_weights or numpy.savez wrote"


class Entry(NamedTuple):
    """An array of a file: its header, and where its numbers begin."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran_order: bool
    start: int
    info: zipfile.ZipInfo


def encode(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> bytes:
    """Return the bytes of an .npz file with these arrays, and the metadata in an entry of its own."""
    text = np.array(json.dumps(dict(sorted(metadata.items()))))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, array in {**arrays, METADATA: text}.items():
            info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            try:
                kept = info.filename.encode().decode() == f"{name}.npy"
            except UnicodeEncodeError:
                kept = False
            if not kept:
                raise WeightsError(f"a tensor is named {name!r}, which is no name in a zip file; rename it")
            with file.open(info, "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.asarray(array), allow_pickle=False)
    return buffer.getvalue()


def read_arrays(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """Return the arrays in a file by their names."""
    with _open(path) as (file, entries):
        return {name: _read(file, entry, f"{os.fspath(path)}: {name!r}") for name, entry in entries.items()
                if name != METADATA}  # fmt: skip


def read_headers(path: str | os.PathLike[str]) -> dict[str, Entry]:
    """Return the headers of the arrays in a file, by their names."""
    with _open(path) as (_, entries):
        return {name: entry for name, entry in entries.items() if name != METADATA}


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """Return the metadata in a file; empty for a file that another program wrote."""
    with _open(path) as (file, entries):
        entry = entries.get(METADATA)
        if entry is None:
            return {}
        what = f"{os.fspath(path)}: its metadata"
        if entry.dtype.kind != "U" or entry.shape or entry.info.file_size > _MAX_METADATA_BYTES:
            raise WeightsError(f"{what} is {entry.dtype} of shape {entry.shape}; expected one text")
        found = json.loads(str(_read(file, entry, what)))
        if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
            raise WeightsError(f"{what} is not a JSON object of strings")
        return found


@contextlib.contextmanager
def _open(path: str | os.PathLike[str]) -> Iterator[tuple[zipfile.ZipFile, dict[str, Entry]]]:
    """Open a file and read its headers; raise `WeightsError` for anything wrong with it."""
    name = os.fspath(path)
    if not Path(path).is_file():
        kind = "is not a regular file" if Path(path).exists() else "does not exist"
        raise WeightsError(f"{name} {kind}; {_EXPECTED}")
    try:
        with zipfile.ZipFile(path) as file:
            yield file, _entries(file, name, Path(path).stat().st_size)
    except WeightsError:
        raise
    except OSError as error:
        raise WeightsError(f"{name} cannot be read ({error.strerror or error}); {_EXPECTED}") from error
    except Exception as error:  # from zipfile, zlib or NumPy, depending on what is wrong
        raise WeightsError(f"{name} is cut short or not an .npz file ({error}); {_EXPECTED}") from error


def _entries(file: zipfile.ZipFile, name: str, size: int) -> dict[str, Entry]:
    """Read the headers of the arrays, within bounds."""
    infos = file.infolist()
    if len(infos) > MAX_TENSORS:
        raise WeightsError(f"{name} has {len(infos):,} arrays; expected at most {MAX_TENSORS:,}")
    room, total = max(_LEAST_ROOM, _MOST_COMPRESSION * size), sum(info.file_size for info in infos)
    if total > room:
        raise WeightsError(
            f"{name} says that its {size:,} bytes become {total:,}; expected at most {room:,}: write it without "
            "compression, as numpy.savez does"
        )
    entries: dict[str, Entry] = {}
    for info in infos:
        label = info.filename.removesuffix(".npy")
        if label == info.filename or label in entries:
            raise WeightsError(f"{name} has the entry {info.filename!r}, which is no array or is repeated; {_EXPECTED}")
        entries[label] = _header(file, info, f"{name}: {label!r}")
    return entries


def _header(file: zipfile.ZipFile, info: zipfile.ZipInfo, what: str) -> Entry:
    """Read the header of an entry's array, and check it against the entry's size."""
    with file.open(info) as entry:
        version = np.lib.format.read_magic(entry)
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in readers:
            raise WeightsError(f"{what} is in version {version} of NumPy's format; expected (1, 0) or (2, 0)")
        shape, fortran_order, dtype = readers[version](entry)
        start = entry.tell()
    if dtype.hasobject or dtype.kind not in "fiubU":
        raise WeightsError(f"{what} has dtype {dtype}; expected numbers")
    if min(shape, default=0) < 0 or len(shape) > 64 or math.prod(shape) * dtype.itemsize != info.file_size - start:
        raise WeightsError(f"{what} of shape {shape} and {dtype} has {info.file_size - start:,} bytes of numbers")
    return Entry(shape, dtype, fortran_order, start, info)


def _read(file: zipfile.ZipFile, entry: Entry, what: str) -> NDArray[Any]:
    with file.open(entry.info) as stream:
        data = stream.read(entry.info.file_size + 1)[entry.start :]
    if len(data) != entry.info.file_size - entry.start:
        raise WeightsError(f"{what} is cut short")
    array = np.frombuffer(data, entry.dtype).reshape(entry.shape, order="F" if entry.fortran_order else "C")
    return array.astype(entry.dtype.newbyteorder("="))
