"""Every op's errors say what was given and what was expected, with the shapes and values."""

import re

import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn import ops
from autograd_cnn.ops.indexing import scatter_add
from tests.ops import record


def zeros(*shape):
    return np.zeros(shape)


X = zeros(2, 3, 5, 6)
W = zeros(4, 3, 3, 3)

CASES = {
    # conv2d
    "conv2d: x has axes (N, C, H, W) or (C, H, W); got shape (5, 6)": lambda: ac.conv2d(zeros(5, 6), W),
    "conv2d: for x (2, 3, 5, 6) the weight is (F, C / groups, KH, KW); got shape (4, 3)": lambda: ac.conv2d(
        X, W[..., 0, 0]
    ),
    "for x (2, 3, 5, 6) and groups=1 the weight is (F, 3, KH, KW); got shape (4, 2, 3, 3)": lambda: ac.conv2d(
        X, W[:, :2]
    ),
    "for x (2, 3, 5, 6) and groups=3 the weight is (F, 1, KH, KW); got shape (3, 3, 3, 3)": lambda: ac.conv2d(
        X, W[:3], groups=3
    ),
    "groups is an int that divides 3 channels and 4 filters; got 3": lambda: ac.conv2d(X, W, groups=3),
    "groups is an int that divides 3 channels and 4 filters; got 0": lambda: ac.conv2d(X, W, groups=0),
    "for weight (4, 3, 3, 3) the bias is (4,); got shape (3,)": lambda: ac.conv2d(X, W, zeros(3)),
    "the 3×3 window is larger than its input of 2×6, 2×6 with padding (0, 0)": lambda: ac.conv2d(X[:, :, :2], W),
    "the 3×3 window, 7×7 with dilation (3, 3), is larger than its input of 5×6, 5×6": lambda: ac.conv2d(
        X, W, dilation=3
    ),
    "conv2d: stride is an int or a pair of ints, each at least 1; got 0": lambda: ac.conv2d(X, W, stride=0),
    "conv2d: stride is an int or a pair of ints, each at least 1; got 1.5": lambda: ac.conv2d(X, W, stride=1.5),
    "conv2d: padding is an int or a pair of ints, each at least 0; got (0, -1)": lambda: ac.conv2d(
        X, W, padding=(0, -1)
    ),
    "conv2d: padding is an int or a pair of ints, each at least 0, or 'same' or 'valid'; got 'full'": lambda: ac.conv2d(
        X, W, padding="full"
    ),
    "conv2d: padding='same' is for a stride of 1; got (1, 2)": lambda: ac.conv2d(X, W, None, (1, 2), "same"),
    "conv2d: dilation is an int or a pair of ints, each at least 1; got (1, 2, 3)": lambda: ac.conv2d(
        X, W, dilation=(1, 2, 3)
    ),
    # conv_transpose2d
    "conv_transpose2d: x has axes (N, C, H, W) or (C, H, W); got shape (2, 3)": lambda: ac.conv_transpose2d(
        zeros(2, 3), W
    ),
    "conv_transpose2d: images must have at least one row and one column; got x of shape (2, 3, 0, 4)": lambda: (
        ac.conv_transpose2d(zeros(2, 3, 0, 4), zeros(3, 4, 3, 3))
    ),
    "for x (2, 3, 5, 6) the weight is (3, F / groups, KH, KW); got shape (4, 3, 3, 3)": lambda: ac.conv_transpose2d(
        X, W
    ),
    "for weight (3, 4, 3, 3) and groups=1 the bias is (4,); got shape (3,)": lambda: ac.conv_transpose2d(
        X, zeros(3, 4, 3, 3), zeros(3)
    ),
    "output_padding is smaller than stride (2, 2) or dilation (1, 1); got (2, 0)": lambda: ac.conv_transpose2d(
        X, zeros(3, 4, 3, 3), stride=2, output_padding=(2, 0)
    ),
    "output_padding is smaller than stride (2, 1) or dilation (1, 3); got (0, 4)": lambda: ac.conv_transpose2d(
        X, zeros(3, 4, 3, 3), stride=(2, 1), dilation=(1, 3), output_padding=(0, 4)
    ),
    "padding (4, 4) leaves an image of -1×0; use less padding": lambda: ac.conv_transpose2d(
        X, zeros(3, 4, 3, 3), padding=4
    ),
    "conv_transpose2d: groups is an int that divides 3 channels; got 2": lambda: ac.conv_transpose2d(
        X, zeros(3, 4, 3, 3), groups=2
    ),
    # pooling
    "a window over x (1, 1, 1, 1) contains only padding, which is −inf, and int64 has no −inf": lambda: ac.max_pool2d(
        np.zeros((1, 1, 1, 1), int), (1, 2), 1, (0, 1), (1, 2)
    ),
    "max_pool2d: x has axes (N, C, H, W) or (C, H, W); got shape (5, 6)": lambda: ac.max_pool2d(zeros(5, 6), 2),
    "max_pool2d: the 7×7 window is larger than its input of 5×6": lambda: ac.max_pool2d(X, 7),
    "max_pool2d: kernel_size is an int or a pair of ints, each at least 1; got 0": lambda: ac.max_pool2d(X, 0),
    "max_pool2d: padding is at most half the window of 2×2; got (2, 2)": lambda: ac.max_pool2d(X, 2, padding=2),
    "max_pool2d: padding is at most half the window of 3×3; got (2, 0)": lambda: ac.max_pool2d(X, 3, padding=(2, 0)),
    "avg_pool2d: padding is at most half the window of 3×3; got (0, 2)": lambda: ac.avg_pool2d(X, 3, 1, (0, 2)),
    "avg_pool2d: x has axes (N, C, H, W) or (C, H, W); got shape (5, 6)": lambda: ac.avg_pool2d(zeros(5, 6), 2),
    "avg_pool2d: stride is an int or a pair of ints, each at least 1; got -1": lambda: ac.avg_pool2d(X, 2, stride=-1),
    "global_avg_pool2d: x has axes (N, C, H, W) or (C, H, W); got shape (3,)": lambda: ac.global_avg_pool2d(zeros(3)),
    # products
    "linear: x is (..., in) and weight (out, in), of one `in`; got x (2, 3) and weight (4, 5)": lambda: ac.linear(
        zeros(2, 3), zeros(4, 5)
    ),
    "linear: for weight (4, 3) the bias is (4,); got shape (3,)": lambda: ac.linear(zeros(2, 3), zeros(4, 3), zeros(3)),
    "einsum: 'ij,jk' is for 2 operands; got 1": lambda: ac.einsum("ij,jk", zeros(2, 3)),
    "einsum: 'ij' in 'ij->i' does not name the axes of an operand (2,)": lambda: ac.einsum("ij->i", zeros(2)),
    "matmul: x is (…, n, k) or (k,) and y (…, k, m) or (k,), of one k; got (2, 3) and (4, 5)": lambda: ac.matmul(
        zeros(2, 3), zeros(4, 5)
    ),
    "of one k; got () and (3,)": lambda: ac.matmul(zeros(), zeros(3)),
    # reductions
    "max: there are no elements to choose from; got shape (2, 0) and axis 1": lambda: ac.max(zeros(2, 0), 1),
    "min: there are no elements to choose from; got shape (0,) and axis None": lambda: ac.min(zeros(0)),
    "var: takes more values than ddof=0; got 0 for each result, over axis 1 of shape (2, 0)": lambda: ac.var(
        zeros(2, 0), 1
    ),
    "var: takes more values than ddof=2; got 2 for each result, over axis None of shape (2,)": lambda: ac.var(
        ac.Tensor(zeros(2), requires_grad=True), ddof=2
    ),
    # shapes
    "transpose: axes names each of the 2 axes of shape (2, 3) once; got (0, 0)": lambda: ac.transpose(
        zeros(2, 3), (0, 0)
    ),
    "squeeze: only axes of length one can be removed; got axis 1 of shape (1, 3)": lambda: ac.squeeze(zeros(1, 3), 1),
    "the arrays may differ in length only along axis 1; got shapes [(2, 3), (3, 3)]": lambda: ac.concatenate(
        [zeros(2, 3), zeros(3, 3)], -1
    ),
    "concatenate: needs at least one array, each with an axis; got shapes [()]": lambda: ac.concatenate([zeros()]),
    "needs at least one array, all of the same shape; got shapes [(2,), (3,)]": lambda: ac.stack([zeros(2), zeros(3)]),
    "cannot reshape array of size 6 into shape (4,": lambda: ac.reshape(zeros(2, 3), (4, -1)),
    "(2,)  and requested shape (3,)": lambda: ac.broadcast_to(zeros(2), (3,)),
    "axis 2 is out of bounds for array of dimension 2": lambda: ac.softmax(zeros(2, 3), 2),
    "flatten: start_dim 2 is after end_dim 1 for shape (2, 3, 5, 6)": lambda: ac.flatten(X, 2, 1),
    "axis 0 of length 2 cannot be split into 3 equal parts": lambda: ac.split(X, 3),
    "getitem: an index is a list whose elements differ in shape: [[0, 1], [0]]": lambda: ops.getitem(
        zeros(3), [[0, 1], [0]]
    ),
    "exp: x is a list whose parts differ in shape: [[1], [1, 2]]": lambda: ac.exp([[1], [1, 2]]),
    # norms
    "batch_norm: x has axes (N, C, …); got shape (3,)": lambda: ac.batch_norm(zeros(3), zeros(3), zeros(3)),
    "batch_norm: for x (2, 3) the running_var is (3,); got shape (2,)": lambda: ac.batch_norm(
        zeros(2, 3), zeros(3), zeros(2), None, None, True
    ),
    "batch_norm: training needs more than one value for each channel; got x (1, 3)": lambda: ac.batch_norm(
        zeros(1, 3), zeros(3), zeros(3), training=True
    ),
    "batch_norm: evaluation needs running_mean and running_var, and training takes both or neither; got neither": (
        lambda: ac.batch_norm(zeros(2, 3), None, None)
    ),
    "training takes both or neither; got running_var": lambda: ac.batch_norm(
        zeros(2, 3), None, zeros(3), training=True
    ),
    "training updates the running statistics in place; got an array that is read-only": lambda: ac.batch_norm(
        zeros(2, 3), np.broadcast_to(0.0, 3), np.ones(3), training=True
    ),
    "batch_norm: running_mean and running_var must be two arrays; got the same memory twice": lambda: ac.batch_norm(
        zeros(2, 3), *[zeros(3)] * 2, training=True
    ),
    "batch_norm: eps is a number of at least 0; got -1": lambda: ac.batch_norm(zeros(2, 3), zeros(3), zeros(3), eps=-1),
    "batch_norm: momentum is a number from 0 to 1; got nan": lambda: ac.batch_norm(
        zeros(2, 3), zeros(3), np.ones(3), training=True, momentum=np.nan
    ),
    "batch_norm: for x (2, 3) the weight is (3,); got shape (1,)": lambda: ac.batch_norm(
        zeros(2, 3), zeros(3), np.ones(3), np.ones(1)
    ),
    "layer_norm: eps is a number of at least 0; got nan": lambda: ac.layer_norm(zeros(2, 3), 3, eps=np.nan),
    "group_norm: num_groups is an int that divides 3 channels; got True": lambda: ac.group_norm(zeros(2, 3), True),
    "layer_norm: x has axes (…, *(4,)); got shape (2, 3)": lambda: ac.layer_norm(zeros(2, 3), 4),
    "layer_norm: for normalized_shape (3,) the weight is (3,); got (2,)": lambda: ac.layer_norm(
        zeros(2, 3), 3, zeros(2)
    ),
    "group_norm: x has axes (N, C, …); got shape (3,)": lambda: ac.group_norm(zeros(3), 1),
    "group_norm: num_groups is an int that divides 3 channels; got 2": lambda: ac.group_norm(zeros(2, 3), 2),
    "group_norm: for x (2, 3) the bias is (3,); got shape (2,)": lambda: ac.group_norm(zeros(2, 3), 1, None, zeros(2)),
    "dropout: p is a probability from 0 to 1; got 1.5": lambda: ac.dropout(X, 1.5, True),
    "gelu: approximate is 'none' or 'tanh'; got 'fast'": lambda: ac.gelu(X, "fast"),
    # losses
    "softmax_cross_entropy: logits are (N, C) or (N, C, d1, …); got shape ()": lambda: ac.softmax_cross_entropy(
        zeros(), np.array(0)
    ),
    "a label is from 0 to 2, or -100 to be ignored; 2 of 3 are not, the first of them is -1": lambda: (
        ac.softmax_cross_entropy(zeros(3, 3), np.array([0, -1, 3]))
    ),
    "for logits (3, 4) the targets are (3,); got shape (2,)": lambda: ac.softmax_cross_entropy(
        zeros(3, 4), np.array([0, 1])
    ),
    "softmax_cross_entropy: reduction is one of mean, sum, none; got 'average'": lambda: ac.softmax_cross_entropy(
        zeros(1, 2), np.array([0]), "average"
    ),
    "dropout: p is a probability from 0 to 1; got nan": lambda: ac.dropout(X, np.nan, False),
    "reduction is one of mean, sum, none; got array([1., 1.])": lambda: ac.softmax_cross_entropy(
        zeros(1, 2), np.array([0]), np.ones(2)
    ),
    "label_smoothing is from 0 to 1; got nan": lambda: ac.softmax_cross_entropy(
        zeros(1, 2), np.array([0]), label_smoothing=np.nan
    ),
    "the weight of a class is at least 0; got [ 1. -1.]": lambda: ac.softmax_cross_entropy(
        zeros(1, 2), np.array([0]), weight=np.array([1.0, -1.0])
    ),
    "nll_loss: the weight is a constant; got a Tensor that requires a gradient: pass .detach()": lambda: ac.nll_loss(
        zeros(1, 2), np.array([0]), ac.Tensor([1.0, 1.0], requires_grad=True)
    ),
    "label_smoothing is from 0 to 1; got 2": lambda: ac.softmax_cross_entropy(
        zeros(1, 2), np.array([0]), label_smoothing=2
    ),
    "for 2 classes the weight is (2,); got shape (3,)": lambda: ac.softmax_cross_entropy(
        zeros(1, 2), np.array([0]), weight=zeros(3)
    ),
    "nll_loss: a label is from 0 to 1, or -100 to be ignored; 1 of 1 are not, the first of": lambda: ac.nll_loss(
        zeros(1, 2), np.array([2])
    ),
    "mse_loss: x and target have one shape; got (2, 3) and (3,)": lambda: ac.mse_loss(zeros(2, 3), zeros(3)),
    "sigmoid_cross_entropy: logits and targets have one shape; got (2,) and (1,)": lambda: ac.sigmoid_cross_entropy(
        zeros(2), zeros(1)
    ),
    "the index selects an element more than once": lambda: ops.setitem(zeros(3), [0, 0], 1.0),
}


#: Refused calls of array ops, by their error messages.
OF_ARRAYS = {
    "one for each of the 2 places along axis 0 of shape (2, 3); got [1, 2, 3]": lambda: ac.repeat(
        zeros(2, 3), [1, 2, 3], 0),
    "each of the 2 places along axis 0 of shape (2,); got -1": lambda: ac.repeat(zeros(2), -1),
    "tile: reps is a number of at least 0 for each axis; got (2, -1)": lambda: ac.tile(zeros(2), (2, -1)),
    "moveaxis: source and destination are as many axes; got (0, 1) and 0": lambda: ac.moveaxis(zeros(2, 3), (0, 1), 0),
    "diag: x is a vector or a matrix; got shape (2, 2, 2)": lambda: ac.diag(zeros(2, 2, 2)),
    "trace: x has two axes or more; got shape (2,)": lambda: ac.trace(zeros(2)),
    "tril: x is a matrix or several, of axes (…, rows, columns); got shape (3,)": lambda: ac.tril(zeros(3)),
    "triu: x is a matrix or several, of axes (…, rows, columns); got shape ()": lambda: ac.triu(zeros()),
    "pad: mode is one of constant, edge, reflect, symmetric, wrap; got 'mean'": lambda: ac.pad(zeros(2), 1, "mean"),
    "got 1.5: a constant is given by name, as constant_values=": lambda: ac.pad(zeros(2), 1, 1.5),
    "dot: the last axis of x and axis 0 of y have one length; got shapes (2,) and (3,)": lambda: ac.dot(
        zeros(2), zeros(3)),
    "dot: the last axis of x and axis 1 of y have one length; got shapes (2, 3) and (3, 2, 4)": lambda: ac.dot(
        zeros(2, 3), zeros(3, 2, 4)),
    "inner: the last axes have one length; got shapes (2, 3) and (2,)": lambda: ac.inner(zeros(2, 3), zeros(2)),
    "tensordot: axes (1,) of x and (0,) of y have the same lengths; got shapes (2, 3) and (4, 3)": lambda: ac.tensordot(
        zeros(2, 3), zeros(4, 3), 1),
    "tensordot: axes is at most the axes of each; got 2 for (2, 3) and (3,)": lambda: ac.tensordot(
        zeros(2, 3), zeros(3)),
    "tensordot: axes is a number, or those of x and those of y; got [0]": lambda: ac.tensordot(
        zeros(2), zeros(2), [0]),
    "std: takes more values than ddof=2; got 2 for each result": lambda: ac.std(zeros(2), ddof=2),
    "average: the weights of x (2, 3) have that shape, or (3,) for axis 1; got (2,)": lambda: ac.average(
        zeros(2, 3), 1, zeros(2)),
    "average: the weights of x (2, 3) have that shape; got (3,)": lambda: ac.average(zeros(2, 3), weights=zeros(3)),
    "diff: n is at least 0, and x has an axis; got n=-1 and shape (2,)": lambda: ac.diff(zeros(2), -1),
    "diff: n is at least 0, and x has an axis; got n=1 and shape ()": lambda: ac.diff(zeros()),
    "solve: a is a square matrix or several, (…, N, N); got shape (2, 3)": lambda: ac.linalg.solve(
        zeros(2, 3), zeros(2)),
    "solve: for a (2, 2) b is (2,) or (…, 2, K); got shape (3,)": lambda: ac.linalg.solve(np.eye(2), zeros(3)),
    "solve: a of shape (2, 2) is singular": lambda: ac.linalg.solve(zeros(2, 2), zeros(2)),
    "inv: a of shape (3, 2, 2) holds a matrix that is singular": lambda: ac.linalg.inv(zeros(3, 2, 2)),
    "inv: a is a square matrix or several, (…, N, N); got shape (2,)": lambda: ac.linalg.inv(zeros(2)),
    "det: a is a square matrix or several, (…, N, N); got shape (1, 2)": lambda: ac.linalg.det(zeros(1, 2)),
    "slogdet: a is a square matrix or several, (…, N, N); got shape (1, 2)": lambda: ac.linalg.slogdet(zeros(1, 2)),
    "cholesky: a is a square matrix or several, (…, N, N); got shape (1, 2)": lambda: ac.linalg.cholesky(zeros(1, 2)),
    "cholesky: a of shape (2, 2) is not positive definite": lambda: ac.linalg.cholesky(-np.eye(2)),
    "cholesky: a of shape (1, 2, 2) holds a matrix that is not": lambda: ac.linalg.cholesky(-np.eye(2)[None]),
    "norm: takes one axis for vectors, or two for matrices; got axis (0, 1, 2) of shape (2, 2, 2)": lambda: (
        ac.linalg.norm(zeros(2, 2, 2), 2, (0, 1, 2))),
    "norm: ord of a vector is a number, inf or -inf; got 'fro'": lambda: ac.linalg.norm(zeros(2), "fro"),
    "norm: ord of a matrix is None, 'fro', 1, -1, inf or -inf; got 'nuc': norms by singular": lambda: ac.linalg.norm(
        zeros(2, 2), "nuc"),
    "inf or -inf; got 2: norms by singular values have no op": lambda: ac.linalg.norm(zeros(2, 2), 2),
    "binary_cross_entropy: x are probabilities, from 0 to 1; got 1.5 among them": lambda: ac.binary_cross_entropy(
        np.array([0.5, 1.5]), zeros(2)),
    "probabilities, from 0 to 1; got nan among them": lambda: ac.binary_cross_entropy(np.array([np.nan]), zeros(1)),
    "binary_cross_entropy: the weight broadcasts to the losses' (2,); got (3,)": lambda: ac.binary_cross_entropy(
        zeros(2), zeros(2), zeros(3)),
    "binary_cross_entropy: the weight is a constant": lambda: ac.binary_cross_entropy(
        zeros(1), zeros(1), ac.Tensor([1.0], requires_grad=True)),
    "l1_loss: x and target have one shape; got (2,) and (1,)": lambda: ac.l1_loss(zeros(2), zeros(1)),
    "smooth_l1_loss: beta is a number of at least 0; got -1": lambda: ac.smooth_l1_loss(zeros(1), zeros(1), beta=-1),
    "smooth_l1_loss: reduction is one of mean, sum, none; got 'max'": lambda: ac.smooth_l1_loss(
        zeros(1), zeros(1), "max"),
    "pixel_shuffle: x has axes (…, C · r², H, W) for an upscale_factor r of at least 1; got shape (3, 2, 2) and 2": (
        lambda: ac.pixel_shuffle(zeros(3, 2, 2), 2)),
    "adaptive_avg_pool2d: x has axes (N, C, H, W) or (C, H, W); got shape (2, 2)": lambda: ac.adaptive_avg_pool2d(
        zeros(2, 2), 1),
    "adaptive_avg_pool2d: output_size is an int or a pair of ints, each at least 0; got (1, 2, 3)": lambda: (
        ac.adaptive_avg_pool2d(X, (1, 2, 3))),
    "adaptive_avg_pool2d: images have at least a row and a column; got x of shape (1, 1, 0, 2)": lambda: (
        ac.adaptive_avg_pool2d(zeros(1, 1, 0, 2), 1)),
    "upsample_nearest: takes size or scale_factor, one of the two; got None and None": lambda: ac.upsample_nearest(X),
    "upsample_nearest: takes size or scale_factor, one of the two; got 2 and 2": lambda: ac.upsample_nearest(X, 2, 2),
    "upsample_nearest: scale_factor is a number or a pair; got (1, 2, 3)": lambda: ac.upsample_nearest(
        X, scale_factor=(1, 2, 3)),
    "upsample_nearest: size is an int or a pair of ints, each at least 1; got 0": lambda: ac.upsample_nearest(X, 0),
}  # fmt: skip


@pytest.mark.parametrize("message", OF_ARRAYS)
def test_errors_of_array_ops_show_what_was_given_and_what_was_expected(message):
    with pytest.raises(ValueError, match=re.escape(message)):
        OF_ARRAYS[message]()


def test_weights_that_add_up_to_0_are_refused_as_numpy_does():
    with pytest.raises(ZeroDivisionError, match=re.escape("average: weights over axis 1 add up to 0")):
        ac.average(zeros(2, 2), 1, np.array([1.0, -1.0]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ac.repeat(zeros(2), 1.5), "repeat: repeats is an int, or one for each place along the axis; got 1.5"),
        (lambda: ac.tile(zeros(2), 1.5), "tile: reps is an int, or several; got 1.5"),
        (lambda: ac.roll(zeros(2), 1.5), "roll: shift is an int, or several; got 1.5"),
        (lambda: ac.roll(zeros(2), 1, "x"), "roll: axis is an int, or several; got 'x'"),
        (lambda: ac.linalg.norm(zeros(2), 2, 0.5), "norm: axis is an int, or several; got 0.5"),
        (lambda: ac.hstack(1), "hstack: arrays must be a list or tuple of arrays or Tensors; got 1"),
        (lambda: ac.vstack([None]), "vstack: array 0 is a Tensor, an array, a number or a list of such; got None"),
        (lambda: ac.upsample_nearest(X, scale_factor="2"), "scale_factor is a Python or NumPy number; got '2'"),
    ],
)
def test_a_wrong_type_is_a_type_error_in_array_ops(call, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        call()


@pytest.mark.parametrize("message", CASES)
def test_errors_show_what_was_given_and_what_was_expected(message):
    with pytest.raises(ValueError, match=re.escape(message)):
        CASES[message]()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ac.softmax_cross_entropy(zeros(2, 3), zeros(2)), "class indices are integers; got dtype float64"),
        (
            lambda: ac.softmax_cross_entropy(zeros(1, 2), [[True, False]]),
            "targets of the logits' shape (1, 2) are probabilities, so floating point; got dtype bool",
        ),
        (
            lambda: ac.softmax_cross_entropy(zeros(2, 3), zeros(3)),
            "class indices are integers; got dtype float64 of shape (3,) for logits (2, 3)",
        ),
        (lambda: ac.nll_loss(zeros(2, 3), zeros(2).astype(bool)), "class indices are integers; got dtype bool"),
        (
            lambda: ac.softmax_cross_entropy(zeros(2, 3), zeros(2, 3).astype(int)),
            "targets of the logits' shape (2, 3) are probabilities, so floating point; got dtype int64",
        ),
        (
            lambda: ac.softmax_cross_entropy(zeros(1, 2), np.array([0]), label_smoothing=ac.Tensor(0.1)),
            "label_smoothing is a Python or NumPy number; got Tensor(0.1)",
        ),
        (lambda: ac.nll_loss(zeros(1, 2), np.array([0]), ignore_index=None), "ignore_index is an int; got None"),
        (
            lambda: ac.nll_loss(zeros(1, 2), np.array([0]), ["a", "b"]),
            "nll_loss: weight has dtype <U1; expected float32",
        ),
        (lambda: ac.exp({}), "exp: x is a Tensor, an array, a number or a list of such; got {}, of type dict"),
        (lambda: ac.exp("1"), "exp: x is a Tensor, an array, a number or a list of such; got '1', of type str"),
        (lambda: ac.dropout(X, True, True), "dropout: p is a Python or NumPy number; got True"),
        (lambda: ac.dropout(X, ac.Tensor(0.5), True), "dropout: p is a Python or NumPy number; got Tensor(0.5)"),
        (
            lambda: ac.batch_norm(zeros(2, 1), [0.0], [1.0]),
            "running_mean is a Tensor or an array, to be updated",
        ),
        (
            lambda: ac.batch_norm(zeros(2, 1), zeros(1), np.ones(1, int)),
            "batch_norm: running_var is float32, float64 or float16; got dtype int64",
        ),
        (lambda: ac.layer_norm(zeros(2, 3), 3.0), "normalized_shape is an int or a tuple of ints; got 3.0"),
        (
            lambda: ac.pad(zeros(2), {0: 1}),
            "pad: pad_width is a number, a pair, or a pair for each axis; got the dict {0: 1}",
        ),
        (lambda: ac.split(zeros(2), 2.0), "split: expected an int, the number of equal parts, or indices; got 2.0"),
        (lambda: ac.dropout(X, 0.5, True), "training needs rng, a numpy.random.Generator; got None"),
        (lambda: ac.einsum(X, "ij"), "einsum: the subscripts come first, a string such as 'ij,jk->ik'"),
    ],
)
def test_a_wrong_type_is_a_type_error(call, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        call()


def test_numpy_explains_shapes_that_do_not_broadcast():
    with pytest.raises(ValueError, match=r"\(2,\) \(3,\)"):
        ac.add(ac.Tensor(zeros(2)), ac.Tensor(zeros(3)))
    with pytest.raises(IndexError):
        scatter_add(zeros(1), indices=([5],), shape=(3,))


def test_a_refused_call_changes_nothing():
    mean, variance = zeros(3), np.ones(3)
    with pytest.raises(ValueError, match="more than one value"):
        ac.batch_norm(zeros(1, 3), mean, variance, training=True)
    assert mean.tolist() == [0, 0, 0]
    assert variance.tolist() == [1, 1, 1]


def test_a_setting_of_a_wrong_type_is_refused_though_an_equal_one_was_seen():
    x = zeros(1, 1, 4, 4)
    ac.max_pool2d(x, 2, 2)
    with pytest.raises(ValueError, match=re.escape("stride is an int or a pair of ints, each at least 1; got 2.0")):
        ac.max_pool2d(x, 2, 2.0)
    assert ac.max_pool2d(x, [2, 2], [2, 2]).shape == (1, 1, 2, 2)


@pytest.mark.parametrize("name", record.public())
def test_every_op_adds_its_name_to_errors_raised_elsewhere(name):
    op, name = record.public()[name], name.rpartition(".")[2]
    with pytest.raises((TypeError, ValueError)) as raised:
        op(object(), object(), object(), object(), object(), object(), object(), object(), object())
    assert re.search(rf"^(in )?{name}\b", "\n".join([str(raised.value), *getattr(raised.value, "__notes__", [])]), re.M)


def test_an_error_from_numpy_has_a_note_with_the_call():
    with pytest.raises(ValueError, match="broadcast") as raised:
        ac.add(ac.Tensor(zeros(2)), zeros(3))
    assert raised.value.__notes__ == ["in add(x: float64 (2,), y: float64 (3,))"]
    with pytest.raises(TypeError) as raised:
        ac.flatten(zeros(2), "all")
    assert raised.value.__notes__ == ["in flatten(x: float64 (2,), start_dim='all')"]
    with pytest.raises(ValueError, match="differ in length") as raised:
        ac.concatenate([zeros(2, 3), zeros(2)])
    assert not hasattr(raised.value, "__notes__")
