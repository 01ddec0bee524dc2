"""Images changed by the gradient of a network's answer: saliency, nudge and dream."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_cnn import ops
from autograd_cnn.data.images import BRIGHT_ON_DARK, DARK_ON_BRIGHT
from autograd_cnn.play.answers import check_class, class_probabilities, frozen, one_image
from autograd_cnn.tensor import Tensor
from autograd_cnn.training.saved_models import SavedModel

Images = NDArray[np.float32]
Gradient = Callable[[Images], tuple[Images, Images]]

#: The length of each step of a nudge, in the Euclidean norm over all pixels, and the most steps that it takes.
NUDGE_LENGTH, NUDGE_STEPS = 0.15, 200

#: A dream's steps: their number, the root mean square of each over the pixels, how much it blurs the image, and by how
#: much the image then fades to the paper.
DREAM_STEPS, DREAM_STEP, DREAM_BLUR, DREAM_FADE = 100, 0.018, 0.05, 0.01

#: What a dream fades to, by the polarity of the images that the model was trained on.
PAPER = {BRIGHT_ON_DARK: 0.0, DARK_ON_BRIGHT: 1.0}
GREY = 0.5


def saliency(model: SavedModel, pixels: Any, target: int) -> dict[str, Any]:
    """Return how the score of a class, its logit, changes with each pixel.

    Parameters
    ----------
    model : SavedModel
    pixels : array_like
        One image, as `answers.answer` takes it.
    target : int
        The class.

    Returns
    -------
    dict
        `pixels` (C, H, W), which the network sees; `gradient` (C, H, W), the derivative of the class's logit with
        respect to each; and `score`, that logit.

    Raises
    ------
    PlayError
        If there is no such class.

    Examples
    --------
    >>> from autograd_cnn import models
    >>> net = SavedModel("mlp", models.mlp, models.mlp.init(0), tuple("0123456789"), (1, 28, 28))
    >>> found = saliency(net, np.zeros((1, 28, 28), np.float32), target=3)
    >>> found["gradient"].shape
    (1, 28, 28)
    """
    check_class(model, target)
    x = one_image(model, pixels)
    logits, gradient = _gradient(model, lambda logits: logits[0, target])(x)
    return {"pixels": x[0], "gradient": gradient[0], "score": float(logits[0, target])}


def nudge(model: SavedModel, pixels: Any, target: int) -> Iterator[dict[str, Any]]:
    """Change an image along the gradient, a little at a time, until the network reads another class in it.

    Each step goes in the direction in which the logit of the class gains most on the largest of the others, and no
    further than is needed. Pixels stay between 0 and 1.

    Parameters
    ----------
    model : SavedModel
    pixels : array_like
        One image, as `answers.answer` takes it.
    target : int
        The class that is to be read.

    Yields
    ------
    dict
        After each step, and before the first: `step`, `pixels` (C, H, W), `label`, `probabilities`, and how much has
        been changed: `mean` and `largest`, of the changes of the pixels, and `norm`, the Euclidean norm of all.
        `reached` tells whether the network reads the class; if so, this is the last.

    Raises
    ------
    PlayError
        If there is no such class.

    Examples
    --------
    >>> from autograd_cnn import models
    >>> net = SavedModel("mlp", models.mlp, models.mlp.init(0), tuple("0123456789"), (1, 28, 28))
    >>> *_, last = nudge(net, np.eye(28, dtype=np.float32)[np.newaxis], target=3)
    >>> last["label"], last["reached"]
    (3, True)
    """
    check_class(model, target)
    start = x = one_image(model, pixels)
    others = np.arange(len(model.class_names)) != target
    gradient_of = _gradient(model, lambda logits: ops.max(logits[0, others]) - logits[0, target])
    for step in range(NUDGE_STEPS + 1):
        logits, gradient = gradient_of(x)
        reached = int(logits.argmax()) == target
        yield {"step": step, "pixels": x[0], "reached": reached, **_answer(logits), **_change(x - start)}
        norm = float(np.linalg.norm(gradient))
        if reached or norm == 0:
            return
        lead = float(logits[0, others].max() - logits[0, target])
        length = min(NUDGE_LENGTH, 1.05 * lead / norm + 1e-3)
        x = np.clip(x - np.float32(length / norm) * gradient, 0, 1)


def dream(model: SavedModel, target: int, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Turn noise into an image in which the network sees a class, guided by the network alone.

    Each step climbs the gradient of the class's log-probability. Between steps the image is blurred a little and fades
    towards the paper; otherwise it would stay noise, in which the network sees the class all the same. The gradient is
    taken at the image moved by a pixel, so that nothing depends on single pixels.

    Parameters
    ----------
    model : SavedModel
    target : int
        The class.
    seed : int
        Seed of the noise.

    Yields
    ------
    dict
        After each step, and before the first: `step`, `steps` in all, `pixels` (C, H, W), `label`, `probabilities`.

    Raises
    ------
    PlayError
        If there is no such class.

    References
    ----------
    K. Simonyan, A. Vedaldi and A. Zisserman, "Deep Inside Convolutional Networks: Visualising Image Classification
    Models and Saliency Maps", 2013. A. Mordvintsev, C. Olah and M. Tyka, "Inceptionism: Going Deeper into Neural
    Networks", 2015.

    Examples
    --------
    >>> from autograd_cnn import models
    >>> net = SavedModel("mlp", models.mlp, models.mlp.init(0), tuple("0123456789"), (1, 28, 28))
    >>> *_, last = dream(net, target=7)
    >>> last["step"], last["label"]
    (100, 7)
    """
    check_class(model, target)
    rng = np.random.default_rng(seed)
    paper = PAPER.get(model.polarity, GREY)
    noise = 0.3 * rng.random((1, *model.input_shape), np.float32)
    x: Images = np.abs(np.float32(paper) - noise) if paper != GREY else np.float32(0.35) + noise
    gradient_of = _gradient(model, lambda logits: ops.log_softmax(logits)[0, target])
    for step in range(DREAM_STEPS + 1):
        move = rng.integers(-1, 2, 2)
        _, gradient = gradient_of(np.roll(x, move, (2, 3)))
        yield {"step": step, "steps": DREAM_STEPS, "pixels": x[0], **_answer(_logits(model, x))}
        gradient = blurred(np.roll(gradient, -move, (2, 3)))
        norm = float(np.linalg.norm(gradient)) or 1.0
        x = x + np.float32(DREAM_STEP * math.sqrt(x.size) / norm) * gradient
        x += np.float32(DREAM_BLUR) * (blurred(x) - x)
        x += np.clip(np.float32(paper) - x, -DREAM_FADE, DREAM_FADE)
        np.clip(x, 0, 1, out=x)


def blurred(images: Images) -> Images:
    """Return images (N, C, H, W), each pixel averaged with its neighbours, which count half, and a quarter at corners.

    Examples
    --------
    >>> blurred(np.ones((1, 1, 3, 3), np.float32)).ravel()[:3]
    array([1., 1., 1.], dtype=float32)
    """
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    rows = padded[:, :, :-2] + 2 * padded[:, :, 1:-1] + padded[:, :, 2:]
    sums: Images = rows[..., :-2] + 2 * rows[..., 1:-1] + rows[..., 2:]
    return sums / np.float32(16)


def _gradient(model: SavedModel, of: Callable[[Any], Any]) -> Gradient:
    """Return a function from images to their logits and the gradient of `of(logits)` with respect to the pixels."""
    params = frozen(model.params)

    def gradient(images: Images) -> tuple[Images, Images]:
        x = Tensor(images, requires_grad=True)
        logits = model.apply(params, x)
        of(logits).backward()
        found = np.zeros_like(images) if x.grad is None else x.grad
        return logits.numpy(), found

    return gradient


def _logits(model: SavedModel, images: Images) -> Images:
    logits: Images = model.apply(frozen(model.params), images).numpy()
    return logits


def _answer(logits: Images) -> dict[str, Any]:
    probabilities = class_probabilities(logits)
    return {"label": int(probabilities.argmax()), "probabilities": probabilities}


def _change(difference: Images) -> dict[str, float]:
    size = np.abs(difference)
    return {
        "mean": float(size.mean()),
        "largest": float(size.max()),
        "norm": float(np.linalg.norm(difference)),
    }
