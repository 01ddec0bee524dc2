"""Batch normalization, found again among the ops that it is made of.

In evaluation it is `normalize`, times the weight of each channel, plus the bias of each: one operator of ONNX, by which
other programs know it, and which is imported as what can be trained.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from autograd_cnn.onnx.batch import Ref
from autograd_cnn.onnx.tracing import Call, refs_in


def fuse_batch_norm(calls: list[Call], outputs: list[Ref], parameters: set[int]) -> list[Call]:
    """Put scale and shift by parameters into the `normalize` before them."""
    uses = Counter(ref.number for call in calls for ref in refs_in(list(call.given.values())))
    uses.update(ref.number for ref in outputs)
    made = {call.out: call for call in calls}
    fused: dict[int, Call] = {}  # by the number of the last value that goes into one
    inside: set[int] = set()
    for call in calls:
        before = fused.get(_number(call.given.get("x")))
        if call.op == "normalize":
            fused[call.out] = call
        elif before is not None and uses[before.out] == 1:
            name = {"multiply": "weight", "add": "bias"}.get(call.op)
            column = _parameter(made.get(_number(call.given.get("y"))), parameters)
            if name is None or column is None or name in before.given or (name == "weight" and "bias" in before.given):
                continue
            fused[call.out] = replace(before, given=before.given | {name: column}, out=call.out)
            inside.add(before.out)
    return [fused.get(call.out, call) for call in calls if call.out not in inside]


def _number(value: object) -> int:
    return value.number if isinstance(value, Ref) else -1


def _parameter(call: Call | None, parameters: set[int]) -> Ref | None:
    """Return the parameter (C,) that a call reshapes to (C, 1, …)."""
    if call is None or call.op != "reshape" or _number(call["x"]) not in parameters:
        return None
    source: Ref = call["x"]
    return source if len(call.shape) < 2 or set(call.shape[1:]) == {1} else None
