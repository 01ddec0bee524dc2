"""What a reproduction works with, and what it has found: a table that is printed as it grows, pictures and JSON."""

from __future__ import annotations

import dataclasses
import datetime
import json
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from autograd_cnn import ops, training
from autograd_cnn.data import DataLoader, Dataset
from autograd_cnn.optim import Optimizer
from autograd_cnn.optim.schedules import Schedule
from autograd_cnn.output import text
from autograd_cnn.output.files import write_atomically
from autograd_cnn.tensor import Params
from autograd_cnn.training.metrics import classification_report
from autograd_cnn.training.progress import training_bar

#: What a study writes into its folder at the end; pictures come as they are made.
FILES = ("results.json", "table.txt")


@dataclass(frozen=True)
class Finding:
    """A line of the table: a figure as published, as reproduced and by our recipe, and the seconds it took here."""

    figure: str
    published: str = ""
    reproduced: str = ""
    ours: str = ""
    seconds: float | None = None


@dataclass
class Study:
    """One system's reproduction.

    Attributes
    ----------
    name : str
    folder : Path
        Takes the pictures and `FILES`.
    train, test : Dataset
        Of 1×28×28 images. `quick` means little of them, and few epochs.
    seed : int
        Seeds every draw.
    findings : list of Finding
    headline : Finding
        What it comes to, in a sentence each; the README has it.
    numbers : dict
        What the findings say, as numbers, for `results.json`.
    """

    name: str
    folder: Path
    train: Dataset
    test: Dataset
    quick: bool = False
    seed: int = 0
    findings: list[Finding] = field(default_factory=list)
    headline: Finding | None = None
    numbers: dict[str, Any] = field(default_factory=dict)

    def first(self, train: int, test: int) -> tuple[Dataset, Dataset]:
        """Give the first images of either split; a tenth as many for a quick study, and what there is of them."""
        share = 10 if self.quick else 1
        return _take(self.train, train // share), _take(self.test, test // share)

    def epochs(self, count: int) -> int:
        """Give so many epochs, or two for a quick study."""
        return min(count, 2) if self.quick else count

    def fit(
        self,
        what: str,
        apply: training.Apply,
        params: Params,
        loader: DataLoader,
        test: Dataset,
        optimizer: Optimizer,
        epochs: int,
        *,
        schedule: Schedule | None = None,
        loss: training.Loss = ops.softmax_cross_entropy,
    ) -> Trained:
        """Train with a bar, evaluate, and say in a line how it went.

        The learning rate is constant unless there is a schedule, as the write-ups have it.
        """
        history = training.History()
        with training_bar(epochs, epochs * len(loader), history) as show:
            training.fit(
                apply, params, loader, optimizer=optimizer, epochs=epochs, test=test, schedule=schedule, loss=loss,
                callbacks=[training.Callback(on_step=show)], history=history,
            )  # fmt: skip
        result = Trained(history, training.evaluate(apply, params, test))
        print(f"{what}: {result}")
        return result

    def add(
        self, figure: str, published: str = "", reproduced: str = "", ours: str = "", seconds: float | None = None
    ) -> None:
        """Add a line to the table."""
        self.findings.append(Finding(figure, published, reproduced, ours, seconds))

    def picture(self, name: str) -> Path:
        """Give the path of a picture in the folder, which is made."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f"{name}.png"

    def report(self, result: Trained, test: Dataset) -> str:
        """Give precision, recall and F1 of every class."""
        return str(classification_report(test.labels, result.evaluation.predictions, test.class_names))

    def save(self) -> str:
        """Write the folder's files, and give the table."""
        header = ["", "as published", "reproduced", "ours", "seconds"]
        rows = [
            [f.figure, f.published, f.reproduced, f.ours, "" if f.seconds is None else f"{f.seconds:.1f}"]
            for f in self.findings
        ]
        table = text.table(header, rows, left=4)
        if self.headline is not None:
            h = self.headline
            table += f"\n\nas published: {h.published}\nreproduced:   {h.reproduced}\nours:         {h.ours}"
        content = {
            "name": self.name,
            "quick": self.quick,
            "seed": self.seed,
            "images": [len(self.train), len(self.test)],
            "date": datetime.date.today().isoformat(),
            "python": platform.python_version(),
            "numpy": np.__version__,
            "headline": self.headline and dataclasses.asdict(self.headline),
            "findings": [dataclasses.asdict(f) for f in self.findings],
            "numbers": self.numbers,
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        plain = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        write_atomically(self.folder / "results.json", plain.encode())
        write_atomically(self.folder / "table.txt", f"{table}\n".encode())
        return table


@dataclass(frozen=True)
class Trained:
    """How a training went, and what came of it."""

    history: training.History
    evaluation: training.Evaluation

    @property
    def accuracy(self) -> str:
        """The test accuracy in per cent."""
        return f"{self.evaluation.accuracy:.2%}"

    @property
    def seconds(self) -> float:
        """Seconds of training alone."""
        return self.history.seconds

    def __str__(self) -> str:
        e = self.evaluation
        return (
            f"test accuracy {self.accuracy}, loss {e.loss:.4f}, mean confidence {e.mean_confidence:.2%}, "
            f"{len(self.history.epochs)} epochs in {self.seconds:.1f} s"
        )

    def numbers(self) -> dict[str, Any]:
        """Give the figures, as they go into a JSON file."""
        e = self.evaluation
        return {
            "test_accuracy": e.accuracy,
            "test_loss": e.loss,
            "mean_confidence": e.mean_confidence,
            "seconds": self.seconds,
            "train_losses": [r.train_loss for r in self.history.epochs],
            "test_accuracies": [r.test_accuracy for r in self.history.epochs],
        }


def stopwatch() -> Callable[[], float]:
    """Give a function that tells the seconds since now."""
    begin = time.perf_counter()
    return lambda: time.perf_counter() - begin


def _take(dataset: Dataset, count: int) -> Dataset:
    return dataclasses.replace(dataset, images=dataset.images[:count], labels=dataset.labels[:count])
