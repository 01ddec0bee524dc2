import numpy as np
import pytest

from autograd_cnn.nn import initialization


@pytest.mark.parametrize("shape", [(300, 200), (64, 16, 5, 5)])
def test_variances_are_those_of_the_papers(rng, shape):
    window = np.prod(shape[2:], dtype=int)
    fan_in, fan_out = shape[1] * window, shape[0] * window
    for weight, variance in (
        (initialization.he(rng, shape), 2 / fan_in),
        (initialization.xavier(rng, shape), 2 / (fan_in + fan_out)),
        (initialization.normal(rng, shape, std=0.01), 1e-4),
    ):
        assert weight.shape == shape
        assert weight.dtype == np.float32
        assert weight.requires_grad
        # Standard errors of mean and variance, over more than 25,000 draws, are under 1 %.
        assert abs(weight.data.mean()) < 0.03 * variance**0.5
        assert weight.data.var() == pytest.approx(variance, rel=0.05)


def test_xavier_is_uniform_within_its_bound(rng):
    weight = initialization.xavier(rng, (200, 100)).data
    bound = (6 / 300) ** 0.5
    assert np.abs(weight).max() <= bound
    assert np.abs(weight).max() > 0.99 * bound


def test_the_same_generator_state_gives_the_same_weights():
    first, second = (initialization.he(np.random.default_rng(7), (3, 4)).data for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("shape", [(3,), (0, 3), (3, 0)])
def test_shapes_without_a_fan_in_are_refused(rng, shape):
    with pytest.raises(ValueError, match=rf"got shape \({shape[0]},"):
        initialization.he(rng, shape)
