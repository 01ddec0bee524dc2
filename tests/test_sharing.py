"""Tensors that threads share, that stand under two names, or are copied: each is one, and has its own arrays."""

import copy
import pickle
import sys
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import autograd_cnn as ac


def in_threads(work, count=4):
    """Call `work` in several threads at once, which change places often."""
    start, errors = threading.Barrier(count), []

    def call():
        try:
            start.wait()
            work()
        except BaseException as error:  # noqa: BLE001 -- it is raised again below
            errors.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=call) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    if errors:
        raise errors[0]


def test_no_gradient_of_a_thread_is_lost():
    leaves = [ac.Tensor(np.ones(3), requires_grad=True), ac.Tensor(np.ones((2, 3)).T, requires_grad=True)]

    def work():
        for _ in range(200):
            (leaves[0].sum() + leaves[1].sum()).backward()

    in_threads(work)
    for leaf in leaves:
        np.testing.assert_array_equal(leaf.grad, np.full(leaf.shape, 800.0))


@pytest.mark.parametrize("layout", ["C", "F", "innermost", "strided"])
def test_a_gradient_has_the_leafs_memory_order_however_often_it_is_added_to(layout, rng):
    values = rng.standard_normal((4, 5, 6))
    data = {
        "C": values,
        "F": np.asfortranarray(values),
        "innermost": np.ascontiguousarray(values.transpose(1, 2, 0)).transpose(2, 0, 1),
        "strided": rng.standard_normal((4, 5, 12))[..., ::2],
    }[layout]
    leaf, total = ac.Tensor(data, requires_grad=True), np.zeros_like(values)
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        cotangent = np.ascontiguousarray(rng.standard_normal(values.shape).transpose(order)).transpose(
            np.argsort(order)
        )
        (leaf * 1.0).backward(cotangent)
        total += cotangent
        np.testing.assert_allclose(leaf.grad, total)
        assert leaf.grad.strides == np.empty_like(data).strides
        assert leaf.grad.flags.owndata


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        (np.zeros(2), r"set to an array \(2,\) float64"),
        (np.zeros(2, np.float32), r"set to an array \(2,\) float32"),
        (np.zeros(4, np.float32), r"set to an array \(4,\) float32"),
        (np.zeros(3, np.float16), r"set to an array \(3,\) float16"),
        (np.zeros(3), r"set to an array \(3,\) float64"),
        (np.zeros((1, 3), np.float32), r"set to an array \(1, 3\) float32"),
        (ac.Tensor([0.0, 0.0]), r"set to a Tensor \(2,\) float32"),
        ([0.0, 0.0, 0.0], "list"),
    ],
    ids=["both", "shorter", "longer", "narrower", "wider", "axes", "tensor", "list"],
)
def test_what_was_put_into_grad_by_hand_fits_or_is_refused(odd, words):
    first, leaf = (ac.Tensor(np.ones(3, np.float32), requires_grad=True) for _ in range(2))
    leaf.grad = odd
    with pytest.raises(TypeError, match=words):
        (first * leaf).sum().backward()
    assert first.grad is None
    assert leaf.grad is odd


OPTIMIZERS = {
    "SGD": lambda params: ac.optim.SGD(params, 0.1, momentum=0.9, weight_decay=0.1),
    "AdaGrad": lambda params: ac.optim.AdaGrad(params, 0.1),
    "RMSprop": lambda params: ac.optim.RMSprop(params, 0.1),
    "Adam": lambda params: ac.optim.Adam(params, 0.1),
    "AdamW": lambda params: ac.optim.AdamW(params, 0.1),
}


def leaf(rng, *shape):
    return ac.Tensor(rng.standard_normal(shape), requires_grad=True)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("as_list", [False, True])
def test_tied_weights_take_one_step(name, as_list, rng):
    def train(names):
        """Train by the names of two tensors, and give the values."""
        a, b = leaf(np.random.default_rng(1), 3), leaf(np.random.default_rng(2), 4)
        params = {name: a if name[0] == "a" else b for name in names}
        optimizer = OPTIMIZERS[name](list(params.values()) if as_list else params)
        for i in range(3):
            draws = np.random.default_rng(i)
            ((a * a * draws.standard_normal(3)).sum() + (b * b * draws.standard_normal(4)).sum()).backward()
            optimizer.step()
            optimizer.zero_grad()
            assert a.grad is b.grad is None
        return a.data, b.data

    for once, tied in zip(train(["a", "b"]), train(["a.embedding", "b", "a.head", "b.copy"]), strict=True):
        np.testing.assert_array_equal(tied, once)


def test_the_state_of_tied_weights_stands_under_any_of_their_names(rng):
    a = leaf(rng, 3)
    first = ac.optim.Adam({"embedding": a, "head": a})
    (a * a).sum().backward()
    first.step()
    state = first.state_dict()
    assert list(state["state"]) == ["embedding"]
    other_way_round = ac.optim.Adam({"head": a, "embedding": a})
    for optimizer in (ac.optim.Adam({"embedding": a, "head": a}), other_way_round):
        optimizer.load_state_dict(state)
        (restored,) = optimizer.state.values()
        for slot, value in restored.items():
            np.testing.assert_array_equal(value, state["state"]["embedding"][slot])
        assert list(optimizer.steps.values()) == [1]
    both = {**state, "state": {"embedding": state["state"]["embedding"], "head": state["state"]["embedding"]}}
    both["steps"] = {"embedding": 1, "head": 1}
    other_way_round.load_state_dict(both)
    different = {"embedding": both["state"]["embedding"], "head": {k: v + 1 for k, v in both["state"]["head"].items()}}
    for odd in ({**both, "state": different}, {**both, "steps": {"embedding": 1, "head": 2}}):
        with pytest.raises(ValueError, match="are one parameter, and the state has two different values"):
            other_way_round.load_state_dict(odd)


def test_tied_weights_are_clipped_and_counted_once(rng):
    a, b = leaf(rng, 3), leaf(rng, 4)
    (a * a).sum().backward()
    (b * b).sum().backward()
    before = a.grad.copy(), b.grad.copy()
    expected = np.sqrt(sum(float(g @ g) for g in before))
    assert ac.clip_grad_norm([a, b, a, a], np.inf) == pytest.approx(expected)
    assert ac.clip_grad_norm({"a": a, "b": b, "tied": a}, expected / 2) == pytest.approx(expected)
    for p, g in zip((a, b), before, strict=True):
        np.testing.assert_allclose(p.grad, g / 2, rtol=1e-5)


def test_numbers_that_optimizers_share_are_read_only():
    from autograd_cnn.optim.optimizer import scalar

    with pytest.raises(ValueError, match="read-only"):
        scalar(0.5, np.dtype(np.float32))[...] = 2


def by_pickle(protocol):
    return lambda x: pickle.loads(pickle.dumps(x, protocol))


COPIES = {"deepcopy": copy.deepcopy, **{f"pickle {n}": by_pickle(n) for n in range(pickle.HIGHEST_PROTOCOL + 1)}}


@pytest.mark.parametrize("name", COPIES)
@given(
    array=hnp.arrays(st.sampled_from([np.float32, np.float64, np.int64, np.bool_]), hnp.array_shapes(min_dims=0)),
    wants=st.booleans(),
    reverse=st.booleans(),
)
def test_a_copy_of_a_leaf_is_a_leaf_with_arrays_of_its_own(name, array, wants, reverse):
    array = array.T if reverse else array
    wants = wants and array.dtype.kind == "f"
    original = ac.Tensor(array, requires_grad=wants)
    if wants:
        with np.errstate(over="ignore"):
            (original * 2).backward(np.ones(array.shape, array.dtype))
    copied = COPIES[name](original)
    assert type(copied) is ac.Tensor
    assert copied.node is None
    assert copied.requires_grad == wants
    assert copied.dtype == original.dtype
    np.testing.assert_array_equal(copied.data, original.data)
    assert not np.shares_memory(copied.data, original.data)
    if wants:
        assert not np.shares_memory(copied.grad, original.grad)
        np.testing.assert_array_equal(copied.grad, original.grad)
        with np.errstate(over="ignore"):
            (copied * 3).backward(np.ones(array.shape, array.dtype))
        np.testing.assert_array_equal(copied.grad, np.full(array.shape, 5))
        np.testing.assert_array_equal(original.grad, np.full(array.shape, 2))
    else:
        assert copied.grad is None


@pytest.mark.parametrize("name", [*COPIES, "copy"])
@pytest.mark.parametrize("depth", [1, 100_000])
def test_a_result_is_refused_at_any_depth(name, depth, rng):
    t = leaf(rng)
    for _ in range(depth):
        t = t + 1.0
    make = {**COPIES, "copy": copy.copy}[name]
    for given_ in (t, {"nested": [t]}):
        if name == "copy" and given_ is not t:
            continue
        with pytest.raises(RuntimeError, match=r"computed by 'add' cannot be copied or pickled.*use t.detach\(\)"):
            make(given_)
    assert make(t.detach()).item() == t.item()


def test_a_shallow_copy_shares_the_value_and_not_the_gradient(rng):
    original = leaf(rng, 3)
    original.sum().backward()
    copied = copy.copy(original)
    assert np.shares_memory(copied.data, original.data)
    assert copied.requires_grad
    copied.sum().backward()
    np.testing.assert_array_equal(copied.grad, np.full(3, 2.0))
    np.testing.assert_array_equal(original.grad, np.ones(3))


class Named(ac.Tensor):
    """A Tensor with an attribute, and a constructor of its own."""

    def __init__(self, name, data):
        super().__init__(data, requires_grad=True)
        self.name = name


@pytest.mark.parametrize("name", COPIES)
def test_attributes_of_a_subclass_are_copied(name):
    copied = COPIES[name](Named("weight", [1.0, 2.0]))
    assert type(copied) is Named
    assert copied.name == "weight"
    assert copied.data.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("name", COPIES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_model_and_its_optimizer_are_copied_together(name, optimizer, rng):
    a = leaf(rng, 3)
    params = {"embedding": a, "b": leaf(rng, 3), "head": a}

    def train(params, optimizer):
        for _ in range(2):
            (params["embedding"] * params["b"] * params["head"]).sum().backward()
            optimizer.step()
            optimizer.zero_grad()
        return [p.data.tolist() for p in params.values()]

    original = params, OPTIMIZERS[optimizer](params)
    train(*original)
    copied = COPIES[name](original)
    assert copied[0]["embedding"] is copied[0]["head"] is copied[1].params["embedding"]
    before = [p.data.copy() for p in params.values()]
    ahead = train(*copied)
    for p, value in zip(params.values(), before, strict=True):
        np.testing.assert_array_equal(p.data, value)
    assert train(*original) == ahead
