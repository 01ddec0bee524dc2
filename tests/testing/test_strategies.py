import numpy as np
import pytest
from hypothesis import assume, find, given, settings
from hypothesis import strategies as st

from autograd_cnn.testing import arrays, broadcastable_arrays, convolutions, memory_orders, poolings, shapes
from tests.ops import references


@given(st.data(), shapes())
def test_arrays_keep_their_bounds_and_their_distance(data, shape):
    x = data.draw(arrays(shape, low=-1, high=3, away_from=[0, 1]))
    assert x.shape == shape
    assert x.dtype == np.float64
    assert ((x >= -1.02) & (x <= 3.02)).all()
    assert (np.abs(x) >= 0.0099).all()
    assert (np.abs(x - 1) >= 0.0099).all()


@given(arrays(shapes(min_side=1), distinct=True))
def test_distinct_arrays_have_no_ties(x):
    gaps = np.diff(np.sort(x, axis=None))
    assert (gaps > 4 / (x.size + 1) * 0.1).all()


@given(shapes(), st.data())
def test_a_memory_order_changes_no_value(shape, data):
    x = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    np.testing.assert_array_equal(data.draw(memory_orders(x)), x)


@pytest.mark.parametrize(
    "awkward",
    [
        lambda x: x.size > 1 and not x.flags.c_contiguous and x.flags.f_contiguous,
        lambda x: x.size > 1 and min(x.strides) < 0,
        lambda x: x.ndim > 0 and x.size > 1 and abs(x.strides[-1]) == 16,
        lambda x: x.ndim == 4 and len(x) > 1 and x.strides[0] == 8 and x.shape[1] > 1 and x.strides[1] > 8,
        lambda x: not x.flags.writeable,
        lambda x: x.size == 0,
        lambda x: x.ndim == 0,
    ],
)
def test_every_awkward_memory_is_drawn(awkward):
    find(arrays(shapes()), awkward, settings=settings(max_examples=2000, database=None))


@given(broadcastable_arrays(3))
def test_broadcastable_arrays_broadcast(drawn):
    assert len(drawn) == 3
    np.broadcast_shapes(*[x.shape for x in drawn])


@given(convolutions())
def test_convolutions_are_legal(drawn):
    x, weight, bias, options = drawn
    assume(x.size < 60)
    out = references.conv2d(x, weight, bias, **options)
    assert min(out.shape[2:]) >= 1


@given(poolings())
def test_poolings_are_legal(drawn):
    x, options = drawn
    assert min(references.max_pool2d(x, **options).shape[2:]) >= 1
