"""A data set in batches, in a new order every epoch that depends only on the seed and the number of the epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_cnn.data.dataset import Dataset, as_dataset

Batch = tuple[NDArray[np.float32], NDArray[np.int64]]
Transform = Callable[[NDArray[np.float32], np.random.Generator], NDArray[np.float32]]


class DataLoader:
    """Iterate over a data set, one batch of images and labels at a time.

    Each iteration is an epoch; the first is epoch 1. An epoch draws its order and its transforms from its own
    generator, seeded with (seed, epoch), so `epoch(n)` yields the same bits whatever ran before it or runs beside it.

    Parameters
    ----------
    dataset : Dataset, or pair (images, labels)
        The data set; not copied.
    batch_size : int, default 32
        Number of images in a batch.
    shuffle : bool, default False
        Whether to yield the images in random order. Otherwise they keep their order, and batches are read-only views.
    limit : int, optional
        Use only the first `limit` images.
    transform : callable, optional
        `transform(images, rng)` returns new images for a batch, with all draws from `rng`, as `augment` does.
    drop_last : bool, default False
        Whether to leave out the last batch if it is smaller than the others.
    seed : int, default 0
        Seeds every random draw.

    Raises
    ------
    TypeError
        If `dataset` is neither.
    ValueError
        If the numbers of images and labels differ, or an argument is out of range.

    Examples
    --------
    >>> from autograd_cnn import data
    >>> from autograd_cnn.data.augment import augment
    >>> loader = data.DataLoader(data.load("digits", "train"), shuffle=True, transform=augment)
    >>> len(loader)
    45
    >>> images, labels = next(iter(loader))
    >>> images.shape, labels.shape
    ((32, 1, 8, 8), (32,))
    """

    def __init__(
        self,
        dataset: Dataset | tuple[Any, Any],
        batch_size: int = 32,
        shuffle: bool = False,
        *,
        limit: int | None = None,
        transform: Transform | None = None,
        drop_last: bool = False,
        seed: int = 0,
    ) -> None:
        self.dataset = as_dataset(dataset)
        self.batch_size = _whole_number("batch_size", batch_size, 1)
        self.shuffle = shuffle
        self.limit = limit if limit is None else _whole_number("limit", limit, 1)
        self.transform = transform
        self.drop_last = drop_last
        self.seed = _whole_number("seed", seed, 0)
        self._begun = 0

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        count = len(self.dataset.images[: self.limit])
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        """Begin the next epoch, whether or not the last one was finished."""
        self._begun += 1
        return self.epoch(self._begun)

    def epoch(self, n: int) -> Iterator[Batch]:
        """Yield the batches of epoch `n`, counted from 1: images (B, C, H, W) and labels (B,)."""
        rng = np.random.default_rng([self.seed, _whole_number("the epoch", n, 1)])
        # Read-only, because what is written into a view would still be there in the next epoch.
        images, labels = self.dataset.images[: self.limit], self.dataset.labels[: self.limit]
        images.flags.writeable = labels.flags.writeable = False
        order = rng.permutation(len(images)) if self.shuffle else None
        for k in range(len(self)):
            part = slice(k * self.batch_size, (k + 1) * self.batch_size)
            index = part if order is None else order[part]
            batch, classes = images[index], labels[index]
            if self.transform is not None:
                batch = self.transform(batch, rng)
                if np.shape(batch)[:1] != classes.shape:
                    raise ValueError(
                        f"transform was given {len(classes)} images and returned an array of shape {np.shape(batch)}: "
                        "expected as many images"
                    )
            yield batch, classes

    def __repr__(self) -> str:
        return f"<DataLoader: {len(self)} batches of {self.batch_size} from {self.dataset!r}>"


def _whole_number(name: str, value: int, least: int) -> int:
    if not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} is {value!r}: expected a whole number, {least} or more")
    return int(value)
