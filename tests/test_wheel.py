"""The wheel: what is in it, how large it is, and that it works where it is installed."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LARGEST = 650_000  # bytes


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder, ROOT]
    built = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if "No matching distribution found for hatchling" in built.stderr:
        pytest.skip("the package index, which has what builds a wheel, cannot be reached")
    assert built.returncode == 0, built.stderr
    (found,) = folder.glob("*.whl")
    return found


def test_it_holds_the_package_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        assert any(name.endswith("licenses/LICENSE") for name in archive.namelist())
    package = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "autograd_cnn").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names == package
    assert {"autograd_cnn/data/digits.npz", "autograd_cnn/play/page/index.html", "autograd_cnn/py.typed"} <= names


def test_it_is_small(wheel):
    assert wheel.stat().st_size < LARGEST


def test_it_trains_where_it_is_installed(wheel, tmp_path):
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--target", tmp_path / "site", wheel]
    subprocess.run(command, capture_output=True, timeout=300, check=True)
    alone = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
    program = (
        "import pathlib, sys, autograd_cnn; from autograd_cnn.cli import main;"
        f"assert pathlib.Path(autograd_cnn.__file__).is_relative_to({str(tmp_path)!r});"
        "sys.exit(main(['train', '--model', 'mlp', '--epochs', '1', '--out', 'run']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=alone,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run/weights.safetensors").exists()
