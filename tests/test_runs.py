"""Runs with each of the optimizers."""

import argparse
import re

import numpy as np
import pytest

from autograd_cnn import cli
from autograd_cnn.training.runs import OPTIMIZERS, Run, Settings


class StoppedError(Exception):
    """Stands for an interrupt."""


def stop_in_the_second_epoch(epoch, loss, accuracy):
    if epoch == 2:
        raise StoppedError


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_run_learns_and_when_resumed_ends_with_the_same_bits(name, tmp_path):
    settings = Settings.resolve(optimizer=name, model="mlp", epochs=3, augment=False)
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
    (commands,) = [a for a in cli.commands._parser()._actions if isinstance(a, argparse._SubParsersAction)]
    texts = {action.dest: action.help for action in commands.choices["train"]._actions}
    assert set(OPTIMIZERS) <= set(re.findall(r"\w+", texts["optimizer"]))
    rates = {
        name: float(rate) for rate, names in re.findall(r"([\d.]+) for ([\w ]+)", texts["lr"]) for name in names.split()
    }
    assert {name: rates.get(name, rates["others"]) for name in OPTIMIZERS} == {
        n: lr for n, (_, lr) in OPTIMIZERS.items()
    }
