"""Trainings on several processes follow the one on a single process, and begin, stop and go on together."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn.training.saved_state import STATE_FILE, SavedState
from tests.distributed.test_distributed import AS_ROOT, MPIEXEC, ROOT, mpi, needs_mpi
from tests.test_cli import call, interruptible

OPTIONS = ("train", "--model", "mlp", "--schedule", "constant", "--batch-size", "50")


def losses(folder):
    history = json.loads((folder / "history.json").read_text(encoding="utf-8"))
    return history["steps"]["loss"]


def one_process(*arguments):
    return call(*arguments, cwd=ROOT)


def train(ranks, *options):
    return mpi(ranks, "-m", "autograd_cnn", *options, "--distributed")


@needs_mpi
def test_losses_are_those_of_one_process_and_go_on_with_another_number(tmp_path):
    """Of 50 images three ranks have 17, 17 and 16; of the last 37, 13, 12 and 12."""
    assert one_process(*OPTIONS, "--epochs", "2", "--out", tmp_path / "one").returncode == 0
    first = train(3, *OPTIONS, "--epochs", "1", "--out", tmp_path / "many")
    assert first.returncode == 0, first.stderr
    assert first.stdout.count("1,437 images") == 1, "rank 0 alone prints"
    np.testing.assert_allclose(losses(tmp_path / "many"), losses(tmp_path / "one")[:29], rtol=1e-5)
    second = train(2, "train", "--resume", tmp_path / "many", "--epochs", "2")
    assert second.returncode == 0, second.stderr
    np.testing.assert_allclose(losses(tmp_path / "many"), losses(tmp_path / "one"), rtol=1e-4)


@needs_mpi
def test_synchronized_batch_norm_follows_one_process(tmp_path):
    """Of the last of 3 batches, of 5 images, the third rank has one; of one image, the second rank has none."""
    for count, (size, ranks) in enumerate([(716, 3), (718, 2)]):
        model = ("train", "--model", "resnet", "--depth", "8", "--lr", "0.001")
        options = (*model, "--epochs", "1", "--batch-size", str(size), "--no-augment")
        assert one_process(*options, "--out", tmp_path / f"one{count}").returncode == 0
        many = train(ranks, *options, "--sync-batch-norm", "--out", tmp_path / f"many{count}")
        assert many.returncode == 0, many.stderr
        np.testing.assert_allclose(losses(tmp_path / f"many{count}"), losses(tmp_path / f"one{count}"), rtol=1e-4)
        found = [ac.load_model(tmp_path / f"{name}{count}").params for name in ("one", "many")]
        for key, p in found[0].items():
            np.testing.assert_allclose(found[1][key].data, p.data, rtol=1e-3, atol=1e-4)


@needs_mpi
def test_a_validation_set_is_shared_too(tmp_path):
    options = (*OPTIONS, "--epochs", "1", "--validation", "0.1")
    assert one_process(*options, "--out", tmp_path / "one").returncode == 0
    assert train(2, *options, "--out", tmp_path / "two").returncode == 0
    found = [json.loads((tmp_path / name / "metrics.json").read_text(encoding="utf-8")) for name in ("one", "two")]
    assert found[0]["validation_loss"] == pytest.approx(found[1]["validation_loss"], rel=1e-5)
    assert found[0]["test_accuracy"] == found[1]["test_accuracy"]


@needs_mpi
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--batch-size", "1"), "error: 2 ranks share batches of 1: give larger batches, or fewer ranks"),
        (("--data", "folder:nowhere"), "error: "),
    ],
)
def test_bad_input_is_one_error(options, said, tmp_path):
    done = train(2, "train", *options, "--out", tmp_path / "run")
    assert done.returncode == 2
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert errors[0].startswith(said)
    assert not (tmp_path / "run").exists()


@needs_mpi
def test_other_options_on_a_rank_are_refused(tmp_path):
    program = [sys.executable, "-m", "autograd_cnn", "train", "--distributed", "--out", tmp_path / "run", "--seed"]
    done = mpi(1, *program[1:], "0", ":", "-n", "1", *program, "1")
    assert done.returncode == 2
    assert "error: rank 1 differs from rank 0 in the option 'seed': 1 instead of 0" in done.stderr
    assert not (tmp_path / "run").exists()


def test_no_processes_are_refused():
    done = one_process("train", "--processes", "0")
    assert done.returncode == 2
    assert "--processes" in done.stderr


@needs_mpi
def test_processes_are_started_by_themselves(tmp_path):
    done = one_process(*OPTIONS, "--epochs", "1", "--processes", "2", "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert len(losses(tmp_path / "run")) == 29


@needs_mpi
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_processes_end_together_with_their_state_saved(number, status, tmp_path):
    folder = tmp_path / "run"
    process = interruptible(*OPTIONS, "--epochs", "2000", "--processes", "2", "--out", folder, cwd=ROOT)
    while not (folder / STATE_FILE).exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    process.send_signal(number)
    process.communicate(timeout=100)
    assert process.returncode == status
    assert not (folder / ".lock").exists(), "rank 0 was not killed"
    assert len(SavedState.read(folder).history.step_losses) >= 29


def rank_of(pid):
    """Return the rank of a process that mpiexec started."""
    told = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return next((int(text.split(b"=")[1]) for text in told if text.startswith(b"OMPI_COMM_WORLD_RANK=")), None)


def kill_rank(rank, training, folder):
    """Kill one rank of the training into a folder with SIGKILL, once that has a checkpoint."""
    while not (folder / STATE_FILE).exists():
        assert training.poll() is None, training.stderr.read()
        time.sleep(0.05)
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (process / "cmdline").read_bytes().split(b"\0")
            if str(folder).encode() in command and rank_of(process.name) == rank:
                os.kill(int(process.name), signal.SIGKILL)
                return
    raise AssertionError(f"no rank {rank} to kill")


@needs_mpi
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="ranks are found in /proc")
@pytest.mark.parametrize("rank", [0, 1])
def test_a_rank_that_is_killed_does_not_end_the_training_under_ulfm(rank, tmp_path):
    options = (*OPTIONS, "--epochs", "8")
    folder = tmp_path / "many"
    elastic = ("--with-ft", "ulfm", "--mca", "btl", "self,tcp", "--mca", "btl_tcp_if_include", "lo", "--oversubscribe")
    program = (sys.executable, "-m", "autograd_cnn", *options, "--distributed", "--out", folder)
    with subprocess.Popen(
        [MPIEXEC, "-n", "3", *elastic, *map(str, program)],
        cwd=ROOT, env=os.environ | AS_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        kill_rank(rank, process, folder)
        out, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert "a process was lost; 2 processes go on after step" in errors
    assert "Traceback" not in errors
    assert "test accuracy" in out, "the first of those that are left speaks"
    assert one_process(*options, "--out", tmp_path / "one").returncode == 0
    assert len(losses(folder)) == 8 * 29
    np.testing.assert_allclose(losses(folder), losses(tmp_path / "one"), rtol=1e-3)


@needs_mpi
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="ranks are found in /proc")
def test_without_ulfm_a_killed_rank_ends_the_training_which_can_be_resumed(tmp_path):
    options, folder = (*OPTIONS, "--epochs", "8"), tmp_path / "many"
    program = (sys.executable, "-m", "autograd_cnn", *options, "--distributed", "--out", folder)
    with subprocess.Popen(
        [MPIEXEC, "-n", "2", "--oversubscribe", "--mca", "btl", "self,sm,tcp", *map(str, program)],
        cwd=ROOT, env=os.environ | AS_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        kill_rank(1, process, folder)
        process.communicate(timeout=300)
    assert process.returncode != 0
    assert train(2, "train", "--resume", folder).returncode == 0
    assert one_process(*options, "--out", tmp_path / "one").returncode == 0
    np.testing.assert_allclose(losses(folder), losses(tmp_path / "one"), rtol=1e-3)
