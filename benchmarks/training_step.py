"""How long does one training step of LeNet-5 take, beside PyTorch's?

    pip install ".[bench]"
    python benchmarks/training_step.py [--threads 1] [--batch-size 32 128 256] [--rounds 30]

Both do the same work in the same process: forward, softmax cross-entropy, backward and one SGD step with
momentum, on the same batch from the same weights. The losses are compared first.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable

import timing


def main() -> None:
    parser = argparse.ArgumentParser(description="Time a LeNet-5 training step beside PyTorch's.")
    parser.add_argument("--batch-size", type=int, nargs="+", default=[1, 32, 128, 256], help="batch sizes")
    parser.add_argument("--threads", type=int, default=1, help="BLAS and PyTorch threads (default: 1)")
    parser.add_argument("--rounds", type=int, default=30, help="timed steps of each (default: 30)")
    options = parser.parse_args()
    timing.pin_threads(options.threads)
    print(f"LeNet-5 training step, {options.threads} thread(s), median of {options.rounds}; {timing.machine()}")
    print(f"{'batch':>6} {'PyTorch ms':>11} {'ours ms':>9} {'ours / PyTorch':>15}")
    for batch_size in options.batch_size:
        seconds = timing.interleaved(rivals(batch_size, options.threads), rounds=options.rounds)
        ours, theirs = seconds["ours"], seconds["PyTorch"]
        ratio = timing.median_ratio(ours, theirs)
        print(
            f"{batch_size:6} {statistics.median(theirs) * 1e3:11.2f} {statistics.median(ours) * 1e3:9.2f} {ratio:15.2f}"
        )


def rivals(batch_size: int, threads: int) -> dict[str, Callable[[], float]]:
    """Give one training step of each framework, both from the same weights."""
    import numpy as np
    import torch
    from torch.nn import functional as F

    import autograd_cnn as ac

    torch.set_num_threads(threads)
    rng = np.random.default_rng(0)
    images = rng.random((batch_size, 1, 28, 28), np.float32)
    labels = rng.integers(0, 10, batch_size)

    params = ac.models.lenet5.init(rng)
    optimizer = ac.optim.SGD(params, lr=0.01, momentum=0.9)

    def step() -> float:
        optimizer.zero_grad()
        loss = ac.softmax_cross_entropy(ac.models.lenet5.apply(params, images, training=True), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    weights = {name: torch.tensor(p.data, requires_grad=True) for name, p in params.items()}
    torch_optimizer = torch.optim.SGD(weights.values(), lr=0.01, momentum=0.9)
    torch_images, torch_labels = torch.from_numpy(images), torch.from_numpy(labels)

    def torch_step() -> float:
        torch_optimizer.zero_grad()
        x, p = torch_images, weights
        x = F.max_pool2d(F.relu(F.conv2d(x, p["conv1.weight"], p["conv1.bias"], padding=2)), 2)
        x = F.max_pool2d(F.relu(F.conv2d(x, p["conv2.weight"], p["conv2.bias"])), 2)
        x = F.relu(F.linear(x.flatten(1), p["fc1.weight"], p["fc1.bias"]))
        x = F.relu(F.linear(x, p["fc2.weight"], p["fc2.bias"]))
        loss = F.cross_entropy(F.linear(x, p["fc3.weight"], p["fc3.bias"]), torch_labels)
        loss.backward()
        torch_optimizer.step()
        return loss.item()

    for _ in range(3):
        np.testing.assert_allclose(step(), torch_step(), rtol=1e-4)
    return {"PyTorch": torch_step, "ours": step}


if __name__ == "__main__":
    main()
