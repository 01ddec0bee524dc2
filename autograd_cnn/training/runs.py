"""A run: one training from its settings to a folder of results, which can be stopped and resumed.

Everything about a run goes into its folder. The saved state is replaced as a whole after every epoch; weights,
metrics and pictures are written at the end.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from autograd_cnn import models, training
from autograd_cnn.data import DataLoader, Dataset
from autograd_cnn.data.augment import augment
from autograd_cnn.data.images import polarity
from autograd_cnn.optim import Optimizer
from autograd_cnn.output import plotting
from autograd_cnn.output.files import write_atomically
from autograd_cnn.tensor import Params, Tensor
from autograd_cnn.training import metrics
from autograd_cnn.training.errors import RunError
from autograd_cnn.training.saved_models import WEIGHTS_FILE, SavedModel, load_data
from autograd_cnn.training.saved_state import STATE_FILE, SavedState
from autograd_cnn.training.settings import OPTIMIZERS, Settings


def claim_folder(folder: Path, files: Sequence[str], advice: str = "give another --out") -> None:
    """Refuse a folder that holds one of the files that are to be written, or that cannot hold any.

    Raises
    ------
    RunError
    """
    if found := [name for name in files if (folder / name).exists()]:
        raise RunError(f"{folder} already holds {found[0]} of an earlier run; {advice}")
    parent = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    if not parent.is_dir():
        raise RunError(f"{folder} cannot be made a folder: {parent} is a file")


@dataclass
class Run:
    """One training, in its folder; `start` and `resume` make one.

    Attributes
    ----------
    settings : Settings
    folder : Path
        Made when the first epoch ends; until then nothing is written.
    model : module
    train, test : Dataset
        With images of the model's size.
    params : dict of str to Tensor
    optimizer : Optimizer
        Of the parameters that are trainable.
    history : History
        Of the epochs so far.
    """

    settings: Settings
    folder: Path
    model: models.Model
    train: Dataset
    test: Dataset
    params: Params
    optimizer: Optimizer
    history: training.History = field(default_factory=training.History)

    @classmethod
    def start(cls, settings: Settings, folder: Path) -> Run:
        """Prepare a new run.

        Raises
        ------
        RunError
            If the folder already holds a run, or cannot hold one.
        """
        claim_folder(folder, (STATE_FILE, "metrics.json"), f"give another --out, or go on with --resume {folder}")
        return cls._prepare(settings, folder)

    @classmethod
    def resume(cls, folder: Path, epochs: int | None = None) -> Run:
        """Prepare to go on from the state in a folder, to the same total of epochs unless told otherwise.

        Raises
        ------
        RunError
            If the folder holds no state, or the data set has changed.
        """
        state = SavedState.read(folder)
        settings = state.settings if epochs is None else dataclasses.replace(state.settings, epochs=epochs)
        run = cls._prepare(settings, folder)
        if state.images not in (None, run._images()):
            raise RunError(
                f"{settings.data} has not the images of each class that it had when {folder} was begun: "
                "put them back, or start a new run"
            )
        state.restore(folder, run.params, run.optimizer)
        run.history = state.history
        return run

    @classmethod
    def _prepare(cls, settings: Settings, folder: Path) -> Run:
        """Load the data, and draw the initial parameters."""
        model = models.get(settings.model)
        train, test = (
            load_data(settings.data, split, model.INPUT_SHAPE, settings.skip_bad) for split in ("train", "test")
        )
        params = model.init(np.random.default_rng(settings.seed), num_classes=len(train.class_names))
        make_optimizer, _ = OPTIMIZERS[settings.optimizer]
        optimizer = make_optimizer(models.trainable(params), settings.lr)
        return cls(settings, folder, model, train, test, params, optimizer)

    @property
    def loader(self) -> DataLoader:
        """The training images, in batches."""
        s = self.settings
        transform = augment if s.augment else None
        return DataLoader(self.train, s.batch_size, shuffle=True, transform=transform, seed=s.seed)

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return self.settings.epochs * len(self.loader)

    def fit(self, on_step: Callable[[int, float, float], None] | None = None) -> None:
        """Train to the last epoch, and save the state after every one."""
        training.fit(
            self.model.apply,
            self.params,
            self.loader,
            optimizer=self.optimizer,
            epochs=self.settings.epochs,
            test=self.test,
            callbacks=[training.Callback(on_step, lambda *_: self.save_state())],
            history=self.history,
        )

    def save_state(self) -> None:
        """Write what `resume` needs."""
        self.folder.mkdir(parents=True, exist_ok=True)
        state = SavedState(self.settings, self.history, self._images(), self.optimizer.steps)
        state.write(self.folder, self.params, self.optimizer, self.saved_model().metadata())

    def saved_model(self) -> SavedModel:
        """Return the model as it is now, with all that belongs to it."""
        return SavedModel(
            self.settings.model,
            self.model,
            dict(self.params),
            self.train.class_names,
            self.train.images.shape[1:],
            data=self.settings.data,
            polarity=polarity(self.train.images),
        )

    def _images(self) -> dict[str, int]:
        """Count the training images of each class."""
        counts = np.bincount(self.train.labels, minlength=len(self.train.class_names))
        return dict(zip(self.train.class_names, counts.tolist(), strict=True))

    def finish(self) -> tuple[dict[str, Any], metrics.ClassificationReport]:
        """Evaluate the trained model, write weights, metrics, history and pictures, and return the metrics."""
        result = training.evaluate(self.model.apply, self.params, self.test)
        report = metrics.classification_report(self.test.labels, result.predictions, self.test.class_names)
        summary = {
            "test_accuracy": result.accuracy,
            "test_loss": result.loss,
            "mean_confidence": result.mean_confidence,
            "seconds": self.history.seconds,
            "parameters": sum(p.size for p in models.trainable(self.params).values()),
            **dataclasses.asdict(self.settings),
            "report": report.to_dict(),
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        self.saved_model().save(self.folder / WEIGHTS_FILE)
        self._write_json("history.json", self.history.to_dict())
        self._draw(result)
        self._write_json("metrics.json", summary)
        return summary, report

    def _draw(self, result: training.Evaluation) -> None:
        names = self.test.class_names
        matrix = metrics.confusion_matrix(self.test.labels, result.predictions, len(names))
        plotting.learning_curve(self.history.to_dict(), self.folder / "learning_curve.png")
        plotting.confusion_matrix(matrix, names, self.folder / "confusion_matrix.png")
        plotting.filters(first_weight(self.params), self.folder / "filters.png")

    def _write_json(self, name: str, content: Mapping[str, Any]) -> None:
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        write_atomically(self.folder / name, text.encode())


def first_weight(params: Mapping[str, Tensor]) -> Any:
    """Return the filters (F, C, KH, KW) of the first layer; those of a linear layer are square images."""
    weight = next(iter(params.values())).data
    if weight.ndim == 4:
        return weight
    side = math.isqrt(weight.shape[1])
    return weight.reshape(len(weight), 1, side, side)
