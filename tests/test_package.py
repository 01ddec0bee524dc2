"""What importing the package costs and offers."""

import subprocess
import sys
from pathlib import Path

import autograd_cnn as ac


def test_import_pulls_in_numpy_alone():
    code = """
import sys
import numpy
before = set(sys.modules)
import autograd_cnn
print(*sorted({m.partition(".")[0] for m in set(sys.modules) - before} - sys.stdlib_module_names))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {"autograd_cnn", "numpy"}


def test_every_public_name_exists_and_is_documented():
    for name in ac.__all__:
        assert getattr(ac, name).__doc__, name


def test_layers_import_one_way():
    """Keep the flow cli → runs → training → models → tensor → ops → primitive → graph → modes, kernels below all."""
    package = Path(ac.__file__).parent
    above = (
        "transforms", "gradient_checkpoint", "anomaly", "inspection", "layers", "composition", "models", "training",
        "runs", "benchmark", "reproductions",
    )  # fmt: skip
    for name in ("modes", "graph", "primitive", "tensor"):
        text = (package / f"{name}.py").read_text(encoding="utf-8")
        for other in above:
            assert f"autograd_cnn.{other}" not in text, f"{name}.py imports {other}"
    forbidden = {
        "kernels": ("autograd_cnn.ops", "autograd_cnn.tensor", "autograd_cnn.graph", "autograd_cnn.primitive"),
        "ops": ("autograd_cnn.tensor", "autograd_cnn.models", "autograd_cnn.training"),
        "models": ("autograd_cnn.training", "autograd_cnn.runs", "autograd_cnn.cli"),
        "data": ("autograd_cnn.training", "autograd_cnn.tensor", "autograd_cnn.ops"),
    }
    for name in ("layers", "composition", "initialization", "optim"):
        text = (package / f"{name}.py").read_text(encoding="utf-8")
        for other in ("models", "training", "runs", "cli"):
            assert f"autograd_cnn.{other}" not in text, f"{name}.py imports {other}"
    for folder, others in forbidden.items():
        for path in (package / folder).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            for other in others:
                assert f"from {other}" not in text, f"{path} imports {other}"
