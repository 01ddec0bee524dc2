"""Every example in a docstring, run as it stands."""

import doctest
import importlib
import inspect
import pkgutil
import typing

import pytest

import autograd_cnn

MODULES = ["autograd_cnn"] + [
    module.name
    for module in pkgutil.walk_packages(autograd_cnn.__path__, "autograd_cnn.")
    if not module.name.endswith("__main__")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    if name.startswith("autograd_cnn.onnx"):
        pytest.importorskip("onnx", reason="the examples read and write ONNX files")
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert failed == 0


def test_examples_are_found():
    """A primitive is not a function to `doctest`, which finds its example all the same."""
    found = doctest.DocTestFinder().find(importlib.import_module("autograd_cnn.ops.convolution"))
    assert {t.name.rpartition(".")[2] for t in found if t.examples} >= {"conv2d", "conv_transpose2d"}


ROOMS = ["", ".nn", ".optim", ".transforms", ".training", ".data", ".testing", ".models", ".inspection", ".ops"]
PUBLIC = [
    (f"autograd_cnn{room}.{name}", getattr(importlib.import_module(f"autograd_cnn{room}"), name))
    for room in ROOMS
    for name in importlib.import_module(f"autograd_cnn{room}").__all__
]


def explains_itself(thing):
    """Return whether a public name needs an example: functions, ops and classes, but no aliases and no exceptions."""
    if inspect.isclass(thing):
        return not issubclass(thing, BaseException)
    return callable(thing) and not typing.get_origin(thing)


@pytest.mark.parametrize(("name", "thing"), [pytest.param(n, t, id=n) for n, t in PUBLIC if explains_itself(t)])
def test_every_public_function_and_class_has_an_example(name, thing):
    assert ">>> " in (inspect.getdoc(thing) or ""), f"{name}: its docstring has no example that runs"
