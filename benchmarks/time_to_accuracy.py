"""How long does LeNet-5 train until it gets 99 % of MNIST's test images right, beside the identical PyTorch program?

Both start from the same weights and see the same batches, with the same Adam and the same cosine schedule; both losses
are compared over the first steps. They take turns of some steps each, in one process, and after each turn look at the
test images, which is not counted. The race is run once a round, from another seed; the figure is the time at the first
look that shows the accuracy wanted.

MNIST is looked for in $AUTOGRAD_CNN_DATA, and else downloaded. With --quick, the race is to 90 % of the embedded
digits.
"""

from __future__ import annotations

import script

parser = script.parser(__doc__, rounds=3)
parser.add_argument(
    "--epochs", type=script.positive, default=3, metavar="N", help="length of the schedule (default: 3)"
)
parser.add_argument("--every", type=script.positive, metavar="N", help="steps between looks (default: 125)")
options = script.start(parser)

import math
import statistics
import time
from dataclasses import dataclass, field

import numpy as np

from autograd_cnn import data, training
from autograd_cnn.data import DataError
from autograd_cnn.experiments import comparison as benchmark
from autograd_cnn.experiments.comparison import LENET5, Framework, charts
from autograd_cnn.experiments.comparison.questions import names, rivals, title
from autograd_cnn.optim import schedules

DATA, TARGET, EVERY = ("digits", 0.9, 15) if options.quick else ("mnist", 0.99, 125)
LEARNING_RATE, BATCH_SIZE = 0.002, 32


@dataclass
class Runner:
    """A framework in the race."""

    learner: Framework
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)
    looks: list[tuple[float, float]] = field(default_factory=list)
    """Seconds, and the accuracy then."""

    @property
    def arrived(self) -> bool:
        return bool(self.looks) and self.looks[-1][1] >= TARGET

    def run(self, batches, progress) -> None:
        """Take a turn of steps."""
        start = time.perf_counter()
        for index, done in zip(batches, progress, strict=True):
            self.learner.set_learning_rate(LEARNING_RATE * schedules.cosine(done))
            images, labels = self.learner.tensor(train.images[index]), self.learner.tensor(train.labels[index])
            self.losses.append(self.learner.step(images, labels))
        self.seconds += time.perf_counter() - start

    def look(self) -> None:
        """Count the test images that are classified rightly, off the clock."""
        right = 0
        for index in training.batches(len(test), 256):
            logits = self.learner.logits(self.learner.tensor(test.images[index]))
            right += int((logits.argmax(1) == test.labels[index]).sum())
        self.looks.append((self.seconds, right / len(test)))


def race(seed: int) -> dict[str, Runner]:
    """Train in all frameworks until each arrives, or the schedule ends."""
    rng = np.random.default_rng(seed)
    weights = LENET5.init(rng)
    runners = {f.name: Runner(f(LENET5, weights, ("Adam", {"lr": LEARNING_RATE}))) for f in frameworks}
    orders = (rng.permutation(len(train)) for _ in range(options.epochs))
    batches = [batch for order in orders for batch in training.batches(len(train), BATCH_SIZE, order)]
    every = options.every or EVERY
    for turn in range(math.ceil(len(batches) / every)):
        steps = range(turn * every, min((turn + 1) * every, len(batches)))
        waiting = [runner for runner in runners.values() if not runner.arrived]
        for runner in waiting if turn % 2 == 0 else reversed(waiting):
            runner.run([batches[i] for i in steps], [i / len(batches) for i in steps])
            runner.look()
    benchmark.require_agreement("the first losses", {n: np.array(r.losses[:5]) for n, r in runners.items()}, 1e-3)
    return runners


try:
    train, test = (data.load(DATA, split, size=(28, 28), channels=1) for split in ("train", "test"))
except DataError as error:
    parser.error(str(error))
frameworks = rivals(options.threads)
races = [race(seed) for seed in range(options.rounds)]
finished = [runners for runners in races if all(runner.arrived for runner in runners.values())]
if len(finished) < len(races):
    print(f"{len(races) - len(finished)} of {len(races)} races did not reach {TARGET:.0%}, and are left out")
steps = {f"{f.name} steps": statistics.median(len(r[f.name].losses) for r in races) for f in frameworks}
subject = title(f"LeNet-5 on {DATA}: training time to {TARGET:.0%}", frameworks)
report = benchmark.Report(
    "time_to_accuracy", subject, names(frameworks), "s", options.threads, options.rounds, list(steps)
)
samples = {f.name: [runners[f.name].seconds for runners in finished] for f in frameworks} if finished else {}
report.add(f"to {TARGET:.0%} of {len(test):,} images", samples, steps)
if options.out:
    looks = {name: zip(*runner.looks, strict=True) for name, runner in races[0].items()}
    curves = {name: (seconds, [100 * a for a in accuracies]) for name, (seconds, accuracies) in looks.items()}
    first = charts.Panel(
        "The first race", "seconds of training", "% right on the test images", curves, level=100 * TARGET
    )
    report.save(options.out, lambda report, path: charts.curves(report, [first], path))
