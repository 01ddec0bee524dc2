import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from autograd_cnn import data


def test_unknown_name_lists_the_known():
    with pytest.raises(data.DataError, match=r"no data set 'cifar': expected one of digits, mnist"):
        data.load("cifar", "train")
    with pytest.raises(data.DataError, match=r"no data set 'cifar': expected one of digits, mnist"):
        data.fetch("cifar")


def test_unknown_split_lists_the_known():
    with pytest.raises(data.DataError, match=r"no split 'valid': expected one of train, test"):
        data.load("digits", "valid")


def test_digits_need_no_files():
    assert data.fetch("digits") == []


def test_dataset_has_a_length_and_a_short_repr():
    images, labels = np.zeros((3, 1, 8, 9), np.float32), np.zeros(3, np.int64)
    dataset = data.Dataset(images, labels, ("a", "b"))
    assert len(dataset) == 3
    assert repr(dataset) == "<Dataset: 3 images of 1×8×9 in 2 classes>"
    with pytest.raises(dataclasses.FrozenInstanceError):
        dataset.images = images  # type: ignore[misc]


def test_importing_needs_numpy_alone():
    modules = "autograd_cnn.data, autograd_cnn.data.augment, autograd_cnn.data.images"
    code = f"import sys, {modules}; print({{'PIL', 'pooch', 'requests', 'tqdm'}} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"
