"""How long does training take until 99 % of MNIST's test images are right, compared with the identical PyTorch program?

A small network learns for a fixed number of epochs, so that the mean over all seeds is 99 %. Each training is a process
of its own, or two with half of every batch each, and is timed from reading the data to the last step; the test images
are looked at once, off the clock. PyTorch's program starts from the same weights, sees the same batches, and has the
same optimizer and schedule; it has one thread or two. All of them run from as many seeds as there are rounds, in turn.
`--target 99.5` uses batch normalization, more epochs, and images that are shifted, rotated and scaled at random. Two
processes then normalize with the statistics of half a batch each.

MNIST is looked for in $AUTOGRAD_CNN_DATA, and else downloaded. With --quick, it is the embedded digits.
"""

from __future__ import annotations

import argparse

import script

parser = script.parser(__doc__, rounds=30)
parser.add_argument("--target", choices=["99", "99.5"], default="99", help="mean accuracy in percent (default: 99)")
parser.add_argument("--ways", nargs="+", metavar="WAY", help="which of them, such as 'ours, 1 process' (default: all)")
parser.add_argument("--way", help=argparse.SUPPRESS)
parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
options = script.start(parser)

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from autograd_cnn import data, distributed, training
from autograd_cnn.data import DataError
from autograd_cnn.data.augment import augment
from autograd_cnn.distributed.launch import AS_ROOT, mpiexec
from autograd_cnn.experiments import comparison as benchmark
from autograd_cnn.experiments.comparison.frameworks import Ours, PyTorch, Shared
from autograd_cnn.experiments.comparison.networks import FAST, FAST_NORMALIZED, Network
from autograd_cnn.optim import schedules

MEAN, STD = 0.1307, 0.3081  # of MNIST's training pixels


@dataclass(frozen=True)
class Recipe:
    """How to train."""

    network: Network
    epochs: int
    lr: float
    augment: Mapping[str, float] | None = None
    """How to shift, rotate and scale each image at random."""


RECIPES = {
    "99": Recipe(FAST, epochs=1, lr=0.006),
    "99.5": Recipe(FAST_NORMALIZED, epochs=4, lr=0.01, augment={"shift": 1.5, "rotate": 10.0, "scale": 0.1}),
}
BATCH_SIZE, LABEL_SMOOTHING = 64, 0.05
BETAS = 0.9, 0.98  # in a single epoch, a second moment over 1,000 steps would be too slow
SCHEDULE = schedules.one_cycle(warm_up=0.1)
WAYS = {
    "PyTorch, 1 thread": (PyTorch, 1),
    "PyTorch, 2 threads": (PyTorch, 2),
    "ours, 1 process": (Ours, 1),
    "ours, 2 processes": (Shared, 2),
}


def train(way: str, recipe: Recipe, seed: int) -> dict[str, float]:
    """Train once; return the seconds it took, and then the share of test images that are classified correctly."""
    framework, threads = WAYS[way]
    framework.use_threads(1 if framework is Shared else threads)
    start = time.perf_counter()
    images, labels = load("train")
    rng = np.random.default_rng(seed)
    learner = framework(recipe.network, recipe.network.init(rng), ("Adam", {"lr": recipe.lr, "betas": BETAS}))
    learner.label_smoothing = LABEL_SMOOTHING
    orders = [rng.permutation(len(images)) for _ in range(recipe.epochs)]
    batches = [batch for order in orders for batch in training.batches(len(images), BATCH_SIZE, order)]
    for step, index in enumerate(batches):
        learner.set_learning_rate(recipe.lr * SCHEDULE(step / len(batches)))
        x = images[index]
        if recipe.augment is not None:
            x = augment(x, rng, **recipe.augment)
        learner.step(learner.tensor(standardized(x)), learner.tensor(labels[index]))
    seconds = time.perf_counter() - start
    images, labels = load("test")
    batches = training.batches(len(images), 256)
    answers = [learner.logits(learner.tensor(standardized(images[i]))).argmax(1) for i in batches]
    return {"seconds": seconds, "accuracy": float(np.mean(np.concatenate(answers) == labels))}


def load(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Read the data."""
    found = data.load("digits" if options.quick else "mnist", split, size=(28, 28), channels=1)
    return found.images, found.labels


def standardized(images: np.ndarray) -> np.ndarray:
    """Scale and shift pixels to mean 0 and variance 1 over the training images."""
    return (images - MEAN) / STD


def run(way: str, seed: int) -> dict[str, float]:
    """Train in processes of their own."""
    framework, processes = WAYS[way]
    python = mpiexec(processes) if framework is Shared else [sys.executable]
    command = [*python, __file__, "--way", way, "--seed", str(seed), "--target", options.target]
    threads = 1 if framework is Shared else processes
    command += ["--threads", str(threads), *["--quick"] * options.quick]
    done = subprocess.run(command, env=os.environ | AS_ROOT, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def possible(way: str) -> bool:
    """Whether what a way needs is installed; print what is missing."""
    framework, processes = WAYS[way]
    missing = None if importlib.util.find_spec(framework.package) else f"{framework.package} is not installed"
    if framework is Shared:
        try:
            mpiexec(processes)
        except distributed.DistributedError as error:
            missing = str(error)
    if missing:
        print(f"{way} is left out: {missing}")
    return not missing


recipe = RECIPES[options.target]
if options.way:
    found = train(options.way, recipe, options.seed)
    if WAYS[options.way][0] is not Shared or distributed.world().rank == 0:
        print(json.dumps(found))
    raise SystemExit

try:
    load("test")
except DataError as error:
    parser.error(str(error))
for way in options.ways or []:
    if way not in WAYS:
        parser.error(f"--ways: expected some of {', '.join(map(repr, WAYS))}; got {way!r}")
ways = [way for way in options.ways or WAYS if possible(way)]
results: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
for seed in range(options.rounds):
    for way in ways if seed % 2 == 0 else reversed(ways):
        results[way].append(run(way, seed))
accuracy = {way: [100 * result["accuracy"] for result in found] for way, found in results.items()}
for way, percent in accuracy.items():
    spread = statistics.stdev(percent) if len(percent) > 1 else 0.0
    print(f"{way}: {statistics.mean(percent):.2f} ± {spread:.2f} % of the test images right, by seed")
subject = f"Training time to {options.target} % of {'digits' if options.quick else 'MNIST'}"
report = benchmark.Report("time_to_accuracy", subject, ways, "s", options.threads, options.rounds, ["% right"])
report.add(
    f"{recipe.network.name}, {recipe.epochs} epoch{'s' * (recipe.epochs > 1)}",
    {way: [result["seconds"] for result in found] for way, found in results.items()},
    {"% right": statistics.mean(percent for found in accuracy.values() for percent in found)},
)
if options.out:
    report.save(options.out)
