import functools

import numpy as np
import pytest
from hypothesis import strategies as st

import autograd_cnn as ac
from autograd_cnn.primitive import Primitive
from autograd_cnn.testing import OpError
from tests.ops import record, support_table
from tests.ops.properties import PROPERTIES

RENEW = "run: python -m tests.ops.support_table --write"


@functools.cache
def by_properties():
    return record.by_properties()


def test_the_readme_s_table_is_current():
    """Checks that run everywhere; the oracles' columns are taken as they are, and checked where they are installed."""
    kept = {column: support_table.ticked(column) for column in support_table.ORACLES}
    _, inside, _ = support_table.split_readme()
    assert inside == support_table.table(support_table.by_column(by_properties()) | kept), RENEW


def test_the_ticks_for_pytorch_are_of_tests_that_passed():
    module = pytest.importorskip("tests.ops.test_pytorch", reason="PyTorch is not installed")
    assert record.by_pytorch(module) == support_table.ticked("PyTorch"), RENEW


def test_the_ticks_for_pytorch_s_samples_are_of_samples_that_agreed():
    reason = "PyTorch or its testing tools are not installed"
    module = pytest.importorskip("tests.ops.test_pytorch_samples", reason=reason)
    found = record.by_pytorch_samples(module)
    assert found == support_table.ticked("its samples"), RENEW
    assert found <= record.public().keys()


def test_every_public_op_is_checked_as_itself():
    for name, op in record.public().items():
        checks = by_properties()[name]
        constant = not op.differentiable if isinstance(op, Primitive) else record.NONE in checks
        expected = {record.DEFINITION, *([record.NONE] if constant else [record.FIRST, record.SECOND])}
        assert checks.keys() == expected, f"{name} has no property, or one that checks other things"
        # The ticks come only from properties named after the op: without these, it would lose them.
        properties = {p for found in checks.values() for p in found}
        assert properties <= {p for p in PROPERTIES if p == name or p.startswith(f"{name}_of_")}


def test_an_op_loses_its_ticks_with_its_property():
    others = [p for p in PROPERTIES if p != "sqrt"]
    few = others[:: len(others) // 4]
    assert set(record.by_properties([*few, "sqrt"])["sqrt"]) == {*support_table.CHECKS}
    lost = support_table.by_column(record.by_properties(few)) | {column: set() for column in support_table.ORACLES}
    row = next(line for line in support_table.table(lost).splitlines() if "`sqrt`" in line)
    assert "✓" not in row


@pytest.mark.parametrize(
    ("options", "ticks"),
    [
        ({"reference": lambda x, y: x * y}, {record.DEFINITION, record.FIRST, record.SECOND}),
        ({}, {record.FIRST, record.SECOND}),
    ],
)
def test_a_check_counts_for_what_it_asserts(options, ticks, monkeypatch):
    """A check of a product does not count for the exponential in it, and a check of an empty array counts for none."""
    x, nothing = np.array([1.0, 2.0]), np.array([])
    for name, inputs in {"product": (x, x), "empty": (nothing, nothing)}.items():
        drawn = (lambda x, y: ac.multiply(ac.log(ac.exp(x)), y)), inputs, options
        monkeypatch.setitem(PROPERTIES, name, lambda drawn=drawn: st.just(drawn))
    assert {op: set(checks) for op, checks in record.by_properties(["product"]).items()} == {"multiply": ticks}
    assert record.by_properties(["empty"]) == {}


def test_a_check_that_fails_gives_no_tick(monkeypatch):
    drawn = ac.exp, (np.array([1.0]),), {"reference": lambda x: x}
    monkeypatch.setitem(PROPERTIES, "wrong", lambda: st.just(drawn))
    with pytest.raises(OpError):
        record.by_properties(["wrong"])


def test_an_op_loses_its_tick_for_pytorch_with_its_case(monkeypatch):
    module = pytest.importorskip("tests.ops.test_pytorch", reason="PyTorch is not installed")
    assert "sqrt" in record.by_pytorch(module, ["test_beside"])
    monkeypatch.delitem(module.BESIDE, "sqrt")
    assert "sqrt" not in record.by_pytorch(module, ["test_beside"])
