"""MNIST and the data sets published in its form: four gzipped IDX files, found on disk or downloaded."""

import hashlib
import os
import traceback
import uuid
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autograd_cnn.data.dataset import DataError, Dataset
from autograd_cnn.data.idx import decode_idx, decompress, read_bytes

VARIABLE = "AUTOGRAD_CNN_DATA"
TIMEOUT = (10, 30)  # seconds to connect, and between two reads

# Images and labels of each split.
FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


@dataclass(frozen=True)
class Source:
    """Where the files of a data set come from, and what they must hold."""

    mirrors: tuple[str, ...]
    md5: dict[str, str]  # of the content uncompressed: mirrors compress differently
    class_names: tuple[str, ...]


SOURCES = {
    # Y. LeCun, C. Cortes and C. J. C. Burges, 1998, CC BY-SA 3.0; their own server no longer has the files.
    "mnist": Source(
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        md5={
            "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
            "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
            "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
            "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
        },
        class_names=tuple("0123456789"),
    ),
}


def load(name: str, split: str) -> Dataset:
    """Load one split of a data set of `SOURCES`, images (N, 1, H, W), downloading what is not on disk."""
    files = [_verified(name, file) for file in FILES[split]]
    images, labels = (decode_idx(content, path) for path, content in files)
    pixels = np.divide(images[:, np.newaxis], 255, dtype=np.float32)
    return Dataset(pixels, labels.astype(np.int64), SOURCES[name].class_names)


def fetch(name: str) -> list[Path]:
    """Return the paths of a data set's files, plain or gzipped, downloading what is not on disk."""
    return [_verified(name, file)[0] for files in FILES.values() for file in files]


def folders(name: str) -> list[Path]:
    """Return the folders where a data set is looked for, in order; it is downloaded into the first."""
    import pooch  # type: ignore[import-untyped]

    cache = Path(pooch.os_cache("autograd_cnn"), name)
    chosen = os.environ.get(VARIABLE)
    return [Path(chosen, name).expanduser(), cache] if chosen else [cache]


def _verified(name: str, file: str) -> tuple[Path, bytes]:
    """Return the path of a file and its uncompressed content."""
    path = _find(name, file) or _download(name, file)
    content = read_bytes(path)
    try:
        _verify(content, SOURCES[name].md5[file])
    except DataError as error:
        raise DataError(
            f"{path} is not the {file} of {name}: it {error}; replace it, or remove it to have it downloaded"
        ) from error
    return path, content


def _find(name: str, file: str) -> Path | None:
    for folder in folders(name):
        for path in (folder / file, folder / f"{file}.gz"):
            try:
                if path.is_file():
                    return path
            except OSError as error:
                raise DataError(f"{path} cannot be read: {error.strerror}; check {VARIABLE}") from error
    return None


def _download(name: str, file: str) -> Path:
    """Download a file from the first mirror that has it whole; only then does it appear under its name."""
    import pooch

    folder = folders(name)[0]
    path = folder / f"{file}.gz"
    part = folder / f".{path.name}.{uuid.uuid4().hex}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part.touch()
    except OSError as error:
        raise DataError(
            f"{path} is missing and cannot be written: {error.strerror}; make {folder} writable, or set "
            f"{VARIABLE} to a folder that is, or that has {name}/{path.name}"
        ) from error
    failures = []
    try:
        for mirror in SOURCES[name].mirrors:
            url = mirror + path.name
            try:
                # Not pooch.retrieve, which checks the compressed file and logs to the terminal.
                pooch.HTTPDownloader(progressbar=True, chunk_size=2**16, timeout=TIMEOUT)(url, part, None)
                _verify(decompress(part.read_bytes()), SOURCES[name].md5[file])
                return part.replace(path)
            except (OSError, DataError) as error:
                failures.append(f"{url} ({_reason(error)})")
                # Ends the line of a progress bar that pooch left open.
                traceback.clear_frames(error.__traceback__)
    finally:
        part.unlink(missing_ok=True)
    raise DataError(
        f"{name} cannot be downloaded: tried {', then '.join(failures)}; check the network, or put "
        f"{', '.join(SOURCES[name].md5)} (each plain or with .gz) into {folder} by hand, or set {VARIABLE} "
        f"to a folder whose {name}/ has them"
    )


def _verify(content: bytes, md5: str) -> None:
    seen = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if seen != md5:
        raise DataError(f"has the md5 {seen} when uncompressed, expected {md5}")


def _reason(error: BaseException) -> str:
    """Return in short why a download failed: requests wraps urllib3's errors, which wrap the system's."""
    if (response := getattr(error, "response", None)) is not None:
        return f"HTTP {response.status_code} {response.reason}"
    inner = getattr(error, "reason", None) or next(iter(error.args), "")
    if isinstance(inner, Exception):
        return _reason(inner)
    return getattr(error, "strerror", None) or str(inner).rpartition(": ")[2] or type(error).__name__
