"""What a rule keeps is never silently stale.

Between forward and backward the arrays are overwritten in every way there is, through every path to them. The gradient
is that of the forward as it was, or an error that names the op and what it needs; never another number.
"""

# ruff: noqa: ARG005, PT017 -- a change takes all there is to change; and of two outcomes either is right

import array
import collections
import functools
import gc
import re

import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn.primitive import registry
from autograd_cnn.recording import history

REFUSAL = re.compile(r"'\w+', called at .+, needs its (output|input '[^']+') as it was, but it was overwritten")


def differentiate(function, parameter_shape, x_shape, way=None, how="backward", seed=0):
    """Return the gradients by a parameter and by an input, of something overwritten in between if there is a `way`."""
    rng = np.random.default_rng(seed)
    w, x = (ac.Tensor(rng.uniform(0.5, 2, s), requires_grad=True) for s in (parameter_shape, x_shape))
    after = way(w, x) if way else lambda out: None
    return HOW[how](lambda w, x: function(x, w), w, x, after, rng)


def by_backward(f, w, x, after, rng):
    out = f(w, x)
    cotangent = rng.normal(size=out.shape)
    after(out)
    w.grad = x.grad = None
    out.backward(cotangent)
    return w.grad, x.grad


def by_backward_again(f, w, x, after, rng):
    out = f(w, x)
    cotangent = rng.normal(size=out.shape)
    out.backward(cotangent, retain_graph=True)
    after(out)
    w.grad = x.grad = None
    out.backward(cotangent)
    return w.grad, x.grad


def by_pullback(f, w, x, after, rng):
    out, pullback = ac.vjp(f, w, x)
    cotangent = rng.normal(size=out.shape)
    after(out)
    return tuple(None if g is None else g.data for g in pullback(cotangent))


def by_recorded_pullback(f, w, x, after, rng):
    """The rules run on Tensors, as they do for second derivatives."""
    out, pullback = ac.vjp(f, w, x)
    cotangent = ac.Tensor(rng.normal(size=out.shape), requires_grad=True)
    after(out)
    return tuple(None if g is None else g.data for g in pullback(cotangent))


def by_checkpoint(f, w, x, after, rng):
    return by_backward(ac.checkpoint(f), w, x, after, rng)


def by_checkpoint_with_a_closure(f, w, x, after, rng):
    """The parameter comes in from outside, and is read again."""
    return by_backward(lambda w, x: ac.checkpoint(lambda x: f(w, x))(x), w, x, after, rng)


HOW = {
    "backward": by_backward,
    "backward again": by_backward_again,
    "pullback": by_pullback,
    "recorded pullback": by_recorded_pullback,
    "checkpoint": by_checkpoint,
    "checkpoint with a closure": by_checkpoint_with_a_closure,
}


# --- what is computed: of an input and of what a path makes of a parameter, with the shapes of both ------------------


def normalized(x):
    return ac.batch_norm(x, None, None, training=True, eps=0.1)


OPS = {
    "multiply": (ac.multiply, (2, 3), (2, 3)),
    "divide": (ac.divide, (2, 3), (2, 3)),
    "power": (ac.power, (2, 3), (2, 3)),
    "maximum": (ac.maximum, (2, 3), (2, 3)),
    "mod": (ac.mod, (2, 3), (2, 3)),
    "matmul": (ac.matmul, (4, 2), (2, 3)),
    "linear": (ac.linear, (4, 3), (2, 3)),
    "einsum": (lambda x, w: ac.einsum("ij,jk->ik", x, w), (4, 2), (2, 3)),
    "conv2d": (ac.conv2d, (2, 1, 4, 4), (2, 1, 3, 3)),
    "conv_transpose2d": (ac.conv_transpose2d, (2, 2, 3, 3), (2, 1, 2, 2)),
    "where": (lambda x, w: ac.where(w > 1, x * w, x), (2, 3), (2, 3)),
    "clip": (lambda x, w: ac.clip(x, w, 2), (2, 3), (2, 3)),
    "exp": (lambda x, w: x + ac.exp(w), (2, 3), (2, 3)),
    "log": (lambda x, w: x + ac.log(w), (2, 3), (2, 3)),
    "sqrt": (lambda x, w: x + ac.sqrt(w), (2, 3), (2, 3)),
    "abs": (lambda x, w: x + ac.abs(w - 1.2), (2, 3), (2, 3)),
    "relu": (lambda x, w: ac.relu(x - w), (2, 3), (2, 3)),
    "gelu": (lambda x, w: x * ac.gelu(w), (2, 3), (2, 3)),
    "silu": (lambda x, w: x * ac.silu(w), (2, 3), (2, 3)),
    "softmax": (lambda x, w: x + ac.softmax(w), (2, 3), (2, 3)),
    "logsumexp": (lambda x, w: x + ac.logsumexp(w), (2, 3), (2, 3)),
    "max": (lambda x, w: x + ac.max(w, axis=1, keepdims=True), (2, 3), (2, 3)),
    "var": (lambda x, w: x + ac.var(w), (2, 3), (2, 3)),
    "mean of squares": (lambda x, w: x * (w**2).mean(), (2, 3), (2, 3)),
    "max_pool2d": (lambda x, w: x + ac.max_pool2d(w, 2), (2, 1, 1, 1), (2, 1, 3, 3)),
    "standardize": (lambda x, w: x + normalized(w), (2, 3), (2, 3)),
    "batch_norm": (lambda x, w: ac.batch_norm(x, None, None, w[0], w[1], True, eps=0.1), (4, 3), (2, 3)),
    "layer_norm": (lambda x, w: ac.layer_norm(x, (3,), w[0], w[1]), (4, 3), (2, 3)),
    "group_norm": (lambda x, w: ac.group_norm(x, 2, w[0], w[1]), (2, 4, 2), (2, 4)),
    "getitem": (lambda x, w: x[1] * w[0][::-1] * w[1][np.array([0, 0, 2])], (2, 3), (2, 3)),
    "setitem": (lambda x, w: ac.ops.setitem(x * w, 0, w[1]) * w, (2, 3), (2, 3)),
    "take": (lambda x, w: ac.take(w, np.array([1, 1]), 0) * x, (2, 3), (2, 3)),
    "pad": (lambda x, w: ac.pad(w, 1)[1:-1, 1:-1] * x, (2, 3), (2, 3)),
    "concatenate": (lambda x, w: ac.concatenate([x, w]) ** 3, (2, 3), (2, 3)),
    "a list": (lambda x, w: ac.multiply([w[0], w[1]], x), (2, 3), (2, 3)),
    "mse_loss": (lambda x, w: ac.mse_loss(x, w), (2, 3), (2, 3)),
    "cross entropy": (lambda x, w: ac.softmax_cross_entropy(x, ac.softmax(w)), (2, 3), (2, 3)),
    "sigmoid_cross_entropy": (lambda x, w: ac.sigmoid_cross_entropy(w, x / 3), (2, 3), (2, 3)),
}

# --- how a parameter comes to an op: the shape it has for one that is wanted, and what is made of it -----------------

PATHS = {
    "direct": (lambda s: s, lambda w, s: w),
    "T": (lambda s: s[::-1], lambda w, s: w.T),
    "reshape": (lambda s: (int(np.prod(s)),), lambda w, s: w.reshape(s)),
    "detach": (lambda s: s, lambda w, s: w.detach()),
    "detached view": (lambda s: s[::-1], lambda w, s: w.T.detach()),
    "slice": (lambda s: (s[0] + 1, *s[1:]), lambda w, s: w[1:]),
    "backwards": (lambda s: s, lambda w, s: w[::-1]),
    "broadcast_to": (lambda s: (1, *s[1:]), lambda w, s: ac.broadcast_to(w, s)),
    "squeeze": (lambda s: (1, *s), lambda w, s: w.squeeze(0)),
    "expand_dims": (lambda s: s, lambda w, s: ac.expand_dims(w, 0)[0]),
    "astype": (lambda s: s, lambda w, s: w.astype(np.float64)),
    "split": (lambda s: (2 * s[0], *s[1:]), lambda w, s: ac.split(w, 2)[1]),
    "two views": (lambda s: (*s[:0:-1], s[0] + 1), lambda w, s: w.T[1:]),
    "three views": (lambda s: (int(np.prod(s)) + 1,), lambda w, s: w[1:].reshape(s[::-1]).T),
    "Tensor of it": (lambda s: s, lambda w, s: ac.Tensor(w)),
    "a list of rows": (lambda s: s, lambda w, s: ac.stack([w[i] for i in range(s[0])])),
    "NumPy's view": (lambda s: s[::-1], lambda w, s: np.transpose(w)),
}

# --- ways to overwrite it: called before the forward; what they return, between forward and backward -----------------

NEW = np.random.default_rng(7)


def other(array):
    """Return other values, in the ranges where all ops are smooth."""
    return NEW.uniform(0.5, 2, np.shape(array))


def write(array):
    array[...] = other(array)


def between(change):
    """Do all of it between forward and backward."""
    return lambda w, x: lambda out: change(w, x, out)


def step(optimizer):
    def change(w, x, out):
        for t in (w, x):
            t.grad = np.ones(t.shape)
        optimizer([w, x]).step()

    return between(change)


def held(view):
    """Take a view of what `.data` hands out before the forward, and let go of all else."""

    def way(w, x):
        views = [view(t.data) for t in (w, x)]
        return lambda out: [write(np.asarray(v)) for v in views]

    return way


def subtract_in_place(w, x, out):
    w.data -= 0.25
    x.data *= 1.5


def put_another(w, x, out):
    w.data = other(w.data)
    x.data = other(x.data)


def change_under_no_grad(w, x, out):
    with ac.no_grad():
        w[...] = other(w.data)
        x += 1


def from_detached_before(w, x):
    away = [w.detach(), x.detach()]
    return lambda out: [write(t.data) for t in away]


def looked_at_first(w, x):
    """What was handed out once and is held no longer is no excuse for what is handed out afterwards."""
    float(w.data.sum() + x.data.sum())
    return lambda out: [write(t.data) for t in (w, x)]


def held_then_handed_out_anew(w, x):
    views = [t.data.reshape(-1) for t in (w, x)]

    def change(out):
        for view, t in zip(views, (w, x), strict=True):
            write(view[:1])
            write(t.data)

    return change


def through_a_view_made_in_between(w, x, out):
    for t in (w, x):
        with ac.no_grad():
            write(t.T.reshape(t.T.shape)[...].data if t.ndim else t.data)


WAYS = {
    "SGD": step(lambda p: ac.optim.SGD(p, 0.3)),
    "momentum": step(lambda p: ac.optim.SGD(p, 0.3, 0.9)),
    "Adam": step(lambda p: ac.optim.Adam(p, 0.3)),
    "RMSprop": step(lambda p: ac.optim.RMSprop(p, 0.3)),
    "data[...] =": between(lambda w, x, out: [write(t.data) for t in (w, x)]),
    "data -=": between(subtract_in_place),
    "data =": between(put_another),
    "numpy()": between(lambda w, x, out: [write(t.numpy()) for t in (w, x)]),
    "one element": between(lambda w, x, out: w.data.__setitem__((0,) * w.ndim, 1.75)),
    "out=": between(lambda w, x, out: [np.add(t.data, 0.3, out=t.data) for t in (w, x)]),
    "detach() after": between(lambda w, x, out: [write(t.detach().data) for t in (w, x)]),
    "detach() before": from_detached_before,
    "looked at first": looked_at_first,
    "no_grad": between(change_under_no_grad),
    "a view in between": between(through_a_view_made_in_between),
    "the output": between(lambda w, x, out: write(out.data)),
    "the output, detached": between(lambda w, x, out: write(out.detach().numpy())),
    "held": held(lambda d: d),
    "held d[...]": held(lambda d: d[...]),
    "held d[:1]": held(lambda d: d[:1]),
    "held d.T": held(lambda d: d.T),
    "held d.T[1:].T": held(lambda d: d.T[1:].T),
    "held d.reshape": held(lambda d: d.reshape(-1)),
    "held d.view": held(lambda d: d.view(np.int64).view(np.float64)),
    "held memoryview": held(memoryview),
    "held asarray(memoryview)": held(lambda d: np.asarray(memoryview(d))[:]),
    "held asarray": held(np.asarray),
    "held frombuffer": held(lambda d: np.frombuffer(d)),
    "held as_strided": held(lambda d: np.lib.stride_tricks.as_strided(d, d.shape, d.strides)),
    "held and handed out anew": held_then_handed_out_anew,
}


def along(op, path):
    """Return an op of an input and a parameter that comes along a path, and the parameter's shape."""
    function, _, shape = OPS[op]
    shape_of, reach = PATHS[path]
    return (lambda x, w: function(x, reach(w, shape))), shape_of(shape)


@functools.cache
def right_gradients(op, path, how):
    return differentiate(*along(op, path), OPS[op][1], None, how)


def check(op, path, way, how):
    """Return whether there is a gradient for all that was overwritten, which then is right; else it was refused."""
    right = right_gradients(op, path, how)
    try:
        found = differentiate(*along(op, path), OPS[op][1], WAYS[way], how)
    except RuntimeError as error:
        again = how.startswith("checkpoint") and str(error).startswith("checkpoint: run again")
        assert again or REFUSAL.search(str(error)), error
        return False
    for name, expected, got in zip("wx", right, found, strict=True):
        if expected is None:
            assert got is None, name
        else:
            np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12, err_msg=name)
    return True


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("op", OPS)
def test_a_gradient_is_that_of_the_forward_as_it_was_or_an_error(op, path):
    for way in WAYS:
        for how in ("backward", "backward again"):
            try:
                check(op, path, way, how)
            except Exception as error:
                error.add_note(f"op {op}, path {path}, overwritten by {way}, {how}")
                raise


@pytest.mark.parametrize("how", [how for how in HOW if not how.startswith("backward")])
@pytest.mark.parametrize("op", OPS)
def test_transforms_and_checkpoints_are_held_to_the_same(op, how):
    for way in WAYS:
        for path in ("direct", "T", "detach", "slice", "broadcast_to", "split", "three views"):
            try:
                check(op, path, way, how)
            except Exception as error:
                error.add_note(f"op {op}, path {path}, overwritten by {way}, {how}")
                raise


@pytest.mark.parametrize("path", [p for p in PATHS if p not in ("Tensor of it", "a list of rows")])
@pytest.mark.parametrize("way", ["SGD", "Adam", "data[...] =", "data -=", "numpy()", "detach() after", "one element"])
def test_what_was_kept_and_is_overwritten_is_refused(path, way):
    """So that the rule above is not met by a test that overwrites nothing."""
    if (path, way) == ("slice", "one element"):
        way = "data[...] ="  # the first element is not in the slice
    assert not check("multiply", path, way, "backward")


@pytest.mark.parametrize("way", [way for way in WAYS if way.startswith("held")])
def test_of_what_is_held_before_the_forward_a_rule_has_a_copy(way):
    for op in OPS:
        assert check(op, "direct", way, "backward"), op


def test_the_refusal_names_op_input_and_place():
    w, x = ac.Tensor(np.ones((2, 3)), requires_grad=True), ac.Tensor(np.ones((4, 3)), requires_grad=True)
    out = ac.linear(x, w)
    w.data[...] = 2
    with pytest.raises(RuntimeError, match=r"'linear', called at .*test_overwriting\.py:\d+, needs its input 'weight'"):
        out.sum().backward()
    out = ac.exp(x)
    out.data[...] = 2
    with pytest.raises(RuntimeError, match=r"'exp', called at .*test_overwriting\.py:\d+, needs its output"):
        out.backward(np.ones((4, 3)))


def test_a_refused_backward_leaves_every_gradient_as_it_was():
    w, x = ac.Tensor(np.ones(3), requires_grad=True), ac.Tensor(np.ones(3), requires_grad=True)
    out = (w * x).sum() + x.sum()
    x.grad = np.full(3, 5.0)
    w.data[0] = 2
    with pytest.raises(RuntimeError, match="overwritten"):
        out.backward()
    assert w.grad is None
    np.testing.assert_array_equal(x.grad, [5, 5, 5])


# --- what comes from outside -----------------------------------------------------------------------------------------


#: What takes something of the caller's beside a Tensor, made anew for each test: (what is changed, how, the function).
OUTSIDE = {
    "an operand": lambda: (a := np.arange(1.0, 7).reshape(2, 3), lambda: write(a), lambda t: t * a),
    "its other side": lambda: (a := np.arange(1.0, 7).reshape(2, 3), lambda: write(a), lambda t: a / t),
    "a view": lambda: (a := np.arange(1.0, 7), lambda: write(a), lambda t: t * a[::-1].reshape(2, 3)),
    "a float32 array": lambda: (a := np.ones((2, 3), np.float32), lambda: write(a), lambda t: t**a),
    "a matrix": lambda: (a := np.arange(1.0, 7).reshape(3, 2), lambda: write(a), lambda t: t @ a),
    "a weight": lambda: (a := np.arange(1.0, 7).reshape(2, 3), lambda: write(a), lambda t: ac.linear(t, a)),
    "einsum's": lambda: (a := np.arange(3.0), lambda: write(a), lambda t: ac.einsum("ij,j->i", t, a)),
    "a list": lambda: (a := [1.0, 2.0, 3.0], lambda: a.__setitem__(0, 9.0), lambda t: t * a),
    "a list of arrays": lambda: (a := [np.ones(3), np.ones(3)], lambda: write(a[1]), lambda t: t * a),
    "a condition": lambda: (a := np.array([True, False, True]), lambda: np.logical_not(a, out=a),
                            lambda t: ac.where(a, t, t * t)),
    "a bound": lambda: (a := np.array([1.0, 1.5, 0.1]), lambda: write(a), lambda t: ac.clip(t, a, 1.7)),
    "an index": lambda: (a := np.array([0, 1, 1]), lambda: a.fill(0), lambda t: t[a]),
    "an index in a tuple": lambda: (a := np.array([0, 1, 1]), lambda: a.fill(0), lambda t: t[:, a]),
    "a list as index": lambda: (a := [0, 1, 1], lambda: a.__setitem__(1, 0), lambda t: t[a]),
    "a list in a tuple": lambda: (a := [0, 1, 1], lambda: a.__setitem__(1, 0), lambda t: t[0, a]),
    "a mask": lambda: (a := np.array([True, False]), lambda: a.fill(False), lambda t: t[a]),
    "indices of take": lambda: (a := np.array([0, 1, 1]), lambda: a.fill(0), lambda t: ac.take(t, a, 0)),
    "an index of setitem": lambda: (a := np.array([0, 1]), lambda: a.fill(0),
                                    lambda t: ac.ops.setitem(t * 1, (0, a), 3)),
    "axes in a list": lambda: (a := [1, 0], lambda: a.reverse(), lambda t: t.transpose(a) * np.ones((3, 2))),
    "a shape in a list": lambda: (a := [3, 2], lambda: a.reverse(), lambda t: t.reshape(a)),
    "pad widths": lambda: (a := [[1, 0], [0, 2]], lambda: a[0].reverse(), lambda t: ac.pad(t, a)),
    "cuts of split": lambda: (a := [1, 2], lambda: a.__setitem__(0, 0), lambda t: ac.split(t, a, 1)[0] * 2),
    "labels": lambda: (a := np.array([0, 2]), lambda: a.fill(1), lambda t: ac.softmax_cross_entropy(t, a)),
    "labels of nll_loss": lambda: (a := np.array([0, 2]), lambda: a.fill(1), lambda t: ac.nll_loss(t, a)),
    "labels in a list": lambda: (a := [0, 2], lambda: a.reverse(), lambda t: ac.softmax_cross_entropy(t, a)),
    "probabilities": lambda: (a := np.full((2, 3), 1 / 3), lambda: a.fill(0.1),
                              lambda t: ac.softmax_cross_entropy(t, a)),
    "class weights": lambda: (a := np.ones(3), lambda: write(a),
                              lambda t: ac.softmax_cross_entropy(t, np.array([0, 2]), weight=a)),
    "a target": lambda: (a := np.zeros((2, 3)), lambda: write(a), lambda t: ac.mse_loss(t, a)),
    "sigmoid's target": lambda: (a := np.zeros((2, 3)), lambda: a.fill(1), lambda t: ac.sigmoid_cross_entropy(t, a)),
    "a kernel": lambda: (a := np.arange(4.0).reshape(1, 1, 2, 2), lambda: write(a),
                         lambda t: ac.conv2d(t.reshape(1, 1, 2, 3), a)),
    "running variance": lambda: (a := np.full(3, 2.0), lambda: write(a), lambda t: ac.batch_norm(t, np.zeros(3), a)),
    "a scale": lambda: (a := np.full(3, 2.0), lambda: write(a),
                        lambda t: ac.batch_norm(t, None, None, a, None, True, eps=0.1)),
    "layer_norm's scale": lambda: (a := np.full(3, 2.0), lambda: write(a), lambda t: ac.layer_norm(t, 3, a)),
    "a Tensor's array": lambda: (a := np.arange(1.0, 7).reshape(2, 3), lambda: write(a), lambda t: t * ac.Tensor(a)),
    "NumPy's way": lambda: (a := np.arange(1.0, 7).reshape(2, 3), lambda: write(a), lambda t: np.multiply(a, t)),
    "an index that is a Tensor": lambda: (a := ac.Tensor(np.array([0, 1, 1])), lambda: a.data.fill(0), lambda t: t[a]),
    "a condition that is a Tensor": lambda: (a := ac.Tensor(np.array([True, False, True])), lambda: a.data.fill(False),
                                             lambda t: ac.where(a, t, t * t)),
    "labels that are a Tensor": lambda: (a := ac.Tensor(np.array([0, 2])), lambda: a.data.fill(1),
                                         lambda t: ac.softmax_cross_entropy(t, a)),
    "an operand that is a Tensor": lambda: (a := ac.Tensor(np.ones((2, 3))), lambda: write(a.data), lambda t: t * a),
}  # fmt: skip


#: Run again with another of these, a checkpoint stops at an error of the op's own; see the end of this file.
SHAPES_CHANGE = ["an index of setitem", "axes in a list"]


@pytest.mark.parametrize(
    ("name", "how"),
    [(n, h) for n in OUTSIDE for h in HOW],
)
def test_what_the_caller_changes_afterwards_changes_no_gradient(name, how):
    def gradients(changed):
        _, change, f = OUTSIDE[name]()
        way = (lambda w, x: lambda out: change()) if changed else None
        return differentiate(lambda x, w: f(w) * (x * x).sum(), (2, 3), (2,), way, how)

    right = gradients(False)
    try:
        found = gradients(True)
    except RuntimeError as error:
        again = how.startswith("checkpoint") and str(error).startswith("checkpoint: run again")
        assert again or REFUSAL.search(str(error)), error
        assert again or "Tensor" in name, "an array of the caller's is copied"
    else:
        for expected, got in zip(right, found, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_arguments_of_a_transform_may_be_changed_before_its_pullback():
    w, x = np.array([1.0, 2.0]), [np.array([3.0, 4.0])]
    _, pullback = ac.vjp(lambda w, x: (w * w * x[0]).sum(), w, x)
    w[...], x[0][...] = 9, 9
    dw, (dx,) = pullback(1.0)
    np.testing.assert_array_equal(dw, [6, 16])
    np.testing.assert_array_equal(dx, [1, 4])


def test_the_seed_of_a_backward_is_read_once():
    x = ac.Tensor(np.ones(2), requires_grad=True)
    seed = np.array([1.0, 2.0])
    (x * 1).backward(seed)
    x.detach().data[...] = 4
    seed[...] = 7
    np.testing.assert_array_equal(x.grad, [1, 2])


@pytest.mark.parametrize("kind", [np.array, ac.Tensor])
@pytest.mark.parametrize("how", ["backward", "pullback", "checkpoint"])
def test_running_statistics_moved_in_between(kind, how):
    """Evaluation keeps the variance, which a training step in between moves."""

    def gradients(moved):
        mean, variance = kind(np.array([0.1, 0.2, 0.3])), kind(np.array([1.0, 2.0, 3.0]))

        def way(w, x):
            return lambda out: ac.batch_norm(other(np.empty((4, 3))), mean, variance, training=True)

        return differentiate(
            lambda x, w: ac.batch_norm(x, mean, variance, w, None), (3,), (2, 3), way if moved else None, how
        )

    right = gradients(False)
    try:
        found = gradients(True)
    except RuntimeError as error:
        assert "overwritten" in str(error) or "checkpoint: run again" in str(error)
        return
    for expected, got in zip(right, found, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12)


# --- what is left as it was ------------------------------------------------------------------------------------------


def to_and_fro(array):
    array.fill(0)
    array[...] = KEPT


READING = {
    "data": lambda t: t.data.sum(),
    "numpy()": lambda t: t.numpy().max(),
    "item": lambda t: t.data.flat[0].item(),
    "repr": repr,
    "detach": lambda t: t.detach().data.copy(),
    "asarray": lambda t: np.asarray(t.detach()).sum(),
    "the same values": lambda t: t.data.__setitem__(..., t.data.copy()),
    "a pass and back": lambda t: (np.add(t.data, 1, out=t.data), np.subtract(t.data, 1, out=t.data)),
    "to and fro": lambda t: to_and_fro(t.data),
    "a training log": lambda t: f"{t.sum().item():.3f}",
}
KEPT = np.arange(1.0, 7).reshape(2, 3)


@pytest.mark.parametrize("way", READING)
@pytest.mark.parametrize("when", ["before", "between", "held"])
def test_what_was_only_read_is_no_error(way, when):
    w, x = (ac.Tensor(KEPT, requires_grad=True) for _ in range(2))
    read = READING[way]
    holding = [w.data, x.data] if when == "held" else []
    if when == "before":
        read(w), read(x)
    out = ac.linear(x, w) + ac.exp(w).sum()
    if when != "before":
        read(w), read(x)
    out.backward(np.ones(out.shape))
    del holding
    np.testing.assert_allclose(w.grad, x.data.sum(0) + 4 * np.exp(KEPT))
    np.testing.assert_allclose(x.grad, np.broadcast_to(w.data.sum(0), (2, 3)))


def test_a_training_loop_that_looks_at_its_parameters_goes_on(rng):
    w = ac.Tensor(rng.normal(size=(3, 2)), requires_grad=True)
    optimizer = ac.optim.SGD([w], 0.1)
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    expected = w.data.copy()
    held = w.data
    for _ in range(4):
        loss = ac.mse_loss(x @ w, y)
        assert np.isfinite(w.data).all()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        expected = expected - 0.1 * 2 * x.T @ (x @ expected - y) / y.size
        np.testing.assert_allclose(w.data, expected)
        assert w.data is held


# --- the array handed out --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda t: t, lambda t: t.T, lambda t: t[1:], lambda t: t.detach(), lambda t: t * 2])
def test_the_array_is_the_same_one_as_long_as_it_is_held(make):
    t = make(ac.Tensor(KEPT, requires_grad=True))
    assert t.data is t.data
    d = t.data
    assert t.data is d
    assert t.numpy() is d
    assert t.detach().data is d
    d[...] = 3
    np.testing.assert_array_equal(t.item() if t.size == 1 else t.data, np.full(t.shape, 3.0))


def holders():
    w = ac.Tensor(np.ones((2, 3)), requires_grad=True)
    x = ac.Tensor(np.ones((2, 3)), requires_grad=True)
    return w, x


@pytest.mark.parametrize(
    ("kind", "alone"),
    [
        (lambda w, x: (w,), True),
        (lambda w, x: (ac.exp(w.detach()),), True),
        (lambda w, x: (ac.Tensor(np.ones((2, 3))).T,), True),
        (lambda w, x: (w, w.T), False),
        (lambda w, x: (w.T, w), False),
        (lambda w, x: (w, w.detach()), False),
        (lambda w, x: (w, w * x), False),
        (lambda w, x: (w.T, w.T * x.T), False),
        (lambda w, x: ((y := w.detach().T), y * x.T), False),
        (lambda w, x: ((y := ac.exp(w)), y), False),
    ],
)
def test_what_nothing_else_refers_to_is_lent_without_a_look_at_its_contents(kind, alone):
    """Which takes as long as to copy it; what a node may have kept is compared later."""
    held = kind(*holders())
    lent = held[0].data
    assert (history.lent[id(history._owner(lent.base.obj))].contents is None) == alone


NEXT = {
    "an op": lambda w, x: w * x,
    "a checkpoint": lambda w, x: ac.checkpoint(lambda x: w * x)(x),
    "a checkpoint's argument": lambda w, x: ac.checkpoint(ac.multiply)(w, x),
    "another look": lambda w, x: w.data,
}


@pytest.mark.parametrize("use", NEXT)
@pytest.mark.parametrize("is_held", [True, False])
def test_what_was_overwritten_is_seen_though_others_come_after_it(use, is_held):
    """They take the memory as it is by then; a rule that needs it as it was still knows."""
    w, x = (ac.Tensor(np.full(3, 2.0), requires_grad=True) for _ in range(2))
    out = w * x
    held = [w.data]
    held[0][0] = 7
    if not is_held:
        held.clear()
    after = NEXT[use](w, x)
    with pytest.raises(RuntimeError, match=REFUSAL):
        out.backward(np.ones(3))
    if isinstance(after, ac.Tensor):
        after.backward(np.ones(3))
        assert x.grad.tolist() == [7, 2, 2]


@pytest.mark.parametrize(
    "write",
    [
        lambda v: ac.optim.SGD([v], lr=0.1).step(),
        lambda v: v.__iadd__(1),
        lambda v: v.__setitem__(0, 5.0),
    ],
    ids=["step", "+=", "[...] ="],
)
@pytest.mark.parametrize("part", [lambda w: w[1:], lambda w: w.T, lambda w: w.reshape(-1)], ids=["[1:]", "T", "(-1)"])
def test_who_writes_through_a_view_is_seen_by_who_needs_the_whole(part, write):
    whole, factor = ac.Tensor(np.full((2, 3), 2.0)), ac.Tensor(np.ones((2, 3)), requires_grad=True)
    view = part(whole)
    view.requires_grad, view.grad = True, np.ones(view.shape)
    out = whole * factor
    with ac.no_grad():
        write(view)
    if np.array_equal(whole.numpy(), np.full((2, 3), 2.0)):  # written to another array, which the view holds now
        out.backward(np.ones((2, 3)))
        assert factor.grad.tolist() == [[2, 2, 2], [2, 2, 2]]
    else:
        with pytest.raises(RuntimeError, match=REFUSAL):
            out.backward(np.ones((2, 3)))


@pytest.mark.parametrize("first", [True, False])
def test_what_one_reader_lets_go_of_another_still_holds(first):
    w, x = (ac.Tensor(np.full((2, 2), 2.0), requires_grad=True) for _ in range(2))
    held = [w.data, w.T.data]
    kept = held.pop(first)
    held.clear()
    out = w * x
    kept[...] = 7
    out.backward(np.ones((2, 2)))
    assert x.grad.tolist() == [[2, 2], [2, 2]]


@pytest.mark.parametrize("held", [0, 1, 2])
def test_a_view_that_one_rule_needs_is_watched_whoever_else_holds_its_memory(held):
    memory, factor = ac.Tensor(np.ones((2, 3))), ac.Tensor(np.ones((3, 2)), requires_grad=True)
    view = memory.T
    others = [memory] * held
    del memory
    out = view * factor
    view.data[0] = 7
    with pytest.raises(RuntimeError, match=REFUSAL):
        out.backward(np.ones((3, 2)))
    assert len(others) == held


def test_each_view_of_an_array_is_lent_as_itself():
    """Whatever of the same memory is held already: parts of one shape, shorter, longer, transposed, reversed."""
    whole = ac.Tensor(np.arange(16.0).reshape(4, 4))
    with ac.no_grad():
        views = [whole[:2], whole[2:], whole[:3], whole, whole[:1], whole.T, whole[::-1], whole[::2], whole[1::2]]
    expected = [view.numpy().copy() for view in views]
    for order in (range(len(views)), reversed(range(len(views)))):
        held = []
        for i in order:
            held.append(views[i].data)
            np.testing.assert_array_equal(held[-1], expected[i])
            assert np.shares_memory(held[-1], views[i]._data)
            assert views[i].data is held[-1]


def test_what_is_written_is_seen_by_every_reader():
    t = ac.Tensor(KEPT)
    view = t.data.T[1:]
    view[...] = 0
    np.testing.assert_array_equal((t * 1).data, [[1, 0, 0], [4, 0, 0]])
    np.testing.assert_array_equal(t.data, [[1, 0, 0], [4, 0, 0]])


@pytest.mark.parametrize(
    "value",
    [
        [1.0, 2.0],
        (1.0, 2.0),
        3.0,
        None,
        "ab",
        np.ones(3, np.float32),
        np.ones((1, 2), np.float32),
        np.ones((), np.float32),
        np.ones(2),
        np.ones(2, np.float16),
        np.ones(2, np.int64),
        np.ones(2, complex),
        np.float32(1),
    ],
    ids=repr,
)
def test_the_array_put_in_place_is_of_the_same_shape_and_dtype(value):
    t = ac.Tensor([1.0, 2.0], requires_grad=True)
    loss = (t * t).sum()
    with pytest.raises(ValueError, match=r"shape \(2,\) and dtype float32"):
        t.data = value
    np.testing.assert_array_equal(t.data, [1, 2])
    loss.backward()
    np.testing.assert_array_equal(t.grad, [2, 4])


def test_the_array_put_in_place_is_a_copy():
    t, given = ac.Tensor(np.ones(2), requires_grad=True), np.array([3.0, 4.0])
    t.data = given
    loss = (t * t).sum()
    given[...] = 9
    np.testing.assert_array_equal(t.data, [3, 4])
    loss.backward()
    np.testing.assert_array_equal(t.grad, [6, 8])


def test_a_tensor_may_be_given_anothers_array():
    """Wherever in memory that is: of these, some come before others."""
    values = [np.full(2, float(i)) for i in range(6)]
    tensors = [ac.Tensor(value) for value in values]
    for i, t in enumerate(tensors):
        for j, other in enumerate(tensors):
            kept = other.numpy().copy()
            t.data = other.data
            np.testing.assert_array_equal(t.data, kept)
            assert i == j or not np.shares_memory(t.data, other.data)
            t.data = values[i]


@pytest.mark.parametrize("order", "CF")
def test_a_tensor_may_be_given_its_own_array_transposed(order):
    t = ac.Tensor(np.array([[1.0, 2.0], [3.0, 4.0]], order=order), requires_grad=True)
    loss = (t * t).sum()
    t.data = t.data.T
    np.testing.assert_array_equal(t.data, [[1, 3], [2, 4]])
    loss.backward()
    np.testing.assert_array_equal(t.grad, [[2, 4], [6, 8]])


def test_a_tensor_may_be_given_its_own_array_backwards():
    t = ac.Tensor(np.array([1.0, 2.0]), requires_grad=True)
    loss = (t * t).sum()
    t.data = t.data[::-1]
    np.testing.assert_array_equal(t.data, [2, 1])
    loss.backward()
    np.testing.assert_array_equal(t.grad, [2, 4])


# --- what is left behind ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("path", ["direct", "T", "broadcast_to", "three views"])
def test_memory_that_is_freed_leaves_nothing_in_the_tables(path, way):
    gc.collect()
    before = [set(table) for table in tables()]
    for op in ("multiply", "conv2d", "exp", "batch_norm"):
        check(op, path, way, "backward")
        check(op, path, way, "checkpoint")
    gc.collect()
    for keys, table in zip(before, tables(), strict=True):
        assert set(table) <= keys


def test_tables_hold_nothing_of_a_training_loop():
    gc.collect()
    before = [set(table) for table in tables()]

    def train():
        w = ac.Tensor(np.ones((3, 2)), requires_grad=True)
        mean, variance = np.zeros(2), ac.Tensor(np.ones(2))
        optimizer = ac.optim.Adam([w], 0.1)
        for _ in range(3):
            optimizer.zero_grad()
            ac.batch_norm(np.eye(3) @ w, mean, variance, training=True)[0].sum().backward()
            optimizer.step()
            assert w.data.any()

    train()
    gc.collect()
    for keys, table in zip(before, tables(), strict=True):
        assert set(table) <= keys


def tables():
    return history._watched, history._overwritten, history.lent


@pytest.mark.parametrize("kind", [list, np.array, lambda v: ac.Tensor(np.array(v)), lambda v: {"a": v}], ids=range(4))
@pytest.mark.parametrize("by_name", [False, True])
def test_a_checkpoint_goes_by_its_arguments_as_they_were(kind, by_name):
    x, index = ac.Tensor(np.ones(3), requires_grad=True), kind([0, 1])
    f = ac.checkpoint(lambda x, index: x[index["a"] if isinstance(index, dict) else index])
    out = f(x, index=index) if by_name else f(x, index)
    changed = index["a"] if isinstance(index, dict) else index
    (changed.data if isinstance(changed, ac.Tensor) else changed)[0] = 2
    try:
        out.backward(np.array([1.0, 2.0]))
    except RuntimeError as error:
        assert REFUSAL.search(str(error)), error
    else:
        np.testing.assert_array_equal(x.grad, [1, 2, 0])


# --- options that are neither arrays, lists nor tuples ---------------------------------------------------------------


class Lookalike:
    def __init__(self, values):
        self.values = np.array(values)

    def __array__(self, dtype=None, copy=None):
        return self.values

    def __setitem__(self, at, value):
        self.values[at] = value


@pytest.mark.parametrize(
    "kind",
    [lambda v: array.array("q", v), collections.UserList, Lookalike, lambda v: memoryview(np.array(v))],
    ids=["array.array", "UserList", "__array__", "memoryview"],
)
@pytest.mark.parametrize("take", [lambda x, i: x[i], lambda x, i: x.reshape(3, 1)[i, 0], lambda x, i: ac.take(x, i)])
def test_an_index_of_any_kind_is_copied_or_refused(kind, take):
    x, index = ac.Tensor(np.arange(3.0), requires_grad=True), kind([0, 1])
    try:
        out = take(x, index)
    except (TypeError, IndexError):
        return
    index[0] = 2
    out.backward(np.array([1.0, 2.0]))
    np.testing.assert_array_equal(x.grad, [1, 2, 0])


@pytest.mark.parametrize("scale", [lambda: 2.0, lambda: np.full(3, 2.0)])
def test_an_option_in_a_dict_is_copied(scale):
    @ac.primitive
    def scaled_by_a_dict(x, settings):
        return x * settings["scale"]

    @scaled_by_a_dict.backward("x")
    def _(grad, settings):
        return grad * settings["scale"]

    x, settings = ac.Tensor(np.ones(3), requires_grad=True), {"scale": scale()}
    try:
        out = scaled_by_a_dict(x, settings)
    finally:
        registry.pop("scaled_by_a_dict")
    settings["scale"] *= 2
    out.backward(np.ones(3))
    np.testing.assert_array_equal(x.grad, [2, 2, 2])


FROM_OUTSIDE = [
    "SGD",
    "data[...] =",
    "data -=",
    "data =",
    "numpy()",
    "detach() before",
    "detach() after",
    "no_grad",
    "held",
]


READS_OTHERS = re.compile(
    r"^checkpoint: run again, the function called at .*:\d+ reads other values than before, the '"
)


@pytest.mark.parametrize("way", FROM_OUTSIDE)
@pytest.mark.parametrize("path", ["direct", "T", "slice", "detach", "detached view", "two views"])
def test_what_a_checkpoint_reads_from_outside_is_watched_by_itself(path, way):
    """At x = 0 the output tells nothing of w, which is the gradient."""
    shape_of, reach = PATHS[path]
    w = ac.Tensor(np.ones(shape_of((2, 3))), requires_grad=True)
    x = ac.Tensor(np.zeros((2, 3)), requires_grad=True)
    after = WAYS[way](w, ac.Tensor(np.ones(1), requires_grad=True))
    out = ac.checkpoint(lambda x: x * reach(w, (2, 3)))(x)
    after(out)
    x.grad = None
    try:
        out.backward(np.ones((2, 3)))
    except RuntimeError as error:
        assert REFUSAL.search(str(error)) or READS_OTHERS.search(str(error)), error
    else:
        np.testing.assert_array_equal(x.grad, np.ones((2, 3)))


#: What a function may read from outside beside a Tensor in the graph: its parts, how they change, what it computes.
BESIDE = {
    "an array": lambda: (a := np.ones(3), lambda: write(a), lambda x: x * a),
    "a view": lambda: (a := np.ones(3), lambda: write(a), lambda x: x * a[::-1]),
    "a list": lambda: (a := [1.0, 2.0, 3.0], lambda: a.reverse(), lambda x: x * a),
    "a number": lambda: (a := [2.0], lambda: a.append(3.0), lambda x: x * a[-1]),
    "NumPy's number": lambda: (a := [np.float64(2)], lambda: a.append(np.float64(3)), lambda x: x * a[-1]),
    "an option": lambda: (a := [0.1], lambda: a.append(0.2), lambda x: ac.leaky_relu(x - 1e-300, a[-1])),
    "an index": lambda: (a := np.array([0, 1, 1]), lambda: a.fill(2), lambda x: x[a]),
    "a slice": lambda: (a := [slice(0, 2)], lambda: a.append(slice(1, 3)), lambda x: x[a[-1]]),
    "a mask": lambda: (a := np.array([True, False, True]), lambda: np.logical_not(a, out=a),
                       lambda x: ac.where(a, x, 0)),
    "a Tensor's .data": lambda: (a := ac.Tensor(np.ones(3)), lambda: write(a.data), lambda x: x * a.data),
    "a constant Tensor": lambda: (a := ac.Tensor(np.ones(3)), lambda: write(a.data), lambda x: x * a),
    "another constant": lambda: (a := [ac.Tensor(np.ones(3))], lambda: a.append(ac.Tensor(np.zeros(3))),
                                 lambda x: x * a[-1]),
    "a result": lambda: (a := ac.Tensor(np.ones(3), requires_grad=True) * 2, lambda: write(a.data), lambda x: x * a),
    "one of several": lambda: (a := np.ones(3), lambda: write(a), lambda x: ac.einsum("i,i,i->i", x, a, x + 1)),
    "a parameter, by item": lambda: (a := ac.Tensor(np.array(2.0), requires_grad=True), lambda: write(a.data),
                                     lambda x: x * a.item()),
    "another op": lambda: (a := [ac.sigmoid], lambda: a.append(ac.tanh), lambda x: a[-1](x) * 0),
    "one op more": lambda: (a := [0], lambda: a.append(0), lambda x: x * 1 if len(a) == 1 else x * 1 * 1),
}  # fmt: skip


@pytest.mark.parametrize("name", BESIDE)
@pytest.mark.parametrize("changed", [False, True])
def test_what_a_checkpoint_reads_beside_the_graph_is_compared(name, changed):
    """At x = 0 the output tells nothing of it, and the gradient would be another."""
    _, change, f = BESIDE[name]()
    x = ac.Tensor(np.zeros(3), requires_grad=True)
    out = f(x)
    cotangent = np.arange(1.0, out.size + 1)
    out.backward(cotangent, retain_graph=True)
    right, x.grad = x.grad, None
    out = ac.checkpoint(f)(x)
    if changed:
        change()
        with pytest.raises(RuntimeError, match=REFUSAL.pattern + "|^checkpoint: run again, "):
            out.backward(cotangent)
        assert x.grad is None
    else:
        out.backward(cotangent)
        np.testing.assert_array_equal(x.grad, right)


@pytest.mark.parametrize("lend", [False, True])
@pytest.mark.parametrize("kind", [np.array, ac.Tensor, lambda v: ac.Tensor(v, requires_grad=True)], ids=range(3))
def test_arguments_that_are_lent_are_no_others(kind, lend):
    x, y = ac.Tensor(np.zeros(3), requires_grad=True), kind(np.arange(3.0))
    held = y.data if lend and isinstance(y, ac.Tensor) else None
    out = ac.checkpoint(lambda x, y: x * y)(x, y)
    out.backward(np.ones(3), retain_graph=True)
    if held is not None:
        held[...] = 5
    try:
        out.backward(np.ones(3))
    except RuntimeError as error:
        assert REFUSAL.search(str(error)), error
    else:
        np.testing.assert_array_equal(x.grad, [0, 2, 4])


@pytest.mark.parametrize("name", SHAPES_CHANGE)
def test_a_replay_that_fails_names_the_checkpoint_and_its_cause(name):
    _, change, f = OUTSIDE[name]()
    x = ac.Tensor(np.ones((2, 3)), requires_grad=True)
    out = ac.checkpoint(f)(x)
    change()
    with pytest.raises(
        RuntimeError, match=r"^checkpoint: run again, .*test_overwriting\.py:\d+ raises ValueError"
    ) as e:
        out.backward(np.ones(out.shape))
    assert isinstance(e.value.__cause__, ValueError)
    assert str(e.value.__cause__) in str(e.value)
    assert x.grad is None


def test_a_small_difference_beside_a_large_value_is_no_rounding():
    x = ac.Tensor(np.array([1e20, 1.0]), requires_grad=True)
    scale = np.ones(2)
    out = ac.checkpoint(lambda x: x * scale)(x)
    scale[1] = 2
    with pytest.raises(RuntimeError, match="gives another value"):
        out.backward(np.ones(2))
