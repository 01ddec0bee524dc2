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

README = Path(__file__).parents[1] / "README.md"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
COMMANDS = [
    line for language, block in BLOCKS if language == "sh" for line in block.splitlines() if "autograd_cnn" in line
]


def section(title):
    """Give the first code block under a heading."""
    text = README.read_text(encoding="utf-8").partition(f"\n## {title}\n")[2]
    return re.search(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL).group(1).splitlines()


#: What some blocks need that the package does not: they are left out where it is not installed.
EXTRAS = {"torch": "import torch", "onnx": "export_onnx"}


def test_the_python_blocks_run_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some write files
    namespace = {"__name__": "readme"}
    blocks = [block for language, block in BLOCKS if language == "python"]
    assert len(blocks) >= 3
    assert all(any(sign in block for block in blocks) for sign in EXTRAS.values())
    missing = [sign for extra, sign in EXTRAS.items() if not importlib.util.find_spec(extra)]
    for block in blocks:
        if not any(sign in block for sign in missing):
            exec(compile(block, str(README), "exec"), namespace)
    assert namespace["ac"].gradcheck(namespace["swish"], [0.5, -1.0])


def test_the_commands_run_in_order(tmp_path):
    assert len(COMMANDS) >= 5
    for line in COMMANDS:
        words = shlex.split(line, comments=True)
        assert words[0] == "python"
        if "export-onnx" in words and not importlib.util.find_spec("onnx"):
            continue
        if "mnist" not in words or "AUTOGRAD_CNN_DATA" in os.environ:
            done = subprocess.run(
                [sys.executable, *words[1:]], cwd=tmp_path, capture_output=True, text=True, timeout=300
            )
            assert done.returncode == 0, f"{line}\n{done.stderr}"


@pytest.mark.parametrize("title", ["Quick start", "Tests"])
def test_two_lines_install_and_do_it(title):
    lines = section(title)
    assert len(lines) == 2
    assert lines[0].startswith("pip install ")


def test_links_and_pictures_exist():
    for target in re.findall(r"\]\(([^)#:]+)\)", README.read_text(encoding="utf-8")):
        assert (README.parent / target).exists(), target


ENGINE = ["tensor.py", "graph.py", "backpropagation.py", "primitive.py", "modes.py"]
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
