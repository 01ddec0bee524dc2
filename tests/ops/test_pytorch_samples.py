"""Our ops on PyTorch's own samples: values, first and second gradients, and jvp, in float64; and its error inputs.

Cotangents and tangents are random. A sample that our op cannot express raises `LeftOut`, with the reason.
"""

import warnings
from collections import Counter

import numpy as np
import pytest

import autograd_cnn as ac
from tests.ops import pytorch_samples
from tests.ops.pytorch_samples import OURS, LeftOut

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest", reason="PyTorch's samples come with its testing tools, which need it")

NETWORK = ("nn.functional.",)


def infos():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytorch_samples.infos()


def tensors(value):
    """Return the tensors in a sample's value, in order."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [t for x in value for t in tensors(x)] if isinstance(value, list | tuple) else []


def rebuild(value, new):
    """Return a sample's value with its tensors replaced by new ones."""
    if isinstance(value, torch.Tensor):
        return next(new)
    if isinstance(value, dict):
        return {k: rebuild(v, new) for k, v in value.items()}
    if isinstance(value, list | tuple) and not isinstance(value, torch.Size):
        return type(value)(rebuild(v, new) for v in value)
    return tuple(value) if isinstance(value, torch.Size) else value


def flat(out):
    """Return the floating point results of a call."""
    parts = out if isinstance(out, tuple | list) else [out]
    return [x for x in parts if str(x.dtype).removeprefix("torch.").startswith("float")]


def plain(x):
    return x.detach().numpy(force=True) if isinstance(x, torch.Tensor) else getattr(x, "data", x)


def agree(what, found, expected, nan_is_zero=False):
    found, expected = plain(found), plain(expected)
    if nan_is_zero:
        expected = np.where(np.isnan(expected), 0, expected)
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-10, equal_nan=True, err_msg=what)


def derivatives_of_theirs(f, values, cotangents, tangents, weights):
    """Return PyTorch's gradients, jvp, and gradients of the sum of the gradients weighted by `weights`."""
    leaves = [torch.tensor(v, requires_grad=True) for v in values]
    seeds = [torch.tensor(c, requires_grad=True) for c in cotangents]

    def by(total, inputs):
        found = [None] * len(inputs)
        if total.requires_grad:
            found = torch.autograd.grad(total, inputs, retain_graph=True, allow_unused=True)
        return [torch.zeros_like(x) if g is None else g for g, x in zip(found, inputs, strict=True)]

    first = torch.autograd.grad(flat(f(*leaves)), leaves, seeds, create_graph=True, allow_unused=True)
    first = [torch.zeros_like(x) if g is None else g for g, x in zip(first, leaves, strict=True)]
    # A gradient is linear in the cotangents: its derivative with respect to them is the jvp.
    pushed = by(sum((g * torch.tensor(t)).sum() for g, t in zip(first, tangents, strict=True)), seeds)
    second = by(sum((g * torch.tensor(w)).sum() for g, w in zip(first, weights, strict=True)), leaves)
    return first, pushed, second


def derivatives_of_ours(f, values, cotangents, tangents, weights):
    """Return the same, computed by our transforms."""

    def floats(*args):
        return tuple(flat(f(*args)))

    def gradients(*args):
        return ac.vjp(floats, *args)[1](tuple(cotangents))

    def weighed(*args):
        products = [ac.sum(ac.multiply(g, w)) for g, w in zip(gradients(*args), weights, strict=True)]
        return sum(products, start=ac.Tensor(np.array(0.0)))

    pushed = ac.jvp(floats, tuple(values), tuple(tangents))[1]
    return gradients(*values), pushed, ac.grad(weighed, tuple(range(len(values))))(*values)


def check(info, ours, sample, rng):
    """Compare one sample."""
    whole = (sample.input, sample.args, sample.kwargs)
    given = tensors(whole)
    wanted = [i for i, t in enumerate(given) if t.requires_grad]

    def call(op, constants, leaves):
        parts = [*constants]
        for i, leaf in zip(wanted, leaves, strict=True):
            parts[i] = leaf
        x, args, kwargs = rebuild(whole, iter(parts))
        return op(x, *args, **kwargs)

    def theirs(*leaves):
        return call(info.op, [t.detach() for t in given], leaves)

    def mine(*leaves):
        return call(ours, [t.detach().numpy() for t in given], leaves)

    values = [given[i].detach().numpy().copy() for i in wanted]
    out = mine(*[ac.Tensor(v, requires_grad=True) for v in values])
    expected = theirs(*[torch.tensor(v, requires_grad=True) for v in values])
    outs, expecteds = ([x] if not isinstance(x, tuple | list) else list(x) for x in (out, expected))
    for a, b in zip(outs, expecteds, strict=False):
        agree("value", a, b)
    results = flat(expected)
    if not any(x.requires_grad for x in results):
        return
    drawn = [[rng.standard_normal(tuple(x.shape)) for x in like] for like in (results, values, values)]
    found, expected = (f(g, values, *drawn) for f, g in ((derivatives_of_ours, mine), (derivatives_of_theirs, theirs)))
    # At zero and for empty arrays, PyTorch's norm has gradient 0 and higher derivatives nan; here these are 0, too.
    loose = info.name == "linalg.norm"
    for what, a, b in zip(("gradient", "jvp", "second gradient"), found, expected, strict=True):
        for x, y in zip(a, b, strict=True):
            agree(what, x, y, loose and what != "gradient")


def described(value):
    """Return a sample's value with its tensors replaced by their shapes."""
    return rebuild(value, (tuple(t.shape) for t in tensors(value)))


def walk(info, enough=None):
    """Return how many samples of an op agree, up to `enough`, and the reasons of those that are left out."""
    name = pytorch_samples.key(info)
    ours = OURS[name]
    agreed, left_out = 0, Counter()
    rng = np.random.default_rng(0)
    for sample in info.sample_inputs("cpu", torch.float64, requires_grad=info.supports_autograd):
        try:
            check(info, ours, sample, rng)
            agreed += 1
            if agreed == enough:
                break
        except LeftOut as reason:
            left_out[str(reason)] += 1
        except Exception as error:
            error.add_note(f"in {name}{described((sample.input, *sample.args))} {described(sample.kwargs)}")
            raise
    return agreed, left_out


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("info", infos(), ids=lambda info: f"{info.name}-{info.variant_test_name}")
def test_samples_agree(info):
    torch.manual_seed(0)
    agreed, left_out = walk(info)
    assert agreed or f"{info.name}.{info.variant_test_name}".strip(".") in pytorch_samples.NONE, left_out


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "info", [i for i in infos() if i.name.startswith(NETWORK) and i.error_inputs_func], ids=lambda info: info.name
)
def test_what_pytorch_refuses_is_refused(info):
    for wrong in info.error_inputs("cpu"):
        sample = wrong.sample_input
        whole = (sample.input, sample.args, sample.kwargs)
        given = tensors(whole)
        if len({x.dtype for x in given}) > 1:
            continue  # our ops promote them to one dtype
        x, args, kwargs = rebuild(whole, (t.detach().numpy() for t in given))
        with pytest.raises((ValueError, TypeError, RuntimeError, IndexError, LeftOut)):
            OURS[pytorch_samples.key(info)](x, *args, **kwargs)
