"""Ops that are written as several operators, where those have to be right together: corners, zeros, infinities."""

import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn.onnx import OnnxError
from autograd_cnn.onnx.exporter import trace
from autograd_cnn.onnx.importer import from_model
from tests.onnx.programs import agree, in_reference, in_runtime


def everywhere(f, *arrays, dynamic=False, feeds=None):
    """Export a function, run it in all programs, and compare with what it is itself."""
    model = trace(f, arrays, dynamic)
    for given in feeds or [arrays]:
        expected = [np.asarray(f(*given))]
        feed = {item.name: x for item, x in zip(model.graph.input, given, strict=True)}
        imported = from_model(model, "g")
        with np.errstate(divide="ignore"):  # how the sign of a zero is told
            back = [np.asarray(imported.apply({}, *given))]
        for found in (in_runtime(model, feed), in_reference(model, feed), back):
            agree(found, expected)
            np.testing.assert_array_equal(np.signbit(found[0]), np.signbit(expected[0]))
    return model


@np.errstate(all="ignore")
def test_arctan2_is_right_in_every_corner():
    values = np.float32([0.0, -0.0, 1.0, -1.0, 1e-38, -1e-38, 3e38, -3e38, np.inf, -np.inf, np.nan, 0.3, -2.0])
    y, x = (grid.astype(np.float32) for grid in np.meshgrid(values, values))
    everywhere(ac.arctan2, y, x)


@np.errstate(divide="ignore")
def test_arctan2_broadcasts_and_has_its_slopes_when_it_comes_back():
    y, x = np.float32([[0.0], [2.0], [-3.0]]), np.float32([1.0, -1.0, 0.5, 4.0])
    imported = from_model(everywhere(ac.arctan2, y, x), "g")
    slopes = []
    for f in (ac.arctan2, lambda *given: imported.apply({}, *given)):
        given = [ac.Tensor(v, requires_grad=True) for v in (y, np.append(x[:3], 0).astype(np.float32))]
        ac.sum(f(given[0][1:], given[1]) ** 2).backward()
        slopes.append([v.grad for v in given])
    for ours, theirs in zip(*slopes, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    on_axis = [ac.Tensor(np.float32([v]), requires_grad=True) for v in (0.0, 2.0)]
    imported.apply({}, *on_axis).backward()
    assert [v.grad.item() for v in on_axis] == [0.5, 0.0]


@pytest.mark.parametrize("length", [0, 1, 2, 3, 4, 5, 9, 64])
def test_a_running_product_of_any_length(length):
    x = np.random.default_rng(length).uniform(-2, 2, (3, length)).astype(np.float32)
    model = trace(lambda v: ac.cumprod(v, 1), [x], False)
    assert sum(node.op_type == "Mul" for node in model.graph.node) == (max(length, 1) - 1).bit_length()
    if length:
        everywhere(lambda v: ac.cumprod(v, 1), x, dynamic=True, feeds=[[x], [x[:1]], [np.repeat(x, 3, 0)]])
        everywhere(ac.cumprod, x)


def test_a_running_product_of_whole_numbers_and_of_one():
    everywhere(lambda v: ac.cumprod(v, -2), np.arange(1, 13).reshape(2, 3, 2))
    everywhere(ac.cumprod, np.array(3.0, np.float32))


def test_a_running_product_along_the_batch_is_refused():
    with pytest.raises(OnnxError, match=r"'cumprod' at .*test_composed\.py:\d+: a running product along the batch"):
        trace(lambda v: ac.cumprod(v, 0), [np.ones((3, 2), np.float32)])


def test_the_logarithm_of_a_determinant_does_not_overflow():
    matrices = np.float32([np.diag([1.0, -1e30, 1e30]), np.diag([1e-30, 1e-30, 2.0]), np.diag([0.0, 1.0, 1.0])])
    with np.errstate(divide="ignore"):
        everywhere(lambda a: ac.linalg.slogdet(a)[1], matrices, dynamic=True, feeds=[[matrices], [matrices[:1]]])
        everywhere(lambda a: ac.linalg.slogdet(a)[0], matrices)
    large = np.linalg.qr(np.random.default_rng(0).standard_normal((32, 32)))[0].astype(np.float32)
    everywhere(lambda a: ac.linalg.slogdet(a)[1], 50 * large)
    with pytest.raises(OnnxError, match=r"'slogdet' at .* the determinant alone, which overflows beyond 32 rows"):
        trace(lambda a: ac.linalg.slogdet(a)[1], [np.eye(33, dtype=np.float32)], False)


@pytest.mark.parametrize("op", [ac.linalg.inv, ac.linalg.cholesky, lambda a: ac.linalg.solve(a, a[0])])
def test_what_takes_the_factors_of_a_matrix_is_refused_by_name(op):
    with pytest.raises(OnnxError, match=r"'(inv|cholesky|solve)' at .*composed\.py:\d+ has no counterpart in ONNX"):
        trace(lambda a: op(a), [np.eye(3, dtype=np.float32)], False)
