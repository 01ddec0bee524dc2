"""A neural ODE: learn the motion on a spiral by differentiating through a Runge-Kutta solver.

A small network f says how fast the state changes, dy/dt = f(y). The solver turns f and a starting point into a path,
and the gradient of the path's error goes back through every step of the solver. The spiral is that of
dy/dt = A y³, as in the demonstrations that come with torchdiffeq and with HIPS autograd.

Source: Chen, Rubanova, Bettencourt and Duvenaud, "Neural Ordinary Differential Equations", 2018. They solve a second
ODE for the gradient; here the steps themselves are differentiated, which is exact for the path that was computed.
"""

import numpy as np
from numpy.random import default_rng

from autograd_cnn import value_and_grad

STEP = 0.05  # of time
A = np.array([[-0.1, 2.0], [-2.0, -0.1]])


def runge_kutta(f, y):
    """Return the state one step after `y`, by the classical method of fourth order."""
    k1 = f(y)
    k2 = f(y + STEP / 2 * k1)
    k3 = f(y + STEP / 2 * k2)
    k4 = f(y + STEP * k3)
    return y + STEP / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def solve(f, y, steps):
    """Return the path from `y`: an array of (1 + steps, *y.shape)."""
    path = [y]
    for _ in range(steps):
        path.append(runge_kutta(f, path[-1]))
    return np.stack(path)


def spiral(y):
    """Return the velocity that is to be learned."""
    return y**3 @ A.T


def network(params, y):
    """Return the velocity that the network predicts, from the cubes of the state."""
    (w1, b1), (w2, b2) = params
    return np.tanh(y**3 @ w1 + b1) @ w2 + b2


def loss(params, starts, paths):
    """Return the mean squared error of the paths predicted from `starts`."""
    predicted = solve(lambda y: network(params, y), starts, len(paths) - 1)
    return np.mean((predicted - paths) ** 2)


def run(seed=0, iterations=150, hidden=24, steps=8, batch=32):
    """Train on random pieces of one path, in shorter and shorter steps; return the losses and the parameters."""
    rng = default_rng(seed)
    truth = solve(spiral, np.array([2.0, 0.0]), 200)
    params = [
        (rng.normal(0, 0.3, (2, hidden)), np.zeros(hidden)),
        (rng.normal(0, 0.3, (hidden, 2)), np.zeros(2)),
    ]
    velocity = [tuple(np.zeros_like(p) for p in layer) for layer in params]
    losses = []
    for i in range(iterations):
        rate = 0.1 * (1 - i / iterations)
        begin = rng.integers(0, len(truth) - steps, batch)
        paths = np.stack([truth[begin + k] for k in range(steps + 1)])
        value, slopes = value_and_grad(loss)(params, paths[0], paths)
        velocity = [
            tuple(0.9 * v - rate * g for v, g in zip(*layer, strict=True))
            for layer in zip(velocity, slopes, strict=True)
        ]
        params = [tuple(p + v for p, v in zip(*layer, strict=True)) for layer in zip(params, velocity, strict=True)]
        losses.append(float(value))
    return losses, params


if __name__ == "__main__":
    losses, _ = run()
    print("loss", *(f"{value:.4f}" for value in losses[::10]))
