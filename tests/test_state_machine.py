"""Random programs, run on the package and on a naive tape side by side."""

from __future__ import annotations

import contextlib
import gc
import weakref
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import autograd_cnn as ac
from autograd_cnn import backpropagation, graph, rules
from autograd_cnn.primitive import Primitive
from autograd_cnn.reference import tape as naive_tape
from autograd_cnn.reference.tape import Value

SHAPES = [(), (1,), (3,), (1, 3), (3, 1), (3, 3), (2, 3, 3)]  # any two of them broadcast
LARGEST = 20.0  # of the elements: what goes beyond is thrown away
MOST_PATHS = 300  # the naive tape walks each one

arithmetic = st.sampled_from(["add", "subtract", "multiply", "multiply", "divide"])
choices = st.integers(0, 40)  # one of the values there are, counted round from the newest
mostly = st.sampled_from([True, True, True, False])
seeds = st.integers(0, 2**32 - 1)


class Pair(NamedTuple):
    """The same value in the package and on the naive tape."""

    ours: ac.Tensor
    naive: Value


class Programs(RuleBasedStateMachine):
    """Build graphs, drop parts of them, go backward from anywhere, and expect the naive tape's gradients."""

    def __init__(self) -> None:
        super().__init__()
        gc.disable()  # what is dropped must go by reference counting alone
        self.pairs: list[Pair] = []
        self.history: dict[Value, weakref.ref[Any]] = {}  # of every wanted value its node or leaf, oldest first
        self.used: set[Value] = set()  # a backward() has freed what their nodes kept
        self.cotangents: list[np.ndarray] = []

    def teardown(self) -> None:
        gc.enable()

    def place(self, choice: int) -> int:
        return len(self.pairs) - 1 - choice % len(self.pairs)

    def pick(self, choice: int) -> Pair:
        return self.pairs[self.place(choice)]

    def remember(self, ours: ac.Tensor, naive: Value) -> Pair:
        assert ours.requires_grad == naive.wanted
        np.testing.assert_allclose(ours.data, naive.data, rtol=1e-12, atol=1e-12)
        naive.data = np.array(ours.data)  # the same bits, so that ties fall alike ever after
        if naive.wanted:
            self.history[naive] = weakref.ref(ours if ours.node is None else ours.node)
        return Pair(ours, naive)

    def apply(self, name: str, *inputs: Pair, recorded: bool = True, squash: bool = False, **options: Any) -> None:
        """Apply an op to both, unless its result would be too large or too deep; `squash` takes the tanh of it."""
        op = naive_tape.OPS[name]
        naive = op(*[pair.naive for pair in inputs], **options)
        if np.abs(naive.data).max(initial=0) > LARGEST or naive.paths > MOST_PATHS:
            return
        with contextlib.nullcontext() if recorded else ac.no_grad():
            ours = getattr(ac, name)(*[pair.ours for pair in inputs], **options)
        pair = self.remember(ours, naive if recorded else Value(naive.data))
        if squash:
            pair = self.remember(ac.tanh(pair.ours), naive_tape.OPS["tanh"](pair.naive))
        self.pairs.append(pair)

    # --- making values ----------------------------------------------------------------------------------

    @initialize(seed=seeds)
    def start(self, seed: int) -> None:
        self.make_leaf((3, 3), True, seed)
        self.make_leaf((3,), True, seed + 1)

    @rule(shape=st.sampled_from(SHAPES), requires_grad=mostly, seed=seeds)
    def make_leaf(self, shape: tuple[int, ...], requires_grad: bool, seed: int) -> None:
        data = np.random.default_rng(seed).uniform(-2, 2, shape)
        self.pairs.append(self.remember(ac.Tensor(data, requires_grad), Value(data, wanted=requires_grad)))

    @rule(steps=st.lists(st.tuples(arithmetic, choices, choices), min_size=3, max_size=10), recorded=mostly)
    def combine(self, steps: list[tuple[str, int, int]], recorded: bool) -> None:
        for name, i, j in steps:
            x, y = self.pick(i), self.pick(j)
            if self.fit(x, y) and (name != "divide" or np.abs(y.ours.data).min() > 0.2):
                self.apply(name, x, y, recorded=recorded, squash=name == "multiply")

    @staticmethod
    def fit(x: Pair, y: Pair) -> bool:
        ends = zip(x.ours.shape[::-1], y.ours.shape[::-1], strict=False)
        return all(n == m or 1 in (n, m) for n, m in ends)

    @rule(i=choices, j=choices)
    def multiply_matrices(self, i: int, j: int) -> None:
        x, y = self.pick(i), self.pick(j)
        if x.ours.ndim == y.ours.ndim == 2 and x.ours.shape[1] == y.ours.shape[0]:
            self.apply("matmul", x, y, squash=True)

    @rule(name=st.sampled_from(["negative", "exp", "tanh", "max", "transpose"]), i=choices, recorded=mostly)
    def transform(self, name: str, i: int, recorded: bool) -> None:
        self.apply(name, self.pick(i), recorded=recorded)

    @rule(i=choices, data=st.data())
    def add_up(self, i: int, data: st.DataObject) -> None:
        x = self.pick(i)
        axes = tuple(range(x.ours.ndim))
        self.apply("sum", x, axis=data.draw(st.sampled_from([axes, *axes]), "axis"))

    @rule(i=choices, front=st.integers(1, 2))
    def broadcast(self, i: int, front: int) -> None:
        x = self.pick(i)
        if x.ours.size <= 6:
            self.apply("broadcast_to", x, shape=(front, *(3 if n == 1 else n for n in x.ours.shape)))

    @rule(i=choices, data=st.data())
    def reshape(self, i: int, data: st.DataObject) -> None:
        x = self.pick(i)
        shapes = [shape for shape in [*SHAPES, (9,), (6, 3)] if np.prod(shape) == x.ours.size]
        if shapes:
            self.apply("reshape", x, shape=data.draw(st.sampled_from(shapes), "shape"))

    @rule(i=choices, index=st.sampled_from([0, -1, slice(None, None, -1), slice(1, None), (..., 0), (..., None)]))
    def select(self, i: int, index: Any) -> None:
        x = self.pick(i)
        if x.ours.ndim and len(x.ours) > 1:
            self.apply("getitem", x, index=index)

    @rule(i=choices, j=choices)
    def add_in_place(self, i: int, j: int) -> None:
        x, y = self.pick(i), self.pick(j)
        if not self.fit(x, y) or np.broadcast_shapes(x.ours.shape, y.ours.shape) != x.ours.shape:
            return
        if x.ours.requires_grad and x.ours.node is None:
            with pytest.raises(RuntimeError, match="in place"):
                x.ours.__iadd__(y.ours)
            return
        naive = naive_tape.OPS["add"](x.naive, y.naive)
        if np.abs(naive.data).max() < LARGEST and naive.paths < MOST_PATHS:
            place = self.place(i)
            self.pairs[place] = self.remember(x.ours.__iadd__(y.ours), naive)
            assert self.pairs[place].ours is x.ours

    @rule(i=choices)
    def detach(self, i: int) -> None:
        x = self.pick(i)
        self.pairs.append(self.remember(x.ours.detach(), Value(x.naive.data)))

    @rule(i=choices)
    @precondition(lambda self: len(self.pairs) > 2)
    def drop(self, i: int) -> None:
        del self.pairs[self.place(i)]

    # --- differentiation --------------------------------------------------------------------------------

    def ancestors(self, *values: Value) -> set[Value]:
        found: set[Value] = set()
        waiting = [value for value in values if value.wanted]
        while waiting:
            value = waiting.pop()
            if value not in found:
                found.add(value)
                waiting.extend(parent for parent, _ in value.parents)
        return found

    def goes_through(self, output: Value, retain_graph: bool) -> bool:
        """Whether a backward pass finds all that it needs; what it passes before it stops is used up."""
        passed = self.ancestors(output)
        for value in reversed(self.history):
            if value in passed and value.parents:
                if value in self.used:
                    return False
                if not retain_graph:
                    self.used.add(value)
        return True

    @rule(i=choices, seed=seeds, retain_graph=st.booleans(), as_tensor=st.booleans())
    def backward(self, i: int, seed: int, retain_graph: bool, as_tensor: bool) -> None:
        x = self.pick(i)
        cotangent = np.random.default_rng(seed).standard_normal(x.ours.shape)
        gradient = ac.Tensor(cotangent) if as_tensor else cotangent
        if not x.naive.wanted:
            with pytest.raises(RuntimeError, match="nothing that requires a gradient"):
                x.ours.backward(gradient)
        elif self.goes_through(x.naive, retain_graph):
            x.ours.backward(gradient, retain_graph=retain_graph)
            naive_tape.backward(x.naive, cotangent.copy())
            self.cotangents = [cotangent]
        else:
            with pytest.raises(RuntimeError, match="retain_graph=True"):
                x.ours.backward(gradient, retain_graph=retain_graph)

    @rule(i=choices)
    def clear(self, i: int) -> None:
        x = self.pick(i)
        x.ours.grad = x.naive.grad = None

    @rule(i=choices)
    def halve_a_gradient_in_place(self, i: int) -> None:
        x = self.pick(i)
        if x.ours.grad is not None:
            x.ours.grad *= 0.5
            x.naive.grad = x.naive.grad * 0.5

    # --- what always holds ------------------------------------------------------------------------------

    @invariant()
    def values_are_as_they_were(self) -> None:
        for ours, naive in self.pairs:
            np.testing.assert_array_equal(ours.data, naive.data)

    @invariant()
    def gradients_are_equal(self) -> None:
        for ours, naive in self.pairs:
            if naive.grad is None:
                assert ours.grad is None
            else:
                assert (ours.grad.shape, ours.grad.dtype) == (ours.shape, ours.dtype)
                scale = max(1.0, np.abs(naive.grad).max())
                np.testing.assert_allclose(ours.grad, naive.grad, rtol=0, atol=1e-9 * scale)

    @invariant()
    def gradients_are_arrays_of_their_own(self) -> None:
        gradients = [ours.grad for ours, _ in self.pairs if ours.grad is not None]
        others = [ours.data for ours, _ in self.pairs] + self.cotangents
        for i, gradient in enumerate(gradients):
            assert isinstance(gradient, np.ndarray)
            assert gradient.flags.writeable
            assert not any(np.shares_memory(gradient, other) for other in gradients[:i] + others)

    @invariant()
    def what_is_dropped_is_freed(self) -> None:
        needed = self.ancestors(*[naive for _, naive in self.pairs])
        for value, reference in list(self.history.items()):
            assert (reference() is not None) == (value in needed)
            if reference() is None:
                del self.history[value]


TestPrograms = Programs.TestCase
TestPrograms.settings = settings(max_examples=8 * settings().max_examples, stateful_step_count=50)


def test_the_gradient_of_a_number_stays_an_array() -> None:
    x = ac.Tensor(np.array(2.0), requires_grad=True)
    for _ in range(3):
        (x * x).backward()
        assert isinstance(x.grad, np.ndarray)
    assert x.grad == 12


# --- the machine can fail -------------------------------------------------------------------------------------


def _forget_the_second_contribution(monkeypatch: pytest.MonkeyPatch) -> None:
    right = graph.gradient_of

    def faulty(edge: rules.Edge, source: graph.Place, node: graph.Node, *others: Any) -> Any:
        first = next(e for e, s in zip(node.edges, node.sources, strict=True) if s is source)
        return rules.dense(right(edge, source, node, *others)) * (first is edge)

    monkeypatch.setattr(graph, "gradient_of", faulty)


def _overwrite_instead_of_accumulating(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backpropagation, "_total", lambda _, grad, __: np.array(grad))


def _hand_out_a_shared_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        backpropagation, "_total", lambda leaf, grad, _: grad if leaf.grad is None else leaf.grad + grad
    )


def _take_one_row_for_the_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "unbroadcast", lambda grad, shape: np.resize(grad, shape))


def _keep_every_node(monkeypatch: pytest.MonkeyPatch) -> None:
    right, kept = Primitive._record, []

    def faulty(*args: Any) -> graph.Node:
        kept.append(right(*args))
        return kept[-1]

    monkeypatch.setattr(Primitive, "_record", faulty)


def _free_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    right = ac.Tensor.backward
    monkeypatch.setattr(ac.Tensor, "backward", lambda self, gradient, **_: right(self, gradient, retain_graph=True))


@pytest.mark.parametrize(
    ("plant", "found_by"),
    [
        (_forget_the_second_contribution, "gradients_are_equal"),
        (_overwrite_instead_of_accumulating, "gradients_are_equal"),
        (_take_one_row_for_the_sum, "gradients_are_equal"),
        (_hand_out_a_shared_gradient, "gradients_are_arrays_of_their_own"),
        (_keep_every_node, "what_is_dropped_is_freed"),
        (_free_nothing, "backward"),
    ],
)
def test_a_planted_fault_is_found(plant: Any, found_by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    search = settings(
        max_examples=300,
        stateful_step_count=40,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        deadline=None,
    )
    with pytest.raises((AssertionError, pytest.fail.Exception)) as failure:
        run_state_machine_as_test(Programs, settings=search)
    assert found_by in [entry.name for entry in failure.traceback]
