"""MNIST and data sets like it, four gzipped IDX files; and how published files are found, downloaded and verified."""

import contextlib
import hashlib
import io
import os
import time
import traceback
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autograd_cnn.data.dataset import DataError, Dataset
from autograd_cnn.data.idx import decode_idx, decompress

VARIABLE = "AUTOGRAD_CNN_DATA"
TIMEOUT = (10, 30)  # seconds to connect, and between two reads

# Images and labels of each split.
FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
# Uncompressed sizes, the same in every data set: no more is read or downloaded.
BYTES = {
    "train-images-idx3-ubyte": 16 + 60_000 * 28 * 28,
    "train-labels-idx1-ubyte": 8 + 60_000,
    "t10k-images-idx3-ubyte": 16 + 10_000 * 28 * 28,
    "t10k-labels-idx1-ubyte": 8 + 10_000,
    "cifar-10-binary.tar": 2**18 * 704,  # 60,000 records of 3,073 bytes, and the archive's own
}
ABANDONED = 3600  # seconds after which a partial download counts as abandoned


@dataclass(frozen=True)
class Source:
    """Where the files of a data set come from, and their digests."""

    mirrors: tuple[str, ...]  # all over https, without redirects
    # By file name: of each gzipped file as published and, where known, of the uncompressed content, so that files that
    # were compressed again are accepted.
    md5: dict[str, str]
    class_names: tuple[str, ...]
    # Without .gz.
    files: tuple[str, ...] = tuple(file for files in FILES.values() for file in files)


SOURCES = {
    # Y. LeCun, C. Cortes and C. J. C. Burges, 1998, CC BY-SA 3.0; their own server no longer has the files.
    "mnist": Source(
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        md5={
            "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
            "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
            "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
            "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
            "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
            "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
            "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
        },
        class_names=tuple("0123456789"),
    ),
    # H. Xiao, K. Rasul and R. Vollgraf, 2017, MIT; the digests are in their README and in torchvision.
    "fashion-mnist": Source(
        mirrors=("https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",),
        md5={
            "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
            "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
            "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
        },
        class_names=(
            "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
        ),
    ),
    # T. Clanuwat and others, 2018, CC BY-SA 4.0; the digests are torchvision's.
    "kmnist": Source(
        mirrors=("https://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
        md5={
            "train-images-idx3-ubyte.gz": "bdb82020997e1d708af4cf47b453dcf7",
            "train-labels-idx1-ubyte.gz": "e144d726b3acfaa3e44228e80efcd344",
            "t10k-images-idx3-ubyte.gz": "5c965bf0a639b31b8f53240b1b52f4d7",
            "t10k-labels-idx1-ubyte.gz": "7320c461ea6c1c855c0b718fb2a4b134",
        },
        class_names=tuple("おきすつなはまやれを"),
    ),
    # A. Krizhevsky, V. Nair and G. Hinton, 2009; the digest is on their page and in torchvision.
    "cifar10": Source(
        mirrors=("https://www.cs.toronto.edu/~kriz/",),
        md5={"cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530"},
        class_names=(
            "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
        ),
        files=("cifar-10-binary.tar",),
    ),
}  # fmt: skip


def load(name: str, split: str) -> Dataset:
    """Load one split of a data set in `SOURCES`, images (N, 1, H, W); download what is not on disk."""
    files = [verified(name, file) for file in FILES[split]]
    images, labels = (decode_idx(content, path) for path, content in files)
    pixels = np.divide(images[:, np.newaxis], 255, dtype=np.float32)
    return Dataset(pixels, labels.astype(np.int64), SOURCES[name].class_names)


def fetch(name: str) -> list[Path]:
    """Return the paths of a data set's files, plain or gzipped; download what is not on disk."""
    return [verified(name, file)[0] for file in SOURCES[name].files]


def folders(name: str) -> list[Path]:
    """Return the folders to search for a data set, in order; it is downloaded into the first."""
    import pooch  # type: ignore[import-untyped]

    cache = Path(pooch.os_cache("autograd_cnn"), name)
    chosen = os.environ.get(VARIABLE)
    return [Path(chosen, name).expanduser(), cache] if chosen else [cache]


def verified(name: str, file: str) -> tuple[Path, bytes]:
    """Return the path of a data set's file and its uncompressed content; download it if it is not on disk."""
    path = _find(name, file) or _download(name, file)
    try:
        return path, _verify(name, file, path)
    except DataError as error:
        raise DataError(
            f"{path} is not the {file} of {name}: it {error}; replace it, or remove it to have it downloaded"
        ) from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


def _find(name: str, file: str) -> Path | None:
    names = [known for known in (file, f"{file}.gz") if known in SOURCES[name].md5]
    for folder in folders(name):
        for path in (folder / name for name in names):
            try:
                if path.is_file():
                    return path
            except OSError as error:
                raise DataError(f"{path} cannot be read: {error.strerror}; check {VARIABLE}") from error
    return None


def _download(name: str, file: str) -> Path:
    """Download a file from the first mirror that has it complete; only then does it appear under its name."""
    import pooch

    folder = folders(name)[0]
    path = folder / f"{file}.gz"
    part = folder / f".{path.name}.{uuid.uuid4().hex}.part"  # of this process alone
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(folder, path.name)
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
            # Not pooch.retrieve: it logs to the terminal, and writes whatever a server sends.
            download = pooch.HTTPDownloader(
                progressbar=True, chunk_size=2**16, timeout=TIMEOUT, allow_redirects=False,
            )  # fmt: skip
            try:
                with _LimitedFile(part, _most_bytes(file)) as opened:
                    download(url, opened, None)
                _verify(name, file, part, as_published=True)
                return part.replace(path)
            except (OSError, DataError) as error:
                failures.append(f"{url} ({_reason(error)})")
                # This ends the line of a progress bar that pooch left open.
                traceback.clear_frames(error.__traceback__)
    finally:
        part.unlink(missing_ok=True)
    names, form = list(SOURCES[name].files), "each plain or with .gz"
    if file not in SOURCES[name].md5:
        names, form = [f"{file}.gz" for file in names], "as published"
    raise DataError(
        f"{name} cannot be downloaded: tried {', then '.join(failures)}; check the network, or put "
        f"{', '.join(names)} ({form}) into {folder} by hand, or set {VARIABLE} "
        f"to a folder whose {name}/ has them"
    )


class _LimitedFile(io.FileIO):
    """A file that refuses more bytes than it is meant to hold."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        super().__init__(path, "w")
        self._left = most_bytes

    def write(self, content: Any) -> int:
        self._left -= len(content)
        if self._left < 0:
            raise DataError("sends more bytes than the file has")
        return super().write(content)

    def close(self) -> None:
        if not self.closed:
            os.fsync(self.fileno())  # the content reaches the disk before the name does
        super().close()


def _remove_abandoned(folder: Path, name: str) -> None:
    """Remove what is left of downloads of processes that were killed."""
    for part in folder.glob(f".{name}.*.part"):
        with contextlib.suppress(FileNotFoundError):  # another process may have removed it
            if part.stat().st_mtime < time.time() - ABANDONED:
                part.unlink()


def _most_bytes(file: str) -> int:
    """Return the most bytes that a file has, plain or gzipped: what cannot be compressed grows by very little."""
    return BYTES[file] + BYTES[file] // 1000 + 2**10


def _verify(name: str, file: str, path: Path, as_published: bool = False) -> bytes:
    """Return a file's uncompressed content, once its digest is verified.

    The digest of the file itself is checked first. If that is unknown, and unless `as_published`, the content's is.
    """
    md5 = SOURCES[name].md5
    with path.open("rb") as opened:
        given = opened.read(_most_bytes(file) + 1)
    if len(given) > _most_bytes(file):
        raise DataError(f"has more than {_most_bytes(file):,} bytes")
    seen = _digest(given)
    if seen in (md5[f"{file}.gz"], md5.get(file)):
        return decompress(given, BYTES[file])
    if as_published or file not in md5:
        raise DataError(f"has the md5 {seen}, expected {md5[f'{file}.gz']}")
    content = decompress(given, BYTES[file])
    if (seen := _digest(content)) != md5[file]:
        raise DataError(f"has the md5 {seen} when uncompressed, expected {md5[file]}")
    return content


def _digest(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _reason(error: BaseException) -> str:
    """Return a short reason why a download failed: requests wraps urllib3's errors, which wrap the system's."""
    if (response := getattr(error, "response", None)) is not None:
        return f"HTTP {response.status_code} {response.reason}"
    inner = getattr(error, "reason", None) or next(iter(error.args), "")
    if isinstance(inner, Exception):
        return _reason(inner)
    return getattr(error, "strerror", None) or str(inner).rpartition(": ")[2] or type(error).__name__
