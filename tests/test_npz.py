"""Weights in NumPy's .npz files: both ways with NumPy, and only the documented error for anything else."""

import contextlib
import io
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_cnn as ac
from autograd_cnn.models import lenet5
from autograd_cnn.nn import WeightsError
from autograd_cnn.nn.serialization import load_weights, read_metadata, read_shapes, save_weights


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.npz"


def member(array):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def write(path, compression=zipfile.ZIP_STORED, **members):
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, data in members.items():
            file.writestr(name.replace("__npy", ".npy"), data)


def test_numpy_reads_what_was_saved_and_it_comes_back(path):
    params = lenet5.init(np.random.default_rng(0))
    params["fc1.weight"] = ac.Tensor(np.asfortranarray(params["fc1.weight"].data), requires_grad=True)
    params["bn.running_mean"] = ac.Tensor(np.zeros((), np.float64))
    save_weights(path, params, metadata={"model": "lenet5", "note": "ü"})
    with np.load(path, allow_pickle=False) as found:
        assert set(found) == {*params, "__metadata__"}
        for name, p in params.items():
            np.testing.assert_array_equal(found[name], p.data, strict=True)
    loaded = load_weights(path)
    assert list(loaded) == sorted(params)
    for name, p in params.items():
        np.testing.assert_array_equal(loaded[name].data, p.data, strict=True)
        assert loaded[name].data.flags.writeable
    assert loaded["fc1.weight"].requires_grad
    assert not loaded["bn.running_mean"].requires_grad
    assert (read_metadata(path)["model"], read_metadata(path)["note"]) == ("lenet5", "ü")
    assert read_shapes(path)["fc3.bias"] == (10,)


def test_equal_weights_make_equal_files_and_a_model_loads_from_one(path, tmp_path):
    params = lenet5.init(np.random.default_rng(0))
    for file in (path, tmp_path / "other.NPZ"):
        save_weights(file, params, metadata={"model": "lenet5"})
    assert path.read_bytes() == (tmp_path / "other.NPZ").read_bytes()
    net = ac.load_model(path)
    assert net.predict(np.zeros((2, 1, 28, 28), np.float32))[0].shape == (2,)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_saved_is_read(save, path):
    arrays = {"a.weight": np.arange(6.0).reshape(2, 3), "b": np.array([1.0], ">f4"), "f": np.zeros((3, 2), order="F")}
    save(path, **arrays, **{"bn.num_batches_tracked": np.array(3)})
    loaded = load_weights(path)
    assert list(loaded) == ["a.weight", "b", "f"]
    for name, array in arrays.items():
        np.testing.assert_array_equal(loaded[name].data, array)
    assert read_metadata(path) == {}


def read_all(path):
    return read_metadata(path), load_weights(path)


def huge():
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)})
    return buffer.getvalue() + bytes(8)


HEADER = member(np.zeros(4, np.float32))
REFUSED = {
    "pickle": ({"w__npy": member(np.array([{}], object))}, "expected numbers"),
    "whole numbers": ({"w__npy": member(np.arange(3))}, "'w' has dtype int64"),
    "not finite": ({"w__npy": member(np.array([np.nan]))}, "'w' has 1 NaN"),
    "another file inside": ({"readme.txt": b"x"}, "has the entry 'readme.txt', which is no array"),
    "cut short": ({"w__npy": HEADER[:-1]}, "has 15 bytes of numbers"),
    "too long": ({"w__npy": HEADER + b"x"}, "has 17 bytes of numbers"),
    "a huge shape": ({"w__npy": huge()}, r"of shape \(1000000000000,\) and float64 has 8 bytes of numbers"),
    "no header": ({"w__npy": b"\x93NUMPY\x01\x00"}, "cut short or not an .npz file"),
    "metadata of numbers": ({"__metadata____npy": HEADER, "w__npy": HEADER}, "its metadata is float32"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_file_of_weights_is_refused(name, path):
    members, message = REFUSED[name]
    write(path, **members)
    with pytest.raises(WeightsError, match=message):
        read_all(path)


def test_a_bomb_is_refused_before_it_is_unpacked(path):
    write(path, zipfile.ZIP_DEFLATED, w__npy=member(np.zeros(2**25, np.float32)))
    assert path.stat().st_size < 2**18
    with pytest.raises(WeightsError, match=r"become 134,217,856; expected at most 67,108,864: write it without"):
        load_weights(path)


def test_missing_files_and_other_kinds(path, tmp_path):
    with pytest.raises(WeightsError, match=r"weights\.npz does not exist; expected a file that save_weights or numpy"):
        load_weights(path)
    path.write_bytes(b"no zip")
    with pytest.raises(WeightsError, match=r"is cut short or not an \.npz file"):
        load_weights(path)
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(WeightsError, match="is not a regular file"):
        load_weights(tmp_path / "folder.npz")
    with pytest.raises(WeightsError, match="which is no name in a zip file"):
        save_weights(path, {"\ud800": ac.Tensor([1.0])})
    assert path.read_bytes() == b"no zip"


@given(st.data())
def test_only_the_documented_error_comes_out_of_mutated_files(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("npz") / "w.npz"
    save_weights(path, {"a.weight": ac.Tensor(np.arange(6.0)), "b": ac.Tensor([1.0])}, metadata={"model": "lenet5"})
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        if data.draw(st.booleans()):
            content[at] = data.draw(st.integers(0, 255))
        else:
            content[at : at + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=8))
        content = content or bytearray(b"P")
    path.write_bytes(bytes(content))
    for read in (load_weights, read_metadata, read_shapes):
        with contextlib.suppress(WeightsError):
            read(path)
