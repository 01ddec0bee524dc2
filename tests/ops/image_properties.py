"""The properties of images and of losses, beside those in `properties`."""

import math

import numpy as np
from hypothesis import strategies as st

import autograd_cnn as ac
from autograd_cnn.testing import arrays, convolutions, poolings, shapes, transposed_convolutions
from tests.ops import references
from tests.ops.array_properties import of
from tests.ops.properties import REDUCTIONS, prop

# --- losses ----------------------------------------------------------------------------------------------------------

HOW = {"mean": np.mean, "sum": np.sum, "none": lambda x: x}


@prop
def binary_cross_entropy(draw):
    lengths, reduction = draw(shapes(min_side=1)), draw(REDUCTIONS)
    weight = draw(st.none() | arrays(lengths[-1:], low=0.1))
    x, t = draw(arrays(lengths, low=0.05, high=0.95)), draw(arrays(lengths, low=0, high=1))

    def reference(x, t):
        losses = -(t * np.log(x) + (1 - t) * np.log(1 - x)) * (1 if weight is None else weight)
        return np.asarray(HOW[reduction](losses))

    return (lambda x, t: ac.binary_cross_entropy(x, t, weight, reduction)), (x, t), {"reference": reference}


@st.composite
def errors(draw, kinks):
    """Draw predictions and targets whose differences are away from kinks."""
    lengths = draw(shapes(min_side=1))
    target, error = draw(arrays(lengths)), draw(arrays(lengths, away_from=kinks))
    return np.asarray(target + error), target, draw(REDUCTIONS)


@prop
def l1_loss(draw):
    x, t, reduction = draw(errors([0]))
    return (
        (lambda x, t: ac.l1_loss(x, t, reduction)),
        (x, t),
        {"reference": lambda x, t: np.asarray(HOW[reduction](np.abs(x - t)))},
    )


@prop
def smooth_l1_loss(draw):
    beta = draw(st.sampled_from([1.0, 0.5, 0]))
    x, t, reduction = draw(errors([0, beta, -beta]))

    def each(x, t):
        d = abs(x - t)
        return d * d / 2 / beta if d < beta else d - beta / 2

    reference = lambda x, t: np.asarray(HOW[reduction](np.vectorize(each, otypes=[float])(x, t)))  # noqa: E731
    return (lambda x, t: ac.smooth_l1_loss(x, t, reduction, beta)), (x, t), {"reference": reference}


# --- images of other sizes -------------------------------------------------------------------------------------------


@st.composite
def images(draw, channels=None):
    lead = draw(shapes(max_dims=1, max_side=2))
    sides = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    return draw(arrays((*lead, draw(st.integers(1, 2)) if channels is None else channels, *sides)))


@prop
def pixel_shuffle(draw):
    r = draw(st.integers(1, 3))
    x = draw(images(r * r * draw(st.integers(1, 2))))

    def reference(x):
        out = np.zeros((*x.shape[:-3], x.shape[-3] // (r * r), x.shape[-2] * r, x.shape[-1] * r))
        for *lead, c, i, j in np.ndindex(out.shape):
            out[(*lead, c, i, j)] = x[(*lead, c * r * r + i % r * r + j % r, i // r, j // r)]
        return out

    return ac.pixel_shuffle, (x, r), {"reference": lambda x, _: reference(x)}


@prop
def adaptive_avg_pool2d(draw):
    x = draw(images())
    sizes = draw(st.integers(1, 4) | st.tuples(st.none() | st.integers(1, 6), st.none() | st.integers(1, 6)))

    def reference(x):
        rows, columns = (n or m for n, m in zip(references._pair(sizes), x.shape[-2:], strict=True))
        out = np.zeros((*x.shape[:-2], rows, columns))
        for i, j in np.ndindex(rows, columns):
            (a, b), (c, d) = (
                (k * n // m, math.ceil((k + 1) * n / m))
                for k, n, m in zip((i, j), x.shape[-2:], (rows, columns), strict=True)
            )
            out[..., i, j] = x[..., a:b, c:d].mean((-2, -1))
        return out

    return (lambda x: ac.adaptive_avg_pool2d(x, sizes)), (x,), {"reference": reference}


@prop
def upsample_nearest(draw):
    x = draw(images())
    size = draw(st.none() | st.integers(1, 7) | st.tuples(st.integers(1, 7), st.integers(1, 7)))
    factor = draw(st.sampled_from([1, 2, (3, 2), (1.5, 2.5)])) if size is None else None

    def reference(x):
        scales = references._pair(factor) if size is None else None
        rows, columns = (
            (math.floor(n * f) for n, f in zip(x.shape[-2:], scales, strict=True))
            if size is None
            else references._pair(size)
        )
        out = np.zeros((*x.shape[:-2], rows, columns))
        for i, j in np.ndindex(rows, columns):
            steps = (1 / scales[0], 1 / scales[1]) if scales else (x.shape[-2] / rows, x.shape[-1] / columns)
            at = [min(int(np.float32(k) * np.float32(s)), n - 1) for k, s, n in
                  zip((i, j), steps, x.shape[-2:], strict=True)]  # fmt: skip
            out[..., i, j] = x[..., at[0], at[1]]
        return out

    return (lambda x: ac.upsample_nearest(x, size, factor)), (x,), {"reference": reference}


# --- windows over one image, and padding by name ---------------------------------------------------------------------


@prop
def conv2d_of_named_padding(draw):
    """Padding of "same" is half the window's extent less one on every side, and any remainder goes to the end."""
    x, weight, bias, options = draw(convolutions())
    options = {**options, "padding": draw(st.sampled_from(["same", "valid"]))}
    steps = references._pair(options["dilation"])
    extents = [d * (k - 1) for d, k in zip(steps, weight.shape[2:], strict=True)]
    if options["padding"] == "valid":
        x = np.pad(x, ((0, 0), (0, 0), *((0, e) for e in extents)))
    else:
        options["stride"] = draw(st.sampled_from([1, (1, 1)]))

    def reference(x, weight, bias=None, **options):
        if options["padding"] == "same":
            x = np.pad(x, ((0, 0), (0, 0), *((e // 2, e - e // 2) for e in extents)))
        return references.conv2d(x, weight, bias, **{**options, "padding": 0})

    inputs = (x, weight) if bias is None else (x, weight, bias)
    return ac.conv2d, inputs, {"reference": reference, **options}


def first(strategy):
    """Draw inputs with a batch of at least one image, and take only its first image."""
    return strategy.filter(lambda drawn: len(drawn[0]) > 0).map(lambda drawn: (drawn[0][0], *drawn[1:]))


def one(reference):
    return lambda x, *others, **options: reference(x[None], *others, **options)[0]


def of_one_image(name, op, reference, strategy):
    @of(f"{name}_of_one_image")
    def image(draw):
        *inputs, options = draw(first(strategy))
        inputs = tuple(x for x in inputs if x is not None)
        return op, inputs, {"reference": one(reference), **options}


of_one_image("conv2d", ac.conv2d, references.conv2d, convolutions())
of_one_image("conv_transpose2d", ac.conv_transpose2d, references.conv_transpose2d, transposed_convolutions())
of_one_image("max_pool2d", ac.max_pool2d, references.max_pool2d, poolings())
of_one_image("avg_pool2d", ac.avg_pool2d, references.avg_pool2d, poolings(dilated=False))


@prop
def global_avg_pool2d_of_one_image(draw):
    x = draw(arrays(shapes(min_dims=3, max_dims=3, min_side=1)))
    return ac.global_avg_pool2d, (x,), {"reference": lambda x: x.mean((1, 2))}
