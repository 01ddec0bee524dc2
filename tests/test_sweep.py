"""Sweeps, in real processes and real folders."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autograd_cnn.training.errors import RunError
from autograd_cnn.training.run_results import read_summary
from autograd_cnn.training.settings import Settings
from autograd_cnn.training.sweeps import Sweep, Trained, train

SMALL = ["--model", "mlp", "--epochs", "1", "--processes", "2"]


def sweep(*arguments, cwd, **options):
    command = [sys.executable, "-m", "autograd_cnn", "sweep", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False, **options)


def results(folder):
    return json.loads((folder / "results.json").read_text())


def test_every_combination_is_a_run_of_its_own_with_the_results_that_train_gives(tmp_path):
    done = sweep(*SMALL, "--lr", "0.001,0.01", "--seed", "0,3", "--out", "sweep", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "sweep"
    found = results(folder)
    assert [(one["settings"]["lr"], one["settings"]["seed"]) for one in found] == [
        *((0.001, 0), (0.001, 3), (0.01, 0), (0.01, 3))
    ]
    subprocess.run(
        [sys.executable, "-m", "autograd_cnn", "train", *SMALL[:4], "--lr", "0.01", "--seed", "3", "--out", "alone"],
        cwd=tmp_path, capture_output=True, check=True, timeout=300,
    )  # fmt: skip
    alone = (tmp_path / "alone/weights.safetensors").read_bytes()
    assert (folder / "lr=0.01,seed=3/weights.safetensors").read_bytes() == alone
    accuracy = json.loads((tmp_path / "alone/metrics.json").read_text())["test_accuracy"]
    assert found[3]["accuracy"] == accuracy
    row = next(line.split() for line in done.stdout.splitlines() if line.startswith("lr=0.01 "))
    assert row[1] == f"{(found[2]['accuracy'] + accuracy) / 2:.2%}"
    assert row[5] == "2"
    assert (folder / "results.png").read_bytes().startswith(b"\x89PNG")


def test_a_sweep_that_is_stopped_goes_on_to_the_same_bits(tmp_path):
    arguments = ["--model", "mlp", "--epochs", "4", "--seed", "0,1,2", "--processes", "2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "autograd_cnn", "sweep", *arguments, "--out", "stopped"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("stopped/*/checkpoint.safetensors")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 143
    assert "go on with: autograd-cnn sweep --resume stopped" in errors
    assert "Traceback" not in errors
    resumed = sweep("--resume", "stopped", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    whole = sweep(*arguments, "--out", "whole", cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    for seed in range(3):
        one, other = (
            (tmp_path / name / f"seed={seed}/weights.safetensors").read_bytes() for name in ("stopped", "whole")
        )
        assert one == other


def test_a_training_that_fails_is_told_and_the_others_go_on(tmp_path):
    done = sweep(*SMALL, "--lr", "0.01,1e30", "--optimizer", "sgd", "--out", "sweep", cwd=tmp_path)
    assert done.returncode == 2
    assert "error: lr=1e+30: " in done.stderr
    assert "Traceback" not in done.stderr
    good, bad = results(tmp_path / "sweep")
    assert good["accuracy"] is not None
    assert bad["accuracy"] is None
    assert "step" in bad["failure"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--lr", "0.1,0.1"], "--lr names a value twice"),
        (["--lr", "0.1,-1"], "expected a number above 0, got '-1'"),
        (["--optimizer", "adam,adma"], "--optimizer 'adma' is unknown"),
        (["--model", "mlp,lenet"], "lenet"),
        (["--processes", "0"], "at least 1"),
        (["--resume", "nowhere"], "nowhere holds no sweep.json"),
        (["--resume", "nowhere", "--lr", "0.1", "--seed", "1"], "leave out --lr, --seed"),
    ],
)
def test_bad_input_is_one_line(tmp_path, arguments, message):
    done = sweep(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_a_second_sweep_into_one_folder_is_refused(tmp_path):
    Sweep([Settings()]).write(tmp_path / "sweep")
    done = sweep("--seed", "0,1", "--out", "sweep", cwd=tmp_path)
    assert done.returncode == 2
    assert "already holds sweep.json" in done.stderr


def test_what_varies_names_the_trainings_the_seed_last():
    several = Sweep([Settings(seed=seed, optimizer=name) for seed in (0, 1) for name in ("adam", "sgd")])
    assert several.varied == ["optimizer", "seed"]
    assert several.name(several.trainings[1]) == "optimizer=sgd,seed=0"
    assert several.name(several.trainings[1], seed=False) == "optimizer=sgd"
    assert Sweep([Settings()]).name(Settings()) == "all"


def test_the_table_has_mean_and_spread_over_seeds(tmp_path):
    settings = [Settings(seed=seed, lr=lr) for lr in (0.1, 0.2) for seed in (0, 1, 2)]
    accuracies = [0.9, 0.92, 0.94, 0.5, None, 0.7]
    found = [Trained(s, a, 2.0, None if a else "diverged") for s, a in zip(settings, accuracies, strict=True)]
    rows = [line.split() for line in Sweep(settings).summarise(found[::-1], tmp_path).splitlines()[2:]]
    assert rows == [
        ["lr=0.1", "92.00%", "2.00%", "90.00%", "94.00%", "3", "2.0"],
        ["lr=0.2", "60.00%", "14.14%", "50.00%", "70.00%", "2", "1", "2.0"],
    ]
    assert [one["accuracy"] for one in results(tmp_path)] == accuracies


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"trainings": [{"lr": -1}]}', '{"trainings": [{"lr": "0.1"}]}', '{"trainings": [1]}']
)
def test_a_damaged_file_is_one_error_that_names_it(tmp_path, text):
    (tmp_path / "sweep.json").write_text(text)
    with pytest.raises(RunError, match=r"sweep\.json"):
        Sweep.read(tmp_path)


def test_what_is_no_file_or_too_large_is_not_read(tmp_path):
    (tmp_path / "sweep.json").mkdir()
    with pytest.raises(RunError, match=r"sweep\.json is not a file of at most 16,777,216 bytes"):
        Sweep.read(tmp_path)


def test_damaged_results_of_a_training_are_made_again(tmp_path):
    settings, file = Settings(model="mlp", epochs=1), tmp_path / "run" / "metrics.json"
    first = train(settings, tmp_path / "run")
    assert first.failure is None
    whole = file.read_bytes()
    for content in (
        *("[" * 100_000, "{}", '{"epochs": 1}', '{"epochs": true, "test_accuracy": 0.5, "seconds": 1}'),
        *('{"epochs": 1, "test_accuracy": "0.5", "seconds": 1}', "\udcff", " " * 2**24 + "{}"),
    ):
        file.write_text(content, errors="surrogateescape")
        assert read_summary(tmp_path / "run") is None
    assert train(settings, tmp_path / "run") == first
    assert file.read_bytes() == whole


@pytest.mark.skipif(
    importlib.util.find_spec("mpi4py") is None
    or shutil.which("mpiexec", path=str(Path(sys.executable).parent)) is None,
    reason='MPI is not installed: pip install "autograd-cnn[mpi]"',
)
def test_trainings_are_shared_among_ranks(tmp_path):
    mpiexec = shutil.which("mpiexec", path=str(Path(sys.executable).parent))
    environment = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    command = [mpiexec, "-n", "3", "--oversubscribe", sys.executable, "-m", "autograd_cnn", "sweep", "--model", "mlp"]
    done = subprocess.run(
        [*command, "--epochs", "1", "--seed", "0,1,2", "--distributed", "--out", "sweep"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(results(tmp_path / "sweep")) == 3
    assert done.stdout.count("trainings, by seed") == 1
