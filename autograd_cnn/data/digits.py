"""The 1,797 handwritten digits that come with the package; `digits.txt` credits their makers."""

from importlib import resources

import numpy as np

from autograd_cnn.data.dataset import Dataset

# The digits of the first writers are for training; the rest, by other writers, are for testing.
SPLITS = {"train": slice(None, 1437), "test": slice(1437, None)}
CLASS_NAMES = tuple("0123456789")


def load(split: str) -> Dataset:
    """Load one split of the embedded digits, images (N, 1, 8, 8): 1,437 for training or 360 for testing."""
    with (
        resources.files(__package__).joinpath("digits.npz").open("rb") as file,
        np.load(file, allow_pickle=False) as arrays,
    ):
        images, labels = arrays["images"][SPLITS[split]], arrays["labels"][SPLITS[split]]
    # A pixel is the number of inked dots in a block of 4×4: 0 to 16.
    return Dataset(np.divide(images[:, np.newaxis], 16, dtype=np.float32), labels.astype(np.int64), CLASS_NAMES)
