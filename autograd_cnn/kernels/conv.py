"""Convolution: choose an algorithm, and pass it the images in the memory order that it works in.

An algorithm is a module with the four functions of `Algorithm`. To add one, write that module and a line in `TABLE`.

Each output, and each element of a gradient, is a sum of its own products and nothing else: in float32 its error is at
most 1e-5 of the sum of their absolute values, whatever its neighbours are. Kernels take floats: integers would wrap.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple, Protocol

import numpy as np

from autograd_cnn.kernels import accumulated, banded, im2col
from autograd_cnn.kernels.layout import IMAGES, ROWS, Array, Order
from autograd_cnn.kernels.problem import Convolution
from autograd_cnn.kernels.products import is_finite
from autograd_cnn.kernels.window import Window


class Algorithm(Protocol):
    """A way of convolving. `TABLE` says in which memory order images come and go, and whether they are padded."""

    def suits(self, problem: Convolution, direction: str) -> bool:
        """Whether the algorithm is fast at a problem, in direction "forward", "grad_input" or "grad_weight"."""
        ...

    def forward(self, problem: Convolution, x: Array, weight: Array, bias: Array | None) -> Array:
        """Return the output for images."""
        ...

    def grad_input(self, problem: Convolution, grad: Array, weight: Array) -> Array:
        """Return the gradient of the images, from the output's gradient."""
        ...

    def grad_weight(self, problem: Convolution, grad: Array, x: Array) -> Array:
        """Return the gradient of the weight (F, C / groups, KH, KW), from the output's gradient and the images."""
        ...


class Way(NamedTuple):
    """An algorithm, its memory order, and whether its images are padded; takes and returns images (N, C, H, W)."""

    algorithm: Algorithm
    order: Order
    padded: bool = True

    def forward(self, problem: Convolution, x: Array, weight: Array, bias: Array | None) -> Array:
        """Convolve images."""
        out = self.algorithm.forward(problem, self._stored(problem, x), weight, bias)
        return self.order.images(out)

    def grad_input(self, problem: Convolution, grad: Array, weight: Array) -> Array:
        """Return the gradient of the images."""
        total = self.algorithm.grad_input(problem, self.order.store(grad), weight)
        return self.order.crop(total, problem) if self.padded else self.order.images(total)

    def grad_weight(self, problem: Convolution, grad: Array, x: Array) -> Array:
        """Return the gradient of the weight."""
        return self.algorithm.grad_weight(problem, self.order.store(grad), self._stored(problem, x))

    def _stored(self, problem: Convolution, x: Array) -> Array:
        return self.order.pad(x, problem) if self.padded else self.order.store(x)


#: The first to suit a problem solves it. `python benchmarks/ways_of_convolving.py` measures what each line claims.
TABLE = (
    # With a few images, it makes a training step of a small network faster than the algorithms below.
    Way(im2col, IMAGES),
    # Without groups, and where BLAS can be asked to add to its result, it is faster than bands.
    Way(accumulated, ROWS, padded=False),
    # Everything else.
    Way(banded, ROWS),
)

#: A convolution with turned filters also multiplies its padding. It pays only if it computes at most this many times
#: as many elements as the output has positions.
MOST_PLACES = 1.8
#: With fewer features, the product with the transposed band is small, and the one with turned filters is not.
FEWEST_FEATURES_TO_TURN = 4
#: Against `accumulated`: with turned filters its products are long sums for few results, without them short sums for
#: many results, which with few features are slower.
MOST_FEATURES_TO_TURN, FEWEST_CHANNELS_TO_TURN, MOST_PLACES_ADDED = 16, 8, 1.1


def conv2d(x: Array, weight: Array, bias: Array | None, window: Window, groups: int = 1) -> Array:
    """Convolve images (N, C, H, W) with weights (F, C / groups, KH, KW); return (N, F, H', W')."""
    choice = _choose(x.shape, x.dtype, window, weight.shape, groups)
    return choice.forward.forward(choice.problem, x, weight, bias)


def conv2d_grad_weight(grad: Array, x: Array, weight_shape: tuple[int, ...], window: Window, groups: int = 1) -> Array:
    """Return the gradient of a convolution's weight (F, C / groups, KH, KW), from its output's gradient."""
    choice = _choose(x.shape, x.dtype, window, weight_shape, groups)
    return choice.grad_weight.grad_weight(choice.problem, grad, x)


def conv2d_grad_input(grad: Array, weight: Array, x_shape: tuple[int, ...], window: Window, groups: int = 1) -> Array:
    """Return the gradient of a convolution's input (N, C, H, W), from its output's gradient (N, F, H', W')."""
    choice = _choose(x_shape, np.promote_types(grad.dtype, weight.dtype), window, weight.shape, groups)
    if choice.turns and is_finite(weight):  # a zero of the padding times infinity would be nan
        return conv2d(grad, turned(weight, groups), None, window.turned(), groups)
    return choice.grad_input.grad_input(choice.problem, grad, weight)


def turned(weight: Array, groups: int) -> Array:
    """Rotate filters (F, C / groups, KH, KW) by 180°, and swap features and channels: (C, F / groups, KH, KW)."""
    features, channels, *size = weight.shape
    grouped = weight.reshape(groups, features // groups, channels, *size)[..., ::-1, ::-1]
    return grouped.swapaxes(1, 2).reshape(groups * channels, features // groups, *size)


class _Choice(NamedTuple):
    """A problem, its way in each direction, and whether a convolution with turned filters replaces `grad_input`."""

    problem: Convolution
    forward: Way
    grad_input: Way
    grad_weight: Way
    turns: bool


@functools.lru_cache(maxsize=512)
def _choose(
    x_shape: tuple[int, ...], dtype: np.dtype[Any], window: Window, weight_shape: tuple[int, ...], groups: int
) -> _Choice:
    """Describe a problem, and choose its ways by that description alone."""
    problem = Convolution(x_shape, dtype, window, weight_shape, groups)
    return _Choice(
        problem,
        forward=first(problem, "forward"),
        grad_input=first(problem, "grad_input"),
        grad_weight=first(problem, "grad_weight"),
        turns=_turns(problem),
    )


def first(problem: Convolution, direction: str) -> Way:
    """Return the first way of the table that suits a problem."""
    return next(way for way in TABLE if way.algorithm.suits(problem, direction))


def _turns(problem: Convolution) -> bool:
    """Whether the input's gradient is faster computed as a convolution of the output's gradient with turned filters.

    That gathers where the other way scatters, but also multiplies its padding. The script named at `TABLE` measures it.
    """
    transposed = problem.transposed
    if transposed is None:
        return False
    places = math.prod(problem.image) / math.prod(problem.positions)
    own = first(problem, "grad_input").algorithm
    if own is accumulated:
        few = problem.features <= MOST_FEATURES_TO_TURN and problem.channels >= FEWEST_CHANNELS_TO_TURN
        return few and places <= MOST_PLACES_ADDED
    if own is im2col:
        return False
    algorithm = first(transposed, "forward").algorithm
    if algorithm is im2col:
        return True
    if places > MOST_PLACES:
        return False
    many = problem.channels >= problem.weight_shape[0] >= FEWEST_FEATURES_TO_TURN
    return problem.groups > 1 or many
