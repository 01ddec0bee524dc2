import numpy as np
import pytest
from sklearn.datasets import load_digits

from autograd_cnn.data import load


@pytest.mark.parametrize(("split", "rows"), [("train", slice(0, 1437)), ("test", slice(1437, 1797))])
def test_digits_are_those_of_scikit_learn(split, rows):
    dataset, expected = load("digits", split), load_digits()
    assert dataset.images.dtype == np.float32
    assert dataset.labels.dtype == np.int64
    np.testing.assert_array_equal(dataset.images, expected.images[rows, np.newaxis] / 16)
    np.testing.assert_array_equal(dataset.labels, expected.target[rows])
    assert dataset.class_names == tuple(map(str, expected.target_names))


def test_pixels_fill_the_range():
    images = load("digits", "train").images
    assert images.min() == 0
    assert images.max() == 1


def test_each_load_is_the_callers_own():
    load("digits", "test").images[:] = 7
    assert load("digits", "test").images.max() == 1
