"""What `fit` shows while it trains, and what it advises where it cannot train."""

import io
import sys

import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn.models import mlp
from autograd_cnn.training import Callback, EpochResult, History, TrainingError, evaluate, fit
from autograd_cnn.training.arguments import odd_pixels

RNG = np.random.default_rng(0)
IMAGES = RNG.random((40, 1, 4, 4), np.float32)
LABELS = np.arange(40) % 2


class Terminal(io.StringIO):
    def isatty(self):
        return True


def train(images=IMAGES, labels=LABELS, lr=0.1, **options):
    params = mlp.init(0, num_classes=2, image_size=4, hidden=8)
    return fit(mlp.apply, params, (images, labels), optimizer=ac.optim.SGD(params, lr), epochs=2, **options)


class TestProgress:
    @pytest.mark.parametrize(
        ("stream", "progress", "seen"),
        [
            (Terminal, None, True), (Terminal, True, True), (Terminal, False, False),
            (io.StringIO, None, False), (io.StringIO, True, True), (io.StringIO, False, False),
        ],
    )  # fmt: skip
    def test_a_bar_is_shown_where_a_person_watches(self, monkeypatch, stream, progress, seen):
        monkeypatch.setattr(sys, "stderr", stream())
        monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
        train(progress=progress)
        shown = sys.stderr.getvalue()
        assert bool(shown) == seen
        if seen:
            assert "epoch 2/2: 100%" in shown
            assert "loss" in shown.splitlines()[-1]

    def test_a_notebook_is_watched(self, monkeypatch):
        monkeypatch.setattr(sys, "stderr", io.StringIO())
        monkeypatch.setitem(sys.modules, "ipykernel", sys)
        train()
        assert "100%" in sys.stderr.getvalue()

    def test_it_changes_nothing_else(self, monkeypatch):
        monkeypatch.setattr(sys, "stderr", Terminal())
        seen = []
        loud = train(callbacks=[Callback(lambda *figures: seen.append(figures))])
        quiet = train(progress=False)
        assert loud.step_losses == quiet.step_losses
        assert len(seen) == 4

    def test_without_standard_error_there_is_no_bar(self, monkeypatch):
        monkeypatch.setattr(sys, "stderr", None)
        monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
        assert len(train().epochs) == 2

    def test_finished_training_shows_no_bar(self, monkeypatch):
        history = train(progress=False)
        monkeypatch.setattr(sys, "stderr", Terminal())
        train(history=history)
        assert sys.stderr.getvalue() == ""


class TestAdvice:
    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_pixels_that_are_no_numbers_are_named(self, value):
        images = IMAGES.copy()
        images[3, 0, 1, 1] = value
        with (
            np.errstate(all="ignore"),
            pytest.raises(TrainingError, match=r"1 of \d+ images have pixels that are NaN or infinite.*nan_to_num"),
        ):
            train(images)
        params = mlp.init(0, num_classes=2, image_size=4)
        with (
            np.errstate(all="ignore"),
            pytest.raises(TrainingError, match=r"1 of 40 images have pixels .* at index 3: leave"),
        ):
            evaluate(mlp.apply, params, (images, LABELS))

    def test_pixels_up_to_255_are_named(self):
        with np.errstate(all="ignore"), pytest.raises(TrainingError, match="divide them by 255, or pass them as uint8"):
            train(255 * IMAGES, lr=1e30)

    def test_a_high_rate_is_named_where_the_pixels_are_right(self):
        with np.errstate(all="ignore"), pytest.raises(TrainingError, match="try a learning rate below 1e"):
            train(lr=1e30)

    def test_levels_of_8_bits_train_as_their_pixels(self):
        levels = RNG.integers(0, 256, IMAGES.shape, np.uint8)
        assert train(levels).step_losses == train(levels / np.float32(255)).step_losses

    def test_standardised_pixels_are_no_mistake(self):
        assert odd_pixels(RNG.standard_normal((5, 3, 4, 4)).astype(np.float32)) is None
        assert odd_pixels(np.zeros((0, 3, 4, 4), np.float32)) is None

    def test_labels_of_other_kinds_are_taken(self):
        assert train(labels=np.eye(2)[LABELS]).step_losses == train(labels=LABELS.tolist()).step_losses


def test_the_functions_of_the_readme_are_taken():
    """`apply(p, x)` without `training` and `rng`."""
    params = {"w": ac.Tensor(RNG.random((2, 16), np.float32), requires_grad=True)}

    def apply(p, x):
        return ac.linear(ac.flatten(x, 1), p["w"])

    history = fit(apply, params, (IMAGES, LABELS), optimizer=ac.optim.SGD(params, 0.1), epochs=1, test=(IMAGES, LABELS))
    assert history.epochs[0].test_loss < 2


class TestHistory:
    def test_many_epochs_are_a_few_lines(self):
        epochs = [EpochResult(i, 1 / i, 1 - 1 / i, test_loss=2 / i, test_accuracy=0.5) for i in range(1, 101)]
        history = History([1.0] * 3000, epochs, 12.34)
        lines = repr(history).splitlines()
        assert lines[0] == "<History: 100 epochs, 3,000 steps, 12.3 s>"
        assert lines[1].split() == ["epoch", "train", "loss", "train", "accuracy", "test", "loss", "test", "accuracy"]
        assert [line.split()[0] for line in lines[3:]] == ["1", "2", "…", "96", "97", "98", "99", "100"]
        assert lines[-1].split() == ["100", "0.0100", "99.00%", "0.0200", "50.00%"]
        assert len(repr(history)) < 1000

    def test_what_was_not_measured_has_no_column(self):
        history = History([1.0], [EpochResult(1, 0.5, 0.75, validation_loss=0.25, validation_accuracy=0.5)])
        header = repr(history).splitlines()[1]
        assert "validation loss" in header
        assert "test" not in header
        assert repr(History()) == "<History: 0 epochs, 0 steps, 0.0 s>"

    def test_a_notebook_shows_the_same_table(self):
        history = History([1.0], [EpochResult(1, 0.5, 0.75)], stopped="<b>enough</b>")
        shown = history._repr_html_()
        assert "<td>0.5000</td><td>75.00%</td>" in shown
        assert "&lt;b&gt;enough&lt;/b&gt;" in shown
        assert "stopped: <b>enough</b>" in repr(history)
