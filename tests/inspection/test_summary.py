"""summary: a model's ops in order."""

import inspect

import numpy as np

import autograd_cnn as ac
from autograd_cnn.models import lenet5

rng = np.random.default_rng(0)


def test_lenet5_by_the_book():
    params = lenet5.init(rng)
    found = ac.summary(lenet5.apply, params, rng.random((2, 1, 28, 28), np.float32))
    shapes = [(row.op, row.shape) for row in found.rows]
    assert shapes == [
        ("conv2d", (2, 6, 28, 28)), ("max_pool2d", (2, 6, 14, 14)), ("relu", (2, 6, 14, 14)),
        ("conv2d", (2, 16, 10, 10)), ("max_pool2d", (2, 16, 5, 5)), ("relu", (2, 16, 5, 5)),
        ("reshape", (2, 400)),
        ("linear", (2, 120)), ("relu", (2, 120)), ("linear", (2, 84)), ("relu", (2, 84)), ("linear", (2, 10)),
    ]  # fmt: skip
    assert found.rows[0].parameters == {"conv1.weight": 150, "conv1.bias": 6}
    assert found.parameters == sum(p.size for p in params.values()) == 61706
    assert [row.multiply_adds for row in found.rows if row.multiply_adds] == [
        2 * 6 * 28 * 28 * 25, 2 * 16 * 10 * 10 * 6 * 25, 2 * 400 * 120, 2 * 120 * 84, 2 * 84 * 10
    ]  # fmt: skip
    # The images and what each relu returned, and where each pooling's maxima stood; not the weights, nor the flattened
    # images, a view.
    floats, places = 784 + 6 * 196 + 16 * 25 + 120 + 84, 6 * 196 + 16 * 25
    assert found.bytes_kept == 2 * (4 * floats + 8 * places)
    lines, first = inspect.getsourcelines(lenet5.apply)
    line = first + next(i for i, text in enumerate(lines) if "conv2d" in text)
    assert found.rows[0].site.endswith(f"lenet5.py:{line}")


def test_params_are_left_alone_and_may_be_nested_arrays():
    params = {"a": {"w": rng.standard_normal((3, 4))}, "steps": np.array(3)}

    def apply(p, x, scale=1.0, *, training=False):
        assert training
        return ac.concatenate([ac.linear(x, p["a"]["w"]), x @ p["a"]["w"].T]) * scale

    with ac.no_grad():
        found = ac.summary(apply, params, np.ones((2, 4)), training=True)
    assert type(params["a"]["w"]) is np.ndarray
    assert [row.op for row in found.rows if row.multiply_adds] == ["linear", "matmul"]
    assert found.rows[0].parameters == {"a.w": 12}
    assert found.multiply_adds == 2 * 2 * 4 * 3
    assert found.parameters == 13


def test_conv_transpose_counts_its_products():
    found = ac.summary(
        lambda p, x: ac.conv_transpose2d(x, p["w"], stride=2), {"w": np.ones((3, 2, 2, 2))}, np.ones((1, 3, 4, 4))
    )
    assert found.multiply_adds == 3 * 4 * 4 * 2 * 2 * 2


def test_print_is_a_table():
    lines = str(ac.summary(lenet5.apply, lenet5.init(rng), np.ones((1, 1, 28, 28), np.float32))).splitlines()
    assert lines[0].split() == ["op", "output", "parameters", "numbers", "multiply-adds", "kept", "called", "at"]
    assert lines[2].split()[:6] == ["conv2d", "(1,", "6,", "28,", "28)", "conv1.weight,"]
    assert lines[-1].split()[:3] == ["total", "61,706", "416,520"]
