"""What every script here begins with: its options read and its threads pinned, before NumPy is imported.

The measuring itself, and what becomes of it, is in `autograd_cnn.experiments.comparison`.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def parser(question: str, *, rounds: int = 30) -> argparse.ArgumentParser:
    """Make a parser of the options that all scripts have."""
    made = argparse.ArgumentParser(description=question, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--threads", type=positive, default=1, metavar="N", help="threads to compute with (default: 1)")
    made.add_argument("--rounds", type=positive, metavar="N", help=f"times each is measured (default: {rounds})")
    made.add_argument("--quick", action="store_true", help="small cases and few rounds, to see that it runs")
    made.add_argument("--out", type=Path, metavar="DIR", help="folder for a JSON file and a picture (default: none)")
    made.set_defaults(usual_rounds=rounds)
    return made


def start(made: argparse.ArgumentParser) -> argparse.Namespace:
    """Read the options, and limit the threads of BLAS and OpenMP, which read the limit as they are loaded."""
    options = made.parse_args()
    options.rounds = options.rounds or (3 if options.quick else options.usual_rounds)
    for library in ("OPENBLAS", "MKL", "OMP", "VECLIB_MAXIMUM"):
        os.environ[f"{library}_NUM_THREADS"] = str(options.threads)
    # Let each library choose the kernels it finds best for the processor: PyTorch does so whatever this variable says.
    os.environ.pop("OPENBLAS_CORETYPE", None)
    return options


def positive(text: str) -> int:
    """Read a whole number of at least 1."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)
