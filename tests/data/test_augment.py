import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from autograd_cnn.data.augment import affine, augment


def batches(square=False):
    side = st.integers(1, 7)
    sides = side.flatmap(lambda n: st.just((n, n)) if square else st.tuples(st.just(n), side))
    shapes = st.builds(lambda nc, hw: nc + hw, st.tuples(st.integers(0, 3), st.integers(1, 3)), sides)
    pixels = st.floats(0, 1, width=32, allow_subnormal=False)
    return shapes.flatmap(lambda shape: hnp.arrays(np.float32, shape, elements=pixels))


def amounts(n, low, high):
    return hnp.arrays(np.float64, n, elements=st.floats(low, high))


def shifted(images, down, right):
    """Return images shifted by whole pixels, slice by slice."""
    result = np.zeros_like(images)
    height, width = images.shape[2:]
    for i in range(max(0, down), min(height, height + down)):
        for j in range(max(0, right), min(width, width + right)):
            result[:, :, i, j] = images[:, :, i - down, j - right]
    return result


@given(batches())
def test_nothing_changes_at_strength_zero(images):
    result = augment(images, np.random.default_rng(0), shift=0, rotate=0, scale=0)
    np.testing.assert_array_equal(result, images, strict=True)
    assert not np.shares_memory(result, images)


@given(batches(), st.integers(-9, 9), st.integers(-9, 9))
def test_whole_shifts_move_pixels(images, down, right):
    np.testing.assert_array_equal(affine(images, shift=(down, right)), shifted(images, down, right), strict=True)


@given(batches(square=True), st.integers(-4, 4))
def test_quarter_turns_are_those_of_rot90(images, turns):
    result = affine(images, rotate=90 * turns)
    np.testing.assert_allclose(result, np.rot90(images, turns, axes=(2, 3)), atol=1e-5)


@given(batches())
def test_half_turn_of_any_shape(images):
    np.testing.assert_allclose(affine(images, rotate=180), images[:, :, ::-1, ::-1], atol=1e-5)


def test_half_a_pixel_is_the_mean_of_two():
    image = np.array([[[[1, 3, 5]]]], np.float32)
    np.testing.assert_array_equal(affine(image, shift=(0, 0.5)), [[[[0.5, 2, 4]]]])
    np.testing.assert_array_equal(affine(image, shift=(0.5, 0)), [[[[0.5, 1.5, 2.5]]]])


def test_enlargement_spreads_pixels_from_the_centre():
    image = np.zeros((1, 1, 5, 5), np.float32)
    image[0, 0, 2, 2] = 1
    tent = [0, 0.5, 1, 0.5, 0]
    np.testing.assert_allclose(affine(image, scale=2)[0, 0], np.outer(tent, tent), atol=1e-6)


@given(st.data(), batches())
def test_agrees_with_scipy(data, images):
    n, centre = len(images), (np.array(images.shape[2:]) - 1) / 2
    shift = data.draw(amounts((n, 2), -3, 3))
    rotate = data.draw(amounts(n, -180, 180))
    scale = data.draw(amounts(n, 0.5, 2))
    result = affine(images, shift=shift, rotate=rotate, scale=scale)
    for k in range(n):
        cos, sin = np.cos(np.radians(rotate[k])), np.sin(np.radians(rotate[k]))
        forward = scale[k] * np.array([[cos, -sin], [sin, cos]])
        inverse = np.linalg.inv(forward)
        offset = centre - inverse @ (centre + shift[k])
        for channel, seen in zip(images[k], result[k], strict=True):
            options = {"offset": offset, "order": 1, "mode": "grid-constant"}
            expected = ndimage.affine_transform(channel.astype(float), inverse, **options)
            np.testing.assert_allclose(seen, expected, atol=1e-5)


@given(batches(), st.integers(0, 9))
def test_shape_type_range_and_input_are_kept(images, seed):
    before = images.copy()
    result = augment(images, np.random.default_rng(seed), shift=3, rotate=180, scale=0.9)
    assert result.shape == images.shape
    assert result.dtype == np.float32
    np.testing.assert_array_equal(images, before)
    assert np.all(result >= 0)
    assert np.all(result <= images.max(initial=0) + 1e-6)


@given(batches(), st.floats(-3, 3, width=32), st.floats(-3, 3, width=32))
def test_linear_in_the_images(images, a, b):
    def f(images):
        return augment(images, np.random.default_rng(1), shift=1.5, rotate=30, scale=0.2)

    other = np.flip(images, axis=(1, 2, 3)).copy()
    combined = f(np.float32(a) * images + np.float32(b) * other)
    np.testing.assert_allclose(combined, a * f(images) + b * f(other), atol=1e-5)


def test_the_generator_decides(rng):
    images = rng.random((4, 1, 9, 9), dtype=np.float32)
    first = augment(images, np.random.default_rng(5))
    np.testing.assert_array_equal(first, augment(images, np.random.default_rng(5)))
    assert np.any(first != augment(images, np.random.default_rng(6)))


def test_images_move_apart_and_channels_together(rng):
    images = np.broadcast_to(rng.random((9, 9), dtype=np.float32), (5, 3, 9, 9))
    result = augment(images, rng)
    np.testing.assert_array_equal(result, np.repeat(result[:, :1], 3, axis=1))
    assert len({image.tobytes() for image in result}) == 5


def test_shifts_fill_their_range_and_no_more(rng):
    images = np.zeros((500, 1, 15, 15), np.float32)
    images[:, :, 7, 7] = 1
    result = augment(images, rng, shift=2, rotate=0, scale=0)
    axis = np.arange(15) - 7
    down, right = (result.sum(axis=(1, other)) @ axis for other in (3, 2))
    for moved in (down, right):
        assert -2 <= moved.min() < -1.9
        assert 1.9 < moved.max() <= 2


@pytest.mark.parametrize(
    ("strength", "message"),
    [
        ({"shift": -1}, "shift is -1: expected a finite number, 0 or more"),
        ({"rotate": np.inf}, "rotate is inf: expected"),
        ({"rotate": np.nan}, "rotate is nan: expected"),
        ({"scale": 1}, "scale is 1: expected a finite number, from 0 up to, not including, 1"),
    ],
)
def test_wrong_strengths(rng, strength, message):
    with pytest.raises(ValueError, match=message):
        augment(np.zeros((1, 1, 2, 2), np.float32), rng, **strength)


@pytest.mark.parametrize(
    ("amount", "message"),
    [
        ({"scale": 0}, "scale is 0: expected a finite number above 0"),
        ({"scale": [1, np.inf]}, "scale is inf: expected a finite number above 0"),
        ({"shift": (0, np.nan)}, "shift is nan: expected a finite number$"),
        ({"rotate": [0, -np.inf]}, "rotate is -inf: expected a finite number$"),
    ],
)
def test_wrong_amounts(amount, message):
    with pytest.raises(ValueError, match=message):
        affine(np.zeros((2, 1, 2, 2), np.float32), **amount)


@pytest.mark.parametrize("images", [np.zeros((1, 1, 2, 2)), np.zeros((1, 2, 2), np.float32)])
def test_wrong_images(rng, images):
    with pytest.raises(ValueError, match=r"images are float.* of shape .*: expected float32 of shape \(N, C, H, W\)"):
        augment(images, rng)
