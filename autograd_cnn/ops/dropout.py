"""Dropout."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_cnn.calls.operands import named
from autograd_cnn.ops import checks
from autograd_cnn.ops.checks import operand
from autograd_cnn.ops.elementwise import multiply
from autograd_cnn.variable import Variable


@named
def dropout(x: Any, p: float, training: bool, rng: np.random.Generator | None = None) -> Any:
    """Set each element to zero with probability `p` and divide the rest by 1 − `p`; in evaluation, do nothing.

    Srivastava and others, 2014, in the "inverted" form, which keeps the expected value.

    Parameters
    ----------
    x : array or Tensor
    p : float
        Probability, from 0 to 1 inclusive.
    training : bool
        Whether to drop elements; otherwise `x` is returned unchanged.
    rng : numpy.random.Generator
        Draws the mask; required in training.

    Raises
    ------
    ValueError
        If `p` is not a probability.
    TypeError
        If `p` is not a number, or training has no generator.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd_cnn as ac
    >>> ac.dropout(np.ones(6), 0.5, training=True, rng=np.random.default_rng(0))
    array([2., 2., 2., 0., 0., 0.])
    """
    p = checks.number("dropout", "p", p, least=0, most=1, what="a probability ")
    x = operand("dropout", "x", x)
    if not training or p == 0:
        return x
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"dropout: training needs rng, a numpy.random.Generator; got {rng!r}")
    mask = np.zeros_like(x._data if isinstance(x, Variable) else x, x.dtype if x.dtype.kind == "f" else np.float32)
    if p < 1:
        mask[rng.random(x.shape, np.float32) >= p] = 1 / (1 - p)
    return multiply(x, mask)
