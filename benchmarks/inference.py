"""How long does LeNet-5 take to classify images, compared with PyTorch?

The forward pass alone, in the same process, from the same weights: on plain arrays here, under `inference_mode` in
PyTorch. The logits are compared first.
"""

from __future__ import annotations

import script

parser = script.parser(__doc__, rounds=100)
parser.add_argument("--batch-size", type=script.positive, nargs="+", default=[1, 256], metavar="N", help="batch sizes")
options = script.start(parser)

from autograd_cnn.experiments import comparison as benchmark
from autograd_cnn.experiments.comparison.questions import rivals

report = benchmark.inference(
    options.batch_size, rivals(options.threads), threads=options.threads, rounds=options.rounds
)
if options.out:
    report.save(options.out)
