"""detect_anomaly: the first NaN, by the op that made it and the line that called it."""

import inspect
import threading

import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn.models import lenet5


def next_line():
    """Give this file and the line after the caller's."""
    return f"{__file__}:{inspect.currentframe().f_back.f_lineno + 1}"


def leaf(values):
    return ac.Tensor(np.array(values, float), requires_grad=True)


pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


class TestForward:
    def test_names_the_op_its_shapes_and_the_line(self):
        y = ac.exp(leaf([[1.0, -1.0]])) - 2.0
        line = next_line()
        with pytest.raises(ac.AnomalyError) as raised, ac.detect_anomaly(): ac.sqrt(y)  # noqa: E701  # fmt: skip
        assert str(raised.value) == (
            f"sqrt(x (1, 2)) gave nan in 1 of 2 elements; its inputs held none, and it was called at {line}"
        )

    def test_operators_and_composed_ops_have_the_users_line(self):
        for call in (lambda x: x / x, lambda x: ac.layer_norm(x, 2, eps=0.0), lambda x: x.log() * 0 * x.log()):
            line = call.__code__.co_firstlineno
            with pytest.raises(ac.AnomalyError, match=f"called at {__file__}:{line}$"), ac.detect_anomaly():
                call(leaf([0.0, 0.0]))

    def test_says_whether_an_input_held_it(self):
        with (
            pytest.raises(ac.AnomalyError, match=r"multiply\(x \(2,\), y \(\)\).*its x held some already"),
            ac.detect_anomaly(),
        ):
            ac.multiply(leaf([np.nan, 1.0]), np.array(2.0))

    def test_arrays_are_looked_at_too(self):
        with pytest.raises(ac.AnomalyError, match="log"), ac.detect_anomaly():
            ac.log(np.array([-1.0]))

    def test_each_of_a_variadic_input(self):
        with pytest.raises(ac.AnomalyError, match=r"its .*\[1\] held some"), ac.detect_anomaly():
            ac.concatenate([np.ones(2), np.full(1, np.nan)])

    def test_infinity_only_when_asked(self):
        with ac.detect_anomaly():
            ac.log(np.array([0.0]))
        with pytest.raises(ac.AnomalyError, match="an infinity in 1 of 1"), ac.detect_anomaly(check_inf=True):
            ac.log(np.array([0.0]))

    def test_integers_pass(self):
        with ac.detect_anomaly():
            assert (leaf([1.0]) > 0).data.all()


class TestBackward:
    def test_names_the_op_the_input_and_the_line_of_the_forward(self):
        x = leaf([0.0, 1.0])
        with ac.detect_anomaly():
            line = next_line()
            y = ac.sqrt(x) * np.array([0.0, 1.0])
            with pytest.raises(ac.AnomalyError) as raised:
                y.backward(np.ones(2))
        assert str(raised.value) == (
            "the backward of sqrt for its input 'x' (2,) gave nan in 1 of 2 elements; the gradient that came to it did "
            f"not, and sqrt was called at {line}, with an output of shape (2,)"
        )
        assert x.grad is None

    def test_a_gradient_that_was_wrong_to_begin_with(self):
        x = leaf([1.0])
        y = x * 2
        with pytest.raises(ac.AnomalyError, match="came to it held nan in 1 of 1"), ac.detect_anomaly():
            y.backward(np.array([np.nan]))

    def test_an_infinite_gradient(self):
        x = leaf([0.0])
        y = ac.sqrt(x)
        with ac.detect_anomaly():
            y.backward(np.ones(1), retain_graph=True)
        with pytest.raises(ac.AnomalyError, match=r"backward of sqrt.*an infinity"), ac.detect_anomaly(check_inf=True):
            y.backward(np.ones(1))

    def test_inside_transforms_and_checkpoints(self):
        def f(x):
            return (ac.sqrt(x) * 0.0).sum()

        for function in (ac.grad(f), ac.grad(ac.checkpoint(f))):
            with pytest.raises(ac.AnomalyError, match=r"backward of sqrt.*test_anomaly.py"), ac.detect_anomaly():
                function(np.zeros(2))


def test_a_model_in_order_passes_with_the_same_bits():
    params = lenet5.init(np.random.default_rng(0))
    images = np.random.default_rng(1).random((2, 1, 28, 28), np.float32)

    def gradients():
        for p in params.values():
            p.grad = None
        ac.softmax_cross_entropy(lenet5.apply(params, images), np.array([1, 2])).backward()
        return [p.grad for p in params.values()]

    plain = gradients()
    with ac.detect_anomaly(check_inf=True):
        watched = gradients()
    for a, b in zip(plain, watched, strict=True):
        np.testing.assert_array_equal(a, b)


def test_it_is_over_after_the_block_and_not_in_other_threads():
    seen = []
    with ac.detect_anomaly():
        thread = threading.Thread(target=lambda: seen.append(ac.log(np.array([-1.0]))))
        thread.start()
        thread.join()
    seen.append(ac.log(np.array([-1.0])))
    assert np.isnan(seen).all()
    assert len(seen) == 2
