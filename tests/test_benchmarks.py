"""The benchmarks run, agree with their rivals and write what they measured; how long it took is not looked at."""

import importlib.util
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import autograd_cnn as ac
from autograd_cnn.experiments import comparison as benchmark
from autograd_cnn.experiments.comparison import LENET5, VGG, charts, timing
from autograd_cnn.experiments.comparison.networks import FAST, FAST_NORMALIZED
from autograd_cnn.experiments.comparison.questions import conv_case, op_cases

FOLDER = Path(__file__).parents[1] / "benchmarks"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "script")
NEEDS = {"memory": "psutil", "two_processes": "mpi4py"}


def run(*command, cwd):
    return subprocess.run([sys.executable, *map(str, command)], cwd=cwd, capture_output=True, text=True, timeout=300)


def assert_saved(folder, name):
    """Check that both files are whole, and that the figures in them are numbers."""
    report = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    assert report["benchmark"] == name
    assert report["threads"] >= 1
    assert report["versions"]["NumPy"] == np.__version__
    for row in report["rows"]:
        for rival, samples in row["samples"].items():
            assert rival in report["rivals"]
            assert min(samples) > 0
            assert row["median"][rival] == pytest.approx(np.median(samples))
    with Image.open(folder / f"{name}.png") as picture:
        picture.load()
        assert min(picture.size) >= 200
    return report


class TestScripts:
    @pytest.mark.parametrize("name", SCRIPTS)
    def test_runs_alone_and_saves(self, name, tmp_path):
        if name in NEEDS and not importlib.util.find_spec(NEEDS[name]):
            pytest.skip(f"{NEEDS[name]} is not installed")
        done = run(FOLDER / f"{name}.py", "--quick", "--rounds", 2, "--out", tmp_path / "new", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        report = assert_saved(tmp_path / "new", name)
        assert report["title"] in done.stdout
        for row in report["rows"]:
            assert row["case"] in done.stdout
            assert all(len(samples) == 2 for samples in row["samples"].values())
        assert {path.name for path in (tmp_path / "new").iterdir()} == {f"{name}.json", f"{name}.png"}

    @pytest.mark.parametrize("name", SCRIPTS)
    def test_help_asks_the_question(self, name, tmp_path):
        done = run(FOLDER / f"{name}.py", "--help", cwd=tmp_path)
        assert done.returncode == 0
        question = (FOLDER / f"{name}.py").read_text(encoding="utf-8").partition("\n")[0].strip('"')
        assert question in done.stdout
        assert "?" in question
        assert all(option in done.stdout for option in ("--threads", "--rounds", "--quick", "--out"))

    def test_threads_are_pinned_before_numpy_is_imported(self):
        program = (
            "import os, script, sys; options = script.start(script.parser('?'));"
            "print(os.environ['OPENBLAS_NUM_THREADS'], os.environ['OMP_NUM_THREADS'], 'numpy' in sys.modules)"
        )
        done = run("-c", program, "--threads", 3, cwd=FOLDER)
        assert done.stdout.split() == ["3", "3", "False"]

    def test_bad_options_are_refused(self, tmp_path):
        done = run(FOLDER / "inference.py", "--threads", 0, cwd=tmp_path)
        assert done.returncode == 2
        assert "expected a whole number of at least 1, got '0'" in done.stderr

    def test_missing_data_is_said(self, tmp_path):
        (tmp_path / "mnist").mkdir()
        (tmp_path / "mnist" / "train-images-idx3-ubyte").write_bytes(b"no images")
        done = subprocess.run(
            [sys.executable, FOLDER / "time_to_accuracy.py"],
            env=os.environ | {"AUTOGRAD_CNN_DATA": str(tmp_path)}, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 2
        assert "error: " in done.stderr
        assert "Traceback" not in done.stderr


class TestCommand:
    def test_bench_writes_every_file_once(self, tmp_path):
        done = run("-m", "autograd_cnn", "bench", "--quick", "--threads", 1, "--out", "new", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert {path.name for path in (tmp_path / "new").iterdir()} == set(benchmark.FILES)
        for name in ("training_step", "inference", "single_ops"):
            assert_saved(tmp_path / "new", name)
        again = run("-m", "autograd_cnn", "bench", "--quick", "--out", "new", cwd=tmp_path)
        assert again.returncode == 2
        assert again.stderr == "error: new already holds training_step.json of an earlier run; give another --out\n"

    def test_bad_options_are_one_line(self, tmp_path):
        done = run("-m", "autograd_cnn", "bench", "--threads", "many", cwd=tmp_path)
        assert done.returncode == 2
        assert done.stderr.startswith("error: argument --threads: expected a whole number of at least 1, got 'many'")
        assert done.stderr.count("\n") == 1
        assert not list(tmp_path.iterdir())


class TestTiming:
    def test_rivals_take_turns_there_and_back_each_twice(self):
        calls = []
        seconds = timing.interleaved({n: lambda n=n: calls.append(n) for n in "abc"}, rounds=2, warm_up=1)
        assert "".join(calls) == "ccbbaa" + "aabbcc" + "ccbbaa"
        assert {name: len(s) for name, s in seconds.items()} == {"a": 2, "b": 2, "c": 2}

    def test_warm_up_and_the_call_before_each_are_not_counted(self, monkeypatch):
        now, costs = [0.0], iter([100.0, 90.0, 80.0, 70.0, 60.0, 1.0, 50.0, 2.0, 40.0, 3.0])
        monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])

        def work():
            now[0] += next(costs)

        assert timing.interleaved({"it": work}, rounds=3, warm_up=2) == {"it": [1.0, 2.0, 3.0]}

    def test_the_ratio_is_the_median_over_rounds(self):
        assert timing.median_ratio([1, 20, 3], [2, 10, 3]) == 1
        assert timing.median_ratio([2, 200, 2], [1, 100, 1]) == 2  # a slow round slows both

    def test_versions_leave_out_what_is_missing(self):
        assert timing.versions({"NumPy": "numpy", "Nothing": "no-such-package"}).keys() == {"Python", "NumPy"}


class TestReport:
    def test_units_medians_ratios_and_notes(self, capsys, tmp_path):
        report = benchmark.Report("name", "A title", ["theirs", "ours"], "ms", 2, 3, ["share"])
        report.add("first", {"theirs": [0.001, 0.002, 0.003], "ours": [0.004, 0.001, 0.003]}, {"share": 0.5})
        report.add("second", {"ours": [0.5]})
        lines = capsys.readouterr().out.splitlines()
        assert lines[1].startswith("A title; 2 threads, medians of 3; ")
        assert lines[2].split() == ["theirs", "ms", "ours", "ms", "ours", "/", "theirs", "share"]
        assert lines[3].split() == ["first", "2.00", "3.00", "1.00", "0.500"]
        assert lines[4].split() == ["second", "–", "500", "–", "–"]
        assert len({len(line) for line in lines[2:]}) == 1
        report.save(tmp_path)
        first, second = assert_saved(tmp_path, "name")["rows"]
        assert first["median"] == {"theirs": 2, "ours": 3}
        assert first["ratio to theirs"] == {"theirs": 1, "ours": 1}
        assert first["share"] == 0.5
        assert second["ratio to theirs"] == {"ours": None}

    @pytest.mark.parametrize("rivals", [["ours"], ["a", "ours"], ["a", "b", "c", "d", "ours"]])
    def test_any_number_of_rivals_is_drawn(self, rivals, tmp_path):
        report = benchmark.Report("name", "A title", rivals, "s", 1, 1)
        for case in range(3):
            report.add(f"case {case}", {rival: [10.0 ** (i - case)] for i, rival in enumerate(rivals)})
        report.add("nobody", {})
        report.save(tmp_path / "bars")
        assert_saved(tmp_path / "bars", "name")
        panel = charts.Panel("", "x", "y", {rival: ([1, 2, 4], [3, 2, 1]) for rival in rivals}, log=True)
        report.save(tmp_path / "curves", lambda report, path: charts.curves(report, [panel, panel], path))
        assert_saved(tmp_path / "curves", "name")


def test_the_rivals_bars_and_curves_are_told_apart_in_grey():
    looks = charts._looks(["a", "b", "c", "d", "ours"]).values()
    grey = {color: Image.new("RGB", (1, 1), color).convert("L").getpixel((0, 0)) for color, _, _ in looks}
    for (color, hatch, _), (other, other_hatch, _) in itertools.combinations(looks, 2):
        assert hatch != other_hatch or abs(grey[color] - grey[other]) > 60
    assert len({mark for _, _, mark in looks}) == 5


class TestFairness:
    def test_what_differs_is_not_compared(self):
        benchmark.require_agreement("a sum", {"one": 1.0, "two": 1.00001})
        for other in (1.01, float("nan"), [1.0, 1.0], np.ones(2)):
            with pytest.raises((RuntimeError, ValueError)):
                benchmark.require_agreement("a sum", {"one": 1.0, "two": other})

    def test_what_does_not_import_is_left_out(self, capsys):
        class Missing(benchmark.Framework):
            name, package = "Missing", "no_such_package"

        assert benchmark.installed(Missing, benchmark.Ours) == [benchmark.Ours]
        assert capsys.readouterr().out == "Missing is left out: No module named 'no_such_package'\n"

    def test_lenet5_is_the_package_s_own(self):
        weights, images, _ = LENET5.draw(2)
        learner = benchmark.Ours(LENET5, weights)
        np.testing.assert_array_equal(learner.logits(images), ac.models.lenet5.apply(weights, images))

    @pytest.mark.parametrize("network", [LENET5, VGG, FAST, FAST_NORMALIZED], ids=lambda network: network.name)
    def test_a_step_learns_and_leaves_the_weights_given_alone(self, network):
        weights, images, labels = network.draw(4)
        before = {name: w.copy() for name, w in weights.items()}
        learner = benchmark.Ours(network, weights, ("SGD", {"lr": 0.001}))
        losses = [learner.step(images, labels) for _ in range(4)]
        assert losses[-1] < losses[0]
        for name, w in weights.items():
            np.testing.assert_array_equal(w, before[name])

    def test_running_statistics_are_updated_in_training_and_used_after_it(self):
        weights, images, labels = FAST_NORMALIZED.draw(8)
        learner = benchmark.Ours(FAST_NORMALIZED, weights)
        untrained = learner.logits(images)
        assert not any("running" in name for name in learner.params)
        learner.step(images, labels)
        logits = learner.logits(images)
        assert np.abs(logits - untrained).max() > 0.01
        np.testing.assert_allclose(learner.logits(images[:1]), logits[:1], atol=1e-5)

    def test_pytorch_s_program_computes_the_same(self):
        pytest.importorskip("torch")
        weights, images, labels = FAST_NORMALIZED.draw(8)
        learners = [framework(FAST_NORMALIZED, weights) for framework in (benchmark.Ours, benchmark.PyTorch)]
        losses = [[x.step(x.tensor(images), x.tensor(labels)) for _ in range(3)] for x in learners]
        np.testing.assert_allclose(*losses, rtol=1e-4)
        np.testing.assert_allclose(*(x.logits(x.tensor(images)) for x in learners), atol=1e-3)

    def test_multiply_adds_are_counted(self):
        case = conv_case((2, 3, 8, 8), 4, 3, stride=2, padding=1)
        assert case.multiply_adds == 2 * 4 * (4 * 4) * 3 * 3 * 3
        assert conv_case((1, 6, 5, 5), 6, 3, groups=6).multiply_adds == 6 * 9 * 9

    def test_every_op_is_called_as_it_is_named(self):
        for case in op_cases(quick=True):
            x, params = case.draw()
            forward, backward = benchmark.Ours.op(case.call, x, params, case.others)
            assert forward().requires_grad, case.name
            assert [g.shape for g in backward()] == [x.shape, *(p.shape for p in params)], case.name
