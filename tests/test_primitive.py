"""Making ops: signatures, what is recorded, and what is refused at registration."""

import itertools
import sys

import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn.primitive import Primitive, primitive, registry


def scaled(x, y=None, scale=1.0):
    """x · scale, plus y if there is one."""
    out = x * scale
    return out if y is None else out + y


@pytest.fixture
def op():
    op = Primitive(scaled)
    op.backward("x")(lambda grad, scale: grad * scale)
    op.backward("y")(lambda grad: grad)
    return op


def test_it_is_the_forward_on_arrays_and_a_tensor_with_tensors(op):
    x = np.array([1.0, 2.0])
    assert isinstance(op(x, scale=3), np.ndarray)
    assert isinstance(op(ac.Tensor(x)), ac.Tensor)
    assert op.__name__ == "scaled"
    assert op.__doc__.startswith("x · scale")
    assert repr(op) == "<primitive scaled(x, y=None, scale=1.0), differentiable in x, y>"


@pytest.mark.parametrize(
    "call",
    [
        lambda op, x, y: op(x, y, 3.0),
        lambda op, x, y: op(x, y, scale=3.0),
        lambda op, x, y: op(x, y=y, scale=3.0),
        lambda op, x, y: op(y=y, scale=3.0, x=x),
    ],
)
def test_inputs_and_options_by_place_or_by_name(op, call):
    x, y = (ac.Tensor(np.ones(2), requires_grad=True) for _ in range(2))
    call(op, x, y).backward(np.array([1.0, 10.0]))
    assert (x.grad.tolist(), y.grad.tolist()) == ([3, 30], [1, 10])


def test_defaults_reach_the_rules(op):
    x = ac.Tensor([2.0], requires_grad=True)
    op(x).backward()
    assert x.grad == 1


def test_results_are_of_the_class_that_was_given(op):
    class Mine(ac.Tensor):
        __slots__ = ()

    assert type(op(Mine([1.0]))) is Mine


def test_a_variadic_rule_serves_each_array_by_its_index():
    def joined(*parts, times):
        return np.concatenate(parts) * times

    op = Primitive(joined)

    @op.backward("parts")
    def _(grad, index, parts_shape, times):
        start = sum(shape[0] for shape in parts_shape[:index])
        return grad[start : start + parts_shape[index][0]] * times

    a, b = ac.Tensor([1.0], requires_grad=True), ac.Tensor([1.0, 2.0], requires_grad=True)
    op(a, np.zeros(2, np.float32), b, times=2).backward(np.arange(5.0))
    assert (a.grad.tolist(), b.grad.tolist()) == ([0], [6, 8])


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({}, float),
        ({"domain": "real"}, float),
        ({"domain": "floating"}, np.ndarray),
        ({"domain": "floating", "numbers": True}, float),
        ({"domain": "real", "numbers": False}, np.ndarray),
    ],
)
def test_what_a_forward_sees_of_a_number(settings, kind):
    seen = []

    def forward(x, y):
        seen.append(y)
        return x * y

    op = Primitive(forward, **settings)
    op.backward("x")(lambda grad, y: grad * y)
    op.backward("y")(lambda grad, x: grad * x)
    for x in (np.ones(2, np.float32), ac.Tensor(np.ones(2, np.float32)), np.ones(2)):
        out = op(x, 2.5)
        assert out.dtype == x.dtype
        assert isinstance(seen[-1], kind)
        assert np.ndim(seen[-1]) == 0
    assert isinstance(op(2.0, 2.5), np.ndarray)
    assert isinstance(seen[-1], np.ndarray), "there is no array beside it"


def test_variadic_inputs_come_to_one_dtype_and_lists_of_them_are_joined():
    op = Primitive(lambda *xs, scale: np.concatenate(xs) * scale, domain="real")
    op.backward("xs")(lambda grad, index, scale: grad[2 * index : 2 * index + 2] * scale)
    x, y = ac.Tensor(np.ones(2, np.float32), requires_grad=True), ac.Tensor([2.0, 3.0], requires_grad=True)
    out = op(x, np.ones(2), scale=2)
    assert out.dtype == np.float64
    out = op(x, [y[0], y[1]], np.zeros(2, int), scale=2)
    assert (out.dtype, out.data.tolist()) == (np.float32, [2, 2, 4, 6, 0, 0])
    out.backward(np.arange(6.0))
    assert (x.grad.tolist(), y.grad.tolist()) == ([0, 2], [4, 6])
    nested = op(ac.transpose([[y[0], y[1]], [x[0], x[1]]])[0], scale=1)
    assert nested.data.tolist() == [2, 1]


def test_inputs_by_place_alone_are_inputs():
    def forward(x, /, y, scale=1.0):
        return x * y * scale

    op = Primitive(forward)
    op.backward("x")(lambda grad, y, scale: grad * y * scale)
    op.backward("y")(lambda grad, x, scale: grad * x * scale)
    for call in (lambda x, y: op(x, y, 2.0), lambda x, y: op(x, y=y, scale=2.0)):
        x, y = ac.Tensor([3.0], requires_grad=True), ac.Tensor([5.0], requires_grad=True)
        call(x, y).backward(np.ones(1))
        assert (x.grad.tolist(), y.grad.tolist()) == ([10], [6])
    one = Primitive(lambda x, /: x * 2)
    one.backward("x")(lambda grad: 2 * grad)
    x = ac.Tensor([3.0], requires_grad=True)
    one(x).backward(np.ones(1))
    assert x.grad.tolist() == [2]


def test_a_variadic_input_may_come_after_others():
    def forward(x, *ys, power=1):
        return x * sum(y**power for y in ys)

    op = Primitive(forward)
    op.backward("x")(lambda grad, ys, power: grad * sum(y**power for y in ys))
    op.backward("ys")(lambda grad, x, ys, index, power: grad * x * power * ys[index] ** (power - 1))
    point = [np.array([v, v + 1]) for v in (2.0, 3.0, 5.0, 7.0)]

    def wanted(*flags):
        inputs = [ac.Tensor(v, requires_grad=f) for v, f in zip(point, flags, strict=True)]
        op(*inputs, power=2).backward(np.array([1.0, 10.0]))
        return [None if t.grad is None else t.grad.tolist() for t in inputs]

    everything = [[83, 1160], [12, 240], [20, 360], [28, 480]]
    for flags in itertools.product([True, False], repeat=4):
        if any(flags):
            expected = [grad if f else None for grad, f in zip(everything, flags, strict=True)]
            assert wanted(*flags) == expected
    assert ac.gradcheck(lambda *xs: op(*xs, power=3), *point, order=2)
    narrow = point[0].astype(np.float32)
    for n in range(1, 5):
        assert op(narrow, *[[2, 3]] * n).dtype == np.float32
        np.testing.assert_array_equal(op(narrow, *[[2, 3]] * n), [4 * n, 9 * n])


def test_what_only_selects_is_an_array_too():
    seen = []

    def forward(x, mask):
        seen.append(mask)
        return x * mask

    op = Primitive(forward, constant_in=("mask",))
    op.backward("x")(lambda grad, mask: grad * mask)
    x = ac.Tensor(np.ones(2, np.float32), requires_grad=True)
    for mask in ([1, 0], np.array([1, 0]), np.array([1.0, 0.0]), ac.Tensor([True, False]), np.array([1, 0], ">i4")):
        out = op(x, mask)
        assert out.data.tolist() == [1, 0]
        assert isinstance(seen[-1], np.ndarray)
        assert seen[-1].dtype.isnative
    with pytest.raises(TypeError, match="mask has dtype complex128"):
        op(x, np.array([1j, 0]))


def test_inputs_have_names():
    with pytest.raises(TypeError, match=r"'scaled' takes \*\*options, and an input among those would have no gradient"):

        @primitive
        def scaled(x, **options):
            return x * options["scale"]

    assert "scaled" not in registry


@pytest.mark.parametrize("wrap", [np.asarray, ac.Tensor])
@pytest.mark.parametrize("wide", [np.float64, np.int64, bool])
def test_what_has_no_axes_follows_what_has(wrap, wide):
    op = Primitive(lambda x, y: x + y, domain="real")
    op.backward("x")(lambda grad: grad)
    op.backward("y")(lambda grad: grad)
    narrow, one = np.ones(2, np.float32), np.array(1, wide)
    for inputs in ((wrap(narrow), one), (one, wrap(narrow)), (wrap(narrow), wrap(one)), (wrap(one), wrap(narrow))):
        assert op(*inputs).dtype == np.float32
    for inputs in ((wrap(narrow), np.ones(2)), (np.ones(2), wrap(narrow))):
        assert op(*inputs).dtype == np.float64


@pytest.mark.parametrize("wrap", [np.asarray, ac.Tensor])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64])
def test_an_op_without_a_rule_computes_with_what_it_is_given(wrap, dtype):
    op = Primitive(lambda x: x * 2)
    out = op(wrap(np.ones(2, dtype)))
    assert out.dtype == dtype
    assert out.tolist() == [2, 2] if wrap is np.asarray else out.data.tolist() == [2, 2]


def test_none_is_no_array(op):
    for call in (lambda: op(None), lambda: op(x=None, y=np.ones(1)), lambda: op(None, ac.Tensor([1.0]))):
        with pytest.raises(TypeError, match="scaled: x is a Tensor, an array, a number or a list of such; got None"):
            call()
    assert op(np.ones(1), None).tolist() == op(np.ones(1), y=None).tolist() == [1]


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int64])
def test_only_floating_point_has_a_gradient(dtype):
    op = Primitive(lambda x: x.astype(dtype))
    op.backward("x")(lambda grad: grad)
    out = op(ac.Tensor([1.0], requires_grad=True))
    assert (out.dtype, out.requires_grad) == (dtype, False)


@pytest.mark.parametrize("wrap", [np.asarray, ac.Tensor])
def test_half_precision_is_computed_in_single_and_rounded(wrap):
    seen = []

    def forward(x):
        seen.append(x.dtype)
        return x * x

    x = wrap(np.full(3, 300, np.float16))
    op, compared = Primitive(forward, domain="real"), Primitive(lambda x: x > 0, domain="real")
    op.backward("x")(lambda grad: grad)
    compared.backward("x")(lambda grad: grad)
    with pytest.warns(RuntimeWarning, match="overflow"):
        assert op(x).dtype == np.float16
    assert seen == [np.float32]
    assert compared(x).dtype == bool
    seen.clear()
    moved = Primitive(lambda x: (seen.append(x.dtype), x.T)[1], domain="any")
    moved.backward("x")(lambda grad: grad.T)
    assert moved(x).dtype == np.float16
    assert seen == [np.float16]
    wide = Primitive(lambda x: x.astype(np.float64), domain="real")
    wide.backward("x")(lambda grad: grad)
    assert wide(x).dtype == np.float64


def test_a_piecewise_constant_op_never_requires_a_gradient():
    @primitive(differentiable=False)
    def floor_for_this_test(x):
        return np.floor(x)

    try:
        x = ac.Tensor([1.5], requires_grad=True)
        assert not floor_for_this_test(x).requires_grad
        assert registry["floor_for_this_test"] is floor_for_this_test
        assert repr(floor_for_this_test).endswith("differentiable in nothing>")
    finally:
        del registry["floor_for_this_test"]


def test_an_input_without_a_rule_is_refused_when_it_wants_a_gradient():
    op = Primitive(scaled)
    op.backward("x")(lambda grad, scale: grad * scale)
    x, y = ac.Tensor([1.0], requires_grad=True), ac.Tensor([1.0], requires_grad=True)
    assert op(x, y.detach()).requires_grad
    with pytest.raises(TypeError, match=r"'scaled' has no backward for its input 'y'.*@scaled.backward\(\"y\"\)"):
        op(x, y)
    with ac.no_grad():
        assert op(x, y).item() == 2


class TestRegistration:
    def test_of_an_unknown_input(self, op):
        with pytest.raises(ValueError, match=r"'scaled' has no input 'z' .* it has \['scale', 'x', 'y'\]"):
            op.backward("z")

    def test_of_a_rule_that_does_not_take_the_gradient_first(self, op):
        with pytest.raises(TypeError, match=r"as `grad`; the rule of 'scaled' for 'x' takes \['x', 'grad'\]"):
            op.backward("x")(lambda x, grad: grad * x)

    @pytest.mark.parametrize("first", ["cotangent", "x", "out"])
    def test_of_a_rule_that_calls_it_otherwise(self, op, first):
        namespace = {}
        exec(f"def rule({first}): return {first}", namespace)
        with pytest.raises(TypeError, match=rf"as `grad`; the rule of 'scaled' for 'x' takes \['{first}'\]"):
            op.backward("x")(namespace["rule"])
        with pytest.raises(TypeError, match=r"takes \[\]"):
            op.backward("x")(lambda: 0)

    @pytest.mark.parametrize("asked", ["z", "z_shape", "index"])
    def test_of_a_rule_that_asks_for_what_there_is_not(self, op, asked):
        namespace = {}
        exec(f"def rule(grad, {asked}): return grad", namespace)
        with pytest.raises(TypeError, match=f"for 'x' asks for '{asked}', which is not `out`, an input"):
            op.backward("x")(namespace["rule"])

    def test_of_a_rule_with_parameters_by_name_alone(self, op):
        def rule(grad, *, scale):
            return grad * scale

        with pytest.raises(TypeError, match=r"called by position; that of 'scaled' for 'x' takes \['scale'\] by name"):
            op.backward("x")(rule)

    @pytest.mark.parametrize("name", ["grad", "out"])
    def test_of_a_forward_with_a_name_that_rules_use(self, name):
        namespace = {}
        exec(f"def forward(x, {name}): return x", namespace)
        with pytest.raises(TypeError, match=f"has a parameter '{name}', which in a backward rule means"):
            Primitive(namespace["forward"])


def test_wrong_calls_have_python_s_own_message(op):
    with pytest.raises(TypeError, match="unexpected keyword argument 'factor'"):
        op(ac.Tensor([1.0]), factor=2)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        op()


def test_few_of_the_ways_of_calling_an_op_are_remembered(monkeypatch):
    """A variadic input may come in any number of arrays, and any of them may require a gradient."""
    monkeypatch.setattr(sys.modules["autograd_cnn.calls.binding"], "_REMEMBERED", 4)
    op = Primitive(lambda *xs: np.sum(xs, 0))
    op.backward("xs")(lambda grad, index: grad * (index + 1))
    plans, recipes = [], []
    for n in (1, 2, 3, 4, 5, 6, 2, 5):
        for wanted in range(n):
            xs = [ac.Tensor([1.0], requires_grad=i == wanted) for i in range(n)]
            out = op(*xs)
            out.backward(np.ones(1))
            assert (out.item(), xs[wanted].grad.tolist()) == (n, [wanted + 1])
            plans.append(len(op._plans))
            recipes += [len(plan.recipes) for plan in op._plans.values()]
    assert max(plans) == max(recipes) == 4


def test_a_forward_hands_what_it_worked_out_to_its_rules(rng):
    calls = []

    def scale_by_largest(x):
        largest = float(np.abs(x).max())
        calls.append(largest)
        return x / largest, largest

    op = Primitive(scale_by_largest, residuals=("largest",))

    @op.backward("x")
    def _(grad, largest):
        return grad / largest  # the largest is held constant

    x = rng.standard_normal(5)
    assert op(x).tolist() == (x / np.abs(x).max()).tolist()
    leaf = ac.Tensor(x, requires_grad=True)
    out = op(leaf)
    seed = rng.standard_normal(5)
    out.backward(seed)
    np.testing.assert_array_equal(leaf.grad, seed / np.abs(x).max())
    assert len(calls) == 2


def test_an_op_with_residuals_serves_in_rules(rng):
    """There, on arrays alone, it gives its result alone."""
    halve = Primitive(lambda x: (x / 2, 2), residuals=("divisor",))
    halve.backward("x")(lambda grad, divisor: halve(grad) * 2 / divisor)
    x = ac.Tensor(rng.standard_normal(3), requires_grad=True)
    seed = rng.standard_normal(3)
    halve(x).backward(seed)
    np.testing.assert_array_equal(x.grad, seed / 2)


def test_a_residual_that_is_a_function_is_worked_out_if_the_op_is_recorded():
    made = []

    def halve(x):
        return x / 2, lambda: made.append("divisor") or 2

    op = Primitive(halve, residuals=("divisor",))

    @op.backward("x")
    def _(grad, divisor):
        return grad / divisor

    x = ac.Tensor([1.0, 3.0], requires_grad=True)
    op(np.ones(2)), op(x.detach())
    with ac.no_grad():
        op(x)
    assert made == []
    op(x).sum().backward()
    assert made == ["divisor"]
    np.testing.assert_array_equal(x.grad, [0.5, 0.5])


def test_a_residual_has_a_name_of_its_own():
    with pytest.raises(TypeError, match="has a parameter 'x'"):
        Primitive(lambda x: (x, x), residuals=("x",))


# --- one rule for several inputs --------------------------------------------------------------------------------


def scaled_and_shifted():
    """Make an op with one rule for three inputs, and a list of how often it was called."""
    calls = []

    @Primitive
    def scale_and_shift(x, weight, bias):
        return x * weight + bias

    @scale_and_shift.backward("x", "weight", "bias")
    def _(grad, x, weight):
        calls.append(1)
        return grad * weight, grad * x, grad

    return scale_and_shift, calls


def test_a_rule_for_several_inputs_is_called_once(rng):
    op, calls = scaled_and_shifted()
    x, weight, bias = (ac.Tensor(rng.standard_normal(3), requires_grad=True) for _ in range(3))
    grad = rng.standard_normal(3)
    op(x, weight, bias).backward(grad)
    assert len(calls) == 1
    np.testing.assert_allclose(x.grad, grad * weight.data)
    np.testing.assert_allclose(weight.grad, grad * x.data)
    np.testing.assert_allclose(bias.grad, grad)


def test_a_rule_for_several_inputs_serves_some_of_them_and_unbroadcasts(rng):
    op, _ = scaled_and_shifted()
    x, bias = rng.standard_normal((4, 3)), ac.Tensor(rng.standard_normal(3), requires_grad=True)
    grad = rng.standard_normal((4, 3))
    op(x, 2.0, bias).backward(grad)
    np.testing.assert_allclose(bias.grad, grad.sum(0))


def test_a_rule_for_several_inputs_is_right_to_second_order(rng):
    op, _ = scaled_and_shifted()
    ac.gradcheck(op, *rng.standard_normal((3, 4)), order=2)


def test_a_rule_for_several_inputs_has_to_return_as_many_gradients(rng):
    @Primitive
    def double(x, y):
        return x + y

    @double.backward("x", "y")
    def _(grad):
        return (grad,)

    x, y = (ac.Tensor(rng.standard_normal(3), requires_grad=True) for _ in range(2))
    with pytest.raises(ValueError, match="shorter") as error:
        double(x, y).backward(np.ones(3))
    assert "in the backward of 'double'" in error.value.__notes__[0]


def test_a_rule_for_several_inputs_is_not_for_variadic_ones():
    @Primitive
    def total(*xs, weight):
        return sum(xs) * weight

    with pytest.raises(ValueError, match=r"'total' is for one input, or for several that are not variadic"):
        total.backward("xs", "weight")
    with pytest.raises(ValueError, match=r"got \(\)"):
        total.backward()
