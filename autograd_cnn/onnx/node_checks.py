"""Check nodes against ONNX's own definitions: attributes, how many inputs, and numbers of which kinds."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from autograd_cnn.onnx.errors import OnnxError, Reason, UnsupportedError, require_onnx

_KINDS = {"bool": "b", "float": "f", "double": "f", "float16": "f", "bfloat16": "f"}
_WORDS = {"b": "booleans", "f": "floating point numbers", "i": "whole numbers"}


def check_node(proto: Any, opset: int, what: str) -> None:
    """Check a node of a file against ONNX: an operator of that version, its attributes, enough inputs and outputs.

    Raises
    ------
    OnnxError
        If the node does not match; `what` is what the error calls it.
    """
    checker = require_onnx().checker
    context = type(checker.DEFAULT_CONTEXT)()
    context.ir_version, context.opset_imports = checker.DEFAULT_CONTEXT.ir_version, {"": opset}
    if proto.domain:  # "ai.onnx" is another name of the empty domain, which the checker does not know
        named, proto = proto, type(proto)()
        proto.CopyFrom(named)
        proto.ClearField("domain")
    try:
        checker.check_node(proto, context)
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise OnnxError(f"{what} is not valid in version {opset} of ONNX's operators: {reason}") from error


def check_inputs(operator: str, opset: int, inputs: Sequence[Any]) -> dict[str, str]:
    """Check that inputs are of the kinds of numbers that an operator takes, and return them by ONNX's names for types.

    Widths are not compared, so that a graph of float32 computes with float64 as well.

    Raises
    ------
    TypeError
        If they are not, or differ where they have to be alike.
    """
    kinds: dict[str, str] = {}
    formal = _formal(operator, opset)[0]
    for i, value in enumerate(inputs):
        if value is None or not formal:
            continue
        allowed, variable = formal[min(i, len(formal) - 1)]  # the last may stand for many
        kind = _kind(value)
        if kind not in allowed:
            raise TypeError(f"input {i} is {_WORDS.get(kind, 'no numbers')}; expected {_either(allowed)}")
        if kinds.setdefault(variable, kind) != kind:
            raise TypeError(f"input {i} is {_WORDS[kind]}, where another is {_WORDS[kinds[variable]]}")
    return kinds


def check_outputs(operator: str, opset: int, kinds: Mapping[str, str], outputs: Sequence[Any]) -> None:
    """Check that outputs are of the kinds that ONNX computes from inputs of these `kinds`.

    Raises
    ------
    UnsupportedError
        If they are not, such as the mean of integers, which is an integer in ONNX.
    """
    for (allowed, variable), value in zip(_formal(operator, opset)[1], outputs, strict=False):
        if value is not None and _kind(value) not in kinds.get(variable, allowed):
            raise UnsupportedError(Reason.DTYPE)


def _kind(value: Any) -> str:
    kind = str((value if hasattr(value, "dtype") else np.asarray(value)).dtype.kind)
    return "i" if kind == "u" else kind


def _either(kinds: Collection[str]) -> str:
    return " or ".join(word for kind, word in _WORDS.items() if kind in kinds) or "something else"


@functools.cache
def _formal(operator: str, opset: int) -> list[list[tuple[set[str], str]]]:
    """Return the allowed kinds of each input and output, and its type's name, which those of the same type share."""
    schema = require_onnx().defs.get_schema(operator, opset, "")
    return [[_described(i, formal) for i, formal in enumerate(row)] for row in (schema.inputs, schema.outputs)]


def _described(place: int, formal: Any) -> tuple[set[str], str]:
    names = [text.removeprefix("tensor(").removesuffix(")") for text in formal.types]
    kinds = {_KINDS.get(name, "i" if name.startswith(("int", "uint")) else "") for name in names} - {""}
    return kinds, formal.type_str if formal.is_homogeneous else f"{formal.type_str} {place}"
