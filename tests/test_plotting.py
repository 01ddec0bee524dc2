"""What is drawn: artists, their data and limits; how it is styled and saved."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from PIL import Image

import autograd_cnn as ac
from autograd_cnn import plotting
from autograd_cnn.plotting import filter_tiles, looks, training_curves

NAN, INF = float("nan"), float("inf")


def history(epochs, steps, **changes):
    """Make a plausible history of `epochs` epochs with `steps` steps each."""
    at = np.arange(1, epochs + 1)
    columns = {
        "epoch": at.tolist(),
        "train_loss": (2 * 0.8**at).tolist(),
        "train_accuracy": (1 - 0.8**at).tolist(),
        "test_loss": (2 * 0.8**at + 0.1).tolist(),
        "test_accuracy": (0.95 - 0.8**at).tolist(),
    } | changes
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    loss = 2.3 * np.exp(-np.arange(epochs * steps) / (2 * steps))
    return {"steps": {"loss": loss.tolist()}, "epochs": rows}


def curve(axes, label):
    """Return the one line whose label begins so."""
    [line] = [line for line in axes.lines if line.get_label().startswith(label)]
    return line


def labels(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def rendered(drawn):
    """Draw it once, as saving does; an error or a warning of matplotlib's fails the test."""
    return looks.encoded(drawn.figure, "png", dpi=40)


class TestLearningCurve:
    @pytest.mark.parametrize("epochs", [1, 2, 50])
    def test_it_has_every_step_and_every_epoch(self, epochs):
        told = history(epochs, 30)
        loss, accuracy = plotting.learning_curve(told).axes
        np.testing.assert_allclose(curve(loss, "training, each step").get_ydata(), told["steps"]["loss"])
        assert curve(loss, "training, each step").get_xdata()[-1] == epochs
        assert curve(loss, "test").get_ydata().tolist() == [e["test_loss"] for e in told["epochs"]]
        assert curve(accuracy, "training").get_ydata().tolist() == [e["train_accuracy"] for e in told["epochs"]]
        assert curve(accuracy, "test").get_xdata().tolist() == list(range(1, epochs + 1))
        assert curve(accuracy, "test").get_color() == looks.TEST

    @settings(max_examples=8, deadline=None)
    @given(st.lists(st.floats(1e-6, 1e4), min_size=1, max_size=40), st.integers(0, 3))
    def test_no_early_loss_is_cut_off(self, losses, epochs):
        loss = plotting.learning_curve(history(epochs, 1) | {"steps": {"loss": losses}}).axes[0]
        assert max(losses) <= loss.get_ylim()[1]
        if loss.get_yscale() == "linear":
            assert min(losses) >= loss.get_ylim()[0]

    def test_a_first_loss_of_a_hundred_makes_the_scale_logarithmic(self):
        told = history(3, 30) | {"steps": {"loss": [100.0, *[0.5] * 89]}}
        loss = plotting.learning_curve(told).axes[0]
        assert loss.get_yscale() == "log"
        assert loss.get_ylim()[1] > 100

    def test_the_legends_say_that_training_images_are_augmented(self):
        plain, augmented = (plotting.learning_curve(history(2, 5), augmented=a).axes for a in (False, True))
        assert not any("augmented" in label for axes in plain for label in labels(axes))
        for axes in augmented:
            assert [label for label in labels(axes) if label.startswith("training")]
            assert all("(augmented images)" in label for label in labels(axes) if label.startswith("training"))
            assert not any("augmented" in label for label in labels(axes) if label.startswith("test"))

    def test_without_a_test_set_there_is_none(self):
        for axes in plotting.learning_curve(history(3, 9, test_loss=[None] * 3, test_accuracy=[None] * 3)).axes:
            assert all(label.startswith("training") for label in labels(axes))

    def test_the_sets_have_dashes_of_their_own(self):
        told = history(40, 9)
        for epoch in told["epochs"]:
            epoch |= {"validation_loss": 0.4, "validation_accuracy": 0.9}
        loss, accuracy = plotting.learning_curve(told).axes
        for axes, training in ((loss, "training, smoothed"), (accuracy, "training")):
            found = [curve(axes, label) for label in (training, "validation", "test")]
            assert len({line.get_linestyle() + str(line._dash_pattern) for line in found}) == 3

    @pytest.mark.parametrize(
        "broken",
        [
            {"steps": {"loss": []}, "epochs": []},
            {"steps": {"loss": [2.3]}, "epochs": []},
            {"steps": {"loss": []}, "epochs": history(2, 0)["epochs"]},
            {"steps": {"loss": [NAN, INF, -INF]}, "epochs": []},
            {"steps": {"loss": [2.0, INF, NAN, 1e300, 1e30, 1.0]}, "epochs": history(1, 1)["epochs"]},
            {"steps": {"loss": [0.0] * 9}, "epochs": history(3, 1, test_loss=[0.0] * 3)["epochs"]},
            history(3, 4, test_loss=[NAN, INF, None], test_accuracy=[NAN] * 3, train_accuracy=[None] * 3),
            history(2, 5, test_accuracy=[1.0, 1.0], train_accuracy=[1.0, 1.0]),
            history(2, 5, test_accuracy=[0.0, 0.0], train_accuracy=[0.0, 0.0]),
        ],
    )
    def test_it_draws_what_there_is_and_counts_what_is_not_finite(self, broken):
        figure = plotting.learning_curve(broken)
        rendered(figure)
        lost = sum(not abs(loss) < 1e38 for loss in broken["steps"]["loss"])
        assert (f"not finite ({lost})" in labels(figure.axes[0])) == (lost > 0)

    @settings(max_examples=5, deadline=None)
    @given(st.lists(st.floats(), max_size=12), st.integers(0, 3))
    def test_it_draws_any_floats(self, losses, epochs):
        rendered(plotting.learning_curve(history(epochs, 1) | {"steps": {"loss": losses}}))

    def test_it_takes_what_fit_returns(self):
        course = ac.training.History.from_dict(history(2, 3), seconds=1.0)
        assert len(curve(plotting.learning_curve(course).axes[0], "training, each").get_ydata()) == 6


@given(st.lists(st.one_of(st.just(NAN), st.floats(-1e3, 1e3)), max_size=30), st.integers(1, 40))
def test_moving_average_leaves_out_what_is_missing(values, window):
    values = np.array(values)
    result = training_curves._moving_average(values, window)
    assert result.shape == values.shape
    window = min(window, len(values))
    for i, mean in enumerate(result):
        # As np.convolve centres an even window: one more before than after.
        near = values[max(0, i - window // 2) : i + (window - 1) // 2 + 1]
        near = near[~np.isnan(near)]
        assert np.isnan(mean) if not near.size else mean == pytest.approx(near.mean(), abs=1e-9)


def lightness(color):
    """Return how light a colour is printed in grey (ITU-R BT.709), 0 to 1."""
    return float(np.dot(to_rgb(color), [0.2126, 0.7152, 0.0722]))


def shade(image, value):
    return lightness(image.cmap(image.norm(value)))


class TestConfusionMatrix:
    @pytest.mark.parametrize("classes", [1, 2, 10, 30, 31, 101])
    def test_counts_names_and_size(self, rng, classes):
        matrix = rng.integers(0, 3, (classes, classes)) + 900 * np.eye(classes, dtype=int)
        ax = plotting.confusion_matrix(matrix, [f"class {i}, with a name that is long" for i in range(classes)])
        written = {(round(t.get_position()[1]), round(t.get_position()[0])): int(t.get_text()) for t in ax.texts}
        expected = {(i, j): int(n) for (i, j), n in np.ndenumerate(matrix) if n} if classes <= 30 else {}
        assert written == expected
        assert max(ax.figure.get_size_inches()) < 16
        np.testing.assert_allclose(ax.images[0].get_array().filled(0), matrix / matrix.sum(1, keepdims=True))
        rendered(ax)

    def test_the_colours_tell_40_percent_from_60_and_darken_evenly(self):
        image = plotting.confusion_matrix(np.eye(2, dtype=int), ["a", "b"]).images[0]
        shades = [shade(image, share) for share in np.linspace(0, 1, 11)]
        assert shades[4] - shades[6] > 0.12  # of the lightness from black to white
        assert all(a - b > 0.03 for a, b in itertools.pairwise(shades))

    def test_a_rare_mistake_differs_from_none(self):
        matrix = 1000 * np.eye(40, dtype=int)
        matrix[5, 30] = 1
        image = plotting.confusion_matrix(matrix, [str(i) for i in range(40)]).images[0]
        assert image.get_array().mask[5, 31]
        assert not image.get_array().mask[5, 30]
        assert shade(image, 0.001) < 0.9

    def test_counts_stand_out_from_their_cells(self):
        ax = plotting.confusion_matrix([[50, 50, 0], [39, 61, 0], [9, 1, 90]], ["a", "b", "c"])
        for text in ax.texts:
            column, row = map(round, text.get_position())
            cell = shade(ax.images[0], ax.images[0].get_array()[row, column])
            assert abs(lightness(text.get_color()) - cell) > 0.3, text

    def test_no_counts_and_odd_names(self):
        names = ["$x", r"$\frac{", "_hidden", "日本", "🐈", "%"]
        ax = plotting.confusion_matrix(np.zeros((6, 6), int), names)
        rendered(ax)
        assert [label.get_text() for label in ax.get_xticklabels()] == names

    @pytest.mark.parametrize(("shape", "names"), [((2, 3), 2), ((2, 2), 3), ((4,), 2), ((0, 0), 0)])
    def test_other_shapes_are_refused(self, shape, names):
        with pytest.raises(ValueError, match=rf"each of the {names} classes named; got shape \({shape[0]},"):
            plotting.confusion_matrix(np.zeros(shape, int), ["a"] * names)


class TestFilters:
    @pytest.mark.parametrize(
        "shape", [(1, 1, 1, 1), (6, 1, 5, 5), (8, 2, 3, 3), (16, 3, 3, 3), (7, 1, 1, 9), (3, 1, 9, 1), (128, 1, 3, 3)]
    )
    def test_there_is_a_tile_for_each_filter_and_channel(self, rng, shape):
        weight = rng.normal(size=shape).astype(np.float32)
        axes = plotting.filters(weight).axes[0]
        many, channels = min(shape[0], filter_tiles.MOST_FILTERS), shape[1]
        assert len(axes.images) == (many if channels == 3 else many * channels)
        if channels != 3 and shape[0] == many:
            tiles = [image.get_array() for image in axes.images]
            np.testing.assert_allclose(tiles, weight.reshape(-1, *shape[2:]))
        assert max(axes.figure.get_size_inches()) <= 10

    def test_they_are_symmetric_about_zero_and_lighter_the_larger(self):
        image = plotting.filters(np.array([-0.5, 0.0, 0.25]).reshape(1, 1, 1, 3)).axes[0].images[0]
        assert image.get_clim() == (-0.5, 0.5)
        shades = [shade(image, value) for value in np.linspace(-0.5, 0.5, 9)]
        assert all(b - a > 0.02 for a, b in itertools.pairwise(shades))

    def test_three_channels_are_colours(self):
        weight = np.zeros((1, 3, 2, 2))
        weight[0, 0, 0, 0], weight[0, 2, 1, 1] = 2, -2
        tile = plotting.filters(ac.Tensor(weight, requires_grad=True), title="One filter").axes[0].images[0].get_array()
        assert [to_hex(tile[i, j]) for i, j in [(0, 0), (0, 1), (1, 1)]] == ["#ff8080", "#808080", "#808000"]

    @pytest.mark.parametrize("value", [0.0, NAN, INF])
    def test_without_a_scale(self, value):
        for channels in (1, 3):
            rendered(plotting.filters(np.full((2, channels, 3, 3), value)))

    @pytest.mark.parametrize("shape", [(120, 400), (0, 1, 5, 5), ()])
    def test_other_shapes_are_refused(self, shape):
        with pytest.raises(ValueError, match="should have shape") as caught:
            plotting.filters(np.zeros(shape))
        assert str(shape) in str(caught.value)

    @given(st.integers(1, 600), st.floats(0.05, 20))
    def test_the_grid_holds_every_tile_without_an_empty_row(self, count, aspect):
        columns = filter_tiles._columns_of_grid(count, aspect)
        assert 1 <= columns <= count
        rows = -(-count // columns)
        assert (rows - 1) * columns < count <= rows * columns

    def test_of_many_those_of_the_largest_norms_are_drawn(self):
        weight = np.zeros((100, 1, 2, 2))
        weight[:, 0, 0, 0] = np.arange(100) % 2 * np.arange(100)  # half of them are 0
        tiles = [image.get_array()[0, 0] for image in plotting.filters(weight).axes[0].images]
        assert len(tiles) == filter_tiles.MOST_FILTERS
        assert [int(v) for v in tiles if v] == list(range(1, 100, 2))
        weight[3] = NAN
        assert 3 not in filter_tiles._largest(weight)

    def test_before_and_after_show_the_same_filters_on_one_scale(self):
        before, after = np.zeros((100, 1, 2, 2)), np.zeros((100, 1, 2, 2))
        before[:50], after[50:] = 0.5, -1.0
        left, right = plotting.filters({"before": before, "after": after}, title="Both").axes[:2]
        assert [axes.get_title(loc="left") for axes in (left, right)] == ["before", "after"]
        assert {image.get_clim() for image in (*left.images, *right.images)} == {(-1.0, 1.0)}
        assert [i.get_array()[0, 0] for i in right.images] == [0.0] * 14 + [-1.0] * 50
        assert [i.get_array()[0, 0] for i in left.images] == [0.5] * 14 + [0.0] * 50

    def test_different_shapes_are_refused(self):
        with pytest.raises(ValueError, match="weights to draw side by side have one shape"):
            plotting.filters({"a": np.zeros((1, 1, 3, 3)), "b": np.zeros((1, 1, 5, 5))})
        with pytest.raises(ValueError, match="weights to draw side by side have one shape; got none"):
            plotting.filters({})


class TestFeatureMaps:
    def test_every_map_is_in_the_mosaic_and_the_gaps_are_not(self, rng):
        maps = rng.normal(size=(20, 4, 6)).astype(np.float32)
        [axes] = plotting.feature_maps(ac.Tensor(maps)).axes
        shown = axes.images[0].get_array()
        assert shown.count() == maps.size
        np.testing.assert_array_equal(shown[:4, :6], maps[0])
        np.testing.assert_array_equal(shown[5:9, 7:13], maps[17])

    def test_each_layer_has_its_own_scale_and_says_it(self):
        axes = plotting.feature_maps({"conv": np.ones((2, 3, 3)) * [0, 1, 2], "logits": np.arange(-5.0, 5)}).axes
        assert [a.images[0].get_clim() for a in axes] == [(0, 2), (-5, 4)]
        assert axes[1].get_title(loc="left") == "logits: 10 values, from -5 to 4"

    def test_more_than_64_are_not_drawn_and_it_says_so(self):
        [axes] = plotting.feature_maps({"conv": np.ones((65, 2, 2))}).axes
        assert axes.get_title(loc="left") == "conv: the first 64 of 65 maps of 2×2, all 1"
        assert axes.images[0].get_array().count() == 64 * 4

    @pytest.mark.parametrize("value", [0.0, NAN])
    def test_without_a_scale(self, value):
        rendered(plotting.feature_maps(np.full((2, 3, 3), value)))

    @pytest.mark.parametrize("maps", [np.ones((1, 2, 3, 3)), np.ones((0, 3, 3)), {"a": np.ones((3, 3))}, {}])
    def test_others_are_refused(self, maps):
        with pytest.raises(ValueError, match=r"of one image, of shape \(C, H, W\)|no feature maps"):
            plotting.feature_maps(maps)


class TestCalibration:
    def test_points_intervals_and_bars(self):
        ax = plotting.calibration(([NAN, 0.4, 0.9], [NAN, 0.5, 0.8], [0, 10, 30]))
        points = curve(ax, "accuracy in each bin")
        assert points.get_xdata().tolist() == [0.4, 0.9]
        assert points.get_ydata().tolist() == [0.5, 0.8]
        assert [bar.get_height() for bar in ax.patches] == [0, 0.25, 0.75]
        [intervals] = [[s[:, 1].tolist() for s in c.get_segments()] for c in ax.collections]
        np.testing.assert_allclose(intervals, [[0.2366, 0.7634], [0.6269, 0.9049]], atol=1e-4)  # Wilson's, by hand
        assert ax.get_xlim()[0] == 0
        assert ax.get_xlim()[1] >= 1

    def test_it_takes_the_metrics_bins(self, rng):
        probabilities = rng.dirichlet(np.ones(3), 200)
        bins = ac.training.metrics.calibration_bins(rng.integers(0, 3, 200), probabilities, bins=8)
        ax = plotting.calibration(bins)
        assert len(curve(ax, "accuracy").get_xdata()) == np.count_nonzero(bins.sizes)
        rendered(ax)

    def test_others_are_refused(self):
        for bins in (([0.5], [0.5], [0]), ([0.5], [0.5], [1, 2]), (0.5, 0.5, 3)):
            with pytest.raises(ValueError, match="three of one shape"):
                plotting.calibration(bins)


class TestSaliency:
    def test_the_gradient_is_symmetric_about_zero_under_the_outline(self):
        image, gradient = np.zeros((1, 6, 6)), np.zeros((1, 6, 6))
        image[0, 2:4, 2:4], gradient[0, 1, 1], gradient[0, 4, 4] = 1, -0.5, 0.25
        ax = plotting.saliency(image, ac.Tensor(gradient), title="3 or 8?")
        np.testing.assert_array_equal(ax.images[0].get_array(), gradient[0])
        assert ax.images[0].get_clim() == (-0.5, 0.5)
        [outline] = ax.collections
        corners = outline.get_paths()[0].vertices
        assert corners.min() == 1.5
        assert corners.max() == 3.5

    def test_an_even_image_and_no_gradient(self):
        ax = plotting.saliency(np.ones((3, 4, 4)), np.full((3, 4, 4), 0.0))
        assert not ax.collections
        rendered(ax)

    def test_shapes_that_differ_are_refused(self):
        with pytest.raises(ValueError, match=r"\(1, 4, 4\).*\(4, 4\).*one shape"):
            plotting.saliency(np.ones((1, 4, 4)), np.ones((4, 4)))


class TestGraph:
    @pytest.fixture
    def drawing(self):
        w = ac.Tensor([1.0, 2.0], requires_grad=True)
        return ac.draw_graph((ac.exp(w) * w).sum(), {"w": w})

    def test_every_box_and_arrow_is_there(self, drawing):
        ax = plotting.graph(drawing)
        boxes = [t for t in ax.texts if t.get_text()]
        assert sorted(t.get_text() for t in boxes) == sorted("\n".join(box.lines) for box in drawing.boxes)
        assert len(ax.texts) - len(boxes) == len(drawing.arrows)
        rendered(ax)

    def test_letters_shrink_to_given_axes(self, drawing):
        ax = plotting.graph(drawing, ax=Figure((1.0, 1.0)).subplots())
        assert {t.get_fontsize() < 4 for t in ax.texts if t.get_text()} == {True}


class TestImages:
    @pytest.mark.parametrize("channels", [1, 2, 3])
    @pytest.mark.parametrize("count", [0, 1, 40])
    def test_mistakes(self, channels, count):
        sure = np.tile([0.7, 0.3], (50, 1))
        true = (np.arange(50) < count).astype(int)
        figure = plotting.mistakes(np.ones((50, channels, 8, 8)), true, sure, ["a" * 40, "$b"])
        shown = [axes for axes in figure.axes if axes.images]
        assert len(shown) == min(count, 24)
        assert all(axes.get_title(loc="left") == "$b" for axes in shown)
        assert all(axes.texts[0].get_text() == "→ aaaaaaaaaa…, 70%" for axes in shown)
        rendered(figure)

    def test_mistakes_are_the_wrong_images_alone_the_surest_first(self):
        pixels = np.arange(4)[:, None, None, None] / 4 * np.ones((4, 3, 4, 4))
        sure = [[0.9, 0.1], [0.3, 0.7], [0.2, 0.8], [0.6, 0.4]]
        figure = plotting.mistakes(list(pixels), [0, 0, 0, 0], sure, ["cat", "dog"])
        assert [axes.images[0].get_array()[0, 0, 0] for axes in figure.axes if axes.images] == [0.5, 0.25]
        assert figure.get_suptitle() == "2 of 4 mistaken"

    def test_mistakes_refuse_shapes_that_do_not_fit(self):
        for images, given_labels, sure in [
            ((2, 8, 8), 2, (2, 2)),
            ((2, 1, 8, 8), 3, (2, 2)),
            ((2, 1, 8, 8), 2, (2, 3)),
        ]:
            with pytest.raises(ValueError, match="for 2 classes: expected"):
                plotting.mistakes(np.ones(images), np.zeros(given_labels, int), np.ones(sure), ["a", "b"])

    def test_images_have_their_captions_and_no_empty_axes(self):
        figure = plotting.images(np.ones((5, 1, 4, 4)), list("abcde"), columns=3, title="Five")
        assert [axes.get_title(loc="left") for axes in figure.axes] == list("abcde")
        assert figure.get_suptitle() == "Five"

    def test_images_refuse_what_does_not_fit(self):
        for pixels, captions in ((np.ones((0, 1, 4, 4)), []), (np.ones((1, 4, 4)), []), (np.ones((2, 1, 4, 4)), ["a"])):
            with pytest.raises(ValueError, match=r"\(N, C, H, W\)|2 images"):
                plotting.images(pixels, captions)

    def test_pairs_stand_beside_each_other(self):
        figure = plotting.seen_images([(np.ones((3, 9, 6)), np.zeros((1, 4, 4)), "7" * 30)] * 4)
        left, right = figure.axes[:2]
        assert left.images[0].get_array().shape == (9, 6, 3)
        assert right.images[0].get_array().shape == (4, 4)
        assert right.get_title() == "7" * 23 + "…"
        assert sum(bool(axes.images) for axes in figure.axes) == 8


SERIES = {"SGD": [0.1, 0.4, 0.5], "Adam": [0.5, 0.8], "broken": [0.2, NAN, INF]}


class TestSeries:
    def test_curves_differ_in_colour_dashes_and_markers_and_leave_out_what_is_no_number(self):
        ax = plotting.curves(SERIES, title="Loss", ylabel="loss")
        np.testing.assert_array_equal(curve(ax, "broken").get_ydata(), [0.2, NAN, NAN])
        for look in ("get_color", "get_marker"):
            assert len({getattr(line, look)() for line in ax.lines}) == 3
        assert (ax.get_title(loc="left"), ax.get_ylabel(), ax.get_xlabel()) == ("Loss", "loss", "epoch")

    def test_dots_stand_at_their_numbers_and_a_stroke_at_the_mean(self):
        ax = plotting.dots({"a": [0.1, 0.3], "b": [0.5]}, title="Accuracy", xlabel="accuracy")
        assert [line.get_xdata().tolist() if hasattr(line.get_xdata(), "tolist") else line.get_xdata()
                for line in ax.lines] == [[0.1, 0.3], [0.2], [0.5], [0.5]]  # fmt: skip
        assert ax.xaxis.get_major_formatter()(0.125) == "12.5%"

    def test_histograms_count_everything(self):
        figure = plotting.histograms({"a": [0.1, 0.3, 0.3], "b": [1.0]}, title="Sure", xlabel="probability")
        assert [sum(bar.get_height() for bar in axes.patches) for axes in figure.axes] == [3, 1]

    @pytest.mark.parametrize(
        ("draw", "words"),
        [
            (plotting.curves, {"title": "t", "ylabel": "y"}),
            (plotting.dots, {"title": "t", "xlabel": "x"}),
            (plotting.histograms, {"title": "t", "xlabel": "x"}),
        ],
    )
    def test_none_is_refused(self, draw, words):
        with pytest.raises(ValueError, match="expected at least one named series"):
            draw({}, **words)


W = ac.Tensor([1.0, 2.0], requires_grad=True)
ON_AXES = {
    "calibration": lambda **on: plotting.calibration(([0.4], [0.5], [10]), **on),
    "confusion_matrix": lambda **on: plotting.confusion_matrix(np.eye(2, dtype=int), ["a", "b"], **on),
    "curves": lambda **on: plotting.curves({"a": [1, 2]}, title="t", ylabel="y", **on),
    "dots": lambda **on: plotting.dots({"a": [1, 2]}, title="t", xlabel="x", **on),
    "graph": lambda **on: plotting.graph(ac.draw_graph((W * W).sum()), **on),
    "saliency": lambda **on: plotting.saliency(np.ones((1, 4, 4)), np.ones((1, 4, 4)), **on),
}
ON_FIGURES = {
    "feature_maps": lambda **on: plotting.feature_maps(np.ones((2, 3, 3)), **on),
    "filters": lambda **on: plotting.filters(np.ones((2, 1, 3, 3)), **on),
    "histograms": lambda **on: plotting.histograms({"a": [0.5]}, title="t", xlabel="x", **on),
    "images": lambda **on: plotting.images(np.ones((2, 1, 4, 4)), **on),
    "learning_curve": lambda **on: plotting.learning_curve(history(2, 5), **on),
    "mistakes": lambda **on: plotting.mistakes(np.ones((1, 1, 4, 4)), [0], [[0.1, 0.9]], ["a", "b"], **on),
    "seen_images": lambda **on: plotting.seen_images([(np.ones((1, 4, 4)), np.ones((1, 4, 4)), "1")], **on),
}
ALL = ON_AXES | ON_FIGURES


def test_every_function_is_among_those_tested_here():
    assert set(plotting.__all__) - {"on_axes", "on_figure", "save"} == set(ALL)


@pytest.mark.parametrize("name", ON_AXES)
def test_given_axes_are_drawn_on_and_returned(name):
    left, right = Figure((8, 4)).subplots(1, 2)
    assert ON_AXES[name](ax=right) is right
    assert right.has_data() or right.texts
    assert not left.has_data()
    assert not left.texts
    rendered(right)


@pytest.mark.parametrize("name", ON_FIGURES)
def test_given_figures_are_drawn_on_and_returned(name):
    whole = Figure((8, 4), layout="constrained")
    left, right = whole.subfigures(1, 2)
    for figure in (right, Figure((4, 3))):
        assert ON_FIGURES[name](figure=figure) is figure
        assert figure.axes
    assert not left.axes
    rendered(whole)


@pytest.mark.parametrize("name", ALL)
def test_the_users_style_neither_matters_nor_changes(name):
    import matplotlib as mpl

    plain = rendered(ALL[name]())
    with mpl.rc_context({"axes.facecolor": "black", "savefig.dpi": 30, "font.size": 30, "xtick.color": "white"}):
        before = dict(mpl.rcParams)
        assert rendered(ALL[name]()) == plain
        assert dict(mpl.rcParams) == before


def test_pyplot_is_left_alone_and_import_is_light():
    code = (
        "import sys\n"
        "import autograd_cnn as ac\n"
        "ac.plotting.filters\n"
        "assert 'matplotlib' not in sys.modules\n"
        "figure = ac.plotting.filters([[[[1.0, 2.0]]]])\n"
        "assert figure._repr_png_().startswith(bytes([137]) + b'PNG')\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plotting.learning_curve(history(2, 5)),
        lambda: plotting.calibration(([0.2, 0.9], [1.0, 0.5], [1, 3])),
        lambda: plotting.curves({name: [0.1, 0.9] for name in "abcdef"}, title="", ylabel=""),
    ],
)
def test_a_legend_covers_neither_the_data_nor_the_names_of_the_axes(draw):
    whole = draw().figure
    whole.draw_without_rendering()
    for axes in whole.axes:
        legend, figure = axes.get_legend().get_window_extent(), whole.bbox
        assert legend.y1 < axes.xaxis.label.get_window_extent().y0
        assert figure.x0 <= legend.x0 <= legend.x1 <= figure.x1
        assert figure.y0 <= legend.y0


def test_a_legend_stays_on_a_figure_that_makes_no_room():
    figure = Figure()
    axes = plotting.calibration(([0.2, 0.9], [1.0, 0.5], [1, 3]), ax=figure.subplots())
    figure.draw_without_rendering()
    legend, inside = axes.get_legend().get_window_extent(), axes.bbox
    assert inside.x0 <= legend.x0 <= legend.x1 <= inside.x1
    assert inside.y0 <= legend.y0 <= legend.y1 <= inside.y1


def test_files_have_the_size_of_the_figure_at_150_dots_an_inch(tmp_path):
    figure = plotting.learning_curve(history(2, 5))
    plotting.save(figure.axes[1], tmp_path / "curve.png")
    with Image.open(tmp_path / "curve.png") as image:
        assert image.format == "PNG"
        assert image.size == (1350, 600)
        assert image.info["dpi"] == pytest.approx((150, 150), abs=0.1)
    plotting.save(figure, tmp_path / "curve.svg")
    assert "augmented" not in (tmp_path / "curve.svg").read_text()
    assert "smoothed" in (tmp_path / "curve.svg").read_text()


def test_a_failure_leaves_the_old_picture_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "filters.png"
    path.write_bytes(b"old")
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        plotting.save(plotting.filters(np.ones((1, 1, 2, 2))), path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_named(tmp_path):
    path = tmp_path / "missing" / "filters.png"
    with pytest.raises(FileNotFoundError) as caught:
        plotting.save(plotting.filters(np.ones((1, 1, 2, 2))), path)
    assert caught.value.filename == str(path)
