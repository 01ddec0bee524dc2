"""What the commands share: how options are read and described, and where results go."""

from __future__ import annotations

import argparse
import datetime
import math
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from autograd_cnn import data, models
from autograd_cnn.output.text import shown

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    Commands = _SubParsersAction[argparse.ArgumentParser]

FAILURE = 2


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, like all other errors here."""

    def print_help(self, file: Any = None) -> None:
        """Print the help; a pipe that nobody reads is an error, which argparse itself ignores."""
        print(self.format_help(), end="", file=file)

    def error(self, message: str) -> NoReturn:
        """Print the error and exit."""
        self.exit(FAILURE, f"error: {shown(message)} (see {self.prog} --help)\n")


def positive(text: str) -> int:
    """Read a whole number of at least 1."""
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return number


def whole_number(text: str) -> int:
    """Read a whole number of at least 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 0, got {text!r}")
    return int(text)


def above_zero(text: str) -> float:
    """Read a finite number above 0."""
    number = _number(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return number


def at_least_zero(text: str) -> float:
    """Read a finite number of at least 0."""
    number = _number(text)
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number of at least 0, got {text!r}")
    return number


def share(text: str) -> float:
    """Read a number of at least 0 and below 1."""
    number = _number(text)
    if not 0 <= number < 1:
        raise argparse.ArgumentTypeError(f"expected a number of at least 0 and below 1, got {text!r}")
    return number


def interval(text: str) -> tuple[int | None, float | None]:
    """Read a number of steps, as in "500", or of minutes, as in "10min": one of the two, and None for the other."""
    found = re.fullmatch(r"([0-9]+)|([0-9]*\.?[0-9]+) ?m(?:in(?:utes?)?)?", text)
    steps, minutes = (int(found[1] or 0), float(found[2] or 0)) if found else (0, 0.0)
    if not steps and not minutes:
        raise argparse.ArgumentTypeError(f"expected steps, as in 500, or minutes, as in 10min; got {text!r}")
    return steps or None, minutes or None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def one_of(names: Sequence[str], default: str | None = None) -> str:
    """Describe a choice: "a, b or c (default: a)"."""
    return f"{', '.join(names[:-1])} or {names[-1]}" + (f" (default: {default})" if default else "")


def add_data(parser: argparse.ArgumentParser, default: str | None = "digits", otherwise: str | None = None) -> None:
    """Add --data; `otherwise` describes what is used if there is no default."""
    parser.add_argument("--data", default=default, metavar="NAME", help=one_of(data.NAMES, default or otherwise))


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add --model, for a new model."""
    known = one_of([*models.names(), "your own, FILE.py or FILE.py:NAME, which has init and apply"], "lenet5")
    parser.add_argument("--model", default="lenet5", type=models.canonical, metavar="NAME", help=known)


def add_weights(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    """Add --weights, and --model for a file that does not name its model; `default` describes the default."""
    parser.add_argument(
        "--weights", type=Path, required=default is None, metavar="FILE",
        help="a weights.safetensors file, a checkpoint, or the folder of a run"
        + (f" (default: {default})" if default else ""),
    )  # fmt: skip
    parser.add_argument(
        "--model", type=models.canonical, metavar="NAME",
        help="the model, if the weights do not name it, or your own in FILE.py or FILE.py:NAME",
    )  # fmt: skip


def add_out(parser: argparse.ArgumentParser) -> None:
    """Add --out."""
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of results (default: a new one under runs/)")


def add_skip_bad(parser: argparse.ArgumentParser) -> None:
    """Add --skip-bad."""
    parser.add_argument(
        "--skip-bad", action="store_true",
        help="skip and list the files of a folder that cannot be read, instead of ending with an error",
    )  # fmt: skip


def add_max_pixels(parser: argparse.ArgumentParser) -> None:
    """Add --max-pixels."""
    parser.add_argument(
        "--max-pixels", type=positive, metavar="N",
        help="the largest image file to decode, which takes up to 10 bytes a pixel (default: 25 million)",
    )  # fmt: skip


def refuse_with_resume(given: argparse.Namespace, defaults: Mapping[str, Any]) -> None:
    """Refuse options that --resume takes from the run that it resumes.

    Raises
    ------
    RunError
    """
    from autograd_cnn.training.errors import RunError

    if changed := [f"--{name.replace('_', '-')}" for name in defaults if getattr(given, name) != defaults[name]]:
        raise RunError(f"--resume keeps the run's own settings; leave out {', '.join(changed)}")


def show_skipped(*datasets: data.Dataset) -> None:
    """List the files that were left out, on standard error."""
    skipped = dict.fromkeys(file for dataset in datasets for file in dataset.skipped)
    for path, reason in skipped:
        print(shown(f"skipped: {path} {reason}"), file=sys.stderr)
    if skipped:
        print(f"skipped {len(skipped)} in all", file=sys.stderr)


def new_folder(name: str) -> Path:
    """Return the path of a folder under runs/, named after the command and the current time."""
    return Path("runs", f"{name}-{datetime.datetime.now().strftime('%Y%m%d-%H%M%S')}")
