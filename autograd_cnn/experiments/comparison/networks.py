"""The networks that are timed, each written once for all frameworks.

Network ops have PyTorch's names and arguments here, so one function of `F`, a framework's ops, is the program of every
framework. `F.training` says whether the images are trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from autograd_cnn.models import convnet_bn, lenet5, resnet, trainable
from autograd_cnn.nn.initialization import batch_norm, he, zeros
from autograd_cnn.variable import Array


@dataclass(frozen=True)
class Network:
    """A network for images of one size and ten classes."""

    name: str
    image_shape: tuple[int, int, int]
    init: Callable[[np.random.Generator], dict[str, Array]]
    """Draw initial weights, and make the running statistics of batch normalization, which are updated in place."""
    apply: Callable[[Any, Mapping[str, Any], Any], Any]
    """Return the logits, from a framework's ops, weights and images."""

    def draw(self, batch_size: int, seed: int = 0) -> tuple[dict[str, Array], Array, Array]:
        """Draw weights, a batch of images, and their labels."""
        rng = np.random.default_rng(seed)
        images = rng.random((batch_size, *self.image_shape), np.float32)
        return self.init(rng), images, rng.integers(0, 10, batch_size)


def _init_model(model: Any, rng: np.random.Generator, **settings: Any) -> dict[str, Array]:
    return {name: p.data for name, p in trainable(model.init(rng, **settings)).items()}


def _apply_lenet5(F: Any, p: Mapping[str, Any], x: Any) -> Any:
    x = F.relu(F.max_pool2d(F.conv2d(x, p["conv1.weight"], p["conv1.bias"], padding=2), 2))
    x = F.relu(F.max_pool2d(F.conv2d(x, p["conv2.weight"], p["conv2.bias"]), 2))
    x = F.relu(F.linear(F.flatten(x, 1), p["fc1.weight"], p["fc1.bias"]))
    x = F.relu(F.linear(x, p["fc2.weight"], p["fc2.bias"]))
    return F.linear(x, p["fc3.weight"], p["fc3.bias"])


_VGG_CONVOLUTIONS = {"conv1": (32, 3), "conv2": (32, 32), "conv3": (64, 32), "conv4": (64, 64)}


def _init_vgg(rng: np.random.Generator) -> dict[str, Array]:
    weights = {}
    for name, (filters, channels) in _VGG_CONVOLUTIONS.items():
        weights[f"{name}.weight"] = he(rng, (filters, channels, 3, 3)).data
        weights[f"{name}.bias"] = zeros(filters).data
    return weights | {"fc.weight": he(rng, (10, 64 * 8 * 8)).data, "fc.bias": zeros(10).data}


def _apply_vgg(F: Any, p: Mapping[str, Any], x: Any) -> Any:
    for name in _VGG_CONVOLUTIONS:
        x = F.conv2d(x, p[f"{name}.weight"], p[f"{name}.bias"], padding=1)
        x = F.relu(F.max_pool2d(x, 2) if name in ("conv2", "conv4") else x)
    return F.linear(F.flatten(x, 1), p["fc.weight"], p["fc.bias"])


def _init_fast(first: int, second: int, side: int, normalized: bool, rng: np.random.Generator) -> dict[str, Array]:
    pixels = (12 - side + 1) // 2  # along each axis after the second pooling
    shapes: dict[str, tuple[int, ...]] = {
        "conv1.weight": (first, 1, 5, 5),
        "conv2.weight": (second, first, side, side),
        "fc1.weight": (256, second * pixels**2),
        "fc2.weight": (10, 256),
    }
    values = {name: he(rng, shape).data for name, shape in shapes.items()}
    values |= {"fc1.bias": zeros(256).data, "fc2.bias": zeros(10).data}
    for i, channels in (1, first), (2, second):
        more = batch_norm(channels, f"bn{i}.") if normalized else {f"conv{i}.bias": zeros(channels)}
        values |= {name: p.data for name, p in more.items()}
    return values


def _apply_fast(F: Any, p: Mapping[str, Any], x: Any) -> Any:
    for i in (1, 2):
        x = F.max_pool2d(F.conv2d(x, p[f"conv{i}.weight"], p.get(f"conv{i}.bias")), 2)
        if f"bn{i}.weight" in p:
            names = ("running_mean", "running_var", "weight", "bias")
            x = F.batch_norm(x, *(p[f"bn{i}.{name}"] for name in names), F.training)
        x = F.relu(x)
    x = F.relu(F.linear(F.flatten(x, 1), p["fc1.weight"], p["fc1.bias"]))
    return F.linear(x, p["fc2.weight"], p["fc2.bias"])


def _normalized(F: Any, p: Mapping[str, Any], x: Any, prefix: str, i: int, **settings: Any) -> Any:
    """Convolve, and normalize with the statistics of the batch."""
    x = F.conv2d(x, p[f"{prefix}conv{i}.weight"], **settings)
    return F.batch_norm(x, None, None, p[f"{prefix}bn{i}.weight"], p[f"{prefix}bn{i}.bias"], True)


def _apply_convnet_bn(F: Any, p: Mapping[str, Any], x: Any) -> Any:
    for i, padding in (1, 2), (2, 1), (3, 1):
        x = F.relu(F.max_pool2d(_normalized(F, p, x, "", i, padding=padding), 2))
    return F.linear(F.flatten(x, 1), p["fc1.weight"], p["fc1.bias"])


def _apply_resnet(F: Any, p: Mapping[str, Any], x: Any) -> Any:
    x = F.relu(_normalized(F, p, x, "", 1, padding=1))
    for prefix in sorted({name[: name.rindex("conv")] for name in p if "layer" in name and "conv" in name}):
        filters, before = p[f"{prefix}conv1.weight"].shape[:2]
        stride = 1 if filters == before else 2
        residual = F.relu(_normalized(F, p, x, prefix, 1, padding=1, stride=stride))
        residual = _normalized(F, p, residual, prefix, 2, padding=1)
        shortcut = x if stride == 1 else F.pad_channels(x[:, :, ::stride, ::stride], filters - before)
        x = F.relu(residual + shortcut)
    return F.linear(x.mean((2, 3)), p["fc.weight"], p["fc.bias"])


LENET5 = Network("LeNet-5", lenet5.INPUT_SHAPE, partial(_init_model, lenet5), _apply_lenet5)
VGG = Network("VGG-like", (3, 32, 32), _init_vgg, _apply_vgg)
"""Two pairs of 3×3 convolutions, 32 and 64 wide, each with a pooling: much arithmetic, few parameters."""


def _fast(first: int, second: int, side: int, normalized: bool = False) -> Network:
    name = f"two {'normalized ' * normalized}convolutions, {first} and {second} wide"
    return Network(name, lenet5.INPUT_SHAPE, partial(_init_fast, first, second, side, normalized), _apply_fast)


FAST, FAST_NORMALIZED = _fast(24, 32, side=3), _fast(16, 32, side=5, normalized=True)
"""A network that learns MNIST in an epoch, and one that learns more of it in a few."""

CONVNET_BN = Network("convnet_bn", convnet_bn.INPUT_SHAPE, partial(_init_model, convnet_bn), _apply_convnet_bn)
RESNET = Network("ResNet-14", (3, 32, 32), partial(_init_model, resnet, depth=14), _apply_resnet)
"""The models of those names, without dropout, and with the statistics of the batch alone."""

NETWORKS = {network.name: network for network in (LENET5, VGG, CONVNET_BN, RESNET)}
