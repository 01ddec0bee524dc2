"""The IDX format of the MNIST files: a big-endian header with type and shape, then the values."""

import gzip
import io
import math
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from autograd_cnn.data.dataset import DataError

# The third byte of a file is the type of its values.
DTYPES = {
    code: np.dtype(name).newbyteorder(">")
    for code, name in ((0x08, "u1"), (0x09, "i1"), (0x0B, "i2"), (0x0C, "i4"), (0x0D, "f4"), (0x0E, "f8"))
}
CODES = {dtype.newbyteorder("="): code for code, dtype in DTYPES.items()}
GZIP_MAGIC = b"\x1f\x8b"
MAX_NDIM = 64  # NumPy's
MAX_BYTES = 2**27  # nearly three times MNIST's training images
CHUNK = 2**20  # bytes read at a time, so that memory grows with what a file holds, not with what it claims


def read_idx(path: str | Path, *, max_bytes: int = MAX_BYTES) -> NDArray[Any]:
    """Read an array from an IDX file, plain or gzipped, whatever the file is called.

    Parameters
    ----------
    path : str or Path
        The file.
    max_bytes : int, default 128 MiB
        The largest array to read. No more is decompressed, whatever the file holds.

    Returns
    -------
    ndarray
        The array, in native byte order: uint8, int8, int16, int32, float32 or float64.

    Raises
    ------
    DataError
        If the file cannot be read, is not a complete IDX file, or holds a larger array.

    See Also
    --------
    write_idx : the inverse.

    References
    ----------
    Y. LeCun, C. Cortes and C. J. C. Burges, "The MNIST database of handwritten digits", 1998, section
    "The IDX file format".

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_idx(Path(folder, "labels.gz"), np.array([3, 1, 4], np.uint8))
    ...     read_idx(Path(folder, "labels.gz"))
    array([3, 1, 4], dtype=uint8)
    """
    with _opened(path) as stream:
        return _decode(stream, path, max_bytes)


def write_idx(path: str | Path, array: NDArray[Any]) -> None:
    """Write an array to an IDX file, gzipped if the name ends in `.gz`.

    Parameters
    ----------
    path : str or Path
        The file; an existing one is replaced.
    array : ndarray of uint8, int8, int16, int32, float32 or float64
        The array, with 1 to 64 axes of at most 2³² − 1 elements.

    Raises
    ------
    ValueError
        If IDX cannot hold the dtype or the shape.

    Examples
    --------
    See `read_idx`.
    """
    path, content = Path(path), encode_idx(array)
    # Without a time stamp, equal arrays make equal files.
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def decompress(content: bytes, max_bytes: int) -> bytes:
    """Return `content`, decompressed if it is gzipped; raise DataError if it is damaged or holds more than expected."""
    if content.startswith(GZIP_MAGIC):
        try:
            content = io.BufferedReader(_Decompressed(io.BytesIO(content))).read(max_bytes + 1)
        except (EOFError, zlib.error) as error:
            raise DataError(f"is damaged as a gzip file ({error})") from error
    if len(content) > max_bytes:
        raise DataError(f"holds more than the {max_bytes:,} bytes that are expected")
    return content


def decode_idx(content: bytes, path: str | Path) -> NDArray[Any]:
    """Return the array in the content of an IDX file; `path` is only for error messages."""
    return _decode(io.BytesIO(content), path, len(content))


@contextmanager
def _opened(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file to read its content, decompressed if it is gzipped; raise DataError for whatever goes wrong."""
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):
            raise DataError(f"{path} cannot be read: it is not a regular file")  # reading a pipe would block
        with Path(path).open("rb") as file:
            gzipped = file.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC)
            yield io.BufferedReader(_Decompressed(file)) if gzipped else file
    except (EOFError, zlib.error) as error:
        raise DataError(f"{path} is damaged as a gzip file ({error}): get it again") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


class _Decompressed(io.RawIOBase):
    """The content of a gzip file of one member, decompressed as it is read.

    `gzip` would read as many members as a file has: millions of empty ones take it minutes.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._inflate = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)  # 16: with gzip's header and check sum

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._inflate.eof:
            compressed = self._inflate.unconsumed_tail or self._file.read(io.DEFAULT_BUFFER_SIZE)
            if part := self._inflate.decompress(compressed, len(buffer)):
                buffer[: len(part)] = part
                return len(part)
            if not compressed:
                raise EOFError("it ends before its end is marked")
        if self._inflate.unused_data or self._file.read(1):
            raise EOFError("something follows its end")
        return 0


def _decode(stream: BinaryIO, path: str | Path, max_bytes: int) -> NDArray[Any]:
    """Read an array of at most `max_bytes`, and nothing after it."""
    dtype, shape = _read_header(stream, path)
    start = 4 + 4 * len(shape)
    size = math.prod(shape) * dtype.itemsize  # in Python's integers: a header may claim more than 2⁶⁴ bytes
    content, most = bytearray(), min(size, max_bytes) + 1
    while part := stream.read(min(CHUNK, most - len(content))):
        content += part
    if len(content) > max_bytes:
        raise DataError(
            f"{path} holds {size:,} bytes of values, expected at most {max_bytes:,}; raise max_bytes to read more"
        )
    if len(content) != size:
        seen = f"{start + len(content)} bytes" if len(content) < size else f"more than {start + size} bytes"
        defect = "is truncated" if len(content) < size else "has bytes after its end"
        raise DataError(f"{path} {defect}: {seen}, expected {start + size} for the shape {shape}")
    try:
        array = np.frombuffer(content, dtype).reshape(shape)
    except ValueError as error:  # an empty array may have a shape that NumPy does not allow
        raise DataError(f"{path} has the shape {shape}, which NumPy cannot hold ({error})") from error
    return array.astype(dtype.newbyteorder("="), copy=False)


def _read_header(stream: BinaryIO, path: str | Path) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Return the dtype and the shape that an IDX file begins with."""
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in DTYPES or not 1 <= magic[3] <= MAX_NDIM:
        raise DataError(
            f"{path} is not an IDX file: it begins with the bytes '{magic.hex(' ')}', expected 00 00, "
            f"a type ({', '.join(f'{code:02x}' for code in DTYPES)}) and 01 to {MAX_NDIM:02x} axes"
        )
    dtype, ndim = DTYPES[magic[2]], magic[3]
    lengths = stream.read(4 * ndim)
    if len(lengths) < 4 * ndim:
        raise DataError(
            f"{path} ends inside its header: {4 + len(lengths)} bytes, expected {4 + 4 * ndim} and then the values"
        )
    return dtype, tuple(np.frombuffer(lengths, ">u4").tolist())


def encode_idx(array: NDArray[Any]) -> bytes:
    """Return the content of the IDX file that holds `array`."""
    dtype = array.dtype.newbyteorder("=")
    if dtype not in CODES:
        raise ValueError(f"IDX holds {', '.join(map(str, CODES))}, not {array.dtype}: convert the array first")
    if array.ndim == 0 or max(array.shape) >= 2**32:
        raise ValueError(f"IDX holds 1 to {MAX_NDIM} axes shorter than 2³², not the shape {array.shape}")
    header = bytes([0, 0, CODES[dtype], array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.astype(dtype.newbyteorder(">")).tobytes()
