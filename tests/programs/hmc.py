"""Hamiltonian Monte Carlo: draw samples of a distribution from the gradient of its log density.

Each sample is the end of a walk: the position is given a random momentum and moves as a ball would on the surface
−log p, in leapfrog steps. What the steps get wrong is mended by accepting the end with a probability.

Source: Neal, "MCMC using Hamiltonian dynamics", 2011, sections 2.3 and 3.2. HIPS autograd has such an example, too.
"""

import numpy as np
from numpy.random import default_rng

from autograd_cnn import grad

MEAN = np.array([1.0, -2.0])
COVARIANCE = np.array([[1.0, 0.6], [0.6, 2.0]])
PRECISION = np.linalg.inv(COVARIANCE)


def log_density(x):
    """Return the log density of a correlated normal distribution, up to a constant."""
    centred = x - MEAN
    return -0.5 * np.dot(centred, np.dot(PRECISION, centred))


def leapfrog(slope, x, momentum, size, steps):
    """Return position and momentum after some steps."""
    momentum = momentum + size / 2 * slope(x)
    for step in range(steps):
        x = x + size * momentum
        last = step == steps - 1
        momentum = momentum + (size / 2 if last else size) * slope(x)
    return x, momentum


def sample(log_p, start, count, rng, size=0.4, steps=6):
    """Return `count` samples, the log densities of start and samples, and the share of walks accepted."""
    x, now, slope = start, log_p(start), grad(log_p)
    samples, densities, accepted = [], [float(now)], 0
    for _ in range(count):
        momentum = rng.normal(size=len(x))
        end, final = leapfrog(slope, x, momentum, size, steps)
        then = log_p(end)
        gain = then - now - (np.dot(final, final) - np.dot(momentum, momentum)) / 2
        if np.log(rng.uniform()) < gain:
            x, now, accepted = end, then, accepted + 1
        samples.append(x)
        densities.append(float(now))
    return np.stack(samples), densities, accepted / count


def run(seed=0, count=1000):
    """Sample from far outside; return what −log p was, the samples after the first 50, and the share accepted."""
    samples, densities, accepted = sample(log_density, np.array([10.0, 10.0]), count, default_rng(seed))
    return [-density for density in densities], samples[50:], accepted


if __name__ == "__main__":
    _, samples, accepted = run()
    print(f"accepted {accepted:.0%}")
    print("mean", samples.mean(axis=0).round(2), "of", MEAN)
    print("covariance", np.cov(samples.T).round(2).tolist(), "of", COVARIANCE.tolist())
