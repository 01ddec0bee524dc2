"""Two linear layers with a sigmoid between them, from standard normal weights, by plain SGD on one image at a time.

The network is that of Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors", 1986. The
write-up reproduced here prints the mean loss of every epoch, but not how many hidden units there are. With 300 the
loss of the first epoch is 7.0 instead of 4.7; with 50 to 64 it is 3.9 to 4.7, and that of the tenth 0.92 to 1.09,
depending on size and seed. So 54 are used.
"""

from __future__ import annotations

import functools

import numpy as np

from autograd_cnn import models, ops, optim, plotting
from autograd_cnn.data import DataLoader, Dataset
from autograd_cnn.data.augment import augment
from autograd_cnn.experiments.reproductions.study import Finding, Study, Trained
from autograd_cnn.optim import schedules

TITLE = "a multilayer perceptron with a sigmoid, by plain SGD on one image at a time"

LOSSES = (4.694, 2.559, 2.002, 1.715, 1.532, 1.400, 1.300, 1.220, 1.152, 1.095)
"""The mean training loss of each epoch, as published."""
HIDDEN = 54

model = models.mlp


def run(study: Study) -> None:
    """Follow the published losses, then train relu units by our recipe."""
    train, test = study.first(60_000, 10_000)
    published = _as_published(study, train, test)
    losses = [epoch.train_loss for epoch in published.history.epochs]
    distances = [found / told - 1 for found, told in zip(losses, LOSSES, strict=False)]
    farthest = f"{max(distances, key=abs):+.1%}"
    for i in (0, len(losses) - 1):
        study.add(f"mean loss of epoch {i + 1}", f"{LOSSES[i]:.3f}", f"{losses[i]:.3f}")
    if study.comparable:
        study.add("farthest from the published losses", "", farthest)
    seconds = f"{published.seconds / len(losses):.1f}"
    study.add("seconds an epoch", "47 to 55", seconds, seconds=published.seconds)
    study.numbers |= {"published": published.numbers(), "distances": distances}

    ours = _by_our_recipe(study, train, test)
    e = ours.evaluation
    study.add("test loss", "", f"{published.evaluation.loss:.3f}", f"{e.loss:.4f}", ours.seconds)
    study.add("test accuracy", "", published.accuracy, ours.accuracy)
    study.numbers["ours"] = ours.numbers()
    off = f"at most {farthest} off, " if study.comparable else ""
    study.headline = Finding(
        TITLE,
        f"mean loss from {LOSSES[0]} to {LOSSES[-1]} in 10 epochs of 47 to 55 s",
        f"from {losses[0]:.3f} to {losses[-1]:.3f}, {off}in epochs of {seconds} s; {published.accuracy}",
        f"test loss {e.loss:.4f} and {ours.accuracy} in {ours.seconds:.1f} s",
        published.seconds + ours.seconds,
    )
    told = {"as published": LOSSES[: len(losses)]} if study.comparable else {}
    drawn = plotting.curves(
        {**told, f"reproduced, {HIDDEN} hidden units": losses},
        title="Mean training loss", ylabel="cross-entropy",
    )  # fmt: skip
    study.save_picture("losses", drawn)


def _as_published(study: Study, train: Dataset, test: Dataset) -> Trained:
    apply = functools.partial(model.apply, activation=ops.sigmoid)
    rng = np.random.default_rng(study.seed)
    params = model.init(rng, num_classes=len(train.class_names), hidden=HIDDEN, std=1.0)
    loader = DataLoader(train, 1, shuffle=True, seed=study.seed)
    optimizer = optim.SGD(params, lr=1e-4)
    return study.fit("as published", apply, params, loader, test, optimizer, study.epochs(len(LOSSES)))


def _by_our_recipe(study: Study, train: Dataset, test: Dataset) -> Trained:
    params = model.init(np.random.default_rng(study.seed), num_classes=len(train.class_names), hidden=500)
    mild = functools.partial(augment, shift=1.5, rotate=10, scale=0.1)
    loader = DataLoader(train, 64, shuffle=True, seed=study.seed, transform=mild)
    return study.fit(
        "500 relu units by our recipe", model.apply, params, loader, test, optim.Adam(params, lr=2e-3),
        study.epochs(8), schedule=schedules.cosine,
    )  # fmt: skip
