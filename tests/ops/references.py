"""Ops from their definitions: slow, obvious, one output element at a time."""

import math

import numpy as np


def _pair(value):
    return (value, value) if isinstance(value, int) else value


def _padded(x, padding, value=0.0):
    (p, q), (n, c, h, w) = padding, x.shape
    out = np.full((n, c, h + 2 * p, w + 2 * q), value)
    out[:, :, p : p + h, q : q + w] = x
    return out


def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    (s, t), (d, e) = _pair(stride), _pair(dilation)
    x = _padded(x, _pair(padding))
    filters, per_group, kh, kw = weight.shape
    height = (x.shape[2] - d * (kh - 1) - 1) // s + 1
    width = (x.shape[3] - e * (kw - 1) - 1) // t + 1
    out = np.zeros((len(x), filters, height, width))
    for n, f, i, j in np.ndindex(out.shape):
        first = f // (filters // groups) * per_group
        for c, k, m in np.ndindex(per_group, kh, kw):
            out[n, f, i, j] += x[n, first + c, i * s + k * d, j * t + m * e] * weight[f, c, k, m]
        out[n, f, i, j] += 0 if bias is None else bias[f]
    return out


def conv_transpose2d_size(x, weight, stride=1, padding=0, dilation=1):
    """Return the size of the stamped output, cropped by the padding."""
    settings = zip(x.shape[2:], weight.shape[2:], *map(_pair, (stride, padding, dilation)), strict=True)
    return tuple((n - 1) * s + d * (k - 1) + 1 - 2 * p for n, k, s, p, d in settings)


def conv_transpose2d(x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """Every input element stamps the kernel onto the output, which is then cropped by the padding."""
    (s, t), (p, q), (d, e), (a, b) = map(_pair, (stride, padding, dilation, output_padding))
    channels, per_group, kh, kw = weight.shape
    height, width = np.add(conv_transpose2d_size(x, weight, stride, 0, dilation), (a, b))
    out = np.zeros((len(x), per_group * groups, height, width))
    for n, c, i, j in np.ndindex(x.shape):
        first = c // (channels // groups) * per_group
        for f, k, m in np.ndindex(per_group, kh, kw):
            out[n, first + f, i * s + k * d, j * t + m * e] += x[n, c, i, j] * weight[c, f, k, m]
    if bias is not None:
        out += bias[:, None, None]
    return out[:, :, p : height - p, q : width - q]


def _places(length, size, stride, padding, dilation, ceil_mode):
    """Count the places of a window along one axis."""
    room = (length + 2 * padding - dilation * (size - 1) - 1) / stride
    count = (math.ceil(room) if ceil_mode else math.floor(room)) + 1
    return count - 1 if ceil_mode and (count - 1) * stride >= length + padding else count


def _windows(x, kernel_size, stride, padding, dilation, ceil_mode):
    """Yield, for every place, the coordinates that the window covers, inside and outside the image."""
    size, padding, dilation = map(_pair, (kernel_size, padding, dilation))
    stride = size if stride is None else _pair(stride)
    counts = [_places(x.shape[2 + a], size[a], stride[a], padding[a], dilation[a], ceil_mode) for a in (0, 1)]
    for i, j in np.ndindex(*counts):
        rows = [i * stride[0] - padding[0] + k * dilation[0] for k in range(size[0])]
        columns = [j * stride[1] - padding[1] + k * dilation[1] for k in range(size[1])]
        yield (i, j), counts, rows, columns


def _inside(x, rows, columns):
    return [(r, c) for r in rows for c in columns if 0 <= r < x.shape[2] and 0 <= c < x.shape[3]]


def max_pool2d(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    out = None
    for (i, j), counts, rows, columns in _windows(x, kernel_size, stride, padding, dilation, ceil_mode):
        out = np.full((*x.shape[:2], *counts), -np.inf) if out is None else out
        for r, c in _inside(x, rows, columns):
            out[:, :, i, j] = np.maximum(out[:, :, i, j], x[:, :, r, c])
    return out


def avg_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    p, q = _pair(padding)
    out = None
    for (i, j), counts, rows, columns in _windows(x, kernel_size, stride, padding, 1, ceil_mode):
        out = np.zeros((*x.shape[:2], *counts)) if out is None else out
        inside = _inside(x, rows, columns)
        padded = [(r, c) for r in rows for c in columns if r < x.shape[2] + p and c < x.shape[3] + q]
        for r, c in inside:
            out[:, :, i, j] += x[:, :, r, c] / len(padded if count_include_pad else inside)
    return out


def softmax(x, axis=-1):
    return np.exp(x) / np.exp(x).sum(axis, keepdims=True)


def normalized(x, axes, eps):
    mean = x.mean(axes, keepdims=True)
    return (x - mean) / np.sqrt(((x - mean) ** 2).mean(axes, keepdims=True) + eps)


def cross_entropy(logits, targets, reduction="mean", label_smoothing=0.0, ignore_index=-100, weight=None):
    """Go through the examples one by one; the classes are on axis 1."""
    classes = logits.shape[1]
    weight = np.ones(classes) if weight is None else weight
    log_p = np.moveaxis(np.log(softmax(logits, 1)), 1, -1)
    losses, total = np.zeros(log_p.shape[:-1]), 0.0
    for index in np.ndindex(losses.shape):
        if targets.shape == logits.shape:
            target = np.moveaxis(targets, 1, -1)[index] * (1 - label_smoothing) + label_smoothing / classes
            total += 1
        elif targets[index] == ignore_index:
            continue
        else:
            target = np.full(classes, label_smoothing / classes)
            target[targets[index]] += 1 - label_smoothing
            total += weight[targets[index]]
        losses[index] = -(weight * target * log_p[index]).sum()
    return {"none": losses, "sum": losses.sum(), "mean": losses.sum() / total if total else np.nan}[reduction]
