"""Writing files as a whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from pathlib import Path
from typing import Any

#: How the names of temporary folders begin; a process that is killed leaves one.
TEMPORARY = ".tmp-"


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def unwritten(path: str | os.PathLike[str], error: OSError) -> str:
    """Return the sentence that a file cannot be written, why, and what to do.

    Examples
    --------
    >>> unwritten("weights.safetensors", OSError(errno.ENOSPC, "No space left on device"))
    'weights.safetensors cannot be written (No space left on device); make room, or write elsewhere'
    """
    advice = "expected a file name in a folder that exists and can be written to"
    if error.errno in _NO_ROOM:
        advice = "make room, or write elsewhere"
    return f"{os.fspath(path)} cannot be written ({error.strerror}); {advice}"


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Write plain data as JSON that people can read, as `write_atomically` does.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_json(pathlib.Path(folder, "metrics.json"), {"accuracy": 0.5})
    """
    write_atomically(path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file such that its name refers to the old content or the new, never to a part.

    Nothing is written through a symbolic link: the file takes the link's place, and what it pointed to stays.

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
    target = Path(path)
    try:
        if target.exists() and not target.is_file():
            raise OSError(errno.EINVAL, "not a regular file")  # os.replace would put a file where a device was
        # A folder beside the target is on the same file system, and goes away whatever happens.
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=TEMPORARY) as folder:
            temporary = Path(folder, target.name)
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())  # the content reaches the disk before the name does
            temporary.replace(target)
        _flush_folder(target.parent)
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error


def _flush_folder(folder: Path) -> None:
    """Make sure that a new name in a folder reaches the disk, if the system supports that."""
    if os.name != "posix":
        return
    entry = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(entry)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # file systems that do not support it
            raise
    finally:
        os.close(entry)
