import contextlib
import json
import os
import stat
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors import numpy as safetensors_numpy
from safetensors import safe_open

import autograd_cnn as ac
from autograd_cnn import models
from autograd_cnn.models import lenet5
from autograd_cnn.nn import safetensors_files, serialization
from autograd_cnn.nn.serialization import CheckpointError, load_weights, match_weights, read_metadata, save_weights

NAN, INF = float("nan"), float("inf")


@pytest.fixture
def params():
    return lenet5.init(np.random.default_rng(0))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.safetensors"


def tensor(*values, dtype=np.float32, requires_grad=False):
    return ac.Tensor(np.array(values, dtype), requires_grad)


def assert_same(loaded, arrays):
    assert loaded.keys() == arrays.keys()
    for name, array in arrays.items():
        assert loaded[name].shape == array.shape
        assert loaded[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded[name], array)


@st.composite
def strided(draw):
    """Draw a float array of 0 to 4 axes, 0-d and empty ones included, as a view with any strides."""
    dtype = draw(st.sampled_from([np.float32, np.float64, ">f4", ">f8"]))
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
    steps = draw(st.tuples(*[st.sampled_from([1, 2, -1, -3]) for _ in shape]))
    order = draw(st.permutations(range(len(shape))))
    whole_shape = [n * abs(step) for n, step in zip(shape, steps, strict=True)]
    whole = np.arange(np.prod(whole_shape, dtype=int), dtype=dtype).reshape(whole_shape)
    view = whole[tuple(slice(None, None, step) for step in steps)].transpose(order)
    stride_zero = draw(st.booleans())
    return np.broadcast_to(view, (2, *view.shape)) if stride_zero else view


@given(st.dictionaries(st.text(max_size=8).filter(lambda name: name != "__metadata__"), strided(), max_size=4))
def test_any_strides_come_back(tmp_path_factory, arrays):
    path = tmp_path_factory.mktemp("strides") / "weights.safetensors"
    save_weights(path, {name: ac.Tensor(array) for name, array in arrays.items()})
    native = {name: array.astype(array.dtype.newbyteorder("=")) for name, array in arrays.items()}
    assert_same({name: t.data for name, t in load_weights(path).items()}, native)
    assert_same(safetensors_numpy.load_file(path), native)


def test_loaded_weights_can_be_trained(path, params):
    save_weights(path, params)
    for t in load_weights(path).values():
        assert t.requires_grad
        assert t.data.flags.writeable
        assert t.data.flags.aligned


def test_safetensors_reads_what_was_saved(path, params):
    save_weights(path, params, metadata={"model": "lenet5", "note": 'ü "quoted"\n'})
    assert_same(safetensors_numpy.load_file(path), {name: p.data for name, p in params.items()})
    with safe_open(path, framework="numpy") as file:
        expected = {"model": "lenet5", "note": 'ü "quoted"\n', "autograd_cnn_format": "1"}
        assert file.metadata() == read_metadata(path) == expected


def test_what_safetensors_saved_is_read(path, params):
    safetensors_numpy.save_file({name: p.data for name, p in params.items()}, path)
    loaded = match_weights(load_weights(path), params)
    assert list(loaded) == list(params)
    assert_same({name: t.data for name, t in loaded.items()}, {name: p.data for name, p in params.items()})
    assert read_metadata(path) == {}


def test_pytorch_reads_and_writes_the_same(path, params):
    torch = pytest.importorskip("torch")
    safetensors_torch = pytest.importorskip("safetensors.torch")
    save_weights(path, params)
    state = safetensors_torch.load_file(path)
    for name, p in params.items():
        torch.testing.assert_close(state[name], torch.from_numpy(p.data), rtol=0, atol=0)
    safetensors_torch.save_file(state, path)
    loaded = match_weights(load_weights(path), params)
    assert_same({name: t.data for name, t in loaded.items()}, {name: p.data for name, p in params.items()})


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int64", "uint8", "bool"])
def test_other_dtypes_in_a_file_are_named(path, dtype):
    torch = pytest.importorskip("torch")
    safetensors_torch = pytest.importorskip("safetensors.torch")
    safetensors_torch.save_file({"a": torch.zeros(2), "b": torch.zeros(2, dtype=getattr(torch, dtype))}, path)
    with pytest.raises(CheckpointError, match=r"float32 \(F32\) and float64 \(F64\): 'b' is [A-Z0-9]+; convert") as e:
        load_weights(path)
    assert "'a'" not in str(e.value)
    assert str(path) in str(e.value)


def test_equal_weights_give_equal_files(path, params):
    contents = set()
    for words in ("abcdef", "fedcba"):
        save_weights(path, params, metadata={word: word for word in words})
        contents.add(path.read_bytes())
    assert len(contents) == 1


def test_arrays_in_the_file_are_aligned(path):
    save_weights(path, {"a": tensor(1), "b": tensor(2, dtype=np.float64), "c": tensor(3, 4, 5)})
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    assert (start + header["b"]["data_offsets"][0]) % 8 == 0


def test_saving_what_is_not_finite_is_refused(path):
    broken = {"good": tensor(1), "bad": tensor(NAN, INF, -INF, 0, NAN), "worse": tensor(NAN, dtype=np.float64)}
    with pytest.raises(CheckpointError) as caught:
        save_weights(path, broken)
    assert str(caught.value) == (
        f"{path}: expected finite float32 or float64 weights; 'bad' has 2 NaN and 2 infinite among its 5 values; "
        "'worse' has 1 NaN and 0 infinite among its 1 values"
    )
    assert not list(path.parent.iterdir())


def test_loading_what_is_not_finite_is_refused(path):
    safetensors_numpy.save_file({"bad": np.array([1, NAN, INF], np.float32)}, path)
    with pytest.raises(CheckpointError, match="'bad' has 1 NaN and 1 infinite among its 3 values"):
        load_weights(path)


@pytest.mark.parametrize("dtype", [np.float16, np.int64, bool])
def test_saving_other_dtypes_is_refused(path, dtype):
    with pytest.raises(CheckpointError, match=f"'steps' has dtype {np.dtype(dtype)}"):
        save_weights(path, {"steps": tensor(1, dtype=dtype)})


@pytest.mark.parametrize(
    ("params", "metadata", "message"),
    [
        ({"w": np.zeros(2)}, None, "params should map str to Tensor; got ndarray under 'w'"),
        ({1: tensor(1)}, None, "params should map str to Tensor; got Tensor under 1"),
        ({}, {"epochs": 3}, "metadata should map str to str; got 3 under 'epochs'"),
        ({}, {3: "epochs"}, "metadata should map str to str; got 'epochs' under 3"),
    ],
)
def test_other_types_are_refused(path, params, metadata, message):
    with pytest.raises(TypeError, match=message):
        save_weights(path, params, metadata=metadata)


def test_text_that_a_header_cannot_hold_is_refused(path, monkeypatch):
    with pytest.raises(CheckpointError, match="named '__metadata__'"):
        save_weights(path, {"__metadata__": tensor(1)})
    with pytest.raises(CheckpointError, match=r"holds '\\udce9', which is no character"):
        save_weights(path, {}, metadata={"data": "folder:caf\udce9"})
    monkeypatch.setattr(safetensors_files, "MAX_HEADER_BYTES", 1000)
    save_weights(path, {}, metadata={"k": "v" * 900})
    with pytest.raises(CheckpointError, match=r"take 1,[0-9]{3} bytes; expected at most 1,000"):
        save_weights(path, {}, metadata={"k": "v" * 1000})


def test_no_parameters_are_parameters_too(path):
    save_weights(path, {})
    assert load_weights(path) == {}


def test_metadata_may_be_saved_again(path):
    save_weights(path, {}, metadata={"model": "mlp"})
    metadata = read_metadata(path)
    save_weights(path, {}, metadata=metadata)
    assert read_metadata(path) == metadata


def test_a_later_format_is_refused(path):
    safetensors_numpy.save_file({"w": np.zeros(2)}, path, {"autograd_cnn_format": "2"})
    for read in (load_weights, read_metadata):
        with pytest.raises(CheckpointError, match="in format 2 of autograd_cnn, and this version reads format 1"):
            read(path)


def test_a_file_cut_short_anywhere_is_refused(path):
    save_weights(path, {"a": tensor(1, 2, 3), "b": tensor(4, dtype=np.float64)}, metadata={"model": "mlp"})
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        for read in (load_weights, read_metadata):
            with pytest.raises(CheckpointError, match="cut short or not a safetensors file") as caught:
                read(path)
            assert str(path) in str(caught.value)
            assert "\n" not in str(caught.value)


@given(st.binary(max_size=200))
def test_garbage_is_refused_or_has_no_tensors(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("garbage") / "weights.safetensors"
    path.write_bytes(content)
    with contextlib.suppress(CheckpointError):
        assert load_weights(path) == {}


@given(st.data())
def test_a_damaged_header_is_refused_or_harmless(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("damaged") / "weights.safetensors"
    save_weights(path, {"a": tensor(1, 2, 3), "b": tensor(4)}, metadata={"model": "mlp"})
    content = bytearray(path.read_bytes())
    header = 8 + int.from_bytes(content[:8], "little")
    content[data.draw(st.integers(0, header - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    for read in (load_weights, read_metadata):
        with contextlib.suppress(CheckpointError):
            read(path)


@pytest.mark.parametrize("read", [load_weights, read_metadata])
def test_what_is_no_file_is_refused(tmp_path, read):
    with pytest.raises(
        CheckpointError, match=r"missing\.safetensors does not exist; expected a file that save_weights"
    ):
        read(tmp_path / "missing.safetensors")
    with pytest.raises(CheckpointError, match="is not a regular file"):
        read(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match="does not exist"):
        read(tmp_path / "file" / "weights.safetensors")


def test_a_file_that_may_not_be_read_is_refused(path, monkeypatch):
    save_weights(path, {})

    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("safetensors.safe_open", denied)
    with pytest.raises(CheckpointError, match=r"cannot be read \(Permission denied\)"):
        load_weights(path)


def test_match_weights_gives_the_models_order_and_wish_for_gradients():
    template = {"b": tensor(0, requires_grad=True), "a": tensor(0, 0)}
    given_ = {"a": tensor(1, 2, requires_grad=True), "b": tensor(3, requires_grad=True)}
    matched = match_weights(given_, template)
    assert list(matched) == ["b", "a"]
    assert [t.requires_grad for t in matched.values()] == [True, False]
    assert matched["a"].data.tolist() == [1, 2]
    assert template["b"].data.tolist() == [0]


def test_what_is_one_tensor_in_the_model_is_one_again(path):
    shared = tensor(1, 2, requires_grad=True)
    template = {"head": shared, "b": tensor(0), "embedding": shared}
    save_weights(path, template)
    loaded = load_weights(path)
    matched = match_weights(loaded, template)
    assert list(matched) == ["head", "b", "embedding"]
    assert matched["head"] is matched["embedding"]
    loaded["head"].data[0] = 7
    with pytest.raises(CheckpointError, match="'embedding' and 'head' differ, and are one tensor in the model"):
        match_weights(loaded, template)


@pytest.mark.parametrize("name", models.names())
def test_running_statistics_are_not_trainable_once_loaded(name, path, rng):
    params = models.get(name).init(rng)
    save_weights(path, params)
    assert models.trainable(load_weights(path)).keys() == models.trainable(params).keys()


def test_running_statistics_at_any_depth(path):
    names = ["running_mean", "layers.0.bn.running_var", "weight", "not_running_mean"]
    save_weights(path, {name: tensor(1.0) for name in names})
    assert list(models.trainable(load_weights(path))) == ["not_running_mean", "weight"]


def test_match_weights_lists_everything_that_does_not_fit():
    template = {name: ac.Tensor(np.zeros((2, 3), np.float32)) for name in ("fits", "shape", "dtype", "both", "missing")}
    loaded = {
        "fits": ac.Tensor(np.ones((2, 3), np.float32)),
        "shape": ac.Tensor(np.ones((3, 2), np.float32)),
        "dtype": ac.Tensor(np.ones((2, 3))),
        "both": ac.Tensor(np.ones(6)),
        "extra": ac.Tensor(np.ones(4, np.float32)),
    }
    with pytest.raises(CheckpointError) as caught:
        match_weights(loaded, template)
    assert str(caught.value) == (
        "the weights do not fit the model: "
        "'shape' has shape (3, 2), expected (2, 3); "
        "'dtype' has dtype float64, expected float32; "
        "'both' has shape (6,), expected (2, 3); 'both' has dtype float64, expected float32; "
        "'missing' of shape (2, 3) is missing; "
        "'extra' of shape (4,) is not in the model"
    )


class TestWriteAtomically:
    @pytest.mark.parametrize("fails", ["os.fsync", "pathlib.Path.replace"])
    @pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt("by hand")])
    def test_a_failure_leaves_the_old_file_and_nothing_else(self, path, monkeypatch, fails, error):
        save_weights(path, {"w": tensor(1)})
        old = path.read_bytes()

        def fail(*_):
            raise error

        monkeypatch.setattr(fails, fail)
        with pytest.raises(
            (CheckpointError, KeyboardInterrupt),
            match=r"weights\.safetensors cannot be written \(No space left on device\); make room|by hand",
        ):
            save_weights(path, {"w": tensor(2)})
        assert path.read_bytes() == old
        assert list(path.parent.iterdir()) == [path]

    def test_folders_that_cannot_be_written_to(self, tmp_path):
        (tmp_path / "file").touch()
        for folder in ("missing", "file"):
            with pytest.raises(CheckpointError, match=r"cannot be written .*; expected a file name in a folder"):
                save_weights(tmp_path / folder / "weights.safetensors", {"w": tensor(1)})
        with pytest.raises(CheckpointError, match="not a regular file"):
            save_weights(tmp_path, {"w": tensor(1)})
        assert [p.name for p in tmp_path.iterdir()] == ["file"]

    @pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
    def test_a_folder_without_permission(self, tmp_path):
        tmp_path.chmod(0o500)
        try:
            with pytest.raises(CheckpointError, match="Permission denied"):
                save_weights(tmp_path / "weights.safetensors", {"w": tensor(1)})
        finally:
            tmp_path.chmod(0o700)

    def test_an_error_names_the_file_and_keeps_its_kind(self, tmp_path):
        path = tmp_path / "missing" / "metrics.json"
        with pytest.raises(FileNotFoundError) as caught:
            serialization.write_atomically(path, b"{}")
        assert caught.value.filename == str(path)

    @pytest.mark.skipif(os.name != "posix", reason="permissions, links and devices as POSIX has them")
    def test_permissions_links_and_devices(self, tmp_path):
        usual, real, link = tmp_path / "usual", tmp_path / "real", tmp_path / "link"
        usual.touch()
        link.symlink_to(real)
        serialization.write_atomically(link, b"new")
        assert not link.is_symlink(), "nothing is written through a link, which may point anywhere"
        assert link.read_bytes() == b"new"
        assert not real.exists()
        assert stat.S_IMODE(link.stat().st_mode) == stat.S_IMODE(usual.stat().st_mode)
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        with pytest.raises(OSError, match="not a regular file"):
            serialization.write_atomically(pipe, b"")
        assert pipe.is_fifo()

    def test_a_reader_sees_the_old_or_the_new(self, path):
        contents = {bytes([i]) * 100_000 for i in range(8)}
        serialization.write_atomically(path, bytes(100_000))
        writers = [threading.Thread(target=serialization.write_atomically, args=(path, c)) for c in contents]
        for writer in writers:
            writer.start()
        while any(writer.is_alive() for writer in writers):
            assert path.read_bytes() in contents
        for writer in writers:
            writer.join()
        assert list(path.parent.iterdir()) == [path]
