"""Is the residual network as accurate as the identical PyTorch program on photographs, and how long does it take?

Both start from the same weights and see the same batches, cropped and mirrored alike, with the same SGD, the same cycle
of the learning rate and the same smoothed labels. They take turns step by step, so that whatever else the machine does
slows both. A round is a training from another seed; the accuracies are means over the rounds, of all test images.

`--data` is any data set in colour; with --quick it is a part of the embedded digits.
"""

from __future__ import annotations

import script

parser = script.parser(__doc__, rounds=3)
parser.add_argument(
    "--data", default="cifar10", metavar="NAME", help="cifar10, or folder:PATH of photographs (default: cifar10)"
)
parser.add_argument("--depth", type=script.positive, default=8, metavar="N", help="8, 14 or 20 (default: 8)")
parser.add_argument("--epochs", type=script.positive, default=5, metavar="N", help="(default: 5)")
options = script.start(parser)

import time
from typing import Any

import numpy as np

import autograd_cnn as ac
from autograd_cnn import data
from autograd_cnn.data.augment import crop_and_flip
from autograd_cnn.experiments import comparison as benchmark
from autograd_cnn.experiments.comparison.questions import names, rivals, title
from autograd_cnn.experiments.comparison.residual import torch_resnet
from autograd_cnn.optim.schedules import one_cycle
from autograd_cnn.training.inputs import channel_statistics
from autograd_cnn.training.saved_models import standardized

BATCH_SIZE, LABEL_SMOOTHING = 64, 0.1
SETTINGS = {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 5e-4}


class Ours:
    """Our program."""

    def __init__(self, params: Any, mean: Any, std: Any) -> None:
        self.apply, self.params = standardized(ac.models.resnet.apply, mean, std), params
        self.optimizer = ac.optim.SGD(ac.models.trainable(params), **SETTINGS)

    def step(self, images: Any, labels: Any, rate: float) -> None:
        """Take a step."""
        self.optimizer.lr = rate
        self.optimizer.zero_grad()
        logits = self.apply(self.params, images, training=True)
        ac.softmax_cross_entropy(logits, labels, label_smoothing=LABEL_SMOOTHING).backward()
        self.optimizer.step()

    def logits(self, images: Any) -> Any:
        """Return the logits of evaluation."""
        return self.apply({name: p.data for name, p in self.params.items()}, images)


class Theirs:
    """The same in PyTorch, in the memory order in which it is fastest."""

    def __init__(self, params: Any, mean: Any, std: Any) -> None:
        import torch

        self.network = torch_resnet(options.depth, num_classes=len(params["fc.bias"].data))
        self.network.load_state_dict({name: torch.tensor(p.data) for name, p in params.items()}, strict=False)
        self.network.to(memory_format=torch.channels_last)
        self.mean, self.std = (torch.tensor(v, dtype=torch.float32).reshape(-1, 1, 1) for v in (mean, std))
        self.optimizer = torch.optim.SGD(self.network.parameters(), **SETTINGS)

    def _forward(self, images: Any) -> Any:
        import torch

        x = (torch.from_numpy(images) - self.mean) / self.std
        return self.network(x.contiguous(memory_format=torch.channels_last))

    def step(self, images: Any, labels: Any, rate: float) -> None:
        """Take a step."""
        import torch

        self.network.train()
        self.optimizer.param_groups[0]["lr"] = rate
        self.optimizer.zero_grad()
        targets = torch.from_numpy(labels)
        torch.nn.functional.cross_entropy(
            self._forward(images), targets, label_smoothing=LABEL_SMOOTHING
        ).backward()  # fmt: skip
        self.optimizer.step()

    def logits(self, images: Any) -> Any:
        """Return the logits of evaluation."""
        import torch

        self.network.eval()
        with torch.inference_mode():
            return self._forward(images).numpy()


PROGRAMS = {"PyTorch": Theirs, "ours": Ours}


def train(seed: int) -> dict[str, tuple[float, float]]:
    """Train all from one seed, and return the seconds and the accuracy of each."""
    params = ac.models.resnet.init(seed, num_classes=len(train_set.class_names), depth=options.depth)
    statistics = channel_statistics(train_set.images)
    # PyTorch copies the parameters, and is first in the list.
    programs = {f.name: PROGRAMS[f.name](params, *statistics) for f in frameworks}
    first = {name: program.logits(train_set.images[:8]) for name, program in programs.items()}
    benchmark.require_agreement("the first logits", first, 1e-3)
    loader = data.DataLoader(train_set, BATCH_SIZE, shuffle=True, transform=crop_and_flip, seed=seed)
    seconds, schedule, steps = dict.fromkeys(programs, 0.0), one_cycle(), options.epochs * len(loader)
    for epoch in range(1, options.epochs + 1):
        for step, (images, labels) in enumerate(loader.epoch(epoch), (epoch - 1) * len(loader)):
            for name, program in programs.items():
                started = time.perf_counter()
                program.step(images, labels, SETTINGS["lr"] * schedule(step / steps))
                seconds[name] += time.perf_counter() - started
    return {name: (seconds[name], accuracy(program)) for name, program in programs.items()}


def accuracy(program: Any) -> float:
    """Return the share of test images that are classified correctly, in per cent."""
    right = 0
    for index in ac.training.batches(len(test_set), 256):
        right += int((program.logits(test_set.images[index]).argmax(1) == test_set.labels[index]).sum())
    return 100 * right / len(test_set)


try:
    name, size = ("digits", (16, 16)) if options.quick else (options.data, None)
    train_set, test_set = (data.load(name, split, size=size, channels=3) for split in data.SPLITS)
except data.DataError as error:
    parser.error(str(error))
if options.quick:
    train_set, test_set, options.epochs = train_set[:256], test_set[:100], 1
frameworks = rivals(options.threads)
rounds = [train(seed) for seed in range(options.rounds)]
means = {f"{f.name} %": float(np.mean([found[f.name][1] for found in rounds])) for f in frameworks}
subject = title(f"resnet of depth {options.depth} on {name}, {options.epochs} epochs", frameworks)
report = benchmark.Report(
    "residual_network", subject, names(frameworks), "s", options.threads, options.rounds, list(means)
)
samples = {f.name: [found[f.name][0] for found in rounds] for f in frameworks}
report.add(f"{len(train_set):,} images, {len(test_set):,} to test with", samples, means)
for seed, found in enumerate(rounds):
    print(f"seed {seed}: " + ", ".join(f"{framework} {right:.1f} %" for framework, (_, right) in found.items()))
if options.out:
    report.save(options.out)
