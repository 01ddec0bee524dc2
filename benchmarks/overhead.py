"""What do `profile`, `detect_anomaly` and `checkpoint` cost a training step of LeNet-5?

The same step is taken in turn without anything, inside `profile`, inside `detect_anomaly`, and with the whole model
under `checkpoint`, which runs the forward twice.
"""

from __future__ import annotations

import script

parser = script.parser(__doc__, rounds=100)
parser.add_argument("--batch-size", type=script.positive, nargs="+", default=[1, 32, 256], metavar="N")
options = script.start(parser)

import contextlib
from collections.abc import Callable

import autograd_cnn as ac
from autograd_cnn.experiments import comparison as benchmark
from autograd_cnn.experiments.comparison import LENET5, MOMENTUM
from autograd_cnn.models import lenet5


def steps(batch_size: int) -> dict[str, Callable[[], object]]:
    """Return the step in each of its variants."""
    weights, images, labels = LENET5.draw(batch_size)
    params = {name: ac.Tensor(w, requires_grad=True) for name, w in weights.items()}
    optimizer = ac.optim.SGD(params, **MOMENTUM[1])

    def step(watch=contextlib.nullcontext, apply=lenet5.apply):
        with watch():
            optimizer.zero_grad()
            ac.softmax_cross_entropy(apply(params, images), labels).backward()
            optimizer.step()

    return {
        "plain": step,
        "profile": lambda: step(ac.profile),
        "detect_anomaly": lambda: step(ac.detect_anomaly),
        "checkpoint": lambda: step(apply=ac.checkpoint(lenet5.apply)),
    }


ways = ["plain", "profile", "detect_anomaly", "checkpoint"]
heading = "Time of LeNet-5's training step, observed and recomputed"
report = benchmark.Report("overhead", heading, ways, "ms", options.threads, options.rounds)
for batch_size in [1, 8] if options.quick else options.batch_size:
    report.add(f"batch {batch_size}", benchmark.interleaved(steps(batch_size), rounds=options.rounds))
if options.out:
    report.save(options.out)
