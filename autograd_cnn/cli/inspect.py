"""`inspect`: take one training step of a model, and write what happens in it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograd_cnn.cli import options

if TYPE_CHECKING:
    from autograd_cnn.inspection import Profile, Summary
    from autograd_cnn.training.saved_models import SavedModel

FILES = ("summary.txt", "profile.txt", "trace.json", "graph.dot", "graph.png")


def add_parser(commands: options.Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "inspect",
        help="look into one training step of a model",
        description="Take one training step and write a folder: summary.txt (the ops in order, with shapes, "
        "parameters, multiply-adds and memory), graph.dot and graph.png, profile.txt and trace.json (the time by op "
        "and by line; ui.perfetto.dev opens the trace).",
    )
    options.add_model(parser)
    options.add_data(parser)
    parser.add_argument(
        "--weights", type=Path, metavar="FILE",
        help="a trained model, instead of a new --model: a weights file, a checkpoint or a run's folder",
    )  # fmt: skip
    parser.add_argument(
        "--batch-size", type=options.positive, default=32, metavar="N", help="images a step (default: 32)"
    )
    parser.add_argument(
        "--seed", type=options.whole_number, default=0, metavar="N", help="seed of the parameters (default: 0)"
    )
    options.add_out(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Write the files, and print summary and profile."""
    from autograd_cnn.training.model_loading import load_model
    from autograd_cnn.training.run_folder import claim_folder

    if given.out:
        claim_folder(given.out, FILES)
    saved = load_model(given.weights) if given.weights else new_model(given.model, given.data, given.seed)
    folder = given.out or options.new_folder(f"inspect-{saved.name}")
    summary, profile = inspect_step(saved, given.data, given.batch_size, given.seed, folder)
    print(f"{saved.name}, one training step of {given.batch_size} images\n\n{summary}\n\n{profile}\n")
    print(f"summary, graph and profile are in {folder}")


def new_model(name: str, data_name: str, seed: int) -> SavedModel:
    """Return a model with its initial parameters, for the classes of a data set."""
    import numpy as np

    from autograd_cnn.training.inputs import Inputs, options_for
    from autograd_cnn.training.model_files import find
    from autograd_cnn.training.saved_models import SavedModel

    model = find(name)
    train = Inputs.of(model).load(data_name, "train")
    shape = train.images.shape[1:]
    options = options_for(model, shape)
    params = model.init(np.random.default_rng(seed), num_classes=len(train.class_names), **options)
    return SavedModel(Path(name).stem, model, params, train.class_names, shape, options)


def inspect_step(
    saved: SavedModel, data_name: str, batch_size: int, seed: int, folder: Path
) -> tuple[Summary, Profile]:
    """Take one training step with Adam, and write its summary, graph and profile to a folder.

    An untimed step comes first, because some work is done only once.
    """
    import numpy as np

    from autograd_cnn import inspection, models, ops, optim

    dataset = saved.load_data(data_name, "train")
    images, labels = dataset.images[:batch_size], dataset.labels[:batch_size]
    params, apply, rng = saved.params, saved.apply, np.random.default_rng(seed)
    optimizer = optim.Adam(models.trainable(params))

    def forward() -> Any:
        return ops.softmax_cross_entropy(apply(params, images, training=True, rng=rng), labels)

    def step() -> None:
        optimizer.zero_grad()
        forward().backward()
        optimizer.step()

    summary = inspection.summary(apply, params, images, training=True, rng=rng)
    graph = inspection.draw_graph(forward(), params)
    step()
    with inspection.profile() as profile:
        step()
    _write(folder, summary, graph, profile)
    return summary, profile


def _write(folder: Path, summary: Summary, graph: Any, profile: Profile) -> None:
    from autograd_cnn.output.files import write_atomically

    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "summary.txt", f"{summary}\n".encode())
    write_atomically(folder / "profile.txt", f"{profile}\n".encode())
    profile.save_chrome_trace(folder / "trace.json")
    graph.save(folder / "graph.dot")
    graph.save(folder / "graph.png")
