"""The state of a run after an epoch, in one file: all that is needed to resume with the same bits."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autograd_cnn.nn import serialization
from autograd_cnn.optim import Optimizer
from autograd_cnn.tensor import Params, Tensor
from autograd_cnn.training.errors import RunError
from autograd_cnn.training.results import Course, History, Underway
from autograd_cnn.training.schema import AtLeastZero, Count, SchemaError, parse
from autograd_cnn.training.settings import Settings

#: The file in a run's folder.
STATE_FILE = "checkpoint.safetensors"

_LOSSES = "history/step_losses"  # a tensor: there may be millions


@dataclass(frozen=True)
class SavedState:
    """What the file holds besides the tensors.

    Attributes
    ----------
    settings : Settings
    history : History
    images : dict of str to int, optional
        The number of training images of each class.
    fingerprint : str, optional
        A digest of the training images' pixels and labels.
    steps : dict of str to int, optional
        The number of optimizer steps of each parameter. Files of earlier versions lack it: every parameter took part in
        every step.
    """

    settings: Settings
    history: History
    images: Mapping[str, int] | None
    steps: Mapping[str, int] | None
    fingerprint: str | None = None

    def write(
        self, folder: Path, params: Params, optimizer: Optimizer, model: Mapping[str, str], keep: int = 0
    ) -> None:
        """Write the file with the parameters and the optimizer's arrays; it replaces the previous file atomically.

        `model` is the metadata that a weights file of these parameters has. The last `keep` states are kept beside
        it, in files named after their steps.
        """
        metadata = {
            "settings": dataclasses.asdict(self.settings),
            "history": {key: value for key, value in self.history.to_dict().items() if key != "steps"},
            "seconds": self.history.seconds,
            "images": self.images,
            "steps": self.steps,
            "fingerprint": self.fingerprint,
            "underway": self.history.underway and dataclasses.asdict(self.history.underway),
        }
        losses = Tensor(np.array(self.history.step_losses, np.float64))
        tensors = _tensors(params, optimizer) | {_LOSSES: losses}
        names = [STATE_FILE] + [f"checkpoint-{len(self.history.step_losses):08d}.safetensors"] * (keep > 0)
        for name in names:
            serialization.save_weights(folder / name, tensors, metadata={**model, "run": json.dumps(metadata)})
        if keep:
            for path in sorted(folder.glob("checkpoint-" + "[0-9]" * 8 + ".safetensors"))[:-keep]:
                path.unlink()

    @classmethod
    def read(cls, folder: Path) -> SavedState:
        """Read the file in a folder, without the parameters.

        Raises
        ------
        RunError
            If the folder has no such file, or a file with something else in it.
        """
        path = folder / STATE_FILE
        if not path.exists():
            raise RunError(f"{folder} holds no {STATE_FILE} to resume from; give the folder of an earlier run")
        return cls.read_file(path)

    @classmethod
    def read_file(cls, path: Path) -> SavedState:
        """Read a file, without the parameters.

        Raises
        ------
        RunError
            If it holds something else.
        """
        metadata = serialization.read_metadata(path)
        if "run" not in metadata:
            raise RunError(f"{path} is not a checkpoint of a run; give the folder of an earlier run")
        try:
            saved: _Saved = parse(metadata["run"], _Saved)
        except SchemaError as error:
            raise RunError(
                f"{path} is not a checkpoint of a run ({error}); give the folder of an earlier run"
            ) from error
        saved.check_order(path)
        # Earlier versions stored the losses in the metadata.
        stored = serialization.load_weights(path, prefix=_LOSSES).get(_LOSSES)
        losses = saved.history.steps.loss if stored is None else stored.data.ravel().tolist()
        history = History(losses, saved.history.epochs, saved.seconds, saved.history.stopped, saved.underway)
        return cls(saved.settings, history, saved.images, saved.steps, saved.fingerprint)

    def restore(self, folder: Path, params: Params, optimizer: Optimizer) -> None:
        """Load the parameters and the optimizer's state from the file.

        Raises
        ------
        RunError, WeightsError
            If the file does not hold the tensors of these parameters and this optimizer.
        """
        path = folder / STATE_FILE
        tensors = serialization.load_matching(path, _tensors(params, optimizer), prefix=("model/", "optimizer/"))
        arrays = {
            name: {slot: tensors[f"optimizer/{name}/{slot}"].data for slot in slots}
            for name, slots in optimizer.state.items()
        }
        steps = len(self.history.step_losses) if self.steps is None else self.steps
        try:
            optimizer.load_state_dict({"steps": steps, "lr": self.settings.lr, "state": arrays})
        except ValueError as error:
            raise RunError(f"{path} does not fit the run that it describes: {error}") from error
        for name, p in params.items():
            p.data = tensors[f"model/{name}"].data


@dataclass(frozen=True)
class _Saved:
    """What the file's metadata says about a run, in JSON."""

    settings: Settings
    history: Course
    seconds: AtLeastZero
    images: dict[str, Count] | None = None
    steps: dict[str, Count] | None = None
    fingerprint: str | None = None
    underway: Underway | None = None

    def check_order(self, path: Path) -> None:
        """Refuse epochs that do not follow each other."""
        epochs = [result.epoch for result in (*self.history.epochs, self.underway) if result is not None]
        for expected, found in enumerate(epochs, start=1):
            if found != expected:
                raise RunError(f"{path} is not a checkpoint of a run: epoch {found} stands where {expected} belongs")


def _tensors(params: Params, optimizer: Optimizer) -> dict[str, Tensor]:
    """Return everything that training changes, by its name in the file."""
    tensors = {f"model/{name}": p for name, p in params.items()}
    for name, slots in optimizer.state.items():
        tensors |= {f"optimizer/{name}/{slot}": Tensor(array) for slot, array in slots.items()}
    return tensors
