"""What a reproduction is given to work with, and what it has found: a table, pictures and JSON."""

from __future__ import annotations

import dataclasses
import datetime
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from autograd_cnn import ops, plotting, training
from autograd_cnn.data import DataLoader, Dataset
from autograd_cnn.optim import Optimizer
from autograd_cnn.optim.schedules import Schedule
from autograd_cnn.output import text
from autograd_cnn.output.files import write_atomically, write_json
from autograd_cnn.tensor import Params
from autograd_cnn.training.metrics import classification_report
from autograd_cnn.training.progress import training_bar

#: What a study writes into its folder at the end; pictures are written as they are made.
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
        Of 1×28×28 images.
    quick : bool
        Whether to use few of them, and few epochs.
    seed : int
        Seeds every draw.
    data : str
        The data set's name. Published figures are for all of MNIST: with other data, and in a quick study, they are
        left out.
    findings : list of Finding
    headline : Finding
        The result, a phrase in each column, for the README.
    numbers : dict
        The figures of the findings, for `results.json`.
    """

    name: str
    folder: Path
    train: Dataset
    test: Dataset
    quick: bool = False
    seed: int = 0
    data: str = "mnist"
    findings: list[Finding] = field(default_factory=list)
    headline: Finding | None = None
    numbers: dict[str, Any] = field(default_factory=dict)

    def first(self, train: int, test: int) -> tuple[Dataset, Dataset]:
        """Return the first images of each split, or all if there are fewer; a tenth for a quick study."""
        share = 10 if self.quick else 1
        return _take(self.train, train // share), _take(self.test, test // share)

    @property
    def comparable(self) -> bool:
        """Whether the published figures are of the same task."""
        return self.data == "mnist" and not self.quick

    def epochs(self, count: int) -> int:
        """Return the number of epochs: at most two for a quick study."""
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
        """Train with a bar, evaluate, and print the result in one line.

        The learning rate is constant unless there is a schedule, as in the write-ups.
        """
        history = training.History()
        with training_bar(epochs, epochs * len(loader), history) as show:
            training.fit(
                apply, params, loader, optimizer=optimizer, epochs=epochs, test=test, schedule=schedule, loss=loss,
                callbacks=[training.Callback(on_step=show)], history=history, progress=False,
            )  # fmt: skip
            show.end()
        result = Trained(history, training.evaluate(apply, params, test))
        print(f"{what}: {result}")
        return result

    def add(
        self, figure: str, published: str = "", reproduced: str = "", ours: str = "", seconds: float | None = None
    ) -> None:
        """Add a line to the table."""
        self.findings.append(Finding(figure, published if self.comparable else "", reproduced, ours, seconds))

    def save_picture(self, name: str, drawn: Any) -> None:
        """Write what a function of `plotting` returned into the folder, as name.png."""
        self.folder.mkdir(parents=True, exist_ok=True)
        plotting.save(drawn, self.folder / f"{name}.png")

    def report(self, result: Trained, test: Dataset) -> str:
        """Return precision, recall and F1 of every class, as text."""
        return str(classification_report(test.labels, result.evaluation.predictions, test.class_names))

    def save(self) -> str:
        """Write the folder's files, and return the table."""
        if self.headline is not None and not self.comparable:
            self.headline = dataclasses.replace(self.headline, published="")
        table = self._table()
        content = {
            "name": self.name,
            "quick": self.quick,
            "data": self.data,
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
        write_json(self.folder / "results.json", content)
        write_atomically(self.folder / "table.txt", f"{table}\n".encode())
        return table

    def _table(self) -> str:
        header = ["", "as published", "reproduced", "ours", "seconds"]
        rows = [
            [f.figure, f.published, f.reproduced, f.ours, "" if f.seconds is None else f"{f.seconds:.1f}"]
            for f in self.findings
        ]
        if not self.comparable:
            del header[1]
            rows = [[figure, *rest] for figure, _, *rest in rows]
        table = text.table(header, rows, left=len(header) - 1)
        if self.headline is not None:
            h = self.headline
            lines = [("as published: ", h.published), ("reproduced:   ", h.reproduced), ("ours:         ", h.ours)]
            table += "\n\n" + "\n".join(name + phrase for name, phrase in lines if phrase)
        return table


@dataclass(frozen=True)
class Trained:
    """The course of a training, and the evaluation of what it led to."""

    history: training.History
    evaluation: training.Evaluation

    @property
    def accuracy(self) -> str:
        """The test accuracy, as a percentage."""
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
        """Return the figures, ready for JSON."""
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
    """Return a function that returns the seconds since now."""
    begin = time.perf_counter()
    return lambda: time.perf_counter() - begin


def _take(dataset: Dataset, count: int) -> Dataset:
    return dataclasses.replace(dataset, images=dataset.images[:count], labels=dataset.labels[:count])
