"""The checker refuses an op for every promise that it breaks."""

import re

import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn import GradcheckError
from autograd_cnn.primitive import registry
from autograd_cnn.testing import OpError, check_op

X = np.random.default_rng(0).standard_normal((2, 3))


@pytest.fixture(autouse=True)
def _registry_as_it_was(monkeypatch):
    """Take back the ops that are made here."""
    for name in list(registry):
        monkeypatch.setitem(registry, name, registry[name])


def double(forward=lambda x: 2 * x, rule=lambda grad: 2 * grad):
    """Make an op that doubles, but for what is given."""

    @ac.primitive
    def op(x):
        return forward(x)

    @op.backward("x")
    def _(grad):
        return rule(grad)

    return op


def test_an_honest_op_passes():
    check_op(double(), X, reference=lambda x: x + x)


def written_over(x):
    x += 1
    return 2 * x


def scaled_in_place(grad):
    grad *= 2
    return grad


def rounded_in_float32(x):
    return 2 * x.astype(np.float16).astype(x.dtype) if x.dtype == np.float32 else 2 * x


def cyclic(x):
    out = ac.multiply(x, 2.0)
    if isinstance(out, ac.Tensor) and out.node is not None:
        out.node.kept["cycle"] = out
    return out


@pytest.mark.parametrize(
    ("op", "error", "message"),
    [
        (double(forward=lambda x: 3 * x), OpError, "the value at"),
        (double(forward=lambda x: 2 * x[:1]), OpError, "the value has shape (1, 3); expected (2, 3)"),
        (double(forward=lambda x: 2 * x + np.where(x > 0, np.inf, 0)), OpError, "the value"),
        (lambda x: ac.Tensor(2 * np.asarray(x)), OpError, "the op should return an array; it returned Tensor"),
        (
            lambda x: 2 * (x.data if isinstance(x, ac.Tensor) else x),
            OpError,
            "should return such a Tensor; it returned array",
        ),
        (lambda x: x * 2 if isinstance(x, np.ndarray) else x * 3, OpError, "the value on Tensors at"),
        (double(rule=lambda grad: 3 * grad), OpError, None),
        (double(rule=lambda grad: -2 * grad), OpError, None),
        (double(rule=scaled_in_place), OpError, "the backward changed the gradient it was given"),
        (double(forward=written_over), OpError, "the op changed its input 0"),
        (
            double(forward=lambda x: (2 * x).astype(float)),
            OpError,
            "float32 inputs should return float32; the op returned float64",
        ),
        (double(forward=rounded_in_float32), OpError, "the value in float32 at"),
        (cyclic, OpError, "the graph outlives its result"),
    ],
)
def test_a_broken_promise_is_refused(op, error, message):
    expected = (OpError, GradcheckError) if message is None else error
    with pytest.raises(expected, match=None if message is None else re.escape(message)):
        check_op(op, X.copy(), reference=lambda _: 2 * X)


def test_a_gradient_that_depends_on_memory_order_is_refused():
    """An op that forgets strides is right on C order, and wrong on anything else."""

    @ac.primitive
    def total(x):
        return np.asarray(np.sum(x * np.arange(x.size, dtype=x.dtype).reshape(x.shape)))

    @total.backward("x")
    def _(grad, x):
        order = np.arange(x.size).reshape(x.shape, order="C" if x.flags.c_contiguous else "F")
        return grad * order.astype(x.dtype)

    check_op(total, X)
    with pytest.raises(OpError, match="the gradient of input 0, in another memory order, at"):
        check_op(total, np.asfortranarray(X))


def test_a_gradient_that_shares_memory_is_refused(monkeypatch):
    monkeypatch.setattr("autograd_cnn.backpropagation._total", lambda _, grad, __: grad)
    with pytest.raises(OpError, match="a gradient shares memory with an input, the output or the cotangent"):
        check_op(ac.add, X, X.copy())

    @ac.primitive
    def twice(x, y):
        return x + y

    shared = np.ones((2, 3))
    for name in ("x", "y"):
        twice.backward(name)(lambda grad: shared)  # noqa: ARG005 -- its name is how it is told from the others
    with pytest.raises(OpError, match="two gradients share memory"):
        check_op(twice, X, X.copy())


def test_integers_and_options_are_passed_as_they_are():
    labels = np.array([0, 2])
    check_op(ac.softmax_cross_entropy, X, labels, reduction="sum")
    check_op(ac.greater, X, 0.0, reference=np.greater, gradient=False)


def test_the_strategies_are_imported_when_asked_for():
    from autograd_cnn import testing

    assert set(testing.__all__) <= {*dir(testing), *testing._STRATEGIES}
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        testing.nonsense  # noqa: B018
