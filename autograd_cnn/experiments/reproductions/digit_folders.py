"""Digits from PNG files in one folder per class: one convolution, pooling and a linear layer, all in matrix form.

The write-up trains on 10,000 images and tests on 5,000, and prints a report of every class. It states neither sizes nor
rates: used here are 8 filters of 5×5, SGD at 0.05, batches of 32 and 5 epochs.
"""

from __future__ import annotations

import numpy as np

from autograd_cnn import models, ops, optim, plotting
from autograd_cnn.data import DataLoader, folders
from autograd_cnn.data.augment import augment
from autograd_cnn.experiments.reproductions.study import Finding, Study, stopwatch
from autograd_cnn.nn import layers
from autograd_cnn.nn.composition import sequential
from autograd_cnn.optim import schedules

TITLE = "a network of one convolution, on digits kept as PNG files in a folder a class"


def run(study: Study) -> None:
    """Write the folders, read them, train as published, then LeNet-5 by our recipe."""
    train, test = study.first(10_000, 5_000)
    images = study.folder / "images"
    seconds = stopwatch()
    for split, dataset in (("train", train), ("test", test)):
        folders.write_folder(images / split, dataset)
    study.add(f"{len(train) + len(test):,} PNG files written", seconds=seconds())
    seconds = stopwatch()
    train, test = (folders.read_folder(images, split) for split in ("train", "test"))
    study.add("read again", seconds=seconds())

    init, apply = sequential(
        layers.conv2d(1, 8, 5), layers.max_pool2d(2), ops.relu, layers.flatten,
        layers.linear(8 * 12 * 12, len(train.class_names)),
    )  # fmt: skip
    params = init(np.random.default_rng(study.seed))
    loader = DataLoader(train, 32, shuffle=True, seed=study.seed)
    published = study.fit(
        "as published", apply, params, loader, test, optim.SGD(params, lr=0.05), study.epochs(5)
    )  # fmt: skip
    print(study.report(published, test))
    study.save_picture("as_published", plotting.learning_curve(published.history))

    model = models.lenet5
    params = model.init(np.random.default_rng(study.seed), num_classes=len(train.class_names))
    loader = DataLoader(train, 32, shuffle=True, seed=study.seed, transform=augment)
    ours = study.fit(
        "LeNet-5 by our recipe", model.apply, params, loader, test, optim.Adam(params, lr=2e-3), study.epochs(30),
        schedule=schedules.cosine,
    )  # fmt: skip
    print(study.report(ours, test))
    study.save_picture("ours", plotting.learning_curve(ours.history, augmented=True))
    study.add("accuracy of the published network", "a report", published.accuracy, "", published.seconds)
    study.add("accuracy of LeNet-5, augmented images", "", "", ours.accuracy, ours.seconds)
    study.headline = Finding(
        TITLE, "a report of every class", f"the report, {published.accuracy} of {len(test):,} right",
        f"LeNet-5: {ours.accuracy}", published.seconds + ours.seconds,
    )  # fmt: skip
    study.numbers |= {"published": published.numbers(), "ours": ours.numbers()}
