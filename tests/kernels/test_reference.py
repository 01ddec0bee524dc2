"""Every fast kernel against the definition, on random shapes, settings, dtypes and memory orders."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_cnn import kernels
from autograd_cnn.kernels import averaged, gathered, pool, problem, sliced, tiled
from autograd_cnn.kernels.layout import least
from autograd_cnn.kernels.problem import Pooling
from autograd_cnn.reference import kernels as reference
from tests.ops import references


@st.composite
def windows(draw, ceil_mode=False):
    pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
    size = draw(pairs)
    padding = tuple(draw(st.integers(0, n // 2)) for n in size)
    return kernels.Window(
        size, draw(pairs), padding, draw(pairs), ceil_mode=draw(st.booleans()) if ceil_mode else False
    )


@st.composite
def images(draw, window, channels=None, odd=1):
    """Draw images that a window fits into, of any memory order and dtype, with up to `odd` nan or infinite values."""
    extent = window.extent
    size = [draw(st.integers(max(1, e - 2 * p), e + 5)) for e, p in zip(extent, window.padding, strict=True)]
    shape = (draw(st.sampled_from([0, 1, 2, 5])), channels or draw(st.integers(0, 4)), *size)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.integers(-4, 5, shape).astype(draw(st.sampled_from([np.float32, np.float64])))  # ties; sums are exact
    if x.size and odd:
        for wrong in draw(st.lists(st.sampled_from([np.nan, np.inf, -np.inf]), max_size=odd)):
            x.flat[rng.integers(x.size)] = wrong
    order = draw(st.permutations(range(4)))
    moved = np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
    if draw(st.booleans()):
        wide = np.zeros((*shape[:3], 2 * shape[3]), x.dtype)
        wide[..., ::2] = x
        moved = wide[..., ::2]
    return moved


def integers(draw, shape, dtype):
    return np.random.default_rng(draw(st.integers(0, 2**32 - 1))).integers(-3, 4, shape).astype(dtype)


same = np.testing.assert_array_equal


@given(st.data())
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_convolution(data):
    window, groups = data.draw(windows()), data.draw(st.sampled_from([1, 1, 2, 3]))
    channels, filters = groups * data.draw(st.integers(1, 3)), groups * data.draw(st.integers(1, 3))
    x = data.draw(images(window, channels))
    weight = integers(data.draw, (filters, channels // groups, *window.size), x.dtype)
    bias = integers(data.draw, (filters,), x.dtype) if data.draw(st.booleans()) else None
    if bias is not None and data.draw(st.booleans()):
        bias[0] = data.draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    out = kernels.conv2d(x, weight, bias, window, groups)
    same(out, reference.conv2d(x, weight, bias, window, groups))
    assert out.dtype == x.dtype
    grad = integers(data.draw, out.shape, x.dtype)
    if grad.size and data.draw(st.booleans()):
        grad.flat[data.draw(st.integers(0, grad.size - 1))] = np.inf
    same(
        kernels.conv2d_grad_input(grad, weight, x.shape, window, groups),
        reference.conv2d_grad_input(grad, weight, x.shape, window, groups),
    )
    same(
        kernels.conv2d_grad_weight(grad, x, weight.shape, window, groups),
        reference.conv2d_grad_weight(grad, x, weight.shape, window, groups),
    )


@pytest.fixture
def no_image_is_small(monkeypatch):
    monkeypatch.setattr(gathered, "LARGEST_COPY", 0)
    pool._choose.cache_clear()
    yield
    pool._choose.cache_clear()


@pytest.mark.usefixtures("no_image_is_small")
def test_max_pooling_of_a_few_large_images():
    test_max_pooling()


@given(st.data())
def test_max_pooling(data):
    check_max_pooling(data, data.draw(windows(ceil_mode=True)))


@given(st.data())
def test_max_pooling_of_many_images_by_windows_side_by_side(data):
    size = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    padding = tuple(data.draw(st.integers(0, length // 2)) for length in size)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(problem, "FEW_IMAGES", 0)
        patch.setattr(tiled, "BAND", data.draw(st.sampled_from([1, 40, 1000])))
        pool._choose.cache_clear()
        check_max_pooling(data, kernels.Window(size, size, padding, ceil_mode=data.draw(st.booleans())))
    pool._choose.cache_clear()


def check_max_pooling(data, window):
    x = data.draw(images(window, odd=9))
    if x.size and data.draw(st.booleans()):
        x[data.draw(st.integers(0, len(x) - 1))] = data.draw(st.sampled_from([np.nan, -np.inf]))
    out = kernels.max_pool2d(x, window)
    same(out, reference.max_pool2d(x, window))
    grad = integers(data.draw, out.shape, x.dtype)
    if grad.size and data.draw(st.booleans()):
        grad.flat[data.draw(st.integers(0, grad.size - 1))] = np.inf
    expected = reference.max_pool2d_grad(grad, x, out, window)
    same(kernels.max_pool2d_grad(grad, kernels.max_pool2d_winners(x, out, window), x.shape, window), expected)
    # Picking is the adjoint of sending: of numbered elements, it picks those that the windows send gradients to.
    numbered = np.arange(1.0, x.size + 1).reshape(x.shape)
    picked = kernels.max_pool2d_pick(numbered, kernels.max_pool2d_winners(x, out, window), window)
    ones = reference.max_pool2d_grad(np.ones_like(out), x, out, window)
    assert picked.sum() == (numbered * ones).sum()


def test_windows_that_lie_side_by_side_and_leave_nothing_out():
    def tiled(size, stride, image, dilation=(1, 1)):
        return sliced._tiled(Pooling((1, 1, *image), np.dtype(float), kernels.Window(size, stride, dilation=dilation)))

    assert tiled((2, 3), (2, 3), (4, 9))
    assert not tiled((2, 3), (2, 3), (5, 9))
    assert not tiled((2, 3), (2, 3), (4, 10))
    assert not tiled((2, 3), (1, 3), (4, 9))
    assert not tiled((2, 3), (2, 4), (4, 11))
    assert not tiled((2, 3), (2, 3), (5, 8), (2, 1))
    assert not tiled((2, 2), (2, 3), (4, 9))
    assert not tiled((4, 3), (4, 3), (5, 9))
    assert not tiled((2, 4), (2, 4), (4, 5))


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("ceil_mode", [True, False])
def test_max_pooling_with_every_setting_along_an_axis(ceil_mode, batch, rng):
    """The other axis has another length, and windows lie side by side along it."""
    for size, stride, length in itertools.product((1, 2, 3, 4), (1, 2, 3), range(1, 8)):
        for padding in range(max(0, -(-(size - length) // 2)), size // 2 + 1):
            for turned in (False, True):
                pairs = [pair[::-1] if turned else pair for pair in ((size, 2), (stride, 2), (padding, 0))]
                window = kernels.Window(*pairs, (1, 1), ceil_mode)
                x = rng.permutation(np.arange(batch * length * 4.0)).reshape(
                    batch, 1, *((4, length) if turned else (length, 4))
                )
                out = kernels.max_pool2d(x, window)
                same(out, reference.max_pool2d(x, window))
                grad = rng.integers(-3, 4, out.shape).astype(float)
                same(
                    kernels.max_pool2d_grad(grad, kernels.max_pool2d_winners(x, out, window), x.shape, window),
                    reference.max_pool2d_grad(grad, x, out, window),
                )


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("ceil_mode", [True, False])
def test_average_pooling_with_every_setting_along_an_axis(counted, ceil_mode, rng):
    """How padding counts, and the part of a last window that hangs over, along either axis."""
    for size, stride, length in itertools.product((1, 2, 3, 4), (1, 2, 3), range(1, 8)):
        for padding in range(max(0, -(-(size - length) // 2)), size // 2 + 1):
            x = rng.standard_normal((3, 1, length, 1))
            settings = (size, 1), (stride, 1), (padding, 0)
            expected = references.avg_pool2d(x, *settings, ceil_mode=ceil_mode, count_include_pad=counted)
            for axes in ((0, 1, 2, 3), (0, 1, 3, 2)):
                window = kernels.Window(*(tuple(pair[a - 2] for a in axes[2:]) for pair in settings), (1, 1), ceil_mode)
                out = kernels.avg_pool2d(x.transpose(axes), window, counted)
                np.testing.assert_allclose(out, expected.transpose(axes), atol=1e-12)


def test_padding_counts_by_default(rng):
    """The gradient of average pooling is its adjoint, also if neither is told whether padding counts."""
    window = kernels.Window((3, 2), (2, 1), (1, 1))
    x = rng.standard_normal((4, 2, 5, 6))
    out = kernels.avg_pool2d(x, window)
    np.testing.assert_allclose(out, references.avg_pool2d(x, window.size, window.stride, window.padding), atol=1e-12)
    grad = rng.standard_normal(out.shape)
    assert np.vdot(grad, out) == pytest.approx(np.vdot(kernels.avg_pool2d_grad(grad, x.shape, window), x))


@given(st.data())
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, bool])
def test_max_pooling_of_integers(dtype, data):
    window = data.draw(windows(ceil_mode=True))
    x = data.draw(images(window, odd=0))
    x = (x > 0) if dtype is bool else x.astype(dtype)
    if x.size and data.draw(st.booleans()):
        x[...] = least(x.dtype)  # as low as the padding
    out = kernels.max_pool2d(x, window)
    assert out.dtype == dtype
    same(out, reference.max_pool2d(x, window))
    expected = kernels.max_pool2d(x.astype(float), window)
    there = expected > -np.inf
    same(out[there], expected[there])
    assert window.misses(x.shape[2:]) or there.all()


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
@pytest.mark.parametrize("overlap", [True, False])
def test_max_pooling_sends_gradients_of_every_float(dtype, overlap, rng):
    window = kernels.Window((2, 2), (1, 1) if overlap else (2, 2))
    x = rng.integers(-4, 5, (3, 2, 6, 6)).astype(dtype)
    out = kernels.max_pool2d(x, window)
    grad = rng.integers(-3, 4, out.shape).astype(dtype)
    found = kernels.max_pool2d_grad(grad, kernels.max_pool2d_winners(x, out, window), x.shape, window)
    assert found.dtype == dtype
    same(found, reference.max_pool2d_grad(grad, x, out, window))


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@given(st.data(), st.booleans())
def test_average_pooling_of_odd_values(data, counted):
    """A nan or an infinity reaches the windows that hold it, and no other."""
    size, stride = data.draw(st.tuples(*[st.integers(1, 3)] * 2)), data.draw(st.tuples(*[st.integers(1, 3)] * 2))
    padding = tuple(data.draw(st.integers(0, n // 2)) for n in size)
    window = kernels.Window(size, stride, padding, ceil_mode=data.draw(st.booleans()))
    x = data.draw(images(window, odd=4))
    options = {"ceil_mode": window.ceil_mode, "count_include_pad": counted}
    expected = references.avg_pool2d(x, size, stride, padding, **options)
    np.testing.assert_allclose(kernels.avg_pool2d(x, window, counted), expected, rtol=1e-5, atol=1e-5)


def test_the_places_that_calls_share_are_read_only():
    with pytest.raises(ValueError, match="read-only"):
        gathered._places(Pooling((1, 1, 4, 4), np.dtype(float), kernels.Window((2, 2), (2, 2))))[0][...] = 0
    with pytest.raises(ValueError, match="read-only"):
        averaged._share(Pooling((1, 1, 4, 4), np.dtype(float), kernels.Window((2, 2))), True, np.dtype(float))[...] = 0
    assert isinstance(sliced._places(kernels.Window((2, 2), (2, 2)), (2, 2)), tuple)
