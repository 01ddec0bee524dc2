"""Runs on colour: the model follows the data, and what is needed to use it again is kept with the weights."""

import json
from pathlib import Path

import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn.data.folders import read_folder, write_folder
from autograd_cnn.models import lenet5, resnet
from autograd_cnn.training.errors import RunError
from autograd_cnn.training.inputs import Inputs, options_for
from autograd_cnn.training.runs import Run
from autograd_cnn.training.settings import Settings


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """A folder of two classes that differ in colour alone: red and blue noise of one brightness."""
    rng = np.random.default_rng(0)
    images = np.repeat(rng.integers(0, 128, (72, 1, 12, 9)), 3, axis=1).astype(np.float32) / 255
    labels = np.arange(72) % 2
    images[labels == 0, 0] += 0.3
    images[labels == 1, 1] += 0.3 * 0.299 / 0.587
    folder = tmp_path_factory.mktemp("data") / "png"
    write_folder(folder, (images, labels))
    return f"folder:{folder}"


def start(data, folder, **options):
    return Run.start(Settings.resolve(data=data, epochs=2, **options), folder)


@pytest.mark.parametrize("model", ["lenet5", "mlp", "resnet"])
def test_the_model_follows_the_data(photographs, model, tmp_path):
    run = start(photographs, tmp_path / "run", model=model, depth=8 if model == "resnet" else None)
    assert run.train.images.shape == (60, 3, 28, 28)
    assert run.options["in_channels"] == 3
    run.fit()
    run.finish()
    for name in ("", "checkpoint.safetensors"):
        loaded = ac.load_model(tmp_path / "run" / name)
        assert loaded.input_shape == (3, 28, 28)
        assert loaded.polarity == "mixed"
        np.testing.assert_allclose(loaded.mean, run.train.images.mean((0, 2, 3)), rtol=1e-5)
        np.testing.assert_allclose(loaded.std, run.train.images.std((0, 2, 3)), rtol=1e-5)
        found = json.loads((tmp_path / "run" / "metrics.json").read_text())
        labels, _ = loaded.predict(run.test)
        assert (labels == run.test.labels).mean() == found["test_accuracy"]


def test_colour_tells_what_grey_does_not(photographs, tmp_path):
    accuracy = {}
    for gray in (False, True):
        run = start(photographs, tmp_path / str(gray), model="lenet5", gray=gray, lr=0.01, augment=False, batch_size=8)
        run.fit()
        accuracy[gray] = run.finish().summary["test_accuracy"]
        assert ac.load_model(tmp_path / str(gray)).input_shape == (1 if gray else 3, 28, 28)
    assert accuracy[False] == 1
    assert accuracy[True] < 1


def test_files_are_read_as_the_images_were(photographs, tmp_path):
    run = start(photographs, tmp_path / "run", model="lenet5")
    run.fit()
    run.finish()
    loaded = ac.load_model(tmp_path / "run")
    folder = photographs.removeprefix("folder:")
    files = sorted(Path(folder, "0").iterdir(), key=lambda path: int(path.stem))
    whole = read_folder(folder, size=(28, 28))
    np.testing.assert_allclose(loaded.read_images(files), whole.images[whole.labels == 0], atol=1e-6)


def test_resuming_ends_with_the_same_bits(photographs, tmp_path):
    whole = start(photographs, tmp_path / "whole", model="resnet", depth=8)
    whole.fit()
    first = Run.start(Settings.resolve(data=photographs, model="resnet", depth=8, epochs=2), tmp_path / "parts")
    stop = ac.training.Callback(on_epoch=lambda history, _: history.stop("for now"))
    ac.training.fit(
        first.saved_model().apply, first.params, first.loader, optimizer=first.optimizer, epochs=2, callbacks=[stop],
        loss=lambda logits, labels: ac.softmax_cross_entropy(logits, labels, label_smoothing=0.1),
        schedule=ac.optim.schedules.one_cycle(), history=first.history,
    )  # fmt: skip
    first.history.stopped = None
    first.save_state()
    second = Run.resume(tmp_path / "parts")
    second.fit()
    for name, p in whole.params.items():
        np.testing.assert_array_equal(second.params[name].data, p.data)


def test_augmentation_is_for_colour_unless_it_is_turned_off(photographs, tmp_path):
    assert start(photographs, tmp_path / "a", model="mlp").settings.augment is True
    assert start(photographs, tmp_path / "b", model="mlp", augment=False).loader.transform is None
    assert start(photographs, tmp_path / "c", model="mlp", gray=True).settings.augment is False
    assert start("digits", tmp_path / "d", model="mlp").settings.augment is True


def test_a_model_without_a_depth_refuses_one(photographs, tmp_path):
    with pytest.raises(RunError, match="lenet5 has no depth to choose"):
        start(photographs, tmp_path / "a", model="lenet5", depth=8)
    with pytest.raises(RunError, match="resnet cannot be made: depth is 9"):
        start(photographs, tmp_path / "a", model="resnet", depth=9)
    assert not list(tmp_path.iterdir())


def test_grey_digits_are_trained_as_before():
    assert Inputs.of(lenet5).load("digits", "test").images.shape == (360, 1, 28, 28)
    assert options_for(resnet, (1, 28, 28)) == {"in_channels": 1, "image_size": [28, 28]}
    for old, new in zip(
        lenet5.init(0).values(), lenet5.init(0, **options_for(lenet5, (1, 28, 28))).values(), strict=True
    ):
        np.testing.assert_array_equal(old.data, new.data)


def test_a_recipe_gives_way_to_what_is_asked_for():
    assert Settings.resolve(model="resnet").optimizer == "sgd"
    assert Settings.resolve(model="resnet").lr == 0.1
    chosen = Settings.resolve(model="resnet", optimizer="adam", epochs=3)
    assert (chosen.optimizer, chosen.lr, chosen.weight_decay, chosen.epochs) == ("adam", 2e-3, None, 3)
    assert Settings.resolve(model="lenet5").schedule == "cosine"
