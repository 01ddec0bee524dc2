"""What does each step pay, on the way from the definition of a convolution to the one used here?

Published write-ups convolve in NumPy in three ways: by loops over pixels, which is the definition; by a matrix of
columns, one for each place of the window, filled by Python loops over the places; and by that matrix filled by slices,
one for each pixel of the window. They stand here written plainly, forward and backward, beside this package's kernels.
All are given the same arrays in C order, and have to agree first.

Of an image (C, H, W) under windows of K × K, the matrix has a row for each place of the window and C·K·K columns.
"""

from __future__ import annotations

import script

options = script.start(script.parser(__doc__, rounds=5))

import numpy as np

from autograd_cnn.experiments import comparison as benchmark
from autograd_cnn.kernels import Window, conv2d, conv2d_grad_input, conv2d_grad_weight


class Pixels:
    """Loops over images, filters and pixels: the definition, and its derivative line by line."""

    @staticmethod
    def forward(x, weight, bias):
        n, f, h, w = output_shape(x, weight)
        k = weight.shape[-1]
        out = np.empty((n, f, h, w), x.dtype)
        for image in range(n):
            for filter in range(f):
                for i in range(h):
                    for j in range(w):
                        patch = x[image, :, i : i + k, j : j + k]
                        out[image, filter, i, j] = (patch * weight[filter]).sum() + bias[filter]
        return out

    @staticmethod
    def backward(grad, x, weight):
        n, f, h, w = grad.shape
        k = weight.shape[-1]
        grad_x, grad_weight, grad_bias = np.zeros_like(x), np.zeros_like(weight), np.zeros(f, x.dtype)
        for image in range(n):
            for filter in range(f):
                for i in range(h):
                    for j in range(w):
                        g = grad[image, filter, i, j]
                        grad_x[image, :, i : i + k, j : j + k] += g * weight[filter]
                        grad_weight[filter] += g * x[image, :, i : i + k, j : j + k]
                        grad_bias[filter] += g
        return grad_x, grad_weight, grad_bias


class Columns:
    """One matrix product; a subclass says how its matrix is filled and, backward, added up."""

    @classmethod
    def forward(cls, x, weight, bias):
        n, f, h, w = output_shape(x, weight)
        columns = cls.gather(x, weight.shape[-1])
        out = columns @ weight.reshape(f, -1).T + bias
        return out.reshape(n, h, w, f).transpose(0, 3, 1, 2)

    @classmethod
    def backward(cls, grad, x, weight):
        f, k = len(weight), weight.shape[-1]
        rows = grad.transpose(0, 2, 3, 1).reshape(-1, f)
        columns = cls.gather(x, k)
        grad_x = cls.scatter(rows @ weight.reshape(f, -1), x.shape, k)
        return grad_x, (rows.T @ columns).reshape(weight.shape), rows.sum(0)


class ColumnsByLoops(Columns):
    """A Python loop over the places of the window."""

    @staticmethod
    def gather(x, k):
        n, c, height, width = x.shape
        h, w = height - k + 1, width - k + 1
        columns = np.empty((n * h * w, c * k * k), x.dtype)
        row = 0
        for image in range(n):
            for i in range(h):
                for j in range(w):
                    columns[row] = x[image, :, i : i + k, j : j + k].ravel()
                    row += 1
        return columns

    @staticmethod
    def scatter(columns, shape, k):
        n, c, height, width = shape
        x = np.zeros(shape, columns.dtype)
        row = 0
        for image in range(n):
            for i in range(height - k + 1):
                for j in range(width - k + 1):
                    x[image, :, i : i + k, j : j + k] += columns[row].reshape(c, k, k)
                    row += 1
        return x


class ColumnsBySlices(Columns):
    """A Python loop over the pixels of the window alone: each is a slice of all images."""

    @staticmethod
    def gather(x, k):
        n, c, height, width = x.shape
        h, w = height - k + 1, width - k + 1
        columns = np.empty((n, c, k, k, h, w), x.dtype)
        for i in range(k):
            for j in range(k):
                columns[:, :, i, j] = x[:, :, i : i + h, j : j + w]
        return columns.transpose(0, 4, 5, 1, 2, 3).reshape(n * h * w, c * k * k)

    @staticmethod
    def scatter(columns, shape, k):
        n, c, height, width = shape
        h, w = height - k + 1, width - k + 1
        columns = columns.reshape(n, h, w, c, k, k).transpose(0, 3, 4, 5, 1, 2)
        x = np.zeros(shape, columns.dtype)
        for i in range(k):
            for j in range(k):
                x[:, :, i : i + h, j : j + w] += columns[:, :, i, j]
        return x


class Ours:
    """The kernels of this package."""

    @staticmethod
    def forward(x, weight, bias):
        return conv2d(x, weight, bias, Window(weight.shape[2:]))

    @staticmethod
    def backward(grad, x, weight):
        window = Window(weight.shape[2:])
        return (
            conv2d_grad_input(grad, weight, x.shape, window),
            conv2d_grad_weight(grad, x, weight.shape, window),
            grad.sum((0, 2, 3)),
        )


def output_shape(x, weight):
    k = weight.shape[-1]
    return len(x), len(weight), x.shape[2] - k + 1, x.shape[3] - k + 1


def compare(report, x_shape, weight_shape):
    rng = np.random.default_rng(0)
    x, weight = (rng.standard_normal(shape, np.float32) for shape in (x_shape, weight_shape))
    bias = rng.standard_normal(weight_shape[0], np.float32)
    grad = rng.standard_normal(output_shape(x, weight), np.float32)
    n, c, h, w = x_shape
    name = f"{c}-{weight_shape[0]} {weight_shape[2]}×{weight_shape[3]}, {n}×{h}×{w}"
    forward = {way: (lambda f=f: f.forward(x, weight, bias)) for way, f in WAYS.items()}
    backward = {way: (lambda f=f: f.backward(grad, x, weight)) for way, f in WAYS.items()}
    for direction, calls in {"forward": forward, "backward": backward}.items():
        benchmark.require_agreement(name, {way: call() for way, call in calls.items()})
        report.add(f"{name}, {direction}", benchmark.interleaved(calls, rounds=options.rounds, warm_up=1))


WAYS = {"pixels": Pixels, "columns by loops": ColumnsByLoops, "columns by slices": ColumnsBySlices, "ours": Ours}
report = benchmark.Report(
    "ways_of_convolving", "Ways of convolving in NumPy", list(WAYS), "ms", options.threads, options.rounds
)
batch_size = 1 if options.quick else 32
compare(report, (batch_size, 6, 14, 14), (16, 6, 5, 5))
if not options.quick:
    compare(report, (batch_size, 16, 16, 16), (32, 16, 3, 3))
if options.out:
    report.save(options.out)
