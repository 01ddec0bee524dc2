import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from autograd_cnn.data.augment import _smoother, affine, augment, crop_and_flip, elastic


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
    rng = np.random.default_rng(0)
    for result in (augment(images, rng, shift=0, rotate=0, scale=0, shear=0), elastic(images, rng, alpha=0)):
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


def test_shear_leans_upright_lines_to_the_right():
    upright = np.zeros((1, 1, 3, 5), np.float32)
    upright[..., 2] = 1
    leaning = [[0, 0, 0, 1, 0], [0, 0, 1, 0, 0], [0, 1, 0, 0, 0]]
    np.testing.assert_allclose(affine(upright, shear=45)[0, 0], leaning, atol=1e-6)
    np.testing.assert_allclose(affine(upright, shear=-45)[0, 0], leaning[::-1], atol=1e-6)
    half = np.degrees(np.arctan(0.5))
    steep = [[0, 0, 0.5, 0.5, 0], [0, 0, 1, 0, 0], [0, 0.5, 0.5, 0, 0]]
    np.testing.assert_allclose(affine(upright, shear=half)[0, 0], steep, atol=1e-6)


@given(st.data(), batches())
def test_agrees_with_scipy(data, images):
    n, centre = len(images), (np.array(images.shape[2:]) - 1) / 2
    shift = data.draw(amounts((n, 2), -3, 3))
    rotate = data.draw(amounts(n, -180, 180))
    scale = data.draw(amounts(n, 0.5, 2))
    shear = data.draw(amounts(n, -60, 60))
    result = affine(images, shift=shift, rotate=rotate, scale=scale, shear=shear)
    for k in range(n):
        cos, sin = np.cos(np.radians(rotate[k])), np.sin(np.radians(rotate[k]))
        forward = scale[k] * np.array([[cos, -sin], [sin, cos]]) @ [[1, 0], [-np.tan(np.radians(shear[k])), 1]]
        inverse = np.linalg.inv(forward)
        offset = centre - inverse @ (centre + shift[k])
        for channel, seen in zip(images[k], result[k], strict=True):
            options = {"offset": offset, "order": 1, "mode": "grid-constant"}
            expected = ndimage.affine_transform(channel.astype(float), inverse, **options)
            np.testing.assert_allclose(seen, expected, atol=1e-5)


@given(batches(), st.integers(0, 9))
def test_shape_type_range_and_input_are_kept(images, seed):
    before, rng = images.copy(), np.random.default_rng(seed)
    images.flags.writeable = False
    for result in (augment(images, rng, shift=3, rotate=180, scale=0.9, shear=60), elastic(images, rng, sigma=2)):
        assert result.shape == images.shape
        assert result.dtype == np.float32
        np.testing.assert_array_equal(images, before)
        assert np.all(result >= 0)
        assert np.all(result <= images.max(initial=0) + 1e-6)


def bent(images, rng):
    return elastic(images, rng, alpha=9, sigma=1.5)


def moved(images, rng):
    return augment(images, rng, shift=1.5, rotate=30, scale=0.2, shear=20)


@pytest.mark.parametrize("distort", [moved, bent])
@given(images=batches(), a=st.floats(-3, 3, width=32), b=st.floats(-3, 3, width=32))
def test_linear_in_the_images(distort, images, a, b):
    def f(images):
        return distort(images, np.random.default_rng(1))

    other = np.flip(images, axis=(1, 2, 3)).copy()
    combined = f(np.float32(a) * images + np.float32(b) * other)
    np.testing.assert_allclose(combined, a * f(images) + b * f(other), atol=1e-5)


@pytest.mark.parametrize("distort", [augment, moved, elastic, bent])
def test_the_generator_decides(distort, rng):
    images = rng.random((4, 1, 9, 9), dtype=np.float32)
    first = distort(images, np.random.default_rng(5))
    np.testing.assert_array_equal(first, distort(images, np.random.default_rng(5)))
    assert np.any(first != distort(images, np.random.default_rng(6)))


def test_without_shear_no_draw_is_spent_on_it():
    """As before there was shear: the order, rows of two shifts, a rotation for each image, a scale for each."""
    images, rng = np.random.default_rng(0).random((3, 1, 9, 9), np.float32), np.random.default_rng(5)
    by_hand = affine(
        images, shift=rng.uniform(-2, 2, (3, 2)), rotate=rng.uniform(-15, 15, 3), scale=rng.uniform(0.85, 1.15, 3)
    )
    other = np.random.default_rng(5)
    np.testing.assert_array_equal(augment(images, other), by_hand)
    assert other.random() == rng.random()


@given(st.data(), batches())
def test_each_image_is_moved_by_its_own_amounts_alone(data, images):
    n = len(images)
    own = {
        "shift": data.draw(amounts((n, 2), -3, 3)),
        "rotate": data.draw(amounts(n, -180, 180)),
        "scale": data.draw(amounts(n, 0.5, 2)),
        "shear": data.draw(amounts(n, -60, 60)),
    }
    together = affine(images, **own)
    for k in range(n):
        alone = affine(images[k : k + 1], **{name: amount[k : k + 1] for name, amount in own.items()})
        np.testing.assert_array_equal(together[k : k + 1], alone)


@given(batches(), st.integers(0, 9))
def test_images_are_bent_by_draws_in_their_order(images, seed):
    together = elastic(images, np.random.default_rng(seed), sigma=1.5)
    rng = np.random.default_rng(seed)
    for k in range(len(images)):
        np.testing.assert_allclose(together[k : k + 1], elastic(images[k : k + 1], rng, sigma=1.5), atol=1e-5)


@given(st.floats(0, 3), st.floats(0.3, 5), st.integers(0, 9))
def test_bending_leaves_one_colour_alone_and_no_displacement_exceeds_alpha(alpha, sigma, seed):
    plain, inside = np.full((3, 1, 9, 12), 0.7, np.float32), (..., slice(3, -3), slice(3, -3))
    result = elastic(plain, np.random.default_rng(seed), alpha=alpha, sigma=sigma)
    np.testing.assert_array_equal(result[inside], plain[inside])


@pytest.mark.parametrize("axis", [2, 3])
@pytest.mark.parametrize(("alpha", "sigma"), [(8, 2), (8, 4), (6, 1.5)])
def test_displacements_have_the_size_and_smoothness_that_are_promised(rng, axis, alpha, sigma):
    """On a ramp, what is shown is the coordinate of where it was seen."""
    at = np.arange(48, dtype=np.float32)
    ramp = np.broadcast_to(at if axis == 3 else at[:, np.newaxis], (300, 1, 48, 48)).copy()
    inside = slice(alpha, -alpha)
    displacement = (elastic(ramp, rng, alpha=alpha, sigma=sigma) - ramp)[:, 0, inside, inside]
    expected = alpha / (2 * np.sqrt(3 * np.pi) * sigma)
    assert np.sqrt((displacement**2).mean()) == pytest.approx(expected, rel=0.05)
    assert abs(displacement.mean()) < expected / 10
    # Neighbours go together: of a Gaussian's white noise, pixels d apart correlate by exp(−d² / 4σ²).
    a, b = displacement[:, :, 3:], displacement[:, :, :-3]
    assert (a * b).mean() / (displacement**2).mean() == pytest.approx(np.exp(-9 / (4 * sigma**2)), abs=0.05)


@given(st.integers(1, 12), st.floats(0.2, 5))
def test_smoothing_is_scipy_s(length, sigma):
    radius = int(4 * sigma + 0.5)
    noise = np.random.default_rng(0).random(length + 2 * radius)
    expected = ndimage.gaussian_filter1d(noise, sigma, mode="constant")[radius : radius + length]
    np.testing.assert_allclose(_smoother(length, sigma, radius) @ noise, expected, rtol=1e-5)


@pytest.mark.parametrize("distort", [augment, elastic])
def test_images_move_apart_and_channels_together(distort, rng):
    images = np.broadcast_to(rng.random((9, 9), dtype=np.float32), (5, 3, 9, 9))
    result = distort(images, rng)
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
        ({"shear": 90}, "shear is 90: expected a finite number, from 0 up to, not including, 90"),
        ({"shear": np.nan}, "shear is nan: expected"),
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
        ({"shear": -90}, "shear is -90: expected a finite number between -90 and 90"),
        ({"shear": [0, np.nan]}, "shear is nan: expected a finite number between -90 and 90"),
    ],
)
def test_wrong_amounts(amount, message):
    with pytest.raises(ValueError, match=message):
        affine(np.zeros((2, 1, 2, 2), np.float32), **amount)


@pytest.mark.parametrize(
    ("strength", "message"),
    [
        ({"alpha": -1}, "alpha is -1: expected a finite number, 0 or more"),
        ({"alpha": np.nan}, "alpha is nan: expected"),
        ({"sigma": 0}, "sigma is 0: expected a finite number above 0"),
        ({"sigma": np.inf}, "sigma is inf: expected"),
        ({"sigma": np.nan}, "sigma is nan: expected"),
    ],
)
def test_wrong_bending(rng, strength, message):
    with pytest.raises(ValueError, match=message):
        elastic(np.zeros((1, 1, 2, 2), np.float32), rng, **strength)


@pytest.mark.parametrize("distort", [augment, elastic])
@pytest.mark.parametrize("images", [np.zeros((1, 1, 2, 2)), np.zeros((1, 2, 2), np.float32)])
def test_wrong_images(rng, images, distort):
    with pytest.raises(ValueError, match=r"images are float.* of shape .*: expected float32 of shape \(N, C, H, W\)"):
        distort(images, rng)


class TestCropAndFlip:
    @given(batches(), st.integers(0, 3), st.booleans(), st.integers(0, 2**32))
    def test_each_image_is_a_crop_of_its_reflection(self, images, padding, flip, seed):
        before = images.copy()
        result = crop_and_flip(images, np.random.default_rng(seed), padding=padding, flip=flip)
        assert result.dtype == np.float32
        assert result.shape == images.shape
        np.testing.assert_array_equal(images, before)
        height, width = images.shape[2:]
        border = ((0, 0), (padding, padding), (padding, padding))
        for image, moved in zip(images, result, strict=True):
            padded = np.pad(image, border, mode="reflect") if min(height, width) > 1 else None
            if padded is None:  # NumPy reflects no axis of one pixel as we do: it repeats it
                continue
            crops = [
                padded[:, i : i + height, j : j + width] for i in range(2 * padding + 1) for j in range(2 * padding + 1)
            ]
            found = crops + [crop[:, :, ::-1] for crop in crops] if flip else crops
            assert any(np.array_equal(moved, crop) for crop in found)

    def test_an_axis_of_one_pixel_stays(self, rng):
        images = rng.random((3, 2, 1, 1), np.float32)
        np.testing.assert_array_equal(crop_and_flip(images, rng), images)

    def test_all_shifts_and_both_sides_are_drawn_alike(self):
        column = np.tile(np.arange(9, dtype=np.float32), (9, 1)) + 10 * np.arange(9, dtype=np.float32)[:, np.newaxis]
        images = np.broadcast_to(column, (4000, 1, 9, 9))
        result = crop_and_flip(images, np.random.default_rng(0), padding=1)[:, 0]
        centres, counts = np.unique(result[:, 4, 4], return_counts=True)
        assert centres.tolist() == [33, 34, 35, 43, 44, 45, 53, 54, 55]
        assert (abs(counts - 4000 / 9) < 100).all()
        mirrored = (np.diff(result[:, 4], axis=1)[:, 4] < 0).mean()
        assert 0.45 < mirrored < 0.55
        plain = crop_and_flip(images, np.random.default_rng(0), padding=0, flip=False)
        np.testing.assert_array_equal(plain, images)

    @pytest.mark.parametrize("padding", [-1, 1.5, "1"])
    def test_another_padding_is_refused(self, padding, rng):
        with pytest.raises(ValueError, match="expected a whole number, 0 or more"):
            crop_and_flip(np.zeros((1, 1, 4, 4), np.float32), rng, padding=padding)

    def test_other_images_are_refused(self, rng):
        with pytest.raises(ValueError, match="expected float32"):
            crop_and_flip(np.zeros((1, 4, 4), np.float32), rng)
