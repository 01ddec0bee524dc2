"""`predict`: classify image files."""

from __future__ import annotations

import argparse
from pathlib import Path

from autograd_cnn.cli import options


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
    import numpy as np

    from autograd_cnn import ops, training
    from autograd_cnn.data.images import BRIGHT_ON_DARK, read_image, with_polarity
    from autograd_cnn.nn import serialization
    from autograd_cnn.training import saved_models

    model, params, class_names = saved_models.load_model(given.weights, given.model)
    channels, height, width = model.INPUT_SHAPE
    polarity = serialization.read_metadata(given.weights).get("polarity", BRIGHT_ON_DARK)
    images = np.stack([with_polarity(read_image(path, channels, (height, width)), polarity) for path in given.images])
    for path, row in zip(given.images, ops.softmax(training.predict(model.apply, params, images)), strict=True):
        print(f"{path} {class_names[row.argmax()]} {row.max():.4f}")
