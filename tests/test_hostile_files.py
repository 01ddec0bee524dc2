"""Files from anywhere: whatever is in them, they are read rightly, or refused in one line that names them."""

import dataclasses
import gzip
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import autograd_cnn as ac
from autograd_cnn.data.idx import encode_idx
from autograd_cnn.models import lenet5, mlp
from autograd_cnn.nn import safetensors_files
from autograd_cnn.nn.serialization import WeightsError, load_matching, load_weights, read_metadata, save_weights
from autograd_cnn.output.text import shown, table
from autograd_cnn.training.errors import RunError
from autograd_cnn.training.model_loading import load_model
from autograd_cnn.training.saved_state import STATE_FILE, SavedState
from autograd_cnn.training.schema import SchemaError, parse
from autograd_cnn.training.settings import Settings
from tests.fuzzing.loaders import LOADERS, checkpoint_seeds, image_seeds, weights_seeds
from tests.fuzzing.worker import MEMORY, finding

linux = pytest.mark.skipif(sys.platform != "linux", reason="the memory of a process is read from /proc")


# Damaged files, a few; `python -m tests.fuzzing` runs as many as one likes.


@pytest.mark.parametrize("name", LOADERS)
def test_whole_files_are_accepted_or_refused(name, tmp_path):
    loader = LOADERS[name]
    path = tmp_path / loader.file
    accepted = 0
    for whole in loader.seeds():
        path.write_bytes(whole)
        wrong, taken = finding(loader, path)
        assert not wrong
        accepted += taken
    assert accepted >= len(loader.seeds()) - 4  # PostScript and the like among the images


@pytest.mark.parametrize("name", LOADERS)
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), index=st.integers(0, 2**16))
def test_damaged_files_give_the_documented_errors(name, tmp_path_factory, seed, index):
    loader = LOADERS[name]
    path = tmp_path_factory.getbasetemp() / loader.file
    path.write_bytes(loader.case(seed, index))
    wrong, _ = finding(loader, path)
    assert not wrong


FOUND = [("weights", 0, 110)]  # an input_shape that the weights do not fit: a plain ValueError


@pytest.mark.parametrize(("name", "seed", "index"), FOUND)
def test_what_was_found(name, seed, index, tmp_path):
    path = tmp_path / LOADERS[name].file
    path.write_bytes(LOADERS[name].case(seed, index))
    assert finding(LOADERS[name], path)[0] is None


@linux
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("raise ValueError('x')", "ValueError: x"),
        ("raise RunError('two\\nlines')", "does not name the file"),
        ("subprocess.run(['true'])", "it did ['subprocess.Popen'"),
        ("memory = b'x' * (300 * 2**20)", "MiB above the base"),
        ("any(iter(int, 1))", "it took too long"),
        ("os._exit(3)", "the process ended with 3"),
    ],
)
def test_the_fuzzing_finds_what_is_wrong(body, expected, tmp_path):
    """A loader with a fault is run as the others are."""
    (tmp_path / "faulty.py").write_text(
        "import os, subprocess, sys\n"
        "from tests.fuzzing import __main__, loaders, worker\n"
        "from autograd_cnn.training.errors import RunError\n"
        f"def load(path):\n    if path.read_bytes() != b'whole': {body}\n"
        "worker.SECONDS = 1\n"
        "whole = lambda: [b'whole']\n"
        "damage = lambda rng, content, other: b'damaged'\n"
        "__main__.LOADERS['faulty'] = loaders.Loader('file', whole, damage, load, (RunError,))\n"
        "if sys.argv[2] == '--worker':\n    sys.exit(__main__.main())\n"
        "for report in __main__.reports('faulty', 0, 0, 1, None): print(report['wrong'])\n"
    )
    code = (
        "import runpy, sys, subprocess\n"
        "popen = subprocess.Popen\n"
        "class Here(popen):\n"
        "    def __init__(self, args, **options):\n"
        "        here = 'tests.fuzzing' in args\n"
        "        super().__init__([sys.executable, __file__, *args[3:]] if here else args, **options)\n"
    )
    script = tmp_path / "run.py"
    script.write_text(code + "subprocess.Popen = Here\n" + (tmp_path / "faulty.py").read_text())
    done = subprocess.run([sys.executable, script, "faulty", "--cases"], capture_output=True, text=True, timeout=300)
    assert expected in done.stdout, done.stderr


# Memory, in a process of its own


def peak(code, *arguments):
    """Return how many bytes above those after the imports a process takes, and what it prints."""
    program = (
        "import sys\n"
        "from autograd_cnn.data.images import read_image\n"
        "from autograd_cnn.data.idx import read_idx\n"
        "from autograd_cnn.training.model_loading import load_model\n"
        "from tests.fuzzing.worker import Memory\n"
        "import PIL.Image; PIL.Image.init()\n"
        "memory = Memory(); memory.peak()\n"
        f"try:\n    print({code})\n"
        "except Exception as error:\n    print(type(error).__name__, error)\n"
        "print(memory.peak())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)], capture_output=True, text=True, timeout=600
    )
    *lines, last = done.stdout.splitlines()
    return int(last), "\n".join(lines)


@linux
def test_a_file_that_names_many_classes_is_refused_before_the_model_is_made(tmp_path):
    path = tmp_path / "many.safetensors"
    names = json.dumps([str(i) for i in range(300_000)], separators=(",", ":"))
    ac.save_weights(path, lenet5.init(np.random.default_rng(0)), metadata={"model": "lenet5", "class_names": names})
    taken, printed = peak("load_model(sys.argv[1])", path)
    assert printed.startswith(f"WeightsError {path} holds 61,706 values, and lenet5 with 300,000 classes has more;")
    assert taken < MEMORY


@linux
def test_gzip_is_not_decompressed_beyond_what_the_header_says(tmp_path):
    path = tmp_path / "bomb.gz"
    with gzip.open(path, "wb", 1) as file:
        file.write(encode_idx(np.zeros(10, np.uint8)))
        for _ in range(100):
            file.write(bytes(10**7))
    taken, printed = peak("read_idx(sys.argv[1])", path)
    assert printed == f"DataError {path} has bytes after its end: more than 18 bytes, expected 18 for the shape (10,)"
    assert taken < 2**25


@linux
@pytest.mark.parametrize(("mode", "kind"), [("RGBA", "png"), ("P", "gif"), ("RGB", "jpg")])
def test_a_large_image_takes_no_more_than_promised(tmp_path, mode, kind):
    path = tmp_path / f"large.{kind}"
    Image.new(mode, (5000, 4990)).save(path)
    taken, printed = peak("read_image(sys.argv[1], 3, (28, 28)).shape", path)
    assert printed == "(3, 28, 28)"
    assert taken < MEMORY


# What files of weights say of themselves


def saved(path, **metadata):
    save_weights(path, mlp.init(np.random.default_rng(0)), metadata={"model": "mlp", **metadata})
    return path


@pytest.mark.parametrize(
    ("key", "text", "complaint"),
    [
        ("class_names", '["a", "a"]', 'class_names: expected different names, at least one, found ["a", "a"]'),
        ("class_names", "[" * 5000, "class_names: expected JSON"),
        ("class_names", "[" + "9" * 5000 + "]", "class_names: expected JSON"),
        ("input_shape", "[1, 28, 100000]", "input_shape[2]: expected a whole number from 1 to 512, found 100000"),
        ("input_shape", "[1, 28, 28.0]", "input_shape[2]: expected a whole number, found 28.0"),
        ("mean", "[0.5, 0.5]", "2 numbers under mean and 0 under std"),
        ("std", "[0]", "std[0]: expected a number above 0, found 0"),
        ("temperature", "NaN", "temperature: expected a number above 0, found NaN"),
        ("model_options", '{"hidden": {"a": 1}}', "model_options.hidden: expected"),
        ("model_options", '{"hidden": 1000000000000}', "and mlp with 10 classes and {"),
        ("model_options", '{"hidden": -3}', "which mlp refuses"),
        ("model_options", '{"colour": true}', "which mlp refuses"),
        ("model", "vgg", "is for a model that is not known: there is no model 'vgg'"),
        ("input_shape", "[1, 30, 30]", "does not take the images of 1×30×30 that it names"),
    ],
)
def test_metadata_that_does_not_fit(key, text, complaint, tmp_path):
    path = saved(tmp_path / "w.safetensors", **{key: text})

    def classify():
        loaded = load_model(path)
        loaded.predict(np.zeros((1, *loaded.input_shape), np.float32))

    with pytest.raises((RunError, WeightsError)) as caught:
        classify()
    assert complaint in str(caught.value)
    assert str(path) in str(caught.value)


def test_weights_that_do_not_fit_name_their_file(tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(
        path, {"fc1.weight": ac.Tensor(np.ones(3, np.float32))}, metadata={"model": "mlp", "class_names": '["a"]'}
    )
    with pytest.raises(WeightsError, match=r"w\.safetensors holds 3 values, and mlp with 1 classes has more"):
        load_model(path)
    with pytest.raises(WeightsError, match=r"w\.safetensors: the weights do not fit the model: 'a' of shape \(2,\) is"):
        load_matching(path, {"a": ac.Tensor([0.0, 0.0])})


def test_tensors_that_do_not_fit_are_not_read(tmp_path, monkeypatch):
    path = saved(tmp_path / "w.safetensors")
    monkeypatch.setattr("autograd_cnn.nn.serialization.load_weights", None)
    with pytest.raises(WeightsError, match="the weights do not fit the model"):
        load_matching(path, {"other": ac.Tensor([0.0])})


def test_finite_weights_that_overflow_are_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    params = {
        name: ac.Tensor(np.full(p.shape, 3e38, np.float32)) for name, p in mlp.init(np.random.default_rng(0)).items()
    }
    save_weights(path, params, metadata={"model": "mlp", "data": "digits"})
    loaded = load_model(path)
    with pytest.raises(RunError, match=r"w\.safetensors gives no probabilities for 2 of 2 images: its weights are so"):
        loaded.predict(np.ones((2, 1, 28, 28), np.float32))
    with pytest.raises(RunError, match=r"w\.safetensors gives no probabilities for"):
        loaded.evaluate(loaded.load_data("digits", "test"))


def test_headers_have_a_limit(tmp_path, monkeypatch):
    path = tmp_path / "w.safetensors"
    text = json.dumps({"__metadata__": {"k": "v" * 5_000_000}}).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    with pytest.raises(WeightsError, match=r"has a header of 5,0.* bytes; expected at most 4,194,304"):
        read_metadata(path)
    path.write_bytes((2**63).to_bytes(8, "little") + b"{}")
    with pytest.raises(WeightsError, match="its 10 bytes begin with a header of 9,223,372,036,854,775,808"):
        read_metadata(path)
    monkeypatch.setattr(safetensors_files, "MAX_TENSORS", 3)
    save_weights(path, {str(i): ac.Tensor([1.0]) for i in range(4)})
    with pytest.raises(WeightsError, match="has 4 tensors; expected at most 3"):
        load_weights(path)


def test_a_shape_that_numpy_cannot_hold(tmp_path):
    path = tmp_path / "w.safetensors"
    for shape in ([1] * 65 + [0], [2**62, 2**62, 0]):
        text = json.dumps({"a": {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}}).encode()
        path.write_bytes(len(text).to_bytes(8, "little") + text)
        with pytest.raises(WeightsError, match=r"w\.safetensors"):
            load_weights(path)


# What checkpoints say


def checkpoint(folder, change):
    """Write a checkpoint whose JSON is changed."""
    folder.mkdir(exist_ok=True)
    path = folder / STATE_FILE
    path.write_bytes(checkpoint_seeds()[0])
    tensors, said = load_weights(path), json.loads(read_metadata(path)["run"])
    change(said)
    save_weights(path, tensors, metadata={"run": json.dumps(said)})
    return folder


@pytest.mark.parametrize(
    ("where", "value", "complaint"),
    [
        ("settings.augment", "no", 'settings.augment: expected true or false, found "no"'),
        ("settings.epochs", 0, "settings.epochs: expected a whole number of at least 1, found 0"),
        ("settings.batch_size", True, "settings.batch_size: expected a whole number, found true"),
        ("settings.lr", -1, "settings.lr: expected a number above 0, found -1"),
        ("settings.optimizer", "magic", "settings.optimizer: expected one of adam, sgd, momentum, adamw, rmsprop,"),
        ("settings.colour", 1, "settings.colour: expected one of data, model,"),
        ("settings.threads", 10**9, "settings.threads: expected a whole number from 1 to 1024"),
        ("history.epochs", [{"epoch": 1}], "history.epochs[0].train_loss: is missing"),
        ("history.epochs", 3, "history.epochs: expected a list, found 3"),
        ("seconds", None, "seconds: expected a number, found null"),
        ("images", {"cat": -1}, "images.cat: expected a whole number of at least 0, found -1"),
        ("underway", {"rng": {}}, "underway.epoch: is missing"),
    ],
)  # fmt: skip
def test_json_that_does_not_fit_is_named_by_its_path(where, value, complaint, tmp_path):
    def change(said):
        *outer, last = where.split(".")
        for key in outer:
            said = said[key]
        said[last] = value

    with pytest.raises(RunError) as caught:
        SavedState.read(checkpoint(tmp_path, change))
    assert str(caught.value).startswith(f"{tmp_path / STATE_FILE} is not a checkpoint of a run ({complaint}")


def test_epochs_follow_each_other(tmp_path):
    folder = checkpoint(tmp_path, lambda said: said["history"]["epochs"][0].update(epoch=7))
    with pytest.raises(RunError, match="epoch 7 stands where 1 belongs"):
        SavedState.read(folder)


def test_steps_of_other_parameters_are_refused(tmp_path):
    folder = checkpoint(tmp_path, lambda said: said["steps"].update(other=3))
    state = SavedState.read(folder)
    params = mlp.init(np.random.default_rng(0), num_classes=2, hidden=3)
    with pytest.raises(
        RunError, match=r"checkpoint\.safetensors does not fit the run that it describes: the state has"
    ):
        state.restore(folder, params, state.settings.make_optimizer(ac.models.trainable(params)))


@given(
    st.sampled_from(list(dataclasses.asdict(Settings()))),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
)
def test_settings_are_what_their_types_say_or_an_error_names_them(name, value):
    said, complaint = json.dumps(dataclasses.asdict(Settings()) | {name: value}), ""
    try:
        read = getattr(parse(said, Settings, "settings"), name)
    except SchemaError as error:
        complaint = str(error)
    if complaint:
        assert complaint.startswith(f"settings.{name}: expected ")
    else:
        assert read == value
        assert type(read) is type(value) or (type(read), type(value)) == (float, int)


# What is printed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat", "cat"), ("Käse 猫 Ж", "Käse 猫 Ж"), ("\x1b[2J", r"\x1b[2J"), ("a\r\nb\tc", r"a\r\nb\tc"),
        ("\x9b31m", r"\x9b31m"), ("gpj\u202e.exe", r"gpj\u202e.exe"), ("\udce9", r"\udce9"), ("a\u2028b", r"a\u2028b"),
        ("a\u3000b", "a\u3000b"), ("\x7f", r"\x7f"),
    ],
)  # fmt: skip
def test_control_characters_are_shown(text, expected):
    assert shown(text) == expected
    assert str(RunError(text)) == str(ac.data.DataError(text)) == str(WeightsError(text)) == expected
    assert table(["name"], [[text]]).splitlines()[-1].rstrip() == expected.rstrip()


def call(*arguments, cwd):
    command = [sys.executable, "-m", "autograd_cnn", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, timeout=300)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such file names")
def test_names_reach_the_terminal_without_their_control_characters(tmp_path):
    ink = "\x1b[31mred\x07"
    saved(tmp_path / "w.safetensors", class_names=json.dumps([f"{ink}{i}" for i in range(10)]))
    Image.new("L", (28, 28)).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / f"{ink}.png")
    done = call("predict", "--weights", "w.safetensors", f"{ink}.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(rb"\x1b[31mred\x07.png \x1b[31mred\x07")
    done = call("predict", "--weights", "w.safetensors", f"{ink}\nmissing.png", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(rb"error: \x1b[31mred\x07\nmissing.png matches no file")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("name", ["weights", "checkpoint", "image"])
def test_the_command_line_refuses_in_one_line(name, tmp_path):
    saved(tmp_path / "w.safetensors")
    Image.new("L", (28, 28)).save(tmp_path / "good.png")
    if name == "weights":
        saved(tmp_path / "w.safetensors", class_names="[[[")
        done, file = call("predict", "--weights", "w.safetensors", "good.png", cwd=tmp_path), b"w.safetensors"
    elif name == "checkpoint":
        checkpoint(tmp_path / "run", lambda said: said["settings"].update(augment="no"))
        done, file = call("train", "--resume", "run", cwd=tmp_path), b"run/checkpoint.safetensors"
    else:
        seed = next(s for s in image_seeds() if s.startswith(b"II") and b"\x03\x00\x01\x00\x00\x00\x04\x00" in s)
        (tmp_path / "bad.png").write_bytes(seed[:300])
        done, file = call("predict", "--weights", "w.safetensors", "bad.png", cwd=tmp_path), b"bad.png"
    assert done.returncode == 2
    assert done.stderr.startswith(b"error: " + file), done.stderr
    assert done.stderr.count(b"\n") == 1
    assert done.stdout == b""


def test_seeds_hold_all_that_metadata_may_say(tmp_path):
    (tmp_path / "w.safetensors").write_bytes(weights_seeds()[0])
    assert {
        "model",
        "model_options",
        "class_names",
        "input_shape",
        "mean",
        "std",
        "temperature",
        "polarity",
        "data",
    } <= set(read_metadata(tmp_path / "w.safetensors"))
