"""Is the residual network as accurate as the identical PyTorch program, on photographs, and how long does it take?

Both train on the same batches, cropped and mirrored alike, from the same initial parameters, by SGD with Nesterov's
momentum, along one cycle of the learning rate, with smoothed labels. They alternate step by step, so that whatever else
the machine does slows both. The result is the accuracy on the test images, for each seed and as a mean.

    python benchmarks/residual_network.py --data folder:PATH
"""

from __future__ import annotations

import time
from typing import Any

import script

DATA = "folder:../shared/data/cifar10-jpeg"
EPOCHS, BATCH, SEEDS = 10, 64, 3
RATE, DECAY, SMOOTHING = 0.1, 5e-4, 0.1


def torch_resnet(depth: int, width: int = 16, num_classes: int = 10) -> Any:
    """Return the network of `models.resnet` as PyTorch's users write it, with the same names."""
    import torch
    from torch import nn
    from torch.nn import functional as f

    class Block(nn.Module):
        def __init__(self, before: int, filters: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(before, filters, 3, stride, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(filters)
            self.conv2 = nn.Conv2d(filters, filters, 3, padding=1, bias=False)
            self.bn2 = nn.BatchNorm2d(filters)
            self.stride, self.new = stride, filters - before

        def forward(self, x: Any) -> Any:
            residual = self.bn2(self.conv2(f.relu(self.bn1(self.conv1(x)))))
            shortcut = f.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.new))
            return f.relu(residual + shortcut)

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(3, width, 3, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(width)
            before = width
            for stage in range(3):
                blocks = []
                for block in range((depth - 2) // 6):
                    blocks.append(Block(before, width * 2**stage, 2 if stage and not block else 1))
                    before = width * 2**stage
                setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
            self.fc = nn.Linear(before, num_classes)

        def forward(self, x: Any) -> Any:
            x = self.layer3(self.layer2(self.layer1(f.relu(self.bn1(self.conv1(x))))))
            return self.fc(torch.mean(x, (2, 3)))

    return Network()


class Ours:
    """Our program."""

    def __init__(self, params: Any, mean: Any, std: Any) -> None:
        import autograd_cnn as ac
        from autograd_cnn.training.saved_models import standardized

        self.apply, self.params = standardized(ac.models.resnet.apply, mean, std), params
        trainable = ac.models.trainable(params)
        self.optimizer = ac.optim.SGD(trainable, RATE, momentum=0.9, nesterov=True, weight_decay=DECAY)

    def step(self, images: Any, labels: Any, rate: float) -> None:
        """Take a step."""
        import autograd_cnn as ac

        self.optimizer.lr = rate
        self.optimizer.zero_grad()
        logits = self.apply(self.params, images, training=True)
        ac.softmax_cross_entropy(logits, labels, label_smoothing=SMOOTHING).backward()
        self.optimizer.step()

    def accuracy(self, test: Any) -> float:
        """Return the share of test images that are right."""
        import autograd_cnn as ac

        return ac.training.evaluate(self.apply, self.params, test).accuracy


class Theirs:
    """The same in PyTorch."""

    def __init__(self, params: Any, depth: int, mean: Any, std: Any) -> None:
        import torch

        self.network = torch_resnet(depth)
        self.network.load_state_dict({name: torch.tensor(p.data) for name, p in params.items()}, strict=False)
        self.network.to(memory_format=torch.channels_last)
        self.mean, self.std = (torch.tensor(v, dtype=torch.float32).reshape(-1, 1, 1) for v in (mean, std))
        parameters = self.network.parameters()
        self.optimizer = torch.optim.SGD(parameters, RATE, momentum=0.9, nesterov=True, weight_decay=DECAY)

    def forward(self, images: Any) -> Any:
        """Return the logits."""
        import torch

        x = (torch.from_numpy(images) - self.mean) / self.std
        return self.network(x.contiguous(memory_format=torch.channels_last))

    def step(self, images: Any, labels: Any, rate: float) -> None:
        """Take a step."""
        import torch

        self.network.train()
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad()
        targets = torch.from_numpy(labels)
        torch.nn.functional.cross_entropy(self.forward(images), targets, label_smoothing=SMOOTHING).backward()
        self.optimizer.step()

    def accuracy(self, test: Any) -> float:
        """Return the share of test images that are right."""
        import torch

        self.network.eval()
        with torch.no_grad():
            parts = [self.forward(test.images[i : i + 256]).argmax(1).numpy() for i in range(0, len(test), 256)]
        right = sum(int((p == test.labels[256 * i :][: len(p)]).sum()) for i, p in enumerate(parts))
        return right / len(test)


def compare(train: Any, test: Any, depth: int, epochs: int, seed: int) -> tuple[tuple[float, float], list[float]]:
    """Train both from one seed, and return their accuracies and their seconds."""
    from autograd_cnn import data, models
    from autograd_cnn.data.augment import crop_and_flip
    from autograd_cnn.optim.schedules import one_cycle

    params = models.resnet.init(seed, in_channels=3, num_classes=len(train.class_names), depth=depth)
    mean, std = train.images.mean((0, 2, 3)), train.images.std((0, 2, 3))
    programs = Theirs(params, depth, mean, std), Ours(params, mean, std)  # ours trains `params` in place
    loader = data.DataLoader(train, BATCH, shuffle=True, transform=crop_and_flip, seed=seed)
    schedule, seconds, done = one_cycle(), [0.0, 0.0], 0
    for epoch in range(1, epochs + 1):
        for images, labels in loader.epoch(epoch):
            rate = RATE * schedule(done / (epochs * len(loader)))
            done += 1
            for i, program in enumerate(programs):
                started = time.perf_counter()
                program.step(images, labels, rate)
                seconds[i] += time.perf_counter() - started
    theirs, ours = (program.accuracy(test) for program in programs)
    return (theirs, ours), seconds


def main() -> None:
    """Train both for each seed, and print the table."""
    parser = script.parser(__doc__ or "", rounds=SEEDS)
    parser.add_argument("--data", default=DATA, metavar="NAME", help=f"what to train on (default: {DATA})")
    parser.add_argument("--depth", type=script.positive, default=8, metavar="N", help="8, 14 or 20 (default: 8)")
    parser.add_argument("--epochs", type=script.positive, metavar="N", help=f"(default: {EPOCHS})")
    options = script.start(parser)

    import numpy as np
    import torch

    from autograd_cnn import data

    torch.set_num_threads(options.threads)
    train, test = (data.load(options.data, split) for split in data.SPLITS)
    epochs = options.epochs or EPOCHS
    if options.quick:
        from autograd_cnn.data.folders import take_evenly

        train, test, epochs = train[take_evenly(train.labels, 256)], test[take_evenly(test.labels, 100)], 1
    print(f"resnet of depth {options.depth} on {options.data}: {train}, {epochs} epochs in batches of {BATCH}")
    found, taken = [], np.zeros(2)
    for seed in range(options.rounds):
        (theirs, ours), seconds = compare(train, test, options.depth, epochs, seed)
        found.append((theirs, ours))
        taken += seconds
        print(f"seed {seed}: PyTorch {theirs:.1%}, ours {ours:.1%}", flush=True)
    theirs, ours = np.mean(found, axis=0)
    print(f"mean: PyTorch {theirs:.2%}, ours {ours:.2%}, difference {100 * (ours - theirs):+.2f} points")
    print(f"time, ours / PyTorch's: {taken[1] / taken[0]:.2f}")


if __name__ == "__main__":
    main()
