"""The ways of convolving: which is chosen, and that each agrees with the definition."""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_cnn import kernels
from autograd_cnn.kernels import accumulated, banded, conv, im2col, pool, products, sliced
from autograd_cnn.kernels.layout import IMAGES, ROWS
from autograd_cnn.kernels.problem import Convolution, Pooling
from autograd_cnn.reference import kernels as reference


def window(size, stride=(1, 1), padding=(0, 0), dilation=(1, 1)):
    return kernels.Window(size, stride, padding, dilation)


def check(x, weight, bias, w, groups=1, tolerance=1e-11):
    """Compare a convolution and its gradients, whichever way computes them, with the definition."""
    rng = np.random.default_rng(1)
    out = reference.conv2d(x, weight, bias, w, groups)
    grad = rng.standard_normal(out.shape).astype(x.dtype)
    pairs = [
        (kernels.conv2d(x, weight, bias, w, groups), out),
        *[
            (getattr(kernels, name)(*arguments, w, groups), getattr(reference, name)(*arguments, w, groups))
            for name, arguments in (
                ("conv2d_grad_weight", (grad, x, weight.shape)),
                ("conv2d_grad_input", (grad, weight, x.shape)),
            )
        ],
    ]
    for found, expected in pairs:
        assert found.dtype == expected.dtype
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, atol=tolerance * np.abs(expected).max(initial=1))


def described(weight_shape, batch, positions=(16, 16), groups=1, **settings):
    """Describe the convolution with so many positions."""
    w = window(weight_shape[2:], **settings)
    image = [(n - 1) * s + e - 2 * p for n, s, e, p in zip(positions, w.stride, w.extent, w.padding, strict=True)]
    return Convolution((batch, weight_shape[1] * groups, *image), np.dtype(np.float32), w, weight_shape, groups)


def test_the_algorithm_follows_the_shapes():
    def algorithm(*args, direction="forward", **settings):
        return conv.first(described(*args, **settings), direction).algorithm

    assert algorithm((6, 1, 5, 5), 1) is im2col
    assert algorithm((6, 1, 5, 5), 8) is im2col
    assert algorithm((6, 1, 5, 5), 9) is banded
    assert algorithm((6, 8, 5, 5), 9) is accumulated
    assert algorithm((64, 64, 3, 3), 1, (224, 224)) is accumulated  # its columns are too large
    assert algorithm((6, 1, 5, 5), 64) is accumulated
    assert algorithm((32, 1, 5, 5), 64) is banded  # many features of one channel
    assert algorithm((32, 1, 5, 5), 64, direction="grad_weight") is accumulated
    assert algorithm((32, 32, 3, 3), 64) is accumulated
    assert algorithm((16, 64, 3, 3), 64, stride=(2, 1), dilation=(1, 2)) is accumulated
    assert algorithm((32, 32, 3, 3), 64, stride=(1, 2)) is accumulated
    assert algorithm((32, 32, 3, 1), 64, stride=(1, 2)) is banded  # `accumulated` would copy columns that no tap sees
    assert algorithm((32, 32, 3, 3), 64, dilation=(2, 1)) is banded
    assert algorithm((32, 16, 3, 3), 64, groups=2) is banded
    assert algorithm((6, 8, 5, 5), 1, (14, 14), direction="grad_input") is im2col
    assert algorithm((6, 8, 5, 5), 1, (14, 14), stride=(9, 9), direction="forward") is im2col
    assert algorithm((6, 8, 5, 5), 1, (14, 14), stride=(9, 9), direction="grad_input") is banded  # large shares


def test_whether_filters_are_turned_follows_the_shapes():
    def turns(*args, **settings):
        return conv._turns(described(*args, **settings))

    assert not turns((17, 32, 3, 3), 64, padding=(1, 1))  # `accumulated` adds the products in place anyway
    assert turns((16, 8, 3, 3), 64, padding=(1, 1))  # but that is slower with few features
    assert not turns((16, 7, 3, 3), 64, padding=(1, 1))
    assert not turns((16, 8, 3, 3), 64)
    assert turns((32, 1, 3, 3), 64, padding=(1, 1), groups=32)
    assert turns((4, 4, 3, 3), 64, padding=(2, 2), dilation=(2, 2))
    assert not turns((3, 4, 3, 3), 64, padding=(2, 2), dilation=(2, 2))
    assert not turns((5, 4, 3, 3), 64, padding=(2, 2), dilation=(2, 2))
    assert turns((4, 4, 1, 3), 64, (8, 3), groups=2)  # 1.7 × the positions of the output
    assert not turns((4, 4, 1, 3), 64, (8, 2), groups=2)
    assert not turns((6, 1, 5, 5), 1, (2, 2))  # im2col sends gradients back faster
    assert not turns((32, 32, 3, 3), 64, stride=(2, 1))


WAYS = {"im2col": (im2col, IMAGES, True), "accumulated": (accumulated, ROWS, False), "banded": (banded, ROWS, True)}


@contextlib.contextmanager
def only(name, turns):
    """Solve all problems one way, whether it suits them or not, and if `turns`, turn filters wherever possible."""
    algorithm = WAYS[name][0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conv, "TABLE", (conv.Way(*WAYS[name]),))
        patch.setattr(algorithm, "suits", lambda *_: True)
        patch.setattr(conv, "_turns", lambda problem: turns and problem.transposed is not None)
        conv._choose.cache_clear()
        yield patch
    conv._choose.cache_clear()


@pytest.mark.parametrize("name", WAYS)
def test_the_chosen_algorithm_runs(name, rng):
    done = []
    with only(name, turns=False) as patch:
        for function in ("forward", "grad_weight", "grad_input"):
            theirs = getattr(WAYS[name][0], function)
            patch.setattr(
                WAYS[name][0], function, lambda *args, f=function, theirs=theirs: (done.append(f), theirs(*args))[1]
            )
        x, weight = rng.standard_normal((2, 3, 6, 7)), rng.standard_normal((4, 3, 3, 3))
        check(x, weight, None, window((3, 3), padding=(1, 1)))
    assert done == ["forward", "grad_weight", "grad_input"]


def test_algorithms_have_the_same_functions():
    for table, names in (
        (conv.TABLE, ("suits", "forward", "grad_input", "grad_weight")),
        (pool.TABLE, ("suits", "forward", "winners", "numbered", "grad_input", "pick")),
    ):
        for name in names:
            codes = [getattr(way.algorithm, name).__code__ for way in table]
            assert len({code.co_varnames[: code.co_argcount] for code in codes}) == 1
            assert all(way.algorithm.__doc__ for way in table)


def test_the_last_algorithm_suits_everything():
    problem = Pooling((3, 0, 5, 5), np.dtype(bool), window((5, 5)))
    assert all(sliced.suits(problem, direction) for direction in ("forward", "back"))
    problem = Convolution((3, 0, 5, 5), np.dtype(bool), window((5, 5)), (0, 0, 5, 5))
    assert all(banded.suits(problem, direction) for direction in ("forward", "grad_input", "grad_weight"))


@given(st.data())
@pytest.mark.parametrize("name", WAYS)
def test_every_algorithm_agrees_with_the_definition(name, data):
    size, pair = data.draw(st.tuples(*[st.integers(1, 5)] * 2)), st.tuples(st.integers(1, 3), st.integers(1, 3))
    stride, dilation = data.draw(pair), data.draw(pair)
    groups = 1 if name == "accumulated" else data.draw(st.integers(1, 3))
    if name == "accumulated":
        dilation = (1, dilation[1])
    w = window(size, stride, data.draw(st.tuples(st.integers(0, 3), st.integers(0, 3))), dilation)
    image = [data.draw(st.integers(max(1, e - 2 * p), e + 6)) for e, p in zip(w.extent, w.padding, strict=True)]
    batch, channels, features = (data.draw(st.integers(1, 4)) for _ in range(3))
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    order = data.draw(st.permutations(range(4)))
    x = rng.standard_normal((batch, channels * groups, *image)).astype(dtype)
    x = np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
    weight = rng.standard_normal((features * groups, channels, *size)).astype(dtype)
    bias = rng.standard_normal(features * groups).astype(dtype) if data.draw(st.booleans()) else None
    with only(name, turns=data.draw(st.booleans())) as patch:
        if name == "accumulated":
            rows, columns = data.draw(st.integers(1, 4)), data.draw(st.sampled_from([1, 3, 1000]))
            patch.setattr(accumulated, "_band_rows", lambda *_: rows)
            patch.setattr(accumulated, "_piece", lambda *_: columns)
            patch.setattr(accumulated, "_piece_of_a_sum", lambda *_: (rows, columns))
            accumulated._products.cache_clear()
        check(x, weight, bias, w, groups, tolerance=2e-5 if dtype is np.float32 else 1e-11)


@pytest.mark.parametrize("stride", [1, 2, 5])
def test_taps_that_see_nothing_but_padding(rng, stride):
    """With many results, each such tap once had a product without columns in the weight's gradient."""
    weight = rng.standard_normal((40, 40, 5, 5))
    check(rng.standard_normal((9, 40, 1, 2)), weight, None, window((5, 5), (stride, stride), padding=(2, 2)))


@pytest.mark.parametrize("shape", [(0, 2, 5, 5), (1, 0, 5, 5), (2, 2, 5, 5)])
@pytest.mark.parametrize("features", [0, 3])
def test_empty_images_channels_and_features(shape, features):
    check(np.ones(shape), np.ones((features, shape[1], 3, 3)), np.ones(features), window((3, 3), padding=(1, 1)))


def test_the_turned_window_is_the_adjoint(rng):
    w = window((3, 5), padding=(1, 0), dilation=(2, 1))
    assert w.turns
    assert w.turned().positions(w.positions((9, 8))) == (9, 8)
    assert not window((3, 3), stride=(2, 1)).turns
    assert not window((3, 3), padding=(3, 0)).turns
    check(rng.standard_normal((2, 4, 9, 8)), rng.standard_normal((6, 2, 3, 5)), None, w, groups=2)


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("size", [(3, 3), (1, 3), (5, 3)])
def test_turned_filters_give_the_gradient_of_the_input(groups, size, rng):
    w = window(size, padding=(size[0] // 2, 1))
    weight = rng.standard_normal((8, 8 // groups, *size))
    x = rng.standard_normal((5, 8, 8, 8))
    with only("banded", turns=True):
        assert conv._choose(x.shape, x.dtype, w, weight.shape, groups).turns
        check(x, weight, None, w, groups)


@pytest.mark.parametrize("place", ["x", "weight"])
@pytest.mark.parametrize("wrong", [np.inf, np.nan])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_an_infinity_goes_where_the_definition_sends_it(place, wrong, rng):
    w = window((3, 3), padding=(1, 1))
    x, weight = rng.standard_normal((64, 16, 8, 8)), rng.standard_normal((16, 16, 3, 3))
    assert conv._choose(x.shape, x.dtype, w, weight.shape, 1).forward.algorithm is accumulated
    (x if place == "x" else weight)[3, 2, 1, 1] = wrong
    grad = rng.standard_normal((64, 16, 8, 8))
    for name, arguments in (
        ("conv2d", (x, weight, None)),
        ("conv2d_grad_weight", (grad, x, weight.shape)),
        ("conv2d_grad_input", (grad, weight, x.shape)),
        ("conv2d_grad_input", (x, weight, x.shape)),
    ):
        found, expected = getattr(kernels, name)(*arguments, w), getattr(reference, name)(*arguments, w)
        np.testing.assert_allclose(found, expected, atol=1e-9)


def drawn_numbers(draw, shape):
    """Draw float32 values of a kind that a network holds, with zeros, regions of zeros, and outliers among them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(["normal", "image", "relu", "constant", "wide"]))
    x = {
        "normal": lambda: rng.standard_normal(shape),
        "image": lambda: rng.random(shape),
        "relu": lambda: np.maximum(rng.standard_normal(shape), 0),
        "constant": lambda: np.full(shape, 0.1),
        "wide": lambda: rng.standard_normal(shape) * 10 ** rng.uniform(-6, 6, shape),
    }[kind]()
    for axis in range(4):
        if draw(st.integers(0, 3)) == 0:  # every other image, channel, row or column is zero
            x[(slice(None),) * axis + (slice(draw(st.integers(0, 1)), None, 2),)] = 0
    if draw(st.integers(0, 3)) == 0:
        x *= rng.random(shape) < 0.1
    for outlier in draw(st.lists(st.sampled_from([1e3, -1e6, 1e9]), max_size=3)):
        x.flat[rng.integers(x.size)] = outlier
    return x.astype(np.float32)


#: Batch, channels, features, image, taps, padding: they use all algorithms, and all ways to the input's gradient.
SIZES = [
    (64, 16, 16, (8, 8), (3, 3), (1, 1)),
    (32, 24, 20, (5, 16), (5, 3), (2, 0)),
    (64, 8, 20, (6, 9), (3, 3), (1, 1)),
    (32, 3, 6, (12, 12), (5, 5), (2, 2)),
    (1, 6, 16, (14, 14), (5, 5), (0, 0)),
    (2, 16, 16, (9, 9), (3, 3), (1, 1)),
]


@pytest.mark.parametrize("size", SIZES)
@given(data=st.data())
def test_errors_are_small_beside_the_products_of_each_sum(size, data):
    """Errors are within 1e-5 of the sum of the products' absolute values, and 0 where all are 0."""
    batch, channels, features, image, taps, padding = size
    w = window(taps, padding=padding)
    x, weight = (
        drawn_numbers(data.draw, (batch, channels, *image)),
        drawn_numbers(data.draw, (features, channels, *taps)),
    )
    grad = drawn_numbers(data.draw, (batch, features, *w.positions(image)))
    for name, arguments in (
        ("conv2d", (x, weight, None)),
        ("conv2d_grad_weight", (grad, x, weight.shape)),
        ("conv2d_grad_input", (grad, weight, x.shape)),
    ):
        exact = [a.astype(float) if isinstance(a, np.ndarray) else a for a in arguments]
        sizes = [np.abs(a) if isinstance(a, np.ndarray) else a for a in exact]
        error = np.abs(getattr(kernels, name)(*arguments, w) - getattr(reference, name)(*exact, w))
        assert np.all(error <= 1e-5 * getattr(reference, name)(*sizes, w)), name


@pytest.mark.parametrize("dtypes", [(np.float32, np.float64), (np.float16, np.float16), (np.int64, np.int64)])
@pytest.mark.parametrize("batch", [1, 64])
def test_other_dtypes_are_convolved_too(dtypes, batch, rng):
    w = window((3, 3))
    x, weight = rng.integers(-2, 3, (batch, 16, 6, 6)), rng.integers(-2, 3, (16, 16, 3, 3))
    x, weight = x.astype(dtypes[0]), weight.astype(dtypes[1])
    out = kernels.conv2d(x, weight, None, w)
    assert out.dtype == np.result_type(*dtypes)
    np.testing.assert_array_equal(out, reference.conv2d(x, weight, None, w))


def test_products_in_threads_give_the_same_bits_each_time(rng):
    x, grad = rng.standard_normal((2, 64, 32, 16, 16)).astype(np.float32)
    weight, w = rng.standard_normal((32, 32, 3, 3)).astype(np.float32), window((3, 3), padding=(1, 1))

    def results():
        return [
            kernels.conv2d(x, weight, None, w),
            kernels.conv2d_grad_input(grad, weight, x.shape, w),
            kernels.conv2d_grad_weight(grad, x, weight.shape, w),
        ]

    assert conv._choose(x.shape, x.dtype, w, weight.shape, 1).forward.algorithm is accumulated
    alone = results()
    kernels.set_num_threads(3)
    try:
        first, again = results(), results()
    finally:
        kernels.set_num_threads(1)
    for one, two, three in zip(alone, first, again, strict=True):
        np.testing.assert_array_equal(two, three)
        np.testing.assert_allclose(two, one, atol=1e-5 * np.abs(one).max())


@given(st.integers(1, 300), st.integers(1, 100), st.integers(1, 5000))
def test_pieces_of_a_sum_are_few_and_small_or_all(m, n, k):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accumulated, "leaves_out_packing", lambda: True)
        patch.setattr(products, "leaves_out_packing", lambda: True)
        rows, terms = accumulated._piece_of_a_sum(m, n, k)
    assert 1 <= rows <= m
    assert terms < k + products.LANES  # whole cache lines
    if rows < m:
        assert rows * n <= products.MOST_RESULTS + n  # rounded up
        assert -(-m // rows) <= accumulated.MOST_PIECES
        assert rows * n * terms <= 1.1e6 or terms < products._NARROWEST * 2
