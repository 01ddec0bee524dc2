"""A generative adversarial network: points that a second network cannot tell from the data.

The discriminator learns to tell points of the data from generated ones, the generator to be taken for the data. Each
has its own optimizer; `detach` keeps the discriminator's gradient out of the generator.

Source: Goodfellow and others, "Generative Adversarial Nets", 2014, algorithm 1, with the generator's loss −log D(G(z))
of section 3.
"""

import numpy as np
from numpy.random import default_rng

import autograd_cnn as ac

CENTRE, SPREAD = np.array([2.0, -1.0]), np.array([0.5, 1.0])


def init(rng, sizes):
    """Return the parameters of a network of two layers."""
    inputs, hidden, outputs = sizes
    values = {
        "fc1.weight": rng.normal(0, inputs**-0.5, (hidden, inputs)),
        "fc1.bias": np.zeros(hidden),
        "fc2.weight": rng.normal(0, hidden**-0.5, (outputs, hidden)),
        "fc2.bias": np.zeros(outputs),
    }
    return {name: ac.Tensor(value, requires_grad=True) for name, value in values.items()}


def apply(params, x):
    """Return the outputs of a network."""
    hidden = ac.tanh(ac.linear(x, params["fc1.weight"], params["fc1.bias"]))
    return ac.linear(hidden, params["fc2.weight"], params["fc2.bias"])


def taken_for(logits, answer):
    """Return the loss of the discriminator's logits where all answers should be `answer`."""
    return ac.sigmoid_cross_entropy(logits, ac.Tensor(np.full(tuple(logits.shape), answer)))


def improve(optimizers, optimizer, loss):
    """Step one of the two networks; the other's gradients are of no use."""
    for each in optimizers:
        each.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def run(seed=0, iterations=300, batch=64):
    """Train; return both networks' losses, and generated points before and after."""
    rng = default_rng(seed)
    generator, discriminator = init(rng, (2, 32, 2)), init(rng, (2, 32, 1))
    of_generator = ac.optim.Adam(generator, lr=0.005, betas=(0.0, 0.9))
    of_discriminator = ac.optim.Adam(discriminator, lr=0.05, betas=(0.0, 0.9))
    optimizers = of_generator, of_discriminator
    latent = rng.normal(size=(500, 2))
    before = apply(generator, ac.Tensor(latent)).detach().numpy()
    losses = []
    for _ in range(iterations):
        real = ac.Tensor(CENTRE + SPREAD * rng.normal(size=(batch, 2)))
        fake = apply(generator, ac.Tensor(rng.normal(size=(batch, 2))))
        told_apart = taken_for(apply(discriminator, real), 1.0) + taken_for(apply(discriminator, fake.detach()), 0.0)
        losses.append(improve(optimizers, of_discriminator, told_apart))
        losses.append(improve(optimizers, of_generator, taken_for(apply(discriminator, fake), 1.0)))
    return losses, before, apply(generator, ac.Tensor(latent)).detach().numpy()


if __name__ == "__main__":
    losses, before, after = run()
    for name, points in {"before": before, "after": after}.items():
        print(f"{name}: mean {points.mean(axis=0).round(2)}, deviation {points.std(axis=0).round(2)}")
    print(f"the data: mean {CENTRE}, deviation {SPREAD}")
