"""Stochastic gradient descent."""

from __future__ import annotations

import numpy as np

from autograd_cnn.optim.optimizer import Optimizer, at_least_zero, scalar
from autograd_cnn.optim.parameters import Parameters
from autograd_cnn.variable import Array


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum as in PyTorch.

    The rule is w ← w − lr·g. With momentum μ, v ← μ·v + g and then w ← w − lr·v, or with Nesterov's momentum
    w ← w − lr·(g + μ·v) (Sutskever and others, 2013, in the form of the gradient at w). As in PyTorch the first v is g.

    Parameters
    ----------
    params : dict of str to Tensor, or iterable of Tensors
    lr : float
    momentum : float
        μ, not negative.
    nesterov : bool
        Whether to use Nesterov's momentum, which needs μ above 0.
    weight_decay : float
        λ: λ·w is added to g.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> w = ac.Tensor([1.0], requires_grad=True)
    >>> optimizer = ac.optim.SGD([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data
    array([0.8], dtype=float32)
    """

    def __init__(
        self, params: Parameters, lr: float, momentum: float = 0, nesterov: bool = False, weight_decay: float = 0
    ) -> None:
        self.momentum = at_least_zero("momentum", momentum)
        self.nesterov = nesterov
        if nesterov and not momentum:
            raise ValueError("Nesterov's momentum needs a momentum above 0; got momentum=0")
        self.slots = ("velocity",) if momentum else ()
        super().__init__(params, lr, weight_decay)

    def update(self, w: Array, g: Array, scratch: Array, step: int, velocity: Array | None = None) -> None:  # noqa: ARG002
        """Apply the rule above to one parameter."""
        if velocity is not None:
            momentum = scalar(self.momentum, w.dtype)
            velocity *= momentum
            velocity += g
            g = np.add(np.multiply(velocity, momentum, out=scratch), g, out=scratch) if self.nesterov else velocity
        w -= np.multiply(g, scalar(self.lr, w.dtype), out=scratch)
