"""What a run leaves in its folder at the end: metrics, history and pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from autograd_cnn import plotting
from autograd_cnn.data import Dataset
from autograd_cnn.output.files import write_json
from autograd_cnn.tensor import Params
from autograd_cnn.training import metrics
from autograd_cnn.training.results import Evaluation, History
from autograd_cnn.training.schema import Count, convert, parse

#: The largest JSON file that is read from the folder of a run or a sweep: these have a few lines for each class or run.
MOST_BYTES = 2**24


class Results(NamedTuple):
    """The metrics of a run, as in `metrics.json`, and the table of its classes."""

    summary: dict[str, Any]
    report: metrics.ClassificationReport


def write_results(
    folder: Path, summary: Mapping[str, Any], history: History, test: Dataset, result: Evaluation, params: Params
) -> Results:
    """Write history, pictures and metrics; the metrics come last, so that if they exist, the rest is complete."""
    report = metrics.classification_report(test.labels, result.predictions, test.class_names)
    whole = {**summary, "report": report.to_dict()}
    write_json(folder / "history.json", history.to_dict())
    _draw(folder, history, test, result, params, augmented=bool(summary.get("augment")))
    write_json(folder / "metrics.json", whole)
    return Results(whole, report)


def _draw(
    folder: Path, history: History, test: Dataset, result: Evaluation, params: Params, *, augmented: bool
) -> None:
    names = test.class_names
    matrix = metrics.confusion_matrix(test.labels, result.predictions, len(names))
    pictures: dict[str, Any] = {
        "learning_curve": plotting.learning_curve(history, augmented=augmented),
        "confusion_matrix": plotting.confusion_matrix(matrix, names),
        "mistakes": plotting.mistakes(test.images, test.labels, result.probabilities, names),
        "calibration": plotting.calibration(metrics.calibration_bins(test.labels, result.probabilities)),
    }
    filters = first_filters(params, test.images.shape[1:])
    if filters is not None:
        pictures["filters"] = plotting.filters(filters)
    for name, drawn in pictures.items():
        plotting.save(drawn, folder / f"{name}.png")


def first_filters(params: Params, shape: tuple[int, ...]) -> Any:
    """Return the filters (F, C, KH, KW) of the first layer that sees images (C, H, W); None if no layer has filters.

    Those of a linear layer have the images' shape.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_cnn.models import mlp
    >>> first_filters(mlp.init(np.random.default_rng(0)), (1, 28, 28)).shape
    (300, 1, 28, 28)
    """
    for weight in (p.data for p in params.values()):
        if weight.ndim == 4:
            return weight
        if weight.ndim == 2 and weight.shape[1] == math.prod(shape):
            return weight.reshape(-1, *shape)
    return None


class Summary(NamedTuple):
    """The figures that are read back from a run's `metrics.json`."""

    epochs: int
    test_accuracy: float
    seconds: float


def read_summary(folder: Path) -> Summary | None:
    """Return the summary of a run's results; None if there are no results, or the file holds something else."""
    file = folder / "metrics.json"
    try:
        if not file.is_file() or file.stat().st_size > MOST_BYTES:
            return None
        found = parse(file.read_text(encoding="utf-8"), dict[str, Any])
        return Summary(
            convert(found["epochs"], Count), convert(found["test_accuracy"], float), convert(found["seconds"], float)
        )
    except (OSError, ValueError, KeyError):
        return None


def tested_epochs(folder: Path) -> int | None:
    """Return the number of epochs after which a run's results were written; None if they were not."""
    summary = read_summary(folder)
    return None if summary is None else summary.epochs
