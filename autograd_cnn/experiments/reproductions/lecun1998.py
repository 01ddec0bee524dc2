"""LeNet-5 as a sequence of layers, trained with a gradient that had lost its softmax.

The network is that of LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition",
1998. The write-up reproduced here keeps MNIST as PNG files, trains with SGD at 0.001 on batches of 32 for 50 epochs,
and classifies 98.76 % of the test images correctly; but its mean confidence is 23 %, and its loss stays at 1.46. The
gradient that it sent back from the loss was logits − one-hot. That is the gradient of the squared error of the logits,
which settle at 0 and 1: and the softmax of a row of nine zeros and a one is e / (e + 9) = 0.232, and its cross-entropy
ln(e + 9) − 1 = 1.461. The order of the logits is right, so the accuracy alone shows nothing.

After the 50 epochs the logits still scatter about 0 and 1, which adds 0.01 to 0.02 to the loss. On 200 images, trained
until nothing changes, both figures reach the limits (`tests/test_reproductions.py`).
"""

from __future__ import annotations

import functools
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from autograd_cnn import models, ops, optim, plotting, training
from autograd_cnn.data import DataLoader, Dataset, labelled_files
from autograd_cnn.data.augment import augment
from autograd_cnn.experiments.reproductions.study import Finding, Study, Trained, stopwatch
from autograd_cnn.nn import composition, layers
from autograd_cnn.nn.layers import Layer
from autograd_cnn.optim import schedules
from autograd_cnn.tensor import Params

TITLE = "LeNet-5 from PNG files, with a gradient that had lost its softmax"

CONFIDENCE = math.e / (math.e + 9)
"""The largest softmax of a row of nine zeros and a one."""

_mild = functools.partial(augment, rotate=10, scale=0.1)


def lenet5(classes: int) -> Layer:
    """Return LeNet-5 as a sequence of layers: functions, composed into one."""
    return composition.sequential(
        conv1=layers.conv2d(1, 6, 5, padding=2), relu1=ops.relu, pool1=layers.max_pool2d(2),
        conv2=layers.conv2d(6, 16, 5), relu2=ops.relu, pool2=layers.max_pool2d(2), flatten=layers.flatten,
        fc1=layers.linear(400, 120), relu3=ops.relu, fc2=layers.linear(120, 84), relu4=ops.relu,
        fc3=layers.linear(84, classes),
    )  # fmt: skip


def squared_error(logits: Any, labels: Any) -> Any:
    """Return half the squared distance of logits from one-hot rows, whose gradient is logits − one-hot: the defect."""
    distances = logits - np.eye(logits.shape[1], dtype=logits.dtype)[labels]
    return (distances * distances).sum() * 0.5


def run(study: Study) -> None:
    """Export and read the images, train with the defect and without, and then by the best recipe we know."""
    train, test = study.first(60_000, 10_000)
    train, test = _through_files(study, train), _through_files(study, test)
    init, apply = lenet5(len(train.class_names))
    params = init(np.random.default_rng(study.seed))
    defect = _with_the_defect(study, apply, params, train, test)
    seconds = stopwatch()
    training.predict(apply, params, test.images, batch_size=32)
    speed = len(test) / seconds()
    learned = training.evaluate(apply, params, train)

    params = init(np.random.default_rng(study.seed))
    ours = _by_our_recipe(study, apply, params, train, test)
    top = _by_the_best_recipe(study, train, test)
    _add_findings(study, defect, ours, top, learned, speed)
    _draw(study, defect, ours, top)
    seen = "two epochs are too few to get there" if study.quick else "at an accuracy that shows nothing of it"
    print(
        f"\nThe lesson: without its softmax the gradient pulls the logits to 0 and 1. A row of them has the softmax "
        f"e / (e + 9) = {CONFIDENCE:.3f} and the loss {-math.log(CONFIDENCE):.3f}; found on the training images were "
        f"{learned.mean_confidence:.3f} and {learned.loss:.3f}, {seen}."
    )


def _with_the_defect(study: Study, apply: Any, params: Params, train: Dataset, test: Dataset) -> Trained:
    loader = DataLoader(train, 32, shuffle=True, seed=study.seed)
    (by_class, _), (by_generator, _) = next(iter(loader)), next(loader.epoch(1))
    assert np.array_equal(by_class, by_generator)  # two ways to read a loader, one order
    return study.fit(
        "as published, without softmax in the gradient", apply, params, loader, test, optim.SGD(params, lr=1e-3),
        study.epochs(50), loss=squared_error,
    )  # fmt: skip


def _by_our_recipe(study: Study, apply: Any, params: Params, train: Dataset, test: Dataset) -> Trained:
    loader = DataLoader(train, 32, shuffle=True, seed=study.seed, transform=_mild)
    return study.fit(
        "LeNet-5 by our recipe", apply, params, loader, test, optim.Adam(params, lr=2e-3), study.epochs(10),
        schedule=schedules.cosine,
    )  # fmt: skip


def _by_the_best_recipe(study: Study, train: Dataset, test: Dataset) -> Trained:
    best = models.convnet_bn
    params = best.init(np.random.default_rng(study.seed), num_classes=len(train.class_names))
    loader = DataLoader(train, 64, shuffle=True, seed=study.seed, transform=_mild, drop_last=True)
    optimizer = optim.AdamW(models.trainable(params), lr=2e-3, weight_decay=0.05)
    return study.fit(
        "convnet_bn, the best recipe", best.apply, params, loader, test, optimizer, study.epochs(12),
        schedule=schedules.warm_up(0.1),
    )  # fmt: skip


def _add_findings(
    study: Study, defect: Trained, ours: Trained, top: Trained, learned: training.Evaluation, speed: float
) -> None:
    d, o = defect.evaluation, ours.evaluation
    steps = len(defect.history.step_losses) / defect.seconds
    study.add(f"accuracy, {len(d.predictions):,} test images", "98.76%", defect.accuracy, ours.accuracy, ours.seconds)
    study.add("mean confidence, test images", "23%", f"{d.mean_confidence:.2%}", f"{o.mean_confidence:.2%}")
    study.add("loss, test images", "1.46", f"{d.loss:.4f}", f"{o.loss:.4f}")
    study.add("mean confidence, training images", f"{CONFIDENCE:.3f}, the limit", f"{learned.mean_confidence:.3f}")
    study.add("loss, training images", f"{-math.log(CONFIDENCE):.3f}, the limit", f"{learned.loss:.3f}")
    study.add("training steps a second", "8 to 12", f"{steps:.0f}", "", defect.seconds)
    study.add("images a second, inference", "332", f"{speed:,.0f}")
    study.add("accuracy of convnet_bn", "", "", top.accuracy, top.seconds)
    study.headline = Finding(
        TITLE,
        "98.76 %, mean confidence 23 %, loss 1.46",
        f"{defect.accuracy}, mean confidence {d.mean_confidence:.1%}, loss {d.loss:.3f} "
        f"(on the training images {learned.mean_confidence:.1%} and {learned.loss:.3f})",
        f"{ours.accuracy}, mean confidence {o.mean_confidence:.1%}, loss {o.loss:.3f}; convnet_bn {top.accuracy}",
        defect.seconds + ours.seconds + top.seconds,
    )
    more = {
        "steps_a_second": steps,
        "images_a_second": speed,
        "training_confidence": learned.mean_confidence,
        "training_loss": learned.loss,
    }
    study.numbers |= {"published": defect.numbers() | more, "ours": ours.numbers(), "best": top.numbers()}


def _draw(study: Study, defect: Trained, ours: Trained, top: Trained) -> None:
    by_gradient = {"logits − one-hot": defect, "softmax − one-hot": ours}
    study.save_picture("ours", plotting.learning_curve(ours.history, augmented=True))
    drawn = plotting.curves(
        {name: [epoch.test_loss or 0.0 for epoch in result.history.epochs] for name, result in by_gradient.items()},
        title="Test loss by the gradient trained with", ylabel="cross-entropy",
    )  # fmt: skip
    study.save_picture("test_losses", drawn)
    everyone = {**by_gradient, "convnet_bn": top}
    spread = plotting.histograms(
        {name: result.evaluation.probabilities.max(1) for name, result in everyone.items()},
        title="Confidence in the predicted class", xlabel="probability",
    )  # fmt: skip
    study.save_picture("confidence", spread)


def _through_files(study: Study, dataset: Dataset) -> Dataset:
    """Write images as idx-N-label-L.png and read them again: the same but for rounding, of at most 1/510."""
    seconds = stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "images")
        labelled_files.write_labelled_files(path, dataset)
        again = labelled_files.read_labelled_files(path, dataset.class_names)
        study.add(f"{len(dataset):,} PNG files written and read", seconds=seconds())
    return again
