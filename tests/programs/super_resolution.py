"""Super-resolution: digits of 8 × 8 pixels from 4 × 4, by a network that computes at the small size.

The last convolution has four channels for each pixel of the input, which `pixel_shuffle` arranges as 2 × 2 pixels.

Source: Shi and others, "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional
Neural Network", 2016, section 3. PyTorch's examples have one, too.
"""

import numpy as np
from numpy.random import default_rng

import autograd_cnn as ac


def init(rng):
    """Return weights and biases of three convolutions."""
    params = {}
    for name, shape in {"conv1": (16, 1, 5, 5), "conv2": (16, 16, 3, 3), "conv3": (4, 16, 3, 3)}.items():
        scale = np.sqrt(2 / np.prod(shape[1:]))
        params[f"{name}.weight"] = ac.Tensor(rng.normal(0, scale, shape), requires_grad=True)
        params[f"{name}.bias"] = ac.Tensor(np.zeros(shape[0]), requires_grad=True)
    return params


def enlarge(params, x):
    """Return images (N, 1, 2H, 2W) for images (N, 1, H, W)."""
    x = ac.relu(ac.conv2d(x, params["conv1.weight"], params["conv1.bias"], padding=2))
    x = ac.relu(ac.conv2d(x, params["conv2.weight"], params["conv2.bias"], padding=1))
    return ac.pixel_shuffle(ac.conv2d(x, params["conv3.weight"], params["conv3.bias"], padding=1), 2)


def pairs(split):
    """Return the digits of a split at half the size and at their own."""
    images = ac.data.load("digits", split).images.astype(float)
    return images.reshape(-1, 1, 4, 2, 4, 2).mean(axis=(3, 5)), images


def run(seed=0, epochs=4, batch=32):
    """Train; return the losses, and the network's and repeated pixels' mean squared errors on the test split."""
    rng = default_rng(seed)
    small, large = pairs("train")
    params = init(rng)
    optimizer = ac.optim.Adam(params, lr=0.005)
    losses = []
    for _ in range(epochs):
        order = rng.permutation(len(small))
        for rows in order[: len(order) // batch * batch].reshape(-1, batch):
            loss = ac.mse_loss(enlarge(params, ac.Tensor(small[rows])), ac.Tensor(large[rows]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    small, large = pairs("test")
    enlarged = enlarge(params, ac.Tensor(small)).detach().numpy()
    repeated = small.repeat(2, axis=2).repeat(2, axis=3)
    return losses, np.mean((enlarged - large) ** 2), np.mean((repeated - large) ** 2)


if __name__ == "__main__":
    losses, ours, repeated = run()
    print("loss", *(f"{value:.4f}" for value in losses[::22]))
    print(f"mean squared error {ours:.4f}; of repeated pixels {repeated:.4f}")
