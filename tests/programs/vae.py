"""A variational autoencoder: digits from four numbers each, written as PyTorch's users write it.

The encoder describes an image by a normal distribution over a few numbers, the decoder draws an image from a sample of
it. A sample is mean + noise × deviation, so that the gradient goes through it.

Source: Kingma and Welling, "Auto-Encoding Variational Bayes", 2014: the estimator of equation 7 with the divergence of
appendix B. PyTorch's examples have one, too.
"""

import numpy as np
from numpy.random import default_rng

import autograd_cnn as ac


def init(rng, pixels=64, hidden=64, latent=4):
    """Return the parameters, by the names of their layers."""
    shapes = {
        "encoder": (hidden, pixels),
        "mean": (latent, hidden),
        "log_variance": (latent, hidden),
        "decoder": (hidden, latent),
        "image": (pixels, hidden),
    }
    params = {}
    for name, (rows, columns) in shapes.items():
        params[f"{name}.weight"] = ac.Tensor(rng.normal(0, columns**-0.5, (rows, columns)), requires_grad=True)
        params[f"{name}.bias"] = ac.Tensor(np.zeros(rows), requires_grad=True)
    return params


def layer(params, name, x):
    """Return the linear layer `name` of `x`."""
    return ac.linear(x, params[f"{name}.weight"], params[f"{name}.bias"])


def encode(params, x):
    """Return means and logarithms of variances, (N, latent) each."""
    hidden = ac.relu(layer(params, "encoder", x))
    return layer(params, "mean", hidden), layer(params, "log_variance", hidden)


def decode(params, z):
    """Return the probability of ink in each pixel."""
    return ac.sigmoid(layer(params, "image", ac.relu(layer(params, "decoder", z))))


def loss(params, x, noise):
    """Return the negative evidence lower bound, for each image."""
    mean, log_variance = encode(params, x)
    z = mean + noise * ac.exp(0.5 * log_variance)
    reconstruction = ac.binary_cross_entropy(decode(params, z), x, reduction="sum")
    divergence = -0.5 * (1 + log_variance - mean * mean - ac.exp(log_variance)).sum()
    return (reconstruction + divergence) / len(x)


def run(seed=0, epochs=4, batch=32):
    """Train; return the losses, and images of the test split with what is left of them."""
    rng = default_rng(seed)
    images = [ac.data.load("digits", split).images.reshape(-1, 64).astype(float) for split in ("train", "test")]
    params = init(rng)
    optimizer = ac.optim.Adam(params, lr=0.005)
    losses = []
    for _ in range(epochs):
        order = rng.permutation(len(images[0]))
        for rows in order[: len(order) // batch * batch].reshape(-1, batch):
            value = loss(params, ac.Tensor(images[0][rows]), ac.Tensor(rng.normal(size=(batch, 4))))
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            losses.append(value.item())
    mean, _ = encode(params, ac.Tensor(images[1]))
    return losses, images[1], decode(params, mean).detach().numpy()


if __name__ == "__main__":
    losses, images, decoded = run()
    print("loss", *(f"{value:.2f}" for value in losses[::22]))
    print(
        f"mean squared error {np.mean((images - decoded) ** 2):.4f}, of the mean image {images.var(axis=0).mean():.4f}"
    )
