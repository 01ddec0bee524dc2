"""Other programs that run ONNX graphs, to compare with."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="graphs are read and written with the onnx package")
runtime = pytest.importorskip("onnxruntime", reason="exported graphs are run in onnxruntime")

runtime.set_default_logger_severity(4)


def in_runtime(model, feed):
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, feed)


def in_reference(model, feed):
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(model).run(None, feed)


def agree(found, expected, tolerance=1e-5):
    """Compare outputs: shapes and dtypes exactly, numbers to `tolerance` of the largest, or of 1."""
    assert len(found) == len(expected)
    for value, target in zip(map(np.asarray, found), expected, strict=True):
        assert (value.shape, value.dtype) == (target.shape, target.dtype)
        scale = float(np.max(np.abs(target), initial=1.0, where=np.isfinite(target)))
        np.testing.assert_allclose(value, target, rtol=0, atol=tolerance * scale)
