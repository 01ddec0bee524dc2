"""The Tensor: dtypes, operators, indexing, changing in place, and what it says of itself."""

import operator
import weakref

import numpy as np
import pytest
from hypothesis import given

import autograd_cnn as ac
from autograd_cnn.testing import broadcastable_arrays

F32 = np.array([1.0, 2.0], np.float32)
ARITHMETIC = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
COMPARISONS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]


class TestDtypes:
    @pytest.mark.parametrize("data", [1, 2.5, [1, 2], [[1.0]], True])
    def test_python_numbers_and_lists_become_float32(self, data):
        assert ac.Tensor(data).dtype == np.float32

    @pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint8, bool])
    def test_arrays_keep_theirs_and_are_copied(self, dtype):
        array = np.ones((2, 3), dtype).T
        t = ac.Tensor(array)
        assert (t.dtype, t.data.strides) == (array.dtype, array.strides)
        assert not np.shares_memory(t.data, array)
        assert ac.Tensor(array, dtype=np.float32).dtype == np.float32

    def test_one_float64_value_keeps_float64(self):
        for one in (np.float64(2), np.array(2.0)):
            t = ac.Tensor(one)
            assert t.dtype == (t * 3).dtype == (1 - t).dtype == t.exp().dtype == t.sum().dtype == np.float64

    @pytest.mark.parametrize("op", ARITHMETIC)
    @pytest.mark.parametrize(
        "other",
        [
            2,
            2.0,
            np.float64(2),
            np.int64(2),
            np.array(2.0),
            np.array([2, 2]),
            [2, 2],
            [2.0, 3.0],
            np.array([True, True]),
        ],
        ids=repr,
    )
    def test_nothing_widens_float32(self, op, other):
        t = ac.Tensor(F32, requires_grad=True)
        for out in (op(t, other), op(other, t)):
            assert isinstance(out, ac.Tensor)
            assert out.dtype == np.float32
            out.backward(np.ones(2))
        assert t.grad.dtype == np.float32

    def test_arrays_of_float64_widen(self):
        assert (ac.Tensor(F32) + np.ones(2)).dtype == np.float64

    @pytest.mark.parametrize("data", [np.array([1, 2]), np.array([True])])
    def test_integers_have_no_gradient(self, data):
        with pytest.raises(TypeError, match=rf"only floating point .* got dtype {data.dtype}: convert it first"):
            ac.Tensor(data, requires_grad=True)

    @pytest.mark.parametrize("data", [np.array(["a"]), np.array([1j]), np.array([None])])
    def test_other_things_are_refused(self, data):
        with pytest.raises(TypeError, match=f"a Tensor's data has dtype {data.dtype}"):
            ac.Tensor(data)

    def test_a_tensor_of_a_tensor_is_a_copy_or_stays_in_its_graph(self):
        t = ac.Tensor([1.0])
        assert not np.shares_memory(ac.Tensor(t).data, t.data)
        x = ac.Tensor([2.0, 3.0], requires_grad=True)
        for again in (ac.Tensor(x), ac.Tensor(x * 1), ac.Tensor([x[0], x[1]])):
            x.grad = None
            (again * again).backward([1.0, 10.0])
            assert x.grad.tolist() == [4, 60]
        assert ac.Tensor(x, dtype=np.float64).dtype == np.float64
        with pytest.raises(ValueError, match="would lose one of the two gradients"):
            ac.Tensor(x, requires_grad=True)
        with ac.no_grad():
            assert ac.Tensor(x, requires_grad=True).node is None

    def test_astype_converts_the_gradient_back(self):
        t = ac.Tensor(F32, requires_grad=True)
        t.astype(np.float64).backward(np.array([1.0, 2.0]))
        assert t.grad.dtype == np.float32
        assert t.grad.tolist() == [1, 2]


class TestOperators:
    @pytest.mark.parametrize("op", ARITHMETIC + COMPARISONS)
    @given(pair=broadcastable_arrays(2, low=0.5, high=2))
    def test_they_are_numpy_s_on_either_side(self, op, pair):
        x, y = pair
        expected = op(x, y)
        for out in (op(ac.Tensor(x), ac.Tensor(y)), op(ac.Tensor(x), y), op(x, ac.Tensor(y))):
            assert isinstance(out, ac.Tensor)
            assert out.dtype == expected.dtype
            np.testing.assert_allclose(out.data, expected, rtol=1e-12)

    def test_matmul_negative_and_abs(self):
        x, y = np.arange(6.0).reshape(2, 3) - 2, np.arange(3.0)
        for out in (ac.Tensor(x) @ y, x @ ac.Tensor(y)):
            assert isinstance(out, ac.Tensor)
            np.testing.assert_array_equal(out.data, x @ y)
        np.testing.assert_array_equal((-ac.Tensor(x)).data, -x)
        np.testing.assert_array_equal(abs(ac.Tensor(x)).data, abs(x))

    def test_equality_is_by_element_and_hashing_by_identity(self):
        a, b = ac.Tensor([1.0, 2.0]), ac.Tensor([1.0, 3.0])
        assert (a == b).data.tolist() == [True, False]
        assert len({a, b, a}) == 2


class TestIndexing:
    X = np.arange(24.0).reshape(2, 3, 4)

    @pytest.mark.parametrize(
        "index",
        [1, -1, (0, 1), (0, 1, 2), slice(1, None), (..., 0), (slice(None), None, 1), ([0, 0, 1], slice(None), 2),
         np.array([1, 1]), X > 5, (np.array([[0], [1]]), [2, 0]), slice(0, 0)],
        ids=str,
    )  # fmt: skip
    def test_values_and_gradients(self, index):
        t = ac.Tensor(self.X, requires_grad=True)
        out = t[index]
        np.testing.assert_array_equal(out.data, self.X[index])
        cotangent = np.random.default_rng(0).standard_normal(out.shape)
        out.backward(cotangent)
        expected = np.zeros(self.X.shape)
        np.add.at(expected, index, cotangent)
        np.testing.assert_allclose(t.grad, expected)

    def test_the_index_may_be_a_tensor(self):
        t = ac.Tensor(self.X)
        np.testing.assert_array_equal(t[ac.Tensor(np.array([1, 0]))].data, self.X[[1, 0]])
        np.testing.assert_array_equal(t[0, ac.Tensor(np.array([1, 0]))].data, self.X[0, [1, 0]])

    def test_iteration_and_length(self):
        t = ac.Tensor(self.X)
        assert len(t) == 2
        assert [row.shape for row in t] == [(3, 4), (3, 4)]


class TestChangingInPlace:
    @pytest.mark.parametrize("change", [operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ipow])
    def test_it_is_differentiated_as_out_of_place(self, change):
        plain = {"iadd": operator.add, "isub": operator.sub, "imul": operator.mul, "itruediv": operator.truediv,
                 "ipow": operator.pow}[change.__name__]  # fmt: skip
        grads = []
        for op in (change, plain):
            x, y = ac.Tensor([1.5, 2.0], requires_grad=True), ac.Tensor([3.0, 2.0], requires_grad=True)
            h = x * 2
            (op(h, y) * y).backward(np.array([1.0, -1.0]))
            grads.append((x.grad.tolist(), y.grad.tolist()))
        assert grads[0] == grads[1]

    def test_the_object_stays_the_same_and_the_earlier_graph_right(self):
        x = ac.Tensor([3.0], requires_grad=True)
        h = x * 1
        same, square = h, h * h
        h += 10
        h[0] = 7.0
        assert h is same
        assert h.item() == 7
        square.backward()
        assert x.grad.tolist() == [6], "the square was taken of 3, not of 7"

    def test_an_assignment_sends_the_gradient_where_the_values_came_from(self):
        x, v = ac.Tensor(np.arange(4.0), requires_grad=True), ac.Tensor(np.ones(2), requires_grad=True)
        h = x * 2
        h[1:3] = v * 3
        h.backward(np.array([1.0, 10.0, 100.0, 1000.0]))
        assert x.grad.tolist() == [2, 0, 0, 2000]
        assert v.grad.tolist() == [30, 300]

    def test_a_constant_changed_by_a_recorded_value_becomes_recorded(self):
        buffer, v = ac.Tensor(np.zeros(3)), ac.Tensor(1.0, requires_grad=True)
        buffer[1] = v
        buffer.backward(np.array([1.0, 2.0, 4.0]))
        assert v.grad == 2

    def test_a_leaf_that_wants_a_gradient_is_refused_while_recording(self):
        x = ac.Tensor([1.0], requires_grad=True)
        with pytest.raises(RuntimeError, match=r"a leaf that requires a gradient was changed in place.*no_grad\(\)"):
            x += 1
        with pytest.raises(RuntimeError, match="a leaf that requires a gradient"):
            x[0] = 2
        assert x.item() == 1

    def test_under_no_grad_a_leaf_stays_a_leaf(self):
        x = ac.Tensor([1.0], requires_grad=True)
        y = x * x
        with ac.no_grad():
            x -= 0.5
        assert (x.item(), x.requires_grad, x.node) == (0.5, True, None)
        y.backward()
        assert x.grad.tolist() == [2], "y was computed from 1"

    def test_shape_and_dtype_stay(self):
        t = ac.Tensor(F32.copy())
        t += np.ones(2)
        assert t.dtype == np.float32
        with pytest.raises(ValueError, match=r"of shape \(2,\) cannot become one of shape \(3, 2\) in place"):
            t += np.ones((3, 2))

    def test_the_array_it_was_made_of_is_not_touched(self):
        array = F32.copy()
        t = ac.Tensor(array)
        t += 1
        t[0] = 9
        assert array.tolist() == [1, 2]


METHODS = {
    "sum": [(), (0,), (1, True)],
    "mean": [(), ((0, 1),)],
    "var": [(), (0, 1)],
    "max": [(), (1,)],
    "min": [(), (0,)],
    "exp": [()],
    "log": [()],
    "sqrt": [()],
    "abs": [()],
    "tanh": [()],
    "sigmoid": [()],
    "relu": [()],
    "softmax": [(), (0,)],
    "log_softmax": [(), (0,)],
    "transpose": [()],
    "squeeze": [()],
    "flatten": [(), (0, 1)],
    "astype": [(np.float32,)],
}


@pytest.mark.parametrize(("name", "arguments"), [(n, a) for n, forms in METHODS.items() for a in forms])
def test_a_method_is_the_function_of_its_name(name, arguments):
    x = np.random.default_rng(0).uniform(0.5, 2, (3, 4))
    out, expected = getattr(ac.Tensor(x), name)(*arguments), getattr(ac, name)(x, *arguments)
    assert out.dtype == expected.dtype
    np.testing.assert_array_equal(out.data, expected)


def test_shapes_may_be_given_apart_or_together():
    t = ac.Tensor(np.arange(6.0))
    assert t.reshape(2, 3).shape == t.reshape((2, 3)).shape == t.reshape(2, -1).shape == (2, 3)
    assert t.reshape(-1).shape == (6,)
    x = ac.Tensor(np.zeros((1, 2, 3)))
    assert x.transpose(2, 0, 1).shape == x.transpose((2, 0, 1)).shape == (3, 1, 2)
    assert x.T.shape == x.transpose().shape == (3, 2, 1)
    assert (x.ndim, x.size, x.shape) == (3, 6, (1, 2, 3))


class TestTalkingOfItself:
    def test_repr(self):
        x = ac.Tensor([1.0, 2.0], requires_grad=True)
        assert repr(x) == "Tensor([1., 2.], requires_grad=True)"
        assert repr(x * 2) == "Tensor([2., 4.], from=multiply)"
        assert repr(ac.Tensor(np.array([1, 2]))) == "Tensor([1, 2], dtype=int64)"
        assert repr(ac.Tensor(np.zeros((2, 1)))) == "Tensor([[0.],\n        [0.]], dtype=float64)"
        long = repr(ac.Tensor(np.zeros(10_000)))
        assert len(long) < 200
        assert long.endswith(", shape=(10000,), dtype=float64)")

    def test_one_element_is_a_number(self):
        one = ac.Tensor([[2.0]])
        assert one.item() == float(one) == int(one) == 2
        assert isinstance(one.item(), float)
        assert bool(one)
        assert not ac.Tensor(0.0)
        assert [10, 20, 30][ac.Tensor(np.array(1))] == 20

    def test_several_are_not(self):
        two = ac.Tensor([1.0, 2.0])
        with pytest.raises(ValueError, match=r"one element; this one has shape \(2,\)"):
            two.item()
        with pytest.raises(ValueError, match=r"truth of a tensor of shape \(2,\) is ambiguous"):
            bool(two)

    def test_arrays_out_of_it(self):
        t = ac.Tensor(F32)
        assert t.numpy() is (held := t.data)
        assert np.shares_memory(np.asarray(t), held)
        assert np.asarray(t, np.float64).dtype == np.float64
        assert t.argmax() == 1

    def test_detaching_shares_the_array_and_cuts_the_history(self):
        x = ac.Tensor([2.0], requires_grad=True)
        y = (x * 3).detach()
        assert not y.requires_grad
        node = weakref.ref((x * 3).node)
        assert node() is None
        (y * x).backward()
        assert x.grad.tolist() == [6]


METHODS = {
    "argmin": (1,),
    "argsort": (0,),
    "ceil": (),
    "clip": (0.8, 1.5),
    "cos": (),
    "cumprod": (1,),
    "cumsum": (0,),
    "dot": (np.ones((3, 2)),),
    "expm1": (),
    "floor": (),
    "log1p": (),
    "prod": (1, True),
    "ravel": (),
    "reciprocal": (),
    "repeat": (2, 1),
    "round": (1,),
    "sin": (),
    "square": (),
    "std": (1, 1, True),
    "swapaxes": (0, 1),
    "take": ([1, 0], 1),
    "tan": (),
    "trace": (1,),
}


@pytest.mark.parametrize("name", METHODS)
def test_an_op_that_arrays_have_as_a_method_is_one_of_tensors(name):
    values = np.random.default_rng(0).uniform(0.5, 2, (2, 3))
    x, y = (ac.Tensor(values, requires_grad=True) for _ in range(2))
    found, expected = getattr(x, name)(*METHODS[name]), getattr(ac, name)(y, *METHODS[name])
    np.testing.assert_array_equal(np.asarray(getattr(found, "_data", found)), getattr(expected, "_data", expected))
    assert type(found) is type(expected)
    if getattr(found, "requires_grad", False):
        cotangent = np.random.default_rng(1).standard_normal(found.shape)
        found.backward(cotangent)
        expected.backward(cotangent)
        np.testing.assert_array_equal(x.grad, y.grad)
