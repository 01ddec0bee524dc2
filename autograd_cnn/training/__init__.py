"""Training: the loop, its callbacks, evaluation, and runs that leave their results in a folder."""

from autograd_cnn.training.arguments import Apply, Loss
from autograd_cnn.training.callbacks import Callback, EarlyStopping, early_stopping
from autograd_cnn.training.errors import RunError, TrainingError
from autograd_cnn.training.evaluation import batches, evaluate, predict
from autograd_cnn.training.loop import fit
from autograd_cnn.training.model_loading import load_model
from autograd_cnn.training.results import EpochResult, Evaluation, History
from autograd_cnn.training.saved_models import SavedModel

__all__ = [
    "Apply",
    "Callback",
    "EarlyStopping",
    "EpochResult",
    "Evaluation",
    "History",
    "Loss",
    "RunError",
    "SavedModel",
    "TrainingError",
    "batches",
    "early_stopping",
    "evaluate",
    "fit",
    "load_model",
    "predict",
]
