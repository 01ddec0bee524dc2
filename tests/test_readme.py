"""The README's code blocks, run as they stand: the Python in one session, the commands in one folder."""

import ast
import importlib.util
import io
import os
import re
import shlex
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

import autograd_cnn as ac
from tests import readme_numbers

README = Path(__file__).parents[1] / "README.md"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def section(title):
    """Give the first code block under a heading."""
    text = README.read_text(encoding="utf-8").partition(f"\n## {title}\n")[2]
    return re.search(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL).group(1).splitlines()


#: What some blocks and commands need that the package does not: they are left out where it is not installed.
EXTRAS = {"torch": ("import torch",), "onnx": ("export_onnx", "export-onnx")}


def can_run(text):
    """Whether all that a block or a command needs is installed."""
    return not any(
        sign in text for extra, signs in EXTRAS.items() for sign in signs if not importlib.util.find_spec(extra)
    )


def test_the_blocks_run_in_order(tmp_path, monkeypatch, capsys):
    """In one folder, and the Python in one session, but for a block that is a file by its first line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    namespace = {"__name__": "readme"}
    said = {}
    for language, block in BLOCKS:
        if found := re.match(r"# (\w+\.py)\n", block):
            (tmp_path / found[1]).write_text(block)
        elif language == "python" and can_run(block):
            exec(compile(block, str(README), "exec"), namespace)
        elif language == "sh":
            said |= {line: command(line) for line in block.splitlines() if "autograd_cnn" in line}
    assert len(said) >= 10
    assert namespace["ac"].gradcheck(namespace["swish"], [0.5, -1.0])
    check_the_claim("digits", said["python -m autograd_cnn train"])
    claimed, found = (
        float(re.search(r"(\d+)% of 360 digits right", text)[1])
        for text in (README.read_text(encoding="utf-8"), capsys.readouterr().out)
    )
    assert abs(claimed - found) <= 1


def command(line):
    """Run a command, and return what it prints; nothing where it needs MNIST, and that is not here."""
    words = shlex.split(line, comments=True)
    assert words[0] == "python"
    if not can_run(line) or ("mnist" in words and "AUTOGRAD_CNN_DATA" not in os.environ):
        return ""
    done = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"{line}\n{done.stderr}"
    return done.stdout


def check_the_claim(name, printed):
    """See that the README tells of the accuracy that a run has, but for a few images that rounding decides."""
    claimed = float(re.search(r"\| ([\d.]+) ?% of ", readme_numbers.current_row(name))[1])
    found = float(re.search(r"test accuracy ([\d.]+)%", printed)[1])
    assert abs(claimed - found) < 1, "python -m tests.readme_numbers --out DIR --write"


def test_the_model_in_15_lines_has_15():
    text = README.read_text(encoding="utf-8").partition("\n## A model in 15 lines\n")[2]
    block = re.search(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[1]
    assert len([line for line in block.splitlines() if line]) == 15


def test_it_is_cited_by_the_version_that_it_has():
    text = README.read_text(encoding="utf-8").partition("\n## How to cite\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"\d+\.\d+\.\d+", text)) == {ac.__version__}


def test_every_block_of_use_it_is_short():
    text = README.read_text(encoding="utf-8").partition("\n## Use it\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```\w+\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 6
    assert max(block.count("\n") for block in blocks) <= 10


@pytest.mark.parametrize("title", ["Quick start", "Tests"])
def test_two_lines_install_and_do_it(title):
    lines = section(title)
    assert len(lines) == 2
    assert lines[0].startswith("pip install ")


def test_links_and_pictures_exist():
    for target in re.findall(r"\]\(([^)#:]+)\)", README.read_text(encoding="utf-8")):
        assert (README.parent / target).exists(), target


ENGINE = [
    *("variable.py", "rules.py", "graph.py", "backpropagation.py", "primitive.py", "modes.py", "tensor.py"),
    "plain_values.py",
]
NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def code_lines(path):
    """Return how many lines of a file hold code: no docstrings, comments and blank lines."""
    source = path.read_text(encoding="utf-8")
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    code = {n for t in tokens if t.type not in NO_CODE for n in range(t.start[0], t.end[0] + 1)}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            code -= set(range(node.lineno, node.end_lineno + 1))
    return len(code)


def test_the_engine_is_as_short_as_claimed():
    claim = re.search(r"Together they have fewer than ([\d,]+) lines\s+of\s+code", README.read_text(encoding="utf-8"))
    assert sum(code_lines(README.parent / "autograd_cnn" / name) for name in ENGINE) < int(claim[1].replace(",", ""))
