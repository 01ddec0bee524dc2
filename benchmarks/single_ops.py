"""How long do single ops take, forward and backward, compared with PyTorch, and how near do they come to the peak?

Forward is timed with a graph recorded, as in training; backward is timed alone, to all inputs, on a graph kept for the
purpose. Each framework gets images in the memory order that its own ops leave them in, PyTorch (N, C, H, W) and this
package with the batch innermost; but images of up to three channels come as data sets hold them. Values and gradients
are compared first.

The peak is what NumPy reaches in a large float32 matrix product, in the same process. PyTorch brings a matrix product
of its own, and can exceed it.
"""

from __future__ import annotations

import script

options = script.start(script.parser(__doc__))

from autograd_cnn.experiments import comparison as benchmark
from autograd_cnn.experiments.comparison.questions import op_cases, rivals

report = benchmark.single_ops(
    op_cases(options.quick), rivals(options.threads), threads=options.threads, rounds=options.rounds
)
if options.out:
    report.save(options.out)
