"""Composition of layers: `sequential` chains layers into a model, which is itself a layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from autograd_cnn.nn.layers import Layer, described, name_of, no_parameters
from autograd_cnn.output import text
from autograd_cnn.tensor import Tensor


def sequential(*layers: Any, **named: Any) -> Layer:
    """Chain layers: each takes the output of the one before it.

    Parameters
    ----------
    *layers, **named
        The layers, in order. A layer is

        - a function of x alone, such as `ac.relu`: it has no parameters;
        - a pair of functions ``init(rng)`` and ``apply(params, x, *, training=False, rng=None)``, such as the layers
          of `ac.nn` or the result of `sequential`;
        - anything that has these two functions as attributes, such as the modules of `ac.models`.

        A layer's name is its position, counted from 0 as in PyTorch, unless a name is given: by a pair
        ``("conv1", layer)``, a dict ``{"conv1": layer}`` of one or more layers, or a keyword.

    Returns
    -------
    Layer
        The functions `init` and `apply` of the whole model, which print as a table of the layers. The parameter
        "weight" of the layer "conv1" is named "conv1.weight"; nested layers have longer names, such as
        "block.0.weight".

    Raises
    ------
    TypeError
        If a layer is neither a function nor a pair of functions. Raised by `apply` if a layer returns a function.
    ValueError
        If there is no layer, if two layers have the same name, or if a name is empty or contains a dot.
    KeyError
        Raised by `apply` if a layer's parameter is missing from `params`.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> from autograd_cnn.nn.layers import conv2d, flatten, linear, max_pool2d
    >>> init, apply = ac.sequential(conv2d(1, 8, 3), ac.relu, max_pool2d(2), flatten, ("fc", linear(1352, 10)))
    >>> params = init(np.random.default_rng(0))
    >>> {name: p.shape for name, p in params.items()}
    {'0.weight': (8, 1, 3, 3), '0.bias': (8,), 'fc.weight': (10, 1352), 'fc.bias': (10,)}
    >>> apply(params, np.ones((5, 1, 28, 28), np.float32)).shape
    (5, 10)
    """
    parts: dict[str, Layer] = {}
    for name, given in _names([*layers, named]):
        if not isinstance(name, str) or not name or "." in name:
            raise ValueError(f"sequential: a layer's name must be text without a dot; got {name!r}")
        if name in parts:
            raise ValueError(f"sequential: two layers are named {name!r}; give one of them another name")
        parts[name] = _layer(name, given)
    if not parts:
        raise ValueError("sequential: expected at least one layer, got none")

    def init(rng: np.random.Generator | int) -> dict[str, Tensor]:
        rng = np.random.default_rng(rng)
        return {f"{name}.{key}": p for name, part in parts.items() for key, p in part.init(rng).items()}

    def apply(
        params: Mapping[str, Any], x: Any, *, training: bool = False, rng: np.random.Generator | None = None
    ) -> Any:
        for name, part in parts.items():
            x = part.apply(_Part(params, name), x, training=training, rng=rng)
            if callable(x):
                raise TypeError(
                    f"sequential: layer {name!r} returned a function, {x!r}; call it first to make the layer, as in "
                    "max_pool2d(2)"
                )
        return x

    made = Sequential(init, apply)
    made.parts = parts
    return made


class Sequential(Layer):
    """A chain of layers, as `sequential` makes it; it prints as a table.

    Examples
    --------
    >>> from autograd_cnn import ops
    >>> from autograd_cnn.nn.layers import linear
    >>> sequential(linear(64, 10), ops.relu, fc=linear(10, 2))
    <sequential of 3 layers, 672 trainable values>
    name  layer   parameters                   values
    ────  ──────  ───────────────────────────  ──────
    0     linear  weight (10, 64), bias (10,)     650
    1     relu
    fc    linear  weight (2, 10), bias (2,)        22
    """

    parts: Mapping[str, Layer]

    def __repr__(self) -> str:
        rows = [(name, *described(part)) for name, part in _leaves(self.parts)]
        table = text.table(
            ["name", "layer", "parameters", "values"],
            [[name, kind, shapes, f"{size:,}" if size else ""] for name, kind, shapes, size in rows],
            left=3,
        )
        total = text.count(sum(size for *_, size in rows), "trainable value")
        return f"<sequential of {text.count(len(rows), 'layer')}, {total}>\n{table}"


def _leaves(parts: Mapping[str, Layer], prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """Yield every layer with its full name, those of nested chains too."""
    for name, part in parts.items():
        if isinstance(part, Sequential):
            yield from _leaves(part.parts, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", part


def _names(layers: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield every layer with its name."""
    place = 0
    for layer in layers:
        if isinstance(layer, Mapping):
            yield from layer.items()
            place += len(layer)
        else:
            yield layer if _is_pair(layer) and isinstance(layer[0], str) else (str(place), layer)
            place += 1


def _layer(name: str, given: Any) -> Layer:
    """Return a layer as a pair of functions."""
    init, apply = given if _is_pair(given) else (getattr(given, "init", None), getattr(given, "apply", None))
    if callable(init) and callable(apply):
        return given if isinstance(given, Layer) else Layer(init, apply)
    if not callable(given):
        raise TypeError(
            f"sequential: layer {name!r} must be a function of x, or a pair of functions (init, apply) as the layers "
            f"of ac.nn are; got {given!r}"
        )

    def alone(_: Any, x: Any, **__: Any) -> Any:
        return given(x)

    alone.__qualname__ = name_of(given)  # the name that the layer is shown under
    return Layer(no_parameters, alone)


def _is_pair(given: Any) -> bool:
    return isinstance(given, tuple) and len(given) == 2


class _Part(Mapping[str, Any]):
    """The parameters of one layer, under the layer's own names. A view: nothing is copied."""

    def __init__(self, params: Mapping[str, Any], name: str) -> None:
        # A nested part looks names up in the whole, where they are spelled in full.
        self.whole: Mapping[str, Any] = params.whole if isinstance(params, _Part) else params
        self.prefix: str = f"{params.prefix}{name}." if isinstance(params, _Part) else f"{name}."

    def __getitem__(self, name: str) -> Any:
        try:
            return self.whole[self.prefix + name]
        except KeyError:
            raise KeyError(
                f"layer {self.prefix[:-1]!r} needs the parameter {self.prefix + name!r}; the parameters given are "
                f"{', '.join(map(repr, self.whole)) or 'none'}"
            ) from None

    def __iter__(self) -> Iterator[str]:
        return (name.removeprefix(self.prefix) for name in self.whole if name.startswith(self.prefix))

    def __len__(self) -> int:
        return sum(1 for _ in self)
