"""Count what an ONNX file holds besides numbers before it is parsed: two bytes can become five hundred in memory."""

from __future__ import annotations

from typing import Any

from autograd_cnn.onnx.errors import OnnxError

#: Graphs of a thousand nodes have a tenth of that. Parsed, and read as nodes, it takes less than 256 MiB.
MOST_FIELDS, MOST_BYTES = 200_000, 4 * 2**20
#: Arrays of numbers, which take as much memory as they have bytes.
_NUMBERS = {"raw_data", "float_data", "double_data"}


def check_size(data: bytes, descriptor: Any, name: str) -> None:
    """Check that a message holds at most `MOST_FIELDS` fields, and `MOST_BYTES` bytes besides numbers.

    Raises
    ------
    OnnxError
        If it holds more, or its parts do not fit into one another.
    """
    fields, content = 0, 0
    known: dict[Any, dict[int, Any]] = {}
    rest = [(0, len(data), descriptor)]
    while rest:
        at, end, kind = rest.pop()
        if kind not in known:
            known[kind] = {field.number: field for field in kind.fields}
        while at < end:
            tag, at = _varint(data, at, end, name)
            length, at = _length(data, at, end, tag & 7, name)
            fields += 1
            if tag & 7 == 2:
                field = known[kind].get(tag >> 3)
                if field is not None and field.message_type is not None:
                    rest.append((at, at + length, field.message_type))
                elif field is None or field.name not in _NUMBERS:
                    content += length
            at += length
            if fields > MOST_FIELDS or content > MOST_BYTES:
                raise OnnxError(
                    f"{name} holds more besides its numbers than is read: over {MOST_FIELDS:,} parts, or "
                    f"{MOST_BYTES:,} bytes of names and the like"
                )


def _varint(data: bytes, at: int, end: int, name: str) -> tuple[int, int]:
    """Return a number and where it ends."""
    value = 0
    for i in range(10):
        if at + i < end:
            value |= (data[at + i] & 127) << 7 * i
            if data[at + i] < 128:
                return value, at + i + 1
    raise OnnxError(f"{name} is cut short or not an ONNX file")


def _length(data: bytes, at: int, end: int, wire_type: int, name: str) -> tuple[int, int]:
    """Return how many bytes the content of a field has, and where it begins."""
    length, begin = -1, at
    if wire_type == 0:
        length = _varint(data, at, end, name)[1] - at
    elif wire_type == 2:
        length, begin = _varint(data, at, end, name)
    elif wire_type in (1, 5):
        length = 8 if wire_type == 1 else 4
    if not 0 <= length <= end - begin:
        raise OnnxError(f"{name} is cut short or not an ONNX file")
    return length, begin
