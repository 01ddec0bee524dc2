import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_cnn as ac
from autograd_cnn import kernels
from autograd_cnn.kernels import layout
from autograd_cnn.kernels.layout import IMAGES, ROWS, View, aligned, aligned_like, as_bits
from autograd_cnn.kernels.problem import Pooling
from autograd_cnn.ops.indexing import scatter_add
from autograd_cnn.testing import arrays, shapes

images = arrays(shapes(min_dims=4, max_dims=4))


orders = pytest.mark.parametrize("order", [IMAGES, ROWS])


@orders
@given(images)
def test_stored_arrays_and_images_are_views_of_one_another(order, x):
    stored = order.store(x)
    assert stored.flags.c_contiguous
    assert stored.shape == tuple(x.shape[i] for i in order.axes)
    np.testing.assert_array_equal(order.images(stored), x)
    if x.size:
        assert np.shares_memory(order.store(order.images(stored)), stored)


@orders
@given(images, st.integers(0, 2), st.integers(0, 2), st.sampled_from([0.0, 7.0]))
def test_padding_surrounds_and_comes_off(order, x, p, q, value):
    problem = Pooling(x.shape, x.dtype, kernels.Window((1, 1), padding=(p, q)))
    padded = order.pad(x, problem, value)
    expected = np.pad(x, ((0, 0), (0, 0), (p, p), (q, q)), constant_values=value)
    assert padded.flags.c_contiguous
    np.testing.assert_array_equal(order.images(padded), expected)
    np.testing.assert_array_equal(order.crop(padded, problem), x)


def test_a_view_is_taken_by_lengths_and_strides():
    x = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    np.testing.assert_array_equal(View.of((3, 8), (2, 24)).take(x, 2), x[:, :, 1].T)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_arrays_begin_at_a_cache_line(dtype):
    for shape in [(), (0,), (3, 5), (1000,)]:
        x = aligned(shape, np.dtype(dtype))
        assert (x.shape, x.dtype) == (shape, dtype)
        assert x.__array_interface__["data"][0] % 64 == 0


@given(images, st.permutations(range(4)), st.booleans())
def test_what_is_aligned_like_an_array_has_its_order_of_memory(x, order, larger):
    x = np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
    shape = (*x.shape[:2], 40, 60) if larger else x.shape
    like, expected = aligned_like(x, shape), np.empty_like(x, shape=shape)
    assert (like.shape, like.dtype) == (shape, x.dtype)
    assert like.strides == expected.strides or 1 in x.shape or 0 in shape
    if like.size >= layout._ALIGNED:
        assert like.ctypes.data % 64 == 0


def test_what_kernels_make_of_images_begins_at_a_cache_line(rng):
    x = rng.standard_normal((16, 8, 10, 14), np.float32)
    weight, window = rng.standard_normal((8, 8, 3, 3), np.float32), kernels.Window((3, 3), (1, 1), (1, 1))
    halves = kernels.Window((2, 2), (2, 2))
    conv, pooled = kernels.conv2d(x, weight, None, window), kernels.max_pool2d(x, halves)
    winners = kernels.max_pool2d_winners(x, pooled, halves)
    for made in (
        conv,
        kernels.conv2d_grad_input(conv, weight, x.shape, window),
        kernels.conv2d(conv, weight, None, kernels.Window((3, 3), (1, 2), (1, 1))),
        pooled,
        kernels.max_pool2d_grad(pooled, winners, x.shape, halves),
        kernels.avg_pool2d(x, halves),
        kernels.relu(conv),
        kernels.relu_grad(conv, conv),
    ):
        assert made.ctypes.data % 64 == 0


def test_bits_are_a_view():
    x = np.array([1.5, np.nan])
    assert as_bits(x).dtype == np.uint64
    assert np.shares_memory(as_bits(x), x)


@given(arrays(shapes(min_dims=1)), st.data())
def test_reshape_agrees_with_numpy(x, data):
    lengths = data.draw(st.permutations(x.shape))
    if x.size and data.draw(st.booleans()):
        lengths[data.draw(st.integers(0, len(lengths) - 1))] = -1
    np.testing.assert_array_equal(kernels.reshape(x, lengths), np.reshape(x, lengths))


def test_flattening_rows_keeps_the_batch_innermost():
    x = np.arange(120.0).reshape(4, 5, 3, 2).transpose(3, 1, 0, 2)
    flat = kernels.reshape(x, (2, -1))
    np.testing.assert_array_equal(flat, np.reshape(x, (2, -1)))
    assert flat.T.flags.c_contiguous


def test_splitting_the_columns_of_rows_keeps_the_batch_innermost():
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


@given(st.permutations(range(4)))
def test_padding_and_the_gradient_of_a_slice_keep_the_memory_order(order):
    """An op that fell back to C order would have everything behind it transposed, to and fro, in every convolution."""
    x = np.ascontiguousarray(np.arange(120.0).reshape(2, 3, 4, 5).transpose(order)).transpose(np.argsort(order))
    padded = ac.pad(x, ((0, 0), (1, 0), (2, 0), (0, 1)))
    assert layout.memory_order(padded) == layout.memory_order(x)
    np.testing.assert_array_equal(padded, np.pad(x, ((0, 0), (1, 0), (2, 0), (0, 1))))
    grad = scatter_add(x, indices=((slice(None, None, 2),) * 4,), shape=(4, 6, 8, 10))
    assert layout.memory_order(grad) == layout.memory_order(x)
    np.testing.assert_array_equal(grad[::2, ::2, ::2, ::2], x)


def test_the_gradient_of_relu_has_the_order_of_its_output(rng):
    """A gradient that was broadcast, as of a mean over pixels, has no order to pass on."""
    out = ROWS.images(ROWS.store(rng.standard_normal((8, 4, 6, 6))))
    grad = np.broadcast_to(rng.standard_normal((8, 4, 1, 1)), out.shape)
    found = kernels.relu_grad(grad, np.maximum(out, 0))
    assert layout.memory_order(found) == layout.memory_order(out)
    np.testing.assert_array_equal(found, np.where(out > 0, grad, 0))
