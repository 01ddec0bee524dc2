"""The README's table of ops, made from the registry and from checks that ran: see `record.py`.

    python -m tests.ops.support_table           print it
    python -m tests.ops.support_table --write   put it into the README

Where PyTorch or ONNX is not installed, their columns stay as the README has them. `test_support_table.py` compares the
README with the table.
"""

import importlib
import inspect
import sys
from pathlib import Path

import pytest

import tests.conftest  # noqa: F401 -- the profile of the checks' draws
from autograd_cnn.ops import numpy_protocol
from autograd_cnn.primitive import Primitive, registry
from tests.ops import record

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- ops: begin -->\n", "<!-- ops: end -->"
CHECKS = (record.FIRST, record.SECOND, record.DEFINITION)
ORACLES = ("PyTorch", "its samples", "ONNX")
INDICES = {"argmax", "argmin", "argsort"}
HEADER = ("op", "NumPy", "forward", "gradient in", *CHECKS, *ORACLES, "dtypes")


def numpy_names(name):
    """Return the NumPy functions that call this op when given a Tensor."""
    return ", ".join(f"`{function}`" for function in numpy_protocol.names().get(name.rpartition(".")[2], []))


def arguments(op):
    return [*inspect.signature(op).parameters]


def gradient(op):
    """Return the inputs that an op has gradients in."""
    if op.__name__ in INDICES:
        return "none: indices"
    op = registry.get(op.__name__, op) if arguments(op) == arguments(registry.get(op.__name__, op)) else op
    if not isinstance(op, Primitive):
        return "composed"
    inputs = [name for name in inspect.signature(op.forward).parameters if name in op.rules]
    return ", ".join(inputs) if op.differentiable else "none: piecewise constant"


def table(ticks):
    """Make the table, from the ops that have a tick in each column."""
    lines = [row(HEADER), row(["---"] * len(HEADER)).replace(" ", "")]
    for name, op in sorted(record.public().items(), key=lambda item: (module_of(item[1]), item[0])):
        module = module_of(op)
        lines.append(
            row([
                f"`{name}`",
                numpy_names(name),
                f"[{module}](autograd_cnn/ops/{module}.py)",
                gradient(op),
                *("✓" if name in ticks[column] else "" for column in (*CHECKS, *ORACLES)),
                "all" if gradient(op).startswith("none") else "float32, float64",
            ])
        )  # fmt: skip
    return "\n".join(lines) + "\n"


def row(cells):
    return f"| {' | '.join(cells)} |"


def module_of(op):
    return inspect.getmodule(op.forward if isinstance(op, Primitive) else op).__name__.rpartition(".")[2]


def by_column(ticks):
    """Return the ops that a record of the properties ticks in each of its columns."""
    return {column: {op for op, checks in ticks.items() if column in checks} for column in CHECKS}


def split_readme():
    """Return the README's text before the table, the table, and the text after."""
    before, begin, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    inside, end, after = rest.partition(END)
    return before + begin, inside, end + after


def ticked(column):
    """Return the ops that the README ticks in a column."""
    header, _, *rows = [[cell.strip() for cell in line.split("|")] for line in split_readme()[1].splitlines()]
    if column not in header:
        return set()
    return {cells[1].strip("`") for cells in rows if cells[header.index(column)]}


def oracle(module, run):
    """Return the result of `run` for a module of tests; None where its oracle is not installed."""
    try:
        return run(importlib.import_module(module))
    except pytest.skip.Exception:
        return None


def ticks():
    """Run the checks, and return the ops that each column ticks."""
    asked = {
        "PyTorch": oracle("tests.ops.test_pytorch", record.by_pytorch),
        "its samples": oracle("tests.ops.test_pytorch_samples", record.by_pytorch_samples),
        "ONNX": oracle("tests.test_onnx_cases", lambda module: record.by_onnx(module, module.read_cases())),
    }
    kept = {column: ticked(column) if found is None else found for column, found in asked.items()}
    return by_column(record.by_properties()) | kept


if __name__ == "__main__":
    made = table(ticks())
    if sys.argv[1:] == ["--write"]:
        head, _, tail = split_readme()
        README.write_text(head + made + tail, encoding="utf-8")
    else:
        print(made, end="")
