"""`evaluate`: compare a trained model with labels."""

from __future__ import annotations

import argparse

from autograd_cnn.cli import options
from autograd_cnn.output.text import count, shown


def add_parser(commands: options.Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "evaluate",
        help="compare a trained model with labels",
        description="Evaluate weights on a data set's test images.",
    )
    options.add_weights(parser)
    options.add_data(parser, None, "what the weights were trained on")
    options.add_skip_bad(parser)
    options.add_max_pixels(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Print accuracy, loss, confidence, and a line for each class."""
    from autograd_cnn.training import metrics, model_loading
    from autograd_cnn.training.errors import RunError

    saved = model_loading.load_model(given.weights, given.model)
    name = given.data or saved.data
    if name is None:
        raise RunError(f"{given.weights} does not say what data its weights were trained on; name some with --data")
    dataset = saved.load_data(name, "test", given.skip_bad)
    options.show_skipped(dataset)
    result = saved.evaluate(dataset)
    right = int((result.predictions == dataset.labels).sum())
    print(f"accuracy {result.accuracy:.4f} ({right}/{len(dataset)})")
    print(f"loss {result.loss:.4f}")
    print(f"mean confidence {result.mean_confidence:.4f}")
    print(f"expected calibration error {result.calibration_error:.4f}")
    print(f"data {shown(name)}: {count(len(dataset), 'test image')}")
    print(metrics.classification_report(dataset.labels, result.predictions, dataset.class_names))
