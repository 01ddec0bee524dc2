import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_cnn import kernels
from autograd_cnn.kernels.layout import image_rows, padded_rows, to_images, to_rows
from autograd_cnn.testing import arrays, shapes

images = arrays(shapes(min_dims=4, max_dims=4))


@given(images)
def test_rows_and_images_are_views_of_one_another(x):
    rows = to_rows(x)
    assert rows.flags.c_contiguous
    assert rows.shape == tuple(x.shape[i] for i in (2, 1, 3, 0))
    np.testing.assert_array_equal(to_images(rows), x)
    if x.size:
        assert np.shares_memory(to_rows(to_images(rows)), rows)


@given(images, st.integers(0, 2), st.integers(0, 2))
def test_padding_surrounds_and_comes_off(x, p, q):
    window = kernels.Window((1, 1), padding=(p, q))
    rows = padded_rows(x, window, 7.0)
    expected = np.pad(x, ((0, 0), (0, 0), (p, p), (q, q)), constant_values=7.0)
    np.testing.assert_array_equal(to_images(rows), expected)
    np.testing.assert_array_equal(to_images(image_rows(rows, window, x.shape[2:])), x)


@given(arrays(shapes(min_dims=1)), st.data())
def test_reshape_is_numpy_s(x, data):
    lengths = data.draw(st.permutations(x.shape))
    if x.size and data.draw(st.booleans()):
        lengths[data.draw(st.integers(0, len(lengths) - 1))] = -1
    np.testing.assert_array_equal(kernels.reshape(x, lengths), np.reshape(x, lengths))


def test_flattening_rows_keeps_the_batch_innermost():
    x = np.arange(120.0).reshape(4, 5, 3, 2).transpose(3, 1, 0, 2)
    flat = kernels.reshape(x, (2, -1))
    np.testing.assert_array_equal(flat, np.reshape(x, (2, -1)))
    assert flat.T.flags.c_contiguous


def test_so_does_cutting_their_columns_up():
    x = np.arange(24.0).reshape(12, 2).T
    cut = kernels.reshape(x, (2, 3, -1))
    np.testing.assert_array_equal(cut, np.reshape(x, (2, 3, 4)))
    assert cut.transpose(1, 2, 0).flags.c_contiguous


def test_other_images_are_flattened_in_their_own_order():
    x = np.arange(240.0).reshape(2, 4, 30)[:, ::2]
    flat = kernels.reshape(x, (2, -1))
    np.testing.assert_array_equal(flat, np.reshape(x, (2, -1)))
    assert flat.flags.c_contiguous


@pytest.mark.parametrize("lengths", [(2, 7), (2, -1, -1), (2, -1, 7), (2, 7, 9), (2, 0, -1)])
def test_shapes_that_do_not_fit_have_numpy_s_message(lengths):
    x = np.arange(120.0).reshape(4, 5, 3, 2).transpose(3, 1, 0, 2)
    with pytest.raises(ValueError) as expected:
        np.reshape(x, lengths)
    with pytest.raises(ValueError, match=re.escape(str(expected.value))):
        kernels.reshape(x, lengths)
