"""Files in the safetensors format: encoded such that equal content gives equal bytes, and opened within bounds."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_cnn.output.text import ShownError

FORMAT_KEY = "autograd_cnn_format"
FORMAT_VERSION = "1"

#: safetensors' codes for the dtypes that weights may have.
CODES: dict[np.dtype[Any], str] = {np.dtype(np.float32): "F32", np.dtype(np.float64): "F64"}

#: To read a header, safetensors takes up to 30 times its size in memory. A hundred tensors have a header of 10 kB.
MAX_HEADER_BYTES = 4 * 2**20
MAX_TENSORS = 10_000

_EXPECTED = "expected a file that save_weights or safetensors wrote"


class WeightsError(ShownError, ValueError):
    """Weights that cannot be saved, read or used; the message is one line that names what is wrong.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> ac.load_weights("missing.safetensors")
    Traceback (most recent call last):
        ...
    autograd_cnn.nn.safetensors_files.WeightsError: missing.safetensors does not exist; expected a file that \
save_weights or safetensors wrote
    """


def encode(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> bytes:
    """Return the bytes of a safetensors file: the header's length, the header in JSON, and the arrays.

    safetensors' own writer orders metadata at random, so that equal weights make different files. Version 0.8.0 also
    writes wrong bytes, silently, for arrays that are not C-contiguous.
    """
    header: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))}
    body = bytearray()
    # Wide elements first, so that each array starts at a multiple of its element size.
    for name, array in sorted(arrays.items(), key=lambda item: -item[1].itemsize):
        start = len(body)
        body += array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes("C")
        header[name] = {
            "dtype": CODES[array.dtype.newbyteorder("=")],
            "shape": array.shape,
            "data_offsets": (start, len(body)),
        }
    try:
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        bad = error.object[error.start : error.end]
        raise WeightsError(f"a name or the metadata holds {bad!r}, which is no character; leave it out") from error
    text += b" " * (-len(text) % 8)
    if len(text) > MAX_HEADER_BYTES:
        raise WeightsError(f"the names and metadata take {len(text):,} bytes; expected at most {MAX_HEADER_BYTES:,}")
    return len(text).to_bytes(8, "little") + text + body


@contextmanager
def open_file(path: str | os.PathLike[str]) -> Iterator[Any]:
    """Open a safetensors file for reading; raise `WeightsError` for anything wrong with it."""
    from safetensors import SafetensorError, safe_open

    name = os.fspath(path)
    try:
        _check_header_size(path)
        with safe_open(path, framework="numpy") as file:
            version = (file.metadata() or {}).get(FORMAT_KEY, FORMAT_VERSION)
            if version != FORMAT_VERSION:
                raise WeightsError(
                    f"{name} is in format {version} of autograd_cnn, and this version reads format "
                    f"{FORMAT_VERSION}; upgrade autograd_cnn"
                )
            if (tensors := len(file.keys())) > MAX_TENSORS:
                raise WeightsError(f"{name} has {tensors:,} tensors; expected at most {MAX_TENSORS:,}")
            yield file
    except SafetensorError as error:
        raise WeightsError(f"{name} is cut short or not a safetensors file ({error}); {_EXPECTED}") from error
    except OSError as error:
        raise WeightsError(f"{name} cannot be read ({error.strerror or error}); {_EXPECTED}") from error


def _check_header_size(path: str | os.PathLike[str]) -> None:
    """Refuse a file whose header, by the length that the file begins with, is incomplete or too large to be read."""
    name, size = os.fspath(path), 0
    if not Path(path).is_file():
        kind = "is not a regular file" if Path(path).exists() else "does not exist"
        raise WeightsError(f"{name} {kind}; {_EXPECTED}")
    with Path(path).open("rb") as file:
        header, size = int.from_bytes(file.read(8), "little"), os.fstat(file.fileno()).st_size
    if header > size - 8:
        raise WeightsError(
            f"{name} is cut short or not a safetensors file (its {size:,} bytes begin with a header of {header:,}); "
            f"{_EXPECTED}"
        )
    if header > MAX_HEADER_BYTES:
        raise WeightsError(f"{name} has a header of {header:,} bytes; expected at most {MAX_HEADER_BYTES:,}")
