"""Reading handwritten digits, step by step, and as a whole on pictures made to look like photographs."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

import autograd_cnn as ac
from autograd_cnn.data import DataError, read_digit, read_digits
from autograd_cnn.data.handwriting import filters, framed, grouping, ink, mnist_form, ruled_lines
from autograd_cnn.data.handwriting.components import label_components
from autograd_cnn.data.handwriting.reading import find_digits
from tests.photographs import BOARDS, CHALKS, INKS, LINES, PAPERS, Scene, photograph

SMALL = Scene(size=(200, 160), height=0.5)
masks = arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9)))


@pytest.fixture(scope="module")
def digits():
    """The first ten digits of the data set, 0 to 9, in the form of MNIST's."""
    return [framed(image[0]) for image in ac.data.load("digits", "train").images[:10]]


def alike(one, other):
    """Return the correlation of two images."""
    return np.corrcoef(one.ravel(), other.ravel())[0, 1]


class TestFilters:
    @settings(max_examples=30, deadline=None)
    @given(arrays(np.float32, (7, 9), elements=st.floats(0, 1, width=32)), st.sampled_from([1, 3, 5, 7]))
    def test_highest_and_lowest_are_those_of_the_square(self, image, width):
        padded = np.pad(image, width // 2, mode="edge")
        squares = np.lib.stride_tricks.sliding_window_view(padded, (width, width))
        assert np.array_equal(filters.highest(image, width), squares.max((2, 3)))
        assert np.array_equal(filters.lowest(image, width), squares.min((2, 3)))

    def test_closing_fills_what_is_narrower_and_leaves_what_is_wider(self):
        image = np.ones((20, 20), np.float32)
        image[:, 3:6] = image[:, 10:17] = 0
        closed = filters.closed(image, 5)
        assert (closed[:, 3:6] == 1).all()
        assert np.array_equal(closed[:, 8:], image[:, 8:])

    def test_blur_keeps_a_flat_image_and_the_sum_of_a_spot(self):
        assert filters.blur(np.full((2, 5, 6), 0.3, np.float32), 2.0) == pytest.approx(0.3, abs=1e-6)
        spot = np.zeros((21, 21), np.float32)
        spot[10, 10] = 1
        assert filters.blur(spot, 1.5).sum() == pytest.approx(1, abs=1e-5)
        assert filters.blur(spot, 0.0) is spot

    def test_a_ring_does_not_see_a_stroke_that_is_narrower(self):
        image = np.ones((40, 40), np.float32)
        image[:, 18:22] = 0
        assert filters.ring_median(image, 6, 9).min() == 1


class TestComponents:
    @settings(max_examples=60, deadline=None)
    @given(masks)
    def test_parts_are_those_that_a_flood_fills(self, mask):
        labels, count = label_components(mask)
        assert np.array_equal(labels > 0, mask)
        assert set(labels[mask]) == set(range(1, count + 1))
        for number in range(1, count + 1):
            seed = np.zeros_like(mask)
            seed[tuple(np.argwhere(labels == number)[0])] = True
            while not np.array_equal(seed, grown := filters.grown(seed, 1) & mask):
                seed = grown
            assert np.array_equal(seed, labels == number)


class TestRuledLines:
    @pytest.mark.parametrize("turned", [False, True])
    @pytest.mark.parametrize("slope", [-0.12, 0.0, 0.05])
    def test_lines_go_and_strokes_that_cross_them_stay(self, slope, turned):
        y, x = np.indices((150, 150))
        stroke = np.hypot(y - 75, x - 75) < 40
        stroke &= np.hypot(y - 75, x - 75) > 32
        lines = np.zeros_like(stroke)
        for row in (30, 60, 90, 120):
            lines |= np.abs(y - row - slope * (x - 75)) <= 1
        mask = (stroke | lines).T if turned else stroke | lines
        left = ruled_lines.without_ruled_lines(mask)
        left = left.T if turned else left
        assert (left & stroke).sum() > 0.9 * stroke.sum()
        assert (left & ~filters.grown(stroke, 3)).sum() == 0

    def test_a_thick_upright_stroke_is_no_line_though_it_fills_the_picture(self):
        mask = np.zeros((100, 60), bool)
        mask[:, 25:33] = True
        assert np.array_equal(ruled_lines.without_ruled_lines(mask), mask)


class TestInk:
    @pytest.mark.parametrize(
        ("paper", "pen"),
        [
            (PAPERS["white"], INKS["black"]),
            (PAPERS["white"], INKS["pencil"]),
            (PAPERS["yellow note"], INKS["red"]),
            (PAPERS["blue note"], INKS["violet"]),
            ((120, 150, 150), (200, 110, 130)),  # nearly the same grey
            (BOARDS["blackboard"], CHALKS["yellow chalk"]),
        ],
    )
    @pytest.mark.parametrize("light", [{}, {"gradient": 0.5}, {"shadow": 0.45}])
    def test_ink_is_found_in_any_colour_on_any_paper_in_any_light(self, paper, pen, light, digits):
        scene = dataclasses.replace(SMALL, paper=paper, ink=pen, noise=0.01, **light)
        truth = photograph(digits[3][0], dataclasses.replace(SMALL, ink=(0, 0, 0)), np.random.default_rng(0))[0] < 0.5
        seen = ink.find_ink(photograph(digits[3][0], scene, np.random.default_rng(0)))
        (digit,) = find_digits(seen)
        found = digit & (seen > 0.5)
        assert (found & truth).sum() > 0.85 * (found | truth).sum()

    def test_nothing_is_found_on_empty_paper(self):
        noise = np.random.default_rng(0).normal(0.8, 0.01, (3, 120, 90)).astype(np.float32)
        assert not ink.find_ink(noise).any()
        assert not ink.find_ink(np.full((1, 50, 50), 0.5, np.float32)).any()

    def test_the_threshold_is_half_of_the_ink(self):
        image = np.zeros((10, 10), np.float32)
        image[:2] = 0.8
        assert ink.ink_threshold(image) == pytest.approx(0.4)
        assert ink.ink_threshold(np.zeros((3, 3), np.float32)) == np.inf


class TestGrouping:
    def part(self, top, bottom, left, right):
        mask = np.zeros((100, 100), bool)
        mask[top:bottom, left:right] = True
        return mask, mnist_form.box(mask)

    def test_the_bar_of_a_five_belongs_to_it(self):
        parts = [self.part(30, 70, 20, 40), self.part(20, 25, 25, 50)]
        (digit,) = grouping.group_parts(parts, (100, 100))
        assert digit.sum() == sum(mask.sum() for mask, _ in parts)

    def test_digits_stand_from_left_to_right(self):
        parts = [self.part(20, 60, 60, 80), self.part(22, 63, 10, 30)]
        left, right = grouping.group_parts(parts, (100, 100))
        assert left[40, 20]
        assert right[40, 70]

    def test_specks_and_what_touches_the_edge_are_none(self):
        parts = [self.part(30, 70, 30, 50), self.part(5, 7, 90, 92), self.part(0, 100, 95, 100)]
        (digit,) = grouping.group_parts(parts, (100, 100))
        assert np.array_equal(digit, parts[0][0])

    def test_a_digit_that_touches_the_edge_alone_is_taken(self):
        assert len(grouping.group_parts([self.part(0, 70, 30, 50)], (100, 100))) == 1
        assert grouping.group_parts([], (100, 100)) == []


class TestForm:
    def test_the_longer_side_is_20_and_the_centre_of_mass_in_the_middle(self, digits):
        for digit in digits:
            around = mnist_form.box(digit[0] > 0)
            assert max(around.height, around.width) == 20
            assert digit.max() == 1
            assert mnist_form.centre_of_mass(digit[0]) == pytest.approx((14, 14), abs=0.51)
            assert mnist_form.has_mnist_form(digit)

    def test_what_has_another_form_is_told(self, digits):
        for other in (np.roll(digits[0], 3, axis=2), 1 - digits[0], digits[0][:, :20], 0 * digits[0]):
            assert not mnist_form.has_mnist_form(other)


class TestReadDigit:
    def test_what_has_the_form_comes_back_with_the_same_pixels(self, digits):
        for digit in digits:
            assert np.array_equal(read_digit(digit), digit)
            assert read_digit(1 - digit) == pytest.approx(digit, abs=1e-6)
            levels = np.rint(digit * 255).astype(np.uint8)
            assert read_digit(np.repeat(levels, 3, axis=0)) == pytest.approx(digit, abs=1 / 255)

    def test_the_data_set_itself_is_framed(self):
        image = ac.data.load("digits", "test").images[5]
        assert np.array_equal(read_digit(image), framed(image[0]))
        assert read_digit(1 - image) == pytest.approx(framed(image[0]), abs=1e-6)

    def test_a_drawing_is_read_wherever_and_however_large_it_is(self, digits):
        for scale, place in ((2, (60, 10)), (6, (100, 150))):
            drawing = Image.new("L", (320, 280), 255)
            pen = Image.fromarray(255 - np.rint(digits[2][0] * 255).astype(np.uint8))
            drawing.paste(pen.resize((28 * scale, 28 * scale), Image.Resampling.BICUBIC), place)
            assert alike(read_digit(np.asarray(drawing)), digits[2]) > 0.8

    @pytest.mark.parametrize(
        "change",
        [
            {"paper": PAPERS["yellow note"], "ink": INKS["blue"], "texture": 0.05},
            {"shadow": 0.45, "gradient": 0.3, "noise": 0.015, "quality": 50},
            {"lines": LINES["blue"], "grid": True, "perspective": 0.05},
            {"lines": LINES["grey"], "rotate": 5, "blur": 0.005, "ink": INKS["pencil"]},
            {"height": 0.25, "centre": (0.25, 0.7)},
            {"paper": BOARDS["slate"], "ink": CHALKS["white chalk"], "noise": 0.01},
        ],
    )
    def test_photographs_are_read_as_the_digits_that_they_show(self, change, digits):
        scene = dataclasses.replace(SMALL, size=(320, 240), **change)
        likeness = [alike(read_digit(photograph(d[0], scene, np.random.default_rng(7))), d) for d in digits[::3]]
        assert min(likeness) > 0.65
        assert np.mean(likeness) > 0.8

    def test_several_digits_are_an_error_and_are_read_from_left_to_right(self, digits, tmp_path):
        pair = np.concatenate([digits[3], digits[7]], axis=2)[0].repeat(4, 0).repeat(4, 1)
        Image.fromarray(np.rint(255 - 200 * pair).astype(np.uint8)).save(tmp_path / "pair.png")
        with pytest.raises(DataError, match=r"pair\.png seems to have 2 digits: expected one; .*--split"):
            read_digit(tmp_path / "pair.png")
        three, seven = read_digits(tmp_path / "pair.png")
        assert alike(three, digits[3]) > 0.8
        assert alike(seven, digits[7]) > 0.8

    def test_no_digit_is_an_error(self):
        with pytest.raises(DataError, match=r"the picture has no digit that can be told from its background"):
            read_digit(np.full((60, 60), 0.7, np.float32))

    @pytest.mark.parametrize("shape", [(5,), (2, 8, 8), (8, 8, 3), (1, 1, 8, 8), (0, 9)])
    def test_other_shapes_are_refused(self, shape):
        with pytest.raises(ValueError, match="expected"):
            read_digit(np.zeros(shape, np.float32))

    def test_other_pixels_are_refused(self):
        with pytest.raises(ValueError, match="expected 0 to 1"):
            read_digit(np.full((30, 30), 200.0))
        with pytest.raises(ValueError, match="expected 0 to 1"):
            read_digit(np.full((30, 30), np.nan))
        with pytest.raises(TypeError, match="uint8"):
            read_digit(np.zeros((30, 30), int))


def test_mnist_comes_through_unchanged():
    try:
        images = ac.data.load("mnist", "test").images[::50]
    except DataError as error:
        pytest.skip(str(error))
    assert np.mean([np.array_equal(read_digit(image), image) for image in images]) >= 0.99
