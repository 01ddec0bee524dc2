"""What do `profile`, `detect_anomaly` and `checkpoint` cost a training step of LeNet-5?

    python benchmarks/overhead.py [--batch-size 32] [--rounds 100]

The same step, in turn without anything, inside `profile`, inside `detect_anomaly`, and with the whole model under
`checkpoint`, which runs the forward twice.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
from collections.abc import Callable

import timing


def main() -> None:
    parser = argparse.ArgumentParser(description="Time a training step under observation.")
    parser.add_argument("--batch-size", type=int, nargs="+", default=[1, 32, 256], help="batch sizes")
    parser.add_argument("--rounds", type=int, default=100, help="timed steps of each (default: 100)")
    options = parser.parse_args()
    timing.pin_threads(1)
    print(f"LeNet-5 training step, one thread, median of {options.rounds}; {timing.machine()}")
    print(f"{'batch':>6} {'plain ms':>9} {'profile':>8} {'anomaly':>8} {'checkpoint':>11}   (by the plain step's time)")
    for batch_size in options.batch_size:
        seconds = timing.interleaved(steps(batch_size), rounds=options.rounds)
        plain = seconds["plain"]
        ratios = [timing.median_ratio(seconds[name], plain) for name in ("profile", "anomaly", "checkpoint")]
        print(
            f"{batch_size:6} {statistics.median(plain) * 1e3:9.2f} {ratios[0]:8.3f} {ratios[1]:8.3f} {ratios[2]:11.3f}"
        )


def steps(batch_size: int) -> dict[str, Callable[[], object]]:
    """Give the step in each of its ways."""
    import numpy as np

    import autograd_cnn as ac
    from autograd_cnn.models import lenet5

    rng = np.random.default_rng(0)
    images, labels = rng.random((batch_size, 1, 28, 28), np.float32), rng.integers(0, 10, batch_size)
    params = lenet5.init(rng)
    optimizer = ac.optim.SGD(params, lr=0.01, momentum=0.9)

    def step(watch: Callable[[], contextlib.AbstractContextManager[object]], apply: Callable[..., object]) -> None:
        with watch():
            optimizer.zero_grad()
            ac.softmax_cross_entropy(apply(params, images), labels).backward()
            optimizer.step()

    return {
        "plain": lambda: step(contextlib.nullcontext, lenet5.apply),
        "profile": lambda: step(ac.profile, lenet5.apply),
        "anomaly": lambda: step(ac.detect_anomaly, lenet5.apply),
        "checkpoint": lambda: step(contextlib.nullcontext, ac.checkpoint(lenet5.apply)),
    }


if __name__ == "__main__":
    main()
