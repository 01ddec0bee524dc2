"""Gradients that are part of a graph, and gradients by results."""

import copy
import dataclasses
import gc
import weakref
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_cnn as ac
from autograd_cnn import ops
from autograd_cnn.testing import arrays


class TestCreateGraph:
    @given(arrays((3,)), arrays((3,)))
    def test_a_second_backward_gives_second_derivatives(self, value, cotangent):
        x = ac.Tensor(value, requires_grad=True)
        y = ops.exp(x) * x
        y.backward(cotangent, create_graph=True)
        first = x.grad
        assert isinstance(first, ac.Tensor)
        np.testing.assert_allclose(first.data, cotangent * np.exp(value) * (value + 1), rtol=1e-12, atol=1e-12)
        x.grad = None
        first.backward(np.ones(3))
        np.testing.assert_allclose(x.grad, cotangent * np.exp(value) * (value + 2), rtol=1e-12, atol=1e-12)

    def test_newton_s_method_as_a_loop(self):
        x = ac.Tensor(np.array(2.0), requires_grad=True)
        for _ in range(10):
            y = x * x * x * x - 2 * x * x
            x.grad = None
            y.backward(create_graph=True)
            slope = x.grad
            x.grad = None
            slope.backward()
            x.data -= slope.data / x.grad
        assert x.data == pytest.approx(1.0, abs=1e-12)

    def test_gradients_add_up(self):
        x = ac.Tensor(np.array([1.0, 2.0]), requires_grad=True)
        (x * x).backward(np.ones(2), create_graph=True)
        (x * x * x).backward(np.ones(2), create_graph=True)
        np.testing.assert_array_equal(x.grad.data, [2 + 3, 4 + 12])
        (x * 5).backward(np.ones(2))  # a plain one adds to it, too
        assert isinstance(x.grad, ac.Tensor)
        np.testing.assert_array_equal(x.grad.data, [10, 21])

    def test_and_to_a_plain_one(self):
        x = ac.Tensor(np.array([1.0, 2.0]), requires_grad=True)
        (x * 5).backward(np.ones(2))
        (x * x).backward(np.ones(2), create_graph=True)
        assert isinstance(x.grad, ac.Tensor)
        np.testing.assert_array_equal(x.grad.data, [7, 9])

    def test_a_gradient_that_is_a_tensor_is_differentiated_by(self):
        x, v = (ac.Tensor(np.array(a), requires_grad=True) for a in ([1.0, 2.0], [3.0, 5.0]))
        (x * x).backward(v, create_graph=True)
        x.grad.backward(np.ones(2))
        np.testing.assert_array_equal(v.grad, [2, 4])

    def test_the_graph_is_retained_unless_told_otherwise(self):
        x = ac.Tensor(np.array([1.0, 2.0]), requires_grad=True)
        y = x * x
        y.backward(np.ones(2), create_graph=True)
        y.backward(np.ones(2), retain_graph=False)
        with pytest.raises(RuntimeError, match="freed"):
            y.backward(np.ones(2))

    @pytest.mark.parametrize("name", ["SGD", "Adam"])
    def test_optimizers_take_such_gradients(self, name):
        results = []
        for create_graph in (False, True):
            w = ac.Tensor(np.array([1.0, 2.0]), requires_grad=True)
            optimizer = getattr(ac.optim, name)([w], lr=0.1)
            (w * w).sum().backward(create_graph=create_graph)
            optimizer.step()
            results.append(w.data.tolist())
        assert results[0] == results[1]

    def test_copies_of_a_leaf_have_its_value(self):
        x = ac.Tensor(np.array([1.0, 2.0]), requires_grad=True)
        (x * x).sum().backward(create_graph=True)
        np.testing.assert_array_equal(copy.deepcopy(x).grad, [2, 4])


class TestRetainGrad:
    @given(arrays((2, 3)), st.data())
    def test_is_the_gradient_by_a_result(self, value, data):
        cotangent = data.draw(arrays((2, 3)))
        x = ac.Tensor(value, requires_grad=True)
        y = x * 3
        z = ops.sigmoid(y)
        for result in (y, z, y):
            result.retain_grad()
        z.backward(cotangent)
        s = z.data
        np.testing.assert_allclose(z.grad, cotangent)
        np.testing.assert_allclose(y.grad, cotangent * s * (1 - s), atol=1e-15)
        np.testing.assert_allclose(x.grad, 3 * cotangent * s * (1 - s), atol=1e-15)

    def test_no_two_gradients_share_memory(self):
        x, y = (ac.Tensor(np.ones(3), requires_grad=True) for _ in range(2))
        z = x + y
        z.retain_grad()
        cotangent = np.array([1.0, 2.0, 3.0])
        z.backward(cotangent)
        held = [x.grad, y.grad, z.grad, cotangent]
        assert not any(np.may_share_memory(a, b) for i, a in enumerate(held) for b in held[:i])

    def test_without_it_results_hold_none(self):
        x = ac.Tensor(np.ones(3), requires_grad=True)
        y = x * 2
        y.backward(np.ones(3))
        assert y.grad is None

    def test_of_a_leaf_changes_nothing(self):
        x = ac.Tensor(np.ones(3), requires_grad=True)
        x.retain_grad()
        (x * 2).backward(np.ones(3))
        assert x.grad.tolist() == [2, 2, 2]

    def test_of_a_constant_is_an_error(self):
        with pytest.raises(RuntimeError, match=r"retain_grad\(\) on a tensor that was computed from nothing"):
            ac.Tensor(np.ones(3)).retain_grad()

    def test_of_what_was_changed_in_place_since_stays_out(self):
        x = ac.Tensor(np.ones(3), requires_grad=True)
        y = x * 2
        y.retain_grad()
        z = y * 5
        y += 1
        z.backward(np.ones(3))
        assert y.grad is None

    def test_transforms_leave_it_alone(self):
        kept = []

        def f(x):
            y = x * x
            y.retain_grad()
            kept.append(y)
            return y.sum()

        assert ac.grad(f)(np.array([3.0])).tolist() == [6]
        assert kept[0].grad is None

    def test_a_dropped_result_is_freed(self):
        gc.disable()
        try:
            x = ac.Tensor(np.ones(3), requires_grad=True)
            y = x * 2
            y.retain_grad()
            z, ref = y * 2, weakref.ref(y)
            del y
            assert ref() is None
            z.backward(np.ones(3))
        finally:
            gc.enable()


@dataclasses.dataclass(frozen=True)
class Affine:
    weight: Any
    bias: Any


class Pair(NamedTuple):
    first: Any
    second: Any


class TestTrees:
    def test_dataclasses_and_named_tuples_are_trees(self):
        params = Pair(Affine(np.array([2.0]), np.array([5.0])), [{"scale": np.array(3.0)}])
        value, found = ac.value_and_grad(
            lambda p: ((p.first.weight + p.first.bias) * p.second[0]["scale"]).sum()
        )(params)  # fmt: skip
        assert value == 21
        assert isinstance(found, Pair)
        assert isinstance(found.first, Affine)
        assert (found.first.weight.tolist(), found.first.bias.tolist()) == ([3], [3])
        assert found.second[0]["scale"] == 7

    def test_their_tangents_have_the_same_form(self):
        params = Affine(np.array([2.0]), np.array([5.0]))
        value, tangent = ac.jvp(lambda p: p.weight * p.bias, params, Affine(np.array([1.0]), np.array([10.0])))
        assert (value.tolist(), tangent.tolist()) == ([10], [25])
        with pytest.raises(ValueError, match=r"jvp: tangents is a tuple of 2; expected a Affine"):
            ac.jvp(lambda p: p.weight * p.bias, params, (np.array([1.0]), np.array([10.0])))

    def test_a_leaf_that_has_no_derivative_is_named(self):
        with pytest.raises(TypeError, match=r"grad: argument 0\.bias has dtype int64"):
            ac.grad(lambda p: p.weight.sum())(Affine(np.ones(2), np.arange(2)))


class TestParametersInTrees:
    def test_an_optimizer_takes_nested_ones(self):
        def make():
            return {"fc": [Affine(*(ac.Tensor(np.array(v), requires_grad=True) for v in ([2.0], [5.0])))], "s": leaf()}

        def leaf():
            return ac.Tensor(np.array(3.0), requires_grad=True)

        params = make()
        optimizer = ac.optim.SGD(params, lr=0.5)
        assert list(optimizer.params) == ["fc.0.weight", "fc.0.bias", "s"]
        (params["fc"][0].weight * params["s"]).sum().backward()
        assert ac.optim.clip_grad_norm(params, 100.0) == pytest.approx(np.sqrt(9 + 4))
        optimizer.step()
        assert params["fc"][0].weight.data.tolist() == [0.5]
        assert params["s"].data == 2
        params["fc"][0] = Affine(leaf(), leaf())
        with pytest.raises(RuntimeError, match=r"'fc\.0\.weight' holds another Tensor since this SGD was made"):
            optimizer.step()

    def test_two_of_one_name_are_refused(self):
        x, y = (ac.Tensor([1.0], requires_grad=True) for _ in range(2))
        with pytest.raises(ValueError, match=r"two parameters have the name 'a\.b'"):
            ac.optim.SGD({"a.b": x, "a": {"b": y}}, lr=0.1)

    @pytest.mark.parametrize("clip", [ac.optim.clip_grad_norm, ac.optim.clip_grad_value])
    def test_a_recorded_gradient_is_not_clipped_in_place(self, clip):
        x = ac.Tensor([1.0], requires_grad=True)
        (x * x).backward(create_graph=True)
        with pytest.raises(TypeError, match=r"parameter '0' is a Tensor, made by backward\(create_graph=True\)"):
            clip([x], 1.0)

    def test_a_dataclass_bound_to_other_tensors_is_noticed(self):
        @dataclasses.dataclass
        class Model:
            weight: Any

        model = Model(ac.Tensor([1.0], requires_grad=True))
        optimizer = ac.optim.SGD(model, lr=0.1)
        model.weight = ac.Tensor([1.0], requires_grad=True)
        with pytest.raises(RuntimeError, match="'weight' holds another Tensor"):
            optimizer.step()

    def test_a_tensor_alone_is_no_parameters(self):
        with pytest.raises(TypeError, match=r"got a Tensor \(2,\): put it in a list"):
            ac.optim.SGD(ac.Tensor([1.0, 2.0], requires_grad=True), lr=0.1)
