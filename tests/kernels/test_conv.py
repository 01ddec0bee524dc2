"""The bands of a convolution: every height of band agrees with the definition, at widths where each is chosen."""

import numpy as np
import pytest

from autograd_cnn import kernels
from autograd_cnn.kernels.conv import _Bands
from tests.ops import references


@pytest.mark.parametrize(
    ("channels", "filters", "size", "groups", "rows"),
    [(1, 6, 5, 1, 4), (6, 16, 5, 1, 4), (12, 4, 3, 1, 4), (18, 4, 3, 1, 2), (40, 3, 3, 1, 1), (4, 4, 3, 4, 1)],
)
@pytest.mark.parametrize("height", [3, 7])
@pytest.mark.parametrize("stride", [1, 2])
def test_bands_of_every_height_agree_with_the_definition(channels, filters, size, groups, rows, height, stride, rng):
    image = (height - 1) * stride + size
    window = kernels.Window((size, size), stride=(stride, stride))
    x = rng.standard_normal((2, channels, image, image))
    weight = rng.standard_normal((filters, channels // groups, size, size))
    bands = _Bands(weight.shape, window, groups, height, height)
    if stride == 1 and height >= rows:
        assert bands.rows == rows

    expected = references.conv2d(x, weight, stride=stride, groups=groups)
    np.testing.assert_allclose(kernels.conv2d(x, weight, None, window, groups), expected, atol=1e-10)

    # The gradients are the adjoints: ⟨g, conv(x, w)⟩ = ⟨grad_input(g, w), x⟩ = ⟨grad_weight(g, x), w⟩.
    grad = rng.standard_normal(expected.shape)
    product = np.vdot(grad, expected)
    grad_x = kernels.conv2d_grad_input(grad, weight, x.shape, window, groups)
    grad_w = kernels.conv2d_grad_weight(grad, x, weight.shape, window, groups)
    assert np.vdot(grad_x, x) == pytest.approx(product, rel=1e-10)
    assert np.vdot(grad_w, weight) == pytest.approx(product, rel=1e-10)


def test_the_columns_of_a_band_are_small(rng):
    """LeNet's first layer at batch 256: 40 columns' rows at a time, not 25 copies of 28×28 images."""
    x = rng.standard_normal((256, 1, 32, 32)).astype(np.float32)
    window = kernels.Window((5, 5))
    bands = _Bands((6, 1, 5, 5), window, 1, 28, 28)
    columns = bands.gather(np.ascontiguousarray(x.transpose(2, 1, 3, 0)), range(4))
    assert columns.nbytes < 25 * x.nbytes / 20
