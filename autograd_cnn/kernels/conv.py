"""Convolution: chooses an algorithm, and hands it the images in the order of memory that it works in.

An algorithm is a module with the four functions of `Algorithm`. To add one, write that module and a line in `TABLE`.

Each output, and each element of a gradient, is a sum of its own products and nothing else: in float32 it is within
1e-5 of the sum of their absolute values, whatever stands beside it. Kernels take floats; integers would wrap around.
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
    """A way of convolving. Images come and go in the order of memory, and padded or not, as the table has it."""

    def suits(self, problem: Convolution, direction: str) -> bool:
        """Whether the algorithm is fast at a problem, in direction "forward", "grad_input" or "grad_weight"."""
        ...

    def forward(self, problem: Convolution, x: Array, weight: Array, bias: Array | None) -> Array:
        """Return the output for images."""
        ...

    def grad_input(self, problem: Convolution, grad: Array, weight: Array) -> Array:
        """Return the gradient of the images, from that of the output."""
        ...

    def grad_weight(self, problem: Convolution, grad: Array, x: Array) -> Array:
        """Return the gradient of the weight (F, C / groups, KH, KW), from that of the output and the images."""
        ...


class Way(NamedTuple):
    """An algorithm, the order of memory it works in, and if it takes images padded: (N, C, H, W) go in and come out."""

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


#: The first that suits a problem solves it. `python benchmarks/ways_of_convolving.py` measures the claim of each line.
TABLE = (
    # With a few images, a whole step of a small network is faster than by the algorithms below.
    Way(im2col, IMAGES),
    # Without groups, and where BLAS can be asked to add, it is faster than bands.
    Way(accumulated, ROWS, padded=False),
    # All else.
    Way(banded, ROWS),
)

#: A convolution by turned filters multiplies its padding as well: it may make this many times as many elements as
#: there are places in the output, or it takes longer than it saves.
MOST_PLACES = 1.8
#: With fewer features, a band's product by its transpose is small, and the turned one's isn't.
FEWEST_FEATURES_TO_TURN = 4
#: Where products are added up, they are long sums of few results by turned filters, and short ones of many without:
#: with few features those are slower.
MOST_FEATURES_TO_TURN, FEWEST_CHANNELS_TO_TURN, MOST_PLACES_ADDED = 16, 8, 1.1


def conv2d(x: Array, weight: Array, bias: Array | None, window: Window, groups: int = 1) -> Array:
    """Convolve images (N, C, H, W) with weights (F, C / groups, KH, KW); return (N, F, H', W')."""
    choice = _choose(x.shape, x.dtype, window, weight.shape, groups)
    return choice.forward.forward(choice.problem, x, weight, bias)


def conv2d_grad_weight(grad: Array, x: Array, weight_shape: tuple[int, ...], window: Window, groups: int = 1) -> Array:
    """Return the gradient of a convolution's weight (F, C / groups, KH, KW), from that of its output."""
    choice = _choose(x.shape, x.dtype, window, weight_shape, groups)
    return choice.grad_weight.grad_weight(choice.problem, grad, x)


def conv2d_grad_input(grad: Array, weight: Array, x_shape: tuple[int, ...], window: Window, groups: int = 1) -> Array:
    """Return the gradient of a convolution's input (N, C, H, W), from that of its output (N, F, H', W')."""
    choice = _choose(x_shape, np.promote_types(grad.dtype, weight.dtype), window, weight.shape, groups)
    if choice.turns and is_finite(weight):  # a zero of the padding times infinity would be nan
        return conv2d(grad, turned(weight, groups), None, window.turned(), groups)
    return choice.grad_input.grad_input(choice.problem, grad, weight)


def turned(weight: Array, groups: int) -> Array:
    """Turn filters (F, C / groups, KH, KW) about, and exchange features and channels: (C, F / groups, KH, KW)."""
    features, channels, *size = weight.shape
    grouped = weight.reshape(groups, features // groups, channels, *size)[..., ::-1, ::-1]
    return grouped.swapaxes(1, 2).reshape(groups * channels, features // groups, *size)


class _Choice(NamedTuple):
    """A problem, which way solves it in each direction, and whether the input's gradient is a convolution instead."""

    problem: Convolution
    forward: Way
    grad_input: Way
    grad_weight: Way
    turns: bool


@functools.lru_cache(maxsize=512)
def _choose(
    x_shape: tuple[int, ...], dtype: np.dtype[Any], window: Window, weight_shape: tuple[int, ...], groups: int
) -> _Choice:
    """Describe a problem, and choose for it by the description alone."""
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
    """Whether the gradient of the input is best a convolution of the output's gradient by the turned filters.

    It gathers, where the other way scatters, but multiplies its padding as well. The same script measures this.
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
