"""The gradient check refuses what is wrong, and says where."""

import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn.primitive import Primitive

X = np.random.default_rng(0).standard_normal((3, 3))


def planted(forward, rule):
    """Make an op with a rule of one's own, outside the registry."""
    op = Primitive(forward)
    op.backward("x")(rule)
    return op


def zero_last_row(grad):
    grad = np.array(grad)
    grad[-1] = 0
    return grad


@pytest.mark.parametrize(
    "op",
    [
        planted(lambda x: 2 * x, lambda grad: -2 * grad),
        planted(lambda x: 2 * x, lambda grad: 2.01 * grad),
        planted(lambda x: 2 * x, lambda grad: 2 * grad.T),
        planted(lambda x: 2 * x, lambda grad: zero_last_row(2 * grad)),
        planted(lambda x: x.sum(0), lambda grad: np.broadcast_to(grad[:, None], (3, 3))),
        planted(lambda x: x * x, lambda grad, x: grad * x),
        planted(lambda x: 2 * x, lambda grad: grad * np.nan),
    ],
    ids=["sign", "factor", "transposed", "border", "axis", "half", "nan"],
)
def test_a_wrong_gradient_is_refused(op):
    with pytest.raises(
        ac.GradcheckError, match=r"input 0, of shape \(3, 3\), is wrong at \(\d, \d\): analytic .*, numerical"
    ):
        ac.gradcheck(op, X)


def test_the_sentence_has_the_values():
    wrong = planted(lambda x: 5 * x, lambda grad: grad * np.array([5.0, 7.0]))
    with pytest.raises(ac.GradcheckError) as raised:
        ac.gradcheck(lambda a, x: a + wrong(x), np.ones(2), np.ones(2), rng=np.random.default_rng(3))
    cotangent = np.random.default_rng(3).standard_normal(2)[1]
    assert str(raised.value) == (
        f"the gradient of input 1, of shape (2,), is wrong at (1,): analytic {7 * cotangent:.8g}, "
        f"numerical {5 * cotangent:.8g} (1 of 2 elements disagree)"
    )


@pytest.mark.parametrize(
    "inputs", [(X,), (X.astype(np.float32),), (ac.Tensor(X),), (np.array(0.5),), (np.zeros((0, 3)),)]
)
def test_a_right_gradient_passes(inputs):
    assert ac.gradcheck(ac.tanh, *inputs)


def test_integers_pass_through_and_inputs_stay_as_they_are():
    x, before = X.copy(), X.copy()
    assert ac.gradcheck(ac.take, x, np.array([0, 2, 2]), 1)
    np.testing.assert_array_equal(x, before)


def test_an_input_that_does_not_matter_has_gradient_zero():
    assert ac.gradcheck(lambda x, y: x * 2 + 0 * ac.sign(y), X, X)


def test_nothing_to_check():
    with pytest.raises(ValueError, match="needs a floating point input"):
        ac.gradcheck(ac.tanh, np.array([1, 2]))
    with pytest.raises(
        ValueError, match=r"f should return a Tensor computed from its inputs by ops; it returned array"
    ):
        ac.gradcheck(lambda x: np.tanh(x.data), X)


class TestSecondOrder:
    def test_rules_are_differentiated_themselves(self):
        assert ac.gradcheck(lambda x, y: ac.exp(x) * y * y, X, X[0], order=2)
        assert ac.gradcheck(ac.softmax, X, order=2)
        assert ac.gradcheck(lambda x: 3 * x, X, order=2), "a second derivative of 0"
        assert ac.gradcheck(lambda x, y: ac.concatenate([x * y, y * y]), X, X, order=2), "a variadic op"

    def test_a_rule_that_is_right_once_is_refused_the_second_time(self):
        op = planted(lambda x: x * x * x, lambda grad, x: grad * 3 * (x.data if isinstance(x, ac.Tensor) else x) ** 2)
        assert ac.gradcheck(op, X)
        with pytest.raises(ac.GradcheckError, match=r"input 1, of shape \(3, 3\), is wrong"):
            ac.gradcheck(op, X, order=2)

    def test_other_orders_are_refused(self):
        with pytest.raises(ValueError, match="order is 1 or 2; got 3"):
            ac.gradcheck(ac.tanh, X, order=3)

    def test_an_input_that_an_op_is_constant_in_needs_no_rule(self):
        op = Primitive(lambda x, where: x * (where > 0), constant_in=("where",))
        op.backward("x")(lambda grad, where: grad * (where > 0))
        where = ac.Tensor(X, requires_grad=True)
        assert not op(X, where).requires_grad
        x = ac.Tensor(X, requires_grad=True)
        op(x, where).backward(np.ones((3, 3)))
        assert where.grad is None
        np.testing.assert_array_equal(x.grad, X > 0)
