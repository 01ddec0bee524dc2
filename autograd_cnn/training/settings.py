"""The settings of a run, and their defaults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from autograd_cnn import optim
from autograd_cnn.data import absolute

#: Each optimizer by its name on the command line, with its learning rate there.
OPTIMIZERS: dict[str, tuple[Callable[..., optim.Optimizer], float]] = {
    "adam": (optim.Adam, 2e-3),
    "sgd": (lambda params, lr: optim.SGD(params, lr, momentum=0.9, nesterov=True), 2e-2),
    "momentum": (lambda params, lr: optim.SGD(params, lr, momentum=0.9), 2e-2),
    "adamw": (optim.AdamW, 2e-3),
    "rmsprop": (optim.RMSprop, 1e-3),
    "adagrad": (optim.AdaGrad, 2e-2),
}

#: Epochs by default: a few seconds of small images, or about as long on MNIST's 60,000.
EPOCHS = {"digits": 60, "mnist": 3}

#: Data sets trained with augmentation by default: the test writers of `digits` are not its training writers.
AUGMENTED = frozenset({"digits"})


@dataclass(frozen=True)
class Settings:
    """Everything that decides the outcome of a run.

    The defaults of `lr`, `epochs` and `augment` depend on the optimizer and the data: see `resolve`.
    """

    data: str = "digits"
    model: str = "lenet5"
    epochs: int = 60
    batch_size: int = 32
    optimizer: str = "adam"
    lr: float = 2e-3
    augment: bool = True
    seed: int = 0
    skip_bad: bool = False

    @classmethod
    def resolve(cls, *, data: str = "digits", optimizer: str = "adam", **given: Any) -> Settings:
        """Return settings in which what was left open (None) has its default for this data and optimizer."""
        defaults = {
            "epochs": EPOCHS.get(data, 10),
            "lr": OPTIMIZERS[optimizer][1],
            "augment": data in AUGMENTED,
        }
        chosen = defaults | {name: value for name, value in given.items() if value is not None}
        return cls(data=absolute(data), optimizer=optimizer, **chosen)
