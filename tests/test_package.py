"""What importing the package costs and offers."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

import autograd_cnn as ac

PACKAGE = Path(ac.__file__).parent


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


def test_import_leaves_slow_modules_of_the_standard_library_alone():
    code = """
import sys
import numpy
before = set(sys.modules)
import autograd_cnn
print(*set(sys.modules) - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    slow = {"argparse", "asyncio", "concurrent.futures", "email", "http", "json", "logging", "pathlib", "urllib.parse"}
    assert not slow.intersection(done.stdout.split())


def test_rooms_are_there_after_the_import_alone():
    code = "import autograd_cnn as ac; print(*(f.__name__ for f in (ac.training.fit, ac.load_model, ac.data.Dataset)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["fit", "load_model", "Dataset"]


def test_every_public_name_exists_and_is_documented():
    for name in ac.__all__:
        assert getattr(ac, name).__doc__, name


#: The rooms of the package and the files at its entrance, from the ground up: each imports from those before it alone.
FLOORS = [
    "starting", "modes", "kernels", "recording", "variable", "rules", "graph", "backpropagation", "calls", "primitive",
    "ops", "plain_values", "tensor", "reference", "output", "plotting", "transforms", "nn", "optim", "distributed",
    "data", "models", "inspection", "onnx", "testing", "training", "play", "experiments", "cli", "__main__",
]  # fmt: skip


def imports(path):
    """Return the modules of the package that a file imports, in whatever spelling, each with its line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            here = path.relative_to(PACKAGE.parent).with_suffix("").parts
            start = [*here[: len(here) - node.level]] if node.level else []
            module = ".".join([*start, *([node.module] if node.module else [])])
            # Of `from package.room import name`, the name may be a module as well.
            found = [f"{module}.{alias.name}" for alias in node.names]
            found += [module] * (module != PACKAGE.name)
        else:
            continue
        for name in found:
            if name.partition(".")[0] == PACKAGE.name:
                yield name, node.lineno


def test_imports_go_one_way():
    for path in PACKAGE.rglob("*.py"):
        here = path.relative_to(PACKAGE).with_suffix("").parts[0]
        if here == "__init__":
            continue
        assert here in FLOORS, f"{here} has no floor"
        for module, line in imports(path):
            room = module.split(".")[1:2] or ["training"]  # the package itself: whatever a user's program has
            assert room[0] not in FLOORS[FLOORS.index(here) + 1 :], (
                f"{path.relative_to(PACKAGE)}:{line} imports {module}, which is above it"
            )


@pytest.mark.parametrize(
    "line",
    [
        "from autograd_cnn import training",
        "from autograd_cnn import models, training as t",
        "import autograd_cnn.training.loop",
        "from autograd_cnn.training.loop import fit",
        "from ..training import fit",
        "def f():\n    from autograd_cnn.cli import main",
    ],
)
def test_no_spelling_of_an_import_is_missed(line, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path / "autograd_cnn")
    file = tmp_path / "autograd_cnn" / "ops" / "new.py"
    file.parent.mkdir(parents=True)
    file.write_text(line)
    with pytest.raises(AssertionError, match="which is above it"):
        test_imports_go_one_way()


def test_no_files_import_each_other_in_a_circle():
    files = {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
        for path in PACKAGE.rglob("*.py")
    }
    uses = {name: {m for m, _ in imports(path) if m in files} - {name} for name, path in files.items()}
    packages = {name for name, path in files.items() if path.name == "__init__.py"}
    graph = {name: others - packages for name, others in uses.items() if name not in packages}
    graphlib.TopologicalSorter(graph).prepare()  # a CycleError tells the circle


def test_a_circle_of_two_files_is_seen_however_they_import_each_other(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path / "autograd_cnn")
    room = tmp_path / "autograd_cnn" / "ops"
    room.mkdir(parents=True)
    for name, line in (("__init__", ""), ("a", "from autograd_cnn.ops import b"), ("b", "from .a import f")):
        (room / f"{name}.py").write_text(line)
    with pytest.raises(graphlib.CycleError):
        test_no_files_import_each_other_in_a_circle()
