"""A run: one training from its settings to a folder of results, which can be stopped and resumed.

Everything about a run goes into its folder. The saved state is replaced as a whole after every epoch, and after an
interrupt; weights, metrics and pictures are written at the end.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from autograd_cnn import models, ops, training
from autograd_cnn.data import DataLoader, Dataset
from autograd_cnn.distributed import Alone, Communicator, require_same
from autograd_cnn.kernels import get_num_threads, set_num_threads
from autograd_cnn.nn import serialization
from autograd_cnn.optim import Optimizer
from autograd_cnn.tensor import Params
from autograd_cnn.training.checkpoints import Checkpoints
from autograd_cnn.training.errors import RunError, TrainingError
from autograd_cnn.training.interrupts import end_together, put_off
from autograd_cnn.training.model_files import FileModel, find, recall
from autograd_cnn.training.recovery import Recovery
from autograd_cnn.training.results import EpochResult
from autograd_cnn.training.run_folder import BEST_FILE, WEIGHTS_FILE, claim_folder
from autograd_cnn.training.run_results import Results, write_results
from autograd_cnn.training.saved_models import SavedModel
from autograd_cnn.training.saved_state import STATE_FILE, SavedState
from autograd_cnn.training.settings import SCHEDULES, Settings
from autograd_cnn.training.training_images import (
    count_images,
    digest_of,
    image_metadata,
    in_colour,
    load_images,
    variation,
)


@dataclass
class Run:
    """One training, in its folder; `start` and `resume` make one.

    Attributes
    ----------
    settings : Settings
    folder : Path
        Made when the state is first saved; until then nothing is written.
    model : module
    train, test : Dataset
        With images of the model's size.
    validation : Dataset, optional
        Images that are held out of the training images.
    params : dict of str to Tensor
    optimizer : Optimizer
        Of the parameters that are trainable.
    options : dict
        Arguments of the model's `init` besides `rng` and `num_classes`.
    history : History
        Of the epochs so far.
    checkpoints : Checkpoints
        When to save the state, in addition to the end of every epoch.
    comm : Communicator
        The processes that train together; rank 0 alone writes.
    """

    settings: Settings
    folder: Path
    model: models.Model
    train: Dataset
    test: Dataset
    validation: Dataset | None
    params: Params
    optimizer: Optimizer
    options: Mapping[str, Any]
    history: training.History = field(default_factory=training.History)
    checkpoints: Checkpoints = field(default_factory=Checkpoints)
    comm: Communicator = field(default_factory=Alone)
    recovery: Recovery = field(default_factory=Recovery, repr=False)

    @classmethod
    def start(
        cls,
        settings: Settings,
        folder: Path,
        checkpoints: Checkpoints | None = None,
        comm: Communicator | None = None,
    ) -> Run:
        """Prepare a new run.

        Raises
        ------
        RunError
            If the folder already holds a run, or cannot hold one.
        """
        if settings.patience and not settings.validation:
            raise RunError(f"--patience {settings.patience} needs a validation set; give --validation 0.1, say")
        if comm is None or comm.rank == 0:
            claim_folder(folder, (STATE_FILE, "metrics.json"), f"give another --out, or go on with --resume {folder}")
        model = find(settings.model)
        if isinstance(model, FileModel):
            settings = dataclasses.replace(settings, model=model.name, model_digest=model.digest)
        return cls._prepare(settings, folder, model, checkpoints, comm)

    @classmethod
    def resume(
        cls,
        folder: Path,
        epochs: int | None = None,
        checkpoints: Checkpoints | None = None,
        model_file: str | None = None,
        comm: Communicator | None = None,
    ) -> Run:
        """Prepare to resume from the state in a folder, up to the same total of epochs unless `epochs` is given.

        `model_file` names the file of the run's own model, if the user has not named it before.

        Raises
        ------
        RunError
            If the folder holds no state, fewer epochs are asked for than are done, or the data set or the model's
            file has changed.
        """
        state = SavedState.read(folder)
        settings, done = state.settings, len(state.history.epochs)
        if epochs is not None:
            if epochs < done:
                raise RunError(f"--epochs {epochs} is fewer than the {done} that are done in {folder}; give more")
            settings = dataclasses.replace(settings, epochs=epochs)
        if model_file is not None:
            given = find(model_file)
            if getattr(given, "name", model_file) != settings.model:
                raise RunError(
                    f"{folder} trains {settings.model}, not {model_file}; leave out --model, or start a new run"
                )
        model = recall(settings.model, settings.model_digest, folder, "put it back, or start a new run")
        run = cls._prepare(settings, folder, model, checkpoints, comm)
        known = None, run.fingerprint, digest_of(run.train)  # the last is what earlier versions wrote
        if state.images not in (None, count_images(run.train)) or state.fingerprint not in known:
            raise RunError(
                f"{settings.data} no longer has the training images that it had when {folder} was begun: "
                "put them back, or start a new run"
            )
        state.restore(folder, run.params, run.optimizer)
        run.history = state.history
        return run

    @classmethod
    def _prepare(
        cls,
        settings: Settings,
        folder: Path,
        model: models.Model,
        checkpoints: Checkpoints | None,
        comm: Communicator | None,
    ) -> Run:
        """Load the data, and draw the initial parameters."""
        train, validation, test = load_images(model, settings)
        if settings.augment is None:
            settings = dataclasses.replace(settings, augment=in_colour(train))
        options = settings.model_options(model, train.images.shape[1:])
        try:
            params = model.init(np.random.default_rng(settings.seed), num_classes=len(train.class_names), **options)
        except ValueError as error:  # an option is out of range
            raise RunError(f"{settings.model} cannot be made: {error}") from error
        if isinstance(model, FileModel):
            model.check(params, train.images[:2], len(train.class_names))
        optimizer = settings.make_optimizer(models.trainable(params))
        return cls(
            settings, folder, model, train, test, validation, params, optimizer, options,
            checkpoints=checkpoints or Checkpoints(), comm=comm or Alone(),
        )  # fmt: skip

    @property
    def loader(self) -> DataLoader:
        """The training images, in batches."""
        s = self.settings
        transform = variation(self.train, self._image_metadata["reading"]) if s.augment else None
        return DataLoader(self.train, s.batch_size, shuffle=True, transform=transform, seed=s.seed)

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return self.settings.epochs * len(self.loader)

    @property
    def best_epoch(self) -> EpochResult | None:
        """The first of the epochs with the lowest validation loss; None without a validation set."""
        if self.validation is None or not self.history.epochs:
            return None

        def cost(epoch: EpochResult) -> float:  # NaN cannot be compared
            loss = epoch.validation_loss
            return math.inf if loss is None or math.isnan(loss) else loss

        return min(self.history.epochs, key=cost)

    def fit(self, on_step: Callable[[int, float, float], None] | None = None) -> None:
        """Train to the last epoch; save the state after every epoch, and when a signal asks to stop.

        Raises
        ------
        TrainingError
            If training cannot go on; it names the last checkpoint.
        Interrupted
            If SIGINT or SIGTERM came; the state after the last step is saved.
        """
        with put_off() as end_if_asked_here:
            end_if_asked = functools.partial(end_together, end_if_asked_here, self.comm)

            self.recovery.note(self.comm, self.params)

            def after_step(epoch: int, loss: float, accuracy: float) -> None:
                self.recovery.note(self.comm, self.params)
                if on_step is not None:
                    on_step(epoch, loss, accuracy)
                self._save_if_due(end_if_asked)

            def after_epoch(*_: object) -> None:
                self._keep_if_best()
                self.save_state()
                end_if_asked()

            patience = self.settings.patience or sys.maxsize
            stopping = training.EarlyStopping(patience, metric="validation_loss", restore_best=False)
            watching = [] if self.validation is None else [stopping]
            self._fit([*watching, training.Callback(after_step, after_epoch)])

    def _fit(self, callbacks: list[training.Callback]) -> None:
        s = self.settings
        require_same(dataclasses.asdict(s) | {"training images": self.fingerprint}, self.comm)
        threads = get_num_threads()
        set_num_threads(s.threads)
        try:
            training.fit(
                self.saved_model().apply,
                self.params,
                self.loader,
                optimizer=self.optimizer,
                epochs=s.epochs,
                test=self.test if s.test_every_epoch else None,
                validation=self.validation,
                loss=functools.partial(ops.softmax_cross_entropy, label_smoothing=s.label_smoothing),
                schedule=SCHEDULES[s.schedule],
                clip_norm=s.clip_norm,
                callbacks=callbacks,
                history=self.history,
                progress=False,
                comm=self.comm,
                sync_batch_norm=s.sync_batch_norm,
            )
        except TrainingError as error:
            if (self.folder / STATE_FILE).exists():
                done = SavedState.read(self.folder).history
                error = TrainingError(
                    f"{error}; the last checkpoint, {self.folder / STATE_FILE}, is of step {len(done.step_losses)}"
                )
            raise error from None
        finally:
            set_num_threads(threads)

    def _save_if_due(self, end_if_asked: Callable[[], None]) -> None:
        """Save the state after a step, if it is due or a signal asks to stop."""
        if self.comm.rank == 0 and self.checkpoints.due(len(self.history.step_losses)):
            self.save_state()
        try:
            end_if_asked()
        except KeyboardInterrupt:
            self.save_state()
            raise

    def _keep_if_best(self) -> None:
        """Save the weights to `BEST_FILE`, if this epoch is the best so far."""
        if self.comm.rank == 0 and self.best_epoch is not None and self.best_epoch is self.history.epochs[-1]:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.saved_model().save(self.folder / BEST_FILE)

    def save_state(self) -> None:
        """Write what `resume` needs; on rank 0."""
        if self.comm.rank:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        state = SavedState(
            self.settings, self.history, count_images(self.train), self.optimizer.steps, self.fingerprint
        )
        state.write(self.folder, self.params, self.optimizer, self.saved_model().metadata(), self.checkpoints.keep)
        self.checkpoints.saved()

    @functools.cached_property
    def fingerprint(self) -> str:
        """A digest of the training images and their labels, with those held out for validation."""
        return digest_of(self.train, self.validation)

    def saved_model(self) -> SavedModel:
        """Return the model as it is now, with all that belongs to it."""
        return SavedModel(
            self.settings.model,
            self.model,
            dict(self.params),
            self.train.class_names,
            self.train.images.shape[1:],
            dict(self.options),
            data=self.settings.data,
            **self._image_metadata,
        )

    @functools.cached_property
    def _image_metadata(self) -> dict[str, Any]:
        return image_metadata(self.train, self.settings.data)

    def finish(self) -> Results:
        """Evaluate the test set, write weights, metrics, history and pictures, and return the results.

        With a validation set the best weights are tested, otherwise the last.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.saved_model().save(self.folder / WEIGHTS_FILE)
        best, params = self.best_epoch, self.params
        if best is not None:
            params = serialization.load_matching(self.folder / BEST_FILE, self.params)
        result = training.evaluate(self.saved_model().apply, params, self.test)
        epochs = self.history.epochs
        tested = len(epochs) if best is None else best.epoch
        epochs[tested - 1] = dataclasses.replace(
            epochs[tested - 1], test_loss=result.loss, test_accuracy=result.accuracy
        )
        summary = {
            "test_accuracy": result.accuracy,
            "test_loss": result.loss,
            "mean_confidence": result.mean_confidence,
            "calibration_error": result.calibration_error,
            "seconds": self.history.seconds,
            "parameters": sum(p.size for p in models.trainable(self.params).values()),
            **dataclasses.asdict(self.settings),
            "epochs": len(epochs),
            "stopped": self.history.stopped,
            "tested_weights": WEIGHTS_FILE if best is None else BEST_FILE,
            "tested_epoch": tested,
            "validation_loss": best and best.validation_loss,
            "validation_accuracy": best and best.validation_accuracy,
        }
        return write_results(self.folder, summary, self.history, self.test, result, self.params)
