"""The folder of a run: claimed before training, and locked while a process writes to it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from autograd_cnn.output.files import TEMPORARY
from autograd_cnn.training.errors import RunError

#: The file in a run's folder that holds the model at the end.
WEIGHTS_FILE = "weights.safetensors"

#: The file that holds the model after the epoch with the lowest validation loss.
BEST_FILE = "best.safetensors"

LOCK_FILE = ".lock"


def claim_folder(
    folder: Path, files: Sequence[str], advice: str = "give another --out", elsewhere: str = "give another --out"
) -> None:
    """Raise an error if a folder already holds one of the files to be written, or cannot be written to.

    Raises
    ------
    RunError
    """
    if found := [name for name in files if os.path.lexists(folder / name)]:
        raise RunError(f"{folder} already holds {found[0]} of an earlier run; {advice}")
    parent = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    if not parent.is_dir():
        raise RunError(f"{folder} cannot be made a folder: {parent} is a file")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise RunError(f"{folder} cannot be written to: {parent} is read-only for this user; {elsewhere}")


@contextmanager
def hold(folder: Path, advice: str = "give another --out") -> Iterator[None]:
    """Lock a folder for this process; a folder that is created for this and stays empty is removed again.

    The operating system releases the lock when the process ends, however it ends. Files that killed processes left
    half-written are removed.

    Raises
    ------
    RunError
        If another process holds it, or it cannot be made or written to.
    """
    from filelock import FileLock, Timeout

    claim_folder(folder, (), elsewhere=advice)
    made: list[Path] = []
    lock = FileLock(folder / LOCK_FILE, timeout=0)
    try:
        made += _make(folder)
        lock.acquire()
    except Timeout as error:
        raise RunError(f"another process is writing to {folder}; wait until it ends, or {advice}") from error
    except OSError as error:
        _remove_empty(made)
        raise RunError(f"{folder} cannot be written to: {error.strerror or error}; {advice}") from error
    try:
        _remove_leftovers(folder)
        yield
    finally:
        with suppress(OSError):  # Windows removes no file that is open
            (folder / LOCK_FILE).unlink()
        lock.release()
        _remove_empty(made)


def _make(folder: Path) -> list[Path]:
    """Make a folder and those above it, and return the new ones, from the top down."""
    missing = [p for p in (folder, *folder.parents) if not p.exists()][::-1]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def _remove_empty(folders: Sequence[Path]) -> None:
    for folder in reversed(folders):
        with suppress(OSError):  # it is not empty
            folder.rmdir()


def _remove_leftovers(folder: Path) -> None:
    """Remove the temporary folders of writes that were killed."""
    for path in folder.glob(f"{TEMPORARY}*"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
