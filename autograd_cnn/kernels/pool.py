"""Pooling: chooses an algorithm, and hands it the images in the order of memory that it works in.

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
    """A way of max pooling. Images come padded, as (N, C, H, W) in the order of memory that the table has for it.

    Every window has a winner, which its gradient goes to: the first of equal maxima. As in PyTorch, a nan is a maximum,
    and the last one of a window wins. What an algorithm keeps of winners is its own affair.
    """

    def suits(self, problem: Pooling, direction: str) -> bool:
        """Whether the algorithm is fast at a problem, in direction "forward" or "back"."""
        ...

    def forward(self, problem: Pooling, x: Array) -> Array:
        """Return the maxima of padded images."""
        ...

    def winners(self, problem: Pooling, x: Array, out: Array) -> Array:
        """Return the winners of padded images, whose maxima `out` are no nan."""
        ...

    def numbered(self, problem: Pooling, numbers: Array) -> Array:
        """Return the same of winners (N, C, H', W') that are known by the number of their tap, row by row."""
        ...

    def grad_input(self, problem: Pooling, grad: Array, winners: Array) -> Array:
        """Return the gradient of the padded images, from that of the maxima."""
        ...

    def pick(self, problem: Pooling, values: Array, winners: Array) -> Array:
        """Return the elements of padded `values` that `grad_input` sends gradients to: its adjoint."""
        ...


class Way(NamedTuple):
    """An algorithm, and the order of memory it works in; None if it takes either."""

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


#: The first that suits a problem solves it. `python benchmarks/ways_of_convolving.py` measures the claim of each line.
TABLE = (
    # A few small images are copied sooner than slices of them are made.
    Way(gathered, IMAGES),
    # Of many images, whole rows are faster than slices.
    Way(tiled, ROWS),
    # All else.
    Way(sliced, None),
)


def max_pool2d(x: Array, window: Window) -> Array:
    """Maximum of every window of (N, C, H, W), or a nan if there is one; padding counts as the least number there is.

    That is −inf, the least integer or False; a window of padding alone holds it.
    """
    choice = _choose(x.shape, x.dtype, window)
    return choice.forward.forward(choice.problem, x)


def max_pool2d_winners(x: Array, out: Array, window: Window) -> Array:
    """Return which elements of `x` the gradients of the maxima go to, for the two functions below alone.

    A window's first maximum wins or, where that is nan, its last nan, as in PyTorch.
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
    """Mean of every window of (N, C, H, W); padding counts as zeros, or not at all."""
    problem = _choose(x.shape, x.dtype, window).problem
    return averaged.forward(problem, _padded(_order(problem, x), x, problem, 0), count_include_pad)


def avg_pool2d_grad(grad: Array, x_shape: tuple[int, ...], window: Window, count_include_pad: bool = True) -> Array:
    """Spread the gradient of every window evenly over it."""
    problem = _choose(x_shape, grad.dtype, window).problem
    total = averaged.grad_input(problem, _stored(_order(problem, grad), grad), count_include_pad)
    return _cropped(total, problem)


class _Choice(NamedTuple):
    """A problem, and which way solves it in each direction; all of the way back is one algorithm's."""

    problem: Pooling
    forward: Way
    back: Way


@functools.lru_cache(maxsize=512)
def _choose(x_shape: tuple[int, ...], dtype: np.dtype[Any], window: Window) -> _Choice:
    """Describe a problem, and choose for it by the description alone."""
    problem = Pooling(x_shape, dtype, window)
    return _Choice(problem, first(problem, "forward"), first(problem, "back"))


def first(problem: Pooling, direction: str) -> Way:
    """Return the first way of the table that suits a problem."""
    return next(way for way in TABLE if way.algorithm.suits(problem, direction))


def _order(problem: Pooling, x: Array) -> Order:
    """Leave a few images in their own order, if they are: to copy them would take longer than all else."""
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
