"""What does each step gain, on the way from the definition of a convolution to the one used here?

Published write-ups convolve in NumPy in three ways: with loops over pixels, which is the definition; with a
matrix that has a row for each place of the window, filled by Python loops over the places; and with that matrix filled
by slices, one for each pixel of the window. Here they are written plainly, forward and backward, beside this package's
kernels. All get the same arrays in C order, and have to agree first.

A second table measures what this package chooses among its own algorithms: for each line of the tables in
`kernels/conv.py` and `kernels/pool.py`, and for `_turns`, the time of the alternative divided by that of the choice, at
shapes on both sides of each threshold. A ratio below 1 means that the choice does not pay off on this machine.

For an image (C, H, W) and windows of K × K, the matrix has a row for each place of the window and C·K·K columns.
"""

from __future__ import annotations

import datetime

import script

options = script.start(script.parser(__doc__, rounds=5))

import numpy as np

from autograd_cnn.experiments import comparison as benchmark
from autograd_cnn.kernels import Window, banded, conv, conv2d, conv2d_grad_input, conv2d_grad_weight, pool
from autograd_cnn.kernels.layout import ROWS
from autograd_cnn.kernels.problem import Convolution, Pooling


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


def choose(case, chosen, calls):
    """Add a row for each alternative to the algorithm that is chosen."""
    for other in sorted(calls.keys() - {chosen}):
        pair = {"chosen": calls[chosen], "alternative": calls[other]}
        choices.add(f"{case}: {chosen}, not {other}", benchmark.interleaved(pair, rounds=options.rounds, warm_up=1))


def name_of(way):
    return way.algorithm.__name__.rpartition(".")[2]


def draw_conv(x_shape, features, size, groups=1, stride=1, padding=0):
    """Return a problem, and random images, weights and a gradient of the output, in the order the kernels store."""
    rng = np.random.default_rng(0)
    weight_shape = (features, x_shape[1] // groups, size, size)
    window = Window((size, size), (stride, stride), (padding, padding))
    problem = Convolution(x_shape, np.dtype(np.float32), window, weight_shape, groups)
    x, weight = (rng.standard_normal(shape, np.float32) for shape in (x_shape, weight_shape))
    grad = rng.standard_normal((x_shape[0], features, *problem.positions), np.float32)
    order = conv.first(problem, "forward").order
    return problem, order.images(order.store(x)), weight, order.images(order.store(grad))


def shapes(x_shape, features, size):
    n, c, h, w = x_shape
    return f"{c}-{features} {size}×{size}, {n}×{h}×{w}"


def choose_algorithm(line, x_shape, features, size, *, stride=1, backward=True):
    """Compare a line of the convolutions' table with what is chosen without it: forward, and both gradients."""
    problem, x, weight, grad = draw_conv(x_shape, features, size, stride=stride)

    def step(way):
        way.forward(problem, x, weight, None)
        if backward:
            way.grad_weight(problem, grad, x)
            way.grad_input(problem, grad, weight)

    chosen = conv.first(problem, "forward")
    rest = next(w for w in conv.TABLE if w is not line and w.algorithm.suits(problem, "forward"))
    calls = {name_of(way): (lambda way=way: step(way)) for way in (line, rest)}
    case = shapes(x_shape, features, size) + (f", stride {stride}" if stride > 1 else "")
    choose(case, name_of(chosen), calls)


def choose_turning(x_shape, features, size, groups=1, padding=0):
    """Compare the two gradients of the input: a convolution with turned filters, and the algorithm's own."""
    problem, _, weight, grad = draw_conv(x_shape, features, size, groups, padding=padding)
    way, window = conv.first(problem, "grad_input"), problem.window.turned()
    calls = {
        "turned": lambda: conv2d(grad, conv.turned(weight, groups), None, window, groups),
        "scattered": lambda: way.grad_input(problem, grad, weight),
    }
    case = shapes(x_shape, features, size) + (f", {groups} groups" if groups > 1 else "")
    choose(case, "turned" if conv._turns(problem) else "scattered", calls)


def choose_pooling(x_shape):
    """Compare the lines of the pooling's table: the maxima, and their gradient."""
    problem = Pooling(x_shape, np.dtype(np.float32), Window((2, 2), (2, 2)))
    x = np.random.default_rng(0).standard_normal(x_shape, np.float32)
    if not problem.has_few_images:  # stored as by a convolution before it
        x = ROWS.images(ROWS.store(x))
    out = pool.max_pool2d(x, problem.window)

    def step(way):
        way.grad_input(problem, out, way.winners(problem, x, way.forward(problem, x)))

    calls = {name_of(way): (lambda way=way: step(way)) for way in pool.TABLE}
    choose(f"max pool {x_shape}", name_of(pool.first(problem, "back")), calls)


date = datetime.datetime.now(datetime.UTC).date()
choices = benchmark.Report(
    "choices", f"What the kernels choose, {date}", ["chosen", "alternative"], "ms", options.threads, options.rounds
)
assert conv.TABLE[-1].algorithm is banded, "the last line suits every problem"
columns, sums = conv.TABLE[:2]
choose_algorithm(columns, (1, 6, 14, 14), 16, 5)
choose_turning((8, 16, 16, 16), 8, 3, groups=2)
choose_pooling((1, 6, 24, 24))
if not options.quick:
    for n in (4, 8, 16):  # FEW_IMAGES
        choose_algorithm(columns, (n, 6, 14, 14), 16, 5)
    for channels in (16, 48):  # im2col.LARGEST_COLUMNS
        choose_algorithm(columns, (1, channels, 64, 64), 32, 3)
    for channels, features, size in (
        (1, 6, 5),
        (1, 32, 5),
        (3, 16, 3),
        (3, 32, 3),
        (6, 16, 5),
    ):  # accumulated.MOST_ROWS
        choose_algorithm(sums, (64, channels, 28, 28), features, size, backward=False)
    for n in (4, 16, 256):
        choose_algorithm(sums, (n, 32, 16, 16), 32, 3)
    for size in (1, 3):  # one copy of the columns, or one for each tap
        choose_algorithm(sums, (64, 16, 32, 32), 32, size, stride=2)
    for side in (6, 8, 16):  # conv.MOST_PLACES
        choose_turning((32, 16, side, side), 8, 3, groups=2)
    for features in (4, 8, 32):  # conv.FEWEST_FEATURES_TO_TURN, and no more features than channels
        choose_turning((32, 16, 32, 32), features, 3, groups=2)
    choose_turning((32, 16, 32, 32), 16, 3, groups=16)
    for features in (16, 64):  # conv.MOST_FEATURES_TO_TURN
        choose_turning((64, 16, 32, 32), features, 3, padding=1)
    # gathered.LARGEST_COPY, FEW_IMAGES, and what tiles are for
    for x_shape in ((8, 6, 24, 24), (9, 6, 24, 24), (1, 16, 32, 32), (1, 32, 32, 32), (64, 32, 32, 32)):
        choose_pooling(x_shape)
if options.out:
    report.save(options.out)
