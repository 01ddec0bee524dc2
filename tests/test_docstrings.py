"""Every example in a docstring, run as it stands."""

import doctest
import importlib
import pkgutil

import pytest

import autograd_cnn

MODULES = ["autograd_cnn"] + [
    module.name
    for module in pkgutil.walk_packages(autograd_cnn.__path__, "autograd_cnn.")
    if not module.name.endswith("__main__")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert failed == 0


def test_examples_are_found():
    """A primitive is not a function to `doctest`, which finds its example all the same."""
    found = doctest.DocTestFinder().find(importlib.import_module("autograd_cnn.ops.convolution"))
    assert {t.name.rpartition(".")[2] for t in found if t.examples} >= {"conv2d", "conv_transpose2d"}
