"""`predict`: classify image files."""

from __future__ import annotations

import argparse
from pathlib import Path

from autograd_cnn.cli import options
from autograd_cnn.output.text import shown


def add_parser(commands: options.Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "predict",
        help="classify image files",
        description="Print a line for each image: the file, its class, and the probability. Any kind of image "
        "will do; where the training images were light on dark, dark ink on light paper is inverted, and vice versa.",
    )
    options.add_weights(parser)
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="image files")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Print a line for each image."""
    from autograd_cnn.training import saved_models

    saved = saved_models.load_model(given.weights, given.model)
    labels, probabilities = saved.predict(given.images)
    for path, label, row in zip(given.images, labels, probabilities, strict=True):
        print(shown(f"{path} {saved.class_names[label]} {row[label]:.4f}"))
