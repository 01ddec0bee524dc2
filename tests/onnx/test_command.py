"""`export-onnx`, as a user runs it."""

import json
import subprocess
import sys

import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn.training.saved_models import SavedModel
from tests.onnx.programs import in_runtime, onnx


def export(*options, cwd):
    command = [sys.executable, "-m", "autograd_cnn", "export-onnx", "--weights", "w.safetensors", *options]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)


@pytest.fixture
def saved(tmp_path):
    params = ac.models.convnet_bn.init(np.random.default_rng(0))
    saved = SavedModel(
        "convnet_bn", ac.models.convnet_bn, params, tuple("abcdefghij"), (1, 28, 28), mean=(0.3,), std=(0.2,),
        temperature=1.5,
    )  # fmt: skip
    saved.save(tmp_path / "w.safetensors")
    return saved


@pytest.mark.parametrize("normalize", [False, True])
def test_the_file_has_the_model_s_logits(saved, normalize, tmp_path):
    done = export("--out", "m.onnx", *["--normalize"] * normalize, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    what = "pixels from 0 to 1" if normalize else "standardized by the model's mean and deviation"
    assert done.stdout == f"m.onnx: images (batch, 1, 28, 28), {what}, to logits (batch, 10)\n"
    graph = onnx.load(tmp_path / "m.onnx")
    notes = {item.key: item.value for item in graph.metadata_props}
    assert json.loads(notes["class_names"]) == list("abcdefghij")
    assert ("mean" in notes) == ("temperature" in notes) == (not normalize)
    x = np.random.default_rng(1).random((7, 1, 28, 28), np.float32)
    apply = saved.apply if normalize else saved.model.apply
    (logits,) = in_runtime(graph, {"images": x})
    np.testing.assert_allclose(logits, apply(saved.params, x).data, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--out", "m.onnx", "--opset", "17"], "opset is from 18 to 22; got 17"),
        (["--out", "missing/m.onnx"], "missing/m.onnx cannot be written"),
        (["--out", "m.onnx", "--model", "vgg"], "there is no model 'vgg'"),
        ([], "the following arguments are required: --out"),
    ],
)
def test_bad_input_is_one_line(saved, options, message, tmp_path):
    done = export(*options, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]


def test_weights_that_overflow_are_refused(saved, tmp_path):
    for p in saved.params.values():
        p.data[...] = 3e38
    saved.save(tmp_path / "w.safetensors")
    done = export("--out", "m.onnx", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: w.safetensors gives no probabilities for 5 of 5 images: its weights are so")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "m.onnx").exists()
