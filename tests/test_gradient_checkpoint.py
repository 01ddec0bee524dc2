"""checkpoint: the same gradients from less memory."""

import tracemalloc

import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn.models import lenet5

rng = np.random.default_rng(0)


def block(x, w):
    return ac.tanh(ac.tanh(x @ w) @ w)


def gradients(f, *arrays):
    leaves = [ac.Tensor(a, requires_grad=True) for a in arrays]
    out = f(*leaves)
    out.backward(np.cos(np.arange(out.size)).reshape(out.shape))
    return [leaf.grad for leaf in leaves]


X, W = rng.standard_normal((4, 3)), rng.standard_normal((3, 3))


class TestSameGradients:
    def test_as_without_it(self):
        plain = gradients(lambda x, w: block(block(x, w), w), X, W)
        kept = gradients(lambda x, w: ac.checkpoint(block)(ac.checkpoint(block)(x, w), w), X, W)
        for a, b in zip(plain, kept, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)

    def test_one_inside_another(self):
        nested = ac.checkpoint(lambda x, w: ac.checkpoint(block)(x, w) * x)
        for a, b in zip(gradients(nested, X, W), gradients(lambda x, w: block(x, w) * x, X, W), strict=True):
            np.testing.assert_array_equal(a, b)

    def test_tensors_from_outside_and_in_dicts(self):
        def run(wrap):
            w, h = ac.Tensor(W, requires_grad=True), ac.Tensor(X, requires_grad=True)
            hidden = h * 2
            params = {"deep": {"w": ac.Tensor(W.T, requires_grad=True)}}
            part = wrap(lambda p, *, scale: ac.tanh(hidden @ w @ p["deep"]["w"]) * scale + ac.relu(hidden))
            (part(params, scale=ac.Tensor(3.0, dtype=float)) * hidden).backward(np.ones((4, 3)))
            return w.grad, h.grad, params["deep"]["w"].grad

        for a, b in zip(run(lambda f: f), run(ac.checkpoint), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)

    def test_a_whole_model(self):
        params = lenet5.init(np.random.default_rng(1))
        images, labels = rng.random((2, 1, 28, 28), np.float32), np.array([3, 4])
        loss = lambda apply: ac.softmax_cross_entropy(apply(params, images), labels)  # noqa: E731
        loss(lenet5.apply).backward()
        expected = {name: p.grad for name, p in params.items()}
        for p in params.values():
            p.grad = None
        loss(ac.checkpoint(lenet5.apply)).backward()
        for name, p in params.items():
            np.testing.assert_array_equal(p.grad, expected[name])

    def test_to_higher_order(self):
        def energy(wrap):
            return lambda x: (wrap(block)(x, W) ** 2).sum()

        v = rng.standard_normal(X.shape)
        np.testing.assert_allclose(
            ac.hvp(energy(ac.checkpoint), X, v), ac.hvp(energy(lambda f: f), X, v), rtol=1e-9, atol=1e-12
        )
        assert ac.gradcheck(lambda x: ac.checkpoint(block)(x, W), X, order=2)

    def test_retained_graphs_go_backward_again(self):
        x = ac.Tensor(X, requires_grad=True)
        out = ac.checkpoint(block)(x, W)
        out.backward(X, retain_graph=True)
        first = x.grad.copy()
        out.backward(X)
        np.testing.assert_allclose(x.grad, 2 * first)
        with pytest.raises(RuntimeError, match="already been through"):
            out.backward(X)


class TestSameValue:
    def test_a_generator_among_the_arguments_draws_the_same_again(self):
        def noisy(wrap):
            draws = np.random.default_rng(5)
            f = wrap(lambda x, rng: ac.dropout(x, 0.5, training=True, rng=rng) * x)
            return gradients(lambda x: f(f(x, draws), draws), X)[0], draws.random()

        (plain, after), (kept, after_kept) = noisy(lambda f: f), noisy(ac.checkpoint)
        np.testing.assert_array_equal(plain, kept)
        assert after == after_kept

    def test_a_generator_from_outside_is_refused(self):
        draws = np.random.default_rng(5)
        f = ac.checkpoint(lambda x: ac.dropout(x, 0.5, training=True, rng=draws) * x)
        with pytest.raises(RuntimeError, match="pass it the generator as an argument"):
            gradients(f, X)

    def test_batch_norm_counts_a_step_once(self):
        def statistics(wrap):
            mean, variance = np.zeros(3), np.ones(3)
            gradients(wrap(lambda x: ac.batch_norm(x, mean, variance, training=True)), X)
            return mean, variance

        for a, b in zip(statistics(lambda f: f), statistics(ac.checkpoint), strict=True):
            np.testing.assert_array_equal(a, b)

    def test_arguments_are_those_of_the_first_time(self):
        x = ac.Tensor(X, requires_grad=True)
        h = x * 2
        out = ac.checkpoint(lambda h: h * h)(h)
        h += 1
        out.backward(np.ones_like(X))
        np.testing.assert_allclose(x.grad, 8 * X)

    def test_a_step_in_between_is_refused(self):
        w = ac.Tensor(W, requires_grad=True)
        optimizer = ac.optim.SGD([w], lr=0.1)
        out = ac.checkpoint(block)(X, w)
        w.grad = np.ones_like(W)
        optimizer.step()
        with pytest.raises(RuntimeError, match="overwritten"):
            out.backward(X)


def test_less_is_held_until_backward():
    """Of 32 layers only every eighth boundary is kept: 4 of 32 arrays, and one value out."""
    x = ac.Tensor(np.ones((100, 1000)), requires_grad=True)

    def part(y):
        for _ in range(8):
            y = ac.tanh(y)
        return y

    def held(wrap):
        tracemalloc.start()
        y = x
        for _ in range(4):
            y = wrap(part)(y)
        current, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        y.backward(np.ones_like(x.data))
        return current

    plain, less = held(lambda f: f), held(ac.checkpoint)
    assert less < plain / 7


def test_without_recording_it_is_the_function_itself():
    with ac.no_grad():
        assert not ac.checkpoint(block)(ac.Tensor(X, requires_grad=True), W).requires_grad
    assert isinstance(ac.checkpoint(lambda x: ac.tanh(ac.Tensor(x)))(X), ac.Tensor)


def test_another_result_is_refused():
    with pytest.raises(TypeError, match="one Tensor; it gave 3"):
        ac.checkpoint(lambda: 3)()
