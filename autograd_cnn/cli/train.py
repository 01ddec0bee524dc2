"""`train`: train a model, and write a folder of results."""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograd_cnn.cli import options

if TYPE_CHECKING:
    from autograd_cnn.training.runs import Run


def add_parser(commands: options.Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "train",
        help="train a model and write a folder of results",
        description="Train a model. Weights, metrics and pictures go into a folder; a checkpoint after every "
        "epoch lets --resume go on after a stop and end with the same bits.",
    )
    options.add_data(parser)
    options.add_model(parser)
    parser.add_argument(
        "--epochs", type=options.positive, metavar="N", help="total epochs (default: 60 on digits, 3 on mnist, else 10)"
    )
    parser.add_argument("--batch-size", type=options.positive, metavar="N", help="images a step (default: 32)")
    parser.add_argument(
        "--optimizer", default="adam", metavar="NAME",
        help="adam, adamw, rmsprop, adagrad, momentum (0.9) or sgd (Nesterov's momentum, 0.9) (default: adam)",
    )  # fmt: skip
    parser.add_argument(
        "--lr", type=options.learning_rate, metavar="X",
        help="learning rate at the start, from where it falls to 0 along a cosine "
        "(default: 0.001 for rmsprop, 0.002 for adam and adamw, 0.02 for the others)",
    )  # fmt: skip
    parser.add_argument(
        "--augment", action=argparse.BooleanOptionalAction,
        help="shift, rotate and scale the training images at random (default: on digits only)",
    )  # fmt: skip
    options.add_skip_bad(parser)
    parser.add_argument("--seed", type=options.whole_number, metavar="N", help="seed of every random draw (default: 0)")
    options.add_out(parser)
    parser.add_argument(
        "--resume", type=Path, metavar="DIR",
        help="go on with the run in this folder; its settings are kept, and only --epochs may be given",
    )  # fmt: skip
    defaults = {name: parser.get_default(name) for name in _KEPT}
    parser.set_defaults(run=functools.partial(run, defaults=defaults))


#: What --resume takes from the run itself.
_KEPT = ("data", "model", "batch_size", "optimizer", "lr", "augment", "skip_bad", "seed", "out")


def run(given: argparse.Namespace, defaults: Mapping[str, Any]) -> None:
    """Train, with a bar, and print the report."""
    from autograd_cnn.training.progress import training_bar

    run = _resume(given, defaults) if given.resume else _start(given)
    s = run.settings
    options.show_skipped(run.train, run.test)
    print(f"{s.model} on {s.data}: {len(run.train)} images, {s.epochs} epochs, seed {s.seed}")

    try:
        with training_bar(s.epochs, run.steps, run.history) as show:
            run.fit(on_step=show)
    except KeyboardInterrupt:
        if run.history.epochs:
            done = len(run.history.epochs)
            print(f"stopped after epoch {done}; go on with: train --resume {run.folder}", file=sys.stderr)
        raise
    summary, report = run.finish()
    print(report)
    print(
        f"\ntest accuracy {summary['test_accuracy']:.2%}, mean confidence {summary['mean_confidence']:.2%}, "
        f"trained in {summary['seconds']:.1f} s"
    )
    print(f"weights, metrics and pictures are in {run.folder}")


def _start(given: argparse.Namespace) -> Run:
    from autograd_cnn.training.errors import RunError
    from autograd_cnn.training.runs import Run
    from autograd_cnn.training.settings import OPTIMIZERS, Settings

    if given.optimizer not in OPTIMIZERS:
        *others, last = OPTIMIZERS
        raise RunError(f"--optimizer {given.optimizer!r} is unknown; expected {', '.join(others)} or {last}")
    settings = Settings.resolve(
        data=given.data,
        model=given.model,
        epochs=given.epochs,
        batch_size=given.batch_size,
        optimizer=given.optimizer,
        lr=given.lr,
        augment=given.augment,
        seed=given.seed,
        skip_bad=given.skip_bad,
    )
    return Run.start(settings, given.out or options.new_folder(f"{Path(settings.data).name}-{given.model}"))


def _resume(given: argparse.Namespace, defaults: Mapping[str, Any]) -> Run:
    from autograd_cnn.training.errors import RunError
    from autograd_cnn.training.runs import Run

    changed = [f"--{name.replace('_', '-')}" for name in _KEPT if getattr(given, name) != defaults[name]]
    if changed:
        raise RunError(f"--resume keeps the run's own settings; leave out {', '.join(changed)}")
    return Run.resume(given.resume, given.epochs)
