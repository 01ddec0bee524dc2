"""Training: the loop, its callbacks, evaluation, and runs that leave their results in a folder."""

from autograd_cnn.training.loop import (
    Apply,
    Callback,
    EpochResult,
    Evaluation,
    History,
    Loss,
    TrainingError,
    batches,
    early_stopping,
    evaluate,
    fit,
    predict,
)

__all__ = [
    "Apply",
    "Callback",
    "EpochResult",
    "Evaluation",
    "History",
    "Loss",
    "TrainingError",
    "batches",
    "early_stopping",
    "evaluate",
    "fit",
    "predict",
]
