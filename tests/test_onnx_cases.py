"""The operator cases that come with ONNX, run on our ops."""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import autograd_cnn as ac

onnx = pytest.importorskip("onnx", reason="the operator cases come with the onnx package")

from autograd_cnn.onnx.families.tables import array  # noqa: E402
from tests import onnx_adapter as adapter  # noqa: E402
from tests.onnx_adapter import Reason, Unsupported  # noqa: E402
from tests.ops import record, support_table  # noqa: E402

# Some cases take the logarithm of 0, the root of −1, or the softmax of −inf alone, and say what comes of it.
QUIET = np.errstate(divide="ignore", invalid="ignore")
SEVERAL = "graphs of several operators"
#: How many cases of an operator alone run at least, so that the adapter cannot skip them unnoticed.
AT_LEAST = {
    "Abs": 1,
    "Acos": 2,
    "Add": 7,
    "ArgMax": 0,  # indices alone: the exporter's tests have them
    "ArgMin": 0,
    "Asin": 2,
    "Atan": 2,
    "Atanh": 2,
    "AveragePool": 15,
    "BatchNormalization": 9,
    "Ceil": 2,
    "Clip": 10,
    "Concat": 13,
    "Conv": 26,
    "ConvTranspose": 13,
    "Cos": 2,
    "Cosh": 2,
    "CumSum": 4,
    "DepthToSpace": 2,
    "Det": 2,
    "Div": 3,
    "Dropout": 8,
    "Einsum": 6,
    "Elu": 4,
    "Erf": 1,
    "Exp": 3,
    "Expand": 2,
    "Flatten": 11,
    "Floor": 2,
    "Gather": 6,
    "GatherElements": 3,
    "GatherND": 1,
    "Gelu": 4,
    "Gemm": 14,
    "GlobalAveragePool": 2,
    "GlobalMaxPool": 2,
    "GroupNormalization": 2,
    "Identity": 2,
    "InstanceNormalization": 3,
    "LayerNormalization": 19,
    "LeakyRelu": 5,
    "Log": 2,
    "LogSoftmax": 10,
    "MatMul": 7,
    "Max": 6,
    "MaxPool": 18,
    "Mean": 3,
    "Min": 6,
    "Mul": 3,
    "Neg": 2,
    "NegativeLogLikelihoodLoss": 18,
    "PRelu": 8,
    "Pad": 5,
    "Pow": 9,
    "Reciprocal": 2,
    "ReduceL1": 9,
    "ReduceL2": 9,
    "ReduceLogSum": 5,
    "ReduceLogSumExp": 9,
    "ReduceMax": 8,
    "ReduceMean": 10,
    "ReduceMin": 8,
    "ReduceProd": 9,
    "ReduceSum": 14,
    "ReduceSumSquare": 9,
    "Relu": 2,
    "Reshape": 10,
    "Round": 1,
    "ScatterElements": 4,
    "Selu": 5,
    "Sigmoid": 3,
    "Sign": 1,
    "Sin": 2,
    "Sinh": 2,
    "Slice": 8,
    "Softmax": 10,
    "SoftmaxCrossEntropyLoss": 34,
    "Softplus": 3,
    "Softsign": 2,
    "Split": 17,
    "Sqrt": 3,
    "Squeeze": 2,
    "Sub": 3,
    "Sum": 3,
    "Tan": 2,
    "Tanh": 3,
    "Tile": 3,
    "TopK": 3,
    "Transpose": 8,
    "Unsqueeze": 7,
    "Where": 1,
    "Swish": int(onnx.defs.has("Swish")),  # since ONNX 1.19
    SEVERAL: 360,
}
#: How many cases may be left out for what an operator of ours does not do.
AT_MOST = {
    Reason.DIMENSIONS: 24,
    Reason.RANDOM: 4,
    Reason.PADDING_MODE: 3,
    Reason.EMPTY: 2,
    Reason.INDICES: 2,
    Reason.DILATED_AVERAGE: 1,
}


class Case(NamedTuple):
    """A graph with its inputs (weights among them) by name, and the outputs that it should have."""

    name: str
    operator: str  # or SEVERAL
    model: Any
    inputs: dict[str, Any]
    outputs: list[Any]


def _read_tensors(folder: Path, kind: str, declared: Any) -> list[Any]:
    """Read the inputs or outputs of a case; None for each if some are no tensors but sequences or nothing."""
    files = sorted(folder.glob(f"{kind}_*.pb"), key=lambda path: int(path.stem.rpartition("_")[2]))
    if not all(item.type.HasField("tensor_type") for item in declared):
        return [None] * len(files)
    return [onnx.numpy_helper.to_array(onnx.TensorProto.FromString(path.read_bytes())) for path in files]


def _read_cases() -> Iterator[Case]:
    from onnx.backend.test.loader import load_model_tests

    for kind in ("node", "pytorch-operator", "pytorch-converted"):
        for case in load_model_tests(kind=kind):
            model, data_sets = case.model, case.data_sets
            if model is None:  # in files
                folder = Path(case.model_dir)
                model = onnx.load(folder / "model.onnx")
                folders = sorted(folder.glob("test_data_set_*"))
                graph = model.graph
                data_sets = [
                    (_read_tensors(f, "input", graph.input), _read_tensors(f, "output", graph.output)) for f in folders
                ]
            weights = {item.name: onnx.numpy_helper.to_array(item) for item in model.graph.initializer}
            names = [item.name for item in model.graph.input if item.name not in weights]
            operators = adapter.operators(model)
            operator = operators[0] if len(operators) == 1 else SEVERAL
            for inputs, outputs in data_sets:
                given = weights | dict(zip(names, inputs, strict=False))
                yield Case(case.name, operator, model, given, outputs)


def read_cases() -> list[Case]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some of the cases overflow while ONNX makes them
        return list(_read_cases())


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return read_cases()


def _numbers(value: Any) -> np.ndarray:
    """Give a value of a case as an array that no op may write to."""
    if not isinstance(value, np.ndarray | np.generic) or value.dtype.kind not in "fiub" or value.dtype == np.float16:
        raise Unsupported(Reason.DTYPE)
    result = np.asarray(value).view()
    result.flags.writeable = False
    return result


def _run(case: Case) -> tuple[dict[str, np.ndarray], list[np.ndarray], dict[str, Any]]:
    """Give the inputs, the outputs that were expected, and what our ops make of the inputs, value by value."""
    if case.operator in adapter.HELPERS or not set(adapter.operators(case.model)) <= set(adapter.OPERATORS):
        raise Unsupported(Reason.OPERATOR)
    inputs = {name: _numbers(value) for name, value in case.inputs.items()}
    expected = [_numbers(value) for value in case.outputs]
    if all(value.dtype.kind != "f" for value in expected):
        raise Unsupported(Reason.DTYPE)
    return inputs, expected, adapter.run(case.model, inputs)


def _outputs(case: Case, values: dict[str, Any]) -> list[Any]:
    return [values[item.name] for item in case.model.graph.output]


def _check_value(value: Any, expected: np.ndarray, case: str) -> None:
    assert not isinstance(value, ac.Tensor)
    assert (np.shape(value), value.dtype) == (expected.shape, expected.dtype)
    if expected.dtype.kind != "f":
        np.testing.assert_array_equal(value, expected)
        return
    tolerance = 1e-9 if expected.dtype == np.float64 else 1e-5
    if case == "test_averagepool_2d_ceil_last_window_starts_on_pad":
        tolerance = 2e-4  # it was written down with four digits
    finite = expected[np.isfinite(expected)]
    scale = float(np.max(np.abs(finite), initial=1e-30))
    np.testing.assert_allclose(value, expected, rtol=0, atol=tolerance * scale)


def _check_gradients(case: Case, inputs: dict[str, np.ndarray], values: dict[str, Any]) -> None:
    """Run the case on Tensors: the same values, and gradients like the inputs."""
    constants = adapter.constants(case.model)
    leaves = {
        name: ac.Tensor(value, requires_grad=True)
        for name, value in inputs.items()
        if value.dtype.kind == "f" and name not in constants
    }
    outputs = _outputs(case, adapter.run(case.model, inputs | leaves))
    rng = np.random.default_rng(0)
    for output, value in zip(outputs, _outputs(case, values), strict=True):
        np.testing.assert_array_equal(array(output), value)
        if isinstance(output, ac.Tensor) and output.requires_grad:
            cotangent = np.where(np.isfinite(value), rng.standard_normal(value.shape), 0).astype(value.dtype)
            output.backward(cotangent, retain_graph=True)
    gradients = {name: leaf.grad for name, leaf in leaves.items() if leaf.grad is not None}
    assert gradients or not leaves
    assert case.operator == SEVERAL or gradients.keys() == leaves.keys()
    # A softmax of −inf alone is nan, and so is its gradient, though the graph replace the value later.
    proper = not any(np.isnan(v).any() for v in values.values() if v is not None and v.dtype.kind == "f")
    for name, gradient in gradients.items():
        assert (gradient.shape, gradient.dtype) == (inputs[name].shape, inputs[name].dtype)
        assert np.isfinite(gradient).all() or not proper, f"the gradient of {name} is not finite"


@QUIET
def passes(case: Case) -> bool:
    """Check values and gradients; False if the case asks for something that the package does not have."""
    try:
        inputs, expected, values = _run(case)
        for value, target in zip(_outputs(case, values), expected, strict=True):
            _check_value(value, target, case.name)
        _check_gradients(case, inputs, values)
    except Unsupported:
        return False
    except Exception as error:
        error.add_note(f"in the case {case.name}")
        raise
    return True


@pytest.mark.parametrize("operator", AT_LEAST)
def test_operator(cases: list[Case], operator: str) -> None:
    count = 0
    for case in cases:
        if case.operator == operator:
            count += passes(case)
    assert count >= AT_LEAST[operator]


def test_the_readme_s_ticks_for_onnx_are_of_cases_that_pass(cases: list[Case]) -> None:
    unknown = {op for operator, op in adapter.COUNTERPARTS.items() if not onnx.defs.has(operator)}  # to an older ONNX
    found = record.by_onnx(sys.modules[__name__], cases)
    assert found | unknown == support_table.ticked("ONNX"), "run: python -m tests.ops.support_table --write"


def test_an_op_loses_its_tick_for_onnx_with_its_cases(cases: list[Case]) -> None:
    few = [case for case in cases if case.operator in ("Sqrt", "Log", "ReduceL2", "Mul")]
    assert record.by_onnx(sys.modules[__name__], few) == {"sqrt", "log", "multiply"}
    # The 2-norm takes a root of a sum of products on the way.
    assert record.by_onnx(sys.modules[__name__], [case for case in few if case.operator == "ReduceL2"]) == set()


def test_every_operator_of_the_adapter_is_checked() -> None:
    assert AT_LEAST.keys() == adapter.OPERATORS.keys() - adapter.HELPERS | {SEVERAL}


@QUIET
def test_a_case_is_left_out_for_a_known_reason_alone(cases: list[Case]) -> None:
    skipped: Counter[Reason] = Counter()
    for case in cases:
        try:
            _run(case)
        except Unsupported as unsupported:
            skipped[unsupported.reason] += 1
    print({reason.value: count for reason, count in skipped.most_common()})
    assert skipped.keys() == set(Reason)
    assert {reason: n for reason, n in skipped.items() if n > AT_MOST.get(reason, len(cases))} == {}


@pytest.mark.parametrize(("operator", "at_least"), [("Adagrad", 2), ("Adam", 2), ("Momentum", 3)])
def test_optimizer(cases: list[Case], operator: str, at_least: int) -> None:
    chosen = [case for case in cases if case.operator == operator]
    assert len(chosen) >= at_least
    for case in chosen:
        for value, expected in zip(adapter.update(case.model, case.inputs), case.outputs, strict=True):
            _check_value(value, expected, case.name)


@pytest.mark.parametrize("t", [0, 1, 2, 9])
@pytest.mark.parametrize(
    ("operator", "kept", "attributes"),
    [
        ("Adagrad", 1, {"decay_factor": 0.5, "epsilon": 0.01}),
        ("Adam", 2, {"alpha": 0.75, "beta": 0.875, "epsilon": 0.01}),
        ("Momentum", 1, {"alpha": 0.75, "beta": 1.0, "mode": "standard"}),
        ("Momentum", 1, {"alpha": 0.75, "beta": 1.0, "mode": "nesterov"}),
    ],
)
def test_optimizer_after_some_updates(operator: str, kept: int, attributes: dict[str, Any], t: int) -> None:
    """The cases are all of a first update, so ONNX's own evaluator tells what the later ones are."""
    from onnx.reference import ReferenceEvaluator

    names = ["X", "G", "V", "H"][: 2 + kept]
    rng = np.random.default_rng(t)
    inputs = {name: rng.random(5, np.float32) for name in names} | {"R": np.float32(0.125), "T": np.int64(t)}
    outputs = [f"{name}_new" for name in ["X", *names[2:]]]
    domain, helper = "ai.onnx.preview.training", onnx.helper
    node = helper.make_node(operator, ["R", "T", *names], outputs, domain=domain, norm_coefficient=0.25, **attributes)
    info = lambda name: helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)  # noqa: E731
    graph = helper.make_graph([node], operator, [info(name) for name in node.input], [info(name) for name in outputs])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid(domain, 1), helper.make_opsetid("", 18)])
    expected = ReferenceEvaluator(model).run(None, inputs)
    for value, target in zip(adapter.update(model, inputs), expected, strict=True):
        np.testing.assert_allclose(value, target, rtol=2e-6)
