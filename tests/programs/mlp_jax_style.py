"""A multilayer perceptron as JAX's users write it: parameters are a list of pairs, training is a pure function.

`value_and_grad` takes the list and returns gradients nested the same way; an update maps over both. It learns the
handwritten digits that come with the package.

Source: the structure of JAX's "Training a simple neural network" (docs.jax.dev), written anew.
"""

from itertools import pairwise

import numpy as np
from numpy.random import default_rng

from autograd_cnn import data, value_and_grad


def init(rng, sizes):
    """Return a weight and a bias for each layer."""
    return [(rng.normal(0, m**-0.5, (m, n)), np.zeros(n)) for m, n in pairwise(sizes)]


def predict(params, x):
    """Return the log probabilities of the classes."""
    *hidden, (weight, bias) = params
    for w, b in hidden:
        x = np.maximum(x @ w + b, 0)
    logits = x @ weight + bias
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))


def loss(params, x, targets):
    """Return the mean cross-entropy."""
    return -np.mean(np.sum(predict(params, x) * targets, axis=1))


def update(params, x, targets, rate):
    """Return the loss, and the parameters after one step of gradient descent."""
    value, slopes = value_and_grad(loss)(params, x, targets)
    stepped = [(w - rate * dw, b - rate * db) for (w, b), (dw, db) in zip(params, slopes, strict=True)]
    return value, stepped


def accuracy(params, x, labels):
    """Return the share of images that are recognized."""
    return float(np.mean(np.argmax(predict(params, x), axis=1) == labels))


def examples(split):
    """Return images as rows, and labels."""
    digits = data.load("digits", split)
    return digits.images.reshape(len(digits), -1).astype(float), digits.labels


def run(seed=0, epochs=6, batch=32, rate=0.2):
    """Train; return the losses and the accuracy on writers that were not seen."""
    rng = default_rng(seed)
    x, labels = examples("train")
    targets, params, losses = np.eye(10)[labels], init(rng, (64, 64, 32, 10)), []
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for rows in order[: len(x) // batch * batch].reshape(-1, batch):
            value, params = update(params, x[rows], targets[rows], rate)
            losses.append(float(value))
    return losses, accuracy(params, *examples("test"))


if __name__ == "__main__":
    losses, share = run()
    print("loss", *(f"{value:.3f}" for value in losses[::40]))
    print(f"accuracy {share:.1%}")
