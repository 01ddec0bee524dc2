"""The graph of the computation that reads one image, each node with its value and its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_cnn import ops
from autograd_cnn.backpropagation import survey
from autograd_cnn.graph import Node, Place, place_of
from autograd_cnn.play.answers import check_class, one_image, parameter_names, to_bytes
from autograd_cnn.recording.observers import Backward, Forward, observed_by
from autograd_cnn.tensor import Tensor
from autograd_cnn.training.saved_models import SavedModel
from autograd_cnn.variable import Array, Variable

#: Bars of a histogram; and the most numbers that are shown as a picture, and the most pictures side by side.
BARS, MOST_SHOWN, MOST_MAPS = 24, 2**14, 64


def computation(model: SavedModel, pixels: Any, target: int) -> dict[str, Any]:
    """Return the graph that computes a model's loss, −log p, for an image of a class.

    Parameters
    ----------
    model : SavedModel
    pixels : array_like
        One image, as `answers.answer` takes it.
    target : int
        The class of which p is the probability.

    Returns
    -------
    dict
        `loss`, and `nodes`, a list of dicts in an order in which each comes after those that it is computed from. Of a
        node, `name` is its op or its parameter's name, `kind` is "input", "parameter", "op" or "loss", `shape` and
        `dtype` are its output's, `sources` the indices of the nodes that it takes, and `row` and `column` where it
        stands in a drawing: below what it takes, and parameters beside the op that takes them. `value` and `gradient`
        have `min`, `mean`, `max`, a `histogram` of counts, and an `image` in uint8, or None where there are too many
        numbers; `gradient` is that of the loss, or None if the loss does not depend on the node.

    Raises
    ------
    PlayError
        If there is no such class.

    Examples
    --------
    >>> from autograd_cnn import models
    >>> net = SavedModel("mlp", models.mlp, models.mlp.init(0), tuple("0123456789"), (1, 28, 28))
    >>> found = computation(net, np.zeros((1, 28, 28), np.float32), target=3)
    >>> [node["name"] for node in found["nodes"] if node["kind"] == "op"]
    ['reshape', 'linear', 'relu', 'linear']
    """
    check_class(model, target)
    image = Tensor(one_image(model, pixels), requires_grad=True)
    params = {name: Tensor(p.numpy(), requires_grad=p.requires_grad) for name, p in model.params.items()}
    results = _Results()
    with observed_by(results):
        loss = ops.softmax_cross_entropy(model.apply(params, image), np.array([target]))
    end = place_of(loss)
    nodes, leaves = survey([end])
    loss.backward()
    names = {id(image): "image", **parameter_names(params)}
    places = [*leaves, *nodes]
    arranged = _arranged(places, image, end)
    numbers = {id(place): number for number, place in enumerate(places)}
    described = []
    for place in places:
        tensor = results.of[id(place)] if isinstance(place, Node) else place
        described.append({
            "name": place.op if isinstance(place, Node) else names[id(place)],
            "kind": _kind(place, end, image),
            "shape": list(place.shape),
            "dtype": str(place.dtype),
            "sources": [numbers[id(source)] for source in _sources(place)],
            "row": arranged[id(place)][0],
            "column": arranged[id(place)][1],
            "value": summary(tensor._data),
            "gradient": None if tensor.grad is None else summary(tensor.grad, signed=True),
        })  # fmt: skip
    return {"loss": loss.item(), "target": target, "nodes": described}


class _Results:
    """An observer that keeps the result of each op, and asks for its gradient."""

    def __init__(self) -> None:
        self.of: dict[int, Any] = {}  # by the node's id, which stays unique as long as the result is kept

    def forward(self, event: Forward) -> None:
        if isinstance(event.out, Tensor) and event.out.node is not None:
            event.out.retain_grad()
            self.of[id(event.out.node)] = event.out

    def backward(self, event: Backward) -> None:
        """Do nothing: the observer is gone by then."""


def _kind(place: Place, end: Place, image: Variable) -> str:
    if isinstance(place, Node):
        return "loss" if place is end else "op"
    return "input" if place is image else "parameter"


def _sources(place: Place) -> list[Place]:
    return place.sources if isinstance(place, Node) else []


def _arranged(places: list[Place], image: Place, end: Place) -> dict[int, tuple[int, int]]:
    """Return the row and the column of each place, by its id.

    What comes from the image is one row below its inputs; what is made of parameters alone is in the row of the op that
    takes it, to its right.
    """
    rows = {id(image): 0}
    for place in places:  # the oldest first
        above = [rows[id(source)] for source in _sources(place) if id(source) in rows]
        if above or place is end:
            rows[id(place)] = 1 + max(above, default=0)
    main = set(rows)
    for place in reversed(places):
        for source in _sources(place):
            if id(source) not in main:
                rows[id(source)] = min(rows[id(place)], rows.get(id(source), rows[id(place)]))
    arranged: dict[int, tuple[int, int]] = {}
    taken: dict[int, int] = {}  # columns, by row
    for place in [*(p for p in places if id(p) in main), *(p for p in reversed(places) if id(p) not in main)]:
        row = rows[id(place)]
        arranged[id(place)] = row, taken.get(row, 0)
        taken[row] = taken.get(row, 0) + 1
    return arranged


def summary(values: Array, *, signed: bool = False) -> dict[str, Any]:
    """Summarise numbers for a person to look at: extremes, mean, histogram, and a picture if they are not too many.

    The picture of `signed` numbers has 0 in the middle.

    Examples
    --------
    >>> found = summary(np.array([[1.0, 2.0, 3.0]]))
    >>> found["min"], found["mean"], found["max"], found["image"].shape
    (1.0, 2.0, 3.0, (1, 1, 3))
    """
    low, high, mean = float(values.min()), float(values.max()), float(values.mean())
    counts, _ = np.histogram(values, BARS, (low, high) if low < high else (low - 0.5, low + 0.5))
    largest = max(-low, high)
    maps = _maps(values)
    limits = (-largest, largest) if signed else (low, high)
    return {
        "min": low,
        "mean": mean,
        "max": high,
        "signed": signed,
        "histogram": counts.tolist(),
        "image": None if maps is None else to_bytes(maps, *limits),
    }


def _maps(values: Array) -> NDArray[Any] | None:
    """Return values as maps (F, H, W) to be drawn side by side, or None if there are too many."""
    if not 1 < values.size <= MOST_SHOWN:
        return None
    if values.ndim < 3:
        return values.reshape(1, -1, values.shape[-1])
    return values.reshape(-1, *values.shape[-2:])[:MOST_MAPS]
