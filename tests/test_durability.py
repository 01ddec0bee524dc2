"""Trainings that are killed, interrupted, or left without a terminal: in real processes."""

import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from autograd_cnn.data import Dataset
from autograd_cnn.data.folders import write_folder
from autograd_cnn.training.run_folder import LOCK_FILE
from autograd_cnn.training.saved_state import STATE_FILE
from tests.test_cli import command

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and closed streams as POSIX has them")

#: As the installed script does it. It says when the package has begun to be imported: what comes before, Python's own
#: start and the way to the package's first line, no package can guard.
PROGRAM = """
import sys
sys.argv[0] = "autograd-cnn"

class Begun:
    def find_spec(self, name, *_):
        if name.startswith("autograd_cnn.") and name != "autograd_cnn.starting":
            sys.meta_path.remove(self)
            print("begun", flush=True)

sys.meta_path.insert(0, Begun())
from autograd_cnn.cli import main
from autograd_cnn.training import run_results
run_results._draw = lambda *_, **__: None  # pictures take the most time, and are written as the other files are
sys.exit(main())
"""
TRAIN = (
    "train", "--data", "few", "--model", "mlp", "--batch-size", "8", "--epochs", "4", "--validation", "0.2",
    "--checkpoint-every", "3", "--keep", "2", "--augment",
)  # fmt: skip


#: As long as it takes to stop it.
LONG = (*TRAIN[:8], "2000", *TRAIN[9:11])


def start(*arguments, cwd, **options):
    """Start a process that signals reach, and that coverage does not measure, as that could hang it."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        **options,
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with few images and a run that was never stopped, and how long that took."""
    cwd, rng = tmp_path_factory.mktemp("place"), np.random.default_rng(0)
    images = rng.random((80, 1, 8, 8), np.float32)
    write_folder(cwd / "few", Dataset(images, np.arange(80) % 2, ("a", "b")))
    process = start(*TRAIN, "--out", "whole", cwd=cwd)
    process.stdout.readline()
    begun = time.monotonic()
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return cwd, time.monotonic() - begun


def same(folder, whole):
    for name in ("weights.safetensors", "best.safetensors", "history.json", STATE_FILE):
        ours, theirs = ((f / name).read_bytes() for f in (folder, whole))
        if name == STATE_FILE:  # which tells of the seconds too
            ours, theirs = (re.sub(rb'\\"seconds\\": [\d.e-]+ *', b"", content) for content in (ours, theirs))
            ours, theirs = (content[8:].replace(b" ", b"") for content in (ours, theirs))
        assert ours == theirs, name


def test_runs_that_are_killed_at_any_time_end_with_the_same_bits(place, request):
    cwd, seconds = place
    rng = np.random.default_rng(int(time.time()))
    kills, number, statuses = (200 if request.config.getoption("--thorough") else 12), 0, []
    while len(statuses) < kills:
        number += 1
        folder = cwd / f"killed{number}"
        while not (folder / "metrics.json").exists():
            resuming = (folder / STATE_FILE).exists()
            process = start(*(("train", "--resume") if resuming else (*TRAIN, "--out")), folder.name, cwd=cwd)
            process.stdout.readline()
            number_of_signal = rng.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
            if len(statuses) < kills:
                time.sleep(0.002 + rng.uniform(0, seconds))
                process.send_signal(number_of_signal)
            _, errors = process.communicate(timeout=300)
            assert "Traceback" not in errors, errors
            if process.returncode:
                statuses.append(process.returncode)
                expected = {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130}[number_of_signal]
                # With all results written, the interpreter takes its handlers back before it ends.
                ended = (folder / "metrics.json").exists() and process.returncode == -number_of_signal
                assert process.returncode == expected or ended, errors
        same(folder, cwd / "whole")
        assert not list(folder.glob(".tmp-*"))


def limit_files(size):
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_limit_of_file_sizes_is_one_error_and_earlier_results_stay(place):
    """It is met while the next checkpoint is written; what is there goes on without the limit to the same bits."""
    cwd, _ = place
    first = start(*TRAIN, "--out", "limited", cwd=cwd)
    while not (cwd / "limited" / STATE_FILE).exists():
        assert first.poll() is None, first.stderr.read()
    first.kill()
    first.communicate(timeout=60)
    before = (cwd / "limited" / STATE_FILE).read_bytes()
    size = len(before) // 2
    limited = subprocess.run(
        [sys.executable, "-c", PROGRAM, "train", "--resume", "limited"],
        cwd=cwd, capture_output=True, text=True, timeout=300, check=False, preexec_fn=lambda: limit_files(size),
    )  # fmt: skip
    assert limited.returncode == 2
    said = [line for line in limited.stderr.splitlines() if line.startswith("error: ")]
    assert len(said) == 1
    assert re.search(r"limited/\S+ cannot be written \(File too large\); make room, or write elsewhere$", said[0])
    assert "Traceback" not in limited.stderr
    assert (cwd / "limited" / STATE_FILE).read_bytes() == before
    assert not list((cwd / "limited").glob(".tmp-*"))
    resumed = start("train", "--resume", "limited", cwd=cwd)
    _, errors = resumed.communicate(timeout=300)
    assert resumed.returncode == 0, errors
    same(cwd / "limited", cwd / "whole")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting a small disk is root's")
def test_a_full_disk_is_one_error_and_leaves_nothing_half_written(place, tmp_path):
    cwd, _ = place
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        process = start(*TRAIN, "--out", str(disk / "run"), cwd=cwd)
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 2
        assert re.search(r"error: \S+ cannot be written \(No space left on device\); make room", errors)
        assert "Traceback" not in errors
        assert not list(disk.rglob("*.safetensors"))
        assert not list(disk.rglob(".tmp-*"))
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize(("name", "status"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_a_signal_saves_the_step_and_says_how_to_go_on(place, tmp_path, name, status):
    cwd, _ = place
    (tmp_path / "few").symlink_to(cwd / "few")
    process = start(*LONG, "--out", "run", cwd=tmp_path)
    while not (tmp_path / "run" / STATE_FILE).exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    process.send_signal(getattr(signal, name))
    _, errors = process.communicate(timeout=60)
    assert process.returncode == status
    advice = "go on with: autograd-cnn train --resume run"
    assert re.search(rf"stopped after step [\d,]+ of [\d,]+; {advice}\ninterrupted\n$", errors)
    assert {p.name for p in (tmp_path / "run").iterdir()} == {STATE_FILE, "best.safetensors"}


def test_the_lock_of_a_killed_run_dies_with_it(place, tmp_path):
    cwd, _ = place
    (tmp_path / "few").symlink_to(cwd / "few")
    process = start(*LONG, "--out", "run", cwd=tmp_path)
    while not (tmp_path / "run" / STATE_FILE).exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    arguments = ("train", "--resume", "run", "--epochs", "2001")
    second = subprocess.run(command(*arguments), cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert second.returncode == 2
    assert second.stderr.startswith(
        "error: another process is writing to run; wait until it ends, or go on with a copy"
    )
    process.kill()
    process.communicate(timeout=60)
    assert (tmp_path / "run" / LOCK_FILE).exists()
    third = start(*arguments, cwd=tmp_path)
    step = (tmp_path / "run" / STATE_FILE).stat().st_mtime_ns
    while (tmp_path / "run" / STATE_FILE).stat().st_mtime_ns == step:
        assert third.poll() is None, third.stderr.read()
        time.sleep(0.01)
    third.kill()
    third.communicate(timeout=60)


CLOSINGS = [">&-", "2>&-", "<&- >&- 2>&-", "2>&1 | true", "2>/dev/full >/dev/full"]


@pytest.mark.parametrize("closing", CLOSINGS)
def test_without_anybody_to_tell_training_goes_on(place, closing):
    cwd, _ = place
    name = f"told-{CLOSINGS.index(closing)}"
    line = " ".join(command(*TRAIN, "--out", name))
    done = subprocess.run(["bash", "-c", f"{line} {closing}; exit ${{PIPESTATUS[0]}}"], cwd=cwd, timeout=300)
    assert done.returncode == 0
    same(cwd / name, cwd / "whole")


def test_a_closed_pipe_is_silent_and_ends_as_yes_does(tmp_path):
    statuses = []
    for line in ("yes", " ".join(command("reproduce", "--list")), " ".join(command("train", "--help"))):
        # The reader is gone before the first line is written.
        script = f"({line}) 2>errors | (exec 0<&-; sleep 0); exit ${{PIPESTATUS[0]}}"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=tmp_path,
            timeout=60,
            preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_DFL),
        )
        statuses.append(done.returncode)
        if line != "yes":
            assert (tmp_path / "errors").read_text() == ""
    assert statuses[0] in (141, 1)
    assert statuses[1:] == [141, 141]


def test_importing_the_package_leaves_signals_alone():
    """Whatever they were: a shell that starts something in the background has it ignore SIGINT."""
    code = (
        "import signal; before = [signal.getsignal(n) for n in signal.valid_signals()]; import autograd_cnn; "
        "print(before == [signal.getsignal(n) for n in signal.valid_signals()])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "True\n"
