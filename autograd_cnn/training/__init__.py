"""Training: the loop, its callbacks, evaluation, and runs that leave their results in a folder."""

from autograd_cnn.training.arguments import Apply, Loss
from autograd_cnn.training.callbacks import Callback, EarlyStopping, early_stopping
from autograd_cnn.training.errors import TrainingError
from autograd_cnn.training.evaluation import batches, evaluate, predict
from autograd_cnn.training.loop import fit
from autograd_cnn.training.results import EpochResult, Evaluation, History

__all__ = [
    "Apply",
    "Callback",
    "EarlyStopping",
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
