"""The IDX format of the MNIST files: a big-endian header with type and shape, then the values."""

import gzip
import math
import zlib
from pathlib import Path
from typing import Any

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


def read_idx(path: str | Path) -> NDArray[Any]:
    """Read an array from an IDX file, plain or gzipped, whatever the file is called.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    ndarray
        The array, in native byte order: uint8, int8, int16, int32, float32 or float64.

    Raises
    ------
    DataError
        If the file cannot be read or is not a complete IDX file.

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
    return decode_idx(read_bytes(path), path)


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


def read_bytes(path: str | Path) -> bytes:
    """Return the content of a file, decompressed if it is gzipped; raise DataError if it cannot be read."""
    try:
        return decompress(Path(path).read_bytes())
    except DataError as error:
        raise DataError(f"{path} {error}: get it again") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


def decompress(content: bytes) -> bytes:
    """Return `content`, decompressed if it is gzipped; raise DataError if it is damaged."""
    if not content.startswith(GZIP_MAGIC):
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"is damaged as a gzip file ({error})") from error


def decode_idx(content: bytes, path: str | Path) -> NDArray[Any]:
    """Return the array in the content of an IDX file; `path` is only for error messages."""
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in DTYPES or not 1 <= content[3] <= MAX_NDIM:
        raise DataError(
            f"{path} is not an IDX file: it begins with the bytes '{content[:4].hex(' ')}', expected 00 00, "
            f"a type ({', '.join(f'{code:02x}' for code in DTYPES)}) and 01 to {MAX_NDIM:02x} axes"
        )
    dtype, ndim = DTYPES[content[2]], content[3]
    start = 4 + 4 * ndim
    if len(content) < start:
        raise DataError(f"{path} ends inside its header: {len(content)} bytes, expected {start} and then the values")
    shape = tuple(np.frombuffer(content, ">u4", ndim, offset=4).tolist())
    # In Python's integers, because a damaged header may promise more than 2⁶⁴ bytes.
    expected = start + math.prod(shape) * dtype.itemsize
    if len(content) != expected:
        defect = "is truncated" if len(content) < expected else "has bytes after its end"
        raise DataError(f"{path} {defect}: {len(content)} bytes, expected {expected} for the shape {shape}")
    return np.frombuffer(content, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))


def encode_idx(array: NDArray[Any]) -> bytes:
    """Return the content of the IDX file that holds `array`."""
    dtype = array.dtype.newbyteorder("=")
    if dtype not in CODES:
        raise ValueError(f"IDX holds {', '.join(map(str, CODES))}, not {array.dtype}: convert the array first")
    if array.ndim == 0 or max(array.shape) >= 2**32:
        raise ValueError(f"IDX holds 1 to {MAX_NDIM} axes shorter than 2³², not the shape {array.shape}")
    header = bytes([0, 0, CODES[dtype], array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.astype(dtype.newbyteorder(">")).tobytes()
