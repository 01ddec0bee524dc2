"""Ways of damaging a file: at random, and knowing its format, so that the damage is found no sooner than it must be."""

import copy
import gzip
import io
import json
import struct
import warnings
import zipfile
import zlib

# Numbers that programs stumble over, and values that do not belong where they are put.
NUMBERS = [
    0,
    1,
    2,
    127,
    128,
    255,
    256,
    2**15,
    2**16 - 1,
    2**16,
    2**24,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**40,
    2**63,
    2**64 - 1,
]
VALUES = [
    None, True, False, "no", "", "\x1b[31mred\x07", "a\nb", "‮", "x" * 3000, "\ud800", -1, 0, 1, 3, 2.5, 1e308, -1e-300,
    2**31, 2**63, 10**30, 10**400, float("nan"), float("inf"), [], {}, [0], [[]] * 4, [1, 2, 3], ["a", "a"], {"a": 1},
    "lenet5", "mlp", "resnet", "/nowhere/model.py", "model.py:f", "folder:/", "mnist", "../..", "\0",
]  # fmt: skip


def damaged(rng, content, other=b""):
    """Return bytes changed in one to four places."""
    content = bytearray(content)
    for _ in range(int(rng.integers(1, 5))):
        _damage(rng, content, other)
    return bytes(content)


def _damage(rng, content, other):
    place = int(rng.integers(0, len(content) + 1))
    # The beginning of a file says how to read the rest.
    place = min(place, int(rng.integers(0, 64))) if rng.random() < 0.5 else place
    length = int(rng.integers(1, 1 + int(rng.choice([1, 4, 64, 1000]))))
    match int(rng.integers(0, 8)):
        case 0:
            content[place : place + 1] = bytes([int(rng.integers(0, 256))])
        case 1 if place < len(content):
            content[place] ^= 1 << int(rng.integers(0, 8))
        case 2:
            size = int(rng.choice([1, 2, 4, 8]))
            number = int(rng.choice(len(NUMBERS)))
            order = "little" if rng.random() < 0.5 else "big"
            content[place : place + size] = (NUMBERS[number] % 256**size).to_bytes(size, order)
        case 3:
            del content[place : place + length]
        case 4:
            content[place:place] = rng.bytes(length)
        case 5:
            content[place:place] = content[place : place + length] * int(rng.integers(1, 20))
        case 6:
            del content[place:]
        case _:
            start = int(rng.integers(0, len(other) + 1))
            content[place : place + length] = other[start : start + length]


def damaged_gzip(rng, content, other=b""):
    """Return an IDX file that is damaged inside a whole gzip file, or outside, or in both."""
    if rng.random() < 0.7:
        content = damaged(rng, content, other)
    if rng.random() < 0.03:
        content += bytes(int(rng.integers(1, 2**26)))  # which gzip makes a thousandth of
    content = gzip.compress(content, int(rng.integers(0, 10)), mtime=0) if rng.random() < 0.7 else content
    return damaged(rng, content, other) if rng.random() < 0.3 else content


def damaged_image(rng, content, other=b""):
    """Return a damaged image; the check sums in a PNG are those of the damaged content more often than not."""
    content = damaged(rng, content, other)
    return _with_png_sums(content) if content.startswith(b"\x89PNG") and rng.random() < 0.7 else content


def _with_png_sums(content):
    mended, place = bytearray(content[:8]), 8
    while place + 12 <= len(content):
        (length,) = struct.unpack(">I", content[place : place + 4])
        chunk = content[place + 4 : place + 8 + length]
        mended += content[place : place + 4] + chunk + struct.pack(">I", zlib.crc32(chunk))
        place += 12 + length
    return bytes(mended) + content[place:]


def damaged_zip(rng, content, other=b""):
    """Return a zip file one of whose entries is damaged, or lacks, or is there twice, or damaged at random."""
    if rng.random() < 0.4:
        return damaged(rng, content, other)
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        entries = [(info.filename, file.read(info)) for info in file.infolist()]
    place, action = int(rng.integers(0, len(entries))), int(rng.integers(0, 6))
    name, inside = entries[place]
    if action == 0:
        del entries[place]
    elif action == 1:
        entries.append((name + str(rng.choice(["", ".npy", "\x1b[31m.npy", "\n.npy"])), inside))
    elif action == 2:
        entries[place] = name, inside + bytes(int(rng.integers(1, 2**26)))  # which a zip makes a thousandth of
    else:
        entries[place] = name, damaged(rng, inside, entries[int(rng.integers(0, len(entries)))][1])
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", int(rng.choice([0, 8, 12])), compresslevel=1) as file:
        warnings.simplefilter("ignore")  # of names that are there twice
        for name, inside in entries:
            file.writestr(name, inside)
    return damaged(rng, buffer.getvalue(), other) if rng.random() < 0.1 else buffer.getvalue()


def damaged_safetensors(rng, content, other=b""):
    """Return a safetensors file with a damaged header, body or JSON inside the metadata, or damaged at random."""
    if rng.random() < 0.2:
        return damaged(rng, content, other)
    length = int.from_bytes(content[:8], "little")
    header, body = json.loads(content[8 : 8 + length]), content[8 + length :]
    metadata = header.get("__metadata__", {})
    inside = [key for key, text in metadata.items() if text.startswith(("{", "["))]
    if inside and rng.random() < 0.7:
        key = inside[int(rng.integers(0, len(inside)))]
        text = json.dumps(_damaged_json(rng, json.loads(metadata[key])))
        metadata[key] = damaged(rng, text.encode()).decode(errors="replace") if rng.random() < 0.1 else text
    elif rng.random() < 0.5:
        header = _damaged_json(rng, header)
    else:
        body = _damaged_numbers(rng, body)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def _damaged_numbers(rng, body):
    """Return a body in which some numbers are huge, tiny, or not finite."""
    body = bytearray(body)
    for _ in range(int(rng.integers(1, 50))):
        place = 4 * int(rng.integers(0, len(body) // 4))
        body[place : place + 4] = struct.pack("<f", float(rng.choice([3e38, -3e38, 1e30, 1e-45, 1e10, 0.0])))
    return bytes(body)


def _damaged_json(rng, value):
    """Return JSON in which one to three values, wherever they are, are replaced, removed, added or repeated."""
    holder = [value]
    for _ in range(int(rng.integers(1, 4))):
        _damage_json(rng, holder)
    return holder[0]


def _damage_json(rng, holder):
    node, key = holder, 0
    while isinstance(node[key], dict | list) and node[key] and rng.random() < 0.9:
        node = node[key]
        keys = list(node) if isinstance(node, dict) else range(len(node))
        key = keys[int(rng.integers(0, len(keys)))]
    value = copy.deepcopy(VALUES[int(rng.integers(0, len(VALUES)))])
    action = int(rng.integers(0, 5)) if node is not holder else 0
    if action == 1:
        del node[key]
    elif action == 2 and isinstance(node, dict):
        node[str(value)[:40]] = copy.deepcopy(node[key])
    elif action == 3 and isinstance(node, list):
        node.extend(copy.deepcopy(node[:1000]))
    elif action == 4 and isinstance(node[key], int | float):
        node[key] = node[key] * int(rng.choice([-1, 0, 2, 1000, 2**40]))
    else:
        node[key] = value
