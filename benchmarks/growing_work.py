"""Does the cost grow as the work does: with the batch, the image, the channels, and the threads?

The time of a 3×3 convolution, forward and backward, is divided by its multiply-adds, one of them changed at a time from
32 images of 16 channels and 16×16 pixels. Where that quotient stays level, cost grows as the work does; where it falls,
a fixed cost is spread over more work, and where it rises, something outgrows a cache. Threads are varied only if this
version of the package has them.
"""

from __future__ import annotations

import script

options = script.start(script.parser(__doc__, rounds=20))

import os

import autograd_cnn as ac
from autograd_cnn.experiments import comparison as benchmark
from autograd_cnn.experiments.comparison import charts
from autograd_cnn.experiments.comparison.questions import conv_case, names, rivals, title

USUAL = {"images": 32, "pixels a side": 16, "channels": 16}
AXES = {
    "images": [1, 8] if options.quick else [1, 2, 4, 8, 16, 32, 64, 128, 256],
    "pixels a side": [4, 8] if options.quick else [8, 16, 32, 64, 128],
    "channels": [4, 8] if options.quick else [4, 8, 16, 32, 64, 128],
}
CORES = os.cpu_count() or 1
THREADS = [n for n in (1, 2, 4, 8, 16, 32, 64) if n <= CORES]


def measure(setting: dict[str, int]) -> dict[str, list[float]]:
    """Return each framework's seconds per multiply-add."""
    images, side, channels = (setting[axis] for axis in ("images", "pixels a side", "channels"))
    conv = conv_case((images, channels, side, side), channels, 3, padding=1)
    x, params = conv.draw()

    def forward_and_backward(framework):
        forward, backward = framework.op(conv.call, x, params, [])
        return lambda: (forward(), backward())

    calls = {framework.name: forward_and_backward(framework) for framework in frameworks}
    work = 3 * conv.multiply_adds  # forward, to the images, to the weight
    seconds = benchmark.interleaved(calls, rounds=options.rounds)
    return {name: [s / work for s in seconds[name]] for name in seconds}


def panel(axis: str, values: list[int]) -> charts.Panel:
    """Draw the rows just added."""
    rows = report.rows[-len(values) :]
    curves = {name: (values, [row.median(name) for row in rows]) for name in report.rivals}
    return charts.Panel("", axis, "ps a multiply-add", curves, log=True)


frameworks = rivals(options.threads)
subject = title("Time of a multiply-add in a convolution", frameworks)
report = benchmark.Report("growing_work", subject, names(frameworks), "ps", options.threads, options.rounds)
panels = []
for axis, values in AXES.items():
    for value in values:
        report.add(f"{axis}: {value}", measure(USUAL | {axis: value}))
    panels.append(panel(axis, values))
if hasattr(ac, "set_num_threads"):
    for threads in THREADS:
        for framework in frameworks:
            framework.use_threads(threads)
        report.add(f"threads: {threads}", measure(USUAL | {"images": 256}))
    panels.append(panel("threads", THREADS))
if options.out:
    report.save(options.out, lambda report, path: charts.curves(report, panels, path))
