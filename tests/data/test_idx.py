import gzip
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autograd_cnn.data import DataError
from autograd_cnn.data.idx import CODES, decode_idx, decompress, encode_idx, read_idx, write_idx

arrays = hnp.arrays(
    st.sampled_from([dtype.newbyteorder(order) for dtype in CODES for order in "<>"]),
    hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4),
)

GOLDEN = bytes.fromhex("00 00 0b 02  00 00 00 02  00 00 00 01  01 02 ff ff")


def test_definition():
    array = np.array([[0x0102], [-1]], np.int16)
    assert encode_idx(array) == GOLDEN
    np.testing.assert_array_equal(decode_idx(GOLDEN, "golden"), array, strict=True)


@given(arrays)
def test_decode_inverts_encode(array):
    decoded = decode_idx(encode_idx(array), "array")
    np.testing.assert_array_equal(decoded, array.astype(array.dtype.newbyteorder("=")), strict=True)
    assert decoded.dtype.isnative
    assert decoded.flags.writeable


@given(arrays)
def test_memory_order_does_not_matter(array):
    assert encode_idx(array.T) == encode_idx(array.T.copy())


@given(arrays, st.data())
def test_truncated(array, data):
    content = encode_idx(array)
    with pytest.raises(DataError, match=r"^x is truncated|^x ends inside its header|^x is not an IDX file"):
        decode_idx(content[: data.draw(st.integers(0, len(content) - 1))], "x")


@given(arrays, st.binary(min_size=1))
def test_trailing_bytes(array, trailing):
    with pytest.raises(DataError, match="x has bytes after its end"):
        decode_idx(encode_idx(array) + trailing, "x")


@given(st.binary() | st.binary().map(lambda tail: b"\0\0" + tail))
def test_any_bytes_are_an_array_or_a_data_error(content):
    try:
        decoded = decode_idx(content, "x")
    except DataError:
        return
    assert encode_idx(decoded) == content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"x is not an IDX file: it begins with the bytes '', expected 00 00, a type \(08, 09, 0b, "),
        (b"\x89PNG", "x is not an IDX file: it begins with the bytes '89 50 4e 47'"),
        (b"\0\0\x0a\1\0\0\0\0", "x is not an IDX file: it begins with the bytes '00 00 0a 01'"),
        (b"\0\0\x08\0\0", "x is not an IDX file: it begins with the bytes '00 00 08 00'"),
        (b"\0\0\x08\x41" + bytes(260), "x is not an IDX file: .* and 01 to 40 axes"),
        (b"\0\0\x08\2\0\0\0\1", "x ends inside its header: 8 bytes, expected 12 and then the values"),
        (GOLDEN[:-1], r"x is truncated: 15 bytes, expected 16 for the shape \(2, 1\)"),
        (GOLDEN + b"!", r"x has bytes after its end: more than 16 bytes, expected 16 for the shape \(2, 1\)"),
        (b"\0\0\x0e\4" + b"\xff" * 16, f"x is truncated: 20 bytes, expected {20 + 8 * (2**32 - 1) ** 4} for"),
    ],
)
def test_errors_say_what_was_seen_and_expected(content, message):
    with pytest.raises(DataError, match=message):
        decode_idx(content, "x")


@pytest.mark.parametrize("name", ["a.idx", "a.gz"])
def test_files_round_trip(tmp_path, name):
    array = np.arange(24, dtype=np.float64).reshape(2, 3, 4)
    write_idx(tmp_path / name, array)
    np.testing.assert_array_equal(read_idx(str(tmp_path / name)), array, strict=True)
    assert (tmp_path / name).read_bytes().startswith(b"\x1f\x8b") == (name == "a.gz")


def test_content_decides_whether_a_file_is_gzipped(tmp_path):
    (tmp_path / "plain.gz").write_bytes(GOLDEN)
    (tmp_path / "gzipped").write_bytes(gzip.compress(GOLDEN))
    np.testing.assert_array_equal(read_idx(tmp_path / "plain.gz"), read_idx(tmp_path / "gzipped"))


@pytest.mark.parametrize("damage", [lambda b: b[:-4], lambda b: b[:12] + b"????" + b[16:], lambda b: b + b"!"])
def test_damaged_gzip(tmp_path, damage):
    path = tmp_path / "a.gz"
    path.write_bytes(damage(gzip.compress(GOLDEN)))
    with pytest.raises(
        DataError, match=r"a\.gz is damaged as a gzip file \(.*\): get it again|a\.gz is not an IDX file"
    ):
        read_idx(path)


def test_gzip_files_of_several_members_are_refused(tmp_path):
    """Reading millions of empty ones took minutes."""
    for content in (
        gzip.compress(GOLDEN[:8]) + gzip.compress(GOLDEN[8:]),
        gzip.compress(b"") * 9 + gzip.compress(GOLDEN),
    ):
        (tmp_path / "a.gz").write_bytes(content)
        with pytest.raises(DataError, match=r"a\.gz is damaged as a gzip file \(something follows its end\)"):
            read_idx(tmp_path / "a.gz")


@given(st.binary(max_size=2000).map(lambda part: part * 50), st.integers(0, 9))
def test_decompression_is_that_of_gzip(content, level):
    assert decompress(gzip.compress(content, level), len(content)) == content
    if content:
        with pytest.raises(DataError, match=f"holds more than the {len(content) - 1:,} bytes"):
            decompress(gzip.compress(content, level), len(content) - 1)


@pytest.mark.parametrize("gzipped", [False, True])
def test_an_array_beyond_the_limit_is_refused(tmp_path, gzipped):
    path = tmp_path / ("a.gz" if gzipped else "a.idx")
    write_idx(path, np.zeros((10, 10), np.uint8))
    assert read_idx(path, max_bytes=100).shape == (10, 10)
    with pytest.raises(DataError, match=r"a\..* holds 100 bytes of values, expected at most 99; raise max_bytes"):
        read_idx(path, max_bytes=99)


def test_an_empty_array_of_an_impossible_shape_is_refused():
    with pytest.raises(DataError, match=r"x has the shape \(0, 4294967295, .*\), which NumPy cannot hold"):
        decode_idx(b"\0\0\x08\4" + bytes(4) + b"\xff" * 12, "x")


@pytest.mark.skipif(os.name != "posix", reason="pipes as POSIX has them")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.gz")
    with pytest.raises(DataError, match=r"a\.gz cannot be read: it is not a regular file"):
        read_idx(tmp_path / "a.gz")


def test_unreadable(tmp_path):
    with pytest.raises(DataError, match=r"missing cannot be read: No such file"):
        read_idx(tmp_path / "missing")
    with pytest.raises(DataError, match=r"cannot be read: "):
        read_idx(tmp_path)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(2, np.int64), r"IDX holds uint8, .* not int64: convert the array first"),
        (np.zeros((), np.uint8), r"not the shape \(\)"),
        (np.broadcast_to(np.uint8(0), 2**32), r"not the shape \(4294967296,\)"),
    ],
)
def test_what_idx_cannot_hold(array, message):
    with pytest.raises(ValueError, match=message):
        encode_idx(array)
