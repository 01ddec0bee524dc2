"""What `train` promises of runs: validation, best weights, resuming, kept checkpoints. In this process, for speed."""

import itertools
import json
import os
import re

import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn import cli
from autograd_cnn.data import Dataset
from autograd_cnn.data.folders import write_folder
from autograd_cnn.training import run_folder, run_results
from autograd_cnn.training.errors import RunError
from autograd_cnn.training.saved_state import STATE_FILE, SavedState

FEW = ("train", "--data", "few", "--model", "mlp", "--batch-size", "16")


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """A folder of few images: what is bright at the left, and at the right."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("few")
    for split, count in (("train", 60), ("test", 20)):
        images, labels = rng.random((count, 1, 8, 8), np.float32) * 0.6, np.arange(count) % 2
        for image, label in zip(images, labels, strict=True):
            image[..., 4 * label : 4 * label + 4] += 0.4
        write_folder(folder / split, Dataset(images, labels, ("left", "right")))
    return folder


@pytest.fixture
def run(few, tmp_path, capsys, monkeypatch):
    """Run the command line without pictures, and give status, output and errors."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "few").symlink_to(few)
    monkeypatch.setattr(run_results, "_draw", lambda *_, **__: None)

    def call(*arguments):
        status = cli.main([str(argument) for argument in arguments])
        return status, *capsys.readouterr()

    return call


def read(path):
    return json.loads(path.read_text())


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class TestTheTestSet:
    def test_it_is_looked_at_once_at_the_end(self, run, tmp_path, monkeypatch):
        looks = []
        evaluate = ac.training.evaluate
        monkeypatch.setattr(
            "autograd_cnn.training.sharing.evaluate", lambda *a, **k: looks.append(a) or evaluate(*a, **k)
        )
        assert run(*FEW, "--epochs", "3", "--out", "run")[0] == 0
        assert not looks
        history, metrics = read(tmp_path / "run" / "history.json"), read(tmp_path / "run" / "metrics.json")
        assert [e["test_loss"] for e in history["epochs"]] == [None, None, metrics["test_loss"]]
        assert metrics["test_every_epoch"] is False
        assert (metrics["tested_weights"], metrics["tested_epoch"]) == ("weights.safetensors", 3)

    def test_unless_asked_otherwise(self, run, tmp_path):
        assert run(*FEW, "--epochs", "3", "--test-every-epoch", "--out", "run")[0] == 0
        epochs = read(tmp_path / "run" / "history.json")["epochs"]
        assert all(e["test_loss"] is not None for e in epochs)
        assert run(*FEW, "--epochs", "3", "--out", "other")[0] == 0
        assert ac.load_weights("run/weights.safetensors")["fc1.weight"].data.tobytes() == (
            ac.load_weights("other/weights.safetensors")["fc1.weight"].data.tobytes()
        )


class TestValidation:
    def test_the_best_weights_are_kept_beside_the_last_and_tested(self, run, tmp_path):
        # A learning rate at which the validation loss goes up and down.
        arguments = (*FEW, "--validation", "0.25", "--epochs", "6", "--lr", "0.08", "--schedule", "constant")
        status, out, err = run(*arguments, "--out", "run")
        assert status == 0, err
        assert "45 images, 1 × 28 × 28, 2 classes, 15 images held out for validation, 6 epochs" in out
        metrics, epochs = read(tmp_path / "run/metrics.json"), read(tmp_path / "run/history.json")["epochs"]
        losses = [e["validation_loss"] for e in epochs]
        best = int(np.argmin(losses)) + 1
        assert metrics["tested_epoch"] == best
        assert metrics["tested_weights"] == "best.safetensors"
        assert metrics["validation_loss"] == losses[best - 1]
        assert epochs[best - 1]["test_loss"] == metrics["test_loss"]
        status, out, _ = run("evaluate", "--weights", "run")
        assert f"loss {metrics['test_loss']:.4f}" in out
        assert "data folder:" in out
        status, out, _ = run("evaluate", "--weights", "run/best.safetensors")
        assert f"loss {metrics['test_loss']:.4f}" in out

    def test_patience_stops_early_and_metrics_tell_of_the_epochs_that_were_run(self, run, tmp_path):
        arguments = (*FEW, "--patience", "1", "--epochs", "50", "--lr", "0.08", "--schedule", "constant")
        status, out, _ = run(*arguments, "--out", "run")
        assert status == 0
        found = re.search(r"stopped early: validation_loss was best after epoch (\d+), .* 1 epoch has brought", out)
        metrics, history = read(tmp_path / "run/metrics.json"), read(tmp_path / "run/history.json")
        assert metrics["epochs"] == len(history["epochs"]) == int(found[1]) + 1 < 50
        assert metrics["validation"] == 0.1
        assert metrics["stopped"] == history["stopped"]
        before = contents(tmp_path / "run")
        status, out, _ = run("train", "--resume", "run", "--epochs", "60")
        assert status == 0
        assert out.startswith(f"run is finished: it has run {metrics['epochs']} epochs, where it stopped early: ")
        assert contents(tmp_path / "run") == before


class TestEvaluate:
    def test_colour_that_is_read_in_grey_is_told(self, run, tmp_path):
        assert run(*FEW, "--epochs", "1", "--out", "run")[0] == 0
        colour = np.zeros((4, 3, 8, 8), np.float32)
        colour[:, 0] = 1
        write_folder(tmp_path / "red" / "train", Dataset(colour, np.arange(4) % 2, ("left", "right")))
        write_folder(tmp_path / "red" / "test", Dataset(colour, np.arange(4) % 2, ("left", "right")))
        status, out, err = run("evaluate", "--weights", "run", "--data", "red")
        assert (status, err) == (0, "warning: red is in colour, and mlp takes grey: it is read in grey\n")
        assert "data red: 4 test images" in out

    def test_classes_that_do_not_match_are_told(self, run):
        assert run(*FEW, "--epochs", "1", "--out", "run")[0] == 0
        status, out, err = run("evaluate", "--weights", "run", "--data", "digits")
        assert (status, out) == (2, "")
        assert err.startswith("error: digits has the class '0', and the model in run/weights.safetensors knows left, r")


class TestRecipe:
    def test_every_setting_changes_the_outcome(self, run, tmp_path):
        """And is kept: a run that is stopped goes on with it."""
        settings = [
            (), ("--weight-decay", "0.1"), ("--schedule", "one-cycle"), ("--schedule", "Warm_Up"),
            ("--clip-norm", "0.1"), ("--optimizer", "AdamW"), ("--optimizer", "adamw", "--weight-decay", "0"),
            ("--validation", "0.2"),
        ]  # fmt: skip
        outcomes = []
        for i, options in enumerate(settings):
            assert run(*FEW, "--epochs", "2", *options, "--out", f"run{i}")[0] == 0
            outcomes.append((tmp_path / f"run{i}" / "history.json").read_bytes())
        assert outcomes[6] == outcomes[0], "adamw without weight decay is adam"
        assert len(set(outcomes)) == len(settings) - 1
        assert read(tmp_path / "run3" / "metrics.json")["schedule"] == "warm-up"

    def test_threads_are_set_for_the_training_alone(self, run, monkeypatch):
        seen = []
        step = ac.optim.Adam.step
        monkeypatch.setattr(ac.optim.Adam, "step", lambda self: seen.append(ac.get_num_threads()) or step(self))
        before = ac.get_num_threads()
        assert run(*FEW, "--epochs", "1", "--threads", "2", "--out", "run")[0] == 0
        assert set(seen) == {2}
        assert ac.get_num_threads() == before


class TestResume:
    def test_a_finished_run_says_so_and_changes_nothing(self, run, tmp_path):
        assert run(*FEW, "--epochs", "2", "--out", "run")[0] == 0
        before = contents(tmp_path / "run")
        for arguments in ((), ("--epochs", "2")):
            status, out, err = run("train", "--resume", "run", *arguments)
            assert (status, err) == (0, "")
            assert out == "run is finished: it has run 2 epochs; --epochs 3 or more goes on with it\n"
        status, out, err = run("train", "--resume", "run", "--epochs", "1")
        assert (status, out) == (2, "")
        assert err == "error: --epochs 1 is fewer than the 2 that are done in run; give more\n"
        assert contents(tmp_path / "run") == before

    def test_results_that_are_missing_are_made(self, run, tmp_path):
        assert run(*FEW, "--epochs", "2", "--validation", "0.2", "--out", "run")[0] == 0
        before = contents(tmp_path / "run")
        for name in ("metrics.json", "weights.safetensors"):
            (tmp_path / "run" / name).unlink()
        assert run("train", "--resume", "run")[0] == 0
        assert contents(tmp_path / "run") == before

    @pytest.mark.parametrize("held_out", [False, True])
    def test_pixels_that_have_changed_are_noticed(self, run, few, tmp_path, held_out):
        """Of any image, those that are held out for validation included, which choose the best weights."""
        (tmp_path / "few").unlink()
        write_folder(tmp_path / "few" / "train", ac.data.load(f"folder:{few}", "train"))
        write_folder(tmp_path / "few" / "test", ac.data.load(f"folder:{few}", "test"))
        assert run(*FEW, "--epochs", "1", *(["--validation", "0.5"] if held_out else []), "--out", "run")[0] == 0
        images = sorted((tmp_path / "few" / "train" / "left").iterdir())
        for one, other in itertools.pairwise(images[:5]):
            before = one.read_bytes()
            one.write_bytes(other.read_bytes())
            status, _, err = run("train", "--resume", "run", "--epochs", "2")
            assert status == 2
            assert "no longer has the training images that it had when run was begun: put them back" in err
            one.write_bytes(before)
        assert run("train", "--resume", "run", "--epochs", "2")[0] == 0


class TestCheckpoints:
    def test_the_last_are_kept_and_each_is_a_model(self, run, tmp_path):
        arguments = ("--epochs", "3", "--checkpoint-every", "3", "--keep", "3", "--out", "run")
        assert run(*FEW, *arguments)[0] == 0
        kept = sorted(p.name for p in (tmp_path / "run").glob("checkpoint-*"))
        assert kept == [f"checkpoint-{step:08d}.safetensors" for step in (8, 9, 12)]
        assert (tmp_path / "run" / kept[-1]).read_bytes() == (tmp_path / "run" / STATE_FILE).read_bytes()
        status, out, _ = run("evaluate", "--weights", f"run/{kept[0]}")
        assert status == 0
        assert out.startswith("accuracy ")

    def test_going_back_to_one_in_the_midst_of_an_epoch_gives_the_same_bits(self, run, tmp_path):
        assert run(*FEW, "--epochs", "3", "--checkpoint-every", "3", "--keep", "9", "--out", "run")[0] == 0
        (tmp_path / "again").mkdir()
        middle = tmp_path / "run" / "checkpoint-00000006.safetensors"
        (tmp_path / "again" / STATE_FILE).write_bytes(middle.read_bytes())
        assert SavedState.read(tmp_path / "again").history.underway.steps == 2
        assert run("train", "--resume", "again")[0] == 0
        for name in ("weights.safetensors", "history.json"):
            assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "run" / name).read_bytes()

    @pytest.mark.filterwarnings("ignore:overflow|invalid value:RuntimeWarning")
    def test_a_diverging_run_names_step_rate_and_checkpoint(self, run, tmp_path):
        assert run(*FEW, "--epochs", "1", "--optimizer", "sgd", "--lr", "0.01", "--out", "run")[0] == 0
        params = ac.load_weights(tmp_path / "run" / STATE_FILE)
        metadata = ac.nn.serialization.read_metadata(tmp_path / "run" / STATE_FILE)
        saved = json.loads(metadata["run"])
        saved["settings"]["lr"] = 1e30
        ac.save_weights(tmp_path / "run" / STATE_FILE, params, metadata={**metadata, "run": json.dumps(saved)})
        status, _, err = run("train", "--resume", "run", "--epochs", "2")
        assert status == 2
        assert re.search(
            r"error: the loss became \S+ at step \d, in epoch 2, with learning rate \S+; try a learning rate below "
            r"1e\+30; the last checkpoint, run/checkpoint.safetensors, is of step 4\n",
            err,
        )


class TestFolder:
    def test_a_second_run_in_it_is_refused(self, run, tmp_path):
        with run_folder.hold(tmp_path / "run"):
            status, out, err = run(*FEW, "--epochs", "1", "--out", "run")
            assert (status, out) == (2, "")
            assert err.startswith("error: another process is writing to run; wait until it ends, or give another --out")
        assert not (tmp_path / "run").exists()
        assert run(*FEW, "--epochs", "1", "--out", "run")[0] == 0
        assert not (tmp_path / "run" / run_folder.LOCK_FILE).exists()

    def test_what_killed_writes_left_is_removed(self, run, tmp_path):
        (tmp_path / "run" / ".tmp-abc").mkdir(parents=True)
        (tmp_path / "run" / ".tmp-abc" / STATE_FILE).write_bytes(b"half")
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "precious").touch()
        (tmp_path / "run" / ".tmp-link").symlink_to(tmp_path / "mine")
        assert run(*FEW, "--epochs", "1", "--out", "run")[0] == 0
        assert not (tmp_path / "run" / ".tmp-abc").exists()
        assert (tmp_path / "mine" / "precious").exists()

    def test_nothing_is_written_through_a_link(self, run, tmp_path):
        (tmp_path / "run").mkdir()
        mine = tmp_path / "mine"
        mine.write_text("precious")
        for name in ("history.json", "weights.safetensors", "learning_curve.png", run_folder.LOCK_FILE):
            (tmp_path / "run" / name).symlink_to(mine)
        status, _, err = run(*FEW, "--epochs", "1", "--out", "run")
        assert mine.read_text() == "precious"
        assert status == 2
        assert err.startswith("error: run cannot be written to: ")
        (tmp_path / "run" / run_folder.LOCK_FILE).unlink()
        assert run(*FEW, "--epochs", "1", "--out", "run")[0] == 0
        assert mine.read_text() == "precious"
        assert not (tmp_path / "run" / "history.json").is_symlink()

    def test_a_link_that_leads_nowhere_counts_as_an_earlier_run(self, run, tmp_path):
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "metrics.json").symlink_to(tmp_path / "nowhere")
        status, _, err = run(*FEW, "--epochs", "1", "--out", "run")
        assert status == 2
        assert "run already holds metrics.json of an earlier run" in err

    @pytest.mark.parametrize("command", [FEW, ("inspect", "--model", "mlp"), ("reproduce", "mlp"), ("bench",)])
    def test_a_folder_that_cannot_be_written_to_is_refused_first(self, run, tmp_path, command, monkeypatch):
        monkeypatch.setattr(os, "access", lambda *_: False)  # whoever runs the tests may write everywhere
        monkeypatch.setattr(ac.data, "load", lambda *_, **__: 1 / 0)
        status, out, err = run(*command, "--out", "locked/run")
        assert (status, out) == (2, "")
        assert err.startswith(f"error: locked/run cannot be written to: {tmp_path} is read-only")
        assert not (tmp_path / "locked").exists()

    def test_one_that_is_made_and_stays_empty_is_removed(self, tmp_path):
        with run_folder.hold(tmp_path / "a" / "b"):
            assert (tmp_path / "a" / "b").is_dir()
        assert not (tmp_path / "a").exists()
        (tmp_path / "file").touch()
        with pytest.raises(RunError, match="cannot be made a folder"), run_folder.hold(tmp_path / "file" / "b"):
            pass


class TestSpelling:
    def test_obvious_spellings_are_understood(self, run, tmp_path):
        arguments = ("--data", "few", "--model", "MLP", "--optimizer", "Adam", "--epochs", "1", "--out", "a")
        assert run("train", *arguments)[0] == 0
        metrics = read(tmp_path / "a" / "metrics.json")
        assert (metrics["data"], metrics["model"], metrics["optimizer"]) == (f"folder:{tmp_path}/few", "mlp", "adam")

    @pytest.mark.parametrize(
        ("arguments", "end"),
        [
            (("--optimizer", "adm"), "; did you mean 'adam'?\n"),
            (("--data", "mnst"), "; did you mean 'mnist'?\n"),
            (("--model", "lennet5"), "; did you mean 'lenet5'?\n"),
            (("--schedule", "cosin"), "; did you mean 'cosine'?\n"),
        ],
    )
    def test_others_get_a_question(self, run, arguments, end):
        status, out, err = run("train", *arguments, "--out", "a")
        assert (status, out) == (2, "")
        assert err.endswith(end)

    def test_no_arguments_print_the_help(self, run):
        status, out, _ = run()
        assert status == 0
        assert out.startswith("usage: autograd-cnn ")
        status, out, _ = run("data")
        assert status == 0
        assert out.startswith("usage: autograd-cnn data ")

    def test_weights_that_name_no_data_need_it(self, run):
        ac.save_weights("w.safetensors", ac.models.mlp.init(np.random.default_rng(0)), metadata={"model": "mlp"})
        status, _, err = run("evaluate", "--weights", "w.safetensors")
        assert status == 2
        assert err == (
            "error: w.safetensors does not say what data its weights were trained on; name some with --data\n"
        )

    def test_the_bar_ends_with_the_result(self, run):
        _, out, err = run(*FEW, "--epochs", "2", "--out", "run")
        accuracy = float(re.search(r"test accuracy ([\d.]+)%", out)[1])
        assert f"test {accuracy:.1f}%" in re.split(r"[\r\n]", err.strip())[-1]

    def test_completion_for_shells(self, run):
        pytest.importorskip("shtab")
        with pytest.raises(SystemExit) as caught:
            run("--print-completion", "bash")
        assert caught.value.code == 0
