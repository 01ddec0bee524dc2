"""Optimizers against their papers' formulas, written out in float64, and against PyTorch and ONNX."""

import copy
import doctest
import inspect
import tracemalloc
from functools import partial

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import autograd_cnn as ac
from autograd_cnn.optim import SGD, AdaGrad, Adam, AdamW, RMSprop


def trajectory(make, gradients, start):
    """Return the values of one parameter after each of the gradients, of which some may be None."""
    p = ac.Tensor(start.copy(), requires_grad=True)
    optimizer = make([p])
    values = []
    for grad in gradients:
        p.grad = None if grad is None else grad.copy()
        optimizer.step()
        np.testing.assert_array_equal(p.grad, grad)
        values.append(p.data.copy())
    return values


# Each yields the parameter after every gradient.


def sgd_by_definition(gradients, w, lr, momentum, nesterov, weight_decay):
    v = np.zeros_like(w)
    for g in gradients:
        g = g + weight_decay * w
        v = momentum * v + g
        w = w - lr * (g + momentum * v if nesterov else v)
        yield w


def adagrad_by_definition(gradients, w, lr, lr_decay, weight_decay, initial_accumulator_value, eps):
    s = np.full_like(w, initial_accumulator_value)
    for t, g in enumerate(gradients, start=1):
        g = g + weight_decay * w
        s = s + g**2
        w = w - lr / (1 + (t - 1) * lr_decay) * g / (np.sqrt(s) + eps)
        yield w


def rmsprop_by_definition(gradients, w, lr, alpha, eps, weight_decay, momentum, centered):
    s = m = v = np.zeros_like(w)
    for g in gradients:
        g = g + weight_decay * w
        s = alpha * s + (1 - alpha) * g**2
        m = alpha * m + (1 - alpha) * g
        v = momentum * v + g / (np.sqrt(s - m**2 if centered else s) + eps)
        w = w - lr * v
        yield w


def adam_by_definition(gradients, w, lr, betas, eps, weight_decay, decoupled=False):
    m = v = np.zeros_like(w)
    for t, g in enumerate(gradients, start=1):
        if decoupled:
            w = w - lr * weight_decay * w
        else:
            g = g + weight_decay * w
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        w = w - lr * (m / (1 - betas[0] ** t)) / (np.sqrt(v / (1 - betas[1] ** t)) + eps)
        yield w


def options(**more):
    shared = {"lr": st.sampled_from([0, 0.01, 0.1]), "weight_decay": st.sampled_from([0, 0.01, 0.3])}
    return st.fixed_dictionaries(shared | more)


small = st.sampled_from([1e-10, 1e-8, 1e-3])
momenta = st.sampled_from([0, 0.5, 0.9])
sgd_options = options(momentum=momenta, nesterov=st.booleans()).filter(lambda o: o["momentum"] or not o["nesterov"])
adam_options = options(betas=st.sampled_from([(0.9, 0.999), (0.0, 0.9), (0.5, 0.0)]), eps=small)
DEFINITIONS = [
    pytest.param(SGD, sgd_by_definition, sgd_options, id="SGD"),
    pytest.param(
        AdaGrad,
        adagrad_by_definition,
        options(lr_decay=st.sampled_from([0, 0.1, 2]), initial_accumulator_value=st.sampled_from([0, 0.5]), eps=small),
        id="AdaGrad",
    ),
    pytest.param(
        RMSprop,
        rmsprop_by_definition,
        options(alpha=st.sampled_from([0.5, 0.9, 0.99]), eps=small, momentum=momenta, centered=st.booleans()),
        id="RMSprop",
    ),
    pytest.param(Adam, adam_by_definition, adam_options, id="Adam"),
    pytest.param(AdamW, partial(adam_by_definition, decoupled=True), adam_options, id="AdamW"),
]
shapes = st.sampled_from([(3, 2), (4,), (), (0,)])
seeds = st.integers(0, 2**32 - 1)


def draws(seed, shape=(3, 2), dtype=np.float64, steps=8):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for _ in range(steps)], rng.standard_normal(shape).astype(dtype)


@pytest.mark.parametrize(("kind", "definition", "options"), DEFINITIONS)
@given(data=st.data(), seed=seeds, shape=shapes)
def test_every_update_follows_the_formula(kind, definition, options, data, seed, shape):
    gradients, start = draws(seed, shape)
    settings = data.draw(options)
    ours = trajectory(lambda p: kind(p, **settings), gradients, start)
    for value, expected in zip(ours, definition(gradients, start, **settings), strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("kind", "definition", "options"), DEFINITIONS)
@given(data=st.data(), seed=seeds, dtype=st.sampled_from([np.float32, np.float64]), missing=st.sets(st.integers(0, 7)))
def test_every_update_agrees_with_pytorch(kind, definition, options, data, seed, dtype, missing):
    """With the steps of a parameter counted where it has a gradient, and not where it has none."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    settings = data.draw(options)
    # With β₂ = 0 a step is m / |g|: where g is nearly 0 that enlarges float32's rounding without bound.
    assume(dtype == np.float64 or settings.get("betas") != (0.5, 0.0))
    gradients, start = draws(seed, dtype=dtype)
    gradients = [None if i in missing else grad for i, grad in enumerate(gradients)]
    p = torch.tensor(start, requires_grad=True)
    optimizer = getattr(torch.optim, PYTORCH.get(kind, kind.__name__))([p], **settings)
    tolerance = {"rtol": 1e-9, "atol": 1e-12} if dtype == np.float64 else {"rtol": 1e-5, "atol": 2e-5}
    ours = trajectory(lambda p: kind(p, **settings), gradients, start)
    for grad, value in zip(gradients, ours, strict=True):
        p.grad = None if grad is None else torch.from_numpy(grad)
        optimizer.step()
        assert value.dtype == dtype
        np.testing.assert_allclose(value, p.detach().numpy(), **tolerance)


PYTORCH = {AdaGrad: "Adagrad"}


@pytest.mark.parametrize("kind", [SGD, AdaGrad, RMSprop, Adam, AdamW])
def test_arguments_and_defaults_are_those_of_pytorch(kind):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    theirs = inspect.signature(getattr(torch.optim, PYTORCH.get(kind, kind.__name__))).parameters
    for name, ours in inspect.signature(kind).parameters.items():
        assert name in theirs
        assert ours.default in (inspect.Parameter.empty, theirs[name].default), name


def test_defaults():
    """Of PyTorch too, which is not everywhere."""
    defaults = {
        ac.optim.Optimizer: {"weight_decay": 0},
        SGD: {"momentum": 0, "nesterov": False, "weight_decay": 0},
        AdaGrad: {"lr": 0.01, "lr_decay": 0, "weight_decay": 0, "initial_accumulator_value": 0, "eps": 1e-10},
        RMSprop: {"lr": 0.01, "alpha": 0.99, "eps": 1e-8, "weight_decay": 0, "momentum": 0, "centered": False},
        Adam: {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0},
        AdamW: {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.01},
    }
    for kind, expected in defaults.items():
        found = {name: p.default for name, p in inspect.signature(kind).parameters.items()}
        assert {name: value for name, value in found.items() if value is not inspect.Parameter.empty} == expected


@pytest.mark.parametrize("momentum", [0, 0.5])
def test_centered_rmsprop_follows_the_formula(momentum):
    gradients, start = draws(3)
    settings = {"lr": 0.1, "alpha": 0.9, "eps": 1e-3, "weight_decay": 0.3, "momentum": momentum, "centered": True}
    ours = trajectory(lambda p: RMSprop(p, **settings), gradients, start)
    np.testing.assert_allclose(ours, list(rmsprop_by_definition(gradients, start, **settings)), rtol=1e-9)


def test_adam_keeps_a_small_gradient_after_a_large_one():
    """The last square alone counts here, and 1 + (1e-10 − 1) is 1e-10 to six digits only."""
    gradients, settings = [np.ones(1), np.full(1, 1e-5)], {"lr": 0.1, "betas": (0.5, 0), "eps": 0, "weight_decay": 0}
    ours = trajectory(lambda p: Adam(p, **settings), gradients, np.zeros(1))
    np.testing.assert_allclose(ours, list(adam_by_definition(gradients, np.zeros(1), **settings)), rtol=1e-14)


def test_adamw_decays_every_weight_alike_and_adam_does_not():
    start, grad = np.array([1.0, 1.0]), np.array([1e-6, 1e3])
    for kind, alike in ((AdamW, True), (Adam, False)):
        plain, decayed = (trajectory(lambda p: kind(p, 0.1, weight_decay=d), [grad], start)[0] for d in (0, 0.5))  # noqa: B023
        shrunk = plain - decayed
        assert (abs(shrunk[0] - shrunk[1]) < 1e-12) == alike
    np.testing.assert_allclose(trajectory(lambda p: AdamW(p, 0.1, weight_decay=0.5), [grad * 0], start)[0], 0.95)


@given(seeds)
def test_centered_rmsprop_stays_finite_where_rounding_makes_the_variance_negative(seed):
    grad = draws(seed, (64,), np.float32, steps=1)[0][0]
    values = trajectory(lambda p: RMSprop(p, alpha=0.5, centered=True), [grad] * 60, np.zeros(64, np.float32))
    assert np.isfinite(values[-1]).all()


def test_the_steps_of_a_parameter_are_its_own():
    """One that gets its first gradient late moves by lr, as does every first step of Adam."""
    early, late = (ac.Tensor([1.0], requires_grad=True) for _ in range(2))
    optimizer = Adam({"early": early, "late": late}, lr=0.1)
    early.grad = np.ones(1, np.float32)
    for _ in range(9):
        optimizer.step()
    late.grad = np.ones(1, np.float32)
    optimizer.step()
    assert optimizer.steps == {"early": 10, "late": 1}
    assert late.item() == pytest.approx(0.9)


EVERY = {
    "SGD": partial(SGD, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    "AdaGrad": partial(AdaGrad, lr_decay=0.1, weight_decay=0.1, initial_accumulator_value=0.1),
    "RMSprop": RMSprop,
    "centered RMSprop": partial(RMSprop, weight_decay=0.1, momentum=0.9, centered=True),
    "Adam": Adam,
    "Adam with decay": partial(Adam, weight_decay=0.1),
    "AdamW": AdamW,
}


@pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
class TestEveryOptimizer:
    def test_float32_is_kept_and_the_array_is_updated_in_place(self, make):
        p = ac.Tensor(np.ones(3, np.float32), requires_grad=True)
        array = p.data
        optimizer = make([p])
        p.grad = np.ones(3, np.float32)
        optimizer.step()
        assert p.data is array
        assert (array < 1).all()
        assert all(a.dtype == np.float32 for slots in optimizer.state.values() for a in slots.values())

    def test_a_step_takes_no_memory(self, make):
        p = ac.Tensor(np.ones((512, 256), np.float32), requires_grad=True)
        p.grad = np.ones_like(p.data)
        optimizer = make([p])
        optimizer.step()
        tracemalloc.start()
        try:
            optimizer.step()
            assert tracemalloc.get_traced_memory()[1] < p.data.nbytes / 8
        finally:
            tracemalloc.stop()

    def test_numpy_scalars_do_not_widen(self, make):
        """Nor change a bit."""
        gradients, start = draws(2, dtype=np.float32)

        def scalars(p):
            optimizer = make(p)
            optimizer.lr = np.float64(optimizer.lr)
            return optimizer

        np.testing.assert_array_equal(trajectory(scalars, gradients, start)[-1], trajectory(make, gradients, start)[-1])

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
        gradients[1] = None
        straight = trajectory(make, gradients, start)[-1]
        p = ac.Tensor(start.copy(), requires_grad=True)
        first = make([p])
        for grad in gradients[:3]:
            p.grad = grad
            first.step()
        state = first.state_dict()
        first.step()  # the state is a copy
        p.data[...] = trajectory(make, gradients[:3], start)[-1]
        second = make([p])
        second.load_state_dict(state)
        assert second.steps == {"0": 2}
        for grad in gradients[3:]:
            p.grad = grad
            second.step()
        np.testing.assert_array_equal(p.data, straight)

    def test_a_state_of_other_parameters_is_refused_and_changes_nothing(self, make):
        optimizer = make({"w": ac.Tensor([1.0], requires_grad=True)})
        good = optimizer.state_dict()
        longer, shorter = ({"w": {k: np.zeros(n, np.float32) for k in good["state"]["w"]}} for n in (2, 0))
        for state, message in (
            (good | {"state": {"v": good["state"]["w"]}}, r"\('[vw]', '\w+'\) is on one side only"),
            (good | {"state": longer, "steps": 5}, r"has shape \(2,\); expected \(1,\)"),
            (good | {"state": shorter}, r"has shape \(0,\); expected \(1,\)"),
            (good | {"steps": {"v": 5}, "lr": 7}, r"the state has the steps of \['v'\]; expected those of \['w'\]"),
            (good | {"steps": 5, "lr": float("nan")}, "lr is a number of at least 0; got nan"),
        ):
            with pytest.raises(ValueError, match=message):
                optimizer.load_state_dict(state)
        assert optimizer.state_dict() == good
        optimizer.load_state_dict(good | {"steps": 5})
        assert optimizer.steps == {"w": 5}

    def test_the_first_state_that_is_on_one_side_only_is_named(self, make):
        of_both = make({name: ac.Tensor([1.0], requires_grad=True) for name in ("a", "w")})
        of_one = make({"a": ac.Tensor([1.0], requires_grad=True)})
        first = min(of_both.slots)
        for optimizer, other in ((of_both, of_one), (of_one, of_both)):
            with pytest.raises(ValueError, match=rf"\('w', '{first}'\) is on one side only"):
                optimizer.load_state_dict(other.state_dict())

    def test_a_graph_recorded_before_the_step_is_refused(self, make):
        p, x = (ac.Tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
        optimizer = make([p])
        loss = (p * x).sum()
        loss.backward(retain_graph=True)
        optimizer.step()
        with pytest.raises(RuntimeError):
            loss.backward()

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
        (lambda p: SGD(p, float("inf")), "lr is a number of at least 0; got inf"),
        (lambda p: SGD(p, 0.1, momentum=-1), "momentum is a number of at least 0; got -1"),
        (lambda p: SGD(p, 0.1, nesterov=True), "needs a momentum above 0"),
        (lambda p: Adam(p, betas=(1.0, 0.9)), r"betas\[0\] is a number of at least 0 and below 1; got 1.0"),
        (lambda p: Adam(p, betas=(0.9, 1.5)), r"betas\[1\] is a number of at least 0 and below 1; got 1.5"),
        (lambda p: Adam(p, betas=(-0.5, 0.9)), r"betas\[0\] is a number of at least 0 and below 1; got -0.5"),
        (lambda p: Adam(p, betas=(0.9,)), r"betas is a pair of numbers, such as \(0.9, 0.999\); got \(0.9,\)"),
        (lambda p: Adam(p, betas=(0.9, 0.99, 0.999)), "betas is a pair of numbers"),
        (lambda p: Adam(p, betas=0.9), r"betas is a pair of numbers, such as \(0.9, 0.999\); got 0.9"),
        (lambda p: Adam(p, weight_decay=-1), "weight_decay is a number of at least 0; got -1"),
        (lambda p: AdamW(p, weight_decay=-1), "weight_decay is a number of at least 0; got -1"),
        (lambda p: AdamW(p, lr="fast"), "lr is a number of at least 0; got 'fast'"),
        (lambda p: AdaGrad(p, lr_decay=-1), "lr_decay is a number of at least 0; got -1"),
        (lambda p: AdaGrad(p, eps=-1), "eps is a number of at least 0; got -1"),
        (lambda p: AdaGrad(p, initial_accumulator_value=-1), "initial_accumulator_value is a number of at least 0"),
        (lambda p: RMSprop(p, alpha=1), "alpha is a number of at least 0 and below 1; got 1"),
        (lambda p: RMSprop(p, momentum=None), "momentum is a number of at least 0; got None"),
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


class TestAnOptimizerOfOnesOwn:
    """Adadelta, as the docstring of `Optimizer` has it."""

    @staticmethod
    def adadelta():
        (example,) = (t for t in doctest.DocTestFinder(recurse=False).find(ac.optim.Optimizer, globs={}))
        doctest.DocTestRunner().run(example, clear_globs=False)
        return example.globs["Adadelta"]

    @given(seed=seeds, dtype=st.sampled_from([np.float32, np.float64]), weight_decay=st.sampled_from([0, 0.3]))
    def test_it_is_pytorchs(self, seed, dtype, weight_decay):
        torch = pytest.importorskip("torch", reason="PyTorch is not installed")
        gradients, start = draws(seed, dtype=dtype)
        kind = self.adadelta()
        ours = trajectory(lambda p: kind(p, 0.5, eps=1e-3, weight_decay=weight_decay), gradients, start)
        p = torch.tensor(start, requires_grad=True)
        theirs = torch.optim.Adadelta([p], lr=0.5, eps=1e-3, weight_decay=weight_decay)
        for grad, value in zip(gradients, ours, strict=True):
            p.grad = torch.from_numpy(grad)
            theirs.step()
            assert value.dtype == dtype
            np.testing.assert_allclose(value, p.detach().numpy(), rtol=1e-5, atol=1e-6)

    def test_what_it_keeps_is_saved_and_loaded(self):
        gradients, start = draws(1)
        kind = self.adadelta()
        p = ac.Tensor(start.copy(), requires_grad=True)
        first = kind({"w": p})
        p.grad = gradients[0]
        first.step()
        assert first.state["w"].keys() == {"square", "moved"}
        second = kind({"w": p})
        second.load_state_dict(first.state_dict())
        assert second.steps == {"w": 1}
        np.testing.assert_array_equal(second.state["w"]["moved"], first.state["w"]["moved"])

    def test_its_weight_decay_may_be_decoupled(self):
        class Still(ac.optim.Optimizer):
            decoupled_weight_decay = True

            def update(self, w, g, scratch, step):  # noqa: ARG002
                np.testing.assert_array_equal(g, 1)

        (value,) = trajectory(lambda p: Still(p, 0.1, weight_decay=0.5), [np.ones(3)], np.full(3, 2.0))
        np.testing.assert_allclose(value, 2 * 0.95)


class TestADictThatChanges:
    """An optimizer trains the Tensors that it was given: when the dict holds another, its training would be lost."""

    @staticmethod
    def model():
        params = {name: ac.Tensor([1.0], requires_grad=True) for name in ("a", "b")}
        params["tied"] = params["a"]
        for p in params.values():
            p.grad = np.ones(1, np.float32)
        return params, SGD(params, 0.1)

    @pytest.mark.parametrize("name", ["a", "b", "tied"])
    def test_another_tensor_under_a_name_is_an_error_and_nothing_moves(self, name):
        params, optimizer = self.model()
        before = dict(params)
        params[name] = ac.Tensor([2.0], requires_grad=True)
        with pytest.raises(RuntimeError, match=f"parameter '{name}' holds another Tensor since this SGD was made"):
            optimizer.step()
        assert [p.item() for p in before.values()] == [1, 1, 1]
        assert optimizer.steps == {"a": 0, "b": 0}
        params[name] = before[name]
        optimizer.step()

    def test_a_parameter_added_later_is_an_error(self):
        params, optimizer = self.model()
        params["new"] = ac.Tensor([2.0], requires_grad=True)
        with pytest.raises(RuntimeError, match="parameter 'new' was added since this SGD was made"):
            optimizer.step()

    def test_running_statistics_may_be_added(self):
        params, optimizer = self.model()
        params["running_mean"] = ac.Tensor([0.0])
        optimizer.step()
        assert params["a"].item() == pytest.approx(0.9)

    def test_values_may_change_and_names_may_go_or_change_places(self):
        params, optimizer = self.model()
        params["a"].data[...] = 5
        params["b"].data = np.full(1, 7, np.float32)
        params["a"] = params.pop("a")
        optimizer.step()
        assert params["a"].item() == pytest.approx(4.9)
        assert params["b"].item() == pytest.approx(6.9)
        b = params.pop("b")
        optimizer.step()
        assert b.item() == pytest.approx(6.8)

    def test_a_dict_that_was_copied_first_is_its_owners_business(self):
        params, _ = self.model()
        optimizer = SGD(dict(params), 0.1)
        params["a"] = ac.Tensor([2.0], requires_grad=True)
        optimizer.step()

    def test_a_copy_of_both_goes_on(self):
        params, optimizer = copy.deepcopy(self.model())
        optimizer.step()
        assert params["a"].item() == pytest.approx(0.9)


def test_an_optimizer_shows_its_settings_and_what_it_holds():
    params = {"w": ac.Tensor(np.zeros((3, 4)), requires_grad=True), "b": ac.Tensor(np.zeros(3), requires_grad=True)}
    optimizer = ac.optim.SGD(params, 0.1, momentum=0.9)
    shown = repr(optimizer)
    assert shown.startswith("<SGD(lr=0.1, ")
    assert "momentum=0.9" in shown
    assert shown.endswith(": 2 parameters, 15 values, 0 steps taken>")
    params["w"].sum().backward()
    optimizer.step()
    assert "1 step taken" in repr(optimizer)
