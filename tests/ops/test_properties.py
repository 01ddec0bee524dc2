"""Every op, proven: values, gradients, dtypes and memory; no rule of the registry escapes, and no wrong one passes."""

import functools

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import autograd_cnn as ac
from autograd_cnn import GradcheckError, backpropagation, gradcheck, rules
from autograd_cnn.primitive import registry
from autograd_cnn.testing import OpError, check_op
from tests.ops.properties import CONSTANT, ONCE, PROPERTIES, smooth_part

# The package's own: tests elsewhere register ops of theirs.
OPS = {name: op for name, op in registry.items() if op.forward.__module__.startswith("autograd_cnn.")}
SMOOTH = [name for name in PROPERTIES if name not in CONSTANT | ONCE]
RULES = [(name, wrt) for name, op in OPS.items() for wrt in op.rules]


def check(drawn):
    op, inputs, options = drawn
    check_op(op, *inputs, **options)


def check_to_second_order(drawn):
    """Rules are written with ops, so they can be differentiated themselves."""
    f, point = smooth_part(drawn)
    # Finite differences of gradients are two digits less precise than those of values.
    assert gradcheck(f, *point, order=2, rtol=1e-4, atol=1e-5)


def check_without_gradient(drawn):
    """The result of a piecewise constant op requires no gradient, and is a constant to the transforms."""
    op, inputs, options = drawn
    assert not options["gradient"]
    value = np.asarray(op(*inputs))
    out = op(*[ac.Tensor(x, requires_grad=True) for x in inputs])
    assert type(out) is (np.ndarray if value.dtype == np.intp else ac.Tensor)  # indices are plain
    assert not getattr(out, "requires_grad", False)
    np.testing.assert_array_equal(out.data if isinstance(out, ac.Tensor) else out, value, strict=True)

    found, pullback = ac.vjp(op, *inputs)
    np.testing.assert_array_equal(found, value)
    for gradient, x in zip(pullback(np.ones(value.shape)), inputs, strict=True):
        np.testing.assert_array_equal(gradient, np.zeros(x.shape), strict=True)

    # The op's value is constant, so along a line its product with t changes only by t.
    step = np.random.default_rng(0).standard_normal(value.shape)
    _, slope = ac.jvp(lambda t, *xs: op(*xs) * t, (np.zeros(value.shape), *inputs), (step, *inputs))
    np.testing.assert_array_equal(slope, value * step)


@pytest.mark.parametrize("name", PROPERTIES)
@given(data=st.data())
def test_op(name, data):
    check(data.draw(PROPERTIES[name]()))


@pytest.mark.parametrize("name", SMOOTH)
@settings(max_examples=settings().max_examples // 3)
@given(data=st.data())
def test_op_to_second_order(name, data):
    check_to_second_order(data.draw(PROPERTIES[name]()))


@pytest.mark.parametrize("name", sorted(CONSTANT))
@given(data=st.data())
def test_op_without_gradient(name, data):
    check_without_gradient(data.draw(PROPERTIES[name]()))


def run(name, examples, check=check):
    """Run a property without shrinking, the same examples every time."""

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(PROPERTIES[name]())
    def body(drawn):
        check(drawn)

    body()


@functools.cache
def exercised():
    """Return which properties call each op's forward, and each of its rules."""
    forwards, rules = {name: set() for name in OPS}, {rule: set() for rule in RULES}

    def watch(function, properties, running):
        @functools.wraps(function)
        def watched(*args, **kwargs):
            properties.update(running)
            return function(*args, **kwargs)

        return watched

    running = set()
    with pytest.MonkeyPatch.context() as patch:
        for name, op in OPS.items():
            patch.setattr(op, "forward", watch(op.forward, forwards[name], running))
            for wrt, rule in op.rules.items():
                patch.setattr(rule, "function", watch(rule.function, rules[name, wrt], running))
        for running_name in PROPERTIES:
            running.clear()
            running.add(running_name)
            run(running_name, 10)
    return forwards, rules


def test_every_op_is_called_by_a_property():
    forwards, _ = exercised()
    assert [name for name, properties in forwards.items() if not properties] == []


def test_every_rule_is_called_by_a_property():
    _, rules = exercised()
    assert [rule for rule, properties in rules.items() if not properties] == []


def transposed(grad):
    """Return the elements of the transpose, or of the reversed vector, in the shape of the gradient."""
    return grad.T.reshape(grad.shape) if grad.ndim > 1 else np.flip(grad)


def off_at_the_border(grad):
    grad = np.array(grad)
    grad[(-1,) * grad.ndim] += 1
    return grad


FAULTS = {
    "sign": lambda grad: -grad,
    "factor": lambda grad: 2 * grad,
    "axis": lambda grad: np.flip(grad, -1) if grad.ndim else grad,
    "transposition": transposed,
    "place": lambda grad: np.roll(grad, 1).reshape(grad.shape),
    "border": lambda grad: off_at_the_border(grad) if grad.size else grad,
    "nan": lambda grad: grad * np.nan,
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("name", "wrt"), RULES)
def test_a_wrong_rule_is_refused(name, wrt, fault, monkeypatch):
    # The property of the op itself comes before those of other ops that use it.
    properties = sorted(exercised()[1][name, wrt], key=lambda p: (p != name, p))
    rule = OPS[name].rules[wrt]
    right = rule.function

    def wrong(grad, *kept):
        if not rule.inputs:
            return FAULTS[fault](rules.dense(right(grad, *kept)))
        gradients = dict(zip(rule.inputs, right(grad, *kept), strict=True))
        return tuple((gradients | {wrt: FAULTS[fault](gradients[wrt])}).values())

    monkeypatch.setattr(rule, "function", wrong)
    for i, prop in enumerate(properties):
        try:
            run(prop, 200)
        except (GradcheckError, OpError):
            return
        assert i < len(properties) - 1, f"{name} passed with a gradient for {wrt} of wrong {fault}"


def test_a_missing_unbroadcast_is_refused(monkeypatch):
    """Return the first of the broadcast copies instead of their sum."""

    def first_copy(grad, shape):
        lead = grad[(0,) * (grad.ndim - len(shape))]
        return lead[tuple(slice(0, n) for n in shape)]

    monkeypatch.setattr(rules, "unbroadcast", first_copy)
    with pytest.raises((GradcheckError, OpError)):
        run("add", 50)


def test_a_lost_contribution_is_refused(monkeypatch):
    """Forget one of the two uses of an input used twice."""
    right = backpropagation._total
    monkeypatch.setattr(backpropagation, "_total", lambda leaf, grad, shared: right(leaf, grad / 2, shared))
    with pytest.raises(GradcheckError):
        run("mse_loss", 10)
