"""Lessons: what a network learns of one drawing, what it does not forget, and undoing it."""

import dataclasses

import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn.play.errors import PlayError
from autograd_cnn.play.learning import FORGOTTEN, Pupil, copied, lesson, reminders_for
from tests.play.conftest import untrained


@pytest.fixture
def misread(reader, digits):
    """A drawing that the network does not read as it is told: a 3 that has lost half of itself."""
    return digits.images[3] * (np.arange(28) < 14)[:, np.newaxis].astype(np.float32)


def test_it_learns_the_drawing_and_forgets_next_to_nothing(reader, misread):
    pupil = Pupil(reader)
    label = (int(reader.predict(misread)[0][0]) + 1) % 10
    *steps, last = pupil.learn(misread, label)
    assert [step["step"] for step in steps] == list(range(len(steps)))
    assert last["learned"]
    assert last["loss"] < steps[0]["loss"]
    assert pupil.model.predict(misread)[0][0] == label
    assert last["accuracy"] >= steps[0]["accuracy"] - FORGOTTEN
    test = pupil.reminders
    right = (pupil.model.predict(test.images)[0] == test.labels).mean()
    assert right == pytest.approx(last["accuracy"])


def test_undo_brings_back_the_very_weights(reader, misread):
    pupil = Pupil(reader)
    label = (int(reader.predict(misread)[0][0]) + 1) % 10
    before = {name: p.numpy().copy() for name, p in reader.params.items()}
    list(pupil.learn(misread, label))
    list(pupil.learn(misread, (label + 1) % 10))
    assert pupil.lessons == 2
    assert pupil.undo() == 1
    assert pupil.model.predict(misread)[0][0] == label
    assert pupil.undo() == 0
    assert pupil.model is reader
    assert all(np.array_equal(before[name], p.numpy()) for name, p in reader.params.items())
    with pytest.raises(PlayError, match="no lesson to undo"):
        pupil.undo()


def test_a_lesson_that_is_broken_off_changes_nothing(reader, misread):
    pupil = Pupil(reader)
    steps = pupil.learn(misread, (int(reader.predict(misread)[0][0]) + 1) % 10)
    next(steps), next(steps)
    with pytest.raises(PlayError, match="a lesson is going on"):
        next(pupil.learn(misread, 1))
    with pytest.raises(PlayError, match="a lesson is going on"):
        pupil.undo()
    steps.close()
    assert pupil.model is reader
    assert pupil.lessons == 0


def test_what_it_knows_already_takes_no_lesson(reader, digits):
    pupil = Pupil(reader)
    *_, last = pupil.learn(digits.images[0], int(digits.labels[0]))
    assert last == last | {"step": 0, "learned": True, "lessons": 0, "ended": True}
    assert pupil.model is reader


@pytest.mark.parametrize("name", ["convnet_bn", "simple_convnet", "mlp"])
def test_running_statistics_stay(name, digits):
    net = untrained(name, **({"batch_norm": True} if name == "simple_convnet" else {}))
    params = copied(net.params)
    *_, last = lesson(net, params, digits.images[0], label=5)
    assert last["label"] == 5
    for key, p in params.items():
        assert np.array_equal(p.numpy(), net.params[key].numpy()) == (not p.requires_grad), key


def test_reminders_are_of_the_data_that_the_network_was_trained_on(reader):
    found = reminders_for(reader)
    assert found.images.shape == (512, 1, 28, 28)
    assert set(found.labels.tolist()) == set(range(10))
    elsewhere = dataclasses.replace(reader, data="folder:/nowhere")
    assert np.array_equal(reminders_for(elsewhere).images, found.images)  # the embedded digits
    assert reminders_for(dataclasses.replace(elsewhere, reading="")) is None


def test_weights_after_a_lesson_are_read_back(reader, misread, tmp_path):
    pupil = Pupil(reader)
    list(pupil.learn(misread, 1))
    pupil.model.save(tmp_path / "taught.safetensors")
    again = ac.load_model(tmp_path / "taught.safetensors")
    assert np.array_equal(again.predict(misread)[1], pupil.model.predict(misread)[1])
