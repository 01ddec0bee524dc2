"""Optimizers against their papers' formulas, written out in float64, and against PyTorch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_cnn as ac
from autograd_cnn.optim import SGD, Adam


def trajectory(make, gradients, start):
    """Give the values of one parameter after each of the gradients."""
    p = ac.Tensor(start.copy(), requires_grad=True)
    optimizer = make([p])
    values = []
    for grad in gradients:
        p.grad = grad.copy()
        optimizer.step()
        np.testing.assert_array_equal(p.grad, grad)
        values.append(p.data.copy())
    return values


def sgd_by_definition(gradients, w, lr, momentum, nesterov, weight_decay):
    v = np.zeros_like(w)
    for g in gradients:
        g = g + weight_decay * w
        v = momentum * v + g
        w = w - lr * (g + momentum * v if nesterov else v)
        yield w


def adam_by_definition(gradients, w, lr, betas, eps, weight_decay):
    m = v = np.zeros_like(w)
    for t, g in enumerate(gradients, start=1):
        g = g + weight_decay * w
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        w = w - lr * (m / (1 - betas[0] ** t)) / (np.sqrt(v / (1 - betas[1] ** t)) + eps)
        yield w


seeds = st.integers(0, 2**32 - 1)
decays = st.sampled_from([0, 0.01, 0.3])


def draws(seed):
    rng = np.random.default_rng(seed)
    return list(rng.standard_normal((6, 3, 2))), rng.standard_normal((3, 2))


@given(seeds, st.sampled_from([(0, False), (0.9, False), (0.9, True), (0.5, True)]), decays)
def test_sgd_follows_its_formula(seed, momentum, weight_decay):
    gradients, start = draws(seed)
    settings = {"lr": 0.1, "momentum": momentum[0], "nesterov": momentum[1], "weight_decay": weight_decay}
    ours = trajectory(lambda p: SGD(p, **settings), gradients, start)
    for value, expected in zip(ours, sgd_by_definition(gradients, start, **settings), strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-12, atol=1e-14)


@given(seeds, st.sampled_from([(0.9, 0.999), (0, 0.9), (0.5, 0)]), decays)
def test_adam_follows_its_formula(seed, betas, weight_decay):
    gradients, start = draws(seed)
    settings = {"lr": 0.1, "betas": betas, "eps": 1e-8, "weight_decay": weight_decay}
    ours = trajectory(lambda p: Adam(p, **settings), gradients, start)
    for value, expected in zip(ours, adam_by_definition(gradients, start, **settings), strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-10, atol=1e-12)


def test_adam_keeps_a_small_gradient_after_a_large_one():
    """The last square alone counts here, and 1 + (1e-10 − 1) is 1e-10 to six digits only."""
    gradients, settings = [np.ones(1), np.full(1, 1e-5)], {"lr": 0.1, "betas": (0.5, 0), "eps": 0, "weight_decay": 0}
    ours = trajectory(lambda p: Adam(p, **settings), gradients, np.zeros(1))
    np.testing.assert_allclose(ours, list(adam_by_definition(gradients, np.zeros(1), **settings)), rtol=1e-14)


@pytest.mark.parametrize("settings", [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}])
def test_sgd_agrees_with_pytorch(settings):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    agree_with_pytorch(lambda p: SGD(p, lr=0.1, **settings), lambda p: torch.optim.SGD(p, lr=0.1, **settings))


@pytest.mark.parametrize("settings", [{}, {"betas": (0.8, 0.9), "eps": 1e-3}, {"weight_decay": 0.1}])
def test_adam_agrees_with_pytorch(settings):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    agree_with_pytorch(lambda p: Adam(p, **settings), lambda p: torch.optim.Adam(p, **settings))


def agree_with_pytorch(ours, theirs):
    import torch

    gradients, start = draws(0)
    p = torch.tensor(start, requires_grad=True)
    optimizer = theirs([p])
    for grad, value in zip(gradients, trajectory(ours, gradients, start), strict=True):
        p.grad = torch.from_numpy(grad)
        optimizer.step()
        np.testing.assert_allclose(value, p.detach().numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("make", [lambda p: SGD(p, 0.1, momentum=0.9), Adam])
class TestEveryOptimizer:
    def test_float32_is_kept_and_the_array_is_updated_in_place(self, make):
        array = np.ones(3, np.float32)
        p = ac.Tensor(array, requires_grad=True)
        optimizer = make([p])
        p.grad = np.ones(3, np.float32)
        optimizer.step()
        assert p.data is array
        assert (array < 1).all()
        assert all(a.dtype == np.float32 for slots in optimizer.state.values() for a in slots.values())

    def test_parameters_without_a_gradient_stay(self, make):
        a, b = (ac.Tensor([1.0], requires_grad=True) for _ in range(2))
        optimizer = make({"a": a, "b": b})
        a.grad = np.ones(1, np.float32)
        optimizer.step()
        assert a.item() != 1.0
        assert b.item() == 1.0
        optimizer.zero_grad()
        assert a.grad is None

    def test_a_restored_state_goes_on_with_the_same_bits(self, make):
        gradients, start = draws(1)
        straight = trajectory(make, gradients, start)[-1]
        p = ac.Tensor(start.copy(), requires_grad=True)
        first = make([p])
        for grad in gradients[:3]:
            p.grad = grad
            first.step()
        second = make([p])
        second.load_state_dict(first.state_dict())
        for grad in gradients[3:]:
            p.grad = grad
            second.step()
        np.testing.assert_array_equal(p.data, straight)

    def test_a_state_of_other_parameters_is_refused_and_changes_nothing(self, make):
        optimizer = make({"w": ac.Tensor([1.0], requires_grad=True)})
        other_name = make({"v": ac.Tensor([1.0], requires_grad=True)}).state_dict()
        other_shape = make({"w": ac.Tensor([1.0, 2.0], requires_grad=True)}).state_dict()
        with pytest.raises(ValueError, match=r"\('[vw]', '\w+'\) is on one side only"):
            optimizer.load_state_dict(other_name)
        with pytest.raises(ValueError, match=r"has shape \(2,\); expected \(1,\)"):
            optimizer.load_state_dict(other_shape | {"steps": 5})
        assert optimizer.steps == 0

    def test_what_is_not_a_leaf_is_refused(self, make):
        w = ac.Tensor([1.0], requires_grad=True)
        for wrong in (w * 2, ac.Tensor([1.0]), np.ones(1)):
            with pytest.raises(TypeError, match="parameter '0' should be a Tensor made with requires_grad=True"):
                make([wrong])
        with pytest.raises(ValueError, match="at least one parameter"):
            make([])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: SGD(p, -0.1), "lr is a number of at least 0; got -0.1"),
        (lambda p: SGD(p, float("nan")), "lr is a number of at least 0; got nan"),
        (lambda p: SGD(p, 0.1, momentum=-1), "momentum is a number of at least 0; got -1"),
        (lambda p: SGD(p, 0.1, nesterov=True), "needs a momentum above 0"),
        (lambda p: Adam(p, betas=(1.0, 0.9)), r"betas\[0\] is at least 0 and below 1; got 1.0"),
        (lambda p: Adam(p, weight_decay=-1), "weight_decay is a number of at least 0; got -1"),
    ],
)
def test_settings_out_of_range_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make([ac.Tensor([1.0], requires_grad=True)])


def test_an_optimizer_without_a_rule_says_so():
    p = ac.Tensor([1.0], requires_grad=True)
    p.grad = np.ones(1, np.float32)
    with pytest.raises(NotImplementedError, match="Optimizer has no update rule"):
        ac.optim.Optimizer([p], 0.1).step()
