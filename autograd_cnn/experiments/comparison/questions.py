"""The questions that the command line answers, and scripts too: a step, an inference, an op."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autograd_cnn.experiments.comparison.frameworks import Framework, Op, Ours, PyTorch, installed, require_agreement
from autograd_cnn.experiments.comparison.networks import LENET5, VGG, Network
from autograd_cnn.experiments.comparison.report import Report
from autograd_cnn.experiments.comparison.timing import interleaved
from autograd_cnn.variable import Array

Frameworks = Sequence[type[Framework]]


def rivals(threads: int) -> Frameworks:
    """Return PyTorch, where it is installed, and this package, each set to compute with `threads`."""
    found = installed(PyTorch, Ours)
    for framework in found:
        framework.use_threads(threads)
    return found


FILES = tuple(f"{name}.{kind}" for name in ("training_step", "inference", "single_ops") for kind in ("json", "png"))
"""What `run` writes."""


def run(folder: Path, *, threads: int, quick: bool) -> None:
    """Answer the short questions: print the tables, and write them to a folder."""
    rounds = 3 if quick else 30
    everyone = rivals(threads)
    cases = [(LENET5, 1), (LENET5, 8), (VGG, 8)] if quick else [*((LENET5, n) for n in (1, 32, 128, 256)), (VGG, 64)]
    training_step(cases, everyone, threads=threads, rounds=rounds).save(folder)
    inference((1, 256), everyone, threads=threads, rounds=rounds).save(folder)
    single_ops(op_cases(quick), everyone, threads=threads, rounds=rounds).save(folder)


def training_step(
    cases: Sequence[tuple[Network, int]],
    frameworks: Frameworks,
    *,
    threads: int,
    rounds: int,
    peers: Frameworks = (),
) -> Report:
    """Time one training step of networks, at batch sizes, in frameworks.

    All do the same work in the same process: forward, softmax cross-entropy, backward and one SGD step with momentum,
    on the same batch from the same weights. The losses of three steps are compared first.

    Peers run only LeNet-5, and only after everything else is timed: their large arrays slow down the rivals that take
    turns with them.
    """
    columns = [*frameworks[:-1], *peers, frameworks[-1]]
    report = Report("training_step", title("Time of a training step", columns), names(columns), "ms", threads, rounds)
    timed = [interleaved(training_steps(*case, frameworks), rounds=rounds) for case in cases]
    for (network, batch_size), seconds in zip(cases, timed, strict=True):
        if peers and network is LENET5:
            steps = training_steps(network, batch_size, columns)
            seconds |= interleaved({peer.name: steps[peer.name] for peer in peers}, rounds=rounds)
        report.add(f"{network.name}, batch {batch_size}", seconds)
    return report


def training_steps(network: Network, batch_size: int, frameworks: Frameworks) -> dict[str, Callable[[], float]]:
    """Return a training step of each framework, from the same weights; the losses of three steps are compared."""
    weights, images, labels = network.draw(batch_size)

    def prepare(framework: type[Framework]) -> Callable[[], float]:
        learner = framework(network, weights)
        x, y = framework.tensor(images), framework.tensor(labels)
        return lambda: learner.step(x, y)

    steps = {framework.name: prepare(framework) for framework in frameworks}
    for _ in range(3):
        require_agreement(f"{network.name}'s loss", {name: step() for name, step in steps.items()})
    return steps


def inference(
    batch_sizes: Iterable[int], frameworks: Frameworks, *, threads: int, rounds: int, network: Network = LENET5
) -> Report:
    """Time a network's forward, without a graph: plain arrays here, inference mode in PyTorch.

    The logits are compared first.
    """
    report = Report("inference", title("Time of a forward pass", frameworks), names(frameworks), "ms", threads, rounds)
    for batch_size in batch_sizes:
        weights, images, _ = network.draw(batch_size)

        def prepare(framework: type[Framework], weights: Any = weights, images: Array = images) -> Callable[[], Array]:
            learner, x = framework(network, weights), framework.tensor(images)
            return lambda: learner.logits(x)

        calls = {framework.name: prepare(framework) for framework in frameworks}
        require_agreement(f"{network.name}'s logits", {name: call() for name, call in calls.items()})
        report.add(f"{network.name}, batch {batch_size}", interleaved(calls, rounds=rounds))
    return report


@dataclass(frozen=True)
class OpCase:
    """An op on inputs of given shapes."""

    name: str
    call: Op
    x: tuple[int, ...]
    params: Sequence[tuple[int, ...]] = ()
    others: Sequence[Array] = ()
    multiply_adds: int = 0
    """Multiply-adds of its forward; backward has twice as many."""

    def draw(self) -> tuple[Array, list[Array]]:
        """Draw the input and the parameters."""
        rng = np.random.default_rng(0)
        x, *params = (rng.standard_normal(shape, np.float32) for shape in (self.x, *self.params))
        return x, params


def conv_case(
    x: tuple[int, int, int, int], filters: int, size: int, stride: int = 1, padding: int = 0, groups: int = 1
) -> OpCase:
    """Return a case of a convolution with filters of `size` × `size`."""
    n, channels, height, width = x
    weight = (filters, channels // groups, size, size)
    out = [(length + 2 * padding - size) // stride + 1 for length in (height, width)]
    kind = f"{size}×{size}{f' stride {stride}' if stride > 1 else ''}{' depthwise' if groups > 1 else ''}"
    return OpCase(
        f"conv {channels}-{filters} {kind}, {n}×{height}×{width}",
        lambda F, x, w, b: F.conv2d(x, w, b, stride=stride, padding=padding, groups=groups),
        x,
        (weight, (filters,)),
        multiply_adds=n * math.prod(out) * math.prod(weight),
    )


def linear_case(n: int, inputs: int, outputs: int) -> OpCase:
    """Return a case of a linear layer."""
    return OpCase(
        f"linear {inputs}-{outputs}, {n}",
        lambda F, x, w, b: F.linear(x, w, b),
        (n, inputs),
        ((outputs, inputs), (outputs,)),
        multiply_adds=n * inputs * outputs,
    )


def _other_cases(n: int, channels: int, side: int) -> list[OpCase]:
    """Return cases of the ops with few multiplications."""
    x, shape = (n, channels, side, side), f"{n}×{channels}×{side}×{side}"

    def batch_norm(F: Any, x: Any, weight: Any, bias: Any, mean: Any, var: Any) -> Any:
        return F.batch_norm(x, running_mean=mean, running_var=var, weight=weight, bias=bias, training=True)

    running = [np.zeros(channels, np.float32), np.ones(channels, np.float32)]
    return [
        OpCase(f"max_pool 2, {shape}", lambda F, x: F.max_pool2d(x, 2), x),
        OpCase(f"avg_pool 2, {shape}", lambda F, x: F.avg_pool2d(x, 2), x),
        OpCase(f"relu, {shape}", lambda F, x: F.relu(x), x),
        OpCase(f"batch_norm, {shape}", batch_norm, x, [(channels,), (channels,)], running),
    ]


def _cross_entropy_case(n: int, classes: int) -> OpCase:
    labels = np.random.default_rng(0).integers(0, classes, n)
    return OpCase(f"cross-entropy, {n}×{classes}", lambda F, x, y: F.cross_entropy(x, y), (n, classes), others=[labels])


def op_cases(quick: bool) -> list[OpCase]:
    """Return the layers of LeNet-5 and of VGG-like networks, and ops on their images."""
    if quick:
        return [
            conv_case((8, 6, 14, 14), 16, 5),
            linear_case(8, 400, 120),
            *_other_cases(8, 6, 14),
            _cross_entropy_case(8, 10),
        ]
    return [
        conv_case((64, 1, 28, 28), 6, 5, padding=2),
        conv_case((64, 6, 14, 14), 16, 5),
        conv_case((1, 6, 14, 14), 16, 5),
        conv_case((64, 3, 32, 32), 32, 3, padding=1),
        conv_case((64, 32, 32, 32), 32, 3, padding=1),
        conv_case((64, 64, 16, 16), 64, 3, padding=1),
        conv_case((64, 64, 16, 16), 64, 3, stride=2, padding=1),
        conv_case((64, 64, 16, 16), 64, 3, padding=1, groups=64),
        conv_case((64, 64, 16, 16), 64, 1),
        linear_case(64, 400, 120),
        linear_case(64, 4096, 512),
        *_other_cases(64, 6, 28),
        *_other_cases(64, 32, 32),
        _cross_entropy_case(64, 10),
        _cross_entropy_case(64, 1000),
    ]


def single_ops(cases: Iterable[OpCase], frameworks: Frameworks, *, threads: int, rounds: int) -> Report:
    """Time single ops, forward with a graph recorded and backward to all inputs, across shapes.

    Values and gradients are compared first. For ops made of multiply-adds, the table shows the share of the peak: two
    operations per multiply-add, divided by what a large matrix product of NumPy reaches in the same process. PyTorch
    has a matrix product of its own, and can exceed it.
    """
    peak = matmul_peak()
    print(f"\npeak: {peak / 1e9:.0f} billion operations a second, reached by NumPy in a matrix product")
    shares = [f"{name} of peak" for name in names(frameworks)]
    report = Report(
        "single_ops", title("Time of single ops", frameworks), names(frameworks), "ms", threads, rounds, shares
    )
    for case in cases:
        x, params = case.draw()
        pairs = {f.name: f.op(case.call, x, params, [a.copy() for a in case.others]) for f in frameworks}
        for i, direction in enumerate(("forward", "backward")):
            calls = {name: pair[i] for name, pair in pairs.items()}
            require_agreement(f"{case.name}, {direction}", {name: call() for name, call in calls.items()}, 1e-3)
            seconds = interleaved(calls, rounds=rounds)
            work = 2 * case.multiply_adds * (i + 1)
            reached = {f"{name} of peak": work / float(np.median(s)) / peak for name, s in seconds.items() if work}
            report.add(f"{case.name}, {direction}", seconds, reached)
    return report


def matmul_peak(size: int = 512, repeats: int = 200) -> float:
    """Return the floating-point operations a second of the fastest of some float32 matrix products.

    The products are short: beside other programs, every one of a few long products would be interrupted, and the ops
    compared with them would seem to exceed the peak.
    """
    a = np.random.default_rng(0).random((size, size), np.float32)
    out = np.empty_like(a)
    best = math.inf
    for _ in range(repeats):
        start = time.perf_counter()
        np.matmul(a, a, out=out)
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best


def title(subject: str, frameworks: Frameworks) -> str:
    """Return the title of a comparison."""
    return f"{subject}, beside {frameworks[0].name}'s" if len(frameworks) > 1 else subject


def names(frameworks: Frameworks) -> list[str]:
    """Return the frameworks' names."""
    return [framework.name for framework in frameworks]
