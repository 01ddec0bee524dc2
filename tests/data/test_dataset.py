"""What a data set takes, refuses and gives."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_cnn as ac
from autograd_cnn.data import Dataset
from autograd_cnn.data.dataset import as_dataset

IMAGES = np.linspace(0, 1, 4 * 20, dtype=np.float32).reshape(4, 1, 4, 5)


@pytest.mark.parametrize(
    "labels",
    [
        [0, 2, 1, 2],
        (0, 2, 1, 2),
        np.array([0, 2, 1, 2], np.uint8),
        np.array([0.0, 2.0, 1.0, 2.0]),
        ac.Tensor([0.0, 2.0, 1.0, 2.0]),
        np.eye(3)[[0, 2, 1, 2]],
        np.eye(3, dtype=bool)[[0, 2, 1, 2]],
    ],
)
def test_labels_of_many_kinds_are_one(labels):
    dataset = Dataset(IMAGES, labels)
    np.testing.assert_array_equal(dataset.labels, np.array([0, 2, 1, 2], np.int64), strict=True)
    assert dataset.class_names == ("0", "1", "2")


def test_one_hot_rows_tell_the_number_of_classes():
    assert Dataset(IMAGES, np.eye(7)[[0, 2, 1, 2]]).class_names == tuple("0123456")


@pytest.mark.parametrize(
    ("labels", "error", "said"),
    [
        ([0, 1, 2], ValueError, "3 labels were given: expected a label for each image"),
        ([0.5, 1, 2, 0], TypeError, "label 0 is 0.5: expected whole numbers"),
        ([0, np.nan, 2, 0], TypeError, "label 1 is nan: expected whole numbers"),
        ([0, 1, np.inf, 0], TypeError, "label 2 is inf: expected whole numbers"),
        ([0, -1, 2, 0], ValueError, "a label is -1: expected classes from 0"),
        (["cat", "dog", "cat", "dog"], TypeError, r"np\.unique\(names, return_inverse=True\) numbers them"),
        (np.full((4, 2), 0.5), TypeError, r"argmax\(1\)"),
        (np.zeros((4, 1)), TypeError, r"ravel\(\) makes one axis"),
        (3, TypeError, r"shape \(\): expected the class of each image"),
        ([[0], [1, 2]], TypeError, "labels are not an array"),
        (np.zeros(4, complex), TypeError, "labels are complex128"),
    ],
)
def test_other_labels_are_refused_with_advice(labels, error, said):
    with pytest.raises(error, match=said):
        Dataset(IMAGES, labels)


def test_class_names_are_enough_for_the_labels():
    assert Dataset(IMAGES, [0, 0, 1, 0], ["a", "b", "c"]).class_names == ("a", "b", "c")
    with pytest.raises(ValueError, match="a label is 2, and class_names has 2 names"):
        Dataset(IMAGES, [0, 0, 2, 0], ("a", "b"))


def test_pixels_of_8_bits_are_scaled():
    levels = np.arange(4 * 20, dtype=np.uint8).reshape(4, 1, 4, 5)
    np.testing.assert_array_equal(Dataset(levels, [0] * 4).images, levels / np.float32(255), strict=True)


def test_floats_are_taken_as_they_are():
    for kind in (np.float16, np.float32, np.float64):
        np.testing.assert_array_equal(Dataset((200 * IMAGES).astype(kind), [0] * 4).images, (200 * IMAGES).astype(kind))
    assert Dataset(IMAGES, [0] * 4).images is IMAGES
    assert Dataset(ac.Tensor(IMAGES), [0] * 4).images.dtype == np.float32


@pytest.mark.parametrize("kind", [np.int64, np.uint16, complex, object])
def test_other_pixels_are_refused_with_advice(kind):
    with pytest.raises(TypeError, match="expected float with pixels from 0 to 1, or uint8"):
        Dataset(IMAGES.astype(kind), [0] * 4)


def test_indexing():
    dataset = Dataset(IMAGES, [0, 2, 1, 2], ("a", "b", "c"), skipped=[("file", "is bad")])
    image, label = dataset[-1]
    assert label == 2
    np.testing.assert_array_equal(image, IMAGES[3])
    for index in (slice(1, 3), [1, 2], np.array([1, 2]), np.array([False, True, True, False])):
        part = dataset[index]
        np.testing.assert_array_equal(part.images, IMAGES[1:3])
        assert part.labels.tolist() == [2, 1]
        assert part.class_names == dataset.class_names
        assert part.skipped == dataset.skipped
    with pytest.raises(IndexError):
        dataset[4]
    with pytest.raises(TypeError, match="indexed by one number"):
        dataset[0, 1]


def test_iterating_gives_pairs():
    pairs = list(Dataset(IMAGES, [0, 2, 1, 2]))
    assert [label for _, label in pairs] == [0, 2, 1, 2]
    np.testing.assert_array_equal(np.stack([image for image, _ in pairs]), IMAGES)


@given(st.lists(st.integers(0, 4), min_size=2, max_size=200), st.floats(0.01, 0.99), st.integers(0, 9))
def test_a_split_keeps_every_image_once_and_the_proportions(labels, fraction, seed):
    dataset = Dataset(np.arange(len(labels), dtype=np.float32), labels)
    count = int(np.floor(len(labels) * fraction + 0.5))
    if count in (0, len(labels)):
        with pytest.raises(ValueError, match="one part would be empty"):
            dataset.split(fraction, seed)
        return
    first, second = dataset.split(fraction, seed)
    assert len(first) == count
    assert sorted([*first.images, *second.images]) == list(range(len(labels)))
    for label, whole in enumerate(np.bincount(labels)):
        assert abs((first.labels == label).sum() - fraction * whole) <= 1
    for part in (first, second):
        assert (np.diff(part.images) > 0).all()
        assert part.labels.tolist() == [labels[int(i)] for i in part.images]


def test_a_split_is_drawn_from_its_seed():
    dataset = Dataset(np.arange(100, dtype=np.float32), np.arange(100) % 2)
    parts = [dataset.split(0.5, seed)[0].images.tolist() for seed in (0, 0, 1)]
    assert parts[0] == parts[1] != parts[2]
    for fraction in (0, 1, 1.5, float("nan")):
        with pytest.raises(ValueError, match="expected a share between 0 and 1"):
            dataset.split(fraction)


def test_a_pair_is_taken_for_a_data_set():
    dataset = as_dataset((IMAGES, [0, 1, 0, 1]))
    assert as_dataset(dataset) is dataset
    assert dataclasses.replace(dataset, labels=[1, 1, 1, 1]).labels.tolist() == [1] * 4
    for odd in (IMAGES, (IMAGES,), None):
        with pytest.raises(TypeError, match=r"expected a Dataset or a pair \(images, labels\)"):
            as_dataset(odd)
