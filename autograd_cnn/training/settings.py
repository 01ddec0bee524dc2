"""The settings of a run, and their defaults."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from autograd_cnn import models, optim
from autograd_cnn.data import absolute
from autograd_cnn.optim import schedules
from autograd_cnn.tensor import Params
from autograd_cnn.training.errors import RunError
from autograd_cnn.training.inputs import options_for
from autograd_cnn.training.schema import AboveZero, AtLeastZero, Count, Positive, Share, Where, one_of

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

#: The default share of the training images that is held out for early stopping.
VALIDATION = 0.1

#: The default settings of a model, where they differ from those of `Settings`.
RECIPES: dict[str, dict[str, Any]] = {
    "resnet": {
        "optimizer": "sgd",
        "lr": 0.1,
        "schedule": "one-cycle",
        "batch_size": 64,
        "weight_decay": 5e-4,
        "label_smoothing": 0.1,
        "epochs": 25,
        "depth": 14,
    },
}

#: Default number of epochs: a few seconds on small images, and about as long on MNIST's 60,000.
EPOCHS = {"digits": 60, "mnist": 3}

#: Label smoothing by default: other people's digits differ from those of `digits`, and without it a model trained on
#: `digits` is 6 % overconfident on them (`python -m tests.photograph_figures`).
LABEL_SMOOTHING = {"digits": 0.05}

#: Data sets trained with augmentation by default: the test writers of `digits` are not its training writers.
AUGMENTED = frozenset({"digits"})


@dataclass(frozen=True)
class Settings:
    """Everything that decides the outcome of a run.

    The defaults of `lr`, `epochs` and `augment` depend on the optimizer and the data: see `resolve`. `model_digest` is
    the digest of a model's own file, `validation` the share of the training images that is held out, and `patience` the
    epochs without a lower validation loss after which training stops. With `weight_decay` None it is the optimizer's
    default. Photographs are augmented unless `augment` says otherwise. `gray` reads colour images in grey, and `depth`
    sets the depth of a residual network. With `sync_batch_norm` processes that train together share batch norm's
    statistics.
    """

    data: str = "digits"
    model: str = "lenet5"
    epochs: Positive = 60
    batch_size: Positive = 32
    optimizer: Annotated[str, one_of(*OPTIMIZERS)] = "adam"
    lr: AboveZero = 2e-3
    augment: bool | None = None
    seed: Count = 0
    skip_bad: bool = False
    model_digest: str | None = None
    validation: Share = 0.0
    patience: Positive | None = None
    weight_decay: AtLeastZero | None = None
    schedule: Annotated[str, one_of(*SCHEDULES)] = "cosine"
    clip_norm: AboveZero | None = None
    threads: Annotated[int, Where("a whole number from 1 to 1024", lambda n: 1 <= n <= 1024)] = 1
    test_every_epoch: bool = False
    gray: bool = False
    depth: Positive | None = None
    label_smoothing: Share = 0.0
    sync_batch_norm: bool = False

    def make_optimizer(self, params: Params) -> optim.Optimizer:
        """Return the optimizer of these settings, for the parameters that are trainable."""
        make, _ = OPTIMIZERS[self.optimizer]
        decay = {} if self.weight_decay is None else {"weight_decay": self.weight_decay}
        return make(params, self.lr, **decay)

    def model_options(self, model: models.Model, shape: tuple[int, ...]) -> dict[str, Any]:
        """Return the arguments of a model's `init` that follow from its images (C, H, W) and from these settings.

        Raises
        ------
        RunError
            If the model has no such option, or refuses it.
        """
        others = {} if self.depth is None else {"depth": self.depth}
        options = options_for(model, shape, **others)
        if unknown := others.keys() - options.keys():
            raise RunError(f"{self.model} has no {unknown.pop()} to choose; leave out --depth")
        return options

    @classmethod
    def resolve(cls, *, data: str = "digits", model: str = "lenet5", **given: Any) -> Settings:
        """Return settings in which each None is replaced by its default for this data, model and optimizer."""
        given = {name: value for name, value in given.items() if value is not None}
        recipe = RECIPES.get(model, {})
        if "optimizer" in given:  # a recipe's learning rate and decay belong to its optimizer
            recipe = {name: value for name, value in recipe.items() if name not in ("lr", "weight_decay")}
        optimizer = given.get("optimizer", recipe.get("optimizer", "adam"))
        defaults = {
            "epochs": EPOCHS.get(data, 10),
            "lr": OPTIMIZERS[optimizer][1],
            "augment": True if data in AUGMENTED else None,
            "label_smoothing": LABEL_SMOOTHING.get(data, 0.0),
            "validation": VALIDATION if given.get("patience") else 0.0,
        }
        chosen = defaults | recipe | given | {"optimizer": optimizer}
        return cls(data=absolute(data), model=model, **chosen)
