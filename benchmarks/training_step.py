"""How long does one training step take, compared with PyTorch and other frameworks in NumPy?

All do the same work in the same process: forward, softmax cross-entropy, backward and one SGD step with momentum, on
the same batch from the same weights: for LeNet-5, for a VGG-like network of 3×3 convolutions, and for two networks with
batch normalization, `convnet_bn` and a ResNet of depth 14. The losses are compared first. PyTorch benefits here too
from the allocator settings that this package makes on import.

MyGrad and HIPS autograd, if installed, run LeNet-5. MyGrad has convolution and pooling of its own; HIPS autograd has
`scipy.signal.convolve`, and pools by a reshape and two maxima, as its own example of a convolutional network does. They
are timed after PyTorch and this package: when all took turns, PyTorch took up to a fifth longer.
"""

from __future__ import annotations

import script

parser = script.parser(__doc__)
parser.add_argument("--batch-size", type=script.positive, nargs="+", metavar="N", help="for LeNet-5 (1 32 128 256)")
parser.add_argument("--no-peers", action="store_true", help="leave out MyGrad and HIPS autograd, which take long")
options = script.start(parser)

from types import SimpleNamespace

import numpy as np

from autograd_cnn.experiments import comparison as benchmark
from autograd_cnn.experiments.comparison import LENET5, MOMENTUM, VGG, Framework, Network
from autograd_cnn.experiments.comparison.networks import CONVNET_BN, RESNET
from autograd_cnn.experiments.comparison.questions import rivals


class Peer(Framework):
    """A framework that has no optimizers: momentum is done here, in NumPy, on the gradients of `loss_and_gradients`."""

    def __init__(self, network: Network, weights: dict) -> None:
        self.network = network
        self.weights = {name: w.copy() for name, w in weights.items()}
        self.velocity = {name: np.zeros_like(w) for name, w in weights.items()}

    def step(self, images, labels):
        loss, gradients = self.loss_and_gradients(images, labels)
        settings = MOMENTUM[1]
        for name, gradient in gradients.items():
            self.velocity[name] = settings["momentum"] * self.velocity[name] + gradient
            self.weights[name] -= settings["lr"] * self.velocity[name]
        return float(loss)

    def loss_and_gradients(self, images, labels):
        raise NotImplementedError


class MyGrad(Peer):
    name, package = "MyGrad", "mygrad"

    def loss_and_gradients(self, images, labels):
        import mygrad as mg
        from mygrad import nnet

        def conv2d(x, weight, bias, padding=0):
            return nnet.layers.conv_nd(x, weight, stride=1, padding=padding) + bias.reshape(1, -1, 1, 1)

        F = SimpleNamespace(
            conv2d=conv2d,
            relu=nnet.activations.relu,
            max_pool2d=lambda x, size: nnet.layers.max_pool(x, (size, size), size),
            flatten=lambda x, axis: x.reshape(*x.shape[:axis], -1),
            linear=lambda x, weight, bias: mg.matmul(x, weight.T) + bias,
        )
        params = {name: mg.tensor(w, copy=False) for name, w in self.weights.items()}
        loss = nnet.losses.softmax_crossentropy(self.network.apply(F, params, images), labels)
        loss.backward()
        return loss.item(), {name: p.grad for name, p in params.items()}


class Autograd(Peer):
    name, package = "HIPS autograd", "autograd"

    def loss_and_gradients(self, images, labels):
        import autograd
        import autograd.numpy as anp
        from autograd.scipy.signal import convolve

        def conv2d(x, weight, bias, padding=0):
            around = (0, 0), (0, 0), (padding, padding), (padding, padding)
            x = anp.pad(x, around, "constant") if padding else x
            flipped = weight[:, :, ::-1, ::-1]  # what deep learning calls convolution does not flip its filters
            out = convolve(x, flipped, axes=([2, 3], [2, 3]), dot_axes=([1], [1]), mode="valid")
            return out + anp.reshape(bias, (1, -1, 1, 1))

        def max_pool2d(x, size):
            n, c, h, w = x.shape
            return anp.max(anp.max(anp.reshape(x, (n, c, h // size, size, w // size, size)), axis=3), axis=4)

        F = SimpleNamespace(
            conv2d=conv2d,
            relu=lambda x: anp.maximum(x, 0),
            max_pool2d=max_pool2d,
            flatten=lambda x, axis: anp.reshape(x, (*x.shape[:axis], -1)),
            linear=lambda x, weight, bias: anp.dot(x, weight.T) + bias,
        )

        def loss(weights):
            logits = self.network.apply(F, weights, images)
            shifted = logits - anp.max(logits, axis=1, keepdims=True)
            log_sum = anp.log(anp.sum(anp.exp(shifted), axis=1))
            return anp.mean(log_sum - shifted[anp.arange(len(labels)), labels])

        return autograd.value_and_grad(loss)(self.weights)


batch_sizes = options.batch_size or ([1, 8] if options.quick else [1, 32, 128, 256])
cases = [(LENET5, n) for n in batch_sizes]
cases += [(network, 8 if options.quick else 64) for network in (VGG, CONVNET_BN, RESNET)]
peers = [] if options.no_peers else benchmark.installed(MyGrad, Autograd)
report = benchmark.training_step(
    cases, rivals(options.threads), threads=options.threads, rounds=options.rounds, peers=peers
)
if options.out:
    report.save(options.out)
