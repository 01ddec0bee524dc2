import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autograd_cnn.data import DataLoader, Dataset
from autograd_cnn.data.augment import augment


def numbered(count):
    """Make images that show their own number, and have it as their label."""
    numbers = np.arange(count)
    images = numbers.repeat(20).reshape(count, 1, 4, 5).astype(np.float32)
    return Dataset(images, numbers)


counts, sizes, seeds = st.integers(0, 40), st.integers(1, 12), st.integers(0, 2**70)


def labels_of(batches):
    return [labels.tolist() for _, labels in batches]


def flat(lists):
    return list(itertools.chain.from_iterable(lists))


def assert_same_batches(batches, others):
    for (images, labels), (other_images, other_labels) in zip(batches, others, strict=True):
        np.testing.assert_array_equal(images, other_images, strict=True)
        np.testing.assert_array_equal(labels, other_labels, strict=True)


@given(counts, sizes, st.booleans(), seeds, st.integers(1, 9))
def test_every_index_comes_once_an_epoch(count, size, shuffle, seed, n):
    loader = DataLoader(numbered(count), size, shuffle, seed=seed)
    batches = list(loader.epoch(n))
    assert len(batches) == len(loader)
    assert [len(labels) for _, labels in batches] == [size] * (count // size) + [count % size] * bool(count % size)
    assert sorted(flat(labels_of(batches))) == list(range(count))
    for images, labels in batches:
        assert images.shape == (len(labels), 1, 4, 5)
        assert images.dtype == np.float32
        np.testing.assert_array_equal(images[:, 0, 0, 0], labels)


@given(counts, sizes, st.booleans(), st.integers(1, 60))
def test_a_limit_and_dropping_count_whole_batches_of_the_first_images(count, size, shuffle, limit):
    used = min(count, limit)
    loader = DataLoader(numbered(count), size, shuffle, limit=limit, drop_last=True)
    seen = labels_of(loader)
    assert len(seen) == len(loader) == used // size
    assert all(len(labels) == size for labels in seen)
    assert len(set(flat(seen))) == len(flat(seen))
    assert set(flat(seen)) <= set(range(used))
    whole = DataLoader(numbered(count), size, shuffle, limit=limit)
    assert sorted(flat(labels_of(whole))) == list(range(used))


@given(st.integers(20, 40), sizes, seeds, st.integers(1, 9), st.integers(1, 9))
def test_the_order_is_another_with_every_epoch_and_seed(count, size, seed, n, m):
    assume(n != m)
    loader, other = (DataLoader(numbered(count), size, shuffle=True, seed=s) for s in (seed, seed + 1))
    assert labels_of(loader.epoch(n)) != labels_of(loader.epoch(m))
    assert labels_of(loader.epoch(n)) != labels_of(other.epoch(n))


@given(counts, sizes, st.booleans(), seeds, st.integers(1, 9))
def test_an_epoch_has_the_same_bits_whatever_ran_before(count, size, shuffle, seed, n):
    dataset = numbered(count)
    fresh, used = (DataLoader(dataset, size, shuffle, transform=augment, seed=seed) for _ in range(2))
    for _ in used:
        pass
    next(used.epoch(n), None)
    assert_same_batches(fresh.epoch(n), used.epoch(n))


def test_iterating_gives_epoch_after_epoch():
    loader, same = (DataLoader(numbered(20), 8, shuffle=True, transform=augment) for _ in range(2))
    for n in (1, 2, 3):
        assert_same_batches(loader, same.epoch(n))
    assert_same_batches(same, same.epoch(1))


def test_iterations_do_not_disturb_one_another():
    loader, same = (DataLoader(numbered(20), 4, shuffle=True, transform=augment) for _ in range(2))
    pairs = list(zip(loader, loader, strict=True))
    assert_same_batches([first for first, _ in pairs], same.epoch(1))
    assert_same_batches([second for _, second in pairs], same.epoch(2))
    unfinished = iter(loader)
    next(unfinished)
    assert_same_batches(loader, same.epoch(4))
    assert_same_batches(unfinished, list(same.epoch(3))[1:])


def test_batches_in_order_are_views_that_cannot_be_written_into():
    dataset = numbered(10)
    for images, labels in DataLoader(dataset, 4):
        assert np.shares_memory(images, dataset.images)
        assert np.shares_memory(labels, dataset.labels)
        with pytest.raises(ValueError, match="read-only"):
            images += 1
        with pytest.raises(ValueError, match="read-only"):
            labels += 1
    assert dataset.images.flags.writeable
    assert dataset.labels.flags.writeable
    for images, _ in DataLoader(dataset, 4, shuffle=True):
        assert not np.shares_memory(images, dataset.images)


def test_the_transform_sees_whole_batches_and_the_epoch_s_generator():
    seen = []

    def noisy(images, rng):
        seen.append(images.shape)
        return images + rng.random(images.shape, np.float32)

    dataset = numbered(10)
    (first, _), (second, _), _ = DataLoader(dataset, 4, transform=noisy, seed=7).epoch(2)
    assert seen == [(4, 1, 4, 5), (4, 1, 4, 5), (2, 1, 4, 5)]
    rng = np.random.default_rng([7, 2])
    np.testing.assert_array_equal(first, dataset.images[:4] + rng.random(first.shape, np.float32))
    np.testing.assert_array_equal(second, dataset.images[4:8] + rng.random(second.shape, np.float32))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0: expected a whole number, 1 or more"),
        ({"batch_size": 2.5}, "batch_size is 2.5: expected a whole number, 1 or more"),
        ({"limit": 0}, "limit is 0: expected a whole number, 1 or more"),
        ({"limit": -3}, "limit is -3: expected"),
        ({"seed": -1}, "seed is -1: expected a whole number, 0 or more"),
        ({"seed": None}, "seed is None: expected"),
    ],
)
def test_wrong_numbers(options, message):
    with pytest.raises(ValueError, match=message):
        DataLoader(numbered(5), **options)


@pytest.mark.parametrize("n", [0, 1.5])
def test_there_is_no_epoch_before_the_first(n):
    with pytest.raises(ValueError, match=f"the epoch is {n}: expected a whole number, 1 or more"):
        next(DataLoader(numbered(5)).epoch(n))


def test_wrong_data():
    with pytest.raises(TypeError, match=r"data is a ndarray: expected a Dataset or a pair \(images, labels\)"):
        DataLoader(np.zeros((5, 1, 4, 4), np.float32))


def test_a_pair_is_a_data_set():
    dataset = numbered(5)
    pair = (dataset.images, dataset.labels.tolist())
    assert_same_batches(DataLoader(pair, 2).epoch(1), DataLoader(dataset, 2).epoch(1))


@pytest.mark.parametrize(
    ("transform", "shape"), [(lambda _, __: None, r"\(\)"), (lambda images, _: images[1:], r"\(1, 1, 4, 5\)")]
)
def test_a_transform_that_loses_images_is_told(transform, shape):
    loader = DataLoader(numbered(5), 2, transform=transform)
    with pytest.raises(ValueError, match=f"given 2 images and returned an array of shape {shape}: expected"):
        next(iter(loader))


def test_it_says_what_it_holds():
    loader = DataLoader(numbered(10), np.int64(4))
    assert repr(loader) == "<DataLoader: 3 batches of 4 from <Dataset: 10 images of 1×4×5 in 10 classes>>"
