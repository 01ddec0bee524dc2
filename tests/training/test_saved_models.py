"""Trained models in files: what is kept with them, and what they answer."""

import dataclasses
import json

import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn.data import Dataset
from autograd_cnn.data.images import write_image
from autograd_cnn.models import lenet5, mlp
from autograd_cnn.nn.serialization import read_metadata
from autograd_cnn.training.errors import RunError
from autograd_cnn.training.model_loading import load_model
from autograd_cnn.training.runs import Run
from autograd_cnn.training.saved_models import SavedModel, standardized
from autograd_cnn.training.settings import Settings

DIGITS = tuple("0123456789")


def saved_lenet(**changes):
    params = lenet5.init(np.random.default_rng(0))
    return dataclasses.replace(SavedModel("lenet5", lenet5, params, DIGITS, (1, 28, 28)), **changes)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of one epoch, and its folder."""
    folder = tmp_path_factory.mktemp("runs") / "mlp"
    run = Run.start(Settings.resolve(data="digits", model="mlp", epochs=1), folder)
    run.fit()
    run.finish()
    return run


@pytest.mark.parametrize("name", ["", "weights.safetensors", "checkpoint.safetensors"])
def test_a_run_its_weights_and_its_checkpoint_are_the_same_model(run, name):
    loaded = ac.load_model(run.folder / name)
    test = ac.data.load("digits", "test")
    labels, probabilities = loaded.predict(test)
    expected = ac.training.evaluate(run.model.apply, run.params, run.test)
    np.testing.assert_array_equal(labels, expected.predictions)
    np.testing.assert_array_equal(probabilities, expected.probabilities)
    assert loaded.data == "digits"
    assert loaded.class_names == DIGITS


def test_a_checkpoint_of_an_earlier_version_is_read(run, tmp_path):
    params = ac.load_weights(run.folder / "checkpoint.safetensors")
    old = {"run": read_metadata(run.folder / "checkpoint.safetensors")["run"]}
    ac.save_weights(tmp_path / "old.safetensors", params, metadata=old)
    said, known = (load_model(path).metadata() for path in (tmp_path / "old.safetensors", run.folder))
    assert known.pop("reading") == "digit"  # earlier versions saw digits as they were
    assert said | {"model_options": ""} == known | {"model_options": ""}


def test_a_file_without_metadata_needs_the_models_name(tmp_path):
    path = tmp_path / "bare.safetensors"
    ac.save_weights(path, lenet5.init(np.random.default_rng(0)))
    with pytest.raises(RunError, match="does not say which model"):
        load_model(path)
    loaded = load_model(path, "lenet5")
    assert loaded.class_names == DIGITS
    # Its classes have no names, so that data's classes are taken to be numbered alike.
    odd = Dataset(np.zeros((1, 1, 28, 28), np.float32), np.array([0]), ("shirt",))
    assert loaded.match_classes("odd", odd) is odd


def test_everything_is_kept_with_the_weights(tmp_path):
    kept = saved_lenet(
        data="mnist", polarity="mixed", mean=(0.5,), std=(0.25,), reading="digit", temperature=1.5,
        class_names=tuple("零一二三四五六七八九"),
    )  # fmt: skip
    kept.save(tmp_path / "w.safetensors")
    loaded = load_model(tmp_path / "w.safetensors")
    assert loaded.metadata() == kept.metadata()
    x = np.random.default_rng(1).random((4, 1, 28, 28), np.float32)
    for a, b in zip(loaded.predict(x), kept.predict(x), strict=True):
        np.testing.assert_array_equal(a, b)
    assert "trained on mnist" in repr(loaded)


def test_standardisation_and_temperature_are_part_of_apply():
    plain, tempered = saved_lenet(), saved_lenet(mean=(0.5,), std=(0.25,), temperature=2.0)
    x = np.random.default_rng(1).random((4, 1, 28, 28), np.float32)
    expected = plain.apply(plain.params, (x - 0.5) / 0.25) / 2
    result = tempered.apply(tempered.params, x, training=True, rng=None)
    np.testing.assert_allclose(result.data, expected.data, rtol=1e-5, atol=1e-6)
    _, probabilities = tempered.predict(x)
    np.testing.assert_allclose(probabilities, ac.softmax(expected.data), rtol=1e-5, atol=1e-6)


def test_standardising_keeps_the_signature():
    assert "rng" not in ac.training.arguments.accepted(standardized(lambda params, x: params * x, [0], [1]), rng=None)


def test_arrays_of_many_forms_are_one_image():
    saved = saved_lenet()
    levels = np.random.default_rng(0).integers(0, 256, (1, 1, 28, 28), np.uint8)
    pixels = (levels / 255).astype(np.float32)
    _, expected = saved.predict(pixels)
    for form in (levels, levels[0], levels[:, 0], levels[0, 0], pixels.tolist(), ac.Tensor(pixels)):
        np.testing.assert_allclose(saved.predict(form)[1], expected, rtol=1e-6)


def test_files_and_their_arrays_get_the_same_answer(tmp_path):
    saved = saved_lenet(polarity="mixed")
    images = np.random.default_rng(0).integers(0, 256, (3, 1, 28, 28)).astype(np.float32) / 255
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for path, image in zip(paths, images, strict=True):
        write_image(path, image)
    np.testing.assert_array_equal(saved.predict(paths)[1], saved.predict(images)[1])
    np.testing.assert_array_equal(saved.predict(str(paths[0]))[1], saved.predict(images[:1])[1])


def test_no_image_gets_no_answer():
    labels, probabilities = saved_lenet().predict(np.zeros((0, 1, 28, 28), np.float32))
    assert labels.shape == (0,)
    assert probabilities.shape == (0, 10)


@pytest.mark.parametrize(
    ("images", "error", "said"),
    [
        (np.zeros((2, 3, 28, 28), np.float32), ValueError, "takes .* 1×28×28"),
        (np.zeros((2, 1, 28, 20), np.float32), ValueError, "crop or pad"),
        (np.full((2, 1, 28, 28), 200.0), ValueError, "expected 0 to 1"),
        (np.full((2, 1, 28, 28), np.nan), ValueError, "nan"),
        (np.zeros((2, 1, 28, 28), np.int64), TypeError, "astype"),
        (["a.png", 3], TypeError, "expected"),
    ],
)
def test_what_is_no_image_is_refused(images, error, said):
    with pytest.raises(error, match=said):
        saved_lenet().predict(images)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("class_names", "[]"),
        ("class_names", "digits"),
        ("model_options", "[1]"),
        ("model_options", '{"depht": 3}'),
        ("model_options", '{"image_size": [0, 28]}'),
        ("model_options", '{"image_size": 4}'),
        ("model_options", '{"in_channels": -1}'),
        ("model_options", '{"num_classes": 3}'),
        ("input_shape", "[1, 28]"),
        ("input_shape", "[1.5, 28, 28]"),
        ("input_shape", "[1, -28, 28]"),
        ("mean", "[0.1, 0.2]"),
        ("mean", "[0.1]"),
        ("std", "[0]"),
        ("temperature", "0"),
        ("temperature", "NaN"),
    ],
)
def test_metadata_that_makes_no_sense_is_refused(key, value, tmp_path):
    path = tmp_path / "w.safetensors"
    ac.save_weights(path, saved_lenet().params, metadata=saved_lenet().metadata() | {key: value})
    with pytest.raises(RunError, match=f"{key}.*expected|which lenet5 refuses"):
        load_model(path)


def test_the_options_tell_the_shape_where_nothing_else_does(tmp_path):
    params = lenet5.init(0, in_channels=3, image_size=32)
    options = json.dumps({"in_channels": 3, "image_size": 32})
    ac.save_weights(tmp_path / "w.safetensors", params, metadata={"model": "lenet5", "model_options": options})
    assert load_model(tmp_path / "w.safetensors").input_shape == (3, 32, 32)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(RunError, match="holds neither"):
        load_model(tmp_path)


def test_classes_are_matched_by_name():
    saved = SavedModel("mlp", mlp, mlp.init(np.random.default_rng(0), num_classes=2), ("cat", "dog"), (1, 28, 28))
    data = Dataset(np.zeros((3, 1, 28, 28), np.float32), np.array([0, 1, 0]), ("dog", "cat"))
    assert saved.match_classes("pets", data).labels.tolist() == [1, 0, 1]
    with pytest.raises(RunError, match="pets has the class 'cow'"):
        saved.match_classes("pets", dataclasses.replace(data, class_names=("dog", "cow")))


def test_the_metadata_are_text(tmp_path):
    written = saved_lenet(mean=(0.1,), std=(0.2,)).metadata()
    assert all(isinstance(value, str) for value in written.values())
    assert json.loads(written["mean"]) == [0.1]
