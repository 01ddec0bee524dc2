"""What each op is checked against, as seen in checks that ran: the ticks of the README's table.

A check that passed counts for the op that computed the value it compared. Ops that computed intermediate values earn
nothing, and neither does a check of no elements.
"""

import functools
import inspect
import itertools
import operator
import sys
import warnings
from collections import defaultdict
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, settings

from autograd_cnn import ops
from autograd_cnn.primitive import Primitive, registry
from autograd_cnn.testing import checker
from tests.ops import test_properties
from tests.ops.properties import CONSTANT, ONCE, PROPERTIES

FEW = settings(max_examples=10, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
DEFINITION, FIRST, SECOND, NONE = "definition", "finite differences", "second order", "no gradient"


def public():
    """Return the ops of the package by their names."""
    return {name: getattr(ops, name) for name in ops.__all__} | {
        f"linalg.{name}": getattr(ops.linalg, name) for name in ops.linalg.__all__
    }


_PRIMITIVES = {id(op): op.name for op in registry.values()} | {
    id(op): name for name, op in public().items() if isinstance(op, Primitive)
}
_COMPOSED = {inspect.unwrap(op).__code__: name for name, op in public().items() if not isinstance(op, Primitive)}


def _name(frame):
    """Return the name of the op that a frame is a call of; None for any other frame."""
    if frame.f_code is Primitive.__call__.__code__:
        return _PRIMITIVES.get(id(frame.f_locals["self"]))
    return _COMPOSED.get(frame.f_code)


@contextmanager
def calls():
    """Yield a list that fills with the ops called in the block, each with its result; without ops called by ops."""
    made, depth = [], 0

    def watch(frame, event, result):
        nonlocal depth
        if event in ("call", "return") and (name := _name(frame)):
            depth += 1 if event == "call" else -1
            if event == "return" and depth == 0:
                made.append((name, result))

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        yield made
    finally:
        sys.setprofile(before)


def of_makers(function, found):
    """Make a function add to `found` the op that made its result, if that has elements."""

    def watched(*args, **kwargs):
        with calls() as made:
            out = function(*args, **kwargs)
        if out.size:
            found.update([name for name, result in made if _has(result, out)][-1:])
        return out  # `made` is freed here, as a check looks for arrays that stay alive

    return watched


def _has(result, out):
    return result is out or (isinstance(result, list | tuple) and any(part is out for part in result))


def by_properties(names=None):
    """Return the checks that the properties make of each op: {op: {check: names of the properties}}."""
    ticks = defaultdict(lambda: defaultdict(set))
    for name in PROPERTIES if names is None else names:
        for check in _checks(name):
            _run(name, check, ticks)
    return ticks


def _checks(name):
    if name in ONCE:
        return (test_properties.check,)
    others = test_properties.check_without_gradient if name in CONSTANT else test_properties.check_to_second_order
    return test_properties.check, others


def _run(name, check, ticks):
    def watched(drawn):
        op, inputs, options = drawn
        found, asserted = set(), set()
        with pytest.MonkeyPatch.context() as patch:
            watch_assertions(patch, asserted)
            check((of_makers(op, found), inputs, options))
            if check is test_properties.check_without_gradient:
                asserted.add(NONE)
        for op_name in found:
            for what in asserted:
                ticks[op_name][what].add(name)

    test_properties.run(name, FEW.max_examples, watched)


def watch_assertions(patch, asserted):
    """Note in `asserted` the kinds of assertions that are made and hold."""

    def after(module, name, tell):
        function = getattr(module, name)

        def watched(*args, **kwargs):
            out = function(*args, **kwargs)
            asserted.update(tell(*args, **kwargs))
            return out

        patch.setattr(module, name, watched)

    after(checker, "_assert_close", lambda what, *_: {DEFINITION} if what == "the value" else ())
    after(checker, "gradcheck", lambda *_, **__: {FIRST})
    after(test_properties, "gradcheck", lambda *_, order, **__: {SECOND} if order == 2 else ())


def by_pytorch(module, only=None):
    """Return the ops whose values were compared in the tests of `test_pytorch.py`, or in those named by `only`."""
    ticks = set()

    def counted(compare):
        def watched(ours, *args, **kwargs):
            found = set()
            compare(of_makers(ours, found), *args, **kwargs)
            ticks.update(found)

        return watched

    with pytest.MonkeyPatch.context() as patch, _few_examples():
        for name in ("agree", "agree_without_gradient"):
            patch.setattr(module, name, counted(getattr(module, name)))
        for name, test in vars(module).copy().items():
            if name.startswith("test_") and (only is None or name in only):
                for arguments in _parameters(test):
                    test(**arguments)
    return ticks


def by_pytorch_samples(module):
    """Return the ops for which one of PyTorch's own samples agrees in all that is compared; the tests compare all."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        agreed = [info for info in module.infos() if module.walk(info, enough=1)[0]]
    names = {module.pytorch_samples.OP[module.pytorch_samples.key(info)] for info in agreed}
    return {name if name in public() else f"linalg.{name}" for name in names}


def _parameters(test):
    """Yield the arguments of each run of a test that pytest would make."""
    choices = []
    for mark in getattr(test, "pytestmark", []):
        if mark.name == "parametrize":
            names, values = mark.args
            choices.append([{names: v} if isinstance(names, str) else dict(zip(names, v, strict=True)) for v in values])
    for chosen in itertools.product(*choices):
        yield functools.reduce(operator.or_, chosen, {})


@contextmanager
def _few_examples():
    before = settings.get_current_profile_name()
    settings.register_profile("few", FEW)
    settings.load_profile("few")
    try:
        yield
    finally:
        settings.load_profile(before)


def by_onnx(module, cases):
    """Return the ops that are the counterpart of an ONNX operator, and were called in a case of it that passed."""
    ticks = set()
    for case in cases:
        counterpart = module.adapter.COUNTERPARTS.get(case.operator)
        if counterpart is not None and counterpart not in ticks:
            with calls() as made:
                ran = module.passes(case)
            if ran and any(name == counterpart for name, _ in made):
                ticks.add(counterpart)
    return ticks
