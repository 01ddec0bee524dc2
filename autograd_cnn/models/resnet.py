"""A small residual network, for colour images.

He, Zhang, Ren and Sun, "Deep residual learning for image recognition", 2015, section 4.2: the family for CIFAR-10. A
convolution, then three stages of blocks with 16, 32 and 64 filters, the second and third at half the resolution of the
one before, then the mean over each map and a linear layer. A block is two convolutions of 3×3, each with batch
normalization, and a shortcut that adds the block's input unchanged. Where the resolution halves, the shortcut takes
every other pixel, with zeros for the new channels (their option A), so it has no parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from autograd_cnn import ops
from autograd_cnn.nn.initialization import batch_norm, he, zeros
from autograd_cnn.ops import checks
from autograd_cnn.tensor import Tensor

INPUT_SHAPE = (3, 32, 32)

STAGES = 3


def init(
    rng: np.random.Generator | int,
    *,
    in_channels: int = 3,
    num_classes: int = 10,
    image_size: int | tuple[int, int] = (32, 32),
    depth: int = 14,
    width: int = 16,
) -> dict[str, Tensor]:
    """Draw initial parameters: He weights, zero biases. They fit images of any size.

    Parameters
    ----------
    rng : numpy.random.Generator or int
        A generator, or a seed.
    in_channels, num_classes : int
    image_size : int or pair of int
        Height and width of the images. Every model takes it; here the parameters are the same for all sizes.
    depth : int, default 14
        Layers with weights: 8, 14, 20 or any other 6·n + 2, with n blocks per stage.
    width : int, default 16
        Filters of the first stage.

    Raises
    ------
    ValueError
        If `depth` is not 6·n + 2, or there is no image of that size.

    Examples
    --------
    >>> from autograd_cnn import models
    >>> params = models.resnet.init(0, depth=20)
    >>> sum(p.size for p in models.trainable(params).values())
    269722
    """
    blocks, rest = divmod(depth - 2, 2 * STAGES)
    if rest or blocks < 1:
        raise ValueError(f"depth is {depth!r}: expected 8, 14, 20, or any other 6·n + 2")
    checks.pair("resnet", "image_size", image_size, least=1)
    rng = np.random.default_rng(rng)
    widths = [width, *(width * 2**stage for stage in range(STAGES))]
    params = {"conv1.weight": he(rng, (width, in_channels, 3, 3)), **batch_norm(width, "bn1.")}
    for stage, (before, filters) in enumerate(pairwise(widths), start=1):
        for block in range(blocks):
            prefix, channels = f"layer{stage}.{block}.", filters if block else before
            params[f"{prefix}conv1.weight"] = he(rng, (filters, channels, 3, 3))
            params |= batch_norm(filters, f"{prefix}bn1.")
            params[f"{prefix}conv2.weight"] = he(rng, (filters, filters, 3, 3))
            params |= batch_norm(filters, f"{prefix}bn2.")
    return params | {"fc.weight": he(rng, (num_classes, widths[-1])), "fc.bias": zeros(num_classes)}


def apply(
    params: Mapping[str, Tensor], x: Any, *, training: bool = False, rng: np.random.Generator | None = None
) -> Tensor:
    """Return the logits (N, num_classes) of images (N, C, H, W); the parameters tell the depth.

    Training normalizes with the statistics of the batch, and updates the running statistics in `params` in place.
    Evaluation normalizes with the running statistics.
    """
    x = ops.relu(_convolve(params, "", 1, x, training))
    for stage in range(1, STAGES + 1):
        block = 0
        while (prefix := f"layer{stage}.{block}.") + "conv1.weight" in params:
            stride = 2 if stage > 1 and block == 0 else 1
            residual = ops.relu(_convolve(params, prefix, 1, x, training, stride))
            residual = _convolve(params, prefix, 2, residual, training)
            x = ops.relu(residual + _shortcut(x, stride, residual.shape[1]))
            block += 1
    return ops.linear(ops.global_avg_pool2d(x), params["fc.weight"], params["fc.bias"])


def _convolve(params: Mapping[str, Tensor], prefix: str, i: int, x: Any, training: bool, stride: int = 1) -> Any:
    """Convolve with 3×3 filters, and normalize."""
    bn = f"{prefix}bn{i}."
    x = ops.conv2d(x, params[f"{prefix}conv{i}.weight"], stride=stride, padding=1)
    statistics = params[f"{bn}running_mean"], params[f"{bn}running_var"]
    return ops.batch_norm(x, *statistics, params[f"{bn}weight"], params[f"{bn}bias"], training)


def _shortcut(x: Any, stride: int, channels: int) -> Any:
    """Return x at every other pixel, with zeros for the channels that it lacks; x itself where neither is needed."""
    if stride > 1:
        x = x[:, :, ::stride, ::stride]
    new = channels - x.shape[1]
    return ops.pad(x, ((0, 0), (0, new), (0, 0), (0, 0))) if new else x
