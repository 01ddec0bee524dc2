"""Optimizers that adapt the step of each weight: they divide by the root of a sum or average of squared gradients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autograd_cnn.optim.optimizer import Optimizer, at_least_zero, fraction
from autograd_cnn.optim.parameters import Parameters
from autograd_cnn.variable import Array


class AdaGrad(Optimizer):
    """AdaGrad (Duchi, Hazan and Singer, 2011, figure 1, with diagonal matrices).

    In step t, s ← s + g² and then w ← w − lr / (1 + (t − 1)·lr_decay) · g / (√s + eps).

    Parameters
    ----------
    params : dict of str to Tensor, or iterable of Tensors
    lr : float
    lr_decay : float
    weight_decay : float
        λ: λ·w is added to g.
    initial_accumulator_value : float
        Where s starts.
    eps : float

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> w = ac.Tensor([1.0], requires_grad=True)
    >>> optimizer = ac.optim.AdaGrad([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data
    array([0.9], dtype=float32)
    """

    slots = ("sum",)

    def __init__(
        self,
        params: Parameters,
        lr: float = 0.01,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
    ) -> None:
        self.lr_decay = at_least_zero("lr_decay", lr_decay)
        self.eps = at_least_zero("eps", eps)
        start = at_least_zero("initial_accumulator_value", initial_accumulator_value)
        super().__init__(params, lr, weight_decay)
        for slots in self.state.values():
            slots["sum"].fill(start)

    def update(self, w: Array, g: Array, scratch: Array, step: int, sum: Array) -> None:
        """Apply the rule above to one parameter."""
        sum += np.multiply(g, g, out=scratch)
        change = np.divide(g, _root(sum, self.eps, out=scratch), out=scratch)
        change *= self.lr / (1 + (step - 1) * self.lr_decay)
        w -= change


class RMSprop(Optimizer):
    """RMSprop (Tieleman and Hinton, "Neural networks for machine learning", lecture 6.5, 2012).

    The rule is s ← α·s + (1 − α)·g² and then w ← w − lr · g / (√s + eps). With momentum μ,
    v ← μ·v + g / (√s + eps) and w ← w − lr·v. `centered` has s − m² under the root, with m ← α·m + (1 − α)·g: an
    estimate of the variance (Graves, 2013, equations 38 to 41).

    Parameters
    ----------
    params : dict of str to Tensor, or iterable of Tensors
    lr : float
    alpha : float
        α, in [0, 1).
    eps : float
    weight_decay : float
        λ: λ·w is added to g.
    momentum : float
        μ, not negative.
    centered : bool

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> w = ac.Tensor([1.0], requires_grad=True)
    >>> optimizer = ac.optim.RMSprop([w], lr=0.01)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data.round(4)
    array([0.9], dtype=float32)
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
    ) -> None:
        self.alpha = fraction("alpha", alpha)
        self.eps = at_least_zero("eps", eps)
        self.momentum = at_least_zero("momentum", momentum)
        self.centered = centered
        self.slots = ("square", *(["mean"] if centered else []), *(["velocity"] if momentum else []))
        super().__init__(params, lr, weight_decay)

    def update(
        self,
        w: Array,
        g: Array,
        scratch: Array,
        step: int,  # noqa: ARG002
        square: Array,
        mean: Array | None = None,
        velocity: Array | None = None,
    ) -> None:
        """Apply the rule above to one parameter."""
        _average_of_squares(square, g, self.alpha, scratch)
        variance = square
        if mean is not None:
            _average(mean, g, self.alpha, scratch)
            variance = np.subtract(square, np.multiply(mean, mean, out=scratch), out=scratch)
            np.maximum(variance, 0, out=variance)  # rounding takes the variance of a steady gradient below 0
        change = np.divide(g, _root(variance, self.eps, out=scratch), out=scratch)
        if velocity is not None:
            velocity *= self.momentum
            velocity += change
            change = velocity
        w -= np.multiply(change, self.lr, out=scratch)


class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015, algorithm 1).

    In step t, m ← β₁·m + (1 − β₁)·g and v ← β₂·v + (1 − β₂)·g². Both start at zero, which m̂ = m / (1 − β₁ᵗ) and
    v̂ = v / (1 − β₂ᵗ) correct for; then w ← w − lr · m̂ / (√v̂ + eps).

    Parameters
    ----------
    params : dict of str to Tensor, or iterable of Tensors
    lr : float
    betas : pair of float
        β₁ and β₂, in [0, 1).
    eps : float
    weight_decay : float
        λ: λ·w is added to g, as in PyTorch.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> w = ac.Tensor([1.0], requires_grad=True)
    >>> optimizer = ac.optim.Adam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data
    array([0.9], dtype=float32)
    """

    slots = ("mean", "square")

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
    ) -> None:
        if not isinstance(betas, Sequence) or len(betas) != 2:
            raise ValueError(f"betas is a pair of numbers, such as (0.9, 0.999); got {betas!r}")
        self.betas = fraction("betas[0]", betas[0]), fraction("betas[1]", betas[1])
        self.eps = at_least_zero("eps", eps)
        super().__init__(params, lr, weight_decay)

    def update(self, w: Array, g: Array, scratch: Array, step: int, mean: Array, square: Array) -> None:
        """Apply the rule above to one parameter."""
        beta1, beta2 = self.betas
        _average(mean, g, beta1, scratch)
        _average_of_squares(square, g, beta2, scratch)
        # Both corrections are numbers, so no array is made for m̂ or v̂.
        root = _root(square, self.eps, out=scratch, scale=(1 - beta2**step) ** -0.5)
        change = np.divide(mean, root, out=scratch)
        change *= self.lr / (1 - beta1**step)
        w -= change


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019, algorithm 2).

    w ← w − lr·λ·w, then Adam's rule for the gradient alone. Adam itself divides λ·w by √v̂ together with the
    gradient, so that weights with large gradients decay less.

    Parameters
    ----------
    params : dict of str to Tensor, or iterable of Tensors
    lr : float
    betas : pair of float
    eps : float
        As in Adam.
    weight_decay : float
        λ.

    Examples
    --------
    >>> import autograd_cnn as ac
    >>> w = ac.Tensor([1.0], requires_grad=True)
    >>> optimizer = ac.optim.AdamW([w], lr=0.1, weight_decay=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data.round(4)
    array([0.85], dtype=float32)
    """

    decoupled_weight_decay = True

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)


def _average(mean: Array, g: Array, beta: float, scratch: Array) -> None:
    """Apply mean ← β·mean + (1 − β)·g in place."""
    mean *= beta
    mean += np.multiply(g, 1 - beta, out=scratch)


def _average_of_squares(square: Array, g: Array, beta: float, scratch: Array) -> None:
    """Apply square ← β·square + (1 − β)·g² in place."""
    # Not square += (1 − β)·(g² − square), which loses a small g² beside a large square.
    square *= beta
    np.multiply(g, g, out=scratch)
    scratch *= 1 - beta
    square += scratch


def _root(square: Array, eps: float, *, out: Array, scale: float | None = None) -> Array:
    """Return scale·√square + eps, in `out`."""
    np.sqrt(square, out=out)
    if scale is not None:
        out *= scale
    out += eps
    return out
