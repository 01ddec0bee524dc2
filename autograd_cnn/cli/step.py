"""One training step of a model, looked into: what `inspect` on the command line writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from autograd_cnn import models, ops, optim
from autograd_cnn.inspection.drawing import draw_graph
from autograd_cnn.inspection.profiler import Profile, profile
from autograd_cnn.inspection.summaries import Summary, summary
from autograd_cnn.output.files import write_atomically
from autograd_cnn.training import runs

#: What `inspect_step` writes.
FILES = ("summary.txt", "profile.txt", "trace.json", "graph.dot", "graph.png")


def inspect_step(model_name: str, data_name: str, batch_size: int, seed: int, folder: Path) -> tuple[Summary, Profile]:
    """Take one training step with Adam, and write its summary, graph and profile to a folder.

    A step is taken before it, so that what is done once is not timed.

    Raises
    ------
    RunError
        If the folder already holds such files, or cannot hold any.
    """
    runs.claim_folder(folder, FILES)
    model = models.get(model_name)
    batch = runs.load_data(data_name, "train", model)
    images, labels = batch.images[:batch_size], batch.labels[:batch_size]
    rng = np.random.default_rng(seed)
    params = model.init(rng, num_classes=len(batch.class_names))
    optimizer = optim.Adam(models.trainable(params))

    def forward() -> Any:
        return ops.softmax_cross_entropy(model.apply(params, images, training=True, rng=rng), labels)

    def step() -> None:
        optimizer.zero_grad()
        forward().backward()
        optimizer.step()

    found = summary(model.apply, params, images, training=True, rng=rng)
    graph = draw_graph(forward(), params)
    step()
    with profile() as seen:
        step()
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "summary.txt", f"{found}\n".encode())
    write_atomically(folder / "profile.txt", f"{seen}\n".encode())
    seen.save_chrome_trace(folder / "trace.json")
    graph.save(folder / "graph.dot")
    graph.save(folder / "graph.png")
    return found, seen
