"""How long does `import autograd_cnn` take, beside `import numpy`, which is part of it?

Each import happens in a fresh interpreter, which times the one statement; its own start is not counted. The two take
turns, after imports that are not counted, so that files are in the system's cache for both.
"""

from __future__ import annotations

import script

options = script.start(script.parser(__doc__, rounds=30))

import subprocess
import sys

from autograd_cnn.experiments import comparison as benchmark

PROGRAM = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"


def import_seconds(package: str) -> float:
    """Time an import in a process of its own."""
    program = PROGRAM.format(package)
    return float(subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True).stdout)


packages = ["numpy", "autograd_cnn"]
report = benchmark.Report(
    "importing", "Time of an import, beside numpy's", packages, "ms", options.threads, options.rounds
)
turns = [{package: import_seconds(package) for package in packages} for _ in range(options.rounds + 1)][1:]
report.add("import", {package: [turn[package] for turn in turns] for package in packages})
if options.out:
    report.save(options.out)
