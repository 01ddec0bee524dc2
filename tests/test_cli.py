"""The command line, in real processes and real folders."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import autograd_cnn as ac
from autograd_cnn import cli, data
from autograd_cnn.models import mlp
from autograd_cnn.training.interrupts import interrupt
from autograd_cnn.training.saved_state import STATE_FILE

RESULTS = {
    "checkpoint.safetensors",
    "confusion_matrix.png",
    "filters.png",
    "history.json",
    "learning_curve.png",
    "metrics.json",
    "calibration.png",
    "mistakes.png",
    "weights.safetensors",
}


def command(*arguments):
    return [sys.executable, "-m", "autograd_cnn", *map(str, arguments)]


def interruptible(*arguments, cwd):
    """Start a process that SIGINT stops."""
    return subprocess.Popen(
        command(*arguments),
        cwd=cwd,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        # A job in the background is started with SIGINT ignored, and so would its children be.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        # Coverage takes a lock of its own as functions are entered: interrupted there, it waits for itself for ever.
        env={name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")},
    )


def call(*arguments, cwd, **environment):
    return subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a run of two epochs, and what the command printed."""
    cwd = tmp_path_factory.mktemp("trained")
    done = call("train", "--epochs", "2", "--out", "run", "--seed", "3", cwd=cwd)
    assert done.returncode == 0, done.stderr
    return cwd / "run", done


class TestTrain:
    def test_every_result_is_there_and_nothing_else(self, trained):
        folder, _ = trained
        assert {p.name for p in folder.iterdir()} == RESULTS
        for picture in folder.glob("*.png"):
            with Image.open(picture) as image:
                image.load()
                assert min(image.size) >= 300

    def test_metrics_and_history(self, trained):
        folder, _ = trained
        metrics = json.loads((folder / "metrics.json").read_text())
        history = json.loads((folder / "history.json").read_text())
        assert metrics["seed"] == 3
        assert metrics["epochs"] == 2
        assert metrics["data"] == "digits"
        assert metrics["model"] == "lenet5"
        assert metrics["parameters"] == 61706
        assert metrics["seconds"] > 0
        assert 0.5 < metrics["test_accuracy"] <= 1
        assert 0.3 < metrics["mean_confidence"] <= 1
        assert metrics["test_loss"] == pytest.approx(history["epochs"][-1]["test_loss"])
        assert len(history["steps"]["loss"]) == 2 * 45
        assert [e["epoch"] for e in history["epochs"]] == [1, 2]
        assert history["steps"]["loss"][-1] < history["steps"]["loss"][0]

    def test_the_terminal_shows_progress_and_the_report(self, trained):
        _, done = trained
        assert re.search(r"epoch 2/2: 100%.*loss \d\.\d+, accuracy \d+\.\d%, test \d+\.\d%", done.stderr)
        assert re.search(r"precision +recall +F1 +support", done.stdout)
        assert re.search(r"test accuracy \d\d\.\d\d%, mean confidence \d\d\.\d\d%", done.stdout)

    def test_a_run_is_never_overwritten(self, trained):
        folder, _ = trained
        before = {p.name: p.read_bytes() for p in folder.iterdir()}
        done = call("train", "--epochs", "1", "--out", folder, cwd=folder.parent)
        assert_refused(
            done,
            f"error: {folder} already holds checkpoint.safetensors of an earlier run; give another --out, or",
        )
        assert {p.name: p.read_bytes() for p in folder.iterdir()} == before

    def test_the_default_folder_is_under_runs(self, tmp_path):
        done = call("train", "--model", "mlp", "--epochs", "1", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        (folder,) = (tmp_path / "runs").iterdir()
        assert folder.name.startswith("digits-mlp-")
        assert {p.name for p in folder.iterdir()} == RESULTS

    def test_the_same_seed_gives_the_same_bytes(self, trained, tmp_path):
        folder, _ = trained
        assert call("train", "--epochs", "2", "--seed", "3", "--out", "again", cwd=tmp_path).returncode == 0
        for name in ("weights.safetensors", "history.json"):
            assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


class TestResume:
    @pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send to one process")
    @pytest.mark.parametrize(
        "options",
        [
            ("--epochs", "12", "--optimizer", "sgd"),
            ("--epochs", "3", "--model", "convnet_bn", "--batch-size", "64"),  # running statistics go on too
        ],
    )
    def test_an_interrupted_run_ends_with_the_same_bits(self, options, tmp_path):
        settings = ("train", *options, "--seed", "5")
        assert call(*settings, "--out", "whole", cwd=tmp_path).returncode == 0

        process = interruptible(*settings, "--out", "stopped", cwd=tmp_path)
        checkpoint = tmp_path / "stopped" / STATE_FILE
        while not checkpoint.exists():
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 130
        assert b"Traceback" not in errors
        assert b"--resume stopped" in errors
        ac.load_weights(checkpoint)
        assert {p.name for p in checkpoint.parent.iterdir()} == {STATE_FILE}

        resumed = call("train", "--resume", "stopped", cwd=tmp_path)
        assert resumed.returncode == 0, resumed.stderr
        for name in ("weights.safetensors", "history.json"):
            assert (tmp_path / "stopped" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()

    def test_what_cannot_be_resumed(self, trained, tmp_path):
        folder, _ = trained
        assert_refused(call("train", "--resume", "gone", cwd=tmp_path), f"error: gone holds no {STATE_FILE} to resume")
        done = call("train", "--resume", folder, "--lr", "0.1", "--seed", "9", cwd=tmp_path)
        assert_refused(done, "error: --resume keeps the run's own settings; leave out --lr, --seed")
        foreign = tmp_path / "foreign"
        foreign.mkdir()
        (foreign / STATE_FILE).write_bytes((folder / "weights.safetensors").read_bytes())
        done = call("train", "--resume", foreign, cwd=tmp_path)
        assert_refused(done, f"error: {foreign / STATE_FILE} is not a checkpoint of a run")


class TestEvaluateAndPredict:
    def test_evaluate_repeats_the_run_s_own_figures(self, trained):
        folder, _ = trained
        done = call("evaluate", "--weights", folder / "weights.safetensors", "--data", "digits", cwd=folder)
        assert done.returncode == 0, done.stderr
        metrics = json.loads((folder / "metrics.json").read_text())
        right = round(metrics["test_accuracy"] * 360)
        assert done.stdout.splitlines()[0] == f"accuracy {right / 360:.4f} ({right}/360)"
        assert f"loss {metrics['test_loss']:.4f}" in done.stdout
        assert f"mean confidence {metrics['mean_confidence']:.4f}" in done.stdout

    @pytest.mark.parametrize("model", ["conv3x3", "simple_convnet", "convnet_bn"])
    def test_every_model_does_it_all(self, model, tmp_path):
        """In evaluation batch norm goes by the statistics in the file, so that each run repeats its figures."""
        done = call("train", "--model", model, "--epochs", "2", "--out", "run", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert {p.name for p in (tmp_path / "run").iterdir()} == RESULTS
        metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
        params = ac.models.get(model).init(np.random.default_rng(0))
        assert metrics["parameters"] == sum(p.size for p in params.values() if p.requires_grad)
        assert metrics["test_accuracy"] > 0.5
        done = call("evaluate", "--weights", "run/weights.safetensors", cwd=tmp_path)
        assert f"loss {metrics['test_loss']:.4f}" in done.stdout
        digit = (data.load("digits", "test").images[0, 0] * 255).astype(np.uint8)
        Image.fromarray(digit).save(tmp_path / "digit.png")
        done = call("predict", "--weights", "run/weights.safetensors", "digit.png", cwd=tmp_path)
        assert re.fullmatch(r"digit.png \d \d\.\d{4}\n", done.stdout), done.stderr
        done = call("inspect", "--model", model, "--batch-size", "4", "--out", "inspected", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert f"models/{model}.py" in (tmp_path / "inspected" / "profile.txt").read_text()

    def test_predict_prints_a_line_for_each_image(self, trained, tmp_path):
        folder, _ = trained
        test = data.load("digits", "test")
        names = []
        for i in range(12):
            names.append(f"{i} digit.png")
            Image.fromarray((test.images[i, 0] * 255).astype(np.uint8)).save(tmp_path / names[-1])
        done = call("predict", "--weights", folder / "weights.safetensors", *names, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        lines = [re.fullmatch(r"(.+) (\d) (\d\.\d{4})", line).groups() for line in done.stdout.splitlines()]
        assert [name for name, _, _ in lines] == names
        assert sum(int(digit) == label for (_, digit, _), label in zip(lines, test.labels, strict=False)) >= 8
        assert all(0.1 <= float(p) <= 1 for _, _, p in lines)

    def test_dark_ink_on_light_paper_reads_as_light_on_dark(self, trained, tmp_path):
        folder, _ = trained
        digit = (data.load("digits", "test").images[0, 0] * 255).astype(np.uint8)
        Image.fromarray(digit).save(tmp_path / "light.png")
        Image.fromarray(255 - digit).convert("RGB").save(tmp_path / "dark.png")
        done = call("predict", "--weights", folder / "weights.safetensors", "light.png", "dark.png", cwd=tmp_path)
        light, dark = (line.split(maxsplit=1)[1] for line in done.stdout.splitlines())
        assert light == dark

    def test_weights_without_metadata_need_the_model_s_name(self, tmp_path):
        from safetensors.numpy import save_file

        params = mlp.init(np.random.default_rng(0))
        save_file({k: p.data for k, p in params.items()}, tmp_path / "plain.safetensors")
        arguments = ("evaluate", "--weights", "plain.safetensors", "--data", "digits")
        assert_refused(call(*arguments, cwd=tmp_path), "error: plain.safetensors does not say which model")
        assert call(*arguments, "--model", "mlp", cwd=tmp_path).returncode == 0
        done = call(*arguments, "--model", "lenet5", cwd=tmp_path)
        assert_refused(
            done,
            "error: plain.safetensors: the weights do not fit the model: 'conv1.weight' of shape (6, 1, 5, 5) is",
        )

    @pytest.mark.parametrize("names", ["zero, one", "[]", "7", "[1, 2]"])
    def test_class_names_that_are_none_are_refused(self, names, tmp_path):
        params = mlp.init(np.random.default_rng(0))
        ac.save_weights(tmp_path / "odd.safetensors", params, metadata={"model": "mlp", "class_names": names})
        done = call("evaluate", "--weights", "odd.safetensors", cwd=tmp_path)
        assert_refused(done, "error: odd.safetensors has invalid metadata: class_names")


def assert_refused(done, beginning):
    assert done.returncode == 2
    assert done.stderr.startswith(beginning), done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "beginning"),
    [
        (["fly"], "error: argument COMMAND: invalid choice: 'fly'"),
        (["train", "--fast"], "error: unrecognized arguments: --fast (see autograd-cnn train --help)"),
        (["--fast"], "error: unrecognized arguments: --fast (see autograd-cnn --help)"),
        (["train", "--epochs", "0"], "error: argument --epochs: expected a whole number of at least 1, got '0'"),
        (
            ["train", "--batch-size", "x"],
            "error: argument --batch-size: expected a whole number of at least 1, got 'x'",
        ),
        (["train", "--lr", "nan"], "error: argument --lr: expected a number above 0, got 'nan'"),
        (["train", "--lr", "fast"], "error: argument --lr: expected a number above 0, got 'fast'"),
        (["train", "--seed", "-1"], "error: argument --seed: expected a whole number of at least 0, got '-1'"),
        (["train", "--optimizer", "magic"], "error: --optimizer 'magic' is unknown; expected adam, sgd, momentum,"),
        (["train", "--data", "cats"], "error: there is no data set 'cats'"),
        (["train", "--data", "cats/small"], "error: there is no folder cats/small: expected one with a folder of"),
        (["train", "--model", "vgg"], "error: there is no model 'vgg'; the models are lenet5, mlp"),
        (["train", "--lr", "1e9", "--epochs", "1"], "error: the loss became"),
        (["train", "--data", "digit"], "error: there is no data set 'digit': expected one of digits, mnist,"),
        (["train", "--model", "gone.py"], "error: {cwd}/gone.py cannot be read (No such file or directory); expected"),
        (["train", "--model", "file"], "error: there is no model 'file'; the models are"),
        (["train", "--schedule", "sine"], "error: --schedule 'sine' is unknown; expected cosine, constant, one-cycle"),
        (["train", "--validation", "1"], "error: argument --validation: expected a number of at least 0 and below 1"),
        (["train", "--validation", "1e-9"], "error: --validation 1e-09 of 1437 training images leaves none"),
        (["train", "--patience", "0"], "error: argument --patience: expected a whole number of at least 1, got '0'"),
        (["train", "--patience", "2", "--validation", "0"], "error: --patience 2 needs a validation set; give"),
        (["train", "--weight-decay", "-1"], "error: argument --weight-decay: expected a number of at least 0"),
        (["train", "--clip-norm", "0"], "error: argument --clip-norm: expected a number above 0, got '0'"),
        (["train", "--threads", "0"], "error: argument --threads: expected a whole number of at least 1, got '0'"),
        (["train", "--checkpoint-every", "1h"], "error: argument --checkpoint-every: expected steps, as in 500, or"),
        (["train", "--out", "file/run"], "error: file/run cannot be made a folder:"),
        (["evaluate", "--weights", "gone.safetensors"], "error: gone.safetensors does not exist"),
        (["evaluate", "--weights", "runs/gone"], "error: runs/gone does not exist; expected a run's folder, or a"),
        (["evaluate", "--weights", "file"], "error: file is cut short or not a safetensors file"),
        (["evaluate"], "error: the following arguments are required: --weights"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(arguments, beginning, tmp_path):
    (tmp_path / "file").write_text("not weights")
    done = call(*arguments, cwd=tmp_path)
    lines = done.stderr.splitlines()
    assert done.returncode == 2
    # A bar that has begun to move stands before the error of a training that fails under way.
    assert lines[-1].startswith(beginning.format(cwd=tmp_path)), done.stderr
    assert "Traceback" not in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_mnist_without_network_says_where_to_put_the_files(tmp_path, monkeypatch):
    # Mirrors that cannot be reached, whatever network the tests run in.
    done = call(
        "train", "--data", "mnist", cwd=tmp_path, AUTOGRAD_CNN_DATA=str(tmp_path / "data"),
        HTTPS_PROXY="http://127.0.0.1:9", https_proxy="http://127.0.0.1:9", NO_PROXY="", no_proxy="",
    )  # fmt: skip
    assert_refused(done, "error: mnist cannot be downloaded")
    assert str(tmp_path / "data" / "mnist") in done.stderr
    assert "train-images-idx3-ubyte" in done.stderr
    assert not list(tmp_path.glob("runs"))


@pytest.mark.parametrize("command", ["", "train", "evaluate", "predict", "data", "data fetch"])
def test_help(command, tmp_path):
    done = call(*command.split(), "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: autograd-cnn {command}".rstrip())


def test_fetching_what_needs_no_fetching(tmp_path):
    done = call("data", "fetch", "digits", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "digits is part of the package\n")
    assert_refused(call("data", "fetch", "cats", cwd=tmp_path), "error: there is no data set 'cats'")


def test_version(tmp_path):
    assert call("--version", cwd=tmp_path).stdout == f"autograd-cnn {ac.__version__}\n"


def test_the_installed_command_is_the_module():
    script = Path(sys.executable).with_name("autograd-cnn")
    if not script.exists():
        pytest.skip("the package is on the path but not installed")
    assert subprocess.run([script, "--version"], capture_output=True, text=True, check=True).stdout.startswith(
        "autograd-cnn"
    )


class TestInspect:
    def test_summary_graph_and_profile_go_into_a_folder(self, tmp_path):
        done = call("inspect", "--model", "lenet5", "--batch-size", "4", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        (folder,) = (tmp_path / "runs").iterdir()
        assert {p.name for p in folder.iterdir()} == {
            "graph.dot", "graph.png", "profile.txt", "summary.txt", "trace.json"
        }  # fmt: skip
        summary, profile = (folder / "summary.txt").read_text(), (folder / "profile.txt").read_text()
        assert summary.strip() in done.stdout
        assert profile.strip() in done.stdout
        assert re.search(r"^total +61,706 +1,666,080", summary, re.MULTILINE)
        assert "models/lenet5.py" in profile
        names = {event["name"] for event in json.loads((folder / "trace.json").read_text())["traceEvents"]}
        assert {"conv2d", "conv2d by weight", "max_pool2d by x"} <= names
        assert (folder / "graph.dot").read_text().startswith("digraph {")
        with Image.open(folder / "graph.png") as image:
            image.load()
        again = call("inspect", "--out", folder, cwd=tmp_path)
        assert_refused(again, f"error: {folder} already holds summary.txt of an earlier run; give another --out")

    def test_bad_input(self, tmp_path):
        assert_refused(call("inspect", "--model", "x", cwd=tmp_path), "error: there is no model 'x'; the models are")
        assert_refused(call("inspect", "--batch-size", "0", cwd=tmp_path), "error: argument --batch-size")
        assert not list(tmp_path.iterdir())


def test_an_interrupt_while_a_class_is_made_ends_the_command(monkeypatch, capsys):
    """Python 3.11 wraps it in a RuntimeError, as in an import that a signal meets."""

    class Descriptor:
        def __set_name__(self, owner, name):
            interrupt(signal.SIGTERM)

    monkeypatch.setattr(cli, "_run", lambda _: type("Made", (), {"attribute": Descriptor()}))
    assert cli.main([]) == 128 + signal.SIGTERM
    assert capsys.readouterr().err == "interrupted\n"
