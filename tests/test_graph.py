"""The graph: what is recorded and kept, how gradients travel, and when everything is let go."""

import contextlib
import functools
import gc
import importlib.util
import inspect
import itertools
import os
import threading
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp

import autograd_cnn as ac
from autograd_cnn import backpropagation, modes, rules
from autograd_cnn.kernels import blas, threads
from autograd_cnn.modes import is_grad_enabled
from autograd_cnn.primitive import Primitive
from autograd_cnn.recording import history
from autograd_cnn.rules import unbroadcast


def leaf(values, dtype=np.float64):
    return ac.Tensor(np.array(values, dtype), requires_grad=True)


@pytest.fixture
def counted():
    """An op of two inputs, x + 2y, that counts the calls of its rules; it is not in the registry."""

    def forward(x, y):
        return x + 2 * y

    op, calls = Primitive(forward), []

    @op.backward("x")
    def _(grad):
        calls.append("x")
        return grad

    @op.backward("y")
    def _(grad):
        calls.append("y")
        return 2 * grad

    return op, calls


class TestTraversal:
    def test_a_chain_of_100_000_ops(self):
        x = leaf(1.0)
        y = x
        for _ in range(100_000):
            y = y + 1
        y.backward()
        assert x.grad == 1
        del y  # and letting it go does not recurse either

    @pytest.mark.parametrize("fails", [False, True])
    @pytest.mark.parametrize("recording", [False, True])
    def test_modes_are_afterwards_what_they_were(self, recording, fails):
        op = Primitive(lambda x: x * 1)

        @op.backward("x")
        def _(grad):
            assert modes.current().settled
            if fails:
                raise ZeroDivisionError
            return grad

        y = op(leaf([1.0]))
        with modes.switched(recording=recording):
            before = modes.current()
            with contextlib.suppress(ZeroDivisionError):
                y.backward()
            assert modes.current() == before
            assert not before.settled

    def test_a_value_used_twice_gets_both_contributions(self):
        x = leaf([2.0, 3.0])
        (x * x + x).backward(np.array([1.0, 10.0]))
        assert x.grad.tolist() == [5, 70]

    def test_diamonds_visit_every_node_once(self, counted):
        op, calls = counted
        x = leaf(1.0)
        y = op(x, 1.0)
        for _ in range(40):
            y = y + y  # 2⁴⁰ paths
        y.backward()
        assert x.grad == 2.0**40
        assert calls == ["x"]

    def test_branches_nobody_asked_for_are_not_touched(self, counted):
        op, calls = counted
        x, constant = leaf([1.0]), ac.Tensor(np.ones(1))
        op(x, op(constant, constant)).backward(np.ones(1))
        assert calls == ["x"]

    def test_gradients_accumulate_over_graphs_until_they_are_cleared(self):
        x = leaf([1.0])
        for total in (3, 6):
            (3 * x).backward()
            assert x.grad.tolist() == [total]
        x.grad = None
        (5 * x).backward()
        assert x.grad.tolist() == [5]

    def test_intermediates_hold_no_gradient(self):
        x = leaf([1.0])
        y = x * 2
        (y * 3).backward()
        assert y.grad is None

    def test_a_leaf_is_its_own_gradient(self):
        x = leaf([1.0, 2.0])
        x.backward([3.0, 4.0])
        assert x.grad.tolist() == [3, 4]

    def test_the_seed_may_be_an_array_a_list_or_a_tensor(self):
        for seed in (np.array([1.0, 2.0], np.float32), [1.0, 2.0], ac.Tensor([1.0, 2.0])):
            x = leaf([1.0, 1.0])
            (x * 3).backward(seed)
            assert x.grad.tolist() == [3, 6]


class TestOwnership:
    def test_no_gradient_shares_memory_with_anything(self):
        a, b, seed = leaf([1.0, 2.0]), leaf([3.0, 4.0]), np.array([1.0, 1.0])
        out = ac.reshape(a + b, (2, 1)).reshape(2)
        out.backward(seed)
        everything = [a.grad, b.grad, a.data, b.data, out.data, seed]
        for i, x in enumerate(everything[:2]):
            assert not any(np.shares_memory(x, y) for y in everything[i + 1 :])

    def test_adding_to_a_gradient_leaves_the_array_given_out_before(self):
        x = leaf([1.0])
        (2 * x).backward()
        first = x.grad
        (2 * x).backward()
        assert (first.tolist(), x.grad.tolist()) == ([2], [4])

    def test_a_gradient_has_the_dtype_and_the_memory_order_of_its_leaf(self):
        x = ac.Tensor(np.ones((3, 4), np.float32).T, requires_grad=True)
        (x * np.ones((4, 3))).backward(np.ones((4, 3)))
        assert x.grad.dtype == np.float32
        assert x.grad.strides == x.data.strides

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("answer", [np.float16, np.float32, np.float64, np.int8, bool])
    def test_a_rule_may_answer_in_another_dtype(self, dtype, answer):
        op, seen = Primitive(lambda x: x * 1), Primitive(lambda x: x * 1)
        op.backward("x")(lambda grad: grad.astype(answer))
        dtypes = []
        seen.backward("x")(lambda grad: (dtypes.append(grad.dtype), grad)[1])
        for f in (op, lambda x: op(seen(x))):
            x = leaf([1.0], dtype)
            f(x).backward(np.ones(1))
            assert (x.grad.dtype, x.grad.tolist()) == (dtype, [1])
        assert dtypes == [dtype]

    def test_the_gradient_of_what_was_rounded_to_half_precision_is_computed_in_single(self):
        op, dtypes = Primitive(lambda x: x * 1, domain="real"), []

        @op.backward("x")
        def _(grad):
            dtypes.append(grad.dtype)
            return grad * 70_000 / 70_000  # beyond float16

        x = leaf([1.0], np.float16)
        op(op(x)).backward(np.ones(1, np.float16))
        assert (x.grad.dtype, x.grad.tolist()) == (np.float16, [1])
        assert dtypes == [np.float32] * 2

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    def test_the_gradient_of_a_slice_has_its_dtype(self, dtype):
        x = leaf([1.0, 2.0, 3.0], dtype)
        (x[1:] * 2).backward(np.ones(2, dtype))
        assert (x.grad.dtype, x.grad.tolist()) == (dtype, [0, 2, 2])

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_a_gradient_that_somebody_else_holds_is_copied(self, dtype):
        """The seed, what another leaf has been given, what a rule keeps, and a part of it."""
        held, seed = np.arange(6, dtype=dtype), np.ones(3, dtype)
        op = Primitive(lambda x, y, z: x + y + z)
        op.backward("x")(lambda grad: held[:3])  # noqa: ARG005
        op.backward("y")(lambda grad: np.lib.stride_tricks.as_strided(held, (3,), held.strides))  # noqa: ARG005
        op.backward("z")(lambda grad: grad)
        whole = Primitive(lambda x: x * 1)
        kept = np.arange(3, dtype=dtype)
        whole.backward("x")(lambda grad: kept)  # noqa: ARG005
        leaves = [leaf([1.0, 2.0, 3.0], dtype) for _ in range(6)]
        a, b, c, d, e, f = leaves
        (op(a, b, c) + (d + d) + whole(e) + f).backward(seed)
        arrays = [held, kept, seed, *(x.grad for x in leaves), *(x.data for x in leaves)]
        for i, x in enumerate(arrays):
            assert not any(np.shares_memory(x, y) for y in arrays[:i])
        assert [x.grad.tolist() for x in leaves] == [[0, 1, 2], [0, 1, 2], [1, 1, 1], [2, 2, 2], [0, 1, 2], [1, 1, 1]]

    def test_a_gradient_that_nobody_holds_is_handed_on(self):
        made = []
        op = Primitive(lambda x: x * 1)
        op.backward("x")(lambda grad: (total := grad * 2, made.append(total.ctypes.data))[0])
        x = leaf(np.ones(1000))
        op(x).backward(np.ones(1000))
        assert x.grad.ctypes.data == made[0]


class TestLifetime:
    def test_what_no_rule_names_is_freed_after_the_forward(self):
        x = leaf(np.ones(3))
        hidden = x * 2
        array, out = weakref.ref(hidden._data), ac.relu(hidden)
        del hidden
        assert array() is None, "relu asks for its output, not its input"
        total = out.sum()
        array = weakref.ref(out._data)
        del out
        assert array() is not None, "relu's rule still needs it"
        del total
        assert array() is None

    def test_backward_frees_what_was_kept_unless_told_to_retain_it(self):
        x = leaf(np.ones(3))
        out = ac.exp(x)
        total = out.sum()
        array = weakref.ref(out._data)
        del out
        total.backward(retain_graph=True)
        assert array() is not None
        total.backward()
        assert array() is None
        assert np.allclose(x.grad, 2 * np.e)

    def test_a_dropped_graph_is_freed_by_reference_counts_alone(self):
        gc.disable()
        try:
            x = leaf(np.ones((2, 1, 8, 8)))
            out = ac.max_pool2d(ac.relu(ac.conv2d(x, leaf(np.ones((3, 1, 3, 3))))), 2)
            loss = ac.softmax_cross_entropy(ac.flatten(out, 1), np.array([0, 1]))
            nodes, stack = [], [loss.node]
            while stack:
                node = stack.pop()
                nodes.append(weakref.ref(node))
                stack += [source for source in node.sources if not isinstance(source, ac.Tensor)]
            del out, loss, node, stack
            assert [n() for n in nodes] == [None] * len(nodes)
            assert len(nodes) == 5
        finally:
            gc.enable()


class TestErrors:
    def test_a_used_graph_says_what_to_do(self):
        x = leaf([1.0])
        y = x * 2
        y.backward()
        with pytest.raises(
            RuntimeError, match=r"freed what 'multiply' kept for it; call the first .*retain_graph=True"
        ):
            y.backward()
        assert x.grad.tolist() == [2]

    def test_several_elements_need_a_gradient_of_their_shape(self):
        x = leaf([1.0, 2.0])
        with pytest.raises(ValueError, match=r"shape \(2,\) needs a gradient of that shape"):
            (x * 2).backward()
        with pytest.raises(ValueError, match=r"gradient has shape \(3,\), but the tensor has shape \(2,\)"):
            (x * 2).backward(np.ones(3))
        assert x.grad is None

    def test_nothing_to_differentiate(self):
        with pytest.raises(RuntimeError, match="computed from nothing that requires a gradient"):
            (ac.Tensor([1.0]) * 2).backward()

    def test_a_rule_that_raises_leaves_every_gradient_as_it_was_and_is_named(self):
        def broken(x, y):
            return x + y

        op = Primitive(broken)
        op.backward("x")(lambda grad: grad)

        @op.backward("y")
        def _(grad):
            raise ZeroDivisionError("no")

        x, y = leaf([1.0]), leaf([1.0])
        with pytest.raises(ZeroDivisionError) as raised:
            op(x, y).backward()
        line = inspect.currentframe().f_lineno - 1
        assert raised.value.__notes__ == [
            f"in the backward of 'broken' for its input 'y' of shape (1,); its output has shape (1,), and it was called at {__file__}:{line}"  # noqa: E501
        ]
        assert x.grad is None

    @pytest.mark.parametrize("wrong", [(3,), (2, 3), ()])
    def test_a_gradient_of_the_wrong_shape_is_refused(self, wrong):
        def misshapen(x):
            return x * 1

        op = Primitive(misshapen)
        op.backward("x")(lambda grad: np.ones(wrong))  # noqa: ARG005
        x = leaf(np.ones(2))
        with pytest.raises(ValueError, match=r"'misshapen' for input 'x' gave a gradient of shape .*has shape \(2,\)"):
            op(x).backward(np.ones(2))


class TestNoGrad:
    def test_it_nests_and_survives_exceptions(self):
        x = leaf([1.0])
        with ac.no_grad():
            with pytest.raises(KeyError), ac.no_grad():
                raise KeyError
            assert not (x * 2).requires_grad
            assert not is_grad_enabled()
        assert (x * 2).requires_grad

    def test_other_threads_go_on_recording(self):
        seen = []
        with ac.no_grad():
            thread = threading.Thread(target=lambda: seen.append((leaf([1.0]) * 2).requires_grad))
            thread.start()
            thread.join()
        assert seen == [True]

    def test_two_threads_that_train_do_not_see_each_other(self):
        def train(seed, results):
            rng = np.random.default_rng(seed)
            params = {"w": leaf(rng.standard_normal((3, 3)))}
            optimizer = ac.optim.Adam(params, lr=0.1)
            for step in range(50):
                x = rng.standard_normal((4, 3))
                if step % 3 == seed % 3:
                    with ac.no_grad():
                        assert not ac.tanh(x @ params["w"]).requires_grad
                optimizer.zero_grad()
                (ac.tanh(x @ params["w"]) ** 2).mean().backward()
                optimizer.step()
            results[seed] = params["w"].data

        alone, together = {}, {}
        for seed in range(4):
            train(seed, alone)
        threads = [threading.Thread(target=train, args=(seed, together)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for seed, weights in alone.items():
            np.testing.assert_array_equal(weights, together[seed])


def test_unbroadcasting_sums_what_was_stretched_in_whatever_place():
    """Every way to stretch up to three axes of length 1, beside others of length 1 and behind up to two more axes."""
    for lead in ((), (1,), (2,), (2, 1), (1, 2), (2, 3)):
        for pairs in itertools.product(((1, 1), (1, 4), (5, 5)), repeat=3):
            for kept in range(4):
                shape, stretched = tuple(n for n, _ in pairs[:kept]), tuple(m for _, m in pairs[:kept])
                grad = np.random.default_rng(0).standard_normal((*lead, *stretched))
                axes = tuple(i for i, (n, m) in enumerate(pairs[:kept]) if n != m)
                expected = grad.sum(tuple(range(len(lead)))).sum(axes, keepdims=True)
                np.testing.assert_allclose(unbroadcast(grad, shape), expected, rtol=1e-12, strict=True)


@given(hnp.mutually_broadcastable_shapes(num_shapes=1, base_shape=(2, 3, 2), min_side=1))
def test_unbroadcasting_is_the_adjoint_of_broadcasting(drawn):
    """⟨g, broadcast(x)⟩ = ⟨unbroadcast(g), x⟩ for every x and g."""
    rng = np.random.default_rng(0)
    x, grad = rng.standard_normal(drawn.input_shapes[0]), rng.standard_normal(drawn.result_shape)
    summed = unbroadcast(grad, x.shape)
    assert summed.shape == x.shape
    assert np.vdot(grad, np.broadcast_to(x, grad.shape)) == pytest.approx(np.vdot(summed, x))


def test_the_first_node_of_all_is_no_exception(monkeypatch):
    monkeypatch.setattr(history, "now", functools.partial(next, itertools.count()))
    x = leaf([1.0])
    y = x * 2
    assert y.node.order == 0
    assert backpropagation.survey([y.node]) == ([y.node], [x])
    assert backpropagation.survey([y.node], since=0) == ([], [y.node])
    (grad,) = backpropagation.differentiate([y], [np.ones(1)], [x], create_graph=False, retain_graph=True)
    assert grad.tolist() == [2]


@pytest.mark.parametrize("module", [backpropagation, threads, blas], ids=lambda module: module.__name__)
def test_a_child_starts_afresh(module, monkeypatch):
    """In processes of their own that is tried in test_processes.py."""
    registered = []
    monkeypatch.setattr(os, "register_at_fork", lambda **when: registered.append(when))
    spec = module.__spec__
    fresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fresh)
    assert registered == [{"after_in_child": fresh._after_fork}]
    if module is backpropagation:
        lock = fresh._accumulating
        fresh._after_fork()
        assert fresh._accumulating is not lock
        with fresh._accumulating, fresh._accumulating:  # a signal's handler may come in
            pass
    monkeypatch.delattr(os, "register_at_fork")  # as on Windows
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


def test_a_node_says_what_it_is():
    x = leaf([1.0])
    y = ac.concatenate([x, x]) * np.ones(2) + 1
    line = f"{__file__}:{inspect.currentframe().f_lineno - 1}"
    assert repr(y.node) == f"<Node add -> (2,) float64, keeps nothing, called at {line}>"
    (product,) = y.node.sources
    assert repr(product) == f"<Node multiply -> (2,) float64, keeps y, called at {line}>"
    y.backward(np.ones(2))
    assert repr(y.node) == f"<Node add -> (2,) float64, freed, called at {line}>"


class TestChangesInPlace:
    def test_a_step_between_forward_and_backward_is_refused(self):
        w = leaf([[1.0, 2.0]])
        optimizer = ac.optim.SGD([w], lr=0.1)
        loss = ac.linear(np.ones((1, 2)), w) ** 2
        again = ac.linear(w * w, np.ones((1, 2)))
        loss.backward(retain_graph=True)
        optimizer.step()
        w.grad = None
        loss.backward()  # linear needs x alone to give the weight's gradient: still right
        assert w.grad.tolist() == [[6, 6]]
        with pytest.raises(
            RuntimeError, match=r"'multiply', called at .*test_graph.py.*needs its input '[xy]' as it was"
        ):
            again.backward()

    def test_a_leaf_changed_under_no_grad_is_differentiated_as_it_was(self):
        w = leaf([2.0])
        y = w**3
        with ac.no_grad():
            w *= 10
        y.backward()
        assert w.grad.tolist() == [12]

    def test_so_it_is_to_second_order(self):
        w = leaf([2.0])
        y = w**3
        with ac.no_grad():
            w *= 10
        (grad,) = backpropagation.differentiate([y], [ac.Tensor(np.ones(1))], [w], create_graph=True, retain_graph=True)
        assert grad.data.tolist() == [12]
        grad.backward()
        assert w.grad.tolist() == [12]

    def test_so_is_a_buffer_that_wants_no_gradient(self):
        x, buffer = leaf([2.0]), ac.Tensor(np.array([3.0]))
        y = x * buffer
        buffer += 1
        buffer[0] = 100.0
        y.backward()
        assert x.grad.tolist() == [3]


@pytest.mark.parametrize("hold", [lambda a: a, lambda a: a[:1], memoryview], ids=["array", "view", "memory"])
def test_a_gradient_that_a_rule_still_holds_is_copied(hold):
    """What nobody else holds becomes `.grad` itself; what a rule keeps, or a view of it, does not."""
    held = []

    @ac.primitive
    def keeping(x):
        return x * 1

    @keeping.backward("x")
    def _(grad):
        result = grad * 2
        held.append(hold(result))
        return result

    x = ac.Tensor(np.ones(3), requires_grad=True)
    keeping(x).backward(np.array([1.0, 2.0, 3.0], np.float32))
    x.grad[...] = 0
    np.testing.assert_array_equal(np.asarray(held[0])[:1], [2])


def test_dense_gradients_that_meet_a_scattered_one_are_summed_at_once(rng, monkeypatch):
    """No more than one of them is kept, however many there are."""
    kept = []
    dense = rules.Scattered.dense
    monkeypatch.setattr(rules.Scattered, "dense", lambda self: (kept.append(len(self.parts)), dense(self))[1])
    x, factors = ac.Tensor(rng.standard_normal((3, 4)), requires_grad=True), rng.standard_normal((5, 3, 4))
    total = sum(((x * factor).sum() for factor in factors), start=ac.Tensor(0.0))
    (total + (x[1] * 7.0).sum() + (x[1:] * 2.0).sum()).backward()
    expected = factors.sum(0)
    expected[1] += 9
    expected[2] += 2
    np.testing.assert_allclose(x.grad, expected, rtol=1e-12)
    assert kept
    assert max(kept) <= 3
