"""Gaussian process regression: fit the covariance to the data by its marginal likelihood.

The likelihood of the data under the process is a formula in its covariance matrix, by way of its Cholesky factor.
SciPy's BFGS maximizes it, with value and gradient from `value_and_grad`; neither knows of the other.

Source: Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006: equations 2.25, 2.26 and 2.30, and
algorithm 2.1. HIPS autograd has such an example, too.
"""

import numpy as np
from numpy.random import default_rng
from scipy.optimize import minimize

from autograd_cnn import value_and_grad


def unpack(params):
    """Return amplitude, length scale and noise, which are positive, from their logarithms."""
    return np.exp(params[0]), np.exp(params[1]), np.exp(params[2])


def covariance(params, x1, x2):
    """Return the squared exponential covariance of the process at two rows of points."""
    amplitude, length, _ = unpack(params)
    distance = (x1[:, None] - x2[None, :]) / length
    return amplitude**2 * np.exp(-0.5 * distance**2)


def factor(params, x):
    """Return the Cholesky factor of the covariance of what is observed at `x`."""
    noise = unpack(params)[2]
    return np.linalg.cholesky(covariance(params, x, x) + noise**2 * np.eye(len(x)))


def negative_log_likelihood(params, x, y):
    """Return −log p(y | x), the parameters' loss."""
    lower = factor(params, x)
    whitened = np.linalg.solve(lower, y)
    log_det = np.sum(np.log(np.diag(lower)))  # half of the logarithm of the covariance's determinant
    return 0.5 * np.dot(whitened, whitened) + log_det + 0.5 * len(x) * np.log(2 * np.pi)


def predict(params, x, y, new):
    """Return mean and standard deviation of the process at `new`, given the data."""
    lower = factor(params, x)
    whitened = np.linalg.solve(lower, y)
    across = np.linalg.solve(lower, covariance(params, x, new))
    variance = np.exp(2 * params[0]) - np.sum(across**2, axis=0)
    return across.T @ whitened, np.sqrt(variance)


def run(seed=0, iterations=20):
    """Fit noisy samples of a sine; return the losses and how far the predicted sine is off."""
    rng = default_rng(seed)
    x = np.sort(rng.uniform(-4, 4, 40))
    y = np.sin(x) + rng.normal(0, 0.1, len(x))
    losses, objective = [], value_and_grad(negative_log_likelihood)

    def value_and_slope(params):
        value, slope = objective(params, x, y)
        losses.append(float(value))
        return value, slope

    fitted = minimize(value_and_slope, np.zeros(3), jac=True, method="BFGS", options={"maxiter": iterations})
    new = np.linspace(-3.5, 3.5, 50)
    mean, deviation = predict(fitted.x, x, y, new)
    return losses, np.exp(fitted.x), np.abs(mean - np.sin(new)) / deviation


if __name__ == "__main__":
    losses, (amplitude, length, noise), errors = run()
    print(f"negative log likelihood {losses[0]:.2f} -> {losses[-1]:.2f} in {len(losses)} evaluations")
    print(f"amplitude {amplitude:.3f}, length scale {length:.3f}, noise {noise:.3f} (the data's: 0.1)")
    print(f"the sine lies within {errors.max():.1f} standard deviations of the prediction")
