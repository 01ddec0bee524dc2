"""How long does `import autograd_cnn` take, compared with `import numpy`, which is part of it?

Each import happens in a fresh interpreter, which times the one statement; its own start is not counted. The two take
turns, after imports that are not counted, so that for both the files are in the system's cache and compiled, into a
separate folder whatever the environment says about bytecode.
"""

from __future__ import annotations

import script

options = script.start(script.parser(__doc__, rounds=30))

import os
import subprocess
import sys
import tempfile

from autograd_cnn.experiments import comparison as benchmark

PROGRAM = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"


def import_seconds(package: str, bytecode: str) -> float:
    """Time an import in a process of its own, which keeps and finds bytecode in a folder."""
    program = [sys.executable, "-X", f"pycache_prefix={bytecode}", "-c", PROGRAM.format(package)]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return float(subprocess.run(program, stdout=subprocess.PIPE, check=True, env=environment).stdout)


packages = ["numpy", "autograd_cnn"]
report = benchmark.Report(
    "importing", "Time of an import, beside numpy's", packages, "ms", options.threads, options.rounds
)
with tempfile.TemporaryDirectory() as bytecode:
    turns = [{package: import_seconds(package, bytecode) for package in packages} for _ in range(options.rounds + 1)]
report.add("import", {package: [turn[package] for turn in turns[1:]] for package in packages})
if options.out:
    report.save(options.out)
