"""The published systems: that each runs from the command line, and that their pieces are what they say."""

import dataclasses
import json
import math
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import autograd_cnn as ac
from autograd_cnn import data, models, training
from autograd_cnn.experiments.reproductions import REPRODUCTIONS, Study, lecun1998, rumelhart1986, saitoh2016, zhou2019
from autograd_cnn.nn import layers
from tests import reproductions_table
from tests.test_cli import assert_refused, call

PICTURES = {
    "digit-folders": {"as_published.png", "ours.png"},
    "conv3x3": {"accuracies.png"},
    "mlp": {"losses.png"},
    "simple-convnet": {"optimizers.png", "variants.png", "filters.png", "as_published.png"},
    "lenet5": {"test_losses.png", "ours.png", "confidence.png"},
}


@pytest.mark.parametrize("name", REPRODUCTIONS)
def test_a_system_is_reproduced_by_one_command(name, tmp_path):
    done = call("reproduce", name, "--quick", "--data", "digits", "--out", "found", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "found"
    results = json.loads((folder / "results.json").read_text())
    assert results["name"] == name
    assert results["quick"] is True
    assert (folder / "table.txt").read_text() in done.stdout
    for finding in results["findings"]:
        for column in ("figure", "reproduced", "ours"):
            assert finding[column] in done.stdout
        assert not finding["published"], "published figures are of all of MNIST"
    assert not re.search("[1-9]0?,000", done.stdout), "so many images are not in it"
    assert "as published  " not in done.stdout
    assert "% off" not in done.stdout
    assert any(f["reproduced"] for f in results["findings"])
    assert any(f["ours"] for f in results["findings"])
    assert {p.name for p in folder.glob("*.png")} == PICTURES[name]
    for picture in folder.glob("*.png"):
        with Image.open(picture) as image:
            image.verify()


def test_the_names_are_listed_one_a_line(tmp_path):
    done = call("reproduce", "--list", cwd=tmp_path)
    assert done.stdout.split("\n") == [*PICTURES, ""]
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "beginning"),
    [
        (["reproduce"], "error: no name was given: expected one of digit-folders, conv3x3"),
        (["reproduce", "alexnet"], "error: there is no system 'alexnet': expected one of digit-folders, conv3x3"),
        (["reproduce", "mlp", "--data", "letters"], "error: there is no data set 'letters'"),
        (["reproduce", "mlp", "--out", "taken"], "error: taken already holds results.json of an earlier run"),
    ],
)
def test_bad_input_is_refused(arguments, beginning, tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "results.json").write_text("{}")
    assert_refused(call(*arguments, cwd=tmp_path), beginning)


class TestLostSoftmax:
    def test_the_gradient_is_logits_minus_one_hot(self, rng):
        logits, labels = rng.standard_normal((5, 10)), rng.integers(0, 10, 5)
        gradient = ac.grad(lecun1998.squared_error)(logits, labels)
        np.testing.assert_allclose(gradient, logits - np.eye(10)[labels], atol=1e-14)

    def test_logits_of_zeros_and_a_one_have_the_published_confidence_and_loss(self):
        labels = np.arange(10)
        assert pytest.approx(0.232, abs=5e-4) == lecun1998.CONFIDENCE
        assert ac.softmax(np.eye(10)).max(1) == pytest.approx(lecun1998.CONFIDENCE, rel=1e-12)
        assert float(ac.softmax_cross_entropy(np.eye(10), labels)) == pytest.approx(1.461, abs=5e-4)
        assert -math.log(lecun1998.CONFIDENCE) == pytest.approx(1.461, abs=5e-4)

    def test_training_by_it_ends_there(self):
        digits = data.load("digits", "train")
        few = dataclasses.replace(digits, images=digits.images[:200], labels=digits.labels[:200])
        init, apply = ac.sequential(layers.flatten, layers.linear(64, 100), ac.relu, layers.linear(100, 10))
        params = init(np.random.default_rng(0))
        optimizer = ac.optim.SGD(params, lr=5e-3)
        training.fit(apply, params, few, optimizer=optimizer, epochs=1000, schedule=None, loss=lecun1998.squared_error)
        found = training.evaluate(apply, params, few)
        assert found.accuracy == 1
        assert found.mean_confidence == pytest.approx(lecun1998.CONFIDENCE, abs=0.002)
        assert found.loss == pytest.approx(1.461, abs=0.01)


def test_the_sequence_is_lenet5(rng):
    init, apply = lecun1998.lenet5(10)
    params, images = init(np.random.default_rng(3)), rng.random((4, 1, 28, 28), np.float32)
    assert list(params) == list(models.lenet5.init(np.random.default_rng(3)))
    np.testing.assert_array_equal(apply(params, images).data, models.lenet5.apply(params, images).data)


@pytest.mark.parametrize("hidden", [None, 512])
def test_the_program_of_every_framework_is_conv3x3(hidden, rng):
    params, images = models.conv3x3.init(rng, hidden=hidden), rng.random((4, 1, 28, 28), np.float32)
    ops = SimpleNamespace(**{name: getattr(ac, name) for name in ac.ops.__all__})
    ops.flatten = lambda x, start: ac.flatten(x, start)
    found = zhou2019.apply(ops, params, images)
    np.testing.assert_array_equal(found.data, models.conv3x3.apply(params, images).data)


class TestGradientComparison:
    digits = data.load("digits", "train", size=(28, 28))

    def compare(self):
        return saitoh2016.compare_gradients(saitoh2016.model.init, self.digits, seed=0)

    def test_backpropagation_agrees_with_differences(self):
        assert max(self.compare().values()) < 1e-6

    def test_it_sees_a_wrong_gradient(self, monkeypatch):
        rule = ac.linear.rules["weight"]
        right = rule.function
        monkeypatch.setattr(rule, "function", lambda grad, *kept: right(grad, *kept) * 1.01)
        distances = self.compare()
        assert distances["fc2.weight"] > 1e-3
        assert distances["fc2.bias"] < 1e-6


@pytest.mark.parametrize(("seconds", "said"), [(0.75, "1.33 × faster"), (1.5, "1.50 × slower")])
def test_a_comparison_says_how_many_times_faster_or_slower(seconds, said):
    found = {"ours": zhou2019.Repeated([0.9, 0.9], 1.0), "PyTorch": zhou2019.Repeated([0.8, 0.8], seconds)}
    assert zhou2019._compared(found) == f"90.00% ± 0.00%, PyTorch 80.00% ± 0.00% and {said}"


def test_a_quick_study_takes_a_tenth(tmp_path):
    digits = data.load("digits", "train")
    study = Study("mlp", tmp_path, digits, digits, quick=True)
    train, test = study.first(1000, 500)
    assert (len(train), len(test)) == (100, 50)
    assert study.epochs(len(rumelhart1986.LOSSES)) == 2
    assert Study("mlp", tmp_path, digits, digits).epochs(10) == 10


def test_the_published_figures_stand_beside_those_of_mnist(tmp_path):
    digits = data.load("digits", "test")
    for name, said in (("mnist", True), ("digits", False)):
        study = Study("mlp", tmp_path / name, digits, digits, data=name)
        study.add("accuracy", "98.76 %", "99.10 %", "99.34 %")
        assert ("98.76 %" in study.save()) is said
        assert ("as published" in study.save()) is said


def test_the_readme_has_a_row_for_each_system():
    readme = reproductions_table.README.read_text(encoding="utf-8")
    table = readme.split(reproductions_table.BEGIN)[1].split(reproductions_table.END)[0]
    rows = table.splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == list(REPRODUCTIONS)
    for row, system in zip(rows, REPRODUCTIONS.values(), strict=True):
        assert row.split("`: ")[1].startswith(system.TITLE)
        assert all(cell.strip() for cell in row.strip("|").split("|"))


def test_the_readmes_table_is_made_of_what_runs_left(tmp_path):
    for name, system in REPRODUCTIONS.items():
        (tmp_path / name).mkdir()
        headline = {"figure": system.TITLE, "published": "a", "reproduced": "b", "ours": "c", "seconds": 1.4}
        (tmp_path / name / "results.json").write_text(json.dumps({"headline": headline}))
    command = [sys.executable, "-m", "tests.reproductions_table", "--out", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[0] == "| system | as published | reproduced | ours | seconds |"
    assert lines[4] == f"| `mlp`: {rumelhart1986.TITLE} | a | b | c | 1 |"
