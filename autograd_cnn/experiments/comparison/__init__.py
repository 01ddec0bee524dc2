"""The cost of computations, here and in PyTorch if it is installed.

`python -m autograd_cnn bench` answers the short questions; the scripts in `benchmarks/` answer these and more. All
rivals do the same work on the same numbers, which is checked before anything is timed.
"""

from autograd_cnn.experiments.comparison.frameworks import (
    MOMENTUM,
    Framework,
    Ours,
    PyTorch,
    installed,
    require_agreement,
)
from autograd_cnn.experiments.comparison.networks import LENET5, VGG, Network
from autograd_cnn.experiments.comparison.questions import FILES, inference, run, single_ops, training_step
from autograd_cnn.experiments.comparison.report import Report
from autograd_cnn.experiments.comparison.timing import interleaved, median_ratio

__all__ = [
    "FILES",
    "LENET5",
    "MOMENTUM",
    "VGG",
    "Framework",
    "Network",
    "Ours",
    "PyTorch",
    "Report",
    "inference",
    "installed",
    "interleaved",
    "median_ratio",
    "require_agreement",
    "run",
    "single_ops",
    "training_step",
]
