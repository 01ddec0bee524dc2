import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from autograd_cnn.output import plotting
from autograd_cnn.output.plotting import canvas, filter_tiles, training_curves

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


def pixels(path):
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert image.info["dpi"] == pytest.approx((150, 150), abs=0.1)
        return np.asarray(image.convert("RGB"))


def has_color(picture, color, tolerance=12):
    target = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    return bool((np.abs(picture.astype(int) - target).max(-1) <= tolerance).any())


@pytest.mark.parametrize("epochs", [1, 2, 50])
def test_learning_curve_shows_training_and_test(tmp_path, epochs):
    plotting.learning_curve(history(epochs, 30), tmp_path / "curve.png")
    picture = pixels(tmp_path / "curve.png")
    assert picture.shape == (540, 1350, 3)
    for half in (picture[:, :675], picture[:, 675:]):
        assert has_color(half, canvas.TRAIN)
        assert has_color(half, canvas.TEST)


def test_learning_curve_without_a_test_set_shows_none(tmp_path):
    untested = history(3, 9, test_loss=[None] * 3, test_accuracy=[None] * 3)
    plotting.learning_curve(untested, tmp_path / "curve.png")
    picture = pixels(tmp_path / "curve.png")
    for half in (picture[:, :675], picture[:, 675:]):
        assert has_color(half, canvas.TRAIN)
        assert not has_color(half, canvas.TEST)


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
def test_learning_curve_draws_what_there_is(tmp_path, broken):
    plotting.learning_curve(broken, tmp_path / "curve.png")
    pixels(tmp_path / "curve.png")


@settings(max_examples=10)
@given(st.lists(st.floats(), max_size=12), st.integers(0, 3))
def test_learning_curve_draws_any_floats(tmp_path_factory, losses, epochs):
    any_history = history(epochs, 1) | {"steps": {"loss": losses}}
    plotting.learning_curve(any_history, tmp_path_factory.mktemp("any") / "curve.png")


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


@pytest.mark.parametrize("classes", [1, 2, 10, 30, 31, 101])
def test_confusion_matrix(tmp_path, rng, classes):
    matrix = rng.integers(0, 3, (classes, classes)) + 900 * np.eye(classes, dtype=int)
    names = [f"class {i}, with a name that is long" for i in range(classes)]
    plotting.confusion_matrix(matrix, names, tmp_path / "matrix.png")
    assert pixels(tmp_path / "matrix.png").shape[0] < 2400


def test_confusion_matrix_shows_a_rare_mistake(tmp_path):
    pictures = []
    for mistakes in (0, 1):
        matrix = 1000 * np.eye(40, dtype=int)
        matrix[5, 30] = mistakes
        plotting.confusion_matrix(matrix, [str(i) for i in range(40)], tmp_path / "matrix.png")
        pictures.append(pixels(tmp_path / "matrix.png").astype(int))
    assert np.abs(pictures[1] - pictures[0]).max() > 20


def test_confusion_matrix_without_counts_and_with_odd_names(tmp_path):
    names = ["$x", r"$\frac{", "_hidden", "日本", "🐈", "%"]
    plotting.confusion_matrix(np.zeros((6, 6), int), names, tmp_path / "matrix.png")
    pixels(tmp_path / "matrix.png")


@pytest.mark.parametrize(("shape", "names"), [((2, 3), 2), ((2, 2), 3), ((4,), 2), ((0, 0), 0)])
def test_confusion_matrix_refuses_other_shapes(tmp_path, shape, names):
    with pytest.raises(ValueError, match=rf"each of the {names} classes named; got shape \({shape[0]},"):
        plotting.confusion_matrix(np.zeros(shape, int), ["a"] * names, tmp_path / "matrix.png")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "shape", [(1, 1, 1, 1), (6, 1, 5, 5), (8, 2, 3, 3), (16, 3, 3, 3), (7, 1, 1, 9), (3, 1, 9, 1), (128, 1, 3, 3)]
)
def test_filters(tmp_path, rng, shape):
    plotting.filters(rng.normal(size=shape).astype(np.float32), tmp_path / "filters.png")
    picture = pixels(tmp_path / "filters.png")
    assert max(picture.shape) <= 1500
    assert has_color(picture, canvas.FAINT, 0)


def test_filters_are_symmetric_about_zero(tmp_path):
    plotting.filters(np.array([-0.5, 0.0, 0.25]).reshape(1, 1, 1, 3), tmp_path / "filters.png")
    picture = pixels(tmp_path / "filters.png")
    assert has_color(picture, "#053061", 3)  # the bluest of matplotlib's RdBu, for -0.5
    assert has_color(picture, "#F7F7F7", 2)  # its middle, for 0
    assert has_color(picture, "#D6604D", 14)  # halfway to the reddest


def test_filters_of_colors(tmp_path):
    weight = np.zeros((1, 3, 2, 2))
    weight[0, 0, 0, 0], weight[0, 2, 1, 1] = 2, -2
    plotting.filters(weight, tmp_path / "filters.png", title="One filter")
    picture = pixels(tmp_path / "filters.png")
    for color in ("#FF8080", "#808080", "#808000"):
        assert has_color(picture, color, 2)


@pytest.mark.parametrize("value", [0.0, NAN, INF])
def test_filters_without_a_scale(tmp_path, value):
    for channels in (1, 3):
        plotting.filters(np.full((2, channels, 3, 3), value), tmp_path / "filters.png")
        pixels(tmp_path / "filters.png")


@pytest.mark.parametrize("shape", [(120, 400), (0, 1, 5, 5), ()])
def test_filters_refuse_other_shapes(tmp_path, shape):
    with pytest.raises(ValueError, match="should have shape") as caught:
        plotting.filters(np.zeros(shape), tmp_path / "filters.png")
    assert str(shape) in str(caught.value)


@given(st.integers(1, 600), st.floats(0.05, 20))
def test_grid_holds_every_tile_without_an_empty_row(count, aspect):
    columns = filter_tiles._columns_of_grid(count, aspect)
    assert 1 <= columns <= count
    rows = -(-count // columns)
    assert (rows - 1) * columns < count <= rows * columns


def test_of_many_filters_those_of_the_largest_norms_are_drawn(tmp_path):
    weight = np.zeros((100, 1, 2, 2))
    weight[:, 0, 0, 0] = np.arange(100) % 2 * np.arange(100)  # half of them are 0
    largest = filter_tiles._largest(weight)
    assert len(largest) == filter_tiles.MOST_FILTERS
    assert [int(v) for v in largest[:, 0, 0, 0] if v] == list(range(1, 100, 2))
    plotting.filters(weight, tmp_path / "all.png")
    plotting.filters(weight[::-1], tmp_path / "reversed.png")
    assert not np.array_equal(pixels(tmp_path / "all.png"), pixels(tmp_path / "reversed.png"))
    weight[3] = NAN
    assert np.isfinite(filter_tiles._largest(weight)).all()


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("count", [0, 1, 40])
def test_mistakes(tmp_path, channels, count):
    sure = np.tile([0.7, 0.3], (50, 1))
    labels = np.arange(50) < count
    plotting.mistakes(np.ones((50, channels, 8, 8)), labels.astype(int), sure, ["a" * 40, "$b"], tmp_path / "m.png")
    picture = pixels(tmp_path / "m.png")
    assert has_color(picture, canvas.TEST, 60) == (count > 0)
    assert picture.shape[1] >= 300


def test_mistakes_show_the_wrong_images_alone_in_their_colours(tmp_path):
    red, green = np.zeros((2, 3, 4, 4))
    red[0], green[1] = 1, 1
    plotting.mistakes([red, green], [0, 0], [[0.9, 0.1], [0.2, 0.8]], ["cat", "dog"], tmp_path / "m.png")
    picture = pixels(tmp_path / "m.png")
    assert has_color(picture, "#00FF00", 0)
    assert not has_color(picture, "#FF0000", 60)


def test_mistakes_refuse_shapes_that_do_not_fit(tmp_path):
    for images, labels, sure in [((2, 8, 8), 2, (2, 2)), ((2, 1, 8, 8), 3, (2, 2)), ((2, 1, 8, 8), 2, (2, 3))]:
        with pytest.raises(ValueError, match="for 2 classes: expected"):
            plotting.mistakes(np.ones(images), np.zeros(labels, int), np.ones(sure), ["a", "b"], tmp_path / "m.png")
    assert not list(tmp_path.iterdir())


def test_the_learning_curve_has_the_validation_set_s_curve(tmp_path):
    plain = history(3, 9)
    plotting.learning_curve(plain, tmp_path / "curve.png")
    assert not has_color(pixels(tmp_path / "curve.png"), canvas.VALIDATION)
    for epoch in plain["epochs"]:
        epoch |= {"validation_loss": 0.4, "validation_accuracy": 0.9}
    plotting.learning_curve(plain, tmp_path / "curve.png")
    assert has_color(pixels(tmp_path / "curve.png"), canvas.VALIDATION)


def draw_all(folder):
    plotting.learning_curve(history(2, 5), folder / "curve.png")
    plotting.confusion_matrix(np.eye(2, dtype=int), ["a", "b"], folder / "matrix.png")
    plotting.filters(np.ones((2, 1, 3, 3)), folder / "filters.png")


def test_the_users_style_neither_matters_nor_changes(tmp_path):
    import matplotlib as mpl

    (tmp_path / "plain").mkdir()
    draw_all(tmp_path / "plain")
    (tmp_path / "styled").mkdir()
    with mpl.rc_context({"axes.facecolor": "black", "savefig.dpi": 30, "font.size": 30}):
        before = dict(mpl.rcParams)
        draw_all(tmp_path / "styled")
        assert dict(mpl.rcParams) == before
    for path in (tmp_path / "plain").iterdir():
        np.testing.assert_array_equal(pixels(path), pixels(tmp_path / "styled" / path.name))


def test_pyplot_is_left_alone_and_import_is_light(tmp_path):
    code = (
        "import sys, pathlib, numpy as np\n"
        "from autograd_cnn.output import plotting\n"
        "assert 'matplotlib' not in sys.modules\n"
        "plotting.filters(np.ones((2, 1, 3, 3)), pathlib.Path(sys.argv[1], 'filters.png'))\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)


def test_a_failure_leaves_the_old_picture_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "filters.png"
    path.write_bytes(b"old")
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        plotting.filters(np.ones((1, 1, 2, 2)), path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_named(tmp_path):
    path = tmp_path / "missing" / "filters.png"
    with pytest.raises(FileNotFoundError) as caught:
        plotting.filters(np.ones((1, 1, 2, 2)), path)
    assert caught.value.filename == str(path)


SERIES = {"SGD": [0.1, 0.4, 0.5], "Adam": [0.5, 0.8], "broken": [0.2, NAN, INF]}


@pytest.mark.parametrize(
    ("draw", "labels"),
    [
        (plotting.curves, {"title": "Accuracy", "ylabel": "accuracy"}),
        (plotting.dots, {"title": "Accuracy", "xlabel": "accuracy"}),
        (plotting.histograms, {"title": "Confidence", "xlabel": "probability"}),
    ],
)
def test_series_are_drawn_and_none_is_refused(tmp_path, draw, labels):
    finite = {name: values[:2] for name, values in SERIES.items() if name != "broken"}
    draw(finite, tmp_path / "series.png", **labels)
    assert has_color(pixels(tmp_path / "series.png"), canvas.TRAIN, 60)
    with pytest.raises(ValueError, match="expected at least one named series"):
        draw({}, tmp_path / "none.png", **labels)
    assert not (tmp_path / "none.png").exists()


def test_curves_have_a_colour_each_and_leave_out_what_is_no_number(tmp_path):
    plotting.curves(SERIES, tmp_path / "curves.png", title="Loss", ylabel="loss")
    picture = pixels(tmp_path / "curves.png")
    assert all(has_color(picture, color) for color in canvas.PALETTE[:3])
    assert not has_color(picture, canvas.PALETTE[3])


def test_filters_before_and_after_share_a_scale(tmp_path):
    weight = np.zeros((4, 1, 3, 3))
    plotting.filters({"before": weight + 0.5, "after": weight - 1}, tmp_path / "both.png")
    plotting.filters(weight - 1, tmp_path / "one.png")
    both, one = pixels(tmp_path / "both.png"), pixels(tmp_path / "one.png")
    assert both.shape[1] > 1.5 * one.shape[1]
    darkest = "#053061"  # the scale's lowest blue, where −1 is the limit
    assert has_color(both[:, both.shape[1] // 2 :], darkest)
    assert has_color(one, darkest)


def test_filters_of_different_shapes_are_refused(tmp_path):
    with pytest.raises(ValueError, match="weights to draw side by side have one shape"):
        plotting.filters({"a": np.zeros((1, 1, 3, 3)), "b": np.zeros((1, 1, 5, 5))}, tmp_path / "none.png")
    with pytest.raises(ValueError, match="weights to draw side by side have one shape; got none"):
        plotting.filters({}, tmp_path / "none.png")
