"""Functions of functions: what they give, through every op and to any order, and what they refuse."""

import re
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd_cnn as ac
from tests.ops.properties import CONSTANT, ONCE, PROPERTIES, smooth_part

rng = np.random.default_rng(0)
SMOOTH = [name for name in PROPERTIES if name not in CONSTANT | ONCE]
#: The determinant has no third derivative here: test_conventions holds that it is refused.
THRICE = [name for name in SMOOTH if not name.startswith("linalg.det")]


def close(actual, expected, **kwargs):
    np.testing.assert_allclose(actual, expected, **{"rtol": 1e-9, "atol": 1e-12} | kwargs)


def test_a_pullback_is_that_of_the_function_whatever_becomes_of_its_value():
    x = ac.Tensor([1.0, 2.0], requires_grad=True)
    value, pullback = ac.vjp(lambda x: x * x, x)
    value *= 10
    np.testing.assert_array_equal(pullback(np.ones(2))[0].data, [2, 4])


class TestThroughEveryOp:
    """Each op along a random line through its inputs: h(t) = ⟨u, op(x + t·v)⟩, differentiated three times."""

    @pytest.mark.parametrize("name", THRICE)
    @settings(max_examples=max(3, settings().max_examples // 10))
    @given(data=st.data(), seed=st.integers(0, 2**32 - 1))
    def test_three_gradients_deep(self, name, data, seed):
        f, point = smooth_part(data.draw(PROPERTIES[name]()))
        draw = np.random.default_rng(seed).standard_normal
        lines = [(x, 0.1 * draw(x.shape)) for x in point]
        weights = {}

        def along(t):
            out = f(*[x + v * t for x, v in lines])
            finite = np.isfinite(out.data if isinstance(out, ac.Tensor) else out)
            u = weights.setdefault("u", draw(np.shape(out)))
            return (ac.where(finite, out, 0.0) * u).sum()

        derivative = along
        for _ in range(3):
            lower, derivative = derivative, ac.grad(derivative)
            step = 1e-5
            numerical = (float(lower(np.array(step))) - float(lower(np.array(-step)))) / (2 * step)
            close(float(derivative(np.array(0.0))), numerical, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("name", SMOOTH)
    @settings(max_examples=max(3, settings().max_examples // 10))
    @given(data=st.data(), seed=st.integers(0, 2**32 - 1))
    def test_jvp_and_vjp_are_adjoint(self, name, data, seed):
        f, point = smooth_part(data.draw(PROPERTIES[name]()))
        draw = np.random.default_rng(seed).standard_normal
        tangents = tuple(draw(x.shape) for x in point)
        value, pushed = ac.jvp(f, point, tangents)
        again, pullback = ac.vjp(f, *point)
        np.testing.assert_array_equal(value, again)
        cotangent = draw(np.shape(value))
        pulled = pullback(cotangent)
        left, right = np.vdot(cotangent, pushed), sum(np.vdot(p, t) for p, t in zip(pulled, tangents, strict=True))
        close(left, right, rtol=1e-7, atol=1e-9)


def f(x, y):
    return (ac.tanh(x) * y * y + ac.exp(x)).sum()


X, Y = rng.standard_normal((2, 3)), rng.standard_normal(3)


class TestGrad:
    def test_by_the_first_argument_by_default(self):
        close(ac.grad(f)(X, Y), (1 - np.tanh(X) ** 2) * Y**2 + np.exp(X))

    def test_by_argument_number(self):
        by_y = (2 * np.tanh(X) * Y).sum(0)
        close(ac.grad(f, 1)(X, Y), by_y)
        close(ac.grad(f, -1)(X, Y), by_y)
        both = ac.grad(f, (1, 0))(X, Y)
        assert isinstance(both, tuple)
        close(both[0], by_y)
        close(both[1], ac.grad(f)(X, Y))
        assert isinstance(ac.grad(f, (0,))(X, Y), tuple)

    def test_every_transform_takes_the_first_argument_by_default(self):
        for transform in (ac.grad, ac.jacobian, ac.hessian):
            close(transform(f)(X, Y), transform(f, 0)(X, Y))
        close(ac.value_and_grad(f)(X, Y)[1], ac.grad(f, 0)(X, Y))

    def test_with_the_value(self):
        value, gradient = ac.value_and_grad(f)(X, Y)
        close(value, (np.tanh(X) * Y * Y + np.exp(X)).sum())
        close(gradient, ac.grad(f)(X, Y))

    def test_arrays_for_arrays_and_tensors_for_tensors(self):
        value, (gx, gy) = ac.value_and_grad(f, (0, 1))(X, ac.Tensor(Y))
        assert isinstance(value, ac.Tensor)
        assert type(gx) is np.ndarray
        assert isinstance(gy, ac.Tensor)
        value, gx = ac.value_and_grad(f)(X, Y)
        assert type(value) is type(gx) is np.ndarray

    def test_nested_dicts(self):
        tree = {"a": {"w": X, "b": Y}, "c": ac.Tensor(2.0)}
        gradient = ac.grad(lambda p: f(p["a"]["w"], p["a"]["b"]) * p["c"])(tree)
        assert list(gradient) == ["a", "c"]
        close(gradient["a"]["w"], 2 * ac.grad(f)(X, Y), rtol=1e-6)
        assert isinstance(gradient["c"], ac.Tensor)
        assert gradient["c"].shape == ()

    def test_numbers_become_float32(self):
        gradient = ac.grad(lambda x: x * x)(3.0)
        assert gradient == 6
        assert gradient.dtype == np.float32

    def test_dtypes_are_the_arguments_own(self):
        x, y = X.astype(np.float32), Y
        gradients = ac.grad(f, (0, 1))(x, y)
        assert [g.dtype for g in gradients] == [np.float32, np.float64]

    def test_what_does_not_matter_gives_zeros(self):
        close(ac.grad(lambda _, y: (y * 2).sum())(X, Y), np.zeros_like(X))
        close(ac.grad(lambda _: 3.0)(X), np.zeros_like(X))
        close(ac.grad(lambda x: (x > 0).sum())(X), np.zeros_like(X))

    def test_other_and_named_arguments_pass_as_they_are(self):
        seen = []

        def g(x, labels, *, scale):
            seen.append((type(x), type(labels), scale))
            return (x * scale).sum()

        close(ac.grad(g)(Y, np.array([1, 2]), scale=3.0), np.full(3, 3.0))
        assert seen == [(ac.Tensor, np.ndarray, 3.0)]

    def test_the_name_and_docstring_are_the_functions_own(self):
        def g(x):
            """Square."""
            return x * x

        for transform in (ac.grad, ac.value_and_grad, ac.jacobian, ac.hessian):
            assert (transform(g).__name__, transform(g).__doc__) == ("g", "Square.")

    def test_results_are_arrays_of_their_own(self):
        x, y = np.ones(3), np.ones(3)
        gx, gy = ac.grad(lambda x, y: (x + y).sum(), (0, 1))(x, y)
        gx += 1
        close(gy, np.ones(3))
        assert not any(np.shares_memory(g, a) for g in (gx, gy) for a in (x, y))

    def test_what_somebody_else_holds_is_copied(self):
        table = np.ones((2, 3))

        @ac.primitive
        def constant_slope(x):
            return x.copy()

        @constant_slope.backward("x")
        def _(grad):
            return table

        cotangent = np.ones((2, 3))
        for f in (constant_slope, lambda x: x.reshape(3, 2), lambda x: x * 1.0, lambda x: ac.exp(x) * 2.0):
            out, pullback = ac.vjp(f, np.zeros((2, 3)))
            given = cotangent.reshape(out.shape)
            first, again = pullback(given)[0], pullback(given)[0]
            before = again.copy()
            first += 1
            np.testing.assert_array_equal(again, before)
            assert (table == 1).all()
            assert (cotangent == 1).all()

    def test_what_a_rule_has_just_made_is_handed_on(self):
        made = []

        @ac.primitive
        def halve(x):
            return x / 2

        @halve.backward("x")
        def _(grad):
            result = grad / 2
            made.append(result.ctypes.data)
            return result

        (g,) = ac.vjp(halve, np.ones(3))[1](np.ones(3))
        assert g.ctypes.data == made[0]

    def test_results_are_plain_arrays(self):
        class Masked(np.ndarray):
            pass

        for g in (lambda x: (x * x).sum(), lambda _: 3.0):
            assert type(ac.grad(g)(Y.view(Masked))) is np.ndarray

    def test_a_leaf_keeps_its_grad_and_its_place(self):
        w = ac.Tensor(X, requires_grad=True)
        w.grad = np.full_like(X, 7)
        ac.grad(f)(w, Y)
        close(w.grad, np.full_like(X, 7))
        assert w.requires_grad
        assert w.node is None


class TestNesting:
    def test_any_order(self):
        derivative = lambda x: x**5  # noqa: E731
        for k, expected in enumerate([80.0, 160.0, 240.0, 240.0, 120.0, 0.0], 1):
            derivative = ac.grad(derivative)
            close(derivative(np.array(2.0)), expected, err_msg=str(k))

    def test_each_variable_is_its_own(self):
        """Siskind and Pearlmutter, "Perturbation confusion and referential transparency", 2005."""
        close(ac.grad(lambda x: x * ac.grad(lambda y: x + y)(np.array(1.0)))(np.array(1.0)), 1.0)
        close(ac.grad(lambda x: ac.grad(lambda y: x * y)(2.0) * x)(np.array(3.0)), 6.0)
        close(
            ac.jvp(lambda x: x * ac.jvp(lambda y: x * y * y, (x,), (x,))[1], (np.array(2.0),), (np.array(1.0),))[1],
            64.0,
        )

    def test_the_same_array_twice_is_two_arguments(self):
        close(ac.grad(lambda x, y: (x * x * y).sum())(Y, Y), 2 * Y * Y)

    def test_a_gradient_of_leaves_goes_backward(self):
        w = ac.Tensor(Y, requires_grad=True)
        g = ac.grad(lambda w: (w * w * w).sum())(w)
        (g * g).sum().backward()
        close(w.grad, 2 * 3 * Y**2 * 6 * Y)

    def test_a_closure_is_differentiated_through(self):
        w = ac.Tensor(Y, requires_grad=True)
        gradient = ac.grad(lambda x: (w * w * x * x).sum())(X[0])
        assert isinstance(gradient, ac.Tensor)
        close(gradient.data, 2 * Y * Y * X[0])
        gradient.backward(np.ones(3))
        close(w.grad, 4 * Y * X[0])

    def test_an_intermediate_result_is_an_argument_like_any(self):
        w = ac.Tensor(Y, requires_grad=True)
        h = w * 2
        ac.grad(lambda h: (h**3).sum())(h).backward(np.ones(3))
        close(w.grad, 6 * 2 * Y * 2)

    def test_under_no_grad_nothing_outlives_the_call(self):
        w = ac.Tensor(Y, requires_grad=True)
        with ac.no_grad():
            value, gradient = ac.value_and_grad(lambda w: (w**3).sum())(w)
            second = ac.grad(lambda w: ac.grad(lambda w: (w**3).sum())(w).sum())(w)
        assert not value.requires_grad
        assert not gradient.requires_grad
        close(gradient.data, 3 * Y**2)
        close(second.data, 6 * Y)

    def test_no_grad_inside_is_a_constant(self):
        def g(x):
            with ac.no_grad():
                y = x * x
            return (x * y).sum()

        close(ac.grad(g)(Y), Y * Y)

    def test_jacobians_of_jacobians(self):
        third = ac.jacobian(ac.jacobian(ac.grad(lambda x: (x**4).sum())))(np.array([1.0, 2.0]))
        expected = np.zeros((2, 2, 2))
        expected[0, 0, 0], expected[1, 1, 1] = 24, 48
        close(third, expected)

    def test_what_a_leaf_was_when_it_was_used(self):
        """A leaf changed under no_grad is differentiated at its value in the forward, to any order."""
        w = ac.Tensor(np.array(2.0), requires_grad=True)
        _, pullback = ac.vjp(lambda x: w**3 * x, ac.Tensor(1.0, dtype=float))
        with ac.no_grad():
            w += 5.0
        (gradient,) = pullback(ac.Tensor(1.0, dtype=float))
        gradient.backward()
        close(w.grad, 12.0)


class TestProducts:
    def test_pullbacks_may_be_called_again(self):
        value, pullback = ac.vjp(lambda x, y: x @ y, X, Y)
        close(value, X @ Y)
        u = rng.standard_normal(2)
        for _ in range(2):
            gx, gy = pullback(u)
            close(gx, np.outer(u, Y))
            close(gy, X.T @ u)

    def test_outputs_may_be_nested(self):
        def g(p):
            return {"sum": p["a"] + p["b"], "more": (p["a"] * p["b"],)}

        point = {"a": Y, "b": X[0]}
        value, pullback = ac.vjp(g, point)
        close(value["more"][0], Y * X[0])
        u, v = rng.standard_normal((2, 3))
        (pulled,) = pullback({"sum": u, "more": (v,)})
        close(pulled["a"], u + v * X[0])
        _, pushed = ac.jvp(g, (point,), ({"a": u, "b": v},))
        close(pushed["more"][0], u * X[0] + v * Y)
        blocks = ac.jacobian(g)(point)
        close(blocks["more"][0]["b"], np.diag(Y))

    def test_a_lone_argument_needs_no_tuple(self):
        _, tangent = ac.jvp(lambda x: x * x, Y, np.ones(3))
        close(tangent, 2 * Y)
        close(ac.hvp(lambda x: (x**3).sum(), Y, np.ones(3)), 6 * Y)

    def test_jacobian(self):
        close(ac.jacobian(lambda x, y: x @ y, (0, 1))(X, Y)[1], X)
        assert ac.jacobian(lambda x: x.sum())(X).shape == (2, 3)
        assert ac.jacobian(lambda x: x[:0])(Y).shape == (0, 3)
        tensor = ac.jacobian(lambda x: x * x)(ac.Tensor(Y))
        assert isinstance(tensor, ac.Tensor)
        close(tensor.data, np.diag(2 * Y))

    def test_hessian_and_its_product(self):
        def g(x, y):
            return (x * x * y).sum() + (ac.exp(y) * x.sum()).sum()

        a, b, u, v = rng.standard_normal((4, 3))
        blocks = ac.hessian(g, (0, 1))(a, b)
        assert isinstance(blocks, tuple)
        matrix = np.block([[blocks[i][j] for j in (0, 1)] for i in (0, 1)])
        close(matrix, matrix.T)
        products = ac.hvp(g, (a, b), (u, v))
        assert isinstance(products, tuple)
        close(np.concatenate(products), matrix @ np.concatenate([u, v]))
        close(ac.hessian(g)(a, b), blocks[0][0])

    def test_hvp_of_dicts_and_of_what_does_not_matter(self):
        point = {"w": Y, "unused": X}
        product = ac.hvp(lambda p: (p["w"] ** 3).sum(), (point,), ({"w": np.ones(3), "unused": np.ones((2, 3))},))
        close(product["w"], 6 * Y)
        close(product["unused"], np.zeros_like(X))

    def test_products_with_what_is_constant_are_zeros(self):
        close(ac.hvp(lambda x: (x * 2).sum(), Y, Y), np.zeros(3))
        for product in ac.hvp(lambda x, y: x.sum() + y.sum(), (X, Y), (X, Y)):
            close(product, np.zeros_like(product))
        value, tangent = ac.jvp(lambda _x, _y: np.full(2, 5.0), (X, Y), (X, Y))
        close(value, [5, 5])
        close(tangent, [0, 0])

    def test_a_function_of_nothing_or_that_gives_nothing(self):
        value, pullback = ac.vjp(lambda _x, _y: {}, X, Y)
        assert value == {}
        for gradient, x in zip(pullback({}), (X, Y), strict=True):
            np.testing.assert_array_equal(gradient, np.zeros_like(x), strict=True)
        assert ac.jvp(lambda _: (), Y, Y) == ((), ())
        assert ac.hvp(lambda: ac.Tensor(2.0), (), ()) == ()

    @pytest.mark.parametrize(("dtype", "other"), [(np.float32, np.float64), (np.float64, np.float32)])
    @pytest.mark.parametrize("g", [lambda x: x + 0.0, lambda x: x * x, ac.exp])
    def test_the_vectors_take_the_dtype_of_the_arguments(self, g, dtype, other):
        x, v = Y.astype(dtype), Y.astype(other)
        assert [a.dtype for a in ac.jvp(g, (x,), (v,))] == [dtype, dtype]
        assert ac.vjp(g, x)[1](v)[0].dtype == dtype
        assert ac.hvp(lambda x: g(x).sum(), x, v).dtype == dtype

    def test_tangents_are_rounded_as_the_arguments_are(self):
        """1 + 1e-9 is 1 in float32, and so is its difference to 1 nothing."""
        x, one = np.ones(1, np.float32), np.ones(1)
        assert ac.jvp(lambda x, y: x - y, (x, x), (one + 1e-9, one))[1] == 0

    def test_a_tangent_is_differentiated_by_too(self):
        close(ac.grad(lambda v: (ac.jvp(ac.tanh, (Y,), (v,))[1] * X[0]).sum())(Y), X[0] * (1 - np.tanh(Y) ** 2))
        close(ac.grad(lambda v: (ac.hvp(lambda x: (x**3).sum(), (Y,), (v,)) * X[0]).sum())(Y), 6 * Y * X[0])


class TestMemory:
    def test_a_gradient_frees_its_graph(self):
        kept = []

        def g(x):
            hidden = ac.exp(x)
            kept.append(weakref.ref(hidden._data))
            return (hidden * hidden).sum()

        ac.grad(g)(Y)
        ac.hvp(g, Y, Y)
        ac.grad(ac.grad(g))(np.array(1.0))
        assert [ref() for ref in kept] == [None] * 3

    def test_a_gradient_frees_its_graph_as_it_goes(self):
        """Once the later of two ops has been passed, what it kept is gone."""
        kept, alive = [], []
        watched = ac.primitive(lambda x: x + 0.0)
        try:
            watched.backward("x")(lambda grad: (alive.extend(ref() is not None for ref in kept), grad)[1])

            def g(x):
                hidden = ac.exp(watched(x))
                kept.append(weakref.ref(hidden._data))
                return (hidden * hidden).sum()

            ac.grad(g)(Y)
            assert alive == [False]
            _, pullback = ac.vjp(g, Y)  # which may be called again, and so keeps
            pullback(np.array(1.0))
            assert alive[1:] == [False, True]
        finally:
            from autograd_cnn.primitive import registry

            del registry[watched.name]

    def test_rules_that_lead_nowhere_are_not_called(self):
        calls = []
        watched = ac.primitive(lambda x, y: x * y)
        try:
            watched.backward("x")(lambda grad, y: (calls.append("x"), grad * y)[1])
            watched.backward("y")(lambda grad, x: (calls.append("y"), grad * x)[1])
            w = ac.Tensor(Y, requires_grad=True)
            with ac.no_grad():
                ac.grad(lambda x: watched(x, w).sum())(Y)
            assert calls == ["x"]
        finally:
            from autograd_cnn.primitive import registry

            del registry[watched.name]


class TestRefusals:
    @pytest.mark.parametrize(
        ("call", "error", "message"),
        [
            (lambda: ac.grad(lambda x: x * 2)(Y), ValueError, "grad: f should give one number.*it gave (3,)"),
            (lambda: ac.hessian(lambda x: x * 2)(Y), ValueError, "hessian: f should give one number.*it gave (3,)"),
            (lambda: ac.hvp(lambda x: x * 2, Y, Y), ValueError, "hvp: f should give one number"),
            (lambda: ac.grad(lambda x: (x.sum(), x))(Y), ValueError, "it gave (), (3,)"),
            (lambda: ac.grad(lambda _: {})(Y), ValueError, "it gave nothing; reduce it"),
            (lambda: ac.grad(lambda x: x[:0])(Y), ValueError, "it gave (0,); reduce it"),
            (lambda: ac.grad(f, 2)(X, Y), ValueError, "no argument 2.*called with 2 positional argument(s)"),
            (lambda: ac.grad(f, 3)(X, Y), ValueError, "no argument 3"),
            (lambda: ac.grad(f, -3)(X, Y), ValueError, "no argument -3"),
            (lambda: ac.grad(f, (0, -2))(X, Y), ValueError, "names an argument twice"),
            (lambda: ac.grad(f, "x"), TypeError, "argnums is an int or a tuple of ints; got 'x'"),
            (lambda: ac.grad(f)(np.arange(3), Y), TypeError, "grad: argument 0 has dtype int64.*no derivative"),
            (
                lambda: ac.grad(lambda p: p["w"].sum())({"w": np.array([True])}),
                TypeError,
                "argument 0['w'] has dtype bool",
            ),
            (lambda: ac.grad(f)(None, Y), TypeError, "argument 0 is None; expected a Tensor, an array"),
            (lambda: ac.grad(f)("x", Y), TypeError, "argument 0 is 'x'; expected a Tensor"),
            (lambda: ac.grad(lambda _: None)(Y), TypeError, "grad: f should give a Tensor; it gave None"),
            (lambda: ac.vjp(lambda _: {"y": "z"}, Y), TypeError, "f should give a Tensor; it gave 'z' at ['y']"),
            (lambda: ac.vjp(lambda x: x, Y)[1](X), ValueError, "vjp: the cotangent has shape (2, 3); expected (3,)"),
            (lambda: ac.jvp(ac.exp, (Y,), (X,)), ValueError, "jvp: tangents[0] has shape (2, 3); expected (3,)"),
            (lambda: ac.jvp(ac.exp, (X,), (Y,)), ValueError, "jvp: tangents[0] has shape (3,); expected (2, 3)"),
            (lambda: ac.jvp(ac.exp, (Y,), (Y, Y)), ValueError, "jvp: tangents is a tuple of 2; expected a tuple of 1"),
            (lambda: ac.jvp(ac.exp, (Y,), Y), ValueError, "jvp: tangents is of type ndarray; expected a tuple of 1"),
            (
                lambda: ac.hvp(lambda p: p["w"].sum(), {"w": Y}, {"v": Y}),
                ValueError,
                "hvp: vectors has other keys than expected: it lacks 'w'; there should be no 'v'",
            ),
            (
                lambda: ac.hvp(lambda p: p["w"].sum(), {"w": Y}, Y),
                ValueError,
                "hvp: vectors is of type ndarray; expected a dict with the keys ['w']",
            ),
            (
                lambda: ac.jvp(ac.exp, (Y,), ({"a": Y},)),
                ValueError,
                "tangents[0] is a dict with the keys ['a']; expected an array",
            ),
        ],
    )
    def test_one_sentence_says_what_is_wrong(self, call, error, message):
        with pytest.raises(error, match=re.escape(message).replace(r"\.\*", ".*")) as raised:
            call()
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize("f", [lambda x: x > 1, lambda x: x.astype(int)])
def test_what_is_piecewise_constant_has_a_tangent_of_zeros(f):
    x = np.array([0.5, 1.5])
    value, tangent = ac.jvp(lambda x: {"constant": f(x), "square": x * x}, (x,), (np.ones(2),))
    np.testing.assert_array_equal(value["constant"], f(ac.Tensor(x)).data)
    assert tangent["constant"].shape == (2,)
    assert not tangent["constant"].any()
    np.testing.assert_array_equal(tangent["square"], [1, 3])
