import json
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autograd_cnn.training import metrics

sklearn_metrics = pytest.importorskip("sklearn.metrics")


@st.composite
def classified(draw, min_size=1):
    """Draw a number of classes, and as many labels as predictions, of any integer dtype."""
    classes = draw(st.integers(1, 12))
    size = draw(st.integers(min_size, 60))
    columns = []
    for _ in range(2):
        dtype = draw(st.sampled_from(["uint8", "int8", "int32", "int64", "uint64", ">i4"]))
        columns.append(draw(hnp.arrays(dtype, size, elements=st.integers(0, classes - 1))))
    return classes, *columns


# Its remark on data of one class concerns drawing, not counting.
@pytest.mark.filterwarnings("ignore:A single label was found")
@given(classified())
def test_agrees_with_scikit_learn(case):
    classes, labels, predictions = case
    every = list(range(classes))
    names = [f"class {i}" for i in every]
    matrix = metrics.confusion_matrix(labels, predictions, classes)
    np.testing.assert_array_equal(matrix, sklearn_metrics.confusion_matrix(labels, predictions, labels=every))
    assert matrix.dtype == np.int64

    report = metrics.classification_report(labels, predictions, names)
    options = {"labels": every, "zero_division": 0}
    ours = (report.precision, report.recall, report.f1, report.support)
    theirs = sklearn_metrics.precision_recall_fscore_support(labels, predictions, **options)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-12)
    for average, name in (report.macro_average, "macro"), (report.weighted_average, "weighted"):
        other = sklearn_metrics.precision_recall_fscore_support(labels, predictions, average=name, **options)
        np.testing.assert_allclose(average, other[:3], rtol=1e-12)
    expected = sklearn_metrics.accuracy_score(labels, predictions)
    assert report.accuracy == pytest.approx(expected, rel=1e-12)
    assert metrics.accuracy(labels, predictions) == pytest.approx(expected, rel=1e-12)


@given(classified(min_size=0))
def test_confusion_matrix_counts_every_pair_once(case):
    classes, labels, predictions = case
    matrix = metrics.confusion_matrix(labels, predictions, classes)
    expected = np.zeros((classes, classes), np.int64)
    np.add.at(expected, (labels.astype(int), predictions.astype(int)), 1)
    np.testing.assert_array_equal(matrix, expected)


def test_small_unsigned_labels_do_not_wrap_around():
    labels = np.array([255, 200], np.uint8)
    matrix = metrics.confusion_matrix(labels, labels, 256)
    assert matrix[255, 255] == matrix[200, 200] == 1


def test_without_labels():
    assert metrics.confusion_matrix([], [], 2).tolist() == [[0, 0], [0, 0]]
    report = metrics.classification_report([], [], ["cat", "dog"])
    assert report.accuracy == 0
    assert report.macro_average == report.weighted_average == (0, 0, 0)
    with pytest.raises(ValueError, match="no label"):
        metrics.accuracy([], [])


def test_a_ratio_without_denominator_is_zero():
    report = metrics.classification_report([0, 0], [1, 1], ["never predicted", "no members", "neither"])
    for figures in (report.precision, report.recall, report.f1):
        assert figures.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("labels", "predictions", "message"),
    [
        ([0, 3], [0, 1], "labels should be classes from 0 to 2; got 3 at index 1"),
        ([0, 1], [-1, 1], "predictions should be classes from 0 to 2; got -1 at index 0"),
        (np.array([2**64 - 1], np.uint64), [0], f"got {2**64 - 1} at index 0"),
        ([0, 1], [0], "as many labels as predictions; got 2 and 1"),
        ([0.0, 1.0], [0, 1], r"labels should be integers of shape \(N,\); got float64 of shape \(2,\)"),
        ([0, 1], [[0.9, 0.1], [0.5, 0.5]], r"predictions .* got float64 of shape \(2, 2\); argmax"),
        ([True], [0], "got bool"),
        (1, 1, r"of shape \(\)"),
    ],
)
def test_bad_classes(labels, predictions, message):
    with pytest.raises(ValueError, match=message):
        metrics.confusion_matrix(labels, predictions, 3)


def test_report_needs_class_names():
    with pytest.raises(ValueError, match="class_names is empty"):
        metrics.classification_report([], [], [])


def test_to_dict_goes_into_json_and_back():
    report = metrics.classification_report([0, 1, 1], [0, 1, 0], ("same", "same"))
    plain = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert plain == report.to_dict()
    assert [row["class"] for row in plain["classes"]] == ["same", "same"]
    assert plain["classes"][1] == {"class": "same", "precision": 1, "recall": 0.5, "f1": 2 / 3, "support": 2}
    assert plain["macro_average"].keys() == {"precision", "recall", "f1"}
    assert plain["accuracy"] == pytest.approx(2 / 3)


def width(text):
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)


NAMES = [
    "a",
    "日本語",
    "cafe\u0301",
    "T-shirt/top",
    "ﾊﾝｶｸ",
    "🐈",
    "x" * 200,
    "犬" * 50,
    "line\nbreak\tand \x1b[31m",
    "",
]


def test_table_is_aligned_whatever_the_names():
    labels = np.arange(len(NAMES)).repeat(3)
    lines = str(metrics.classification_report(labels, np.roll(labels, 1), NAMES)).splitlines()
    assert len(lines) == len(NAMES) + 6
    assert {width(line) for line in lines} == {width(lines[0])}
    assert width(lines[0]) <= 40 + 4 * 11
    assert "x" * 37 + "..." in lines[2 + 6]
    assert lines[2 + 7].startswith("犬" * 18 + "...")
    assert "\x1b" not in "".join(lines)


def test_table_shows_the_figures():
    table = str(metrics.classification_report([0, 0, 1, 1], [0, 1, 1, 1], ["cat", "dog"])).splitlines()
    assert table[0].split() == ["class", "precision", "recall", "F1", "support"]
    assert table[2].split() == ["cat", "1.0000", "0.5000", "0.6667", "2"]
    assert table[5].split() == ["accuracy", "0.7500", "4"]
    assert table[6].split() == ["macro", "average", "0.8333", "0.7500", "0.7333", "4"]


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_any_name_makes_a_table_of_one_line_a_row(names):
    text = str(metrics.classification_report([0], [0], names))
    assert len(text.split("\n")) == len(names) + 6
    text.encode()
