"""`inspect`: take one training step of a model, and write what happens in it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograd_cnn.cli import options

if TYPE_CHECKING:
    from autograd_cnn.inspection import Profile, Summary

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
        "--batch-size", type=options.positive, default=32, metavar="N", help="images a step (default: 32)"
    )
    parser.add_argument(
        "--seed", type=options.whole_number, default=0, metavar="N", help="seed of the parameters (default: 0)"
    )
    options.add_out(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Write the files, and print summary and profile."""
    folder = given.out or options.new_folder(f"inspect-{given.model}")
    summary, profile = inspect_step(given.model, given.data, given.batch_size, given.seed, folder)
    print(f"{given.model}, one training step of {given.batch_size} images\n\n{summary}\n\n{profile}\n")
    print(f"summary, graph and profile are in {folder}")


def inspect_step(model_name: str, data_name: str, batch_size: int, seed: int, folder: Path) -> tuple[Summary, Profile]:
    """Take one training step with Adam, and write its summary, graph and profile to a folder.

    One step comes first that is not timed, as some work is done only once.

    Raises
    ------
    RunError
        If the folder already holds such files, or cannot hold any.
    """
    import numpy as np

    from autograd_cnn import inspection, models, ops, optim
    from autograd_cnn.training import runs, saved_models

    runs.claim_folder(folder, FILES)
    model = models.get(model_name)
    dataset = saved_models.load_data(data_name, "train", model)
    images, labels = dataset.images[:batch_size], dataset.labels[:batch_size]
    rng = np.random.default_rng(seed)
    params = model.init(rng, num_classes=len(dataset.class_names))
    optimizer = optim.Adam(models.trainable(params))

    def forward() -> Any:
        return ops.softmax_cross_entropy(model.apply(params, images, training=True, rng=rng), labels)

    def step() -> None:
        optimizer.zero_grad()
        forward().backward()
        optimizer.step()

    summary = inspection.summary(model.apply, params, images, training=True, rng=rng)
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
