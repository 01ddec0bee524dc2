"""How fast are small programs, where each op takes longer to call than to compute?

The ten programs of `tests/programs` are run as they are and, from the same source, with the names that they import
bound to HIPS autograd's or PyTorch's. Run it in the folder of the repository: `tests` is not installed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import script

parser = script.parser(__doc__, rounds=7)
parser.add_argument("--programs", nargs="+", metavar="NAME", help="which of them (default: all)")
options = script.start(parser)

sys.path.insert(0, str(Path(__file__).parent.parent))

import importlib.metadata
import importlib.util
import warnings

from autograd_cnn.experiments import comparison as benchmark
from tests.programs import frameworks

RIVALS = {
    **dict.fromkeys(frameworks.IN_NUMPY, ("HIPS autograd", "autograd", frameworks.hips_autograd)),
    **dict.fromkeys(frameworks.IN_PYTORCH, ("PyTorch", "torch", frameworks.pytorch)),
}

warnings.simplefilter("ignore")  # PyTorch warns of cycles that `create_graph` makes
programs = options.programs or (["newton"] if options.quick else list(RIVALS))
heading = "Time of small programs"
report = benchmark.Report("small_programs", heading, ["theirs", "ours"], "ms", options.threads, options.rounds)
for name in programs:
    rival, package, names = RIVALS[name]
    case, runs = name, {"ours": frameworks.load(name).run}
    if importlib.util.find_spec(package):
        case = f"{name}, {rival} {importlib.metadata.version(package)}"
        runs["theirs"] = frameworks.load(name, **names()).run
    report.add(case, benchmark.interleaved(runs, rounds=options.rounds))
if options.out:
    report.save(options.out)
