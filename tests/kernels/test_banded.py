"""Convolution by banded matrices: tiles of every size, and what they must not do."""

import tracemalloc

import numpy as np
import pytest

from autograd_cnn import kernels
from autograd_cnn.kernels import banded
from autograd_cnn.kernels.problem import Convolution
from autograd_cnn.reference import kernels as reference


@pytest.fixture
def of_rows(monkeypatch):
    """Cut outputs afresh, into bands of a given number of rows and with columns of a given size."""

    def choose(rows, largest=banded.LARGEST_COLUMNS):
        monkeypatch.setattr(banded, "_tile", banded._tile.__wrapped__)
        monkeypatch.setattr(banded, "_band_rows", lambda problem, *_: min(rows, problem.positions[0]))
        monkeypatch.setattr(banded, "LARGEST_COLUMNS", largest)

    return choose


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 9])
@pytest.mark.parametrize("largest", [1, 200, banded.LARGEST_COLUMNS])
@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 1), ((3, 1), (0, 2))])
def test_tiles_of_every_size_agree_with_the_definition(of_rows, rows, largest, stride, padding, rng):
    of_rows(rows, largest)
    pair = (stride, stride) if isinstance(stride, int) else stride
    window = kernels.Window((3, 2), pair, (padding, padding) if isinstance(padding, int) else padding)
    x, weight, bias = rng.standard_normal((4, 3, 9, 10)), rng.standard_normal((5, 3, 3, 2)), rng.standard_normal(5)
    out = reference.conv2d(x, weight, bias, window)
    np.testing.assert_allclose(kernels.conv2d(x, weight, bias, window), out, atol=1e-12)
    grad = rng.standard_normal(out.shape)
    np.testing.assert_allclose(
        kernels.conv2d_grad_weight(grad, x, weight.shape, window),
        reference.conv2d_grad_weight(grad, x, weight.shape, window),
        atol=1e-12,
    )
    np.testing.assert_allclose(
        kernels.conv2d_grad_input(grad, weight, x.shape, window),
        reference.conv2d_grad_input(grad, weight, x.shape, window),
        atol=1e-12,
    )


def test_the_height_of_a_band_follows_the_shapes():
    def rows(weight_shape, image, batch, groups=1, dilation=1, finite=True):
        window = kernels.Window(weight_shape[2:], dilation=(dilation, dilation))
        size = [image + e - 1 for e in window.extent]
        x_shape = (batch, weight_shape[1] * groups, *size)
        problem = Convolution(x_shape, np.dtype(np.float32), window, weight_shape, groups)
        return banded._tile(problem, finite, banded.GATHER).bands[0][0]

    assert rows((6, 1, 5, 5), 28, 1) > rows((6, 1, 5, 5), 28, 128) > 1
    assert rows((32, 32, 3, 3), 32, 64) == 1
    assert rows((6, 1, 5, 5), 28, 1, dilation=2) == 1
    assert rows((4, 1, 3, 3), 28, 1, groups=4) == 1
    assert rows((6, 1, 5, 5), 28, 128, finite=False) == 1


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_a_nan_stays_where_the_definition_has_it(wrong, rng):
    """The zeros off a band would spread it to its neighbours."""
    window = kernels.Window((3, 3), padding=(1, 1))
    x, weight = rng.standard_normal((2, 2, 8, 8)), rng.standard_normal((3, 2, 3, 3))
    x[1, 0, 3, 4] = wrong
    expected = reference.conv2d(x, weight, None, window)
    assert np.isfinite(expected).sum() == expected.size - 3 * 9
    np.testing.assert_allclose(kernels.conv2d(x, weight, None, window), expected, atol=1e-12)
    grad = np.where(np.isfinite(expected), 1.0, wrong)
    np.testing.assert_allclose(
        kernels.conv2d_grad_input(grad, weight, x.shape, window),
        reference.conv2d_grad_input(grad, weight, x.shape, window),
        atol=1e-12,
    )


def test_the_scratch_is_bounded(rng):
    """64 channels of 96×96, 32 images: im2col would take 680 MB."""
    x = rng.standard_normal((96, 64, 96, 32), np.float32).transpose(3, 1, 0, 2)
    weight, window = rng.standard_normal((8, 64, 3, 3), np.float32), kernels.Window((3, 3))
    kernels.conv2d(x[:1], weight, None, window)
    tracemalloc.start()
    out = kernels.conv2d(x, weight, None, window)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - out.nbytes < 1.5 * 4 * banded.LARGEST_COLUMNS


@pytest.mark.parametrize("settings", [{"stride": (1, 5000)}, {"stride": (40, 1)}, {"dilation": (1, 5000)}])
def test_the_gradient_of_one_image_keeps_to_the_scratch_however_wide_the_step(settings):
    window = kernels.Window((3, 3), **settings)
    x_shape, weight = (1, 4, 100, 20003), np.ones((4, 4, 3, 3), np.float32)
    grad = np.ones((1, 4, *window.positions((100, 20003))), np.float32)
    tracemalloc.start()
    out = kernels.conv2d_grad_input(grad, weight, x_shape, window)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - out.nbytes < 1.5 * 4 * banded.LARGEST_COLUMNS
