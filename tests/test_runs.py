"""Runs with each of the optimizers, and what is saved of them."""

import argparse
import json
import re

import numpy as np
import pytest

from autograd_cnn import cli
from autograd_cnn.nn import serialization
from autograd_cnn.training.runs import Run
from autograd_cnn.training.saved_state import STATE_FILE
from autograd_cnn.training.settings import OPTIMIZERS, Settings


class StoppedError(Exception):
    """Stands for an interrupt."""


def stop_in_the_second_epoch(epoch, loss, accuracy):
    if epoch == 2:
        raise StoppedError


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_run_learns_and_when_resumed_ends_with_the_same_bits(name, tmp_path):
    settings = Settings.resolve(optimizer=name, model="mlp", epochs=3, augment=False, test_every_epoch=True)
    whole = Run.start(settings, tmp_path / "whole")
    whole.fit()
    assert whole.history.epochs[-1].test_accuracy > 0.85

    stopped = Run.start(settings, tmp_path / "stopped")
    with pytest.raises(StoppedError):
        stopped.fit(stop_in_the_second_epoch)
    resumed = Run.resume(tmp_path / "stopped")
    resumed.fit()
    assert resumed.history.step_losses == whole.history.step_losses
    for key, value in whole.params.items():
        np.testing.assert_array_equal(resumed.params[key].data, value.data)
    assert resumed.optimizer.steps == whole.optimizer.steps


def test_help_names_every_optimizer_and_its_learning_rate():
    """It is written down, as asking the table would load all that a run needs."""
    (commands,) = [a for a in cli.make_parser()._actions if isinstance(a, argparse._SubParsersAction)]
    texts = {action.dest: action.help for action in commands.choices["train"]._actions}
    assert set(OPTIMIZERS) <= set(re.findall(r"\w+", texts["optimizer"]))
    rates = {
        name: float(rate) for rate, names in re.findall(r"([\d.]+) for ([\w ]+)", texts["lr"]) for name in names.split()
    }
    assert {name: rates.get(name, rates["others"]) for name in OPTIMIZERS} == {
        n: lr for n, (_, lr) in OPTIMIZERS.items()
    }


@pytest.fixture
def begun(tmp_path):
    """A run of one epoch of two."""
    run = Run.start(Settings.resolve(model="mlp", epochs=2, augment=False), tmp_path / "run")
    with pytest.raises(StoppedError):
        run.fit(stop_in_the_second_epoch)
    return run


def test_the_steps_of_each_parameter_are_saved(begun):
    """A parameter without a gradient in some steps has fewer, which the number of losses does not tell."""
    begun.optimizer.steps = {name: i for i, name in enumerate(begun.optimizer.params)}
    begun.save_state()
    assert Run.resume(begun.folder).optimizer.steps == begun.optimizer.steps


def test_a_state_of_an_earlier_version_has_no_steps_and_is_resumed(begun):
    path = begun.folder / STATE_FILE
    tensors, metadata = serialization.load_weights(path), json.loads(serialization.read_metadata(path)["run"])
    del metadata["steps"]
    serialization.save_weights(path, tensors, metadata={"run": json.dumps(metadata)})
    assert set(Run.resume(begun.folder).optimizer.steps.values()) == {45}
