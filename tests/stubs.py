"""Write `autograd_cnn/ops/__init__.pyi`: the ops as type checkers and editors see them.

    python -m tests.stubs

An op returns a Tensor if it is given one, and an array if it is given arrays alone; so each is overloaded by its
inputs. What an input is, the op knows itself; the rest of a signature is taken from the source.
"""

import inspect
import subprocess
import sys
from pathlib import Path

from autograd_cnn import ops
from autograd_cnn.primitive import Primitive

PATH = Path(ops.__file__).with_suffix(".pyi")
HEAD = '''"""The ops, as type checkers see them: with a Tensor among its inputs an op returns a Tensor, else an array.

Written by `python -m tests.stubs` from the ops' own signatures; editors take the docstrings from the source.
"""

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from autograd_cnn.ops import linalg as linalg
from autograd_cnn.tensor import Tensor

Array: TypeAlias = NDArray[Any]
Arrays: TypeAlias = Array | np.number[Any] | np.bool_ | float | list[Any] | tuple[Any, ...]
Tensors: TypeAlias = Tensor | list[Tensor] | tuple[Tensor, ...]
Axis: TypeAlias = int | tuple[int, ...] | None
PairLike: TypeAlias = int | tuple[int, int]
Reduction: TypeAlias = Literal["mean", "sum", "none"]
'''
#: Parameters that are no arrays to differentiate by, though any value may be given.
OPTIONS = {"dtype": "DTypeLike", "index": "Any", "indices": "Any", "pad_width": "Any", "p": "float"}
OF_ONE_OF = {"reduction": "Reduction", "approximate": 'Literal["none", "tanh"]'}
EMPTY = inspect.Parameter.empty


def render():
    """Return the stub."""
    names = sorted(ops.__all__)
    parts = [HEAD, *(op_stub(name, getattr(ops, name)) for name in names)]
    parts.append("__all__ = [\n" + "".join(f'    "{name}",\n' for name in names) + "]\n")
    formatted = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--stdin-filename", PATH.name, "-"],
        input="\n".join(parts), capture_output=True, text=True, check=True, cwd=PATH.parents[2],
    )  # fmt: skip
    return formatted.stdout


def op_stub(name, op):
    """Return the overloads of one op."""
    parameters = [*inspect.signature(op).parameters.values()]
    result = str(inspect.signature(op).return_annotation)
    if not isinstance(op, Primitive) and result == "Array":
        return definition(name, parameters, {p.name: "Arrays | Tensors" for p in inputs(parameters)}, result)
    several = "list[{}]" if "list" in result else "{}"
    arrays = inputs(parameters)
    overloads = []
    for i, chosen in enumerate(arrays):
        if chosen.default is not EMPTY and any(p.default is not EMPTY for p in parameters[: parameters.index(chosen)]):
            break  # it is given by name, after others that may be left out
        kinds = {p.name: "Arrays" for p in arrays[:i]} | {chosen.name: "Tensors"}
        kinds |= {p.name: "Arrays | Tensors" for p in arrays[i + 1 :]}
        overloads.append(definition(name, parameters, kinds, several.format("Tensor"), chosen.name))
    overloads.append(definition(name, parameters, {p.name: "Arrays" for p in arrays}, several.format("Array")))
    if any(p.kind is p.VAR_POSITIONAL or "Sequence[Any]" in str(p.annotation) for p in arrays):
        overloads.append(definition(name, parameters, {p.name: "Any" for p in arrays}, "Any"))
    return "".join(f"@overload\n{text}\n" for text in overloads)


def inputs(parameters):
    """Return the parameters that take arrays."""
    return [p for p in parameters if p.annotation in ("Any", "Sequence[Any]") and p.name not in OPTIONS]


def definition(name, parameters, kinds, result, given=None):
    """Return a function with these kinds of inputs; `given` names one that may not be left out."""
    shown = []
    for p in parameters:
        kind = kinds.get(p.name) or OPTIONS.get(p.name) or OF_ONE_OF.get(p.name) or str(p.annotation)
        if p.annotation == "Sequence[Any]" and kind != "Any":
            kind = {"Tensors": "Sequence[Tensor]", "Arrays": "Sequence[Array]"}[kind]
        elif p.default is None and p.name in kinds and p.name != given:
            kind += " | None"
        default = "" if p.default is EMPTY or p.name == given else f" = {p.default!r}"
        shown.append(f"{'*' if p.kind is p.VAR_POSITIONAL else ''}{p.name}: {kind}{default}")
    return f"def {name}({', '.join(shown)}) -> {result}: ...\n"


if __name__ == "__main__":
    PATH.write_text(render(), encoding="utf-8")
