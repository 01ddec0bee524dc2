"""Pooling and convolution of nan and infinity: by values given here, and beside PyTorch where it is installed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_cnn as ac
from autograd_cnn.kernels import gathered, pool
from autograd_cnn.testing import convolutions, memory_orders, poolings

NAN, INF = np.nan, np.inf


def pooled(op, image, weights, batch, **options):
    """Pool an image, alone or among others, and return the output and the gradient under a cotangent."""
    x = ac.Tensor(np.tile(np.array(image, float), (batch, 1, 1, 1)), requires_grad=True)
    out = op(x, **options)
    out.backward(np.broadcast_to(np.array(weights, float), out.shape))
    np.testing.assert_array_equal(out.data, np.broadcast_to(out.data[:1], out.shape))
    np.testing.assert_array_equal(x.grad, np.broadcast_to(x.grad[:1], x.shape))
    return out.data[0, 0].tolist(), x.grad[0, 0].tolist()


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(
    ("image", "slopes"),
    [
        ([[NAN, 1], [2, 3]], [[5, 0], [0, 0]]),
        ([[NAN, INF], [NAN, 3]], [[0, 0], [5, 0]]),  # the last nan
        ([[NAN, NAN], [NAN, NAN]], [[0, 0], [0, 5]]),
        ([[1, INF], [INF, 3]], [[0, 5], [0, 0]]),  # the first infinity
        ([[-INF, 1], [INF, -INF]], [[0, 0], [5, 0]]),
        ([[-INF, -INF], [-INF, -INF]], [[5, 0], [0, 0]]),
    ],
)
def test_the_last_nan_or_the_first_maximum_gets_the_gradient(image, slopes, batch):
    out, grad = pooled(ac.max_pool2d, image, [[5]], batch, kernel_size=2)
    np.testing.assert_array_equal(out, [[np.max(image)]])
    assert grad == slopes


@pytest.mark.parametrize("batch", [1, 3])
def test_padding_gets_no_gradient_though_it_is_as_low_as_the_image(batch):
    out, grad = pooled(
        ac.max_pool2d,
        np.full((2, 2), -INF),
        np.arange(1.0, 10).reshape(3, 3),
        batch,
        kernel_size=2,
        stride=1,
        padding=1,
    )
    assert np.all(np.array(out) == -INF)
    assert grad == [[1 + 2 + 4 + 5, 3 + 6], [7 + 8, 9]]


@pytest.mark.parametrize("batch", [1, 3])
def test_overlapping_windows_share_a_nan(batch):
    image = [[1, 2, 3], [4, NAN, 5], [6, 7, 8]]
    out, grad = pooled(ac.max_pool2d, image, [[1, 2], [3, 4]], batch, kernel_size=2, stride=1)
    assert np.isnan(out).all()
    assert grad == [[0, 0, 0], [0, 10, 0], [0, 0, 0]]


@pytest.mark.parametrize("batch", [1, 3])
def test_an_average_holds_what_its_window_holds(batch):
    image = [[1, INF, 2, 4], [3, 1, 6, 8], [NAN, 1, -INF, 1], [1, 1, 1, 1]]
    out, grad = pooled(ac.avg_pool2d, image, [[4, 8], [INF, NAN]], batch, kernel_size=2)
    np.testing.assert_array_equal(out, [[INF, 5], [NAN, -INF]])
    np.testing.assert_array_equal(grad, [[1, 1, 2, 2]] * 2 + [[INF, INF, NAN, NAN]] * 2)


@st.composite
def odd_poolings(draw, **settings):
    """Draw a pooling of ordinary numbers, ties among them, with nan and infinities here and there, and a cotangent."""
    x, options = draw(poolings(**settings))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = np.round(2 * x)
    odd = draw(st.lists(st.sampled_from([NAN, INF, -INF]), min_size=1, max_size=3, unique=True))
    share = draw(st.sampled_from([0.1, 0.5, 1]))
    x = np.where(rng.random(x.shape) < share, rng.choice(odd, x.shape), x)
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    return draw(memory_orders(x.astype(dtype))), options, rng


def beside_pytorch(ours, theirs, x, options, rng):
    """Compare values and gradients, nan for nan."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    mine = ac.Tensor(x, requires_grad=True)
    other = torch.tensor(np.array(x, order="C"), requires_grad=True)
    out, expected = ours(mine, **options), theirs(torch.nn.functional)(other, **options)
    np.testing.assert_allclose(out.data, expected.detach().numpy(), rtol=1e-6)
    cotangent = rng.integers(-3, 4, out.shape).astype(x.dtype)
    if rng.random() < 0.3:
        cotangent[rng.random(out.shape) < 0.3] = rng.choice([NAN, INF])
    out.backward(cotangent)
    expected.backward(torch.from_numpy(cotangent))
    np.testing.assert_allclose(mine.grad, other.grad.numpy(), rtol=1e-6, atol=1e-6)


@pytest.fixture(params=["as it is", "no image is small"])
def way(request, monkeypatch):
    if request.param != "as it is":
        monkeypatch.setattr(gathered, "LARGEST_COPY", 0)
    pool._choose.cache_clear()
    yield
    pool._choose.cache_clear()


@pytest.mark.usefixtures("way")
@given(odd_poolings())
def test_max_pool2d_beside_pytorch(drawn):
    x, options, rng = drawn
    window = ac.ops.pooling._window("max_pool2d", x.shape, **options)
    # PyTorch refuses empty batches, and can crash in the backward of a window of padding alone.
    if len(x) and not window.misses(x.shape[2:]):
        beside_pytorch(ac.max_pool2d, lambda F: F.max_pool2d, x, options, rng)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@given(odd_poolings(dilated=False), st.booleans())
def test_avg_pool2d_beside_pytorch(drawn, counted):
    x, options, rng = drawn
    if len(x):
        beside_pytorch(ac.avg_pool2d, lambda F: F.avg_pool2d, x, {**options, "count_include_pad": counted}, rng)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("batch", [1, 3, 64])
@pytest.mark.parametrize("wrong", [NAN, INF, -INF])
def test_a_convolution_sends_nan_and_infinity_only_to_places_that_see_them(wrong, batch, rng):
    x, weight = rng.standard_normal((batch, 16, 8, 8)), rng.standard_normal((16, 16, 3, 3))
    x[-1, 3, 2, 5] = wrong
    sees = np.zeros((batch, 16, 8, 8), bool)
    sees[-1, :, 1:4, 4:7] = True
    np.testing.assert_array_equal(~np.isfinite(ac.conv2d(x, weight, padding=1)), sees)
    point, parameter = ac.Tensor(np.ones(x.shape), requires_grad=True), ac.Tensor(weight, requires_grad=True)
    ac.conv2d(point, parameter, padding=1).backward(x)
    np.testing.assert_array_equal(~np.isfinite(point.grad), sees)
    feature = np.zeros(weight.shape, bool)
    feature[3] = True
    np.testing.assert_array_equal(~np.isfinite(parameter.grad), feature)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("batch", [1, 3, 64])
def test_padding_is_multiplied_as_zeros_are(batch):
    weight = np.ones((16, 16, 3, 3))
    weight[1, 2, 0, 1] = INF
    out = ac.conv2d(np.ones((batch, 16, 8, 8)), weight, padding=1)
    assert np.isnan(out[:, 1, 0]).all()
    assert np.all(out[:, 1, 1:] == INF)
    assert np.isfinite(np.delete(out, 1, 1)).all()


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@given(convolutions(), st.sampled_from(["x", "weight", "cotangent"]), st.sampled_from([NAN, INF, -INF]), st.data())
def test_conv2d_beside_pytorch(drawn, place, wrong, data):
    """In float64: in float32 the number of images decides if PyTorch multiplies padding by an infinite weight."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    x, weight, _, options = drawn
    if not len(x):
        return
    cotangent = np.random.default_rng(0).standard_normal(np.shape(ac.conv2d(x, weight, **options)))
    arrays = {"x": np.array(x), "weight": np.array(weight), "cotangent": cotangent}
    spoilt = arrays[place]
    spoilt.flat[data.draw(st.integers(0, spoilt.size - 1))] = wrong
    mine = [ac.Tensor(arrays[name], requires_grad=True) for name in ("x", "weight")]
    other = [torch.tensor(arrays[name], requires_grad=True) for name in ("x", "weight")]
    out, expected = ac.conv2d(*mine, **options), torch.nn.functional.conv2d(*other, **options)
    np.testing.assert_allclose(out.data, expected.detach().numpy(), atol=1e-12)
    out.backward(cotangent)
    expected.backward(torch.from_numpy(cotangent))
    for ours, theirs in zip(mine, other, strict=True):
        np.testing.assert_allclose(ours.grad, theirs.grad.numpy(), atol=1e-12)
