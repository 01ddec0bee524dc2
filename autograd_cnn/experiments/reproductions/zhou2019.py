"""Eight filters of 3×3, one image at a time: which is steadier and faster, NumPy or PyTorch?

The network is that of Zhou, "CNNs, part 1: an introduction to convolutional neural networks", 2019. The write-up
reproduced here trains a convolution, pooling and a softmax layer with SGD at 0.005 on one image at a time, for 3
epochs, five times, then compares with PyTorch and with a hidden layer of 512. It does not say how many images there
are: the first 10,000 of each split are used. The identical program runs in PyTorch, where that is installed, from the
same weights and in the same order.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd_cnn import models, plotting
from autograd_cnn.data import DataLoader, Dataset
from autograd_cnn.experiments.comparison import Framework, Network, Ours, PyTorch, installed
from autograd_cnn.experiments.reproductions.study import Finding, Study
from autograd_cnn.variable import Array

TITLE = "eight filters of 3×3, in NumPy and in PyTorch, five times over"

SEEDS = 5
LR = 0.005
BATCH = 32


def apply(F: Any, p: Mapping[str, Any], x: Any) -> Any:
    """Return the logits, computed with the ops `F` of a framework as `models.conv3x3` does with ours."""
    x = F.flatten(F.max_pool2d(F.conv2d(x - 0.5, p["conv1.weight"], p["conv1.bias"]), 2), 1)
    x = F.linear(x, p["fc1.weight"], p["fc1.bias"])
    return F.linear(F.relu(x), p["fc2.weight"], p["fc2.bias"]) if "fc2.weight" in p else x


@dataclass(frozen=True)
class Repeated:
    """The results of one framework, from several seeds."""

    accuracies: list[float]
    seconds_an_image: float

    def __str__(self) -> str:
        return f"{statistics.mean(self.accuracies):.2%} ± {statistics.stdev(self.accuracies):.2%}"


def run(study: Study) -> None:
    """Train both networks one image at a time and in batches, here and in PyTorch."""
    few, many = study.first(10_000, 10_000), study.first(60_000, 10_000)
    frameworks = installed(Ours, PyTorch)
    accuracies: dict[str, list[float]] = {}
    headlines: dict[int, list[str]] = {1: [], BATCH: []}
    for hidden in (None, 512):
        network = _network(hidden, len(few[0].class_names))
        shape = "8 filters" if hidden is None else f"8 filters, {hidden} hidden"
        # In batches the rate grows with their size (Goyal and others, 2017), as far as it stays stable.
        for how, batch_size, lr, (train, test) in (
            ("one image at a time", 1, LR, few),
            (f"batches of {BATCH}", BATCH, LR * BATCH / 2, many),
        ):
            found = _repeat(study, network, frameworks, train, test, batch_size, lr)
            _add(study, f"{shape}, {how}", found, batch_size, (len(train), len(test)))
            accuracies |= {f"{shape},\n{how}, {name}": result.accuracies for name, result in found.items()}
            headlines[batch_size].append(f"{shape} {_compared(found)}")
    study.headline = Finding(
        TITLE,
        "which is steadier and faster, NumPy or PyTorch?",
        "; ".join(headlines[1]),
        "in batches: " + "; ".join(headlines[BATCH]),
        sum(finding.seconds or 0 for finding in study.findings),
    )
    drawn = plotting.dots(accuracies, title="Test accuracy of each seed", xlabel="accuracy")
    study.save_picture("accuracies", drawn)


def _add(study: Study, what: str, found: Mapping[str, Repeated], batch_size: int, images: tuple[int, int]) -> None:
    """Add a line for each framework, and one for how their times compare."""
    for name, result in found.items():
        seconds = result.seconds_an_image * images[0] * study.epochs(3)
        study.add(f"{what}, {name}", "", *_columns(str(result), batch_size), seconds)
        study.numbers[f"{what}, {name}"] = vars(result)
        print(f"{what}, {name}: {result} of {images[1]:,} right, {result.seconds_an_image * 1e6:.0f} µs an image")
    if PyTorch.name in found:
        study.add(f"{what}: PyTorch's time / ours", "", *_columns(f"{_ratio(found):.2f}", batch_size))


def _compared(found: Mapping[str, Repeated]) -> str:
    """Say in a phrase how accurate our network is, and how accurate and fast PyTorch's."""
    if PyTorch.name not in found:
        return str(found[Ours.name])
    ratio = _ratio(found)
    speed = f"{1 / ratio:.2f} × faster" if ratio < 1 else f"{ratio:.2f} × slower"
    return f"{found[Ours.name]}, PyTorch {found[PyTorch.name]} and {speed}"


def _ratio(found: Mapping[str, Repeated]) -> float:
    return found[PyTorch.name].seconds_an_image / found[Ours.name].seconds_an_image


def _columns(figure: str, batch_size: int) -> tuple[str, str]:
    """Put a figure into the column "reproduced", for one image at a time, or else into "ours"."""
    return (figure, "") if batch_size == 1 else ("", figure)


def _network(hidden: int | None, classes: int) -> Network:
    def init(rng: np.random.Generator) -> dict[str, Array]:
        params = models.conv3x3.init(rng, num_classes=classes, hidden=hidden)
        return {name: p.data for name, p in params.items()}

    return Network("conv3x3", models.conv3x3.INPUT_SHAPE, init, apply)


def _repeat(
    study: Study,
    network: Network,
    frameworks: list[type[Framework]],
    train: Dataset,
    test: Dataset,
    batch_size: int,
    lr: float,
) -> dict[str, Repeated]:
    """Train from each seed, in each framework in turn; the seconds per image are the median."""
    scores: dict[str, list[float]] = {f.name: [] for f in frameworks}
    seconds: dict[str, list[float]] = {f.name: [] for f in frameworks}
    epochs = study.epochs(3)
    for seed in range(study.seed, study.seed + SEEDS):
        weights = network.init(np.random.default_rng(seed))
        loader = DataLoader(train, batch_size, shuffle=True, seed=seed)
        for framework in frameworks:
            framework.use_threads(1)
            trained = framework(network, weights, ("SGD", {"lr": lr}))
            begin = time.perf_counter()
            for epoch in range(1, epochs + 1):
                for images, labels in loader.epoch(epoch):
                    trained.step(framework.tensor(images), framework.tensor(labels))
            seconds[framework.name].append((time.perf_counter() - begin) / (epochs * len(train)))
            logits = trained.logits(framework.tensor(test.images))
            scores[framework.name].append(float((logits.argmax(1) == test.labels).mean()))
    return {f.name: Repeated(scores[f.name], statistics.median(seconds[f.name])) for f in frameworks}
