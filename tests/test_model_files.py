"""Models in a user's own Python file: found, run, refused, and remembered."""

import json

import numpy as np
import pytest
from PIL import Image

import autograd_cnn as ac
from autograd_cnn import cli
from autograd_cnn.training import model_files, run_results
from autograd_cnn.training.errors import RunError

NET = """
import autograd_cnn as ac

def init(rng):
    return {"w": ac.Tensor(rng.normal(size=(10, 64)).astype("float32") / 8, requires_grad=True)}

def apply(params, x):
    return ac.linear(ac.flatten(x, 1), params["w"])
"""
CHAIN = """
import autograd_cnn as ac
from autograd_cnn.nn.layers import flatten, linear

class nets:
    wide = ac.sequential(flatten, linear(64, 32), ac.relu, linear(32, 10))
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder of its own, and a memory of its own for what was named."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(model_files, "_memory", lambda: tmp_path / "memory")
    (tmp_path / "net.py").write_text(NET)
    return tmp_path


@pytest.fixture
def run(place, capsys, monkeypatch):
    """Run the command line in this process, without pictures, and give status, output and errors."""
    monkeypatch.setattr(run_results, "_draw", lambda *_, **__: None)

    def call(*arguments):
        status = cli.main([str(argument) for argument in arguments])
        return status, *capsys.readouterr()

    return call


def test_a_model_of_one_s_own_does_it_all(run, place):
    assert run("train", "--model", "net.py", "--epochs", "2", "--no-augment", "--out", "run")[0] == 0
    metrics = json.loads((place / "run" / "metrics.json").read_text())
    assert metrics["model"] == f"{place}/net.py"
    assert metrics["parameters"] == 640
    assert metrics["test_accuracy"] > 0.5
    saved = ac.nn.serialization.read_metadata(place / "run" / "weights.safetensors")
    assert saved["model"] == f"{place}/net.py"
    assert saved["model_digest"] == metrics["model_digest"]

    status, out, _ = run("evaluate", "--weights", "run")
    assert (status, out.splitlines()[0].split()[1]) == (0, f"{metrics['test_accuracy']:.4f}")
    assert "data digits: 360 test images" in out
    Image.new("L", (8, 8)).save("black.png")
    status, out, _ = run("predict", "--weights", "run", "black.png")
    assert (status, out.split()[0]) == (0, "black.png")
    status, out, _ = run("inspect", "--model", "net.py", "--batch-size", "4", "--out", "inspected")
    assert status == 0
    assert "net.py:8" in out
    assert run("train", "--resume", "run", "--epochs", "3")[0] == 0
    assert len(json.loads((place / "run" / "history.json").read_text())["epochs"]) == 3


def test_one_of_several_in_a_file(run, place):
    (place / "chain.py").write_text(CHAIN)
    assert run("train", "--model", "chain.py:nets.wide", "--epochs", "1", "--out", "run")[0] == 0
    assert ac.load_model(place / "run").name == f"{place}/chain.py:nets.wide"
    status, _, err = run("train", "--model", "chain.py", "--out", "other")
    assert status == 2
    assert err == f"error: {place}/chain.py has no function init; expected init(rng) and apply(params, x)\n"


def test_a_file_that_has_changed_is_not_taken_for_what_it_was(run, place):
    assert run("train", "--model", "net.py", "--epochs", "1", "--out", "run")[0] == 0
    (place / "net.py").write_text(NET + "\n# another line\n")
    status, _, err = run("evaluate", "--weights", "run")
    assert status == 2
    assert err.startswith(f"error: {place}/net.py has changed since run/weights.safetensors was made; --model {place}")
    status, out, err = run("evaluate", "--weights", "run", "--model", "net.py")
    assert status == 0
    assert err == f"warning: {place}/net.py has changed since run/weights.safetensors was made\n"
    assert out.startswith("accuracy ")
    for arguments in (("--epochs", "2"), ("--epochs", "2", "--model", "net.py")):
        status, _, err = run("train", "--resume", "run", *arguments)
        assert status == 2
        assert err.startswith(f"error: {place}/net.py has changed since run was made; put it back, or start a new run")
    (place / "net.py").unlink()
    status, _, err = run("evaluate", "--weights", "run")
    assert status == 2
    assert "which is not there; name its file with --model FILE.py" in err


def test_no_code_is_run_because_a_weights_file_names_it(run, place):
    """A file of weights may come from anywhere, and the Python file beside it too."""
    (place / "evil.py").write_text("import pathlib\npathlib.Path('ran').touch()\n" + NET)
    digest = model_files.hashlib.sha256((place / "evil.py").read_bytes()).hexdigest()
    params = {"w": ac.Tensor(np.zeros((10, 64), np.float32), requires_grad=True)}
    metadata = {"model": f"{place}/evil.py", "model_digest": digest, "data": "digits", "input_shape": "[1, 8, 8]"}
    ac.save_weights(place / "w.safetensors", params, metadata=metadata)
    status, _, err = run("evaluate", "--weights", "w.safetensors")
    assert status == 2
    assert "whose code is run only if you name it: --model" in err
    with pytest.raises(RunError, match="only if you name it"):
        ac.load_model(place / "w.safetensors")
    assert not (place / "ran").exists()
    assert run("evaluate", "--weights", "w.safetensors", "--model", "evil.py")[0] == 0
    assert (place / "ran").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def init(:\n", "net.py, line 1: invalid syntax"),
        ("import sys\n\nsys.exit(3)\n", "net.py, line 3: SystemExit: 3"),
        ("import nowhere_to_be_found\n", "net.py, line 1: ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
        (NET.replace("def apply", "def forward"), "net.py has no function apply; expected init(rng) and apply(params,"),
        (NET.replace("(10, 64)", "(7, 64)"), "net.py: apply returned an array of shape (2, 7) for 2 images of 10"),
        (NET.replace("(10, 64)", "(10, 63)"), "net.py, line 8: ValueError: "),
        (
            NET.replace('return {"w":', 'return {"w": 1, "v":'),
            "net.py: init returned a dict with other values;",
        ),
        (NET + "init = apply = 3\n", "net.py has no function init; expected"),
        (NET + "net = ac.sequential(ac.relu)\ndel init\n", "or the name of an object that has both: {}/net.py:net"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line(run, place, text, message):
    (place / "net.py").write_text(text)
    status, out, err = run("train", "--model", "net.py", "--out", "run")
    assert status == 2
    assert err.startswith(f"error: {place}/net.py")
    assert message.format(place) in err
    assert (out, err.count("\n")) == ("", 1)
    assert not (place / "run").exists()


def test_a_name_that_is_not_in_the_file(run, place):
    status, _, err = run("train", "--model", "net.py:none")
    assert status == 2
    assert err == f"error: {place}/net.py has no 'none'; expected the name of an object with init and apply\n"


def test_the_files_neighbours_are_found(run, place):
    (place / "sizes_of_test.py").write_text("classes = 10\n")
    (place / "net.py").write_text("from sizes_of_test import classes\n" + NET.replace("(10, 64)", "(classes, 64)"))
    assert run("train", "--model", "net.py", "--epochs", "1")[0] == 0


def test_options_are_passed_to_a_file_that_takes_them(place):
    text = NET.replace("(rng)", "(rng, num_classes)").replace("(10, 64)", "(num_classes, 64)")
    text = text.replace("(params, x)", "(params, x, training)").replace('"])', '"]) * (1 + training)')
    (place / "net.py").write_text(text)
    model = model_files.find("net.py")
    params = model.init(np.random.default_rng(0), num_classes=3, in_channels=1)
    x = np.ones((1, 1, 8, 8), np.float32)
    once, twice = (model.apply(params, x, training=training, rng=None) for training in (False, True))
    assert once.shape == (1, 3)
    np.testing.assert_array_equal(twice.data, 2 * once.data)
