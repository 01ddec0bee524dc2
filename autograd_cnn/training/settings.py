"""The settings of a run, and their defaults."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from autograd_cnn import optim
from autograd_cnn.data import absolute
from autograd_cnn.optim import schedules
from autograd_cnn.tensor import Params
from autograd_cnn.training.schema import AboveZero, AtLeastZero, Count, Positive, Where, one_of

#: Each optimizer by its name on the command line, with its learning rate there.
OPTIMIZERS: dict[str, tuple[Callable[..., optim.Optimizer], float]] = {
    "adam": (optim.Adam, 2e-3),
    "sgd": (functools.partial(optim.SGD, momentum=0.9, nesterov=True), 2e-2),
    "momentum": (functools.partial(optim.SGD, momentum=0.9), 2e-2),
    "adamw": (optim.AdamW, 2e-3),
    "rmsprop": (optim.RMSprop, 1e-3),
    "adagrad": (optim.AdaGrad, 2e-2),
}

#: Each schedule of the learning rate by its name on the command line.
SCHEDULES: dict[str, schedules.Schedule] = {
    "cosine": schedules.cosine,
    "constant": schedules.constant,
    "one-cycle": schedules.one_cycle(),
    "step": schedules.step((0.5, 0.75)),
    "warm-up": schedules.warm_up(0.1),
}

#: The share of the training images that is held out to stop early by, unless another is given.
VALIDATION = 0.1

#: Epochs by default: a few seconds of small images, or about as long on MNIST's 60,000.
EPOCHS = {"digits": 60, "mnist": 3}

#: Data sets trained with augmentation by default: the test writers of `digits` are not its training writers.
AUGMENTED = frozenset({"digits"})


@dataclass(frozen=True)
class Settings:
    """Everything that decides the outcome of a run.

    The defaults of `lr`, `epochs` and `augment` depend on the optimizer and the data: see `resolve`. `model_digest` is
    that of a model's own file, `validation` the share of the training images that is held out, and `patience` the
    epochs without a lower validation loss after which training stops. With `weight_decay` None it is the optimizer's
    default.
    """

    data: str = "digits"
    model: str = "lenet5"
    epochs: Positive = 60
    batch_size: Positive = 32
    optimizer: Annotated[str, one_of(*OPTIMIZERS)] = "adam"
    lr: AboveZero = 2e-3
    augment: bool = True
    seed: Count = 0
    skip_bad: bool = False
    model_digest: str | None = None
    validation: Annotated[float, Where("a number of at least 0 and below 1", lambda x: 0 <= x < 1)] = 0.0
    patience: Positive | None = None
    weight_decay: AtLeastZero | None = None
    schedule: Annotated[str, one_of(*SCHEDULES)] = "cosine"
    clip_norm: AboveZero | None = None
    threads: Annotated[int, Where("a whole number from 1 to 1024", lambda n: 1 <= n <= 1024)] = 1
    test_every_epoch: bool = False

    def make_optimizer(self, params: Params) -> optim.Optimizer:
        """Return the optimizer of these settings, for the parameters that are trainable."""
        make, _ = OPTIMIZERS[self.optimizer]
        decay = {} if self.weight_decay is None else {"weight_decay": self.weight_decay}
        return make(params, self.lr, **decay)

    @classmethod
    def resolve(cls, *, data: str = "digits", optimizer: str = "adam", **given: Any) -> Settings:
        """Return settings in which what was left open (None) has its default for this data and optimizer."""
        defaults = {
            "epochs": EPOCHS.get(data, 10),
            "lr": OPTIMIZERS[optimizer][1],
            "augment": data in AUGMENTED,
            "validation": VALIDATION if given.get("patience") else 0.0,
        }
        chosen = defaults | {name: value for name, value in given.items() if value is not None}
        return cls(data=absolute(data), optimizer=optimizer, **chosen)
