"""Lessons: a few training steps on a drawing that the network read wrongly, with reminders of what it knew before."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from autograd_cnn import models, ops
from autograd_cnn.data import DataError, Dataset, load
from autograd_cnn.data.augment import augment
from autograd_cnn.optim import Adam
from autograd_cnn.play.answers import check_class, class_probabilities, one_image
from autograd_cnn.play.errors import PlayError
from autograd_cnn.tensor import Params, Tensor
from autograd_cnn.training.digit_images import DIGIT, as_digits
from autograd_cnn.training.errors import RunError
from autograd_cnn.training.saved_models import SavedModel

#: A lesson ends when the drawing's given class has this probability, and at most this share of the reminders has been
#: forgotten; or after this many steps.
CONVINCED, FORGOTTEN, MOST_STEPS = 0.9, 0.01, 60

#: Images in each step: variations of the drawing, and reminders.
VARIATIONS, REMINDERS = 8, 56

#: Old images that are kept to be reminded of, and to see whether anything was forgotten.
KEPT_IMAGES = 512

LEARNING_RATE = 5e-4

#: How many lessons can be undone.
MOST_UNDONE = 50


def lesson(
    model: SavedModel, params: Params, pixels: Any, label: int, reminders: Dataset | None = None, seed: int = 0
) -> Iterator[dict[str, Any]]:
    """Train parameters, in place, until the network reads a drawing as it is told.

    Each step is one of Adam on the mean cross-entropy of the drawing, varied a little, and of reminders. Running
    statistics stay as they are: those of a few drawings are not those of the data.

    Parameters
    ----------
    model : SavedModel
        Its own parameters are not changed.
    params : dict of str to Tensor
        The parameters to train; `copied` makes them.
    pixels : array_like
        The drawing, as `answers.answer` takes it.
    label : int
        The class that it is said to be.
    reminders : Dataset, optional
        Images that the model knows, with labels.
    seed : int
        Seed of the variations, and of the choice of reminders.

    Yields
    ------
    dict
        After each step, and before the first: `step`, `label` and `probabilities` of the drawing, its `loss`, and the
        `accuracy` on the reminders, or None without any. `learned` tells whether the network is convinced and has
        forgotten next to nothing; if so, this is the last.

    Raises
    ------
    PlayError
        If there is no such class.

    Examples
    --------
    >>> net = SavedModel("mlp", models.mlp, models.mlp.init(0), tuple("0123456789"), (1, 28, 28))
    >>> drawing = np.eye(28, dtype=np.float32)[np.newaxis]
    >>> *_, last = lesson(net, copied(net.params), drawing, label=4)
    >>> last["label"], last["learned"]
    (4, True)
    """
    check_class(model, label)
    x = one_image(model, pixels)
    rng = np.random.default_rng(seed)
    optimizer = Adam(models.trainable(params), lr=LEARNING_RATE)
    remembered = None
    for step in range(MOST_STEPS + 1):
        state = _state(model, params, x, label, reminders)
        accuracy = 1.0 if reminders is None else state["accuracy"]
        remembered = accuracy if remembered is None else remembered
        learned = bool(state["probabilities"][label] >= CONVINCED and accuracy >= remembered - FORGOTTEN)
        yield {"step": step, **state, "learned": learned}
        if learned:
            return
        images, labels = _batch(model, x, label, reminders, rng)
        loss = ops.softmax_cross_entropy(model.apply(params, images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def copied(params: Params) -> dict[str, Tensor]:
    """Return copies of parameters, with arrays of their own."""
    return {name: Tensor(p.numpy().copy(), requires_grad=p.requires_grad) for name, p in params.items()}


def _state(model: SavedModel, params: Params, x: Any, label: int, reminders: Dataset | None) -> dict[str, Any]:
    plain = {name: p.numpy() for name, p in params.items()}
    probabilities = class_probabilities(model.apply(plain, x))
    accuracy = None
    if reminders is not None:
        found = model.apply(plain, reminders.images).argmax(1)
        accuracy = float((found == reminders.labels).mean())
    return {
        "label": int(probabilities.argmax()),
        "probabilities": probabilities,
        "loss": float(-np.log(max(probabilities[label], 1e-30))),
        "accuracy": accuracy,
    }


def _batch(
    model: SavedModel, x: Any, label: int, reminders: Dataset | None, rng: np.random.Generator
) -> tuple[Any, Any]:
    """Return the images of a step with their labels: the drawing as it is and varied, and reminders."""
    images = np.repeat(x, VARIATIONS, axis=0)
    if model.reading == DIGIT:
        images[1:] = augment(images[1:], rng, shift=1, rotate=5, scale=0.05)
    labels = np.full(VARIATIONS, label)
    if reminders is None:
        return images, labels
    chosen = rng.integers(0, len(reminders), REMINDERS)
    return np.concatenate([images, reminders.images[chosen]]), np.concatenate([labels, reminders.labels[chosen]])


def reminders_for(model: SavedModel) -> Dataset | None:
    """Return some of the images that a model was trained on; for a model of digits, fall back on the embedded ones.

    None is returned if the data set is not there, or is not named.
    """
    found: Dataset | None = None
    with contextlib.suppress(DataError, RunError):  # it may have been trained on another machine
        found = None if model.data is None else model.load_data(model.data, "train")
    if found is None and model.reading == DIGIT and len(model.class_names) == 10:
        embedded = load("digits", "train")
        found = Dataset(as_digits(embedded.images), embedded.labels, embedded.class_names)
    if found is None or not len(found):
        return None
    chosen = np.random.default_rng(0).permutation(len(found))[:KEPT_IMAGES]
    return Dataset(found.images[chosen], found.labels[chosen], model.class_names)


class Pupil:
    """A model that takes lessons, one at a time, and can undo them.

    Attributes
    ----------
    model : SavedModel
        The current model. A lesson replaces it when the lesson ends, so that no computation sees half-trained
        parameters.

    Examples
    --------
    >>> net = SavedModel("mlp", models.mlp, models.mlp.init(0), tuple("0123456789"), (1, 28, 28))
    >>> pupil = Pupil(net)
    >>> steps = list(pupil.learn(np.eye(28, dtype=np.float32)[np.newaxis], label=4))
    >>> pupil.lessons, pupil.undo(), pupil.model is net
    (1, 0, True)
    """

    def __init__(self, model: SavedModel) -> None:
        self.model = model
        self._before: list[SavedModel] = []
        self._lock = threading.Lock()

    @property
    def lessons(self) -> int:
        """How many lessons can be undone."""
        return len(self._before)

    @functools.cached_property
    def reminders(self) -> Dataset | None:
        """Images that the model knows; they are loaded when a lesson first asks for them."""
        return reminders_for(self.model)

    def learn(self, pixels: Any, label: int) -> Iterator[dict[str, Any]]:
        """Take a lesson, and yield its steps; the last says how many `lessons` there are now to undo.

        A lesson that is abandoned before its end changes nothing.

        Raises
        ------
        PlayError
            If another lesson is going on, or there is no such class.
        """
        if not self._lock.acquire(blocking=False):
            raise PlayError("a lesson is going on: wait until it ends")
        try:
            model = self.model
            params = copied(model.params)
            taken = None
            for taken in lesson(model, params, pixels, label, self.reminders, seed=self.lessons):
                yield {**taken, "lessons": self.lessons, "ended": False}
            if taken is not None and taken["step"]:
                self._before = [*self._before, model][-MOST_UNDONE:]
                self.model = dataclasses.replace(model, params=params)
            yield {**(taken or {}), "lessons": self.lessons, "ended": True}
        finally:
            self._lock.release()

    def undo(self) -> int:
        """Go back to the model before the last lesson, and return how many lessons are left to undo.

        Raises
        ------
        PlayError
            If there is none, or one is going on.
        """
        if not self._lock.acquire(blocking=False):
            raise PlayError("a lesson is going on: wait until it ends")
        try:
            if not self._before:
                raise PlayError("there is no lesson to undo")
            *self._before, self.model = self._before
            return self.lessons
        finally:
            self._lock.release()
