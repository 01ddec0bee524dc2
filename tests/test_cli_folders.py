"""Folders of images on the command line, in real processes: exported, trained on, evaluated, resumed."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from autograd_cnn import data, ops, training
from autograd_cnn.data import Dataset
from autograd_cnn.data.folders import read_folder, write_folder
from autograd_cnn.data.images import read_image
from autograd_cnn.data.labelled_files import read_labelled_files
from autograd_cnn.training import model_loading
from autograd_cnn.training.saved_state import STATE_FILE
from tests.test_cli import RESULTS, assert_refused, call, interruptible


def succeed(*arguments, cwd, **environment):
    done = call(*arguments, cwd=cwd, **environment)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with an export of digits in png/, and a run on it in run/."""
    cwd = tmp_path_factory.mktemp("place")
    succeed("data", "export-png", "digits", "--out", "png", "--limit", "300", cwd=cwd)
    succeed("train", "--data", "folder:png", "--epochs", "6", "--out", "run", "--model", "mlp", cwd=cwd)
    return cwd


class TestExport:
    def test_what_is_written_is_the_data_set(self, tmp_path):
        done = succeed("data", "export-png", "digits", "--out", "png", cwd=tmp_path)
        assert done.stdout == "1437 images are in png/train\n360 images are in png/test\n"
        assert re.search(r"train: 100%.*1437/1437.*test: 100%.*360/360", done.stderr, re.DOTALL)
        for split in data.SPLITS:
            digits, folder = data.load("digits", split), data.load(f"folder:{tmp_path / 'png'}", split)
            order = np.argsort(digits.labels, kind="stable")
            np.testing.assert_array_equal(folder.images * 255, np.rint(digits.images[order] * 255))
            np.testing.assert_array_equal(folder.labels, digits.labels[order])

    def test_a_part_as_labelled_files(self, tmp_path):
        arguments = ("data", "export-png", "digits", "--out", "flat", "--split", "test", "--layout", "files")
        done = succeed(*arguments, "--limit", "25", cwd=tmp_path)
        assert done.stdout == "25 images are in flat/test\n"
        assert [p.name for p in (tmp_path / "flat").iterdir()] == ["test"]
        dataset = read_labelled_files(tmp_path / "flat" / "test")
        assert sorted(np.bincount(dataset.labels).tolist()) == [2] * 5 + [3] * 5

    def test_nothing_is_overwritten_nor_half_done(self, tmp_path):
        succeed("data", "export-png", "digits", "--out", "png", "--split", "test", "--limit", "10", cwd=tmp_path)
        before = sorted(tmp_path.rglob("*"))
        done = call("data", "export-png", "digits", "--out", "png", cwd=tmp_path)
        assert_refused(done, "error: png/test already exists, and nothing is overwritten: remove it, or name another")
        assert sorted(tmp_path.rglob("*")) == before

    @pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send to one process")
    def test_an_interrupted_export_leaves_no_half(self, tmp_path):
        digits = data.load("digits", "train")
        many = Dataset(np.repeat(digits.images, 20, axis=0), np.repeat(digits.labels, 20), digits.class_names)
        write_folder(tmp_path / "many", many)
        process = interruptible("data", "export-png", "folder:many", "--out", "png", "--split", "train", cwd=tmp_path)
        while not list(tmp_path.glob("png/.tmp-*/train/*/*")):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode == 130
        assert list((tmp_path / "png").iterdir()) == []

    @pytest.mark.parametrize(
        ("arguments", "beginning"),
        [
            (
                ["cats", "--out", "x"],
                "error: there is no data set 'cats': expected one of digits, mnist, fashion-mnist, ",
            ),
            (["digits"], "error: the following arguments are required: --out"),
            (["digits", "--out", "x", "--split", "all"], "error: argument --split: invalid choice: 'all'"),
            (
                ["digits", "--out", "x", "--limit", "0"],
                "error: argument --limit: expected a whole number of at least 1",
            ),
            (["digits", "--out", "file"], "error: file/train cannot be written: "),
            (["folder:none", "--out", "x"], "error: none cannot be read: No such file or directory; expected a folder"),
        ],
    )
    def test_bad_input_is_one_line_and_leaves_nothing(self, arguments, beginning, tmp_path):
        (tmp_path / "file").write_text("x")
        done = call("data", "export-png", *arguments, cwd=tmp_path)
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1].startswith(beginning), done.stderr
        assert "Traceback" not in done.stderr
        assert [p.name for p in tmp_path.iterdir()] == ["file"]


class TestTrainAndEvaluate:
    def test_a_run_on_a_folder(self, place):
        assert {p.name for p in (place / "run").iterdir()} == RESULTS
        metrics = json.loads((place / "run" / "metrics.json").read_text())
        assert metrics["data"] == f"folder:{place / 'png'}"
        assert metrics["test_accuracy"] > 0.6
        assert not metrics["augment"]

    def test_evaluate_repeats_the_run_s_own_figures(self, place):
        done = succeed("evaluate", "--weights", "run/weights.safetensors", "--data", "folder:png", cwd=place)
        metrics = json.loads((place / "run" / "metrics.json").read_text())
        assert f"loss {metrics['test_loss']:.4f}" in done.stdout
        assert done.stdout.startswith(f"accuracy {metrics['test_accuracy']:.4f} (")

    def test_the_default_folder_is_named_after_the_data_s(self, place, tmp_path):
        arguments = ("--data", f"folder:{place / 'png'}", "--model", "mlp", "--epochs", "1")
        succeed("train", *arguments, cwd=tmp_path)
        (folder,) = (tmp_path / "runs").iterdir()
        assert folder.name.startswith("png-mlp-")

    def test_classes_are_matched_by_name(self, place, tmp_path):
        shutil.copytree(place / "png", tmp_path / "png")
        for digit in "0123456":
            for split in data.SPLITS:
                shutil.rmtree(tmp_path / "png" / split / digit)
        arguments = ("evaluate", "--weights", place / "run" / "weights.safetensors", "--data", "folder:png")
        done = succeed(*arguments, cwd=tmp_path)
        supports = [int(line.split()[-1]) for line in done.stdout.splitlines() if re.match(r"\d ", line)]
        assert supports == [0] * 7 + [30] * 3
        assert float(done.stdout.split()[1]) > 0.5
        for split in data.SPLITS:
            (tmp_path / "png" / split / "7").rename(tmp_path / "png" / split / "seven")
        assert_refused(
            call(*arguments, cwd=tmp_path),
            f"error: folder:png has the class 'seven', and the model in {place / 'run' / 'weights.safetensors'} knows "
            "0, 1, 2, 3, 4, 5, 6, 7, 8, 9; evaluate on",
        )

    def test_as_many_classes_as_there_are_folders(self, tmp_path):
        rng = np.random.default_rng(0)
        images = rng.integers(0, 256, (60, 1, 9, 9)).astype(np.float32) / 255
        names = ("お", "き", "れ")
        write_folder(tmp_path / "kana", Dataset(images, np.arange(60) % 3, names))
        arguments = ("--data", "folder:kana", "--model", "mlp", "--epochs", "1")
        done = succeed("train", *arguments, "--out", "run", cwd=tmp_path, PYTHONIOENCODING="ascii")
        assert r"\u304a" in done.stdout
        report = json.loads((tmp_path / "run" / "metrics.json").read_text())["report"]
        assert [row["class"] for row in report["classes"]] == list(names)


class TestPredict:
    @pytest.mark.parametrize("dark_on_bright", [False, True])
    def test_images_are_given_the_polarity_that_was_trained_with(self, dark_on_bright, tmp_path):
        for split in data.SPLITS:
            digits = data.load("digits", split)
            images = 1 - digits.images if dark_on_bright else digits.images
            write_folder(tmp_path / "png" / split, Dataset(images, digits.labels, digits.class_names))
        arguments = ("--data", "folder:png", "--model", "mlp", "--epochs", "4", "--out", "run")
        succeed("train", *arguments, cwd=tmp_path)
        bright, dark = [], []
        for i in range(20):
            image = Image.fromarray((digits.images[i, 0] * 255).astype(np.uint8))
            image.save(tmp_path / f"bright{i}.png")
            image.point(lambda level: 255 - level).save(tmp_path / f"dark{i}.png")
            bright.append(f"bright{i}.png")
            dark.append(f"dark{i}.png")
        done = succeed("predict", "--weights", "run/weights.safetensors", *bright, *dark, cwd=tmp_path)
        said = [line.split(maxsplit=1)[1] for line in done.stdout.splitlines()]
        assert said[:20] == said[20:]
        assert sum(int(a.split()[0]) == label for a, label in zip(said, digits.labels[:20], strict=False)) >= 15

    def test_photographs_of_either_kind_are_left_as_they_are(self, tmp_path):
        images = np.full((24, 1, 8, 8), 0.8, np.float32)
        images[::2] = 0.2
        write_folder(tmp_path / "png", Dataset(images, np.arange(24) % 2, ("dark", "bright")))
        arguments = ("--data", "folder:png", "--model", "mlp", "--epochs", "1", "--out", "run")
        succeed("train", *arguments, cwd=tmp_path)
        pictures = ("png/dark/0.png", "png/bright/1.png")
        done = succeed("predict", "--weights", "run/weights.safetensors", *pictures, cwd=tmp_path)
        saved = model_loading.load_model(tmp_path / "run" / "weights.safetensors")
        seen = np.stack([read_image(tmp_path / picture, 1, saved.input_shape[1:]) for picture in pictures])
        rows = ops.softmax(training.predict(saved.model.apply, saved.params, seen))
        lines = [
            f"{p} {saved.class_names[row.argmax()]} {row.max():.4f}" for p, row in zip(pictures, rows, strict=True)
        ]
        assert done.stdout.splitlines() == lines
        assert lines[0].split()[2] != lines[1].split()[2]


class TestSkipBad:
    @pytest.fixture
    def messy(self, place, tmp_path):
        shutil.copytree(place / "png", tmp_path / "png")
        (tmp_path / "png" / "train" / "3" / "note.txt").write_text("hello")
        (tmp_path / "png" / "test" / "4" / "half.png").write_bytes(b"\x89PNG\r\n\x1a\n")
        (tmp_path / "png" / "test" / "Thumbs.db").write_text("hidden")
        return tmp_path

    def test_bad_files_are_an_error_that_tells_of_the_option(self, messy):
        done = call("train", "--data", "folder:png", "--epochs", "1", cwd=messy)
        assert_refused(done, f"error: {messy}/png/train/3/note.txt is not an image in a format that is read")
        assert done.stderr.endswith("or skip such files with skip_bad=True (--skip-bad)\n")
        assert not (messy / "runs").exists()

    def test_they_are_left_out_and_listed(self, messy):
        arguments = ("train", "--data", "folder:png", "--model", "mlp", "--epochs", "1", "--skip-bad", "--out", "run")
        lines = succeed(*arguments, cwd=messy).stderr.splitlines()
        assert lines[0].startswith(f"skipped: {messy}/png/train/3/note.txt is not an image in a format that is read")
        assert lines[1].startswith(f"skipped: {messy}/png/test/4/half.png ")
        assert lines[2] == "skipped 2 in all"
        weights = ("--weights", "run/weights.safetensors", "--data", "folder:png")
        assert_refused(call("evaluate", *weights, cwd=messy), "error: png/test/4/half.png ")
        lines = succeed("evaluate", *weights, "--skip-bad", cwd=messy).stderr.splitlines()
        assert [line.split()[1] for line in lines] == ["png/test/4/half.png", "1"]
        # Resuming keeps the setting.
        succeed("train", "--resume", "run", "--epochs", "2", cwd=messy)


class TestResume:
    def test_a_resumed_run_ends_with_the_same_bits_from_anywhere(self, place, tmp_path):
        # Settings are part of the saved state: a run stopped after 2 of 4 epochs is made by stopping it there.
        code = (
            "import sys, autograd_cnn.training.runs as runs\n"
            "save = runs.Run.save_state\n"
            "def stop(run):\n"
            "    save(run)\n"
            "    if len(run.history.epochs) == 2: raise KeyboardInterrupt\n"
            "runs.Run.save_state = stop\n"
            "from autograd_cnn.cli import main\n"
            "sys.exit(main(sys.argv[1:]))\n"
        )
        arguments = ("train", "--data", "folder:png", "--model", "mlp", "--epochs", "4", "--out")
        stopped = subprocess.run(
            [sys.executable, "-c", code, *arguments, tmp_path / "stopped"], cwd=place, capture_output=True, timeout=300
        )
        assert stopped.returncode == 130, stopped.stderr
        succeed(*arguments, tmp_path / "whole", cwd=place)
        (tmp_path / "elsewhere").mkdir()
        succeed("train", "--resume", tmp_path / "stopped", cwd=tmp_path / "elsewhere")
        for name in ("weights.safetensors", "history.json"):
            assert (tmp_path / "stopped" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()

    def test_a_folder_that_has_changed_is_refused(self, place, tmp_path):
        shutil.copytree(place / "png", tmp_path / "png")
        arguments = ("train", "--data", "folder:png", "--model", "mlp", "--epochs", "1", "--out", "run")
        succeed(*arguments, cwd=tmp_path)
        Image.new("L", (8, 8)).save(tmp_path / "png" / "train" / "5" / "new.png")
        done = call("train", "--resume", "run", "--epochs", "2", cwd=tmp_path)
        assert_refused(done, f"error: folder:{tmp_path}/png no longer has the training images that it had when run")
        shutil.rmtree(tmp_path / "png")
        done = call("train", "--resume", "run", "--epochs", "2", cwd=tmp_path)
        assert_refused(done, f"error: {tmp_path}/png cannot be read: No such file or directory")
        (tmp_path / "run" / STATE_FILE).unlink()

    def test_skip_bad_is_one_of_the_run_s_own_settings(self, place):
        done = call("train", "--resume", "run", "--skip-bad", cwd=place)
        assert_refused(done, "error: --resume keeps the run's own settings; leave out --skip-bad")


def test_a_small_part_of_a_folder_can_be_inspected(place):
    done = succeed("inspect", "--model", "mlp", "--data", "folder:png", "--batch-size", "4", "--out", "in", cwd=place)
    assert "summary, graph and profile are in in" in done.stdout


@pytest.mark.parametrize("name", ["train", "evaluate", "data export-png"])
def test_help_tells_of_folders(name, tmp_path):
    text = " ".join(call(*name.split(), "--help", cwd=tmp_path).stdout.split())
    assert "digits, mnist, fashion-mnist, kmnist, cifar10 or folder:PATH" in text


def test_a_split_of_one_s_own_is_held_out(tmp_path):
    succeed("data", "export-png", "digits", "--out", "png", "--split", "test", cwd=tmp_path)
    done = succeed("train", "--data", "folder:png/test", "--model", "mlp", "--epochs", "1", cwd=tmp_path)
    assert len(read_folder(tmp_path / "png" / "test", "test")) == 60
    assert done.stdout.startswith(
        f"mlp on folder:{tmp_path}/png/test: 300 images, 1 × 28 × 28, 10 classes, 1 epoch, seed 0"
    )
