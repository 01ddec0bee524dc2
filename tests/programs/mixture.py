"""A Gaussian mixture, fitted by natural gradient.

The log-likelihood is written once, and everything else comes from its gradient: the gradient by the log weights counts
how many points each component explains, and the gradients by means and covariances, preconditioned by the Fisher
information of complete data, make the step. With a step of 1 this is the expectation-maximization algorithm, though
no responsibility is ever computed.

Sources: Xu and Jordan, "On Convergence Properties of the EM Algorithm for Gaussian Mixtures", 1996, theorem 1;
Sato, "Fast Learning of On-line EM Algorithm", 1999.
"""

import numpy as np
from numpy.random import default_rng

from autograd_cnn import value_and_grad


def logsumexp(x, axis):
    """Return log Σ exp(x) along an axis, without overflow."""
    top = np.max(x, axis=axis, keepdims=True)
    return np.squeeze(top, axis) + np.log(np.sum(np.exp(x - top), axis=axis))


def log_density(x, mean, covariance):
    """Return the log density of a normal distribution at the rows of `x`."""
    centred = x - mean
    distance = np.sum(centred * np.linalg.solve(covariance, centred.T).T, axis=1)
    log_det = np.linalg.slogdet(covariance)[1]
    return -0.5 * (distance + log_det + len(mean) * np.log(2 * np.pi))


def log_likelihood(params, x):
    """Return the log-likelihood of the rows of `x` under the mixture."""
    log_weights, means, covariances = params
    joint = [w + log_density(x, m, c) for w, m, c in zip(log_weights, means, covariances, strict=True)]
    return np.sum(logsumexp(np.stack(joint), axis=0))


def natural_step(params, slopes, rate):
    """Return the parameters after a step along the natural gradient, in log weights, means and second moments."""
    log_weights, means, covariances = params
    counts, by_mean, by_covariance = slopes
    weights = (1 - rate) * np.exp(log_weights) + rate * counts / np.sum(counts)
    share = (rate / counts)[:, None]
    moves = share * np.einsum("kij,kj->ki", covariances, by_mean)
    spread = 2 * share[:, None] * (covariances @ by_covariance @ covariances)
    stepped = covariances + spread - np.einsum("ki,kj->kij", moves, moves)
    symmetric = (stepped + stepped.swapaxes(1, 2)) / 2  # or rounding errors would double at every step
    return np.log(weights), means + moves, symmetric


def points(rng, count=150):
    """Return points in three clusters, of which one is long and thin."""
    shapes = [([0, 0], [[1.5, 0], [1.4, 0.2]]), ([4, 0], [[0.5, 0], [0, 0.5]]), ([0, 4], [[0.4, 0], [0, 1.0]])]
    return np.concatenate([rng.normal(size=(count, 2)) @ np.array(scale).T + mean for mean, scale in shapes])


def run(seed=0, iterations=40, rate=1.0):
    """Fit three components; return the negative log-likelihoods (the mean of the points), parameters and data."""
    rng = default_rng(seed)
    x = points(rng)
    params = (np.log(np.ones(3) / 3), x[:3], np.stack([np.eye(2) * 4.0] * 3))
    losses = []
    for _ in range(iterations):
        value, slopes = value_and_grad(log_likelihood)(params, x)
        losses.append(-float(value) / len(x))
        params = natural_step(params, slopes, rate)
    return losses, params, x


if __name__ == "__main__":
    losses, (log_weights, means, _), _ = run()
    print("negative log-likelihood", *(f"{value:.3f}" for value in losses[::5]))
    print("weights", np.exp(log_weights).round(3), "means", means.round(2).tolist())
