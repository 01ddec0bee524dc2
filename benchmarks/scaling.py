"""How much faster do many machines train, each with a share of every batch?

On this machine the time of a LeNet-5 step is measured in one process and in two, with 128 images each, and the time of
an all-reduce between two for several lengths. The usual model is fitted to the latter: among p ranks n bytes take
2 log2(p) α + 2 (p − 1) / p · n / β seconds, with a latency α and a bandwidth β (Thakur, Rabenseifner and Gropp,
"Optimization of Collective Communication Operations in MPICH", 2005, section 4.4). It predicts how much faster 1 to
1,024 ranks take a step of 1,024 images, on networks of 1, 10 and 100 Gbit/s with the latency of --latency: for LeNet-5,
and for a network of the size of ResNet-18 (11.7 million parameters, 1.8 billion multiply-adds an image of 224×224; He
et al., 2015), whose step is assumed to run at the rate of the VGG-like network's here.

Without overlap, gradients travel once the step's work is done. With it, they travel during the backward pass, two
thirds of the step, but for the last bucket. Left out: that few images take longer each, stragglers, jitter, other
traffic, ranks that share a network card, topology, and loading the data.
"""

from __future__ import annotations

import argparse

import script

parser = script.parser(__doc__, rounds=20)
parser.add_argument(
    "--latency", type=script.positive, default=30, metavar="N", help="of a network, in µs (default: 30)"
)
parser.add_argument("--rank", action="store_true", help=argparse.SUPPRESS)
options = script.start(parser)

import json
import math
import os
import subprocess
import time

import numpy as np

import autograd_cnn as ac
from autograd_cnn import distributed, models, plotting
from autograd_cnn.distributed.launch import AS_ROOT, mpiexec
from autograd_cnn.distributed.reduction import BUCKET
from autograd_cnn.experiments import comparison as benchmark
from autograd_cnn.experiments.comparison import VGG, charts
from autograd_cnn.experiments.comparison.frameworks import Ours
from autograd_cnn.experiments.comparison.questions import training_steps

BATCH = 8 if options.quick else 128
LENGTHS = [8, 2**12] if options.quick else [8, 2**12, 2**15, 2**18, 2**20, 2**22, 2**24]
GLOBAL_BATCH = 1024
RANKS = [2**k for k in range(11)]
GIGABITS = [1, 10, 100]
BACKWARD = 2 / 3  # of a step: the gradients of the input and of the weight, besides the forward pass
VGG_POSITIONS = {"conv1": 32**2, "conv2": 32**2, "conv3": 16**2, "conv4": 16**2, "fc": 1}
RESNET18 = {"parameters": 11_689_512, "multiply_adds": 1.814e9}


def lenet_step(comm):
    """Make a training step of one rank's share, with the gradients summed over all."""
    rng = np.random.default_rng(comm.rank)
    params = models.lenet5.init(np.random.default_rng(0))
    images, labels = rng.random((BATCH, 1, 28, 28), np.float32), rng.integers(0, 10, BATCH)
    reducer, optimizer = distributed.Reducer(params.values(), comm), ac.optim.SGD(params, lr=0.01, momentum=0.9)

    def step():
        loss = ac.softmax_cross_entropy(models.lenet5.apply(params, images), labels)
        for p, gradient in zip(params.values(), reducer.gradients(loss, 1 / comm.size), strict=True):
            p.grad = gradient
        optimizer.step()

    return step, sum(p.data.nbytes for p in params.values())


def seconds(call, comm):
    """Time a call in every round, after one call that is not counted; all ranks begin together."""
    samples = []
    for _ in range(options.rounds + 1):
        distributed.total(np.zeros(1), comm)
        start = time.perf_counter()
        call()
        samples.append(time.perf_counter() - start)
    return samples[1:]


def measure_as_rank():
    """Measure as one of two ranks, and print what the first found."""
    comm = distributed.world()
    step, _ = lenet_step(comm)
    found = {"step": seconds(step, comm), "reduce": {}}
    for length in LENGTHS:
        sent, received = np.ones(length // 4, np.float32), np.empty(length // 4, np.float32)
        found["reduce"][length] = seconds(lambda sent=sent, received=received: comm.Allreduce(sent, received), comm)
    if comm.rank == 0:
        print(json.dumps(found))


def measure_two():
    """Start two ranks; return what they measured, or None where MPI is missing."""
    try:
        command = [*mpiexec(2), __file__, "--rank", "--rounds", str(options.rounds), *["--quick"] * options.quick]
    except distributed.DistributedError as error:
        print(f"two processes are not measured: {error}\n")
        return None
    done = subprocess.run(command, env=os.environ | AS_ROOT, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def fit(reduce):
    """Fit the latency (s) and bandwidth (bytes/s) of all-reduces between two, by relative errors."""
    lengths = np.array([float(length) for length in reduce])
    times = np.array([np.median(samples) for samples in reduce.values()])
    per_byte, constant = np.polyfit(lengths, times, 1, w=1 / times)
    return max(constant, 0) / 2, 1 / max(per_byte, 1e-15)


def reduce_seconds(length, ranks, latency, bandwidth):
    """Predict the time of an all-reduce."""
    return 2 * math.log2(ranks) * latency + 2 * (ranks - 1) / ranks * length / bandwidth


def speed_up(work, length, ranks, latency, bandwidth, *, overlap):
    """Predict how much faster a step is that takes one rank `work` seconds."""
    waiting, share = reduce_seconds(length, ranks, latency, bandwidth), work / ranks
    if overlap:
        waiting = max(waiting - BACKWARD * share, reduce_seconds(min(length, BUCKET), ranks, latency, bandwidth))
    return work / (share + waiting)


def predict(work, length, ranks, gigabits, overlap):
    """Predict the same on a network of this many Gbit/s."""
    return speed_up(work, length, ranks, options.latency * 1e-6, gigabits * 1e9 / 8, overlap=overlap)


def draw(report, path):
    """Draw the speed-ups, with and without overlap."""
    with plotting.on_figure(None, (9.0, 4.0)) as figure:
        for axes, (name, work, length) in zip(figure.subplots(1, 2, sharey=True), cases, strict=True):
            axes.plot(RANKS, RANKS, color="#999999", linewidth=0.8, label="linear")
            for gigabits, color in zip(GIGABITS, ("#d55e00", "#0072b2", "#333333"), strict=True):
                for overlap in (True, False):
                    label = f"{gigabits} Gbit/s{'' if overlap else ', no overlap'}"
                    predicted = [predict(work, length, p, gigabits, overlap) for p in RANKS]
                    axes.plot(RANKS, predicted, color=color, linestyle="-" if overlap else ":", label=label)
            axes.set_title(f"{name}: {work:.3g} s, {length / 1e6:.1f} MB", loc="left", fontsize=9)
            axes.set_xlabel("ranks")
            axes.set_xscale("log", base=2)
            axes.set_yscale("log", base=2)
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(lambda x, _: f"{x:g}")
        figure.axes[0].set_ylabel("speed-up, predicted")
        figure.axes[0].legend(fontsize=7)
        charts.head(figure, report)
    plotting.save(figure, path)


if options.rank:
    measure_as_rank()
    raise SystemExit

report = benchmark.Report(
    "scaling", "Data-parallel steps on this machine, and speed-ups predicted", [Ours.name], "ms", options.threads,
    options.rounds,
)  # fmt: skip
step, length = lenet_step(distributed.Alone())
one = seconds(step, distributed.Alone())
report.add(f"LeNet-5 step, {BATCH} images, 1 process", {Ours.name: one})
if (two := measure_two()) is not None:
    report.add(f"LeNet-5 step, {BATCH} images each, 2 processes", {Ours.name: two["step"]})
    for size, samples in two["reduce"].items():
        report.add(f"all-reduce of {int(size):,} bytes, 2 processes", {Ours.name: samples})
    latency, bandwidth = fit(two["reduce"])
    predicted = speed_up(2 * np.median(one), length, 2, latency, bandwidth, overlap=True)
    measured = 2 * np.median(one) / np.median(two["step"])
    print(
        f"\nall-reduces between two processes here: {1e6 * latency:.1f} µs, and {bandwidth / 1e9:.2f} GB/s; the model "
        f"predicts a speed-up of {predicted:.2f} for LeNet-5, and {measured:.2f} was measured"
    )
vgg = seconds(training_steps(VGG, BATCH, [Ours])[Ours.name], distributed.Alone())
report.add(f"VGG-like step, {BATCH} images, 1 process", {Ours.name: vgg})
weights, *_ = VGG.draw(1)
multiply_adds = sum(weights[f"{name}.weight"].size * positions for name, positions in VGG_POSITIONS.items())
rate = np.median(vgg) / (BATCH * multiply_adds)
cases = [
    ("LeNet-5", float(np.median(one)) * GLOBAL_BATCH / BATCH, length),
    ("ResNet-18's size", GLOBAL_BATCH * RESNET18["multiply_adds"] * rate, 4 * RESNET18["parameters"]),
]
for name, work, size in cases:
    for gigabits in GIGABITS:
        few, many = (
            [f"{predict(work, size, ranks, gigabits, overlap):.0f}" for overlap in (True, False)]
            for ranks in (16, 1024)
        )
        print(
            f"{name}, {gigabits} Gbit/s: 16 ranks {few[0]} (not overlapped {few[1]}), 1,024 ranks {many[0]} ({many[1]})"
        )
if options.out:
    report.save(options.out, draw)
