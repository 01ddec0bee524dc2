"""Writing files as a whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file such that its name refers to the old content or the new, never to a part.

    Raises
    ------
    OSError
        If the file cannot be written; its `filename` is `path`.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from autograd_cnn.output.files import write_atomically
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomically(pathlib.Path(folder, "metrics.json"), b"{}")
    """
    target = Path(os.path.realpath(path))  # a link is kept, and what it points to is replaced
    try:
        if target.exists() and not target.is_file():
            raise OSError(errno.EINVAL, "not a regular file")  # os.replace would put a file where a device was
        # A folder beside the target is on the same file system, and goes away whatever happens.
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".tmp-") as folder:
            temporary = Path(folder, target.name)
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())  # the content reaches the disk before the name does
            temporary.replace(target)
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error
