"""Pooling: choose an algorithm, and pass it the images in the memory order that it works in.

An algorithm of max pooling is a module with the functions of `Algorithm`. To add one, write that module and a
line in `TABLE`. Average pooling has one algorithm.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple, Protocol

import numpy as np

from autograd_cnn.kernels import averaged, gathered, sliced, tiled
from autograd_cnn.kernels.layout import IMAGES, ROWS, Array, Order, least
from autograd_cnn.kernels.problem import Pooling
from autograd_cnn.kernels.window import Window


class Algorithm(Protocol):
    """A way of max pooling. Images come padded, as (N, C, H, W) in the memory order that `TABLE` states.

    Every window has a winner, which receives its gradient: the first of equal maxima. As in PyTorch, a nan is a
    maximum, and the last nan of a window wins. Each algorithm stores winners in a form of its own.
    """

    def suits(self, problem: Pooling, direction: str) -> bool:
        """Whether the algorithm is fast at a problem, in direction "forward" or "back"."""
        ...

    def forward(self, problem: Pooling, x: Array) -> Array:
        """Return the maxima of padded images."""
        ...

    def winners(self, problem: Pooling, x: Array, out: Array) -> Array:
        """Return the winners of padded images; none of their maxima `out` is nan."""
        ...

    def numbered(self, problem: Pooling, numbers: Array) -> Array:
        """Return the same, from the numbers (N, C, H', W') of the taps that won; taps are counted row by row."""
        ...

    def grad_input(self, problem: Pooling, grad: Array, winners: Array) -> Array:
        """Return the gradient of the padded images, from the gradient of the maxima."""
        ...

    def pick(self, problem: Pooling, values: Array, winners: Array) -> Array:
        """Return the elements of padded `values` that `grad_input` sends gradients to: its adjoint."""
        ...


class Way(NamedTuple):
    """An algorithm, and the memory order it works in; None if it works in either."""

    algorithm: Algorithm
    order: Order | None

    def forward(self, problem: Pooling, x: Array) -> Array:
        """Return the maxima of images."""
        order = self.order or _order(problem, x)
        return self.algorithm.forward(problem, _padded(order, x, problem, least(x.dtype)))

    def winners(self, problem: Pooling, x: Array, out: Array) -> Array:
        """Return the winners of images."""
        order = self.order or _order(problem, x)
        x, out = _padded(order, x, problem, least(x.dtype)), _stored(order, out)
        if sliced.is_ordinary(out):
            return self.algorithm.winners(problem, x, out)
        return self.algorithm.numbered(problem, sliced.winners_of_any(problem, x, out))

    def grad_input(self, problem: Pooling, grad: Array, winners: Array) -> Array:
        """Return the gradient of the images."""
        order = self.order or _order(problem, winners)
        return _cropped(self.algorithm.grad_input(problem, _stored(order, grad), winners), problem)

    def pick(self, problem: Pooling, values: Array, winners: Array) -> Array:
        """Pick elements of `values`."""
        order = self.order or _order(problem, winners)
        return self.algorithm.pick(problem, _padded(order, values, problem, 0), winners)


#: The first to suit a problem solves it. `python benchmarks/ways_of_convolving.py` measures what each line claims.
TABLE = (
    # For a few small images, one copy is faster than slices.
    Way(gathered, IMAGES),
    # For many images, whole rows are faster than slices.
    Way(tiled, ROWS),
    # Everything else.
    Way(sliced, None),
)


def max_pool2d(x: Array, window: Window) -> Array:
    """Return the maximum of every window of (N, C, H, W), or nan if the window has one; padding is the smallest value.

    That is −inf, the smallest integer or False; it is also the maximum of a window of padding alone.
    """
    choice = _choose(x.shape, x.dtype, window)
    return choice.forward.forward(choice.problem, x)


def max_pool2d_winners(x: Array, out: Array, window: Window) -> Array:
    """Return which elements of `x` receive the gradients of the maxima, in a form for the two functions below only.

    A window's first maximum wins or, if the maximum is nan, its last nan, as in PyTorch.
    """
    choice = _choose(x.shape, x.dtype, window)
    return choice.back.winners(choice.problem, x, out)


def max_pool2d_grad(grad: Array, winners: Array, x_shape: tuple[int, ...], window: Window) -> Array:
    """Send the gradient of every window to its winner, in images of shape (N, C, H, W)."""
    choice = _choose(x_shape, grad.dtype, window)
    return choice.back.grad_input(choice.problem, grad, winners)


def max_pool2d_pick(values: Array, winners: Array, window: Window) -> Array:
    """Pick from `values` (N, C, H, W) the elements that `max_pool2d_grad` sends gradients to: its adjoint."""
    choice = _choose(values.shape, values.dtype, window)
    return choice.back.pick(choice.problem, values, winners)


def avg_pool2d(x: Array, window: Window, count_include_pad: bool = True) -> Array:
    """Return the mean of every window of (N, C, H, W); padding counts as zeros, or not at all."""
    problem = _choose(x.shape, x.dtype, window).problem
    return averaged.forward(problem, _padded(_order(problem, x), x, problem, 0), count_include_pad)


def avg_pool2d_grad(grad: Array, x_shape: tuple[int, ...], window: Window, count_include_pad: bool = True) -> Array:
    """Spread the gradient of every window evenly over it."""
    problem = _choose(x_shape, grad.dtype, window).problem
    total = averaged.grad_input(problem, _stored(_order(problem, grad), grad), count_include_pad)
    return _cropped(total, problem)


class _Choice(NamedTuple):
    """A problem, and its way in each direction; one algorithm does all of the backward pass."""

    problem: Pooling
    forward: Way
    back: Way


@functools.lru_cache(maxsize=512)
def _choose(x_shape: tuple[int, ...], dtype: np.dtype[Any], window: Window) -> _Choice:
    """Describe a problem, and choose its ways by that description alone."""
    problem = Pooling(x_shape, dtype, window)
    return _Choice(problem, first(problem, "forward"), first(problem, "back"))


def first(problem: Pooling, direction: str) -> Way:
    """Return the first way of the table that suits a problem."""
    return next(way for way in TABLE if way.algorithm.suits(problem, direction))


def _order(problem: Pooling, x: Array) -> Order:
    """Keep a few images in (N, C, H, W) order if they have it: copying would take longer than everything else."""
    return IMAGES if problem.has_few_images and x.flags.c_contiguous else ROWS


def _stored(order: Order, x: Array) -> Array:
    """Return images (N, C, H, W) with memory in an order."""
    return order.images(order.store(x))


def _padded(order: Order, x: Array, problem: Pooling, value: float) -> Array:
    """Return images (N, C, H, W) with memory in an order, surrounded with `value` where a window reaches beyond."""
    return order.images(order.pad(x, problem, value))


def _cropped(padded: Array, problem: Pooling) -> Array:
    """View padded images (N, C, H, W) without their padding."""
    return padded if problem.inside is None else padded[problem.inside]
