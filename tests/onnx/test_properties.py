"""Every op of the package, exported at random and run elsewhere, with its own batch size and with another."""

import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn.onnx import OnnxError
from autograd_cnn.onnx.exporter import trace
from autograd_cnn.onnx.families import EXPORTS
from tests.onnx.programs import agree, in_reference, in_runtime
from tests.ops import test_properties
from tests.ops.properties import PROPERTIES

EXAMPLES = 4
#: The properties of what has no counterpart in ONNX: parts of gradients, and the linear algebra that takes factors of
#: a matrix, of which ONNX gives none: it has the determinant alone.
REFUSED = {
    "avg_pool2d_grad", "cofactors", "cofactors_grad", "first", "linalg.cholesky", "linalg.inv", "linalg.solve",
    "max_pool2d_gradients", "precedence", "relu_grad",
}  # fmt: skip
#: Those of which some examples are refused: dropout in training, one of the gradients of a convolution.
SOMETIMES = {"dropout", "conv2d_gradients"}
#: Operators that the reference evaluator computes wrongly for some sizes (onnx 1.23).
NOT_BY_REFERENCE = {"ConvTranspose", "MaxPool"}
#: What is close to 0 by cancellation, so that another order of operations gives other digits.
TOLERANCES = {"linalg.det_of_singular": 1e-4}


def as_function(drawn):
    """Give a drawn op as a function of its arrays alone, in float32, and those."""
    op, inputs, options = drawn
    options = {key: value for key, value in options.items() if key not in ("reference", "gradient")}
    single = [x.astype(np.float32) if isinstance(x, np.ndarray) and x.dtype == np.float64 else x for x in inputs]
    places = [i for i, x in enumerate(single) if isinstance(x, np.ndarray)]

    def f(*arrays):
        now = dict(zip(places, arrays, strict=True))
        return op(*[now.get(i, x) for i, x in enumerate(single)], **options)

    return f, [single[i] for i in places]


def plain(result):
    results = result if isinstance(result, tuple | list) else [result]
    return [np.asarray(r.data if isinstance(r, ac.Tensor) else r) for r in results]


def compare(model, f, arrays, tolerance):
    feed = {item.name: x for item, x in zip(model.graph.input, arrays, strict=True)}
    expected = plain(f(*arrays))
    operators = {node.op_type for node in model.graph.node}
    if all(x.size for x in (*arrays, *expected)):  # onnxruntime expands and reshapes nothing wrongly
        agree(in_runtime(model, feed), expected, tolerance)
        if not operators & NOT_BY_REFERENCE:
            agree(in_reference(model, feed), expected, tolerance)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PROPERTIES)
def test_an_op_computes_the_same_elsewhere(name):
    exported, refused = 0, 0

    def check(drawn):
        nonlocal exported, refused
        f, arrays = as_function(drawn)
        try:
            model = trace(f, arrays, dynamic_batch=False)
        except OnnxError:
            refused += 1
        else:
            exported += 1
            compare(model, f, arrays, TOLERANCES.get(name, 1e-5))

    test_properties.run(name, EXAMPLES, check)
    assert (exported > 0) == (name not in REFUSED)
    assert (refused > 0) <= (name in REFUSED | SOMETIMES)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name in PROPERTIES if name not in REFUSED])
def test_an_op_is_right_at_another_batch_size_or_refused(name):
    """The first input is the batch, of any length; the others stay as they are."""

    def check(drawn):
        f, (batch, *rest) = as_function(drawn)

        def of_batch(x):
            return f(x, *rest)

        batches = [batch[np.arange(size) % len(batch)] for size in (2, 3, 5, 4, 7)] if batch.shape[:1] > (0,) else []
        if not all(fits(of_batch, x) for x in batches):
            return
        try:
            model = trace(of_batch, [batch])
        except OnnxError:
            return
        for x in batches[3:]:
            compare(model, of_batch, [x], TOLERANCES.get(name, 1e-5))

    test_properties.run(name, EXAMPLES, check)


def fits(f, x):
    """Tell whether a function takes this batch, beside its other inputs."""
    try:
        f(x)
    except (ValueError, IndexError, TypeError, np.linalg.LinAlgError):
        return False
    return True


def test_every_op_has_a_counterpart_or_is_known_to_have_none():
    """All primitives are exercised by their properties, so these are, too."""
    assert set(test_properties.OPS) - set(EXPORTS) == {
        "avg_pool2d_grad", "cholesky", "cofactors", "cofactors_grad", "conv2d_grad_weight", "first", "inv",
        "max_pool2d_grad", "max_pool2d_pick", "precedence", "relu_grad", "solve",
    }  # fmt: skip
    assert set(EXPORTS) <= set(test_properties.OPS)
