"""CIFAR-10: 60,000 small photographs in colour, in the binary version, one archive that is found on disk or downloaded.

A record is one byte, the class, and 3,072 bytes, the pixels: red, green and blue, each row by row.
"""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autograd_cnn.data import mnist
from autograd_cnn.data.dataset import DataError, Dataset

NAME = "cifar10"
ARCHIVE = "cifar-10-binary.tar"
SHAPE = (3, 32, 32)

_FOLDER = "cifar-10-batches-bin"
_FILES = {"train": [f"data_batch_{i}.bin" for i in range(1, 6)], "test": ["test_batch.bin"]}
_RECORD = 1 + SHAPE[0] * SHAPE[1] * SHAPE[2]


def load(split: str) -> Dataset:
    """Load one split, images (N, 3, 32, 32): 50,000 for training or 10,000 for testing."""
    path, content = mnist.verified(NAME, ARCHIVE)
    records = np.concatenate(_records(path, content, _FILES[split]))
    names = mnist.SOURCES[NAME].class_names
    return Dataset(records[:, 1:].reshape(-1, *SHAPE), records[:, 0], names)


def _records(path: Path, content: bytes, names: list[str]) -> list[NDArray[np.uint8]]:
    """Return the records of files in the archive, each (N, 3073)."""
    found = []
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            for name in names:
                member = archive.extractfile(f"{_FOLDER}/{name}")
                found.append(np.frombuffer(b"" if member is None else member.read(), np.uint8))
    except (KeyError, tarfile.TarError) as error:
        raise DataError(f"{path} is not the archive of {NAME}: {error}; get it again") from error
    for name, records in zip(names, found, strict=True):
        if not records.size or records.size % _RECORD:
            raise DataError(
                f"{path} has {records.size:,} bytes in {name}: expected records of {_RECORD:,} bytes; get it again"
            )
    return [records.reshape(-1, _RECORD) for records in found]
