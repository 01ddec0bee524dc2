"""The wheel and the source archive: what is in them, how large they are, and that what is installed works."""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Bytes of the wheel. Its code has 336 kB, the docstrings 135, the digits 45, the page 25, and the names and digests of
# 262 files 50.
LARGEST = 605_000
LARGEST_SOURCE = 1_600_000


def build(*arguments):
    """Run a module of Python that builds; it fetches what it takes from the package index."""
    done = subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True, timeout=300, check=False)
    if "No matching distribution found for hatchling" in done.stdout + done.stderr:
        pytest.skip("the package index, which has what builds a wheel, cannot be reached")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build("pip", "wheel", "--no-deps", "--wheel-dir", folder, ROOT)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def archive_and_its_wheel(tmp_path_factory):
    """The source archive, and the wheel that is built from nothing but it."""
    pytest.importorskip("build")
    folder = tmp_path_factory.mktemp("source")
    build("build", "--outdir", folder, ROOT)
    return (*folder.glob("*.tar.gz"), *folder.glob("*.whl"))


def files_under(*folders):
    """Name the files that belong to the project, leaving out what Python, tools and runs leave there."""
    left = {"__pycache__", ".hypothesis", ".ipynb_checkpoints", "runs"}
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    return {path.relative_to(ROOT).as_posix() for path in paths if not left & set(path.parts)}


def test_it_holds_the_package_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        assert any(name.endswith("licenses/LICENSE") for name in archive.namelist())
    assert names == files_under("autograd_cnn")
    assert {"autograd_cnn/data/digits.npz", "autograd_cnn/play/page/index.html", "autograd_cnn/py.typed"} <= names


def test_it_is_small(wheel):
    assert wheel.stat().st_size < LARGEST


def test_the_source_archive_holds_what_it_takes_to_work_on_it(archive_and_its_wheel):
    archive, _ = archive_and_its_wheel
    with tarfile.open(archive) as opened:
        names = {member.name.partition("/")[2] for member in opened.getmembers() if member.isfile()}
    folders = files_under("autograd_cnn", "tests", "benchmarks", "notebooks", ".github/pictures")
    alone = {"README.md", "CONTRIBUTING.md", "LICENSE", "pyproject.toml"}
    assert names == folders | alone | {".gitignore", "PKG-INFO"}
    assert archive.stat().st_size < LARGEST_SOURCE
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert pictures
    assert set(pictures) <= names


def test_a_wheel_built_from_the_source_archive_is_the_same(wheel, archive_and_its_wheel):
    _, other = archive_and_its_wheel
    assert other.read_bytes() == wheel.read_bytes()


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
