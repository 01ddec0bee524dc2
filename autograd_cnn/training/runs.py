"""A run: one training from its settings to a folder of results, which can be stopped and resumed.

Everything a run is made of goes into its folder. `checkpoint.safetensors` is replaced as a whole after every
epoch; weights, metrics and pictures are written at the end.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autograd_cnn import data, models, optim, training
from autograd_cnn.data import DataLoader, Dataset, absolute
from autograd_cnn.data.augment import augment
from autograd_cnn.data.images import polarity
from autograd_cnn.nn import serialization
from autograd_cnn.output import plotting
from autograd_cnn.output.files import write_atomically
from autograd_cnn.tensor import Tensor
from autograd_cnn.training import metrics

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


#: The file in a run's folder from which it can be resumed.
CHECKPOINT = "checkpoint.safetensors"


class RunError(Exception):
    """A run that cannot start or go on; the message says why and what to do."""


@dataclass(frozen=True)
class Settings:
    """Everything that decides the outcome of a run.

    `lr`, `epochs` and `augment` have defaults that depend on the optimizer and the data: see `resolve`.
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
        """Fill in what was left open (None) from the data set and the optimizer."""
        defaults = {
            "epochs": EPOCHS.get(data, 10),
            "lr": OPTIMIZERS[optimizer][1],
            "augment": data in AUGMENTED,
        }
        chosen = defaults | {name: value for name, value in given.items() if value is not None}
        return cls(data=absolute(data), optimizer=optimizer, **chosen)


def load_data(name: str, split: str, model: models.Model, skip_bad: bool = False) -> Dataset:
    """Load a data set with its images in the size that a model takes."""
    return data.load(name, split, size=model.INPUT_SHAPE[1:], skip_bad=skip_bad)


def match_classes(path: Path, class_names: Sequence[str], data_name: str, dataset: Dataset) -> Dataset:
    """Give a data set with its labels counted in a model's classes, by their names if `path` has these.

    Raises
    ------
    RunError
        If the data set has a class that the model in `path` does not know.
    """
    if "class_names" not in serialization.read_metadata(path):
        return dataset
    if unknown := [name for name in dataset.class_names if name not in class_names]:
        raise RunError(
            f"{data_name} has the class {unknown[0]!r}, and the model in {path} knows {', '.join(class_names)}; "
            "evaluate on data with the model's classes"
        )
    index = np.array([class_names.index(name) for name in dataset.class_names])
    return dataclasses.replace(dataset, labels=index[dataset.labels], class_names=tuple(class_names))


def load_model(path: Path, model_name: str | None = None) -> tuple[models.Model, dict[str, Tensor], tuple[str, ...]]:
    """Read weights and the model they are for.

    Parameters
    ----------
    path : Path
        A safetensors file.
    model_name : str, optional
        The model, for a file whose metadata does not name it.

    Returns
    -------
    model, params, class_names

    Raises
    ------
    CheckpointError
        If the file is not one, or does not hold this model's weights.
    RunError
        If nothing says which model the weights are for.
    """
    params = serialization.load_weights(path)
    metadata = serialization.read_metadata(path)
    name = model_name or metadata.get("model")
    if name is None:
        raise RunError(f"{path} does not say which model its weights are for; name it with --model")
    model = models.get(name)
    class_names = _class_names(path, metadata)
    template = model.init(np.random.default_rng(0), num_classes=len(class_names))
    return model, serialization.match_weights(params, template), class_names


def _class_names(path: Path, metadata: Mapping[str, str]) -> tuple[str, ...]:
    """Read the names of the classes, which without metadata are the ten digits."""
    try:
        names = json.loads(metadata.get("class_names", json.dumps(list("0123456789"))))
    except json.JSONDecodeError:
        names = None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise RunError(f"{path} has class_names {metadata['class_names']!r}; expected a list of names in JSON")
    return tuple(names)


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


class Run:
    """One training, in its folder.

    Parameters
    ----------
    settings : Settings
    folder : Path
        Made when the first epoch ends; until then nothing is written.
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.folder = folder
        self.model = models.get(settings.model)
        self.train = load_data(settings.data, "train", self.model, settings.skip_bad)
        self.test = load_data(settings.data, "test", self.model, settings.skip_bad)
        self.loader = DataLoader(
            self.train,
            settings.batch_size,
            shuffle=True,
            transform=augment if settings.augment else None,
            seed=settings.seed,
        )
        rng = np.random.default_rng(settings.seed)
        self.params = self.model.init(rng, num_classes=len(self.train.class_names))
        self.optimizer = OPTIMIZERS[settings.optimizer][0](models.trainable(self.params), settings.lr)
        self.history = training.History()

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return self.settings.epochs * len(self.loader)

    @classmethod
    def start(cls, settings: Settings, folder: Path) -> Run:
        """Prepare a new run.

        Raises
        ------
        RunError
            If the folder already holds a run, or cannot hold one.
        """
        claim_folder(folder, (CHECKPOINT, "metrics.json"), f"give another --out, or go on with --resume {folder}")
        return cls(settings, folder)

    @classmethod
    def resume(cls, folder: Path, epochs: int | None = None) -> Run:
        """Prepare to go on from a folder's checkpoint, to the same total of epochs unless told otherwise."""
        path = folder / CHECKPOINT
        if not path.exists():
            raise RunError(f"{folder} holds no {CHECKPOINT} to resume from; give the folder of an earlier run")
        try:
            saved = json.loads(serialization.read_metadata(path)["run"])
            settings = Settings(**saved["settings"])
            history = training.History.from_dict(saved["history"], saved["seconds"])
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise RunError(f"{path} is not a checkpoint of a run; give the folder of an earlier run") from error
        if epochs is not None:
            settings = dataclasses.replace(settings, epochs=epochs)
        run = cls(settings, folder)
        if saved.get("images", run._images()) != run._images():
            raise RunError(
                f"{settings.data} has not the images of each class that it had when {folder} was begun: "
                "put them back, or start a new run"
            )
        run.history = history
        tensors = serialization.match_weights(serialization.load_weights(path), run._state())
        for name, p in run.params.items():
            p.data = tensors[f"model/{name}"].data
        state = {
            name: {slot: tensors[f"optimizer/{name}/{slot}"].data for slot in slots}
            for name, slots in run.optimizer.state.items()
        }
        run.optimizer.load_state_dict({"steps": len(history.step_losses), "lr": settings.lr, "state": state})
        return run

    def _images(self) -> dict[str, int]:
        """Count the training images of each class."""
        counts = np.bincount(self.train.labels, minlength=len(self.train.class_names))
        return dict(zip(self.train.class_names, counts.tolist(), strict=True))

    def _state(self) -> dict[str, Tensor]:
        """Give everything that training changes, by name."""
        state = {f"model/{name}": p for name, p in self.params.items()}
        for name, slots in self.optimizer.state.items():
            state |= {f"optimizer/{name}/{slot}": Tensor(array) for slot, array in slots.items()}
        return state

    def fit(self, on_step: Callable[[int, float, float], None] | None = None) -> None:
        """Train to the last epoch, with a checkpoint after every one."""
        training.fit(
            self.model.apply,
            self.params,
            self.loader,
            optimizer=self.optimizer,
            epochs=self.settings.epochs,
            test=self.test,
            callbacks=[training.Callback(on_step, lambda *_: self.save_checkpoint())],
            history=self.history,
        )

    def save_checkpoint(self) -> None:
        """Write what `resume` needs, replacing the last checkpoint as a whole."""
        self.folder.mkdir(parents=True, exist_ok=True)
        run = {
            "settings": dataclasses.asdict(self.settings),
            "history": self.history.to_dict(),
            "seconds": self.history.seconds,
            "images": self._images(),
        }
        serialization.save_weights(self.folder / CHECKPOINT, self._state(), metadata={"run": json.dumps(run)})

    def finish(self) -> tuple[dict[str, Any], metrics.ClassificationReport]:
        """Evaluate the trained model and write weights, metrics, history and pictures."""
        result = training.evaluate(self.model.apply, self.params, self.test)
        names = self.test.class_names
        report = metrics.classification_report(self.test.labels, result.predictions, names)
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
        serialization.save_weights(
            self.folder / "weights.safetensors",
            self.params,
            metadata={
                "model": self.settings.model,
                "class_names": json.dumps(names),
                "polarity": polarity(self.train.images),
            },
        )
        history = self.history.to_dict()
        self._write_json("history.json", history)
        plotting.learning_curve(history, self.folder / "learning_curve.png")
        matrix = metrics.confusion_matrix(self.test.labels, result.predictions, len(names))
        plotting.confusion_matrix(matrix, names, self.folder / "confusion_matrix.png")
        plotting.filters(first_weight(self.params), self.folder / "filters.png")
        self._write_json("metrics.json", summary)
        return summary, report

    def _write_json(self, name: str, content: Mapping[str, Any]) -> None:
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        write_atomically(self.folder / name, text.encode())


def first_weight(params: Mapping[str, Tensor]) -> Any:
    """Give the filters (F, C, KH, KW) of the first layer; those of a linear layer are square images."""
    weight = next(iter(params.values())).data
    if weight.ndim == 4:
        return weight
    side = math.isqrt(weight.shape[1])
    return weight.reshape(len(weight), 1, side, side)
