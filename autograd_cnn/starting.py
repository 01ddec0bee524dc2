"""Signals while the command line starts up: it exits with the signal's status, and no traceback from an import.

The package imports this first, since most of the start-up time is spent on imports. It touches signal handlers only if
the package is the program, as in `python -m autograd_cnn` or `autograd-cnn`.
"""

# Built in: importing `signal` takes a millisecond, in which Ctrl-C would leave a traceback.
import _signal  # type: ignore[import-not-found]
import os
import sys
from typing import Any

SIGNALS = (2, 15)  # SIGINT and SIGTERM, everywhere


def is_the_program() -> bool:
    """Return whether this process was started to run the command line."""
    given = sys.orig_argv
    name = os.path.splitext(os.path.basename(sys.argv[0] if sys.argv else ""))[0]  # noqa: PTH119, PTH122 -- pathlib takes as long as half of NumPy
    return name == "autograd-cnn" or any(given[i : i + 2] == ["-m", "autograd_cnn"] for i in range(len(given)))


def leave(number: int, _: Any = None) -> None:
    """End the process at once, with the exit status of a signal; a signal handler."""
    os._exit(128 + number)


def leave_on_signals() -> None:
    """Let SIGINT and SIGTERM end the process at once, unless they are ignored."""
    for number in SIGNALS:
        if _signal.getsignal(number) not in (_signal.SIG_IGN, None):
            _signal.signal(number, leave)


if is_the_program():
    leave_on_signals()
