"""What type checkers make of a user's program, and what `help` and editors show."""

import importlib.util
import inspect
import json
import pydoc
import re
import subprocess
import sys

import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn import ops
from tests import stubs

PROGRAM = """
import numpy as np
import autograd_cnn as ac
from autograd_cnn import nn, optim
from autograd_cnn.models import lenet5

t = ac.Tensor([1.0, 2.0], requires_grad=True)
a = np.ones(2)
images = np.ones((2, 1, 28, 28), np.float32)
params = lenet5.init(np.random.default_rng(0))
net = nn.sequential(nn.linear(2, 3), ac.relu)
reveal_type(ac.relu(t))  # Tensor
reveal_type(ac.relu(a))  # array
reveal_type(ac.relu([1.0, 2.0]))  # array
reveal_type(ac.add(a, t))  # Tensor
reveal_type(ac.add(1.0, a))  # array
reveal_type(t + a)  # Tensor
reveal_type(-t)  # Tensor
reveal_type(t.sum(axis=0))  # Tensor
reveal_type(t.exp())  # Tensor
reveal_type(ac.conv2d(images, params["conv1.weight"], padding=2))  # Tensor
reveal_type(ac.conv2d(images, np.ones((6, 1, 5, 5))))  # array
reveal_type(ac.conv2d(images, np.ones((6, 1, 5, 5)), ac.Tensor(np.ones(6))))  # Tensor
reveal_type(lenet5.apply(params, images))  # Tensor
reveal_type(net.apply(net.init(np.random.default_rng(0)), a))  # Tensor
reveal_type(ac.softmax_cross_entropy(t, np.array([0])))  # Tensor
reveal_type(ac.stack([t, t]))  # Tensor
reveal_type(ac.split(t, 2))  # list of Tensors
reveal_type(optim.SGD(params, lr=0.1))  # SGD
"""
WRONG = {
    'ac.relu("hello")': "a text for an array",
    'ac.softmax_cross_entropy(t, a, reduction="avg")': "an option that there is not",
    "ac.conv2d(images)": "an argument that is missing",
    "ac.max_pool2d(images, kernel=2)": "an argument of another name",
    "optim.SGD(params)": "a missing learning rate",
}


def mypy(path):
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", str(path)], capture_output=True, text=True
    )
    lines = [re.match(r".*?:(\d+): (note|error): (.*)", line) for line in done.stdout.splitlines()]
    return [(int(m[1]), m[2] == "error", m[3]) for m in lines if m]


def pyright(path):
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, str(path)],
        capture_output=True, text=True,
    )  # fmt: skip
    return [
        (d["range"]["start"]["line"] + 1, d["severity"] == "error", d["message"])
        for d in json.loads(done.stdout)["generalDiagnostics"]
    ]


CHECKERS = [
    pytest.param(
        checker,
        marks=pytest.mark.skipif(importlib.util.find_spec(checker.__name__) is None, reason=f"no {checker.__name__}"),
        id=checker.__name__,
    )
    for checker in (mypy, pyright)
]


def kind(text):
    """Return what a checker revealed in one word or a few."""
    if "list[" in text and "Tensor" in text:
        return "list of Tensors"
    names = {"Tensor": "Tensor", "ndarray": "array", "SGD": "SGD"}
    return next((name for word, name in names.items() if word in text), text)


@pytest.mark.parametrize("check", CHECKERS)
def test_a_tensor_in_gives_a_tensor_and_arrays_alone_an_array(check, tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    found = check(path)
    assert not [entry for entry in found if entry[1]]
    lines = PROGRAM.splitlines()
    revealed = {line: kind(text) for line, _, text in found if "evealed" in text or "Type of" in text}
    expected = {i: line.partition("# ")[2] for i, line in enumerate(lines, 1) if line.startswith("reveal_type")}
    assert revealed == expected


@pytest.mark.parametrize("check", CHECKERS)
def test_mistakes_are_caught(check, tmp_path):
    path = tmp_path / "program.py"
    start = "\n".join(line for line in PROGRAM.splitlines() if not line.startswith("reveal_type"))
    path.write_text(start + "\n" + "\n".join(WRONG) + "\n")
    first = len(start.splitlines()) + 1
    caught = {line for line, error, _ in check(path) if error}
    assert caught == {*range(first, first + len(WRONG))}


@pytest.mark.skipif(importlib.util.find_spec("ruff") is None, reason="Ruff formats the stub")
def test_the_stub_is_that_of_the_ops_as_they_are():
    """`python -m tests.stubs` writes it."""
    assert stubs.PATH.read_text(encoding="utf-8") == stubs.render()


@pytest.mark.parametrize("name", ops.__all__)
def test_help_shows_the_signature_with_its_defaults_and_the_docstring(name):
    op = getattr(ac, name)
    signature = inspect.signature(op)
    assert not any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
    text = pydoc.plain(pydoc.render_doc(op))
    assert op.__doc__.splitlines()[0] in text
    for parameter in signature.parameters.values():
        assert parameter.name in text
        if parameter.default is not parameter.empty:
            assert repr(parameter.default) in text


def test_dir_lists_what_is_public_and_nothing_else():
    names = dir(ac)
    assert set(names) == {*ac.__all__, "__version__"}
    assert len(names) == len(set(names))
    assert not [name for name in names if name.startswith("_") and name != "__version__"]
    assert "annotations" not in names
    assert np not in [getattr(ac, name) for name in names]
