"""Checks of settings are cached; a float is refused even if an equal int has passed."""

import numpy as np
import pytest

import autograd_cnn as ac

X, W = np.arange(32.0).reshape(1, 2, 4, 4), np.ones((2, 2, 2, 2))

CALLS = {
    "conv2d, stride": lambda pair: ac.conv2d(X, W, stride=pair),
    "conv2d, padding": lambda pair: ac.conv2d(X, W, padding=pair),
    "conv2d, dilation": lambda pair: ac.conv2d(X, W, dilation=pair),
    "conv_transpose2d, stride": lambda pair: ac.conv_transpose2d(X, W, stride=pair),
    "max_pool2d, kernel_size": lambda pair: ac.max_pool2d(X, pair),
    "max_pool2d, stride": lambda pair: ac.max_pool2d(X, 3, pair),
    "avg_pool2d, kernel_size": lambda pair: ac.avg_pool2d(X, pair),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("one", [1.0, np.float64(1), "1"])
def test_a_float_is_refused_before_and_after_its_equal_was_seen(call, one):
    def refused(value):
        with pytest.raises(ValueError, match="is an int or a pair of ints"):
            call(value)

    for value in (one, (one, one), (1, one), [one, one]):
        refused(value)
    call((1, 1))
    call(1)
    for value in (one, (one, one), (1, one), [one, one]):
        refused(value)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_every_way_to_write_a_pair_of_ints_is_the_same(call):
    expected = call((1, 1))
    for pair in (1, [1, 1], np.int64(1), (np.int64(1), 1), (np.int32(1), np.uint8(1))):
        np.testing.assert_array_equal(call(pair), expected)


def test_a_float_is_refused_as_the_number_of_groups():
    ac.conv2d(X, W, groups=1)
    with pytest.raises(ValueError, match="groups is an int that divides"):
        ac.conv2d(X, W, groups=1.0)
