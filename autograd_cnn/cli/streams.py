"""Standard output and standard error as a shell may leave them: closed, or a pipe that nobody reads."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import Any

BROKEN_PIPE = 141  # 128 + SIGPIPE, as in shells


def open_all() -> None:
    """Make sure that the three standard streams are open, closed ones on the null device.

    Otherwise the next file opened would take a closed one's place, and be written into.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115 -- for the process's life
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr has it: class names may be in any script


def abandon() -> None:
    """Redirect standard output to the null device, so that what is left in its buffer raises no more errors."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Lossy:
    """A stream that drops text that cannot be written."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def lossy() -> Iterator[None]:
    """Let work go on even if nobody reads its output any more."""
    out, err = sys.stdout, sys.stderr
    try:
        with contextlib.redirect_stdout(_Lossy(out)), contextlib.redirect_stderr(_Lossy(err)):
            yield
            sys.stdout.flush()
    finally:
        try:
            out.flush()
        except (OSError, ValueError):
            abandon()
