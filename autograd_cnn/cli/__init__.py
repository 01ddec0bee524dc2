"""The command line: `python -m autograd_cnn`, also installed as `autograd-cnn`.

A module a command holds its options (`add_parser`) and what it does. What a command needs is imported when it runs, so
that `--help` is quick.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence

from autograd_cnn import __version__
from autograd_cnn.cli import bench, datasets, evaluate, export_onnx, inspect, options, predict, reproduce, train

__all__ = ["main"]

_COMMANDS = (train, evaluate, predict, export_onnx, inspect, reproduce, bench, datasets)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = options.Parser(
        prog="autograd-cnn",
        description="Train, evaluate and use small convolutional networks, in NumPy.",
    )
    parser.add_argument("--version", action="version", version=f"autograd-cnn {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in _COMMANDS:
        command.add_parser(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and return the exit status: 0, 2 for bad input, 130 when interrupted."""
    given = make_parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr has it: class names may be in any script
    try:
        return _run(given)
    except OSError as error:
        # For a disk that is full, or a folder that may not be written: the system's message, and the file's name.
        return _fail(f"{error.filename or 'the output'}: {error.strerror or error}")
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return options.INTERRUPTED


def _run(given: argparse.Namespace) -> int:
    from threadpoolctl import threadpool_limits

    from autograd_cnn import data, models
    from autograd_cnn.nn.serialization import WeightsError
    from autograd_cnn.onnx.errors import OnnxError
    from autograd_cnn.training.errors import RunError, TrainingError

    try:
        # Networks of this size gain nothing from BLAS threads, which wait for one another on a busy machine:
        # benchmarks/busy_machine.py shows by how much.
        with threadpool_limits(1, user_api="blas"):
            given.run(given)
    except (RunError, TrainingError, WeightsError, data.DataError, models.UnknownModelError, OnnxError) as error:
        return _fail(error)
    return 0


def _fail(error: object) -> int:
    print(f"error: {error}", file=sys.stderr)
    return options.FAILURE
