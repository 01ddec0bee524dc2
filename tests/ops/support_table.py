"""The README's table of ops, made from the registry and the tests that name each op.

    python -m tests.ops.support_table           print it
    python -m tests.ops.support_table --write   put it into the README

`test_support_table.py` holds the README to it.
"""

import ast
import inspect
import sys
from pathlib import Path

from autograd_cnn import ops
from autograd_cnn.primitive import Primitive

HERE = Path(__file__).parent
README = HERE.parents[1] / "README.md"
BEGIN, END = "<!-- ops: begin -->\n", "<!-- ops: end -->"


def named_in(path):
    """Give the ops that a test module names: as `ac.NAME`, `ac.ops.NAME` or in a list of names."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("ac", "ac.ops"):
            names.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names.add(node.value)
    return names & set(ops.__all__)


def gradient(op):
    """Tell by which inputs an op differentiates."""
    if not isinstance(op, Primitive):
        return "composed"
    inputs = [name for name in inspect.signature(op.forward).parameters if name in op.rules]
    return ", ".join(inputs) if op.differentiable else "none: piecewise constant"


def table():
    proven, torch, onnx = (
        named_in(path) for path in (HERE / "properties.py", HERE / "test_pytorch.py", HERE.parent / "onnx_adapter.py")
    )
    lines = [
        "| op | forward | gradient in | finite differences | second order | definition | PyTorch | ONNX | dtypes |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name in sorted(ops.__all__, key=lambda n: (module_of(n), n)):
        op, module = getattr(ops, name), module_of(name)
        smooth = not isinstance(op, Primitive) or op.differentiable
        cells = [
            f"`{name}`",
            f"[{module}](autograd_cnn/ops/{module}.py)",
            gradient(op),
            *(mark(name in names) for names in (*[proven if smooth else set()] * 2, proven, torch, onnx)),
            "float32, float64" if smooth else "all",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def module_of(name):
    op = getattr(ops, name)
    return inspect.getmodule(op.forward if isinstance(op, Primitive) else op).__name__.rpartition(".")[2]


def mark(holds):
    return "✓" if holds else ""


def split_readme():
    """Give the README's text before the table, the table, and the text after."""
    before, begin, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    inside, end, after = rest.partition(END)
    return before + begin, inside, end + after


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        head, _, tail = split_readme()
        README.write_text(head + table() + tail, encoding="utf-8")
    else:
        print(table(), end="")
