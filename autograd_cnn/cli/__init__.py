"""The command line: `python -m autograd_cnn`, also installed as `autograd-cnn`.

Each command has a module with its options (`add_parser`) and its action. What a command needs is imported when it runs,
so that `--help` is quick.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from autograd_cnn import __version__, starting
from autograd_cnn.cli import (
    bench,
    completion,
    datasets,
    evaluate,
    export_onnx,
    inspect,
    options,
    play,
    predict,
    reproduce,
    streams,
    sweep,
    train,
)
from autograd_cnn.output.text import shown

__all__ = ["main"]

_COMMANDS = (train, sweep, evaluate, predict, play, export_onnx, inspect, reproduce, bench, datasets)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = options.Parser(
        prog="autograd-cnn",
        description="Train, evaluate and use small convolutional networks, in NumPy.",
    )
    parser.add_argument("--version", action="version", version=f"autograd-cnn {__version__}")
    completion.add_option(parser)
    parser.set_defaults(run=lambda _: parser.print_help())
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for command in _COMMANDS:
        command.add_parser(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and return the exit status.

    It is 0, 2 for bad input, 130 after Ctrl-C, 143 after SIGTERM, and 141 when nobody reads the output any more.
    """
    streams.open_all()
    try:
        with _signals():
            try:
                return _run(arguments)
            finally:
                sys.stdout.flush()  # after --help too, which exits
    except BrokenPipeError:
        streams.abandon()
        return streams.BROKEN_PIPE
    except OSError as error:
        # As for a full disk, or a folder that may not be written to: show the file's name and the system's message.
        return _fail(f"{error.filename or 'the output'}: {error.strerror or error}")
    except KeyboardInterrupt as error:
        return _interrupted(error)
    except RuntimeError as error:
        # Python 3.11 wraps whatever is raised while it makes a class, as during an import.
        if isinstance(error.__cause__, KeyboardInterrupt):
            return _interrupted(error.__cause__)
        raise


def _run(arguments: Sequence[str] | None) -> int:
    given, unknown = make_parser().parse_known_args(arguments)
    if unknown:  # argparse itself would name the general help, which does not list the command's options
        program = f"autograd-cnn {given.command}" if given.command else "autograd-cnn"
        return _fail(f"unrecognized arguments: {' '.join(unknown)} (see {program} --help)")
    given.arguments = sys.argv[1:] if arguments is None else list(arguments)
    from threadpoolctl import threadpool_limits

    from autograd_cnn import data, models
    from autograd_cnn.data.image_files import largest_image, most_pixels
    from autograd_cnn.distributed import DistributedError
    from autograd_cnn.nn.serialization import WeightsError
    from autograd_cnn.onnx.errors import OnnxError
    from autograd_cnn.play.errors import PlayError
    from autograd_cnn.training.errors import RunError, TrainingError

    try:
        # Networks of this size gain nothing from BLAS threads, which wait for one another on a busy machine:
        # benchmarks/busy_machine.py shows by how much.
        most = most_pixels(getattr(given, "max_pixels", None))
        with threadpool_limits(1, user_api="blas"), largest_image(most), _warnings_in_one_line():
            return given.run(given) or 0
    except (
        RunError, TrainingError, WeightsError, DistributedError, OnnxError, PlayError, data.DataError,
        models.UnknownModelError,
    ) as error:  # fmt: skip
        return _fail(error)


def _interrupted(error: KeyboardInterrupt) -> int:
    _say("interrupted")
    return 128 + getattr(error, "number", signal.SIGINT)


def _fail(error: object) -> int:
    _say(f"error: {shown(error)}")
    return options.FAILURE


def _say(text: str) -> None:
    """Print a line on standard error, and ignore errors if nobody reads it."""
    with suppress(OSError):
        print(text, file=sys.stderr)


@contextmanager
def _signals() -> Iterator[None]:
    """Let SIGINT and SIGTERM raise an exception while a command runs; before and after it they end the process."""
    from autograd_cnn.training.interrupts import interrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in starting.SIGNALS}
    try:
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, interrupt)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    """Show warnings in one line, as errors are, without the line of code that warns."""

    def show(message: Any, *_: Any, **__: Any) -> None:
        print(f"warning: {shown(message)}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show
        warnings.simplefilter("default", UserWarning)
        yield
